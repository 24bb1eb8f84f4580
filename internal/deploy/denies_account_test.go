package deploy_test

import (
	"testing"

	"cordon/internal/action"
)

// TestQuarantineHolds: users, roles and the root user are stopped in everything; the responders are not, but for what
// would take the account out of the organisation's reach.
//
// Service control policies bind neither service-linked roles nor AWS's services nor the management account
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html): that is AWS's own rule, no
// document says it, and the evaluator would apply them to whomever it is given. A service is asked of the document all
// the same.
func TestQuarantineHolds(t *testing.T) {
	judgeIn(t, func(b *bench) {
		responders := []string{b.iam("role/security/incident-response"), b.iam("user/ops/bob")}
		on := policies{controls: []string{action.QuarantinePolicy(responders)}}
		response := b.session("security/incident-response", "AROARESPONSE00000000", "ann", cutoff)
		b.all("quarantine", b.user(alice, aliceID), on, false)
		b.all("quarantine", b.token(alice, aliceID, cutoff), on, false)
		b.all("quarantine", b.federation("bob", cutoff), on, false)
		b.all("quarantine", b.session(webRole, roleID, suspect, cutoff), on, false)
		b.all("quarantine", b.root(), on, false)
		b.all("a root session that the management account opened", b.root().with("aws:AssumedRoot", "true"), on, true)
		b.all("a role of the responders' name elsewhere", b.session("incident-response", "AROA0000000000000000", "ann", cutoff), on, false)
		b.all("a role whose name begins alike", b.session("security/incident-response2", "AROA0000000000000002", "ann", cutoff), on, false)
		b.all("a responder", response, on, true)
		b.all("a responder", b.user(bob, bobID), on, true)
		b.all("quarantine without a responder", response, policies{controls: []string{action.QuarantinePolicy(nil)}}, false)
		for _, w := range []who{response, b.user(bob, bobID), b.user(alice, aliceID), b.root()} {
			b.one("kept in reach", w, on, request{"organizations:LeaveOrganization", "*"}, false)
			b.one("kept in reach", w, on, request{"account:CloseAccount", b.arn("account", "", account, "account")}, false)
			b.one("kept in reach", w, on, request{"account:EnableRegion", b.arn("account", "", account, "account")}, false)
		}
		for _, blind := range []request{
			{"cloudtrail:StopLogging", b.arn("cloudtrail", "eu-west-1", account, "trail/audit")},
			{"cloudtrail:DeleteTrail", b.arn("cloudtrail", "eu-west-1", account, "trail/audit")},
			{"guardduty:UpdateDetector", b.arn("guardduty", "eu-west-1", account, "detector/d1")},
		} {
			b.one("blinded", b.user(alice, aliceID), on, blind, false)
			b.one("blinded", b.root(), on, blind, false)
		}
	})
}

// TestSSODenyHolds: the sessions of one user of Identity Center are stopped, whichever role they are of, and nobody
// else's.
func TestSSODenyHolds(t *testing.T) {
	const mallory, carol = "93670c8e-00f1-70e2-1d1e-0f2b6d3b2f11", "93670c8e-00f1-70e2-1d1e-0f2b6d3b2f12"
	const key = "identitystore:UserId"
	judgeIn(t, func(b *bench) {
		on := policies{controls: []string{action.DenySSOUserPolicy(mallory)}}
		for _, role := range []string{"aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef", "aws-reserved/sso.amazonaws.com/AWSReservedSSO_Read_0123456789abcdef"} {
			b.all("the user", b.session(role, roleID, "mallory@example.org", cutoff).with(key, mallory), on, false)
			b.all("another user", b.session(role, roleID, "carol@example.org", cutoff).with(key, carol), on, true)
			b.all("another who goes by the user's name", b.session(role, roleID, "mallory@example.org", cutoff).with(key, carol), on, true)
		}
		b.all("nobody of Identity Center", b.session(webRole, roleID, suspect, cutoff), on, true)
		b.all("nobody of Identity Center", b.user(alice, aliceID), on, true)
		b.all("nobody of Identity Center", b.root(), on, true)
	})
}
