package deploy_test

import (
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/awssim"
	"cordon/internal/drill"
	"cordon/internal/playbook"
)

// How much of somebody is stopped.
const (
	nothing    = "nothing"
	everything = "everything"
	sessions   = "the sessions issued until now"
)

// answers says whom an answer to a drill has to stop. Whoever is not named must not be stopped.
var answers = []struct {
	drill       string
	options     playbook.Options
	users       map[string]string // "*": all of them
	roles       map[string]string
	instance    string            // a role whose session of the drill's instance is stopped, and no other
	session     map[string]string // the one session of a role that is stopped, by its name
	source      map[string]string // the source identity whose sessions of a role are stopped
	quarantined bool
	person      string // id of a user of Identity Center, whose sessions are stopped whatever role they are of
}{
	{drill: "credentials-leaked-key", users: map[string]string{"deploy": everything}},
	{drill: "credentials-leaked-key", options: playbook.Options{SessionsOnly: true}, users: map[string]string{"deploy": sessions}},
	{drill: "credentials-full-quota", users: map[string]string{"reports": everything}},
	{drill: "credentials-full-quota", options: playbook.Options{SessionsOnly: true}, users: map[string]string{"reports": sessions}},
	{drill: "credentials-quarantined", users: map[string]string{"mailer": everything}},
	{drill: "credentials-gov", users: map[string]string{"gov-deploy": everything}},
	{drill: "credentials-half-contained", users: map[string]string{"analyst": everything}},
	{drill: "credentials-keeps-working", users: map[string]string{"billing-export": sessions}},
	{drill: "credentials-console", users: map[string]string{"m.keller": everything}},
	{drill: "role-chain", roles: map[string]string{"vendor-deploy": sessions}},
	{drill: "role-full-quota", roles: map[string]string{"legacy-batch": sessions}},
	{drill: "role-saml", roles: map[string]string{"admins": sessions}},
	{drill: "role-gov", roles: map[string]string{"vendor-deploy": sessions}},
	{drill: "role-one-session", session: map[string]string{"support": "eve"}},
	{drill: "role-source-identity", source: map[string]string{"support": "eve@partner.example"}},
	{drill: "role-service-linked"},
	{drill: "account-standalone", users: map[string]string{"*": everything}},
	{drill: "role-sso", person: "94d8e418-0000-7000-8000-00000000000a"},
	{drill: "role-directory", person: "94d8e418-0000-7000-8000-00000000000c"},
	{drill: "account-root", users: map[string]string{"*": everything}, quarantined: true},
	{drill: "account-takeover", users: map[string]string{"*": everything}, quarantined: true},
	{drill: "ec2-credential-exfiltration", instance: "web-app"},
	{drill: "ec2-credential-exfiltration", options: playbook.Options{RevokeRole: true}, instance: "web-app", roles: map[string]string{"web-app": sessions}},
}

// left is what a run has put on identities, by name, and on the account.
type left struct {
	began, ended time.Time
	place        place
	users, roles map[string]identity
	controls     []string
	caller       string
	instance     string
}

type identity struct {
	path, id string
	added    []string // documents that were not on it before; AWSDenyAll, whoever put it there
}

// TestWhoIsStopped judges what each answer leaves in the account: the documents are read from there, however they got
// there, and go to the evaluator as they are.
func TestWhoIsStopped(t *testing.T) {
	requirePeers(t)
	var all []judged
	for _, a := range answers {
		s, ok := drill.Find(a.drill)
		if !ok {
			t.Fatalf("there is no drill %s", a.drill)
		}
		synctest.Test(t, func(t *testing.T) {
			l := leave(t, s, a.options)
			b := &bench{place: l.place}
			for name, u := range l.users {
				l.askUser(b, a.drill, u, how(a.users, name), a.quarantined)
			}
			for name, r := range l.roles {
				hit := a.session[name]
				if name == a.instance {
					hit = l.instance
				}
				l.askRole(b, a.drill, r, how(a.roles, name), hit, a.quarantined)
				if a.source[name] != "" {
					l.askSource(b, a.drill, r, a.source[name])
				}
				if a.person != "" {
					l.askPerson(b, a.drill, r, a.person)
				}
			}
			b.all(a.drill, b.root(), policies{controls: l.controls}, !a.quarantined)
			all = append(all, b.cases...)
		})
	}
	peer(t, "judge-denies.mjs", all)
}

func how(table map[string]string, name string) string {
	for _, n := range []string{name, "*"} {
		if h, ok := table[n]; ok {
			return h
		}
	}
	return nothing
}

// leave answers a drill and compares the account with what it was.
func leave(t *testing.T, s drill.Scenario, o playbook.Options) left {
	r := drilled(t, s, bookOf(t, s), 1, o)
	before := documentsIn(r.World)
	r.apply()
	after := documentsIn(r.World)
	after.began, after.ended, after.caller, after.instance = r.began, r.ended, r.Caller, r.Instance
	after.place = place(r.engine.AWS.Partition)
	subtract := func(now, then map[string]identity) {
		for name, i := range now {
			i.added = slices.DeleteFunc(i.added, func(d string) bool { return slices.Contains(then[name].added, d) && d != awsDenyAll })
			now[name] = i
		}
	}
	subtract(after.users, before.users)
	subtract(after.roles, before.roles)
	after.controls = slices.DeleteFunc(after.controls, func(d string) bool { return slices.Contains(before.controls, d) })
	return after
}

