package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"cordon/internal/casefile"
)

// run is one plan being carried out by this process.
type run struct {
	*Engine
	hash  string
	plan  casefile.Plan
	n     int // the run's number, from 1; a new apply after a release counts on
	began time.Time

	first map[int]sight // the drift check's observations, good for steps that begin at once

	changes  *gate // for what changes something
	evidence *gate // for what gathers or leaves evidence: it never takes containment's places

	mu       sync.Mutex
	queued   map[int]bool      // waits for a place
	placed   map[int]time.Time // since when it has had one
	ended    map[int]chan struct{}
	outcome  map[int]casefile.StepState
	after    map[int]json.RawMessage
	fatal    error
	stop     context.CancelFunc
	cut      chan struct{} // closed when every containment step has ended
	cutsLeft int
}

// sight is what was observed, and when.
type sight struct {
	state json.RawMessage
	at    time.Time
}

// carryOn runs every step that has not ended, each as soon as what it waits for has.
func (e *Engine) carryOn(ctx context.Context, a casefile.Approval, plan casefile.Plan, first map[int]sight) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &run{
		Engine: e, hash: a.Plan, plan: plan, n: a.Run, began: a.Time, first: first, stop: stop,
		changes: e.gate(), evidence: e.gate(), queued: map[int]bool{}, placed: map[int]time.Time{},
		ended: map[int]chan struct{}{}, outcome: map[int]casefile.StepState{}, after: map[int]json.RawMessage{}, cut: make(chan struct{}),
	}
	if r.began.IsZero() {
		r.began = e.now()
	}
	for _, s := range plan.Steps {
		r.ended[s.N] = make(chan struct{})
		if s.Phase == casefile.Contain {
			r.cutsLeft++
		}
	}
	if r.cutsLeft == 0 {
		close(r.cut)
	}
	var all sync.WaitGroup
	for _, s := range plan.Steps {
		all.Go(func() { r.step(ctx, s) })
	}
	all.Wait()
	if r.fatal != nil {
		return r.fatal
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("stopped; %s goes on: %w", e.next("resume"), err)
	}
	return r.verdict(ctx)
}

// verdict says what is not done: containment too, where the plan has none. The journal is read anew: others may have ended steps.
func (r *run) verdict(ctx context.Context) error {
	p, err := r.Case.Progress(ctx)
	if err != nil {
		return err
	}
	var open []string
	then := ""
	for _, s := range p.StepsOf(r.hash) {
		if s.State == casefile.Failed {
			then = "\nwhat failed is looked at again, once its cause is mended or it was done by hand, by: " + r.next("resume")
		}
		if s.State != casefile.Done {
			open = append(open, fmt.Sprintf("step %d, %s, is %s%s", s.N, s.Action, s.State, because(s.Error)))
		}
	}
	if lacks := r.plan.NotContained(); lacks != "" {
		open = append([]string{lacks}, open...)
	}
	if len(open) > 0 {
		return fmt.Errorf("%w: %s%s", ErrPartly, someOf(open, "; "), then)
	}
	if len(p.Loss) > 0 {
		return fmt.Errorf("%w: lines in the loss ledger: %d", ErrPartly, len(p.Loss))
	}
	return nil
}

// maxLines bounds what one error lists: past it the count says more, and cordon status has them all.
const maxLines = 50

