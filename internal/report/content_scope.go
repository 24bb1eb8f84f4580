package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cordon/internal/trail"
)

// scopeWords is one line of what was reached, for the summary.
func (r Report) scopeWords() string {
	switch {
	case r.Scope == nil && r.plannedFromLog():
		return "looked at for the plan, and the answer is not in this case"
	case r.Scope == nil:
		return "not looked at"
	case r.Scope.Unreadable != "":
		return "looked at, and the answer cannot be read"
	}
	secrets, reached, lives := 0, 0, 0
	for _, t := range r.Scope.Resources {
		if t.Outcome == "accessed" {
			reached++
		}
		if t.Secret {
			secrets++
		}
	}
	for _, n := range r.Scope.Identities {
		if n.Relation != trail.SamePrincipal && n.Lives(r.Scope.at) {
			lives++
		}
	}
	return fmt.Sprintf("events: %d; resources reached: %d, secrets among them: %d; credentials that lived when the question was asked: %d", r.Scope.Summary.Events, reached, secrets, lives)
}

// scopeRows is how much of a long table a page shows. All of it is in report.json and in the evidence.
const scopeRows = 200

// reached says what the intruder became and reached, as the last scope of the case answered.
func (r Report) reached() section {
	s := section{ID: "reached", Heading: "What they reached"}
	x := r.Scope
	if x == nil {
		s.say(r.unscoped() + " So nothing is known here of what the intruder reached. That is not to say that it is nothing.")
		return s
	}
	s.add("Asked", plain(utc(x.Time)), plain(x.Person), exact(x.ARN))
	s.add("The whole answer", plain(fmt.Sprintf("%d bytes, entry %d, SHA-256", x.Size, x.Seq)), exact(x.SHA256))
	if x.Earlier > 0 {
		s.add("Earlier answers", plain(fmt.Sprintf("%d, in the evidence", x.Earlier)))
	}
	if x.Unreadable != "" {
		s.say("A scope was made, and the case's copy of it cannot be read, so nothing of it is shown here: " + x.Unreadable)
		return s
	}
	m := x.Summary
	for _, seed := range x.Seed {
		s.add("Seed", plain(seed.Kind), suspect(seed.Value))
	}
	s.add("The intruder's events", plain(fmt.Sprintf("%d of %d in the log: %d succeeded, %d denied, %d failed", m.Events, m.Corpus, m.Outcomes["success"], m.Outcomes["denied"], m.Outcomes["error"])))
	s.add("Possibly theirs", plain(fmt.Sprintf("%d more events of the same users and roles, counted apart", m.Possible)))
	s.add("First and last seen", plain(second(m.FirstSeen)), plain(second(m.LastSeen)))
	s.add("Accounts", all(exact, m.Accounts)...)
	s.add("Regions", all(exact, m.Regions)...)
	s.add("Log", plain(x.logWords()))
	s.add("Left out", plain(fmt.Sprintf("%d events: cordon's own calls", m.Own)))
	if m.Events == 0 {
		s.say("No event of the intruder is in this log. What was not logged is not in it: see what the log cannot tell.")
	}
	if len(x.Contain) > 0 {
		s.say("Under what to do: where cordon has no playbook yet, the command ends with exit 5 and touches nothing. Do that by hand.")
	}
	s.Tables = append(s.Tables, x.tables()...)
	return s
}

func (x *Scope) logWords() string {
	words := "what was read is not recorded"
	if x.NoIngest != "" {
		words = "the record of what was read cannot be read: " + x.NoIngest
	}
	if in := x.Ingest; in != nil {
		words = fmt.Sprintf("files: %d; bytes: %d; records: %d, of which further copies: %d", in.Files, in.Bytes, in.Records, in.Duplicates)
		if in.Foreign > 0 {
			words += fmt.Sprintf("; files that are no CloudTrail log: %d", in.Foreign)
		}
		if n := in.Lost(); n > 0 {
			words += fmt.Sprintf("; problems of reading, listed in the evidence: %d", n)
		}
	}
	if x.Summary.Unread > 0 {
		words += fmt.Sprintf("; records that nobody could read, so that what they say is unknown: %d", x.Summary.Unread)
	}
	return words
}

