package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"

	"cordon/internal/casefile"
)

// AttachRoleDeny is the deny of RevokeRoleSessions or DenyRoleSession for a role whose inline policies have no room:
// a managed policy of the step's own, attached. Params: those of DenyRoleSession; without a session or source identity
// all sessions issued so far are denied.
var AttachRoleDeny = denyAttached(roleHolder, Spec[attachedDeny]{
	Name:    "iam-attach-role-deny",
	Summary: "Deny everything to the role's sessions by a managed policy of cordon's own, where its inline policies have no room for it.",
	Target:  casefile.IAMRole,
	Reads: Ops{
		op((*iam.Client).GetRole), op((*iam.Client).ListPolicies), op((*iam.Client).GetPolicyVersion), op((*iam.Client).ListAttachedRolePolicies),
	},
	Writes:     Ops{op((*iam.Client).CreatePolicy), op((*iam.Client).AttachRolePolicy)},
	UndoWrites: Ops{op((*iam.Client).DetachRolePolicy), op((*iam.Client).DeletePolicy)},
	Returns:    roleSessionsReturn,
	Impact: func(_ context.Context, _ *AWS, t Target, _ attachedDeny) ([]string, error) {
		if all := t.Param("session") + t.Param("source_identity"); all == "" {
			return nil, nil
		}
		return oneSessionImpact(t), nil
	},
	Change: func(t Target, _ attachedDeny) string {
		if t.Param("session")+t.Param("source_identity") == "" {
			return "all sessions issued so far -> denied"
		}
		return oneSessionName(t) + " -> denied"
	},
})

var roleHolder = holder{
	kind: "role",
	exists: func(ctx context.Context, c *AWS, name string) error {
		_, err := findRole(ctx, c, name)
		return err
	},
	look: func(ctx context.Context, c *AWS, t Target) (middleware.Metadata, error) {
		role, err := findRole(ctx, c, t.ID)
		if err != nil {
			return middleware.Metadata{}, err
		}
		if err := editable(role, t); err != nil {
			return middleware.Metadata{}, err
		}
		return role.ResultMetadata, notOwnSession(c, t)
	},
	on: attachedToRole,
	attach: func(ctx context.Context, c *AWS, name, arn string) error {
		_, err := c.IAM.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(name), PolicyArn: aws.String(arn)})
		if hasCode(err, "LimitExceeded") {
			return fmt.Errorf("role %s has as many managed policies as it may, and no room for an inline one: detach one of them, or empty an inline one: %w", name, err)
		}
		if err != nil {
			return fmt.Errorf("attach %s to role %s: %w", arn, name, err)
		}
		return nil
	},
	detach: func(ctx context.Context, c *AWS, name, arn string) error {
		_, err := c.IAM.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: aws.String(name), PolicyArn: aws.String(arn)})
		if err != nil && !hasCode(err, "NoSuchEntity") {
			return fmt.Errorf("detach %s from role %s: %w", arn, name, err)
		}
		return nil
	},
}

// attachedToRole lists the ARNs of the managed policies on the role.
func attachedToRole(ctx context.Context, c *AWS, role string) (map[string]bool, error) {
	on := map[string]bool{}
	pages := iam.NewListAttachedRolePoliciesPaginator(c.IAM, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String(role)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if hasCode(err, "NoSuchEntity") {
			return nil, fmt.Errorf("role %s: %w", role, ErrGone)
		}
		if err != nil {
			return nil, fmt.Errorf("list the managed policies of role %s: %w", role, err)
		}
		for _, p := range page.AttachedPolicies {
			on[aws.ToString(p.PolicyArn)] = true
		}
	}
	return on, nil
}
