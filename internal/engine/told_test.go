package engine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/casefile"
)

// TestWaitingForAnotherIsTold: whoever goes on after a kill waits for the killed cordon, which may be a colleague's that
// lives. Half a minute without a word looks like a hang.
func TestWaitingForAnotherIsTold(t *testing.T) {
	waited := 0
	for at := 1; at <= countEvents(t); at++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			e, _, ctx := r.process(r.first, at)
			if err := e.Apply(ctx, r.plan(), "flag"); err == nil {
				t.Fatal("it was to be killed")
			}
			if p := r.progress(); p.Plan == "" {
				return // killed before there was anything to go on with
			}
			var mu sync.Mutex
			var told []string
			e, _, ctx = r.process(r.first, 0)
			e.Notify = func(ev Event) {
				mu.Lock()
				defer mu.Unlock()
				if ev.State == casefile.Waiting && ev.Note != "" {
					told = append(told, ev.Note)
				}
			}
			began := time.Now()
			if err := e.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) < defPatience-time.Second {
				return
			}
			waited++
			if len(told) == 0 || !strings.Contains(told[0], "begun at ") {
				t.Errorf("killed at event %d: resume took %s and told %q", at, time.Since(began), told)
			}
		})
	}
	if waited == 0 {
		t.Error("nobody waited for anybody")
	}
}

// TestFailureIsToldWithItsReason: a step's end is told at once, and of many steps nothing else is.
func TestFailureIsToldWithItsReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e, p, ctx := r.process(r.first, 0)
		p.fault = func(what string, write bool) (error, error) {
			if write && strings.HasSuffix(what, " a") {
				return apiError("AccessDenied"), nil
			}
			return nil, nil
		}
		var mu sync.Mutex
		var told []string
		e.Notify = func(ev Event) {
			mu.Lock()
			defer mu.Unlock()
			if ev.State == casefile.Failed {
				told = append(told, ev.Note)
			}
		}
		if err := e.Apply(ctx, r.plan(), "flag"); !errors.Is(err, ErrPartly) {
			t.Fatal(err)
		}
		if len(told) != 1 || !strings.Contains(told[0], "AccessDenied") {
			t.Errorf("told of the failure: %q", told)
		}
	})
}

// TestStoppedIsNotLoggedOut: only whom AWS no longer knows is told to log in.
func TestStoppedIsNotLoggedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if err := r.apply(r.plan()); err != nil {
			t.Fatal(err)
		}
		e, _, _ := r.process(r.first, 0)
		for _, c := range []struct {
			err  error
			want string
		}{{context.Canceled, "stopped; "}, {apiError("ExpiredToken"), "log in"}} {
			if got := e.ifLoggedOut(c.err); got == nil || !strings.Contains(got.Error(), c.want) || strings.Contains(got.Error(), "log in") != (c.want == "log in") {
				t.Errorf("%v: %v", c.err, got)
			}
		}
	})
}
