package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// How long things are given. stepLimit bounds one change with its read-backs; settle bounds the look for
// something that a lost answer may have created, before it is made again (EC2 shows a new resource within
// seconds to minutes: docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html).
const (
	stepLimit   = 3 * time.Minute
	settle      = 15 * time.Second
	defPatience = settle + 15*time.Second // a living responder repeats or ends within it
	maxApplies  = 8
	fresh       = 5 * time.Second // how old an observation may be that a change is built on
)

// errTaken says that another responder has this step's intent open.
var errTaken = errors.New("another responder is on this step")

// backoff runs from 50 ms, doubling, to 5 s.
func backoff(n int) time.Duration {
	d := 50 * time.Millisecond << min(n, 10)
	return min(d, 5*time.Second)
}

// change brings one change about: observe, intent, apply, observe, done. The error is for what ends the whole
// run; a step's own failure is its state. While another responder is on the step it holds no place.
func (r *run) change(ctx context.Context, s casefile.Step, a action.Action) (casefile.StepState, error) {
	places := r.changes
	if a.Evidence {
		places = r.evidence
	}
	for {
		if !r.place(ctx, places, s) {
			return casefile.Todo, nil
		}
		state, err := r.changeOnce(ctx, s, a)
		places.leave()
		if !errors.Is(err, errTaken) {
			return state, err
		}
		if done, err := r.leaveTo(ctx, s); done || err != nil {
			return casefile.Done, err
		}
	}
}

// leaveTo lets another responder finish a step: until its outcome is in the journal, or it has been silent for
// too long and this run takes the step over.
func (r *run) leaveTo(ctx context.Context, s casefile.Step) (done bool, err error) {
	patience := r.Patient
	if patience == 0 {
		patience = defPatience
	}
	for i := 0; ; i++ {
		if err := r.refresh(ctx); err != nil {
			return false, err
		}
		log, err := r.log(s.N)
		if err != nil {
			return false, err
		}
		if log.Done != nil {
			r.setAfter(s.N, log.Done.After)
			return true, nil
		}
		if log.Intent == nil || log.Failed != nil || r.now().Sub(log.IntentAt) >= patience {
			return false, nil
		}
		if i == 0 {
			r.notify(s, casefile.Waiting, fmt.Sprintf("begun at %s by a cordon that has not ended it: somebody else's, or one that was killed; left to that one until %s, then done here",
				log.IntentAt.UTC().Format(time.TimeOnly), log.IntentAt.Add(patience).UTC().Format(time.TimeOnly)))
		}
		if err := r.sleep(ctx, backoff(i)); err != nil {
			return false, err
		}
	}
}

func (r *run) changeOnce(ctx context.Context, s casefile.Step, a action.Action) (casefile.StepState, error) {
	log, err := r.log(s.N)
	if err != nil {
		return casefile.Failed, err
	}
	if log.Done != nil {
		r.setAfter(s.N, log.Done.After)
		return casefile.Done, nil
	}
	if log.Intent != nil && log.Failed == nil && r.foreign(log) {
		if patience := max(r.Patient, 0); r.now().Sub(log.IntentAt) < orDefault(patience) {
			return casefile.Waiting, errTaken
		}
	}
	rec := &action.Recorder{}
	c := &attempt{run: r, step: s, action: a, rec: rec, conn: r.AWS.In(s.Target.Region)}
	c.target = action.Target{Target: s.Target, Case: r.Case.Meta.ID, Params: s.Params, Needs: r.needs(s)}
	if log.Intent != nil {
		c.target.OpID = log.Intent.OpID
	}
	now, err := c.firstLook(ctx, log.Intent != nil)
	if err != nil {
		return c.fail(ctx, err, nil)
	}
	st, err := a.Status(c.target, now)
	if err != nil {
		return c.fail(ctx, err, now)
	}
	if st == action.Done {
		return c.done(ctx, now, log.Intent != nil)
	}
	if log.Intent != nil && a.Creates {
		// A creation whose answer was lost may show late. It is looked for before it is repeated.
		if now, st, err = c.await(ctx, now, settle); err != nil {
			return c.fail(ctx, err, now)
		}
		if st == action.Done {
			return c.done(ctx, now, true)
		}
	}
	// Taking a step over is an intent too: of two who do so at once, the journal lets one.
	if log.Intent == nil || log.Failed != nil || r.foreign(log) || (!a.Partial && !action.Same(now, log.Intent.Before)) {
		if err := c.intend(ctx, log, now); err != nil {
			return casefile.Waiting, err
		}
	}
	return c.bringAbout(ctx, now)
}

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return defPatience
	}
	return d
}

