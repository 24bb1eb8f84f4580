package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// RecordRole writes down the role as IAM knows it: who may assume it, what it may do, which instance profiles hold
// it. Each read is an artifact of its own, and one that fails is a loss of its own.
var RecordRole = gather(Gather{
	Name:     "iam-record-role",
	Summary:  "Record the role as IAM knows it: trust policy, inline and attached policies, instance profiles, tags, last use.",
	Phase:    casefile.Preserve,
	Target:   casefile.IAMRole,
	Deadline: 5 * 60,
	Reads: Ops{
		op((*iam.Client).GetRole), op((*iam.Client).ListRolePolicies), op((*iam.Client).GetRolePolicy),
		op((*iam.Client).ListAttachedRolePolicies), op((*iam.Client).ListInstanceProfilesForRole),
	},
	Collect: func(ctx context.Context, c *AWS, t Target, sink Sink) error {
		r := newCollector(c, t, sink)
		r.role(ctx, t.ID)
		r.read(ctx, "instance profiles of role "+t.ID, "iam:ListInstanceProfilesForRole", r.profilesOfRole)
		return r.wait()
	},
	Change: func(Target) string { return "5 reads or more" },
})

func (r *collector) profilesOfRole(ctx context.Context) (any, error) {
	var all pages[iam.ListInstanceProfilesForRoleOutput]
	p := iam.NewListInstanceProfilesForRolePaginator(r.c.IAM, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String(r.t.ID)})
	for p.HasMorePages() {
		if err := all.add(p.NextPage(ctx)); err != nil {
			return nil, err
		}
	}
	return all, nil
}
