package awssim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeAddresses is not paginated (API_DescribeAddresses).
func describeAddresses(r *Request, in *ec2.DescribeAddressesInput) (*ec2.DescribeAddressesOutput, error) {
	found, err := list(r, allocationKind, r.Region.Addresses, in.AllocationIds, in.Filters, r.addressField,
		func(a *Address) map[string]string { return a.Tags })
	if err != nil {
		return nil, err
	}
	for _, ip := range in.PublicIps {
		if !slices.ContainsFunc(found, func(a *Address) bool { return a.PublicIP == ip }) {
			return nil, fail("InvalidAddress.NotFound", "Address '%s' not found.", ip)
		}
	}
	out := &ec2.DescribeAddressesOutput{}
	for _, a := range found {
		if len(in.PublicIps) > 0 && !slices.Contains(in.PublicIps, a.PublicIP) {
			continue
		}
		d := ec2types.Address{
			AllocationId: aws.String(a.AllocationID), PublicIp: aws.String(a.PublicIP), Domain: ec2types.DomainTypeVpc,
			PublicIpv4Pool: aws.String("amazon"), NetworkBorderGroup: aws.String(r.Region.Name), Tags: ec2Tags(a.Tags),
		}
		if a.Interface != "" {
			d.AssociationId, d.NetworkInterfaceId, d.PrivateIpAddress = opt(a.AssociationID), aws.String(a.Interface), opt(a.PrivateIP)
			d.InstanceId, d.NetworkInterfaceOwnerId = opt(r.instanceOf(a.Interface)), aws.String(r.Account.ID)
		}
		out.Addresses = append(out.Addresses, d)
	}
	return out, nil
}

func (r *Request) instanceOf(eni string) string {
	if n := r.Region.NetworkInterfaces[eni]; n != nil {
		return n.instance()
	}
	return ""
}

func (r *Request) addressField(a *Address, filter string) ([]string, bool) {
	switch filter {
	case "allocation-id":
		return []string{a.AllocationID}, true
	case "association-id":
		return some(a.AssociationID), true
	case "instance-id":
		return some(r.instanceOf(a.Interface)), true
	case "network-interface-id":
		return some(a.Interface), true
	case "public-ip":
		return []string{a.PublicIP}, true
	case "private-ip-address":
		return some(a.PrivateIP), true
	}
	return nil, false
}

// disassociateAddress takes an address off. Repeating it is no error for an
// association that once existed (API_DisassociateAddress calls it idempotent).
func disassociateAddress(r *Request, in *ec2.DisassociateAddressInput) (*ec2.DisassociateAddressOutput, error) {
	if in.AssociationId == nil {
		return nil, fail("MissingParameter", "Either public IP or association id must be specified")
	}
	if err := associationKind.check(*in.AssociationId); err != nil {
		return nil, err
	}
	for _, a := range r.Region.Addresses {
		if a.AssociationID == *in.AssociationId {
			touch(r, r.Region.Addresses, a.AllocationID)
			a.AssociationID, a.Interface, a.PrivateIP = "", "", ""
			return &ec2.DisassociateAddressOutput{}, nil
		}
	}
	if r.World.everKnown[*in.AssociationId] {
		return &ec2.DisassociateAddressOutput{}, nil
	}
	r.missing(*in.AssociationId)
	return nil, associationKind.gone(*in.AssociationId)
}

// associateAddress puts an address on an interface. An address that is on
// something else moves only where reassociation is allowed; one that is where
// it shall be already keeps its association (API_AssociateAddress).
func associateAddress(r *Request, in *ec2.AssociateAddressInput) (*ec2.AssociateAddressOutput, error) {
	a, err := find(r, allocationKind, r.Region.Addresses, in.AllocationId)
	if err != nil {
		return nil, err
	}
	n, err := r.associationTarget(in)
	if err != nil {
		return nil, err
	}
	private := aws.ToString(in.PrivateIpAddress)
	if private == "" && len(n.PrivateIPs) > 0 {
		private = n.PrivateIPs[0]
	}
	if !slices.Contains(n.PrivateIPs, private) {
		return nil, fail("InvalidParameterValue", "The address '%s' does not belong to network interface '%s'", private, n.ID)
	}
	if a.Interface == n.ID && a.PrivateIP == private {
		return &ec2.AssociateAddressOutput{AssociationId: aws.String(a.AssociationID)}, nil
	}
	if a.Interface != "" && in.AllowReassociation != nil && !*in.AllowReassociation {
		return nil, fail("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", a.AllocationID, a.AssociationID)
	}
	for _, other := range r.Region.Addresses {
		if other.Interface != n.ID || other.PrivateIP != private {
			continue
		}
		if in.AllowReassociation != nil && !*in.AllowReassociation {
			return nil, fail("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s", n.ID, other.AssociationID)
		}
		touch(r, r.Region.Addresses, other.AllocationID)
		other.AssociationID, other.Interface, other.PrivateIP = "", "", ""
	}
	touch(r, r.Region.Addresses, a.AllocationID)
	a.AssociationID, a.Interface, a.PrivateIP = r.newID("eipassoc"), n.ID, private
	if private == n.PrivateIPs[0] && n.AutoPublicIP != "" {
		// The address that AWS had assigned goes back to its pool
		// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html).
		touch(r, r.Region.NetworkInterfaces, n.ID)
		n.AutoPublicIP = ""
	}
	return &ec2.AssociateAddressOutput{AssociationId: aws.String(a.AssociationID)}, nil
}

func (r *Request) associationTarget(in *ec2.AssociateAddressInput) (*NetworkInterface, error) {
	if in.NetworkInterfaceId != nil {
		return find(r, interfaceKind, r.Region.NetworkInterfaces, in.NetworkInterfaceId)
	}
	i, err := find(r, instanceKind, r.Region.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	own := r.interfacesOf(i.ID)
	switch {
	case i.State == "terminated" || i.State == "shutting-down" || len(own) == 0:
		return nil, fail("InvalidInstanceID", "The instance '%s' is not in a valid state for this operation.", i.ID)
	case len(own) > 1:
		return nil, fail("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", i.ID)
	}
	return own[0], nil
}

// interfacesOf lists an instance's interfaces as they truly are.
func (r *Request) interfacesOf(instance string) []*NetworkInterface {
	var own []*NetworkInterface
	for _, id := range sortedKeys(r.Region.NetworkInterfaces) {
		if n := r.Region.NetworkInterfaces[id]; n.instance() == instance {
			own = append(own, n)
		}
	}
	return own
}
