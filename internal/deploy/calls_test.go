package deploy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/deploy"
	"cordon/internal/drill"
	"cordon/internal/engine"
	"cordon/internal/finding"
	"cordon/internal/playbook"
)

// choices are what a responder may ask for, so that together they reach every step of each playbook.
var choices = map[string][]playbook.Options{
	casefile.PlaybookEC2: {
		{},
		{CutFirst: true, Standby: true, RevokeRole: true, Cut: "stop"},
		{ForensicsEgress: true, Lock: "compliance", LockDays: 1, Tags: map[string]string{"cordon:case": "x", "ticket": "IR-1"}},
	},
	casefile.PlaybookCredentials: {{}, {SessionsOnly: true}},
	casefile.PlaybookRole:        {{}},
	casefile.PlaybookAccount:     {{}},
}

// bookOf gives the playbook that a scenario is for: its name begins with it.
func bookOf(t *testing.T, s drill.Scenario) playbook.Playbook {
	name, _, _ := strings.Cut(s.Name, "-")
	book, ok := playbook.For(name)
	if !ok {
		t.Fatalf("scenario %s is for no playbook", s.Name)
	}
	return book
}

// TestCallsAgainstPolicy answers every drill in every way and puts everything back. What was called is what the
// policy grants: nothing that is missing, nothing that no run needs.
func TestCallsAgainstPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: every drill in every way is left out of a short run")
	}
	contained, all := map[string]bySide{}, map[string]bySide{}
	for _, book := range playbook.All {
		contained[book.Name], all[book.Name] = bySide{}, bySide{}
	}
	for _, scenario := range drill.All() {
		book := bookOf(t, scenario)
		for i, o := range choices[book.Name] {
			synctest.Test(t, func(t *testing.T) {
				applied, whole := answer(t, scenario, book, int64(i), o)
				contained[book.Name].add(applied)
				all[book.Name].add(whole)
			})
		}
	}
	for _, book := range playbook.All {
		for _, side := range deploy.Sides {
			check(t, book, "contain", contained[book.Name][side], deploy.PolicyOptions{Side: side})
			check(t, book, "contain and release", all[book.Name][side], deploy.PolicyOptions{Side: side, Release: true})
		}
	}
}

// bySide is what was called with each side's credentials, as the account saw it.
type bySide map[deploy.Side][]action.Op

func (b bySide) add(more bySide) {
	for side, ops := range more {
		b[side] = append(b[side], ops...)
	}
}

func check(t *testing.T, book playbook.Playbook, what string, calls []action.Op, o deploy.PolicyOptions) {
	t.Helper()
	what = book.Name + ", " + string(o.Side) + ", " + what
	docs, err := deploy.Policy(book, o)
	if err != nil {
		t.Fatal(err)
	}
	unused, missing, err := deploy.Compare(calls, docs)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d calls, unused %d, missing %d", what, len(calls), len(unused), len(missing))
	if len(unused) > 0 {
		t.Errorf("%s: granted and never needed: %v", what, unused)
	}
	if len(missing) > 0 {
		t.Errorf("%s: needed and not granted: %v", what, missing)
	}
}

