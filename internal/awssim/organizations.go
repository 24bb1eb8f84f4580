package awssim

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// OrganizationState is the organisation that the account is in, nil where it
// is in none. Policies and units are the organisation's own; Accounts says
// where each account stands.
type OrganizationState struct {
	ID          string
	Management  string // id of the management account
	Delegated   string // id of an account that may manage policies too, or ""
	Root        string // r-…
	CentralRoot bool   // members' root users are managed from the management account
	NoPolicies  bool   // service control policies are not enabled in the root

	Units    map[string]*OrgUnit       `dump:"organizations/unit"`
	Accounts map[string]*OrgAccount    `dump:"organizations/account"`
	Policies map[string]*ControlPolicy `dump:"organizations/policy"` // by id

	// TargetQuota is the policies that a root, unit or account holds; 0 means AWS's own.
	TargetQuota int
}

// OrgUnit is a root (r-…) or an organisational unit (ou-…).
type OrgUnit struct {
	ID       string
	Name     string
	Parent   string // "" for the root
	Policies []string
}

// OrgAccount is an account of the organisation.
type OrgAccount struct {
	ID       string
	Name     string
	Email    string
	Parent   string
	Policies []string

	Delegated map[string]time.Time // services that it administers for the organisation, and since when
}

// ControlPolicy is a service control policy.
type ControlPolicy struct {
	ID          string // p-…
	Name        string
	Description string
	Content     string
	AWS         bool // FullAWSAccess, which is AWS's own
	Tags        map[string]string
}

// What an organisation holds.
// https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html
const (
	controlPolicySize = 10240
	policiesPerTarget = 10
	fullAccess        = "p-FullAWSAccess"
)

func newOrganization() OrganizationState {
	return OrganizationState{Units: map[string]*OrgUnit{}, Accounts: map[string]*OrgAccount{}, Policies: map[string]*ControlPolicy{}}
}

// AddOrganization puts the account into an organisation that another account
// manages, with a root, and gives the root's id.
func (w *World) AddOrganization(management string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := &w.account.Org
	o.ID, o.Management, o.Root = "o-exampleorgid", management, "r-exam"
	o.Policies[fullAccess] = &ControlPolicy{
		ID: fullAccess, Name: "FullAWSAccess", Description: "Allows access to every operation", AWS: true,
		Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
	}
	o.Units[o.Root] = &OrgUnit{ID: o.Root, Name: "Root", Policies: []string{fullAccess}}
	o.Accounts[management] = &OrgAccount{ID: management, Name: "management", Email: "aws@example.com", Parent: o.Root, Policies: []string{fullAccess}}
	if w.account.ID != management {
		o.Accounts[w.account.ID] = &OrgAccount{ID: w.account.ID, Name: "workload", Email: "workload@example.com", Parent: o.Root, Policies: []string{fullAccess}}
	}
	w.noteKnown()
	return o.Root
}

// AddOrgUnit puts an organisational unit under a parent, with policies of its own.
func (w *World) AddOrgUnit(parent, name string, policies ...ControlPolicy) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := &w.account.Org
	unit := &OrgUnit{ID: "ou-exam-" + strings.ToLower(w.newIAMID("")[:8]), Name: name, Parent: parent, Policies: []string{fullAccess}}
	for _, p := range policies {
		if p.ID == "" {
			p.ID = "p-" + strings.ToLower(w.newIAMID("")[:8])
		}
		o.Policies[p.ID] = &p
		unit.Policies = append(unit.Policies, p.ID)
	}
	o.Units[unit.ID] = unit
	w.noteKnown()
	return unit.ID
}

func organizationsHandlers() []handler {
	return []handler{
		read(orgDescribeOrganization),
		read(orgDescribeAccount),
		read(orgListParents),
		read(orgListRoots),
		read(orgListPolicies),
		read(orgListPoliciesForTarget),
		read(orgDescribePolicy),
		read(orgListTagsForResource),
		read(orgListDelegatedServicesForAccount),
		write(orgCreatePolicy),
		write(orgDeletePolicy),
		write(orgAttachPolicy),
		write(orgDetachPolicy),
		write(orgMoveAccount),
	}
}

