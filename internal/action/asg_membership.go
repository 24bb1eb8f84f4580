package action

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
)

// membership is where an instance stands towards its group. AWS's lifecycle states move by themselves
// (Pending:Wait, Pending:Proceed, InService…), so they are folded into the few that matter.
type membership struct {
	Member string `json:"member"`
}

const (
	memberIn       = "in"
	memberLeaving  = "leaving" // being detached
	memberToRest   = "entering-standby"
	memberResting  = "standby"
	memberOut      = "out"
	memberDying    = "terminating"
	memberOfOthers = "in another group"
)

func observeMembership(ctx context.Context, c *AWS, t Target) (membership, error) {
	out, err := c.AutoScaling.DescribeAutoScalingInstances(ctx, &autoscaling.DescribeAutoScalingInstancesInput{InstanceIds: []string{t.Parent}})
	if err != nil {
		return membership{}, fmt.Errorf("look whether %s is in an Auto Scaling group: %w", t.Parent, err)
	}
	for _, i := range out.AutoScalingInstances {
		if aws.ToString(i.InstanceId) != t.Parent {
			continue
		}
		if aws.ToString(i.AutoScalingGroupName) != t.ID {
			return membership{memberOfOthers}, nil
		}
		return membership{memberOf(aws.ToString(i.LifecycleState))}, nil
	}
	return membership{memberOut}, nil
}

func memberOf(lifecycle string) string {
	switch {
	case lifecycle == "Detaching":
		return memberLeaving
	case lifecycle == "Detached":
		return memberOut
	case lifecycle == "EnteringStandby":
		return memberToRest
	case lifecycle == "Standby":
		return memberResting
	case strings.HasPrefix(lifecycle, "Terminat"), strings.HasPrefix(lifecycle, "Warmed:Terminat"):
		return memberDying
	}
	return memberIn
}

// cannotLeave says why a group that cordon would ask to let the instance go is not asked.
func cannotLeave(t Target, now membership) error {
	switch now.Member {
	case memberDying:
		return fmt.Errorf("the Auto Scaling group %s is terminating %s already: only its volumes can still be kept", t.ID, t.Parent)
	case memberOfOthers:
		return fmt.Errorf("%s is in another Auto Scaling group than %s by now: make a new plan", t.Parent, t.ID)
	}
	return nil
}

// roomForOneMore looks before an instance goes back: each way back adds one to the desired capacity, which AWS
// refuses above the maximum size. Raising that is the owner's decision
// (docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AttachInstances.html).
func roomForOneMore(ctx context.Context, c *AWS, t Target) error {
	group, err := findScalingGroup(ctx, c, t.ID)
	if errors.Is(err, ErrGone) {
		return fmt.Errorf("the Auto Scaling group %s was deleted: %s cannot go back into it", t.ID, t.Parent)
	}
	if err != nil {
		return err
	}
	desired, largest := aws.ToInt32(group.DesiredCapacity), aws.ToInt32(group.MaxSize)
	if desired+1 <= largest {
		return nil
	}
	return fmt.Errorf("the Auto Scaling group %s is at its maximum size of %d, so %s cannot go back: make room, then release again: "+
		"aws autoscaling update-auto-scaling-group --auto-scaling-group-name %s --max-size %d",
		t.ID, largest, t.Parent, shellQuoted(t.ID), desired+1)
}

// shellQuoted makes a name one word to a POSIX shell, whatever it holds.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// othersInGroup is the impact that leaving has on the rest of the group.
func othersInGroup(ctx context.Context, c *AWS, t Target, _ membership) ([]string, error) {
	group, err := findScalingGroup(ctx, c, t.ID)
	if err != nil {
		return nil, err
	}
	others := 0
	for _, i := range group.Instances {
		if aws.ToString(i.InstanceId) != t.Parent && memberOf(string(i.LifecycleState)) == memberIn {
			others++
		}
	}
	return []string{fmt.Sprintf("%s stay in the group, whose desired capacity is %d; a replacement starts",
		plural(others, "other instance"), aws.ToInt32(group.DesiredCapacity))}, nil
}
