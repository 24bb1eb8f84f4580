package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// verdicts of a release's look at one change.
const (
	already = "already back"
	undo    = "put back"
	drifted = "drift"
	keeps   = "kept"
)

// PlanRelease lists what stands, newest first, and says for each whether it can be put back. It changes
// nothing, and gives the same bytes while journal and account stay the same, so that its hash can be approved.
func (e *Engine) PlanRelease(ctx context.Context) (casefile.Plan, error) {
	p, err := e.Case.Progress(ctx)
	if err != nil {
		return casefile.Plan{}, err
	}
	if p.Plan == "" {
		return casefile.Plan{}, fmt.Errorf("case %s has no approved plan: there is nothing to release", p.Case)
	}
	applied, _, err := e.Case.ReadPlan(ctx, p.Plan)
	if err != nil {
		return casefile.Plan{}, err
	}
	plan := casefile.Plan{
		Format: 1, Kind: casefile.PlanRelease, Case: p.Case, Simulated: p.Simulated, Account: applied.Account, Region: applied.Region,
		Partition: applied.Partition, Subject: applied.Subject, Releases: p.Plan, Survives: []string{}, NotCaptured: []string{},
	}
	for i := len(p.Changes) - 1; i >= 0; i-- {
		ch := p.Changes[i]
		a, err := e.actionFor(ch.Intent.Action)
		if err != nil {
			return plan, err
		}
		now, what, reason, err := e.weigh(ctx, ch, a)
		if err != nil {
			return plan, fmt.Errorf("look at what step %d changed: %w", ch.Step, err)
		}
		s := casefile.Step{
			N: len(plan.Steps) + 1, After: []int{}, Action: a.Name, Phase: a.Phase, Target: ch.Intent.Target, Summary: "undo: " + a.Summary, Before: now, Partly: a.Partly,
			Change: what, Impact: []string{}, Reads: a.Reads.Plus(a.UndoReads).Strings(), Writes: a.UndoWrites.Strings(),
			Params: map[string]string{"plan": ch.Plan, "step": strconv.Itoa(ch.Step), "run": strconv.Itoa(ch.Intent.Run), "verdict": what},
		}
		if reason != "" {
			s.Change += ": " + reason
		}
		if what == drifted {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("step %d (%s %s) will be left: %s", s.N, s.Action, s.Target.ID, reason))
		}
		plan.Steps = append(plan.Steps, s)
	}
	return plan, nil
}

// weigh compares a change with the account: is it back already, is it still what cordon left, or has somebody
// changed it meanwhile.
func (e *Engine) weigh(ctx context.Context, ch casefile.Change, a action.Action) (now json.RawMessage, what, reason string, err error) {
	if !a.Undoable() {
		return nil, keeps, "", nil
	}
	t, err := e.changed(ctx, ch)
	if err != nil {
		return nil, "", "", err
	}
	now, err = a.Observe(action.Allow(ctx, a.Reads, nil, nil), e.AWS.In(t.Region), t)
	if errors.Is(err, action.ErrGone) {
		return nil, drifted, "it does not exist any more", nil
	}
	if err != nil {
		return nil, "", "", err
	}
	if action.Same(now, ch.Intent.Before) {
		return now, already, "", nil
	}
	st, err := a.Status(t, now)
	if err != nil {
		return nil, "", "", err
	}
	if st == action.Waiting {
		return now, undo, "it is still on its way, and put back once it has arrived", nil
	}
	if ch.After != nil {
		if action.Same(now, ch.After) || ch.Undoing && a.Partial {
			return now, undo, "", nil
		}
		return now, drifted, fmt.Sprintf("cordon left %s, now %s", ch.After, now), nil
	}
	if st == action.Done || a.Partial {
		return now, undo, "", nil
	}
	return now, drifted, fmt.Sprintf("it was %s before cordon, the outcome was never recorded, and now it is %s", ch.Intent.Before, now), nil
}

