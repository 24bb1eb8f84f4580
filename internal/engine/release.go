package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"golang.org/x/sync/errgroup"

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
		Partition: applied.Partition, Subject: applied.Subject, Subjects: applied.Subjects, Management: applied.Management, Releases: p.Plan, Survives: []string{}, NotCaptured: []string{},
	}
	if err := e.earlier(ctx, &plan, p); err != nil {
		return plan, err
	}
	if err := e.reaches(plan); err != nil {
		return plan, err
	}
	looks, err := e.weighAll(ctx, p.Changes)
	if err != nil {
		return plan, err
	}
	for i := len(p.Changes) - 1; i >= 0; i-- {
		s := looks[i].step(p.Changes[i], len(plan.Steps)+1)
		if looks[i].what == drifted {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("step %d (%s %s) will be left: %s", s.N, s.Action, s.On(), looks[i].reason))
		}
		plan.Steps = append(plan.Steps, s)
	}
	return plan, nil
}

// earlier adds what the earlier plans were about whose changes stand: who has to sign, and from where the release acts, is
// decided by all that it puts back.
func (e *Engine) earlier(ctx context.Context, plan *casefile.Plan, p casefile.Progress) error {
	seen := map[string]bool{p.Plan: true}
	for _, ch := range p.Changes {
		if seen[ch.Plan] {
			continue
		}
		seen[ch.Plan] = true
		other, err := e.Case.Plan(ctx, ch.Plan)
		if err != nil {
			return err
		}
		if len(plan.Subjects) == 0 {
			plan.Subjects = []casefile.Subject{plan.Subject}
		}
		plan.Management = cmp.Or(plan.Management, other.Management)
		for _, s := range append([]casefile.Subject{other.Subject}, other.Subjects...) {
			if !slices.Contains(plan.Subjects, s) {
				plan.Subjects = append(slices.Clip(plan.Subjects), s)
			}
		}
	}
	return nil
}

// weighed is what a look at one change found.
type weighed struct {
	action action.Action
	name   string // of what it is about, where its action knows one
	now    json.RawMessage
	want   json.RawMessage // what putting back makes of it
	theirs string          // what then stays different, by somebody else's doing
	what   string
	reason string
}

// weighAll looks at the changes side by side. Where several looks fail, the newest change's error is told.
func (e *Engine) weighAll(ctx context.Context, changes []casefile.Change) ([]weighed, error) {
	looks := make([]weighed, len(changes))
	errs := make([]error, len(changes))
	var work errgroup.Group
	work.SetLimit(atOnce)
	for i := len(changes) - 1; i >= 0; i-- {
		work.Go(func() error {
			looks[i], errs[i] = e.weighFirst(ctx, changes[i])
			return nil
		})
	}
	_ = work.Wait() // the errors are in errs
	for i := len(errs) - 1; i >= 0; i-- {
		if errs[i] != nil {
			return nil, errs[i]
		}
	}
	return looks, nil
}

func (e *Engine) weighFirst(ctx context.Context, ch casefile.Change) (w weighed, err error) {
	if w.action, err = e.actionFor(ch.Intent.Action); err != nil {
		return w, err
	}
	if err = e.weigh(ctx, ch, &w); err != nil {
		return w, fmt.Errorf("look at what step %d changed: %w", ch.Step, err)
	}
	return w, nil
}

// step is the release plan's step n for a change.
func (w weighed) step(ch casefile.Change, n int) casefile.Step {
	a := w.action
	s := casefile.Step{
		N: n, After: []int{}, Action: a.Name, Phase: a.Phase, Target: ch.Intent.Target, Summary: "undo: " + a.Summary, Before: w.now, Partly: a.Partly, AccountWide: a.AccountWide,
		Change: w.what, Impact: []string{}, Reads: a.Reads.Plus(a.UndoReads).Strings(), Writes: a.UndoWrites.Strings(),
		Params: map[string]string{"plan": ch.Plan, "step": strconv.Itoa(ch.Step), "run": strconv.Itoa(ch.Intent.Run), "verdict": w.what},
	}
	if w.name != "" {
		s.Params["name"] = w.name
	}
	if w.reason != "" {
		s.Change += ": " + w.reason
	}
	if w.what == undo && a.Returns != "" {
		s.Impact = append(s.Impact, fmt.Sprintf("%s (--leave %d --reason WHY)", a.Returns, n))
	}
	return s
}

// Drifted tells of a step of a release plan that somebody has to decide about.
func Drifted(s casefile.Step) bool { return s.Params["verdict"] == drifted }

// weigh compares a change with the account: is it back already, is it still what cordon left, or has somebody
// changed it meanwhile.
func (e *Engine) weigh(ctx context.Context, ch casefile.Change, w *weighed) error {
	a := w.action
	t, err := e.changed(ctx, ch)
	if err != nil {
		return err
	}
	w.name = t.Param("name")
	if !a.Undoable() {
		w.what = keeps
		return nil
	}
	now, err := a.Observe(action.Allow(ctx, a.Reads, nil, nil), e.AWS.In(t.Region), t)
	if errors.Is(err, action.ErrGone) {
		w.what, w.reason = drifted, "it does not exist any more"
		return nil
	}
	if err != nil {
		return err
	}
	w.now, w.want = now, ch.Intent.Before
	if action.Same(now, w.want) {
		w.what = already
		return nil
	}
	st, err := a.Status(t, now)
	if err != nil {
		return err
	}
	if st == action.Waiting {
		w.what, w.reason = undo, "it is still on its way, and put back once it has arrived"
		return nil
	}
	if ch.After != nil {
		return w.since(ch)
	}
	if st == action.Done || a.Partial {
		w.what = undo
		_, err := w.apart(ch.Intent.Before, now)
		return err
	}
	w.what, w.reason = drifted, fmt.Sprintf("it was %s before cordon, the outcome was never recorded, and now it is %s", ch.Intent.Before, now)
	return nil
}

