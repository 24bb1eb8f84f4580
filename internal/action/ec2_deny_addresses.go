package action

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

// denial is one address in one direction. Rule is the number of the entry that denies it ahead of whatever
// allows it, 0 where none does.
type denial struct {
	CIDR   string `json:"cidr"`
	Egress bool   `json:"egress"`
	Rule   int32  `json:"rule"`
}

type denials struct {
	Entries []denial `json:"entries"`
}

// DenyAddresses cuts what security groups cannot: flows that are tracked live on when a group changes, whereas a
// network ACL keeps no state and breaks them at once
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html).
var DenyAddresses = define(Spec[denials]{
	Name:       "ec2-deny-addresses",
	Summary:    "Deny the addresses in the network ACL, both ways. It cuts established connections too, for everything in the ACL's subnets.",
	Phase:      casefile.Contain,
	Target:     casefile.NetworkACL,
	Partial:    true,
	Reads:      Ops{op((*ec2.Client).DescribeNetworkAcls), op((*ec2.Client).DescribeNetworkInterfaces)},
	Writes:     Ops{op((*ec2.Client).CreateNetworkAclEntry)},
	UndoWrites: Ops{op((*ec2.Client).DeleteNetworkAclEntry)},
	Observe: func(ctx context.Context, c *AWS, t Target) (denials, error) {
		addresses, err := addressesToDeny(t)
		if err != nil {
			return denials{}, err
		}
		acl, err := findACL(ctx, c, t.ID)
		if err != nil {
			return denials{}, err
		}
		now := denials{Entries: []denial{}}
		for _, a := range addresses {
			for _, egress := range [...]bool{false, true} {
				now.Entries = append(now.Entries, denial{CIDR: a.String(), Egress: egress, Rule: denyingRule(acl, a, egress)})
			}
		}
		return now, nil
	},
	Status: func(_ Target, now denials) Status {
		if slices.ContainsFunc(now.Entries, func(d denial) bool { return d.Rule == 0 }) {
			return Todo
		}
		return Done
	},
	Apply:  applyDenials,
	Undo:   undoDenials,
	Impact: denialImpact,
	Change: func(t Target, now denials) string {
		var open []string
		for _, d := range now.Entries {
			if d.Rule == 0 && !slices.Contains(open, d.CIDR) {
				open = append(open, d.CIDR)
			}
		}
		if len(open) == 0 {
			return "denied already"
		}
		return "deny " + strings.Join(open, ", ")
	},
})

// addressesToDeny checks what the plan holds once more: an address of one's own side here would cut that off.
func addressesToDeny(t Target) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range t.List("addresses") {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, fmt.Errorf("read the address to deny: %w", err)
		}
		a = a.Unmap()
		if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
			return nil, fmt.Errorf("%s is not denied: it is no public address", a)
		}
		prefixes = append(prefixes, netip.PrefixFrom(a, a.BitLen()))
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return slices.Compact(prefixes), nil
}

func findACL(ctx context.Context, c *AWS, id string) (ec2types.NetworkAcl, error) {
	out, err := c.EC2.DescribeNetworkAcls(ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{id}})
	if hasCode(err, "InvalidNetworkAclID.NotFound") {
		return ec2types.NetworkAcl{}, fmt.Errorf("network ACL %s: %w", id, ErrGone)
	}
	if err != nil {
		return ec2types.NetworkAcl{}, fmt.Errorf("look at network ACL %s: %w", id, err)
	}
	if len(out.NetworkAcls) != 1 {
		return ec2types.NetworkAcl{}, fmt.Errorf("look at network ACL %s: AWS answered with %d of them", id, len(out.NetworkAcls))
	}
	return out.NetworkAcls[0], nil
}

// covers tells whether an entry of an ACL is about the address. What does not parse is taken to be: better one
// deny too many than an allow overlooked.
func covers(e ec2types.NetworkAclEntry, address netip.Prefix) bool {
	text := aws.ToString(e.CidrBlock)
	if address.Addr().Is6() {
		text = aws.ToString(e.Ipv6CidrBlock)
	}
	if text == "" {
		return false
	}
	p, err := netip.ParsePrefix(text)
	return err != nil || p.Contains(address.Addr())
}

