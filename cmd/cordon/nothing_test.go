package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// TestNothingContainedIsNeverCalledContained: a plan may have nothing that stops anybody. Carried out to its end it has
// contained nothing, and every place that tells where the case stands says so, with the exit status of what is not
// done.
func TestNothingContainedIsNeverCalledContained(t *testing.T) {
	for _, c := range []struct {
		name, subject, management string
		why                       string // in every place that says that nothing is contained
		build                     func(*awssim.World) (flags []string)
	}{
		{name: "a service's role", subject: "iam-role:AWSServiceRoleForSupport", why: "no step that stops anybody", build: func(w *awssim.World) []string {
			w.AddRole(awssim.Role{Name: "AWSServiceRoleForSupport", Path: "/aws-service-role/support.amazonaws.com/"})
			return nil
		}},
		{name: "a spared role", subject: "iam-role:web", why: "iam-role web: spared, as asked", build: func(w *awssim.World) []string {
			return []string{"--spare", w.AddRole(awssim.Role{Name: "web"}).ARN}
		}},
		{name: "a spared user", subject: "iam-user:bob", why: "iam-user bob: spared, as asked", build: func(w *awssim.World) []string {
			w.AddUser(awssim.User{Name: "bob"})
			return []string{"--spare", "arn:aws:iam::111122223333:user/bob"}
		}},
		{name: "an account that goes nowhere, with a detector to switch on", subject: "account:111122223333", why: "no step that stops anybody",
			management: "arn:aws:sts::999988887777:assumed-role/org-response/responder", build: func(w *awssim.World) []string {
				root := w.AddOrganization("999988887777")
				w.AddDetector("us-east-1", "d000000000000000000000000000us01").Disabled = true
				return []string{"--quarantine-ou", w.AddOrgUnit(root, "Sandbox")}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := awssim.New(awssim.Options{})
				flags := c.build(w)
				dir := t.TempDir()
				file := filepath.Join(dir, "plan.json")
				cordon := func(args ...string) told {
					return cordonAs(t, w, responder, c.management, append(args, "--cases", filepath.Join(dir, "cases"), "--key-file", filepath.Join(dir, "key"))...)
				}
				if r := cordon(append([]string{"plan", c.subject, "--out", file}, flags...)...); r.status != exitDone || !strings.Contains(r.out, "NOTHING IS CUT") {
					t.Fatalf("plan ended with %d: %s%s", r.status, r.out, r.err)
				}
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				plan, hash, err := decodePlan(data)
				if err != nil {
					t.Fatal(err)
				}
				nothing := func(what string, r told) {
					t.Helper()
					said := r.out + r.err
					if r.status != exitPartly || strings.Contains(said, plan.Case+"   contained") || strings.Contains(said, "contained    proved") {
						t.Errorf("%s ended with %d: %s", what, r.status, said)
					}
					last := strings.TrimSpace(r.err)
					if last = last[strings.LastIndex(last, "\n")+1:]; !strings.Contains(last, "nothing contained: ") || !strings.Contains(last, c.why) {
						t.Errorf("the last line of %s does not say that nothing is contained, and why: %s", what, last)
					}
				}
				approval := []string{"--approve", hash}
				if casefile.NeedsSecond(plan) != "" {
					note := filepath.Join(dir, "second.note")
					if r := cordonAs(t, w, responder, "", "countersign", file, "--approve", hash, "--out", note, "--person", "bob", "--key-file", filepath.Join(dir, "bob")); r.status != exitDone {
						t.Fatalf("countersign ended with %d: %s", r.status, r.err)
					}
					approval = append(approval, "--second", note)
				}
				nothing("respond", cordon(slices.Concat([]string{"respond", c.subject}, approval, flags)...))
				nothing("apply", cordon(append([]string{"apply", file}, approval...)...))
				nothing("resume", cordon("resume", plan.Case))
				nothing("status", cordon("status", plan.Case))
				r := cordon("status", plan.Case, "-o", "json")
				nothing("status in JSON", r)
				var said struct {
					State        casefile.CaseState `json:"state"`
					MS           *int64             `json:"contained_after_ms"`
					NotContained string             `json:"not_contained"`
				}
				if err := json.Unmarshal([]byte(r.out), &said); err != nil || said.State != casefile.Open || said.MS != nil || said.NotContained == "" {
					t.Errorf("status in JSON: %+v, %v: %s", said, err, r.out)
				}
				report, err := os.ReadFile(filepath.Join(dir, "cases", plan.Case, "report", "report.md"))
				if text := string(report); err != nil || !strings.Contains(text, "**Contained:** no: nothing contained: ") || !strings.Contains(text, strings.TrimSuffix(c.why, ", as asked")) {
					t.Errorf("the report: %v\n%s", err, text)
				}
			})
		})
	}
}
