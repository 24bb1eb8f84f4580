package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/finding"
)

type triageAnswer struct {
	Incidents []casefile.Incident `json:"incidents"`
	Errors    []finding.Error     `json:"errors"`
}

func (a *app) triageCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "triage FINDING...",
		Short: "What is compromised, by whom, which playbook answers. No AWS call",
		Long: `Reads findings from files or, with -, from stdin: GuardDuty (API, EventBridge, S3 export), Security Hub, wrapped in
SNS or SQS, plain or gzip, one or many.

EXIT STATUS
  0 read · 1 error · 2 usage · 3 some documents could not be read · 5 no playbook answers any of them`,
		Args: atLeast(1),
		RunE: func(c *cobra.Command, args []string) error {
			docs, faults, err := a.read(args)
			if err != nil {
				return err
			}
			answer := triageAnswer{Incidents: []casefile.Incident{}, Errors: []finding.Error{}}
			for _, d := range docs {
				answer.Incidents = append(answer.Incidents, d.Incident)
			}
			answer.Errors = append(answer.Errors, faults...)
			if a.json() {
				err = a.document(answer)
			} else {
				a.showTriage(answer)
			}
			if err != nil {
				return err
			}
			if len(faults) > 0 {
				return fmt.Errorf("%w: %s could not be read", engine.ErrPartly, counted(len(faults), "document", "documents"))
			}
			for _, i := range answer.Incidents {
				if len(answered(i)) > 0 {
					return nil
				}
			}
			return fmt.Errorf("%w: nothing was touched", errNoPlaybook)
		},
	}
}

// answered lists the subjects that a playbook answers.
func answered(i casefile.Incident) []casefile.Subject {
	var subjects []casefile.Subject
	for _, s := range i.Subjects {
		if s.Playbook != "" {
			subjects = append(subjects, s)
		}
	}
	return subjects
}

// read reads every named source; "-" is stdin.
func (a *app) read(names []string) (docs []finding.Doc, faults []finding.Error, err error) {
	for _, name := range names {
		var r io.Reader = a.stdin
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return nil, nil, fmt.Errorf("open the finding: %w", err)
			}
			defer f.Close()
			r = f
		}
		d, bad, err := finding.ReadAll(name, r)
		if err != nil {
			return nil, nil, err
		}
		docs, faults = append(docs, d...), append(faults, bad...)
	}
	return docs, faults, nil
}

func (a *app) showTriage(t triageAnswer) {
	for n, i := range t.Incidents {
		if n > 0 {
			a.say("")
		}
		a.showIncident(i)
		for _, s := range i.Subjects {
			book := s.Playbook
			switch {
			case book == "":
				book = "no playbook"
			case !planned(s):
				book += " (not in this version: plan touches nothing)"
			}
			a.say("  subject    %-14s %s   %s %s   -> %s", s.Kind, s.ID, orDash(s.Account), orDash(s.Region), book)
			if err := finding.CheckID(s); err != nil {
				a.say("             will be refused by plan: %v", err)
			}
		}
		if len(i.Subjects) == 0 {
			a.say("  subject    none: nothing can be planned from it")
			a.say("  title      %s", orDash(i.Finding.Title))
			a.say("  next       read it, and name what it is about: cordon plan RESOURCE, which is an ARN, or %s", resourceLike(""))
		}
		for _, note := range i.Notes {
			a.say("  note       %s", note)
		}
		a.showPlanning(i, alone(t, n))
	}
	for _, e := range t.Errors {
		a.tell("%v", &e)
	}
}

// alone tells whether a finding is all that there is in its file: a plan answers one.
func alone(t triageAnswer, n int) bool {
	file := t.Incidents[n].Finding.File
	for i, x := range t.Incidents {
		if i != n && x.Finding.File == file {
			return false
		}
	}
	return !slices.ContainsFunc(t.Errors, func(e finding.Error) bool { return e.File == file })
}

