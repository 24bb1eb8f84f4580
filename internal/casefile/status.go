package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Progress is where a case stands, derived from its journal alone.
type Progress struct {
	Case         string
	Simulated    bool
	Account      string
	Region       string // that the plan was made in
	State        CaseState
	Subject      Subject
	Subjects     []Subject // that the plan approved last is about, Subject among them
	ContainedMS  *int64    // from approval to the read-back of the last containment step; nil until then
	IsolatedMS   *int64    // the same for the steps that isolate; nil until then or where there are none
	NotContained string    // whom a plan in force does not stop however well it goes; "" where each stops everybody, or there is none
	Head         Head
	Plan         string // the containment plan approved last, "" before the first approval
	Release      string // the release plan approved last, after Plan's approval
	Run          int
	ApprovedAt   time.Time
	Steps        []StepStatus
	Earlier      []EarlierPlan // approved before Plan and not released before it, oldest first
	Evidence     []Artifact
	Loss         []Loss
	Survives     []string
	NotCaptured  []string
	Changes      []Change // what cordon changed and nobody has put back, in the order it was done
}

// EarlierPlan is a plan of the case that stands beside the one approved last, unless that or another after it
// supersedes it.
type EarlierPlan struct {
	Approval
	Subjects   []Subject
	Superseded bool // a later plan is about all that this one is about: nobody goes on with it
	Steps      []StepStatus
	Dropped    []StepStatus // of a superseded plan: what is not done and no later plan does instead

	plan Plan
}

// StepStatus is where a step of a plan stands.
type StepStatus struct {
	Plan    string    `json:"plan,omitempty"` // where the case goes by several
	N       int       `json:"n"`
	Action  string    `json:"action"`
	Phase   Phase     `json:"phase"`
	Target  Target    `json:"target"`
	Name    string    `json:"name,omitempty"` // of the target, where its id says nothing
	State   StepState `json:"state"`
	Started string    `json:"started,omitempty"`
	Ended   string    `json:"ended,omitempty"`
	Error   string    `json:"error,omitempty"`
	Undone  string    `json:"undone,omitempty"` // when release put it back
	Partly  string    `json:"partly,omitempty"` // what release did not put back whole, and why
	Left    bool      `json:"left,omitempty"`   // skipped in this sense: a person decided to leave the change as it is

	doneAt time.Time
}

// Change is one change that stands: an intent that was neither undone nor left by decision.
type Change struct {
	Plan    string
	Step    int
	Intent  IntentBody
	After   json.RawMessage // as read back; nil where the outcome was never recorded
	Undoing bool            // an undo was begun and its end never recorded

	order int // of its intent in the journal
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
	earlier  []StepLog // of the runs before it, oldest first: what they changed may stand
}

// StepKey names a step within a case.
type StepKey struct {
	Plan string
	Step int
}

// Logs folds the journal into one log a step.
func Logs(entries []Entry) (map[StepKey]*StepLog, error) {
	logs := stepLogs{}
	for _, e := range entries {
		if err := logs.add(e); err != nil {
			return nil, err
		}
	}
	return logs, nil
}

// add folds one entry in: into the run that it is of. Where a later run found the change of an earlier one in place, what
// a release does with that is what becomes of the step.
func (l *StepLog) add(e Entry) error {
	var of struct {
		Run  int
		Left bool
	}
	if err := json.Unmarshal(e.Body, &of); err != nil {
		return err
	}
	at := slices.IndexFunc(l.earlier, func(x StepLog) bool { return x.Run == of.Run })
	if at < 0 || of.Run == l.Run {
		return l.addOwn(e)
	}
	l.earlier = slices.Clone(l.earlier)
	if err := l.earlier[at].addOwn(e); err != nil || l.Intent != nil || !of.Left && !puttingBack(e.Kind) {
		return err
	}
	return l.addOwn(e)
}

func puttingBack(k EntryKind) bool { return k == EntryUndo || k == EntryUndone || k == EntryDrift }

// addOwn folds an entry of this run in. An outcome that comes after an undo says that the change reached the account
// after all: it stands again.
func (l *StepLog) addOwn(e Entry) error {
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

// begin starts the log of a run. What the run before it changed stands beside it, with what was there before.
func (l *StepLog) begin(run int, e Entry) {
	if run > l.Run {
		before, last := l.earlier, *l
		if last.earlier = nil; last.Run > 0 {
			before = append(slices.Clip(before), last)
		}
		*l = StepLog{Run: run, earlier: before}
	}
	if l.Started.IsZero() {
		l.Started = e.Time
	}
}

// Of is the log of one run, empty where the journal holds nothing of it.
func (l StepLog) Of(run int) StepLog {
	if l.Run == run {
		return l
	}
	if at := slices.IndexFunc(l.earlier, func(x StepLog) bool { return x.Run == run }); at >= 0 {
		return l.earlier[at]
	}
	return StepLog{}
}

// Change is the run that made the change which the log tells of: its own, or, where it found things done already, the
// last one before it whose change stood at that time. Its Intent is nil where there is none.
func (l StepLog) Change() StepLog {
	for _, x := range slices.Backward(l.earlier) {
		if l.Intent == nil && l.Done != nil && x.Intent != nil && (x.Stands || x.Ended.After(l.DoneAt)) {
			return x
		}
	}
	return l
}

// Runs are the logs of all runs, oldest first.
func (l StepLog) Runs() []StepLog {
	return append(slices.Clip(l.earlier), l)
}

// Progress derives where the case stands, at one moment: all in it is of the head that it names.
func (c *Case) Progress(ctx context.Context) (Progress, error) {
	p, logs, err := c.folded()
	if err != nil || p.Plan == "" {
		return p, err
	}
	plan, err := c.Plan(ctx, p.Plan)
	if err != nil {
		return p, fmt.Errorf("read the approved plan: %w", err)
	}
	p.Account, p.Region, p.Subject, p.Subjects = plan.Account, plan.Region, plan.Subject, plan.about()
	p.Steps = statuses(plan, logs, Approval{Plan: p.Plan, Run: p.Run})
	if err := c.weighEarlier(ctx, &p, plan); err != nil {
		return p, err
	}
	for i := range p.Earlier {
		x := &p.Earlier[i]
		x.Subjects, x.Steps = x.plan.about(), statuses(x.plan, logs, x.Approval)
	}
	p.drop(plan)
	p.gather(plan)
	p.State = p.state()
	return p, nil
}

func statuses(plan Plan, logs map[StepKey]*StepLog, a Approval) []StepStatus {
	steps := make([]StepStatus, 0, len(plan.Steps))
	for _, s := range plan.Steps {
		steps = append(steps, stepStatus(s, logs[StepKey{a.Plan, s.N}], a.Run))
	}
	return steps
}

func stepStatus(s Step, l *StepLog, run int) StepStatus {
	st := StepStatus{N: s.N, Action: s.Action, Phase: s.Phase, Target: s.Target, Name: s.Called(), State: Todo}
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
		st.State, st.Error, st.Left = Skipped, l.Skipped.Reason, l.Left
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

func (p *Progress) state() CaseState {
	if p.Release != "" {
		if len(p.Changes) == 0 {
			return Released
		}
		return Partial
	}
	contained := p.NotContained == ""
	for _, s := range p.All() {
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
