package action

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/autoscaling"

	"cordon/internal/casefile"
)

// ResumeProcesses ends what SuspendProcesses began, once the instance has left. The processes are an option,
// decided when the plan was made: a group does not say who suspended what.
var ResumeProcesses = define(Spec[suspension]{
	Name:      "asg-resume-processes",
	Summary:   "Resume the group's processes that cordon suspended, now that the instance is out of its reach.",
	Phase:     casefile.Contain,
	Target:    casefile.AutoScalingGroup,
	GivesBack: true,
	Volatile:  true,
	Reads:     Ops{op((*autoscaling.Client).DescribeAutoScalingGroups)},
	Writes:    Ops{op((*autoscaling.Client).ResumeProcesses)},
	Observe: func(ctx context.Context, c *AWS, t Target) (suspension, error) {
		return observeSuspension(ctx, c, t.ID, t.List("processes"))
	},
	Status: func(_ Target, now suspension) Status {
		if len(now.Suspended) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now suspension) error {
		if slices.Contains(now.Suspended, "Launch") {
			return errors.New("cordon never suspends Launch: it is not cordon's to resume")
		}
		return resume(ctx, c, t.ID, now.Suspended)
	},
	Change: func(t Target, _ suspension) string { return "resume " + strings.Join(t.List("processes"), ", ") },
})
