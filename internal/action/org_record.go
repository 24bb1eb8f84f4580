package action

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/casefile"
)

// RecordOrganization writes down where an account stands in its organisation, and which policies are on it.
var RecordOrganization = gather(Gather{
	Name:     "org-record",
	Summary:  "Record where the account stands in its organisation, what it administers there, and the service control policies on it with their text.",
	Phase:    casefile.Preserve,
	Target:   casefile.AWSAccount,
	Deadline: 5 * 60,
	Reads: Ops{
		op((*organizations.Client).DescribeAccount), op((*organizations.Client).ListParents),
		op((*organizations.Client).ListPoliciesForTarget), op((*organizations.Client).DescribePolicy),
		op((*organizations.Client).ListDelegatedServicesForAccount),
	},
	Collect: func(ctx context.Context, c *AWS, t Target, sink Sink) error {
		out, err := c.Outside(t.ID)
		if err != nil {
			return sink.Loss("organisation", "organizations", err.Error())
		}
		r := newCollector(out, t, sink)
		id := aws.String(t.ID)
		r.read(ctx, "account in the organisation", "organizations:DescribeAccount", func(ctx context.Context) (any, error) {
			return out.Organizations.DescribeAccount(ctx, &organizations.DescribeAccountInput{AccountId: id})
		})
		r.read(ctx, "parent in the organisation", "organizations:ListParents", func(ctx context.Context) (any, error) {
			return every(ctx, organizations.NewListParentsPaginator(out.Organizations, &organizations.ListParentsInput{ChildId: id}))
		})
		r.read(ctx, "service control policies on the account", "organizations:DescribePolicy", policiesWithText(out, t.ID))
		r.read(ctx, "what the account administers for the organisation", "organizations:ListDelegatedServicesForAccount", func(ctx context.Context) (any, error) {
			services, err := DelegatedTo(ctx, out, t.ID)
			return map[string]any{"DelegatedServices": services}, err
		})
		return r.wait()
	},
	Change: func(Target) string { return "4 reads or more" },
})

func policiesWithText(c *AWS, target string) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		on, err := ControlPoliciesOn(ctx, c, target)
		if err != nil {
			return nil, err
		}
		var ids []string
		for id := range on {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		all := []any{}
		for _, id := range ids {
			p, err := c.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(id)})
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
		return all, nil
	}
}
