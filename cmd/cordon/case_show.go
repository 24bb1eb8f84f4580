package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cordon/internal/casefile"
)

// caseAnswer is what apply, respond, resume, release, status and drill answer in JSON.
type caseAnswer struct {
	Case         string                `json:"case"`
	Simulated    bool                  `json:"simulated"`
	State        casefile.CaseState    `json:"state"`
	ContainedMS  *int64                `json:"contained_after_ms"`
	IsolatedMS   *int64                `json:"isolated_after_ms"`
	NotContained string                `json:"not_contained,omitempty"` // whom a plan does not stop, however well it went
	Head         string                `json:"head"`
	Steps        []casefile.StepStatus `json:"steps"`
	Loss         []casefile.Loss       `json:"loss"`
	Survives     []string              `json:"survives"`
	NotCaptured  []string              `json:"not_captured"`
	Report       string                `json:"report"`
	Verified     bool                  `json:"verified"`
	Scoped       bool                  `json:"scoped"`           // cordon scope has said who did it and what they reached
	Plans        []planLine            `json:"plans"`            // that the case goes by, oldest first
	Dropped      []casefile.StepStatus `json:"dropped"`          // not done, and of plans that a later one supersedes without doing it instead
	Standing     int                   `json:"standing_besides"` // changes that nobody has put back, of plans that no step here is of

	unsaved error // why the report could not be written
	seeded  bool  // what the case is about is something that CloudTrail knows a caller by
}

// planLine is a plan that the case goes by.
type planLine struct {
	Plan     string             `json:"plan"`
	Approved time.Time          `json:"approved"`
	Subjects []casefile.Subject `json:"subjects"`
}

func planLines(p casefile.Progress) []planLine {
	lines := []planLine{}
	for _, x := range p.Plans() {
		if x.Plan != "" {
			lines = append(lines, planLine{x.Plan, x.Time.UTC(), x.Subjects})
		}
	}
	return lines
}

