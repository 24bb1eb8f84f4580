package playbook

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

func TestWhatAnIntruderLeavesIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.Do(func(a *awssim.Account) {
				a.Contacts["SECURITY"] = &awssim.Contact{Name: "Mallory", Email: "mallory@example.net"}
			})
			for _, name := range []string{"people", "builds", "more-builds"} {
				which := map[bool]string{true: "saml-provider/support-login", false: "oidc-provider/builds.example.com"}[name == "people"]
				w.AddRole(awssim.Role{Name: name, Trust: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:` + which + `"},"Action":"sts:*"}}`})
			}
			w.AddOIDCProvider("builds.example.com", "sts.amazonaws.com")
		}, Options{})
		for _, want := range []string{
			"SAML provider arn:aws:iam::111122223333:saml-provider/support-login (made ",
			") signs people or workloads in to role people: make sure that it is yours (cordon plan iam-role:people --cut-provider arn:aws:iam::111122223333:saml-provider/support-login)",
			"builds.example.com signs people or workloads in to 2 roles, builds among them: make sure that it is yours (cordon plan iam-role:builds --cut-provider arn:aws:iam::111122223333:oidc-provider/builds.example.com)",
			"OpenID Connect provider arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com is trusted by no role that could be read",
			"security Mallory mallory@example.net",
			"no billing contact",
			"user support-svc (made ",
			"role support-access (made ",
		} {
			if !said(d.Warnings, want) {
				t.Errorf("not said: %s\n%q", want, d.Warnings)
			}
		}
	})
}

// What is new goes by the finding, which comes late; without one the newest are named; a flood of names is cut.
func TestNewcomers(t *testing.T) {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	plan := func(start string, people ...person) *accountPlan {
		return &accountPlan{accountSurvey: &accountSurvey{people: people}, in: Incident{Finding: casefile.Incident{Start: start}}}
	}
	old, week, late := person{name: "old", made: at.AddDate(-1, 0, 0)}, person{name: "week", made: at.Add(-before)}, person{name: "late", made: at.Add(time.Hour)}
	unknown := person{name: "unknown"}
	for _, c := range []struct {
		start string
		want  string
		is    string
	}{
		{at.Format(time.RFC3339), "user late,user week", ") is new: "},
		{"", "user late,user week,user old", ") is among the newest here: "},
		{"no time", "user late,user week,user old", ") is among the newest here: "},
	} {
		var got []string
		p := plan(c.start, unknown, old, week, late)
		for _, line := range p.newcomers(p.comers()) {
			name, _, _ := strings.Cut(line, " (made")
			if !strings.Contains(line, c.is) {
				t.Errorf("since %q: %q", c.start, line)
			}
			got = append(got, name)
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("since %q: %q, want %s", c.start, got, c.want)
		}
	}
	// An old user's new key is what an intruder comes back by; that a new user's key is new goes without saying.
	old.keys = []action.Key{{ID: "AKIAOLDEXAMPLE000001", Made: at.AddDate(-1, 0, 0)}, {ID: "AKIANEWEXAMPLE000001", Made: at.Add(2 * time.Hour)}}
	late.keys = []action.Key{{ID: "AKIALATEEXAMPLE00001", Made: at.Add(time.Hour)}}
	for _, start := range []string{at.Format(time.RFC3339), ""} {
		p := plan(start, old, late)
		p.leftBehind()
		got := p.draft.Warnings
		if len(got) < 2 || !strings.HasPrefix(got[0], "user late") || !said(got, "access key AKIANEWEXAMPLE000001 of user old (made 2026-11-20T05:00:00Z) is ") || said(got, "AKIALATE") {
			t.Errorf("since %q: %q", start, got)
		}
	}
	old.keys, late.keys = nil, nil
	var flood []person
	for i := range 500 {
		flood = append(flood, person{name: fmt.Sprint("x", i), made: at})
	}
	p := plan(at.Format(time.RFC3339), flood...)
	p.leftBehind()
	if len(p.draft.Warnings) != most+1 || !said(p.draft.Warnings, "and 480 more") {
		t.Errorf("%d warnings: %q", len(p.draft.Warnings), p.draft.Warnings)
	}
}

// A user whose policies leave no room in either way is not tried in vain: its keys go off, and that it is not denied is
// the first thing to know of it.
func TestUserWithoutRoomIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fill := func(attached int) func(w *awssim.World) {
			return func(w *awssim.World) {
				w.Do(func(a *awssim.Account) {
					u := a.IAM.Users["reports"]
					u.Attached = map[string]string{}
					for i := range attached {
						u.Attached[fmt.Sprintf("arn:aws:iam::aws:policy/p%d", i)] = fmt.Sprint("p", i)
					}
				})
			}
		}
		for attached, via := range map[int]string{0: action.ViaManaged, 9: action.ViaManaged, 10: ""} {
			d := draftIn(t, "account-takeover", fill(attached), Options{})
			got, keys := "", false
			for _, s := range d.Steps {
				if s.Target.ID == "reports" && s.Action.Name == action.DenyUser.Name {
					got = s.Params["via"]
				}
				keys = keys || s.Target.ID == "reports" && s.Action.Name == action.DisableKeys.Name
			}
			if got != via || !keys || said(d.Warnings, "NOT DENIED: user reports") != (via == "") {
				t.Errorf("%d attached: via %q, keys %v, %q", attached, got, keys, d.Warnings)
			}
		}
	})
}

