package action

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

type power struct {
	State string `json:"state"` // running, stopping, stopped
}

// StopInstance is the cut that leaves no flow alive. Memory and instance-store volumes are lost, and a public
// address that is no Elastic IP is given up
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html).
var StopInstance = define(Spec[power]{
	Name:         "ec2-stop-instance",
	Summary:      "Stop the instance. Every process and every connection ends.",
	Phase:        casefile.Contain,
	Target:       casefile.EC2Instance,
	Reads:        Ops{op((*ec2.Client).DescribeInstances)},
	Writes:       Ops{op((*ec2.Client).StopInstances)},
	UndoWrites:   Ops{op((*ec2.Client).StartInstances)},
	Isolates:     true,
	Irreversible: "memory, instance-store volumes and an automatically assigned public address are lost; starting the instance again does not bring them back",
	Observe: func(ctx context.Context, c *AWS, t Target) (power, error) {
		i, err := readInstance(ctx, c, t.ID)
		if err != nil {
			return power{}, err
		}
		return powerOf(i)
	},
	Status: func(_ Target, now power) Status {
		switch now.State {
		case "stopped":
			return Done
		case "stopping":
			return Waiting
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now power) error {
		if now.State != "running" {
			return nil
		}
		if _, err := c.EC2.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{t.ID}}); err != nil {
			return fmt.Errorf("stop instance %s: %w", t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now power) error {
		if before.State != "running" || now.State == "running" {
			return nil
		}
		if _, err := c.EC2.StartInstances(ctx, &ec2.StartInstancesInput{InstanceIds: []string{t.ID}}); err != nil {
			return fmt.Errorf("start instance %s again: %w", t.ID, err)
		}
		return nil
	},
	Change: func(_ Target, now power) string { return now.State + " -> stopped" },
	Impact: impactOfStop,
})

// powerOf counts a pending instance as running, which it becomes by itself.
func powerOf(i ec2types.Instance) (power, error) {
	switch stateOf(i) {
	case ec2types.InstanceStateNamePending, ec2types.InstanceStateNameRunning:
		return power{"running"}, nil
	case ec2types.InstanceStateNameStopping:
		return power{"stopping"}, nil
	case ec2types.InstanceStateNameStopped:
		return power{"stopped"}, nil
	}
	return power{}, errors.New("the answer holds no state that is known")
}

func impactOfStop(ctx context.Context, c *AWS, t Target, _ power) ([]string, error) {
	i, err := readInstance(ctx, c, t.ID)
	if err != nil {
		return nil, err
	}
	var lines, addresses []string
	for _, n := range i.NetworkInterfaces {
		// "amazon" owns the addresses that are assigned automatically; an Elastic IP has the account's id.
		if n.Association != nil && aws.ToString(n.Association.IpOwnerId) == "amazon" {
			addresses = append(addresses, aws.ToString(n.Association.PublicIp))
		}
	}
	if len(addresses) > 0 {
		lines = append(lines, "gives up the public address "+strings.Join(addresses, ", "))
	}
	if i.InstanceLifecycle == ec2types.InstanceLifecycleTypeSpot {
		lines = append(lines, "AWS stops a spot instance only if its request is persistent, and refuses otherwise")
	}
	return lines, nil
}
