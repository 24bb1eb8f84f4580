package action

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// What an organisation holds: the characters of a service control policy, and the policies on one target, of which
// the default FullAWSAccess is one (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const (
	ControlPolicySize = 10240
	PoliciesPerTarget = 10
)

// Outside is the connection that may act on an account from the organisation: the management account's, which is the
// caller's own where the account is another's.
func (c *AWS) Outside(account string) (*AWS, error) {
	switch {
	case c.Management != nil:
		return c.Management, nil
	case account != c.Account:
		return c, nil
	}
	return nil, errors.New("the organisation is changed from its management account, and no credentials for it were given: name them with --management-profile")
}

// ManageOps is what Manages calls.
var ManageOps = Ops{op((*organizations.Client).DescribeOrganization)}

// Manages tells whether the caller's account is the management account of its organisation.
func (c *AWS) Manages(ctx context.Context) (bool, error) {
	out, err := c.Organizations.DescribeOrganization(Allow(ctx, ManageOps, nil, nil), &organizations.DescribeOrganizationInput{})
	if err != nil {
		return false, fmt.Errorf("ask who manages the organisation: %w", err)
	}
	return out.Organization != nil && aws.ToString(out.Organization.MasterAccountId) == c.Account, nil
}

// QuarantinePolicy is the service control policy that stops an account: all but the responders' principals and AWS's
// services. aws:PrincipalArn of a role's session is the role's ARN, with its path
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html). A root session that the management
// account opened is left in: it carries aws:AssumedRoot and can do its one task only, and without it nobody could record
// or empty the root user that the policy stops. Leaving the organisation, closing the account and turning regions on or
// off is denied to everybody.
func QuarantinePolicy(responders []string) string {
	deny := orgStatement{Sid: "CordonQuarantine", Effect: "Deny", Action: []string{"*"}, Resource: "*", Condition: map[string]map[string]any{
		"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}, "Null": {"aws:AssumedRoot": "true"},
	}}
	if len(responders) > 0 {
		deny.Condition["ArnNotLike"] = map[string]any{"aws:PrincipalArn": slices.Sorted(slices.Values(responders))}
	}
	keep := orgStatement{Sid: "CordonKeepAccount", Effect: "Deny", Resource: "*", Action: []string{
		"account:CloseAccount", "account:DisableRegion", "account:EnableRegion", "organizations:LeaveOrganization",
	}}
	text, err := json.Marshal(orgDocument{Version: "2012-10-17", Statement: []orgStatement{deny, keep}})
	if err != nil {
		panic(err) // strings, and maps and slices of them, always marshal
	}
	return string(text)
}

type orgDocument struct {
	Version   string
	Statement []orgStatement
}

type orgStatement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  string
	Condition map[string]map[string]any `json:",omitempty"`
}

// findControlPolicy finds a policy by its name, which is the organisation's own.
func findControlPolicy(ctx context.Context, c *AWS, name string) (id string, err error) {
	pages := organizations.NewListPoliciesPaginator(c.Organizations, &organizations.ListPoliciesInput{Filter: orgtypes.PolicyTypeServiceControlPolicy})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return "", fmt.Errorf("list the organisation's service control policies: %w", err)
		}
		for _, p := range page.Policies {
			if aws.ToString(p.Name) == name {
				return aws.ToString(p.Id), nil
			}
		}
	}
	return "", nil
}

// ControlPoliciesOn lists the service control policies on a root, unit or account by id, with their names.
func ControlPoliciesOn(ctx context.Context, c *AWS, target string) (map[string]string, error) {
	names := map[string]string{}
	pages := organizations.NewListPoliciesForTargetPaginator(c.Organizations, &organizations.ListPoliciesForTargetInput{
		Filter: orgtypes.PolicyTypeServiceControlPolicy, TargetId: aws.String(target),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if hasCode(err, "TargetNotFoundException") {
			return nil, fmt.Errorf("%s in the organisation: %w", target, ErrGone)
		}
		if err != nil {
			return nil, fmt.Errorf("list the service control policies on %s: %w", target, err)
		}
		for _, p := range page.Policies {
			names[aws.ToString(p.Id)] = aws.ToString(p.Name)
		}
	}
	return names, nil
}

// Roots lists the organisation's roots, of which there is one. A page may be empty and yet not the last
// (docs.aws.amazon.com/organizations/latest/APIReference/API_ListRoots.html).
func Roots(ctx context.Context, c *AWS) ([]orgtypes.Root, error) {
	var roots []orgtypes.Root
	pages := organizations.NewListRootsPaginator(c.Organizations, &organizations.ListRootsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the organisation's roots: %w", err)
		}
		roots = append(roots, page.Roots...)
	}
	return roots, nil
}

// ParentOf is the id of the root or unit that an account or unit is in. Its pages are as those of Roots.
func ParentOf(ctx context.Context, c *AWS, child string) (string, error) {
	all, err := every(ctx, organizations.NewListParentsPaginator(c.Organizations, &organizations.ListParentsInput{ChildId: aws.String(child)}))
	if hasCode(err, "ChildNotFoundException") {
		return "", fmt.Errorf("%s in the organisation: %w", child, ErrGone)
	}
	if err != nil {
		return "", fmt.Errorf("look where %s stands in the organisation: %w", child, err)
	}
	var parents []string
	for _, page := range all {
		for _, p := range page.Parents {
			parents = append(parents, aws.ToString(p.Id))
		}
	}
	if len(parents) != 1 {
		return "", fmt.Errorf("look where %s stands in the organisation: %d parents", child, len(parents))
	}
	return parents[0], nil
}

// DelegatedTo lists what an account administers for its organisation. AWS refuses the question about one that is no
// administrator (docs.aws.amazon.com/organizations/latest/APIReference/API_ListDelegatedServicesForAccount.html).
func DelegatedTo(ctx context.Context, c *AWS, account string) ([]orgtypes.DelegatedService, error) {
	all, err := every(ctx, organizations.NewListDelegatedServicesForAccountPaginator(c.Organizations, &organizations.ListDelegatedServicesForAccountInput{AccountId: aws.String(account)}))
	if hasCode(err, "AccountNotRegisteredException") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list what account %s administers for the organisation: %w", account, err)
	}
	var services []orgtypes.DelegatedService
	for _, page := range all {
		services = append(services, page.DelegatedServices...)
	}
	return services, nil
}

// FitsControlPolicy tells whether AWS takes a service control policy of that length.
func FitsControlPolicy(content string) error {
	if n := utf8.RuneCountInString(content); n > ControlPolicySize {
		return fmt.Errorf("the quarantine policy would have %d characters and AWS takes %d: spare fewer principals", n, ControlPolicySize)
	}
	return nil
}
