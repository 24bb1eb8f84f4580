package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"cordon/internal/casefile"
)

// RecordSSOUser writes down a user of Identity Center: itself, its groups, and what it and they have been assigned.
var RecordSSOUser = gather(Gather{
	Name:     "sso-record-user",
	Summary:  "Record the user of Identity Center, its groups, and every account and permission set that it has by itself or by them.",
	Phase:    casefile.Preserve,
	Target:   casefile.IdentityCenterUser,
	Deadline: 5 * 60,
	Reads: Ops{
		op((*identitystore.Client).DescribeUser), op((*identitystore.Client).ListGroupMembershipsForMember),
		op((*ssoadmin.Client).ListAccountAssignmentsForPrincipal),
	},
	Collect: func(ctx context.Context, c *AWS, t Target, sink Sink) error {
		center, err := c.center()
		if err != nil {
			return sink.Loss("user of Identity Center", "identitystore", err.Error())
		}
		r := newCollector(center, t, sink)
		r.read(ctx, "user of Identity Center", "identitystore:DescribeUser", func(ctx context.Context) (any, error) {
			store, user, err := ssoUser(t)
			if err != nil {
				return nil, err
			}
			return center.IdentityStore.DescribeUser(ctx, &identitystore.DescribeUserInput{IdentityStoreId: store, UserId: user})
		})
		r.read(ctx, "groups of the user", "identitystore:ListGroupMembershipsForMember", func(ctx context.Context) (any, error) {
			return membershipsOf(ctx, center, t)
		})
		r.read(ctx, "assignments of the user", "sso:ListAccountAssignmentsForPrincipal", func(ctx context.Context) (any, error) {
			all, err := assignmentsOf(ctx, center, t, true)
			return map[string]any{"assignments": all}, err
		})
		return r.wait()
	},
	Change: func(Target) string { return "3 reads" },
})
