package engine

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"slices"
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

var stride = flag.Int("stride", 37, "TestPlaybookKilled kills at every so many boundaries, TestPlaybookFaults puts every eighth of so many faults; 1 for all of them")

// incident is a real playbook on a simulated account, with processes that can be killed.
type incident struct {
	*scenario
	t      *testing.T
	drill  drill.Drill
	store  *casefile.Mem
	signer *casefile.Signer
	plan   []byte
	before map[string]any
	n      int
}

func newIncident(t *testing.T, s *scenario) *incident {
	d, ok := drill.Find(s.drill)
	if !ok {
		t.Fatalf("there is no drill %s", s.drill)
	}
	own := *s // a test may declare more of its own
	i := &incident{scenario: &own, t: t, drill: d.Build(drill.Options{Seed: 1}), store: casefile.NewMem()}
	if s.prepare != nil {
		s.prepare(&i.drill)
	}
	var err error
	if i.signer, err = casefile.NewSigner("cordon-one", &noise{1}); err != nil {
		t.Fatal(err)
	}
	docs, _, err := finding.ReadAll("finding.json", strings.NewReader(string(i.drill.Finding)))
	if err != nil || len(docs) != 1 {
		t.Fatal(err, docs)
	}
	if i.plan, _, err = Encode(i.answer(docs[0])); err != nil {
		t.Fatal(err)
	}
	i.before = i.drill.World.Dump()
	meta := casefile.Meta{Format: 1, ID: "case-1", Created: epoch, Version: "test", Simulated: true, Key: i.signer.VerifierKey()}
	if err := casefile.CreateCase(context.Background(), i.store, meta); err != nil {
		t.Fatal(err)
	}
	return i
}

// answer plans for each subject of the finding that the scenario's playbook answers, as the command does.
func (i *incident) answer(doc finding.Doc) casefile.Plan {
	book, _ := playbook.For(i.playbook)
	conn, ctx := i.connect(), context.Background()
	p := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: "case-1", Simulated: true, Account: i.drill.Account, Region: i.drill.Region, Partition: "aws",
		Finding: &doc.Incident, FindingRaw: string(doc.Raw), Survives: []string{}, NotCaptured: []string{},
	}
	o := playbook.Options{Lock: "governance", LockDays: 30, CaptureDeadline: time.Hour, QuarantineOU: i.drill.QuarantineOU, DirectoryUsers: i.drill.DirectoryUsers, SessionsOnly: i.drill.SessionsOnly}
	o.OnlySession, o.SourceIdentity, o.CloseTo, o.CutProviders = i.drill.Choose.OnlySession, i.drill.Choose.SourceIdentity, i.drill.Choose.CloseTo, i.drill.Choose.CutProviders
	for _, s := range doc.Incident.Subjects {
		if s.Playbook != book.Name || !slices.Contains(book.Kinds, s.Kind) {
			continue
		}
		in := playbook.Incident{Subject: s, Finding: doc.Incident}
		var err error
		if book.Resolve != nil {
			if in.Subject, err = book.Resolve(action.Allow(ctx, book.Reads, nil, nil), conn, in); err != nil {
				i.t.Fatal(err)
			}
		}
		if slices.ContainsFunc(p.Subjects, func(x casefile.Subject) bool { return x.Kind == in.Subject.Kind && x.ID == in.Subject.ID }) {
			continue
		}
		p.Subjects = append(p.Subjects, in.Subject)
		p.Subject = p.Subjects[0]
		if p, err = Plan(ctx, conn, p, book, in, o); err != nil {
			i.t.Fatal(err)
		}
	}
	if len(p.Steps) == 0 {
		i.t.Fatalf("playbook %s plans nothing for %+v", book.Name, doc.Incident.Subjects)
	}
	return p
}

func (i *incident) connect() *action.AWS {
	c := i.connectAs(i.drill.Caller)
	if i.drill.Management != "" {
		c.Management = i.connectAs(i.drill.Management)
	}
	return c
}

