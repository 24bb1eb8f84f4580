package deploy_test

import (
	"testing"
	"time"

	"cordon/internal/action"
)

const (
	roleID  = "AROA1234567890EXAMPLE"
	suspect = "i-0123456789abcdef0"
	another = "i-0fedcba9876543210"
	webRole = "apps/web"
)

// TestInstanceDenyHolds: this instance's sessions are stopped, in whatever they do or in all but what its agent needs,
// and nobody else's.
func TestInstanceDenyHolds(t *testing.T) {
	full := policies{identity: []string{action.DenySessionPolicy(roleID, suspect, false)}}
	keep := policies{identity: []string{action.DenySessionPolicy(roleID, suspect, true)}}
	judgeIn(t, func(b *bench) {
		of := func(instance string) who { return b.session(webRole, roleID, instance, cutoff) }
		agent := request{"ssm:UpdateInstanceInformation", b.arn("ec2", "eu-west-1", account, "instance/"+suspect)}
		for what, on := range map[string]policies{"denied": full, "agent kept": keep} {
			b.all(what, of(suspect), on, false)
			b.all(what, of(another), on, true)
			b.all(what, of(suspect+"0"), on, true)
			b.one(what, of(suspect), on, request{"ssm:GetParameter", b.arn("ssm", "eu-west-1", account, "parameter/db")}, false)
			b.one(what, of(suspect), on, agent, what == "agent kept")
			for _, call := range []string{
				"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel", "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
				"ec2messages:AcknowledgeMessage", "ec2messages:GetMessages", "ec2messages:SendReply",
			} {
				b.one(what, of(suspect), on, request{call, "*"}, what == "agent kept")
			}
		}
	})
}

// TestRevocationHolds: every session from before the cut-off is stopped, and none since.
func TestRevocationHolds(t *testing.T) {
	on := policies{identity: []string{action.RevokeSessionsPolicy(cutoff)}}
	judgeIn(t, func(b *bench) {
		for _, name := range []string{suspect, another, "deploy@example.org"} {
			b.all("long before", b.session(webRole, roleID, name, cutoff.Add(-12*time.Hour)), on, false)
			b.all("a second before", b.session(webRole, roleID, name, cutoff.Add(-time.Second)), on, false)
			b.all("at the cut-off", b.session(webRole, roleID, name, cutoff), on, true)
			b.all("a second after", b.session(webRole, roleID, name, cutoff.Add(time.Second)), on, true)
		}
	})
}
