package report

import (
	"fmt"
	"slices"

	"cordon/internal/casefile"
)

// claims says, step by step, what the journal proves and what it does not.
func (b *builder) claims(r *Report) {
	had := map[casefile.StepKey]int{}
	for _, e := range r.Evidence {
		had[casefile.StepKey{Plan: e.Plan, Step: e.Step}]++
	}
	for _, e := range r.Earlier {
		if e.Standing == InForce {
			b.claim(r, e.Plan, e.Steps, had, fmt.Sprintf(" (plan %.12s)", e.Plan))
		}
	}
	b.claim(r, r.Plan, r.Steps, had, "")
	for _, e := range r.Earlier {
		if e.Standing != InForce {
			b.claimLeft(r, e)
		}
	}
	r.unfinished()
	r.signed()
	b.clocks(r)
}

// claim says it of each step of one plan in force.
func (b *builder) claim(r *Report, plan string, steps []Step, had map[casefile.StepKey]int, of string) {
	for i, s := range steps {
		k := casefile.StepKey{Plan: plan, Step: s.N}
		text, proved := claimOf(s, had[k], saying{what: what(s) + of, proved: at(s.ProvedAt), undone: at(s.Undone)})
		c := Claim{Plan: plan, Step: s.N, Seq: b.last[k].outcome(), Text: text, about: &steps[i], artifacts: had[k]}
		if s.State == casefile.Todo {
			c.Seq = 0
		}
		if proved {
			r.Proved = append(r.Proved, c)
			continue
		}
		r.NotProved = append(r.NotProved, c)
	}
}

// claimLeft says what a plan that nobody goes by any more has left: changes that stand, and what was never done.
func (b *builder) claimLeft(r *Report, e EarlierPlan) {
	for _, s := range e.Steps {
		k := casefile.StepKey{Plan: e.Plan, Step: s.N}
		text := ""
		if e.dropped[s.N] {
			text = fmt.Sprintf("%s of an earlier plan is not done (%s), and the plan made later for the same subject does not do it.", what(s), s.State)
		}
		if l := b.logs[k]; l != nil && slices.ContainsFunc(l.Runs(), func(x casefile.StepLog) bool { return x.Intent != nil && x.Stands }) {
			text = fmt.Sprintf("%s of an earlier plan has not been put back: %s.", what(s), s.State)
		}
		if text != "" {
			r.NotProved = append(r.NotProved, Claim{Plan: e.Plan, Step: s.N, Seq: b.last[k].outcome(), Text: text})
		}
	}
}

func what(s Step) string { return fmt.Sprintf("%s on %s %s", s.Action, s.Target.Kind, s.On()) }

// saying is how a claim names its step and the times of it: one step by its target, or many that are alike.
type saying struct{ what, proved, undone string }

func at(stamp string) string {
	if stamp == "" {
		return ""
	}
	return "at " + utc(stamp)
}

func claimOf(s Step, artifacts int, say saying) (text string, proved bool) {
	text, proved = claimText(s, artifacts, say)
	if !proved && s.ProvedAt != "" {
		text = fmt.Sprintf("%s (before that it had been read back in effect, %s)", text, say.proved)
	}
	return text, proved
}

func claimText(s Step, artifacts int, say saying) (text string, proved bool) {
	w := say.what
	switch {
	case s.Released == LeftAsIs:
		return w + " was left as it is by a person's decision: " + s.Error, false
	case s.undoOpen:
		return w + ": a release began to put it back, and the outcome is not recorded.", false
	case s.Proof == ReadBack && s.State == casefile.Undone:
		return fmt.Sprintf("%s was in effect when it was read back %s. Released %s: %s.", w, say.proved, say.undone, s.Released), true
	case s.Proof == ReadBack && !s.Sent:
		return fmt.Sprintf("%s was in effect when it was read back %s; it was so already, and cordon sent no change.", w, say.proved), true
	case s.Proof == ReadBack:
		return fmt.Sprintf("%s was in effect when it was read back %s.", w, say.proved), true
	case s.Proof == Gathered && artifacts > 0:
		return fmt.Sprintf("%s ended; artifacts acquired: %d, listed under Evidence.", w, artifacts), true
	case s.Proof == Gathered:
		return w + " ended without an artifact.", false
	}
	return w + " " + unproved(s), false
}

func unproved(s Step) string {
	switch s.State {
	case casefile.Todo:
		return "was not begun."
	case casefile.Waiting:
		return "was begun, and its outcome is not recorded."
	case casefile.Failed:
		if s.Observed == nil {
			return "was given up, and what it left could not be looked at: " + s.Error
		}
		return "was given up; what was read last is recorded: " + s.Error
	case casefile.Drift:
		return "was changed by somebody meanwhile: " + s.Error
	case casefile.Skipped:
		return "was skipped: " + s.Error
	case casefile.Undone:
		return "was put back; that it had been in effect was never read back."
	}
	return "is recorded as done without a read-back."
}

// unfinished names durable evidence whose last read-back does not show it complete.
func (r *Report) unfinished() {
	last := map[string]Evidence{}
	var order []string
	for _, e := range r.Evidence {
		if e.ID == "" {
			continue
		}
		if _, known := last[e.ID]; !known {
			order = append(order, e.ID)
		}
		last[e.ID] = e
	}
	for _, id := range order {
		e := last[id]
		if e.State == "completed" || e.State == "available" {
			continue
		}
		text := fmt.Sprintf("Evidence %s was last read back as %q: that it is complete is not proved.", id, e.State)
		r.NotProved = append(r.NotProved, Claim{Step: e.Step, Seq: e.Seq, Text: text})
	}
}

// clocks names entries whose time is before that of the entry they follow. The order of the journal is proved
// by its chain; its times are what the responders' clocks said.
func (b *builder) clocks(r *Report) {
	for i := 1; i < len(b.entries); i++ {
		e, before := b.entries[i], b.entries[i-1]
		if e.Time.Before(before.Time) {
			text := fmt.Sprintf("The time of entry %d is before that of entry %d: the clocks of two writers differ, or a clock was set back.", e.Seq, before.Seq)
			r.NotProved = append(r.NotProved, Claim{Seq: e.Seq, Text: text})
		}
	}
}
