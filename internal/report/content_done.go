package report

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"cordon/internal/casefile"
)

func (r Report) done() section {
	s := section{ID: "steps", Heading: "What was done, step by step"}
	if r.Plan == "" {
		s.say("No plan has been approved: cordon changed nothing.")
		return s
	}
	s.Facts = planFacts(r.Plan, r.Run)
	s.Tables = stepTables(r.Steps)
	return s
}

func (e EarlierPlan) section(i int) section {
	n := strconv.Itoa(i + 1)
	return section{ID: "earlier-" + n, Heading: "Earlier plan " + n, Facts: planFacts(e.Plan, e.Run), Tables: stepTables(e.Steps)}
}

func planFacts(hash string, run int) []fact {
	return []fact{{"Plan", []text{exact(hash)}}, {"Run", []text{num(run)}}}
}

// stepTables gives one table a phase, in the order in which the phases stand in the plan.
func stepTables(steps []Step) []table {
	var tables []table
	at := map[casefile.Phase]int{}
	for _, s := range steps {
		i, ok := at[s.Phase]
		if !ok {
			i = len(tables)
			at[s.Phase] = i
			tables = append(tables, table{
				Caption: show("Phase " + string(s.Phase)),
				Heads:   []string{"Step", "Action and target", "State and proof", "Started and ended", "Before and after", "Error", "Request ids"},
			})
		}
		tables[i].Rows = append(tables[i].Rows, []text{
			num(s.N), plain(actionWords(s)), plain(stateOf(s)), plain(between(s.Started, s.Ended)),
			exact(change(s)), plain(s.Error), exact(strings.Join(s.RequestIDs, " ")),
		})
	}
	return tables
}

func actionWords(s Step) string {
	w := fmt.Sprintf("%s: %s %s (%s %s)", s.Action, s.Target.Kind, s.Target.ID, s.Target.Account, s.Target.Region)
	if s.Irreversible != "" {
		w += "; cannot be undone: " + s.Irreversible
	}
	return w
}

func stateOf(s Step) string {
	w := string(s.State)
	switch {
	case s.undoOpen:
		w += ", a release began to put it back"
	case s.Released == LeftAsIs:
		w = LeftAsIs
	case s.Proof == ReadBack && s.State == casefile.Undone:
		w = "done, read back, then released"
	case s.Proof == ReadBack && !s.Sent:
		w += ", read back, was so already"
	case s.State == casefile.Todo:
	default:
		w += ", " + string(s.Proof)
	}
	if s.Undone != "" {
		w += " " + utc(s.Undone) + ": " + s.Released
	}
	if s.Partly != "" {
		w += "; only in part: " + s.Partly
	}
	return w
}

func between(started, ended string) string {
	switch {
	case started == "":
		return ""
	case ended == "":
		return utc(started) + ", not ended"
	}
	return utc(started) + " to " + utc(ended)
}

func change(s Step) string {
	switch {
	case s.After != nil && s.Before != nil && s.Observed != nil:
		return brief(s.Before) + " → " + brief(s.After) + " → last read: " + brief(s.Observed)
	case s.After != nil && s.Before != nil:
		return brief(s.Before) + " → " + brief(s.After)
	case s.After != nil:
		return "found: " + brief(s.After)
	case s.Observed != nil && s.Before != nil:
		return brief(s.Before) + " → last read: " + brief(s.Observed)
	case s.Before != nil:
		return brief(s.Before) + " → not read back"
	}
	return ""
}

const briefLimit = 400

// brief cuts a state that would fill pages. The whole of it is in report.json and in the journal.
func brief(m json.RawMessage) string {
	if len(m) <= briefLimit {
		return string(m)
	}
	cut := m[:briefLimit]
	for len(cut) > 0 && !utf8.Valid(cut) {
		cut = cut[:len(cut)-1]
	}
	return fmt.Sprintf("%s… (%d bytes, whole in report.json)", cut, len(m))
}

func (r Report) proved() section {
	s := section{ID: "proved", Heading: "What is proved"}
	s.say("Read back means: after the change was sent, cordon read the resource again and it showed the effect. It holds for that moment.")
	s.table(claimTable("Proved by the journal", r.Proved), "Nothing: no step is recorded as read back.")
	return s
}

func (r Report) notProved() section {
	s := section{ID: "not-proved", Heading: "What is not proved"}
	s.say("That nobody changed anything after a read-back; that no other way in or out exists than those the plan closed. An error of an API call proves nothing about its effect, so only what was read back counts.")
	s.table(claimTable("Not proved by the journal", r.NotProved), "Every step of the plan is proved.")
	if r.Plan == "" {
		s.Tables, s.Paras = nil, []text{plain("No plan has been approved, so there is nothing that could be proved.")}
	}
	return s
}

func claimTable(caption string, claims []Claim) table {
	t := table{Caption: caption, Heads: []string{"Step", "What", "Entry"}}
	for _, c := range claims {
		t.Rows = append(t.Rows, []text{num(c.Step), plain(c.Text), num(c.Seq)})
	}
	return t
}

func (r Report) survives() section {
	s := section{ID: "survives", Heading: "What survives the containment"}
	s.listed(plain, r.Survives, "The plan names nothing that survives.")
	return s
}

