package playbook

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
)

// draftIn drafts the account playbook on a drill's account.
func draftIn(t *testing.T, name string, change func(*awssim.World), o Options) Draft {
	t.Helper()
	return draftWith(t, name, func(w *awssim.World, _ *Options) {
		if change != nil {
			change(w)
		}
	}, o)
}

// draftWith is draftIn where the choices come from the account that was changed.
func draftWith(t *testing.T, name string, change func(*awssim.World, *Options), o Options) Draft {
	t.Helper()
	s, ok := drill.Find(name)
	if !ok {
		t.Fatalf("no drill %s", name)
	}
	d := s.Build(drill.Options{Seed: 1})
	change(d.World, &o)
	connect := func(caller string) *action.AWS {
		cfg := aws.Config{Region: d.Region, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
		d.World.Attach(&cfg, caller)
		c := action.Connect(cfg)
		if err := c.Identify(context.Background()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := connect(d.Caller)
	if d.Management != "" {
		c.Management = connect(d.Management)
	}
	in := Incident{Subject: casefile.Subject{Kind: casefile.AWSAccount, ID: d.Account, Account: d.Account, Playbook: casefile.PlaybookAccount}}
	draft, err := Account.Draft(action.Allow(context.Background(), Account.Reads, nil, nil), c, in, o)
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

func actionsOf(d Draft) map[string]int {
	n := map[string]int{}
	for _, s := range d.Steps {
		n[s.Action.Name]++
	}
	return n
}

func said(lines []string, part string) bool {
	return slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, part) })
}

func TestAccountFromOutsideAndInside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", nil, Options{})
		n := actionsOf(d)
		for name, want := range map[string]int{
			"org-quarantine-policy": 1, "org-quarantine-account": 1, "org-move-account": 0, "iam-deny-user": 9, "iam-disable-access-keys": 9,
			"cloudtrail-start-logging": 2, "guardduty-enable-detector": 1, "account-record": 1, "org-record": 1, "root-delete-credentials": 0,
		} {
			if n[name] != want {
				t.Errorf("%s: %d steps, want %d", name, n[name], want)
			}
		}
		if !said(d.Warnings, "may be assumed by arn:aws:iam::666677778888:root (cordon plan iam-role:support-access)") {
			t.Errorf("the foreign trust is not named: %q", d.Warnings)
		}
		if !said(d.Warnings, "GuardDuty is not there") {
			t.Errorf("the blind regions are not named: %q", d.Warnings)
		}
		for _, s := range d.Steps {
			if s.Action.Name == "org-quarantine-policy" && s.Params["responders"] != "arn:aws:iam::111122223333:role/security/incident-response" {
				t.Errorf("left in: %q", s.Params["responders"])
			}
		}
	})
}

func TestAccountSparesTheResponders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", nil, Options{Spare: []string{"arn:aws:iam::111122223333:user/developer-3"}})
		for _, s := range d.Steps {
			if s.Target.ID == "developer-3" {
				t.Errorf("%s aims at a user that was spared", s.Action.Name)
			}
		}
		if !said(d.Warnings, "user developer-3 is spared") {
			t.Errorf("nobody is told: %q", d.Warnings)
		}
	})
}

func TestStandaloneAccountHasNoOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-standalone", nil, Options{})
		for name, n := range actionsOf(d) {
			if strings.HasPrefix(name, "org-") {
				t.Errorf("%s: %d steps", name, n)
			}
		}
		if actionsOf(d)["iam-deny-user"] == 0 {
			t.Error("nobody is denied")
		}
	})
}

// Nine policies leave room for one more (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html).
func TestLastSlotIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-full-slots", func(w *awssim.World) {
			w.Do(func(a *awssim.Account) { on := a.Org.Accounts[a.ID]; on.Policies = on.Policies[:9] })
		}, Options{})
		if actionsOf(d)["org-quarantine-account"] != 1 {
			t.Errorf("steps %v, warnings %q", actionsOf(d), d.Warnings)
		}
	})
}

// A slot too few is said and nothing of the owner's is taken off for it; a unit needs none.
func TestFullSlotsAreSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-full-slots", nil, Options{})
		if actionsOf(d)["org-quarantine-account"] != 0 || !said(d.Warnings, "--quarantine-ou") {
			t.Errorf("steps %v, warnings %q", actionsOf(d), d.Warnings)
		}
	})
}

// What could not be read is said, region by region, and never taken for nothing; everything else is planned.
func TestUnreadableAccountIsSaid(t *testing.T) {
	for operation, want := range map[string]string{
		"GetAccountAuthorizationDetails": "users and roles",
		"GetAccountSummary":              "root user",
		"DescribeRegions":                "which regions",
		"DescribeTrails":                 "the trails of us-east-1",
		"GetTrailStatus":                 "records could not be read",
		"ListDetectors":                  "GuardDuty in us-east-1",
		"GetDetector":                    "detector d000000000000000000000000000us01",
		"ListPoliciesForTarget":          "which service control policies",
		"DescribeAccount":                "in an organisation",
		"ListRoots":                      "uses service control policies",
		"ListOrganizationsFeatures":      "root users",

		"ListDelegatedServicesForAccount": "what the account administers for the organisation could not be read",
		"GetRole":                         "who acts here",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", func(w *awssim.World) {
				w.SetHook(func(c awssim.Call) awssim.Fault {
					if c.Operation == operation || operation == "DescribeAccount" && c.Operation == "DescribeOrganization" {
						return awssim.Fault{Before: awssim.AccessDenied(operation)}
					}
					return awssim.Fault{}
				})
			}, Options{})
			if !said(d.Warnings, want) {
				t.Errorf("%s refused: warnings %q", operation, d.Warnings)
			}
			if len(d.Steps) == 0 {
				t.Errorf("%s refused: nothing is planned", operation)
			}
		})
	}
}

func TestAccountDraftIsTheSameEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first string
		for range 3 {
			d := draftIn(t, "account-takeover", nil, Options{})
			var lines []any
			for _, s := range d.Steps {
				lines = append(lines, s.Key, s.Action.Name, s.Target, s.Params, s.Impact, s.After, s.AfterAny)
			}
			b, err := json.Marshal([]any{lines, d.Warnings, d.Survives, d.NotCaptured})
			if err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = string(b)
			} else if string(b) != first {
				t.Error("another draft of the same account")
			}
		}
	})
}

func TestOutsidersOfHostileTrust(t *testing.T) {
	for document, want := range map[string][]string{
		`{"Statement":[{"Effect":"Allow","Principal":"*"}]}`:                                                       {"*"},
		`{"Statement":{"Effect":"Allow","Principal":{"AWS":"444455556666"}}}`:                                      {"444455556666"},
		`{"Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:root","AROAEXAMPLE"]}}]}`:  nil,
		`{"Statement":[{"Effect":"Deny","Principal":"*"}]}`:                                                        nil,
		`{"Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:saml-provider/x"}}]}`: {"arn:aws:iam::111122223333:saml-provider/x"},
		`{"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"}}]}`:                           nil,
		"%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%22*%22%7D%5D%7D":               {"*"},
	} {
		got, err := outsidersOf(document, "111122223333")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", document, got, err, want)
		}
	}
	for _, document := range []string{"", "%zz", "[]", `{"Statement":7}`} {
		if got, err := outsidersOf(document, "111122223333"); err == nil {
			t.Errorf("%q: %q without an error", document, got)
		}
	}
}
