package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"cordon/internal/casefile"
)

// trailState tells whether a trail records.
type trailState struct {
	Logging bool `json:"logging"`
}

// TrailStopped is what StartLogging observes of a trail that does not record.
var TrailStopped = seen(trailState{})

// StartLogging makes a trail record again. It has to be asked for in the trail's home region
// (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html).
var StartLogging = define(Spec[trailState]{
	Name:       "cloudtrail-start-logging",
	Summary:    "Make the trail record again. What happened meanwhile is in no file of it; the event history keeps management events for 90 days.",
	Phase:      casefile.Contain,
	Watches:    true,
	Returns:    "the trail stops again, as it was found: was that the intruder's doing, leave this step",
	Target:     casefile.Trail,
	Reads:      Ops{op((*cloudtrail.Client).GetTrailStatus)},
	Writes:     Ops{op((*cloudtrail.Client).StartLogging)},
	UndoWrites: Ops{op((*cloudtrail.Client).StopLogging)},
	Observe: func(ctx context.Context, c *AWS, t Target) (trailState, error) {
		out, err := c.CloudTrail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: aws.String(t.ID)})
		if hasCode(err, "TrailNotFoundException") {
			return trailState{}, fmt.Errorf("trail %s: %w", t.ID, ErrGone)
		}
		if err != nil {
			return trailState{}, fmt.Errorf("ask whether trail %s records: %w", t.ID, err)
		}
		return trailState{aws.ToBool(out.IsLogging)}, nil
	},
	Status: func(_ Target, now trailState) Status {
		if now.Logging {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ trailState) error {
		if _, err := c.CloudTrail.StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: aws.String(t.ID)}); err != nil {
			return fmt.Errorf("start trail %s: %w", t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now trailState) error {
		if before == now {
			return nil
		}
		if _, err := c.CloudTrail.StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: aws.String(t.ID)}); err != nil {
			return fmt.Errorf("stop trail %s: %w", t.ID, err)
		}
		return nil
	},
	Change: func(Target, trailState) string { return "stopped -> records" },
	// An intruder who deletes a trail between plan and approval must not hold up what stops him.
	Volatile: true,
})
