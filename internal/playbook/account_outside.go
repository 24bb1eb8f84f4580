package playbook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// fromOutside plans what the organisation can do to the account: what an intruder inside cannot undo.
func (p *accountPlan) fromOutside(ctx context.Context) {
	switch {
	case p.organisation == "":
		return
	case p.id == p.organisation:
		p.warn("this is the organisation's management account: no service control policy holds for it, so that it can only be answered from inside")
		return
	case p.outside == nil:
		p.warn(fmt.Sprintf("the account is managed by account %s, and no credentials for that were given: it is answered from inside alone, as a race with whoever is in it; name them with --management-profile", p.organisation))
		return
	}
	if p.policiesOff {
		p.warn("service control policies are not enabled in the organisation's root: none holds, neither one that is attached to the account nor those of a unit that it is moved to, so that nothing is planned from outside; " +
			"enabling them concerns every account: aws organizations enable-policy-type --policy-type SERVICE_CONTROL_POLICY --root-id ID, then plan again")
		return
	}
	target := casefile.Target{Kind: casefile.AWSAccount, ID: p.id, Account: p.organisation}
	if p.o.QuarantineOU != "" {
		p.move(ctx, target)
		return
	}
	if n := len(p.policies); n >= action.PoliciesPerTarget {
		p.warn(fmt.Sprintf("the account has %d service control policies and AWS takes %d: none can be attached, and none of the owner's is taken off; move the account to a prepared unit with --quarantine-ou (on it are %s)",
			n, action.PoliciesPerTarget, strings.Join(slices.Sorted(maps.Values(p.policies)), ", ")))
		return
	}
	responders, err := p.responders(ctx)
	if err != nil {
		p.warn(fmt.Sprintf("who acts here could not be read, so that no quarantine policy is planned, which would shut the responder out: %v; name the role with --spare", err))
		if len(responders) == 0 {
			return
		}
	}
	if len(responders) == 0 {
		p.warn("the quarantine leaves nobody in, not even you: name the responders' role in the account with --spare")
	}
	if err := action.FitsControlPolicy(action.QuarantinePolicy(responders)); err != nil {
		p.warn(fmt.Sprintf("no quarantine policy is planned: %v; or move the account with --quarantine-ou", err))
		return
	}
	p.stopped = true
	p.add(Step{Key: "policy", Action: action.QuarantineOrgPolicy, Target: target, Params: map[string]string{"responders": action.List(responders)}})
	p.add(Step{Key: "quarantine", Action: action.QuarantineAccount, Target: target, After: []string{"policy"},
		Impact: []string{leftIn(responders), "everything that calls AWS in account " + p.id + " stops: production too; what runs without calling AWS goes on"}})
}

func leftIn(responders []string) string {
	if len(responders) == 0 {
		return "left in: AWS's services alone"
	}
	return "left in: AWS's services and " + strings.Join(responders, ", ")
}
