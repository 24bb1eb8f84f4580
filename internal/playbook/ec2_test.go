package playbook

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

const suspect = "i-0abc0000000000001"

// web is an instance with all that a playbook has to deal with.
func web() *fake {
	f := newFake()
	f.answers["DescribeInstances"] = func(in any) any {
		if len(in.(*ec2.DescribeInstancesInput).InstanceIds) == 0 {
			return instances(instance("i-0other000000000001"), instance(suspect))
		}
		return instances(instance(suspect))
	}
	f.answers["DescribeNetworkInterfaces"] = func(in any) any {
		switch aws.ToString(in.(*ec2.DescribeNetworkInterfacesInput).Filters[0].Name) {
		case "attachment.instance-id", "group-id":
			return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{nic("eni-2"), nic("eni-1")}}
		}
		return &ec2.DescribeNetworkInterfacesOutput{}
	}
	f.answers["DescribeVolumes"] = &ec2.DescribeVolumesOutput{Volumes: []ec2types.Volume{{VolumeId: aws.String("vol-2")}, {VolumeId: aws.String("vol-1")}}}
	f.answers["DescribeAddresses"] = func(in any) any {
		if aws.ToString(in.(*ec2.DescribeAddressesInput).Filters[0].Name) == "instance-id" {
			return addressesOf("203.0.113.77")
		}
		return addressesOf()
	}
	f.answers["DescribeNetworkAcls"] = &ec2.DescribeNetworkAclsOutput{NetworkAcls: []ec2types.NetworkAcl{{NetworkAclId: aws.String("acl-7")}}}
	f.answers["DescribeAutoScalingInstances"] = &autoscaling.DescribeAutoScalingInstancesOutput{AutoScalingInstances: []asgtypes.AutoScalingInstanceDetails{{
		InstanceId: aws.String(suspect), AutoScalingGroupName: aws.String("web"),
	}}}
	f.answers["DescribeAutoScalingGroups"] = &autoscaling.DescribeAutoScalingGroupsOutput{AutoScalingGroups: []asgtypes.AutoScalingGroup{{AutoScalingGroupName: aws.String("web")}}}
	f.answers["DescribeTargetGroups"] = &elasticloadbalancingv2.DescribeTargetGroupsOutput{TargetGroups: []elbv2types.TargetGroup{
		{TargetGroupArn: aws.String("tg/web"), TargetGroupName: aws.String("web"), TargetType: elbv2types.TargetTypeEnumInstance, VpcId: aws.String("vpc-1")},
		{TargetGroupArn: aws.String("tg/by-ip"), TargetGroupName: aws.String("by-ip"), TargetType: elbv2types.TargetTypeEnumIp, VpcId: aws.String("vpc-2")},
		{TargetGroupArn: aws.String("tg/not-ours"), TargetGroupName: aws.String("not-ours"), TargetType: elbv2types.TargetTypeEnumIp},
	}}
	f.answers["DescribeTargetHealth"] = func(in any) any {
		id := map[string]string{"tg/web": suspect, "tg/by-ip": "10.0.0.1", "tg/not-ours": "10.9.9.9"}[aws.ToString(in.(*elasticloadbalancingv2.DescribeTargetHealthInput).TargetGroupArn)]
		return &elasticloadbalancingv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []elbv2types.TargetHealthDescription{{Target: &elbv2types.TargetDescription{Id: aws.String(id)}}}}
	}
	f.answers["DescribeTargetGroupAttributes"] = &elasticloadbalancingv2.DescribeTargetGroupAttributesOutput{Attributes: []elbv2types.TargetGroupAttribute{
		{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String("300")},
	}}
	f.answers["GetInstanceProfile"] = &iam.GetInstanceProfileOutput{InstanceProfile: &iamtypes.InstanceProfile{Roles: []iamtypes.Role{{
		RoleName: aws.String("web-role"), RoleId: aws.String("AROAWEB"), Arn: aws.String("arn:aws:iam::111122223333:role/app/web-role"),
	}}}}
	f.answers["DescribeInstanceInformation"] = &ssm.DescribeInstanceInformationOutput{InstanceInformationList: []ssmtypes.InstanceInformation{{
		InstanceId: aws.String(suspect), PingStatus: ssmtypes.PingStatusOnline,
	}}}
	return f
}

