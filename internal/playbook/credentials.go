package playbook

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// Credentials answers an IAM user whose keys or password are in other hands.
var Credentials = Playbook{
	Name:    casefile.PlaybookCredentials,
	Summary: "Record a user, deny it everything, sessions made from its keys included, and make its keys and other credentials inactive.",
	Kinds:   []casefile.Kind{casefile.IAMUser, casefile.AccessKey},
	Reads: action.Ops{
		action.Call((*iam.Client).GetUser), action.Call((*iam.Client).GetAccessKeyLastUsed),
		action.Call((*iam.Client).ListUserPolicies), action.Call((*iam.Client).GetUserPolicy),
	},
	Actions: []action.Action{action.DenyUser, action.DisableKeys},
	Resolve: resolveCredentials,
	Draft:   draftCredentials,
}

// resolveCredentials turns an access key into its user.
func resolveCredentials(ctx context.Context, c *action.AWS, in Incident) (casefile.Subject, error) {
	s := in.Subject
	if s.Kind != casefile.AccessKey {
		return s, nil
	}
	out, err := c.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(s.ID)})
	if err != nil {
		return s, fmt.Errorf("ask whose access key %s is: %w", s.ID, err)
	}
	if aws.ToString(out.UserName) == "" {
		return s, fmt.Errorf("access key %s belongs to no user of account %s", s.ID, c.Account)
	}
	s.Kind, s.ID, s.ARN, s.Region = casefile.IAMUser, aws.ToString(out.UserName), "", ""
	return s, nil
}

// credentialsPlan is the draft as it grows.
type credentialsPlan struct {
	c     *action.AWS
	in    Incident
	o     Options
	user  iamtypes.User
	draft Draft
}

func draftCredentials(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error) {
	out, err := c.IAM.GetUser(ctx, &iam.GetUserInput{UserName: aws.String(in.Subject.ID)})
	var gone *iamtypes.NoSuchEntityException
	if errors.As(err, &gone) {
		return Draft{}, fmt.Errorf("user %s: %w", in.Subject.ID, action.ErrGone)
	}
	if err != nil {
		return Draft{}, fmt.Errorf("look at user %s: %w", in.Subject.ID, err)
	}
	p := &credentialsPlan{c: c, in: in, o: o, user: *out.User}
	p.contain(ctx)
	return p.draft, nil
}

func (p *credentialsPlan) target() casefile.Target {
	return casefile.Target{Kind: casefile.IAMUser, ID: aws.ToString(p.user.UserName), ARN: aws.ToString(p.user.Arn), Account: p.c.Account}
}

func (p *credentialsPlan) warn(lines ...string) {
	p.draft.Warnings = append(p.draft.Warnings, lines...)
}

func (p *credentialsPlan) contain(ctx context.Context) {
	form := action.DenyAll
	if p.o.SessionsOnly {
		form = action.DenySessions
	}
	p.draft.Steps = append(p.draft.Steps,
		Step{Key: "deny", Action: action.DenyUser, Target: p.target(), Params: map[string]string{
			"form": form, "via": p.via(ctx, form), "user_id": aws.ToString(p.user.UserId)}},
		Step{Key: "keys", Action: action.DisableKeys, Target: p.target(), AfterAny: []string{"deny"}})
}

// via is how the deny is put on: inline where the quota has room for it. Where that could not be read, inline is tried.
func (p *credentialsPlan) via(ctx context.Context, form string) string {
	used, err := p.inlineSize(ctx)
	if err != nil {
		p.warn(fmt.Sprintf("how full the user's inline policies are could not be read, so that the deny may not fit: %v", err))
		return action.ViaInline
	}
	if used+action.UserDenySize(form) <= action.UserInlineQuota {
		return action.ViaInline
	}
	p.warn(fmt.Sprintf("the user's inline policies take %d of %d characters: the deny is attached as a managed policy instead", used, action.UserInlineQuota))
	return action.ViaManaged
}

func (p *credentialsPlan) inlineSize(ctx context.Context) (int, error) {
	used := 0
	pages := iam.NewListUserPoliciesPaginator(p.c.IAM, &iam.ListUserPoliciesInput{UserName: p.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, fmt.Errorf("list the inline policies of user %s: %w", aws.ToString(p.user.UserName), err)
		}
		for _, name := range page.PolicyNames {
			out, err := p.c.IAM.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: p.user.UserName, PolicyName: aws.String(name)})
			if err != nil {
				return 0, fmt.Errorf("read policy %s of user %s: %w", name, aws.ToString(p.user.UserName), err)
			}
			text, err := url.PathUnescape(aws.ToString(out.PolicyDocument))
			if err != nil {
				return 0, fmt.Errorf("decode policy %s of user %s: %w", name, aws.ToString(p.user.UserName), err)
			}
			used += action.PolicySize(text)
		}
	}
	return used, nil
}
