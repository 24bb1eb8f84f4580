package report

import (
	"fmt"
	"strconv"
)

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

// lost counts what is lost and was not made good: once, however many attempts have lost it.
func (r Report) lost() int {
	type piece struct{ name, target string }
	open := map[piece]bool{}
	for _, l := range r.Loss {
		if l.MadeGood == 0 {
			open[piece{l.Name, l.Target.ID}] = true
		}
	}
	return len(open)
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
	if len(t.Rows) > manyRows {
		s.table(r.evidenceBySteps(), "")
	}
	s.table(t, "None is recorded.")
	return s
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
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
	s.say("Control and invisible characters are written out (\\x1b, \\u202e), addresses so that nothing can follow them (hxxp, [.]), and an apostrophe stands before what a spreadsheet would take for a formula. Long states are cut, and long tables folded: open one to read it or to print it. report.json beside this file has every text whole and exactly as the journal has it.")
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
