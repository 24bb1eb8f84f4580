package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/engine"
)

// drillFlags are what a rehearsal can be given.
type drillFlags struct {
	list, keep, release bool
	latency             time.Duration
	seed                int64
	plan                planFlags
}

func (a *app) drillCommand() *cobra.Command {
	var d drillFlags
	c := &cobra.Command{
		Use:   "drill [SCENARIO]",
		Short: "Rehearse on a simulated account; no AWS account needed",
		Long: `Builds an account in memory, attacks it, and answers: triage, plan, apply, evidence, verify, release, report; where two
persons have to sign, with a second key that is thrown away. Each scenario makes the choices that it is about, and takes
those that you make. Nothing leaves this machine.

EXIT STATUS
  0 contained, released and verified · 1 error · 2 usage
  3 partly done: in some scenarios evidence is lost, or nothing can be contained`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if d.list {
				for _, s := range drill.All() {
					a.say("%-30s %s", s.Name, s.Summary)
				}
				return nil
			}
			name := "ec2-cryptominer"
			if len(args) == 1 {
				name = args[0]
			}
			s, ok := drill.Find(name)
			if !ok {
				return fmt.Errorf("%w: there is no scenario %q: cordon drill --list", errUsage, name)
			}
			return a.drill(c.Context(), s, d)
		},
	}
	f := c.Flags()
	f.BoolVar(&d.list, "list", false, "list the scenarios")
	f.BoolVar(&d.keep, "keep", false, "keep the case among your cases instead of a temporary folder")
	f.BoolVar(&d.release, "release", true, "release at the end and compare the account with before")
	f.DurationVar(&d.latency, "latency", 0, "how long each API call takes, e.g. 100ms")
	f.Int64Var(&d.seed, "seed", 1, "the scenario's random choices")
	d.plan.add(c)
	return c
}

// rehearsal is a drill under way.
type rehearsal struct {
	*app
	flags drillFlags
	drill drill.Drill
	began time.Time    // the work, as of which the steps' times count too
	scope *scopeAnswer // what the plan was made from; nil where no log was asked
}

func (a *app) drill(ctx context.Context, s drill.Scenario, d drillFlags) error {
	if !d.keep {
		dir, err := os.MkdirTemp("", "cordon-drill-")
		if err != nil {
			return fmt.Errorf("make a folder for the drill: %w", err)
		}
		a.cases, a.keyFile = filepath.Join(dir, "cases"), filepath.Join(dir, "key")
	}
	r, err := a.rehearse(ctx, s, d)
	if err != nil {
		return err
	}
	if !a.json() {
		a.say("DRILL %s: %s\n", s.Name, s.Summary)
	}
	if err := r.run(ctx); ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("the drill was stopped, and its account is gone with it: %w", ctx.Err())
}

// rehearse builds the scenario's account and reaches it.
func (a *app) rehearse(ctx context.Context, s drill.Scenario, d drillFlags) (*rehearsal, error) {
	r := &rehearsal{app: a, flags: d, drill: s.Build(drill.Options{Seed: d.seed, Latency: d.latency, Speed: 20})}
	return r, a.reach(ctx, r.drill)
}

// reach connects to a drill's account from inside and, where the incident has one, from its organisation's management
// account.
func (a *app) reach(ctx context.Context, d drill.Drill) error {
	cfg := aws.Config{Region: d.Region}
	d.World.Attach(&cfg, d.Caller)
	conn := action.Connect(cfg)
	if err := conn.Identify(ctx); err != nil {
		return err
	}
	if d.Management != "" {
		outside := aws.Config{Region: d.Region}
		d.World.Attach(&outside, d.Management)
		conn.Management = action.Connect(outside)
		if err := conn.Management.Identify(ctx); err != nil {
			return err
		}
	}
	a.conn.sim, a.conn.region = conn, d.Region
	return nil
}

func (r *rehearsal) run(ctx context.Context) error {
	data, err := r.planned(ctx)
	if err != nil {
		return err
	}
	before := r.drill.World.Dump()
	plan, hash, err := decodePlan(data)
	if err != nil {
		return err
	}
	if err := r.alone(ctx, plan.Case); err != nil {
		return err
	}
	kase, err := r.begin(ctx, plan)
	if err != nil {
		return err
	}
	e, err := r.engine(kase, r.conn.sim, "drill")
	if err != nil {
		return err
	}
	r.began = time.Now()
	for _, s := range plan.Steps {
		if s.Irreversible != "" {
			e.Irreversible = append(e.Irreversible, s.N)
		}
	}
	if err := r.second(e, plan, hash); err != nil {
		return err
	}
	r.stage("apply: plan %s, approved by the drill", hash[:12])
	end := r.watch(e, "applying", len(plan.Steps))
	workErr := e.Apply(ctx, data, "drill")
	end()
	if workErr != nil && !errors.Is(workErr, engine.ErrPartly) {
		return r.outcome(ctx, kase, workErr)
	}
	if err := r.keep(ctx, kase); err != nil {
		return r.outcome(ctx, kase, err)
	}
	r.stage("resume: until the slow evidence is there")
	e.Wait = true
	if workErr = e.Resume(ctx); workErr != nil && !errors.Is(workErr, engine.ErrPartly) {
		return r.outcome(ctx, kase, workErr)
	}
	if r.flags.release {
		if err := r.released(ctx, e, kase, before); err != nil {
			return r.outcome(ctx, kase, err)
		}
	}
	if v := r.drill.World.Violations(); len(v) > 0 {
		workErr = errors.Join(workErr, fmt.Errorf("the simulated account objects: %s", strings.Join(v, "; ")))
	}
	return r.outcome(ctx, kase, workErr)
}