// cutTable is a table of so many rows, of which a page shows the first.
func cutTable(caption string, total int, heads []string, row func(i int) []text) table {
	if total > scopeRows {
		caption += fmt.Sprintf(" (%d of %d; all of them are in report.json and in the evidence)", scopeRows, total)
	}
	t := table{Caption: caption, Heads: heads}
	for i := range min(total, scopeRows) {
		t.Rows = append(t.Rows, row(i))
	}
	return t
}

func (x *Scope) tables() []table {
	var tables []table
	add := func(caption string, total int, heads []string, row func(i int) []text) {
		if total > 0 {
			tables = append(tables, cutTable(caption, total, heads, row))
		}
	}
	add("Not to be missed", len(x.Summary.Notes), []string{"What"}, func(i int) []text { return []text{suspect(x.Summary.Notes[i])} })
	add("What to do", len(x.Contain), []string{"What", "To", "Account and region", "Why", "Command"}, func(i int) []text {
		c := x.Contain[i]
		return []text{plain(c.Do), exact(c.Target), exact(place(c.Account, c.Region)), suspect(c.Why), exact(c.Command)}
	})
	add("Who they became", len(x.Identities), []string{"Identity", "From", "How sure", "Events", "First and last seen", "Lives", "Addresses", "Evidence"}, func(i int) []text {
		n := x.Identities[i]
		return []text{exact(identityWords(n)), exact(strings.TrimSpace(string(n.Relation) + " " + n.Parent)), plain(fmt.Sprintf("%s, %s", n.Confidence, n.Rule)),
			plain(fmt.Sprintf("%d, %d denied", n.Events, n.Denied)), plain(fromTo(n.FirstSeen, n.LastSeen, "never seen in use")), plain(x.lifeWords(n)), suspect(first(n.Addresses)), exact(first(n.Evidence))}
	})
	add("What was reached, or tried", len(x.Resources), []string{"Resource", "Account and region", "How", "Outcome", "Events", "First and last seen", "Evidence"}, func(i int) []text {
		t := x.Resources[i]
		return []text{exact(t.Type + " " + t.ID), exact(place(t.Account, t.Region)), plain(accessWords(t.Access)), plain(outcomeWords(t)), num(t.Events),
			plain(fromTo(t.FirstSeen, t.LastSeen, "")), exact(first(t.Evidence))}
	})
	add("What was given to somebody outside", len(x.Exposures), []string{"Resource", "Account and region", "To whom", "How", "Since", "Taken back", "Evidence"}, func(i int) []text {
		o := x.Exposures[i]
		return []text{exact(o.Type + " " + o.Resource), exact(place(o.Account, o.Region)), exact(grantee(o)), plain(fmt.Sprintf("%s, %s", o.Kind, o.Confidence)), plain(second(o.Since)),
			plain(cmp.Or(second(o.RevokedAt), "not in this log")), exact(first(o.Evidence))}
	})
	add("ATT&CK techniques seen, denied attempts among them", len(x.Techniques), []string{"Id", "Name", "Events", "Evidence"}, func(i int) []text {
		t := x.Techniques[i]
		return []text{exact(t.AttackID), plain(t.Name), num(t.Events), exact(first(t.Evidence))}
	})
	add("Indicators, to look for elsewhere", len(x.Indicators), []string{"Kind", "Value", "Events", "First and last seen"}, func(i int) []text {
		t := x.Indicators[i]
		return []text{plain(t.Kind), suspect(t.Value), num(t.Events), plain(fromTo(t.FirstSeen, t.LastSeen, ""))}
	})
	return tables
}