// changed is the target of a change as its action knew it: with the op-id, options and needs of then.
func (e *Engine) changed(ctx context.Context, ch casefile.Change) (action.Target, error) {
	plan, _, err := e.Case.ReadPlan(ctx, ch.Plan)
	if err != nil {
		return action.Target{}, err
	}
	if ch.Step < 1 || ch.Step > len(plan.Steps) {
		return action.Target{}, fmt.Errorf("the plan has no step %d", ch.Step)
	}
	s := plan.Steps[ch.Step-1]
	t := action.Target{Target: ch.Intent.Target, Case: e.Case.Meta.ID, OpID: ch.Intent.OpID, Params: s.Params, Needs: map[string]json.RawMessage{}}
	logs, err := casefile.Logs(e.Case.Entries())
	if err != nil {
		return t, err
	}
	for _, n := range append(append([]int{}, s.After...), s.AfterAny...) {
		if l, ok := logs[casefile.StepKey{Plan: ch.Plan, Step: n}]; ok && l.Done != nil && l.Done.After != nil {
			t.Needs[plan.Steps[n-1].Action] = l.Done.After
		}
	}
	return t, nil
}

// Release carries out an approved release plan.
func (e *Engine) Release(ctx context.Context, data []byte, how string) error {
	var plan casefile.Plan
	if err := json.Unmarshal(data, &plan); err != nil {
		return fmt.Errorf("read the release plan: %w", err)
	}
	if err := e.check(plan, casefile.PlanRelease); err != nil {
		return err
	}
	if _, err := e.approve(ctx, data, plan, how); err != nil {
		return err
	}
	return e.putBack(ctx, casefile.HashBytes(data), plan)
}

// Leave records a person's decision to leave a change that has drifted as it is.
func (e *Engine) Leave(ctx context.Context, ch casefile.Change, reason string) error {
	body := casefile.SkipBody{Run: ch.Intent.Run, Reason: reason, Left: true}
	_, err := e.append(ctx, casefile.Draft{Kind: casefile.EntrySkip, Plan: ch.Plan, Step: ch.Step, Body: body}, nil)
	return err
}

// putBack undoes newest first, one after the other: what was built on something else goes before it.
func (e *Engine) putBack(ctx context.Context, hash string, plan casefile.Plan) error {
	p, err := e.Case.Progress(ctx)
	if err != nil {
		return err
	}
	standing := map[casefile.StepKey]casefile.Change{}
	for _, ch := range p.Changes {
		standing[casefile.StepKey{Plan: ch.Plan, Step: ch.Step}] = ch
	}
	d := &DriftError{}
	var failed []string
	for _, s := range plan.Steps {
		n, err := strconv.Atoi(s.Params["step"])
		if err != nil {
			return fmt.Errorf("read the release plan's step %d: %w", s.N, err)
		}
		ch, ok := standing[casefile.StepKey{Plan: s.Params["plan"], Step: n}]
		if !ok {
			continue
		}
		e.notify(s, casefile.Waiting, "")
		state, note, err := e.putBackOne(ctx, hash, ch)
		if err != nil {
			return err
		}
		e.notify(s, state, note)
		switch state {
		case casefile.Drift:
			d.Lines = append(d.Lines, fmt.Sprintf("%s %s: %s", s.Action, s.Target.ID, note))
		case casefile.Failed:
			failed = append(failed, fmt.Sprintf("%s %s: %s", s.Action, s.Target.ID, note))
		}
	}
	if len(d.Lines) > 0 {
		return d
	}
	if len(failed) > 0 {
		return fmt.Errorf("%w: %s", ErrPartly, failed)
	}
	return nil
}

