package action

import (
	"strings"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const aliceID = "AIDAEXAMPLEEXAMPLE123"

// aUser is alice with two keys, of which one is in use, and a neighbour.
func aUser(w *awssim.World) {
	w.AddUser(awssim.User{
		Name: "alice", ID: aliceID, Path: "/people/", Inline: map[string]string{"own": `{"Version":"2012-10-17","Statement":[]}`},
		Keys: []awssim.UserKey{
			{ID: "AKIAALICEEXAMPLE0001", Active: true, LastUsed: w.Now().Add(-1e9), Service: "s3", Region: "eu-west-1"},
			{ID: "AKIAALICEEXAMPLE0002", Active: true},
			{ID: "AKIAALICEEXAMPLE0003"},
		},
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

var credentialTrials = []trial{
	{name: "deny the user", setup: aUser, steps: []trialStep{{DenyUser, alice(), map[string]string{"user_id": aliceID, "form": DenyAll, "via": ViaInline}}}},
	{name: "deny the user's sessions", setup: aUser, moment: true, steps: []trialStep{{DenyUser, alice(), map[string]string{"user_id": aliceID, "form": DenySessions, "via": ViaInline}}}},
	{name: "deny the user by a managed policy", setup: fullInline, steps: []trialStep{{DenyUser, alice(), map[string]string{"user_id": aliceID, "form": DenyAll, "via": ViaManaged}}}},
	{name: "disable the keys", setup: aUser, steps: []trialStep{{DisableKeys, alice(), nil}}},
}
