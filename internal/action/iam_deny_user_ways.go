package action

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// way is how one form of a user's deny is put on, seen and taken off.
type way struct {
	foreseen bool // what it puts on is known before the step has an op-id
	observe  func(ctx context.Context, c *AWS, t Target) (policy string, err error)
	apply    func(ctx context.Context, c *AWS, t Target, user *iam.GetUserOutput) error
	undo     func(ctx context.Context, c *AWS, t Target) error
}

func denyWay(t Target) (way, error) {
	switch t.Param("form") + " " + t.Param("via") {
	case DenyAll + " " + ViaInline:
		return inlineWay(func(*iam.GetUserOutput) (string, error) { return DenyAllPolicy(), nil }), nil
	case DenySessions + " " + ViaInline:
		return inlineWay(sessionsPolicy), nil
	case DenyAll + " " + ViaManaged:
		return way{foreseen: true, observe: observeDenyAll, apply: attachDenyAll, undo: detachDenyAll}, nil
	}
	return way{}, fmt.Errorf("the plan does not say how user %s is denied: form is all or sessions, via is inline or, for all, managed", t.ID)
}

// sessionsPolicy denies what was issued until now, by the clock of the answer.
func sessionsPolicy(user *iam.GetUserOutput) (string, error) {
	cutoff, err := cutoffAfter(user.ResultMetadata)
	if err != nil {
		return "", err
	}
	return RevokeSessionsPolicy(cutoff), nil
}

func inlineWay(document func(*iam.GetUserOutput) (string, error)) way {
	return way{
		observe: func(ctx context.Context, c *AWS, t Target) (string, error) {
			text, found, err := userPolicy(ctx, c, t.ID, userDenyName(t))
			if err != nil {
				return "", err
			}
			return whichUserDeny(text, found), nil
		},
		apply: func(ctx context.Context, c *AWS, t Target, user *iam.GetUserOutput) error {
			text, err := document(user)
			if err != nil {
				return err
			}
			return putUserPolicy(ctx, c, t.ID, userDenyName(t), text)
		},
		undo: func(ctx context.Context, c *AWS, t Target) error {
			return deleteUserPolicy(ctx, c, t.ID, userDenyName(t))
		},
	}
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

// DenyAllARN is AWS's own policy that denies everything
// (docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSDenyAll.html). Nobody in the account can change it.
func DenyAllARN(partition string) string { return "arn:" + partition + ":iam::aws:policy/AWSDenyAll" }

func observeDenyAll(ctx context.Context, c *AWS, t Target) (string, error) {
	on, err := attachedToUser(ctx, c, t.ID)
	if on[DenyAllARN(c.Partition)] {
		return DenyAll, err
	}
	return policyNone, err
}

func attachDenyAll(ctx context.Context, c *AWS, t Target, _ *iam.GetUserOutput) error {
	return attachToUser(ctx, c, t.ID, DenyAllARN(c.Partition))
}

func detachDenyAll(ctx context.Context, c *AWS, t Target) error {
	return detachFromUser(ctx, c, t.ID, DenyAllARN(c.Partition))
}
