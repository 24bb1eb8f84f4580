package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/playbook"
)

// scenario is a drill that a playbook is killed and faulted on.
type scenario struct {
	drill, playbook string
	// with is what the drill's account has besides, and in the scenario's name.
	with    string
	prepare func(d *drill.Drill)
	// contained asks the account itself, not cordon's actions.
	contained func(i *incident, what string)
	// declared are parts of the names of what release need not give back as it was.
	declared []string
	// grown are parts of the names of what may be there that was not: what AWS itself made meanwhile.
	grown []string
}

var scenarios = []*scenario{
	{
		drill: drill.Default, playbook: casefile.PlaybookEC2, contained: instanceContained,
		// Evidence stays; the group that gave an instance away and got it back is one larger, and its load balancers
		// know the replacement; the ended session stays ended.
		declared: []string{"/snapshot/", "autoscaling/", "elb/", "elbv2/", "ssm/"},
		grown:    []string{"/instance/", "/network-interface/", "/profile-association/", "/volume/"}, // the replacement
	},
	{drill: "credentials-leaked-key", playbook: casefile.PlaybookCredentials, contained: subjectUserContained},
	{drill: "credentials-full-quota", playbook: casefile.PlaybookCredentials, contained: subjectUserContained},
	{drill: "credentials-keeps-working", playbook: casefile.PlaybookCredentials, contained: sessionsContained},
	{drill: "role-chain", playbook: casefile.PlaybookRole, contained: roleContained},
	{drill: "role-sso", playbook: casefile.PlaybookRole, contained: personContained("94d8e418-0000-7000-8000-00000000000a")},
	{drill: "role-directory", playbook: casefile.PlaybookRole, contained: directoryContained},
	{drill: "role-full-quota", playbook: casefile.PlaybookRole, contained: roleContained},
	{drill: "role-one-session", playbook: casefile.PlaybookRole, contained: oneSessionContained},
	{drill: "role-one-session", with: "a full quota", prepare: noRoomInline, playbook: casefile.PlaybookRole, contained: oneSessionContained},
	{drill: "role-saml", playbook: casefile.PlaybookRole, contained: federationContained},
	{drill: "role-oidc", playbook: casefile.PlaybookRole, contained: federationContained},
	{drill: "role-oidc", with: "a provider without client ids", prepare: clientless, playbook: casefile.PlaybookRole, contained: federationContained},
	{drill: "account-takeover", playbook: casefile.PlaybookAccount, contained: accountContained},
	{drill: "account-standalone", with: "few users", prepare: fewUsers, playbook: casefile.PlaybookAccount, contained: insideContained},
	{drill: "account-full-slots", with: "few users", prepare: fewUsers, playbook: casefile.PlaybookAccount, contained: movedContained},
	{drill: "account-root", with: "few users", prepare: fewUsers, playbook: casefile.PlaybookAccount, contained: accountContained},
}

func (s *scenario) name() string {
	if s.with != "" {
		return s.drill + " with " + s.with
	}
	return s.drill
}

// TestEveryPlaybookIsKilledAndFaulted holds that no playbook is left out.
func TestEveryPlaybookIsKilledAndFaulted(t *testing.T) {
	for _, p := range playbook.All {
		if !slices.ContainsFunc(scenarios, func(s *scenario) bool { return s.playbook == p.Name }) {
			t.Errorf("playbook %s has no scenario", p.Name)
		}
	}
}

func instanceContained(i *incident, what string) {
	i.t.Helper()
	i.drill.World.Do(func(a *awssim.Account) {
		r := a.Regions[i.drill.Region]
		snaps := 0
		for _, s := range r.Snapshots {
			if s.Tags["cordon:case"] != "" {
				snaps++
			}
		}
		if snaps != 2 {
			i.t.Errorf("%s: %d snapshots with the case's tag, not 2", what, snaps)
		}
		groups := 0
		for _, g := range r.SecurityGroups {
			if strings.HasPrefix(g.Name, "cordon-quarantine") {
				groups++
			}
		}
		if groups != 1 {
			i.t.Errorf("%s: %d quarantine groups", what, groups)
		}
	})
}

func subjectUserContained(i *incident, what string) {
	i.t.Helper()
	i.userContained(what, i.drill.Subject)
}

// userContained wants one deny of everything on a user, and nothing active that it could sign with.
func (i *incident) userContained(what, name string) {
	i.t.Helper()
	i.drill.World.Do(func(a *awssim.Account) {
		u := a.IAM.Users[name]
		if u == nil {
			i.t.Errorf("%s: user %s is gone", what, name)
			return
		}
		denies := 0
		for _, document := range u.Inline {
			if deniesAll(document) {
				denies++
			}
		}
		for arn := range u.Attached {
			if strings.HasSuffix(arn, ":iam::aws:policy/AWSDenyAll") {
				denies++
			}
		}
		if denies != 1 {
			i.t.Errorf("%s: %d denies of everything on user %s", what, denies, name)
		}
		for _, k := range u.Keys {
			if k.Active {
				i.t.Errorf("%s: key %s of user %s is active", what, k.ID, name)
			}
		}
	})
}

