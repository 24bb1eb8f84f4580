package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"cordon/internal/escape"
	"cordon/internal/finding"
	"cordon/internal/trail"
)

// What is shown of a long list and of a long text. The rest is in -o json and the files of --out.
const (
	shownLines = 15
	shownNodes = 40
	shownRunes = 140
	shownProse = 600 // of a sentence
)

// scopeText writes the document for a person at a terminal of so many columns; 0: lines are as long as they are. now
// decides what still lives. The order is that of the questions asked: how bad, what first, who, what, what is unknown.
func scopeText(w io.Writer, d *trail.Document, width int, now time.Time) error {
	v := &scopeView{w: bufio.NewWriter(w), d: d, width: width, now: now}
	for _, section := range []func(){v.summary, v.contain, v.identities, v.living, v.resources, v.exposures, v.techniques, v.unknown} {
		section()
	}
	if err := v.w.Flush(); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}

type scopeView struct {
	w     *bufio.Writer
	d     *trail.Document
	width int
	now   time.Time
}

// shown is text that is safe to show already.
type shown string

// words puts foreign texts into a format of ours, each tidied.
func words(format string, args ...any) string {
	safe := make([]any, len(args))
	for i, x := range args {
		switch v := x.(type) {
		case int, shown:
			safe[i] = v
		default:
			safe[i] = tidy(fmt.Sprint(v), shownRunes)
		}
	}
	return fmt.Sprintf(format, safe...)
}

// tidy escapes foreign text, makes its white space one space each, so that no name can fill up a line and pretend to
// begin another, and cuts it to so many runes in the middle, since the ends of an ARN tell most.
func tidy(s string, most int) string {
	s = strings.Join(strings.Fields(escape.Text(s)), " ")
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	return string(r[:most/3]) + "…" + string(r[len(r)-(most-most/3-1):])
}

// line writes text with first in front, broken between words where the terminal ends; what follows a break has rest in
// front, so that it stands deeper than any line of ours.
func (v *scopeView) line(first, rest, text string) {
	v.w.WriteString(first)
	at, gap := utf8.RuneCountInString(first), 0
	for i, word := range strings.Split(text, " ") {
		if i > 0 {
			gap++
		}
		if word == "" {
			continue
		}
		n := utf8.RuneCountInString(word)
		if v.width > 0 && gap > 0 && at+gap+n > v.width {
			v.w.WriteString("\n" + rest)
			at, gap = utf8.RuneCountInString(rest), 0
		}
		v.w.WriteString(strings.Repeat(" ", gap) + word)
		at, gap = at+gap+n, 0
	}
	v.w.WriteString("\n")
}

func (v *scopeView) head(title string) { v.w.WriteString("\n" + title + "\n") }

// item writes a line of a list.
func (v *scopeView) item(format string, args ...any) {
	v.line("  ", "        ", words(format, args...))
}

// prose writes a sentence of a list, in which names stand. It has a mark in front, since a name may come first.
func (v *scopeView) prose(s string) { v.line("  - ", "        ", tidy(s, shownProse)) }

// more says how many items of a list are not shown.
func (v *scopeView) more(total, shown int) {
	if total > shown {
		v.item("… and %s more (see -o json or --out)", thousands(total-shown))
	}
}