func (r *run) foreign(log casefile.StepLog) bool {
	r.Engine.mu.Lock()
	defer r.Engine.mu.Unlock()
	return r.writer == nil || r.writer.By.Nonce != log.Writer
}

// attempt is one go at a step.
type attempt struct {
	*run
	step   casefile.Step
	action action.Action
	target action.Target
	rec    *action.Recorder
	conn   *action.AWS
}

func (c *attempt) look(ctx context.Context) (json.RawMessage, error) {
	return c.action.Observe(action.Allow(ctx, c.action.Reads, nil, c.rec), c.conn, c.target)
}

// firstLook takes the drift check's observation where the step waited for nobody and that is still fresh, else looks
// now: what it answers becomes the before-state, and somebody may have changed it while the step waited for a place.
func (c *attempt) firstLook(ctx context.Context, resumed bool) (json.RawMessage, error) {
	seen, ok := c.first[c.step.N]
	if ok && !resumed && len(c.step.After)+len(c.step.AfterAny) == 0 && c.now().Sub(seen.at) < fresh {
		return seen.state, nil
	}
	for i := 0; ; i++ {
		now, err := c.look(ctx)
		if err == nil || errors.Is(err, action.ErrGone) || permanent(err) || loggedOut(err) || i >= 5 || ctx.Err() != nil {
			return now, err
		}
		if err := c.sleep(ctx, backoff(i+2)); err != nil {
			return nil, err
		}
	}
}

// intend makes the intent durable. An op-id of an earlier intent is kept: what that one made is found by it.
func (c *attempt) intend(ctx context.Context, log casefile.StepLog, now json.RawMessage) error {
	if c.target.OpID == "" {
		id, err := c.opID()
		if err != nil {
			return err
		}
		c.target.OpID = id
	}
	before := now
	if log.Intent != nil && c.action.Partial {
		before = log.Intent.Before
	}
	body := casefile.IntentBody{OpID: c.target.OpID, Run: c.n, Action: c.action.Name, Target: c.step.Target, Before: before}
	_, err := c.append(ctx, casefile.Draft{Kind: casefile.EntryIntent, Plan: c.hash, Step: c.step.N, Body: body}, c.reconsider(ctx, log))
	return err
}

func (c *attempt) intendAgain(ctx context.Context, now json.RawMessage) error {
	if err := c.refresh(ctx); err != nil {
		return err
	}
	log, err := c.log(c.step.N)
	if err != nil {
		return err
	}
	if log.Done != nil || log.Intent != nil && c.foreign(log) {
		return errTaken
	}
	return c.intend(ctx, log, now)
}

// reconsider refuses the intent where the journal has moved on since log was read: somebody else is on the step
// or has ended it, or the plan is not in force any more.
func (c *attempt) reconsider(ctx context.Context, seen casefile.StepLog) func([]casefile.Entry) error {
	return func([]casefile.Entry) error {
		if err := c.current(ctx); err != nil {
			return err
		}
		log, err := c.log(c.step.N)
		if err != nil {
			return err
		}
		if log.Done != nil || log.Intent != nil && (seen.Intent == nil || !log.IntentAt.Equal(seen.IntentAt) || log.Writer != seen.Writer) {
			return errTaken
		}
		return nil
	}
}

