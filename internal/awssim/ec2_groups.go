package awssim

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeSecurityGroups: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html.
// Names are those of the default VPC alone.
func describeSecurityGroups(r *Request, in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.GroupIds, "groupIds"); err != nil {
		return nil, err
	}
	filters := in.Filters
	if len(in.GroupNames) > 0 {
		filters = append(slices.Clone(filters), ec2types.Filter{Name: aws.String("group-name"), Values: in.GroupNames})
	}
	found, err := list(r, groupKind, r.Region.SecurityGroups, in.GroupIds, filters, r.groupField,
		func(g *SecurityGroup) map[string]string { return g.Tags })
	if err != nil {
		return nil, err
	}
	if len(in.GroupNames) > 0 {
		found = slices.DeleteFunc(found, func(g *SecurityGroup) bool {
			vpc := r.Region.VPCs[g.VPC]
			return vpc == nil || !vpc.Default
		})
		if len(found) == 0 {
			return nil, fail("InvalidGroup.NotFound", "The security group '%s' does not exist in default VPC", in.GroupNames[0])
		}
	}
	found, next, err := page(r, found, func(g *SecurityGroup) string { return g.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSecurityGroupsOutput{NextToken: next}
	for _, g := range found {
		out.SecurityGroups = append(out.SecurityGroups, ec2types.SecurityGroup{
			GroupId: aws.String(g.ID), GroupName: aws.String(g.Name), Description: aws.String(g.Description),
			VpcId: aws.String(g.VPC), OwnerId: aws.String(r.Account.ID), Tags: ec2Tags(g.Tags),
			SecurityGroupArn: aws.String(r.arn("ec2", "security-group/"+g.ID)),
			IpPermissions:    r.permissions(g.Ingress), IpPermissionsEgress: r.permissions(g.Egress),
		})
	}
	return out, nil
}

func (r *Request) groupField(g *SecurityGroup, filter string) ([]string, bool) {
	rules, name := g.Ingress, filter
	if rest, ok := strings.CutPrefix(filter, "egress."); ok {
		rules, name = g.Egress, rest
	}
	pick := func(f func(Rule) string) ([]string, bool) {
		var values []string
		for _, rule := range rules {
			values = append(values, some(f(rule))...)
		}
		return values, true
	}
	switch name {
	case "ip-permission.group-id":
		return pick(func(rule Rule) string { return rule.Group })
	case "ip-permission.cidr":
		return pick(func(rule Rule) string { return rule.CIDR })
	case "ip-permission.ipv6-cidr":
		return pick(func(rule Rule) string { return rule.IPv6CIDR })
	case "ip-permission.prefix-list-id":
		return pick(func(rule Rule) string { return rule.PrefixList })
	case "ip-permission.protocol":
		return pick(func(rule Rule) string { return rule.Protocol })
	}
	switch filter {
	case "group-id":
		return []string{g.ID}, true
	case "group-name":
		return []string{g.Name}, true
	case "vpc-id":
		return []string{g.VPC}, true
	case "description":
		return []string{g.Description}, true
	case "owner-id":
		return []string{r.Account.ID}, true
	}
	return nil, false
}

// groupCharacters are those that names and descriptions may have in a VPC.
const groupCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._-:/()#,@[]+=&;{}!$*"

// createSecurityGroup gives the new group the rules that let all traffic out.
// Names are compared without case
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html).
func createSecurityGroup(r *Request, in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	name, description := aws.ToString(in.GroupName), aws.ToString(in.Description)
	for what, text := range map[string]string{"groupName": name, "groupDescription": description} {
		if text == "" || len(text) > 255 || strings.Trim(text, groupCharacters) != "" {
			return nil, fail("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", text, what)
		}
	}
	if strings.HasPrefix(strings.ToLower(name), "sg-") {
		return nil, fail("InvalidParameterValue", "Group names may not be in the format sg-*")
	}
	if strings.EqualFold(name, "default") {
		return nil, fail("InvalidGroup.Reserved", "The security group '%s' is reserved", name)
	}
	vpc, err := r.groupVPC(in.VpcId)
	if err != nil {
		return nil, err
	}
	for _, g := range r.Region.SecurityGroups {
		if g.VPC == vpc.ID && strings.EqualFold(g.Name, name) {
			return nil, fail("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpc.ID)
		}
	}
	tags, err := specifiedTags(in.TagSpecifications, ec2types.ResourceTypeSecurityGroup)
	if err != nil {
		return nil, err
	}
	g := &SecurityGroup{ID: r.newID("sg"), Name: name, Description: description, VPC: vpc.ID, Tags: tags, Egress: r.World.openEgress(vpc)}
	touch(r, r.Region.SecurityGroups, g.ID)
	r.Region.SecurityGroups[g.ID] = g
	r.policeTags("security group "+g.ID, tags)
	return &ec2.CreateSecurityGroupOutput{
		GroupId: aws.String(g.ID), SecurityGroupArn: aws.String(r.arn("ec2", "security-group/"+g.ID)), Tags: ec2Tags(tags),
	}, nil
}

func (r *Request) groupVPC(id *string) (*VPC, error) {
	if aws.ToString(id) != "" {
		return find(r, vpcKind, r.Region.VPCs, id)
	}
	for _, vpc := range r.Region.VPCs {
		if vpc.Default {
			return vpc, nil
		}
	}
	return nil, fail("VPCIdNotSpecified", "No default VPC for this user")
}

// deleteSecurityGroup refuses a group that an interface has or another group's
// rule names (API_DeleteSecurityGroup), and a default group.
func deleteSecurityGroup(r *Request, in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	if in.GroupId == nil {
		return nil, fail("MissingParameter", "The request must contain the parameter groupId")
	}
	g, err := find(r, groupKind, r.Region.SecurityGroups, in.GroupId)
	if err != nil {
		return nil, err
	}
	if g.Name == "default" {
		return nil, fail("CannotDelete", "the specified group: \"%s\" name: \"default\" cannot be deleted by a user", g.ID)
	}
	if r.groupInUse(g.ID) {
		return nil, fail("DependencyViolation", "resource %s has a dependent object", g.ID)
	}
	touch(r, r.Region.SecurityGroups, g.ID)
	delete(r.Region.SecurityGroups, g.ID)
	return &ec2.DeleteSecurityGroupOutput{Return: aws.Bool(true), GroupId: aws.String(g.ID)}, nil
}

func (r *Request) groupInUse(id string) bool {
	for _, n := range r.Region.NetworkInterfaces {
		if slices.Contains(n.Groups, id) {
			return true
		}
	}
	for _, other := range r.Region.SecurityGroups {
		names := func(rule Rule) bool { return rule.Group == id }
		if other.ID != id && slices.ContainsFunc(slices.Concat(other.Ingress, other.Egress), names) {
			return true
		}
	}
	return false
}
