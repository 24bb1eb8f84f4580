package action

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// network records what decides where the instance's packets may go.
func (r *collector) network(ctx context.Context, groups, subnets, vpcs []string) {
	if len(groups) > 0 {
		r.read(ctx, "security groups", "ec2:DescribeSecurityGroups", func(ctx context.Context) (any, error) {
			all, err := every(ctx, ec2.NewDescribeSecurityGroupsPaginator(r.c.EC2, &ec2.DescribeSecurityGroupsInput{Filters: []ec2types.Filter{ec2Filter("group-id", groups...)}}))
			if err != nil {
				return nil, err
			}
			return all, nil
		})
		r.read(ctx, "security group rules", "ec2:DescribeSecurityGroupRules", func(ctx context.Context) (any, error) {
			all, err := every(ctx, ec2.NewDescribeSecurityGroupRulesPaginator(r.c.EC2, &ec2.DescribeSecurityGroupRulesInput{Filters: []ec2types.Filter{ec2Filter("group-id", groups...)}}))
			if err != nil {
				return nil, err
			}
			return all, nil
		})
	}
	if len(subnets) == 0 {
		return
	}
	r.read(ctx, "subnets", "ec2:DescribeSubnets", func(ctx context.Context) (any, error) {
		all, err := every(ctx, ec2.NewDescribeSubnetsPaginator(r.c.EC2, &ec2.DescribeSubnetsInput{Filters: []ec2types.Filter{ec2Filter("subnet-id", subnets...)}}))
		if err != nil {
			return nil, err
		}
		return all, nil
	})
	r.read(ctx, "network acls", "ec2:DescribeNetworkAcls", func(ctx context.Context) (any, error) {
		all, err := every(ctx, ec2.NewDescribeNetworkAclsPaginator(r.c.EC2, &ec2.DescribeNetworkAclsInput{Filters: []ec2types.Filter{ec2Filter("association.subnet-id", subnets...)}}))
		if err != nil {
			return nil, err
		}
		return all, nil
	})
	// By VPC: a subnet without a route table of its own uses the VPC's main one, which names no subnet.
	r.read(ctx, "route tables", "ec2:DescribeRouteTables", func(ctx context.Context) (any, error) {
		all, err := every(ctx, ec2.NewDescribeRouteTablesPaginator(r.c.EC2, &ec2.DescribeRouteTablesInput{Filters: []ec2types.Filter{ec2Filter("vpc-id", vpcs...)}}))
		if err != nil {
			return nil, err
		}
		return all, nil
	})
	r.read(ctx, "vpcs", "ec2:DescribeVpcs", func(ctx context.Context) (any, error) {
		return r.c.EC2.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: vpcs})
	})
	r.read(ctx, "vpc endpoints", "ec2:DescribeVpcEndpoints", func(ctx context.Context) (any, error) {
		all, err := every(ctx, ec2.NewDescribeVpcEndpointsPaginator(r.c.EC2, &ec2.DescribeVpcEndpointsInput{Filters: []ec2types.Filter{ec2Filter("vpc-id", vpcs...)}}))
		if err != nil {
			return nil, err
		}
		return all, nil
	})
}

// profileAssociation leads to the profile, its role and what that role may do.
func (r *collector) profileAssociation(ctx context.Context) (any, error) {
	all, err := every(ctx, ec2.NewDescribeIamInstanceProfileAssociationsPaginator(r.c.EC2, &ec2.DescribeIamInstanceProfileAssociationsInput{
		Filters: []ec2types.Filter{ec2Filter("instance-id", r.t.ID)},
	}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, a := range page.IamInstanceProfileAssociations {
			if a.IamInstanceProfile == nil {
				continue
			}
			arn := aws.ToString(a.IamInstanceProfile.Arn)
			name := arn[strings.LastIndex(arn, "/")+1:]
			r.read(ctx, "instance profile "+name, "iam:GetInstanceProfile", func(ctx context.Context) (any, error) { return r.profile(ctx, name) })
		}
	}
	return all, nil
}

func (r *collector) profile(ctx context.Context, name string) (any, error) {
	out, err := r.c.IAM.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(name)})
	if err != nil {
		return nil, err
	}
	if out.InstanceProfile != nil {
		for _, role := range out.InstanceProfile.Roles {
			r.role(ctx, aws.ToString(role.RoleName), roleLeads{})
		}
	}
	return out, nil
}

// roleLeads is what is done with what a role leads to; nil: nothing.
type roleLeads struct {
	role     func(context.Context, *iamtypes.Role)
	attached func(ctx context.Context, arn string)
}

