package action

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// DenyUserByPolicy is DenyUser with form sessions for a user whose inline policies are full: a managed policy of the
// case's own is made and attached. AWS has none that denies older sessions. Params: form, user_id.
var DenyUserByPolicy = define(Spec[userDeny]{
	Name:    "iam-deny-user-by-policy",
	Summary: "Deny everything to the sessions of the user that were issued until now, by a managed policy of the case's own.",
	Phase:   casefile.Contain,
	Target:  casefile.IAMUser,
	Reads: Ops{
		op((*iam.Client).GetUser), op((*iam.Client).GetPolicy), op((*iam.Client).GetPolicyVersion), op((*iam.Client).ListAttachedUserPolicies),
	},
	Writes:     Ops{op((*iam.Client).CreatePolicy), op((*iam.Client).AttachUserPolicy)},
	UndoWrites: Ops{op((*iam.Client).DetachUserPolicy), op((*iam.Client).DeletePolicy)},
	Observe:    observeOwnPolicy,
	Status: func(_ Target, now userDeny) Status {
		if now.Policy == DenySessions {
			return Done
		}
		return Todo
	},
	Apply:    applyOwnPolicy,
	Undo:     undoOwnPolicy,
	Change:   func(Target, userDeny) string { return "sessions issued so far -> denied, as a managed policy" },
	Volatile: true,
	Partial:  true,
})

// ownPolicyARN is where cordon's own managed policy is: a name stands once in an account, whatever its path.
func ownPolicyARN(c *AWS, t Target) string {
	return "arn:" + c.Partition + ":iam::" + c.Account + ":policy/" + userDenyName(t)
}

func observeOwnPolicy(ctx context.Context, c *AWS, t Target) (userDeny, error) {
	if t.OpID == "" {
		_, err := findUser(ctx, c, t.ID)
		return userDeny{policyNone}, err
	}
	document, found, err := managedPolicy(ctx, c, ownPolicyARN(c, t))
	if err != nil {
		return userDeny{}, err
	}
	on, err := attachedTo(ctx, c, t.ID, ownPolicyARN(c, t))
	if err != nil {
		return userDeny{}, err
	}
	which := whichUserDeny(document, found)
	switch {
	case which == DenySessions && !on:
		return userDeny{policyLoose}, nil
	case which == policyNone && on: // one of the two answers is behind the other
		return userDeny{policyLoose}, nil
	}
	return userDeny{which}, nil
}

func applyOwnPolicy(ctx context.Context, c *AWS, t Target, now userDeny) error {
	if err := notItself(c, t); err != nil {
		return err
	}
	if now.Policy == policyOther {
		return errOtherPolicy("account", c.Account, userDenyName(t))
	}
	user, err := plannedUser(ctx, c, t)
	if err != nil {
		return err
	}
	if now.Policy != policyLoose {
		text, err := sessionsPolicy(user)
		if err != nil {
			return err
		}
		_, err = c.IAM.CreatePolicy(ctx, &iam.CreatePolicyInput{
			PolicyName: aws.String(userDenyName(t)), PolicyDocument: aws.String(text), Description: aws.String("containment of user " + t.ID + ", case " + t.Case),
		})
		if err != nil && !hasCode(err, "EntityAlreadyExists") { // ours, of a call whose answer was lost: its content is read back
			return fmt.Errorf("create policy %s: %w", userDenyName(t), err)
		}
	}
	return attachToUser(ctx, c, t.ID, ownPolicyARN(c, t))
}

func undoOwnPolicy(ctx context.Context, c *AWS, t Target, before, now userDeny) error {
	switch {
	case before == now:
		return nil
	case now.Policy == policyOther:
		return errOtherPolicy("account", c.Account, userDenyName(t))
	}
	arn := ownPolicyARN(c, t)
	if err := detachFromUser(ctx, c, t.ID, arn); err != nil {
		return err
	}
	_, err := c.IAM.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: aws.String(arn)})
	if err != nil && !hasCode(err, "NoSuchEntity") {
		return fmt.Errorf("delete policy %s: %w", arn, err)
	}
	return nil
}

// managedPolicy reads the document that a managed policy has now.
func managedPolicy(ctx context.Context, c *AWS, arn string) (document string, found bool, err error) {
	policy, err := c.IAM.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(arn)})
	if hasCode(err, "NoSuchEntity") {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("look at policy %s: %w", arn, err)
	}
	if policy.Policy == nil {
		return "", false, fmt.Errorf("look at policy %s: AWS answered without one", arn)
	}
	version, err := c.IAM.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: policy.Policy.DefaultVersionId})
	if hasCode(err, "NoSuchEntity") {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read policy %s: %w", arn, err)
	}
	if version.PolicyVersion == nil {
		return "", false, fmt.Errorf("read policy %s: AWS answered without a version", arn)
	}
	document, err = url.PathUnescape(aws.ToString(version.PolicyVersion.Document))
	if err != nil {
		return "", false, fmt.Errorf("decode policy %s: %w", arn, err)
	}
	return document, true, nil
}
