package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// shell is one responder's command line in a folder of its own.
type shell struct {
	t   *testing.T
	w   *awssim.World
	dir string
}

func newShell(t *testing.T, w *awssim.World) *shell {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", filepath.Join(dir, "state"))
	t.Chdir(dir)
	return &shell{t, w, dir}
}

// run runs a command line, which must end with this exit status.
func (s *shell) run(want int, line string) told {
	s.t.Helper()
	r := cordonAs(s.t, s.w, responder, "", strings.Fields(line)...)
	if r.status != want {
		s.t.Fatalf("cordon %s: exit status %d, want %d\n%s%s", line, r.status, want, r.out, r.err)
	}
	return r
}

// hash is a plan file's.
func (s *shell) hash(file string) string {
	s.t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	return casefile.HashBytes(data)
}

func (r told) says(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(r.out+r.err, want) {
			t.Errorf("it does not say %q:\n%s%s", want, r.out, r.err)
		}
	}
}

func (r told) saysNot(t *testing.T, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if strings.Contains(r.out+r.err, want) {
			t.Errorf("it says %q:\n%s%s", want, r.out, r.err)
		}
	}
}

// TestStatusTellsOfEveryPlan: what failed in a first plan of a case is told of, and gone on with, after a second one.
func TestStatusTellsOfEveryPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Options{})
		w.AddUser(awssim.User{Name: "alice", Keys: []awssim.UserKey{{ID: "AKIAALICEALICEALICE1", Active: true}}})
		w.AddUser(awssim.User{Name: "bob", Keys: []awssim.UserKey{{ID: "AKIABOBBOBBOBBOBBOB1", Active: true}}})
		s := newShell(t, w)
		s.run(0, "plan iam-user:alice --case one --out alice.json")
		hooked("UpdateAccessKey", func(any) bool { return true })(w)
		s.run(3, "apply alice.json --approve "+s.hash("alice.json"))
		w.SetHook(nil)
		s.run(0, "plan iam-user:bob --case one --out bob.json")
		s.run(3, "apply bob.json --approve "+s.hash("bob.json")).says(t, "alice", "bob", "failed", "case one   partial", "cordon resume one")
		s.run(3, "status one").says(t, "alice", "bob", "failed", "cordon resume one", "plan "+s.hash("alice.json")[:12])
		s.run(3, "status one -o json").says(t, `"failed"`, s.hash("alice.json"), `"state": "partial"`)
		s.run(0, "resume one").says(t, "case one   contained", "contained    proved")
		s.run(0, "status one").saysNot(t, "failed", "cordon resume")
		s.run(0, "report one")
		page, err := os.ReadFile(filepath.Join(s.dir, "state/cordon/cases/one/report/report.md"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"iam-user alice", "iam-user bob", "in force beside the current plan"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("the report does not say %q", want)
			}
		}
	})
}