func (l planLine) String() string {
	var of []string
	for _, s := range l.Subjects {
		of = append(of, string(s.Kind)+" "+s.ID)
	}
	const few = 3
	if more := len(of) - few; more > 0 {
		of = append(of[:few], fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("plan %.12s, approved %s: %s", l.Plan, l.Approved.Format(time.RFC3339), strings.Join(of, ", "))
}

// dropped are the steps that planning again has left, each with its plan.
func dropped(p casefile.Progress) []casefile.StepStatus {
	all := []casefile.StepStatus{}
	for _, x := range p.Earlier {
		for _, s := range x.Dropped {
			s.Plan = x.Plan
			all = append(all, s)
		}
	}
	return all
}

// standsBesides counts the changes that stand and are of a plan that the case does not go by any more.
func standsBesides(p casefile.Progress) (n int) {
	for _, ch := range p.Changes {
		if !p.GoesBy(ch.Plan) {
			n++
		}
	}
	return n
}

// on is what a loss is of, called as the steps call it.
func (c caseAnswer) on(t casefile.Target) string {
	if at := slices.IndexFunc(c.Steps, func(s casefile.StepStatus) bool { return s.Target == t }); at >= 0 {
		return c.Steps[at].On()
	}
	return t.ID
}

func (a *app) showCase(c caseAnswer) {
	simulated := ""
	if c.Simulated {
		simulated = "   SIMULATED"
	}
	a.say("case %s   %s%s", c.Case, c.State, simulated)
	a.showStates(c)
	a.showDropped(c)
	if c.IsolatedMS != nil {
		a.say("  isolated     proved %.2f s after approval", float64(*c.IsolatedMS)/1000)
	}
	if c.ContainedMS != nil {
		a.say("  contained    proved %.2f s after approval", float64(*c.ContainedMS)/1000)
	}
	if c.NotContained != "" {
		a.say("  NOT CONTAINED  %s", c.NotContained)
	}
	for _, l := range c.Loss {
		a.say("  LOST         %s of %s: %s", l.Name, c.on(l.Target), l.Reason)
	}
	if c.State != casefile.Released {
		a.list("will survive", c.Survives)
	}
	a.list("not captured", c.NotCaptured)
	verified := "the journal does NOT verify: " + a.next("verify", a.caseArg(c.Case))
	if c.Verified {
		verified = "intact"
	}
	a.say("  journal      %s, head %s", verified, c.Head)
	if c.unsaved == nil {
		a.say("  report       %s", c.Report)
	} else {
		a.say("  report       NOT WRITTEN; to write it elsewhere: %s", a.next("report", a.caseArg(c.Case), "--out", "FOLDER"))
	}
	a.showNext(c)
}

// showNext says what to type now. A drill's account is gone with its process: there is nothing more to do.
func (a *app) showNext(c caseAnswer) {
	if c.Simulated {
		return
	}
	has := func(states ...casefile.StepState) bool {
		return slices.ContainsFunc(c.Steps, func(s casefile.StepStatus) bool { return !s.Left && slices.Contains(states, s.State) })
	}
	id := a.caseArg(c.Case)
	switch {
	case len(c.Plans) == 0:
		a.say("  next         nothing has been approved yet: %s", a.next("apply", "PLAN", "--approve", "HASH"))
		return
	case c.State == casefile.Released:
	case has(casefile.Drift):
		a.say("  next         %s: shows what somebody changed meanwhile; --leave N --reason WHY leaves a step so", a.next("release", id))
	case has(casefile.Failed):
		a.say("  next         %s: looks again at what failed. Mend its cause first, or do by hand what it was to do: what is found done is done", a.next("resume", id))
		a.say("  else         plan for the same subject again with other choices and --case %s: the later plan replaces this one. %s ends the case, also where its subject is gone", quoted(c.Case), a.next("release", id))
	case has(casefile.Todo, casefile.Waiting, casefile.Skipped):
		a.say("  next         %s", a.next("resume", id))
	case c.State == casefile.Partial:
		a.say("  next         %s", a.next("release", id))
	}
	switch {
	case c.Scoped:
	case c.seeded:
		a.say("  then         %s: who did it and what they reached (or --logs, with CloudTrail's archive)", a.next("scope", id, "--lookup"))
	default:
		a.say("  then         %s: who did it and what they reached; a SEED is whom you suspect: a key, a user's or session's ARN, an event's id", a.next("scope", id, "--lookup", "--seed", "SEED"))
	}
}

// showDropped tells of what is not done any more because of a later plan, and of what stands beside it.
func (a *app) showDropped(c caseAnswer) {
	for _, s := range c.Dropped {
		why := ""
		if s.Error != "" {
			why = ": " + s.Error
		}
		a.say("  NOT DONE     %s %s, step %d of plan %.12s, is %s, and the plan made later for the same subject does not do it%s",
			s.Action, short(s.On()), s.N, s.Plan, s.State, why)
	}
	if c.Standing > 0 {
		a.say("  stands too   %s of earlier plans of this case: a release puts them back with the rest", counted(c.Standing, "change", "changes"))
	}
}

// showStates shows where the steps stand, under their plans where there are several; of many, those that are done or
// undone alike have one line.
func (a *app) showStates(c caseAnswer) {
	steps := c.Steps
	note := func(s casefile.StepStatus) string {
		switch {
		case s.Partly != "":
			return "   " + s.Partly
		case s.Left:
			return "   its change is left as it is, by decision: " + s.Error
		case s.Error != "":
			return "   " + s.Error
		}
		return ""
	}
	key := func(s casefile.StepStatus) string {
		if len(steps) > manySteps && note(s) == "" {
			return s.Plan + "\x00" + s.Action + "\x00" + string(s.State)
		}
		return s.Plan + "\x00" + fmt.Sprint(s.N)
	}
	plan := ""
	for _, g := range grouped(steps, key) {
		if g.first.Plan != plan {
			plan = g.first.Plan
			at := slices.IndexFunc(c.Plans, func(l planLine) bool { return l.Plan == plan })
			a.say("  %s", c.Plans[at])
		}
		if g.n == 1 {
			a.say("  %2d  %-8s %-32s %s%s", g.first.N, g.first.State, g.first.Action, short(g.first.On()), note(g.first))
			continue
		}
		a.say("      %-8s %-32s %s of them, from %s to %s", g.first.State, g.first.Action, thousands(g.n), short(g.first.On()), short(g.last.On()))
	}
}
