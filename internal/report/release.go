package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"

	"cordon/internal/casefile"
)

// released says what the releases of the case did with each change, in the order of the plans and their steps.
// Before any release there is nothing to say: what stands is in the steps.
func (b *builder) released(r *Report, p casefile.Progress) error {
	any := false
	for _, a := range r.Approvals {
		if a.Kind != casefile.PlanRelease {
			continue
		}
		any = true
		plan, err := b.plan(a.Plan)
		if err != nil {
			return err
		}
		if a.Plan == p.Release {
			r.Warnings = append(r.Warnings, plan.Warnings...)
		}
	}
	if !any {
		return nil
	}
	order := map[string]int{}
	for i, a := range r.Approvals {
		order[a.Plan] = i
	}
	for k, l := range b.logs {
		for _, of := range l.Runs() {
			if o, ok := b.outcomeOf(k, of, p.Release != ""); ok {
				r.Release = append(r.Release, o)
			}
		}
	}
	slices.SortFunc(r.Release, func(x, y Outcome) int {
		return cmp.Or(cmp.Compare(order[x.Plan], order[y.Plan]), cmp.Compare(x.Step, y.Step), cmp.Compare(x.Seq, y.Seq))
	})
	return nil
}

func (b *builder) outcomeOf(k casefile.StepKey, l casefile.StepLog, current bool) (Outcome, bool) {
	if l.Intent == nil {
		return Outcome{}, false
	}
	last := b.lastOf[callKey{k, l.Run}]
	o := Outcome{Plan: k.Plan, Step: k.Step, Action: l.Intent.Action, Target: l.Intent.Target}
	switch {
	case last.undoOpen():
		o.What, o.Seq = UndoOpen, last.undo
	case l.Undone != nil && !l.Stands:
		o.What, o.Partly, o.Seq = whatUndone(*l.Undone, l.Intent.Before), l.Undone.Partly, last.undone
	case l.Left:
		o.What, o.Seq = LeftAsIs, last.skip
		if l.Skipped != nil {
			o.Reason = l.Skipped.Reason
		}
	case l.Drifted != nil:
		o.What, o.Reason, o.Seq = LeftDrifted, l.Drifted.Reason, last.drift
	case l.Stands && current:
		o.What = Stands
	default:
		return Outcome{}, false
	}
	if o.Seq > 0 {
		o.Time = stamp(b.entries[o.Seq-1].Time)
	}
	return o, true
}

// whatUndone compares what was read back with what was there before: the journal says that it is back only
// where the two are the same.
func whatUndone(u casefile.UndoneBody, before json.RawMessage) string {
	seen := known(u.Observed)
	switch {
	case seen == nil && !u.Sent:
		return Kept
	case seen == nil || !sameJSON(seen, before):
		return PutDiffers
	case u.Sent:
		return PutBack
	}
	return WasBack
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	if json.Compact(&x, a) != nil || json.Compact(&y, b) != nil {
		return false
	}
	return bytes.Equal(x.Bytes(), y.Bytes())
}
