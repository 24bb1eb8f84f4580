package action

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// accountRecord records an account in which some reads fail.
func accountRecord(t *testing.T, setup func(*awssim.World), fails func(any) bool, regions ...string) *tray {
	s := trial{setup: setup}.stage(t, 0)
	s.world.SetHook(func(c awssim.Call) awssim.Fault {
		if fails(c.Input) {
			return awssim.Fault{Before: awssim.AccessDenied(c.Operation)}
		}
		return awssim.Fault{}
	})
	sink := newTray()
	at := Target{Target: casefile.Target{Kind: casefile.AWSAccount, ID: "111122223333", Account: "111122223333"}, Params: map[string]string{"regions": List(regions)}}
	err := RecordAccount.Collect(Allow(t.Context(), RecordAccount.Reads, nil, nil), s.conn, at, sink)
	if err != nil && !errors.Is(err, ErrWaiting) {
		t.Fatal(err)
	}
	return sink
}

// What one trail or detector does not tell is lost under its own name, and costs neither the list that it stands in nor
// the others.
func TestOneTrailOrDetectorThatFailsCostsNoOther(t *testing.T) {
	const other, home = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/other", "eu-west-1"
	setup := func(w *awssim.World) {
		w.AddTrail(awssim.Trail{Name: "audit", ARN: auditTrail, Home: home})
		w.AddTrail(awssim.Trail{Name: "other", ARN: other, Home: home, Logging: true})
		w.AddDetector(home, "d1e2f3")
	}
	for lost, fails := range map[string]func(any) bool{
		"trail " + auditTrail + ", status": func(in any) bool {
			x, ok := in.(*cloudtrail.GetTrailStatusInput)
			return ok && aws.ToString(x.Name) == auditTrail
		},
		"trail " + auditTrail + ", event selectors": func(in any) bool {
			x, ok := in.(*cloudtrail.GetEventSelectorsInput)
			return ok && aws.ToString(x.TrailName) == auditTrail
		},
		"detector d1e2f3 in eu-west-1": func(in any) bool { _, ok := in.(*guardduty.GetDetectorInput); return ok },
	} {
		synctest.Test(t, func(t *testing.T) {
			sink := accountRecord(t, setup, fails, home)
			if !strings.Contains(sink.losses[lost], "AccessDenied") || len(sink.losses) != 1 {
				t.Errorf("%s: lost %v", lost, sink.losses)
			}
			for name, part := range map[string]string{
				"trails of eu-west-1": auditTrail, "detectors of eu-west-1": "d1e2f3", "detector d1e2f3 in eu-west-1": `"Status": "ENABLED"`,
				"trail " + other + ", status": `"IsLogging": true`, "trail " + other + ", event selectors": "IncludeManagementEvents",
			} {
				if name != lost && !strings.Contains(string(sink.artifacts[name]), part) {
					t.Errorf("%s: %s is %q, and lacks %q", lost, name, sink.artifacts[name], part)
				}
			}
		})
	}
}

// A page that fails costs itself and what comes after it, and which those are is said.
func TestPageThatFailsCostsNoneBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		many := func(w *awssim.World) {
			for i := range 5 {
				w.AddUser(awssim.User{Name: fmt.Sprintf("user-%d", i)})
			}
		}
		var pages atomic.Int32
		sink := accountRecord(t, many, func(in any) bool {
			_, ok := in.(*iam.GetAccountAuthorizationDetailsInput)
			return ok && pages.Add(1) > 2
		}, "eu-west-1")
		if got := sink.losses["users, groups, roles and policies"]; !strings.HasPrefix(got, "page 3: ") {
			t.Errorf("lost %v", sink.losses)
		}
		if got := string(sink.artifacts["users, groups, roles and policies, page 2"]); !strings.Contains(got, "user-2") {
			t.Errorf("kept %q", got)
		}
	})
}

// Regions that the plan could not name are lost, and not none.
func TestUnknownRegionsAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := accountRecord(t, func(*awssim.World) {}, func(any) bool { return false })
		if !strings.Contains(sink.losses["trails and detectors of every region"], "plan again") {
			t.Errorf("lost %v", sink.losses)
		}
	})
}

// A provider that cannot be read is a loss under its own name, and keeps no other out of the account's record.
func TestOneProviderThatFailsCostsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bad string
		sink := accountRecord(t, func(w *awssim.World) {
			bad = w.AddSAMLProvider("bad", "<bad/>")
			w.AddSAMLProvider("corp", "<corp/>")
			w.AddOIDCProvider("token.example.com", "sts.amazonaws.com")
		}, func(in any) bool {
			x, ok := in.(*iam.GetSAMLProviderInput)
			return ok && aws.ToString(x.SAMLProviderArn) == bad
		}, "eu-west-1")
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
