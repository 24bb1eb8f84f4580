package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	elbclassic "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	classictypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"cordon/internal/casefile"
)

type classicMember struct {
	Registered bool `json:"registered"`
}

// DeregisterClassic takes the instance out of a classic load balancer.
var DeregisterClassic = define(Spec[classicMember]{
	Name:       "elb-deregister-instance",
	Summary:    "Take the instance out of the classic load balancer. New requests go elsewhere; open ones go on for as long as connection draining lets them.",
	Phase:      casefile.Contain,
	Target:     casefile.ClassicELB,
	Reads:      Ops{op((*elbclassic.Client).DescribeLoadBalancers), op((*elbclassic.Client).DescribeInstanceHealth)},
	Writes:     Ops{op((*elbclassic.Client).DeregisterInstancesFromLoadBalancer)},
	UndoWrites: Ops{op((*elbclassic.Client).RegisterInstancesWithLoadBalancer)},
	Observe: func(ctx context.Context, c *AWS, t Target) (classicMember, error) {
		out, err := c.ELB.DescribeLoadBalancers(ctx, &elbclassic.DescribeLoadBalancersInput{LoadBalancerNames: []string{t.ID}})
		if hasCode(err, "LoadBalancerNotFound") {
			return classicMember{}, fmt.Errorf("classic load balancer %s: %w", t.ID, ErrGone)
		}
		if err != nil {
			return classicMember{}, fmt.Errorf("look at classic load balancer %s: %w", t.ID, err)
		}
		for _, lb := range out.LoadBalancerDescriptions {
			if aws.ToString(lb.LoadBalancerName) == t.ID {
				return classicMember{hasInstance(lb.Instances, t.Parent)}, nil
			}
		}
		return classicMember{}, fmt.Errorf("classic load balancer %s: %w", t.ID, ErrGone)
	},
	Status: func(_ Target, now classicMember) Status {
		if now.Registered {
			return Todo
		}
		return Done
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ classicMember) error {
		_, err := c.ELB.DeregisterInstancesFromLoadBalancer(ctx, &elbclassic.DeregisterInstancesFromLoadBalancerInput{
			LoadBalancerName: aws.String(t.ID), Instances: []classictypes.Instance{{InstanceId: aws.String(t.Parent)}},
		})
		if err != nil {
			return fmt.Errorf("deregister %s from classic load balancer %s: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now classicMember) error {
		if before == now {
			return nil
		}
		_, err := c.ELB.RegisterInstancesWithLoadBalancer(ctx, &elbclassic.RegisterInstancesWithLoadBalancerInput{
			LoadBalancerName: aws.String(t.ID), Instances: []classictypes.Instance{{InstanceId: aws.String(t.Parent)}},
		})
		if err != nil {
			return fmt.Errorf("register %s with classic load balancer %s: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Impact: classicImpact,
	Change: func(_ Target, now classicMember) string {
		if !now.Registered {
			return "not registered"
		}
		return "registered -> deregistered"
	},
})

func hasInstance(instances []classictypes.Instance, id string) bool {
	for _, i := range instances {
		if aws.ToString(i.InstanceId) == id {
			return true
		}
	}
	return false
}

func classicImpact(ctx context.Context, c *AWS, t Target, _ classicMember) ([]string, error) {
	out, err := c.ELB.DescribeInstanceHealth(ctx, &elbclassic.DescribeInstanceHealthInput{LoadBalancerName: aws.String(t.ID)})
	if err != nil {
		return nil, fmt.Errorf("look at the health behind classic load balancer %s: %w", t.ID, err)
	}
	healthy, others := 0, 0
	for _, s := range out.InstanceStates {
		if aws.ToString(s.InstanceId) == t.Parent {
			continue
		}
		others++
		if aws.ToString(s.State) == "InService" {
			healthy++
		}
	}
	return []string{remaining(healthy, others)}, nil
}
