package action

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"
)

// hasCode tells whether err is an API error with one of these codes.
func hasCode(err error, codes ...string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && slices.Contains(codes, api.ErrorCode())
}

// ec2Filter is one filter of an EC2 Describe call.
func ec2Filter(name string, values ...string) ec2types.Filter {
	return ec2types.Filter{Name: aws.String(name), Values: values}
}

// findGroups lists the security groups that match, and looks at every page.
func findGroups(ctx context.Context, c *AWS, filters ...ec2types.Filter) ([]ec2types.SecurityGroup, error) {
	var groups []ec2types.SecurityGroup
	pages := ec2.NewDescribeSecurityGroupsPaginator(c.EC2, &ec2.DescribeSecurityGroupsInput{Filters: filters})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list security groups: %w", err)
		}
		groups = append(groups, page.SecurityGroups...)
	}
	return groups, nil
}

// groupRule is one rule of a security group: its text is what states and comparisons hold, since an id says
// nothing of what the rule lets through.
type groupRule struct {
	id     string
	text   string
	egress bool
}

// findGroupRules lists every rule of a security group by its id, as AWS has it now.
func findGroupRules(ctx context.Context, c *AWS, groupID string) ([]groupRule, error) {
	var rules []groupRule
	pages := ec2.NewDescribeSecurityGroupRulesPaginator(c.EC2, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{ec2Filter("group-id", groupID)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the rules of security group %s: %w", groupID, err)
		}
		for _, r := range page.SecurityGroupRules {
			rules = append(rules, groupRule{id: aws.ToString(r.SecurityGroupRuleId), text: groupRuleText(r), egress: aws.ToBool(r.IsEgress)})
		}
	}
	return rules, nil
}

// groupRuleText is a rule in one line: protocol, ports, peer.
func groupRuleText(r ec2types.SecurityGroupRule) string {
	peer := aws.ToString(r.CidrIpv4) + aws.ToString(r.CidrIpv6) + aws.ToString(r.PrefixListId)
	if r.ReferencedGroupInfo != nil {
		peer += aws.ToString(r.ReferencedGroupInfo.GroupId)
	}
	return ruleText(aws.ToString(r.IpProtocol), r.FromPort, r.ToPort, peer)
}

// ruleText leaves ports out where the protocol has none: AWS gives them as absent or as -1 there.
func ruleText(protocol string, from, to *int32, peer string) string {
	if protocol == "-1" || from == nil || to == nil {
		return "all " + protocol + " " + peer
	}
	return fmt.Sprintf("%s %d-%d %s", protocol, *from, *to, peer)
}

// permissionTexts is the same for the form in which DescribeSecurityGroups gives rules.
func permissionTexts(permissions []ec2types.IpPermission) []string {
	var texts []string
	for _, p := range permissions {
		add := func(peer *string) {
			texts = append(texts, ruleText(aws.ToString(p.IpProtocol), p.FromPort, p.ToPort, aws.ToString(peer)))
		}
		for _, r := range p.IpRanges {
			add(r.CidrIp)
		}
		for _, r := range p.Ipv6Ranges {
			add(r.CidrIpv6)
		}
		for _, r := range p.PrefixListIds {
			add(r.PrefixListId)
		}
		for _, r := range p.UserIdGroupPairs {
			add(r.GroupId)
		}
	}
	return texts
}

// sortedSet sorts texts and drops those that occur twice.
func sortedSet(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
