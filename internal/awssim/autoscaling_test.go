package awssim

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

func TestDetachedInstanceLeavesAndIsReplacedFromTheSameImage(t *testing.T) {
	s := newScene(t)
	tg := s.addGroup()
	c := autoscaling.NewFromConfig(s.cfg)
	_, err := c.DetachInstances(ctx, &autoscaling.DetachInstancesInput{
		AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-1"}, ShouldDecrementDesiredCapacity: aws.Bool(false),
	})
	ok(t, err)
	out, err := c.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{"i-1", "i-3"}})
	ok(t, err)
	if len(out.AutoScalingInstances) != 1 || *out.AutoScalingInstances[0].LifecycleState != "Detaching" {
		t.Fatalf("i-1 should be detaching: %+v", out.AutoScalingInstances)
	}
	s.pass(15 * time.Second)
	g := s.group()
	if g.member("i-1") != nil || g.Desired != 2 || len(g.Members) != 2 {
		t.Fatalf("after detaching: %+v", g)
	}
	replacement := g.Members[1]
	if replacement.Lifecycle != types.LifecycleStatePending {
		t.Errorf("the replacement starts as %s", replacement.Lifecycle)
	}
	s.pass(time.Minute)
	s.Do(func(a *Account) {
		r := a.Region(testRegion)
		i := r.Instances[replacement.Instance]
		if i.Image != "ami-1" || i.State != "running" {
			t.Errorf("replacement: %+v", i)
		}
		group := r.ELBv2.TargetGroups[tg.ARN]
		if group.index(i.ID, 80) < 0 || !group.Targets[group.index("i-1", 80)].Draining {
			t.Errorf("targets: %+v", group.Targets)
		}
		same(t, "classic", r.ELB.LoadBalancers["old"].Instances, []string{"i-2", i.ID})
		if r.Instances["i-1"].State != "running" {
			t.Error("the detached instance no longer runs")
		}
	})
	wantNoViolation(t, s)
}

func TestSuspendedLaunchBringsNoReplacement(t *testing.T) {
	s := newScene(t)
	s.addGroup()
	c := autoscaling.NewFromConfig(s.cfg)
	_, err := c.SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String("web"), ScalingProcesses: []string{"Launch"}})
	ok(t, err)
	_, err = c.DetachInstances(ctx, &autoscaling.DetachInstancesInput{
		AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-1"}, ShouldDecrementDesiredCapacity: aws.Bool(false),
	})
	ok(t, err)
	s.pass(10 * time.Minute)
	if n := len(s.group().Members); n != 1 {
		t.Fatalf("%d members while Launch is suspended", n)
	}
	_, err = c.ResumeProcesses(ctx, &autoscaling.ResumeProcessesInput{AutoScalingGroupName: aws.String("web")})
	ok(t, err)
	s.pass(time.Minute)
	if g := s.group(); g.capacity() != 2 || len(g.Suspended) != 0 {
		t.Errorf("after resuming: %+v", g)
	}
}

