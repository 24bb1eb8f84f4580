package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cordon/internal/casefile"
)

// document puts a report into words. Its order is that of the questions asked: where do we stand, what happened,
// who did what, what may be relied upon.
func (r Report) document() document {
	d := document{Title: show("Incident report " + r.Case)}
	if r.Simulated {
		d.Banner = "SIMULATED. This case is a rehearsal on a simulated account. Nothing in it happened to a real one."
	}
	d.Sections = append(d.Sections, r.summary())
	for i, f := range r.Findings {
		d.Sections = append(d.Sections, f.section(i))
	}
	d.Sections = append(d.Sections, r.subjects(), r.reached(), r.unlogged(), r.who(), r.done())
	for i, e := range r.Earlier {
		d.Sections = append(d.Sections, e.section(i))
	}
	d.Sections = append(d.Sections, r.proved(), r.notProved(), r.survives(), r.warnings(), r.release(), r.loss(), r.notCaptured(), r.evidence(), r.calls(), r.verify(), reading(), r.journal())
	return d
}

func (r Report) summary() section {
	s := section{ID: "summary", Heading: "Where the case stands"}
	s.add("Case", exact(r.Case))
	s.add("State", plain(r.stateWords()))
	s.add("Contained", plain(r.containedWords()))
	if r.couldIsolate() {
		s.add("Isolated", plain(r.isolatedWords()))
	}
	if r.Plan == "" {
		s.add("Subject", plain("none: no plan has been approved"))
	} else {
		s.add("Subject", r.subjectWords()...)
		s.add("Account and region", exact(r.Account), exact(r.Region))
		s.add("Approved by", r.approvedWords()...)
		s.add("Release approved by", r.releasedWords()...)
	}
	for _, f := range r.Findings {
		s.add("Finding", exact(f.Incident.Finding.Type), plain("severity "+severity(f)))
	}
	s.add("Intruder's reach", plain(r.scopeWords()))
	s.add("Case opened", plain(utc(r.Created)))
	s.add("Evidence", plain(fmt.Sprintf("records: %s; open lines of the loss ledger: %s", thousands(len(r.Evidence)), thousands(r.lost()))))
	s.add("Not proved", plain(fmt.Sprintf("statements: %s, listed below", thousands(len(r.NotProved)))))
	s.add("Warnings of the plan", plain(thousands(len(r.Warnings))+", listed below"))
	s.add("Journal head", exact(r.Head.String()))
	return s
}

// couldIsolate leaves a line on isolation out of the report on what has no network: a user is denied, not isolated.
func (r Report) couldIsolate() bool {
	return r.Isolation.Steps > 0 || slices.ContainsFunc(r.Subjects, func(s casefile.Subject) bool { return s.Kind == casefile.EC2Instance })
}

// subjectWords names what the plan answers; of many, the first few.
func (r Report) subjectWords() []text {
	const few = 6
	var words []text
	for _, s := range r.Subjects[:min(few, len(r.Subjects))] {
		words = append(words, plain(string(s.Kind)+" "+s.ID))
	}
	if more := len(r.Subjects) - few; more > 0 {
		words = append(words, plain(fmt.Sprintf("and %d more, listed below", more)))
	}
	return words
}

func (r Report) stateWords() string {
	switch r.State {
	case casefile.Contained:
		return "contained: every containment step is recorded as done"
	case casefile.Partial:
		if len(r.Release) > 0 {
			return "partial: a release left changes in the account"
		}
		return "partial: at least one containment step is not done"
	case casefile.Released:
		switch {
		case r.NotContained == "":
		case strings.HasPrefix(r.NotContained, "nothing contained: "):
			return "released, without ever having been contained: what changed was put back, has no undo, or was left by decision, as listed under Release"
		default:
			return "released, and never wholly contained (" + r.NotContained + "): each change was put back, has no undo, or was left by decision, as listed under Release"
		}
		return "released: each change was put back, has no undo, or was left by decision, as listed under Release"
	case casefile.Open:
		if r.NotContained != "" {
			return "open: " + r.NotContained
		}
		return "open: containment is not complete"
	}
	return string(r.State)
}

func (r Report) containedWords() string {
	if r.NotContained != "" {
		return "no: " + r.NotContained
	}
	if r.ContainedAfterMS == nil {
		return "not proved"
	}
	after := "proved " + duration(*r.ContainedAfterMS) + " after approval, by the read-back of the last containment step"
	if slices.ContainsFunc(r.inForce(), func(s Step) bool { return s.Phase == casefile.Contain && s.released() }) {
		return "not any more: it was " + after + "; a release has put back, or begun to put back, steps since"
	}
	return after
}

func (r Report) isolatedWords() string {
	i := r.Isolation
	switch {
	case i.Steps == 0:
		return "not planned: no step of the plan isolates"
	case i.Isolated && r.IsolatedAfterMS != nil:
		return fmt.Sprintf("yes: %d of %d isolating steps read back, %s after approval", i.Proved, i.Steps, duration(*r.IsolatedAfterMS))
	case i.Isolated:
		return fmt.Sprintf("yes: %d of %d isolating steps read back", i.Proved, i.Steps)
	case i.Ended && r.IsolatedAfterMS != nil:
		return fmt.Sprintf("not any more: it was %s after approval, and a release has put back, or begun to put back, isolating steps", duration(*r.IsolatedAfterMS))
	}
	return fmt.Sprintf("not proved: %d of %d isolating steps read back", i.Proved, i.Steps)
}