func instance(id string) ec2types.Instance {
	return ec2types.Instance{
		InstanceId: aws.String(id), ImageId: aws.String("ami-1"), State: &ec2types.InstanceState{Name: ec2types.InstanceStateNameRunning},
		IamInstanceProfile: &ec2types.IamInstanceProfile{Arn: aws.String("arn:aws:iam::111122223333:instance-profile/web-profile")},
	}
}

func instances(list ...ec2types.Instance) *ec2.DescribeInstancesOutput {
	return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: list}}}
}

func nic(id string) ec2types.NetworkInterface {
	return ec2types.NetworkInterface{
		NetworkInterfaceId: aws.String(id), VpcId: aws.String("vpc-1"), SubnetId: aws.String("subnet-1"),
		PrivateIpAddresses: []ec2types.NetworkInterfacePrivateIpAddress{{PrivateIpAddress: aws.String("10.0.0.1")}},
		Groups:             []ec2types.GroupIdentifier{{GroupId: aws.String("sg-web")}},
		Attachment:         &ec2types.NetworkInterfaceAttachment{InstanceId: aws.String(suspect)},
	}
}

func accused() Incident {
	return Incident{
		Subject: casefile.Subject{Kind: casefile.EC2Instance, ID: suspect, Account: "111122223333", Region: "eu-west-1"},
		Finding: casefile.Incident{Actor: casefile.Actor{Addresses: []string{"203.0.113.9"}}},
	}
}

func draft(t *testing.T, f *fake, o Options) Draft {
	t.Helper()
	d, err := EC2.Draft(f.allow(), f.connect(t), accused(), o)
	if err != nil {
		t.Fatal(err)
	}
	coherent(t, d)
	return d
}

// coherent: keys are unique, every wait is for an earlier step, and none waits for itself through others.
func coherent(t *testing.T, d Draft) {
	t.Helper()
	seen := map[string]bool{}
	for _, s := range d.Steps {
		if seen[s.Key] {
			t.Errorf("key %q stands twice", s.Key)
		}
		for _, k := range append(slices.Clone(s.After), s.AfterAny...) {
			if !seen[k] {
				t.Errorf("step %q waits for %q, which does not come before it", s.Key, k)
			}
		}
		seen[s.Key] = true
		if s.Target.ID == "" || s.Target.Account == "" {
			t.Errorf("step %q has the target %+v", s.Key, s.Target)
		}
	}
}

func step(d Draft, key string) (Step, bool) {
	i := slices.IndexFunc(d.Steps, func(s Step) bool { return s.Key == key })
	if i < 0 {
		return Step{}, false
	}
	return d.Steps[i], true
}

func waits(t *testing.T, d Draft, key string, after, afterAny []string) {
	t.Helper()
	s, ok := step(d, key)
	if !ok {
		t.Errorf("no step %q in %v", key, keys(d))
		return
	}
	for _, list := range []*[]string{&s.After, &s.AfterAny, &after, &afterAny} {
		*list = slices.Sorted(slices.Values(*list))
	}
	if !slices.Equal(s.After, after) || !slices.Equal(s.AfterAny, afterAny) {
		t.Errorf("%s comes after %v and after any of %v; want %v and %v", key, s.After, s.AfterAny, after, afterAny)
	}
}

func keys(d Draft) []string {
	var all []string
	for _, s := range d.Steps {
		all = append(all, s.Key)
	}
	return all
}

func says(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}

