package awssim

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeInstances gives a reservation for each instance. Limits of
// MaxResults: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html.
func describeInstances(r *Request, in *ec2.DescribeInstancesInput) (*ec2.DescribeInstancesOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.InstanceIds, "instancesSet"); err != nil {
		return nil, err
	}
	around := r.surroundings()
	found, err := list(r, instanceKind, r.Region.Instances, in.InstanceIds, in.Filters, around.instanceField,
		func(i *Instance) map[string]string { return i.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(i *Instance) string { return i.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstancesOutput{NextToken: next}
	for _, i := range found {
		out.Reservations = append(out.Reservations, ec2types.Reservation{
			OwnerId: aws.String(r.Account.ID), ReservationId: opt(i.ReservationID),
			Instances: []ec2types.Instance{around.describe(i)},
		})
	}
	return out, nil
}

// surroundings is what an instance's description draws on beside itself, as
// this read sees it.
type surroundings struct {
	r          *Request
	interfaces map[string][]*NetworkInterface // by instance
	volumes    map[string][]*Volume           // by instance
	profiles   map[string]*ProfileAssociation
}

func (r *Request) surroundings() surroundings {
	s := surroundings{
		r: r, interfaces: map[string][]*NetworkInterface{}, volumes: map[string][]*Volume{},
		profiles: view(r, r.Region.ProfileAssociations),
	}
	for _, n := range view(r, r.Region.NetworkInterfaces) {
		if id := n.instance(); id != "" {
			s.interfaces[id] = append(s.interfaces[id], n)
		}
	}
	for _, list := range s.interfaces {
		slices.SortFunc(list, func(a, b *NetworkInterface) int {
			return cmp.Or(
				cmp.Compare(a.Attachment.NetworkCard, b.Attachment.NetworkCard),
				cmp.Compare(a.Attachment.DeviceIndex, b.Attachment.DeviceIndex))
		})
	}
	for _, v := range view(r, r.Region.Volumes) {
		if v.Attached != nil {
			s.volumes[v.Attached.Instance] = append(s.volumes[v.Attached.Instance], v)
		}
	}
	for _, list := range s.volumes {
		slices.SortFunc(list, func(a, b *Volume) int { return strings.Compare(a.Attached.Device, b.Attached.Device) })
	}
	return s
}

func (s surroundings) instanceField(i *Instance, filter string) ([]string, bool) {
	switch filter {
	case "instance-id":
		return []string{i.ID}, true
	case "vpc-id", "network-interface.vpc-id":
		return some(i.VPC), true
	case "subnet-id", "network-interface.subnet-id":
		return some(i.Subnet), true
	case "instance-state-name":
		return []string{i.State}, true
	case "image-id":
		return some(i.Image), true
	case "instance-type":
		return some(i.Type), true
	case "instance-lifecycle":
		return some(lifecycle(i)), true
	case "iam-instance-profile.arn":
		if p := s.profiles[i.ID]; p != nil {
			return []string{p.ProfileARN}, true
		}
		return nil, true
	case "iam-instance-profile.id":
		if p := s.profiles[i.ID]; p != nil {
			return []string{p.ProfileID}, true
		}
		return nil, true
	case "instance.group-id":
		return s.groups(i, 0), true
	case "network-interface.group-id":
		return s.groups(i, -1), true
	case "network-interface.network-interface-id":
		var ids []string
		for _, n := range s.interfaces[i.ID] {
			ids = append(ids, n.ID)
		}
		return ids, true
	case "block-device-mapping.volume-id":
		var ids []string
		for _, v := range s.volumes[i.ID] {
			ids = append(ids, v.ID)
		}
		return ids, true
	case "private-ip-address", "network-interface.addresses.private-ip-address":
		var ips []string
		for _, n := range s.interfaces[i.ID] {
			ips = append(ips, n.PrivateIPs...)
		}
		return ips, true
	case "availability-zone":
		return some(i.Zone), true
	case "reservation-id":
		return some(i.ReservationID), true
	}
	return nil, false
}

// groups lists the groups of the instance's interfaces, or of one of them.
func (s surroundings) groups(i *Instance, index int) []string {
	set := map[string]bool{}
	for n, eni := range s.interfaces[i.ID] {
		if index >= 0 && n != index {
			continue
		}
		for _, g := range eni.Groups {
			set[g] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func lifecycle(i *Instance) string {
	if i.Spot {
		return "spot"
	}
	return ""
}

// instanceCodes are the codes of the states
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html).
var instanceCodes = map[string]int32{
	"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80,
}

func instanceState(state string) *ec2types.InstanceState {
	return &ec2types.InstanceState{Name: ec2types.InstanceStateName(state), Code: aws.Int32(instanceCodes[state])}
}

// describe shows an instance. A terminated one stays visible for about an hour,
// with its tags and without its network, volumes and role
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html).
func (s surroundings) describe(i *Instance) ec2types.Instance {
	d := ec2types.Instance{
		InstanceId: aws.String(i.ID), ImageId: opt(i.Image), InstanceType: ec2types.InstanceType(i.Type),
		State: instanceState(i.State), LaunchTime: aws.Time(i.Launched), KeyName: opt(i.Key),
		Architecture: ec2types.ArchitectureValues(i.Architecture), Platform: ec2types.PlatformValues(i.Platform),
		RootDeviceName: opt(i.RootDevice), RootDeviceType: ec2types.DeviceTypeEbs,
		InstanceLifecycle: ec2types.InstanceLifecycleType(lifecycle(i)), SpotInstanceRequestId: opt(i.SpotRequest),
		VirtualizationType: ec2types.VirtualizationTypeHvm, Hypervisor: ec2types.HypervisorTypeXen, // what AWS says for Nitro too (API_Instance)
		EbsOptimized: aws.Bool(i.EBSOptimized), EnaSupport: aws.Bool(true), AmiLaunchIndex: aws.Int32(0),
		Placement:  &ec2types.Placement{AvailabilityZone: opt(i.Zone), Tenancy: ec2types.TenancyDefault},
		Monitoring: &ec2types.Monitoring{State: ec2types.MonitoringStateDisabled},
		MetadataOptions: &ec2types.InstanceMetadataOptionsResponse{
			State: ec2types.InstanceMetadataOptionsStateApplied, HttpEndpoint: ec2types.InstanceMetadataEndpointStateEnabled,
			HttpTokens: ec2types.HttpTokensState(i.MetadataTokens), HttpPutResponseHopLimit: aws.Int32(i.MetadataHopLimit),
		},
		Tags: ec2Tags(i.Tags),
	}
	if i.StateReason != "" {
		d.StateReason = &ec2types.StateReason{Code: aws.String(i.StateReason), Message: aws.String(i.StateReason)}
	}
	if i.State == "terminated" {
		return d
	}
	d.VpcId, d.SubnetId, d.SourceDestCheck = opt(i.VPC), opt(i.Subnet), aws.Bool(i.SourceDestCheck)
	for n, eni := range s.interfaces[i.ID] {
		shown := s.instanceInterface(eni)
		d.NetworkInterfaces = append(d.NetworkInterfaces, shown)
		if n > 0 {
			continue // an instance's own groups and addresses are those of its primary interface
		}
		d.SecurityGroups = slices.Clone(shown.Groups)
		d.PrivateIpAddress = shown.PrivateIpAddress
		if len(eni.IPv6) > 0 {
			d.Ipv6Address = aws.String(eni.IPv6[0])
		}
		if shown.Association != nil {
			d.PublicIpAddress = aws.String(*shown.Association.PublicIp)
			d.PublicDnsName = aws.String(publicName(*shown.Association.PublicIp, s.r.Region.Name))
		}
	}
	for _, v := range s.volumes[i.ID] {
		d.BlockDeviceMappings = append(d.BlockDeviceMappings, blockDevice(v))
	}
	if p := s.profiles[i.ID]; p != nil && p.State != "disassociated" {
		d.IamInstanceProfile = &ec2types.IamInstanceProfile{Arn: aws.String(p.ProfileARN), Id: aws.String(p.ProfileID)}
	}
	return d
}

func publicName(ip, region string) string {
	return "ec2-" + strings.ReplaceAll(ip, ".", "-") + "." + region + ".compute.amazonaws.com"
}

func blockDevice(v *Volume) ec2types.InstanceBlockDeviceMapping {
	return ec2types.InstanceBlockDeviceMapping{
		DeviceName: aws.String(v.Attached.Device),
		Ebs: &ec2types.EbsInstanceBlockDevice{
			VolumeId: aws.String(v.ID), Status: ec2types.AttachmentStatusAttached,
			AttachTime: aws.Time(v.Attached.Since), DeleteOnTermination: aws.Bool(v.Attached.DeleteOnTermination),
		},
	}
}

func (s surroundings) instanceInterface(n *NetworkInterface) ec2types.InstanceNetworkInterface {
	full := s.r.describeInterface(n)
	d := ec2types.InstanceNetworkInterface{
		NetworkInterfaceId: full.NetworkInterfaceId, SubnetId: full.SubnetId, VpcId: full.VpcId,
		Description: full.Description, OwnerId: full.OwnerId, MacAddress: full.MacAddress, Status: full.Status,
		SourceDestCheck: full.SourceDestCheck, PrivateIpAddress: full.PrivateIpAddress,
		InterfaceType: aws.String(n.Type), Groups: full.Groups,
		Attachment: &ec2types.InstanceNetworkInterfaceAttachment{
			AttachmentId: full.Attachment.AttachmentId, AttachTime: full.Attachment.AttachTime,
			DeviceIndex: full.Attachment.DeviceIndex, NetworkCardIndex: full.Attachment.NetworkCardIndex,
			DeleteOnTermination: full.Attachment.DeleteOnTermination, Status: full.Attachment.Status,
		},
	}
	if a := full.Association; a != nil {
		d.Association = &ec2types.InstanceNetworkInterfaceAssociation{PublicIp: a.PublicIp, IpOwnerId: a.IpOwnerId, PublicDnsName: a.PublicDnsName}
	}
	for _, ip := range full.PrivateIpAddresses {
		shown := ec2types.InstancePrivateIpAddress{PrivateIpAddress: ip.PrivateIpAddress, Primary: ip.Primary}
		if a := ip.Association; a != nil {
			shown.Association = &ec2types.InstanceNetworkInterfaceAssociation{PublicIp: a.PublicIp, IpOwnerId: a.IpOwnerId, PublicDnsName: a.PublicDnsName}
		}
		d.PrivateIpAddresses = append(d.PrivateIpAddresses, shown)
	}
	for _, ip := range n.IPv6 {
		d.Ipv6Addresses = append(d.Ipv6Addresses, ec2types.InstanceIpv6Address{Ipv6Address: aws.String(ip)})
	}
	return d
}
