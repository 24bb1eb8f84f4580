package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// chained is a plan whose steps come after each other in every way: 1 <- 2 by need, 2 <- 4 by way of 3, which only
// gathers, 5 <- 6 in order alone; 7 by itself.
func chained(id string) casefile.Plan {
	step := func(n int, name, id string, after, any []int) casefile.Step {
		s := casefile.Step{
			N: n, Action: name, Target: casefile.Target{Kind: casefile.EC2Instance, ID: id}, After: after, AfterAny: any, Phase: casefile.Contain, Impact: []string{},
		}
		if name == "set" {
			s.Before = []byte(`"orig-` + id + `"`)
		}
		return s
	}
	return casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: "case-1", Account: "111122223333", Survives: []string{}, NotCaptured: []string{}, Region: id,
		Steps: []casefile.Step{
			step(1, "set", "a"+id, nil, nil), step(2, "set", "b"+id, []int{1}, nil), step(3, "collect", "b"+id, []int{2}, nil), step(4, "set", "c"+id, []int{3}, nil),
			step(5, "set", "d"+id, nil, nil), step(6, "set", "e"+id, nil, []int{5}),
			step(7, "set", "f"+id, nil, nil),
		},
	}
}

// applied is a rig on which both plans were carried out, the second after the first.
func applied(t *testing.T) *rig {
	r := newRig(t)
	r.w.values = map[string]string{}
	for _, id := range []string{"1", "2"} {
		for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
			r.w.values[name+id] = "orig-" + name + id
		}
	}
	for _, id := range []string{"1", "2"} {
		data, _, err := Encode(chained(id))
		if err != nil {
			t.Fatal(err)
		}
		e, _, ctx := r.process(r.first, 0)
		if err := e.Apply(ctx, data, "flag"); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// undoes carries the release out with a call that takes a second, and tells when the undoing of each target began
// and ended, and how long all took.
func (r *rig) undoes(ctx context.Context) (plan casefile.Plan, began, ended map[string]int, took time.Duration, err error) {
	e, p, _ := r.process(r.first, 0)
	p.delay = func() time.Duration { return time.Second }
	at := time.Now()
	if plan, err = e.PlanRelease(ctx); err != nil {
		r.t.Fatal(err)
	}
	if looked := time.Since(at); looked != time.Second {
		r.t.Errorf("the looks of the plan took %s: they were not side by side", looked)
	}
	data, _, err := Encode(plan)
	if err != nil {
		r.t.Fatal(err)
	}
	at = time.Now()
	err = e.Release(ctx, data, "flag")
	took = time.Since(at)
	began, ended = map[string]int{}, map[string]int{}
	targets := map[casefile.StepKey]string{}
	for _, s := range plan.Steps {
		targets[casefile.StepKey{Plan: s.Params["plan"], Step: int(s.Params["step"][0] - '0')}] = s.Target.ID
	}
	for _, x := range e.Case.Entries() {
		id := targets[casefile.StepKey{Plan: x.Plan, Step: x.Step}]
		switch x.Kind {
		case casefile.EntryUndo:
			began[id] = x.Seq
		case casefile.EntryUndone, casefile.EntryDrift:
			ended[id] = x.Seq
		}
	}
	return plan, began, ended, took, err
}

// TestReleaseOrder holds that what came because of a change is back before that change is, that newer plans go before
// older ones, and that the rest is undone side by side.
func TestReleaseOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := applied(t)
		_, began, ended, took, err := r.undoes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range r.w.values {
			if v != "orig-"+name {
				t.Errorf("%s is %q", name, v)
			}
		}
		for _, id := range []string{"1", "2"} {
			for _, pair := range []string{"cb", "ba", "ca", "ed"} {
				later, earlier := pair[:1]+id, pair[1:]+id
				if ended[later] == 0 || ended[later] > began[earlier] {
					t.Errorf("%s was begun at entry %d, and %s, which came because of it, was back at %d", earlier, began[earlier], later, ended[later])
				}
			}
		}
		for name, at := range ended {
			if strings.HasSuffix(name, "2") && at > began["c1"] {
				t.Errorf("%s of the newer plan was back at entry %d, the older one was begun at %d", name, at, began["c1"])
			}
		}
		// A change takes four calls: two looks, the undoing, the read-back. A plan's longest chain has three.
		if took != 2*3*4*time.Second {
			t.Errorf("it took %s, the longest chains 24 s", took)
		}
	})
}

