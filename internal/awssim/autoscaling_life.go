package awssim

import (
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// How often a group looks at its members, and how long health checks fail
// before it replaces one.
const (
	healthCheckPeriod = 10 * time.Second
	unhealthyAfter    = 60 * time.Second
)

// watch looks at the group's members again and again, for as long as the group
// exists. It is put among the timers directly: work that a test makes instant
// must not make it spin.
func (w *World) watch(region *Region, g *ASG, now time.Time) {
	at := now.Add(healthCheckPeriod)
	i, _ := slices.BinarySearchFunc(w.timers, at, func(t timer, at time.Time) int {
		if t.at.After(at) {
			return 1
		}
		return -1
	})
	w.timers = slices.Insert(w.timers, i, timer{at, func(now time.Time) {
		if region.AutoScaling.Groups[g.Name] != g {
			return
		}
		g.checkHealth(w, region, now)
		g.refill(w, region, now)
		w.watch(region, g, now)
	}})
}

// checkHealth marks the members that fail and replaces those that fail for too
// long. What the group terminates is evidence that nobody can bring back.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-health-checks.html
func (g *ASG) checkHealth(w *World, region *Region, now time.Time) {
	for _, m := range slices.Clone(g.Members) {
		if m.Lifecycle != types.LifecycleStateInService {
			continue
		}
		live := g.member(m.Instance)
		why := g.failing(region, m.Instance)
		switch {
		case why == "" && m.Health == "Healthy":
			live.bad = time.Time{}
			continue
		case g.Suspended["HealthCheck"] && m.Health == "Healthy":
			live.bad = time.Time{}
			continue
		case m.bad.IsZero():
			live.bad = now
			continue
		case now.Sub(m.bad) < unhealthyAfter:
			continue
		}
		live.Health = "Unhealthy"
		if g.Suspended["ReplaceUnhealthy"] || g.Suspended["Terminate"] {
			continue
		}
		a := g.begin(w, now, "Terminating EC2 instance: "+m.Instance,
			"an instance was taken out of service in response to a failed health check: "+why)
		w.note("evidence lost: Auto Scaling group %s terminated %s: %s", g.Name, m.Instance, why)
		g.leaveLoadBalancers(w, region, now, m.Instance)
		g.remove(m.Instance)
		terminate(region, m.Instance)
		g.end(a, now)
	}
}

// failing says what is wrong with a member, "" if nothing is. A group that
// counts on EC2's checks alone sees only that an instance does not run; one
// with ELB checks also what its load balancers see.
func (g *ASG) failing(region *Region, id string) string {
	instance := region.Instances[id]
	if instance == nil || instance.State != "running" && instance.State != "pending" {
		return "the instance is not running"
	}
	if g.HealthCheck != "ELB" {
		return ""
	}
	if region.unreachable(id) {
		return "no load balancer reaches it"
	}
	for _, arn := range g.TargetGroups {
		tg := region.ELBv2.TargetGroups[arn]
		if tg != nil && !slices.ContainsFunc(tg.Targets, func(t Target) bool { return t.ID == id && !t.Draining }) {
			return "it is not registered with " + tg.Name
		}
	}
	for _, name := range g.ClassicLBs {
		if lb := region.ELB.LoadBalancers[name]; lb != nil && !slices.Contains(lb.Instances, id) {
			return "it is not registered with " + lb.Name
		}
	}
	return ""
}

// terminate ends an instance as EC2 does when Auto Scaling asks, which no
// termination protection stops: interfaces and volumes go that are to go with
// it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html
func terminate(region *Region, id string) {
	instance := region.Instances[id]
	if instance == nil {
		return
	}
	instance.State, instance.StateReason = "terminated", "Client.UserInitiatedShutdown: User initiated shutdown"
	for eniID, eni := range region.NetworkInterfaces {
		if eni.instance() != id {
			continue
		}
		if eni.Attachment.DeleteOnTermination {
			delete(region.NetworkInterfaces, eniID)
			for _, address := range region.Addresses {
				if address.Interface == eniID {
					address.Interface, address.PrivateIP, address.AssociationID = "", "", ""
				}
			}
			continue
		}
		eni.Attachment = nil
	}
	for volumeID, v := range region.Volumes {
		if v.Attached == nil || v.Attached.Instance != id {
			continue
		}
		if v.Attached.DeleteOnTermination {
			delete(region.Volumes, volumeID)
			continue
		}
		v.Attached, v.State = nil, "available"
	}
	delete(region.ProfileAssociations, id)
}

// refill launches what the group lacks.
func (g *ASG) refill(w *World, region *Region, now time.Time) {
	if g.Suspended["Launch"] {
		return
	}
	for g.capacity() < g.Desired {
		id := g.launch(w, region, now)
		a := g.begin(w, now, "Launching a new EC2 instance: "+id, "an instance was started in response to a difference between desired and actual capacity")
		g.Members = append(g.Members, Member{Instance: id, Health: "Healthy", Zone: region.Instances[id].Zone})
		g.enter(w, region, now, id, a)
	}
}

// capacity counts the members that serve or are about to.
func (g *ASG) capacity() int32 {
	n := int32(0)
	for _, m := range g.Members {
		if m.Lifecycle == types.LifecycleStateInService || m.Lifecycle == types.LifecycleStatePending {
			n++
		}
	}
	return n
}

// launch makes an instance from the group's template: the same image as its
// brothers, and whatever is wrong with it.
func (g *ASG) launch(w *World, region *Region, now time.Time) string {
	tags := map[string]string{"aws:autoscaling:groupName": g.Name}
	maps.Copy(tags, g.Template.Tags)
	subnet := g.Subnets[g.launched%len(g.Subnets)]
	g.launched++
	arn, _, _ := w.account.IAM.instanceProfile(g.Template.Profile)
	id := w.addInstance(region, InstanceSpec{
		Subnet: subnet, Image: g.Template.Image, Type: g.Template.Type, Groups: g.Template.Groups, Profile: arn, State: "pending", Tags: tags,
	}, now)
	region.Instances[id].Launched = now
	w.later(now, "instance-start", 20*time.Second, func(time.Time) {
		if i := region.Instances[id]; i != nil && i.State == "pending" {
			i.State = "running"
		}
	})
	return id
}

// enter takes a member into service, and registers it with the group's load
// balancers where AddToLoadBalancer is not suspended.
func (g *ASG) enter(w *World, region *Region, now time.Time, id, activity string) {
	g.member(id).Lifecycle = types.LifecycleStatePending
	w.later(now, "asg-in-service", 30*time.Second, func(now time.Time) {
		m := g.member(id)
		if m == nil || m.Lifecycle != types.LifecycleStatePending {
			return
		}
		m.Lifecycle, m.Health, m.bad = types.LifecycleStateInService, "Healthy", time.Time{}
		g.end(activity, now)
		if g.Suspended["AddToLoadBalancer"] {
			return
		}
		for _, arn := range g.TargetGroups {
			if tg := region.ELBv2.TargetGroups[arn]; tg != nil {
				tg.register(w, now, Target{ID: id, Port: tg.Port})
			}
		}
		for _, name := range g.ClassicLBs {
			if lb := region.ELB.LoadBalancers[name]; lb != nil {
				lb.register(id)
			}
		}
	})
}

// leaveLoadBalancers deregisters an instance wherever the group registered it.
func (g *ASG) leaveLoadBalancers(w *World, region *Region, now time.Time, id string) {
	for _, arn := range g.TargetGroups {
		if tg := region.ELBv2.TargetGroups[arn]; tg != nil {
			for _, t := range slices.Clone(tg.Targets) {
				if t.ID == id {
					tg.deregister(w, now, t.ID, t.Port)
				}
			}
		}
	}
	for _, name := range g.ClassicLBs {
		if lb := region.ELB.LoadBalancers[name]; lb != nil {
			lb.deregister(w, now, id)
		}
	}
}

func (g *ASG) member(id string) *Member {
	i := slices.IndexFunc(g.Members, func(m Member) bool { return m.Instance == id })
	if i < 0 {
		return nil
	}
	return &g.Members[i]
}

func (g *ASG) remove(id string) {
	g.Members = slices.DeleteFunc(g.Members, func(m Member) bool { return m.Instance == id })
}

// begin notes an activity and gives its id.
func (g *ASG) begin(w *World, now time.Time, what, why string) string {
	id := w.newUUID()
	g.Activities = slices.Insert(g.Activities, 0, Activity{
		ID: id, Description: what, Cause: "At " + now.UTC().Format(time.RFC3339) + " " + why + ".",
		Status: types.ScalingActivityStatusCodeInProgress, Start: now,
	})
	return id
}

func (g *ASG) end(id string, now time.Time) {
	for i := range g.Activities {
		if g.Activities[i].ID == id {
			g.Activities[i].Status, g.Activities[i].End = types.ScalingActivityStatusCodeSuccessful, now
		}
	}
}
