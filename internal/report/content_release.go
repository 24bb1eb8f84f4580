package report

import (
	"fmt"
	"slices"
	"strconv"
)

func (r Report) release() section {
	s := section{ID: "release", Heading: "Release"}
	if len(r.Release) > 0 {
		s.say("What was put back is as it was before the containment: whoever could use it then can use it again, unless they were stopped in another way.")
	}
	t := table{Caption: "What the release did with each change", Heads: []string{"Plan", "Step", "Action and target", "Outcome", "In part", "Reason", "Time", "Entry"}}
	for _, o := range r.Release {
		t.Rows = append(t.Rows, []text{exact(short(o.Plan)), num(o.Step), plain(fmt.Sprintf("%s: %s %s", o.Action, o.Target.Kind, o.Target.ID)),
			plain(o.What), plain(o.Partly), plain(o.Reason), plain(utc(o.Time)), num(o.Seq)})
	}
	if len(t.Rows) > manyRows {
		s.table(alikeOutcomes(r.Release), "")
	}
	s.table(t, "Nothing has been released.")
	return s
}

// alikeOutcomes puts together what became of changes of one action. What was not put back comes first.
func alikeOutcomes(all []Outcome) table {
	t := table{Caption: "What the release did with the changes, those that are alike together", Heads: []string{"How many", "Action and targets", "Outcome", "In part", "Reason"}}
	groups := alike(all, func(o Outcome) string {
		return fmt.Sprintf("%s\x00%s\x00%s\x00%s\x00%s", o.Action, o.Target.Kind, o.What, o.Partly, o.Reason)
	})
	slices.SortStableFunc(groups, func(a, b []Outcome) int { return back(a[0]) - back(b[0]) })
	for _, g := range groups {
		first, words := g[0], ""
		if words = fmt.Sprintf("%s: %s %s", first.Action, first.Target.Kind, first.Target.ID); len(g) > 1 {
			words = fmt.Sprintf("%s: each %s from %s to %s", first.Action, first.Target.Kind, first.Target.ID, g[len(g)-1].Target.ID)
		}
		t.Rows = append(t.Rows, []text{plain(thousands(len(g))), plain(words), plain(first.What), plain(first.Partly), plain(first.Reason)})
	}
	return t
}

func back(o Outcome) int {
	if o.What == PutBack || o.What == WasBack {
		return 1
	}
	return 0
}

// fewHits is how many lines on whom one action hits are shown at once.
const fewHits = 20

func (r Report) warnings() section {
	s := section{ID: "warnings", Heading: "Warnings of the plan, and what else it hit"}
	s.listed(plain, r.Warnings, "The plan warns of nothing.")
	heads, hits := []string{"Step", "Action", "Hits"}, 0
	steps := r.inForce()
	for _, x := range steps {
		hits += len(x.Impact)
	}
	all := [][]Step{steps}
	if hits > manyRows {
		all = alike(steps, func(s Step) string { return s.Action })
	}
	for _, g := range all {
		t := table{Caption: "What else each step hits, as looked up when the plan was made", Heads: heads}
		if hits > manyRows {
			t.Caption = show("What else it hits, as looked up when the plan was made: " + g[0].Action)
		}
		for _, x := range g {
			for _, hit := range x.Impact {
				t.Rows = append(t.Rows, []text{num(x.N), plain(x.Action), plain(hit)})
			}
		}
		t.Folded = hits > manyRows && len(t.Rows) > fewHits
		if len(t.Rows) > 0 {
			s.table(t, "")
		}
	}
	if hits == 0 {
		s.say("No step names anything else that it hits.")
	}
	return s
}

// evidenceBySteps is a line for each step that had evidence.
func (r Report) evidenceBySteps() table {
	t := table{Caption: "Artifacts by step", Heads: []string{"Plan", "Step", "Artifacts", "Bytes"}}
	for _, g := range alike(r.Evidence, func(e Evidence) string { return e.Plan + " " + strconv.Itoa(e.Step) }) {
		var bytes int64
		for _, e := range g {
			bytes += e.Size
		}
		t.Rows = append(t.Rows, []text{exact(short(g[0].Plan)), num(g[0].Step), plain(thousands(len(g))), plain(strconv.FormatInt(bytes, 10))})
	}
	return t
}