// current refuses where the case does not go by this run any more: it was released, or a later plan supersedes it.
func (c *attempt) current(ctx context.Context) error {
	inForce, err := c.Case.InForce(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(inForce, func(a casefile.Approval) bool { return a.Plan == c.hash && a.Run == c.n }) {
		return nil
	}
	return ErrSuperseded
}

// bringAbout applies until the account shows the effect. An error of Apply proves nothing: what counts is what
// is read back.
func (c *attempt) bringAbout(ctx context.Context, now json.RawMessage) (casefile.StepState, error) {
	watch := c.stopwatch(c.rec)
	for i := 0; ; i++ {
		if i > 0 && c.action.Creates {
			// Making it again is a new intent: it shows others that this responder lives, and shows this one
			// whether somebody has taken the step over.
			if err := c.intendAgain(ctx, now); err != nil {
				return casefile.Waiting, err
			}
		}
		applyErr := c.action.Apply(action.Allow(ctx, c.action.Reads, c.action.Writes, c.rec), c.conn, c.target, now)
		if loggedOut(applyErr) {
			return c.fail(ctx, applyErr, nil)
		}
		wait := settle
		if applyErr != nil && (!c.action.Creates || permanent(applyErr)) {
			wait = 200 * time.Millisecond
		}
		seen, st, err := c.await(ctx, now, wait)
		if err == nil && st == action.Done {
			return c.done(ctx, seen, true)
		}
		if ctx.Err() != nil {
			return casefile.Waiting, ctx.Err()
		}
		if loggedOut(err) {
			return c.fail(ctx, err, seen)
		}
		if err != nil && c.action.Creates {
			// Not having been able to look is no reason to make it once more.
			return c.fail(ctx, c.why(applyErr, err), seen)
		}
		if permanent(applyErr) || i+1 >= maxApplies || watch.spent() >= stepLimit {
			return c.fail(ctx, c.why(applyErr, err), seen)
		}
		if seen != nil {
			now = seen
		}
		if err := c.sleep(ctx, backoff(i+1)); err != nil {
			return casefile.Waiting, err
		}
	}
}

func (c *attempt) why(applyErr, lookErr error) error {
	switch {
	case applyErr != nil:
		return applyErr
	case lookErr != nil:
		return lookErr
	}
	return errors.New("it was sent, but the account read back does not show it")
}

// await reads back until Done, or until limit while the account says Todo, or until stepLimit while it says
// Waiting. It answers the last good look; an error only where there was none.
func (c *attempt) await(ctx context.Context, now json.RawMessage, limit time.Duration) (json.RawMessage, action.Status, error) {
	watch := c.stopwatch(c.rec)
	st, looked := action.Todo, false
	for i := 0; ; i++ {
		seen, err := c.look(ctx)
		if err == nil {
			now, looked = seen, true
			if st, err = c.action.Status(c.target, now); err != nil || st == action.Done {
				return now, st, err
			}
		}
		spent := watch.spent()
		switch {
		case ctx.Err() != nil:
			return now, st, ctx.Err()
		case loggedOut(err):
			return now, st, err
		case st == action.Waiting && spent < stepLimit, spent < limit:
		case looked:
			return now, st, nil
		default:
			return now, st, err
		}
		if err := c.sleep(ctx, backoff(i)); err != nil {
			return now, st, err
		}
	}
}

// done records what was read back. It is true whoever else wrote meanwhile, so nothing makes it reconsider.
func (c *attempt) done(ctx context.Context, after json.RawMessage, sent bool) (casefile.StepState, error) {
	body := casefile.DoneBody{Run: c.n, Sent: sent, After: after, Calls: c.rec.Calls()}
	if _, err := c.append(ctx, casefile.Draft{Kind: casefile.EntryDone, Plan: c.hash, Step: c.step.N, Body: body}, nil); err != nil {
		return casefile.Waiting, err
	}
	c.setAfter(c.step.N, after)
	return casefile.Done, nil
}

// fail records that the step was given up, and enters what it would have kept into the loss ledger. Ended
// credentials are nobody's failure: the run stops and resume goes on.
func (c *attempt) fail(ctx context.Context, cause error, observed json.RawMessage) (casefile.StepState, error) {
	if ctx.Err() != nil {
		return casefile.Waiting, ctx.Err()
	}
	if loggedOut(cause) {
		return casefile.Waiting, fmt.Errorf("the credentials have ended: log in and run %s: %w", c.next("resume"), cause)
	}
	body := casefile.FailedBody{Run: c.n, Error: cause.Error(), Observed: observed, Calls: c.rec.Calls()}
	if _, err := c.append(ctx, casefile.Draft{Kind: casefile.EntryFailed, Plan: c.hash, Step: c.step.N, Body: body}, nil); err != nil {
		return casefile.Failed, err
	}
	if c.action.Evidence {
		loss := casefile.Loss{Name: c.action.Name, Source: c.step.Target.ID, Target: c.step.Target, Reason: cause.Error(), Whole: true}
		if err := c.lose(ctx, c.step, []casefile.Loss{loss}); err != nil {
			return casefile.Failed, err
		}
	}
	return casefile.Failed, nil
}

func (r *run) lose(ctx context.Context, s casefile.Step, lost []casefile.Loss) error {
	body := casefile.LossBody{Run: r.n, Lost: lost}
	_, err := r.append(ctx, casefile.Draft{Kind: casefile.EntryLoss, Plan: r.hash, Step: s.N, Body: body}, nil)
	return err
}
