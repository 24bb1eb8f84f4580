package engine

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

var (
	users   = flag.Int("users", 1000, "how many users BenchmarkAccountWide contains")
	resumed = flag.Int("resumed", 150, "how many users TestResumeOfMany is killed over")
)

// What AWS is taken to allow, and what a call takes.
const (
	changesASecond = 15
	changesAtFirst = 30
	callTakes      = 100 * time.Millisecond
)

// estate is an account with many users, and a plan that denies each of them everything and makes both of its keys
// inactive.
type estate struct {
	t      testing.TB
	world  *awssim.World
	store  casefile.Store
	signer *casefile.Signer
	plan   []byte
	users  int
}

const estateCaller = "arn:aws:sts::111122223333:assumed-role/incident-response/responder"

func newEstate(t testing.TB, users int, store casefile.Store) *estate {
	e := &estate{t: t, store: store, users: users}
	e.world = awssim.New(awssim.Options{Seed: 1, Rates: true, PageSize: 100, Latency: func(string, string) time.Duration { return callTakes }})
	var all []awssim.User
	for i := range users {
		all = append(all, awssim.User{Name: fmt.Sprintf("user-%04d", i), Keys: []awssim.UserKey{{Active: true}, {Active: true}}})
	}
	e.world.AddUsers(all)
	var err error
	if e.signer, err = casefile.NewSigner("cordon-one", &noise{1}); err != nil {
		t.Fatal(err)
	}
	base := casefile.Plan{Format: 1, Kind: casefile.PlanContain, Case: "case-1", Simulated: true, Account: "111122223333", Region: "eu-west-1", Partition: "aws"}
	p, err := Plan(t.Context(), e.connect(), base, playbook.Playbook{Name: "all users", Draft: e.draft}, playbook.Incident{}, playbook.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if e.plan, _, err = Encode(p); err != nil {
		t.Fatal(err)
	}
	meta := casefile.Meta{ID: "case-1", Created: epoch, Version: "test", Simulated: true, Key: e.signer.VerifierKey()}
	if err := casefile.CreateCase(t.Context(), store, meta); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *estate) draft(context.Context, *action.AWS, playbook.Incident, playbook.Options) (playbook.Draft, error) {
	var d playbook.Draft
	for i := range e.users {
		name := fmt.Sprintf("user-%04d", i)
		target := casefile.Target{Kind: casefile.IAMUser, ID: name, Account: "111122223333"}
		d.Steps = append(d.Steps,
			playbook.Step{Key: "deny " + name, Action: action.DenyUser, Target: target, Params: map[string]string{"form": action.DenyAll, "via": action.ViaInline}},
			playbook.Step{Key: "keys " + name, Action: action.DisableKeys, Target: target, AfterAny: []string{"deny " + name}})
	}
	return d, nil
}

func (e *estate) connect() *action.AWS {
	cfg := aws.Config{Region: "eu-west-1"}
	e.world.Attach(&cfg, estateCaller)
	c := action.Connect(cfg)
	c.Account, c.Partition, c.Caller = "111122223333", "aws", estateCaller
	return c
}

func (e *estate) engine(n uint64) *Engine {
	kase, err := casefile.OpenCase(e.t.Context(), e.store)
	if err != nil {
		e.t.Fatal(err)
	}
	return &Engine{
		AWS: e.connect(), Case: kase, Signer: e.signer, Person: "ann", Random: &noise{n},
		Session: casefile.SessionBody{Version: "test", Binary: "test", Command: "test", Simulated: true},
	}
}

// changes is how many calls change something; bound is what AWS's rate alone takes for them.
func (e *estate) changes() int { return 3 * e.users }

func (e *estate) bound() time.Duration {
	return time.Duration(float64(e.changes()-changesAtFirst) / changesASecond * float64(time.Second))
}

func (e *estate) contained() {
	e.t.Helper()
	e.world.Do(func(a *awssim.Account) {
		for name, u := range a.IAM.Users {
			if len(u.Inline) != 1 || u.Keys[0].Active || u.Keys[1].Active {
				e.t.Errorf("user %s has %d policies, keys %+v", name, len(u.Inline), u.Keys)
			}
		}
	})
	for _, v := range e.world.Violations() {
		e.t.Errorf("the account objects: %s", v)
	}
}

// TestAccountWide holds that many users are contained in little more than the time that AWS's rate alone takes, the
// drift check included; that a resume after a kill costs no more than what is left; and that release is held to the
// same rate.
func TestAccountWide(t *testing.T) {
	const most = 1.15
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, 150, casefile.NewMem())
		time.Sleep(time.Minute) // the buckets are full again
		took := timed(func() {
			if err := e.engine(1).Apply(t.Context(), e.plan, "flag"); err != nil {
				t.Fatal(err)
			}
		})
		e.contained()
		ratio := took.Seconds() / e.bound().Seconds()
		t.Logf("%d changes in %s, the bound is %s: %.3f", e.changes(), took, e.bound(), ratio)
		if ratio > most {
			t.Errorf("%d changes took %s, %.3f of the bound", e.changes(), took, ratio)
		}
		time.Sleep(time.Minute)
		e.world.AllowDeletes(true)
		took = timed(func() {
			r := e.engine(2)
			plan, err := r.PlanRelease(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			data, _, err := Encode(plan)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Release(t.Context(), data, "flag"); err != nil {
				t.Fatal(err)
			}
		})
		ratio = took.Seconds() / e.bound().Seconds()
		t.Logf("release: %s: %.3f", took, ratio)
		if ratio > most {
			t.Errorf("the release took %s, %.3f of the bound", took, ratio)
		}
	})
}

