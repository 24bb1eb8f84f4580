package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const (
	groupARN1 = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/00000000000000aa"
	groupARN2 = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web-ip/00000000000000bb"
	roleID    = "AROAEXAMPLEEXAMPLE123"
)

func part(kind casefile.Kind, id string) casefile.Target {
	return casefile.Target{Kind: kind, ID: id, Account: "111122223333", Region: simWorld, Parent: suspect}
}

// twoHosts is the suspect and a neighbour in one subnet, with a role that both have.
func twoHosts(w *awssim.World) {
	role := w.AddRole(awssim.Role{Name: "web-app", ID: roleID, Path: "/app/", Inline: map[string]string{"own": `{"Version":"2012-10-17","Statement":[]}`}})
	profile := w.AddInstanceProfile(awssim.InstanceProfile{Name: "web-profile", Role: role.Name})
	w.Do(func(a *awssim.Account) {
		r := a.Region(simWorld)
		r.VPCs["vpc-00000000000000001"] = &awssim.VPC{ID: "vpc-00000000000000001", CIDR: "10.0.0.0/16", IPv6CIDR: "2600:1f18::/56"}
		r.Subnets["subnet-0000000000000000a"] = &awssim.Subnet{ID: "subnet-0000000000000000a", VPC: "vpc-00000000000000001", Zone: "eu-west-1a", CIDR: "10.0.1.0/24"}
		r.SecurityGroups["sg-0000000000000000a"] = &awssim.SecurityGroup{ID: "sg-0000000000000000a", Name: "web", VPC: "vpc-00000000000000001"}
		r.SecurityGroups["sg-0000000000000000b"] = &awssim.SecurityGroup{ID: "sg-0000000000000000b", Name: "ssh", VPC: "vpc-00000000000000001"}
		for id, ip := range map[string]string{suspect: "10.0.1.10", neighbor: "10.0.1.11"} {
			r.Instances[id] = &awssim.Instance{
				ID: id, State: "running", VPC: "vpc-00000000000000001", Subnet: "subnet-0000000000000000a", Zone: "eu-west-1a", Image: "ami-1", Type: "t3.micro",
				Tags: map[string]string{"Name": "web <" + id[len(id)-1:] + ">"},
			}
			eni := "eni-" + strings.TrimPrefix(id, "i-")
			r.NetworkInterfaces[eni] = &awssim.NetworkInterface{
				ID: eni, Subnet: "subnet-0000000000000000a", VPC: "vpc-00000000000000001", PrivateIPs: []string{ip}, Groups: []string{"sg-0000000000000000a", "sg-0000000000000000b"}, SourceDestCheck: true,
				Attachment: &awssim.Attachment{ID: "attach-" + eni, Instance: id, DeleteOnTermination: true},
			}
			r.ProfileAssociations[id] = &awssim.ProfileAssociation{ID: "assoc-" + id, Instance: id, ProfileARN: profile.ARN, ProfileID: profile.ID, State: "associated"}
		}
	})
}

func behindBalancers(w *awssim.World) {
	twoHosts(w)
	lb := w.AddLoadBalancer(simWorld, awssim.LoadBalancer{Name: "web", VPC: "vpc-00000000000000001"})
	w.AddTargetGroup(simWorld, awssim.TargetGroup{
		ARN: groupARN1, Name: "web", VPC: "vpc-00000000000000001", Port: 80, LoadBalancers: []string{lb.ARN},
		Targets: []awssim.Target{{ID: suspect}, {ID: suspect, Port: 8443}, {ID: neighbor}},
	})
	w.AddTargetGroup(simWorld, awssim.TargetGroup{
		ARN: groupARN2, Name: "web-ip", VPC: "vpc-00000000000000001", Port: 80, TargetType: "ip", LoadBalancers: []string{lb.ARN},
		Targets: []awssim.Target{{ID: "10.0.1.10", Port: 80, Zone: "eu-west-1a"}, {ID: "10.0.1.11", Port: 80, Zone: "eu-west-1a"}},
	})
	w.AddClassicLoadBalancer(simWorld, awssim.ClassicLoadBalancer{Name: "old", VPC: "vpc-00000000000000001", Instances: []string{suspect, neighbor}, Drain: 300 * time.Second})
}

