package playbook

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
)

// registration is a target group that the instance is in, by id or by address.
type registration struct {
	arn, name string
	draining  int // seconds until AWS closes what was open: deregistration_delay.timeout_seconds
}

func (s *survey) lookAtACLs(ctx context.Context) error {
	var subnets []string
	for _, n := range s.interfaces {
		subnets = append(subnets, aws.ToString(n.SubnetId))
	}
	if len(subnets) == 0 {
		return nil
	}
	slices.Sort(subnets)
	p := ec2.NewDescribeNetworkAclsPaginator(s.c.EC2, &ec2.DescribeNetworkAclsInput{
		Filters: filter("association.subnet-id", slices.Compact(subnets)...),
	})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		s.acls = append(s.acls, page.NetworkAcls...)
	}
	slices.SortFunc(s.acls, func(a, b ec2types.NetworkAcl) int {
		return strings.Compare(aws.ToString(a.NetworkAclId), aws.ToString(b.NetworkAclId))
	})
	return nil
}

func (s *survey) lookAtEndpoints(ctx context.Context) error {
	vpcs := s.vpcIDs()
	if len(vpcs) == 0 {
		return nil
	}
	p := ec2.NewDescribeVpcEndpointsPaginator(s.c.EC2, &ec2.DescribeVpcEndpointsInput{Filters: filter("vpc-id", vpcs...)})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		s.endpoints = append(s.endpoints, page.VpcEndpoints...)
	}
	return nil
}

// lookAtRole goes by the instance's own word for its profile: a terminated instance has no association any more.
func (s *survey) lookAtRole(ctx context.Context) error {
	if s.instance.IamInstanceProfile == nil {
		return nil
	}
	s.profile = aws.ToString(s.instance.IamInstanceProfile.Arn)
	// The role in a profile need not have the profile's name, and only the profile says which it is.
	out, err := s.c.IAM.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String(lastPart(s.profile))})
	if err != nil {
		return err
	}
	if out.InstanceProfile != nil && len(out.InstanceProfile.Roles) > 0 {
		s.role = &out.InstanceProfile.Roles[0]
	}
	return nil
}

func lastPart(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

func (s *survey) lookAtGroup(ctx context.Context) error {
	found, err := s.c.AutoScaling.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{s.id}})
	if err != nil {
		return err
	}
	for _, i := range found.AutoScalingInstances {
		if aws.ToString(i.InstanceId) != s.id {
			continue
		}
		name := aws.ToString(i.AutoScalingGroupName)
		out, err := s.c.AutoScaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
		if err != nil {
			return err
		}
		if len(out.AutoScalingGroups) != 1 {
			return fmt.Errorf("the instance says it is in group %s, which is not there", name)
		}
		s.group = &out.AutoScalingGroups[0]
	}
	return nil
}

// lookAtTargets asks every target group for its members, since nothing names the groups of an instance.
func (s *survey) lookAtTargets(ctx context.Context) error {
	var groups []elbv2types.TargetGroup
	p := elasticloadbalancingv2.NewDescribeTargetGroupsPaginator(s.c.ELBv2, &elasticloadbalancingv2.DescribeTargetGroupsInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		groups = append(groups, page.TargetGroups...)
	}
	addresses := s.privateAddresses()
	var mu sync.Mutex
	var all errgroup.Group
	all.SetLimit(16)
	for _, g := range groups {
		if !s.mayHold(g) {
			continue
		}
		all.Go(func() error {
			in, err := s.isIn(ctx, g, addresses)
			if err != nil || !in {
				return err
			}
			r := registration{arn: aws.ToString(g.TargetGroupArn), name: aws.ToString(g.TargetGroupName)}
			if r.draining, err = s.draining(ctx, r.arn); err != nil {
				s.doubt("how long target group "+r.name+" drains", err)
			}
			mu.Lock()
			defer mu.Unlock()
			s.targets = append(s.targets, r)
			return nil
		})
	}
	err := all.Wait()
	slices.SortFunc(s.targets, func(a, b registration) int { return strings.Compare(a.arn, b.arn) })
	return err
}

// mayHold leaves out the groups that cannot have an instance as a target. One of type ip may hold addresses of
// other VPCs than its own (docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-target-groups.html).
func (s *survey) mayHold(g elbv2types.TargetGroup) bool {
	switch g.TargetType {
	case elbv2types.TargetTypeEnumInstance:
		return s.gone || slices.Contains(s.vpcIDs(), aws.ToString(g.VpcId))
	case elbv2types.TargetTypeEnumIp:
		return true
	}
	return false
}

