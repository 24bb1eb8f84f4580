package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

type shutdownBehaviour struct {
	Shutdown string `json:"shutdown"` // stop or terminate
}

// ShutdownStop closes the way around termination protection, which does not hold against a shutdown from
// within (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_ChangingInstanceInitiatedShutdownBehavior.html).
var ShutdownStop = define(Spec[shutdownBehaviour]{
	Name:       "ec2-shutdown-stop",
	Summary:    "Make a shutdown from within the instance stop it. Otherwise whoever is on it can have it terminated.",
	Phase:      casefile.Preserve,
	Target:     casefile.EC2Instance,
	Reads:      Ops{op((*ec2.Client).DescribeInstanceAttribute)},
	Writes:     Ops{op((*ec2.Client).ModifyInstanceAttribute)},
	UndoWrites: Ops{op((*ec2.Client).ModifyInstanceAttribute)},
	Observe: func(ctx context.Context, c *AWS, t Target) (shutdownBehaviour, error) {
		out, err := readAttribute(ctx, c, t.ID, ec2types.InstanceAttributeNameInstanceInitiatedShutdownBehavior)
		if err != nil {
			return shutdownBehaviour{}, err
		}
		if out.InstanceInitiatedShutdownBehavior == nil || aws.ToString(out.InstanceInitiatedShutdownBehavior.Value) == "" {
			return shutdownBehaviour{}, fmt.Errorf("read the shutdown behaviour of %s: the answer holds none", t.ID)
		}
		return shutdownBehaviour{aws.ToString(out.InstanceInitiatedShutdownBehavior.Value)}, nil
	},
	Status: func(_ Target, now shutdownBehaviour) Status {
		if now.Shutdown == string(ec2types.ShutdownBehaviorStop) {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ shutdownBehaviour) error {
		return setShutdown(ctx, c, t.ID, string(ec2types.ShutdownBehaviorStop))
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, _ shutdownBehaviour) error {
		return setShutdown(ctx, c, t.ID, before.Shutdown)
	},
	Change: func(_ Target, now shutdownBehaviour) string { return now.Shutdown + " -> stop" },
})

func setShutdown(ctx context.Context, c *AWS, id, behaviour string) error {
	_, err := c.EC2.ModifyInstanceAttribute(ctx, &ec2.ModifyInstanceAttributeInput{
		InstanceId: aws.String(id), InstanceInitiatedShutdownBehavior: &ec2types.AttributeValue{Value: aws.String(behaviour)},
	})
	if err != nil {
		return fmt.Errorf("make a shutdown of %s %s it: %w", id, behaviour, err)
	}
	return nil
}
