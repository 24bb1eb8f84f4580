package engine

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// playbookFaults are put on each operation that the playbook calls: once, or for as long as apply runs.
var playbookFaults = []struct {
	name  string
	fault awssim.Fault
	ever  bool
}{
	{"throttled", awssim.Fault{Before: apiError("RequestLimitExceeded")}, false},
	{"500 before the effect", awssim.Fault{Before: apiError("InternalError")}, false},
	{"timeout after the effect", awssim.Fault{After: errLost}, false},
	{"500 after the effect", awssim.Fault{After: apiError("InternalError")}, false},
	{"access denied once", awssim.Fault{Before: apiError("AccessDenied")}, false},
	{"access denied", awssim.Fault{Before: apiError("UnauthorizedOperation")}, true},
	{"credentials ended", awssim.Fault{Before: apiError("ExpiredToken")}, false},
	{"network down", awssim.Fault{Before: errors.New("connection reset by peer")}, false},
}

// TestPlaybookFaults puts the faults on the operations of each playbook. What the journal then says is done must be
// so; without the fault, resume must end contained, nothing made twice, and release must give the account back.
func TestPlaybookFaults(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("short: the playbooks' faults are left to the long run")
	}
	for _, s := range scenarios {
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			faulted(t, s)
		})
	}
}

// faulted takes every fault of every operation in turn, or evenly spread ones: the step has no divisor in common with
// the number of faults, so that each fault and each operation gets its share.
func faulted(t *testing.T, s *scenario) {
	ops := operations(t, s)
	every := min(max(1, *stride/8)|1, max(1, len(ops)*len(playbookFaults)/30)|1)
	n, all := 0, 0
	for _, op := range ops {
		for _, f := range playbookFaults {
			if all++; all%every != 0 {
				continue
			}
			n++
			t.Run(f.name+"/"+op, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { faultedOnce(t, s, op, f.fault, f.ever) })
			})
		}
	}
	t.Logf("%d operations × %d faults = %d, every %d of them tried: %d", len(ops), len(playbookFaults), all, every, n)
}

func operations(t *testing.T, s *scenario) []string {
	var ops []string
	synctest.Test(t, func(t *testing.T) {
		i := newIncident(t, s)
		from := len(i.drill.World.Calls())
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, c := range i.drill.World.Calls()[from:] {
			name := c.Service + "." + c.Operation
			if !seen[name] && name != "sts.GetCallerIdentity" {
				seen[name] = true
				ops = append(ops, name)
			}
		}
	})
	return ops
}

func faultedOnce(t *testing.T, s *scenario, op string, fault awssim.Fault, ever bool) {
	i := newIncident(t, s)
	e, _, ctx := i.process(0)
	var once sync.Once
	i.drill.World.SetHook(func(c awssim.Call) awssim.Fault {
		if c.Service+"."+c.Operation != op {
			return awssim.Fault{}
		}
		if ever {
			return fault
		}
		f := awssim.Fault{}
		once.Do(func() { f = fault })
		return f
	})
	err := i.apply(ctx, e)
	var drift *DriftError
	if errors.As(err, &drift) {
		t.Fatalf("a fault was taken for drift: %v", err)
	}
	err = i.resume()
	kase, openErr := casefile.OpenCase(ctx, i.store)
	if openErr != nil {
		t.Fatal(openErr)
	}
	p, progressErr := kase.Progress(ctx)
	if progressErr != nil {
		t.Fatal(progressErr)
	}
	if err != nil && !(errors.Is(err, ErrPartly) && len(p.Loss) > 0) {
		t.Errorf("resume without the fault: %v", err)
	}
	if p.State != casefile.Contained {
		t.Errorf("the case is %s: %s", p.State, unfinished(p))
	}
	i.contained(i, op)
	if err := i.release(); err != nil {
		t.Fatalf("release: %v", err)
	}
	i.restored(op)
}

func unfinished(p casefile.Progress) string {
	s := ""
	for _, x := range p.Steps {
		if x.State != casefile.Done {
			s += fmt.Sprintf("%d %s %s (%s); ", x.N, x.Action, x.State, x.Error)
		}
	}
	return s
}
