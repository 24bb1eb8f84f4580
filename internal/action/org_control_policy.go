package action

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"cordon/internal/casefile"
)

// madePolicy is a service control policy of cordon's own: none, ready, or other, where its content was changed.
type madePolicy struct {
	Policy string `json:"policy"`
	ID     string `json:"id,omitempty"`
}

const policyReady = "ready"

// controlPolicy is what the two actions are made from that stop somebody by a service control policy: one makes it, one
// attaches it, so that a crash between the two leaves a policy that nobody has.
type controlPolicy struct {
	make, attach string // names of the actions
	target       casefile.Kind
	what         string                // whom it stops, as it stands in the summaries
	stops        string                // what attaching it does
	change       string                // the attaching step's line
	name         string                // of the policy, before its hash
	content      func(t Target) string // its text
	on           func(t Target) string // the root, unit or account that gets it
	accountWide  string
	returns      string // see Spec
}

// maker makes the policy. It is found again by its name, which holds the op-id, and trusted by its content alone.
func (p controlPolicy) maker() Action {
	return define(Spec[madePolicy]{
		Name:       p.make,
		Summary:    "Make a service control policy that stops " + p.what + ". Nothing has it yet, so nobody notices.",
		Phase:      casefile.Contain,
		Target:     p.target,
		Reads:      Ops{op((*organizations.Client).ListPolicies), op((*organizations.Client).DescribePolicy)},
		Writes:     Ops{op((*organizations.Client).CreatePolicy)},
		UndoWrites: Ops{op((*organizations.Client).DeletePolicy)},
		Observe:    p.observe,
		Status: func(_ Target, now madePolicy) Status {
			if now.Policy == policyReady {
				return Done
			}
			return Todo
		},
		Apply:       p.create,
		Undo:        p.delete,
		Change:      func(Target, madePolicy) string { return "none -> made, attached to nothing" },
		Creates:     true,
		AccountWide: p.accountWide,
	})
}

func (p controlPolicy) called(t Target) string { return p.name + shortHash(t.Case, t.ID, t.OpID) }

func (p controlPolicy) observe(ctx context.Context, c *AWS, t Target) (madePolicy, error) {
	out, err := c.Outside(t.ID)
	if err != nil {
		return madePolicy{}, err
	}
	id, err := findControlPolicy(ctx, out, p.called(t))
	if err != nil || id == "" {
		return madePolicy{Policy: policyNone}, err
	}
	found, err := out.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(id)})
	if hasCode(err, "PolicyNotFoundException") {
		return madePolicy{Policy: policyNone}, nil
	}
	if err != nil {
		return madePolicy{}, fmt.Errorf("read service control policy %s: %w", id, err)
	}
	if found.Policy == nil || !samePolicy(aws.ToString(found.Policy.Content), p.content(t)) {
		return madePolicy{Policy: policyOther, ID: id}, nil
	}
	return madePolicy{Policy: policyReady, ID: id}, nil
}

func (p controlPolicy) create(ctx context.Context, c *AWS, t Target, now madePolicy) error {
	if now.Policy == policyOther {
		return fmt.Errorf("the organisation has a service control policy %s that cordon did not write: it is left alone", now.ID)
	}
	out, err := c.Outside(t.ID)
	if err != nil {
		return err
	}
	content := p.content(t)
	if err := FitsControlPolicy(content); err != nil {
		return err
	}
	mark := func(k, v string) orgtypes.Tag { return orgtypes.Tag{Key: aws.String(k), Value: aws.String(v)} }
	_, err = out.Organizations.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String(p.called(t)), Type: orgtypes.PolicyTypeServiceControlPolicy, Content: aws.String(content),
		Description: aws.String("stops " + t.ID + "; made by cordon"), Tags: []orgtypes.Tag{mark(caseTag, t.Case), mark(opTag, t.OpID)},
	})
	if err != nil {
		return fmt.Errorf("create the service control policy that stops %s: %w", t.ID, err)
	}
	return nil
}

