package playbook

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// EC2 answers a compromised instance.
var EC2 = Playbook{
	Name:    casefile.PlaybookEC2,
	Summary: "Preserve an instance's state and disks, then cut it off: groups, load balancers, network, addresses, sessions, credentials.",
	Kinds:   []casefile.Kind{casefile.EC2Instance},
	Reads:   ec2Reads,
	Actions: []action.Action{
		action.RecordInstance, action.ProtectTermination, action.ShutdownStop, action.KeepVolumes, action.TagInstance,
		action.SnapshotVolumes, action.LockSnapshots, action.AwaitSnapshots,
		action.SuspendProcesses, action.DetachInstance, action.StandbyInstance, action.ResumeProcesses,
		action.DeregisterTarget, action.DeregisterClassic,
		action.QuarantineGroup, action.IsolateInterface, action.DenyAddresses,
		action.EndSessions, action.DetachAddress,
		action.DenyInstanceSession, action.RevokeRoleSessions, action.RemoveProfile, action.StopInstance,
	},
	Draft: draftEC2,
}

// The keys by which the steps name each other.
const (
	keyRecord   = "record"
	keySnapshot = "snapshot"
	keyLock     = "lock"
	keySuspend  = "asg-suspend"
	keyLeave    = "asg-leave"
	keyDeny     = "deny-session"
	keyDenySSM  = "deny-session-ssm"
)

// snapshotPatience is how long the visible steps wait for the snapshots to begin. Evidence never blocks the cut.
const snapshotPatience = 60 * time.Second

func draftEC2(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error) {
	s, err := look(ctx, c, in.Subject.ID)
	if err != nil {
		return Draft{}, err
	}
	p := &ec2Plan{survey: s, in: in, o: o}
	if s.gone {
		return p.leftovers(ctx)
	}
	p.warn(s.doubts...)
	p.preserve()
	p.leaveGroup()
	p.leaveLoadBalancers()
	p.isolate()
	p.denyAddresses(ctx)
	p.endSessions()
	p.detachAddresses()
	p.cutCredentials()
	p.stop()
	p.tell()
	return p.draft, nil
}

// ec2Plan is the draft as it grows.
type ec2Plan struct {
	*survey
	in    Incident
	o     Options
	draft Draft

	evidence []string // keys of the evidence steps that the stop waits for
	network  []string // keys of the isolating steps
}

func (p *ec2Plan) add(s Step) { p.draft.Steps = append(p.draft.Steps, s) }

func (p *ec2Plan) warn(lines ...string) { p.draft.Warnings = append(p.draft.Warnings, lines...) }

// part aims at something that belongs to the instance.
func (p *ec2Plan) part(kind casefile.Kind, id string) casefile.Target {
	return casefile.Target{Kind: kind, ID: id, Account: p.c.Account, Region: p.c.Region, Parent: p.id}
}

func (p *ec2Plan) self() casefile.Target {
	t := p.part(casefile.EC2Instance, p.id)
	t.Parent = ""
	t.ARN = fmt.Sprintf("arn:%s:ec2:%s:%s:instance/%s", p.c.Partition, p.c.Region, p.c.Account, p.id)
	return t
}

// params adds the responder's tags to the options of a step that makes or marks something.
func (p *ec2Plan) params(pairs ...string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}

func (p *ec2Plan) tags() string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(p.o.Tags)) {
		lines = append(lines, key+"="+p.o.Tags[key])
	}
	return action.List(lines)
}

// quietly is what a step that an intruder notices waits for: the snapshots, so that he has no time to clean up
// before them. With cut first it waits for nothing.
func (p *ec2Plan) quietly(more ...string) []string {
	if p.o.CutFirst || len(p.volumes) == 0 {
		return more
	}
	return append([]string{keySnapshot}, more...)
}

// suspended is the group's processes having been suspended, however that ended: a group that sees its instance
// unhealthy terminates it, but a group that cordon may not touch must not keep the instance from being cut off.
func (p *ec2Plan) suspended() []string {
	if p.group == nil {
		return nil
	}
	return []string{keySuspend}
}

func (p *ec2Plan) isSpot() bool {
	return p.instance.InstanceLifecycle == ec2types.InstanceLifecycleTypeSpot
}

