package action

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const theirCertificate = "MIIBtheirs"

// theirs is the metadata of an issuer that somebody can sign for.
func theirs(issuer string) string {
	return strings.Replace(nobodysMetadata(issuer), nobodysCertificate, theirCertificate, 1)
}

// TestMetadataThatSomebodyCanSignForIsNotCut: a key may stand beside cordon's own, or in another way than by a certificate.
func TestMetadataThatSomebodyCanSignForIsNotCut(t *testing.T) {
	const issuer = `https://idp.example.com/?a=1&b="2"<3>`
	own := nobodysMetadata(issuer)
	if !cut(own) || !cut(strings.Replace(own, nobodysCertificate, "\n "+nobodysCertificate[:64]+"\n\t"+nobodysCertificate[64:], 1)) {
		t.Error("cordon's own metadata, or the same with white space, is not cut")
	}
	key := `<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>` + theirCertificate + `</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`
	value := `<ds:KeyValue><ds:RSAKeyValue><ds:Modulus>eHh4</ds:Modulus><ds:Exponent>AQAB</ds:Exponent></ds:RSAKeyValue></ds:KeyValue>`
	for name, document := range map[string]string{
		"another certificate":         theirs(issuer),
		"a second key":                strings.Replace(own, "<md:SingleSign", key+"<md:SingleSign", 1),
		"a key by its value":          strings.Replace(own, "<ds:X509Data>", value+"<ds:X509Data>", 1),
		"a certificate in a comment":  strings.Replace(own, nobodysCertificate, "<!--"+nobodysCertificate+"-->"+theirCertificate, 1),
		"a certificate in two pieces": strings.Replace(own, nobodysCertificate, nobodysCertificate[:8]+"<!-- -->"+nobodysCertificate[8:], 1),
		"no certificate":              strings.Replace(own, nobodysCertificate, "", 1),
		"no issuer":                   strings.Replace(own, "entityID", "ID", 1),
		"cut short":                   own[:len(own)/2],
		"nothing":                     "",
		"an entity of the document's": `<!DOCTYPE x [<!ENTITY c "` + nobodysCertificate + `">]>` + strings.Replace(own, nobodysCertificate, "&c;", 1),
	} {
		if cut(document) {
			t.Errorf("%s passes for cut", name)
		}
	}
	if m, err := readMetadata(own); err != nil || m.issuer != issuer {
		t.Errorf("the issuer became %q: %v", m.issuer, err)
	}
}

func TestSAMLProvidersThatAreLeftAlone(t *testing.T) {
	target := Target{Target: provider(casefile.SAMLProvider, "saml-provider/corp")}
	ofCenter := Target{Target: provider(casefile.SAMLProvider, "saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE")}
	before := samlState{theirs("https://idp.example.com")}
	for name, c := range map[string]struct {
		target Target
		now    samlState
		undo   bool
		want   string
	}{
		"Identity Center's":              {ofCenter, before, false, "Identity Center"},
		"one that cannot be read":        {target, samlState{"<a>"}, false, "read the metadata"},
		"one that names nobody":          {target, samlState{"<EntityDescriptor/>"}, false, "no issuer"},
		"one that somebody has replaced": {target, samlState{theirs("https://another.example.com")}, true, "left alone"},
	} {
		s := &script{answers: map[string]any{"UpdateSAMLProvider": &iam.UpdateSAMLProviderOutput{}}}
		err := CutSAMLProvider.Apply(may(CutSAMLProvider), s.connect(t), c.target, must(json.Marshal(c.now)))
		if c.undo {
			s.sent = nil
			err = CutSAMLProvider.Undo(may(CutSAMLProvider), s.connect(t), c.target, must(json.Marshal(before)), must(json.Marshal(c.now)))
		}
		if err == nil || !strings.Contains(err.Error(), c.want) || len(sentOf[iam.UpdateSAMLProviderInput](s)) > 0 {
			t.Errorf("%s: error %v, %d changes sent", name, err, len(s.sent))
		}
	}
}

