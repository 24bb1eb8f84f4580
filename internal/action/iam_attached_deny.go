package action

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"

	"cordon/internal/casefile"
)

// attachedDeny says how many managed policies this step has made, and whether one that denies what it is to deny is
// attached.
type attachedDeny struct {
	Made   int    `json:"made"`
	Policy string `json:"policy"` // none, attached, other
}

const policyAttached = "attached"

// holder is what a deny is attached to: a user or a role.
type holder struct {
	kind string
	// look reads it, for AWS's clock and for the checks before a change: the plan's own, and not cordon's.
	exists func(ctx context.Context, c *AWS, name string) error
	look   func(ctx context.Context, c *AWS, t Target) (middleware.Metadata, error)
	on     func(ctx context.Context, c *AWS, name string) (map[string]bool, error) // ARNs of the managed policies
	attach func(ctx context.Context, c *AWS, name, arn string) error
	detach func(ctx context.Context, c *AWS, name, arn string) error
}

// denyAttached completes a deny by a managed policy of the step's own. The policies stand under a path that is named for
// the op-id, so that they are found again whatever became of the answer.
//
// The cut-off is decided when the policy is made. Where the run died before it was attached, the cut-off may be long
// past and would let in whoever came meanwhile: another policy is made then, and release removes both.
//
// Before the step there is nothing of it that could have drifted, and a user or role that was deleted since the plan must
// not hold up the others.
func denyAttached(h holder, s Spec[attachedDeny]) Action {
	s.Phase, s.Partial, s.Volatile = casefile.Contain, true, true
	s.Observe, s.Apply, s.Undo = h.observe, h.apply, h.undo
	s.Status = func(_ Target, now attachedDeny) Status {
		if now.Policy == policyAttached {
			return Done
		}
		return Todo
	}
	return define(s)
}

// denyPath is where the step's policies stand. IAM lists by path.
func denyPath(t Target) string { return "/cordon/" + shortHash(t.Case, t.OpID) + "/" }

// ownPolicies lists the step's policies by ARN, with the document of each, and what is attached, side by side. A list may
// lag behind, so what is attached counts as well.
func (h holder) ownPolicies(ctx context.Context, c *AWS, t Target) (own map[string]string, on map[string]bool, err error) {
	var listed map[string]string
	var both errgroup.Group
	both.Go(func() (err error) {
		listed, err = listOwn(ctx, c, t)
		return err
	})
	both.Go(func() (err error) {
		on, err = h.on(ctx, c, t.ID)
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, nil, err
	}
	for arn := range on {
		if strings.Contains(arn, ":policy"+denyPath(t)) && listed[arn] == "" {
			listed[arn] = "v1" // nobody but an intruder makes a second one, which the list shows
		}
	}
	own = map[string]string{}
	for arn, version := range listed {
		if own[arn], err = policyVersion(ctx, c, arn, version); err != nil {
			return nil, nil, err
		}
	}
	return own, on, nil
}

// listOwn is the version of each of the step's policies that is in force.
func listOwn(ctx context.Context, c *AWS, t Target) (map[string]string, error) {
	versions := map[string]string{}
	pages := iam.NewListPoliciesPaginator(c.IAM, &iam.ListPoliciesInput{PathPrefix: aws.String(denyPath(t)), Scope: iamtypes.PolicyScopeTypeLocal})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the policies that deny %s: %w", t.ID, err)
		}
		for _, p := range page.Policies {
			versions[aws.ToString(p.Arn)] = aws.ToString(p.DefaultVersionId)
		}
	}
	return versions, nil
}

func policyVersion(ctx context.Context, c *AWS, arn, version string) (string, error) {
	out, err := c.IAM.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: aws.String(version)})
	if err != nil {
		return "", fmt.Errorf("read policy %s: %w", arn, err)
	}
	if out.PolicyVersion == nil {
		return "", fmt.Errorf("read policy %s: AWS answered without one", arn)
	}
	document, err := url.PathUnescape(aws.ToString(out.PolicyVersion.Document))
	if err != nil {
		return "", fmt.Errorf("decode policy %s: %w", arn, err)
	}
	return document, nil
}

func (h holder) observe(ctx context.Context, c *AWS, t Target) (attachedDeny, error) {
	if t.OpID == "" {
		return attachedDeny{Policy: policyNone}, h.exists(ctx, c, t.ID)
	}
	own, on, err := h.ownPolicies(ctx, c, t)
	if err != nil {
		return attachedDeny{}, err
	}
	state := attachedDeny{len(own), policyNone}
	for arn, document := range own {
		_, ours := deniedBy(t, document)
		switch {
		case !ours:
			return attachedDeny{len(own), policyOther}, nil
		case on[arn]:
			state.Policy = policyAttached
		}
	}
	return state, nil
}

