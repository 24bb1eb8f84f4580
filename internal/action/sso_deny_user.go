package action

import (
	"encoding/json"

	"cordon/internal/casefile"
)

// ssoDeny stops one user of Identity Center in all accounts of the organisation but the management account, whichever
// permission set it came by and whenever its sessions were issued: every such session has identitystore:userId
// (docs.aws.amazon.com/singlesignon/latest/userguide/prereqs-revoking-user-permissions.html). Nobody else notices.
// Of a role that is assumed from such a session nothing says that its session keeps the key.
// Params: root.
var ssoDeny = controlPolicy{
	make: "sso-deny-policy", attach: "sso-deny-user",
	target: casefile.IdentityCenterUser,
	what:   "one user of Identity Center",
	stops: "Attach the policy to the organisation's root. Every session that the user has of a permission set in a member account is denied everything; nobody else notices. " +
		"Not denied: its sessions in the management account, and sessions of other roles that it assumed from its own.",
	change: "all its permission sets' sessions in all member accounts -> denied",
	name:   "cordon-deny-user-",

	content: func(t Target) string {
		_, user, err := ssoUser(t)
		if err != nil {
			return ""
		}
		return DenySSOUserPolicy(*user)
	},
	on:      func(t Target) string { return t.Param("root") },
	returns: roleSessionsReturn, // a permission set's last no longer (docs.aws.amazon.com/singlesignon/latest/userguide/howtosessionduration.html)
}

// DenySSOPolicy makes the policy, and DenySSOUser attaches it.
var (
	DenySSOPolicy = ssoDeny.maker()
	DenySSOUser   = ssoDeny.attacher()
)

// DenySSOUserPolicy denies everything to one user of Identity Center, by its id in the identity store.
func DenySSOUserPolicy(userID string) string {
	text, err := json.Marshal(orgDocument{Version: "2012-10-17", Statement: []orgStatement{{
		Sid: "CordonDenyUser", Effect: "Deny", Action: []string{"*"}, Resource: "*",
		Condition: map[string]map[string]any{"StringEquals": {"identitystore:userId": userID}},
	}}})
	if err != nil {
		panic(err) // strings, and maps and slices of them, always marshal
	}
	return string(text)
}
