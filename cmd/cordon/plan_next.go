package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"cordon/internal/casefile"
	"cordon/internal/engine"
)

// ending is what a plan that is shown ends with: what to type now.
type ending func(p casefile.Plan, hash string)

// nothingToType ends a plan that is carried out, or asked about, by the command that shows it.
func (a *app) nothingToType(_ casefile.Plan, hash string) { a.say("\nplan %s", hash) }

// toApply ends a plan that was written to a file, or to none.
func (a *app) toApply(out string) ending {
	return func(p casefile.Plan, hash string) {
		a.say("\nplan %s", hash)
		if out == "" {
			a.say("It is written nowhere. To carry it out, write it, and apply what that prints:\n%s", a.again([]string{"--out", "plan.json"}))
			return
		}
		a.sayApply(p, hash, out)
	}
}

// sayApply is how a plan's file is carried out. Commands stand at the beginning of their lines, to be copied.
func (a *app) sayApply(p casefile.Plan, hash, file string) {
	approval := []string{quoted(file), "--approve", hash}
	if casefile.NeedsSecond(p) != "" {
		note := noteName()
		a.sayLines(secondPerson(file, note))
		approval = append(approval, "--second", note)
	}
	a.say("%s", a.next("apply", approval...))
}

// secondPerson is what the second person types: without the hash, so that they are shown what they sign.
func secondPerson(file, note string) string {
	return "The second person, who is given the plan's file, on a machine and with a key of their own:\ncordon countersign " + quoted(file) + " --out " + note + "\nThen you, with what that wrote:"
}

// noteName is a file for a signature that is not there yet: countersign writes over nothing, and a signature that is there is
// of something else.
func noteName() string {
	name := "second.note"
	for n := 2; ; n++ {
		if _, err := os.Lstat(name); err != nil {
			return name
		}
		name = fmt.Sprintf("second-%d.note", n)
	}
}

// toRespond ends a plan of respond, which asks for itself where there is a terminal and nobody has approved yet.
func (a *app) toRespond(out, approved string) ending {
	return func(p casefile.Plan, hash string) {
		a.say("\nplan %s", hash)
		switch {
		case approved == hash, a.atTerminal() && casefile.NeedsSecond(p) == "":
		case out != "":
			a.sayApply(p, hash, out)
		case casefile.NeedsSecond(p) != "":
			a.say("The second person needs the plan's file. Write it, and go on with what that prints:\n%s", a.again([]string{"--out", "plan.json"}))
		default:
			a.say("%s", a.again([]string{"--approve", hash}))
		}
	}
}

// toCountersign ends the plan that a second person is shown.
func (a *app) toCountersign(_ casefile.Plan, hash string) {
	a.say("\nplan %s", hash)
	if !a.atTerminal() {
		a.say("%s", a.again([]string{"--approve", hash}))
	}
}

// toRelease ends a release plan.
func (a *app) toRelease(caseID, out string) ending {
	return func(p casefile.Plan, hash string) {
		a.say("\nrelease plan %s", hash)
		if casefile.NeedsSecond(p) != "" {
			a.sayLines(a.secondForRelease(caseID, hash, out))
		} else {
			a.say("%s", a.next("release", a.caseArg(caseID), "--approve", hash))
		}
		if n := drifted(p); n != "" {
			a.say("To leave as they are the steps that drifted, by your decision:\n%s", a.next("release", a.caseArg(caseID), "--leave", n, "--reason", "WHY", "--approve", hash))
		}
	}
}

// drifted are the numbers of a release plan's steps that somebody has to decide about, as they are typed.
func drifted(p casefile.Plan) string {
	var numbers []string
	for _, s := range p.Steps {
		if engine.Drifted(s) {
			numbers = append(numbers, strconv.Itoa(s.N))
		}
	}
	return strings.Join(numbers, ",")
}

// secondForRelease is how a release comes to its second signature: by way of its file, where that is written already.
func (a *app) secondForRelease(caseID, hash, out string) string {
	if out == "" {
		return "The second person needs the plan's file. Write it, and go on with what that prints:\n" + a.next("release", a.caseArg(caseID), "--out", "back.json")
	}
	note := noteName()
	return secondPerson(out, note) + "\n" + a.next("release", a.caseArg(caseID), "--approve", hash, "--second", note)
}
