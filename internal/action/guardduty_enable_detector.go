package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	gdtypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/casefile"
)

// detectorState tells whether a detector looks.
type detectorState struct {
	Enabled bool `json:"enabled"`
}

// DetectorOff is what EnableDetector observes of a detector that does not look.
var DetectorOff = seen(detectorState{})

// EnableDetector makes GuardDuty look again in one region
// (docs.aws.amazon.com/guardduty/latest/APIReference/API_UpdateDetector.html).
var EnableDetector = define(Spec[detectorState]{
	Name:       "guardduty-enable-detector",
	Summary:    "Make GuardDuty look again in the region. What happened meanwhile raised no finding.",
	Phase:      casefile.Contain,
	Watches:    true,
	Returns:    "GuardDuty stops looking again, as it was found: was that the intruder's doing, leave this step",
	Target:     casefile.Detector,
	Reads:      Ops{op((*guardduty.Client).GetDetector)},
	Writes:     Ops{op((*guardduty.Client).UpdateDetector)},
	UndoWrites: Ops{op((*guardduty.Client).UpdateDetector)},
	Observe: func(ctx context.Context, c *AWS, t Target) (detectorState, error) {
		out, err := c.GuardDuty.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(t.ID)})
		if err != nil {
			// A detector that is gone and one of another account are refused alike, so neither is told from the other.
			return detectorState{}, fmt.Errorf("look at detector %s in %s: %w", t.ID, c.Region, err)
		}
		return detectorState{out.Status == gdtypes.DetectorStatusEnabled}, nil
	},
	Status: func(_ Target, now detectorState) Status {
		if now.Enabled {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ detectorState) error {
		return setDetector(ctx, c, t.ID, true)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now detectorState) error {
		if before == now {
			return nil
		}
		return setDetector(ctx, c, t.ID, before.Enabled)
	},
	Change: func(Target, detectorState) string { return "disabled -> enabled" },
})

func setDetector(ctx context.Context, c *AWS, id string, on bool) error {
	if _, err := c.GuardDuty.UpdateDetector(ctx, &guardduty.UpdateDetectorInput{DetectorId: aws.String(id), Enable: aws.Bool(on)}); err != nil {
		return fmt.Errorf("set detector %s in %s to enabled=%t: %w", id, c.Region, on, err)
	}
	return nil
}