// unlogged says what the log cannot tell. Without a scope it has nothing to say.
func (r Report) unlogged() section {
	s := section{ID: "unlogged", Heading: "What the log cannot tell"}
	if r.Scope == nil || r.Scope.Unreadable != "" {
		s.say(or(r.unread(), r.unscoped()))
		return s
	}
	c := r.Scope.Coverage
	s.List = all(suspect, c.Claims[:min(len(c.Claims), scopeRows)])
	if more := len(c.Claims) - scopeRows; more > 0 {
		s.List = append(s.List, plain(fmt.Sprintf("and %d more of this kind, in report.json and in the evidence", more)))
	}
	s.List = append(s.List, all(plain, neverWords(c.Never))...)
	gaps := cutTable("Logging stopped or narrowed, as the log shows it", len(c.Gaps), []string{"Account and region", "What", "From", "Until", "Evidence"}, func(i int) []text {
		g := c.Gaps[i]
		return []text{exact(place(g.Account, g.Region)), suspect(g.What), plain(second(g.From)), plain(cmp.Or(second(g.Until), "no end in the log")), exact(first(g.Evidence))}
	})
	s.table(gaps, "The log shows nothing that stopped or narrowed it. What happened before it begins, or in accounts and regions that it lacks, it cannot show.")
	missing := c.Missing()
	hours := cutTable("Hours without an event: quiet, or not logged", len(missing), []string{"Account and region", "Category", "Logged", "Not logged", "Unknown"}, func(i int) []text {
		h, unknown := missing[i], ""
		if h.AtMost {
			unknown = "at most "
		}
		return []text{exact(place(h.Account, h.Region)), plain(strings.Replace(h.Category, ":", " of ", 1)), plain(strconv.Itoa(h.Logged)), plain(strconv.Itoa(h.Gap)), plain(unknown + strconv.Itoa(h.Unknown))}
	})
	if len(c.Cells) == 0 {
		s.say("No hour is covered: the log has no event in the window that was asked for.")
		return s
	}
	s.table(hours, "Every hour of the log has an event, in each account, region and category that it has.")
	return s
}

func neverWords(never []string) []string {
	var said []string
	for _, n := range never {
		said = append(said, "CloudTrail never records "+n)
	}
	return said
}

func place(account, region string) string { return strings.TrimSpace(account + " " + region) }

func identityWords(n trail.ScopeIdentity) string {
	words := n.Kind + " " + n.AccessKey
	if n.ARN != "" {
		words = strings.TrimSpace(words) + " " + n.ARN
	}
	if n.AccessKey == "" && n.ARN == "" {
		words += n.ID
	}
	return words
}

// lifeWords says whether a credential could be used when the question was asked.
func (x *Scope) lifeWords(n trail.ScopeIdentity) string {
	switch {
	case n.RevokedAt != "":
		return "no: taken back " + second(n.RevokedAt)
	case n.LiveUntil == "":
		return "not known"
	case !n.Lives(x.at):
		return "no: expired " + second(n.LiveUntil)
	case n.Events == 0:
		return "YES, and was never seen in use: until " + strings.TrimPrefix(second(n.LiveUntil), "until ")
	}
	return "YES: until " + strings.TrimPrefix(second(n.LiveUntil), "until ")
}

// second writes a time of the log, which knows seconds.
func second(stamp string) string {
	t, err := time.Parse(time.RFC3339, stamp)
	if err != nil {
		return stamp
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

func fromTo(from, to, none string) string {
	switch from {
	case "":
		return none
	case to:
		return second(from)
	}
	return second(from) + " to " + second(to)
}

func accessWords(list []trail.Access) string {
	var words []string
	for _, a := range list {
		words = append(words, string(a))
	}
	return strings.Join(words, ", ")
}

func outcomeWords(t trail.ScopeResource) string {
	words := t.Outcome
	if t.Secret {
		words += ": a secret was read, rotate it"
	}
	if t.Confidence != trail.Certain {
		words += ", " + string(t.Confidence)
	}
	return words
}

// first gives the first few of a list, and how many more there are.
func first(list []string) string {
	const few = 3
	if len(list) <= few {
		return strings.Join(list, " ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:few], " "), len(list)-few)
}

// grantee says to whom something was given, and on what condition.
func grantee(o trail.ScopeExposure) string {
	if o.Under == "" {
		return o.Grantee
	}
	return o.Grantee + ", " + o.Under
}

// unread says that there is an answer which cannot be read; "" where there is none.
func (r Report) unread() string {
	if r.Scope == nil {
		return ""
	}
	return "The answer in this case cannot be read."
}

// unscoped says why there is nothing to tell of what the intruder reached.
func (r Report) unscoped() string {
	if r.plannedFromLog() {
		return "A log was looked at when the plan was made, and what it said of that stands among the plan's warnings; its answer is not in this case (cordon scope puts one there)."
	}
	return "Not looked at: this case has no scope."
}

// plannedFromLog tells whether a plan in force was made from a log, by the notes that such a plan has from it.
func (r Report) plannedFromLog() bool {
	return slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.HasPrefix(w, "log: ") })
}
