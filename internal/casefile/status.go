package casefile

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Progress is where a case stands, derived from its journal alone.
type Progress struct {
	Case        string
	Simulated   bool
	Account     string
	State       CaseState
	Subject     Subject
	ContainedMS *int64 // from approval to the read-back of the last containment step; nil until then
	IsolatedMS  *int64 // the same for the steps that isolate; nil until then or where there are none
	Head        Head
	Plan        string // the containment plan approved last, "" before the first approval
	Release     string // the release plan approved last, after Plan's approval
	Run         int
	ApprovedAt  time.Time
	Steps       []StepStatus
	Evidence    []Artifact
	Loss        []Loss
	Survives    []string
	NotCaptured []string
	Changes     []Change // what cordon changed and nobody has put back, in the order it was done
}

// StepStatus is where a step of the current plan stands.
type StepStatus struct {
	N       int       `json:"n"`
	Action  string    `json:"action"`
	Phase   Phase     `json:"phase"`
	Target  Target    `json:"target"`
	State   StepState `json:"state"`
	Started string    `json:"started,omitempty"`
	Ended   string    `json:"ended,omitempty"`
	Error   string    `json:"error,omitempty"`
	Undone  string    `json:"undone,omitempty"` // when release put it back
	Partly  string    `json:"partly,omitempty"` // what release did not put back whole, and why

	doneAt time.Time
}

// Change is one change that stands: an intent that was neither undone nor left by decision.
type Change struct {
	Plan    string
	Step    int
	Intent  IntentBody
	After   json.RawMessage // as read back; nil where the outcome was never recorded
	Undoing bool            // an undo was begun and its end never recorded
}

// StepLog is everything the journal holds about one step in its latest run.
type StepLog struct {
	Run      int
	Intent   *IntentBody
	Writer   string // nonce of the process that wrote the intent
	IntentAt time.Time
	Done     *DoneBody
	Failed   *FailedBody
	Skipped  *SkipBody
	Drifted  *DriftBody
	Undoing  *UndoBody
	Undone   *UndoneBody
	Left     bool // a person decided to leave the change as it is
	Started  time.Time
	Ended    time.Time
	DoneAt   time.Time // of the read-back that proved it, kept through a release
	Stands   bool      // the change is in the account as far as the journal knows
	order    int
}

// StepKey names a step within a case.
type StepKey struct {
	Plan string
	Step int
}

// Logs folds the journal into one log a step.
func Logs(entries []Entry) (map[StepKey]*StepLog, error) {
	logs := map[StepKey]*StepLog{}
	for _, e := range entries {
		if e.Step == 0 {
			continue
		}
		key := StepKey{e.Plan, e.Step}
		l, ok := logs[key]
		if !ok {
			l = &StepLog{}
			logs[key] = l
		}
		if err := l.add(e); err != nil {
			return nil, fmt.Errorf("read entry %d: %w", e.Seq, err)
		}
	}
	return logs, nil
}

// add folds one entry in. An outcome that comes after an undo says that the change reached the account after
// all: it stands again.
func (l *StepLog) add(e Entry) error {
	switch e.Kind {
	case EntryIntent:
		var b IntentBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		l.begin(b.Run, e)
		l.Intent, l.Writer, l.IntentAt, l.Stands = &b, e.By.Nonce, e.Time, true
		l.Done, l.Failed, l.Skipped, l.Drifted, l.Undoing, l.Undone, l.Left = nil, nil, nil, nil, nil, nil, false
		l.order, l.Ended = e.Seq, time.Time{}
	case EntryDone:
		var b DoneBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		l.begin(b.Run, e)
		l.Done, l.Failed, l.Skipped, l.Drifted, l.Ended, l.DoneAt = &b, nil, nil, nil, e.Time, e.Time
		if l.Intent != nil && b.Sent {
			l.Stands, l.Undone, l.Undoing = true, nil, nil
		}
	case EntryFailed:
		var b FailedBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		l.begin(b.Run, e)
		l.Failed, l.Ended = &b, e.Time
	case EntrySkip:
		var b SkipBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return err
		}
		l.begin(b.Run, e)
		l.Skipped, l.Ended = &b, e.Time
		if b.Left {
			l.Left, l.Stands = true, false
		}
	case EntryDrift:
		l.Drifted = &DriftBody{}
		l.Ended = e.Time
		return json.Unmarshal(e.Body, l.Drifted)
	case EntryUndo:
		l.Undoing = &UndoBody{}
		return json.Unmarshal(e.Body, l.Undoing)
	case EntryUndone:
		l.Undone, l.Drifted, l.Stands, l.Ended = &UndoneBody{}, nil, false, e.Time
		return json.Unmarshal(e.Body, l.Undone)
	case EntryEvidence, EntryLoss:
		if l.Started.IsZero() {
			l.Started = e.Time
		}
	}
	return nil
}

func (l *StepLog) begin(run int, e Entry) {
	if run > l.Run {
		*l = StepLog{Run: run}
	}
	if l.Started.IsZero() {
		l.Started = e.Time
	}
}

// Progress derives where the case stands.
func (c *Case) Progress(ctx context.Context) (Progress, error) {
	entries := c.Entries()
	p := Progress{Case: c.Meta.ID, Simulated: c.Meta.Simulated, State: Open, Head: c.Head()}
	logs, err := Logs(entries)
	if err != nil {
		return p, err
	}
	if err := p.approvals(entries); err != nil {
		return p, err
	}
	if err := p.gathered(entries); err != nil {
		return p, err
	}
	p.Changes = standing(logs)
	if p.Plan == "" {
		return p, nil
	}
	plan, _, err := c.ReadPlan(ctx, p.Plan)
	if err != nil {
		return p, fmt.Errorf("read the approved plan: %w", err)
	}
	p.Account, p.Subject, p.Survives, p.NotCaptured = plan.Account, plan.Subject, plan.Survives, plan.NotCaptured
	for _, s := range plan.Steps {
		p.Steps = append(p.Steps, stepStatus(s, logs[StepKey{p.Plan, s.N}], p.Run))
	}
	p.times(plan)
	p.State = p.state()
	return p, nil
}