func (s *survey) isIn(ctx context.Context, g elbv2types.TargetGroup, addresses []string) (bool, error) {
	out, err := s.c.ELBv2.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: g.TargetGroupArn})
	if err != nil {
		return false, err
	}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil {
			continue
		}
		if id := aws.ToString(d.Target.Id); id == s.id || slices.Contains(addresses, id) {
			return true, nil
		}
	}
	return false, nil
}

func (s *survey) draining(ctx context.Context, arn string) (int, error) {
	out, err := s.c.ELBv2.DescribeTargetGroupAttributes(ctx, &elasticloadbalancingv2.DescribeTargetGroupAttributesInput{TargetGroupArn: aws.String(arn)})
	if err != nil {
		return 0, err
	}
	for _, a := range out.Attributes {
		if aws.ToString(a.Key) == "deregistration_delay.timeout_seconds" {
			return strconv.Atoi(aws.ToString(a.Value))
		}
	}
	return 0, nil
}

func (s *survey) lookAtClassic(ctx context.Context) error {
	p := elasticloadbalancing.NewDescribeLoadBalancersPaginator(s.c.ELB, &elasticloadbalancing.DescribeLoadBalancersInput{})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, lb := range page.LoadBalancerDescriptions {
			for _, i := range lb.Instances {
				if aws.ToString(i.InstanceId) == s.id {
					s.classic = append(s.classic, aws.ToString(lb.LoadBalancerName))
				}
			}
		}
	}
	slices.Sort(s.classic)
	return nil
}

// lookAtType finds the instance-store disks, which no snapshot covers.
func (s *survey) lookAtType(ctx context.Context) error {
	out, err := s.c.EC2.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []ec2types.InstanceType{s.instance.InstanceType}})
	if err != nil {
		return err
	}
	for _, t := range out.InstanceTypes {
		if t.InstanceStorageInfo != nil {
			s.disks = t.InstanceStorageInfo.Disks
		}
	}
	return nil
}

func (s *survey) lookAtImage(ctx context.Context) error {
	p := ec2.NewDescribeInstancesPaginator(s.c.EC2, &ec2.DescribeInstancesInput{Filters: append(
		filter("image-id", aws.ToString(s.instance.ImageId)), filter("instance-state-name", "pending", "running")...,
	)})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if aws.ToString(i.InstanceId) != s.id {
					s.alike++
				}
			}
		}
	}
	return nil
}

// lookAtSharing counts, for each security group of the instance, the interfaces of others in it.
func (s *survey) lookAtSharing(ctx context.Context) error {
	var groups []string
	for _, n := range s.interfaces {
		for _, g := range n.Groups {
			groups = append(groups, aws.ToString(g.GroupId))
		}
	}
	if len(groups) == 0 {
		return nil
	}
	slices.Sort(groups)
	found, err := s.interfacesWith(ctx, filter("group-id", slices.Compact(groups)...))
	if err != nil {
		return err
	}
	for _, n := range found {
		if n.Attachment != nil && aws.ToString(n.Attachment.InstanceId) == s.id {
			continue
		}
		for _, g := range n.Groups {
			if slices.Contains(groups, aws.ToString(g.GroupId)) {
				s.sharing[aws.ToString(g.GroupId)]++
			}
		}
	}
	return nil
}

// lookAtKeys finds volumes whose key is not usable or about to go, and with it all that their snapshots hold.
func (s *survey) lookAtKeys(ctx context.Context) error {
	volumes := map[string][]string{}
	for _, v := range s.volumes {
		if key := aws.ToString(v.KmsKeyId); key != "" {
			volumes[key] = append(volumes[key], aws.ToString(v.VolumeId))
		}
	}
	var mu sync.Mutex
	var all errgroup.Group
	for key, of := range volumes {
		all.Go(func() error {
			line, err := s.keyTrouble(ctx, key)
			// Another account's key, or one that the responder may not look at: AWS makes the snapshot all the same.
			if action.Code(err) == "AccessDeniedException" {
				line, err = "cordon may not look at key "+lastPart(key), nil
			}
			if err != nil || line == "" {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			s.dying = append(s.dying, strings.Join(of, ", ")+": "+line)
			return nil
		})
	}
	err := all.Wait()
	slices.Sort(s.dying)
	return err
}

func (s *survey) keyTrouble(ctx context.Context, key string) (string, error) {
	out, err := s.c.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(key)})
	if err != nil {
		return "", err
	}
	if out.KeyMetadata == nil || out.KeyMetadata.KeyState == kmstypes.KeyStateEnabled {
		return "", nil
	}
	line := "its key " + lastPart(key) + " is " + string(out.KeyMetadata.KeyState)
	if out.KeyMetadata.DeletionDate != nil {
		line += ", deleted on " + out.KeyMetadata.DeletionDate.UTC().Format("2006-01-02") + " unless somebody cancels it: the snapshots can then never be read"
	}
	return line, nil
}
