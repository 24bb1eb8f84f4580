package awssim

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// processes are what can be suspended.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
var processes = []string{
	"Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck", "InstanceRefresh",
	"ReplaceUnhealthy", "ScheduledActions",
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SuspendProcesses.html
func autoscalingSuspend(r *Request, in *autoscaling.SuspendProcessesInput) (*autoscaling.SuspendProcessesOutput, error) {
	g, named, err := readProcesses(r, in.AutoScalingGroupName, in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	touch(r, r.Region.AutoScaling.Groups, g.Name)
	for _, p := range named {
		g.Suspended[p] = true
	}
	return &autoscaling.SuspendProcessesOutput{}, nil
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_ResumeProcesses.html
func autoscalingResume(r *Request, in *autoscaling.ResumeProcessesInput) (*autoscaling.ResumeProcessesOutput, error) {
	g, named, err := readProcesses(r, in.AutoScalingGroupName, in.ScalingProcesses)
	if err != nil {
		return nil, err
	}
	touch(r, r.Region.AutoScaling.Groups, g.Name)
	for _, p := range named {
		delete(g.Suspended, p)
	}
	return &autoscaling.ResumeProcessesOutput{}, nil
}

// readProcesses finds the group and the processes named: all where none is.
func readProcesses(r *Request, name *string, named []string) (*ASG, []string, error) {
	g, err := writableGroup(r, name)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range named {
		if !slices.Contains(processes, p) {
			return nil, nil, scalingInvalid(p + " is not a valid process")
		}
	}
	if len(named) == 0 {
		named = processes
	}
	return g, named, nil
}

// Only what is in service or in standby can be detached.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html
func autoscalingDetach(r *Request, in *autoscaling.DetachInstancesInput) (*autoscaling.DetachInstancesOutput, error) {
	g, err := leavable(r, in.AutoScalingGroupName, in.InstanceIds, aws.ToBool(in.ShouldDecrementDesiredCapacity),
		types.LifecycleStateInService, types.LifecycleStateStandby)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DetachInstancesOutput{}
	for _, id := range in.InstanceIds {
		m := g.member(id)
		if m.Lifecycle == types.LifecycleStateInService && aws.ToBool(in.ShouldDecrementDesiredCapacity) {
			g.Desired--
		}
		m.Lifecycle = types.LifecycleStateDetaching
		g.leaveLoadBalancers(r.World, r.Region, r.Now, id)
		a := g.begin(r.World, r.Now, "Detaching EC2 instance: "+id, "in response to a user request")
		out.Activities = append(out.Activities, g.Activities[0].describe(g))
		r.later("asg-detach", 10*time.Second, func(now time.Time) {
			g.remove(id)
			g.end(a, now)
			g.refill(r.World, r.Region, now)
		})
	}
	return out, nil
}

// Standby keeps the instance in the group, out of service and without health
// checks.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-enter-exit-standby.html
func autoscalingEnterStandby(r *Request, in *autoscaling.EnterStandbyInput) (*autoscaling.EnterStandbyOutput, error) {
	g, err := leavable(r, in.AutoScalingGroupName, in.InstanceIds, aws.ToBool(in.ShouldDecrementDesiredCapacity),
		types.LifecycleStateInService)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.EnterStandbyOutput{}
	for _, id := range in.InstanceIds {
		if aws.ToBool(in.ShouldDecrementDesiredCapacity) {
			g.Desired--
		}
		g.member(id).Lifecycle = types.LifecycleStateEnteringStandby
		g.leaveLoadBalancers(r.World, r.Region, r.Now, id)
		a := g.begin(r.World, r.Now, "Moving EC2 instance to Standby: "+id, "in response to a user request")
		out.Activities = append(out.Activities, g.Activities[0].describe(g))
		r.later("asg-standby", 10*time.Second, func(now time.Time) {
			if m := g.member(id); m != nil && m.Lifecycle == types.LifecycleStateEnteringStandby {
				m.Lifecycle = types.LifecycleStateStandby
			}
			g.end(a, now)
			g.refill(r.World, r.Region, now)
		})
	}
	return out, nil
}

// leavable finds the group and checks that the instances may leave it. touch
// has been called where it answers without error.
func leavable(r *Request, name *string, ids []string, decrement bool, from ...types.LifecycleState) (*ASG, error) {
	g, err := writableGroup(r, name)
	if err != nil {
		return nil, err
	}
	leaving := int32(0)
	for _, id := range ids {
		m := g.member(id)
		if m == nil {
			r.missing(id)
			return nil, scalingInvalid("The instance " + id + " is not part of Auto Scaling group " + g.Name + ".")
		}
		if !slices.Contains(from, m.Lifecycle) {
			return nil, scalingInvalid("The instance " + id + " is not in " + string(from[0]) + ".")
		}
		if m.Lifecycle == types.LifecycleStateInService {
			leaving++
		}
	}
	if decrement && g.Desired-leaving < g.Min {
		return nil, scalingInvalid(fmt.Sprintf(
			"AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. To take out %d instance(s), the minimum size has to be lowered first.",
			g.Name, g.Min, g.Max, g.Desired, leaving))
	}
	touch(r, r.Region.AutoScaling.Groups, g.Name)
	return g, nil
}

// Desired capacity goes up by the instances attached, and may not pass the
// maximum. They have to run, in one of the group's zones, and in no group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-detach-attach-instances.html
func autoscalingAttach(r *Request, in *autoscaling.AttachInstancesInput) (*autoscaling.AttachInstancesOutput, error) {
	g, err := writableGroup(r, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	for _, id := range in.InstanceIds {
		instance := r.Region.Instances[id]
		switch {
		case instance == nil:
			r.missing(id)
			return nil, scalingInvalid("Invalid Instance ID: " + id)
		case instance.State != "running":
			return nil, scalingInvalid("Instance " + id + " is not in the running state.")
		case !slices.Contains(g.Zones, instance.Zone):
			return nil, scalingInvalid("Instance " + id + " is not in one of the group's Availability Zones.")
		}
		for _, other := range r.Region.AutoScaling.Groups {
			if other.member(id) != nil {
				return nil, scalingInvalid("Instance " + id + " is already part of AutoScalingGroup:" + other.Name)
			}
		}
	}
	if err := g.grow(r, len(in.InstanceIds)); err != nil {
		return nil, err
	}
	for _, id := range in.InstanceIds {
		g.Members = append(g.Members, Member{Instance: id, Health: "Healthy", Zone: r.Region.Instances[id].Zone})
		a := g.begin(r.World, r.Now, "Attaching an existing EC2 instance: "+id, "in response to a user request")
		g.enter(r.World, r.Region, r.Now, id, a)
	}
	return &autoscaling.AttachInstancesOutput{}, nil
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_ExitStandby.html
func autoscalingExitStandby(r *Request, in *autoscaling.ExitStandbyInput) (*autoscaling.ExitStandbyOutput, error) {
	g, err := writableGroup(r, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	for _, id := range in.InstanceIds {
		if m := g.member(id); m == nil || m.Lifecycle != types.LifecycleStateStandby {
			return nil, scalingInvalid("The instance " + id + " is not in Standby.")
		}
	}
	if err := g.grow(r, len(in.InstanceIds)); err != nil {
		return nil, err
	}
	out := &autoscaling.ExitStandbyOutput{}
	for _, id := range in.InstanceIds {
		a := g.begin(r.World, r.Now, "Moving EC2 instance out of Standby: "+id, "in response to a user request")
		out.Activities = append(out.Activities, g.Activities[0].describe(g))
		g.enter(r.World, r.Region, r.Now, id, a)
	}
	return out, nil
}

// grow raises the desired capacity, or refuses.
func (g *ASG) grow(r *Request, by int) error {
	if desired := g.Desired + int32(by); desired > g.Max {
		return scalingInvalid(fmt.Sprintf("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", desired, g.Max))
	}
	touch(r, r.Region.AutoScaling.Groups, g.Name)
	g.Desired += int32(by)
	return nil
}

func writableGroup(r *Request, name *string) (*ASG, error) {
	g, ok := r.Region.AutoScaling.Groups[aws.ToString(name)]
	if !ok {
		r.missing(aws.ToString(name))
		return nil, scalingInvalid("AutoScalingGroup name not found - no such group: " + aws.ToString(name))
	}
	return g, nil
}

// scalingInvalid is the error that Auto Scaling has for most refusals.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/CommonErrors.html
func scalingInvalid(why string) error { return fail("ValidationError", "%s", why) }