// firstAllow is the number of the first entry that lets any traffic of the address through, above every number
// where there is none. AWS takes entries in ascending order, and the first that matches decides
// (docs.aws.amazon.com/vpc/latest/userguide/nacl-rules.html).
func firstAllow(acl ec2types.NetworkAcl, address netip.Prefix, egress bool) int32 {
	first := int32(1 << 20)
	for _, e := range acl.Entries {
		if aws.ToBool(e.Egress) == egress && e.RuleAction == ec2types.RuleActionAllow && covers(e, address) {
			first = min(first, aws.ToInt32(e.RuleNumber))
		}
	}
	return first
}

// denyingRule is the first entry that denies all of the address's traffic ahead of every allow, 0 for none.
func denyingRule(acl ec2types.NetworkAcl, address netip.Prefix, egress bool) int32 {
	allow, rule := firstAllow(acl, address, egress), int32(0)
	for _, e := range acl.Entries {
		n := aws.ToInt32(e.RuleNumber)
		if aws.ToBool(e.Egress) != egress || e.RuleAction != ec2types.RuleActionDeny || aws.ToString(e.Protocol) != "-1" || n >= allow {
			continue
		}
		if covers(e, address) && (rule == 0 || n < rule) {
			rule = n
		}
	}
	return rule
}

// aclQuota is how many entries an ACL takes in a direction, AWS's own deny at the end counted; accounts may
// have it raised to 40 (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
const aclQuota, aclQuotaRaised = 20, 40

// aclTop is the last number that a rule of one's own may have, by the doc of CreateNetworkAclEntry.
const aclTop = 32766

// applyDenials decides on every entry before it sends the first, so that an ACL that cannot take all is not
// changed at all.
func applyDenials(ctx context.Context, c *AWS, t Target, now denials) error {
	acl, err := findACL(ctx, c, t.ID)
	if err != nil {
		return err
	}
	planned, err := place(acl, now)
	if err != nil {
		return err
	}
	for _, d := range planned {
		in := &ec2.CreateNetworkAclEntryInput{
			NetworkAclId: aws.String(t.ID), Egress: aws.Bool(d.Egress), RuleNumber: aws.Int32(d.Rule),
			Protocol: aws.String("-1"), RuleAction: ec2types.RuleActionDeny,
		}
		if strings.Contains(d.CIDR, ":") {
			in.Ipv6CidrBlock = aws.String(d.CIDR)
		} else {
			in.CidrBlock = aws.String(d.CIDR)
		}
		_, err := c.EC2.CreateNetworkAclEntry(ctx, in)
		if hasCode(err, "NetworkAclEntryLimitExceeded") {
			return fmt.Errorf("network ACL %s is full: remove rules or have AWS raise the quota of rules per network ACL: %w", t.ID, err)
		}
		if err != nil {
			return fmt.Errorf("deny %s in network ACL %s: %w", d.CIDR, t.ID, err)
		}
	}
	return nil
}

// place gives each entry that is missing the highest free number below what lets its address through.
func place(acl ec2types.NetworkAcl, now denials) ([]denial, error) {
	var planned []denial
	taken, counts := map[denial]bool{}, map[bool]int{}
	for _, e := range acl.Entries {
		egress := aws.ToBool(e.Egress)
		taken[denial{Egress: egress, Rule: aws.ToInt32(e.RuleNumber)}] = true
		counts[egress]++
	}
	quota := aclQuota
	if max(counts[true], counts[false]) > aclQuota {
		quota = aclQuotaRaised
	}
	for _, d := range now.Entries {
		address, err := netip.ParsePrefix(d.CIDR)
		if err != nil {
			return nil, fmt.Errorf("read the address to deny: %w", err)
		}
		if denyingRule(acl, address, d.Egress) != 0 {
			continue
		}
		allow := firstAllow(acl, address, d.Egress)
		d.Rule = min(allow-1, aclTop)
		for d.Rule > 0 && taken[denial{Egress: d.Egress, Rule: d.Rule}] {
			d.Rule--
		}
		if d.Rule < 1 {
			return nil, fmt.Errorf("network ACL %s has no free rule number below %d, which lets %s through: renumber that rule first",
				aws.ToString(acl.NetworkAclId), allow, d.CIDR)
		}
		taken[denial{Egress: d.Egress, Rule: d.Rule}] = true
		if counts[d.Egress]++; counts[d.Egress] > quota {
			return nil, fmt.Errorf("network ACL %s takes %d rules in a direction, and the denies need more: nothing was changed. "+
				"Remove rules, or plan for fewer addresses", aws.ToString(acl.NetworkAclId), quota)
		}
		planned = append(planned, d)
	}
	return planned, nil
}

