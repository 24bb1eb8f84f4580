package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cordon/internal/casefile"
)

// planAnswer is the plan's JSON for others to build on.
type planAnswer struct {
	Hash string `json:"plan"`
	casefile.Plan
}

// showPlan shows a plan, or its JSON with the hash beside the members: the file itself holds none.
func (a *app) showPlan(data []byte, end ending) error {
	p, hash, err := decodePlan(data)
	if err != nil {
		return err
	}
	if a.json() {
		return a.document(planAnswer{Hash: hash, Plan: p})
	}
	if p.Finding != nil {
		a.showIncident(*p.Finding)
	}
	a.showSubjects(p)
	if len(p.Steps) > manySteps {
		a.showMany(p)
	} else {
		a.showSteps(p)
	}
	a.say("")
	a.showSpecial("CANNOT BE UNDONE", p.Steps, func(s casefile.Step) string {
		if s.Irreversible == "" {
			return ""
		}
		return s.Irreversible + " (apply needs --irreversible, with the step's number)"
	})
	a.showSpecial("comes back in part", p.Steps, func(s casefile.Step) string { return s.Partly })
	a.list("will survive", p.Survives)
	a.list("not captured", p.NotCaptured)
	a.list("WARNING", p.Warnings)
	for _, s := range p.Unanswered {
		a.say("  not answered       %s %s: %s", s.Kind, s.ID, a.whyUnanswered(s, p.Account))
	}
	if why := casefile.NeedsSecond(p); why != "" {
		a.say("  two persons        a second one has to sign this plan, because %s", why)
	}
	if p.Kind == casefile.PlanContain && len(p.Steps) == 0 {
		a.say("\nNothing can be changed here: there is no step to approve. What to do instead stands above.")
		return nil
	}
	switch lacks := p.NotContained(); {
	case p.Kind != casefile.PlanContain || lacks == "":
	case p.Contains():
		a.say("  NOT CUT            %s", lacks)
	case lacks != casefile.NothingContained:
		a.say("  NOTHING IS CUT     %s", lacks)
	default:
		a.say("  NOTHING IS CUT     this plan stops nobody: cordon will end with \"nothing contained\"; what to do instead stands above")
	}
	end(p, hash)
	return nil
}

// showSubjects says what the plan is about, in whose account.
func (a *app) showSubjects(p casefile.Plan) {
	if len(p.Subjects) < 2 {
		of := ""
		if p.Subject.ID != p.Account {
			of = "   account " + p.Account
		}
		a.say("  subject    %s %s%s%s", p.Subject.Kind, p.Subject.ID, of, regionOf(p.Subject))
		a.say("  playbook   %s", p.Subject.Playbook)
	} else {
		for i, s := range p.Subjects {
			title := "subjects"
			if i > 0 {
				title = ""
			}
			a.say("  %-10s %-44s playbook %s", title, fmt.Sprintf("%s %s%s", s.Kind, s.ID, regionOf(s)), s.Playbook)
		}
		a.say("  account    %s", p.Account)
	}
	a.say("  case       %s", p.Case)
	if p.Management != "" {
		a.say("  management %s", p.Management)
	}
}

// regionOf is the region of what is in one.
func regionOf(s casefile.Subject) string {
	if s.Region == "" || !s.Regional() {
		return ""
	}
	return "   " + s.Region
}

// heading is above the steps of one phase, for one subject where the plan has several.
type heading struct {
	phase casefile.Phase
	of    int // of the plan's subjects
}

func (a *app) sayHeading(p casefile.Plan, h heading) {
	of := ""
	if len(p.Subjects) > 1 {
		of = fmt.Sprintf("   %s %s", p.Subjects[h.of].Kind, p.Subjects[h.of].ID)
	}
	a.say("\n  %s%s", strings.ToUpper(string(h.phase)), of)
}