func (r Report) loss() section {
	s := section{ID: "loss", Heading: "Loss ledger"}
	t := table{Caption: "Planned as evidence and not had", Heads: []string{"Entry", "Time", "Step", "What", "Source", "Target", "Reason", "Made good"}}
	for _, l := range r.Loss {
		good := "no"
		if l.MadeGood > 0 {
			good = fmt.Sprintf("by entry %d", l.MadeGood)
		}
		t.Rows = append(t.Rows, []text{num(l.Seq), plain(utc(l.Time)), num(l.Step), plain(l.Name), plain(l.Source), exact(l.Target.ID), plain(l.Reason), plain(good)})
	}
	s.table(t, "Empty: nothing is recorded as lost.")
	return s
}

func (r Report) notCaptured() section {
	s := section{ID: "not-captured", Heading: "Not captured"}
	s.listed(plain, r.NotCaptured, "The plan names nothing that it leaves uncaptured.")
	return s
}

func (r Report) evidence() section {
	s := section{ID: "evidence", Heading: "Evidence"}
	t := table{Caption: "Artifacts, in the order of the journal", Heads: []string{"Entry", "Time", "Step", "Name", "Source", "Target", "Bytes", "SHA-256, or id in AWS", "State as read back", "Lock as read back"}}
	for _, e := range r.Evidence {
		name, size := e.ID, ""
		if e.SHA256 != "" {
			name, size = e.SHA256, strconv.FormatInt(e.Size, 10)
		}
		t.Rows = append(t.Rows, []text{num(e.Seq), plain(utc(e.Time)), num(e.Step), plain(e.Name), plain(e.Source), exact(e.Target.ID), plain(size), exact(name), plain(e.State), plain(e.Lock)})
	}
	if len(t.Rows) > 0 {
		s.say("Bytes lie in the case under evidence/ and their SHA-256. A thing in AWS that was read back again has a further row; the last one counts.")
	}
	s.table(t, "None is recorded.")
	return s
}

func (r Report) release() section {
	s := section{ID: "release", Heading: "Release"}
	t := table{Caption: "What the release did with each change", Heads: []string{"Plan", "Step", "Action and target", "Outcome", "In part", "Reason", "Time", "Entry"}}
	for _, o := range r.Release {
		t.Rows = append(t.Rows, []text{exact(short(o.Plan)), num(o.Step), plain(fmt.Sprintf("%s: %s %s", o.Action, o.Target.Kind, o.Target.ID)),
			plain(o.What), plain(o.Partly), plain(o.Reason), plain(utc(o.Time)), num(o.Seq)})
	}
	s.table(t, "Nothing has been released.")
	return s
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

func (r Report) warnings() section {
	s := section{ID: "warnings", Heading: "Warnings of the plan, and what else it hit"}
	s.listed(plain, r.Warnings, "The plan warns of nothing.")
	t := table{Caption: "What else each step hits, as looked up when the plan was made", Heads: []string{"Step", "Action", "Hits"}}
	for _, x := range r.Steps {
		for _, hit := range x.Impact {
			t.Rows = append(t.Rows, []text{num(x.N), plain(x.Action), plain(hit)})
		}
	}
	s.table(t, "No step names anything else that it hits.")
	return s
}

func (r Report) calls() section {
	s := section{ID: "calls", Heading: "Cordon's own API calls"}
	t := table{Caption: "Calls as recorded; the request ids are those of CloudTrail", Heads: []string{"Entry", "Step", "Time", "Operation", "Request id", "Attempts", "Error"}}
	for _, c := range r.Calls {
		t.Rows = append(t.Rows, []text{num(c.Seq), num(c.Step), plain(utc(stamp(c.Time))), exact(c.Service + ":" + c.Operation.Operation), exact(c.RequestID), num(c.Attempts), plain(c.Error)})
	}
	s.table(t, "None is recorded.")
	return s
}

func (r Report) verify() section {
	s := section{ID: "verify", Heading: "How to verify this again"}
	s.say("This report proves nothing by itself: the case does. The command below needs the case folder alone. It checks every entry's signature and place in the chain, and that all evidence has the bytes it is named by.")
	s.Command = r.Verify
	s.say("Entries cut off the end show only against a head that was kept elsewhere. The head below is worth as much as the place this report was kept in since it was made.")
	s.add("Head", exact(r.Head.String()))
	return s
}

func reading() section {
	s := section{ID: "reading", Heading: "How to read this report"}
	s.say("Control and invisible characters are written out (\\x1b, \\u202e), addresses so that nothing can follow them (hxxp, [.]), and an apostrophe stands before what a spreadsheet would take for a formula. Long states are cut. report.json beside this file has every text whole and exactly as the journal has it.")
	s.say("All times are UTC, from the clocks of those who wrote the journal; the finding's are the detector's.")
	return s
}

func (r Report) journal() section {
	s := section{ID: "journal", Heading: "The whole journal"}
	t := table{Caption: "Every entry, in order", Heads: []string{"Entry", "Time", "By", "Kind", "Plan and step", "What", "SHA-256 of the entry's file"}}
	for _, l := range r.Journal {
		where := ""
		if l.Step > 0 {
			where = fmt.Sprintf("%s step %d", short(l.Plan), l.Step)
		} else if l.Plan != "" {
			where = short(l.Plan)
		}
		t.Rows = append(t.Rows, []text{num(l.Seq), plain(utc(l.Time)), plain(by(l.Person, l.ARN)), plain(string(l.Kind)), exact(where), plain(l.What), exact(l.File)})
	}
	s.table(t, "It is empty.")
	return s
}

func by(person, arn string) string {
	if person == "" {
		return arn
	}
	return person + " (" + arn + ")"
}
