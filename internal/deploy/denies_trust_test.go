package deploy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/drill"
	"cordon/internal/playbook"
)

// TestOneSessionDenyHolds: the session of that name is stopped, or those with that source identity, whenever they
// began, and nobody else.
func TestOneSessionDenyHolds(t *testing.T) {
	byName := func(called string) policies {
		return policies{identity: []string{action.DenyRoleSessionPolicy(roleID, called)}}
	}
	bySource := func(called string) policies {
		return policies{identity: []string{action.DenySourceIdentityPolicy(called)}}
	}
	name, source := byName("eve@example.org"), bySource("eve@example.org")
	judgeIn(t, func(b *bench) {
		for _, issued := range []time.Time{cutoff.Add(-time.Hour), cutoff.Add(time.Hour)} {
			of := func(called string) who { return b.session(webRole, roleID, called, issued) }
			b.all("by name", of("eve@example.org"), name, false)
			b.all("by name", of("eve@example.orge"), name, true)
			b.all("by name", of("Eve@example.org"), name, true)
			b.all("by name, another role", b.session(webRole, "AROA1234567890ANOTHER", "eve@example.org", issued), name, true)
			b.all("by source identity", of("x").with("aws:SourceIdentity", "eve@example.org"), source, false)
			b.all("by source identity", of("x").with("aws:SourceIdentity", "ann@example.org"), source, true)
			b.all("by source identity, without one", of("eve@example.org"), source, true)
			// STS takes none of these for a name, and the actions refuse them; were one to come through, it would stop
			// nobody else.
			for odd, alike := range map[string]string{"ev*": "eve", "*": "eve", "ev?": "eve", "${aws:SourceIdentity}": "eve", "${aws:userid}": "eve", "${*}": "eve", "ev${?}": "eve", "$": "eve", "${": "eve"} {
				b.all("by the name "+odd, of(alike), byName(odd), true)
				b.all("by the source identity "+odd, of("x").with("aws:SourceIdentity", alike), bySource(odd), true)
				if !strings.Contains(odd, "$") { // nobody has a name with one
					b.all("by the name "+odd, of(odd), byName(odd), false)
					b.all("by the source identity "+odd, of("x").with("aws:SourceIdentity", odd), bySource(odd), false)
				}
			}
		}
	})
}

// TestClosedDoorsHold: whoever a role is closed to cannot assume it, and whoever could before and is not named still can.
func TestClosedDoorsHold(t *testing.T) {
	const theirs = "999988887777"
	var all []judged
	for _, c := range []struct {
		why         string
		close       []string
		spare       []string
		may, cannot []string
	}{
		{"nobody", nil, nil, []string{"arn:aws:iam::" + theirs + ":role/ci", "arn:aws:iam::" + account + ":role/people/desk"}, []string{"arn:aws:iam::444455556666:role/x"}},
		{"an account", []string{theirs}, nil, []string{"arn:aws:iam::" + account + ":role/people/desk"}, []string{"arn:aws:iam::" + theirs + ":role/ci", "arn:aws:iam::" + theirs + ":user/ops/ann", "arn:aws:iam::" + theirs + ":root"}},
		{"an account but for one", []string{theirs}, []string{"arn:aws:iam::" + theirs + ":role/soc"}, []string{"arn:aws:iam::" + theirs + ":role/soc", "arn:aws:iam::" + account + ":role/people/desk"}, []string{"arn:aws:iam::" + theirs + ":role/soc2"}},
		{"a role", []string{"arn:aws:iam::" + theirs + ":role/ci"}, nil, []string{"arn:aws:iam::" + theirs + ":role/ci2", "arn:aws:iam::" + theirs + ":role/x/ci"}, []string{"arn:aws:iam::" + theirs + ":role/ci"}},
		{"a role by its session", []string{"arn:aws:sts::" + theirs + ":assumed-role/ci/build-7"}, nil, []string{"arn:aws:iam::" + theirs + ":role/ci2", "arn:aws:iam::" + theirs + ":role/xci"}, []string{"arn:aws:iam::" + theirs + ":role/ci", "arn:aws:iam::" + theirs + ":role/path/to/ci"}},
		{"one of its own", []string{"arn:aws:iam::" + account + ":role/people/desk"}, nil, []string{"arn:aws:iam::" + theirs + ":role/ci"}, []string{"arn:aws:iam::" + account + ":role/people/desk"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			trust, arn := closedTo(t, playbook.Options{CloseTo: c.close, Spare: c.spare})
			ask := func(who string, allowed bool) {
				all = append(all, judged{
					Name: "closed to " + c.why, Principal: who, Account: account, Policies: []any{everythingAllowed}, Trust: json.RawMessage(trust),
					Action: "sts:AssumeRole", Resource: arn, Allowed: allowed,
					Context: map[string]string{"aws:PrincipalArn": who, "aws:PrincipalAccount": who[13:25]},
				})
			}
			for _, who := range c.may {
				ask(who, true)
			}
			for _, who := range c.cannot {
				ask(who, false)
			}
		})
	}
	peer(t, "judge-denies.mjs", all)
}

// closedTo answers the drill of a shared role and gives the trust policy that the account then has.
func closedTo(t *testing.T, o playbook.Options) (trust, arn string) {
	s, ok := drill.Find("role-one-session")
	if !ok {
		t.Fatal("there is no drill role-one-session")
	}
	build := s.Build
	s.Build = func(d drill.Options) drill.Drill {
		made := build(d)
		made.Choose = drill.Choices{CloseTo: o.CloseTo}
		return made
	}
	r := drilled(t, s, bookOf(t, s), 1, o)
	r.apply()
	r.World.Do(func(a *awssim.Account) { trust, arn = a.IAM.Roles[r.Subject].Trust, a.IAM.Roles[r.Subject].ARN })
	return trust, arn
}
