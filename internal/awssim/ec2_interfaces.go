package awssim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeNetworkInterfaces: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeNetworkInterfaces.html.
func describeNetworkInterfaces(r *Request, in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.NetworkInterfaceIds, "networkInterfaceIds"); err != nil {
		return nil, err
	}
	found, err := list(r, interfaceKind, r.Region.NetworkInterfaces, in.NetworkInterfaceIds, in.Filters, r.interfaceField,
		func(n *NetworkInterface) map[string]string { return n.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(n *NetworkInterface) string { return n.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeNetworkInterfacesOutput{NextToken: next}
	for _, n := range found {
		out.NetworkInterfaces = append(out.NetworkInterfaces, r.describeInterface(n))
	}
	return out, nil
}

func (r *Request) interfaceField(n *NetworkInterface, filter string) ([]string, bool) {
	switch filter {
	case "network-interface-id":
		return []string{n.ID}, true
	case "attachment.instance-id":
		return some(n.instance()), true
	case "attachment.attachment-id":
		if n.Attachment != nil {
			return []string{n.Attachment.ID}, true
		}
		return nil, true
	case "group-id":
		return n.Groups, true
	case "group-name":
		var names []string
		for _, g := range n.Groups {
			if sg := r.Region.SecurityGroups[g]; sg != nil {
				names = append(names, sg.Name)
			}
		}
		return names, true
	case "subnet-id":
		return []string{n.Subnet}, true
	case "vpc-id":
		return []string{n.VPC}, true
	case "interface-type":
		return []string{n.Type}, true
	case "status":
		return []string{string(interfaceStatus(n))}, true
	case "addresses.private-ip-address", "private-ip-address":
		return n.PrivateIPs, true
	case "addresses.association.public-ip", "association.public-ip":
		var ips []string
		for _, a := range r.publicAddresses(n) {
			ips = append(ips, *a.PublicIp)
		}
		return ips, true
	case "ipv6-addresses.ipv6-address":
		return n.IPv6, true
	case "requester-managed":
		return []string{yesNo(n.Requester != "")}, true
	case "description":
		return some(n.Description), true
	case "owner-id":
		return []string{r.Account.ID}, true
	}
	return nil, false
}

func interfaceStatus(n *NetworkInterface) ec2types.NetworkInterfaceStatus {
	if n.Attachment != nil || n.Requester != "" {
		return ec2types.NetworkInterfaceStatusInUse
	}
	return ec2types.NetworkInterfaceStatusAvailable
}

// publicAddresses gives the public address of each private one that has any:
// an Elastic IP, or else the one assigned at launch to the primary address.
func (r *Request) publicAddresses(n *NetworkInterface) map[string]*ec2types.NetworkInterfaceAssociation {
	public := map[string]*ec2types.NetworkInterfaceAssociation{}
	for _, a := range view(r, r.Region.Addresses) {
		if a.Interface == n.ID {
			public[a.PrivateIP] = &ec2types.NetworkInterfaceAssociation{
				AllocationId: aws.String(a.AllocationID), AssociationId: opt(a.AssociationID), IpOwnerId: aws.String(r.Account.ID),
				PublicIp: aws.String(a.PublicIP), PublicDnsName: aws.String(publicName(a.PublicIP, r.Region.Name)),
			}
		}
	}
	if n.AutoPublicIP != "" && len(n.PrivateIPs) > 0 && public[n.PrivateIPs[0]] == nil {
		public[n.PrivateIPs[0]] = &ec2types.NetworkInterfaceAssociation{
			IpOwnerId: aws.String("amazon"), PublicIp: aws.String(n.AutoPublicIP),
			PublicDnsName: aws.String(publicName(n.AutoPublicIP, r.Region.Name)),
		}
	}
	return public
}

func (r *Request) describeInterface(n *NetworkInterface) ec2types.NetworkInterface {
	d := ec2types.NetworkInterface{
		NetworkInterfaceId: aws.String(n.ID), SubnetId: aws.String(n.Subnet), VpcId: aws.String(n.VPC),
		Description: aws.String(n.Description), InterfaceType: ec2types.NetworkInterfaceType(n.Type),
		MacAddress: aws.String(n.MAC), OwnerId: aws.String(r.Account.ID), Status: interfaceStatus(n),
		RequesterId: opt(n.Requester), RequesterManaged: aws.Bool(n.Requester != ""),
		SourceDestCheck: aws.Bool(n.SourceDestCheck), Groups: r.groupIdentifiers(n.Groups), TagSet: ec2Tags(n.Tags),
	}
	if s := r.Region.Subnets[n.Subnet]; s != nil {
		d.AvailabilityZone = aws.String(s.Zone)
	}
	public := r.publicAddresses(n)
	for i, ip := range n.PrivateIPs {
		if i == 0 {
			d.PrivateIpAddress, d.Association = aws.String(ip), public[ip]
		}
		d.PrivateIpAddresses = append(d.PrivateIpAddresses, ec2types.NetworkInterfacePrivateIpAddress{
			PrivateIpAddress: aws.String(ip), Primary: aws.Bool(i == 0), Association: public[ip],
		})
	}
	for _, ip := range n.IPv6 {
		d.Ipv6Addresses = append(d.Ipv6Addresses, ec2types.NetworkInterfaceIpv6Address{Ipv6Address: aws.String(ip)})
	}
	if a := n.Attachment; a != nil {
		d.Attachment = &ec2types.NetworkInterfaceAttachment{
			AttachmentId: aws.String(a.ID), InstanceId: aws.String(a.Instance), InstanceOwnerId: aws.String(r.Account.ID),
			DeviceIndex: aws.Int32(a.DeviceIndex), NetworkCardIndex: aws.Int32(a.NetworkCard), AttachTime: aws.Time(a.Since),
			DeleteOnTermination: aws.Bool(a.DeleteOnTermination), Status: ec2types.AttachmentStatusAttached,
		}
	}
	return d
}

func (r *Request) groupIdentifiers(ids []string) []ec2types.GroupIdentifier {
	var out []ec2types.GroupIdentifier
	for _, id := range ids {
		g := ec2types.GroupIdentifier{GroupId: aws.String(id)}
		if sg := r.Region.SecurityGroups[id]; sg != nil {
			g.GroupName = aws.String(sg.Name)
		}
		out = append(out, g)
	}
	return out
}

// modifyNetworkInterfaceAttribute changes one attribute a call. Groups replaces
// the whole set, which must not be empty and must be of the interface's VPC;
// interfaces of other services are theirs to change
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyNetworkInterfaceAttribute.html;
// the quota of groups: docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
func modifyNetworkInterfaceAttribute(r *Request, in *ec2.ModifyNetworkInterfaceAttributeInput) (*ec2.ModifyNetworkInterfaceAttributeOutput, error) {
	n, err := find(r, interfaceKind, r.Region.NetworkInterfaces, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if n.Requester != "" {
		return nil, failWith(403, "OperationNotPermitted", "You do not have permission to access the specified resource.")
	}
	attributes := 0
	for _, given := range []bool{in.Groups != nil, in.Description != nil, in.SourceDestCheck != nil, in.Attachment != nil} {
		if given {
			attributes++
		}
	}
	if attributes != 1 {
		return nil, fail("InvalidParameterCombination", "Exactly one attribute must be specified.")
	}
	switch {
	case in.Groups != nil:
		err = r.setGroups(n, in.Groups)
	case in.Attachment != nil:
		err = r.setAttachment(n, in.Attachment)
	case in.Description != nil:
		touch(r, r.Region.NetworkInterfaces, n.ID)
		n.Description = aws.ToString(in.Description.Value)
	default:
		touch(r, r.Region.NetworkInterfaces, n.ID)
		n.SourceDestCheck = aws.ToBool(in.SourceDestCheck.Value)
	}
	if err != nil {
		return nil, err
	}
	return &ec2.ModifyNetworkInterfaceAttributeOutput{}, nil
}

func (r *Request) setAttachment(n *NetworkInterface, change *ec2types.NetworkInterfaceAttachmentChanges) error {
	if n.Attachment == nil || n.Attachment.ID != aws.ToString(change.AttachmentId) {
		return fail("InvalidAttachmentID.NotFound", "The attachment ID '%s' does not exist", aws.ToString(change.AttachmentId))
	}
	touch(r, r.Region.NetworkInterfaces, n.ID)
	n.Attachment.DeleteOnTermination = aws.ToBool(change.DeleteOnTermination)
	return nil
}

// setGroups replaces an interface's groups.
func (r *Request) setGroups(n *NetworkInterface, groups []string) error {
	if len(groups) == 0 {
		return fail("InvalidParameterValue", "You must specify at least one group.")
	}
	groups = slices.Compact(slices.Sorted(slices.Values(groups)))
	if len(groups) > 5 {
		return fail("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	}
	for _, id := range groups {
		sg, err := find(r, groupKind, r.Region.SecurityGroups, aws.String(id))
		if err != nil {
			return err
		}
		if sg.VPC != n.VPC {
			return fail("InvalidGroup.NotFound", "The security group '%s' does not belong to VPC '%s'", id, n.VPC)
		}
	}
	r.policeGroups(n, groups)
	touch(r, r.Region.NetworkInterfaces, n.ID)
	n.Groups = groups
	return nil
}
