package report

import (
	"fmt"
)

func (r Report) proved() section {
	s := section{ID: "proved", Heading: "What is proved"}
	s.say("Read back means: after the change was sent, cordon read the resource again and it showed the effect. It holds for that moment.")
	s.claims("Proved by the journal", r.Proved, "Nothing: no step is recorded as read back.")
	return s
}

func (r Report) notProved() section {
	s := section{ID: "not-proved", Heading: "What is not proved"}
	s.say("That nobody changed anything after a read-back; that no other way in or out exists than those the plan closed. An error of an API call proves nothing about its effect, so only what was read back counts.")
	s.claims("Not proved by the journal", r.NotProved, "Every step of the plan is proved.")
	if r.Plan == "" {
		s.Tables, s.Paras = nil, []text{plain("No plan has been approved, so there is nothing that could be proved.")}
	}
	return s
}

// claims lists sentences; where there are many, those that say the same of other targets are one line, and each stands
// in a folded table below.
func (s *section) claims(caption string, claims []Claim, none string) {
	if len(claims) > manyRows {
		s.table(alikeClaims(caption+": what is alike, together", claims), none)
	}
	t := table{Caption: caption, Heads: []string{"Step", "What", "Entry"}}
	for _, c := range claims {
		t.Rows = append(t.Rows, []text{num(c.Step), plain(c.Text), num(c.Seq)})
	}
	s.table(t, none)
}

func alikeClaims(caption string, claims []Claim) table {
	t := table{Caption: caption, Heads: []string{"Steps", "How many", "What", "Entries"}}
	for _, g := range alike(claims, claimKey) {
		first, last := g[0], g[len(g)-1]
		from, to := first.Seq, first.Seq
		var about []Step
		for _, c := range g {
			from, to = min(from, c.Seq), max(to, c.Seq)
			if c.about != nil {
				about = append(about, *c.about)
			}
		}
		words, steps, entries := first.Text, "", ""
		if len(g) > 1 {
			from, to := about[0], about[len(about)-1]
			words, _ = claimOf(from, first.artifacts, saying{
				what:   fmt.Sprintf("%s on each %s from %s to %s", from.Action, from.Target.Kind, from.Target.ID, to.Target.ID),
				proved: span(about, func(s Step) string { return s.ProvedAt }),
				undone: span(about, func(s Step) string { return s.Undone }),
			})
		}
		if first.Step > 0 {
			steps = numbers(first.Step, last.Step)
		}
		if to > 0 {
			entries = numbers(from, to)
		}
		t.Rows = append(t.Rows, []text{plain(steps), plain(thousands(len(g))), plain(words), plain(entries)})
	}
	return t
}

// claimKey is one for claims that differ in target and time alone. A sentence about no step is like no other.
func claimKey(c Claim) string {
	if c.about == nil {
		return fmt.Sprintf("%d %s", c.Seq, c.Text)
	}
	words, _ := claimOf(*c.about, c.artifacts, saying{what: c.about.Action + " on " + string(c.about.Target.Kind)})
	return c.Plan + "\x00" + words
}
