package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// person is the drill of an Identity Center's user.
func person(t *testing.T) *incident {
	t.Helper()
	n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "role-sso" })
	return newIncident(t, scenarios[n])
}

// answered is the same, contained.
func answered(t *testing.T) *incident {
	t.Helper()
	i := person(t)
	e, _, ctx := i.process(0)
	if err := i.apply(ctx, e); err != nil {
		t.Fatal(err)
	}
	return i
}

const erinID = "94d8e418-0000-7000-8000-00000000000a"

func withoutUser(a *awssim.Account) {
	delete(a.SSO.Users, erinID)
	for key, m := range a.SSO.Memberships {
		if m.User == erinID {
			delete(a.SSO.Memberships, key)
		}
	}
	for key, x := range a.SSO.Assignments {
		if x.Principal == erinID {
			delete(a.SSO.Assignments, key)
		}
	}
}

// left is a release that leaves something to a person, and what it says of it.
func left(t *testing.T, i *incident) string {
	t.Helper()
	err := i.release()
	var drift *DriftError
	if !errors.As(err, &drift) {
		t.Fatalf("release: %v", err)
	}
	return strings.Join(drift.Lines, "\n")
}

// leaveAll is a person who decides to leave what still stands.
func leaveAll(t *testing.T, i *incident) casefile.Progress {
	t.Helper()
	e, _, ctx := i.process(0)
	p, err := e.Case.Progress(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, ch := range p.Changes {
		if err := e.Leave(ctx, ch, "gone for good"); err != nil {
			t.Fatal(err)
		}
	}
	if p, err = e.Case.Progress(ctx); err != nil {
		t.Fatal(err)
	}
	return p
}

// A group that was deleted meanwhile is nobody's to give back. Everything else is given back, and a person decides.
func TestReleaseGivesBackWhatIsStillThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := answered(t)
		i.drill.World.Do(func(a *awssim.Account) { delete(a.SSO.Groups, "g-oncall") })
		if lines := left(t, i); !strings.Contains(lines, "g-oncall") || strings.Count(lines, "\n") != 0 {
			t.Errorf("it says %q", lines)
		}
		i.declared = []string{"group/g-oncall", "membership/g-oncall/" + erinID}
		i.restored("a group deleted meanwhile")
		for _, s := range scenarios {
			if slices.Contains(s.declared, "group/g-oncall") {
				t.Errorf("%s is declared so for every other test too", s.name())
			}
		}
		if p := leaveAll(t, i); p.State != casefile.Released {
			t.Errorf("left to itself, the case is %s", p.State)
		}
	})
}

// Of a user who was deleted meanwhile nothing is given back but the organisation's policies.
func TestReleaseOfAUserWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := answered(t)
		i.drill.World.Do(withoutUser)
		lines := left(t, i)
		for _, action := range []string{"sso-remove-assignments", "sso-leave-groups", "sso-disable-user"} {
			if !strings.Contains(lines, action) || strings.Count(lines, "does not exist any more") != 3 {
				t.Errorf("%s: it says %q", action, lines)
			}
		}
		i.drill.World.Do(func(a *awssim.Account) {
			if len(a.Org.Policies) != 1 || len(a.Org.Units[a.Org.Root].Policies) != 1 {
				t.Error("the deny is left")
			}
		})
	})
}

// A user who is deleted between plan and approval is told before anything is sent.
func TestApplyToAUserWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := person(t)
		i.drill.World.Do(withoutUser)
		e, _, ctx := i.process(0)
		var drift *DriftError
		if err := i.apply(ctx, e); !errors.As(err, &drift) || len(drift.Lines) != 1 {
			t.Errorf("apply: %v", err)
		}
		for _, c := range i.drill.World.Calls() {
			if c.Write {
				t.Errorf("%s was sent", c.Operation)
			}
		}
	})
}

// A removal that fails for good leaves its step failed, with AWS's reason.
func TestARemovalThatFailsSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := person(t)
		const reason = "the account is suspended"
		i.drill.World.Do(func(a *awssim.Account) { a.SSO.Closed["444455556666"] = reason })
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) {
			t.Fatalf("apply: %v", err)
		}
		kase, err := casefile.OpenCase(context.Background(), i.store)
		if err != nil {
			t.Fatal(err)
		}
		p, err := kase.Progress(ctx)
		if err != nil {
			t.Fatal(err)
		}
		said := false
		for _, s := range p.Steps {
			if s.Action == "sso-remove-assignments" {
				said = s.State == casefile.Failed && strings.Contains(s.Error, reason) && strings.Contains(s.Error, "444455556666")
			}
		}
		if !said {
			t.Errorf("steps %+v", p.Steps)
		}
		i.drill.World.Do(func(a *awssim.Account) { delete(a.SSO.Closed, "444455556666") })
		if err := i.resume(); err != nil {
			t.Errorf("resume: %v", err)
		}
		i.contained(i, "once the account is back")
		if err := i.release(); err != nil {
			t.Errorf("release: %v", err)
		}
		i.restored("failed, resumed and released")
	})
}
