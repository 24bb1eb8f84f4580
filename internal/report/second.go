package report

import (
	"fmt"
	"slices"
	"time"

	"cordon/internal/casefile"
)

// second looks at an approval's countersignature. What it finds wrong is said and hides nothing else: the report shows
// a case as it is, and verify is what judges it.
func (b *builder) second(a *Approval) error {
	plan, err := b.plan(a.Plan)
	if err != nil {
		return err
	}
	a.NeedsSecond = casefile.NeedsSecond(plan)
	switch {
	case a.Second == "" && a.NeedsSecond == "":
		return nil
	case a.Second == "":
		a.SecondProblem = "there is none"
		return nil
	}
	if c, err := casefile.ReadCountersignature([]byte(a.Second)); err == nil {
		a.SecondSigner = &c
	}
	if _, err := casefile.CheckSecond(plan, a.Plan, []byte(a.Second), a.Key); err != nil {
		a.SecondProblem = err.Error()
	}
	return nil
}

// signed says of each approval that two had to sign whether two keys did, and that keys are not people.
func (r *Report) signed() {
	for _, a := range r.Approvals {
		switch {
		case a.SecondProblem != "":
			text := fmt.Sprintf("That a second person approved the %s plan, which needs one because %s: %s.", a.Kind, or(a.NeedsSecond, "it was given one"), a.SecondProblem)
			r.NotProved = append(r.NotProved, Claim{Plan: a.Plan, Seq: a.Seq, Text: text})
		case a.SecondSigner != nil:
			text := fmt.Sprintf("The %s plan was signed with two different keys before anything of it was done: by whoever holds the key of entry %d, named %q there, and by whoever holds the second key, named %q in its signature.",
				a.Kind, a.Seq, a.Person, a.SecondSigner.Person)
			r.Proved = append(r.Proved, Claim{Plan: a.Plan, Seq: a.Seq, Text: text})
			text = fmt.Sprintf("That the two keys under the %s plan belong to two people. A name in a signature is what its writer typed: ask both, or compare the keys with a list that was kept elsewhere.", a.Kind)
			r.NotProved = append(r.NotProved, Claim{Plan: a.Plan, Seq: a.Seq, Text: text})
		}
	}
}

// seconds is the table of second signatures.
func (r Report) seconds() table {
	t := table{Caption: "Second signatures", Heads: []string{"Entry", "Plan", "Needed because", "Second person", "Signed, by their clock", "Second key", "First key", "Checked"}}
	for _, a := range r.Approvals {
		if a.NeedsSecond == "" && a.Second == "" {
			continue
		}
		var c casefile.Countersignature
		at, checked := "", "signed by this key, for this plan, kind, case and account; another key than the first"
		if a.SecondSigner != nil {
			c, at = *a.SecondSigner, utc(a.SecondSigner.Time.Format(time.RFC3339Nano))
		}
		if a.SecondProblem != "" {
			checked = "DOES NOT COUNT: " + a.SecondProblem
		}
		t.Rows = append(t.Rows, []text{num(a.Seq), exact(a.Plan), plain(or(a.NeedsSecond, "not needed")), plain(or(c.Person, "nobody")), plain(at), exact(c.Key), exact(a.Key), plain(checked)})
	}
	return t
}

// approvedWords is a line for each plan's latest approval: by whom, and by whom else.
func (r Report) approvedWords() []text {
	var words []text
	for _, a := range r.Approvals {
		if !r.goesBy(a.Plan, a.Run) {
			continue
		}
		of := ""
		if a.Plan != r.Plan {
			of = fmt.Sprintf(" (plan %.12s, in force too)", a.Plan)
		}
		words = append(words, plain(fmt.Sprintf("%s at %s%s", or(a.Person, a.ARN), utc(a.Time), of)))
		words = append(words, a.secondWords()...)
	}
	return words
}

// releasedWords is a line for the latest approval of a release of what the case goes by.
func (r Report) releasedWords() (words []text) {
	for _, a := range r.Approvals {
		switch {
		case a.Kind == casefile.PlanContain && r.goesBy(a.Plan, a.Run):
			words = nil
		case a.Kind == casefile.PlanRelease:
			words = append([]text{plain(fmt.Sprintf("%s at %s", or(a.Person, a.ARN), utc(a.Time)))}, a.secondWords()...)
		}
	}
	return words
}

// goesBy tells whether the case goes by this approval of a containment plan.
func (r Report) goesBy(plan string, run int) bool {
	in := func(e EarlierPlan) bool { return e.Standing == InForce && e.Plan == plan && e.Run == run }
	return plan == r.Plan && run == r.Run || slices.ContainsFunc(r.Earlier, in)
}

func (a Approval) secondWords() []text {
	switch {
	case a.SecondProblem != "":
		return []text{plain("WITHOUT a second signature that counts: " + a.SecondProblem)}
	case a.SecondSigner != nil:
		return []text{plain(fmt.Sprintf("second signature with another key, named %q", a.SecondSigner.Person))}
	}
	return nil
}
