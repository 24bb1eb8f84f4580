package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// DriftError says what differs between the account and the plan, or the state cordon left. Nothing was changed
// because of it.
type DriftError struct{ Lines []string }

func (d *DriftError) Error() string {
	return "the account is not as the plan says:\n  " + someOf(d.Lines, "\n  ")
}

// Unwrap makes it a decision for a person.
func (d *DriftError) Unwrap() error { return ErrDecision }

// Apply carries out an approved plan. Where the same plan is under way already it goes on with it; where the
// account has drifted from it, it stops before anything is changed.
func (e *Engine) Apply(ctx context.Context, data []byte, how string) error {
	var plan casefile.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return fmt.Errorf("read the plan: %w", err)
	}
	if err := e.check(plan, casefile.PlanContain); err != nil {
		return err
	}
	if err := e.oneAccount(ctx, plan); err != nil {
		return err
	}
	hash := casefile.HashBytes(data)
	inForce, err := e.Case.InForce(ctx)
	if err != nil {
		return err
	}
	for _, a := range inForce {
		if a.Plan == hash {
			return e.carryOn(ctx, a, plan, nil)
		}
	}
	if err := e.signedAnew(hash); err != nil {
		return err
	}
	if err := e.irreversible(plan); err != nil {
		return err
	}
	first, err := e.drift(ctx, plan)
	if err != nil {
		return err
	}
	n, err := e.approve(ctx, data, plan, how)
	if err != nil {
		return err
	}
	return e.carryOn(ctx, casefile.Approval{Plan: hash, Kind: plan.Kind, Run: n, Time: e.now()}, plan, first)
}

// oneAccount refuses a plan for another account than the case's: a release looks at every change of the case with the
// credentials of one.
func (e *Engine) oneAccount(ctx context.Context, plan casefile.Plan) error {
	p, err := e.Case.Progress(ctx)
	if err != nil || p.Account == "" || p.Account == plan.Account {
		return err
	}
	return fmt.Errorf("case %s is about account %s, and this plan is for account %s: give that a case of its own (plan again with another --case, or without)", p.Case, p.Account, plan.Account)
}

// Resume goes on with what was approved: with a release where that came last, else with every plan that is in force.
func (e *Engine) Resume(ctx context.Context) error {
	p, err := e.Case.Progress(ctx)
	if err != nil {
		return err
	}
	if p.Plan == "" {
		return fmt.Errorf("case %s has no approved plan yet: there is nothing to go on with", p.Case)
	}
	if p.Release != "" {
		plan, _, err := e.Case.ReadPlan(ctx, p.Release)
		if err != nil {
			return err
		}
		if err := e.check(plan, casefile.PlanRelease); err != nil {
			return err
		}
		return e.putBack(ctx, p.Release, plan)
	}
	inForce, err := e.Case.InForce(ctx)
	if err != nil {
		return err
	}
	// Side by side: slow evidence of one plan must not hold up the containment of another.
	var work sync.WaitGroup
	errs := make([]error, len(inForce))
	for i, a := range inForce {
		work.Go(func() { errs[i] = e.resume(ctx, a) })
	}
	work.Wait()
	return errors.Join(errs...)
}

// resume goes on with one plan.
func (e *Engine) resume(ctx context.Context, a casefile.Approval) error {
	plan, _, err := e.Case.ReadPlan(ctx, a.Plan)
	if err != nil {
		return err
	}
	if err := e.check(plan, casefile.PlanContain); err != nil {
		return err
	}
	return e.carryOn(ctx, a, plan, nil)
}

// irreversible stops for steps that cannot be undone and were not approved by number.
func (e *Engine) irreversible(plan casefile.Plan) error {
	var lines, numbers []string
	for _, s := range plan.Steps {
		if s.Irreversible != "" && !slices.Contains(e.Irreversible, s.N) {
			lines = append(lines, fmt.Sprintf("step %d, %s, cannot be undone: %s", s.N, s.Summary, s.Irreversible))
			numbers = append(numbers, strconv.Itoa(s.N))
		}
	}
	if lines == nil {
		return nil
	}
	return fmt.Errorf("%w: %s\napprove each by its number too: --irreversible %s", ErrDecision, strings.Join(lines, "; "), strings.Join(numbers, ","))
}