func TestDraftOfAWebServer(t *testing.T) {
	d := draft(t, web(), Options{})
	want := []string{
		"record", "protect-termination", "shutdown-stop", "keep-volumes", "tag", "snapshot", "lock", "await-snapshots",
		"asg-suspend", "asg-leave", "asg-resume", "deregister-1", "deregister-2",
		"quarantine-1", "isolate-1", "isolate-2", "deny-addresses-1", "end-sessions", "detach-address-1", "deny-session", "remove-profile",
	}
	if got := keys(d); !slices.Equal(got, want) {
		t.Fatalf("steps\n%v, want\n%v", got, want)
	}
	waits(t, d, "quarantine-1", nil, nil)
	waits(t, d, "asg-suspend", nil, nil)
	waits(t, d, "snapshot", nil, nil)
	waits(t, d, "lock", nil, []string{"snapshot"})
	waits(t, d, "isolate-1", []string{"quarantine-1"}, []string{"snapshot", "asg-suspend"})
	waits(t, d, "deregister-1", nil, []string{"snapshot", "asg-suspend"})
	waits(t, d, "asg-leave", []string{"asg-suspend"}, []string{"snapshot"})
	waits(t, d, "asg-resume", []string{"asg-leave"}, nil)
	waits(t, d, "remove-profile", []string{"deny-session"}, []string{"snapshot"})
	if s, _ := step(d, "snapshot"); s.Deadline != snapshotPatience || s.Params["volumes"] != "vol-1\nvol-2" {
		t.Errorf("the snapshot step is %+v", s)
	}
	if s, _ := step(d, "isolate-1"); s.Target.ID != "eni-1" || s.Target.Parent != suspect {
		t.Errorf("the first isolation is of %+v", s.Target)
	}
	if s, _ := step(d, "asg-leave"); !says(s.Impact, "1 other instance is running it") {
		t.Errorf("leaving the group says %q", s.Impact)
	}
	for _, part := range []string{"DNS", "5 days", "300 s", "keys and sessions", "serial console"} {
		if !says(d.Survives, part) {
			t.Errorf("what survives does not mention %q: %q", part, d.Survives)
		}
	}
	if !says(d.Warnings, "responder's own addresses are not known") {
		t.Errorf("warnings %q", d.Warnings)
	}
}

func TestCutFirstWaitsForNoEvidence(t *testing.T) {
	d := draft(t, web(), Options{CutFirst: true})
	waits(t, d, "isolate-1", []string{"quarantine-1"}, []string{"asg-suspend"})
	waits(t, d, "asg-leave", []string{"asg-suspend"}, nil)
	for _, s := range d.Steps {
		if s.Action.Phase == casefile.Contain && s.Key != "end-sessions" && slices.Contains(s.AfterAny, keySnapshot) {
			t.Errorf("%s waits for the snapshots", s.Key)
		}
	}
}

func TestStopComesLast(t *testing.T) {
	d := draft(t, web(), Options{Cut: "stop"})
	waits(t, d, "stop", nil, []string{"record", "snapshot", "lock", "isolate-1", "isolate-2", "deny-addresses-1", "asg-suspend"})
}

func TestForensicsKeepsTheAgentUntilItsDeadline(t *testing.T) {
	f := web()
	f.answers["DescribeVpcEndpoints"] = &ec2.DescribeVpcEndpointsOutput{VpcEndpoints: []ec2types.VpcEndpoint{
		{VpcId: aws.String("vpc-1"), VpcEndpointId: aws.String("vpce-1"), ServiceName: aws.String("com.amazonaws.eu-west-1.ssm"),
			VpcEndpointType: ec2types.VpcEndpointTypeInterface, Groups: []ec2types.SecurityGroupIdentifier{{GroupId: aws.String("sg-vpce")}}},
		{VpcId: aws.String("vpc-1"), VpcEndpointId: aws.String("vpce-2"), ServiceName: aws.String("com.amazonaws.eu-west-1.s3"),
			VpcEndpointType: ec2types.VpcEndpointTypeGateway, PolicyDocument: aws.String(`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`)},
		{VpcId: aws.String("vpc-other"), ServiceName: aws.String("com.amazonaws.eu-west-1.ssm"), VpcEndpointType: ec2types.VpcEndpointTypeInterface,
			Groups: []ec2types.SecurityGroupIdentifier{{GroupId: aws.String("sg-not-ours")}}},
		{VpcId: aws.String("vpc-1"), ServiceName: aws.String("com.amazonaws.eu-west-1.execute-api"), VpcEndpointType: ec2types.VpcEndpointTypeInterface,
			Groups: []ec2types.SecurityGroupIdentifier{{GroupId: aws.String("sg-api")}}},
	}}
	f.answers["DescribePrefixLists"] = &ec2.DescribePrefixListsOutput{PrefixLists: []ec2types.PrefixList{{PrefixListId: aws.String("pl-s3")}}}
	d := draft(t, f, Options{ForensicsEgress: true})
	if s, _ := step(d, "deny-session"); s.Params["ssm"] != "keep" {
		t.Errorf("the first deny has %v", s.Params)
	}
	if s, _ := step(d, "deny-session-ssm"); s.Params["ssm"] != "" || s.Params["not_before"] != "3600" {
		t.Errorf("the second deny has %v", s.Params)
	}
	waits(t, d, "remove-profile", []string{"deny-session-ssm"}, []string{"snapshot"})
	if s, _ := step(d, "quarantine-1"); s.Params["egress"] != "forensics" || s.Params["endpoint_groups"] != "sg-vpce" || s.Params["prefix_lists"] != "pl-s3" {
		t.Errorf("the quarantine group has %v", s.Params)
	}
	if !says(d.Warnings, "vpce-2 lets data out to any bucket") || !says(d.Warnings, "lacks endpoints for ssmmessages") {
		t.Errorf("warnings %q", d.Warnings)
	}
}

