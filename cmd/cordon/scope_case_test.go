package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/report"
)

// plannedDrill is an incident of a stolen instance credential, planned and not yet answered.
func plannedDrill(t *testing.T) (d drill.Drill, a *app, stdout *bytes.Buffer, plan casefile.Plan, data []byte) {
	t.Helper()
	s, _ := drill.Find("ec2-credential-exfiltration")
	d = s.Build(drill.Options{Seed: 1, Speed: 20})
	a, stdout, _ = simulated(t, d.World)
	dir := t.TempDir()
	a.cases, a.keyFile, a.output = filepath.Join(dir, "cases"), filepath.Join(dir, "key"), "json"
	a.conn.region = d.Region
	finding := filepath.Join(dir, "finding.json")
	if err := os.WriteFile(finding, d.Finding, 0o600); err != nil {
		t.Fatal(err)
	}
	var choices planFlags
	choices.add(&cobra.Command{})
	m, err := a.plan(t.Context(), finding, choices)
	if err != nil {
		t.Fatal(err)
	}
	return d, a, stdout, m.plan, m.data
}

// TestRespondScopes answers an incident and, once it is contained, who did it: one document on stdout, and the answer
// in the case.
func TestRespondScopes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, stdout, plan, data := plannedDrill(t)
		stdout.Reset()
		d.World.AddEvents("eu-west-1", event("e1", time.Now().UTC().Add(-time.Hour), "eu-west-1", "GetCallerIdentity", d.Instance, "ASIAQ3EGABCDEXAMPLE7", ""))
		r := &response{app: a, plan: planFlags{from: source{lookup: true}}}
		if err := a.apply(t.Context(), data, applying{approve: casefile.HashBytes(data), wait: true, then: r.scopeThen}); err != nil {
			t.Fatal(err)
		}
		var said struct {
			Case, State string
			Scoped      bool
		}
		if err := json.Unmarshal(stdout.Bytes(), &said); err != nil || said.Case != plan.Case || said.State != "contained" || !said.Scoped {
			t.Errorf("%+v, %v: %s", said, err, stdout)
		}
	})
}

// TestCaseIsScopedByLookup answers an incident, then asks the account's event history who did it. What cordon did is
// left out although it came by the same key: the journal knows the requests. The answer is evidence of the case.
func TestCaseIsScopedByLookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, a, stdout, plan, data := plannedDrill(t)
		if err := a.apply(t.Context(), data, applying{approve: casefile.HashBytes(data), wait: true}); err != nil {
			t.Fatal(err)
		}
		kase, err := a.open(t.Context(), plan.Case)
		if err != nil {
			t.Fatal(err)
		}
		own, err := ownRequests(kase.Entries())
		if err != nil || len(own) < 20 {
			t.Fatalf("the journal knows %d requests: %v", len(own), err)
		}
		var mine string
		for id := range own {
			mine = max(mine, id)
		}
		const key = "ASIAQ3EGABCDEXAMPLE7" // the finding's
		at := time.Now().UTC().Add(-time.Hour)
		theirs := event("e1", at, "eu-west-1", "GetCallerIdentity", d.Instance, key, "")
		d.World.AddEvents("eu-west-1", theirs,
			strings.Replace(event("e2", at, "eu-west-1", "GetCallerIdentity", d.Instance, key, ""), `"requestID":"r-e2"`, fmt.Sprintf(`"requestID":%q`, mine), 1))

		stdout.Reset()
		if err := a.scopeCase(t.Context(), plan.Case, scopeFlags{from: source{lookup: true}}); err != nil {
			t.Fatal(err)
		}
		kase, err = a.open(t.Context(), plan.Case)
		if err != nil {
			t.Fatal(err)
		}
		p, err := kase.Progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Evidence, func(x casefile.Artifact) bool { return x.Name == report.ScopeName })
		if i < 0 {
			t.Fatal("the answer is not among the evidence")
		}
		kept, err := kase.ReadEvidence(t.Context(), p.Evidence[i].SHA256)
		if err != nil {
			t.Fatal(err)
		}
		if string(kept) != stdout.String() {
			t.Error("what is kept is not what was printed")
		}
		if text := string(kept); !strings.Contains(text, `"event_id": "e1"`) || strings.Contains(text, `"event_id": "e2"`) || !strings.Contains(text, `"own_events_left_out": 1`) {
			t.Errorf("the intruder's event is to be there and cordon's own not:\n%s", text)
		}
		if last := kase.Entries()[len(kase.Entries())-1]; last.By.ARN == "" {
			t.Error("the entry does not say who asked AWS")
		}
		asked, err := ownRequests(kase.Entries())
		if err != nil || len(asked) <= len(own) {
			t.Errorf("the journal does not know the lookups' own requests: %d, before %d (%v)", len(asked), len(own), err)
		}
	})
}
