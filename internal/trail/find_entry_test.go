package trail

import (
	"slices"
	"testing"
)

// TestEntryIsNamed: of a session that is asked about, the log names whoever let it in, who need not be the intruder.
func TestEntryIsNamed(t *testing.T) {
	const provider, key = "arn:aws:iam::" + ours + ":saml-provider/corp", "ASIASESSIONSESSION01"
	for name, c := range map[string]struct {
		who  obj
		more obj
		want []string
	}{
		"a user":            {aliceLike("alice", alicesKey), nil, []string{"arn:aws:iam::" + ours + ":user/alice"}},
		"another's account": {obj{"type": "AWSAccount", "accountId": theirs, "principalId": "AIDASTRANGER"}, nil, []string{theirs}},
		"another's role": {obj{"type": "AWSAccount", "accountId": theirs, "principalId": "AROA:x", "arn": "arn:aws:sts::" + theirs + ":assumed-role/ci/x"}, nil,
			[]string{"arn:aws:sts::" + theirs + ":assumed-role/ci/x"}},
		"a SAML provider": {obj{"type": "SAMLUser", "principalId": "x:ann", "userName": "ann", "identityProvider": "x"},
			obj{"eventName": "AssumeRoleWithSAML", "requestParameters": obj{"roleArn": "arn:aws:iam::" + ours + ":role/web", "principalArn": provider}}, []string{provider}},
		"an OIDC provider": {obj{"type": "WebIdentityUser", "principalId": "p:aud:sub", "userName": "sub", "identityProvider": "arn:aws:iam::" + ours + ":oidc-provider/ci.example.com"},
			obj{"eventName": "AssumeRoleWithWebIdentity"}, []string{"arn:aws:iam::" + ours + ":oidc-provider/ci.example.com"}},
		"a service": {obj{"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}, nil, nil},
	} {
		for _, used := range []bool{true, false} {
			s := &story{t: t}
			s.assumes(0, c.who, "web", "ann", key, c.more)
			if used {
				s.does(1, inRole("web", "ann", key, 0), "iam:ListUsers", nil)
			}
			n := listedAs(t, s.seeds("access-key", key), "key:"+key)
			if !slices.Equal(n.EnteredFrom, c.want) {
				t.Errorf("%s, used %t: entered from %q, want %q", name, used, n.EnteredFrom, c.want)
			}
			if want := "arn:aws:sts::" + ours + ":assumed-role/web/ann"; n.ARN != want {
				t.Errorf("%s, used %t: it is %q", name, used, n.ARN)
			}
		}
	}
}

// A federated user is whoever's key made it, although its own ARN does not say so.
func TestFederatedUserIsEnteredFromItsUser(t *testing.T) {
	const key, arn = "ASIAFEDERATEDFEDER01", "arn:aws:sts::" + ours + ":federated-user/guest"
	s := &story{t: t}
	s.does(0, obj{"type": "FederatedUser", "principalId": ours + ":guest", "arn": arn, "accountId": ours, "accessKeyId": key, "sessionContext": obj{
		"sessionIssuer": obj{"type": "IAMUser", "principalId": "AIDAALICE", "arn": "arn:aws:iam::" + ours + ":user/alice", "accountId": ours, "userName": "alice"},
		"attributes":    obj{"creationDate": "2024-05-01T10:00:00Z"}}}, "iam:ListUsers", nil)
	if n := listedAs(t, s.seeds("access-key", key), "key:"+key); !slices.Equal(n.EnteredFrom, []string{"arn:aws:iam::" + ours + ":user/alice"}) {
		t.Errorf("entered from %q", n.EnteredFrom)
	}
}