func inGroup(w *awssim.World) {
	twoHosts(w)
	w.AddASG(simWorld, awssim.ASG{
		Name: "web's", Min: 1, Max: 3, Subnets: []string{"subnet-0000000000000000a"}, Zones: []string{"eu-west-1a"}, Suspended: map[string]bool{"AZRebalance": true},
		Template: awssim.LaunchTemplate{Name: "web", Version: "7", Image: "ami-1", Type: "t3.micro", Groups: []string{"sg-0000000000000000a"}},
	}, suspect, neighbor)
}

var group = part(casefile.AutoScalingGroup, "web's")

// processesOfPlan is what a playbook gives the resume step, from the group as it is while planning.
var processesOfPlan = map[string]string{"processes": "AlarmNotification\nHealthCheck\nInstanceRefresh\nReplaceUnhealthy\nScheduledActions\nTerminate"}

// replaced is what leaving a group leaves behind: the replacement, and a desired capacity of one more.
func replaced(key string) bool {
	return strings.HasPrefix(key, "autoscaling/") || strings.HasPrefix(key, "ec2/eu-west-1/instance/") && !strings.HasSuffix(key, suspect) ||
		strings.HasPrefix(key, "ec2/eu-west-1/network-interface/") && !strings.HasSuffix(key, strings.TrimPrefix(suspect, "i-")) ||
		strings.HasPrefix(key, "ec2/eu-west-1/profile-association/") || strings.HasPrefix(key, "ec2/eu-west-1/volume/")
}

func targetGroup(name, arn string) casefile.Target {
	t := part(casefile.TargetGroup, name)
	t.ARN = arn
	return t
}

func webRole() casefile.Target {
	t := part(casefile.IAMRole, "web-app")
	t.Region = ""
	return t
}

func withEndpoints(w *awssim.World) {
	twoHosts(w)
	w.Do(func(a *awssim.Account) {
		r := a.Region(simWorld)
		r.SecurityGroups["sg-0000000000000000e"] = &awssim.SecurityGroup{ID: "sg-0000000000000000e", Name: "endpoint", VPC: "vpc-00000000000000001"}
		r.PrefixLists["pl-00000003"] = &awssim.PrefixList{ID: "pl-00000003", Name: "com.amazonaws.eu-west-1.s3", Owner: "AWS", Family: "IPv4"}
	})
}

func withACL(w *awssim.World) {
	twoHosts(w)
	all := func(n int32, egress bool, action, cidr4, cidr6 string) awssim.ACLEntry {
		return awssim.ACLEntry{Number: n, Egress: egress, Action: action, Protocol: "-1", CIDR: cidr4, IPv6CIDR: cidr6}
	}
	var entries []awssim.ACLEntry
	for _, egress := range []bool{false, true} {
		entries = append(entries, all(100, egress, "allow", "0.0.0.0/0", ""), all(101, egress, "allow", "", "::/0"),
			all(32767, egress, "deny", "0.0.0.0/0", ""), all(32768, egress, "deny", "", "::/0"))
	}
	entries = append(entries, all(99, true, "deny", "203.0.113.9/32", "")) // the owner's, one way only
	w.Do(func(a *awssim.Account) {
		a.Region(simWorld).NetworkACLs["acl-00000000000000001"] = &awssim.NetworkACL{
			ID: "acl-00000000000000001", VPC: "vpc-00000000000000001", Entries: entries, Subnets: map[string]string{"subnet-0000000000000000a": "aclassoc-1"}, Members: []string{"subnet-0000000000000000a"},
		}
	})
}

