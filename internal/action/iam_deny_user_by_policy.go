package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/smithy-go/middleware"

	"cordon/internal/casefile"
)

// DenyUserByPolicy is DenyUser with form sessions for a user whose inline policies are full: a managed policy of the
// step's own is made and attached. AWS has none that denies older sessions. Params: user_id.
var DenyUserByPolicy = denyAttached(userHolder, Spec[attachedDeny]{
	Name:    "iam-deny-user-by-policy",
	Summary: "Deny everything to the sessions of the user that were issued until now, by a managed policy of the case's own.",
	Target:  casefile.IAMUser,
	Reads: Ops{
		op((*iam.Client).GetUser), op((*iam.Client).ListPolicies), op((*iam.Client).GetPolicyVersion), op((*iam.Client).ListAttachedUserPolicies),
	},
	Writes:     Ops{op((*iam.Client).CreatePolicy), op((*iam.Client).AttachUserPolicy)},
	UndoWrites: Ops{op((*iam.Client).DetachUserPolicy), op((*iam.Client).DeletePolicy)},
	Returns:    userSessionsReturn,
	Change:     func(Target, attachedDeny) string { return "sessions issued so far -> denied, as a managed policy" },
})

var userHolder = holder{
	kind: "user",
	exists: func(ctx context.Context, c *AWS, name string) error {
		_, err := findUser(ctx, c, name)
		return err
	},
	look: func(ctx context.Context, c *AWS, t Target) (middleware.Metadata, error) {
		if err := notItself(c, t); err != nil {
			return middleware.Metadata{}, err
		}
		user, err := plannedUser(ctx, c, t)
		if err != nil {
			return middleware.Metadata{}, err
		}
		return user.ResultMetadata, nil
	},
	on: attachedToUser, attach: attachToUser, detach: detachFromUser,
}
