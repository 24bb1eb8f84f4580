package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// Plan drafts the playbook's steps, observes what each would change and numbers them. It changes nothing: only
// the playbook's and the actions' declared reads are admitted.
func Plan(ctx context.Context, c *action.AWS, base casefile.Plan, p playbook.Playbook, in playbook.Incident, o playbook.Options) (casefile.Plan, error) {
	draft, err := p.Draft(action.Allow(ctx, p.Reads, nil, nil), c, in, o)
	if err != nil {
		return base, fmt.Errorf("look at %s %s: %w", in.Subject.Kind, in.Subject.ID, err)
	}
	steps, err := number(draft.Steps, base.Case, len(base.Steps))
	if err != nil {
		return base, err
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	unseen := make([]error, len(steps))
	for i := range steps {
		work.Go(func() error {
			unseen[i] = look(ctx, c, base.Case, &steps[i], draft.Steps[i])
			if err := unseen[i]; errors.Is(err, action.ErrGone) || loggedOut(err) || ctx.Err() != nil {
				return err
			}
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return base, err
	}
	if err := sayUnseen(steps, unseen); err != nil {
		return base, err
	}
	if draft.Open || !(casefile.Plan{Steps: steps}).Contains() {
		base.Uncontained = append(slices.Clip(base.Uncontained), in.Subject)
		if draft.Spared {
			base.Spared = append(slices.Clip(base.Spared), in.Subject)
		}
	}
	base.Steps = append(base.Steps, steps...)
	base.Survives = more(base.Survives, draft.Survives)
	base.NotCaptured = more(base.NotCaptured, draft.NotCaptured)
	base.Warnings = more(base.Warnings, draft.Warnings)
	return base, nil
}

// sayUnseen says at each step that could not be looked at that it was not: it looks again when it is its turn, and one
// that nobody may look at keeps no other from being planned. Where none could be, there is nothing to plan from.
func sayUnseen(steps []casefile.Step, unseen []error) error {
	seen := false
	for i, err := range unseen {
		if err == nil {
			seen = seen || len(steps[i].Before) > 0
			continue
		}
		steps[i].Change = "could not be looked at"
		steps[i].Impact = append(steps[i].Impact, "what it is now, and who else is hit, could not be read: "+err.Error())
	}
	if seen {
		return nil
	}
	for _, err := range unseen {
		if err != nil {
			return err
		}
	}
	return nil
}

// more adds lines, each once: drafts of several subjects may say the same.
func more(lines, add []string) []string {
	for _, l := range add {
		if !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// number turns keys into step numbers, counting on from those that the plan has. A key that nobody has is a
// defect of the playbook, not of the account.
func number(draft []playbook.Step, caseID string, has int) ([]casefile.Step, error) {
	byKey := map[string]int{}
	for i, d := range draft {
		if _, twice := byKey[d.Key]; twice || d.Key == "" {
			return nil, fmt.Errorf("number the steps of %s: key %q stands twice or is empty", caseID, d.Key)
		}
		byKey[d.Key] = has + i + 1
	}
	resolve := func(keys []string) ([]int, error) {
		ns := []int{}
		for _, k := range keys {
			n, ok := byKey[k]
			if !ok {
				return nil, fmt.Errorf("number the steps of %s: no step has the key %q", caseID, k)
			}
			ns = append(ns, n)
		}
		sort.Ints(ns)
		return ns, nil
	}
	steps := make([]casefile.Step, len(draft))
	for i, d := range draft {
		after, err := resolve(d.After)
		if err != nil {
			return nil, err
		}
		afterAny, err := resolve(d.AfterAny)
		if err != nil {
			return nil, err
		}
		a := d.Action
		s := casefile.Step{
			N: has + i + 1, After: after, AfterAny: afterAny, Action: a.Name, Phase: a.Phase, Target: d.Target, Summary: d.Summary, Params: d.Params,
			Impact: append([]string{}, d.Impact...), Irreversible: a.Irreversible, Partly: a.Partly, AccountWide: a.AccountWide, Isolates: a.Isolates, Watches: a.Watches,
			DeadlineS: a.DeadlineS, Reads: a.Reads.Strings(), Writes: a.Writes.Strings(),
		}
		if s.Summary == "" {
			s.Summary = a.Summary
		}
		if d.Deadline > 0 {
			s.DeadlineS = int(d.Deadline.Seconds())
		}
		steps[i] = s
	}
	return steps, nil
}

// look fills in what a step would change now and whom it hits.
func look(ctx context.Context, c *action.AWS, caseID string, s *casefile.Step, d playbook.Step) error {
	a, t := d.Action, action.Target{Target: s.Target, Case: caseID, Params: s.Params}
	there := c.In(s.Target.Region)
	ctx = action.Allow(ctx, a.Reads, nil, nil)
	if a.Gathers() {
		if a.Change != nil {
			s.Change = a.Change(t, nil)
		}
		return nil
	}
	now, err := d.Now, error(nil)
	if now == nil {
		now, err = a.Observe(ctx, there, t)
	}
	if err != nil {
		return fmt.Errorf("plan step %d, %s: %w", s.N, a.Name, err)
	}
	s.Before = now
	if a.Change != nil {
		s.Change = a.Change(t, now)
	}
	if a.Impact == nil || d.Now != nil {
		return nil
	}
	hits, err := a.Impact(ctx, there, t, now)
	if err != nil {
		// Who else is hit decides whether a person approves, so not knowing is said and never left out.
		s.Impact = append(s.Impact, "who else is hit could not be read: "+err.Error())
		return nil
	}
	s.Impact = append(s.Impact, hits...)
	return nil
}

// Encode gives a plan's bytes, whose SHA-256 is its name. Struct order and sorted map keys make them the same
// for the same plan.
func Encode(p casefile.Plan) (data []byte, hash string, err error) {
	if p.Survives == nil {
		p.Survives = []string{}
	}
	if p.NotCaptured == nil {
		p.NotCaptured = []string{}
	}
	data, err = json.MarshalIndent(p, "", " ")
	if err != nil {
		return nil, "", fmt.Errorf("encode the plan: %w", err)
	}
	data = append(data, '\n')
	return data, casefile.HashBytes(data), nil
}

// check refuses a plan that is not for this case and account, or that this cordon cannot carry out.
func (e *Engine) check(p casefile.Plan, kind string) error {
	switch {
	case p.Format != 1:
		return fmt.Errorf("the plan has format %d, this cordon reads format 1", p.Format)
	case p.Kind != kind:
		return fmt.Errorf("the plan is a %q plan, not a %q plan", p.Kind, kind)
	case p.Case != e.Case.Meta.ID:
		return fmt.Errorf("the plan is for case %q, this is case %q", p.Case, e.Case.Meta.ID)
	case p.Simulated != e.Case.Meta.Simulated:
		return errors.New("a simulated plan is for a simulated case alone")
	}
	if err := e.reaches(p); err != nil {
		return err
	}
	for i, s := range p.Steps {
		if s.N != i+1 {
			return fmt.Errorf("the plan's step %d has the number %d", i+1, s.N)
		}
		for _, n := range append(append([]int{}, s.After...), s.AfterAny...) {
			if n < 1 || n > len(p.Steps) {
				return fmt.Errorf("the plan's step %d comes after step %d, which there is not", s.N, n)
			}
		}
		a, err := e.actionFor(s.Action)
		if err != nil {
			return err
		}
		if s.AccountWide != a.AccountWide {
			return fmt.Errorf("the plan's step %d says of %s that it concerns the whole account because of %q, and it is because of %q: plan again with this version", s.N, s.Action, s.AccountWide, a.AccountWide)
		}
	}
	return acyclic(p.Steps)
}

// reaches refuses credentials of another account than the plan's. What reads there as it should be is something else.
func (e *Engine) reaches(p casefile.Plan) error {
	switch {
	case p.Account != e.AWS.Account:
		return fmt.Errorf("the plan is for account %s, the credentials are of account %s (%s): log in to the right account", p.Account, e.AWS.Account, e.AWS.Caller)
	case p.Management != "" && (e.AWS.Management == nil || accountOf(e.AWS.Management.Caller) != accountOf(p.Management)):
		return fmt.Errorf("the plan acts in the management account too, as %s: give credentials for it with --management-profile", p.Management)
	}
	return nil
}

// accountOf is the account in an ARN.
func accountOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

// acyclic refuses steps that wait for each other: the scheduler would hang.
func acyclic(steps []casefile.Step) error {
	state := make([]int, len(steps)+1) // 0 new, 1 on the way, 2 finished
	var visit func(n int) error
	visit = func(n int) error {
		switch state[n] {
		case 1:
			return fmt.Errorf("the plan's step %d waits for itself", n)
		case 2:
			return nil
		}
		state[n] = 1
		s := steps[n-1]
		for _, m := range append(append([]int{}, s.After...), s.AfterAny...) {
			if err := visit(m); err != nil {
				return err
			}
		}
		state[n] = 2
		return nil
	}
	for _, s := range steps {
		if err := visit(s.N); err != nil {
			return err
		}
	}
	return nil
}