// TestReleaseGoesOnAfterDrift leaves what somebody changed, says so in the order of the release plan, and puts
// everything else back.
func TestReleaseGoesOnAfterDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := applied(t)
		for _, name := range []string{"c1", "e1", "f2"} {
			r.w.values[name] = "owner"
		}
		plan, _, _, _, err := r.undoes(t.Context())
		var drift *DriftError
		if !errors.As(err, &drift) {
			t.Fatalf("release over the owner's changes: %v", err)
		}
		var want []string
		for _, s := range plan.Steps {
			returns := []string{}
			if s.Params["verdict"] == "put back" {
				returns = append(returns, fmt.Sprintf("what was set before (--leave %d --reason WHY)", s.N))
			}
			if !slices.Equal(s.Impact, returns) {
				t.Errorf("step %d, %s: %q returns with it, want %q", s.N, s.Params["verdict"], s.Impact, returns)
			}
			if r.w.values[s.Target.ID] == "owner" {
				want = append(want, s.Target.ID)
			}
		}
		for i, l := range drift.Lines {
			if len(want) != 3 || len(drift.Lines) != 3 || !strings.HasPrefix(l, "set "+want[i]+": ") {
				t.Errorf("the drift is told as %v, the plan's order is %v", drift.Lines, want)
			}
		}
		for name, v := range r.w.values {
			if want := map[bool]string{true: "owner", false: "orig-" + name}[slices.Contains([]string{"c1", "e1", "f2"}, name)]; v != want {
				t.Errorf("%s is %q, not %q", name, v, want)
			}
		}
	})
}

// TestReleaseAtOnce holds that no more than the limit is undone at once, and that all of it is.
func TestReleaseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		plan, now, most := fakePlan(), 0, 0
		plan.Steps = nil
		for i := range 3 * atOnce {
			id := "v" + string(rune('a'+i%26)) + string(rune('a'+i/26))
			r.w.values[id] = "orig"
			plan.Steps = append(plan.Steps, casefile.Step{
				N: i + 1, Action: "set", Target: casefile.Target{Kind: casefile.EC2Instance, ID: id}, Phase: casefile.Contain, Before: []byte(`"orig"`), Impact: []string{},
			})
		}
		data, _, err := Encode(plan)
		if err != nil {
			t.Fatal(err)
		}
		count := func(e *Engine) {
			set := slices.Clone(e.Actions)
			for i, a := range set {
				if a.Name != "set" {
					continue
				}
				inside := func(do func() error) error {
					r.mu.Lock()
					now++
					most = max(most, now)
					r.mu.Unlock()
					time.Sleep(time.Second)
					r.mu.Lock()
					now--
					r.mu.Unlock()
					return do()
				}
				set[i].Apply = func(ctx context.Context, c *action.AWS, t action.Target, now json.RawMessage) error {
					return inside(func() error { return a.Apply(ctx, c, t, now) })
				}
				set[i].Undo = func(ctx context.Context, c *action.AWS, t action.Target, before, now json.RawMessage) error {
					return inside(func() error { return a.Undo(ctx, c, t, before, now) })
				}
			}
			e.Actions = set
		}
		e, _, ctx := r.process(r.first, 0)
		count(e)
		if err := e.Apply(ctx, data, "flag"); err != nil {
			t.Fatal(err)
		}
		if most != atOnce {
			t.Errorf("%d changes were made at once, not %d", most, atOnce)
		}
		most = 0
		e, _, ctx = r.process(r.first, 0)
		count(e)
		release, err := e.PlanRelease(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if data, _, err = Encode(release); err != nil {
			t.Fatal(err)
		}
		if err := e.Release(ctx, data, "flag"); err != nil {
			t.Fatal(err)
		}
		if most != atOnce {
			t.Errorf("%d changes were undone at once, not %d", most, atOnce)
		}
		if p := r.progress(); p.State != casefile.Released {
			t.Errorf("the case is %s", p.State)
		}
	})
}