// TestTwoOnOneAccount lets two responders carry out the same plan at once: together they send twice what AWS takes, and
// all of it gets done, each change by one of them.
func TestTwoOnOneAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, 100, casefile.NewMem())
		time.Sleep(time.Minute)
		one, two := e.engine(1), e.engine(2)
		var all sync.WaitGroup
		took := timed(func() {
			for _, r := range []*Engine{one, two} {
				all.Go(func() {
					if err := r.Apply(t.Context(), e.plan, "flag"); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
		})
		e.contained()
		if _, err := one.Case.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		intents, writers := 0, map[string]int{}
		for _, x := range one.Case.Entries() {
			if x.Kind == casefile.EntryIntent {
				intents++
				writers[x.By.Nonce]++
			}
		}
		t.Logf("%d steps, %d intents by %v, in %s; the bound of one is %s", 2*e.users, intents, writers, took, e.bound())
		if len(writers) != 2 {
			t.Errorf("one of the two did nothing: %v", writers)
		}
	})
}

// counting is a store that counts what is read.
type counting struct {
	casefile.Store
	reads atomic.Int64
}

func (c *counting) Read(ctx context.Context, name string) ([]byte, error) {
	c.reads.Add(1)
	return c.Store.Read(ctx, name)
}

// wallClock tells the real time that has passed, inside a bubble too, where time.Now is virtual.
func wallClock(t *testing.T) func() time.Duration {
	var passed atomic.Int64
	began, stop := time.Now(), make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				passed.Store(int64(time.Since(began)))
			}
		}
	}()
	return func() time.Duration { return time.Duration(passed.Load()) }
}

// TestResumeOfMany kills a run over many users near its end and resumes it: what is done already costs neither a read
// of the case nor a call. By hand: -resumed 1500 -v shows what 3,000 steps take.
func TestResumeOfMany(t *testing.T) {
	var e *estate
	var sent atomic.Int64 // the hook is asked from many goroutines
	wall := wallClock(t)
	synctest.Test(t, func(t *testing.T) {
		var store casefile.Store = casefile.NewMem()
		if *resumed > 500 {
			store = casefile.NewDir(filepath.Join(t.TempDir(), "case"))
		}
		e = newEstate(t, *resumed, store)
		time.Sleep(time.Minute)
		ctx, kill := context.WithCancel(t.Context())
		e.world.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Write && sent.Add(1) == int64(e.changes()*9/10) {
				kill()
			}
			return awssim.Fault{}
		})
		if err := e.engine(1).Apply(ctx, e.plan, "flag"); err == nil {
			t.Fatal("it was not killed")
		}
		e.world.SetHook(nil)
		time.Sleep(time.Minute) // and whoever resumes has logged in
		began := wall()
		counted := &counting{Store: e.store}
		e.store = counted
		r := e.engine(2)
		opened, entries, calls := wall()-began, r.Case.Head().Seq, len(e.world.Calls())
		counted.reads.Store(0)
		took := timed(func() {
			if err := r.Resume(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		e.contained()
		calls = len(e.world.Calls()) - calls
		t.Logf("%d steps, %d entries: opened in %s; resumed by %d reads of the case and %d calls, in %s beside the calls, which took %s",
			2*e.users, entries, opened, counted.reads.Load(), calls, wall()-began-opened, took)
		open := e.changes()/10 + 2*atOnce // what was not sent, and what nobody knows of
		if most := 6 * open; calls > most {
			t.Errorf("%d calls for some %d changes that were open", calls, open)
		}
		if most := 20 + 10*open; int(counted.reads.Load()) > most {
			t.Errorf("the case was read %d times for some %d changes that were open", counted.reads.Load(), open)
		}
	})
}

func timed(do func()) time.Duration {
	began := time.Now()
	do()
	return time.Since(began)
}

// BenchmarkAccountWide contains an account of -users users, two keys each, as it would be: real time, the case on
// disk. It prints the seconds against the bound.
func BenchmarkAccountWide(b *testing.B) {
	for range b.N {
		e := newEstate(b, *users, casefile.NewDir(filepath.Join(b.TempDir(), "case")))
		time.Sleep(5 * time.Second) // the buckets are full again
		runtime.GC()
		stop, peak := make(chan struct{}), make(chan uint64)
		go func() { peak <- highestHeap(stop) }()
		run := e.engine(1)
		took := timed(func() {
			if err := run.Apply(b.Context(), e.plan, "flag"); err != nil {
				b.Fatal(err)
			}
		})
		close(stop)
		e.contained()
		p, err := run.Case.Progress(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(e.bound().Seconds(), "s-bound")
		b.ReportMetric(took.Seconds()/e.bound().Seconds(), "ratio")
		b.ReportMetric(float64(*p.ContainedMS)/1000/e.bound().Seconds(), "ratio-from-approval")
		b.ReportMetric(float64(p.Head.Seq), "entries")
		b.ReportMetric(float64(<-peak)/(1<<20), "MiB-heap")
		b.ReportMetric(residentPeak(), "MiB-resident")
	}
}

func highestHeap(stop chan struct{}) uint64 {
	var m runtime.MemStats
	most := uint64(0)
	for {
		select {
		case <-stop:
			return most
		case <-time.After(200 * time.Millisecond):
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapAlloc)
		}
	}
}

// residentPeak is the most memory that the process ever had, planning and simulator included; 0 where the system does
// not tell.
func residentPeak() float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		kib := 0.0
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}
