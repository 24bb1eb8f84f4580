package deploy_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/deploy"
	"cordon/internal/drill"
	"cordon/internal/playbook"
)

// choices are what a responder may ask for, so that together they reach every step of each playbook.
var choices = map[string][]playbook.Options{
	casefile.PlaybookEC2: {
		{},
		{CutFirst: true, Standby: true, RevokeRole: true, Cut: "stop"},
		{ForensicsEgress: true, Lock: "compliance", LockDays: 1, Tags: map[string]string{"cordon:case": "x", "ticket": "IR-1"}},
	},
	casefile.PlaybookCredentials: {{}, {SessionsOnly: true}},
	casefile.PlaybookRole:        {{}},
	casefile.PlaybookAccount:     {{}, {DeleteRoot: true}},
}

// bookOf gives the playbook that a scenario is for: its name begins with it.
func bookOf(t *testing.T, s drill.Scenario) playbook.Playbook {
	name, _, _ := strings.Cut(s.Name, "-")
	book, ok := playbook.For(name)
	if !ok {
		t.Fatalf("scenario %s is for no playbook", s.Name)
	}
	return book
}

// TestCallsAgainstPolicy answers every drill in every way and puts everything back. What was called is what the
// policy grants: nothing that is missing, nothing that no run needs.
func TestCallsAgainstPolicy(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: every drill in every way is left out of a short run")
	}
	contained, all := map[string]bySide{}, map[string]bySide{}
	for _, book := range playbook.All {
		contained[book.Name], all[book.Name] = bySide{}, bySide{}
	}
	for _, scenario := range drill.All() {
		if scenario.Name == "account-large" {
			continue // the calls of account-takeover, a thousand times
		}
		book := bookOf(t, scenario)
		for i, o := range choices[book.Name] {
			synctest.Test(t, func(t *testing.T) {
				r := drilled(t, scenario, book, int64(i), o)
				r.apply()
				contained[book.Name].add(r.called())
				r.release()
				all[book.Name].add(r.called())
			})
		}
	}
	for _, book := range playbook.All {
		for _, side := range deploy.Sides {
			check(t, book, "contain", contained[book.Name][side], deploy.PolicyOptions{Side: side})
			check(t, book, "contain and release", all[book.Name][side], deploy.PolicyOptions{Side: side, Release: true})
		}
	}
}

// bySide is what was called with each side's credentials, as the account saw it.
type bySide map[deploy.Side][]action.Op

func (b bySide) add(more bySide) {
	for side, ops := range more {
		b[side] = append(b[side], ops...)
	}
}

func check(t *testing.T, book playbook.Playbook, what string, calls []action.Op, o deploy.PolicyOptions) {
	t.Helper()
	what = book.Name + ", " + string(o.Side) + ", " + what
	docs, err := deploy.Policy(book, o)
	if err != nil {
		t.Fatal(err)
	}
	unused, missing, err := deploy.Compare(calls, docs)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d calls, unused %d, missing %d", what, len(calls), len(unused), len(missing))
	if len(unused) > 0 {
		t.Errorf("%s: granted and never needed: %v", what, unused)
	}
	if len(missing) > 0 {
		t.Errorf("%s: needed and not granted: %v", what, missing)
	}
}

// called is what the simulated account was asked, by whose credentials asked it. The root user's own session is
// nobody's policy: what it may do is what the task policy says that it was opened with.
func (r *run) called() bySide {
	all := bySide{}
	for _, c := range r.World.Calls() {
		o := action.Op{Service: c.Service, Name: c.Operation}
		switch {
		case c.Actor == r.Caller:
			all[deploy.Member] = append(all[deploy.Member], o)
		case c.Actor == r.Management:
			all[deploy.Management] = append(all[deploy.Management], o)
		case strings.HasSuffix(c.Actor, ":root"):
		default:
			r.t.Errorf("%s was called by %s, whose credentials nobody gave", o, c.Actor)
		}
	}
	return all
}
