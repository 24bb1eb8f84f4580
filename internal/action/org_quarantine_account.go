package action

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/casefile"
)

// quarantined tells whether cordon's policy is on the account.
type quarantined struct {
	Attached bool `json:"attached"`
}

// QuarantineAccount attaches the policy that QuarantineOrgPolicy made. It stops the account's root user too; service
// control policies reach neither service-linked roles nor the management account
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html).
var QuarantineAccount = define(Spec[quarantined]{
	Name:       "org-quarantine-account",
	Summary:    "Attach the quarantine policy to the account. Everything in it stops, its root user included, but for the responders, AWS's services and what runs without calling AWS.",
	Phase:      casefile.Contain,
	Target:     casefile.AWSAccount,
	Reads:      Ops{op((*organizations.Client).ListPoliciesForTarget)},
	Writes:     Ops{op((*organizations.Client).AttachPolicy)},
	UndoWrites: Ops{op((*organizations.Client).DetachPolicy)},
	Observe: func(ctx context.Context, c *AWS, t Target) (quarantined, error) {
		out, err := c.Outside(t.ID)
		if err != nil {
			return quarantined{}, err
		}
		on, err := ControlPoliciesOn(ctx, out, t.ID)
		if err != nil {
			return quarantined{}, err
		}
		made, ok, err := need[quarantinePolicy](t, QuarantineOrgPolicy.Name)
		if err != nil || !ok {
			return quarantined{}, err // while planning, nothing of cordon's can be on it
		}
		_, attached := on[made.ID]
		return quarantined{attached}, nil
	},
	Status: func(_ Target, now quarantined) Status {
		if now.Attached {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ quarantined) error {
		made, ok, err := need[quarantinePolicy](t, QuarantineOrgPolicy.Name)
		if err != nil {
			return err
		}
		if !ok || made.ID == "" {
			return errors.New("the quarantine policy was not made")
		}
		out, err := c.Outside(t.ID)
		if err != nil {
			return err
		}
		_, err = out.Organizations.AttachPolicy(ctx, &organizations.AttachPolicyInput{PolicyId: aws.String(made.ID), TargetId: aws.String(t.ID)})
		if err != nil && !hasCode(err, "DuplicatePolicyAttachmentException") {
			return fmt.Errorf("attach %s to account %s: %w", made.ID, t.ID, err)
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now quarantined) error {
		if before == now {
			return nil
		}
		made, ok, err := need[quarantinePolicy](t, QuarantineOrgPolicy.Name)
		if err != nil || !ok {
			return errors.Join(err, errors.New("the journal does not say which policy was attached"))
		}
		out, err := c.Outside(t.ID)
		if err != nil {
			return err
		}
		_, err = out.Organizations.DetachPolicy(ctx, &organizations.DetachPolicyInput{PolicyId: aws.String(made.ID), TargetId: aws.String(t.ID)})
		if err != nil && !hasCode(err, "PolicyNotAttachedException") {
			return fmt.Errorf("detach %s from account %s: %w", made.ID, t.ID, err)
		}
		return nil
	},
	Change:      func(Target, quarantined) string { return "everything but responders and AWS's services -> denied" },
	AccountWide: "it stops the account as a whole, production included",
})