// approvals finds the plans approved last.
func (p *Progress) approvals(entries []Entry) error {
	for _, e := range entries {
		if e.Kind != EntryApprove {
			continue
		}
		var b ApproveBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return fmt.Errorf("read entry %d: %w", e.Seq, err)
		}
		if b.Kind == PlanRelease {
			p.Release = b.Plan
			continue
		}
		p.Plan, p.Run, p.ApprovedAt, p.Release = b.Plan, b.Run, e.Time, ""
	}
	return nil
}

// gathered lists the evidence and the loss ledger. A loss that a later attempt made good is no loss.
func (p *Progress) gathered(entries []Entry) error {
	type piece struct{ name, target string }
	had := map[piece]int{}
	lost := map[piece]Loss{}
	lostAt := map[piece]int{}
	var order []piece
	whole := map[StepKey][]piece{}
	for _, e := range entries {
		switch e.Kind {
		case EntryDone:
			for _, k := range whole[StepKey{e.Plan, e.Step}] {
				had[k] = e.Seq
			}
		case EntryEvidence:
			var b EvidenceBody
			if err := json.Unmarshal(e.Body, &b); err != nil {
				return fmt.Errorf("read entry %d: %w", e.Seq, err)
			}
			for _, a := range b.Items {
				p.Evidence = append(p.Evidence, a)
				had[piece{a.Name, a.Target.ID}] = e.Seq
			}
		case EntryLoss:
			var b LossBody
			if err := json.Unmarshal(e.Body, &b); err != nil {
				return fmt.Errorf("read entry %d: %w", e.Seq, err)
			}
			for _, l := range b.Lost {
				k := piece{l.Name, l.Target.ID}
				if _, known := lost[k]; !known {
					order = append(order, k)
				}
				lost[k], lostAt[k] = l, e.Seq
				if l.Whole {
					key := StepKey{e.Plan, e.Step}
					whole[key] = append(whole[key], k)
				}
			}
		}
	}
	for _, k := range order {
		if had[k] <= lostAt[k] {
			p.Loss = append(p.Loss, lost[k])
		}
	}
	return nil
}

func standing(logs map[StepKey]*StepLog) []Change {
	var changes []Change
	order := map[StepKey]int{}
	for k, l := range logs {
		if l.Intent == nil || !l.Stands {
			continue
		}
		ch := Change{Plan: k.Plan, Step: k.Step, Intent: *l.Intent, Undoing: l.Undoing != nil}
		if l.Done != nil {
			ch.After = l.Done.After
		}
		changes = append(changes, ch)
		order[k] = l.order
	}
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Compare(order[StepKey{a.Plan, a.Step}], order[StepKey{b.Plan, b.Step}])
	})
	return changes
}

func stepStatus(s Step, l *StepLog, run int) StepStatus {
	st := StepStatus{N: s.N, Action: s.Action, Phase: s.Phase, Target: s.Target, State: Todo}
	if l == nil || l.Run < run {
		return st
	}
	st.Started, st.Ended, st.doneAt = stamp(l.Started), stamp(l.Ended), l.DoneAt
	switch {
	case l.Undone != nil && l.Undone.Kept != "":
		st.State, st.Partly = Done, l.Undone.Kept
	case l.Undone != nil && !l.Stands:
		st.State, st.Undone, st.Partly = Undone, stamp(l.Ended), l.Undone.Partly
	case l.Undoing != nil && l.Undone == nil && l.Drifted == nil && !l.Left:
		st.State = Waiting // being put back: neither in place nor gone is proved
	case l.Drifted != nil:
		st.State, st.Error = Drift, l.Drifted.Reason
	case l.Skipped != nil:
		st.State, st.Error = Skipped, l.Skipped.Reason
	case l.Failed != nil:
		st.State, st.Error = Failed, l.Failed.Error
	case l.Done != nil:
		st.State = Done
	case l.Intent != nil || !l.Started.IsZero():
		st.State = Waiting
	}
	return st
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// times measures from approval to the last read-back, where all of them are there.
func (p *Progress) times(plan Plan) {
	p.ContainedMS = p.since(plan, func(s Step) bool { return s.Phase == Contain })
	p.IsolatedMS = p.since(plan, func(s Step) bool { return s.Isolates })
}

func (p *Progress) since(plan Plan, counts func(Step) bool) *int64 {
	var last time.Time
	any := false
	for i, s := range plan.Steps {
		if !counts(s) {
			continue
		}
		any = true
		st := p.Steps[i].State
		if st != Done && st != Undone {
			return nil
		}
		if at := p.Steps[i].doneAt; at.After(last) {
			last = at
		}
	}
	if !any || last.IsZero() {
		return nil
	}
	ms := last.Sub(p.ApprovedAt).Milliseconds()
	return &ms
}

func (p *Progress) state() CaseState {
	if p.Release != "" {
		if len(p.Changes) == 0 {
			return Released
		}
		return Partial
	}
	contained := true
	for _, s := range p.Steps {
		if s.Phase != Contain || s.State == Done {
			continue
		}
		contained = false
		if s.State == Failed || s.State == Drift || s.State == Skipped {
			return Partial
		}
	}
	if contained {
		return Contained
	}
	return Open
}