// headings gives the heading of each step. A step is about the subject that it aims at or that its target was reached
// from, else about the same as the one before it.
func headings(p casefile.Plan) []heading {
	all := make([]heading, len(p.Steps))
	of := 0
	for i, s := range p.Steps {
		whole := func(x casefile.Subject) bool { return x.Kind == s.Target.Kind && x.ID == s.Target.ID }
		part := func(x casefile.Subject) bool { return x.ID == s.Target.Parent }
		if at := slices.IndexFunc(p.Subjects, part); s.Target.Parent != "" && at >= 0 {
			of = at
		} else if at := slices.IndexFunc(p.Subjects, whole); at >= 0 {
			of = at
		}
		all[i] = heading{s.Phase, of}
	}
	return all
}

func (a *app) showSteps(p casefile.Plan) {
	last := heading{}
	for i, h := range headings(p) {
		if h != last {
			a.sayHeading(p, h)
			last = h
		}
		a.showStep(p.Steps[i])
	}
}

// showSpecial says what holds of some steps, once for all of which the same holds.
func (a *app) showSpecial(title string, steps []casefile.Step, of func(casefile.Step) string) {
	some := slices.DeleteFunc(slices.Clone(steps), func(s casefile.Step) bool { return of(s) == "" })
	for _, g := range grouped(some, of) {
		which := fmt.Sprintf("step %d", g.first.N)
		if g.n > 1 {
			which = fmt.Sprintf("%s steps, from %d to %d", thousands(g.n), g.first.N, g.last.N)
		}
		a.say("  %-18s %s: %s", title, which, of(g.first))
	}
}

// whyUnanswered says what is to be done about what a plan has no steps for.
func (a *app) whyUnanswered(s casefile.Subject, account string) string {
	here, elsewhere := a.planCommandFor(s), (&app{}).planCommandFor(s)
	switch {
	case !planned(s):
		return fmt.Sprintf("this version has no %s playbook to plan with", s.Playbook)
	case s.Account == "":
		return fmt.Sprintf("the log does not say in which account it is; if it is in this one: %s", here)
	case s.Account != account:
		return fmt.Sprintf("it is in account %s; with credentials of that account: %s", s.Account, elsewhere)
	}
	return "the intruder got to it; it gets a plan of its own: " + here
}

// planCommandFor is the command that plans for a subject alone.
func (a *app) planCommandFor(s casefile.Subject) string {
	word := map[casefile.Kind]string{
		casefile.EC2Instance: "ec2", casefile.S3Bucket: "s3", casefile.RDSInstance: "rds", casefile.RDSCluster: "rds-cluster",
	}[s.Kind]
	line := a.next("plan", quoted(cmp.Or(word, string(s.Kind))+":"+s.ID))
	if s.Region != "" && s.Regional() {
		line += " --region " + s.Region
	}
	return line
}

// mostLines bounds a list that is shown: the plan's file has all of it.
const mostLines = 40

func (a *app) list(title string, lines []string) {
	for i, l := range lines {
		if i > 0 {
			title = ""
		}
		if i == mostLines && len(lines) > mostLines+1 {
			a.say("  %-18s and %s more, in -o json", title, thousands(len(lines)-i))
			return
		}
		for n, part := range a.wrapped(l, 23) {
			if n > 0 {
				title, part = "", "  "+part
			}
			a.say("  %-18s %s", title, part)
		}
	}
}

// wrapped breaks a text into lines that fit the terminal behind an indent. Where there is no terminal it stays one line,
// for whoever searches it.
func (a *app) wrapped(text string, indent int) []string {
	if width := columns(a.stdout) - indent; width >= 40 {
		return wrap(text, width)
	}
	return []string{text}
}

// wrap breaks a text at its spaces. A word that is longer than a line stays whole.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Split(text, " ") {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = word
			continue
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

func (a *app) showStep(s casefile.Step) {
	what := s.Action
	if s.Target.ID != "" {
		what += "  " + short(s.On())
	}
	a.say("  %2d  %-46s %s", s.N, what, s.Change)
	for _, i := range s.Impact {
		for n, part := range a.wrapped(i, 10) {
			a.say("        %s %s", []string{"!", " "}[min(n, 1)], part)
		}
	}
}

// short keeps the telling end of an ARN. What has a space in it is none, but begins with a name.
func short(id string) string {
	if strings.HasPrefix(id, "arn:") && !strings.Contains(id, " ") {
		parts := strings.SplitN(id, ":", 6)
		return parts[len(parts)-1]
	}
	return id
}