// alone refuses a case that another drill has left: its account was another one, and a case tells of one.
func (r *rehearsal) alone(ctx context.Context, id string) error {
	s, err := r.store(ctx, id)
	if err != nil {
		return err
	}
	if _, err := casefile.OpenCase(ctx, s); errors.Is(err, casefile.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%w: there is a case %s already, and each drill has an account of its own: name this one's with --case", errUsage, id)
}

// keep makes the answer that the plan was made from part of the case, as respond does.
func (r *rehearsal) keep(ctx context.Context, kase *casefile.Case) error {
	if r.scope == nil {
		return nil
	}
	p, err := kase.Progress(ctx)
	if err == nil {
		err = r.keepScope(ctx, kase, p, *r.scope)
	}
	return errors.Join(err, r.scope.corpus.Close())
}

// choose asks for what the incident calls for, where the command line asks for nothing of the kind.
func (r *rehearsal) choose() {
	o, c := &r.flags.plan.opts, r.drill.Choose
	if o.OnlySession == "" && o.SourceIdentity == "" {
		o.OnlySession, o.SourceIdentity = c.OnlySession, c.SourceIdentity
	}
	if o.CloseTo == nil {
		o.CloseTo = c.CloseTo
	}
	if o.CutProviders == nil {
		o.CutProviders = c.CutProviders
	}
}

// planned reads the finding as a file would be, and plans.
func (r *rehearsal) planned(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "cordon-finding-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for the finding: %w", err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "finding.json")
	if err := os.WriteFile(file, r.drill.Finding, 0o600); err != nil {
		return nil, fmt.Errorf("write the finding: %w", err)
	}
	if r.flags.plan.opts.QuarantineOU == "" {
		r.flags.plan.opts.QuarantineOU = r.drill.QuarantineOU
	}
	r.flags.plan.opts.DirectoryUsers = append(r.flags.plan.opts.DirectoryUsers, r.drill.DirectoryUsers...)
	r.flags.plan.opts.SessionsOnly = r.flags.plan.opts.SessionsOnly || r.drill.SessionsOnly
	r.choose()
	p := r.flags.plan
	if r.drill.History {
		p.from.lookup, p.from.takes = true, []string{"lookup"}
	}
	m, err := r.plan(ctx, file, p)
	if err != nil {
		return nil, err
	}
	r.scope = m.scope
	plan := m.plan
	plan.Simulated = true
	if plan.Finding != nil {
		plan.Finding.Finding.File = "finding.json"
	}
	data, _, err := engine.Encode(plan)
	if err != nil || r.json() {
		return data, err
	}
	return data, r.showPlan(data, r.nothingToType)
}

// released puts everything back and compares the account with how it was.
func (r *rehearsal) released(ctx context.Context, e *engine.Engine, kase *casefile.Case, before map[string]any) error {
	contained, err := r.answer(ctx, kase)
	if err != nil {
		return err
	}
	if !r.json() {
		r.showCase(contained)
	}
	r.stage("release: everything back, newest first")
	r.drill.World.AllowDeletes(true)
	plan, err := e.PlanRelease(ctx)
	if err != nil {
		return err
	}
	data, hash, err := engine.Encode(plan)
	if err != nil {
		return err
	}
	if err := r.second(e, plan, hash); err != nil {
		return err
	}
	end := r.watch(e, "putting back", len(plan.Steps))
	err = e.Release(ctx, data, "drill")
	end()
	if err != nil {
		return err
	}
	if !r.json() {
		r.compare(before, r.drill.World.Dump())
	}
	return nil
}

// second signs as a second person would, with a key that is thrown away.
func (r *rehearsal) second(e *engine.Engine, plan casefile.Plan, hash string) error {
	why := casefile.NeedsSecond(plan)
	if why == "" {
		e.Second = nil
		return nil
	}
	signer, err := casefile.NewSigner("drill-second", rand.Reader)
	if err != nil {
		return fmt.Errorf("make the second person's key: %w", err)
	}
	r.stage("a second person signs, because %s", why)
	e.Second, err = signer.Countersign(casefile.Countersignature{
		Plan: hash, Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: "the drill's second person", Time: time.Now(),
	})
	return err
}

// compare says what is different from before the answer: evidence, and what the plan said comes back in part.
func (r *rehearsal) compare(before, after map[string]any) {
	names := map[string]bool{}
	for k := range before {
		names[k] = true
	}
	for k := range after {
		names[k] = true
	}
	same := 0
	for _, k := range slices.Sorted(maps.Keys(names)) {
		b, was := before[k]
		a, is := after[k]
		switch {
		case !was:
			r.say("  new since     %s", k)
		case !is:
			r.say("  gone since    %s", k)
		case !reflect.DeepEqual(a, b):
			r.say("  differs       %s", k)
		default:
			same++
		}
	}
	r.say("  as before     %d resources", same)
}

func (r *rehearsal) stage(format string, args ...any) {
	if !r.json() {
		r.say("\n--- %6.2fs  %s", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
	}
}