// deniesAll tells a statement that denies everything on everything, on no condition.
func deniesAll(document string) bool {
	var p struct{ Statement []map[string]any }
	if json.Unmarshal([]byte(document), &p) != nil {
		return false
	}
	return slices.ContainsFunc(p.Statement, func(s map[string]any) bool {
		_, on := s["Condition"]
		return s["Effect"] == "Deny" && s["Action"] == "*" && s["Resource"] == "*" && !on
	})
}

// roleContained wants the sessions from before to be cut, and those from after the cut-off to work.
func roleContained(i *incident, what string) {
	i.t.Helper()
	w, role := i.drill.World, i.drill.Subject
	id := ""
	w.Do(func(a *awssim.Account) { id = a.IAM.Roles[role].ID })
	if !w.Denied(role, id+":vendor-ci", "s3:GetObject", w.Now().Add(-time.Hour)) {
		i.t.Errorf("%s: a session from before still works", what)
	}
	if w.Denied(role, id+":vendor-ci", "s3:GetObject", w.Now().Add(time.Hour)) {
		i.t.Errorf("%s: sessions from after the cut are cut too", what)
	}
}

// personContained wants a user of Identity Center to have nothing of its own and through no group, not to sign in, and
// to be denied by one policy at the organisation's root; and everybody else to be left alone.
func personContained(id string) func(*incident, string) {
	return func(i *incident, what string) {
		i.t.Helper()
		i.drill.World.Do(func(a *awssim.Account) {
			if u := a.SSO.Users[id]; u == nil || !u.Disabled {
				i.t.Errorf("%s: user %s can sign in", what, id)
			}
			others := 0
			for _, m := range a.SSO.Memberships {
				if m.User == id {
					i.t.Errorf("%s: user %s is in group %s", what, id, m.Group)
				} else {
					others++
				}
			}
			for _, x := range a.SSO.Assignments {
				if x.Principal == id {
					i.t.Errorf("%s: user %s has %s in account %s", what, id, x.PermissionSet, x.Account)
				}
			}
			for other, u := range a.SSO.Users {
				if other != id && (u.Disabled || others == 0) {
					i.t.Errorf("%s: user %s is hit too", what, other)
				}
			}
			denies := 0
			for _, p := range a.Org.Units[a.Org.Root].Policies {
				if strings.Contains(a.Org.Policies[p].Content, id) {
					denies++
				}
			}
			if denies != 1 || len(a.Org.Policies) != 2 {
				i.t.Errorf("%s: %d denies of user %s at the root, %d policies made", what, denies, id, len(a.Org.Policies)-1)
			}
		})
	}
}

// directoryContained wants the same, and the users in both directories to be disabled.
func directoryContained(i *incident, what string) {
	i.t.Helper()
	personContained("94d8e418-0000-7000-8000-00000000000c")(i, what)
	i.drill.World.Do(func(a *awssim.Account) {
		disabled := 0
		for _, r := range a.Regions {
			for name, u := range r.Directory {
				if !u.Disabled {
					i.t.Errorf("%s: directory user %s can sign in", what, name)
				}
				disabled++
			}
		}
		if disabled != 2 {
			i.t.Errorf("%s: %d users of directories", what, disabled)
		}
	})
}

// noRoomInline leaves the drill's role no room for an inline policy.
func noRoomInline(d *drill.Drill) {
	d.World.Do(func(a *awssim.Account) {
		a.IAM.Roles[d.Subject].Inline["big"] = `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", 10_000) + `","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	})
}

// fewUsers leaves out those that are like another: each costs two steps, at whose boundaries nothing new can happen, and
// account-takeover has them all.
func fewUsers(d *drill.Drill) {
	d.World.Do(func(a *awssim.Account) {
		for n := 2; n <= 6; n++ {
			delete(a.IAM.Users, fmt.Sprintf("developer-%d", n))
		}
	})
}

// clientless adds a provider that takes no token as it is, and is to be cut all the same.
func clientless(d *drill.Drill) {
	d.Choose.CutProviders = append(d.Choose.CutProviders, d.World.AddOIDCProvider("retired.example.com"))
}