func (v *scopeView) summary() {
	s := &v.d.Summary
	var seeds []string
	for _, x := range v.d.Seed {
		seeds = append(seeds, x.Kind+" "+x.Value)
	}
	v.fact("seed", few(seeds, 6))
	switch {
	case s.Corpus == 0:
		v.fact("found", "no event at all was read: nothing can be said")
	case s.Events == 0:
		v.fact("found", words("no event of the intruder in this log of %s. That is not proof of none: see what is unknown", eventCount(s.Corpus)))
	default:
		v.fact("found", words("%s of the intruder, of %s in the log: %s succeeded, %s denied, %s failed", eventCount(s.Events), thousands(s.Corpus), thousands(s.Outcomes["success"]), thousands(s.Outcomes["denied"]), thousands(s.Outcomes["error"])))
		v.fact("when", words("%s UTC, as all times here", span(s.FirstSeen, s.LastSeen)))
		v.fact("accounts", few(s.Accounts, 6))
		v.fact("regions", few(s.Regions, 12))
	}
	if s.Possible > 0 {
		v.fact("possible", words("%s of the same users and roles, listed apart: they may be their owners' own", counted(s.Possible, "more event", "more events")))
	}
	if s.Unread > 0 {
		v.fact("unread", words("%s could not be read: what is said there is unknown", counted(s.Unread, "record", "records")))
	}
	if s.Own > 0 {
		v.fact("left out", words("%s: cordon's own calls", eventCount(s.Own)))
	}
	if len(s.Notes) == 0 {
		return
	}
	v.head("MUST NOT BE MISSED")
	for _, n := range s.Notes[:min(len(s.Notes), shownLines)] {
		v.prose(n)
	}
	v.more(len(s.Notes), shownLines)
}

func (v *scopeView) fact(name, text string) {
	v.line(fmt.Sprintf("%-10s ", name), strings.Repeat(" ", 11), text)
}

// few joins texts, and says how many are left out.
func few(list []string, most int) string {
	var shown []string
	for _, s := range list[:min(len(list), most)] {
		shown = append(shown, words("%s", cmp.Or(s, "(none named)")))
	}
	if more := len(list) - most; more > 0 {
		shown = append(shown, fmt.Sprintf("… and %d more", more))
	}
	if len(shown) == 0 {
		return "none"
	}
	return strings.Join(shown, ", ")
}

// span writes two times of a document for people, the date once where it is the same.
func span(first, last string) string {
	a, b := clock(first), clock(last)
	switch {
	case a == "":
		return ""
	case b == "" || a == b:
		return a
	case len(a) == len(b) && len(a) > 11 && a[:11] == b[:11]:
		b = b[11:]
	}
	return a + " – " + b
}

func clock(stamp string) string { return strings.TrimSuffix(strings.Replace(stamp, "T", " ", 1), "Z") }

func (v *scopeView) contain() {
	if len(v.d.Contain) == 0 {
		return
	}
	v.head("DO FIRST")
	var byHand []string
	for i, c := range v.d.Contain[:min(len(v.d.Contain), shownLines)] {
		if c.Command != "" && !plannable(c.Command) {
			byHand = append(byHand, fmt.Sprint(i+1))
		}
		v.line(fmt.Sprintf("  %2d  ", i+1), "        ", words("%s  %s%s  ", c.Do, c.Target, within(c.Account, c.Region))+tidy(c.Why, shownProse))
		v.command(c.Command)
	}
	v.more(len(v.d.Contain), shownLines)
	if len(byHand) > 0 {
		v.prose("by hand: " + strings.Join(byHand, ", ") + ". This version has no playbook there: cordon plan ends with exit 5 and touches nothing")
	}
}

// pasteable are the characters that a command may have to be shown as one: it is copied into a shell, and names in it
// are the intruder's choice. Inside single quotes a shell reads nothing.
const pasteable = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 :/_+=,.@-'"

const longestCommand = 1000

// command writes a command whole and on a line of its own.
func (v *scopeView) command(c string) {
	switch {
	case c == "":
	case strings.Trim(c, pasteable) == "" && len(c) <= longestCommand:
		fmt.Fprintf(v.w, "        %s\n", c)
	default:
		v.line("        ", "        ", "its name is too long, or holds what a shell would act on: see contain in -o json, and quote it")
	}
}

// plannable says whether this version has the playbook that a command needs.
func plannable(command string) bool {
	words := strings.Fields(command)
	if len(words) < 3 {
		return false
	}
	subject, err := finding.ParseResource(words[2])
	return err == nil && planned(subject)
}