func TestStandbyAndBackRaisesDesired(t *testing.T) {
	s := newScene(t)
	s.addGroup()
	c := autoscaling.NewFromConfig(s.cfg)
	standby := &autoscaling.EnterStandbyInput{AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-1"}, ShouldDecrementDesiredCapacity: aws.Bool(false)}
	_, err := c.EnterStandby(ctx, standby)
	ok(t, err)
	if got := s.group().member("i-1").Lifecycle; got != types.LifecycleStateEnteringStandby {
		t.Errorf("at once: %s", got)
	}
	s.pass(2 * time.Minute)
	if g := s.group(); g.member("i-1").Lifecycle != types.LifecycleStateStandby || len(g.Members) != 3 || g.Desired != 2 {
		t.Fatalf("in standby: %+v", g)
	}
	_, err = c.EnterStandby(ctx, standby)
	wantCode(t, err, "ValidationError")
	_, err = c.ExitStandby(ctx, &autoscaling.ExitStandbyInput{AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-1"}})
	ok(t, err)
	s.pass(2 * time.Minute)
	if g := s.group(); g.member("i-1").Lifecycle != types.LifecycleStateInService || g.Desired != 3 {
		t.Errorf("back: %+v", g)
	}
	wantNoViolation(t, s)
}

func TestAttachRaisesDesiredUpToTheMaximum(t *testing.T) {
	s := newScene(t)
	s.addGroup()
	c := autoscaling.NewFromConfig(s.cfg)
	attach := func(ids ...string) error {
		_, err := c.AttachInstances(ctx, &autoscaling.AttachInstancesInput{AutoScalingGroupName: aws.String("web"), InstanceIds: ids})
		return err
	}
	wantCode(t, attach("i-1"), "ValidationError")
	ok(t, attach("i-3"))
	s.pass(time.Minute)
	if g := s.group(); g.Desired != 3 || g.member("i-3").Lifecycle != types.LifecycleStateInService {
		t.Errorf("after attaching: %+v", g)
	}
	s.Do(func(a *Account) {
		r := a.Region(testRegion)
		r.Instances["i-4"] = &Instance{ID: "i-4", State: "running", VPC: "vpc-1", Zone: "eu-west-1a"}
	})
	before := s.Dump()
	wantCode(t, attach("i-4"), "ValidationError")
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Errorf("a refused call changed: %q", d)
	}
}

func TestRefusalsOfAutoScaling(t *testing.T) {
	s := newScene(t)
	s.addGroup()
	c := autoscaling.NewFromConfig(s.cfg)
	_, err := c.DetachInstances(ctx, &autoscaling.DetachInstancesInput{
		AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-3"}, ShouldDecrementDesiredCapacity: aws.Bool(false),
	})
	wantCode(t, err, "ValidationError")
	_, err = c.DetachInstances(ctx, &autoscaling.DetachInstancesInput{
		AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-1", "i-2"}, ShouldDecrementDesiredCapacity: aws.Bool(true),
	})
	wantCode(t, err, "ValidationError")
	_, err = c.SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String("web"), ScalingProcesses: []string{"launch"}})
	wantCode(t, err, "ValidationError")
	_, err = c.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{NextToken: aws.String("x")})
	wantCode(t, err, "InvalidNextToken")
	if len(s.Violations()) > 0 {
		t.Errorf("violations: %q", s.Violations())
	}
	_, err = c.SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String("nobody")})
	wantCode(t, err, "ValidationError")
	if len(s.Violations()) != 1 {
		t.Errorf("a change of a group that never was: %q", s.Violations())
	}
}

func TestGroupKillsAnIsolatedMember(t *testing.T) {
	isolate := func(r *Region) { r.NetworkInterfaces["eni-1"].Groups = []string{"sg-closed"} }
	stop := func(r *Region) { r.Instances["i-1"].State = "stopped" }
	deregister := func(r *Region) { r.ELB.LoadBalancers["old"].Instances = []string{"i-2"} }
	for _, c := range []struct {
		name    string
		harm    func(*Region)
		suspend string
		lost    bool
	}{
		{"isolated", isolate, "", true},
		{"stopped", stop, "", true},
		{"deregistered", deregister, "", true},
		{"isolated, no health checks", isolate, "HealthCheck", false},
		{"isolated, no replacing", isolate, "ReplaceUnhealthy", false},
		{"isolated, no terminating", isolate, "Terminate", false},
		{"isolated, launching suspended only", isolate, "Launch", true},
		{"well", func(*Region) {}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t)
			s.addGroup()
			s.Do(func(a *Account) {
				r := a.Region(testRegion)
				r.AutoScaling.Groups["web"].Suspended[c.suspend] = true
				c.harm(r)
			})
			s.pass(50 * time.Second)
			if v := s.Violations(); len(v) > 0 {
				t.Fatalf("too early: %q", v)
			}
			s.pass(5 * time.Minute)
			lost := strings.Contains(strings.Join(s.Violations(), "\n"), "evidence lost")
			if lost != c.lost {
				t.Errorf("lost = %v, want %v: %q", lost, c.lost, s.Violations())
			}
			s.Do(func(a *Account) {
				if gone := a.Region(testRegion).Instances["i-1"].State == "terminated"; gone != c.lost {
					t.Errorf("terminated = %v", gone)
				}
			})
		})
	}
}

func TestScalingHistoryIsPagedNewestFirst(t *testing.T) {
	s := newScene(t)
	s.addGroup()
	c := autoscaling.NewFromConfig(s.cfg)
	_, err := c.DetachInstances(ctx, &autoscaling.DetachInstancesInput{
		AutoScalingGroupName: aws.String("web"), InstanceIds: []string{"i-1", "i-2"}, ShouldDecrementDesiredCapacity: aws.Bool(false),
	})
	ok(t, err)
	s.pass(time.Minute)
	var all []types.Activity
	p := autoscaling.NewDescribeScalingActivitiesPaginator(c, &autoscaling.DescribeScalingActivitiesInput{AutoScalingGroupName: aws.String("web")})
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		ok(t, err)
		if len(out.Activities) > 2 {
			t.Errorf("a page of %d", len(out.Activities))
		}
		all = append(all, out.Activities...)
	}
	if len(all) != 4 {
		t.Fatalf("%d activities", len(all))
	}
	for i := range all[1:] {
		if all[i].StartTime.Before(*all[i+1].StartTime) {
			t.Errorf("activity %d is older than %d", i, i+1)
		}
	}
}
