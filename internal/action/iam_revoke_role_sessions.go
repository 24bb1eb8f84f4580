package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"

	"cordon/internal/casefile"
)

// revocation says what this step's policy is on the role: none, revoked, or other.
type revocation struct {
	Policy string `json:"policy"`
}

const policyRevoked = "revoked"

// RevokeRoleSessions denies everything to all sessions of the role issued so far. Its policy is named for the
// step's op-id: under a name that can be foreseen an intruder could plant one whose cut-off lies in the past.
// The console's own AWSRevokeOlderSessions is never overwritten.
var RevokeRoleSessions = define(Spec[revocation]{
	Name:    "iam-revoke-role-sessions",
	Summary: "Deny everything to every session of the role issued until now. Whatever uses the role fails until it fetches new credentials.",
	Phase:   casefile.Contain,
	Target:  casefile.IAMRole,
	Reads: Ops{
		op((*iam.Client).GetRolePolicy), op((*iam.Client).GetRole), op((*iam.Client).ListRolePolicies),
		op((*iam.Client).ListInstanceProfilesForRole), op((*ec2.Client).DescribeInstances),
	},
	Writes:     Ops{op((*iam.Client).PutRolePolicy)},
	UndoWrites: Ops{op((*iam.Client).DeleteRolePolicy)},
	Observe: func(ctx context.Context, c *AWS, t Target) (revocation, error) {
		if t.OpID == "" {
			_, err := findRole(ctx, c, t.ID)
			return revocation{policyNone}, err
		}
		document, found, err := inlinePolicy(ctx, c, t.ID, revocationName(t))
		if err != nil {
			return revocation{}, err
		}
		return revocation{whichRevocation(t, document, found)}, nil
	},
	Status: func(_ Target, now revocation) Status {
		if now.Policy == policyRevoked {
			return Done
		}
		return Todo
	},
	Apply: applyRevocation,
	Undo: func(ctx context.Context, c *AWS, t Target, before, now revocation) error {
		switch {
		case before == now:
			return nil
		case now.Policy == policyOther:
			return fmt.Errorf("policy %s of role %s is no longer what cordon put there: it is left alone", revocationName(t), t.ID)
		}
		return deletePolicy(ctx, c, t.ID, revocationName(t))
	},
	Impact: revocationImpact,
	Change: func(Target, revocation) string { return "all sessions issued so far -> denied" },
	// Before the step there is nothing of it that could have drifted, and a role that was deleted since the plan must not
	// hold up the others.
	Volatile: true,
	Returns:  roleSessionsReturn,
})

func revocationName(t Target) string { return "cordon-revoke-" + shortHash(t.Case, t.OpID) }

// whichRevocation takes the cut-off from the document itself: it was decided when the policy was put, and a
// resumed run must not move it.
func whichRevocation(t Target, document string, found bool) string {
	if !found {
		return policyNone
	}
	var p policyDocument
	if err := json.Unmarshal([]byte(document), &p); err != nil || len(p.Statement) != 1 {
		return policyOther
	}
	text := p.Statement[0].Condition["DateLessThan"]["aws:TokenIssueTime"]
	cutoff, err := time.Parse(time.RFC3339, text)
	if err != nil || !samePolicy(document, RevokeSessionsPolicy(cutoff)) {
		return policyOther
	}
	if planned := t.Param("cutoff"); planned != "" && planned != text {
		return policyOther
	}
	return policyRevoked
}

func applyRevocation(ctx context.Context, c *AWS, t Target, now revocation) error {
	if now.Policy == policyOther {
		return fmt.Errorf("role %s has a policy %s that cordon did not write: it is not overwritten", t.ID, revocationName(t))
	}
	role, err := findRole(ctx, c, t.ID)
	if err != nil {
		return err
	}
	if err := editable(role, t); err != nil {
		return err
	}
	if c.SessionOf(t.ID) != "" {
		return fmt.Errorf("cordon itself acts with role %s, and would cut itself off: use other credentials", t.ID)
	}
	cutoff, err := cutoffFor(t, role)
	if err != nil {
		return err
	}
	document := RevokeSessionsPolicy(cutoff)
	if err := roomFor(ctx, c, t.ID, revocationName(t), document); err != nil {
		return err
	}
	return putPolicy(ctx, c, t.ID, revocationName(t), document)
}

// cutoffFor goes by AWS's clock, which also stamped the sessions: the responder's may be minutes off. The 30
// seconds ahead cover the sessions issued while the policy spreads
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html).
func cutoffFor(t Target, answer *iam.GetRoleOutput) (time.Time, error) {
	if text := t.Param("cutoff"); text != "" {
		cutoff, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return time.Time{}, fmt.Errorf("read the planned cut-off: %w", err)
		}
		return cutoff.UTC(), nil
	}
	return cutoffAfter(answer.ResultMetadata)
}

// cutoffAfter is the cut-off of a deny that follows an answer of AWS's.
func cutoffAfter(answer middleware.Metadata) (time.Time, error) {
	clock, ok := awsmiddleware.GetServerTime(answer)
	if !ok {
		return time.Time{}, errors.New("AWS's answer does not say what time it is there: no cut-off is guessed from this machine's clock")
	}
	return clock.UTC().Add(30 * time.Second).Truncate(time.Second), nil
}

// SessionOf is the name of the session by which cordon acts with a role of the account, "" where it does not.
func (c *AWS) SessionOf(role string) string {
	for _, caller := range c.callers() {
		if own := session(caller, role); own != "" {
			return own
		}
	}
	return ""
}

// session is the name of the caller's session of that role, "" where the caller is no session of it. The ARN is
// arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION, without the role's path
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func session(caller, role string) string {
	_, rest, ok := strings.Cut(caller, ":assumed-role/"+role+"/")
	if !ok {
		return ""
	}
	return rest
}

// namedInImpact bounds the line: what matters is who it hits, and past a dozen the count says more.
const namedInImpact = 12

func revocationImpact(ctx context.Context, c *AWS, t Target, _ revocation) ([]string, error) {
	role, err := findRole(ctx, c, t.ID)
	if err != nil {
		return nil, err
	}
	var lines []string
	if why := uneditable(aws.ToString(role.Role.Path), t.ID); why != "" {
		lines = append(lines, "this will be refused: "+why)
	}
	if t.Param("users") == "listed" { // by the plan, in every region
		return lines, nil
	}
	users, err := roleUsers(ctx, c, t)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, i := range users[:min(len(users), namedInImpact)] {
		names = append(names, instanceLabel(i))
	}
	line := fmt.Sprintf("%s in %s with the role", plural(len(users), "other instance"), c.Region)
	if len(names) > 0 {
		line += ": " + strings.Join(names, ", ")
	}
	if len(users) > len(names) {
		line += fmt.Sprintf(" and %d more", len(users)-len(names))
	}
	lines = append(lines, line, "whatever else has assumed the role, in any region: each has to fetch new credentials")
	return lines, nil
}

// instanceLabel is id and name. The name is anybody's text: it is shown, never parsed.
func instanceLabel(i ec2types.Instance) string {
	if name, ok := tagValue(i.Tags, "Name"); ok && name != "" {
		return fmt.Sprintf("%s %q", aws.ToString(i.InstanceId), name)
	}
	return aws.ToString(i.InstanceId)
}
