package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

const quarantineDescription = "Made by cordon to isolate a compromised instance. Do not add rules."

// quarantine is cordon's own group of this case in the VPC. The zero value, {} in JSON, says there is none.
type quarantine struct {
	Found    bool     `json:"found,omitempty"`
	GroupID  string   `json:"group_id,omitempty"`
	RulesIn  []string `json:"rules_in,omitempty"`
	RulesOut []string `json:"rules_out,omitempty"`
}

// QuarantineGroup makes the security group that isolates. AWS gives every new group an egress rule for all of
// IPv4, and another for all of IPv6 where the VPC has it, so both are revoked by what is read, not by what is
// assumed (docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html). No interface uses the group
// before it is read back empty.
var QuarantineGroup = define(Spec[quarantine]{
	Name:    "ec2-quarantine-group",
	Summary: "Make a security group that lets nothing in and nothing out. Nothing uses it yet, so nobody notices.",
	Phase:   casefile.Contain,
	Target:  casefile.VPC,
	Creates: true,
	Partial: true,
	Reads:   Ops{op((*ec2.Client).DescribeSecurityGroups), op((*ec2.Client).DescribeSecurityGroupRules)},
	Writes: Ops{
		op((*ec2.Client).CreateSecurityGroup),
		op((*ec2.Client).RevokeSecurityGroupEgress), op((*ec2.Client).AuthorizeSecurityGroupEgress),
	},
	UndoReads:  Ops{op((*ec2.Client).DescribeNetworkInterfaces)},
	UndoWrites: Ops{op((*ec2.Client).DeleteSecurityGroup)},
	Observe:    observeQuarantine,
	Status: func(t Target, now quarantine) Status {
		if now.Found && len(now.RulesIn) == 0 && slices.Equal(now.RulesOut, quarantineEgress(t)) {
			return Done
		}
		return Todo
	},
	Apply:  applyQuarantine,
	Undo:   undoQuarantine,
	Change: func(t Target, _ quarantine) string { return "no quarantine group -> one with " + egressText(t) },
})

// egressText is what a quarantined interface may still send, for people.
func egressText(t Target) string {
	if t.Param("egress") == "forensics" {
		return "443 to the VPC's own endpoints and nothing else"
	}
	return "no rule"
}

// quarantineName cannot collide with anybody else's group: names are unique in a VPC, and the op-id is random.
func quarantineName(t Target) string {
	return "cordon-quarantine-" + shortHash(t.Case, t.OpID)
}

// quarantineEgress is what the group lets out: nothing, or with egress=forensics 443 to the security groups of
// the SSM endpoints and to the prefix list of the S3 gateway endpoint.
func quarantineEgress(t Target) []string {
	if t.Param("egress") != "forensics" {
		return nil
	}
	var rules []string
	for _, peer := range append(t.List("endpoint_groups"), t.List("prefix_lists")...) {
		rules = append(rules, ruleText("tcp", aws.Int32(443), aws.Int32(443), peer))
	}
	return sortedSet(rules)
}

// observeQuarantine trusts a group only where tag, name, description, owner and VPC are all cordon's: tags can
// be put on anything by anybody who may tag. A name is unique in its VPC, so a stranger's group that carries a
// copied tag is no reason to stop, and two that match in everything cannot be.
func observeQuarantine(ctx context.Context, c *AWS, t Target) (quarantine, error) {
	if t.OpID == "" {
		return quarantine{}, nil
	}
	groups, err := findGroups(ctx, c, ec2Filter("vpc-id", t.ID), ec2Filter("tag:cordon:op", t.OpID))
	if err != nil {
		return quarantine{}, err
	}
	var ours []ec2types.SecurityGroup
	for _, g := range groups {
		if aws.ToString(g.GroupName) == quarantineName(t) && aws.ToString(g.Description) == quarantineDescription &&
			aws.ToString(g.OwnerId) == c.Account && aws.ToString(g.VpcId) == t.ID {
			ours = append(ours, g)
		}
	}
	switch len(ours) {
	case 0:
		return quarantine{}, nil
	case 1:
		return withRules(ctx, c, ours[0])
	}
	return quarantine{}, fmt.Errorf("two security groups named %s carry this step's tag: neither is trusted", quarantineName(t))
}

// withRules reads a group's rules in both of the forms that AWS has for them. They are kept apart there, and a
// new group's default egress may show in one before the other: a rule seen in either counts.
func withRules(ctx context.Context, c *AWS, g ec2types.SecurityGroup) (quarantine, error) {
	rules, err := findGroupRules(ctx, c, aws.ToString(g.GroupId))
	if err != nil {
		return quarantine{}, err
	}
	return ruled(g, rules), nil
}

func ruled(g ec2types.SecurityGroup, rules []groupRule) quarantine {
	q := quarantine{
		Found: true, GroupID: aws.ToString(g.GroupId),
		RulesIn: permissionTexts(g.IpPermissions), RulesOut: permissionTexts(g.IpPermissionsEgress),
	}
	for _, r := range rules {
		if r.egress {
			q.RulesOut = append(q.RulesOut, r.text)
		} else {
			q.RulesIn = append(q.RulesIn, r.text)
		}
	}
	q.RulesIn, q.RulesOut = sortedSet(q.RulesIn), sortedSet(q.RulesOut)
	return q
}