// oneSessionContained wants the one session cut for good, the others let be, and the account that it came from shut out.
func oneSessionContained(i *incident, what string) {
	i.t.Helper()
	w, role := i.drill.World, i.drill.Subject
	id, denies := "", 0
	w.Do(func(a *awssim.Account) {
		r := a.IAM.Roles[role]
		id = r.ID
		for name := range r.Inline {
			if strings.HasPrefix(name, "cordon") {
				denies++
			}
		}
		for arn := range r.Attached {
			if strings.Contains(arn, ":policy/cordon/") {
				denies++
			}
		}
	})
	if denies != 1 {
		i.t.Errorf("%s: %d denies on the role", what, denies)
	}
	for session, cut := range map[string]bool{"eve": true, "eve2": false, "Eve": false, "ann": false} {
		for _, issued := range []time.Time{w.Now().Add(-time.Hour), w.Now().Add(time.Hour)} {
			if w.Denied(role, id+":"+session, "s3:GetObject", issued) != cut {
				i.t.Errorf("%s: session %s is cut: %t", what, session, !cut)
			}
		}
	}
	for arn, may := range map[string]bool{"arn:aws:iam::999988887777:role/any": false, "arn:aws:iam::111122223333:role/people/desk": true} {
		if w.MayAssume(role, awssim.Assumer{ARN: arn}) != may {
			i.t.Errorf("%s: %s may assume the role: %t", what, arn, !may)
		}
	}
}

// federationContained wants the sessions cut, and no provider to sign anybody in.
func federationContained(i *incident, what string) {
	i.t.Helper()
	roleContained(i, what)
	i.drill.World.Do(func(a *awssim.Account) {
		for arn, p := range a.IAM.SAMLProviders {
			if strings.Contains(p.Metadata, "MIIDexample") || !strings.Contains(p.Metadata, "X509Certificate") {
				i.t.Errorf("%s: provider %s still signs", what, arn)
			}
		}
		for arn, p := range a.IAM.OIDCProviders {
			if len(p.Clients) > 0 {
				i.t.Errorf("%s: provider %s still takes tokens for %q", what, arn, p.Clients)
			}
		}
	})
}

// accountContained wants the account under one quarantine policy, every user cut, and what watches to work again.
func accountContained(i *incident, what string) {
	i.t.Helper()
	i.drill.World.Do(func(a *awssim.Account) {
		held := 0
		for _, id := range a.Org.Accounts[i.drill.Account].Policies {
			if strings.HasPrefix(a.Org.Policies[id].Name, "cordon") {
				held++
			}
		}
		made := 0
		for _, p := range a.Org.Policies {
			if strings.HasPrefix(p.Name, "cordon") {
				made++
			}
		}
		if held != 1 || made != 1 {
			i.t.Errorf("%s: %d quarantine policies on the account, %d made", what, held, made)
		}
	})
	insideContained(i, what)
}

// movedContained wants the account in the unit that was named, under no policy of cordon's.
func movedContained(i *incident, what string) {
	i.t.Helper()
	i.drill.World.Do(func(a *awssim.Account) {
		if in := a.Org.Accounts[i.drill.Account].Parent; in != i.drill.QuarantineOU {
			i.t.Errorf("%s: the account is in %s, not in %s", what, in, i.drill.QuarantineOU)
		}
		for _, p := range a.Org.Policies {
			if strings.HasPrefix(p.Name, "cordon") {
				i.t.Errorf("%s: policy %s was made", what, p.Name)
			}
		}
	})
	insideContained(i, what)
}

// sessionsContained wants a user's sessions from before to be cut, those from after the cut-off to work, and no key to.
func sessionsContained(i *incident, what string) {
	i.t.Helper()
	w, user := i.drill.World, i.drill.Subject
	for _, name := range []string{"", "federated"} {
		if !w.UserDenied(user, awssim.Credential{Issued: w.Now().Add(-time.Hour), Federated: name}, "s3:GetObject") {
			i.t.Errorf("%s: a session from before still works, federated: %t", what, name != "")
		}
		if w.UserDenied(user, awssim.Credential{Issued: w.Now().Add(time.Hour), Federated: name}, "s3:GetObject") {
			i.t.Errorf("%s: sessions from after the cut are cut too, federated: %t", what, name != "")
		}
	}
	w.Do(func(a *awssim.Account) {
		for _, k := range a.IAM.Users[user].Keys {
			if k.Active {
				i.t.Errorf("%s: key %s is active", what, k.ID)
			}
		}
	})
}

// insideContained wants every user cut, and what watches to work again.
func insideContained(i *incident, what string) {
	i.t.Helper()
	var users []string
	i.drill.World.Do(func(a *awssim.Account) {
		for name := range a.IAM.Users {
			users = append(users, name)
		}
		for region, r := range a.Regions {
			for _, d := range r.GuardDuty.Detectors {
				if d.Disabled {
					i.t.Errorf("%s: detector %s in %s is off", what, d.ID, region)
				}
			}
			for _, trail := range r.CloudTrail.Trails {
				if !trail.Logging {
					i.t.Errorf("%s: trail %s does not log", what, trail.Name)
				}
			}
		}
	})
	for _, name := range users {
		i.userContained(what, name)
	}
}