func (i *incident) connectAs(caller string) *action.AWS {
	cfg := aws.Config{Region: i.drill.Region}
	i.drill.World.Attach(&cfg, caller)
	c := action.Connect(cfg)
	if err := c.Identify(context.Background()); err != nil {
		i.t.Fatal(err)
	}
	return c
}

// second signs as another person, where the plan needs that.
func (i *incident) second(e *Engine, data []byte) error {
	var plan casefile.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return err
	}
	if casefile.NeedsSecond(plan) == "" {
		return nil
	}
	other, err := casefile.NewSigner("cordon-second", &noise{4711})
	if err != nil {
		return err
	}
	e.Second, err = other.Countersign(casefile.Countersignature{
		Plan: casefile.HashBytes(data), Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: "bob", Time: epoch,
	})
	return err
}

func (i *incident) apply(ctx context.Context, e *Engine) error {
	if err := i.second(e, i.plan); err != nil {
		return err
	}
	return e.Apply(ctx, i.plan, "flag")
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
		return i.apply(ctx, e)
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
	if err := i.second(e, data); err != nil {
		return err
	}
	return e.Release(ctx, data, "flag")
}

// restored compares the whole account with before: equal, but for what the scenario declares.
func (i *incident) restored(what string) {
	i.t.Helper()
	after := i.drill.World.Dump()
	for k := range after {
		if _, was := i.before[k]; !was && slices.ContainsFunc(i.grown, func(part string) bool { return strings.Contains(k, part) }) {
			delete(after, k)
		}
	}
	for _, d := range awssim.Diff(without(i.before, i.declared), without(after, i.declared)) {
		i.t.Errorf("%s: release left the account otherwise: %s", what, d)
	}
	for _, v := range i.drill.World.Violations() {
		i.t.Errorf("%s: the account objects: %s", what, v)
	}
	if v := casefile.Verify(context.Background(), i.store, casefile.VerifyOptions{}); !v.OK && v.Entries > 0 {
		i.t.Errorf("%s: %s %v", what, v.Summary, v.Problems)
	}
}

func without(image map[string]any, parts []string) map[string]any {
	left := map[string]any{}
	for k, v := range image {
		if !slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(k, part) }) {
			left[k] = v
		}
	}
	return left
}

// TestPlaybookKilled kills each playbook at boundaries of every kind, on the simulated account, and goes on by resume,
// by resume from a copy of the case, by a second apply, and by release of what stands.
func TestPlaybookKilled(t *testing.T) {
	t.Parallel()
	for _, s := range scenarios {
		t.Run(s.name(), func(t *testing.T) {
			t.Parallel()
			killed(t, s)
		})
	}
}

func killed(t *testing.T, s *scenario) {
	events := 0
	synctest.Test(t, func(t *testing.T) {
		i := newIncident(t, s)
		e, p, ctx := i.process(0)
		if err := i.apply(ctx, e); err != nil {
			t.Fatal(err)
		}
		events = p.events
		i.contained(i, "undisturbed")
		if err := i.release(); err != nil {
			t.Fatal(err)
		}
		i.restored("undisturbed")
	})
	if testing.Short() {
		t.Skip("short: the playbook ran once and was not killed")
	}
	kills, every := 0, min(*stride, max(1, events/8)) // a short playbook is killed often all the same
	for at := 1; at <= events; at += every {
		for _, how := range []string{"resume", "elsewhere", "second responder", "release"} {
			kills++
			synctest.Test(t, func(t *testing.T) { killedOnce(t, s, at, events, how) })
		}
	}
	t.Logf("%d boundaries, every %d killed at, 4 continuations each: %d", events, every, kills)
}

func killedOnce(t *testing.T, s *scenario, at, events int, how string) {
	what := fmt.Sprintf("killed at event %d, %s", at, how)
	i := newIncident(t, s)
	e, p, ctx := i.process(at)
	err := i.apply(ctx, e)
	if !p.dead && at > p.events && at > events*4/5 {
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
	if err := i.resume(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	i.contained(i, what)
	if err := i.release(); err != nil {
		t.Fatalf("%s: release: %v", what, err)
	}
	i.restored(what)
}
