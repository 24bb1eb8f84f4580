package playbook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/action"
)

// userSurvey is what the draft saw of a user. What it could not see is a doubt, and never an absence.
type userSurvey struct {
	c    *action.AWS
	user iamtypes.User

	inline   map[string]string // documents by name
	size     int               // characters of the inline policies that count
	sized    bool              // all of them were read
	attached []string          // ARNs
	listed   bool              // the attached policies were
	quotas   map[string]int32  // of the account, read where the inline policies are full
	groups   []string
	password *iamtypes.LoginProfile
	console  bool // whether there is a password is known
	mfa      []string
	guarded  bool // the MFA devices were listed

	keys, services, certificates, sshKeys seen

	mu     sync.Mutex
	doubts []string
}

// seen is credentials of one kind.
type seen struct {
	seen bool // they could be listed
	n    int
	made []string // "ID 2026-11-23T02:14:00Z", in order; of access keys alone
}

func (s seen) any() bool { return s.seen && s.n > 0 }

// surveyUser looks at the user and, where that exists, at all that belongs to it side by side.
func surveyUser(ctx context.Context, c *action.AWS, name string) (*userSurvey, error) {
	out, err := c.IAM.GetUser(ctx, &iam.GetUserInput{UserName: aws.String(name)})
	var gone *iamtypes.NoSuchEntityException
	switch {
	case errors.As(err, &gone) || action.Code(err) == "NoSuchEntity":
		return nil, fmt.Errorf("user %s: %w", name, action.ErrGone)
	case err != nil:
		return nil, fmt.Errorf("look at user %s: %w", name, err)
	case out.User == nil:
		return nil, fmt.Errorf("look at user %s: AWS answered without one", name)
	}
	s := &userSurvey{c: c, user: *out.User, inline: map[string]string{}}
	var all sync.WaitGroup
	for _, look := range []func(context.Context){
		s.lookAtInline, s.lookAtAttached, s.lookAtGroups, s.lookAtConsole, s.lookAtMFA,
		s.lookAtKeys, s.lookAtServices, s.lookAtCertificates, s.lookAtSSHKeys,
	} {
		all.Go(func() { look(ctx) })
	}
	all.Wait()
	if s.sized && s.size+2*action.UserDenySize(action.DenySessions) > action.UserInlineQuota {
		s.lookAtQuotas(ctx)
	}
	slices.Sort(s.doubts)
	return s, nil
}

// doubt keeps what could not be read, and what follows from that. AWS's own words serve: the rest of an error holds the
// request's id, and the plan of one account would be another each time.
func (s *userSurvey) doubt(what, therefore string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = append(s.doubts, fmt.Sprintf("could not look at the user's %s%s: %s", what, therefore, brief(err)))
}

func (s *userSurvey) lookAtInline(ctx context.Context) {
	const therefore = ", so that the deny may not fit beside them"
	pages := iam.NewListUserPoliciesPaginator(s.c.IAM, &iam.ListUserPoliciesInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("inline policies", therefore, err)
			return
		}
		for _, name := range page.PolicyNames {
			text, err := s.inlineDocument(ctx, name)
			if err != nil {
				s.doubt("inline policy "+name, therefore, err)
				return
			}
			s.inline[name] = text
			s.size += action.PolicySize(text)
		}
	}
	s.sized = true
}

func (s *userSurvey) inlineDocument(ctx context.Context, name string) (string, error) {
	out, err := s.c.IAM.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: s.user.UserName, PolicyName: aws.String(name)})
	if err != nil {
		return "", err
	}
	return url.PathUnescape(aws.ToString(out.PolicyDocument))
}

func (s *userSurvey) lookAtAttached(ctx context.Context) {
	pages := iam.NewListAttachedUserPoliciesPaginator(s.c.IAM, &iam.ListAttachedUserPoliciesInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("attached policies", ", so that a quarantine by AWS may be among them", err)
			return
		}
		for _, a := range page.AttachedPolicies {
			s.attached = append(s.attached, aws.ToString(a.PolicyArn))
		}
	}
	slices.Sort(s.attached)
	s.listed = true
}

// lookAtQuotas: an account may have been given more room than AWS's own figures
// (docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountSummary.html).
func (s *userSurvey) lookAtQuotas(ctx context.Context) {
	out, err := s.c.IAM.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil {
		s.doubt("account's quotas", ", so that AWS's own figures are taken", err)
		return
	}
	s.quotas = out.SummaryMap
}

func (s *userSurvey) lookAtGroups(ctx context.Context) {
	pages := iam.NewListGroupsForUserPaginator(s.c.IAM, &iam.ListGroupsForUserInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("groups", "", err)
			return
		}
		for _, g := range page.Groups {
			s.groups = append(s.groups, aws.ToString(g.GroupName))
		}
	}
	slices.Sort(s.groups)
}

func (s *userSurvey) lookAtConsole(ctx context.Context) {
	out, err := s.c.IAM.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: s.user.UserName})
	switch {
	case action.Code(err) == "NoSuchEntity":
		s.console = true
	case err != nil:
		s.doubt("console password", "", err)
	default:
		s.console, s.password = true, out.LoginProfile
	}
}

func (s *userSurvey) lookAtMFA(ctx context.Context) {
	pages := iam.NewListMFADevicesPaginator(s.c.IAM, &iam.ListMFADevicesInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("MFA devices", "", err)
			return
		}
		for _, d := range page.MFADevices {
			s.mfa = append(s.mfa, aws.ToString(d.SerialNumber))
		}
	}
	slices.Sort(s.mfa)
	s.guarded = true
}

const unknown = ", so that it is not known whether there are any: the step looks again"

func (s *userSurvey) lookAtKeys(ctx context.Context) {
	pages := iam.NewListAccessKeysPaginator(s.c.IAM, &iam.ListAccessKeysInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("access keys", unknown, err)
			return
		}
		s.keys.n += len(page.AccessKeyMetadata)
		for _, k := range page.AccessKeyMetadata {
			if k.CreateDate != nil {
				s.keys.made = append(s.keys.made, aws.ToString(k.AccessKeyId)+" "+k.CreateDate.UTC().Format(time.RFC3339))
			}
		}
	}
	slices.Sort(s.keys.made)
	s.keys.seen = true
}

func (s *userSurvey) lookAtServices(ctx context.Context) {
	all, err := action.ServiceCredentials(ctx, s.c, aws.ToString(s.user.UserName))
	if err != nil {
		s.doubt("service-specific credentials", unknown, err)
		return
	}
	s.services = seen{seen: true, n: len(all)}
}

func (s *userSurvey) lookAtCertificates(ctx context.Context) {
	pages := iam.NewListSigningCertificatesPaginator(s.c.IAM, &iam.ListSigningCertificatesInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("signing certificates", unknown, err)
			return
		}
		s.certificates.n += len(page.Certificates)
	}
	s.certificates.seen = true
}

func (s *userSurvey) lookAtSSHKeys(ctx context.Context) {
	pages := iam.NewListSSHPublicKeysPaginator(s.c.IAM, &iam.ListSSHPublicKeysInput{UserName: s.user.UserName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("SSH public keys", unknown, err)
			return
		}
		s.sshKeys.n += len(page.SSHPublicKeys)
	}
	s.sshKeys.seen = true
}