func TestBareInstances(t *testing.T) {
	bare := func(change func(*ec2types.Instance)) *fake {
		f := newFake()
		i := instance(suspect)
		i.IamInstanceProfile = nil
		change(&i)
		f.answers["DescribeInstances"] = instances(i)
		f.answers["DescribeNetworkInterfaces"] = func(in any) any {
			if aws.ToString(in.(*ec2.DescribeNetworkInterfacesInput).Filters[0].Name) == "attachment.instance-id" {
				return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{nic("eni-1")}}
			}
			return &ec2.DescribeNetworkInterfacesOutput{}
		}
		return f
	}
	t.Run("nothing around it", func(t *testing.T) {
		d := draft(t, bare(func(*ec2types.Instance) {}), Options{})
		want := []string{"record", "protect-termination", "shutdown-stop", "tag", "quarantine-1", "isolate-1"}
		if got := keys(d); !slices.Equal(got, want) {
			t.Errorf("steps %v, want %v", got, want)
		}
		waits(t, d, "isolate-1", []string{"quarantine-1"}, nil)
		if !says(d.NotCaptured, "no EBS volume") {
			t.Errorf("not captured %q", d.NotCaptured)
		}
	})
	t.Run("spot", func(t *testing.T) {
		d := draft(t, bare(func(i *ec2types.Instance) { i.InstanceLifecycle = ec2types.InstanceLifecycleTypeSpot }), Options{})
		if _, ok := step(d, "protect-termination"); ok || !says(d.Warnings, "spot instance") {
			t.Errorf("steps %v, warnings %q", keys(d), d.Warnings)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		d := draft(t, bare(func(i *ec2types.Instance) { i.State.Name = ec2types.InstanceStateNameStopped }), Options{Cut: "stop"})
		if _, ok := step(d, "stop"); ok {
			t.Error("a stopped instance is to be stopped")
		}
	})
}

func TestUnreadableSurroundingsAreSaidAndStopNothing(t *testing.T) {
	for _, name := range []string{
		"DescribeAutoScalingInstances", "DescribeTargetGroups", "DescribeLoadBalancers", "DescribeInstanceInformation", "GetInstanceProfile",
		"DescribeVpcEndpoints", "DescribeNetworkAcls", "DescribeVpcs", "DescribeInstanceTypes", "GetSerialConsoleAccessStatus", "DescribeVolumes",
	} {
		f := web()
		f.answers[name] = denied("AccessDenied")
		d := draft(t, f, Options{})
		if !says(d.Warnings, "could not look at") {
			t.Errorf("%s denied: warnings %q", name, d.Warnings)
		}
		if _, ok := step(d, "isolate-2"); !ok {
			t.Errorf("%s denied: the instance is not isolated", name)
		}
	}
	f := web()
	f.answers["DescribeInstanceInformation"] = denied("AccessDenied")
	if _, ok := step(draft(t, f, Options{}), "end-sessions"); !ok {
		t.Error("sessions are left alone because SSM could not be read")
	}
}

func TestUnknownAndUnreadableInstances(t *testing.T) {
	f := web()
	f.answers["DescribeInstances"] = denied("InvalidInstanceID.NotFound")
	if _, err := EC2.Draft(f.allow(), f.connect(t), accused(), Options{}); !errors.Is(err, action.ErrGone) {
		t.Errorf("an unknown instance: %v", err)
	}
	for _, name := range []string{"DescribeInstances", "DescribeNetworkInterfaces"} {
		f := web()
		f.answers[name] = denied("UnauthorizedOperation")
		if _, err := EC2.Draft(f.allow(), f.connect(t), accused(), Options{}); err == nil || errors.Is(err, action.ErrGone) {
			t.Errorf("%s denied: %v", name, err)
		}
	}
}