func duration(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// utc writes a time of the journal for people.
func utc(stamp string) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return stamp
	}
	return t.UTC().Format("2006-01-02 15:04:05.000 UTC")
}

func (f Finding) section(i int) section {
	s := section{ID: "finding-" + strconv.Itoa(i+1), Heading: "The finding"}
	x := f.Incident.Finding
	s.add("Type", exact(x.Type))
	s.add("Title", suspect(x.Title))
	s.add("Severity", plain(severity(f)))
	s.add("Id", exact(x.ID))
	s.add("Account and region", exact(x.Account), exact(x.Region))
	if x.Sample {
		s.add("Sample", plain("yes: the detector made it up, nothing happened"))
	}
	if x.Archived {
		s.add("Archived", plain("yes"))
	}
	s.add("First and last seen", plain(utc(f.Start)), plain(utc(f.End)))
	a := f.Actor
	s.add("Actor", exact(a.Principal), plain(a.PrincipalType), exact(a.PrincipalID))
	s.add("Actor's session", exact(a.Session))
	s.add("Actor's access key", exact(a.AccessKey))
	s.add("Actor's addresses", all(suspect, a.Addresses)...)
	s.add("Actor's countries", all(plain, a.Countries)...)
	s.add("Actor's organisations", all(suspect, a.Organisations)...)
	s.add("Indicators: addresses", all(suspect, f.Indicators.Addresses)...)
	s.add("Indicators: domains", all(suspect, f.Indicators.Domains)...)
	s.add("Indicators: hashes", all(exact, f.Indicators.Hashes)...)
	var ports []string
	for _, p := range f.Indicators.Ports {
		ports = append(ports, strconv.Itoa(p))
	}
	s.add("Indicators: ports", all(plain, ports)...)
	s.add("Notes", all(suspect, f.Notes)...)
	if f.SHA256 == "" {
		s.add("As given", plain("not kept as evidence yet: it stands in the plan"))
		return s
	}
	s.add("As given", plain(fmt.Sprintf("%d bytes, entry %d, SHA-256", f.Size, f.Seq)), exact(f.SHA256))
	return s
}

func severity(f Finding) string {
	return strconv.FormatFloat(f.Incident.Finding.Severity, 'g', -1, 64)
}

func (r Report) subjects() section {
	s := section{ID: "subjects", Heading: "What is compromised"}
	if len(r.Findings) == 0 && r.Plan != "" {
		s.say("No finding: a person named the resource.")
	}
	t := table{Caption: "Subjects", Heads: []string{"Kind", "Id", "Account", "Region", "Answered by"}}
	for _, x := range r.Subjects {
		if !x.Regional() {
			x.Region = "" // that of whoever looked
		}
		t.Rows = append(t.Rows, []text{plain(string(x.Kind)), exact(x.ID), exact(x.Account), exact(x.Region), plain(or(x.Playbook, "none"))})
	}
	for _, x := range r.Unanswered {
		t.Rows = append(t.Rows, []text{plain(string(x.Kind)), exact(x.ID), exact(x.Account), exact(x.Region), plain("none: not answered by this case")})
	}
	s.table(t, "No plan has been approved, so the case has no subject yet.")
	return s
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// table adds a table, or says what its absence means.
func (s *section) table(t table, none string) {
	if len(t.Rows) == 0 {
		s.say(none)
		return
	}
	s.Tables = append(s.Tables, t.fold())
}

func (s *section) listed(of func(string) text, ss []string, none string) {
	if len(ss) == 0 {
		s.say(none)
		return
	}
	s.List = all(of, ss)
}

func (r Report) who() section {
	s := section{ID: "who", Heading: "Who acted"}
	s.add("In the management account", exact(r.Management))
	t := table{Caption: "Processes that wrote the journal", Heads: []string{"Entry", "Time", "Person", "Caller", "Account", "Cordon", "Command", "Signing key", "Entries"}}
	for _, x := range r.Sessions {
		key := []string{x.Key}
		if x.KMSKey != "" {
			key = append(key, "said to be endorsed by KMS key "+x.KMSKey)
		}
		version := fmt.Sprintf("%s, binary %s", x.Version, x.Binary)
		t.Rows = append(t.Rows, []text{num(x.Seq), plain(utc(x.Time)), plain(x.Person), exact(x.ARN), exact(x.Account),
			exact(version), exact(x.Command), exact(strings.Join(key, "; ")), num(x.Entries)})
	}
	s.table(t, "Nobody has written the journal yet.")
	a := table{Caption: "Approvals", Heads: []string{"Entry", "Time", "Person", "Caller", "Plan", "Kind", "Run", "How"}}
	for _, x := range r.Approvals {
		a.Rows = append(a.Rows, []text{num(x.Seq), plain(utc(x.Time)), plain(x.Person), exact(x.ARN), exact(x.Plan), plain(x.Kind), num(x.Run), plain(x.How)})
	}
	s.table(a, "Nothing has been approved.")
	if two := r.seconds(); len(two.Rows) > 0 {
		s.say("What concerns an account as a whole takes two signatures over the plan, by different keys. Of the second signature nothing is known here but the note that it is in: its time and the name in it are what its writer had them say.")
		s.table(two, "")
	}
	return s
}

func num(n int) text {
	if n == 0 {
		return plain("")
	}
	return plain(strconv.Itoa(n))
}
