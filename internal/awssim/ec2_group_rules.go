package awssim

import (
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// groupRule is a rule with the group and direction it belongs to.
type groupRule struct {
	*Rule
	group  *SecurityGroup
	egress bool
}

// describeSecurityGroupRules: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroupRules.html.
func describeSecurityGroupRules(r *Request, in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.SecurityGroupRuleIds, ""); err != nil {
		return nil, err
	}
	all := map[string]*groupRule{}
	for _, g := range view(r, r.Region.SecurityGroups) {
		for i := range g.Ingress {
			all[g.Ingress[i].ID] = &groupRule{&g.Ingress[i], g, false}
		}
		for i := range g.Egress {
			all[g.Egress[i].ID] = &groupRule{&g.Egress[i], g, true}
		}
	}
	fields := func(v *groupRule, filter string) ([]string, bool) {
		switch filter {
		case "group-id":
			if v.group == nil {
				return nil, true
			}
			return []string{v.group.ID}, true
		case "security-group-rule-id":
			if v.Rule == nil {
				return nil, true
			}
			return []string{v.ID}, true
		}
		return nil, false
	}
	found, err := list(r, ruleKind, all, in.SecurityGroupRuleIds, in.Filters, fields, func(v *groupRule) map[string]string { return v.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(v *groupRule) string { return v.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupRulesOutput{NextToken: next}
	for _, v := range found {
		out.SecurityGroupRules = append(out.SecurityGroupRules, r.describeRule(v.group, v.egress, *v.Rule))
	}
	return out, nil
}

func (r *Request) describeRule(g *SecurityGroup, egress bool, rule Rule) ec2types.SecurityGroupRule {
	d := ec2types.SecurityGroupRule{
		SecurityGroupRuleId: aws.String(rule.ID), GroupId: aws.String(g.ID), GroupOwnerId: aws.String(r.Account.ID),
		IsEgress: aws.Bool(egress), IpProtocol: aws.String(rule.Protocol), FromPort: aws.Int32(rule.From), ToPort: aws.Int32(rule.To),
		CidrIpv4: opt(rule.CIDR), CidrIpv6: opt(rule.IPv6CIDR), PrefixListId: opt(rule.PrefixList), Description: opt(rule.Description),
		SecurityGroupRuleArn: aws.String(r.arn("ec2", "security-group-rule/"+rule.ID)), Tags: ec2Tags(rule.Tags),
	}
	if rule.Group != "" {
		d.ReferencedGroupInfo = &ec2types.ReferencedSecurityGroup{
			GroupId: aws.String(rule.Group), UserId: aws.String(orElse(rule.GroupOwner, r.Account.ID)), VpcId: aws.String(g.VPC),
		}
	}
	return d
}

// permissions shows rules the older way, gathered by protocol and ports.
func (r *Request) permissions(rules []Rule) []ec2types.IpPermission {
	var out []ec2types.IpPermission
	type key struct {
		protocol string
		from, to int32
	}
	at := map[key]int{}
	for _, rule := range rules {
		k := key{rule.Protocol, rule.From, rule.To}
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			p := ec2types.IpPermission{IpProtocol: aws.String(rule.Protocol)}
			if rule.Protocol != "-1" {
				p.FromPort, p.ToPort = aws.Int32(rule.From), aws.Int32(rule.To)
			}
			out = append(out, p)
		}
		p := &out[i]
		switch {
		case rule.CIDR != "":
			p.IpRanges = append(p.IpRanges, ec2types.IpRange{CidrIp: aws.String(rule.CIDR), Description: opt(rule.Description)})
		case rule.IPv6CIDR != "":
			p.Ipv6Ranges = append(p.Ipv6Ranges, ec2types.Ipv6Range{CidrIpv6: aws.String(rule.IPv6CIDR), Description: opt(rule.Description)})
		case rule.PrefixList != "":
			p.PrefixListIds = append(p.PrefixListIds, ec2types.PrefixListId{PrefixListId: aws.String(rule.PrefixList), Description: opt(rule.Description)})
		case rule.Group != "":
			p.UserIdGroupPairs = append(p.UserIdGroupPairs, ec2types.UserIdGroupPair{
				GroupId: aws.String(rule.Group), UserId: aws.String(orElse(rule.GroupOwner, r.Account.ID)), Description: opt(rule.Description),
			})
		}
	}
	return out
}

// parseRules turns permissions into single rules, each in AWS's canonical form.
func (r *Request) parseRules(permissions []ec2types.IpPermission) ([]Rule, error) {
	var rules []Rule
	for _, p := range permissions {
		base, err := parseProtocol(p)
		if err != nil {
			return nil, err
		}
		before := len(rules)
		for _, x := range p.IpRanges {
			rule := base
			if rule.CIDR, err = parseBlock(aws.ToString(x.CidrIp), true); err != nil {
				return nil, err
			}
			rule.Description = aws.ToString(x.Description)
			rules = append(rules, rule)
		}
		for _, x := range p.Ipv6Ranges {
			rule := base
			if rule.IPv6CIDR, err = parseBlock(aws.ToString(x.CidrIpv6), false); err != nil {
				return nil, err
			}
			rule.Description = aws.ToString(x.Description)
			rules = append(rules, rule)
		}
		for _, x := range p.PrefixListIds {
			if _, err := find(r, prefixListKind, r.Region.PrefixLists, x.PrefixListId); err != nil {
				return nil, err
			}
			rule := base
			rule.PrefixList, rule.Description = *x.PrefixListId, aws.ToString(x.Description)
			rules = append(rules, rule)
		}
		for _, x := range p.UserIdGroupPairs {
			rule := base
			if rule.GroupOwner = aws.ToString(x.UserId); rule.GroupOwner == r.Account.ID {
				rule.GroupOwner = ""
			}
			if rule.GroupOwner == "" {
				if _, err := find(r, groupKind, r.Region.SecurityGroups, x.GroupId); err != nil {
					return nil, err
				}
			}
			rule.Group, rule.Description = aws.ToString(x.GroupId), aws.ToString(x.Description)
			rules = append(rules, rule)
		}
		if len(rules) == before {
			return nil, fail("InvalidParameterValue", "Invalid value '' for a rule: it needs a block, a prefix list or a group")
		}
	}
	return rules, nil
}

// parseProtocol reads protocol and ports. Protocols other than TCP, UDP and
// ICMP take all ports, whatever is given (API_IpPermission).
func parseProtocol(p ec2types.IpPermission) (Rule, error) {
	names := map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
	protocol := aws.ToString(p.IpProtocol)
	if name, ok := names[protocol]; ok {
		protocol = name
	}
	switch protocol {
	case "":
		return Rule{}, fail("MissingParameter", "The request must contain the parameter ipProtocol")
	case "tcp", "udp", "icmp", "icmpv6":
		if p.FromPort == nil || p.ToPort == nil {
			if protocol == "icmpv6" {
				return Rule{Protocol: protocol, From: -1, To: -1}, nil
			}
			return Rule{}, fail("MissingParameter", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
		}
		if protocol[0] != 'i' && (*p.FromPort < 0 || *p.ToPort > 65535 || *p.FromPort > *p.ToPort) {
			return Rule{}, fail("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", *p.FromPort, *p.ToPort)
		}
		return Rule{Protocol: protocol, From: *p.FromPort, To: *p.ToPort}, nil
	default:
		return Rule{Protocol: protocol, From: -1, To: -1}, nil
	}
}

// parseBlock reads a block and clears its host bits, as AWS does.
func parseBlock(block string, ipv4 bool) (string, error) {
	p, err := netip.ParsePrefix(block)
	if err != nil || p.Addr().Is4() != ipv4 {
		return "", fail("InvalidParameterValue", "CIDR block %s is malformed", block)
	}
	return p.Masked().String(), nil
}

func sameRule(a, b Rule) bool {
	return a.Protocol == b.Protocol && a.From == b.From && a.To == b.To && a.CIDR == b.CIDR && a.IPv6CIDR == b.IPv6CIDR &&
		a.PrefixList == b.PrefixList && a.Group == b.Group && a.GroupOwner == b.GroupOwner
}

// authorize adds rules to one direction of a group; a rule that is there
// already refuses them all. A group holds 60 rules each way
// (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
func (r *Request) authorize(groupID *string, egress bool, permissions []ec2types.IpPermission, tagging []ec2types.TagSpecification) ([]ec2types.SecurityGroupRule, error) {
	g, err := find(r, groupKind, r.Region.SecurityGroups, groupID)
	if err != nil {
		return nil, err
	}
	if len(permissions) == 0 {
		return nil, fail("MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	rules, err := r.parseRules(permissions)
	if err != nil {
		return nil, err
	}
	tags, err := specifiedTags(tagging, ec2types.ResourceTypeSecurityGroupRule)
	if err != nil {
		return nil, err
	}
	direction := g.direction(egress)
	all := slices.Clone(*direction)
	for i := range rules {
		if slices.ContainsFunc(all, func(there Rule) bool { return sameRule(there, rules[i]) }) {
			return nil, fail("InvalidPermission.Duplicate", "the specified rule %q already exists", rules[i].CIDR+rules[i].IPv6CIDR+rules[i].Group+rules[i].PrefixList)
		}
		rules[i].Tags = tagsOf(tags)
		all = append(all, rules[i])
	}
	if len(all) > 60 {
		return nil, fail("RulesPerSecurityGroupLimitExceeded", "The maximum number of rules per security group has been reached.")
	}
	r.policeRules(g, rules)
	touch(r, r.Region.SecurityGroups, g.ID)
	var out []ec2types.SecurityGroupRule
	for i := range rules {
		rules[i].ID = r.newID("sgr")
		out = append(out, r.describeRule(g, egress, rules[i]))
	}
	*direction = append(slices.Clone(*direction), rules...)
	return out, nil
}

func (g *SecurityGroup) direction(egress bool) *[]Rule {
	if egress {
		return &g.Egress
	}
	return &g.Ingress
}

// revoked is what a revocation did.
type revoked struct {
	rules   []ec2types.RevokedSecurityGroupRule
	unknown []ec2types.IpPermission
}

// revoke removes rules by id or by what they say. What matches no rule is an
// error, save in the default VPC, where it is only reported
// (API_RevokeSecurityGroupEgress).
func (r *Request) revoke(groupID *string, egress bool, permissions []ec2types.IpPermission, ids []string) (revoked, error) {
	var done revoked
	g, err := find(r, groupKind, r.Region.SecurityGroups, groupID)
	if err != nil {
		return done, err
	}
	if (len(permissions) == 0) == (len(ids) == 0) {
		return done, fail("InvalidParameterCombination", "Exactly one of 'ipPermissions' and 'securityGroupRuleIds' should be provided.")
	}
	direction := g.direction(egress)
	left := slices.Clone(*direction)
	take := func(match func(Rule) bool) bool {
		i := slices.IndexFunc(left, match)
		if i < 0 {
			return false
		}
		rule := left[i]
		left = slices.Delete(left, i, i+1)
		done.rules = append(done.rules, ec2types.RevokedSecurityGroupRule{
			SecurityGroupRuleId: aws.String(rule.ID), GroupId: aws.String(g.ID), IsEgress: aws.Bool(egress), IpProtocol: aws.String(rule.Protocol),
			FromPort: aws.Int32(rule.From), ToPort: aws.Int32(rule.To), CidrIpv4: opt(rule.CIDR), CidrIpv6: opt(rule.IPv6CIDR),
			PrefixListId: opt(rule.PrefixList), ReferencedGroupId: opt(rule.Group), Description: opt(rule.Description),
		})
		return true
	}
	for _, id := range ids {
		if err := ruleKind.check(id); err != nil {
			return done, err
		}
		if !take(func(rule Rule) bool { return rule.ID == id }) {
			r.missing(id)
			return revoked{}, ruleKind.gone(id)
		}
	}
	rules, err := r.parseRules(permissions)
	if err != nil {
		return done, err
	}
	for _, rule := range rules {
		if take(func(there Rule) bool { return sameRule(there, rule) }) {
			continue
		}
		if vpc := r.Region.VPCs[g.VPC]; vpc == nil || !vpc.Default {
			return revoked{}, fail("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		done.unknown = append(done.unknown, r.permissions([]Rule{rule})...)
	}
	touch(r, r.Region.SecurityGroups, g.ID)
	*direction = left
	return done, nil
}

// single is the one permission that the older, flat parameters give.
func single(permissions []ec2types.IpPermission, protocol *string, from, to *int32, cidr *string) []ec2types.IpPermission {
	if cidr == nil {
		return permissions
	}
	return append(slices.Clone(permissions), ec2types.IpPermission{
		IpProtocol: protocol, FromPort: from, ToPort: to, IpRanges: []ec2types.IpRange{{CidrIp: cidr}},
	})
}

func authorizeSecurityGroupEgress(r *Request, in *ec2.AuthorizeSecurityGroupEgressInput) (*ec2.AuthorizeSecurityGroupEgressOutput, error) {
	rules, err := r.authorize(in.GroupId, true, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupEgressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, nil
}

func authorizeSecurityGroupIngress(r *Request, in *ec2.AuthorizeSecurityGroupIngressInput) (*ec2.AuthorizeSecurityGroupIngressOutput, error) {
	rules, err := r.authorize(in.GroupId, false, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.TagSpecifications)
	if err != nil {
		return nil, err
	}
	return &ec2.AuthorizeSecurityGroupIngressOutput{Return: aws.Bool(true), SecurityGroupRules: rules}, nil
}

func revokeSecurityGroupEgress(r *Request, in *ec2.RevokeSecurityGroupEgressInput) (*ec2.RevokeSecurityGroupEgressOutput, error) {
	done, err := r.revoke(in.GroupId, true, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.SecurityGroupRuleIds)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupEgressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: done.rules, UnknownIpPermissions: done.unknown}, nil
}

func revokeSecurityGroupIngress(r *Request, in *ec2.RevokeSecurityGroupIngressInput) (*ec2.RevokeSecurityGroupIngressOutput, error) {
	done, err := r.revoke(in.GroupId, false, single(in.IpPermissions, in.IpProtocol, in.FromPort, in.ToPort, in.CidrIp), in.SecurityGroupRuleIds)
	if err != nil {
		return nil, err
	}
	return &ec2.RevokeSecurityGroupIngressOutput{Return: aws.Bool(true), RevokedSecurityGroupRules: done.rules, UnknownIpPermissions: done.unknown}, nil
}
