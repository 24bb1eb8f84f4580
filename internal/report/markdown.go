package report

import (
	"bytes"
	"fmt"
	"strings"

	"cordon/internal/escape"
)

// Markdown gives the report for tickets and chats.
func (r Report) Markdown() []byte {
	var b bytes.Buffer
	d := r.document()
	fmt.Fprintf(&b, "# %s\n\n", escapeMarkdown(d.Title))
	if d.Banner != "" {
		fmt.Fprintf(&b, "> **%s**\n\n", inline(plain(d.Banner)))
	}
	for _, s := range d.Sections {
		s.markdown(&b)
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

func (s section) markdown(b *bytes.Buffer) {
	fmt.Fprintf(b, "## %s\n\n", inline(plain(s.Heading)))
	for _, p := range s.Paras {
		fmt.Fprintf(b, "%s\n\n", inline(p))
	}
	if s.Command != "" {
		fmt.Fprintf(b, "```\n%s\n```\n\n", s.Command)
	}
	for _, f := range s.Facts {
		fmt.Fprintf(b, "- **%s:** %s\n", f.Name, strings.Join(inlines(f.Values), ", "))
	}
	for _, t := range s.List {
		fmt.Fprintf(b, "- %s\n", inline(t))
	}
	if len(s.Facts)+len(s.List) > 0 {
		b.WriteString("\n")
	}
	for _, t := range s.Tables {
		t.markdown(b)
	}
}

func (t table) markdown(b *bytes.Buffer) {
	caption, rows := t.Caption, t.Rows
	if t.Folded && len(rows) > manyRows {
		caption += fmt.Sprintf(" (the first %d of %s; all of them are in report.html and report.json)", manyRows, t.Count())
		rows = rows[:manyRows]
	}
	fmt.Fprintf(b, "### %s\n\n", escapeMarkdown(caption))
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(t.Heads, " | "), strings.Repeat(" --- |", len(t.Heads)))
	for _, row := range rows {
		fmt.Fprintf(b, "| %s |\n", strings.Join(inlines(row), " | "))
	}
	b.WriteString("\n")
}

func inlines(ts []text) []string {
	var out []string
	for _, t := range ts {
		out = append(out, inline(t))
	}
	return out
}

func inline(t text) string { return escapeMarkdown(t.Show()) }

// escapeMarkdown makes text literal in every flavour of Markdown in use: CommonMark, GitHub's tables, mentions
// and mathematics, kramdown's attributes and the templates that run before it. Pipes become entities because
// the flavours disagree on how a table cell reads a backslash before one. An @ is bracketed because mentions
// are looked for in the finished page, where no escaping is left.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '|':
			b.WriteString("&#124;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@':
			b.WriteString(`\[@\]`)
		case strings.ContainsRune("\\`*_[]{}~$^%", r), strings.ContainsRune("#+-=", r) && i == 0, (r == '.' || r == ')') && digits(s[:i]):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ' ' && (i == 0 || i == len(s)-1):
			b.WriteString("&#32;")
		case escape.Hidden(r): // never reached from a report: Show has spelt these out
			b.WriteString(escapeMarkdown(escape.Spell(r)))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// digits tells what would begin an ordered list with the mark after it.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
