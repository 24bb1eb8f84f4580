package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// readInstance reads one instance. A terminated instance stays visible for about an hour
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html) and can no longer be changed, so it
// is as good as gone.
func readInstance(ctx context.Context, c *AWS, id string) (ec2types.Instance, error) {
	out, err := c.EC2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
	if hasCode(err, "InvalidInstanceID.NotFound") {
		return ec2types.Instance{}, fmt.Errorf("instance %s: %w", id, ErrGone)
	}
	if err != nil {
		return ec2types.Instance{}, fmt.Errorf("describe instance %s: %w", id, err)
	}
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			if aws.ToString(i.InstanceId) == id {
				return i, leaving(i)
			}
		}
	}
	return ec2types.Instance{}, fmt.Errorf("instance %s: %w", id, ErrGone)
}

func leaving(i ec2types.Instance) error {
	switch stateOf(i) {
	case ec2types.InstanceStateNameTerminated, ec2types.InstanceStateNameShuttingDown:
		return fmt.Errorf("instance %s is %s: %w", aws.ToString(i.InstanceId), stateOf(i), ErrGone)
	}
	return nil
}

func stateOf(i ec2types.Instance) ec2types.InstanceStateName {
	if i.State == nil {
		return ""
	}
	return i.State.Name
}

// readAttribute reads one attribute of an instance.
func readAttribute(ctx context.Context, c *AWS, id string, name ec2types.InstanceAttributeName) (*ec2.DescribeInstanceAttributeOutput, error) {
	out, err := c.EC2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(id), Attribute: name})
	if hasCode(err, "InvalidInstanceID.NotFound") {
		return nil, fmt.Errorf("instance %s: %w", id, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of instance %s: %w", name, id, err)
	}
	return out, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// plural writes a count with its noun: 1 volume, 2 volumes.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
