package report

import (
	"encoding/json"
	"strings"
	"testing"

	"cordon/internal/casefile"
)

// TestAppliedAgainIsToldOfBothRuns: a second run of a plan that finds the first one's change in place did not find it by
// chance, and what a release puts back is told of that step and of that change.
func TestAppliedAgainIsToldOfBothRuns(t *testing.T) {
	s := newStory(t, testCase, false)
	p := testPlan(false)
	p.Steps = p.Steps[1:2]
	p.Steps[0].N, p.Steps[0].Phase = 1, casefile.Contain
	of := p.Steps[0].Target
	const before, after = `{"protected":false}`, `{"protected":true}`
	s.approve(p, 1)
	s.intent(1, of, p.Steps[0].Action, before)
	s.done(1, after)
	s.approve(p, 2)
	s.write(casefile.EntryDone, 1, casefile.DoneBody{Run: 2, After: json.RawMessage(after)})
	r := s.report()
	if x := r.Steps[0]; x.State != casefile.Done || !x.Sent || string(x.Before) != before {
		t.Errorf("applied again: %s, sent: %t, before: %s", x.State, x.Sent, x.Before)
	}
	for _, c := range r.Proved {
		if strings.Contains(c.Text, "sent no change") {
			t.Errorf("it claims that %q", c.Text)
		}
	}
	release := p
	release.Kind, release.Steps = casefile.PlanRelease, nil
	hash := s.approve(release, 1)
	s.write(casefile.EntryUndo, 1, casefile.UndoBody{Run: 1, Release: hash, Expected: json.RawMessage(after), Before: json.RawMessage(before)})
	s.write(casefile.EntryUndone, 1, casefile.UndoneBody{Run: 1, Release: hash, Sent: true, Observed: json.RawMessage(before)})
	r = s.report()
	if x := r.Steps[0]; r.State != casefile.Released || x.State != casefile.Undone || x.Released != PutBack {
		t.Errorf("released: the case is %s, the step %s, %q", r.State, x.State, x.Released)
	}
	if len(r.Release) != 1 || r.Release[0].What != PutBack || r.Release[0].Seq == 0 {
		t.Errorf("what the release did: %+v", r.Release)
	}
}
