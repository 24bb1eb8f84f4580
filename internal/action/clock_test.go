package action

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// cutoffs are the actions that cut sessions by the time they were issued at. cut asks the account whether a session
// that AWS issued then is denied.
var cutoffs = []struct {
	action Action
	setup  func(w *awssim.World)
	target casefile.Target
	params map[string]string
	cut    func(w *awssim.World, issued time.Time) bool
}{
	{
		action: RevokeRoleSessions,
		setup:  func(w *awssim.World) { w.AddRole(awssim.Role{Name: "deploy", ID: "AROADEPLOYEXAMPLE0001"}) },
		target: casefile.Target{Kind: casefile.IAMRole, ID: "deploy", Account: "111122223333"},
		cut: func(w *awssim.World, issued time.Time) bool {
			return w.Denied("deploy", "AROADEPLOYEXAMPLE0001:ci", "s3:GetObject", issued)
		},
	},
	{
		action: DenyUser,
		setup:  aUser,
		target: alice(),
		params: map[string]string{"form": DenySessions, "via": ViaInline},
		cut: func(w *awssim.World, issued time.Time) bool {
			return w.UserDenied("alice", awssim.Credential{Issued: issued}, "s3:GetObject")
		},
	},
}

func clientsOf(w *awssim.World) *AWS {
	const caller = "arn:aws:sts::111122223333:assumed-role/responder/ann"
	cfg := aws.Config{Region: simWorld}
	w.Attach(&cfg, caller)
	c := Connect(cfg)
	c.Account, c.Partition, c.Caller = "111122223333", "aws", caller
	return c
}

// responders is every clock that a responder may have: the zones of the world, and the right time or a quarter of an
// hour before or after it.
func responders(each func(what string, zone *time.Location, wrong time.Duration)) {
	var zones []*time.Location
	for hours := -12; hours <= 14; hours++ {
		zones = append(zones, time.FixedZone(fmt.Sprintf("UTC%+d", hours), hours*3600))
	}
	zones = append(zones, time.FixedZone("UTC+5:45", 5*3600+45*60), time.FixedZone("UTC-3:30", -(3*3600+30*60)))
	for _, zone := range zones {
		for _, wrong := range []time.Duration{0, -15 * time.Minute, 15 * time.Minute} {
			each(fmt.Sprintf("in %s, clock wrong by %s", zone, wrong), zone, wrong)
		}
	}
}

// TestAWSsClockCuts holds that the same sessions are cut whatever clock the responder has: those that AWS issued until
// now and while the policy spreads, and none that it issues later.
func TestAWSsClockCuts(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	n := 0
	for _, c := range cutoffs {
		responders(func(what string, zone *time.Location, wrong time.Duration) {
			n++
			synctest.Test(t, func(t *testing.T) {
				time.Local = zone
				w := awssim.New(awssim.Options{Seed: 1, Now: func() time.Time { return time.Now().Add(-wrong) }})
				c.setup(w)
				time.Sleep(1234 * time.Millisecond) // not at the beginning of a second
				s := &stage{t, w, clientsOf(w)}
				target := Target{Target: c.target, Case: "case-1", OpID: "0123456789abcdef", Params: c.params}
				before, err := s.observe(c.action, target)
				if err != nil {
					t.Fatal(err)
				}
				now := w.Now()
				if err := c.action.Apply(Allow(t.Context(), c.action.Reads, c.action.Writes, nil), s.conn, target, before); err != nil {
					t.Fatal(err)
				}
				for ago, want := range map[time.Duration]bool{
					36 * time.Hour: true, time.Hour: true, time.Second: true, 0: true, -28 * time.Second: true,
					-31 * time.Second: false, -15 * time.Minute: false, -time.Hour: false,
				} {
					if got := c.cut(w, now.Add(-ago)); got != want {
						t.Errorf("%s %s: a session issued %s before the cut is denied: %t", c.action.Name, what, ago, got)
					}
				}
			})
		})
	}
	t.Logf("%d actions and clocks", n)
}

// TestAWrongClockIsCorrected holds that a call which AWS refuses because of the responder's clock is signed anew with
// AWS's time, a change too, for nothing was done; and that the same refusal at the right time stands.
func TestAWrongClockIsCorrected(t *testing.T) {
	for _, code := range []string{"SignatureDoesNotMatch", "RequestTimeTooSkewed", "AuthFailure", "RequestExpired", "RequestInTheFuture"} {
		for _, wrong := range []time.Duration{0, -15 * time.Minute, 16 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				w := awssim.New(awssim.Options{Seed: 1, Now: func() time.Time { return time.Now().Add(-wrong) }})
				aUser(w)
				refused := map[string]bool{}
				w.SetHook(func(c awssim.Call) awssim.Fault {
					if refused[c.Operation] {
						return awssim.Fault{}
					}
					refused[c.Operation] = true
					return awssim.Fault{Before: &smithy.GenericAPIError{Code: code, Message: "made by the test"}}
				})
				ctx := Allow(t.Context(), Ops{op((*iam.Client).GetUser)}, Ops{op((*iam.Client).PutUserPolicy)}, nil)
				_, read := findUser(ctx, clientsOf(w), "alice")
				change := putUserPolicy(ctx, clientsOf(w), "alice", "cordon", DenyAllPolicy())
				if (read == nil) != (wrong != 0) || (change == nil) != (wrong != 0) {
					t.Errorf("%s with a clock that is wrong by %s: read %v, change %v", code, wrong, read, change)
				}
			})
		}
	}
}
