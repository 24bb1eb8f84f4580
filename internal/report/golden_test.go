package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"cordon/internal/casefile"
)

var update = flag.Bool("update", false, "write the golden files anew")

func wholeStory(t *testing.T) *story {
	s := newStory(t, testCase, true)
	s.tell()
	return s
}

// releasedStory goes on to a scope, and to a release that puts one change back, one in part, leaves one and cannot undo one.
func releasedStory(t *testing.T) *story {
	s := wholeStory(t)
	s.scope(scopeAnswer(""))
	plan := releasePlan(s.plan)
	plan.Simulated = true
	hash := s.approve(plan, 1)
	s.write(casefile.EntryDrift, 5, casefile.DriftBody{Run: 1, Reason: "somebody emptied acl-7", Observed: json.RawMessage(`{"entries":["x"]}`)})
	s.write(casefile.EntryUndo, 4, casefile.UndoBody{Run: 1, Release: hash, Expected: json.RawMessage(`{"groups":["sg-quarantine"]}`), Before: json.RawMessage(`{"groups":["sg-web"]}`)})
	s.write(casefile.EntryUndone, 4, casefile.UndoneBody{Run: 1, Release: hash, Sent: true, Observed: json.RawMessage(`{"groups":["sg-web"]}`), Partly: "connections were cut"})
	s.write(casefile.EntryUndone, 3, casefile.UndoneBody{Run: 1, Release: hash})
	return s
}

func TestGolden(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(*testing.T) *story
	}{{"incident", wholeStory}, {"released", releasedStory}} {
		t.Run(c.name, func(t *testing.T) {
			files := render(t, c.make(t).report())
			again := render(t, c.make(t).report())
			for name, got := range files {
				if !bytes.Equal(got, again[name]) {
					t.Errorf("%s: the same case gave other bytes", name)
				}
				golden(t, filepath.Join("testdata", c.name+filepath.Ext(name)), got)
			}
		})
	}
}

// render gives the three files of a report.
func render(t *testing.T, r Report) map[string][]byte {
	t.Helper()
	data, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"report.json": data, "report.md": r.Markdown(), "report.html": page}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read the golden file (go test -update writes it): %v", err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is written now; look at the difference, then go test -update", path)
	}
}
