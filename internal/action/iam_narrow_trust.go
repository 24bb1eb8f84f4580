package action

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/go-json-experiment/json/jsontext"

	"cordon/internal/casefile"
)

// trustState is the role's trust policy in one spelling; see canonicalTrust.
type trustState struct {
	Trust string `json:"trust"`
}

// NarrowTrust adds Deny statements in front of a role's trust policy for the doors that the intruder came in by, and
// leaves the statements that are there as they are: nobody else is shut out, and nobody is let in on the way. It
// closes the door to new sessions alone; those that are out have to be revoked.
//
// Params: close and spare (doors and ARNs, one a line), role_id, was (the policy as it stands while planning: it is
// put back byte for byte where it still means the same), quota (of the policy's characters, where it is known).
//
// The policy may be changed at the intruder's will, so a difference from the plan is no drift before the cut; the
// statements go in front of whatever is there then.
var NarrowTrust = define(Spec[trustState]{
	Name:       "iam-narrow-trust",
	Summary:    "Deny the role to the principals that the intruder came from. Who else may assume it stays as it is; running sessions are not touched.",
	Phase:      casefile.Contain,
	Target:     casefile.IAMRole,
	Reads:      Ops{op((*iam.Client).GetRole)},
	Writes:     Ops{op((*iam.Client).UpdateAssumeRolePolicy)},
	UndoWrites: Ops{op((*iam.Client).UpdateAssumeRolePolicy)},
	Observe: func(ctx context.Context, c *AWS, t Target) (trustState, error) {
		_, document, err := trustOf(ctx, c, t.ID)
		if err != nil {
			return trustState{}, err
		}
		return trustState{canonicalTrust(document)}, nil
	},
	Status:   statusOfTrust,
	Apply:    applyNarrowing,
	Undo:     widenAgain,
	Impact:   narrowingImpact,
	Change:   func(t Target, _ trustState) string { return "closed to " + strings.Join(t.List("close"), ", ") },
	Volatile: true,
})

// trustOf reads the role and its trust policy.
func trustOf(ctx context.Context, c *AWS, name string) (*iam.GetRoleOutput, string, error) {
	role, err := findRole(ctx, c, name)
	if err != nil {
		return nil, "", err
	}
	return role, decoded(role.Role.AssumeRolePolicyDocument), nil
}

// decoded is a document that IAM gave percent-encoded. One that is not, is read as it stands.
func decoded(document *string) string {
	text, err := url.PathUnescape(aws.ToString(document))
	if err != nil {
		return aws.ToString(document)
	}
	return text
}

// closingSid begins the names of the statements. It is the step's own: a second plan of the case must not take the
// first one's statements for its own and replace them, and an intruder must not have put one of that name there.
func closingSid(t Target) string { return "CordonClose" + shortHash(t.Case, t.OpID)[:12] + "x" }

func partitionOf(t Target) string {
	if parts := strings.SplitN(t.ARN, ":", 3); len(parts) == 3 {
		return parts[1]
	}
	return "aws"
}

// iamRegion is where IAM is asked about an account's quotas (docs.aws.amazon.com/general/latest/gr/iam-service.html).
func iamRegion(t Target) string {
	switch partitionOf(t) {
	case "aws-us-gov":
		return "us-gov-west-1"
	case "aws-cn":
		return "cn-north-1"
	}
	return "us-east-1"
}

func doorsOf(t Target) ([]Door, error) {
	var doors []Door
	for _, text := range t.List("close") {
		d, err := ParseDoor(text, partitionOf(t))
		if err != nil {
			return nil, err
		}
		doors = append(doors, d)
	}
	if len(doors) == 0 {
		return nil, errors.New("the plan does not say to whom the role is to be closed")
	}
	return doors, nil
}

func closingOf(t Target) ([]jsontext.Value, error) {
	doors, err := doorsOf(t)
	if err != nil {
		return nil, err
	}
	return closing(doors, t.List("spare"), closingSid(t))
}

// ownStatement tells this step's statements of a trust policy from others'.
func ownStatement(t Target) func(trustStatement) bool {
	sid := closingSid(t)
	return func(s trustStatement) bool {
		n, ok := strings.CutPrefix(s.Sid, sid)
		_, err := strconv.Atoi(n)
		return ok && err == nil && s.Effect == "Deny"
	}
}

// narrowed is a trust policy with the statements that close the doors, in front.
func narrowed(t Target, document string) (string, error) {
	deny, err := closingOf(t)
	if err != nil {
		return "", err
	}
	trust, err := ParseTrust(document)
	if err != nil {
		return "", err
	}
	return trust.text(deny, ownStatement(t))
}

