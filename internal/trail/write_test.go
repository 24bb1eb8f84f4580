package trail

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"cordon/internal/escape"
)

// hostileTexts are what an attacker puts into names, user agents and session names.
var hostileTexts = []string{
	"=HYPERLINK(\"http://evil.example\",\"x\")", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1+1)*cmd|' /C calc'!A0", "＝1＋1", "＋1", "－1", "＠x",
	"\t=1+1", "\r=1", "\n=1", "  =1", "\u00a0=1", "\u3000＝1", "'=1", "''x", "' =1", "\"=1", "\"\"=1",
	"agent;=cmd|' /C calc'!A0;", "a; +b", "a;\"=1\"", ";", ";'", "a;;=b",
	"a,b", "a\"b", "line\r\nbreak", "\x1b[2J", "\u009b2J", "invoice\u202egpj.exe", "ad\u200bmin", "\u2028", "hidden\U000e0041", "\x00\x7f\ufeff",
	"plain", "", " ", "Größe 東京 🙂", "a=b", "1-2", "a'b", `C:\x1b`,
}

// rearm takes away the apostrophes that disarm put.
func rearm(s string) string {
	parts := strings.Split(s, ";")
	for i, p := range parts {
		parts[i] = strings.TrimPrefix(p, "'")
	}
	return strings.Join(parts, ";")
}

// What a sheet holds is read back as it was, and no reader finds a formula in it, whatever it splits cells by.
func TestSheetsHoldNoFormula(t *testing.T) {
	var b bytes.Buffer
	s := newSheet(&b, "text", "again")
	for _, h := range hostileTexts {
		s.row(h, h)
	}
	if err := s.end(); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll()
	if err != nil || len(rows) != len(hostileTexts)+1 {
		t.Fatal(len(rows), err)
	}
	for i, h := range hostileTexts {
		for _, c := range rows[i+1] {
			if want := escape.Text(h); rearm(c) != want {
				t.Errorf("%q came back as %q, want %q", h, rearm(c), want)
			}
			for part := range strings.SplitSeq(c, ";") {
				if start := strings.Trim(part, " \"\u00a0\u3000"); start != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(start)[0]) {
					t.Errorf("%q is written as %q, in which a spreadsheet reads a formula", h, c)
				}
			}
		}
	}
	for _, r := range b.String() {
		if r != '\r' && r != '\n' && escape.Hidden(r) {
			t.Errorf("the sheet holds %U", r)
		}
	}
}

func TestLongCellsAreCutAndSaySo(t *testing.T) {
	for _, c := range []struct {
		in  string
		cut bool
	}{
		{strings.Repeat("a", maxCell), false}, {strings.Repeat("a", maxCell+1), true},
		{strings.Repeat("🙂", maxCell/2), false}, {strings.Repeat("🙂", maxCell/2+1), true}, // two units each
		{strings.Repeat("é", maxCell), false}, {strings.Repeat("é", maxCell+1), true},
		{strings.Repeat("\x00", maxCell/3), true}, // spelt, each is four
	} {
		got := cell(c.in)
		if n := len(utf16.Encode([]rune(got))); n > maxCell {
			t.Errorf("%d bytes of %q: the cell has %d units", len(c.in), c.in[:4], n)
		}
		if strings.HasSuffix(got, cutMark) != c.cut {
			t.Errorf("%d bytes of %q: cut is %v", len(c.in), c.in[:4], !c.cut)
		}
	}
}

// files is a folder in memory.
type files map[string]*bytes.Buffer

type closer struct {
	*bytes.Buffer
	err error
}

func (c closer) Close() error { return c.err }

func (f files) create(name string) (io.WriteCloser, error) {
	if f[name] != nil {
		return nil, fmt.Errorf("%s is there", name)
	}
	f[name] = &bytes.Buffer{}
	return closer{Buffer: f[name]}, nil
}

