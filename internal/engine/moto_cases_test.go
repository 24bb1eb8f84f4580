package engine_test

import (
	"errors"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/playbook"
)

// simple builds an instance in one group and with a profile, behind nothing.
func (a *account) simple(changes ...func(*ec2.RunInstancesInput)) state {
	a.t.Helper()
	a.network()
	a.identity()
	a.instance = a.launch(a.profile, changes...)
	return a.look()
}

// planned tells whether the plan has a step of the action.
func (r *incident) planned(a action.Action) bool {
	return slices.ContainsFunc(r.plan.Steps, func(s casefile.Step) bool { return s.Action == a.Name })
}

// cut is that every interface is in one new group without a rule, whatever else the plan did.
func (r *incident) cut(before state) state {
	r.t.Helper()
	after := r.look()
	for id, groups := range after.Interfaces {
		if len(groups) != 1 || before.Groups[groups[0]] != nil || len(after.Groups[groups[0]]) != 0 {
			r.t.Errorf("interface %s is in %v, with the rules %v", id, groups, after.Groups)
		}
	}
	return after
}

// bare: no profile, no agent, no address, no group and no load balancer, and a case that lives in a bucket.
func bare(a *account) {
	a.network()
	a.instance = a.launch("")
	a.bucket = "evidence"
	bucket := s3.NewFromConfig(a.cfg)
	must(bucket.CreateBucket(a.ctx, &s3.CreateBucketInput{Bucket: aws.String(a.bucket), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: motoRegion}}))(a)
	before := a.look()
	r := a.respond(playbook.Options{})
	for _, none := range []action.Action{action.DenyAddresses, action.EndSessions, action.DetachAddress, action.DenyInstanceSession, action.RemoveProfile, action.SuspendProcesses} {
		if r.planned(none) {
			a.t.Errorf("the plan has a step %s", none.Name)
		}
	}
	r.apply()
	r.cut(before)
	r.release()
	a.same(before)
	listed := must(bucket.ListObjectsV2(a.ctx, &s3.ListObjectsV2Input{Bucket: aws.String(a.bucket), Prefix: aws.String("cases/case-1/")}))(a)
	if aws.ToInt32(listed.KeyCount) < 20 {
		a.t.Errorf("the bucket holds %d objects of the case", aws.ToInt32(listed.KeyCount))
	}
}

// choices takes the options that change what is done.
func (a *account) choices() {
	a.simple()
	a.scale()
	before := a.look()
	r := a.respond(playbook.Options{Cut: "stop", RevokeRole: true, Standby: true, Lock: "none", CutFirst: true}, accused)
	if r.planned(action.LockSnapshots) || r.planned(action.DetachInstance) {
		a.t.Error("the plan locks or detaches in spite of the options")
	}
	r.apply()
	after := r.cut(before)
	if after.Running != "stopped" || after.Member != "Standby" || len(after.Policies) != len(before.Policies)+2 || len(a.proxy.locks) != 0 {
		a.t.Errorf("after the cut: %s", after)
	}
	if !slices.ContainsFunc(slices.Collect(maps.Values(after.Policies)), func(p string) bool { return strings.Contains(p, "aws:TokenIssueTime") }) {
		a.t.Errorf("no policy denies the role's older sessions: %v", after.Policies)
	}
	r.release()
	a.same(before)
}

func (a *account) spot() {
	before := a.simple(func(in *ec2.RunInstancesInput) {
		in.InstanceMarketOptions = &ec2types.InstanceMarketOptionsRequest{MarketType: ec2types.MarketTypeSpot}
	})
	if a.describe().InstanceLifecycle != ec2types.InstanceLifecycleTypeSpot {
		a.t.Fatal("moto made no spot instance")
	}
	r := a.respond(playbook.Options{}, accused)
	if r.planned(action.ProtectTermination) {
		a.t.Error("the plan protects a spot instance from termination")
	}
	r.apply()
	r.cut(before)
	r.release()
	a.same(before)
}

func (a *account) stopped() {
	a.simple()
	must(a.ec2.StopInstances(a.ctx, &ec2.StopInstancesInput{InstanceIds: []string{a.instance}}))(a)
	before := a.look()
	r := a.respond(playbook.Options{Cut: "stop"}, accused)
	if r.planned(action.StopInstance) {
		a.t.Error("the plan stops a stopped instance")
	}
	r.apply()
	if after := r.cut(before); after.Running != "stopped" {
		a.t.Errorf("the instance is %s", after.Running)
	}
	r.release()
	a.same(before)
}

