package engine

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/finding"
	"cordon/internal/playbook"
)

var stride = flag.Int("stride", 37, "TestPlaybookKilled kills at every so many boundaries; 1 for all of them")

// incident is the real playbook on a simulated account, with processes that can be killed.
type incident struct {
	t      *testing.T
	drill  drill.Drill
	store  *casefile.Mem
	signer *casefile.Signer
	plan   []byte
	before map[string]any
	n      int
}

func newIncident(t *testing.T) *incident {
	s, ok := drill.Find(drill.Default)
	if !ok {
		t.Fatal("there is no default drill")
	}
	i := &incident{t: t, drill: s.Build(drill.Options{Seed: 1}), store: casefile.NewMem()}
	var err error
	if i.signer, err = casefile.NewSigner("cordon-one", &noise{1}); err != nil {
		t.Fatal(err)
	}
	docs, _, err := finding.ReadAll("finding.json", strings.NewReader(string(i.drill.Finding)))
	if err != nil || len(docs) != 1 {
		t.Fatal(err, docs)
	}
	conn := i.connect()
	var subject casefile.Subject
	for _, x := range docs[0].Incident.Subjects {
		if x.Kind == casefile.EC2Instance {
			subject = x
		}
	}
	base := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: "case-1", Simulated: true, Account: i.drill.Account, Region: i.drill.Region, Partition: "aws",
		Subject: subject, Finding: &docs[0].Incident, FindingRaw: string(docs[0].Raw), Survives: []string{}, NotCaptured: []string{},
	}
	o := playbook.Options{Lock: "governance", LockDays: 30, CaptureDeadline: time.Hour}
	p, err := Plan(context.Background(), conn, base, playbook.EC2, playbook.Incident{Subject: subject, Finding: docs[0].Incident}, o)
	if err != nil {
		t.Fatal(err)
	}
	if i.plan, _, err = Encode(p); err != nil {
		t.Fatal(err)
	}
	i.before = i.drill.World.Dump()
	meta := casefile.Meta{Format: 1, ID: "case-1", Created: epoch, Version: "test", Simulated: true, Key: i.signer.VerifierKey()}
	if err := casefile.CreateCase(context.Background(), i.store, meta); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *incident) connect() *action.AWS {
	cfg := aws.Config{Region: i.drill.Region}
	i.drill.World.Attach(&cfg, i.drill.Caller)
	c := action.Connect(cfg)
	if err := c.Identify(context.Background()); err != nil {
		i.t.Fatal(err)
	}
	return c
}

// process is a new cordon that dies at an event: a write to the store or a change in the account, before or
// after its effect.
func (i *incident) process(killAt int) (*Engine, *process, context.Context) {
	ctx, stop := context.WithCancel(context.Background())
	p := &process{store: i.store, killAt: killAt, stop: stop}
	kase, err := casefile.OpenCase(ctx, p)
	if err != nil {
		i.t.Fatal(err)
	}
	i.n++
	i.drill.World.SetHook(func(c awssim.Call) awssim.Fault {
		if !c.Write {
			return awssim.Fault{Before: p.alive()}
		}
		if err := p.event(); err != nil {
			return awssim.Fault{Before: err}
		}
		after := awssim.Fault{}
		if p.event() != nil {
			after.After = errDead
		}
		return after
	})
	e := &Engine{
		AWS: i.connect(), Case: kase, Signer: i.signer, Person: "ann", Wait: true, Random: &noise{uint64(i.n) * 7919},
		Session: casefile.SessionBody{Version: "test", Binary: "test", Command: "test", Simulated: true},
	}
	return e, p, ctx
}

func (i *incident) resume() error {
	e, _, ctx := i.process(0)
	p, err := e.Case.Progress(ctx)
	if err != nil {
		return err
	}
	if p.Plan == "" {
		return e.Apply(ctx, i.plan, "flag")
	}
	return e.Resume(ctx)
}

func (i *incident) release() error {
	i.drill.World.AllowDeletes(true)
	defer i.drill.World.AllowDeletes(false)
	e, _, ctx := i.process(0)
	plan, err := e.PlanRelease(ctx)
	if err != nil {
		return err
	}
	data, _, err := Encode(plan)
	if err != nil {
		return err
	}
	return e.Release(ctx, data, "flag")
}

