package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/trail"
)

func (a *app) respondCommand() *cobra.Command {
	r := &response{app: a}
	c := &cobra.Command{
		Use:   "respond FINDING|RESOURCE",
		Short: "Triage, plan, ask, apply, scope, report",
		Long: `The commands one after the other, asking once. Without a terminal it plans, shows the plan and stops with exit 4.
With --logs, --lookup or --index it also answers who did it and what they reached; the answer becomes part of the case.
Of credentials, a role or an account that is asked first, so that the sessions and roles reached from it are cut with it.
With --cut-first, and of a resource, it is asked once that is contained; what was reached is then planned for and asked
about by itself. Without a source, cordon scope CASE answers later.

EXIT STATUS
  0 done and proved · 1 error · 2 usage · 3 partly done · 4 a decision is needed · 5 no playbook answers`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error { return r.run(c.Context(), args[0]) },
	}
	r.plan.add(c)
	r.how.second.add(c)
	c.Flags().StringVar(&r.how.approve, "approve", "", "the plan's hash, where it is known already")
	c.Flags().IntSliceVar(&r.how.irreversible, "irreversible", nil, "numbers of steps that cannot be undone and are approved all the same")
	r.plan.from.flags(a, c, "logs", "lookup", "index")
	return c
}

// response is an incident being answered from end to end.
type response struct {
	*app
	plan planFlags
	how  applying
	late *trail.Document // what the log said once the incident was contained
}

func (r *response) run(ctx context.Context, arg string) error {
	if r.plan.from.given() {
		if err := r.plan.from.check(); err != nil {
			return err
		}
	}
	r.plan.cuts = true
	m, err := r.app.plan(ctx, arg, r.plan)
	if err != nil {
		return err
	}
	// In JSON there is one document: the plan where nobody has approved it yet, else where the case stands.
	if !r.json() || !r.atTerminal() && r.how.approve == "" {
		if err := r.showPlan(m.data, r.toRespond(r.plan.out, r.how.approve)); err != nil {
			return errors.Join(err, m.close())
		}
	}
	if why := casefile.NeedsSecond(m.plan); why != "" && r.how.second.file == "" {
		return errors.Join(fmt.Errorf("%w: a second person has to sign, because %s; nothing was done", engine.ErrDecision, why), m.close())
	}
	r.how.wait = true
	switch {
	case m.scope != nil:
		r.how.then = r.keepThen(m.scope)
	case r.plan.from.given():
		r.how.then = r.scopeThen
	}
	err = errors.Join(r.apply(ctx, m.data, r.how), m.lacks)
	if r.late == nil || ctx.Err() != nil {
		return err
	}
	return errors.Join(err, r.goOn(ctx, m.plan))
}

func identityFirst(s casefile.Subject) bool {
	return s.Playbook == casefile.PlaybookCredentials || s.Playbook == casefile.PlaybookRole || s.Playbook == casefile.PlaybookAccount
}

// keepThen makes the answer that the plan was made from part of the case.
func (r *response) keepThen(answer *scopeAnswer) func(context.Context, *casefile.Case) error {
	return func(ctx context.Context, kase *casefile.Case) error {
		p, err := kase.Progress(ctx)
		if err == nil {
			err = r.keepScope(ctx, kase, p, *answer)
		}
		if err != nil {
			return errors.Join(err, answer.corpus.Close())
		}
		return r.told(*answer)
	}
}

// scopeThen asks who did it and what they reached once the incident is contained.
func (r *response) scopeThen(ctx context.Context, kase *casefile.Case) error {
	answer, err := r.scopeInto(ctx, kase.Meta.ID, scopeFlags{from: r.plan.from})
	if err != nil {
		return fmt.Errorf("answer who did it and what they reached (the containment is not touched by this; %s asks again): %w", r.next("scope", append([]string{r.caseArg(kase.Meta.ID)}, r.asTyped(append(r.plan.from.takes, "public-keys")...)...)...), err)
	}
	r.late = answer.doc
	return r.told(answer)
}

// told shows an answer and closes what it was read from.
func (r *response) told(answer scopeAnswer) error {
	var err error
	if r.json() {
		err = incomplete(answer.corpus.Ingest())
	} else {
		err = r.showScope(answer)
	}
	return errors.Join(err, answer.corpus.Close())
}

// goOn answers what the intruder reached from an incident that is contained: by a plan of its own in the same case,
// which is asked about by itself.
func (r *response) goOn(ctx context.Context, first casefile.Plan) error {
	o, err := r.plan.options()
	if err != nil {
		return err
	}
	next, ok, err := r.followUp(ctx, first, r.late, o)
	if errors.Is(err, action.ErrGone) {
		r.tell("what the intruder reached is gone: nothing more is planned")
		return nil
	}
	if err != nil || !ok {
		return err
	}
	out := r.beside(first.Case)
	if err := writePlan(out, next.data); err != nil {
		return fmt.Errorf("what the intruder reached: %w", err)
	}
	if r.json() {
		return fmt.Errorf("%w: the intruder reached more: %s is the plan for it: %s", engine.ErrDecision, out, r.next("apply", quoted(out), "--approve", casefile.HashBytes(next.data)))
	}
	r.say("\nTHE INTRUDER GOT FURTHER. This is the plan for whom else they can act as; it has not been carried out.\n")
	if err := r.showPlan(next.data, r.toRespond(out, "")); err != nil {
		return err
	}
	return errors.Join(r.apply(ctx, next.data, applying{file: out, wait: true, second: r.how.second}), next.lacks)
}

// beside is where the plan for what was reached is written: beside the first one, else here.
func (r *response) beside(caseID string) string {
	if r.plan.out == "" {
		return caseID + "-reached.json"
	}
	ext := filepath.Ext(r.plan.out)
	return strings.TrimSuffix(r.plan.out, ext) + "-reached" + ext
}
