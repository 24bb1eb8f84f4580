package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// Of two subjects one is stopped and the other cannot be: that the first is does not make the case contained.
func TestOneSubjectThatNothingStops(t *testing.T) {
	s := scenarios[slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "credentials-leaked-key" })]
	synctest.Test(t, func(t *testing.T) {
		i := newIncident(t, s)
		i.drill.World.AddRole(awssim.Role{Name: "AWSServiceRoleForSupport", Path: "/aws-service-role/support.amazonaws.com/"})
		var plan casefile.Plan
		if err := json.Unmarshal(i.plan, &plan); err != nil {
			t.Fatal(err)
		}
		role := casefile.Subject{Kind: casefile.IAMRole, ID: "AWSServiceRoleForSupport", Account: plan.Account, Playbook: casefile.PlaybookRole}
		plan.Subjects = append(plan.Subjects, role)
		plan, err := Plan(t.Context(), i.connect(), plan, playbook.Role, playbook.Incident{Subject: role}, playbook.Options{})
		if err != nil || !slices.Equal(plan.Uncontained, []casefile.Subject{role}) {
			t.Fatalf("not contained by the plan: %v, %v", plan.Uncontained, err)
		}
		if i.plan, _, err = Encode(plan); err != nil {
			t.Fatal(err)
		}
		const want = "not contained: iam-role AWSServiceRoleForSupport: "
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) || !strings.Contains(err.Error(), want) {
			t.Errorf("apply: %v", err)
		}
		i.contained(i, "beside a role that nothing stops")
		p, err := e.Case.Progress(ctx)
		if err != nil || p.State != casefile.Open || p.ContainedMS != nil || !strings.HasPrefix(p.NotContained, want) {
			t.Errorf("the case is %s, %q, %v", p.State, p.NotContained, err)
		}
	})
}

// A second plan that stops nobody, beside a first that did, does not make of the case that nothing was contained.
func TestOnePlanThatStopsNobody(t *testing.T) {
	s := scenarios[slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "credentials-leaked-key" })]
	synctest.Test(t, func(t *testing.T) {
		i := newIncident(t, s)
		i.drill.World.AddRole(awssim.Role{Name: "AWSServiceRoleForSupport", Path: "/aws-service-role/support.amazonaws.com/"})
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); err != nil {
			t.Fatal(err)
		}
		var plan casefile.Plan
		if err := json.Unmarshal(i.plan, &plan); err != nil {
			t.Fatal(err)
		}
		role := casefile.Subject{Kind: casefile.IAMRole, ID: "AWSServiceRoleForSupport", Account: plan.Account, Playbook: casefile.PlaybookRole}
		plan.Subject, plan.Subjects, plan.Steps = role, []casefile.Subject{role}, nil
		plan, err := Plan(t.Context(), i.connect(), plan, playbook.Role, playbook.Incident{Subject: role}, playbook.Options{})
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := Encode(plan)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Apply(ctx, data, "flag"); !errors.Is(err, ErrPartly) {
			t.Errorf("apply: %v", err)
		}
		p, err := e.Case.Progress(ctx)
		if err != nil || p.State != casefile.Open || !strings.HasPrefix(p.NotContained, "not contained: iam-role AWSServiceRoleForSupport: ") {
			t.Errorf("the case is %s, %q, %v", p.State, p.NotContained, err)
		}
	})
}