// putBackOne compares, makes the undo durable, undoes, and reads back.
func (e *Engine) putBackOne(ctx context.Context, hash string, ch casefile.Change) (casefile.StepState, string, error) {
	a, err := e.actionFor(ch.Intent.Action)
	if err != nil {
		return "", "", err
	}
	if err := e.arrived(ctx, ch, a); err != nil {
		return casefile.Failed, err.Error(), e.ifLoggedOut(err)
	}
	now, what, reason, err := e.weigh(ctx, ch, a)
	if err != nil {
		return casefile.Failed, err.Error(), e.ifLoggedOut(err)
	}
	rec := &action.Recorder{}
	ended := casefile.UndoneBody{Run: ch.Intent.Run, Release: hash, Observed: now}
	switch what {
	case already:
		return casefile.Undone, "", e.undone(ctx, ch, ended)
	case keeps:
		ended.Kept = "kept by release: nothing to put back"
		if a.Evidence {
			ended.Kept = "kept by release: evidence"
		}
		return casefile.Done, ended.Kept, e.undone(ctx, ch, ended)
	case drifted:
		body := casefile.DriftBody{Run: ch.Intent.Run, Expected: ch.After, Observed: now, Reason: reason}
		_, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryDrift, Plan: ch.Plan, Step: ch.Step, Body: body}, nil)
		return casefile.Drift, reason, err
	}
	t, err := e.changed(ctx, ch)
	if err != nil {
		return "", "", err
	}
	body := casefile.UndoBody{Run: ch.Intent.Run, Release: hash, Expected: now, Before: ch.Intent.Before}
	if _, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryUndo, Plan: ch.Plan, Step: ch.Step, Body: body}, e.onlyRelease(hash)); err != nil {
		return "", "", err
	}
	seen, undoErr := e.undoUntilBack(ctx, a, t, ch.Intent.Before, now, rec)
	if undoErr != nil {
		return casefile.Failed, undoErr.Error(), e.ifLoggedOut(undoErr)
	}
	ended.Sent, ended.Observed, ended.Partly, ended.Calls = true, seen, a.Partly, rec.Calls()
	return casefile.Undone, a.Partly, e.undone(ctx, ch, ended)
}

// arrived waits while AWS is still carrying out a change, cordon's or the beginning of its undoing.
func (e *Engine) arrived(ctx context.Context, ch casefile.Change, a action.Action) error {
	if !a.Undoable() {
		return nil
	}
	t, err := e.changed(ctx, ch)
	if err != nil {
		return err
	}
	began := e.now()
	for i := 0; ; i++ {
		now, err := a.Observe(action.Allow(ctx, a.Reads, nil, nil), e.AWS.In(t.Region), t)
		if err != nil {
			return nil // weigh looks again, and says what it means
		}
		st, err := a.Status(t, now)
		if err != nil || st != action.Waiting {
			return err
		}
		if e.now().Sub(began) >= stepLimit {
			return fmt.Errorf("it has been on its way for %s: %s", stepLimit, now)
		}
		if err := e.sleep(ctx, backoff(i)); err != nil {
			return err
		}
	}
}

func (e *Engine) ifLoggedOut(err error) error {
	if loggedOut(err) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped; log in and run cordon resume %s: %w", e.Case.Meta.ID, err)
	}
	return nil
}

func (e *Engine) onlyRelease(hash string) func([]casefile.Entry) error {
	return func(foreign []casefile.Entry) error {
		for _, f := range foreign {
			if f.Kind == casefile.EntryApprove && !approves(f, hash) {
				return ErrSuperseded
			}
		}
		return nil
	}
}

func (e *Engine) undone(ctx context.Context, ch casefile.Change, body casefile.UndoneBody) error {
	_, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryUndone, Plan: ch.Plan, Step: ch.Step, Body: body}, nil)
	return err
}

// undoUntilBack repeats Undo until the account reads as before, within the limits of one step.
func (e *Engine) undoUntilBack(ctx context.Context, a action.Action, t action.Target, before, now json.RawMessage, rec *action.Recorder) (json.RawMessage, error) {
	conn := e.AWS.In(t.Region)
	began := e.now()
	for i := 0; ; i++ {
		undoErr := a.Undo(action.Allow(ctx, a.Reads.Plus(a.UndoReads), a.UndoWrites, rec), conn, t, before, now)
		if loggedOut(undoErr) {
			return nil, undoErr
		}
		limit := settle
		if undoErr != nil {
			limit = 0
		}
		sent := e.now()
		for j := 0; ; j++ {
			seen, err := a.Observe(action.Allow(ctx, a.Reads, nil, rec), conn, t)
			if err == nil && action.Same(seen, before) {
				return seen, nil
			}
			if err == nil {
				now = seen
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if e.now().Sub(sent) >= limit {
				break
			}
			if err := e.sleep(ctx, backoff(j)); err != nil {
				return nil, err
			}
		}
		switch {
		case permanent(undoErr), i+1 >= maxApplies && undoErr != nil:
			return nil, undoErr
		case i+1 >= maxApplies, e.now().Sub(began) >= stepLimit:
			return nil, fmt.Errorf("it was put back, but reads %s and not %s", now, before)
		}
		if err := e.sleep(ctx, backoff(i+1)); err != nil {
			return nil, err
		}
	}
}
