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
	r, err := p.restricts(ctx, unit)
	switch {
	case errors.Is(err, action.ErrGone):
		p.warn(fmt.Sprintf("unit %s is not in the organisation: no move is planned", unit))
		return
	case err != nil:
		p.warn(fmt.Sprintf("whether unit %s restricts anything could not be read: %v; look before you approve", unit, err))
	case r == nothing:
		p.warn(fmt.Sprintf("no policy of unit %s, nor of the units above it, denies anything: the account would be stopped in nothing there and leave its own unit's policies behind, so that no move is planned", unit))
		return
	case r == something:
		p.warn(fmt.Sprintf("NOT STOPPED: the policies of unit %s, and of the units above it, stop the account in something and not in everything: read them before you approve", unit))
		p.draft.Survives = append(p.draft.Survives, "whatever the policies of unit "+unit+" leave the account, which goes on")
	}
	p.stopped = err == nil && r == everything
	p.add(Step{Key: "move", Action: action.MoveAccount, Target: target, Params: map[string]string{"unit": unit}})
	p.warn("whom the unit's policies leave in is the organisation's own choice: make sure that it is you")
}

// restriction is how much policies deny an account.
type restriction int

const (
	nothing    restriction = iota
	something              // some actions, resources or regions, or all but what they allow, however much that is
	everything             // but for whom they leave in
)

// deepest is how far down units are nested below the root
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
const deepest = 5

// restricts tells how much the policies on the unit, and on those that it is in, deny. The root's do not count: the
// account is under them wherever it is.
func (p *accountPlan) restricts(ctx context.Context, unit string) (restriction, error) {
	most := nothing
	for range deepest {
		level, err := p.level(ctx, unit)
		if err != nil {
			return nothing, err
		}
		if most = max(most, level); most == everything {
			return most, nil
		}
		if unit, err = action.ParentOf(ctx, p.outside, unit); err != nil {
			return nothing, err
		}
		if !strings.HasPrefix(unit, "ou-") {
			break
		}
	}
	return most, nil
}

// level tells how much the policies on one unit deny. What none of them allows is denied too
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html).
func (p *accountPlan) level(ctx context.Context, unit string) (restriction, error) {
	on, err := action.ControlPoliciesOn(ctx, p.outside, unit)
	if err != nil {
		return nothing, err
	}
	most, open := nothing, len(on) == 0 // with policies enabled every unit has one
	for _, id := range slices.Sorted(maps.Keys(on)) {
		out, err := p.outside.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String(id)})
		if err != nil {
			return nothing, fmt.Errorf("read service control policy %s: %w", id, err)
		}
		if out.Policy == nil {
			continue
		}
		for _, s := range statementsOf(aws.ToString(out.Policy.Content)) {
			most, open = max(most, s.denies()), open || s.allowsAll()
		}
	}
	if !open {
		most = max(most, something)
	}
	return most, nil
}

// controlStatement is a statement of a service control policy.
type controlStatement struct {
	Effect                      string
	Action, NotAction, Resource any
	Condition                   map[string]map[string]any
}

func statementsOf(document string) []controlStatement {
	var many struct{ Statement []controlStatement }
	if json.Unmarshal([]byte(document), &many) == nil {
		return many.Statement
	}
	var one struct{ Statement controlStatement }
	if json.Unmarshal([]byte(document), &one) != nil {
		return nil
	}
	return []controlStatement{one.Statement}
}

func (s controlStatement) allowsAll() bool {
	return s.Effect == "Allow" && isAll(s.Action) && isAll(s.Resource) && len(s.Condition) == 0
}

// denies: conditions that name whom to leave in deny everything to everybody else. Any other (the region, the resource, how
// it is asked, whom alone it is about) leaves a way.
func (s controlStatement) denies() restriction {
	if s.Effect != "Deny" {
		return nothing
	}
	if !isAll(s.Action) || !isAll(s.Resource) {
		return something
	}
	for operator, keys := range s.Condition {
		for key, value := range keys {
			if !leavesIn(strings.TrimSuffix(strings.ToLower(operator), "ifexists"), strings.ToLower(key), value) {
				return something
			}
		}
	}
	return everything
}

// leavesIn tells a condition that somebody by name, AWS's services, or the organisation's own root sessions do not meet, and
// everybody else does.
func leavesIn(operator, key string, value any) bool {
	switch operator {
	case "arnnotlike", "arnnotequals", "stringnotlike", "stringnotequals", "stringnotequalsignorecase":
		who := key == "aws:principalarn" || key == "aws:userid" || strings.HasPrefix(key, "aws:principaltag/")
		return who && !isAll(value)
	case "bool":
		return key == "aws:principalisawsservice" && fmt.Sprint(value) == "false"
	case "null":
		return key == "aws:assumedroot" && fmt.Sprint(value) == "true"
	}
	return false
}

// isAll tells "*", alone or as the one in a list.
func isAll(v any) bool {
	if list, ok := v.([]any); ok && len(list) == 1 {
		v = list[0]
	}
	return v == "*"
}