// undoDenials deletes an entry only while it is what cordon adds: a deny of all traffic of that address alone.
func undoDenials(ctx context.Context, c *AWS, t Target, before, now denials) error {
	acl, err := findACL(ctx, c, t.ID)
	if err != nil {
		return err
	}
	for _, d := range now.Entries {
		added := slices.Contains(before.Entries, denial{CIDR: d.CIDR, Egress: d.Egress})
		if !added || d.Rule == 0 {
			continue
		}
		if !slices.ContainsFunc(acl.Entries, func(e ec2types.NetworkAclEntry) bool { return isDenial(e, d) }) {
			return fmt.Errorf("rule %d of network ACL %s is no longer the deny of %s that cordon added: it is left alone", d.Rule, t.ID, d.CIDR)
		}
		_, err := c.EC2.DeleteNetworkAclEntry(ctx, &ec2.DeleteNetworkAclEntryInput{
			NetworkAclId: aws.String(t.ID), Egress: aws.Bool(d.Egress), RuleNumber: aws.Int32(d.Rule),
		})
		if err != nil && !hasCode(err, "InvalidNetworkAclEntry.NotFound") {
			return fmt.Errorf("delete rule %d of network ACL %s: %w", d.Rule, t.ID, err)
		}
	}
	return nil
}

func isDenial(e ec2types.NetworkAclEntry, d denial) bool {
	p, err := netip.ParsePrefix(cmp.Or(aws.ToString(e.CidrBlock), aws.ToString(e.Ipv6CidrBlock)))
	return err == nil && p.String() == d.CIDR && aws.ToInt32(e.RuleNumber) == d.Rule && aws.ToBool(e.Egress) == d.Egress &&
		e.RuleAction == ec2types.RuleActionDeny && aws.ToString(e.Protocol) == "-1"
}

// denialImpact counts who else is in the ACL's subnets. The filter takes 200 values
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html).
func denialImpact(ctx context.Context, c *AWS, t Target, _ denials) ([]string, error) {
	acl, err := findACL(ctx, c, t.ID)
	if err != nil {
		return nil, err
	}
	var subnets []string
	for _, a := range acl.Associations {
		subnets = append(subnets, aws.ToString(a.SubnetId))
	}
	instances, rest := map[string]bool{}, 0
	for some := range slices.Chunk(sortedSet(subnets), 200) {
		pages := ec2.NewDescribeNetworkInterfacesPaginator(c.EC2, &ec2.DescribeNetworkInterfacesInput{
			Filters: []ec2types.Filter{ec2Filter("subnet-id", some...)},
		})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("list who else is behind network ACL %s: %w", t.ID, err)
			}
			for _, i := range page.NetworkInterfaces {
				if i.Attachment == nil || aws.ToString(i.Attachment.InstanceId) == "" {
					rest++
					continue
				}
				instances[aws.ToString(i.Attachment.InstanceId)] = true
			}
		}
	}
	delete(instances, t.Parent)
	line := "hits " + plural(len(instances), "more instance")
	if rest > 0 {
		line += " and " + plural(rest, "other interface")
	}
	return []string{line + " in " + plural(len(subnets), "subnet") + ", for these addresses only"}, nil
}
