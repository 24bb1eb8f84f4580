package action

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"cordon/internal/casefile"
)

// meddling lists the processes that would terminate the instance, or change the group around it, while it is
// being taken out. Launch stays on, since the replacement has to start; AddToLoadBalancer too, since a
// replacement that starts while it is suspended is never registered by itself
// (docs.aws.amazon.com/autoscaling/ec2/userguide/understand-how-suspending-processes-affects-other-processes.html).
var meddling = [...]string{
	"AZRebalance", "AlarmNotification", "HealthCheck", "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions", "Terminate",
}

// suspension is which of the processes in question are suspended. Others, and AWS's reasons, which hold the
// time, are nobody's concern here.
type suspension struct {
	Suspended []string `json:"suspended"`
}

// ToSuspend lists the processes that SuspendProcesses will suspend in a group as it is now. A plan gives the
// list to ResumeProcesses as the option "processes", so that it resumes no process which the owner suspended.
func ToSuspend(group asgtypes.AutoScalingGroup) []string {
	now := suspendedOf(group, meddling[:])
	return slices.DeleteFunc(slices.Clone(meddling[:]), func(p string) bool { return slices.Contains(now, p) })
}

// SuspendProcesses keeps the group from acting on the instance while it is taken out of it.
var SuspendProcesses = define(Spec[suspension]{
	Name:       "asg-suspend-processes",
	Summary:    "Suspend the group's processes that could terminate the instance. The group launches, but does not scale in or replace, until they resume.",
	Phase:      casefile.Contain,
	Target:     casefile.AutoScalingGroup,
	Reads:      Ops{op((*autoscaling.Client).DescribeAutoScalingGroups)},
	Writes:     Ops{op((*autoscaling.Client).SuspendProcesses)},
	UndoWrites: Ops{op((*autoscaling.Client).ResumeProcesses)},
	Observe: func(ctx context.Context, c *AWS, t Target) (suspension, error) {
		return observeSuspension(ctx, c, t.ID, meddling[:])
	},
	Status: func(_ Target, now suspension) Status {
		if len(now.Suspended) == len(meddling) {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now suspension) error {
		missing := without(meddling[:], now.Suspended)
		if len(missing) == 0 {
			return nil
		}
		_, err := c.AutoScaling.SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: aws.String(t.ID), ScalingProcesses: missing})
		if err != nil {
			return fmt.Errorf("suspend processes of Auto Scaling group %s: %w", t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now suspension) error {
		return resume(ctx, c, t.ID, without(now.Suspended, before.Suspended))
	},
	Impact: suspensionImpact,
	Change: func(_ Target, now suspension) string {
		return "suspend " + strings.Join(without(meddling[:], now.Suspended), ", ")
	},
})

func observeSuspension(ctx context.Context, c *AWS, name string, processes []string) (suspension, error) {
	group, err := findScalingGroup(ctx, c, name)
	if err != nil {
		return suspension{}, err
	}
	return suspension{Suspended: suspendedOf(group, processes)}, nil
}

// suspendedOf is never nil, so that the state is the same bytes whichever way it came about.
func suspendedOf(group asgtypes.AutoScalingGroup, of []string) []string {
	names := []string{}
	for _, p := range group.SuspendedProcesses {
		if name := aws.ToString(p.ProcessName); slices.Contains(of, name) {
			names = append(names, name)
		}
	}
	return sortedSet(names)
}

func findScalingGroup(ctx context.Context, c *AWS, name string) (asgtypes.AutoScalingGroup, error) {
	out, err := c.AutoScaling.DescribeAutoScalingGroups(ctx, &autoscaling.DescribeAutoScalingGroupsInput{AutoScalingGroupNames: []string{name}})
	if err != nil {
		return asgtypes.AutoScalingGroup{}, fmt.Errorf("look at Auto Scaling group %s: %w", name, err)
	}
	for _, g := range out.AutoScalingGroups {
		if aws.ToString(g.AutoScalingGroupName) == name {
			return g, nil
		}
	}
	return asgtypes.AutoScalingGroup{}, fmt.Errorf("the Auto Scaling group %s: %w", name, ErrGone)
}

// resume never sends an empty list: AWS would take it for every process.
func resume(ctx context.Context, c *AWS, group string, processes []string) error {
	if len(processes) == 0 {
		return nil
	}
	_, err := c.AutoScaling.ResumeProcesses(ctx, &autoscaling.ResumeProcessesInput{AutoScalingGroupName: aws.String(group), ScalingProcesses: processes})
	if err != nil {
		return fmt.Errorf("resume processes of Auto Scaling group %s: %w", group, err)
	}
	return nil
}

// without is all but those.
func without(all, those []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(those, s) })
}

func suspensionImpact(ctx context.Context, c *AWS, t Target, _ suspension) ([]string, error) {
	group, err := findScalingGroup(ctx, c, t.ID)
	if err != nil {
		return nil, err
	}
	others := 0
	for _, i := range group.Instances {
		if aws.ToString(i.InstanceId) != t.Parent {
			others++
		}
	}
	lines := []string{plural(others, "other instance") + " of the group: none is scaled in or replaced until the processes resume"}
	if slices.Contains(suspendedOf(group, []string{"Launch"}), "Launch") {
		lines = append(lines, "the group's Launch process is suspended already: no replacement will start")
	}
	return lines, nil
}
