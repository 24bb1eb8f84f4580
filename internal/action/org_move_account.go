package action

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/casefile"
)

// parent is where the account stands in the organisation.
type parent struct {
	Parent string `json:"parent"`
}

// MoveAccount moves the account into an organisational unit that the organisation has prepared for quarantine, whose
// policies then hold instead of those of the unit that it was in. Params: unit.
var MoveAccount = define(Spec[parent]{
	Name:       "org-move-account",
	Summary:    "Move the account into the quarantine unit. The unit's policies hold at once; those of the unit that it leaves no longer do.",
	Phase:      casefile.Contain,
	Target:     casefile.AWSAccount,
	Reads:      Ops{op((*organizations.Client).ListParents), op((*organizations.Client).ListPoliciesForTarget)},
	Writes:     Ops{op((*organizations.Client).MoveAccount)},
	UndoWrites: Ops{op((*organizations.Client).MoveAccount)},
	Observe: func(ctx context.Context, c *AWS, t Target) (parent, error) {
		out, err := c.Outside(t.ID)
		if err != nil {
			return parent{}, err
		}
		unit, err := ParentOf(ctx, out, t.ID)
		return parent{unit}, err
	},
	Status: func(t Target, now parent) Status {
		if now.Parent == t.Param("unit") {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now parent) error {
		return moveAccount(ctx, c, t.ID, now.Parent, t.Param("unit"))
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now parent) error {
		if before == now {
			return nil
		}
		return moveAccount(ctx, c, t.ID, now.Parent, before.Parent)
	},
	Impact: func(ctx context.Context, c *AWS, t Target, now parent) ([]string, error) {
		out, err := c.Outside(t.ID)
		if err != nil {
			return nil, err
		}
		var lines []string
		for what, unit := range map[string]string{"of the quarantine unit then hold": t.Param("unit"), "of " + now.Parent + " hold no longer": now.Parent} {
			on, err := ControlPoliciesOn(ctx, out, unit)
			if err != nil {
				return nil, err
			}
			lines = append(lines, fmt.Sprintf("the policies %s: %s", what, strings.Join(slices.Sorted(maps.Values(on)), ", ")))
		}
		slices.Sort(lines)
		return lines, nil
	},
	Change:      func(t Target, now parent) string { return now.Parent + " -> " + t.Param("unit") },
	AccountWide: "it stops the account as a whole, production included",
})

// moveAccount names the parent that was seen: AWS refuses where it is another by now.
func moveAccount(ctx context.Context, c *AWS, id, from, to string) error {
	out, err := c.Outside(id)
	if err != nil {
		return err
	}
	_, err = out.Organizations.MoveAccount(ctx, &organizations.MoveAccountInput{
		AccountId: aws.String(id), SourceParentId: aws.String(from), DestinationParentId: aws.String(to),
	})
	if err != nil && !hasCode(err, "DuplicateAccountException") {
		return fmt.Errorf("move account %s from %s to %s: %w", id, from, to, err)
	}
	return nil
}
