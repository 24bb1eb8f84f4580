package engine

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

var users = flag.Int("users", 1000, "how many users BenchmarkAccountWide contains")

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
