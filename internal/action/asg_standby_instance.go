package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"cordon/internal/casefile"
)

// StandbyInstance keeps the instance in its group but out of service: what the group knows of it stays, and its
// health is no longer looked at (docs.aws.amazon.com/autoscaling/ec2/userguide/as-enter-exit-standby.html).
var StandbyInstance = define(Spec[membership]{
	Name:    "asg-standby-instance",
	Summary: "Put the instance into standby in its Auto Scaling group, which starts a replacement and leaves this one alone.",
	Phase:   casefile.Contain,
	Target:  casefile.AutoScalingGroup,
	Partly:  "the group's desired capacity will be one higher",
	Reads: Ops{
		op((*autoscaling.Client).DescribeAutoScalingInstances), op((*autoscaling.Client).DescribeAutoScalingGroups),
	},
	Writes:     Ops{op((*autoscaling.Client).EnterStandby)},
	UndoWrites: Ops{op((*autoscaling.Client).ExitStandby)},
	Observe:    observeMembership,
	Status: func(_ Target, now membership) Status {
		switch now.Member {
		case memberResting, memberOut: // out: somebody detached it, which is further away still
			return Done
		case memberToRest, memberLeaving:
			return Waiting
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now membership) error {
		if err := cannotLeave(t, now); err != nil {
			return err
		}
		_, err := c.AutoScaling.EnterStandby(ctx, &autoscaling.EnterStandbyInput{
			AutoScalingGroupName: aws.String(t.ID), InstanceIds: []string{t.Parent}, ShouldDecrementDesiredCapacity: aws.Bool(false),
		})
		if err != nil {
			return fmt.Errorf("put %s of Auto Scaling group %s into standby: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, _, now membership) error {
		if now.Member != memberResting {
			return nil
		}
		if err := roomForOneMore(ctx, c, t); err != nil {
			return err
		}
		_, err := c.AutoScaling.ExitStandby(ctx, &autoscaling.ExitStandbyInput{AutoScalingGroupName: aws.String(t.ID), InstanceIds: []string{t.Parent}})
		if err != nil {
			return fmt.Errorf("take %s of Auto Scaling group %s out of standby: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Impact: othersInGroup,
	Change: func(_ Target, now membership) string { return now.Member + " -> standby, replaced" },
})