// since compares with what cordon left. Of a target of parts, those that are still so are put back beside what others
// did to the rest.
func (w *weighed) since(ch casefile.Change) error {
	if theirs, err := w.apart(ch.Intent.Before, ch.After); theirs || err != nil {
		return err
	}
	if action.Same(w.now, ch.After) || ch.Undoing && w.action.Partial {
		w.what = undo
		return nil
	}
	w.what, w.reason = drifted, fmt.Sprintf("cordon left %s, now %s", ch.After, w.now)
	return nil
}

// apart narrows what is put back to what is still cordon's, and tells whether others changed the rest.
func (w *weighed) apart(before, after json.RawMessage) (theirs bool, err error) {
	if w.action.Apart == nil {
		return false, nil
	}
	want, what, err := w.action.Apart(before, after, w.now)
	if err != nil || what == "" {
		return false, err
	}
	w.what, w.want, w.theirs, w.reason = undo, want, what, what
	return true, nil
}

// changed is the target of a change as its action knew it: with the op-id, options and needs of then.
func (e *Engine) changed(ctx context.Context, ch casefile.Change) (action.Target, error) {
	plan, err := e.Case.Plan(ctx, ch.Plan)
	if err != nil {
		return action.Target{}, err
	}
	if ch.Step < 1 || ch.Step > len(plan.Steps) {
		return action.Target{}, fmt.Errorf("the plan has no step %d", ch.Step)
	}
	s := plan.Steps[ch.Step-1]
	t := action.Target{Target: ch.Intent.Target, Case: e.Case.Meta.ID, OpID: ch.Intent.OpID, Params: s.Params, Needs: map[string]json.RawMessage{}}
	for _, n := range slices.Concat(s.After, s.AfterAny) {
		l, err := e.Case.Step(casefile.StepKey{Plan: ch.Plan, Step: n})
		if err != nil {
			return t, err
		}
		if l = l.Of(ch.Intent.Run); l.Done != nil && l.Done.After != nil {
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

// arrived waits while AWS is still carrying out a change, cordon's or the beginning of its undoing.
func (e *Engine) arrived(ctx context.Context, ch casefile.Change, a action.Action) error {
	if !a.Undoable() {
		return nil
	}
	t, err := e.changed(ctx, ch)
	if err != nil {
		return err
	}
	rec := &action.Recorder{}
	watch := e.stopwatch(rec)
	for i := 0; ; i++ {
		now, err := a.Observe(action.Allow(ctx, a.Reads, nil, rec), e.AWS.In(t.Region), t)
		if err != nil {
			return nil // weigh looks again, and says what it means
		}
		st, err := a.Status(t, now)
		if err != nil || st != action.Waiting {
			return err
		}
		if watch.spent() >= stepLimit {
			return fmt.Errorf("it has been on its way for %s: %s", stepLimit, now)
		}
		if err := e.sleep(ctx, backoff(i)); err != nil {
			return err
		}
	}
}

func (e *Engine) ifLoggedOut(err error) error {
	if loggedOut(err) {
		return fmt.Errorf("the credentials have ended: log in and run %s: %w", e.next("resume"), err)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("stopped; %s goes on: %w", e.next("resume"), err)
	}
	return nil
}

func (e *Engine) undone(ctx context.Context, ch casefile.Change, body casefile.UndoneBody) error {
	_, err := e.append(ctx, casefile.Draft{Kind: casefile.EntryUndone, Plan: ch.Plan, Step: ch.Step, Body: body}, nil)
	return err
}

// undoUntilBack repeats Undo until the account reads as it is wanted, within the limits of one step. With an error comes
// what was read last.
func (e *Engine) undoUntilBack(ctx context.Context, w weighed, t action.Target, before json.RawMessage, rec *action.Recorder) (json.RawMessage, error) {
	a, now := w.action, w.now
	conn := e.AWS.In(t.Region)
	watch := e.stopwatch(rec)
	for i := 0; ; i++ {
		undoErr := a.Undo(action.Allow(ctx, a.Reads.Plus(a.UndoReads), a.UndoWrites, rec), conn, t, before, now)
		if loggedOut(undoErr) {
			return nil, undoErr
		}
		limit := settle
		if undoErr != nil {
			limit = 0
		}
		sent := e.stopwatch(rec)
		for j := 0; ; j++ {
			seen, err := a.Observe(action.Allow(ctx, a.Reads, nil, rec), conn, t)
			if err == nil && action.Same(seen, w.want) {
				return seen, nil
			}
			if err == nil {
				now = seen
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if sent.spent() >= limit {
				break
			}
			if err := e.sleep(ctx, backoff(j)); err != nil {
				return nil, err
			}
		}
		switch {
		case permanent(undoErr), i+1 >= maxApplies && undoErr != nil:
			return now, undoErr
		case i+1 >= maxApplies, watch.spent() >= stepLimit:
			return nil, fmt.Errorf("it was put back, but reads %s and not %s", now, w.want)
		}
		if err := e.sleep(ctx, backoff(i+1)); err != nil {
			return nil, err
		}
	}
}
