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
	"cordon/internal/casefile"
)

// apply carries a plan out as a new process.
func (r *rig) apply(data []byte) error {
	r.t.Helper()
	e, _, ctx := r.process(r.first, 0)
	return e.Apply(ctx, data, "flag")
}

// about is the plan for a subject, so that another for the same one supersedes it.
func about(id string, subject casefile.Subject) []byte {
	plan := chained(id)
	plan.Subject = subject
	data, _, err := Encode(plan)
	if err != nil {
		panic(err)
	}
	return data
}

// TestAppliedAgainIsStillPutBack: a plan that is approved a second time finds its changes made. They are cordon's as
// much as before, and the release puts back what was there before the first time.
func TestAppliedAgainIsStillPutBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := casefile.Subject{Kind: casefile.IAMUser, ID: "alice"}
		r := newRig(t)
		for _, id := range []string{"1", "2"} {
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				r.w.values[name+id] = "orig-" + name + id
			}
		}
		before := r.w.image()
		for _, id := range []string{"1", "2", "1"} {
			if err := r.apply(about(id, alice)); err != nil {
				t.Fatal(err)
			}
		}
		if p := r.progress(); p.State != casefile.Contained || len(p.Changes) != 12 {
			t.Errorf("the case is %s, and %d of 12 changes stand", p.State, len(p.Changes))
		}
		if err := r.release(r.first, 0); err != nil {
			t.Fatal(err)
		}
		if now := r.w.image(); now != before {
			t.Errorf("after the release\n%s\nbefore\n%s", now, before)
		}
		r.sound("released")
	})
}

// TestAppliedAgainOverAnUnfinishedRelease: whatever of a release was carried out when it was killed, the same plan can be
// applied again, and a release then gives back what was there at first.
func TestAppliedAgainOverAnUnfinishedRelease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for kill := 1; ; kill++ {
			r := newRig(t)
			before := r.w.image()
			if err := r.apply(r.plan()); err != nil {
				t.Fatal(err)
			}
			unfinished := r.release(r.first, kill) != nil
			err := r.apply(r.plan())
			if errors.Is(err, ErrDecision) {
				err = nil // half undone: planned anew, not applied again
			}
			if err != nil {
				t.Fatalf("killed at %d, applied again: %v", kill, err)
			}
			if err := r.release(r.first, 0); err != nil {
				t.Fatalf("killed at %d, released again: %v", kill, err)
			}
			if now := r.w.image(); now != before {
				t.Errorf("killed at %d, after the release\n%s\nbefore\n%s", kill, now, before)
			}
			if p := r.progress(); p.State != casefile.Released {
				t.Errorf("killed at %d, the case is %s", kill, p.State)
			}
			r.sound("released")
			if !unfinished {
				return
			}
		}
	})
}

// TestResumedReleaseIsOfThisAccount: an unfinished release goes on in its own account alone. In another one nothing reads as
// cordon left it, and what reads as before would be taken for put back.
func TestResumedReleaseIsOfThisAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.apply(r.plan()); err != nil {
			t.Fatal(err)
		}
		for kill := 1; r.progress().Release == ""; kill++ {
			if err := r.release(r.first, kill); err == nil {
				t.Fatal("the release was never unfinished: this tests nothing")
			}
		}
		stand := len(r.progress().Changes)
		for name, try := range map[string]func(context.Context, *Engine) error{
			"resume":  func(ctx context.Context, e *Engine) error { return e.Resume(ctx) },
			"release": func(ctx context.Context, e *Engine) error { _, err := e.PlanRelease(ctx); return err },
		} {
			e, p, ctx := r.process(r.first, 0)
			e.AWS = &action.AWS{Account: "999999999999", Caller: "arn:aws:sts::999999999999:assumed-role/responder/ann"}
			p.w = newWorld()
			if err := try(ctx, e); err == nil || !strings.Contains(err.Error(), "999999999999") {
				t.Errorf("%s in another account: %v", name, err)
			}
			if now := len(r.progress().Changes); now != stand {
				t.Errorf("%s in another account: %d of %d changes stand", name, now, stand)
			}
		}
	})
}

// TestReleaseTellsOfWhatWasChangedMeanwhile: what a colleague's run changed after the release was shown is not in it. It
// stands, and nobody is told that all is back.
func TestReleaseTellsOfWhatWasChangedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		for _, id := range []string{"1", "2"} {
			for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
				r.w.values[name+id] = "orig-" + name + id
			}
		}
		bob := about("2", casefile.Subject{Kind: casefile.IAMUser, ID: "bob"})
		if err := r.apply(about("1", casefile.Subject{Kind: casefile.IAMUser, ID: "alice"})); err != nil {
			t.Fatal(err)
		}
		kill := 12
		one, _, ctx := r.process(r.first, kill)
		if err := one.Apply(ctx, bob, "flag"); err == nil {
			t.Fatal("it was not killed")
		}
		two, _, ctx := r.process(r.signer("two"), 0)
		shown, err := two.PlanRelease(ctx)
		if err != nil {
			t.Fatal(err)
		}
		one, _, again := r.process(r.first, 0)
		if err := one.Resume(again); err != nil {
			t.Fatal(err)
		}
		data, _, err := Encode(shown)
		if err != nil {
			t.Fatal(err)
		}
		err = two.Release(ctx, data, "flag")
		p := r.progress()
		if len(p.Changes) == 0 {
			t.Fatal("nothing stands: this tests nothing")
		}
		if !errors.Is(err, ErrPartly) || !strings.Contains(err.Error(), "stand") {
			t.Errorf("%d changes stand, the case is %s, and the release ended in: %v", len(p.Changes), p.State, err)
		}
		if err := r.release(r.first, 0); err != nil || r.progress().State != casefile.Released {
			t.Errorf("released again: %v, the case is %s", err, r.progress().State)
		}
	})
}

