package awssim

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeNetworkAcls: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkAcls.html.
func describeNetworkAcls(r *Request, in *ec2.DescribeNetworkAclsInput) (*ec2.DescribeNetworkAclsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.NetworkAclIds, ""); err != nil {
		return nil, err
	}
	found, err := list(r, aclKind, r.Region.NetworkACLs, in.NetworkAclIds, in.Filters, r.aclField,
		func(a *NetworkACL) map[string]string { return a.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(a *NetworkACL) string { return a.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkAclsOutput{NextToken: next}
	for _, a := range found {
		d := ec2types.NetworkAcl{
			NetworkAclId: aws.String(a.ID), VpcId: aws.String(a.VPC), IsDefault: aws.Bool(a.Default),
			OwnerId: aws.String(r.Account.ID), Tags: ec2Tags(a.Tags),
		}
		for _, subnet := range a.Members {
			d.Associations = append(d.Associations, ec2types.NetworkAclAssociation{
				NetworkAclAssociationId: opt(a.Subnets[subnet]), NetworkAclId: aws.String(a.ID), SubnetId: aws.String(subnet),
			})
		}
		entries := slices.SortedFunc(slices.Values(a.Entries), func(x, y ACLEntry) int {
			if x.Egress != y.Egress {
				return cmp.Compare(yesNo(y.Egress), yesNo(x.Egress))
			}
			return cmp.Compare(x.Number, y.Number)
		})
		for _, e := range entries {
			d.Entries = append(d.Entries, describeEntry(e))
		}
		out.NetworkAcls = append(out.NetworkAcls, d)
	}
	return out, nil
}

func (r *Request) aclField(a *NetworkACL, filter string) ([]string, bool) {
	switch filter {
	case "network-acl-id", "association.network-acl-id":
		return []string{a.ID}, true
	case "vpc-id":
		return []string{a.VPC}, true
	case "association.subnet-id":
		return a.Members, true
	case "default":
		return []string{yesNo(a.Default)}, true
	case "owner-id":
		return []string{r.Account.ID}, true
	}
	return nil, false
}

func describeEntry(e ACLEntry) ec2types.NetworkAclEntry {
	d := ec2types.NetworkAclEntry{
		Egress: aws.Bool(e.Egress), RuleNumber: aws.Int32(e.Number), Protocol: aws.String(e.Protocol),
		RuleAction: ec2types.RuleAction(e.Action), CidrBlock: opt(e.CIDR), Ipv6CidrBlock: opt(e.IPv6CIDR),
	}
	if e.Ports != nil {
		d.PortRange = &ec2types.PortRange{From: aws.Int32(e.Ports.From), To: aws.Int32(e.Ports.To)}
	}
	if e.ICMP != nil {
		d.IcmpTypeCode = &ec2types.IcmpTypeCode{Type: aws.Int32(e.ICMP.Type), Code: aws.Int32(e.ICMP.Code)}
	}
	return d
}

// parseEntry reads an entry of a request. Ports count for TCP and UDP, types
// for ICMP (and ICMPv6 with an IPv6 block); every other protocol, -1 among
// them, ignores both (API_CreateNetworkAclEntry).
func parseEntry(in *ec2.CreateNetworkAclEntryInput) (ACLEntry, error) {
	e := ACLEntry{Egress: aws.ToBool(in.Egress), Number: aws.ToInt32(in.RuleNumber), Protocol: aws.ToString(in.Protocol), Action: string(in.RuleAction)}
	names := map[string]string{"tcp": "6", "udp": "17", "icmp": "1", "all": "-1"}
	if n, ok := names[e.Protocol]; ok {
		e.Protocol = n
	}
	if e.Number < 1 || e.Number >= lastEntry {
		return e, fail("InvalidParameterValue", "Value (%d) for parameter ruleNumber is invalid. The rule number must be between 1 and 32766.", e.Number)
	}
	if e.Action != "allow" && e.Action != "deny" {
		return e, fail("InvalidParameterValue", "Value (%s) for parameter ruleAction is invalid.", e.Action)
	}
	if (in.CidrBlock == nil) == (in.Ipv6CidrBlock == nil) {
		return e, fail("InvalidParameterCombination", "Exactly one of CidrBlock and Ipv6CidrBlock must be specified.")
	}
	var err error
	if in.CidrBlock != nil {
		e.CIDR, err = aclBlock(*in.CidrBlock, true)
	} else {
		e.IPv6CIDR, err = aclBlock(*in.Ipv6CidrBlock, false)
	}
	if err != nil {
		return e, err
	}
	switch {
	case e.Protocol == "6" || e.Protocol == "17":
		if in.PortRange == nil || in.PortRange.From == nil || in.PortRange.To == nil {
			return e, fail("MissingParameter", "The request must contain the parameter portRange")
		}
		e.Ports = &Span{*in.PortRange.From, *in.PortRange.To}
	case e.Protocol == "1" || (e.Protocol == "58" && e.IPv6CIDR != ""):
		if in.IcmpTypeCode == nil {
			return e, fail("MissingParameter", "The request must contain the parameter icmpTypeCode")
		}
		e.ICMP = &ICMP{aws.ToInt32(in.IcmpTypeCode.Type), aws.ToInt32(in.IcmpTypeCode.Code)}
	}
	return e, nil
}

func aclBlock(block string, ipv4 bool) (string, error) {
	p, err := netip.ParsePrefix(block)
	if err != nil || p.Addr().Is4() != ipv4 {
		return "", fail("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", block)
	}
	return p.Masked().String(), nil
}

func (a *NetworkACL) entry(egress bool, number int32) int {
	return slices.IndexFunc(a.Entries, func(e ACLEntry) bool { return e.Egress == egress && e.Number == number })
}

// createNetworkAclEntry counts the rules of one direction against the quota,
// the closing denies apart; IPv4 and IPv6 rules count together
// (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html: "20 rules
// per network ACL … for both inbound and outbound").
func createNetworkAclEntry(r *Request, in *ec2.CreateNetworkAclEntryInput) (*ec2.CreateNetworkAclEntryOutput, error) {
	a, err := find(r, aclKind, r.Region.NetworkACLs, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	e, err := parseEntry(in)
	if err != nil {
		return nil, err
	}
	if a.entry(e.Egress, e.Number) >= 0 {
		return nil, fail("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", e.Number)
	}
	count := 0
	for _, there := range a.Entries {
		if there.Egress == e.Egress && there.Number < lastEntry {
			count++
		}
	}
	if count >= r.Region.ACLEntryQuota {
		return nil, fail("NetworkAclEntryLimitExceeded", "The maximum number of network acl entries has been reached.")
	}
	touch(r, r.Region.NetworkACLs, a.ID)
	a.Entries = append(slices.Clone(a.Entries), e)
	return &ec2.CreateNetworkAclEntryOutput{}, nil
}

func replaceNetworkAclEntry(r *Request, in *ec2.ReplaceNetworkAclEntryInput) (*ec2.ReplaceNetworkAclEntryOutput, error) {
	a, err := find(r, aclKind, r.Region.NetworkACLs, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	e, err := parseEntry(&ec2.CreateNetworkAclEntryInput{
		Egress: in.Egress, RuleNumber: in.RuleNumber, Protocol: in.Protocol, RuleAction: in.RuleAction, CidrBlock: in.CidrBlock,
		Ipv6CidrBlock: in.Ipv6CidrBlock, PortRange: in.PortRange, IcmpTypeCode: in.IcmpTypeCode,
	})
	if err != nil {
		return nil, err
	}
	i := a.entry(e.Egress, e.Number)
	if i < 0 {
		return nil, noEntry(e.Number)
	}
	touch(r, r.Region.NetworkACLs, a.ID)
	a.Entries = slices.Clone(a.Entries)
	a.Entries[i] = e
	return &ec2.ReplaceNetworkAclEntryOutput{}, nil
}

func deleteNetworkAclEntry(r *Request, in *ec2.DeleteNetworkAclEntryInput) (*ec2.DeleteNetworkAclEntryOutput, error) {
	a, err := find(r, aclKind, r.Region.NetworkACLs, in.NetworkAclId)
	if err != nil {
		return nil, err
	}
	number := aws.ToInt32(in.RuleNumber)
	if number >= lastEntry {
		return nil, fail("InvalidParameterValue", "Value (%d) for parameter ruleNumber is invalid. The rule cannot be deleted.", number)
	}
	i := a.entry(aws.ToBool(in.Egress), number)
	if i < 0 {
		return nil, noEntry(number)
	}
	touch(r, r.Region.NetworkACLs, a.ID)
	a.Entries = slices.Delete(slices.Clone(a.Entries), i, i+1)
	return &ec2.DeleteNetworkAclEntryOutput{}, nil
}

func noEntry(number int32) error {
	return fail("InvalidNetworkAclEntry.NotFound", "The network acl entry '%d' does not exist", number)
}