// TestCutProvidersSayWhomTheyStop, and what cannot be told: a role whose trust policy cordon cannot read may trust it too.
func TestCutProvidersSayWhomTheyStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: federated}.stage(t, 0)
		target := Target{Target: provider(casefile.SAMLProvider, "saml-provider/corp")}
		hits := func() string {
			return strings.Join(must(CutSAMLProvider.Impact(may(CutSAMLProvider), s.conn, target, s.see(CutSAMLProvider, target))), "\n")
		}
		if got := hits(); !strings.Contains(got, "2 roles") || !strings.Contains(got, "federated-0, federated-2") || strings.Contains(got, "federated-1") || strings.Contains(got, "cannot read") {
			t.Errorf("impact %q", got)
		}
		s.world.AddRole(awssim.Role{Name: "newer", Trust: `{"Version":"2012-10-17","Statement":[],"Newer":1}`})
		if got := hits(); !strings.Contains(got, "newer") || !strings.Contains(got, "may trust it as well") {
			t.Errorf("with a policy of a newer kind: impact %q", got)
		}
	})
}

// TestClientIDsThatCameMeanwhileGoToo: what an intruder adds after the plan is removed with the rest, release gives back
// what was there, and what somebody has added since then stays.
func TestClientIDsThatCameMeanwhileGoToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: federated}.stage(t, 0)
		target := provider(casefile.OIDCProvider, "oidc-provider/token.example.com")
		clients := func() (ids []string) {
			s.world.Do(func(a *awssim.Account) { ids = slices.Sorted(slices.Values(a.IAM.OIDCProviders[target.ID].Clients)) })
			return ids
		}
		planned := s.see(CutOIDCProvider, Target{Target: target})
		const odd = `x" or 'y' <z> ${aws:username}`
		s.world.Do(func(a *awssim.Account) {
			a.IAM.OIDCProviders[target.ID].Clients = append(a.IAM.OIDCProviders[target.ID].Clients, odd)
		})
		p := s.bringAbout(trialStep{CutOIDCProvider, target, nil}, nil)
		if got := clients(); len(got) > 0 || Same(planned, p.before) {
			t.Errorf("left are %q, before was %s", got, p.before)
		}
		s.putBack([]played{p})
		if got := clients(); !slices.Equal(got, []string{"build", "deploy", "sts.amazonaws.com", odd}) {
			t.Errorf("back are %q", got)
		}
	})
}

// TestProviderWithoutClientIDs takes no token as it is: nothing is sent, and the plan says that it was so before.
func TestProviderWithoutClientIDs(t *testing.T) {
	target := Target{Target: provider(casefile.OIDCProvider, "oidc-provider/retired.example.com")}
	for _, list := range [][]string{nil, {}} {
		s := &script{answers: map[string]any{"GetOpenIDConnectProvider": &iam.GetOpenIDConnectProviderOutput{Url: aws.String("retired.example.com"), ClientIDList: list}, "ListRoles": &iam.ListRolesOutput{}}}
		conn := s.connect(t)
		now, err := CutOIDCProvider.Observe(may(CutOIDCProvider), conn, target)
		if err != nil || string(now) != `{"clients":[]}` {
			t.Errorf("state %s, error %v", now, err)
		}
		if st, err := CutOIDCProvider.Status(target, now); err != nil || st != Done {
			t.Errorf("status %v, %v", st, err)
		}
		if got := CutOIDCProvider.Change(target, now); !strings.Contains(got, "already") {
			t.Errorf("the plan says %q", got)
		}
		if hits := strings.Join(must(CutOIDCProvider.Impact(may(CutOIDCProvider), conn, target, now)), "\n"); !strings.Contains(hits, "--close-to") {
			t.Errorf("impact %q", hits)
		}
	}
}
