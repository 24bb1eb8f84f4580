package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

// address is an Elastic IP and where it points. The association's id is left out, as it is another one after
// the address has been put back.
type address struct {
	PublicIP  string `json:"public_ip"`
	Interface string `json:"interface,omitempty"`
	PrivateIP string `json:"private_ip,omitempty"`
	Instance  string `json:"instance,omitempty"`
}

// DetachAddress takes an Elastic IP off the instance and keeps it allocated. The target's parent is the
// instance; the option "interfaces" lists its interfaces.
var DetachAddress = define(Spec[address]{
	Name:       "ec2-detach-address",
	Summary:    "Take the Elastic IP off the instance. Whoever reaches the service by that address no longer does.",
	Phase:      casefile.Contain,
	Target:     casefile.ElasticIP,
	Reads:      Ops{op((*ec2.Client).DescribeAddresses)},
	Writes:     Ops{op((*ec2.Client).DisassociateAddress)},
	UndoWrites: Ops{op((*ec2.Client).AssociateAddress)},
	Isolates:   true,
	Observe: func(ctx context.Context, c *AWS, t Target) (address, error) {
		a, err := readAddress(ctx, c, t.ID)
		if err != nil {
			return address{}, err
		}
		return address{
			PublicIP: aws.ToString(a.PublicIp), Interface: aws.ToString(a.NetworkInterfaceId),
			PrivateIP: aws.ToString(a.PrivateIpAddress), Instance: aws.ToString(a.InstanceId),
		}, nil
	},
	Status: func(t Target, now address) Status {
		if now.Interface == "" && now.Instance == "" {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now address) error {
		if now.Instance != t.Parent {
			return fmt.Errorf("the address %s points at %s now, not at %s: it is left alone", now.PublicIP, now.Instance+now.Interface, t.Parent)
		}
		a, err := readAddress(ctx, c, t.ID)
		if err != nil {
			return err
		}
		if a.AssociationId == nil || aws.ToString(a.InstanceId) != t.Parent {
			return nil
		}
		if _, err := c.EC2.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: a.AssociationId}); err != nil {
			return fmt.Errorf("take the address %s off %s: %w", now.PublicIP, now.Interface, err)
		}
		return nil
	},
	// Without AllowReassociation, AWS refuses to take the address from whoever has it by then
	// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html).
	Undo: func(ctx context.Context, c *AWS, t Target, before, now address) error {
		if before.Interface == "" || now.Interface != "" {
			return nil
		}
		_, err := c.EC2.AssociateAddress(ctx, &ec2.AssociateAddressInput{
			AllocationId: aws.String(t.ID), NetworkInterfaceId: aws.String(before.Interface),
			PrivateIpAddress: aws.String(before.PrivateIP), AllowReassociation: aws.Bool(false),
		})
		if err != nil {
			return fmt.Errorf("put the address %s back on %s: %w", before.PublicIP, before.Interface, err)
		}
		return nil
	},
	Change: func(_ Target, now address) string { return now.PublicIP + " -> kept, on nothing" },
})

func readAddress(ctx context.Context, c *AWS, allocation string) (ec2types.Address, error) {
	out, err := c.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{allocation}})
	if hasCode(err, "InvalidAllocationID.NotFound") {
		return ec2types.Address{}, fmt.Errorf("address %s: %w", allocation, ErrGone)
	}
	if err != nil {
		return ec2types.Address{}, fmt.Errorf("describe the address %s: %w", allocation, err)
	}
	if len(out.Addresses) != 1 {
		return ec2types.Address{}, fmt.Errorf("address %s: %w", allocation, ErrGone)
	}
	return out.Addresses[0], nil
}