func TestLongTimelinesGoOnInTheNextSheet(t *testing.T) {
	d := emptyDocument()
	for i := range 5 {
		d.Events = append(d.Events, ScopeEvent{EventID: fmt.Sprint("e", i)})
	}
	for size, want := range map[int][]int{2: {2, 2, 1}, 5: {5}, 6: {5}} {
		made := files{}
		if err := writeSheets(d.Timeline(nil), size, made.create); err != nil {
			t.Fatal(err)
		}
		next := 0
		for part, n := range want {
			name := "timeline.csv"
			if part > 0 {
				name = fmt.Sprintf("timeline-%d.csv", part+1)
			}
			if made[name] == nil {
				t.Fatalf("size %d: there is no %s", size, name)
			}
			rows, err := csv.NewReader(made[name]).ReadAll()
			if err != nil || len(rows) != n+1 {
				t.Fatalf("size %d: %s has %d rows (%v)", size, name, len(rows), err)
			}
			for _, r := range rows[1:] {
				if id := r[slices.Index(rows[0], "event_id")]; id != fmt.Sprint("e", next) {
					t.Errorf("size %d: %s has %s, want e%d", size, name, id, next)
				}
				next++
			}
		}
		if len(made) != len(want) {
			t.Errorf("size %d: %d files", size, len(made))
		}
	}
}

func hostileDocument(s string) *Document {
	d := fullDocument()
	for i := range d.Events {
		e := &d.Events[i]
		e.Name, e.Source, e.Region, e.Account, e.Principal, e.AccessKey, e.SourceIP, e.UserAgent, e.Code = s, s, s, s, s, s, s, s, s
	}
	for i := range d.Identities {
		x := &d.Identities[i]
		x.ARN, x.AccessKey, x.Account, x.Addresses, x.UserAgents = s, s, s, []string{s}, []string{s}
	}
	for i := range d.Resources {
		r := &d.Resources[i]
		r.ID, r.Type, r.Account, r.Region = s, s, s, s
	}
	for i := range d.Exposures {
		x := &d.Exposures[i]
		x.Resource, x.Type, x.Account, x.Region, x.Grantee = s, s, s, s, s
	}
	d.Indicators[0].Value, d.Contain[0].Target, d.Contain[0].Why, d.Contain[0].Command = s, s, s, s
	d.Seed[0].Value, d.Summary.Notes[0], d.Coverage.Claims[0], d.Coverage.Gaps[0].What, d.Coverage.Cells[0].Region = s, s, s, s, s
	return d
}

// Whatever the texts, there are the same files, nothing in them is hidden, and JSON has each text exactly.
func TestFilesOfHostileTexts(t *testing.T) {
	for _, h := range hostileTexts {
		d, made := hostileDocument(h), files{}
		if err := WriteAll(d, map[string]Origin{"e1": {File: h, Offset: 7, SHA256: "aa"}}, made.create); err != nil {
			t.Fatal(err)
		}
		if len(made) != len(outputFiles) {
			t.Errorf("%q: %d files", h, len(made))
		}
		for name, b := range made {
			for _, r := range b.String() {
				if r != '\n' && !(r == '\r' && strings.HasSuffix(name, ".csv")) && escape.Hidden(r) {
					t.Errorf("%q: %s holds %U", h, name, r)
				}
			}
			if strings.HasSuffix(name, ".csv") {
				if _, err := csv.NewReader(bytes.NewReader(b.Bytes())).ReadAll(); err != nil {
					t.Errorf("%q: %s: %v", h, name, err)
				}
			}
		}
		var back Document
		if err := json.Unmarshal(made["scope.json"].Bytes(), &back); err != nil || back.Events[0].UserAgent != h {
			t.Errorf("%q: scope.json has %q (%v)", h, back.Events[0].UserAgent, err)
		}
		lines := strings.Split(strings.TrimSuffix(made["timeline.jsonl"].String(), "\n"), "\n")
		var row TimelineRow
		if err := json.Unmarshal([]byte(lines[0]), &row); err != nil || row.UserAgent != h || row.File != h || row.Offset != 7 || len(lines) != len(d.Events) {
			t.Errorf("%q: timeline.jsonl has %+v (%v)", h, row, err)
		}
	}
}

func TestTimesketch(t *testing.T) {
	made := files{}
	if err := WriteAll(fullDocument(), nil, made.create); err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(made["timesketch.jsonl"].String(), "\n"), "\n") {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"message", "datetime", "timestamp_desc", "event_id"} {
			if s, _ := m[name].(string); s == "" {
				t.Errorf("%s has no %s", line, name)
			}
		}
		if m["event_id"] == "e2" && (m["datetime"] != "2024-05-01T10:05:00+00:00" ||
			m["message"] != "GetSecretValue (secretsmanager) by arn:aws:iam::111122223333:user/alice from 203.0.113.9: denied AccessDenied") {
			t.Error(line)
		}
	}
}

