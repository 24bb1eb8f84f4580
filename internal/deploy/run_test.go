package deploy_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/engine"
	"cordon/internal/finding"
	"cordon/internal/playbook"
)

// run is a drill that is answered as the command line would.
type run struct {
	drill.Drill
	t            *testing.T
	ctx          context.Context
	name         string
	plan         casefile.Plan
	engine       *engine.Engine
	began, ended time.Time // of the containment, by AWS's clock
}

// drilled builds a drill and plans for it. It has to be called within a bubble of synctest.
func drilled(t *testing.T, s drill.Scenario, book playbook.Playbook, seed int64, o playbook.Options) *run {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	// Where calls take no time at all, which of two comes first is the processor's choice, and what is done already is not
	// called again.
	r := &run{t: t, ctx: ctx, name: s.Name, Drill: s.Build(drill.Options{Seed: seed, Latency: 20 * time.Millisecond})}
	if r.Instance != "" {
		beside(r.Drill)
	}
	conn := r.connect()
	docs, _, err := finding.ReadAll("finding.json", bytes.NewReader(r.Finding))
	r.must("read the finding", err)
	incident := docs[0].Incident
	subject := incident.Subjects[slices.IndexFunc(incident.Subjects, func(x casefile.Subject) bool { return x.Playbook == book.Name })]
	in := playbook.Incident{Subject: subject, Finding: incident}
	if book.Resolve != nil {
		in.Subject, err = book.Resolve(action.Allow(ctx, book.Reads, nil, nil), conn, in)
		r.must("resolve", err)
	}
	base := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: "case-1", Simulated: true, Account: conn.Account, Region: r.Region,
		Partition: conn.Partition, Subject: in.Subject, Finding: &incident, FindingRaw: string(r.Finding),
	}
	o.QuarantineOU, o.DirectoryUsers, o.SessionsOnly = r.QuarantineOU, r.DirectoryUsers, o.SessionsOnly || r.SessionsOnly
	o.OnlySession, o.SourceIdentity, o.CloseTo, o.CutProviders = r.Choose.OnlySession, r.Choose.SourceIdentity, r.Choose.CloseTo, r.Choose.CutProviders
	r.plan, err = engine.Plan(ctx, conn, base, book, in, o)
	r.must("plan", err)
	r.openCase(conn)
	return r
}

func (r *run) connect() *action.AWS {
	cfg := aws.Config{Region: r.Region}
	r.World.Attach(&cfg, r.Caller)
	conn := action.Connect(cfg)
	r.must("identify", conn.Identify(r.ctx))
	if r.Management != "" {
		r.World.Attach(&cfg, r.Management)
		conn.Management = action.Connect(cfg)
		r.must("identify the management account", conn.Management.Identify(r.ctx))
	}
	return conn
}

func (r *run) openCase(conn *action.AWS) {
	store := casefile.NewMem()
	signer, err := casefile.NewSigner("cordon-test", rand.Reader)
	r.must("make a key", err)
	meta := casefile.Meta{Format: 1, ID: "case-1", Simulated: true, Created: time.Now().UTC(), Version: "test", Key: signer.VerifierKey()}
	r.must("create the case", casefile.CreateCase(r.ctx, store, meta))
	kase, err := casefile.OpenCase(r.ctx, store)
	r.must("open the case", err)
	r.engine = &engine.Engine{
		AWS: conn, Case: kase, Signer: signer, Person: "ann", Wait: true,
		Session: casefile.SessionBody{Version: "test", Binary: "test", Command: "test"},
	}
	for _, step := range r.plan.Steps {
		if step.Irreversible != "" {
			r.engine.Irreversible = append(r.engine.Irreversible, step.N)
		}
	}
}

func (r *run) apply() {
	data, _, err := engine.Encode(r.plan)
	r.must("encode the plan", err)
	r.countersign(r.plan, data)
	r.began = time.Now()
	if err := r.engine.Apply(r.ctx, data, "flag"); err != nil && !errors.Is(err, engine.ErrPartly) {
		r.t.Fatalf("%s: apply: %v", r.name, err)
	}
	r.ended = time.Now()
}

// countersign signs as the second person, where one is needed.
func (r *run) countersign(plan casefile.Plan, data []byte) {
	r.engine.Second = nil
	if casefile.NeedsSecond(plan) == "" {
		return
	}
	signer, err := casefile.NewSigner("second", rand.Reader)
	r.must("make a second key", err)
	r.engine.Second, err = signer.Countersign(casefile.Countersignature{
		Plan: casefile.HashBytes(data), Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: "bob", Time: time.Now(),
	})
	r.must("countersign", err)
}

func (r *run) release() {
	r.World.AllowDeletes(true)
	back, err := r.engine.PlanRelease(r.ctx)
	r.must("plan the release", err)
	data, _, err := engine.Encode(back)
	r.must("encode the release", err)
	r.countersign(back, data)
	if err := r.engine.Release(r.ctx, data, "flag"); err != nil && !errors.Is(err, engine.ErrPartly) && !errors.Is(err, engine.ErrDecision) {
		r.t.Fatalf("%s: release: %v", r.name, err)
	}
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

func (r *run) must(what string, err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatalf("%s: %s: %v", r.name, what, err)
	}
}
