package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// putBack undoes what was changed: the changes of the newest run of the newest plan first, and within a run a change once everything that
// came after it because of it is back, or has ended otherwise. What does not depend on each other is undone side by
// side, as it was done.
func (e *Engine) putBack(ctx context.Context, hash string, plan casefile.Plan) error {
	p, err := e.Case.Progress(ctx)
	if err != nil {
		return err
	}
	standing := map[changeKey]casefile.Change{}
	for _, ch := range p.Changes {
		standing[changeKey{ch.Plan, strconv.Itoa(ch.Step), strconv.Itoa(ch.Intent.Run)}] = ch
	}
	var results []*undoing
	for _, steps := range byRun(plan.Steps) {
		u := &unwinding{Engine: e, hash: hash, places: e.gate(), changes: map[int]*undoing{}}
		for _, s := range steps {
			n, err := strconv.Atoi(s.Params["step"])
			if err != nil {
				return fmt.Errorf("read the release plan's step %d: %w", s.N, err)
			}
			if ch, ok := standing[changeOf(s)]; ok {
				u.changes[n] = &undoing{step: s, change: ch}
				results = append(results, u.changes[n])
			}
		}
		if err := u.run(ctx, steps[0].Params["plan"]); err != nil {
			return err
		}
	}
	if err := released(results); err != nil {
		return err
	}
	return e.allBack(ctx)
}

// allBack tells of what stands and is in no step of the release: somebody's run changed it after the release was shown.
func (e *Engine) allBack(ctx context.Context) error {
	if err := e.refresh(ctx); err != nil {
		return err
	}
	p, err := e.Case.Progress(ctx)
	if err != nil || len(p.Changes) == 0 {
		return err
	}
	return fmt.Errorf("%w: changes that stand, made after this release was shown and not in it: %d; %s shows them", ErrPartly, len(p.Changes), e.next("release"))
}

// changeKey names a change: a plan that is applied again may find what an earlier run of it changed, and change more.
type changeKey struct{ plan, step, run string }

func changeOf(s casefile.Step) changeKey {
	return changeKey{s.Params["plan"], s.Params["step"], s.Params["run"]}
}

// byRun groups the release plan's steps: those that follow each other and are about the same run of a plan.
func byRun(steps []casefile.Step) [][]casefile.Step {
	var groups [][]casefile.Step
	for i, s := range steps {
		if i == 0 || s.Params["plan"] != steps[i-1].Params["plan"] || s.Params["run"] != steps[i-1].Params["run"] {
			groups = append(groups, nil)
		}
		last := &groups[len(groups)-1]
		*last = append(*last, s)
	}
	return groups
}

// undoing is one change that is put back, and how that ended.
type undoing struct {
	step   casefile.Step // of the release plan
	change casefile.Change
	state  casefile.StepState
	note   string
}

// released tells what was not put back, in the order of the release plan.
func released(results []*undoing) error {
	d := &DriftError{}
	var failed []string
	for _, r := range results {
		line := fmt.Sprintf("%s %s: %s", r.step.Action, r.step.On(), r.note)
		switch r.state {
		case casefile.Drift:
			d.Lines = append(d.Lines, line)
		case casefile.Failed:
			failed = append(failed, line)
		}
	}
	if len(d.Lines) > 0 {
		return d
	}
	if len(failed) > 0 {
		return fmt.Errorf("%w: %s", ErrPartly, someOf(failed, "; "))
	}
	return nil
}

// unwinding undoes the changes of one run of a plan. It goes over all steps of the plan, since a step that changed nothing
// orders those before and after it too.
type unwinding struct {
	*Engine
	hash    string // of the release plan
	places  *gate
	changes map[int]*undoing // by the step that made them

	steps []casefile.Step // of the plan whose changes these are
	later []atomic.Int32  // by step: how many of those that came after it have not ended
	work  *errgroup.Group
}

func (u *unwinding) run(ctx context.Context, planHash string) error {
	plan, err := u.Case.Plan(ctx, planHash)
	if err != nil {
		return err
	}
	if err := wellOrdered(plan.Steps); err != nil {
		return err
	}
	u.steps, u.later = plan.Steps, make([]atomic.Int32, len(plan.Steps)+1)
	for _, s := range u.steps {
		for _, n := range comesAfter(s) {
			u.later[n].Add(1)
		}
	}
	var last []int
	for i := range u.steps {
		if u.later[i+1].Load() == 0 {
			last = append(last, i+1)
		}
	}
	u.work, ctx = errgroup.WithContext(ctx)
	for _, n := range last {
		u.begin(ctx, n)
	}
	return u.work.Wait()
}

// begin undoes step n, after which nothing stands any more that came because of it.
func (u *unwinding) begin(ctx context.Context, n int) {
	d, ok := u.changes[n]
	if !ok {
		u.end(ctx, n)
		return
	}
	u.work.Go(func() error {
		if err := u.undo(ctx, d); err != nil {
			return err
		}
		u.end(ctx, n)
		return nil
	})
}

// end tells the steps before n that it has ended.
func (u *unwinding) end(ctx context.Context, n int) {
	for _, m := range comesAfter(u.steps[n-1]) {
		if u.later[m].Add(-1) == 0 {
			u.begin(ctx, m)
		}
	}
}

