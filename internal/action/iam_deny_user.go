package action

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// userDeny says what cordon's policy is on the user: none, all, sessions, or other, where somebody has put something
// else under its name.
type userDeny struct {
	Policy string `json:"policy"`
}

// The forms of a user's deny, and the ways to put it on.
const (
	DenyAll      = "all"      // everything, for as long as it stands
	DenySessions = "sessions" // everything to the sessions that were issued before the cut-off
	ViaInline    = "inline"
	ViaManaged   = "managed" // AWSDenyAll; of the sessions, DenyUserByPolicy
)

// DenyUser denies everything to a user. An explicit deny on the user also holds for the sessions that its keys got
// from GetSessionToken and GetFederationToken, whose permissions are the user's and are evaluated with each request
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html), and no policy of a
// resource that allows the user or the federated user outweighs it
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html). The console
// works with sessions too. With form sessions long-term keys are not hit: aws:TokenIssueTime is absent from what they
// sign (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html); DisableKeys is for them.
//
// Its policy is named for the step's op-id: under a name that can be foreseen an intruder could plant one of his own; so
// before the step there is nothing of it that could have drifted, and of a thousand users one that was deleted since the
// plan must not hold up the others. Params: form, via, user_id.
var DenyUser = define(Spec[userDeny]{
	Name:       "iam-deny-user",
	Summary:    "Deny everything to the user: keys, console and the sessions made from them.",
	Phase:      casefile.Contain,
	Target:     casefile.IAMUser,
	Reads:      Ops{op((*iam.Client).GetUserPolicy), op((*iam.Client).GetUser), op((*iam.Client).ListAttachedUserPolicies)},
	Writes:     Ops{op((*iam.Client).PutUserPolicy), op((*iam.Client).AttachUserPolicy)},
	UndoWrites: Ops{op((*iam.Client).DeleteUserPolicy), op((*iam.Client).DetachUserPolicy)},
	Observe: func(ctx context.Context, c *AWS, t Target) (userDeny, error) {
		way, err := denyWay(t)
		if err != nil {
			return userDeny{}, err
		}
		if t.OpID == "" && !way.foreseen {
			_, err := findUser(ctx, c, t.ID)
			return userDeny{policyNone}, err
		}
		policy, err := way.observe(ctx, c, t)
		return userDeny{policy}, err
	},
	Status: func(t Target, now userDeny) Status {
		if now.Policy == t.Param("form") {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now userDeny) error {
		if err := notItself(c, t); err != nil {
			return err
		}
		if now.Policy == policyOther {
			return errOtherPolicy("user", t.ID, userDenyName(t))
		}
		way, err := denyWay(t)
		if err != nil {
			return err
		}
		user, err := plannedUser(ctx, c, t)
		if err != nil {
			return err
		}
		return way.apply(ctx, c, t, user)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now userDeny) error {
		switch {
		case before == now:
			return nil
		case now.Policy == policyOther:
			return errOtherPolicy("user", t.ID, userDenyName(t))
		}
		way, err := denyWay(t)
		if err != nil {
			return err
		}
		return way.undo(ctx, c, t)
	},
	Change:   changeOfDeny,
	Volatile: true,
	Returns:  userSessionsReturn,
})

// DenySeen is what DenyUser observes of a user before anything was done: nothing of cordon's is on it, or AWSDenyAll is
// already, where that is the way.
func DenySeen(denied bool) json.RawMessage {
	if denied {
		return seen(userDeny{DenyAll})
	}
	return seen(userDeny{policyNone})
}

func userDenyName(t Target) string { return "cordon-deny-" + shortHash(t.Case, t.ID, t.OpID) }

func changeOfDeny(t Target, now userDeny) string {
	how := ", as an inline policy"
	if t.Param("via") == ViaManaged {
		how = ", as a managed policy"
	}
	switch {
	case t.Param("form") == DenySessions:
		return "sessions issued so far -> denied" + how
	case now.Policy == DenyAll:
		return "everything is denied already"
	}
	return "everything -> denied" + how
}