// within says where something is, as far as it is known.
func within(account, region string) shown {
	parts := slices.DeleteFunc([]string{account, region}, func(s string) bool { return s == "" })
	if len(parts) == 0 {
		return ""
	}
	for i, p := range parts {
		parts[i] = tidy(p, shownRunes)
	}
	return shown(" (" + strings.Join(parts, ", ") + ")")
}

func (v *scopeView) exposures() {
	if len(v.d.Exposures) == 0 {
		return
	}
	v.head("GIVEN TO SOMEBODY OUTSIDE")
	for _, x := range v.d.Exposures[:min(len(v.d.Exposures), shownLines)] {
		until := "still so, as far as the log shows"
		if x.RevokedAt != "" {
			until = "taken back " + clock(x.RevokedAt)
		}
		v.item("%s  %s%s to %s%s  since %s, %s  (%s)", x.Kind, x.Resource, within(x.Account, x.Region), everybody(x.Grantee), under(x.Under), clock(x.Since), until, x.Confidence)
	}
	v.more(len(v.d.Exposures), shownLines)
}

func everybody(grantee string) string {
	if grantee == "*" || grantee == "0.0.0.0/0" || grantee == "::/0" || grantee == "all" {
		return "EVERYBODY (" + grantee + ")"
	}
	return grantee
}

func (v *scopeView) techniques() {
	if len(v.d.Techniques) == 0 {
		return
	}
	v.head("TECHNIQUES (ATT&CK), denied attempts among them")
	for _, t := range v.d.Techniques[:min(len(v.d.Techniques), shownLines)] {
		v.item("%-10s %s  %s", t.AttackID, t.Name, times(t.Events))
	}
	v.more(len(v.d.Techniques), shownLines)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// unknown says what nobody can tell from this log, of the accounts where the intruder was. Hours are counted, not listed.
func (v *scopeView) unknown() {
	v.head("WHAT IS UNKNOWN")
	c := v.d.Near()
	for _, g := range c.Gaps[:min(len(c.Gaps), shownLines)] {
		until := "no end in the log"
		if g.Until != "" {
			until = "until " + clock(g.Until)
		}
		v.item("LOGGING WEAKENED%s  %s: from %s, %s", within(g.Account, g.Region), g.What, clock(g.From), until)
	}
	v.more(len(c.Gaps), shownLines)
	hours := c.Missing()
	for _, h := range hours[:min(len(hours), shownLines)] {
		v.item("%s%s  %s", h.Category, within(h.Account, h.Region), hoursMissing(h))
	}
	v.more(len(hours), shownLines)
	for _, claim := range c.Claims[:min(len(c.Claims), shownLines)] {
		v.prose(claim)
	}
	v.more(len(c.Claims), shownLines)
	all := &v.d.Coverage
	if n := len(all.Missing()) - len(hours) + len(all.Gaps) - len(c.Gaps); n > 0 {
		v.item("%d more places where something is unknown, in accounts in which the intruder was not seen", n)
	}
	if len(all.Gaps)+len(all.Cells)+len(all.Claims) == 0 {
		v.item("everything: what the log covers was not worked out")
	}
	for _, n := range all.Never[:min(len(all.Never), shownLines)] {
		v.prose("never in CloudTrail: " + n)
	}
}

func hoursMissing(h trail.CoverageHours) string {
	total := h.Logged + h.Gap + h.Unknown
	var says []string
	if h.Gap > 0 {
		says = append(says, fmt.Sprintf("NOT LOGGED in %d of %d hours", h.Gap, total))
	}
	if h.Unknown > 0 {
		atMost := ""
		if h.AtMost {
			atMost = "at most "
		}
		says = append(says, fmt.Sprintf("unknown in %s%d of %d hours: quiet, or not logged", atMost, h.Unknown, total))
	}
	return strings.Join(says, "; ")
}

// under says on what condition something was given.
func under(condition string) string {
	if condition == "" {
		return ""
	}
	return ", " + condition
}
