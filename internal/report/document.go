package report

import "strconv"

// A document is what a page and Markdown have in common: headings, facts, lists and tables of plain text. The
// two renderers escape every text, so that no content can forget to.
type document struct {
	Title    string
	Banner   string // "" for none
	Sections []section
}

type section struct {
	ID      string // ours, never from a case
	Heading string
	Paras   []text
	Facts   []fact
	List    []text
	Command string // ours: letters, digits, dots, hyphens, colons
	Tables  []table
}

type fact struct {
	Name   string
	Values []text
}

type table struct {
	Caption string
	Heads   []string
	Rows    [][]text
	Folded  bool // shown when the reader opens it; Markdown has the first rows alone
}

// manyRows is the size from which a table is folded, and steps that are alike are put together: a thousand rows tell
// a tired reader nothing, and hide what comes after them.
const manyRows = 60

func (t table) fold() table {
	t.Folded = t.Folded || len(t.Rows) > manyRows
	return t
}

// Count is the number of rows, for people.
func (t table) Count() string { return thousands(len(t.Rows)) }

// thousands writes 2017 as 2,017.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// text is one piece of text as the case has it.
type text struct {
	s      string
	Exact  bool // an id or a state, set in a fixed width
	defang bool // an address, a domain or prose of the finding
}

// Show is the text as a reader sees it, before the markup's own escaping.
func (t text) Show() string {
	if t.defang {
		return show(Defang(t.s))
	}
	return show(t.s)
}

func plain(s string) text   { return text{s: s} }
func exact(s string) text   { return text{s: s, Exact: true} }
func suspect(s string) text { return text{s: s, defang: true} }

func all(of func(string) text, ss []string) []text {
	var out []text
	for _, s := range ss {
		out = append(out, of(s))
	}
	return out
}

// add leaves a fact out that has no value; a fact that is absent must be put in words by the caller.
func (s *section) add(name string, values ...text) {
	var kept []text
	for _, v := range values {
		if v.s != "" {
			kept = append(kept, v)
		}
	}
	if len(kept) > 0 {
		s.Facts = append(s.Facts, fact{name, kept})
	}
}

func (s *section) say(p string) { s.Paras = append(s.Paras, plain(p)) }
