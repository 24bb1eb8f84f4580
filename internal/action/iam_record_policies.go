package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// groups are followed to what they allow: most of what a user may do comes from them.
func (r *userRecord) groups(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListGroupsForUserPaginator(r.c.IAM, &iam.ListGroupsForUserInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, g := range page.Groups {
			r.group(ctx, aws.ToString(g.GroupName))
		}
	}
	return all, nil
}

func (r *userRecord) group(ctx context.Context, group string) {
	r.read(ctx, "inline policies of group "+group, "iam:ListGroupPolicies", func(ctx context.Context) (any, error) {
		all, err := every(ctx, iam.NewListGroupPoliciesPaginator(r.c.IAM, &iam.ListGroupPoliciesInput{GroupName: aws.String(group)}))
		if err != nil {
			return nil, err
		}
		for _, page := range all {
			for _, policy := range page.PolicyNames {
				r.groupPolicy(ctx, group, policy)
			}
		}
		return all, nil
	})
	r.read(ctx, "policies attached to group "+group, "iam:ListAttachedGroupPolicies", func(ctx context.Context) (any, error) {
		all, err := every(ctx, iam.NewListAttachedGroupPoliciesPaginator(r.c.IAM, &iam.ListAttachedGroupPoliciesInput{GroupName: aws.String(group)}))
		if err != nil {
			return nil, err
		}
		for _, page := range all {
			for _, a := range page.AttachedPolicies {
				r.managed(ctx, aws.ToString(a.PolicyArn))
			}
		}
		return all, nil
	})
}

func (r *userRecord) groupPolicy(ctx context.Context, group, policy string) {
	name := "inline policy " + policy + " of group " + group
	r.read(ctx, name, "iam:GetGroupPolicy", func(ctx context.Context) (any, error) {
		out, err := r.c.IAM.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: aws.String(group), PolicyName: aws.String(policy)})
		if err == nil {
			r.policyText(name+", decoded", "iam:GetGroupPolicy", out.PolicyDocument)
		}
		return out, err
	})
}

// managed keeps a managed policy, with the document that is in force. A user, its groups and its boundary may all have
// the same.
func (r *collector) managed(ctx context.Context, arn string) {
	name := "policy " + arn
	if _, again := r.policies.LoadOrStore(arn, true); again {
		return
	}
	r.read(ctx, name, "iam:GetPolicy", func(ctx context.Context) (any, error) {
		out, err := r.c.IAM.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String(arn)})
		if err != nil || out.Policy == nil {
			return out, err
		}
		r.read(ctx, name+", document", "iam:GetPolicyVersion", func(ctx context.Context) (any, error) {
			version, err := r.c.IAM.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: aws.String(arn), VersionId: out.Policy.DefaultVersionId})
			if err == nil && version.PolicyVersion != nil {
				r.policyText(name+", decoded", "iam:GetPolicyVersion", version.PolicyVersion.Document)
			}
			return version, err
		})
		return out, nil
	})
}
