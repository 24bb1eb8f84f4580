package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/smithy-go"

	"cordon/internal/casefile"
)

func apiError(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "made by the test"}
}

// fault is something that happens to one kind of call for a while.
type fault struct {
	name  string
	times int // 0: for ever
	reads bool
	set   func(p *process) (before, after error)
	heals bool // the run itself must get over it: what is read back decides, not the error
}

var faultKinds = []fault{
	{heals: true, name: "500 before the effect", times: 1, set: before(apiError("InternalError"))},
	{heals: true, name: "500 before the effect, thrice", times: 3, set: before(apiError("InternalError"))},
	{heals: true, name: "timeout after the effect", times: 1, set: after(errLost)},
	{heals: true, name: "timeout after the effect, twice", times: 2, set: after(errLost)},
	{name: "throttled for ever", set: before(apiError("RequestLimitExceeded"))},
	{name: "access denied once", times: 1, set: before(apiError("AccessDenied"))},
	{name: "access denied for ever", set: before(apiError("UnauthorizedOperation"))},
	{heals: true, name: "denied after the effect", times: 1, set: after(apiError("AccessDenied"))},
	{heals: true, name: "not found right after create", times: 2, set: before(apiError("InvalidGroup.NotFound"))},
	{heals: true, name: "incorrect state", times: 2, set: before(apiError("IncorrectState"))},
	{name: "quota", set: before(apiError("LimitExceeded"))},
	{name: "credentials ended", times: 1, set: before(apiError("ExpiredToken"))},
	{name: "credentials ended after the effect", times: 1, set: after(apiError("ExpiredToken"))},
	{heals: true, name: "network down", times: 4, set: before(errors.New("connection reset by peer"))},
	{heals: true, name: "unreadable once", times: 1, reads: true, set: before(apiError("InternalError"))},
	{name: "unreadable for ever", reads: true, set: before(apiError("UnauthorizedOperation"))},
	{heals: true, name: "reads throttled", times: 3, reads: true, set: before(apiError("RequestLimitExceeded"))},
}

func before(err error) func(*process) (error, error) {
	return func(*process) (error, error) { return err, nil }
}

func after(err error) func(*process) (error, error) {
	return func(*process) (error, error) { return nil, err }
}

// TestFaults puts every fault on every kind of call. Whatever the run says must be what the account shows; a
// resume without the fault must end contained, with nothing made twice; release must give the account back.
func TestFaults(t *testing.T) {
	calls := []string{"a", "b", "c", "m", "p", "snap", "collect"}
	n := 0
	for _, f := range faultKinds {
		for _, call := range calls {
			for _, lag := range []int{0, 1, 5} {
				if call == "collect" && !f.reads {
					continue
				}
				n++
				t.Run(fmt.Sprintf("%s/%s/lag %d", f.name, call, lag), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { oneFault(t, f, call, lag) })
				})
			}
		}
	}
	t.Logf("%d faults", n)
}

func oneFault(t *testing.T, f fault, call string, lag int) {
	r := newRig(t)
	before := r.w.image()
	e, p, ctx := r.process(r.first, 0)
	left := f.times
	p.lag = lag
	p.fault = func(what string, write bool) (error, error) {
		if write == f.reads || !strings.HasSuffix(what, " "+call) || f.times > 0 && left == 0 {
			return nil, nil
		}
		left--
		return f.set(p)
	}
	err := e.Apply(ctx, r.plan(), "flag")
	if r.progress().Head.Seq > 0 {
		r.sound("with the fault")
		truthful(t, r, err)
	}
	inPart := call == "p" && f.name == "denied after the effect" // two of its three calls were not made
	if f.heals && call != "collect" && !inPart && lag == 0 && err != nil {
		t.Errorf("the run did not get over it: %v", err)
	}
	if err := again(r, r.first, r.plan()); err != nil && !errors.Is(err, ErrPartly) {
		t.Fatalf("resume without the fault: %v", err)
	}
	lost := r.progress().Loss
	if call == "snap" && len(r.w.snaps) > 1 {
		t.Errorf("%d snapshots", len(r.w.snaps))
	}
	r.contained("resume without the fault")
	if len(lost) > 0 && call != "snap" && call != "collect" {
		t.Errorf("a fault on %s lost evidence: %+v", call, lost)
	}
	if err := r.release(r.first, 0); err != nil {
		t.Fatalf("release: %v", err)
	}
	if after := r.w.image(); after != before {
		t.Errorf("release left %s, it was %s", after, before)
	}
}

// truthful compares what the journal says is done with what the account shows, and the exit with both.
func truthful(t *testing.T, r *rig, err error) {
	t.Helper()
	p := r.progress()
	all := true
	for _, s := range p.Steps {
		if s.State != casefile.Done {
			all = false
			continue
		}
		ok := true
		switch s.Action {
		case "set":
			ok = r.w.values[s.Target.ID] == ours
		case "make":
			ok = len(r.w.made[s.Target.ID]) == 1
		case "multi":
			ok = len(r.w.parts[s.Target.ID]) == 3
		case "snap":
			ok = len(r.w.snaps) == 1
		}
		if !ok {
			t.Errorf("step %d is said to be done and is not", s.N)
		}
	}
	if (err == nil) != (all && len(p.Loss) == 0) {
		t.Errorf("the run answers %v, all done: %t, lost: %d", err, all, len(p.Loss))
	}
}

// TestEvidenceNeverBlocks holds the sixth promise: a capture that fails, or never comes, leaves a ledger line
// and the cut happens all the same.
func TestEvidenceNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e, p, ctx := r.process(r.first, 0)
		p.fault = func(what string, write bool) (error, error) {
			if what == "write snap" {
				return apiError("KMSInvalidStateException"), nil
			}
			return nil, nil
		}
		err := e.Apply(ctx, r.plan(), "flag")
		if !errors.Is(err, ErrPartly) {
			t.Fatalf("apply with a key that may not be used: %v", err)
		}
		got := r.progress()
		if got.State != casefile.Contained || len(got.Loss) != 1 || r.w.values["a"] != ours {
			t.Errorf("the case is %s, %d lost, a is %q", got.State, len(got.Loss), r.w.values["a"])
		}
	})
}

// TestGone tells a target that does not exist from one that could not be looked at.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		e, _, ctx := r.process(r.first, 0)
		if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
			t.Fatal(err)
		}
		r.w.values["c"] = ""
		if err := r.release(r.first, 0); !errors.Is(err, ErrDecision) {
			t.Fatalf("release of something that was deleted: %v", err)
		}
		if r.w.values["a"] != "orig-a" {
			t.Error("what still exists was not put back")
		}
	})
}
