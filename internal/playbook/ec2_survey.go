package playbook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
)

// ec2Reads is what the survey calls.
var ec2Reads = action.Ops{
	action.Call((*ec2.Client).DescribeInstances), action.Call((*ec2.Client).DescribeNetworkInterfaces),
	action.Call((*ec2.Client).DescribeVolumes), action.Call((*ec2.Client).DescribeAddresses),
	action.Call((*ec2.Client).DescribeNetworkAcls), action.Call((*ec2.Client).DescribeVpcs),
	action.Call((*ec2.Client).DescribeVpcEndpoints), action.Call((*ec2.Client).DescribeInstanceTypes),
	action.Call((*ec2.Client).DescribeInstanceAttribute), action.Call((*ec2.Client).DescribeInstanceConnectEndpoints),
	action.Call((*ec2.Client).GetSerialConsoleAccessStatus), action.Call((*ec2.Client).DescribePrefixLists),
	action.Call((*iam.Client).GetInstanceProfile),
	action.Call((*kms.Client).DescribeKey),
	action.Call((*ssm.Client).DescribeInstanceInformation),
	action.Call((*autoscaling.Client).DescribeAutoScalingInstances), action.Call((*autoscaling.Client).DescribeAutoScalingGroups),
	action.Call((*elasticloadbalancingv2.Client).DescribeTargetGroups), action.Call((*elasticloadbalancingv2.Client).DescribeTargetHealth),
	action.Call((*elasticloadbalancingv2.Client).DescribeTargetGroupAttributes),
	action.Call((*elasticloadbalancing.Client).DescribeLoadBalancers),
}

// survey is what surrounds the instance, as far as the plan depends on it.
type survey struct {
	c  *action.AWS
	id string

	instance   ec2types.Instance
	gone       bool // terminated: nothing of it can be changed any more
	interfaces []ec2types.NetworkInterface
	volumes    []ec2types.Volume
	addresses  []ec2types.Address
	acls       []ec2types.NetworkAcl
	vpcs       []ec2types.Vpc // every one of the region
	endpoints  []ec2types.VpcEndpoint
	connect    []ec2types.Ec2InstanceConnectEndpoint
	prefixes   []ec2types.PrefixList
	disks      []ec2types.DiskInfo
	role       *iamtypes.Role
	profile    string // ARN
	group      *asgtypes.AutoScalingGroup
	targets    []registration
	classic    []string
	agent      *ssmtypes.InstanceInformation
	serial     *bool // serial console access
	stopGuard  bool  // stop protection is on
	alike      int   // other running instances of the same image
	sharing    map[string]int
	dying      []string // keys of the volumes that cannot be used or will not be for long

	mu     sync.Mutex
	doubts []string
}

// doubt notes what could not be looked at. It never stops the plan: an instance whose load balancers may not be
// listed is still to be isolated, and the responder is told what was not seen.
func (s *survey) doubt(what string, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubts = append(s.doubts, fmt.Sprintf("could not look at %s, so nothing is planned for what it would have shown: %s", what, brief(err)))
}

// look surveys the instance. The instance itself and its interfaces have to be seen; all else is a doubt.
func look(ctx context.Context, c *action.AWS, id string) (*survey, error) {
	s := &survey{c: c, id: id, sharing: map[string]int{}}
	var all errgroup.Group
	all.Go(func() error { return s.lookAtInstance(ctx) })
	all.Go(func() error { return s.lookAtInterfaces(ctx) })
	for what, read := range map[string]func(context.Context) error{
		"the instance's volumes":         s.lookAtVolumes,
		"the instance's Elastic IPs":     s.lookAtAddresses,
		"the VPCs":                       s.lookAtVPCs,
		"its Auto Scaling group":         s.lookAtGroup,
		"the classic load balancers":     s.lookAtClassic,
		"the SSM agent":                  s.lookAtAgent,
		"serial console access":          s.lookAtSerialConsole,
		"the instance's stop protection": s.lookAtStopProtection,
		"the S3 gateway's prefix list":   s.lookAtPrefixes,
		"the Instance Connect endpoints": s.lookAtConnect,
	} {
		all.Go(func() error {
			s.doubt(what, read(ctx))
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return nil, err
	}
	return s, s.lookFurther(ctx)
}

// lookFurther reads what only the first reads point to.
func (s *survey) lookFurther(ctx context.Context) error {
	var all errgroup.Group
	for what, read := range map[string]func(context.Context) error{
		"the network ACLs of its subnets":   s.lookAtACLs,
		"the VPC endpoints":                 s.lookAtEndpoints,
		"its instance profile and role":     s.lookAtRole,
		"the target groups":                 s.lookAtTargets,
		"its instance type":                 s.lookAtType,
		"other instances of the same image": s.lookAtImage,
		"who else uses its security groups": s.lookAtSharing,
		"the keys of its volumes":           s.lookAtKeys,
	} {
		all.Go(func() error {
			s.doubt(what, read(ctx))
			return nil
		})
	}
	err := all.Wait()
	slices.Sort(s.doubts)
	return err
}

func filter(name string, values ...string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String(name), Values: values}}
}

func (s *survey) lookAtInstance(ctx context.Context) error {
	out, err := s.c.EC2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{s.id}})
	if action.Code(err) == "InvalidInstanceID.NotFound" {
		return fmt.Errorf("instance %s in %s: %w", s.id, s.c.Region, action.ErrGone)
	}
	if err != nil {
		return fmt.Errorf("look at instance %s: %w", s.id, err)
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if aws.ToString(i.InstanceId) != s.id {
				continue
			}
			s.instance = i
			if i.State != nil {
				s.gone = i.State.Name == ec2types.InstanceStateNameTerminated || i.State.Name == ec2types.InstanceStateNameShuttingDown
			}
			return nil
		}
	}
	return fmt.Errorf("instance %s in %s: %w", s.id, s.c.Region, action.ErrGone)
}