// widened is a trust policy without this step's statements.
func widened(t Target, document string) (string, error) {
	trust, err := ParseTrust(document)
	if err != nil {
		return "", err
	}
	return trust.text(nil, ownStatement(t))
}

func statusOfTrust(t Target, now trustState) Status {
	if want, err := narrowed(t, now.Trust); err == nil && canonicalTrust(want) == now.Trust {
		return Done
	}
	return Todo
}

func applyNarrowing(ctx context.Context, c *AWS, t Target, _ trustState) error {
	role, document, err := trustOf(ctx, c, t.ID)
	if err != nil {
		return err
	}
	if err := editable(role, t); err != nil {
		return err
	}
	if c.SessionOf(t.ID) != "" {
		return fmt.Errorf("cordon itself acts with role %s, and might not get back in: use other credentials", t.ID)
	}
	text, err := narrowed(t, document)
	if err != nil {
		return fmt.Errorf("narrow the trust policy of role %s: %w", t.ID, err)
	}
	if err := fitsTrust(t, text); err != nil {
		return err
	}
	return putTrust(ctx, c, t.ID, text)
}

// fitsTrust goes by the account's own quota, as GetAccountSummary gave it while planning. White space does not count
// (docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html, AssumeRolePolicySizeQuota).
func fitsTrust(t Target, text string) error {
	quota, err := strconv.Atoi(t.Param("quota"))
	if err != nil || visible(text) <= quota {
		return nil
	}
	return fmt.Errorf("the trust policy of role %s would have %d characters, and %d are this account's quota: "+
		"raise it (aws service-quotas request-service-quota-increase --region %s --service-code iam --quota-code L-C07B4B0D --desired-value 8192), or close fewer doors",
		t.ID, visible(text), quota, iamRegion(t))
}

func putTrust(ctx context.Context, c *AWS, role, document string) error {
	_, err := c.IAM.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(role), PolicyDocument: aws.String(document)})
	if err != nil {
		return fmt.Errorf("write the trust policy of role %s: %w", role, err)
	}
	return nil
}

// widenAgain puts the old policy back, and only where nothing but cordon's statements has come to it.
func widenAgain(ctx context.Context, c *AWS, t Target, before, now trustState) error {
	if before == now {
		return nil
	}
	without, err := widened(t, now.Trust)
	if err != nil {
		return err
	}
	plain, err := widened(t, before.Trust)
	if err != nil {
		return err
	}
	if canonicalTrust(without) != canonicalTrust(plain) {
		return fmt.Errorf("the trust policy of role %s has been changed since by somebody else: it is left alone", t.ID)
	}
	document := before.Trust
	if was := t.Param("was"); canonicalTrust(was) == before.Trust {
		document = was
		if trust, err := ParseTrust(was); err == nil && trust.namesGone() {
			if document, err = trust.text(nil, nil); err != nil {
				return err
			}
		}
	}
	return putTrust(ctx, c, t.ID, document)
}

// namesGone tells whether a statement names a user or role that is deleted.
func (t Trust) namesGone() bool {
	for _, s := range t.read {
		for _, n := range principalNames(s.Principal)["AWS"] {
			if goneID.MatchString(n) {
				return true
			}
		}
	}
	return false
}

func narrowingImpact(_ context.Context, _ *AWS, t Target, now trustState) ([]string, error) {
	doors, err := doorsOf(t)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, d := range doors {
		switch d.Kind {
		case DoorAccount:
			line := "everybody in account " + d.Name + " loses the way into this role"
			if but := sparedIn([]string{d.Name}, t.List("spare")); len(but) > 0 {
				line += ", but for " + strings.Join(but, ", ")
			}
			lines = append(lines, line)
		case DoorSAML, DoorOIDC:
			lines = append(lines, "everybody who signs in through "+d.Name+" loses the way into this role")
		case DoorService:
			lines = append(lines, d.Name+" gets no new credentials of this role: what runs with it there fails when those that are out end")
		default:
			lines = append(lines, d.Name+" loses the way into this role, also where it needs it")
		}
	}
	if trust, err := ParseTrust(t.Param("was")); err == nil && trust.namesGone() {
		lines = append(lines, "users and roles that the trust policy names and that are deleted (AIDA…, AROA…) go out of it for good: IAM takes none of them back, and they let nobody in")
	}
	if text, err := narrowed(t, now.Trust); err == nil {
		if err := fitsTrust(t, text); err != nil {
			lines = append(lines, "this will be refused: "+err.Error())
		}
	}
	return lines, nil
}
