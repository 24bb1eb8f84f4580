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

// withoutRoot plans the incident anew, with the deletion of what its root user has where that can be.
func withoutRoot(t *testing.T, i *incident) {
	var plan casefile.Plan
	if err := json.Unmarshal(i.plan, &plan); err != nil {
		t.Fatal(err)
	}
	about := plan.Subject
	plan.Steps, plan.Survives, plan.NotCaptured, plan.Warnings = nil, nil, nil, nil
	plan, err := Plan(t.Context(), i.connect(), plan, playbook.Account, playbook.Incident{Subject: about}, playbook.Options{DeleteRoot: true})
	if err != nil {
		t.Fatal(err)
	}
	if i.plan, _, err = Encode(plan); err != nil {
		t.Fatal(err)
	}
}

// An intruder who deletes a trail, or gives the root user another key, after the plan was made holds up nothing: the step
// about it ends by itself, and the account is stopped.
func TestIntruderCannotHoldUpTheCut(t *testing.T) {
	for _, name := range []string{"account-takeover", "account-root"} {
		synctest.Test(t, func(t *testing.T) {
			n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == name })
			i := newIncident(t, scenarios[n])
			withoutRoot(t, i)
			i.drill.World.Do(func(a *awssim.Account) {
				for _, r := range a.Regions {
					for arn := range r.CloudTrail.Trails {
						if strings.HasSuffix(arn, ":trail/audit") {
							delete(r.CloudTrail.Trails, arn)
						}
					}
				}
				a.IAM.Root.Keys = append(a.IAM.Root.Keys, awssim.UserKey{ID: "AKIAROOTEXAMPLE00009", Active: true})
			})
			e, _, ctx := i.process(0)
			var plan casefile.Plan
			if err := json.Unmarshal(i.plan, &plan); err != nil {
				t.Fatal(err)
			}
			for _, s := range plan.Steps {
				if s.Irreversible != "" {
					e.Irreversible = append(e.Irreversible, s.N)
				}
			}
			if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) {
				t.Fatalf("%s: apply: %v", name, err)
			}
			p, err := e.Case.Progress(ctx)
			if err != nil {
				t.Fatal(err)
			}
			i.drill.World.Do(func(a *awssim.Account) {
				if len(e.Irreversible) > 0 && len(a.IAM.Root.Keys) > 0 {
					t.Errorf("the root user still has %v", a.IAM.Root.Keys)
				}
			})
			for _, s := range p.Steps {
				if lost := s.Action == "cloudtrail-start-logging" && strings.HasSuffix(s.Target.ID, "/audit"); (s.State == casefile.Failed) != lost && s.Phase != casefile.Preserve {
					t.Errorf("%s: step %d, %s %s: %s %s", name, s.N, s.Action, s.Target.ID, s.State, s.Error)
				}
			}
		})
	}
}

// The account as it was found is evidence by the time that it is stopped. What AWS takes long to make must not put it
// off: looked at later, it would show what cordon made of it.
func TestAccountIsRecordedBeforeItIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "account-standalone" })
		i := newIncident(t, scenarios[n])
		e, _, ctx := i.process(0)
		e.Wait = false
		if err := i.apply(ctx, e); err != nil && !errors.Is(err, ErrPartly) {
			t.Fatal(err)
		}
		p, err := e.Case.Progress(ctx)
		if err != nil || p.State != casefile.Contained {
			t.Fatal(p.State, err)
		}
		states := map[string]casefile.StepState{}
		for _, s := range p.Steps {
			states[s.Action] = s.State
		}
		if states["account-record"] != casefile.Done || states["iam-record-credential-report"] == casefile.Done {
			t.Errorf("when the account is stopped: %v", states)
		}
		if err := i.resume(); err != nil {
			t.Fatal(err)
		}
	})
}
