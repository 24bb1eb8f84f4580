package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"cordon/internal/casefile"
)

// DetachInstance takes the instance out of its Auto Scaling group without lowering the desired capacity, so
// that the service stays as large as it was.
var DetachInstance = define(Spec[membership]{
	Name:    "asg-detach-instance",
	Summary: "Take the instance out of its Auto Scaling group, which starts a replacement and no longer acts on it.",
	Phase:   casefile.Contain,
	Target:  casefile.AutoScalingGroup,
	Partly:  "the group's desired capacity will be one higher, and the instance's scale-in protection as the group gives it to new ones",
	Reads: Ops{
		op((*autoscaling.Client).DescribeAutoScalingInstances), op((*autoscaling.Client).DescribeAutoScalingGroups),
	},
	Writes:     Ops{op((*autoscaling.Client).DetachInstances)},
	UndoWrites: Ops{op((*autoscaling.Client).AttachInstances)},
	Observe:    observeMembership,
	Status: func(_ Target, now membership) Status {
		switch now.Member {
		case memberOut:
			return Done
		case memberLeaving, memberToRest:
			return Waiting
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now membership) error {
		if err := cannotLeave(t, now); err != nil {
			return err
		}
		_, err := c.AutoScaling.DetachInstances(ctx, &autoscaling.DetachInstancesInput{
			AutoScalingGroupName: aws.String(t.ID), InstanceIds: []string{t.Parent}, ShouldDecrementDesiredCapacity: aws.Bool(false),
		})
		if err != nil {
			return fmt.Errorf("detach %s from Auto Scaling group %s: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now membership) error {
		switch {
		case before.Member == memberResting && now.Member == memberIn:
			return fmt.Errorf("%s is back in Auto Scaling group %s, in service; before the incident it was in standby: "+
				"aws autoscaling enter-standby --instance-ids %s --auto-scaling-group-name %s --should-decrement-desired-capacity",
				t.Parent, t.ID, t.Parent, shellQuoted(t.ID))
		case now.Member != memberOut:
			return nil
		}
		if err := roomForOneMore(ctx, c, t); err != nil {
			return err
		}
		_, err := c.AutoScaling.AttachInstances(ctx, &autoscaling.AttachInstancesInput{AutoScalingGroupName: aws.String(t.ID), InstanceIds: []string{t.Parent}})
		if err != nil {
			return fmt.Errorf("attach %s to Auto Scaling group %s: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Impact: othersInGroup,
	Change: func(_ Target, now membership) string { return now.Member + " -> out, replaced" },
})
