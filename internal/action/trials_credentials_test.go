package action

import (
	"strings"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const aliceID = "AIDAEXAMPLEEXAMPLE123"

// aUser is alice with some credentials of each kind, of which not all are in use, and a neighbour.
func aUser(w *awssim.World) {
	w.AddUser(awssim.User{
		Name: "alice", ID: aliceID, Path: "/people/", Inline: map[string]string{"own": `{"Version":"2012-10-17","Statement":[]}`},
		Keys: []awssim.UserKey{
			{ID: "AKIAALICEEXAMPLE0001", Active: true, LastUsed: w.Now().Add(-1e9), Service: "s3", Region: "eu-west-1"},
			{ID: "AKIAALICEEXAMPLE0002", Active: true},
			{ID: "AKIAALICEEXAMPLE0003"},
		},
		Services: []awssim.ServiceCredential{
			{ID: "ACCAALICEEXAMPLE0001", Service: "bedrock.amazonaws.com", Alias: "alice-at-111122223333", Active: true},
			{ID: "ACCAALICEEXAMPLE0002", Service: "codecommit.amazonaws.com", User: "alice-at-111122223333"},
			{ID: "ACCAALICEEXAMPLE0003", Service: "codecommit.amazonaws.com", User: "alice+1-at-111122223333", Active: true},
			{ID: "ACCAALICEEXAMPLE0004", Service: "bedrock.amazonaws.com", Active: true, Expires: w.Now()},
		},
		Certificates: []awssim.Certificate{{ID: "CERTALICEEXAMPLE00000001", Active: true}, {ID: "CERTALICEEXAMPLE00000002"}},
		SSHKeys:      []awssim.SSHKey{{ID: "APKAALICEEXAMPLE0001", Active: true}, {ID: "APKAALICEEXAMPLE0002"}, {ID: "APKAALICEEXAMPLE0003", Active: true}},
	})
	w.AddUser(awssim.User{Name: "bob", Keys: []awssim.UserKey{{Active: true}}})
}

func alice() casefile.Target {
	return casefile.Target{Kind: casefile.IAMUser, ID: "alice", Account: "111122223333"}
}

func fullInline(w *awssim.World) {
	aUser(w)
	w.Do(func(a *awssim.Account) {
		a.IAM.Users["alice"].Inline["big"] = `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", 1950) + `","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	})
}

func denying(form, via string) []trialStep {
	return []trialStep{{DenyUser, alice(), map[string]string{"user_id": aliceID, "form": form, "via": via}}}
}

func switching(a Action) []trialStep {
	return []trialStep{{a, alice(), map[string]string{"user_id": aliceID}}}
}

var credentialTrials = []trial{
	{name: "deny the user", setup: aUser, steps: denying(DenyAll, ViaInline)},
	{name: "deny the user's sessions", setup: aUser, moment: true, steps: denying(DenySessions, ViaInline)},
	{name: "deny the user by AWS's policy", setup: fullInline, steps: denying(DenyAll, ViaManaged)},
	{name: "deny the user's sessions by a managed policy", setup: fullInline, moment: true, steps: []trialStep{{DenyUserByPolicy, alice(), map[string]string{"user_id": aliceID}}}},
	{name: "disable the keys", setup: aUser, steps: switching(DisableKeys)},
	{name: "disable the service credentials", setup: aUser, steps: switching(DisableServiceCredentials)},
	{name: "disable the certificates", setup: aUser, steps: switching(DisableCertificates)},
	{name: "disable the SSH keys", setup: aUser, steps: switching(DisableSSHKeys)},
}
