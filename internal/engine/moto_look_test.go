package engine_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// state is what a release has to give back, as the test itself reads it.
type state struct {
	Interfaces map[string][]string // groups by interface
	Groups     map[string][]string // rules by group of the VPC
	ACL        []string            // entries
	Targets    []string            // id:port
	Classic    []string
	Member     string // lifecycle state, "" outside the group
	Suspended  []string
	Address    string // the interface that the Elastic IP is on
	Profile    string
	Policies   map[string]string // of the role
	Tags       []string
	Deleted    map[string]bool // by volume: does it go with the instance
	Protected  bool
	Shutdown   string
	Running    string
}

func (s state) String() string {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// look reads everything with the test's own clients.
func (a *account) look() state {
	a.t.Helper()
	s := state{
		Interfaces: a.interfaces(), Groups: a.groups(), ACL: a.entries(), Targets: a.registered(), Classic: a.registeredClassic(),
		Address: a.addressOn(), Profile: a.associated(), Policies: a.policies(), Deleted: map[string]bool{},
	}
	s.Member, s.Suspended = a.membership()
	i := a.describe()
	for _, m := range i.BlockDeviceMappings {
		s.Deleted[aws.ToString(m.Ebs.VolumeId)] = aws.ToBool(m.Ebs.DeleteOnTermination)
	}
	for _, t := range i.Tags {
		s.Tags = append(s.Tags, aws.ToString(t.Key)+"="+aws.ToString(t.Value))
	}
	slices.Sort(s.Tags)
	s.Running = string(i.State.Name)
	s.Protected = aws.ToBool(a.attribute(ec2types.InstanceAttributeNameDisableApiTermination).DisableApiTermination.Value)
	s.Shutdown = aws.ToString(a.attribute(ec2types.InstanceAttributeNameInstanceInitiatedShutdownBehavior).InstanceInitiatedShutdownBehavior.Value)
	return s
}

func (a *account) describe() ec2types.Instance {
	a.t.Helper()
	out := must(a.ec2.DescribeInstances(a.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{a.instance}}))(a)
	return out.Reservations[0].Instances[0]
}

func (a *account) attribute(name ec2types.InstanceAttributeName) *ec2.DescribeInstanceAttributeOutput {
	a.t.Helper()
	return must(a.ec2.DescribeInstanceAttribute(a.ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(a.instance), Attribute: name}))(a)
}

func (a *account) interfaces() map[string][]string {
	a.t.Helper()
	out := must(a.ec2.DescribeNetworkInterfaces(a.ctx, &ec2.DescribeNetworkInterfacesInput{Filters: filters("attachment.instance-id", a.instance)}))(a)
	found := map[string][]string{}
	for _, n := range out.NetworkInterfaces {
		groups := []string{}
		for _, g := range n.Groups {
			groups = append(groups, aws.ToString(g.GroupId))
		}
		slices.Sort(groups)
		found[aws.ToString(n.NetworkInterfaceId)] = groups
	}
	return found
}

// groups reads the rules in both of AWS's forms: a rule in either counts.
func (a *account) groups() map[string][]string {
	a.t.Helper()
	out := must(a.ec2.DescribeSecurityGroups(a.ctx, &ec2.DescribeSecurityGroupsInput{Filters: filters("vpc-id", a.vpc)}))(a)
	found := map[string][]string{}
	for _, g := range out.SecurityGroups {
		rules := []string{}
		for direction, permissions := range map[string][]ec2types.IpPermission{"in": g.IpPermissions, "out": g.IpPermissionsEgress} {
			for _, p := range permissions {
				rules = append(rules, fmt.Sprintf("%s %s %d %d v4:%d v6:%d", direction, aws.ToString(p.IpProtocol), aws.ToInt32(p.FromPort), aws.ToInt32(p.ToPort), len(p.IpRanges), len(p.Ipv6Ranges)))
			}
		}
		flat := must(a.ec2.DescribeSecurityGroupRules(a.ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: filters("group-id", aws.ToString(g.GroupId))}))(a)
		for _, r := range flat.SecurityGroupRules {
			rules = append(rules, fmt.Sprintf("rule %s out:%t %s", aws.ToString(r.SecurityGroupRuleId), aws.ToBool(r.IsEgress), aws.ToString(r.CidrIpv4)+aws.ToString(r.CidrIpv6)))
		}
		slices.Sort(rules)
		found[aws.ToString(g.GroupId)] = rules
	}
	return found
}