var ec2Trials = []trial{
	{name: "suspend", setup: inGroup, steps: []trialStep{{SuspendProcesses, group, nil}}},
	{
		name: "detach and resume", setup: inGroup, differs: replaced,
		steps: []trialStep{{SuspendProcesses, group, nil}, {DetachInstance, group, nil}, {ResumeProcesses, group, processesOfPlan}},
	},
	{
		name: "standby and resume", setup: inGroup, differs: replaced,
		steps: []trialStep{{SuspendProcesses, group, nil}, {StandbyInstance, group, nil}, {ResumeProcesses, group, processesOfPlan}},
	},
	{name: "target group, two ports", setup: behindBalancers, steps: []trialStep{{DeregisterTarget, targetGroup("web", groupARN1), nil}}},
	{
		name: "target group of addresses", setup: behindBalancers,
		steps: []trialStep{{DeregisterTarget, targetGroup("web-ip", groupARN2), map[string]string{"addresses": "10.0.1.10"}}},
	},
	{name: "classic load balancer", setup: behindBalancers, steps: []trialStep{{DeregisterClassic, part(casefile.ClassicELB, "old"), nil}}},
	{
		name: "isolate", setup: twoHosts,
		steps: []trialStep{
			{QuarantineGroup, part(casefile.VPC, "vpc-00000000000000001"), map[string]string{"tags": "ticket=IR-7"}},
			{IsolateInterface, part(casefile.NetworkInterface, "eni-"+strings.TrimPrefix(suspect, "i-")), nil},
		},
	},
	{
		name: "isolate but for the endpoints", setup: withEndpoints,
		steps: []trialStep{
			{QuarantineGroup, part(casefile.VPC, "vpc-00000000000000001"), map[string]string{"egress": "forensics", "endpoint_groups": "sg-0000000000000000e", "prefix_lists": "pl-00000003"}},
			{IsolateInterface, part(casefile.NetworkInterface, "eni-"+strings.TrimPrefix(suspect, "i-")), map[string]string{"egress": "forensics"}},
		},
	},
	{
		name: "deny addresses", setup: withACL,
		steps: []trialStep{{DenyAddresses, part(casefile.NetworkACL, "acl-00000000000000001"), map[string]string{"addresses": "203.0.113.9\n2001:db8::9"}}},
	},
	{name: "deny the session", setup: twoHosts, steps: []trialStep{{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID}}}},
	{
		name: "deny the session, the agent's calls later", setup: twoHosts,
		steps: []trialStep{
			{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID, "ssm": "keep"}},
			{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID}},
		},
	},
	{name: "revoke the role", setup: twoHosts, moment: true, steps: []trialStep{{RevokeRoleSessions, webRole(), map[string]string{"role_id": roleID}}}},
}

func TestResumeLeavesWhatTheOwnerSuspended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: inGroup}.stage(t, 0)
		g, err := findScalingGroup(may(SuspendProcesses), s.conn, "web's")
		if err != nil {
			t.Fatal(err)
		}
		list := List(ToSuspend(g))
		if list != processesOfPlan["processes"] {
			t.Errorf("to suspend: %q", list)
		}
		s.bringAll([]trialStep{{SuspendProcesses, group, nil}, {ResumeProcesses, group, map[string]string{"processes": list}}})
		now := s.see(SuspendProcesses, Target{Target: group})
		if string(now) != `{"suspended":["AZRebalance"]}` {
			t.Errorf("suspended at the end: %s", now)
		}
	})
}

// AWS takes an empty list for all processes.
func TestNothingToResumeIsNotEverything(t *testing.T) {
	s := &script{answers: map[string]any{}}
	c := s.connect(t)
	for _, a := range []Action{SuspendProcesses, ResumeProcesses} {
		target := Target{Target: group}
		state := json.RawMessage(`{"suspended":["AZRebalance"]}`)
		if a.Undo != nil {
			if err := a.Undo(may(a), c, target, state, state); err != nil {
				t.Error(err)
			}
			continue
		}
		if err := a.Apply(may(a), c, target, json.RawMessage(`{"suspended":[]}`)); err != nil {
			t.Error(err)
		}
	}
	if len(s.sent) > 0 {
		t.Errorf("sent %v", s.sent)
	}
}

func TestFullGroupIsNotGrown(t *testing.T) {
	for _, a := range []Action{DetachInstance, StandbyInstance} {
		synctest.Test(t, func(t *testing.T) {
			s := trial{setup: inGroup}.stage(t, 0)
			all := s.bringAll([]trialStep{{a, group, nil}})
			s.world.Do(func(account *awssim.Account) { account.Region(simWorld).AutoScaling.Groups["web's"].Max = 2 })
			from := len(s.world.Calls())
			err := a.Undo(may(a), s.conn, all[0].target, all[0].before, all[0].after)
			if err == nil || !strings.Contains(err.Error(), `web's is at its maximum size of 2`) ||
				!strings.Contains(err.Error(), `--auto-scaling-group-name 'web'\''s' --max-size 3`) {
				t.Errorf("%s: %v", a.Name, err)
			}
			for _, c := range s.world.Calls()[from:] {
				if c.Write {
					t.Errorf("%s: sent %s to a full group", a.Name, c.Operation)
				}
			}
		})
	}
}

