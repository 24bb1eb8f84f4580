package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/engine"
)

// TestUsersOfIdentityCenterAreCalledByName: an id out of an identity store tells a responder nothing. Plan, progress, status,
// report and release say the name first, and the id with it.
func TestUsersOfIdentityCenterAreCalledByName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		scenario, _ := drill.Find("role-sso")
		d := scenario.Build(drill.Options{Seed: 1})
		s := newShell(t, d.World)
		if err := os.WriteFile("finding.json", d.Finding, 0o600); err != nil {
			t.Fatal(err)
		}
		cordon := func(line string) told { return cordonAs(t, d.World, responder, d.Management, strings.Fields(line)...) }
		const called = "sso-deny-user  erin@example.com (d-9067examp1/"
		spaced := func(r told) told {
			r.out, r.err = strings.Join(strings.Fields(r.out), " "), strings.Join(strings.Fields(r.err), " ")
			return r
		}
		one := strings.Join(strings.Fields(called), " ")
		cordon("plan finding.json --out plan.json").says(t, called)
		applied := spaced(cordon("apply plan.json --approve " + s.hash("plan.json")))
		if !strings.Contains(applied.out, one) || !strings.Contains(applied.err, one) {
			t.Errorf("apply does not call the user by name:\n%s\n%s", applied.out, applied.err)
		}
		id := "111122223333-awsreservedsso-admin-0123456789abcdef-7149c1d6"
		cordon("release "+id).says(t, called)
		text, err := os.ReadFile("state/cordon/cases/" + id + "/report/report.md")
		if err != nil {
			t.Fatal(err)
		}
		told{out: string(text)}.says(t, "sso-deny-user on identity-center-user erin")
	})
}

// TestNamesOfOthersAreEscaped: a plan that was handed over may call a user what it likes.
func TestNamesOfOthersAreEscaped(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{stdout: &out, stderr: &errs}
	target := casefile.Target{Kind: casefile.IdentityCenterUser, ID: "d-1/u-1"}
	step := casefile.Step{N: 1, Action: "sso-deny-user", Target: target, Params: map[string]string{"name": "arn:\x1b[2J\u202e" + strings.Repeat("x", 500)}}
	a.showStep(step)
	a.progress()(engine.Event{Step: step, State: casefile.Done})
	steps := []casefile.StepStatus{{N: 1, Action: step.Action, Target: target, Name: step.Called(), State: casefile.Done}}
	a.showCase(caseAnswer{Case: "c", Steps: steps, Loss: []casefile.Loss{{Name: "user", Target: target, Reason: "gone"}}, Plans: []planLine{{}}})
	text := out.String() + errs.String()
	if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(text, strings.Repeat("x", 65)) {
		t.Errorf("it is not escaped and bounded:\n%q", text)
	}
	if n := strings.Count(text, "arn:"); n != 4 {
		t.Errorf("it is called by name %d times, not 4:\n%q", n, text)
	}
	if n := strings.Count(text, "(d-1/u-1)"); n != 4 {
		t.Errorf("its id stands %d times, not 4:\n%q", n, text)
	}
}
