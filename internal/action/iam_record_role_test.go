package action

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
)

const knownTrust = `{"Version":"2012-10-17","Statement":[
 {"Effect":"Allow","Principal":{"Federated":["arn:aws:iam::111122223333:saml-provider/corp","accounts.google.com"]},"Action":"sts:AssumeRoleWithSAML"},
 {"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:oidc-provider/token.example.com"},"Action":"sts:AssumeRoleWithWebIdentity"},
 {"Sid":"a+b","Effect":"Allow","Principal":{"Federated":"arn:aws:iam::111122223333:saml-provider/corp","Service":"ec2.amazonaws.com"},"Action":"sts:TagSession"}
]}`

// knownRole is a role of which there is something to record at every turn.
func knownRole(w *awssim.World) {
	limits := w.AddPolicy(awssim.ManagedPolicy{Name: "limits", Path: "/own/", Document: `{"Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}}`})
	w.AddSAMLProvider("corp", theirs("https://idp.example.com/a+b"))
	w.AddOIDCProvider("token.example.com", "sts.amazonaws.com", "deploy")
	w.AddRole(awssim.Role{
		Name: "deploy", Path: "/ci/", Trust: knownTrust, Boundary: limits.ARN, Inline: map[string]string{"own": `{"Version":"2012-10-17","Statement":[]}`},
		Attached: map[string]string{limits.ARN: limits.Name, "arn:aws:iam::aws:policy/ReadOnlyAccess": "ReadOnlyAccess"},
	})
	w.AddInstanceProfile(awssim.InstanceProfile{Name: "hosts", Role: "deploy"})
}

func recordRole(t *testing.T, s *stage) *tray {
	t.Helper()
	sink := newTray()
	if err := RecordRole.Collect(Allow(t.Context(), RecordRole.Reads, nil, nil), s.conn, Target{Target: deployRole()}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestRecordOfARoleIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: knownRole}.stage(t, 0)
		sink := recordRole(t, s)
		if len(sink.losses) > 0 {
			t.Errorf("lost %v", sink.losses)
		}
		const (
			limits = "policy arn:aws:iam::111122223333:policy/own/limits"
			saml   = "SAML provider arn:aws:iam::111122223333:saml-provider/corp"
		)
		for name, part := range map[string]string{
			"role deploy": `"PermissionsBoundaryArn": "arn:aws:iam::111122223333:policy/own/limits"`, "role deploy, trust policy": knownTrust,
			"inline policies of role deploy": `"own"`, "inline policy own of role deploy, decoded": `{"Version"`, "policies attached to role deploy": "ReadOnlyAccess",
			limits: `"AttachmentCount": 1`, limits + ", decoded": `"iam:*"`, "policy arn:aws:iam::aws:policy/ReadOnlyAccess, decoded": "Allow",
			saml: "SAMLMetadataDocument", saml + ", metadata": `entityID="https://idp.example.com/a+b"`,
			"OpenID Connect provider arn:aws:iam::111122223333:oidc-provider/token.example.com": `"deploy"`, "instance profiles of role deploy": "hosts",
		} {
			if !strings.Contains(string(sink.artifacts[name]), part) {
				t.Errorf("%s is %q, and lacks %q", name, sink.artifacts[name], part)
			}
		}
		called := map[string]int{}
		for _, c := range s.world.Calls() {
			called[c.Operation]++
		}
		for _, o := range RecordRole.Reads {
			if called[o.Name] == 0 {
				t.Errorf("%s is declared and not called", o)
			}
		}
		if called["GetPolicy"] != 2 || called["GetSAMLProvider"] != 1 {
			t.Errorf("two policies were read %d times, one provider %d times", called["GetPolicy"], called["GetSAMLProvider"])
		}
	})
}

// A read that fails is a loss under its own name, and every other artifact is had all the same.
func TestOneReadOfARoleThatFailsCostsNoOther(t *testing.T) {
	var whole []string
	synctest.Test(t, func(t *testing.T) {
		whole = slices.Sorted(maps.Keys(recordRole(t, trial{setup: knownRole}.stage(t, 0)).artifacts))
	})
	leads := map[string][]string{
		"GetRole": {", trust policy", "provider arn:"}, "ListRolePolicies": {"inline policy own"}, "GetRolePolicy": {", decoded"}, "ListAttachedRolePolicies": {"ReadOnlyAccess"},
		"GetPolicy": {"policy arn:"}, "GetPolicyVersion": {", decoded"}, "GetSAMLProvider": {", metadata"},
	}
	for _, o := range RecordRole.Reads {
		synctest.Test(t, func(t *testing.T) {
			s := trial{setup: knownRole}.stage(t, 0)
			s.world.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == o.Name {
					return awssim.Fault{Before: awssim.AccessDenied("")}
				}
				return awssim.Fault{}
			})
			sink := recordRole(t, s)
			if len(sink.losses) == 0 {
				t.Errorf("%s refused: nothing is lost", o)
			}
			for _, name := range whole {
				follows := slices.ContainsFunc(leads[o.Name], func(part string) bool { return strings.Contains(name, part) })
				if sink.artifacts[name] == nil && sink.losses[name] == "" && !follows {
					t.Errorf("%s refused: %s is neither had nor lost", o, name)
				}
			}
		})
	}
}

// Which providers a policy of a newer kind trusts is not known, and that is a loss.
func TestProvidersOfAnUnreadableTrustAreALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: func(w *awssim.World) {
			w.AddRole(awssim.Role{Name: "deploy", Trust: `{"Version":"2012-10-17","Statement":[],"Newer":1}`})
		}}.stage(t, 0)
		sink := recordRole(t, s)
		if why := sink.losses["identity providers of role deploy"]; !strings.Contains(why, "not known") || sink.artifacts["role deploy, trust policy"] == nil {
			t.Errorf("lost %q, had %v", sink.losses, slices.Sorted(maps.Keys(sink.artifacts)))
		}
	})
}
