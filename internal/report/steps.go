package report

import (
	"encoding/json"
	"slices"

	"cordon/internal/casefile"
)

// lastSeqs are the last entries of each kind about one step: the order of an undo and an outcome decides what
// may be claimed.
type lastSeqs struct{ intent, done, failed, skip, drift, undo, undone int }

func (b *builder) note() {
	for _, e := range b.entries {
		if e.Step == 0 {
			continue
		}
		k := casefile.StepKey{Plan: e.Plan, Step: e.Step}
		b.last[k] = b.last[k].with(e)
		var of struct{ Run int }
		if json.Unmarshal(e.Body, &of) == nil {
			b.lastOf[callKey{k, of.Run}] = b.lastOf[callKey{k, of.Run}].with(e)
		}
	}
}

func (l lastSeqs) with(e casefile.Entry) lastSeqs {
	switch e.Kind {
	case casefile.EntryIntent:
		l.intent = e.Seq
	case casefile.EntryDone:
		l.done = e.Seq
	case casefile.EntryFailed:
		l.failed = e.Seq
	case casefile.EntrySkip:
		l.skip = e.Seq
	case casefile.EntryDrift:
		l.drift = e.Seq
	case casefile.EntryUndo:
		l.undo = e.Seq
	case casefile.EntryUndone:
		l.undone = e.Seq
	}
	return l
}

// undoOpen tells that an undo was begun after all that is known of the step: it may have reached the account.
func (l lastSeqs) undoOpen() bool {
	return l.undo > max(l.intent, l.done, l.skip, l.drift, l.undone)
}

// outcome is the entry that a step's state rests on.
func (l lastSeqs) outcome() int { return max(l.done, l.failed, l.skip, l.drift, l.undone) }

// steps fills in the current plan's steps and those of the plans approved before it.
func (b *builder) steps(r *Report, p casefile.Progress) error {
	for _, a := range r.Approvals {
		if a.Kind != casefile.PlanContain || a.Plan == r.Plan {
			continue
		}
		at := slices.IndexFunc(r.Earlier, func(e EarlierPlan) bool { return e.Plan == a.Plan })
		if at < 0 {
			at = len(r.Earlier)
			r.Earlier = append(r.Earlier, EarlierPlan{Plan: a.Plan})
		}
		r.Earlier[at].Run, r.Earlier[at].Standing = a.Run, Before
	}
	for i := range r.Earlier {
		r.Earlier[i].stands(p)
	}
	for i, e := range r.Earlier {
		plan, err := b.plan(e.Plan)
		if err != nil {
			return err
		}
		if e.Standing == InForce {
			r.joins(plan)
		}
		known := p.StepsOf(e.Plan)
		for n, s := range plan.Steps {
			status := b.earlierStatus(e.Plan, s)
			if known != nil {
				status = known[n]
			}
			r.Earlier[i].Steps = append(r.Earlier[i].Steps, b.step(e.Plan, e.Run, s, status))
		}
	}
	if r.Plan == "" {
		return nil
	}
	plan, err := b.plan(r.Plan)
	if err != nil {
		return err
	}
	for i, s := range plan.Steps {
		r.Steps = append(r.Steps, b.step(r.Plan, r.Run, s, p.Steps[i]))
	}
	r.isolation()
	return nil
}

// joins adds what is told of the case as a whole from a plan that is in force beside the current one.
func (r *Report) joins(plan casefile.Plan) {
	subjects := plan.Subjects
	if len(subjects) == 0 {
		subjects = []casefile.Subject{plan.Subject}
	}
	r.Subjects = once(append(slices.Clone(subjects), r.Subjects...))
	r.Warnings = once(append(slices.Clone(plan.Warnings), r.Warnings...))
	r.Unanswered = slices.DeleteFunc(once(append(slices.Clone(plan.Unanswered), r.Unanswered...)), func(s casefile.Subject) bool {
		return slices.ContainsFunc(r.Subjects, func(x casefile.Subject) bool { return x.Kind == s.Kind && x.ID == s.ID && x.Account == s.Account })
	})
	if r.Management == "" {
		r.Management = plan.Management
	}
}

func once[T comparable](all []T) []T {
	seen := map[T]bool{}
	return slices.DeleteFunc(all, func(x T) bool {
		twice := seen[x]
		seen[x] = true
		return twice
	})
}

// stands says what the plan is beside the one approved last.
func (e *EarlierPlan) stands(p casefile.Progress) {
	for _, x := range p.Earlier {
		if x.Plan != e.Plan {
			continue
		}
		e.Standing, e.dropped = InForce, map[int]bool{}
		if x.Superseded {
			e.Standing = Superseded
		}
		for _, s := range x.Dropped {
			e.dropped[s.N] = true
		}
	}
}