func (p *ec2Plan) preserve() {
	volumes := action.List(p.volumeIDs())
	var arns []string
	for _, t := range p.targets {
		arns = append(arns, t.arn)
	}
	p.add(Step{
		Key: keyRecord, Action: action.RecordInstance, Target: p.self(),
		Params: p.params("volumes", volumes, "target_groups", action.List(arns), "addresses", action.List(p.privateAddresses())),
	})
	p.evidence = append(p.evidence, keyRecord)
	if p.isSpot() {
		p.warn("a spot instance: AWS offers no termination protection for it, its shutdown behaviour cannot be set to stop, and AWS may take it back at any time")
	} else {
		p.add(Step{Key: "protect-termination", Action: action.ProtectTermination, Target: p.self()})
		p.add(Step{Key: "shutdown-stop", Action: action.ShutdownStop, Target: p.self()})
	}
	if len(p.volumes) > 0 {
		p.add(Step{Key: "keep-volumes", Action: action.KeepVolumes, Target: p.self()})
	}
	p.add(Step{Key: "tag", Action: action.TagInstance, Target: p.self(), Params: p.params("tags", p.tags())})
	p.snapshots(volumes, "")
	for _, line := range p.dying {
		p.warn(line)
	}
}

// snapshots plans the snapshots, their lock and the wait for them. The lock and the wait take what there is: one
// volume that AWS refuses must leave neither the others unlocked nor itself out of the ledger.
func (p *ec2Plan) snapshots(volumes, detached string) {
	if volumes == "" {
		return
	}
	p.add(Step{
		Key: keySnapshot, Action: action.SnapshotVolumes, Target: p.self(), Deadline: snapshotPatience,
		Params: p.params("volumes", volumes, "detached", detached, "tags", p.tags()),
	})
	p.evidence = append(p.evidence, keySnapshot)
	await := []string{keySnapshot}
	if p.o.Lock != "none" {
		mode, days := p.o.Lock, p.o.LockDays
		if mode == "" {
			mode = "governance"
		}
		if days <= 0 {
			days = 30
		}
		p.add(Step{
			Key: keyLock, Action: action.LockSnapshots, Target: p.self(), AfterAny: []string{keySnapshot}, Deadline: 2 * snapshotPatience,
			Params: p.params("volumes", volumes, "mode", mode, "days", strconv.Itoa(days)),
		})
		p.evidence = append(p.evidence, keyLock)
		await = append(await, keyLock)
	}
	p.add(Step{
		Key: "await-snapshots", Action: action.AwaitSnapshots, Target: p.self(), AfterAny: await, Deadline: 6 * time.Hour,
		Params: p.params("volumes", volumes),
	})
}

func (p *ec2Plan) leaveGroup() {
	if p.group == nil {
		return
	}
	name := aws.ToString(p.group.AutoScalingGroupName)
	target := p.part(casefile.AutoScalingGroup, name)
	target.ARN = aws.ToString(p.group.AutoScalingGroupARN)
	p.add(Step{Key: keySuspend, Action: action.SuspendProcesses, Target: target})
	leave := Step{
		Key: keyLeave, Action: action.DetachInstance, Target: target, After: []string{keySuspend}, AfterAny: p.quietly(),
		Impact: []string{fmt.Sprintf("the replacement boots the same image %s, with whatever let the intruder in; %s running it already",
			aws.ToString(p.instance.ImageId), others(p.alike))},
	}
	if p.o.Standby {
		leave.Action = action.StandbyInstance
	}
	p.add(leave)
	p.add(Step{
		Key: "asg-resume", Action: action.ResumeProcesses, Target: target, After: []string{keyLeave},
		Params: p.params("processes", action.List(action.ToSuspend(*p.group))),
	})
}

func others(n int) string {
	switch n {
	case 0:
		return "no other instance is"
	case 1:
		return "1 other instance is"
	}
	return fmt.Sprintf("%d other instances are", n)
}

func (p *ec2Plan) leaveLoadBalancers() {
	after := p.quietly(p.suspended()...)
	for i, t := range p.targets {
		target := p.part(casefile.TargetGroup, t.name)
		target.ARN = t.arn
		p.add(Step{
			Key: fmt.Sprintf("deregister-%d", i+1), Action: action.DeregisterTarget, Target: target, AfterAny: after,
			Params: p.params("addresses", action.List(p.privateAddresses())),
		})
		if t.draining > 0 {
			p.draft.Survives = append(p.draft.Survives, fmt.Sprintf("connections through target group %s, for up to %d s while it drains", t.name, t.draining))
		}
	}
	for i, name := range p.classic {
		p.add(Step{Key: fmt.Sprintf("deregister-classic-%d", i+1), Action: action.DeregisterClassic, Target: p.part(casefile.ClassicELB, name), AfterAny: after})
	}
}