func (s *survey) lookAtInterfaces(ctx context.Context) error {
	found, err := s.interfacesWith(ctx, filter("attachment.instance-id", s.id))
	if err != nil {
		return fmt.Errorf("look at the network interfaces of %s: %w", s.id, err)
	}
	s.interfaces = found
	return nil
}

func (s *survey) interfacesWith(ctx context.Context, f []ec2types.Filter) ([]ec2types.NetworkInterface, error) {
	var found []ec2types.NetworkInterface
	p := ec2.NewDescribeNetworkInterfacesPaginator(s.c.EC2, &ec2.DescribeNetworkInterfacesInput{Filters: f})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, page.NetworkInterfaces...)
	}
	slices.SortFunc(found, func(a, b ec2types.NetworkInterface) int {
		return strings.Compare(aws.ToString(a.NetworkInterfaceId), aws.ToString(b.NetworkInterfaceId))
	})
	return found, nil
}

func (s *survey) volumesWith(ctx context.Context, f []ec2types.Filter) ([]ec2types.Volume, error) {
	var found []ec2types.Volume
	p := ec2.NewDescribeVolumesPaginator(s.c.EC2, &ec2.DescribeVolumesInput{Filters: f})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, page.Volumes...)
	}
	slices.SortFunc(found, func(a, b ec2types.Volume) int {
		return strings.Compare(aws.ToString(a.VolumeId), aws.ToString(b.VolumeId))
	})
	return found, nil
}

func (s *survey) lookAtVolumes(ctx context.Context) (err error) {
	s.volumes, err = s.volumesWith(ctx, filter("attachment.instance-id", s.id))
	return err
}

func (s *survey) lookAtAddresses(ctx context.Context) error {
	out, err := s.c.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: filter("instance-id", s.id)})
	if err != nil {
		return err
	}
	s.addresses = out.Addresses
	slices.SortFunc(s.addresses, func(a, b ec2types.Address) int {
		return strings.Compare(aws.ToString(a.AllocationId), aws.ToString(b.AllocationId))
	})
	return nil
}

func (s *survey) lookAtVPCs(ctx context.Context) error {
	p := ec2.NewDescribeVpcsPaginator(s.c.EC2, &ec2.DescribeVpcsInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		s.vpcs = append(s.vpcs, page.Vpcs...)
	}
	return nil
}

func (s *survey) lookAtAgent(ctx context.Context) error {
	p := ssm.NewDescribeInstanceInformationPaginator(s.c.SSM, &ssm.DescribeInstanceInformationInput{
		Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{s.id}}},
	})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, i := range page.InstanceInformationList {
			if aws.ToString(i.InstanceId) == s.id {
				s.agent = &i
			}
		}
	}
	return nil
}

func (s *survey) lookAtSerialConsole(ctx context.Context) error {
	out, err := s.c.EC2.GetSerialConsoleAccessStatus(ctx, &ec2.GetSerialConsoleAccessStatusInput{})
	if err != nil {
		return err
	}
	s.serial = out.SerialConsoleAccessEnabled
	return nil
}

func (s *survey) lookAtStopProtection(ctx context.Context) error {
	out, err := s.c.EC2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{
		InstanceId: aws.String(s.id), Attribute: ec2types.InstanceAttributeNameDisableApiStop,
	})
	switch action.Code(err) {
	case "":
	case "InvalidInstanceID.NotFound", "IncorrectInstanceState": // a gone instance, which another read tells
		return nil
	default:
		return err
	}
	if err != nil {
		return err
	}
	s.stopGuard = out.DisableApiStop != nil && aws.ToBool(out.DisableApiStop.Value)
	return nil
}

func (s *survey) lookAtPrefixes(ctx context.Context) error {
	p := ec2.NewDescribePrefixListsPaginator(s.c.EC2, &ec2.DescribePrefixListsInput{
		Filters: filter("prefix-list-name", "com.amazonaws."+s.c.Region+".s3"),
	})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		s.prefixes = append(s.prefixes, page.PrefixLists...)
	}
	return nil
}

func (s *survey) lookAtConnect(ctx context.Context) error {
	p := ec2.NewDescribeInstanceConnectEndpointsPaginator(s.c.EC2, &ec2.DescribeInstanceConnectEndpointsInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		s.connect = append(s.connect, page.InstanceConnectEndpoints...)
	}
	return nil
}

// vpcIDs is the VPCs of the interfaces: an instance may have interfaces in several.
func (s *survey) vpcIDs() []string {
	var ids []string
	for _, n := range s.interfaces {
		ids = append(ids, aws.ToString(n.VpcId))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *survey) volumeIDs() []string {
	var ids []string
	for _, v := range s.volumes {
		ids = append(ids, aws.ToString(v.VolumeId))
	}
	return ids
}

// privateAddresses is every address of the instance's own, by which an ip-type target names it.
func (s *survey) privateAddresses() []string {
	var found []string
	for _, n := range s.interfaces {
		for _, a := range n.PrivateIpAddresses {
			found = append(found, aws.ToString(a.PrivateIpAddress))
		}
		for _, a := range n.Ipv6Addresses {
			found = append(found, aws.ToString(a.Ipv6Address))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