func applyQuarantine(ctx context.Context, c *AWS, t Target, now quarantine) error {
	if len(now.RulesIn) > 0 {
		return fmt.Errorf("security group %s was made by cordon but somebody added inbound rules to it: %s", now.GroupID, strings.Join(now.RulesIn, "; "))
	}
	group := now.GroupID
	if !now.Found {
		out, err := c.EC2.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{
			GroupName: aws.String(quarantineName(t)), Description: aws.String(quarantineDescription), VpcId: aws.String(t.ID),
			TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSecurityGroup, Tags: t.Tags()}},
		})
		if err != nil {
			return fmt.Errorf("create the quarantine group in %s: %w", t.ID, err)
		}
		group = aws.ToString(out.GroupId)
	}
	rules, err := findGroupRules(ctx, c, group)
	if err != nil {
		return err
	}
	return setEgress(ctx, c, t, group, rules)
}

// setEgress takes away what the group lets out beyond what it is to let out, before it adds anything.
func setEgress(ctx context.Context, c *AWS, t Target, group string, rules []groupRule) error {
	wanted := quarantineEgress(t)
	var extra, there []string
	for _, r := range rules {
		switch {
		case !r.egress:
			return fmt.Errorf("security group %s was made by cordon but somebody added the inbound rule %q to it", group, r.text)
		case slices.Contains(wanted, r.text):
			there = append(there, r.text)
		default:
			extra = append(extra, r.id)
		}
	}
	if len(extra) > 0 {
		if _, err := c.EC2.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: aws.String(group), SecurityGroupRuleIds: extra}); err != nil {
			return fmt.Errorf("revoke the egress rules of %s: %w", group, err)
		}
	}
	permissions := forensicsPermissions(t, there)
	if len(permissions) == 0 {
		return nil
	}
	if _, err := c.EC2.AuthorizeSecurityGroupEgress(ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: aws.String(group), IpPermissions: permissions}); err != nil {
		return fmt.Errorf("let %s reach the VPC's endpoints: %w", group, err)
	}
	return nil
}

// forensicsPermissions is what quarantineEgress says, in the form of the call, less what is there already.
func forensicsPermissions(t Target, there []string) []ec2types.IpPermission {
	if t.Param("egress") != "forensics" {
		return nil
	}
	var permissions []ec2types.IpPermission
	add := func(peer string, p ec2types.IpPermission) {
		p.IpProtocol, p.FromPort, p.ToPort = aws.String("tcp"), aws.Int32(443), aws.Int32(443)
		if !slices.Contains(there, ruleText("tcp", p.FromPort, p.ToPort, peer)) {
			permissions = append(permissions, p)
		}
	}
	for _, id := range t.List("endpoint_groups") {
		add(id, ec2types.IpPermission{UserIdGroupPairs: []ec2types.UserIdGroupPair{{GroupId: aws.String(id)}}})
	}
	for _, id := range t.List("prefix_lists") {
		add(id, ec2types.IpPermission{PrefixListIds: []ec2types.PrefixListId{{PrefixListId: aws.String(id)}}})
	}
	return permissions
}

// errInUse says why the quarantine group has to stay.
var errInUse = errors.New("the quarantine group is still used")

func undoQuarantine(ctx context.Context, c *AWS, t Target, _, now quarantine) error {
	if !now.Found {
		return nil
	}
	if err := onlyOurRules(t, now); err != nil {
		return err
	}
	if err := unused(ctx, c, now.GroupID); err != nil {
		return err
	}
	if _, err := c.EC2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: aws.String(now.GroupID)}); err != nil {
		return fmt.Errorf("delete the quarantine group %s: %w", now.GroupID, err)
	}
	return nil
}

// onlyOurRules admits what cordon gave, and the egress that AWS gives a new group: a run that died between
// making the group and emptying it leaves that.
func onlyOurRules(t Target, now quarantine) error {
	admitted := append(quarantineEgress(t), "all -1 0.0.0.0/0", "all -1 ::/0")
	for _, r := range now.RulesOut {
		if !slices.Contains(admitted, r) {
			return fmt.Errorf("security group %s has the outbound rule %q, which cordon did not give it: it is left alone", now.GroupID, r)
		}
	}
	if len(now.RulesIn) > 0 {
		return fmt.Errorf("security group %s has the inbound rule %q, which cordon did not give it: it is left alone", now.GroupID, now.RulesIn[0])
	}
	return nil
}

// unused looks itself, rather than rely on AWS to refuse the deletion, so that the answer names the user.
func unused(ctx context.Context, c *AWS, group string) error {
	pages := ec2.NewDescribeNetworkInterfacesPaginator(c.EC2, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{ec2Filter("group-id", group)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the interfaces that use %s: %w", group, err)
		}
		for _, i := range page.NetworkInterfaces {
			return fmt.Errorf("%s is on interface %s: %w", group, aws.ToString(i.NetworkInterfaceId), errInUse)
		}
	}
	for _, filter := range []string{"ip-permission.group-id", "egress.ip-permission.group-id"} {
		groups, err := findGroups(ctx, c, ec2Filter(filter, group))
		if err != nil {
			return err
		}
		for _, g := range groups {
			if aws.ToString(g.GroupId) != group {
				return fmt.Errorf("a rule of %s refers to %s: %w", aws.ToString(g.GroupId), group, errInUse)
			}
		}
	}
	return nil
}
