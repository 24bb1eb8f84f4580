package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// basket is the Sink of one gathering step. Bytes are durable at once; the entry that names them is written
// when the step ends, so that forty artifacts cost one place in the journal.
type basket struct {
	ctx    context.Context
	c      *casefile.Case
	target casefile.Target

	mu    sync.Mutex
	had   map[string]bool
	items []casefile.Artifact
	lost  []casefile.Loss
}

func (b *basket) Artifact(name, source string, data []byte) error {
	sha, err := b.c.PutEvidence(b.ctx, data)
	if err != nil {
		return fmt.Errorf("keep %s: %w", name, err)
	}
	b.add(casefile.Artifact{Name: name, Source: source, Target: b.target, SHA256: sha, Size: int64(len(data))})
	return nil
}

func (b *basket) Durable(name, source, id, state, lock string) error {
	b.add(casefile.Artifact{Name: name, Source: source, Target: b.target, ID: id, State: state, Lock: lock})
	return nil
}

func (b *basket) Loss(name, source, reason string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.had[name] {
		b.had[name] = true
		b.lost = append(b.lost, casefile.Loss{Name: name, Source: source, Target: b.target, Reason: reason})
	}
	return nil
}

func (b *basket) add(a casefile.Artifact) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.had[a.Name] {
		b.had[a.Name] = true
		b.items = append(b.items, a)
	}
}

// collect runs a gathering step until it has all, or its deadline is over.
func (r *run) collect(ctx context.Context, s casefile.Step, a action.Action) (casefile.StepState, error) {
	rec := &action.Recorder{}
	b := &basket{ctx: ctx, c: r.Case, target: s.Target, had: map[string]bool{}}
	t := action.Target{Target: s.Target, Case: r.Case.Meta.ID, Params: s.Params, Needs: r.needs(s)}
	deadline := r.began.Add(time.Duration(s.DeadlineS) * time.Second)
	for i := 0; ; i++ {
		err := r.evidence.enter(ctx, s.N)
		if err == nil {
			err = a.Collect(action.Allow(ctx, a.Reads, nil, rec), r.AWS.In(s.Target.Region), t, b)
			r.evidence.leave()
		}
		if ctx.Err() != nil {
			return casefile.Waiting, ctx.Err()
		}
		if loggedOut(err) {
			return casefile.Waiting, fmt.Errorf("the credentials have ended: log in and run %s: %w", r.next("resume"), err)
		}
		late := s.DeadlineS > 0 && !r.now().Before(deadline)
		if err == nil || late || !errors.Is(err, action.ErrWaiting) && i >= 5 {
			return r.keep(ctx, s, b, rec, err)
		}
		if errors.Is(err, action.ErrWaiting) && !r.goOn(ctx, backoff(i+2)) {
			return casefile.Waiting, nil
		}
		if !errors.Is(err, action.ErrWaiting) {
			if err := r.sleep(ctx, backoff(i)); err != nil {
				return casefile.Waiting, err
			}
		}
	}
}

// goOn waits for slow evidence: always while containment is under way, and after it only where asked to.
func (r *run) goOn(ctx context.Context, d time.Duration) bool {
	if !r.Wait {
		select {
		case <-r.cut:
			return false
		default:
		}
	}
	return r.sleep(ctx, d) == nil
}

// keep writes what was had and what was lost, then the step's end.
func (r *run) keep(ctx context.Context, s casefile.Step, b *basket, rec *action.Recorder, cause error) (casefile.StepState, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if cause != nil {
		b.lost = append(b.lost, casefile.Loss{Name: s.Action, Source: s.Target.ID, Target: s.Target, Reason: "given up: " + cause.Error(), Whole: true})
	}
	if len(b.items) > 0 {
		body := casefile.EvidenceBody{Run: r.n, Items: b.items, Calls: rec.Calls()}
		if _, err := r.append(ctx, casefile.Draft{Kind: casefile.EntryEvidence, Plan: r.hash, Step: s.N, Body: body}, nil); err != nil {
			return casefile.Failed, err
		}
	}
	if len(b.lost) > 0 {
		if err := r.lose(ctx, s, b.lost); err != nil {
			return casefile.Failed, err
		}
	}
	if cause != nil {
		body := casefile.FailedBody{Run: r.n, Error: cause.Error(), Calls: rec.Calls()}
		_, err := r.append(ctx, casefile.Draft{Kind: casefile.EntryFailed, Plan: r.hash, Step: s.N, Body: body}, nil)
		return casefile.Failed, err
	}
	body := casefile.DoneBody{Run: r.n}
	_, err := r.append(ctx, casefile.Draft{Kind: casefile.EntryDone, Plan: r.hash, Step: s.N, Body: body}, nil)
	return casefile.Done, err
}
