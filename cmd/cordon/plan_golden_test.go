package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/drill"
)

// TestPlanTextsOfIdentities: what a responder reads before approving an answer about a user, a role or an account, whole,
// for each incident that can be rehearsed. A change of any word of it is looked at: go test ./cmd/cordon -run PlanTexts -update.
func TestPlanTextsOfIdentities(t *testing.T) {
	kept := map[string]bool{}
	for _, s := range drill.All() {
		book, _, _ := strings.Cut(s.Name, "-")
		if book != "credentials" && book != "role" && book != "account" {
			continue
		}
		kept[s.Name+".txt"] = true
		t.Run(s.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				golden(t, filepath.Join("plan", s.Name+".txt"), planText(t, s))
			})
		})
	}
	files, err := os.ReadDir(filepath.Join("testdata", "golden", "plan"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !kept[f.Name()] {
			t.Errorf("there is no drill that %s is the plan of", f.Name())
		}
	}
}

// planText is what the drill shows of its plan. The hash of the plan stands for every byte of the plan's file, more than
// is shown, and is left out.
func planText(t *testing.T, s drill.Scenario) string {
	t.Helper()
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	r, err := a.rehearse(t.Context(), s, drillFlags{seed: 1, plan: plainFlags()})
	if err != nil {
		t.Fatal(err)
	}
	data, err := r.planned(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return strings.ReplaceAll(out.String(), casefile.HashBytes(data), "HASH")
}

// plainFlags are the choices of whoever types none.
func plainFlags() planFlags {
	var p planFlags
	p.add(&cobra.Command{})
	return p
}

// golden compares with a file of testdata/golden, or writes it anew.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", file)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	had, has := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for i := range max(len(had), len(has)) {
		if i >= len(had) || i >= len(has) || had[i] != has[i] {
			t.Fatalf("%s differs from what is shown now, first in line %d; look at it, then go test -update\nwas: %q\nis:  %q", path, i+1, line(had, i), line(has, i))
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no such line)"
}
