package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"golang.org/x/sync/errgroup"

	"cordon/internal/casefile"
)

// isolation is which security groups an interface is in.
type isolation struct {
	Groups []string `json:"groups"`
}

// IsolateInterface works on one interface at a time: ModifyInstanceAttribute cannot set the groups of an
// instance with several interfaces, and an interface left out stays open.
var IsolateInterface = define(Spec[isolation]{
	Name:     "ec2-isolate-interface",
	Summary:  "Put the interface into the quarantine group alone. New connections fail at once; those that are tracked may live on.",
	Phase:    casefile.Contain,
	Target:   casefile.NetworkInterface,
	Isolates: true,
	Reads: Ops{
		op((*ec2.Client).DescribeNetworkInterfaces), op((*ec2.Client).DescribeSecurityGroups),
		op((*ec2.Client).DescribeSecurityGroupRules),
	},
	Writes:     Ops{op((*ec2.Client).ModifyNetworkInterfaceAttribute)},
	UndoWrites: Ops{op((*ec2.Client).ModifyNetworkInterfaceAttribute)},
	Observe: func(ctx context.Context, c *AWS, t Target) (isolation, error) {
		i, err := findInterface(ctx, c, t)
		if err != nil {
			return isolation{}, err
		}
		groups := []string{}
		for _, g := range i.Groups {
			groups = append(groups, aws.ToString(g.GroupId))
		}
		return isolation{Groups: sortedSet(groups)}, nil
	},
	Status: func(t Target, now isolation) Status {
		q, ok, err := need[quarantine](t, QuarantineGroup.Name)
		if err != nil || !ok || !slices.Equal(now.Groups, []string{q.GroupID}) {
			return Todo
		}
		return Done
	},
	Apply:  applyIsolation,
	Undo:   undoIsolation,
	Impact: isolationImpact,
	Change: func(t Target, now isolation) string {
		return strings.Join(now.Groups, ", ") + " -> quarantine, " + egressText(t)
	},
})

// findInterface refuses an interface that has moved to another instance: the plan names this one, and that
// one's owner has approved nothing.
func findInterface(ctx context.Context, c *AWS, t Target) (ec2types.NetworkInterface, error) {
	out, err := c.EC2.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{t.ID}})
	if hasCode(err, "InvalidNetworkInterfaceID.NotFound") {
		return ec2types.NetworkInterface{}, fmt.Errorf("network interface %s: %w", t.ID, ErrGone)
	}
	if err != nil {
		return ec2types.NetworkInterface{}, fmt.Errorf("look at network interface %s: %w", t.ID, err)
	}
	if len(out.NetworkInterfaces) != 1 {
		return ec2types.NetworkInterface{}, fmt.Errorf("look at network interface %s: AWS answered with %d of them", t.ID, len(out.NetworkInterfaces))
	}
	i := out.NetworkInterfaces[0]
	if i.Attachment != nil && t.Parent != "" {
		if at := aws.ToString(i.Attachment.InstanceId); at != "" && at != t.Parent {
			return ec2types.NetworkInterface{}, fmt.Errorf("network interface %s is on %s now, no longer on %s: it is left alone", t.ID, at, t.Parent)
		}
	}
	return i, nil
}

func applyIsolation(ctx context.Context, c *AWS, t Target, _ isolation) error {
	q, ok, err := need[quarantine](t, QuarantineGroup.Name)
	if err != nil {
		return err
	}
	if !ok || q.GroupID == "" {
		return errors.New("there is no quarantine group to put the interface into")
	}
	if err := stillAsMade(ctx, c, q); err != nil {
		return err
	}
	return setGroups(ctx, c, t.ID, []string{q.GroupID})
}

// stillAsMade reads the quarantine group right before it is used: whoever could add a rule since it was made
// would have turned the isolation into a door.
func stillAsMade(ctx context.Context, c *AWS, made quarantine) error {
	var groups []ec2types.SecurityGroup
	var rules []groupRule
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		groups, err = findGroups(ctx, c, ec2Filter("group-id", made.GroupID))
		return err
	})
	both.Go(func() (err error) {
		rules, err = findGroupRules(ctx, c, made.GroupID)
		return err
	})
	if err := both.Wait(); err != nil {
		return err
	}
	if len(groups) != 1 {
		return fmt.Errorf("the quarantine group %s is not there", made.GroupID)
	}
	if owner := aws.ToString(groups[0].OwnerId); owner != c.Account {
		return fmt.Errorf("the quarantine group %s belongs to account %s", made.GroupID, owner)
	}
	now := ruled(groups[0], rules)
	if !slices.Equal(now.RulesIn, made.RulesIn) || !slices.Equal(now.RulesOut, made.RulesOut) {
		return fmt.Errorf("the quarantine group %s has rules that cordon did not give it (in: %q, out: %q): it is not used",
			made.GroupID, now.RulesIn, now.RulesOut)
	}
	return nil
}

func setGroups(ctx context.Context, c *AWS, eni string, groups []string) error {
	_, err := c.EC2.ModifyNetworkInterfaceAttribute(ctx, &ec2.ModifyNetworkInterfaceAttributeInput{
		NetworkInterfaceId: aws.String(eni), Groups: groups,
	})
	if err != nil {
		return fmt.Errorf("put network interface %s into %s: %w", eni, strings.Join(groups, ", "), err)
	}
	return nil
}

// undoIsolation looks whether the groups are still there first: AWS would refuse the whole set without saying
// which one is missing.
func undoIsolation(ctx context.Context, c *AWS, t Target, before, now isolation) error {
	if slices.Equal(before.Groups, now.Groups) {
		return nil
	}
	found, err := findGroups(ctx, c, ec2Filter("group-id", before.Groups...))
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(before.Groups), func(id string) bool {
		return slices.ContainsFunc(found, func(g ec2types.SecurityGroup) bool { return aws.ToString(g.GroupId) == id })
	})
	if len(missing) > 0 {
		return fmt.Errorf("%s was in security groups that no longer exist (%s): choose its groups by hand, then release again",
			t.ID, strings.Join(missing, ", "))
	}
	return setGroups(ctx, c, t.ID, before.Groups)
}

// isolationImpact says where others depend on the interface: with the source/destination check off it carries
// traffic that is not its own (docs.aws.amazon.com/vpc/latest/userguide/work-with-nat-instances.html).
func isolationImpact(ctx context.Context, c *AWS, t Target, _ isolation) ([]string, error) {
	i, err := findInterface(ctx, c, t)
	if err != nil {
		return nil, err
	}
	if aws.ToBool(i.SourceDestCheck) || i.SourceDestCheck == nil {
		return nil, nil
	}
	return []string{"this interface forwards traffic for others (its source/destination check is off): whatever routes through it is cut off too"}, nil
}