// showPlanning says what to type next, and what that takes.
func (a *app) showPlanning(i casefile.Incident, alone bool) {
	subjects, _ := sound(answered(i))
	subjects = slices.DeleteFunc(subjects, func(s casefile.Subject) bool { return !planned(s) })
	file := i.Finding.File
	switch {
	case len(subjects) == 0 || file == "" || file == "-":
		return
	case !alone:
		a.say("  next       put this finding into a file of its own: a plan answers one")
		return
	}
	a.say("  next       %s", a.next("plan", quoted(file), "--out", "plan.json"))
	if slices.ContainsFunc(subjects, identityFirst) {
		a.say("             with --lookup, which takes a minute or more, also for the sessions and roles that were reached from there")
	}
	if slices.ContainsFunc(subjects, func(s casefile.Subject) bool { return s.Kind == casefile.AWSAccount }) {
		a.say("             it concerns a whole account: a second person has to sign the plan; --management-profile acts from outside")
	}
}

// showIncident prints what both triage and plan begin with.
func (a *app) showIncident(i casefile.Incident) {
	f := i.Finding
	what := f.Type
	if what == "" {
		what = "(a finding without a type)"
	}
	flags := ""
	if f.Sample {
		flags += "   SAMPLE"
	}
	if f.Archived {
		flags += "   ARCHIVED"
	}
	a.say("%s   severity %.1f   %s%s", what, f.Severity, orDash(i.End), flags)
	actor := []string{}
	for _, part := range append([]string{i.Actor.Principal, i.Actor.Session, i.Actor.AccessKey}, i.Indicators.Addresses...) {
		if part != "" {
			actor = append(actor, part)
		}
	}
	if len(i.Actor.Countries) > 0 {
		actor = append(actor, "("+strings.Join(i.Actor.Countries, ", ")+")")
	}
	if len(actor) > 0 {
		a.say("  actor      %s", strings.Join(actor, "   "))
	}
	more := append(append([]string{}, i.Indicators.Domains...), i.Indicators.Hashes...)
	if len(more) > 0 {
		a.say("  indicators %s", strings.Join(more, "   "))
	}
}

// resourceLike is how the thing is named that somebody may have meant.
func resourceLike(arg string) string {
	for _, word := range []string{"access-key", "account", "ec2"} {
		if _, err := finding.ParseResource(word + ":" + arg); err == nil {
			return word + ":" + arg
		}
	}
	return "access-key:ID, iam-user:NAME, iam-role:NAME, account:ID or ec2:ID"
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// one reads exactly one finding, or the subject that a RESOURCE names.
func (a *app) one(arg string) (finding.Doc, error) {
	if finding.IsResource(arg) {
		s, err := finding.ParseResource(arg)
		if errors.Is(err, finding.ErrUnanswered) {
			return finding.Doc{}, fmt.Errorf("%w: %w; nothing was touched", errNoPlaybook, err)
		}
		if err != nil {
			return finding.Doc{}, fmt.Errorf("%w: %w", errUsage, err)
		}
		return finding.Doc{Incident: casefile.Incident{Subjects: []casefile.Subject{s}}}, nil
	}
	if word, rest, ok := strings.Cut(arg, ":"); ok && rest == "" && finding.IsResource(word+":x") {
		return finding.Doc{}, fmt.Errorf("%w: %q names no %s: put its id or name behind the colon", errUsage, arg, word)
	}
	docs, faults, err := a.read([]string{arg})
	if errors.Is(err, os.ErrNotExist) {
		return finding.Doc{}, fmt.Errorf("%w. Nor is it a RESOURCE: that is an ARN, or %s", err, resourceLike(arg))
	}
	if err != nil {
		return finding.Doc{}, err
	}
	if len(faults) > 0 {
		return finding.Doc{}, &faults[0]
	}
	if len(docs) != 1 {
		return finding.Doc{}, fmt.Errorf("%w: %s holds %d findings and a plan answers one: cordon triage shows them, split them into files", errUsage, arg, len(docs))
	}
	docs[0].Raw = bytes.TrimSpace(docs[0].Raw)
	return docs[0], nil
}
