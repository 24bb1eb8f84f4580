package playbook

import (
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

// aclRules is how many rules a network ACL takes in each direction, unless AWS has raised it
// (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html). The default deny rules are counted, to be
// on the safe side.
const aclRules = 20

// ownRanges are addresses that a finding can only name by mistake, or because an intruder put them there so
// that a responder cuts off his own side.
var ownRanges = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "the instance metadata service"},
	{netip.MustParsePrefix("169.254.169.253/32"), "the VPC's DNS resolver"},
	{netip.MustParsePrefix("169.254.169.123/32"), "Amazon's time service"},
	{netip.MustParsePrefix("fd00:ec2::/32"), "the instance metadata service or the VPC's DNS resolver"},
	{netip.MustParsePrefix("0.0.0.0/8"), "no host's address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a shared address of carriers and containers"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
}

// remoteAddresses is the addresses that the finding accuses, in its order, each once.
func remoteAddresses(f casefile.Incident) []string {
	var all []string
	for _, a := range append(slices.Clone(f.Actor.Addresses), f.Indicators.Addresses...) {
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// deniable keeps of the accused addresses those that can be denied without harm to one's own side. The finding's
// content is the intruder's to choose: an address is denied only after everything that could be ours is excluded.
func (s *survey) deniable(ctx context.Context, accused []string, responder []netip.Prefix) (deny []netip.Addr, warnings []string) {
	refuse := func(a, why string) {
		warnings = append(warnings, fmt.Sprintf("the address %s of the finding is not denied: it is %s", a, why))
	}
	for _, text := range accused {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" {
			refuse(fmt.Sprintf("%q", text), "no address")
			continue
		}
		a = a.Unmap()
		if why := notRemote(a); why != "" {
			refuse(a.String(), why)
			continue
		}
		if vpc := s.vpcOf(a); vpc != "" {
			refuse(a.String(), "in the range of "+vpc)
			continue
		}
		if slices.ContainsFunc(responder, func(p netip.Prefix) bool { return p.Contains(a) }) {
			refuse(a.String(), "the responder's own")
			continue
		}
		if !slices.Contains(deny, a) {
			deny = append(deny, a)
		}
	}
	own, err := s.ownAddresses(ctx, deny)
	if err != nil {
		return nil, append(warnings, fmt.Sprintf("no address of the finding is denied: could not tell whether they are the account's own: %v", err))
	}
	return slices.DeleteFunc(deny, func(a netip.Addr) bool {
		what, ours := own[a]
		if ours {
			refuse(a.String(), what+", the account's own")
		}
		return ours
	}), warnings
}

func notRemote(a netip.Addr) string {
	for _, r := range ownRanges {
		if r.prefix.Contains(a) {
			return r.what
		}
	}
	switch {
	case a.IsLoopback():
		return "a loopback address"
	case a.IsUnspecified():
		return "no host's address"
	case a.IsMulticast():
		return "a multicast address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsPrivate():
		return "a private address"
	}
	return ""
}

// vpcOf names the VPC of the region whose ranges hold the address. That covers each VPC's resolver, which is at
// the base of its range plus two, for VPCs with public ranges too.
func (s *survey) vpcOf(a netip.Addr) string {
	for _, v := range s.vpcs {
		ranges := []string{aws.ToString(v.CidrBlock)}
		for _, b := range v.CidrBlockAssociationSet {
			ranges = append(ranges, aws.ToString(b.CidrBlock))
		}
		for _, b := range v.Ipv6CidrBlockAssociationSet {
			ranges = append(ranges, aws.ToString(b.Ipv6CidrBlock))
		}
		for _, r := range ranges {
			if p, err := netip.ParsePrefix(r); err == nil && p.Contains(a) {
				return aws.ToString(v.VpcId)
			}
		}
	}
	return ""
}

// ownAddresses tells which of the addresses are Elastic IPs of the account or on one of its interfaces, in the
// instance's region. Both are asked for by address, so that a large account costs no more than a small one.
func (s *survey) ownAddresses(ctx context.Context, addresses []netip.Addr) (map[netip.Addr]string, error) {
	own := map[netip.Addr]string{}
	v4, v6 := texts(addresses)
	if len(v4) > 0 {
		out, err := s.c.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filter("public-ip", v4...)})
		if err != nil {
			return nil, err
		}
		for _, a := range out.Addresses {
			note(own, aws.ToString(a.PublicIp), "Elastic IP "+aws.ToString(a.AllocationId))
		}
		if err := s.noteInterfaces(ctx, own, filter("association.public-ip", v4...)); err != nil {
			return nil, err
		}
	}
	if len(v6) > 0 {
		if err := s.noteInterfaces(ctx, own, filter("ipv6-addresses.ipv6-address", v6...)); err != nil {
			return nil, err
		}
	}
	return own, nil
}

func (s *survey) noteInterfaces(ctx context.Context, own map[netip.Addr]string, f []ec2types.Filter) error {
	found, err := s.interfacesWith(ctx, f)
	if err != nil {
		return err
	}
	for _, n := range found {
		what := "on interface " + aws.ToString(n.NetworkInterfaceId)
		if n.Association != nil {
			note(own, aws.ToString(n.Association.PublicIp), what)
		}
		for _, a := range n.PrivateIpAddresses {
			if a.Association != nil {
				note(own, aws.ToString(a.Association.PublicIp), what)
			}
		}
		for _, a := range n.Ipv6Addresses {
			note(own, aws.ToString(a.Ipv6Address), what)
		}
	}
	return nil
}

func note(own map[netip.Addr]string, text, what string) {
	if a, err := netip.ParseAddr(text); err == nil && own[a] == "" {
		own[a] = what
	}
}

func texts(addresses []netip.Addr) (v4, v6 []string) {
	for _, a := range addresses {
		if a.Is4() {
			v4 = append(v4, a.String())
		} else {
			v6 = append(v6, a.String())
		}
	}
	return v4, v6
}

// room is how many more addresses an ACL takes: each costs a rule in either direction.
func room(acl ec2types.NetworkAcl) int {
	var in, out int
	for _, e := range acl.Entries {
		if aws.ToBool(e.Egress) {
			out++
		} else {
			in++
		}
	}
	return max(0, aclRules-max(in, out))
}

// fitting cuts the addresses to what the ACL takes, the finding's first ones first.
func fitting(acl ec2types.NetworkAcl, addresses []netip.Addr) (fit []string, warning string) {
	n := min(room(acl), len(addresses))
	for _, a := range addresses[:n] {
		fit = append(fit, a.String())
	}
	if n == len(addresses) {
		return fit, ""
	}
	var rest []string
	for _, a := range addresses[n:] {
		rest = append(rest, a.String())
	}
	return fit, fmt.Sprintf("network ACL %s has room for %d more rules a direction: not denied in it are %s",
		aws.ToString(acl.NetworkAclId), room(acl), strings.Join(rest, ", "))
}