// TestApprovalKnowsWhatWasApprovedMeanwhile: a colleague applied the same plan and released it while this one looked at the
// account. To carry it out all the same would be to undo the release.
func TestApprovalKnowsWhatWasApprovedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		one, _, ctx := r.process(r.first, 0)
		acted := false
		for i, a := range one.Actions {
			if a.Name != "set" {
				continue
			}
			observe := a.Observe
			one.Actions[i].Observe = func(ctx context.Context, c *action.AWS, t action.Target) (json.RawMessage, error) {
				now, err := observe(ctx, c, t)
				if t.ID == "a" && !acted {
					acted = true
					if err := r.apply(r.plan()); err != nil {
						r.t.Error(err)
					}
					if err := r.release(r.signer("two"), 0); err != nil {
						r.t.Error(err)
					}
				}
				return now, err
			}
		}
		err := one.Apply(ctx, r.plan(), "flag")
		if !errors.Is(err, ErrSuperseded) {
			t.Errorf("applied over a release that came meanwhile: %v", err)
		}
		if p := r.progress(); p.State != casefile.Released {
			t.Errorf("the case is %s", p.State)
		}
	})
}

// TestCaseIsOfOneAccount: a release reads every change of the case with one account's credentials, so a plan for another
// account needs a case of its own.
func TestCaseIsOfOneAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.apply(r.plan()); err != nil {
			t.Fatal(err)
		}
		other := fakePlan()
		other.Account, other.Subject = "999999999999", casefile.Subject{Kind: casefile.IAMRole, ID: "web"}
		data, _, err := Encode(other)
		if err != nil {
			t.Fatal(err)
		}
		e, p, ctx := r.process(r.first, 0)
		e.AWS = &action.AWS{Account: "999999999999", Caller: "arn:aws:sts::999999999999:assumed-role/responder/ann"}
		p.w = newWorld()
		there := p.w.image()
		if err := e.Apply(ctx, data, "flag"); err == nil || !strings.Contains(err.Error(), "111122223333") || !strings.Contains(err.Error(), "--case") {
			t.Errorf("a plan for another account in the same case: %v", err)
		}
		if now := p.w.image(); now != there {
			t.Errorf("the other account was changed: %s", now)
		}
		if err := r.release(r.first, 0); err != nil || r.progress().State != casefile.Released {
			t.Errorf("the release ended in %v, the case is %s", err, r.progress().State)
		}
	})
}

// TestReleaseByTwo: of two who carry one release out, the slower one sees in the journal that a change is back, and leaves
// alone what its owner has done with it since.
func TestReleaseByTwo(t *testing.T) {
	for _, late := range []bool{false, true} { // whether the slower one has looked by then
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			if err := r.apply(r.plan()); err != nil {
				t.Fatal(err)
			}
			two, _, ctx := r.process(r.signer("two"), 0)
			looks := 0
			others := func() {
				if r.progress().Release == "" {
					return
				}
				if looks++; late && looks != 2 || !late && looks != 1 {
					return // of two looks the second is what the undo goes by
				}
				one, _, ctx := r.process(r.first, 0)
				if err := one.Resume(ctx); err != nil {
					r.t.Error(err)
				}
				r.w.mu.Lock()
				r.w.values["c"] = "owner-c"
				r.w.mu.Unlock()
			}
			set := slices.IndexFunc(two.Actions, func(a action.Action) bool { return a.Name == "set" })
			observe := two.Actions[set].Observe
			two.Actions[set].Observe = func(ctx context.Context, c *action.AWS, t action.Target) (json.RawMessage, error) {
				if t.ID != "c" {
					return observe(ctx, c, t)
				}
				if !late {
					others()
				}
				now, err := observe(ctx, c, t)
				if late {
					others()
				}
				return now, err
			}
			plan, err := two.PlanRelease(ctx)
			if err != nil {
				t.Fatal(err)
			}
			data, _, err := Encode(plan)
			if err != nil {
				t.Fatal(err)
			}
			if err := two.Release(ctx, data, "flag"); err != nil {
				t.Errorf("looked before: %t: %v", late, err)
			}
			if p := r.progress(); r.w.values["c"] != "owner-c" || p.State != casefile.Released {
				t.Errorf("looked before: %t: c is %q, the case %s", late, r.w.values["c"], p.State)
			}
			r.sound("released by two")
		})
	}
}
