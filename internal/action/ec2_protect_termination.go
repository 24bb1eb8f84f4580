package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

type terminationProtection struct {
	Protected bool `json:"protected"`
	Spot      bool `json:"spot,omitempty"`
}

// ProtectTermination keeps the instance, and with it its memory and its volumes, from being terminated through
// the API. AWS refuses it for spot instances
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingDisableAPITermination.html); the playbook leaves
// the step out there and says so, and a plan that holds it all the same fails rather than claim protection.
var ProtectTermination = define(Spec[terminationProtection]{
	Name:    "ec2-protect-termination",
	Summary: "Turn termination protection on. Neither the intruder nor a colleague can terminate the instance by mistake.",
	Phase:   casefile.Preserve,
	Target:  casefile.EC2Instance,
	Reads:   Ops{op((*ec2.Client).DescribeInstances), op((*ec2.Client).DescribeInstanceAttribute)},
	Writes:  Ops{op((*ec2.Client).ModifyInstanceAttribute)},

	UndoWrites: Ops{op((*ec2.Client).ModifyInstanceAttribute)},
	Observe: func(ctx context.Context, c *AWS, t Target) (terminationProtection, error) {
		i, err := readInstance(ctx, c, t.ID)
		if err != nil {
			return terminationProtection{}, err
		}
		out, err := readAttribute(ctx, c, t.ID, ec2types.InstanceAttributeNameDisableApiTermination)
		if err != nil {
			return terminationProtection{}, err
		}
		if out.DisableApiTermination == nil {
			return terminationProtection{}, fmt.Errorf("read the termination protection of %s: the answer holds none", t.ID)
		}
		return terminationProtection{
			Protected: aws.ToBool(out.DisableApiTermination.Value),
			Spot:      i.InstanceLifecycle == ec2types.InstanceLifecycleTypeSpot,
		}, nil
	},
	Status: func(_ Target, now terminationProtection) Status {
		if now.Protected {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now terminationProtection) error {
		if now.Spot {
			return fmt.Errorf("%s is a spot instance, which AWS does not let anybody protect from termination", t.ID)
		}
		return setTerminationProtection(ctx, c, t.ID, true)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, _ terminationProtection) error {
		return setTerminationProtection(ctx, c, t.ID, before.Protected)
	},
	Change: func(_ Target, now terminationProtection) string { return onOff(now.Protected) + " -> on" },
})

func setTerminationProtection(ctx context.Context, c *AWS, id string, on bool) error {
	_, err := c.EC2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
		InstanceId: aws.String(id), DisableApiTermination: &ec2types.AttributeBooleanValue{Value: aws.Bool(on)},
	})
	if err != nil {
		return fmt.Errorf("turn the termination protection of %s %s: %w", id, onOff(on), err)
	}
	return nil
}