// earlierStatus is where a step of a plan from before an earlier release stands, of which Progress says nothing.
func (b *builder) earlierStatus(plan string, s casefile.Step) casefile.StepStatus {
	st := casefile.StepStatus{N: s.N, Action: s.Action, Phase: s.Phase, Target: s.Target, Name: s.Called(), State: casefile.Todo}
	l := b.logs[casefile.StepKey{Plan: plan, Step: s.N}]
	if l == nil {
		return st
	}
	st.Started, st.Ended = stamp(l.Started), stamp(l.Ended)
	switch {
	case l.Undone != nil && !l.Stands:
		st.State, st.Undone, st.Partly = casefile.Undone, stamp(l.Ended), l.Undone.Partly
	case l.Drifted != nil:
		st.State, st.Error = casefile.Drift, l.Drifted.Reason
	case l.Skipped != nil:
		st.State, st.Error = casefile.Skipped, l.Skipped.Reason
	case l.Failed != nil:
		st.State, st.Error = casefile.Failed, l.Failed.Error
	case l.Done != nil:
		st.State = casefile.Done
	default:
		st.State = casefile.Waiting
	}
	return st
}

func (b *builder) step(plan string, run int, s casefile.Step, st casefile.StepStatus) Step {
	out := Step{
		StepStatus: st, Summary: s.Summary, Change: s.Change, Impact: s.Impact, Irreversible: s.Irreversible,
		AccountWide: s.AccountWide, Params: s.Params, Isolates: s.Isolates, Proof: NotProved, partly: s.Partly,
	}
	k := casefile.StepKey{Plan: plan, Step: s.N}
	l := b.logs[k]
	if l == nil || l.Run < run {
		return out
	}
	by := l.Change()
	if by.Intent != nil {
		out.OpID, out.Before = by.Intent.OpID, known(by.Intent.Before)
	}
	if l.Done != nil {
		out.Sent, out.After = l.Done.Sent || by.Run < l.Run, known(l.Done.After)
	}
	if l.Failed != nil {
		out.Observed = known(l.Failed.Observed)
	}
	if l.Drifted != nil {
		out.Observed = known(l.Drifted.Observed)
	}
	for _, c := range b.calls[callKey{k, l.Run}] {
		if c.RequestID != "" {
			out.RequestIDs = append(out.RequestIDs, c.RequestID)
		}
	}
	out.undoOpen = b.last[k].undoOpen()
	out.Proof = proofOf(out, l)
	if out.After != nil {
		out.ProvedAt = stamp(l.DoneAt)
	}
	switch {
	case l.Left:
		out.Released = LeftAsIs
	case st.State == casefile.Undone:
		out.Released = whatUndone(*l.Undone, out.Before)
	}
	return out
}

// known takes the JSON null for what it says: nothing was seen.
func known(m json.RawMessage) json.RawMessage {
	if string(m) == "null" {
		return nil
	}
	return m
}

func proofOf(s Step, l *casefile.StepLog) Proof {
	settled := s.State == casefile.Done || s.State == casefile.Undone
	switch {
	case !settled || s.undoOpen || l.Done == nil:
		return NotProved
	case s.After != nil:
		return ReadBack
	case l.Intent == nil && !l.Done.Sent:
		return Gathered
	}
	return NotProved
}

// released tells that the step's effect is gone, or may be: a release put it back, or began to.
func (s Step) released() bool {
	return s.undoOpen || s.State == casefile.Undone && s.Released != Kept
}

// inForce are the steps of all plans that the case goes by.
func (r Report) inForce() []Step {
	var all []Step
	for _, e := range r.Earlier {
		if e.Standing == InForce {
			all = append(all, e.Steps...)
		}
	}
	return append(all, r.Steps...)
}

// isolation counts only what was read back and stands.
func (r *Report) isolation() {
	for _, s := range r.inForce() {
		if !s.Isolates {
			continue
		}
		r.Isolation.Steps++
		switch {
		case s.released():
			r.Isolation.Ended = true
		case s.Proof == ReadBack:
			r.Isolation.Proved++
			r.Isolation.Since = max(r.Isolation.Since, s.ProvedAt) // stamps are of one length, so their order is that of time
		case s.State == casefile.Done:
			r.IsolatedAfterMS = nil
		}
	}
	r.Isolation.Isolated = r.Isolation.Steps > 0 && r.Isolation.Proved == r.Isolation.Steps
	if !r.Isolation.Isolated {
		r.Isolation.Since = ""
	}
}
