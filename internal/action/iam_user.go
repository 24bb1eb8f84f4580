package action

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// UserInlineQuota is the characters of all inline policies of a user together, white space apart
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const UserInlineQuota = 2048

// PolicySize counts the characters of a document that count against a quota: white space does not.
func PolicySize(document string) int { return visible(document) }

// UserDenySize is the size of a user's deny.
func UserDenySize(form string) int {
	if form == DenySessions {
		return visible(RevokeSessionsPolicy(time.Unix(0, 0)))
	}
	return visible(DenyAllPolicy())
}

func findUser(ctx context.Context, c *AWS, name string) (*iam.GetUserOutput, error) {
	out, err := c.IAM.GetUser(ctx, &iam.GetUserInput{UserName: aws.String(name)})
	if hasCode(err, "NoSuchEntity") {
		return nil, fmt.Errorf("user %s: %w", name, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("look at user %s: %w", name, err)
	}
	if out.User == nil {
		return nil, fmt.Errorf("look at user %s: AWS answered without one", name)
	}
	return out, nil
}

// plannedUser looks at the user and refuses one that is not the plan's: a user made anew under the same name has
// another id.
func plannedUser(ctx context.Context, c *AWS, t Target) (*iam.GetUserOutput, error) {
	user, err := findUser(ctx, c, t.ID)
	if err != nil {
		return nil, err
	}
	if id := t.Param("user_id"); id != "" && aws.ToString(user.User.UserId) != id {
		return nil, fmt.Errorf("user %s is not the one of the plan: it was %s and is %s now", t.ID, id, aws.ToString(user.User.UserId))
	}
	return user, nil
}

// CallerUser is the name of the IAM user that acts, "" where it is none. The ARN is arn:aws:iam::ACCOUNT:user/PATH/NAME
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func CallerUser(caller string) string {
	parts := strings.SplitN(caller, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "user/") {
		return ""
	}
	return parts[5][strings.LastIndex(parts[5], "/")+1:]
}

// callers are the ARNs that cordon acts as in the account: two, where that is the organisation's management account.
func (c *AWS) callers() []string {
	if m := c.Management; m != nil && m.Account == c.Account {
		return []string{c.Caller, m.Caller}
	}
	return []string{c.Caller}
}

// ActsAs tells whether cordon acts as that user of the account.
func (c *AWS) ActsAs(user string) bool {
	return slices.ContainsFunc(c.callers(), func(caller string) bool { return CallerUser(caller) == user })
}

// notItself refuses what would cut off the responder's own user.
func notItself(c *AWS, t Target) error {
	if c.ActsAs(t.ID) {
		return fmt.Errorf("cordon itself acts as user %s, and would cut itself off: use other credentials", t.ID)
	}
	return nil
}

// userPolicy reads one inline policy of a user. IAM answers alike for a user and for a policy that is not there, so
// the user is looked at before "no policy" is believed.
func userPolicy(ctx context.Context, c *AWS, user, name string) (document string, found bool, err error) {
	out, err := c.IAM.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: aws.String(user), PolicyName: aws.String(name)})
	if hasCode(err, "NoSuchEntity") {
		_, err := findUser(ctx, c, user)
		return "", false, err
	}
	if err != nil {
		return "", false, fmt.Errorf("read policy %s of user %s: %w", name, user, err)
	}
	document, err = url.PathUnescape(aws.ToString(out.PolicyDocument))
	if err != nil {
		return "", false, fmt.Errorf("decode policy %s of user %s: %w", name, user, err)
	}
	return document, true, nil
}

func putUserPolicy(ctx context.Context, c *AWS, user, name, document string) error {
	_, err := c.IAM.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: aws.String(user), PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
	if hasCode(err, "LimitExceeded") {
		return fmt.Errorf("put policy %s on user %s, whose inline policies have grown since the plan and leave no room: plan again, and it is attached as a managed policy: %w", name, user, err)
	}
	if err != nil {
		return fmt.Errorf("put policy %s on user %s: %w", name, user, err)
	}
	return nil
}

func deleteUserPolicy(ctx context.Context, c *AWS, user, name string) error {
	_, err := c.IAM.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyInput{UserName: aws.String(user), PolicyName: aws.String(name)})
	if err != nil && !hasCode(err, "NoSuchEntity") {
		return fmt.Errorf("delete policy %s of user %s: %w", name, user, err)
	}
	return nil
}

// attachedToUser lists the ARNs of the managed policies on a user.
func attachedToUser(ctx context.Context, c *AWS, user string) (map[string]bool, error) {
	on := map[string]bool{}
	pages := iam.NewListAttachedUserPoliciesPaginator(c.IAM, &iam.ListAttachedUserPoliciesInput{UserName: aws.String(user)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if hasCode(err, "NoSuchEntity") {
			return nil, fmt.Errorf("user %s: %w", user, ErrGone)
		}
		if err != nil {
			return nil, fmt.Errorf("list the managed policies of user %s: %w", user, err)
		}
		for _, p := range page.AttachedPolicies {
			on[aws.ToString(p.PolicyArn)] = true
		}
	}
	return on, nil
}

func attachToUser(ctx context.Context, c *AWS, user, arn string) error {
	_, err := c.IAM.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(arn)})
	if hasCode(err, "LimitExceeded") {
		return fmt.Errorf("attach %s to user %s, which has as many policies as it may have: detach one, or plan again: %w", arn, user, err)
	}
	if err != nil {
		return fmt.Errorf("attach %s to user %s: %w", arn, user, err)
	}
	return nil
}

func detachFromUser(ctx context.Context, c *AWS, user, arn string) error {
	_, err := c.IAM.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(arn)})
	if err != nil && !hasCode(err, "NoSuchEntity") {
		return fmt.Errorf("detach %s from user %s: %w", arn, user, err)
	}
	return nil
}

// errOtherPolicy refuses to touch what cordon did not write.
func errOtherPolicy(kind, id, name string) error {
	return fmt.Errorf("%s %s has a policy %s that cordon did not write: it is left alone", kind, id, name)
}
