package main

import (
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// planIn plans for a resource of a simulated account.
func planIn(t *testing.T, w *awssim.World, resource string, lookup bool) (casefile.Plan, error) {
	t.Helper()
	a, _, _ := simulated(t, w)
	dir := t.TempDir()
	a.cases, a.keyFile, a.output = filepath.Join(dir, "cases"), filepath.Join(dir, "key"), "json"
	var p planFlags
	p.add(&cobra.Command{})
	p.from.lookup = lookup
	p.from.takes = []string{"logs", "lookup", "index"}
	m, err := a.plan(t.Context(), resource, p)
	if err == nil {
		err = m.close()
	}
	return m.plan, err
}

func subjectsOf(p casefile.Plan) []string {
	var all []string
	for _, s := range p.Subjects {
		all = append(all, string(s.Kind)+" "+s.ID)
	}
	return all
}

// reachable is chained with the identities that its events name.
func reachable() *awssim.World {
	w := chained()
	w.AddUser(awssim.User{Name: "mallory", Keys: []awssim.UserKey{{ID: intruderKey, Active: true}}})
	w.AddRole(awssim.Role{Name: "deploy"})
	return w
}

// TestReachedRolesArePlannedFor: a key's plan cuts its user and, where the log is asked, the role that was assumed with
// it, through however many regions.
func TestReachedRolesArePlannedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := planIn(t, reachable(), "access-key:"+intruderKey, true)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := subjectsOf(p), []string{"iam-user mallory", "iam-role deploy"}; !slices.Equal(got, want) {
			t.Errorf("subjects %q, want %q", got, want)
		}
		cuts := 0
		for _, s := range p.Steps {
			if s.Action == "iam-revoke-role-sessions" && s.Target.ID == "deploy" {
				cuts++
			}
		}
		if cuts != 1 {
			t.Errorf("the role's sessions are cut by %d steps", cuts)
		}
		p, err = planIn(t, reachable(), "access-key:"+intruderKey, false)
		if err != nil {
			t.Fatal(err)
		}
		if got := subjectsOf(p); len(got) != 1 || len(p.Warnings) == 0 {
			t.Errorf("without a log: subjects %q, warnings %q", got, p.Warnings)
		}
	})
}

// A temporary key says nothing of whose it is; the log does.
func TestTemporaryKeyIsResolvedByTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := planIn(t, reachable(), "access-key:ASIAINTRUDER00000003", true)
		if err != nil {
			t.Fatal(err)
		}
		if got := subjectsOf(p); !slices.Contains(got, "iam-role deploy") {
			t.Errorf("subjects %q", got)
		}
		if p, err := planIn(t, reachable(), "access-key:ASIAINTRUDER00000003", false); err == nil {
			t.Errorf("without a log: planned for %q", subjectsOf(p))
		}
	})
}