func TestWriteAllSaysWhatFailed(t *testing.T) {
	full := errors.New("disk full")
	for _, f := range outputFiles {
		err := WriteAll(fullDocument(), nil, func(name string) (io.WriteCloser, error) {
			c := closer{Buffer: &bytes.Buffer{}}
			if name == f.name {
				c.err = full
			}
			return c, nil
		})
		if !errors.Is(err, full) || !strings.Contains(err.Error(), f.name) {
			t.Errorf("%s cannot be closed, and the error is %v", f.name, err)
		}
		err = WriteAll(fullDocument(), nil, func(name string) (io.WriteCloser, error) {
			if name == f.name {
				return nil, full
			}
			return closer{Buffer: &bytes.Buffer{}}, nil
		})
		if !errors.Is(err, full) {
			t.Errorf("%s cannot be made, and the error is %v", f.name, err)
		}
	}
}

// The pivots count the intruder's events as the summary does, each once.
func TestPivots(t *testing.T) {
	for name, d := range stratusDocuments(t) {
		events, apart := 0, 0
		for _, p := range pivots(d, func(e *ScopeEvent) string { return "x" + e.AccessKey }) {
			events += p.events
			apart += p.apart
			if n := p.outcomes["success"] + p.outcomes["denied"] + p.outcomes["error"]; n != p.events || p.first > p.last || (p.first == "") != (p.events == 0) {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if events != d.Summary.Events || events+apart != len(d.Events) {
			t.Errorf("%s: %d events and %d apart, the summary says %d of %d", name, events, apart, d.Summary.Events, len(d.Events))
		}
	}
	got := pivots(fullDocument(), func(e *ScopeEvent) string { return e.Principal })
	if len(got) != 1 || got[0].events != 3 || got[0].apart != 1 || got[0].outcomes["denied"] != 1 || len(got[0].calls) != 2 || got[0].last != "2024-05-01T10:05:00Z" {
		t.Errorf("%+v", got[0])
	}
}

// Every edge leads from a node to a node, and everything in the document is a node.
func TestGraph(t *testing.T) {
	docs := stratusDocuments(t)
	docs["full"] = fullDocument()
	reached := 0
	for name, d := range docs {
		g := graphOf(d)
		nodes := map[string]bool{}
		for _, n := range g.Nodes {
			if nodes[n.ID] {
				t.Errorf("%s: %s is there twice", name, n.ID)
			}
			nodes[n.ID] = true
		}
		for _, e := range g.Edges {
			if !nodes[e.From] || !nodes[e.To] {
				t.Errorf("%s: an edge leads from %s to %s", name, e.From, e.To)
			}
			if len(e.Evidence) == 0 || e.Rule == "" || e.Confidence == "" {
				t.Errorf("%s: an edge without evidence: %+v", name, e)
			}
			if e.Kind == "reached" {
				reached++
			}
		}
		for _, i := range d.Identities {
			if !nodes[identityNode(i.ID)] {
				t.Errorf("%s: %s is no node", name, i.ID)
			}
		}
		for _, r := range d.Resources {
			if !nodes[resourceNode(r.Type, r.Account, r.Region, r.ID)] {
				t.Errorf("%s: %s is no node", name, r.ID)
			}
		}
	}
	if reached < 50 {
		t.Errorf("%d resources were reached over all detonations: the look is broken", reached)
	}
}

func TestNavigator(t *testing.T) {
	d := fullDocument()
	d.Techniques = append(d.Techniques, Technique{AttackID: "T1078", Events: 12, Evidence: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"}})
	l := navigatorOf(d)
	if l.Versions.Layer != "4.5" || l.Domain != "enterprise-attack" || l.Gradient.Max != 12 {
		t.Errorf("%+v", l)
	}
	want := []navigatorTechnique{
		{ID: "T1078", Score: 12, Comment: "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nand 2 more events", Enabled: true},
		{ID: "T1555", Enabled: true, Shown: true},
		{ID: "T1555.006", Score: 2, Comment: "e1\ne2", Enabled: true},
	}
	if !slices.Equal(l.Techniques, want) {
		t.Errorf("%+v", l.Techniques)
	}
	if g := navigatorOf(emptyDocument()).Gradient; g.Max <= g.Min {
		t.Errorf("a layer of nothing has the gradient %+v, which the Navigator refuses", g)
	}
}