func (p controlPolicy) delete(ctx context.Context, c *AWS, t Target, before, now madePolicy) error {
	switch {
	case before == now:
		return nil
	case now.Policy == policyOther:
		return fmt.Errorf("service control policy %s is no longer what cordon made: it is left alone", now.ID)
	}
	out, err := c.Outside(t.ID)
	if err != nil {
		return err
	}
	_, err = out.Organizations.DeletePolicy(ctx, &organizations.DeletePolicyInput{PolicyId: aws.String(now.ID)})
	if err != nil && !hasCode(err, "PolicyNotFoundException") {
		return fmt.Errorf("delete service control policy %s: %w", now.ID, err)
	}
	return nil
}

// attachedPolicy tells whether the policy that was made is on its target.
type attachedPolicy struct {
	Attached bool `json:"attached"`
}

// attacher attaches what maker made.
func (p controlPolicy) attacher() Action {
	return define(Spec[attachedPolicy]{
		Name:       p.attach,
		Summary:    p.stops,
		Phase:      casefile.Contain,
		Target:     p.target,
		Reads:      Ops{op((*organizations.Client).ListPoliciesForTarget)},
		Writes:     Ops{op((*organizations.Client).AttachPolicy)},
		UndoWrites: Ops{op((*organizations.Client).DetachPolicy)},
		Observe: func(ctx context.Context, c *AWS, t Target) (attachedPolicy, error) {
			out, err := c.Outside(t.ID)
			if err != nil {
				return attachedPolicy{}, err
			}
			on, err := ControlPoliciesOn(ctx, out, p.on(t))
			if err != nil {
				return attachedPolicy{}, err
			}
			made, ok, err := need[madePolicy](t, p.make)
			if err != nil || !ok {
				return attachedPolicy{}, err // while planning, nothing of cordon's can be on it
			}
			_, attached := on[made.ID]
			return attachedPolicy{attached}, nil
		},
		Status: func(_ Target, now attachedPolicy) Status {
			if now.Attached {
				return Done
			}
			return Todo
		},
		Apply: func(ctx context.Context, c *AWS, t Target, _ attachedPolicy) error {
			id, out, err := p.made(c, t)
			if err != nil {
				return err
			}
			_, err = out.Organizations.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: id, TargetId: aws.String(p.on(t))})
			if hasCode(err, "ConstraintViolationException") {
				return fmt.Errorf("attach %s to %s, which may hold no more policies: take one off it, or plan for another way: %w", aws.ToString(id), p.on(t), err)
			}
			if err != nil && !hasCode(err, "DuplicatePolicyAttachmentException") {
				return fmt.Errorf("attach %s to %s: %w", aws.ToString(id), p.on(t), err)
			}
			return nil
		},
		Undo: func(ctx context.Context, c *AWS, t Target, before, now attachedPolicy) error {
			if before == now {
				return nil
			}
			id, out, err := p.made(c, t)
			if err != nil {
				return err
			}
			_, err = out.Organizations.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: id, TargetId: aws.String(p.on(t))})
			if err != nil && !hasCode(err, "PolicyNotAttachedException") {
				return fmt.Errorf("detach %s from %s: %w", aws.ToString(id), p.on(t), err)
			}
			return nil
		},
		Change:      func(Target, attachedPolicy) string { return p.change },
		AccountWide: p.accountWide,
		Returns:     p.returns,
	})
}

// made is the policy that the step before made.
func (p controlPolicy) made(c *AWS, t Target) (id *string, out *AWS, err error) {
	made, ok, err := need[madePolicy](t, p.make)
	if err != nil {
		return nil, nil, err
	}
	if !ok || made.ID == "" {
		return nil, nil, errors.New("the journal does not say that the policy was made")
	}
	out, err = c.Outside(t.ID)
	return aws.String(made.ID), out, err
}