func (p *ec2Plan) isolate() {
	for i, vpc := range p.vpcIDs() {
		p.add(Step{
			Key: fmt.Sprintf("quarantine-%d", i+1), Action: action.QuarantineGroup, Target: p.part(casefile.VPC, vpc),
			Params: p.egress(vpc),
		})
	}
	for i, n := range p.interfaces {
		key := fmt.Sprintf("isolate-%d", i+1)
		vpc := aws.ToString(n.VpcId)
		quarantine := fmt.Sprintf("quarantine-%d", slices.Index(p.vpcIDs(), vpc)+1)
		p.add(Step{
			Key: key, Action: action.IsolateInterface, Target: p.part(casefile.NetworkInterface, aws.ToString(n.NetworkInterfaceId)),
			After: []string{quarantine}, AfterAny: p.quietly(p.suspended()...), Params: p.egress(vpc), Impact: p.groupImpact(n),
		})
		p.network = append(p.network, key)
	}
	if len(p.interfaces) == 0 {
		p.warn("the instance has no network interface that cordon can see: there is nothing to isolate")
	}
}

// groupImpact says who else is in the interface's groups, and that they stay as they are.
func (p *ec2Plan) groupImpact(n ec2types.NetworkInterface) []string {
	var lines []string
	for _, g := range n.Groups {
		if others := p.sharing[aws.ToString(g.GroupId)]; others > 0 {
			lines = append(lines, fmt.Sprintf("%s stays on the %d other interfaces that use it; whatever is reached by naming it as a source no longer admits this instance",
				aws.ToString(g.GroupId), others))
		}
	}
	return lines
}

func (p *ec2Plan) denyAddresses(ctx context.Context) {
	accused := remoteAddresses(p.in.Finding)
	if len(accused) == 0 {
		return
	}
	deny, warnings := p.deniable(ctx, accused, p.o.Responder)
	p.warn(warnings...)
	if len(deny) == 0 {
		return
	}
	if len(p.o.Responder) == 0 {
		p.warn("the responder's own addresses are not known: make sure that none of " + join(deny) + " is yours before you approve")
	}
	for i, acl := range p.acls {
		fit, warning := fitting(acl, deny)
		if warning != "" {
			p.warn(warning)
		}
		if len(fit) == 0 {
			continue
		}
		key := fmt.Sprintf("deny-addresses-%d", i+1)
		p.add(Step{
			Key: key, Action: action.DenyAddresses, Target: p.part(casefile.NetworkACL, aws.ToString(acl.NetworkAclId)),
			AfterAny: p.quietly(), Params: p.params("addresses", action.List(fit)),
		})
		p.network = append(p.network, key)
	}
}

func join(addresses []netip.Addr) string {
	var s []string
	for _, a := range addresses {
		s = append(s, a.String())
	}
	return strings.Join(s, ", ")
}

// endSessions is left out only where SSM does not know the instance, so that no session can exist.
func (p *ec2Plan) endSessions() {
	if p.agent == nil && !p.doubted("the SSM agent") {
		return
	}
	p.add(Step{Key: "end-sessions", Action: action.EndSessions, Target: p.self(), AfterAny: p.quietly(keyRecord)})
}

func (p *ec2Plan) doubted(what string) bool {
	return slices.ContainsFunc(p.doubts, func(d string) bool { return strings.Contains(d, what) })
}

func (p *ec2Plan) detachAddresses() {
	for i, a := range p.addresses {
		p.add(Step{
			Key: fmt.Sprintf("detach-address-%d", i+1), Action: action.DetachAddress,
			Target: p.part(casefile.ElasticIP, aws.ToString(a.AllocationId)), AfterAny: p.quietly(),
		})
	}
}

func (p *ec2Plan) stop() {
	if p.o.Cut != "stop" {
		return
	}
	state := ec2types.InstanceStateName("")
	if p.instance.State != nil {
		state = p.instance.State.Name
	}
	switch {
	case state == ec2types.InstanceStateNameStopped:
		return
	case p.instance.RootDeviceType == ec2types.DeviceTypeInstanceStore:
		p.warn("the instance's root is on instance store, so that AWS cannot stop it: it is left running")
		return
	case p.stopGuard:
		p.warn("stop protection is on and AWS will refuse to stop the instance: take it off (disableApiStop) if you mean it")
	}
	// The wait for the snapshots' completion is no reason to keep the instance running: what they hold was
	// fixed when they began.
	p.add(Step{
		Key: "stop", Action: action.StopInstance, Target: p.self(),
		AfterAny: append(append(slices.Clone(p.evidence), p.network...), p.suspended()...),
	})
}
