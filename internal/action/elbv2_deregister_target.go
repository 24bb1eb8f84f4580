package action

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"cordon/internal/casefile"
)

// registration is one entry of a target group, with all that it takes to register it again.
type registration struct {
	ID   string `json:"id"`
	Port int32  `json:"port,omitempty"`
	Zone string `json:"az,omitempty"`
	Quic string `json:"quic,omitempty"`
}

// registrations is how the instance is registered: under its id or its addresses, on any number of ports.
type registrations struct {
	Registered []registration `json:"registered"`
}

// DeregisterTarget takes the instance out of a target group on every port. The target is the group; Parent is
// the instance, and the option "addresses" its addresses, for groups of IP targets.
var DeregisterTarget = define(Spec[registrations]{
	Name:       "elbv2-deregister-target",
	Summary:    "Take the instance out of the target group. New requests go elsewhere; open ones go on until the group's drain time is over.",
	Phase:      casefile.Contain,
	Target:     casefile.TargetGroup,
	Reads:      Ops{op((*elb.Client).DescribeTargetHealth)},
	Writes:     Ops{op((*elb.Client).DeregisterTargets)},
	UndoWrites: Ops{op((*elb.Client).RegisterTargets)},
	Observe: func(ctx context.Context, c *AWS, t Target) (registrations, error) {
		ours, _, err := findTargets(ctx, c, t)
		return registrations{ours}, err
	},
	Status: func(_ Target, now registrations) Status {
		if len(now.Registered) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now registrations) error {
		if len(now.Registered) == 0 {
			return nil
		}
		_, err := c.ELBv2.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: aws.String(groupARN(t)), Targets: targets(now.Registered)})
		if err != nil {
			return fmt.Errorf("deregister %s from target group %s: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now registrations) error {
		missing := slices.DeleteFunc(slices.Clone(before.Registered), func(r registration) bool { return slices.Contains(now.Registered, r) })
		if len(missing) == 0 {
			return nil
		}
		_, err := c.ELBv2.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: aws.String(groupARN(t)), Targets: targets(missing)})
		if err != nil {
			return fmt.Errorf("register %s with target group %s: %w", t.Parent, t.ID, err)
		}
		return nil
	},
	Impact: targetImpact,
	Change: func(_ Target, now registrations) string {
		var ports []string
		for _, r := range now.Registered {
			ports = append(ports, fmt.Sprintf("%s:%d", r.ID, r.Port))
		}
		if len(ports) == 0 {
			return "not registered"
		}
		return strings.Join(ports, ", ") + " -> deregistered"
	},
})

// groupARN: the target's id may be the group's name, for people, with the ARN beside it.
func groupARN(t Target) string { return cmp.Or(t.ARN, t.ID) }

// findTargets splits a group's targets into the instance's own, sorted, and the health of the others. A target
// that drains is no longer registered: it gets nothing new, and registering it again ends the draining.
func findTargets(ctx context.Context, c *AWS, t Target) (ours []registration, others []elbtypes.TargetHealthStateEnum, err error) {
	out, err := c.ELBv2.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: aws.String(groupARN(t))})
	if hasCode(err, "TargetGroupNotFound") {
		return nil, nil, fmt.Errorf("target group %s: %w", t.ID, ErrGone)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look at the targets of %s: %w", t.ID, err)
	}
	ids := append(append([]string{t.Parent}, t.List("addresses")...), t.List("targets")...)
	ours = []registration{}
	for _, d := range out.TargetHealthDescriptions {
		if d.Target == nil || !registered(d.TargetHealth) {
			continue
		}
		if !slices.Contains(ids, aws.ToString(d.Target.Id)) {
			others = append(others, stateOfTarget(d.TargetHealth))
			continue
		}
		ours = append(ours, asRegistration(*d.Target))
	}
	slices.SortFunc(ours, func(a, b registration) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Port, b.Port)) })
	return ours, others, nil
}

// asRegistration leaves the zone out for instances: RegisterTargets does not take it there.
func asRegistration(d elbtypes.TargetDescription) registration {
	r := registration{ID: aws.ToString(d.Id), Port: aws.ToInt32(d.Port), Quic: aws.ToString(d.QuicServerId)}
	if !strings.HasPrefix(r.ID, "i-") {
		r.Zone = aws.ToString(d.AvailabilityZone)
	}
	return r
}

func stateOfTarget(h *elbtypes.TargetHealth) elbtypes.TargetHealthStateEnum {
	if h == nil {
		return ""
	}
	return h.State
}

func registered(h *elbtypes.TargetHealth) bool {
	return h == nil || (h.State != elbtypes.TargetHealthStateEnumDraining && h.Reason != elbtypes.TargetHealthReasonEnumNotRegistered)
}

func targets(registrations []registration) []elbtypes.TargetDescription {
	var list []elbtypes.TargetDescription
	for _, r := range registrations {
		d := elbtypes.TargetDescription{Id: aws.String(r.ID)}
		if r.Port != 0 {
			d.Port = aws.Int32(r.Port)
		}
		if r.Zone != "" {
			d.AvailabilityZone = aws.String(r.Zone)
		}
		if r.Quic != "" {
			d.QuicServerId = aws.String(r.Quic)
		}
		list = append(list, d)
	}
	return list
}

func targetImpact(ctx context.Context, c *AWS, t Target, _ registrations) ([]string, error) {
	_, others, err := findTargets(ctx, c, t)
	if err != nil {
		return nil, err
	}
	healthy := 0
	for _, s := range others {
		if s == elbtypes.TargetHealthStateEnumHealthy {
			healthy++
		}
	}
	return []string{remaining(healthy, len(others))}, nil
}

// remaining says what is left of a load balancer's targets without the instance.
func remaining(healthy, others int) string {
	switch {
	case others == 0:
		return "it is the only target: what it serves here is down until a replacement is registered"
	case healthy == 0:
		return fmt.Sprintf("none of the %d other targets is healthy: what it serves here may go down", others)
	}
	return fmt.Sprintf("%d of the %d other targets stay healthy", healthy, others)
}