func TestMembershipFoldsLifecycles(t *testing.T) {
	for lifecycle, want := range map[string]string{
		"InService": memberIn, "Pending:Wait": memberIn, "Detaching": memberLeaving, "Detached": memberOut, "EnteringStandby": memberToRest,
		"Standby": memberResting, "Terminating:Wait": memberDying, "Terminated": memberDying, "Warmed:Terminating": memberDying,
	} {
		if got := memberOf(lifecycle); got != want {
			t.Errorf("%s: %s, want %s", lifecycle, got, want)
		}
	}
	for _, member := range []string{memberDying, memberOfOthers} {
		s := &script{answers: map[string]any{}}
		for _, a := range []Action{DetachInstance, StandbyInstance} {
			if err := a.Apply(may(a), s.connect(t), Target{Target: group}, json.RawMessage(`{"member":"`+member+`"}`)); err == nil || len(s.sent) > 0 {
				t.Errorf("%s of an instance %s: error %v, sent %v", a.Name, member, err, s.sent)
			}
		}
	}
}

func TestGoneNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: behindBalancers}.stage(t, 0)
		for _, step := range []trialStep{
			{SuspendProcesses, part(casefile.AutoScalingGroup, "no-such"), nil},
			{DeregisterTarget, targetGroup("x", strings.Replace(groupARN1, "web", "gone", 1)), nil},
			{DeregisterClassic, part(casefile.ClassicELB, "gone"), nil},
			{DenyInstanceSession, part(casefile.IAMRole, "gone"), map[string]string{"role_id": roleID}},
			{RevokeRoleSessions, part(casefile.IAMRole, "gone"), nil},
		} {
			if now, err := s.observe(step.action, Target{Target: step.target, OpID: "op", Params: step.params}); !errors.Is(err, ErrGone) {
				t.Errorf("%s: state %s, error %v", step.action.Name, now, err)
			}
		}
	})
}

// A draining target is on its way out: nothing is sent for it, and to register it again ends the draining.
func TestDrainingIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: behindBalancers}.stage(t, 0)
		s.world.Do(func(a *awssim.Account) {
			for i := range a.Region(simWorld).ELBv2.TargetGroups[groupARN1].Targets[:2] {
				a.Region(simWorld).ELBv2.TargetGroups[groupARN1].Targets[i].Draining = true
			}
		})
		target := Target{Target: targetGroup("web", groupARN1)}
		now := s.see(DeregisterTarget, target)
		if st, _ := DeregisterTarget.Status(target, now); st != Done {
			t.Errorf("state %s: status %v", now, st)
		}
	})
}

func TestImpactOnBalancers(t *testing.T) {
	for want, n := range map[string][2]int{
		"2 of the 3 other targets stay healthy":                                                {2, 3},
		"none of the 3 other targets is healthy: what it serves here may go down":              {0, 3},
		"it is the only target: what it serves here is down until a replacement is registered": {0, 0},
	} {
		if got := remaining(n[0], n[1]); got != want {
			t.Errorf("%v: %q", n, got)
		}
	}
}

func TestDeniesGoBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: withACL}.stage(t, 0)
		var before int
		acl := func() *awssim.NetworkACL {
			var found *awssim.NetworkACL
			s.world.Do(func(a *awssim.Account) { found = a.Region(simWorld).NetworkACLs["acl-00000000000000001"] })
			return found
		}
		before = len(acl().Entries)
		s.bringAll([]trialStep{{DenyAddresses, part(casefile.NetworkACL, "acl-00000000000000001"), map[string]string{"addresses": "203.0.113.9\n2001:db8::9"}}})
		first := map[string]int32{}
		for _, e := range acl().Entries {
			key := fmt.Sprintf("%s%s out=%t %s", e.CIDR, e.IPv6CIDR, e.Egress, e.Action)
			if e.Protocol == "-1" {
				first[key] = e.Number
			}
		}
		for _, want := range []string{"203.0.113.9/32 out=false deny", "203.0.113.9/32 out=true deny", "2001:db8::9/128 out=false deny", "2001:db8::9/128 out=true deny"} {
			if n := first[want]; n == 0 || n >= 100 {
				t.Errorf("%s has rule number %d", want, n)
			}
		}
		if made := len(acl().Entries) - before; made != 3 { // the owner's own deny serves for one direction of one address
			t.Errorf("%d entries were made", made)
		}
	})
}
