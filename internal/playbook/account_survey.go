package playbook

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/action"
)

var accountReads = action.Ops{
	action.Call((*organizations.Client).DescribeOrganization), action.Call((*organizations.Client).ListPoliciesForTarget),
	action.Call((*organizations.Client).ListRoots), action.Call((*organizations.Client).ListParents),
	action.Call((*organizations.Client).DescribePolicy), action.Call((*organizations.Client).DescribeAccount), action.Call((*iam.Client).GetRole),
	action.Call((*organizations.Client).ListDelegatedServicesForAccount),
	action.Call((*iam.Client).ListOrganizationsFeatures),
	action.Call((*iam.Client).GetAccountAuthorizationDetails), action.Call((*iam.Client).GetAccountSummary),
	action.Call((*iam.Client).ListAccessKeys), action.Call((*iam.Client).GetAccessKeyLastUsed),
	action.Call((*iam.Client).GenerateCredentialReport), action.Call((*iam.Client).GetCredentialReport),
	action.Call((*ec2.Client).DescribeRegions),
	action.Call((*iam.Client).ListSAMLProviders), action.Call((*iam.Client).ListOpenIDConnectProviders),
	action.Call((*account.Client).GetContactInformation), action.Call((*account.Client).GetAlternateContact),
	action.Call((*cloudtrail.Client).DescribeTrails), action.Call((*cloudtrail.Client).GetTrailStatus), action.Call((*cloudtrail.Client).GetEventSelectors),
	action.Call((*guardduty.Client).ListDetectors), action.Call((*guardduty.Client).GetDetector), action.Call((*guardduty.Client).GetAdministratorAccount),
}

// accountSurvey is what the draft saw of an account. What it could not see is a doubt, and never an absence.
type accountSurvey struct {
	id     string
	inside bool // these are credentials of the account itself

	organisation string // id of the management account, "" where there is no organisation or nobody could say
	outside      *action.AWS
	policies     map[string]string // service control policies on the account, by id
	policiesOff  bool
	centralRoot  bool     // the organisation manages its members' root users
	administers  []string // services, for the whole organisation

	people    []person
	roles     []iamtypes.RoleDetail
	allRead   bool // people and roles are all that there are
	summary   map[string]int32
	contacts  []string   // to whom AWS's notices go, a line each
	providers []provider // that people or workloads sign in through
	trails    []stoppedTrail
	shadows   map[string]string // home regions of trails that were seen elsewhere, by ARN
	detectors []darkDetector
	recorded  map[string]bool // regions of which a trail records management events, or will once it is started
	unseen    bool            // whether a region is recorded could not be read everywhere
	blind     []string        // enabled regions without a detector
	closed    []string        // regions that are not enabled
	open      []string        // regions that are enabled

	mu     sync.Mutex
	doubts []string
}

type person struct {
	name, id, arn string
	inline        int // characters of inline policies
	attached      []string
	made          time.Time

	keys     []action.Key
	unlisted error    // why keys is not known
	uses     []string // what the active keys were last used for, a line each
	gone     bool     // deleted while it was looked at
}

// surveyAccount looks at the organisation, at IAM and at all regions side by side.
func surveyAccount(ctx context.Context, c *action.AWS, id string) *accountSurvey {
	s := &accountSurvey{id: id, inside: id == c.Account, recorded: map[string]bool{}, shadows: map[string]string{}}
	var all sync.WaitGroup
	all.Go(func() { s.lookOutside(ctx, c) })
	if s.inside {
		all.Go(func() { s.lookAtPeople(ctx, c); s.lookAtKeys(ctx, c) })
		all.Go(func() { s.lookAtRoot(ctx, c) })
		all.Go(func() { s.lookAtRegions(ctx, c) })
		all.Go(func() { s.lookAtContacts(ctx, c) })
		all.Go(func() { s.lookAtProviders(ctx, c) })
	}
	all.Wait()
	slices.Sort(s.doubts)
	return s
}

func (s *accountSurvey) doubt(what string, err error) {
	s.say(fmt.Sprintf("%s could not be read: %s", what, brief(err)))
}

func (s *accountSurvey) say(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = append(s.doubts, line)
}