// forensics leaves 443 to the endpoints of SSM and S3 and nothing else.
func (a *account) forensics() {
	a.simple()
	endpoints := a.newGroup("endpoints", 443)
	must(a.ec2.CreateVpcEndpoint(a.ctx, &ec2.CreateVpcEndpointInput{
		VpcId: aws.String(a.vpc), VpcEndpointType: ec2types.VpcEndpointTypeInterface, ServiceName: aws.String("com.amazonaws." + motoRegion + ".ssm"),
		SubnetIds: []string{a.subnet}, SecurityGroupIds: []string{endpoints},
	}))(a)
	before := a.look()
	r := a.respond(playbook.Options{ForensicsEgress: true})
	r.apply()
	after := a.look()
	for id, groups := range after.Interfaces {
		if len(groups) != 1 || before.Groups[groups[0]] != nil {
			a.t.Fatalf("interface %s is in %v", id, groups)
		}
		out := must(a.ec2.DescribeSecurityGroupRules(a.ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: filters("group-id", groups[0])}))(a)
		if len(out.SecurityGroupRules) != 1 {
			a.t.Fatalf("the quarantine group has %d rules", len(out.SecurityGroupRules))
		}
		rule := out.SecurityGroupRules[0]
		if !aws.ToBool(rule.IsEgress) || aws.ToInt32(rule.FromPort) != 443 || aws.ToInt32(rule.ToPort) != 443 || rule.ReferencedGroupInfo == nil || aws.ToString(rule.ReferencedGroupInfo.GroupId) != endpoints {
			a.t.Errorf("the quarantine group lets out %+v", rule)
		}
	}
	r.release()
	a.same(before)
}

// drifts: what the plan saw has changed in what matters, so nothing is done.
func (a *account) drifts() {
	a.simple()
	r := a.respond(playbook.Options{}, accused)
	for id := range a.interfaces() {
		must(a.ec2.ModifyNetworkInterfaceAttribute(a.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: aws.String(id), Groups: []string{a.admin}}))(a)
	}
	before := a.look()
	err := r.engine.Apply(a.ctx, r.data, "flag")
	var drift *engine.DriftError
	if !errors.As(err, &drift) || !errors.Is(err, engine.ErrDecision) || !strings.Contains(err.Error(), a.admin) {
		a.t.Errorf("apply to an account that has drifted: %v", err)
	}
	a.same(before)
	if n := len(a.snapshots()); n != 0 {
		a.t.Errorf("%d snapshots were made", n)
	}
}

// meddled: the owner puts an interface into a group of his own after the cut. That is left, the rest goes back.
func (a *account) meddled() {
	before := a.simple()
	r := a.respond(playbook.Options{}, accused)
	r.apply()
	for id := range a.interfaces() {
		must(a.ec2.ModifyNetworkInterfaceAttribute(a.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: aws.String(id), Groups: []string{a.admin}}))(a)
	}
	plan := must(r.engine.PlanRelease(a.ctx))(a)
	if len(plan.Warnings) != 1 {
		a.t.Errorf("the release plan warns of %q", plan.Warnings)
	}
	data, _, err := engine.Encode(plan)
	if err != nil {
		a.t.Fatal(err)
	}
	err = r.engine.Release(a.ctx, data, "flag")
	if !errors.Is(err, engine.ErrDecision) || !strings.Contains(err.Error(), a.admin) {
		a.t.Errorf("release of an account that has drifted: %v", err)
	}
	after := a.look()
	for id, groups := range after.Interfaces {
		if !slices.Equal(groups, []string{a.admin}) {
			a.t.Errorf("interface %s is in %v, which the owner did not choose", id, groups)
		}
	}
	before.Interfaces, after.Interfaces = nil, nil
	if !reflect.DeepEqual(before, after) {
		a.t.Errorf("the rest is not as before:\nbefore %s\nnow %s", before, after)
	}
}