// restored compares the account with before. The group that gave an instance away and got it back is one
// larger, as declared; its load balancers know the replacement; the ended session stays ended; evidence stays.
func (i *incident) restored(what string) {
	i.t.Helper()
	after := i.drill.World.Dump()
	for k, was := range i.before {
		if declared(k) {
			continue
		}
		if is, ok := after[k]; !ok || !reflect.DeepEqual(is, was) {
			i.t.Errorf("%s: release left %s as %s, it was %s", what, k, asJSON(is), asJSON(was))
		}
	}
	for k := range after {
		if _, ok := i.before[k]; !ok && strings.Contains(k, "security-group") {
			i.t.Errorf("%s: release left %s", what, k)
		}
	}
	for _, v := range i.drill.World.Violations() {
		i.t.Errorf("%s: the account objects: %s", what, v)
	}
	if v := casefile.Verify(context.Background(), i.store, casefile.VerifyOptions{}); !v.OK && v.Entries > 0 {
		i.t.Errorf("%s: %s %v", what, v.Summary, v.Problems)
	}
}

func declared(k string) bool {
	for _, part := range []string{"/snapshot/", "autoscaling/", "elb/", "elbv2/", "ssm/"} {
		if strings.Contains(k, part) {
			return true
		}
	}
	return false
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// contained asks the account itself, not cordon's actions.
func (i *incident) contained(what string) {
	i.t.Helper()
	i.drill.World.Do(func(a *awssim.Account) {
		r := a.Regions[i.drill.Region]
		snaps := 0
		for _, s := range r.Snapshots {
			if s.Tags["cordon:case"] != "" {
				snaps++
			}
		}
		if snaps != 2 {
			i.t.Errorf("%s: %d snapshots with the case's tag, not 2", what, snaps)
		}
		groups := 0
		for _, g := range r.SecurityGroups {
			if strings.HasPrefix(g.Name, "cordon-quarantine") {
				groups++
			}
		}
		if groups != 1 {
			i.t.Errorf("%s: %d quarantine groups", what, groups)
		}
	})
}

// TestPlaybookKilled kills the whole playbook at boundaries of every kind, on the simulated account, and goes on
// by resume, by resume from a copy of the case, by a second apply, and by release of what stands.
func TestPlaybookKilled(t *testing.T) {
	events := 0
	synctest.Test(t, func(t *testing.T) {
		i := newIncident(t)
		e, p, ctx := i.process(0)
		if err := e.Apply(ctx, i.plan, "flag"); err != nil {
			t.Fatal(err)
		}
		events = p.events
		i.contained("undisturbed")
		if err := i.release(); err != nil {
			t.Fatal(err)
		}
		i.restored("undisturbed")
	})
	if testing.Short() {
		t.Skip("short: the playbook ran once and was not killed")
	}
	for at := 1; at <= events; at += *stride {
		for _, how := range []string{"resume", "elsewhere", "second responder", "release"} {
			synctest.Test(t, func(t *testing.T) { killedOnce(t, at, how) })
		}
	}
	t.Logf("%d boundaries, every %d killed at, 4 continuations each", events, *stride)
}

func killedOnce(t *testing.T, at int, how string) {
	what := fmt.Sprintf("killed at event %d, %s", at, how)
	i := newIncident(t)
	e, p, ctx := i.process(at)
	err := e.Apply(ctx, i.plan, "flag")
	if !p.dead && at > p.events && at > 200 {
		return // how steps that run side by side fall makes a run a few events longer or shorter
	}
	if err == nil || !p.dead {
		t.Fatalf("%s: it was not killed: %v", what, err)
	}
	if how == "release" {
		if err := i.release(); err != nil && !strings.Contains(err.Error(), "no approved plan") {
			t.Fatalf("%s: %v", what, err)
		}
		i.restored(what)
		return
	}
	switch how {
	case "elsewhere":
		i.store = i.store.Clone()
		i.signer, _ = casefile.NewSigner("cordon-two", &noise{2})
	case "second responder":
		i.signer, _ = casefile.NewSigner("cordon-two", &noise{2})
	}
	err = i.resume()
	if err != nil && !errors.Is(err, ErrPartly) {
		t.Fatalf("%s: %v", what, err)
	}
	if err != nil {
		t.Errorf("%s: %v", what, err)
	}
	i.contained(what)
	if err := i.release(); err != nil {
		t.Fatalf("%s: release: %v", what, err)
	}
	i.restored(what)
}