// documentsIn lists all policies that stand in the account. Of AWS's own the one counts that stops anybody.
func documentsIn(w *awssim.World) left {
	l := left{users: map[string]identity{}, roles: map[string]identity{}}
	w.Do(func(a *awssim.Account) {
		documents := func(inline, attached map[string]string) []string {
			all := slices.Collect(maps.Values(inline))
			for arn, name := range attached {
				if p, ok := a.IAM.Policies[arn]; ok {
					all = append(all, p.Document)
				} else if name == "AWSDenyAll" {
					all = append(all, awsDenyAll)
				}
			}
			return all
		}
		for name, u := range a.IAM.Users {
			l.users[name] = identity{u.Path[1:] + name, u.ID, documents(u.Inline, u.Attached)}
		}
		for name, r := range a.IAM.Roles {
			l.roles[name] = identity{r.Path[1:] + name, r.ID, documents(r.Inline, r.Attached)}
		}
		if own, ok := a.Org.Accounts[a.ID]; ok {
			on := own.Policies
			for unit := a.Org.Units[own.Parent]; unit != nil; unit = a.Org.Units[unit.Parent] {
				on = append(slices.Clone(on), unit.Policies...)
			}
			for _, id := range on {
				if p := a.Org.Policies[id]; !p.AWS {
					l.controls = append(l.controls, p.Content)
				}
			}
		}
	})
	return l
}

// The cut-off is AWS's time while the policy was put, and 30 seconds: so what was issued within 29 seconds of the
// beginning is older, and what is issued 31 seconds after the end is not.
func (l left) old() []time.Time {
	return []time.Time{l.began.Add(-12 * time.Hour), l.began, l.began.Add(29 * time.Second)}
}
func (l left) fresh() []time.Time {
	return []time.Time{l.ended.Add(31 * time.Second), l.ended.Add(time.Hour)}
}

func (l left) askUser(b *bench, drill string, u identity, stopped string, quarantined bool) {
	on := policies{identity: u.added, controls: l.controls}
	b.all(drill, b.user(u.path, u.id), on, stopped != everything && !quarantined)
	for _, issued := range l.old() {
		b.all(drill+", old", b.token(u.path, u.id, issued), on, stopped == nothing && !quarantined)
		b.all(drill+", old", b.federation("x", issued), on, stopped == nothing && !quarantined)
	}
	for _, issued := range l.fresh() {
		b.all(drill+", fresh", b.token(u.path, u.id, issued), on, stopped != everything && !quarantined)
		b.all(drill+", fresh", b.federation("x", issued), on, stopped != everything && !quarantined)
	}
}

// askRole asks for a session of any name, for those of two instances, and for the one that alone is to be hit, where
// there is one. The responder's own role goes on in any case.
func (l left) askRole(b *bench, drill string, r identity, stopped, one string, quarantined bool) {
	on := policies{identity: r.added, controls: l.controls}
	own := b.session(r.path, r.id, "responder", l.ended).arn == l.caller
	names := slices.Compact(slices.Sorted(slices.Values([]string{"somebody", another, l.instance, one, one + "2"})))
	for _, name := range names {
		if name == "" {
			continue
		}
		hit := name == one
		for _, issued := range l.old() {
			b.all(drill+", old", b.session(r.path, r.id, name, issued), on, own || !quarantined && !hit && stopped == nothing)
		}
		for _, issued := range l.fresh() {
			b.all(drill+", fresh", b.session(r.path, r.id, name, issued), on, own || !quarantined && !hit)
		}
	}
}

// askSource asks for the sessions with a source identity, with another, and with none.
func (l left) askSource(b *bench, drill string, r identity, source string) {
	on := policies{identity: r.added, controls: l.controls}
	for _, issued := range append(l.old(), l.fresh()...) {
		w := b.session(r.path, r.id, "x1", issued)
		b.all(drill, w.with("aws:SourceIdentity", source), on, false)
		b.all(drill+", another", w.with("aws:SourceIdentity", source+"2"), on, true)
		b.all(drill+", none", w, on, true)
	}
}

// askPerson asks for the sessions of a user of Identity Center, and of another who calls itself the same.
func (l left) askPerson(b *bench, drill string, r identity, person string) {
	on := policies{identity: r.added, controls: l.controls}
	for _, issued := range append(l.old(), l.fresh()...) {
		w := b.session(r.path, r.id, "erin@example.com", issued)
		b.all(drill, w.with("identitystore:UserId", person), on, false)
		b.all(drill+", another", w.with("identitystore:UserId", "94d8e418-0000-7000-8000-0000000000ff"), on, true)
	}
}
