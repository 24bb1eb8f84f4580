package action

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
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
	ViaManaged   = "managed"
)

// DenyUser denies everything to a user. An explicit deny on the user also holds for the sessions that its keys got
// from GetSessionToken and GetFederationToken, whose permissions never exceed the user's
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html). Its policy is
// named for the step's op-id: under a name that can be foreseen an intruder could plant one of his own; so before the
// step there is nothing of it that could have drifted, and of a thousand users one that was deleted since the plan must
// not hold up the others. Params: form, via, user_id.
var DenyUser = define(Spec[userDeny]{
	Name:       "iam-deny-user",
	Summary:    "Deny everything to the user: keys, console and the sessions made from them.",
	Phase:      casefile.Contain,
	Target:     casefile.IAMUser,
	Reads:      Ops{op((*iam.Client).GetUserPolicy), op((*iam.Client).GetUser), op((*iam.Client).ListAttachedUserPolicies)},
	Writes:     Ops{op((*iam.Client).PutUserPolicy), op((*iam.Client).AttachUserPolicy)},
	UndoWrites: Ops{op((*iam.Client).DeleteUserPolicy), op((*iam.Client).DetachUserPolicy)},
	Observe:    observeUserDeny,
	Status: func(t Target, now userDeny) Status {
		if now.Policy == t.Param("form") {
			return Done
		}
		return Todo
	},
	Apply:    applyUserDeny,
	Volatile: true,
	Undo: func(ctx context.Context, c *AWS, t Target, before, now userDeny) error {
		switch {
		case before == now:
			return nil
		case t.Param("via") == ViaManaged:
			return detachFromUser(ctx, c, t.ID, DenyAllARN(c.Partition))
		case now.Policy == policyOther:
			return errOtherPolicy("user", t.ID, userDenyName(t))
		}
		return deleteUserPolicy(ctx, c, t.ID, userDenyName(t))
	},
	Change: func(t Target, now userDeny) string {
		if t.Param("form") == DenySessions {
			return "sessions issued so far -> denied"
		}
		if now.Policy == DenyAll {
			return "everything is denied already"
		}
		return "everything -> denied"
	},
})

func userDenyName(t Target) string { return "cordon-deny-" + shortHash(t.Case, t.ID, t.OpID) }

func observeUserDeny(ctx context.Context, c *AWS, t Target) (userDeny, error) {
	if t.Param("via") == ViaManaged {
		on, err := attachedTo(ctx, c, t.ID, DenyAllARN(c.Partition))
		if on {
			return userDeny{DenyAll}, err
		}
		return userDeny{policyNone}, err
	}
	if t.OpID == "" {
		_, err := findUser(ctx, c, t.ID)
		return userDeny{policyNone}, err
	}
	document, found, err := userPolicy(ctx, c, t.ID, userDenyName(t))
	if err != nil {
		return userDeny{}, err
	}
	return userDeny{whichUserDeny(document, found)}, nil
}

// whichUserDeny takes the cut-off from the document itself: it was decided when the policy was put, and a resumed run
// must not move it.
func whichUserDeny(document string, found bool) string {
	if !found {
		return policyNone
	}
	if samePolicy(document, DenyAllPolicy()) {
		return DenyAll
	}
	var p policyDocument
	if err := json.Unmarshal([]byte(document), &p); err != nil || len(p.Statement) != 1 {
		return policyOther
	}
	cutoff, err := time.Parse(time.RFC3339, p.Statement[0].Condition["DateLessThan"]["aws:TokenIssueTime"])
	if err != nil || !samePolicy(document, RevokeSessionsPolicy(cutoff)) {
		return policyOther
	}
	return DenySessions
}

func applyUserDeny(ctx context.Context, c *AWS, t Target, now userDeny) error {
	if err := notItself(c, t); err != nil {
		return err
	}
	if now.Policy == policyOther {
		return errOtherPolicy("user", t.ID, userDenyName(t))
	}
	user, err := plannedUser(ctx, c, t)
	if err != nil {
		return err
	}
	switch t.Param("form") + " " + t.Param("via") {
	case DenyAll + " " + ViaInline:
		return putUserPolicy(ctx, c, t.ID, userDenyName(t), DenyAllPolicy())
	case DenySessions + " " + ViaInline:
		return putUserPolicy(ctx, c, t.ID, userDenyName(t), RevokeSessionsPolicy(cutoffBy(awsmiddleware.GetServerTime(user.ResultMetadata))))
	case DenyAll + " " + ViaManaged:
		return attachToUser(ctx, c, t.ID, DenyAllARN(c.Partition))
	}
	return errNoForm
}

// cutoffBy is AWS's time and the 30 seconds in which the policy spreads; see cutoffFor.
func cutoffBy(clock time.Time, ok bool) time.Time {
	if !ok {
		clock = time.Now()
	}
	return clock.UTC().Add(30 * time.Second).Truncate(time.Second)
}

func attachToUser(ctx context.Context, c *AWS, user, arn string) error {
	if _, err := c.IAM.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(arn)}); err != nil {
		return fmt.Errorf("attach %s to user %s: %w", arn, user, err)
	}
	return nil
}

func detachFromUser(ctx context.Context, c *AWS, user, arn string) error {
	_, err := c.IAM.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: aws.String(user), PolicyArn: aws.String(arn)})
	if err != nil && !hasCode(err, "NoSuchEntity") {
		return fmt.Errorf("detach %s from user %s: %w", arn, user, err)
	}
	return nil
}