func TestTerminatedInstanceLeavesVolumesAndSessions(t *testing.T) {
	f := web()
	gone := instance(suspect)
	gone.State.Name = ec2types.InstanceStateNameTerminated
	f.answers["DescribeInstances"] = instances(gone)
	f.answers["DescribeNetworkInterfaces"] = &ec2.DescribeNetworkInterfacesOutput{}
	f.answers["DescribeVolumes"] = func(in any) any {
		if aws.ToString(in.(*ec2.DescribeVolumesInput).Filters[0].Name) != "status" {
			return &ec2.DescribeVolumesOutput{}
		}
		return &ec2.DescribeVolumesOutput{Volumes: []ec2types.Volume{
			{VolumeId: aws.String("vol-left"), Tags: []ec2types.Tag{{Key: aws.String("of"), Value: aws.String(suspect)}}},
			{VolumeId: aws.String("vol-stranger")},
		}}
	}
	d := draft(t, f, Options{})
	if got := keys(d); !slices.Equal(got, []string{"snapshot", "lock", "await-snapshots", "deny-session"}) {
		t.Errorf("steps %v", got)
	}
	if s, _ := step(d, "snapshot"); s.Params["volumes"] != "vol-left" || s.Params["detached"] == "" {
		t.Errorf("snapshots of %v", s.Params)
	}
	if !says(d.Warnings, "is terminated") {
		t.Errorf("warnings %q", d.Warnings)
	}
}

// Whoever responds with the suspect's own role must not be made to cut himself off.
func TestCallersOwnRoleIsNotDenied(t *testing.T) {
	for caller, profileToo := range map[string]bool{
		"arn:aws:sts::111122223333:assumed-role/web-role/ann":        true,
		"arn:aws:sts::111122223333:assumed-role/web-role/" + suspect: false,
	} {
		f := web()
		c := f.connect(t)
		c.Caller = caller
		d, err := EC2.Draft(f.allow(), c, accused(), Options{RevokeRole: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"deny-session", "revoke-role"} {
			if _, ok := step(d, key); ok {
				t.Errorf("%s: %s is planned", caller, key)
			}
		}
		if _, ok := step(d, "remove-profile"); ok != profileToo {
			t.Errorf("%s: removal of the profile planned: %t", caller, ok)
		}
		if !says(d.Warnings, "cordon itself acts with role web-role") {
			t.Errorf("warnings %q", d.Warnings)
		}
	}
}

// The guard admits what is declared; a read that is declared and never made is a right nobody needs.
func TestSurveyMakesEveryDeclaredCall(t *testing.T) {
	f := web()
	f.answers["DescribeVolumes"] = &ec2.DescribeVolumesOutput{Volumes: []ec2types.Volume{{VolumeId: aws.String("vol-1"), KmsKeyId: aws.String("key/1")}}}
	draft(t, f, Options{})
	for _, o := range EC2.Reads {
		if f.calls[o.Name] == 0 {
			t.Errorf("%s is declared and not called", o)
		}
	}
}

func TestDraftIsTheSameForTheSameAccount(t *testing.T) {
	unreadable := func() *fake {
		f := web()
		for _, name := range []string{"DescribeAutoScalingInstances", "DescribeLoadBalancers", "DescribeVpcs", "GetSerialConsoleAccessStatus", "DescribeAddresses"} {
			f.answers[name] = denied("AccessDenied")
		}
		return f
	}
	first := draft(t, unreadable(), Options{Tags: map[string]string{"ticket": "7", "team": "blue"}})
	for range 20 {
		again := draft(t, unreadable(), Options{Tags: map[string]string{"ticket": "7", "team": "blue"}})
		if !slices.Equal(keys(first), keys(again)) || !slices.Equal(first.Warnings, again.Warnings) || !slices.Equal(first.Survives, again.Survives) {
			t.Fatalf("drafts differ:\n%v\n%v", first, again)
		}
	}
}