func (r *collector) role(ctx context.Context, role string, leads roleLeads) {
	r.read(ctx, "role "+role, "iam:GetRole", func(ctx context.Context) (any, error) {
		out, err := r.c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(role)})
		if err == nil && out.Role != nil {
			r.policyText("role "+role+", trust policy", "iam:GetRole", out.Role.AssumeRolePolicyDocument)
			if leads.role != nil {
				leads.role(ctx, out.Role)
			}
		}
		return out, err
	})
	r.read(ctx, "policies attached to role "+role, "iam:ListAttachedRolePolicies", func(ctx context.Context) (any, error) {
		all, err := every(ctx, iam.NewListAttachedRolePoliciesPaginator(r.c.IAM, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String(role)}))
		if err != nil {
			return nil, err
		}
		for _, page := range all {
			for _, a := range page.AttachedPolicies {
				if leads.attached != nil {
					leads.attached(ctx, aws.ToString(a.PolicyArn))
				}
			}
		}
		return all, nil
	})
	r.read(ctx, "inline policies of role "+role, "iam:ListRolePolicies", func(ctx context.Context) (any, error) {
		all, err := every(ctx, iam.NewListRolePoliciesPaginator(r.c.IAM, &iam.ListRolePoliciesInput{RoleName: aws.String(role)}))
		if err != nil {
			return nil, err
		}
		for _, page := range all {
			for _, policy := range page.PolicyNames {
				r.inlinePolicy(ctx, role, policy)
			}
		}
		return all, nil
	})
}

func (r *collector) inlinePolicy(ctx context.Context, role, policy string) {
	name := "inline policy " + policy + " of role " + role
	r.read(ctx, name, "iam:GetRolePolicy", func(ctx context.Context) (any, error) {
		out, err := r.c.IAM.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(policy)})
		if err == nil {
			r.policyText(name+", decoded", "iam:GetRolePolicy", out.PolicyDocument)
		}
		return out, err
	})
}

// policyText keeps a policy readable: IAM gives policies URL-encoded
// (docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html).
func (r *collector) policyText(name, source string, document *string) {
	if document == nil {
		return
	}
	r.keep(name, source, []byte(decoded(document)))
}

func (r *collector) scaling(ctx context.Context) (any, error) {
	out, err := r.c.AutoScaling.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{r.t.ID}})
	if err != nil {
		return nil, err
	}
	for _, i := range out.AutoScalingInstances {
		group := aws.ToString(i.AutoScalingGroupName)
		r.read(ctx, "auto scaling group "+group, "autoscaling:DescribeAutoScalingGroups", func(ctx context.Context) (any, error) {
			return r.c.AutoScaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{group}})
		})
		r.read(ctx, "recent activities of auto scaling group "+group, "autoscaling:DescribeScalingActivities", func(ctx context.Context) (any, error) {
			return r.activities(ctx, group)
		})
	}
	return out, nil
}

// recentPages bounds the history of a group, which AWS keeps for six weeks.
const recentPages = 5

func (r *collector) activities(ctx context.Context, group string) (any, error) {
	var all pages[autoscaling.DescribeScalingActivitiesOutput]
	p := autoscaling.NewDescribeScalingActivitiesPaginator(r.c.AutoScaling, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String(group)})
	for p.HasMorePages() && len(all) < recentPages {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page)
	}
	return all, nil
}

// targetGroups records the groups where the instance is registered, by its id or by one of its addresses. The
// option "target_groups" names those that the plan found; without it every group is looked at.
func (r *collector) targetGroups(ctx context.Context) (any, error) {
	all, err := every(ctx, elasticloadbalancingv2.NewDescribeTargetGroupsPaginator(r.c.ELBv2, &elasticloadbalancingv2.DescribeTargetGroupsInput{TargetGroupArns: r.t.List("target_groups")}))
	if err != nil {
		return nil, err
	}
	planned := len(r.t.List("target_groups")) > 0
	for _, page := range all {
		for _, g := range page.TargetGroups {
			r.targetHealth(ctx, g, planned)
		}
	}
	return all, nil
}

// targetHealth keeps nothing for a group that the instance is not in, so that an account with hundreds of
// groups does not bury the record.
func (r *collector) targetHealth(ctx context.Context, g elbv2types.TargetGroup, planned bool) {
	arn := aws.ToString(g.TargetGroupArn)
	r.readIf(ctx, "targets of "+arn, "elasticloadbalancingv2:DescribeTargetHealth", func(ctx context.Context) (any, bool, error) {
		out, err := r.c.ELBv2.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn)})
		if err != nil {
			return nil, true, err
		}
		return out, planned || slices.ContainsFunc(out.TargetHealthDescriptions, func(d elbv2types.TargetHealthDescription) bool {
			return d.Target != nil && (aws.ToString(d.Target.Id) == r.t.ID || slices.Contains(r.t.List("addresses"), aws.ToString(d.Target.Id)))
		}), nil
	})
}

func (r *collector) classicLoadBalancers(ctx context.Context) (any, error) {
	registered := []elbtypes.LoadBalancerDescription{}
	p := elasticloadbalancing.NewDescribeLoadBalancersPaginator(r.c.ELB, &elasticloadbalancing.DescribeLoadBalancersInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, lb := range page.LoadBalancerDescriptions {
			if slices.ContainsFunc(lb.Instances, func(i elbtypes.Instance) bool { return aws.ToString(i.InstanceId) == r.t.ID }) {
				registered = append(registered, lb)
			}
		}
	}
	return map[string]any{"LoadBalancerDescriptions": registered}, nil
}