// callerAccount is the account in the caller's ARN.
func (r *Request) callerAccount() string {
	if parts := strings.SplitN(r.Actor, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// organization gives the organisation to those who may ask. Only the
// management account and delegated administrators may call most operations; a
// member gets AccessDeniedException.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListPoliciesForTarget.html
func (r *Request) organization() (*OrganizationState, error) {
	o := &r.Account.Org
	if o.ID == "" {
		return nil, modelled(400, &types.AWSOrganizationsNotInUseException{Message: aws.String("Your account is not a member of an organization.")})
	}
	if a := r.callerAccount(); a != o.Management && (o.Delegated == "" || a != o.Delegated) {
		return nil, modelled(400, &types.AccessDeniedException{Message: aws.String("You don't have permissions to access this resource.")})
	}
	return o, nil
}

// DescribeOrganization answers any account of the organisation.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html
func orgDescribeOrganization(r *Request, _ *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	o := &r.Account.Org
	if o.ID == "" {
		return nil, modelled(400, &types.AWSOrganizationsNotInUseException{Message: aws.String("Your account is not a member of an organization.")})
	}
	arn := "arn:" + r.Account.Partition + ":organizations::" + o.Management
	return &organizations.DescribeOrganizationOutput{Organization: &types.Organization{
		Id: aws.String(o.ID), Arn: aws.String(arn + ":organization/" + o.ID), FeatureSet: types.OrganizationFeatureSetAll,
		MasterAccountId: aws.String(o.Management), MasterAccountArn: aws.String(arn + ":account/" + o.ID + "/" + o.Management),
		MasterAccountEmail: aws.String(o.Accounts[o.Management].Email),
	}}, nil
}

func orgDescribeAccount(r *Request, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	a, ok := look(r, o.Accounts, aws.ToString(in.AccountId))
	if !ok {
		return nil, modelled(400, &types.AccountNotFoundException{Message: aws.String("You specified an account that doesn't exist.")})
	}
	return &organizations.DescribeAccountOutput{Account: &types.Account{
		Id: aws.String(a.ID), Name: aws.String(a.Name), Email: aws.String(a.Email), Status: types.AccountStatusActive,
		Arn: aws.String("arn:" + r.Account.Partition + ":organizations::" + o.Management + ":account/" + o.ID + "/" + a.ID),
	}}, nil
}

// emptyFirst continues a list whose first page was empty: "always check the
// NextToken response parameter value, even if you receive an empty result set".
// Here the lists of one are always so, so that nobody takes the first page for
// all there is.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListRoots.html
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListParents.html
var emptyFirst = aws.String("and here it is")

func orgListParents(r *Request, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	parent := ""
	if a, ok := look(r, o.Accounts, aws.ToString(in.ChildId)); ok {
		parent = a.Parent
	} else if u, ok := look(r, o.Units, aws.ToString(in.ChildId)); ok {
		parent = u.Parent
	}
	if parent == "" {
		return nil, modelled(400, &types.ChildNotFoundException{Message: aws.String("We can't find an organizational unit (OU) or Amazon Web Services account with the ChildId that you specified.")})
	}
	kind := types.ParentTypeOrganizationalUnit
	if parent == o.Root {
		kind = types.ParentTypeRoot
	}
	if in.NextToken == nil {
		return &organizations.ListParentsOutput{NextToken: emptyFirst}, nil
	}
	return &organizations.ListParentsOutput{Parents: []types.Parent{{Id: aws.String(parent), Type: kind}}}, nil
}

// An account that is no administrator is refused, and not answered with nothing.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedServicesForAccount.html
func orgListDelegatedServicesForAccount(r *Request, in *organizations.ListDelegatedServicesForAccountInput) (*organizations.ListDelegatedServicesForAccountOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	a, ok := look(r, o.Accounts, aws.ToString(in.AccountId))
	switch {
	case !ok:
		return nil, modelled(400, &types.AccountNotFoundException{Message: aws.String("You specified an account that doesn't exist.")})
	case len(a.Delegated) == 0:
		return nil, modelled(400, &types.AccountNotRegisteredException{Message: aws.String("The provided account is not a registered delegated administrator for your organization.")})
	}
	names, next, err := page(r, sortedKeys(a.Delegated), func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListDelegatedServicesForAccountOutput{NextToken: next}
	for _, n := range names {
		out.DelegatedServices = append(out.DelegatedServices, types.DelegatedService{ServicePrincipal: aws.String(n), DelegationEnabledDate: aws.Time(a.Delegated[n])})
	}
	return out, nil
}

func orgListRoots(r *Request, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	if in.NextToken == nil {
		return &organizations.ListRootsOutput{NextToken: emptyFirst}, nil
	}
	root := types.Root{Id: aws.String(o.Root), Name: aws.String("Root")}
	if !o.NoPolicies {
		root.PolicyTypes = []types.PolicyTypeSummary{{Type: types.PolicyTypeServiceControlPolicy, Status: types.PolicyTypeStatusEnabled}}
	}
	return &organizations.ListRootsOutput{Roots: []types.Root{root}}, nil
}

func (r *Request) policySummary(o *OrganizationState, p *ControlPolicy) types.PolicySummary {
	return types.PolicySummary{
		Id: aws.String(p.ID), Name: aws.String(p.Name), Description: aws.String(p.Description), AwsManaged: p.AWS, Type: types.PolicyTypeServiceControlPolicy,
		Arn: aws.String("arn:" + r.Account.Partition + ":organizations::" + o.Management + ":policy/" + o.ID + "/service_control_policy/" + p.ID),
	}
}

func orgListPolicies(r *Request, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	seen := view(r, o.Policies)
	ids, next, err := page(r, sortedKeys(seen), func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListPoliciesOutput{NextToken: next}
	for _, id := range ids {
		out.Policies = append(out.Policies, r.policySummary(o, seen[id]))
	}
	return out, nil
}

func orgListPoliciesForTarget(r *Request, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	attached, err := r.attachedTo(o, aws.ToString(in.TargetId))
	if err != nil {
		return nil, err
	}
	ids, next, err := page(r, slices.Clone(attached), func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &organizations.ListPoliciesForTargetOutput{NextToken: next}
	for _, id := range ids {
		if p := o.Policies[id]; p != nil {
			out.Policies = append(out.Policies, r.policySummary(o, p))
		}
	}
	return out, nil
}

func (r *Request) attachedTo(o *OrganizationState, target string) ([]string, error) {
	if a, ok := look(r, o.Accounts, target); ok {
		return a.Policies, nil
	}
	if u, ok := look(r, o.Units, target); ok {
		return u.Policies, nil
	}
	return nil, modelled(400, &types.TargetNotFoundException{Message: aws.String("We can't find a root, OU, or account with the TargetId that you specified.")})
}

func orgDescribePolicy(r *Request, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	p, ok := look(r, o.Policies, aws.ToString(in.PolicyId))
	if !ok {
		return nil, policyNotFound()
	}
	summary := r.policySummary(o, p)
	return &organizations.DescribePolicyOutput{Policy: &types.Policy{Content: aws.String(p.Content), PolicySummary: &summary}}, nil
}

func policyNotFound() error {
	return modelled(400, &types.PolicyNotFoundException{Message: aws.String("We can't find a policy with the PolicyId that you specified.")})
}

func orgListTagsForResource(r *Request, in *organizations.ListTagsForResourceInput) (*organizations.ListTagsForResourceOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	p, ok := look(r, o.Policies, aws.ToString(in.ResourceId))
	if !ok {
		return nil, modelled(400, &types.TargetNotFoundException{Message: aws.String("We can't find the resource that you specified.")})
	}
	out := &organizations.ListTagsForResourceOutput{}
	for _, k := range sortedKeys(p.Tags) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(k), Value: aws.String(p.Tags[k])})
	}
	return out, nil
}

// A policy's name is the organisation's own: a second of that name is refused.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_CreatePolicy.html
func orgCreatePolicy(r *Request, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	content := aws.ToString(in.Content)
	if o.NoPolicies {
		return nil, modelled(400, &types.PolicyTypeNotAvailableForOrganizationException{Message: aws.String("The policy type is not enabled.")})
	}
	if utf8.RuneCountInString(content) > controlPolicySize {
		return nil, modelled(400, &types.ConstraintViolationException{
			Message: aws.String("You have exceeded the allowed limit of the maximum policy size."), Reason: types.ConstraintViolationExceptionReasonPolicyContentLimitExceeded})
	}
	if wellFormedPolicy(content) != nil {
		return nil, modelled(400, &types.MalformedPolicyDocumentException{Message: aws.String("The provided policy document does not meet the requirements of the specified policy type.")})
	}
	for _, p := range o.Policies {
		if p.Name == aws.ToString(in.Name) {
			return nil, modelled(400, &types.DuplicatePolicyException{Message: aws.String("A policy with the same name already exists.")})
		}
	}
	p := &ControlPolicy{
		ID: "p-" + strings.ToLower(r.World.newIAMID("")[:8]), Name: aws.ToString(in.Name), Description: aws.ToString(in.Description),
		Content: content, Tags: map[string]string{},
	}
	for _, t := range in.Tags {
		p.Tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	r.policeTags("service control policy "+p.Name, p.Tags)
	touch(r, o.Policies, p.ID)
	o.Policies[p.ID] = p
	r.World.everKnown[p.ID] = true
	summary := r.policySummary(o, p)
	return &organizations.CreatePolicyOutput{Policy: &types.Policy{Content: aws.String(content), PolicySummary: &summary}}, nil
}

// A policy that is attached cannot be deleted.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DeletePolicy.html
func orgDeletePolicy(r *Request, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.PolicyId)
	if _, ok := o.Policies[id]; !ok {
		r.missing(id)
		return nil, policyNotFound()
	}
	inUse := false
	for _, a := range o.Accounts {
		inUse = inUse || slices.Contains(a.Policies, id)
	}
	for _, u := range o.Units {
		inUse = inUse || slices.Contains(u.Policies, id)
	}
	if inUse {
		return nil, modelled(400, &types.PolicyInUseException{Message: aws.String("The policy is attached to one or more entities.")})
	}
	touch(r, o.Policies, id)
	delete(o.Policies, id)
	return &organizations.DeletePolicyOutput{}, nil
}
