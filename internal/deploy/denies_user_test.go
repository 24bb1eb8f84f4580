package deploy_test

import (
	"testing"
	"time"

	"cordon/internal/action"
)

var cutoff = time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)

// awsDenyAll is AWS's own policy, as it publishes it
// (docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSDenyAll.html).
const awsDenyAll = `{"Version":"2012-10-17","Statement":[{"Sid":"DenyAll","Effect":"Deny","Action":["*"],"Resource":"*"}]}`

const (
	alice, aliceID = "ops/alice", "AIDA1234567890ALICE"
	bob, bobID     = "ops/bob", "AIDA12345678900BOB"
)

// TestUserDenyHolds: everything that can act for the user is stopped, whenever it was issued.
func TestUserDenyHolds(t *testing.T) {
	judgeIn(t, func(b *bench) {
		for why, document := range map[string]string{"denied everything": action.DenyAllPolicy(), "AWSDenyAll": awsDenyAll} {
			on := policies{identity: []string{document}}
			b.all(why, b.user(alice, aliceID), on, false)
			for _, issued := range []time.Time{cutoff.Add(-36 * time.Hour), cutoff, cutoff.Add(time.Hour)} {
				b.all(why, b.token(alice, aliceID, issued), on, false)
				b.all(why, b.federation("deploy", issued), on, false)
			}
			b.one(why, b.user(alice, aliceID), on, request{"sts:GetFederationToken", b.arn("sts", "", account, "federated-user/x")}, false)
			b.one(why, b.user(alice, aliceID), on, request{"sts:GetSessionToken", "*"}, false)
		}
		b.all("whoever has no deny", b.user(bob, bobID), policies{}, true)
	})
}

// TestUserSessionsDenyHolds: the sessions from before the cut-off are stopped, in the console too; the user's key and
// new sessions go on, for that is what this form is for.
func TestUserSessionsDenyHolds(t *testing.T) {
	on := policies{identity: []string{action.RevokeSessionsPolicy(cutoff)}}
	judgeIn(t, func(b *bench) {
		for _, old := range []time.Time{cutoff.Add(-36 * time.Hour), cutoff.Add(-time.Second)} {
			b.all("before the cut-off", b.token(alice, aliceID, old), on, false)
			b.all("before the cut-off", b.federation("deploy", old), on, false)
		}
		for _, fresh := range []time.Time{cutoff, cutoff.Add(time.Second)} {
			b.all("since the cut-off", b.token(alice, aliceID, fresh), on, true)
			b.all("since the cut-off", b.federation("deploy", fresh), on, true)
		}
		b.all("sessions denied", b.user(alice, aliceID), on, true)
	})
}
