package engine

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"cordon/internal/casefile"
)

// halfway is a rig on which a plan was begun and killed, and another was carried out whole.
func halfway(t *testing.T, first, second casefile.Subject) *rig {
	r := newRig(t)
	r.w.values = map[string]string{}
	for _, id := range []string{"1", "2"} {
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			r.w.values[name+id] = "orig-" + name + id
		}
	}
	for i, s := range []casefile.Subject{first, second} {
		plan := chained([]string{"1", "2"}[i])
		plan.Subject = s
		data, _, err := Encode(plan)
		if err != nil {
			t.Fatal(err)
		}
		kill := 0
		if i == 0 {
			kill = 12
		}
		e, _, ctx := r.process(r.first, kill)
		if err := e.Apply(ctx, data, "flag"); (err != nil) != (i == 0) {
			t.Fatalf("plan %d ended in %v", i+1, err)
		}
	}
	return r
}

func (r *rig) quarantined(id string) (n int) {
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		if r.w.values[name+id] == ours {
			n++
		}
	}
	return n
}

// TestResumeGoesOnWithEveryPlanInForce: a plan for something else does not make the first one's open steps forgotten.
func TestResumeGoesOnWithEveryPlanInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice, bob := casefile.Subject{Kind: casefile.IAMUser, ID: "alice"}, casefile.Subject{Kind: casefile.IAMUser, ID: "bob"}
		r := halfway(t, alice, bob)
		p := r.progress()
		if p.State == casefile.Contained || p.ContainedMS != nil || len(p.All()) != 14 {
			t.Fatalf("with a first plan that is open the case is %s, %d steps, contained after %v", p.State, len(p.All()), p.ContainedMS)
		}
		if n := r.quarantined("1"); n == 6 {
			t.Fatal("the first plan was carried out whole: this tests nothing")
		}
		e, _, ctx := r.process(r.first, 0)
		if err := e.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if a, b := r.quarantined("1"), r.quarantined("2"); a != 6 || b != 6 {
			t.Errorf("%d of the first plan's 6 changes are made, and %d of the second's", a, b)
		}
		if p = r.progress(); p.State != casefile.Contained || p.ContainedMS == nil {
			t.Errorf("the case is %s", p.State)
		}
		r.sound("resumed")
		if err := r.release(r.first, 0); err != nil {
			t.Fatal(err)
		}
		if a, b := r.quarantined("1"), r.quarantined("2"); a+b != 0 {
			t.Errorf("%d changes stand after the release", a+b)
		}
		if inForce, err := e.Case.InForce(ctx); err != nil || len(inForce) != 2 {
			t.Errorf("the process that was there before knows of no release: %v, %v", inForce, err)
		}
		if p = r.progress(); p.State != casefile.Released || len(p.All()) != 14 {
			t.Errorf("the case is %s, and tells of %d steps", p.State, len(p.All()))
		}
	})
}

// TestResumeLeavesWhatWasPlannedAgain: the later plan for the same subject counts; what it does not do instead is told.
func TestResumeLeavesWhatWasPlannedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		alice := casefile.Subject{Kind: casefile.IAMUser, ID: "alice", Region: "eu-west-1"}
		again := alice
		again.Region = "us-east-1" // where somebody looked from
		r := halfway(t, alice, again)
		made := r.quarantined("1")
		e, _, ctx := r.process(r.first, 0)
		if err := e.Resume(ctx); err != nil {
			t.Fatal(err)
		}
		if now := r.quarantined("1"); now != made {
			t.Errorf("a superseded plan was gone on with: %d changes, before %d", now, made)
		}
		p := r.progress()
		if len(p.Earlier) != 1 || !p.Earlier[0].Superseded || len(p.Earlier[0].Dropped) == 0 {
			t.Fatalf("earlier plans: %+v", p.Earlier)
		}
		if slices.ContainsFunc(p.Earlier[0].Dropped, func(s casefile.StepStatus) bool { return s.State == casefile.Done }) {
			t.Errorf("what is done is said to be dropped: %+v", p.Earlier[0].Dropped)
		}
		r.sound("resumed")
	})
}

// TestRunStopsWhenSuperseded: a run stops where somebody plans for the same subject again, and goes on where somebody
// plans for something else.
func TestRunStopsWhenSuperseded(t *testing.T) {
	for _, same := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.w.values = map[string]string{}
			plans := []casefile.Plan{chained("1"), chained("2")}
			for i, id := range []string{"1", "2"} {
				plans[i].Subject = casefile.Subject{Kind: casefile.IAMUser, ID: "alice"}
				if i == 1 && !same {
					plans[i].Subject.ID = "bob"
				}
				for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
					r.w.values[name+id] = "orig-" + name + id
				}
			}
			one, _, ctx := r.process(r.first, 0)
			var other error
			one.Notify = func(ev Event) {
				if ev.State != casefile.Done || ev.Step.N != 1 {
					return
				}
				data, _, err := Encode(plans[1])
				if err == nil {
					two, _, ctx := r.process(r.signer("two"), 0)
					err = two.Apply(ctx, data, "flag")
				}
				other = err
			}
			data, _, err := Encode(plans[0])
			if err != nil {
				t.Fatal(err)
			}
			err = one.Apply(ctx, data, "flag")
			if other != nil {
				t.Fatal(other)
			}
			if same != errors.Is(err, ErrSuperseded) {
				t.Errorf("the other plan is for the same subject: %t; the run ended in %v", same, err)
			}
			if n := r.quarantined("1"); !same && n != 6 {
				t.Errorf("%d of 6 changes are made", n)
			}
		})
	}
}
