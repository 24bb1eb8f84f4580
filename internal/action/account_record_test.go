package action

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// A provider that cannot be read is a loss under its own name, and keeps no other out of the account's record.
func TestOneProviderThatFailsCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bad string
		s := trial{setup: func(w *awssim.World) {
			bad = w.AddSAMLProvider("bad", "<bad/>")
			w.AddSAMLProvider("corp", "<corp/>")
			w.AddOIDCProvider("token.example.com", "sts.amazonaws.com")
		}}.stage(t, 0)
		s.world.SetHook(func(c awssim.Call) awssim.Fault {
			if in, ok := c.Input.(*iam.GetSAMLProviderInput); ok && aws.ToString(in.SAMLProviderArn) == bad {
				return awssim.Fault{Before: awssim.AccessDenied("GetSAMLProvider")}
			}
			return awssim.Fault{}
		})
		sink := newTray()
		at := Target{Target: casefile.Target{Kind: casefile.AWSAccount, ID: "111122223333", Account: "111122223333"}}
		err := RecordAccount.Collect(Allow(t.Context(), RecordAccount.Reads, nil, nil), s.conn, at, sink)
		if err != nil && !errors.Is(err, ErrWaiting) {
			t.Fatal(err)
		}
		if !strings.Contains(sink.losses["SAML provider "+bad], "AccessDenied") || len(sink.losses) != 1 {
			t.Errorf("lost %v", sink.losses)
		}
		corp := strings.Replace(bad, "/bad", "/corp", 1)
		for name, part := range map[string]string{
			"SAML providers": bad, "SAML provider " + corp + ", metadata": "<corp/>", "OpenID Connect providers": "token.example.com",
			"OpenID Connect provider arn:aws:iam::111122223333:oidc-provider/token.example.com": "sts.amazonaws.com",
		} {
			if !strings.Contains(string(sink.artifacts[name]), part) {
				t.Errorf("%s is %q, and lacks %q", name, sink.artifacts[name], part)
			}
		}
	})
}