// Contacts and providers that could not be read are doubts, and no absence.
func TestUnreadContactsAndProviders(t *testing.T) {
	for operation, want := range map[string]string{
		"GetContactInformation":      "the account's contact could not be read",
		"GetAlternateContact":        "the account's security contact could not be read",
		"ListSAMLProviders":          "SAML providers could not be read",
		"ListOpenIDConnectProviders": "OpenID Connect providers could not be read",
		"GetEventSelectors":          "which events trail",
		"GetAdministratorAccount":    "which account administers detector",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", func(w *awssim.World) {
				w.SetHook(func(c awssim.Call) awssim.Fault {
					if c.Operation == operation {
						return awssim.Fault{Before: awssim.AccessDenied(operation)}
					}
					return awssim.Fault{}
				})
			}, Options{})
			if !said(d.Warnings, want) {
				t.Errorf("%s refused: %q", operation, d.Warnings)
			}
		})
	}
}

// That nobody inside the account can take the root user's keys away is half of what a responder must know where the
// organisation can.
func TestWhoCanTakeTheRootUsersKeysAway(t *testing.T) {
	alone := func(w *awssim.World) { w.Do(func(a *awssim.Account) { a.Org.CentralRoot = false }) }
	const inside, outside = "which nobody but the root user can switch off from inside", "the organisation's management account"
	for _, c := range []struct {
		change func(*awssim.World)
		o      Options
		want   string
	}{
		{nil, Options{}, inside + "; " + outside + " can delete them, for good: plan again with --delete-root"},
		{nil, Options{DeleteRoot: true}, inside + "; this plan deletes them from " + outside},
	} {
		synctest.Test(t, func(t *testing.T) {
			if d := draftIn(t, "account-root", c.change, c.o); !said(d.Warnings, c.want) {
				t.Errorf("not said: %s\n%q", c.want, d.Warnings)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		if d := draftIn(t, "account-root", alone, Options{}); !said(d.Warnings, inside) || said(d.Warnings, inside+";") {
			t.Errorf("an organisation that cannot is said to: %q", d.Warnings)
		}
	})
}

// Where keys are rotated, the day's new ones must not keep an intruder's user or role from being named.
func TestNewKeysCrowdOutNobody(t *testing.T) {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	people := []person{{name: "mallory", made: at}}
	for i := range 500 {
		people = append(people, person{name: fmt.Sprint("x", i), made: at.AddDate(-1, 0, 0), keys: []action.Key{{ID: fmt.Sprint("AKIA", i), Made: at.Add(time.Hour)}}})
	}
	for _, start := range []string{at.Format(time.RFC3339), ""} {
		p := &accountPlan{accountSurvey: &accountSurvey{people: people}, in: Incident{Finding: casefile.Incident{Start: start}}}
		p.leftBehind()
		if !said(p.draft.Warnings, "user mallory (made") || !said(p.draft.Warnings, "access key AKIA") {
			t.Errorf("since %q: %q", start, p.draft.Warnings)
		}
	}
}

// What stops a part of the account, or not each of its users, contains it only where the organisation stops the whole.
func TestAccountStoppedInPartIsNotContained(t *testing.T) {
	full := person{name: "full", inline: action.UserInlineQuota, attached: slices.Repeat([]string{"p"}, attachedQuota)}
	for _, c := range []struct{ inside, stopped, open bool }{{false, false, true}, {false, true, false}, {true, false, true}, {true, true, false}} {
		p := &accountPlan{c: &action.AWS{Account: "111122223333"}, accountSurvey: &accountSurvey{id: "111122223333", inside: c.inside, people: []person{full}}, stopped: c.stopped}
		if c.inside {
			p.users()
		}
		p.tell()
		if p.draft.Open != c.open {
			t.Errorf("%+v: open is %t", c, p.draft.Open)
		}
	}
}

// Whoever acts in the organisation's management account by one of its users, and answers that account, is not cut off.
func TestSecondConnectionIsSpared(t *testing.T) {
	const id = "999988887777"
	p := &accountPlan{
		c:             &action.AWS{Account: id, Caller: "arn:aws:sts::" + id + ":assumed-role/response/ann", Management: &action.AWS{Account: id, Caller: "arn:aws:iam::" + id + ":user/ann"}},
		accountSurvey: &accountSurvey{id: id, inside: true, people: []person{{name: "ann"}, {name: "bob"}}},
	}
	p.users()
	if slices.ContainsFunc(p.draft.Steps, func(s Step) bool { return s.Target.ID == "ann" }) || len(p.draft.Steps) != 2 || !said(p.draft.Warnings, "user ann is spared") {
		t.Errorf("steps %v, warnings %q", p.draft.Steps, p.draft.Warnings)
	}
}
