package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"cordon/internal/casefile"
)

// quarantinePolicy is cordon's own service control policy: none, ready, or other, where its content was changed.
type quarantinePolicy struct {
	Policy string `json:"policy"`
	ID     string `json:"id,omitempty"`
}

const policyReady = "ready"

// QuarantineOrgPolicy makes the service control policy that QuarantineAccount attaches. It is found again by its
// name, which holds the op-id, and trusted by its content alone. Params: responders.
var QuarantineOrgPolicy = define(Spec[quarantinePolicy]{
	Name:       "org-quarantine-policy",
	Summary:    "Make a service control policy that stops everything but the responders and AWS's services. Nothing has it yet, so nobody notices.",
	Phase:      casefile.Contain,
	Target:     casefile.AWSAccount,
	Reads:      Ops{op((*organizations.Client).ListPolicies), op((*organizations.Client).DescribePolicy)},
	Writes:     Ops{op((*organizations.Client).CreatePolicy)},
	UndoWrites: Ops{op((*organizations.Client).DeletePolicy)},
	Observe:    observeQuarantinePolicy,
	Status: func(_ Target, now quarantinePolicy) Status {
		if now.Policy == policyReady {
			return Done
		}
		return Todo
	},
	Apply: createQuarantinePolicy,
	Undo: func(ctx context.Context, c *AWS, t Target, before, now quarantinePolicy) error {
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
	},
	Change:      func(Target, quarantinePolicy) string { return "none -> made, attached to nothing" },
	Creates:     true,
	AccountWide: "the policy is made to stop the account as a whole",
})

func quarantinePolicyName(t Target) string {
	return "cordon-quarantine-" + shortHash(t.Case, t.ID, t.OpID)
}

func observeQuarantinePolicy(ctx context.Context, c *AWS, t Target) (quarantinePolicy, error) {
	out, err := c.Outside(t.ID)
	if err != nil {
		return quarantinePolicy{}, err
	}
	id, err := findControlPolicy(ctx, out, quarantinePolicyName(t))
	if err != nil || id == "" {
		return quarantinePolicy{Policy: policyNone}, err
	}
	p, err := out.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(id)})
	if hasCode(err, "PolicyNotFoundException") {
		return quarantinePolicy{Policy: policyNone}, nil
	}
	if err != nil {
		return quarantinePolicy{}, fmt.Errorf("read service control policy %s: %w", id, err)
	}
	if p.Policy == nil || !samePolicy(aws.ToString(p.Policy.Content), QuarantinePolicy(t.List("responders"))) {
		return quarantinePolicy{Policy: policyOther, ID: id}, nil
	}
	return quarantinePolicy{Policy: policyReady, ID: id}, nil
}

func createQuarantinePolicy(ctx context.Context, c *AWS, t Target, now quarantinePolicy) error {
	if now.Policy == policyOther {
		return fmt.Errorf("the organisation has a service control policy %s that cordon did not write: it is left alone", now.ID)
	}
	out, err := c.Outside(t.ID)
	if err != nil {
		return err
	}
	content := QuarantinePolicy(t.List("responders"))
	if err := fitsControlPolicy(content); err != nil {
		return err
	}
	mark := func(k, v string) orgtypes.Tag { return orgtypes.Tag{Key: aws.String(k), Value: aws.String(v)} }
	_, err = out.Organizations.CreatePolicy(ctx, &organizations.CreatePolicyInput{
		Name: aws.String(quarantinePolicyName(t)), Type: orgtypes.PolicyTypeServiceControlPolicy, Content: aws.String(content),
		Description: aws.String("quarantine of account " + t.ID), Tags: []orgtypes.Tag{mark(caseTag, t.Case), mark(opTag, t.OpID)},
	})
	if err != nil {
		return fmt.Errorf("create the quarantine policy: %w", err)
	}
	return nil
}