func (a *account) entries() []string {
	a.t.Helper()
	out := must(a.ec2.DescribeNetworkAcls(a.ctx, &ec2.DescribeNetworkAclsInput{NetworkAclIds: []string{a.acl}}))(a)
	var found []string
	for _, e := range out.NetworkAcls[0].Entries {
		found = append(found, fmt.Sprintf("%d egress:%t %s %s %s", aws.ToInt32(e.RuleNumber), aws.ToBool(e.Egress), e.RuleAction, aws.ToString(e.Protocol), aws.ToString(e.CidrBlock)+aws.ToString(e.Ipv6CidrBlock)))
	}
	slices.Sort(found)
	return found
}

func (a *account) registered() []string {
	a.t.Helper()
	if a.targets == "" {
		return nil
	}
	out := must(a.elbv2.DescribeTargetHealth(a.ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(a.targets)}))(a)
	var found []string
	for _, d := range out.TargetHealthDescriptions {
		found = append(found, fmt.Sprintf("%s:%d", aws.ToString(d.Target.Id), aws.ToInt32(d.Target.Port)))
	}
	slices.Sort(found)
	return found
}

func (a *account) registeredClassic() []string {
	a.t.Helper()
	if a.classic == "" {
		return nil
	}
	out := must(a.elb.DescribeLoadBalancers(a.ctx, &elasticloadbalancing.DescribeLoadBalancersInput{LoadBalancerNames: []string{a.classic}}))(a)
	var found []string
	for _, i := range out.LoadBalancerDescriptions[0].Instances {
		found = append(found, aws.ToString(i.InstanceId))
	}
	return found
}

func (a *account) membership() (member string, suspended []string) {
	a.t.Helper()
	if a.group == "" {
		return "", nil
	}
	g := a.fleet()
	for _, i := range g.Instances {
		if aws.ToString(i.InstanceId) == a.instance {
			member = string(i.LifecycleState)
		}
	}
	for _, p := range g.SuspendedProcesses {
		suspended = append(suspended, aws.ToString(p.ProcessName))
	}
	slices.Sort(suspended)
	return member, suspended
}

func (a *account) addressOn() string {
	a.t.Helper()
	if a.allocation == "" {
		return ""
	}
	out := must(a.ec2.DescribeAddresses(a.ctx, &ec2.DescribeAddressesInput{AllocationIds: []string{a.allocation}}))(a)
	return aws.ToString(out.Addresses[0].NetworkInterfaceId)
}

func (a *account) associated() string {
	a.t.Helper()
	out := must(a.ec2.DescribeIamInstanceProfileAssociations(a.ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{Filters: filters("instance-id", a.instance)}))(a)
	for _, x := range out.IamInstanceProfileAssociations {
		return aws.ToString(x.IamInstanceProfile.Arn)
	}
	return ""
}

func (a *account) policies() map[string]string {
	a.t.Helper()
	found := map[string]string{}
	if a.role == "" {
		return found
	}
	list := must(a.iam.ListRolePolicies(a.ctx, &iam.ListRolePoliciesInput{RoleName: aws.String(a.role)}))(a)
	for _, name := range list.PolicyNames {
		out := must(a.iam.GetRolePolicy(a.ctx, &iam.GetRolePolicyInput{RoleName: aws.String(a.role), PolicyName: aws.String(name)}))(a)
		text := must(url.QueryUnescape(aws.ToString(out.PolicyDocument)))(a)
		found[name] = strings.TrimSpace(text)
	}
	return found
}

func (a *account) snapshots() []ec2types.Snapshot {
	a.t.Helper()
	var volumes []string
	for _, m := range a.describe().BlockDeviceMappings {
		volumes = append(volumes, aws.ToString(m.Ebs.VolumeId))
	}
	out := must(a.ec2.DescribeSnapshots(a.ctx, &ec2.DescribeSnapshotsInput{Filters: filters("volume-id", volumes...)}))(a)
	return out.Snapshots
}

func (a *account) fleet() *asgtypes.AutoScalingGroup {
	a.t.Helper()
	out := must(a.scaling.DescribeAutoScalingGroups(a.ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{a.group}}))(a)
	return &out.AutoScalingGroups[0]
}
