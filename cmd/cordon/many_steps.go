package main

import (
	"fmt"
	"sync"
	"time"

	"cordon/internal/casefile"
	"cordon/internal/engine"
)

// manySteps is the size from which a plan is shown in groups and carried out behind a bar: a thousand lines tell nobody
// anything.
const manySteps = 60

// group is steps that do the same, in the order in which the first of them stands.
type group[T any] struct {
	first T
	n     int
	last  T
}

// grouped puts together what has one key.
func grouped[T any](items []T, key func(T) string) []group[T] {
	at := map[string]int{}
	var groups []group[T]
	for _, x := range items {
		k := key(x)
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k] = i
			groups = append(groups, group[T]{first: x})
		}
		groups[i].n++
		groups[i].last = x
	}
	return groups
}

// showMany shows the steps of a large plan: each that is alone of its sort, and one line for those of a sort.
func (a *app) showMany(p casefile.Plan) {
	of := headings(p)
	sort := func(s casefile.Step) string {
		return fmt.Sprintf("%v\x00%s\x00%s", of[s.N-1], s.Action, s.Change)
	}
	last := heading{}
	for _, g := range grouped(p.Steps, sort) {
		if h := of[g.first.N-1]; h != last {
			a.sayHeading(p, h)
			last = h
		}
		if g.n == 1 {
			a.showStep(g.first)
			continue
		}
		a.say("      %-46s %s", g.first.Action+"  "+many(g.n, g.first.Target.Kind), g.first.Change)
		a.say("        first %s (step %d), last %s (step %d)", short(g.first.Target.ID), g.first.N, short(g.last.Target.ID), g.last.N)
		if len(g.first.Impact) > 0 {
			a.say("        ! such as: %s", g.first.Impact[0])
		}
	}
	a.say("\n  %s steps: each of them, with whom it hits, is in the plan's file (--out) and in -o json", thousands(len(p.Steps)))
}

// many names a number of things of a kind.
func many(n int, kind casefile.Kind) string {
	name, ok := map[casefile.Kind]string{
		casefile.IAMUser: "users", casefile.IAMRole: "roles", casefile.Trail: "trails", casefile.Detector: "detectors", casefile.Volume: "volumes",
	}[kind]
	if !ok {
		name = "targets"
	}
	return thousands(n) + " " + name
}

// stepsBar shows how far a large plan has got. Steps that failed or drifted have a line of their own at once.
func (a *app) stepsBar(doing string, n int) (notify func(engine.Event), end func()) {
	b := newBar(a.stderr, doing, n, "steps", 0)
	b.line = stepsLine
	var mu sync.Mutex
	done := map[string]bool{} // by number and target: of several plans each has a step 1
	stop := b.beating(func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(done)
	})
	notify = func(ev engine.Event) {
		switch ev.State {
		case casefile.Waiting, casefile.Todo:
			return
		case casefile.Failed, casefile.Drift, casefile.Skipped:
			b.above(func() {
				a.tell("%-8s %3d  %s  %s: %s", ev.State, ev.Step.N, ev.Step.Action, ev.Step.On(), ev.Note)
			})
		}
		mu.Lock()
		done[fmt.Sprint(ev.Step.N, ev.Step.Action, ev.Step.Target)] = true
		mu.Unlock()
	}
	return notify, stop
}

// stepsLine is a bar over steps, with their rate and the time that the rest takes at it.
func stepsLine(b *bar, done int, _ int64, _ int, spent time.Duration) string {
	part := float64(done) / float64(max(b.n, 1))
	left := "…"
	if done > 0 {
		left = time.Duration(float64(spent) * (1 - part) / part).Round(time.Second).String()
	}
	return fmt.Sprintf("%s  %s %3.0f%%   %s of %s %s   %.0f a second   %s left", b.doing, picture(part), 100*part,
		thousands(done), thousands(b.n), b.each, float64(done)/spent.Seconds(), left)
}