// answer plans, applies and releases, and lists what was called until the end of each of the last two.
func answer(t *testing.T, s drill.Scenario, book playbook.Playbook, seed int64, o playbook.Options) (applied, whole bySide) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := s.Build(drill.Options{Seed: seed})
	if d.Instance != "" {
		beside(d)
	}
	cfg := aws.Config{Region: d.Region}
	d.World.Attach(&cfg, d.Caller)
	conn := action.Connect(cfg)
	must(t, s.Name+": identify", conn.Identify(ctx))
	if d.Management != "" {
		d.World.Attach(&cfg, d.Management)
		conn.Management = action.Connect(cfg)
		must(t, s.Name+": identify the management account", conn.Management.Identify(ctx))
	}
	docs, _, err := finding.ReadAll("finding.json", bytes.NewReader(d.Finding))
	must(t, s.Name+": read the finding", err)
	incident := docs[0].Incident
	subject := incident.Subjects[slices.IndexFunc(incident.Subjects, func(x casefile.Subject) bool { return x.Playbook == book.Name })]
	in := playbook.Incident{Subject: subject, Finding: incident}
	if book.Resolve != nil {
		in.Subject, err = book.Resolve(action.Allow(ctx, book.Reads, nil, nil), conn, in)
		must(t, s.Name+": resolve", err)
	}
	base := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: "case-1", Simulated: true, Account: conn.Account, Region: d.Region,
		Partition: conn.Partition, Subject: in.Subject, Finding: &incident, FindingRaw: string(d.Finding),
	}
	o.QuarantineOU = d.QuarantineOU
	plan, err := engine.Plan(ctx, conn, base, book, in, o)
	must(t, s.Name+": plan", err)
	e := openCase(t, ctx, conn)
	for _, step := range plan.Steps {
		if step.Irreversible != "" {
			e.Irreversible = append(e.Irreversible, step.N)
		}
	}
	data, _, err := engine.Encode(plan)
	must(t, s.Name+": encode the plan", err)
	countersign(t, e, plan, data)
	if err := e.Apply(ctx, data, "flag"); err != nil && !errors.Is(err, engine.ErrPartly) {
		t.Fatalf("%s: apply: %v", s.Name, err)
	}
	applied = called(t, d)
	d.World.AllowDeletes(true)
	back, err := e.PlanRelease(ctx)
	must(t, s.Name+": plan the release", err)
	data, _, err = engine.Encode(back)
	must(t, s.Name+": encode the release", err)
	countersign(t, e, back, data)
	if err := e.Release(ctx, data, "flag"); err != nil && !errors.Is(err, engine.ErrPartly) && !errors.Is(err, engine.ErrDecision) {
		t.Fatalf("%s: release: %v", s.Name, err)
	}
	return applied, called(t, d)
}

// beside is what an instance's surroundings need so that every call of the playbook is made. Leaving its Auto Scaling
// group takes an instance out of the group's own target groups, by whichever comes first: only a registration made by
// hand needs the call for certain.
func beside(d drill.Drill) {
	d.World.Suspect(d.Instance)
	d.World.AddImage(d.Region, awssim.Image{Name: "made of the suspect", SourceInstance: d.Instance})
	d.World.AddTargetGroup(d.Region, awssim.TargetGroup{Name: "by-hand", Port: 80, Targets: []awssim.Target{{ID: d.Instance}}})
	d.World.AddClassicLoadBalancer(d.Region, awssim.ClassicLoadBalancer{Name: "by-hand", Instances: []string{d.Instance}})
}

// countersign signs as the second person, where one is needed.
func countersign(t *testing.T, e *engine.Engine, plan casefile.Plan, data []byte) {
	t.Helper()
	e.Second = nil
	if casefile.NeedsSecond(plan) == "" {
		return
	}
	signer, err := casefile.NewSigner("second", rand.Reader)
	must(t, "make a second key", err)
	e.Second, err = signer.Countersign(casefile.Countersignature{
		Plan: casefile.HashBytes(data), Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: "bob", Time: time.Now(),
	})
	must(t, "countersign", err)
}

func openCase(t *testing.T, ctx context.Context, conn *action.AWS) *engine.Engine {
	store := casefile.NewMem()
	signer, err := casefile.NewSigner("cordon-test", rand.Reader)
	must(t, "make a key", err)
	meta := casefile.Meta{Format: 1, ID: "case-1", Simulated: true, Created: time.Now().UTC(), Version: "test", Key: signer.VerifierKey()}
	must(t, "create the case", casefile.CreateCase(ctx, store, meta))
	kase, err := casefile.OpenCase(ctx, store)
	must(t, "open the case", err)
	return &engine.Engine{
		AWS: conn, Case: kase, Signer: signer, Person: "ann", Wait: true,
		Session: casefile.SessionBody{Version: "test", Binary: "test", Command: "test"},
	}
}

// called is what the simulated account was asked, by whose credentials asked it. The root user's own session is
// nobody's policy: what it may do is what the task policy says that it was opened with.
func called(t *testing.T, d drill.Drill) bySide {
	all := bySide{}
	for _, c := range d.World.Calls() {
		o := action.Op{Service: c.Service, Name: c.Operation}
		switch {
		case c.Actor == d.Caller:
			all[deploy.Member] = append(all[deploy.Member], o)
		case c.Actor == d.Management:
			all[deploy.Management] = append(all[deploy.Management], o)
		case strings.HasSuffix(c.Actor, ":root"):
		default:
			t.Errorf("%s was called by %s, whose credentials nobody gave", o, c.Actor)
		}
	}
	return all
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