// drift observes the steps side by side and compares with what the plan saw. A step whose effect is there already
// has not drifted: somebody was faster. Where a difference would be no drift, the step's own look will do.
func (e *Engine) drift(ctx context.Context, plan casefile.Plan) (map[int]sight, error) {
	var mu sync.Mutex
	seen := map[int]sight{}
	lines := map[int]string{}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, s := range plan.Steps {
		a, err := e.actionFor(s.Action)
		if err != nil {
			return nil, err
		}
		if a.Gathers() || a.Volatile {
			continue
		}
		work.Go(func() error {
			at := e.now()
			now, line, err := e.compare(ctx, s, a)
			mu.Lock()
			defer mu.Unlock()
			if now != nil {
				seen[s.N] = sight{now, at}
			}
			if line != "" {
				lines[s.N] = line
			}
			return err
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	if len(lines) == 0 {
		return seen, nil
	}
	d := &DriftError{}
	for _, s := range plan.Steps {
		if l, ok := lines[s.N]; ok {
			d.Lines = append(d.Lines, l)
		}
	}
	return nil, d
}

func (e *Engine) compare(ctx context.Context, s casefile.Step, a action.Action) (json.RawMessage, string, error) {
	t := action.Target{Target: s.Target, Case: e.Case.Meta.ID, Params: s.Params}
	now, err := a.Observe(action.Allow(ctx, a.Reads, nil, nil), e.AWS.In(s.Target.Region), t)
	if errors.Is(err, action.ErrGone) {
		return nil, fmt.Sprintf("step %d, %s %s: it does not exist any more", s.N, s.Target.Kind, s.On()), nil
	}
	if err != nil {
		// The step itself looks again, and fails on its own where it still cannot: one unreadable step must
		// not keep the others from cutting.
		return nil, "", nil
	}
	if len(s.Before) == 0 || action.Same(now, s.Before) { // what the plan could not see has not drifted from it
		return now, "", nil
	}
	st, err := a.Status(t, now)
	if err != nil {
		return nil, "", err
	}
	if st == action.Done {
		return now, "", nil
	}
	return nil, fmt.Sprintf("step %d, %s %s: planned on %s, now %s", s.N, s.Target.Kind, s.On(), s.Before, now), nil
}

// approve makes plan, finding and approval durable. Nothing is sent before.
func (e *Engine) approve(ctx context.Context, data []byte, plan casefile.Plan, how string) (int, error) {
	if err := e.second(plan, casefile.HashBytes(data)); err != nil {
		return 0, err
	}
	seen, err := e.Case.Approved()
	if err != nil {
		return 0, err
	}
	hash, err := e.Case.PutPlan(ctx, data)
	if err != nil {
		return 0, err
	}
	n := 1
	for _, entry := range e.Case.Entries() {
		if entry.Kind == casefile.EntryApprove && approves(entry, hash) {
			n++
		}
	}
	if plan.FindingRaw != "" && plan.Finding != nil && !e.hasFinding() {
		sha, err := e.Case.PutEvidence(ctx, []byte(plan.FindingRaw))
		if err != nil {
			return 0, err
		}
		body := casefile.FindingBody{SHA256: sha, Size: int64(len(plan.FindingRaw)), Incident: *plan.Finding}
		if _, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryFinding, Body: body}, nil); err != nil {
			return 0, err
		}
	}
	body := casefile.ApproveBody{Plan: hash, Kind: plan.Kind, Run: n, How: how, Second: string(e.Second)}
	// Two responders may approve the same plan in the same moment: the second joins the first's run. What else was approved
	// since this one began to look was not known when its person approved.
	joined := 0
	_, err = e.append(ctx, casefile.Draft{Kind: casefile.EntryApprove, Plan: hash, Body: body}, func([]casefile.Entry) error {
		last, err := e.Case.Approved()
		if err != nil || last == seen {
			return err
		}
		if last.Plan == hash {
			joined = last.Run
		}
		return fmt.Errorf("%w (%s shows where the case stands)", ErrSuperseded, e.next("status"))
	})
	if joined > 0 {
		return joined, nil
	}
	return n, err
}

func (e *Engine) hasFinding() bool {
	return slices.ContainsFunc(e.Case.Entries(), func(x casefile.Entry) bool { return x.Kind == casefile.EntryFinding })
}

func approves(e casefile.Entry, hash string) bool {
	var b casefile.ApproveBody
	return json.Unmarshal(e.Body, &b) == nil && b.Plan == hash
}