// deniedBy tells whether a document is this step's deny, and until when the sessions that it denies were issued:
// never, where it denies by who they are.
func deniedBy(t Target, document string) (cutoff time.Time, ours bool) {
	if t.Param("session")+t.Param("source_identity") != "" {
		want, err := oneSessionPolicy(t)
		return time.Time{}, err == nil && samePolicy(document, want)
	}
	var p policyDocument
	if err := json.Unmarshal([]byte(document), &p); err != nil || len(p.Statement) != 1 {
		return time.Time{}, false
	}
	cutoff, err := time.Parse(time.RFC3339, p.Statement[0].Condition["DateLessThan"]["aws:TokenIssueTime"])
	return cutoff, err == nil && samePolicy(document, RevokeSessionsPolicy(cutoff))
}

func (h holder) apply(ctx context.Context, c *AWS, t Target, now attachedDeny) error {
	if now.Policy == policyOther {
		return fmt.Errorf("somebody has changed a policy under %s that cordon made for %s %s: it is left alone, and not attached", denyPath(t), h.kind, t.ID)
	}
	clock, err := h.look(ctx, c, t)
	if err != nil {
		return err
	}
	document, fresh := "", time.Time{}
	if t.Param("session")+t.Param("source_identity") != "" {
		if document, err = oneSessionPolicy(t); err != nil {
			return err
		}
	} else {
		if fresh, err = cutoffAfter(clock); err != nil {
			return err
		}
		document = RevokeSessionsPolicy(fresh)
	}
	arn := ""
	if now.Made > 0 {
		if arn, err = h.usable(ctx, c, t, fresh); err != nil {
			return err
		}
	}
	if arn == "" {
		if arn, err = createDeny(ctx, c, t, document, fresh); err != nil {
			return err
		}
	}
	return h.attach(ctx, c, t.ID, arn)
}

// usable is a policy that an earlier go has made and whose cut-off is still ahead, "" where there is none.
func (h holder) usable(ctx context.Context, c *AWS, t Target, fresh time.Time) (string, error) {
	own, _, err := h.ownPolicies(ctx, c, t)
	if err != nil {
		return "", err
	}
	for arn, document := range own {
		if cutoff, ours := deniedBy(t, document); ours && fresh.Sub(cutoff) < 15*time.Second {
			return arn, nil
		}
	}
	return "", nil
}

// createDeny names the policy for its cut-off, so that a go which repeats one whose answer was lost meets the one that
// is there instead of making it twice.
func createDeny(ctx context.Context, c *AWS, t Target, document string, cutoff time.Time) (string, error) {
	name := "cordon-deny-" + shortHash(t.Case, t.OpID) // a policy's name is one in the account, whatever its path
	if !cutoff.IsZero() {
		name += "-" + cutoff.UTC().Format("20060102T150405Z")
	}
	_, err := c.IAM.CreatePolicy(ctx, &iam.CreatePolicyInput{
		PolicyName: aws.String(name), Path: aws.String(denyPath(t)), PolicyDocument: aws.String(document),
		Description: aws.String("made by cordon for case " + describable(t.Case)),
	})
	if err != nil && !hasCode(err, "EntityAlreadyExists") {
		return "", fmt.Errorf("make the policy that denies %s: %w", t.ID, err)
	}
	return "arn:" + c.Partition + ":iam::" + c.Account + ":policy" + denyPath(t) + name, nil
}

// describable keeps a description within what IAM takes: printable Latin-1, 1,000 characters
// (docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html).
func describable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return s[:min(len(s), 200)]
}

// undo takes the step's policies off and away. One that somebody has changed stays.
func (h holder) undo(ctx context.Context, c *AWS, t Target, before, now attachedDeny) error {
	if before == now {
		return nil
	}
	if now.Policy == policyOther {
		return fmt.Errorf("somebody has changed a policy under %s that cordon made for %s %s: it is left alone", denyPath(t), h.kind, t.ID)
	}
	own, _, err := h.ownPolicies(ctx, c, t)
	if err != nil {
		return err
	}
	for arn := range own {
		if err := h.detach(ctx, c, t.ID, arn); err != nil {
			return err
		}
		_, err = c.IAM.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(arn)})
		if err != nil && !hasCode(err, "NoSuchEntity") {
			return fmt.Errorf("delete %s, which cordon made and has detached: %w", arn, err)
		}
	}
	return nil
}