func (u *unwinding) undo(ctx context.Context, d *undoing) (err error) {
	if err := u.places.enter(ctx, d.step.N); err != nil {
		return cmp.Or(u.ifLoggedOut(err), err)
	}
	defer u.places.leave()
	u.notify(d.step, casefile.Waiting, "")
	if d.state, d.note, err = u.putBackOne(ctx, u.hash, d.change); err != nil {
		return err
	}
	u.notify(d.step, d.state, d.note)
	return nil
}

// comesAfter are the steps that s comes after.
func comesAfter(s casefile.Step) []int { return slices.Concat(s.After, s.AfterAny) }

// wellOrdered refuses edges that lead nowhere or in a circle.
func wellOrdered(steps []casefile.Step) error {
	for i, s := range steps {
		if s.N != i+1 {
			return fmt.Errorf("the plan's step %d has the number %d", i+1, s.N)
		}
		for _, n := range comesAfter(s) {
			if n < 1 || n > len(steps) {
				return fmt.Errorf("the plan's step %d comes after step %d, which there is not", s.N, n)
			}
		}
	}
	return acyclic(steps)
}

// putBackOne compares, makes the undo durable, undoes, and reads back.
func (e *Engine) putBackOne(ctx context.Context, hash string, ch casefile.Change) (casefile.StepState, string, error) {
	a, err := e.actionFor(ch.Intent.Action)
	if err != nil {
		return "", "", err
	}
	if stands, err := e.stands(ch); err != nil || !stands {
		return casefile.Undone, "", err
	}
	if err := e.arrived(ctx, ch, a); err != nil {
		return casefile.Failed, err.Error(), e.ifLoggedOut(err)
	}
	w := weighed{action: a}
	if err := e.weigh(ctx, ch, &w); err != nil {
		return casefile.Failed, err.Error(), e.ifLoggedOut(err)
	}
	rec := &action.Recorder{}
	ended := casefile.UndoneBody{Run: ch.Intent.Run, Release: hash, Observed: w.now}
	switch w.what {
	case already:
		return casefile.Undone, "", e.undone(ctx, ch, ended)
	case keeps:
		ended.Kept = "kept by release: nothing to put back"
		if a.Evidence {
			ended.Kept = "kept by release: evidence"
		}
		return casefile.Done, ended.Kept, e.undone(ctx, ch, ended)
	case drifted:
		return e.driftedUnlessBack(ctx, ch, w)
	}
	t, err := e.changed(ctx, ch)
	if err != nil {
		return "", "", err
	}
	body := casefile.UndoBody{Run: ch.Intent.Run, Release: hash, Expected: w.now, Before: ch.Intent.Before}
	if _, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryUndo, Plan: ch.Plan, Step: ch.Step, Body: body}, e.mayUndo(hash, ch)); err != nil {
		if errors.Is(err, errTaken) {
			return casefile.Undone, "", nil
		}
		return "", "", err
	}
	seen, undoErr := e.undoUntilBack(ctx, w, t, ch.Intent.Before, rec)
	if errors.Is(undoErr, action.ErrGone) {
		// What it would be put back to is there no more, so that no repeat mends it: a person decides.
		return casefile.Drift, undoErr.Error(), e.drifted(ctx, ch, seen, undoErr.Error())
	}
	if undoErr != nil {
		return casefile.Failed, undoErr.Error(), e.ifLoggedOut(undoErr)
	}
	ended.Sent, ended.Observed, ended.Partly, ended.Calls = true, seen, cmp.Or(w.theirs, a.Partly), rec.Calls()
	return casefile.Undone, ended.Partly, e.undone(ctx, ch, ended)
}

// driftedUnlessBack reads first what another has done who carries the same release out: what is back is the owner's to
// change.
func (e *Engine) driftedUnlessBack(ctx context.Context, ch casefile.Change, w weighed) (casefile.StepState, string, error) {
	if err := e.refresh(ctx); err != nil {
		return "", "", err
	}
	if stands, err := e.stands(ch); err != nil || !stands {
		return casefile.Undone, "", err
	}
	return casefile.Drift, w.reason, e.drifted(ctx, ch, w.now, w.reason)
}

// stands tells whether the journal, as known so far, has nobody who put the change back or decided to leave it.
func (e *Engine) stands(ch casefile.Change) (bool, error) {
	l, err := e.Case.Step(casefile.StepKey{Plan: ch.Plan, Step: ch.Step})
	return l.Of(ch.Intent.Run).Stands, err
}

// mayUndo refuses where another plan was approved meanwhile, or another has put the change back, whichever of our
// appends read that.
func (e *Engine) mayUndo(hash string, ch casefile.Change) func([]casefile.Entry) error {
	return func([]casefile.Entry) error {
		last, err := e.Case.Approved()
		if err == nil && last.Plan != hash {
			err = ErrSuperseded
		}
		if err != nil {
			return err
		}
		stands, err := e.stands(ch)
		if err == nil && !stands {
			err = errTaken
		}
		return err
	}
}

// drifted records that a change is left as it is, until a person decides.
func (e *Engine) drifted(ctx context.Context, ch casefile.Change, now json.RawMessage, reason string) error {
	body := casefile.DriftBody{Run: ch.Intent.Run, Expected: ch.After, Observed: now, Reason: reason}
	_, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryDrift, Plan: ch.Plan, Step: ch.Step, Body: body}, nil)
	return err
}
