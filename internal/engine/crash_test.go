package engine

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"cordon/internal/casefile"
)

// TestUndisturbed is the run that every crash is compared with.
func TestUndisturbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		before := r.w.image()
		e, _, ctx := r.process(r.first, 0)
		if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
			t.Fatal(err)
		}
		r.contained("apply")
		if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
			t.Fatalf("a second apply: %v", err)
		}
		r.contained("a second apply")
		if err := r.release(r.first, 0); err != nil {
			t.Fatal(err)
		}
		r.sound("release")
		if after := r.w.image(); after != before {
			t.Errorf("release left %s, it was %s", after, before)
		}
		if p := r.progress(); p.State != casefile.Released {
			t.Errorf("the case is %s", p.State)
		}
		again, _, ctx := r.process(r.first, 0)
		if err := again.Apply(ctx, r.plan(), "flag"); err != nil {
			t.Fatalf("apply after release: %v", err)
		}
		r.w.snaps = r.w.snaps[len(r.w.snaps)-1:]
		r.contained("apply after release")
	})
}

// continuations are what may happen after a process died.
var continuations = map[string]func(r *rig, plan []byte) error{
	"resume": func(r *rig, plan []byte) error {
		return again(r, r.first, plan)
	},
	"resume elsewhere": func(r *rig, plan []byte) error {
		if mem, ok := r.store.(*casefile.Mem); ok {
			r.store = mem.Clone()
		}
		return again(r, r.signer("two"), plan)
	},
	"second responder": func(r *rig, plan []byte) error {
		e, _, ctx := r.process(r.signer("two"), 0)
		return e.Apply(ctx, plan, "flag")
	},
}

// again resumes, or applies where nothing was approved before the process died.
func again(r *rig, s *casefile.Signer, plan []byte) error {
	e, _, ctx := r.process(s, 0)
	if p := r.progress(); p.Plan == "" {
		return e.Apply(ctx, plan, "flag")
	}
	return e.Resume(ctx)
}

// TestKillEverywhere kills the process at every boundary: before and after each write to the journal, before and
// after the effect of each change. Each continuation must end as an undisturbed run does.
func TestKillEverywhere(t *testing.T) {
	events := countEvents(t)
	for name, goOn := range continuations {
		t.Run(name, func(t *testing.T) {
			for at := 1; at <= events; at++ {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					plan := r.plan()
					before := r.w.image()
					e, p, ctx := r.process(r.first, at)
					if err := e.Apply(ctx, plan, "flag"); err == nil || !p.dead {
						t.Fatalf("killed at event %d of %d, but: %v", at, events, err)
					}
					if r.progress().Head.Seq > 0 {
						r.sound("after the kill")
					}
					if err := goOn(r, plan); err != nil {
						t.Fatalf("killed at event %d: %v", at, err)
					}
					what := fmt.Sprintf("killed at event %d", at)
					r.contained(what)
					if err := r.release(r.first, 0); err != nil {
						t.Fatalf("%s, release: %v", what, err)
					}
					if after := r.w.image(); after != before {
						t.Errorf("%s: release left %s, it was %s", what, after, before)
					}
				})
			}
		})
	}
	t.Logf("%d boundaries × %d continuations", events, len(continuations)+1)
}

// TestKillThenRelease releases what a killed run left, without finishing it.
func TestKillThenRelease(t *testing.T) {
	for at := 1; at <= countEvents(t); at++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			before := r.w.image()
			e, _, ctx := r.process(r.first, at)
			if err := e.Apply(ctx, r.plan(), "flag"); err == nil {
				t.Fatal("it was not killed")
			}
			if r.progress().Plan == "" {
				if after := r.w.image(); after != before {
					t.Errorf("killed at event %d before approval, yet changed: %s", at, after)
				}
				return
			}
			if err := r.release(r.signer("two"), 0); err != nil {
				t.Fatalf("killed at event %d, release: %v", at, err)
			}
			r.sound("release")
			if after := r.w.image(); after != before {
				t.Errorf("killed at event %d: release left %s, it was %s", at, after, before)
			}
		})
	}
}

// TestKillDuringRelease kills the release itself; resume finishes it.
func TestKillDuringRelease(t *testing.T) {
	for at := 1; ; at++ {
		finished := false
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			before := r.w.image()
			e, _, ctx := r.process(r.first, 0)
			if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
				t.Fatal(err)
			}
			err := r.release(r.first, at)
			if finished = err == nil; finished {
				return
			}
			if p := r.progress(); p.Release == "" {
				if err := r.release(r.first, 0); err != nil {
					t.Fatal(err)
				}
			} else if e, _, ctx := r.process(r.signer("two"), 0); true {
				if err := e.Resume(ctx); err != nil {
					t.Fatalf("release killed at event %d, resume: %v", at, err)
				}
			}
			r.sound("resume of a release")
			if after := r.w.image(); after != before {
				t.Errorf("release killed at event %d left %s, it was %s", at, after, before)
			}
		})
		if finished {
			return
		}
	}
}

func countEvents(t *testing.T) int {
	t.Helper()
	n := 0
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e, p, ctx := r.process(r.first, 0)
		if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
			t.Fatal(err)
		}
		n = p.events
	})
	return n
}

// TestDrift holds the two looks: apply refuses an account that is not as planned, release never overwrites what
// somebody else set.
func TestDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.w.values["a"] = "owner"
		e, _, ctx := r.process(r.first, 0)
		err := e.Apply(ctx, r.plan(), "flag")
		var drift *DriftError
		if !errors.As(err, &drift) || !errors.Is(err, ErrDecision) || len(drift.Lines) != 1 {
			t.Fatalf("apply on a drifted account: %v", err)
		}
		if r.w.values["b"] != "orig-b" || len(r.w.snaps) != 0 {
			t.Error("something was changed before the drift was seen")
		}
		r.w.values["a"] = "orig-a"
		if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
			t.Fatal(err)
		}
		r.w.values["b"] = "owner"
		err = r.release(r.first, 0)
		if !errors.Is(err, ErrDecision) {
			t.Fatalf("release over the owner's change: %v", err)
		}
		if r.w.values["b"] != "owner" {
			t.Errorf("release overwrote the owner's change with %q", r.w.values["b"])
		}
		if r.w.values["a"] != "orig-a" || r.w.values["c"] != "orig-c" {
			t.Error("the drift of one step kept others from being put back")
		}
		if p := r.progress(); p.State != casefile.Partial || len(p.Changes) != 1 {
			t.Errorf("the case is %s with %d changes standing", p.State, len(p.Changes))
		}
		r.sound("release over drift")
	})
}

// TestHostilePlan refuses a plan file whose edges lead nowhere or in a circle, of either kind.
func TestHostilePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e, _, _ := r.process(r.first, 0)
		for _, kind := range []string{casefile.PlanContain, casefile.PlanRelease} {
			for _, after := range [][]int{{99}, {0}, {-1}, {4}} {
				p := fakePlan()
				p.Kind, p.Steps[3].After = kind, after
				if err := e.check(p, kind); err == nil {
					t.Errorf("a %s plan whose step 4 comes after %v was taken", kind, after)
				}
			}
		}
	})
}
