package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/spf13/cobra"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/engine"
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

// respondIn answers a resource of a simulated account, cut first, with the plan's hash known beforehand.
func respondIn(t *testing.T, w *awssim.World, resource string, cutFirst bool) (a *app, stdout, stderr *bytes.Buffer, err error) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	make := func() *response {
		a, stdout, stderr = simulated(t, w)
		a.cases, a.keyFile = filepath.Join(dir, "cases"), filepath.Join(dir, "key")
		r := &response{app: a}
		r.plan.add(&cobra.Command{})
		r.plan.from = source{lookup: true, takes: []string{"logs", "lookup", "index"}}
		r.plan.opts.CutFirst, r.plan.cuts = cutFirst, true
		return r
	}
	first := make()
	m, err := first.app.plan(t.Context(), resource, first.plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.close(); err != nil {
		t.Fatal(err)
	}
	again := make()
	again.how.approve = casefile.HashBytes(m.data)
	return a, stdout, stderr, again.run(t.Context(), resource)
}

// TestCutFirstPlansWhatWasReachedThen: the key is cut at once; whom it led to gets a plan of its own, which nobody has
// approved. Once that is carried out too, release puts back both.
func TestCutFirstPlansWhatWasReachedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := reachable()
		before := w.Dump()
		a, stdout, _, err := respondIn(t, w, "access-key:"+intruderKey, true)
		if status(err) != exitDecision {
			t.Fatalf("exit status %d: %v\n%s", status(err), err, stdout)
		}
		for _, want := range []string{"is looked for once this is contained", "THE INTRUDER GOT FURTHER", "iam-role deploy", "-reached.json --approve"} {
			if !strings.Contains(stdout.String(), want) {
				t.Errorf("it does not say %q:\n%s", want, stdout)
			}
		}
		names, err := filepath.Glob("*-reached.json")
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		data, err := os.ReadFile(names[0])
		if err != nil {
			t.Fatal(err)
		}
		next, _, err := decodePlan(data)
		if err != nil {
			t.Fatal(err)
		}
		if got := subjectsOf(next); !slices.Equal(got, []string{"iam-role deploy"}) {
			t.Errorf("the second plan is about %q", got)
		}
		if err := a.apply(t.Context(), data, applying{approve: casefile.HashBytes(data), wait: true}); err != nil {
			t.Fatal(err)
		}
		kase, err := a.open(t.Context(), next.Case)
		if err != nil {
			t.Fatal(err)
		}
		e, err := a.engine(kase, a.conn.sim, "release")
		if err != nil {
			t.Fatal(err)
		}
		w.AllowDeletes(true)
		back, err := e.PlanRelease(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		bytes, _, err := engine.Encode(back)
		if err != nil {
			t.Fatal(err)
		}
		if err := e.Release(t.Context(), bytes, "flag"); err != nil {
			t.Fatal(err)
		}
		if after := w.Dump(); !reflect.DeepEqual(before, after) {
			t.Errorf("after the release of both plans the account is not as before: %v\n%v", before, after)
		}
	})
}

// Without --cut-first there is one plan, and one approval.
func TestRespondCutsWhatWasReachedWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, stdout, _, err := respondIn(t, reachable(), "access-key:"+intruderKey, false)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(stdout.String(), "GOT FURTHER") || !strings.Contains(stdout.String(), "iam-revoke-role-sessions") {
			t.Errorf("%s", stdout)
		}
	})
}
