package playbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// move plans the account's move into the unit that was named. A unit that restricts nothing would stop nothing, and the
// account would leave the policies behind that it is under now.
func (p *accountPlan) move(ctx context.Context, target casefile.Target) {
	unit := p.o.QuarantineOU
	restricts, err := p.restricts(ctx, unit)
	switch {
	case errors.Is(err, action.ErrGone):
		p.warn(fmt.Sprintf("unit %s is not in the organisation: no move is planned", unit))
		return
	case err != nil:
		p.warn(fmt.Sprintf("whether unit %s restricts anything could not be read: %v; look before you approve", unit, err))
	case !restricts:
		p.warn(fmt.Sprintf("no policy of unit %s, nor of the units above it, denies anything: the account would be stopped in nothing there and leave its own unit's policies behind, so that no move is planned", unit))
		return
	}
	p.add(Step{Key: "move", Action: action.MoveAccount, Target: target, Params: map[string]string{"unit": unit}})
	p.warn("whom the unit's policies leave in is the organisation's own choice: make sure that it is you")
}

// deepest is how far down units are nested below the root
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const deepest = 5

// restricts tells whether a policy on the unit, or on one that it is in, denies something. The root's do not count: the
// account is under them wherever it is.
func (p *accountPlan) restricts(ctx context.Context, unit string) (bool, error) {
	for range deepest {
		on, err := action.ControlPoliciesOn(ctx, p.outside, unit)
		if err != nil {
			return false, err
		}
		for _, id := range slices.Sorted(maps.Keys(on)) {
			out, err := p.outside.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(id)})
			if err != nil {
				return false, fmt.Errorf("read service control policy %s: %w", id, err)
			}
			if out.Policy != nil && denies(aws.ToString(out.Policy.Content)) {
				return true, nil
			}
		}
		if unit, err = action.ParentOf(ctx, p.outside, unit); err != nil {
			return false, err
		}
		if !strings.HasPrefix(unit, "ou-") {
			return false, nil
		}
	}
	return false, nil
}

// denies tells whether a policy has a statement that denies.
func denies(document string) bool {
	type statement struct{ Effect string }
	var many struct{ Statement []statement }
	var one struct{ Statement statement }
	if json.Unmarshal([]byte(document), &many) == nil {
		return slices.Contains(many.Statement, statement{"Deny"})
	}
	return json.Unmarshal([]byte(document), &one) == nil && one.Statement.Effect == "Deny"
}