func (s *accountSurvey) lookOutside(ctx context.Context, c *action.AWS) {
	var err error
	if s.organisation, err = s.managedBy(ctx, c); err != nil {
		s.doubt("whether the account is in an organisation", err)
	}
	if s.organisation == "" {
		return
	}
	if s.outside, err = c.Outside(s.id); err != nil {
		return
	}
	if s.policies, err = action.ControlPoliciesOn(ctx, s.outside, s.id); errors.Is(err, action.ErrGone) {
		s.say("account " + s.id + " is not in the organisation that the management credentials are of: nothing is planned there")
		s.organisation, s.outside = "", nil
		return
	} else if err != nil {
		s.doubt("which service control policies are on the account", err)
	}
	s.lookAtFeatures(ctx)
	s.lookAtDelegation(ctx)
	roots, err := action.Roots(ctx, s.outside)
	if err != nil {
		s.doubt("whether the organisation uses service control policies", err)
		return
	}
	s.policiesOff = !slices.ContainsFunc(roots, usesControlPolicies)
}

// managedBy is the management account of the organisation that the account is in, "" where it is in none. Whoever took
// the account can keep the responder in it from asking, but not the management account, in whose answer the account's ARN
// names it.
func (s *accountSurvey) managedBy(ctx context.Context, c *action.AWS) (string, error) {
	org, err := c.Organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	switch {
	case action.Code(err) == "AWSOrganizationsNotInUseException":
		return "", nil
	case err == nil && org.Organization != nil:
		return aws.ToString(org.Organization.MasterAccountId), nil
	case err == nil:
		return "", errors.New("AWS answered without an organisation")
	case c.Management == nil:
		return "", err
	}
	out, outErr := c.Management.Organizations.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: aws.String(s.id)})
	if outErr != nil || out.Account == nil {
		return "", errors.Join(err, outErr)
	}
	parts := strings.Split(aws.ToString(out.Account.Arn), ":")
	if len(parts) != 6 {
		return "", fmt.Errorf("account %s has the ARN %q in the organisation", s.id, aws.ToString(out.Account.Arn))
	}
	return parts[4], nil
}

// lookAtFeatures asks whether the organisation manages root users
// (docs.aws.amazon.com/IAM/latest/APIReference/API_ListOrganizationsFeatures.html).
func (s *accountSurvey) lookAtFeatures(ctx context.Context) {
	out, err := s.outside.IAM.ListOrganizationsFeatures(ctx, &iam.ListOrganizationsFeaturesInput{})
	if err != nil {
		s.doubt("whether the organisation manages its members' root users", err)
		return
	}
	s.centralRoot = slices.Contains(out.EnabledFeatures, iamtypes.FeatureTypeRootCredentialsManagement)
}

func (s *accountSurvey) lookAtDelegation(ctx context.Context) {
	services, err := action.DelegatedTo(ctx, s.outside, s.id)
	if err != nil {
		s.doubt("what the account administers for the organisation", err)
		return
	}
	for _, x := range services {
		since := ""
		if x.DelegationEnabledDate != nil {
			since = " (since " + x.DelegationEnabledDate.UTC().Format(time.RFC3339) + ")"
		}
		s.administers = append(s.administers, aws.ToString(x.ServicePrincipal)+since)
	}
	slices.Sort(s.administers)
}

func (s *accountSurvey) lookAtPeople(ctx context.Context, c *action.AWS) {
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(c.IAM, &iam.GetAccountAuthorizationDetailsInput{
		Filter: []iamtypes.EntityType{iamtypes.EntityTypeUser, iamtypes.EntityTypeRole}, MaxItems: aws.Int32(1000),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("the account's users and roles, or some of them,", err)
			return
		}
		for _, u := range page.UserDetailList {
			s.people = append(s.people, personOf(u))
		}
		s.roles = append(s.roles, page.RoleDetailList...)
	}
	s.allRead = true
	slices.SortFunc(s.people, func(a, b person) int { return strings.Compare(a.name, b.name) })
}

func personOf(u iamtypes.UserDetail) person {
	p := person{name: aws.ToString(u.UserName), id: aws.ToString(u.UserId), arn: aws.ToString(u.Arn), made: aws.ToTime(u.CreateDate)}
	for _, d := range u.UserPolicyList {
		text := aws.ToString(d.PolicyDocument)
		if plain, err := url.PathUnescape(text); err == nil {
			text = plain
		}
		p.inline += action.PolicySize(text)
	}
	for _, a := range u.AttachedManagedPolicies {
		p.attached = append(p.attached, aws.ToString(a.PolicyArn))
	}
	return p
}

func (s *accountSurvey) lookAtRoot(ctx context.Context, c *action.AWS) {
	out, err := c.IAM.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil {
		s.doubt("what the root user has", err)
		return
	}
	s.summary = out.SummaryMap
}
