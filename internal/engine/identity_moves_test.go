package engine

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// An intruder who administers Identity Center, or a synchronisation at night, changes what a user has between plan and
// approval. That holds nothing up, and what is there then is taken away.
func TestApplyIsNotHeldUpByWhatAUserIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := person(t)
		i.drill.World.Do(func(a *awssim.Account) {
			a.SSO.Groups["g-new"] = a.SSO.Groups["g-oncall"]
			a.SSO.Memberships["g-new/"+erinID] = &awssim.SSOMembership{ID: "m-new", Group: "g-new", User: erinID}
			for key, x := range a.SSO.Assignments {
				if moved := *x; x.Principal == erinID && x.Account == "444455556666" {
					moved.Account = "666677778888"
					a.SSO.Assignments[strings.Replace(key, x.Account, moved.Account, 1)] = &moved
				}
			}
		})
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); err != nil {
			t.Fatalf("apply: %v", err)
		}
		i.contained(i, "moved meanwhile")
	})
}

// A role that is deleted between plan and approval fails its own steps, and keeps no other from being cut.
func TestOneRoleThatIsGoneHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "role-chain" })
		i := newIncident(t, scenarios[n])
		var p casefile.Plan
		if err := json.Unmarshal(i.plan, &p); err != nil {
			t.Fatal(err)
		}
		const gone = "release-admin"
		subject := casefile.Subject{Kind: casefile.IAMRole, ID: gone, Account: p.Account}
		p, err := Plan(action.Allow(context.Background(), nil, nil, nil), i.connect(), p, playbook.Role, playbook.Incident{Subject: subject}, playbook.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.Subjects = append(p.Subjects, subject)
		if i.plan, _, err = Encode(p); err != nil {
			t.Fatal(err)
		}
		i.drill.World.Do(func(a *awssim.Account) { delete(a.IAM.Roles, gone) })
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) || !strings.Contains(err.Error(), gone) {
			t.Errorf("apply: %v", err)
		}
		i.contained(i, "beside a role that is gone")
	})
}

// What a deny stopped lives on behind it: whoever releases too early lets the intruder in again, and is told so.
func TestReleaseSaysWhichSessionsWorkAgain(t *testing.T) {
	for drill, want := range map[string]string{
		"credentials-leaked-key": "36 hours", "credentials-keeps-working": "36 hours", "credentials-full-quota": "36 hours",
		"role-chain": "12 hours", "role-one-session": "12 hours", "role-full-quota": "12 hours", "role-sso": "12 hours",
	} {
		synctest.Test(t, func(t *testing.T) {
			n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == drill })
			i := newIncident(t, scenarios[n])
			e, _, ctx := i.process(0)
			if err := i.apply(ctx, e); err != nil {
				t.Fatal(err)
			}
			p, err := e.PlanRelease(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(p.Steps, func(s casefile.Step) bool {
				said := strings.Join(s.Impact, " ")
				return strings.Contains(said, "work again until they end") && strings.Contains(said, want)
			}) {
				t.Errorf("%s: no step of the release says that sessions work again for %s", drill, want)
			}
		})
	}
}