// gone: what a terminated instance has left is kept, and an instance that never was is an error.
func (a *account) gone() {
	a.simple()
	volume := must(a.ec2.CreateVolume(a.ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(motoRegion + "a"), Size: aws.Int32(8)}))(a)
	must(a.ec2.TerminateInstances(a.ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{a.instance}}))(a)
	r := a.respond(playbook.Options{}, accused)
	if r.planned(action.IsolateInterface) || !r.planned(action.SnapshotVolumes) {
		a.t.Errorf("the plan for a terminated instance: %v", r.plan.Steps)
	}
	// The evidence is taken, and it is said that nothing is contained by it.
	if err := r.tryApply(); !errors.Is(err, engine.ErrPartly) || !strings.Contains(err.Error(), casefile.NothingContained) {
		a.t.Errorf("apply: %v", err)
	}
	out := must(a.ec2.DescribeSnapshots(a.ctx, &ec2.DescribeSnapshotsInput{Filters: filters("volume-id", aws.ToString(volume.VolumeId))}))(a)
	if len(out.Snapshots) != 1 {
		a.t.Errorf("%d snapshots of the volume that was left", len(out.Snapshots))
	}
	unknown := casefile.Subject{Kind: casefile.EC2Instance, ID: "i-0123456789abcdef0", Account: r.conn.Account, Region: motoRegion}
	base := casefile.Plan{Format: 1, Kind: casefile.PlanContain, Case: "case-2", Account: r.conn.Account, Region: motoRegion, Subject: unknown}
	if _, err := engine.Plan(a.ctx, r.conn, base, playbook.EC2, playbook.Incident{Subject: unknown}, playbook.Options{}); !errors.Is(err, action.ErrGone) {
		a.t.Errorf("plan for an instance that there is not: %v", err)
	}
}

// unbelieved is where moto's state proves too little, so that only the call itself is checked.
var unbelieved = []struct {
	operation string
	why       string
	form      map[string]string // members of the call; a value in <> is the account's own
	times     int
}{
	{"CreateSnapshots", "moto completes a snapshot at once and knows no set", map[string]string{"InstanceSpecification.InstanceId": "<instance>", "CopyTagsFromSource": ""}, 1},
	{"LockSnapshot", "moto lacks it, the proxy keeps the locks", map[string]string{"LockMode": "governance", "LockDuration": "30"}, 2},
	{"SuspendProcesses", "moto's groups act on nothing by themselves", map[string]string{"AutoScalingGroupName": "<group>"}, 1},
	{"DetachInstances", "moto detaches at once and records no activity", map[string]string{"InstanceIds.member.1": "<instance>", "ShouldDecrementDesiredCapacity": "false"}, 1},
	{"DeregisterTargets", "moto holds one port an instance and drains nothing", map[string]string{"Targets.member.1.Id": "<instance>", "Targets.member.1.Port": "8080"}, 1},
	{"PutRolePolicy", "moto evaluates no condition, so a deny cuts everybody or nobody", map[string]string{"RoleName": "<role>"}, 1},
	{"AssociateAddress", "moto forgets the instance of an address on an interface: the proxy names the instance", map[string]string{"AllocationId": "<allocation>", "AllowReassociation": "false", "InstanceId": ""}, 1},
	{"ModifyInstanceAttribute", "moto takes a shutdown behaviour for an empty list of groups: the proxy rewords it", map[string]string{"InstanceInitiatedShutdownBehavior.Value": "stop", "InstanceId": "<instance>"}, 1},
}

// sentRight looks at what went over the wire since the account was built.
func (r *incident) sentRight() {
	r.t.Helper()
	own := map[string]string{"<instance>": r.instance, "<group>": r.group, "<role>": r.role, "<allocation>": r.allocation}
	for _, u := range unbelieved {
		var right []url.Values
		var all []string
		for _, c := range r.sent(u.operation) {
			all = append(all, c.body)
			fits := true
			for member, want := range u.form {
				if mine, ok := own[want]; ok {
					want = mine
				}
				fits = fits && c.form.Get(member) == want
			}
			if fits {
				right = append(right, c.form)
			}
		}
		if len(right) != u.times {
			r.t.Errorf("%s was sent rightly %d times and not %d (%s):\n%s", u.operation, len(right), u.times, u.why, strings.Join(all, "\n"))
		}
	}
	for _, once := range []string{"CreateSecurityGroup", "CreateSnapshots", "DisassociateIamInstanceProfile", "DisassociateAddress"} {
		if n := len(r.sent(once)); n != 1 {
			r.t.Errorf("%s was sent %d times", once, n)
		}
	}
	for _, c := range r.sent("SuspendProcesses") {
		if strings.Contains(c.body, "Launch") {
			r.t.Errorf("the launch of replacements was suspended: %s", c.body)
		}
	}
	for _, never := range []string{"DeleteSnapshot", "TerminateInstances", "DeleteVolume", "SendCommand"} {
		if n := len(r.sent(never)); n != 0 {
			r.t.Errorf("%s was sent %d times", never, n)
		}
	}
}

// sent is what cordon sent, the building of the account left out.
func (r *incident) sent(operation string) []call {
	found := r.proxy.sent(operation)
	return found[min(len(found), r.built[operation]):]
}