func someOf(lines []string, between string) string {
	if more := len(lines) - maxLines; more > 0 {
		lines = append(slices.Clone(lines[:maxLines]), fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, between)
}

func because(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// abort ends the whole run: the journal cannot be written, the credentials ended, another plan was approved.
func (r *run) abort(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fatal == nil && !errors.Is(err, context.Canceled) {
		r.fatal = err
	}
	r.stop()
}

// step waits for what a step waits for, runs it, and tells those who wait for it.
func (r *run) step(ctx context.Context, s casefile.Step) {
	state := r.workOn(ctx, s)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome[s.N] = state
	close(r.ended[s.N])
	if s.Phase == casefile.Contain {
		if r.cutsLeft--; r.cutsLeft == 0 {
			close(r.cut)
		}
	}
}

func (r *run) workOn(ctx context.Context, s casefile.Step) casefile.StepState {
	a, err := r.actionFor(s.Action)
	if err != nil {
		r.abort(err)
		return casefile.Failed
	}
	log, err := r.log(s.N)
	if err != nil {
		r.abort(err)
		return casefile.Failed
	}
	if log.Done != nil {
		r.setAfter(s.N, log.Done.After)
		return casefile.Done
	}
	if reason, ok := r.waitFor(ctx, s); !ok {
		if ctx.Err() != nil {
			return casefile.Todo
		}
		return r.skip(ctx, s, reason)
	}
	if wait := r.notBefore(s); wait > 0 {
		if !r.lateAllowed(ctx, wait) {
			return casefile.Waiting
		}
	}
	if ctx.Err() != nil {
		return casefile.Todo
	}
	var state casefile.StepState
	if a.Gathers() {
		r.notify(s, casefile.Waiting, "")
		state, err = r.collect(ctx, s, a)
	} else {
		state, err = r.change(ctx, s, a)
	}
	if err != nil {
		r.abort(err)
	}
	r.notify(s, state, r.whyFailed(s, state))
	return state
}

// whyFailed is what the journal says of a step that has just failed.
func (r *run) whyFailed(s casefile.Step, state casefile.StepState) string {
	if state != casefile.Failed {
		return ""
	}
	log, err := r.log(s.N)
	if err != nil || log.Failed == nil {
		return "" // whoever asks for the status reads why
	}
	return log.Failed.Error
}

// notBefore is how long a step that must not begin yet still has to wait.
func (r *run) notBefore(s casefile.Step) time.Duration {
	seconds, err := time.ParseDuration(s.Params["not_before"] + "s")
	if err != nil {
		return 0
	}
	return r.began.Add(seconds).Sub(r.now())
}

// lateAllowed waits for a step's time where the run waits for slow work, else leaves it to resume.
func (r *run) lateAllowed(ctx context.Context, wait time.Duration) bool {
	return r.Wait && r.sleep(ctx, wait) == nil
}

// waitFor waits for the steps before. Evidence that came first in order never blocks: it is waited for until
// its deadline, however it ends.
func (r *run) waitFor(ctx context.Context, s casefile.Step) (reason string, ok bool) {
	for _, n := range s.AfterAny {
		if err := r.waitEnded(ctx, n); err != nil {
			return err.Error(), false
		}
	}
	for _, n := range s.After {
		select {
		case <-ctx.Done():
			return ctx.Err().Error(), false
		case <-r.ended[n]:
		}
		r.mu.Lock()
		state := r.outcome[n]
		r.mu.Unlock()
		if state != casefile.Done {
			return fmt.Sprintf("it needs step %d, which is %s", n, state), false
		}
	}
	return "", true
}

func (r *run) waitEnded(ctx context.Context, n int) error {
	began := r.now()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.ended[n]:
			return nil
		default:
		}
		left := r.timeLeft(n, began)
		if left <= 0 {
			return nil
		}
		r.endedWithin(ctx, n, left)
	}
}

// timeLeft is how long step n is still waited for. While it waits for a place its time has not begun.
func (r *run) timeLeft(n int, began time.Time) time.Duration {
	limit := time.Duration(r.plan.Steps[n-1].DeadlineS) * time.Second
	if limit == 0 {
		limit = stepLimit
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.queued[n] {
		return limit
	}
	if at := r.placed[n]; at.After(began) {
		began = at
	}
	return began.Add(limit).Sub(r.now())
}

// endedWithin returns when step n has ended, the time is over, or the run stops.
func (r *run) endedWithin(ctx context.Context, n int, d time.Duration) {
	late, cancel := context.WithCancel(ctx)
	defer cancel()
	timer := make(chan struct{})
	go func() {
		defer close(timer)
		_ = r.sleep(late, d) // cut short by cancel, which is no error
	}()
	select {
	case <-ctx.Done():
	case <-r.ended[n]:
	case <-timer:
	}
}

func (r *run) skip(ctx context.Context, s casefile.Step, reason string) casefile.StepState {
	r.notify(s, casefile.Skipped, reason)
	body := casefile.SkipBody{Run: r.n, Reason: reason}
	if _, err := r.append(ctx, casefile.Draft{Kind: casefile.EntrySkip, Plan: r.hash, Step: s.N, Body: body}, nil); err != nil {
		r.abort(err)
	}
	return casefile.Skipped
}

// log is what the journal holds of a step in this run.
func (r *run) log(step int) (casefile.StepLog, error) {
	l, err := r.Case.Step(casefile.StepKey{Plan: r.hash, Step: step})
	return l.Of(r.n), err
}

func (r *run) setAfter(n int, after json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.after[n] = after
}

// needs is the after-state of the steps that s comes after, by action name.
func (r *run) needs(s casefile.Step) map[string]json.RawMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := map[string]json.RawMessage{}
	for _, n := range append(append([]int{}, s.After...), s.AfterAny...) {
		if a := r.after[n]; a != nil {
			m[r.plan.Steps[n-1].Action] = a
		}
	}
	return m
}
