package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"cordon/internal/casefile"
)

// ssoStatus is a user's status: ENABLED or DISABLED.
type ssoStatus struct {
	Status string `json:"status"`
}

// DisableSSOUser disables a user of the identity store, who signs in no more. AWS documents no call for it: the status
// is told of by a user's description alone (docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_User.html),
// no attribute of UpdateUser is named for it, and a command is still asked for (github.com/aws/aws-cli/issues/9954). It is
// tried by the status's own name, what is read back counts, and the plan says what to do by hand.
var DisableSSOUser = define(Spec[ssoStatus]{
	Name:       "sso-disable-user",
	Summary:    "Disable the user in Identity Center. It cannot sign in any more; sessions that live are ended by other steps.",
	Phase:      casefile.Contain,
	Target:     casefile.IdentityCenterUser,
	Reads:      Ops{op((*identitystore.Client).DescribeUser)},
	Writes:     Ops{op((*identitystore.Client).UpdateUser)},
	UndoWrites: Ops{op((*identitystore.Client).UpdateUser)},
	Observe: func(ctx context.Context, c *AWS, t Target) (ssoStatus, error) {
		center, err := c.center()
		if err != nil {
			return ssoStatus{}, err
		}
		out, err := describeSSOUser(ctx, center, t)
		if err != nil {
			return ssoStatus{}, err
		}
		if out.UserStatus == "" { // what is not known could not be put back
			return ssoStatus{}, fmt.Errorf("look at user %s of Identity Center: AWS does not say whether it is enabled; disable it by hand (Identity Center console, Users, the user, Disable user access)", t.ID)
		}
		return ssoStatus{string(out.UserStatus)}, nil
	},
	Status: func(_ Target, now ssoStatus) Status {
		if now.Status == string(storetypes.UserStatusDisabled) {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ ssoStatus) error {
		return setSSOStatus(ctx, c, t, string(storetypes.UserStatusDisabled))
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now ssoStatus) error {
		if before == now {
			return nil
		}
		return setSSOStatus(ctx, c, t, before.Status)
	},
	Change: func(_ Target, now ssoStatus) string {
		return now.Status + " -> " + string(storetypes.UserStatusDisabled)
	},
})

func setSSOStatus(ctx context.Context, c *AWS, t Target, status string) error {
	center, err := c.center()
	if err != nil {
		return err
	}
	store, user, err := ssoUser(t)
	if err != nil {
		return err
	}
	_, err = center.IdentityStore.UpdateUser(ctx, &identitystore.UpdateUserInput{IdentityStoreId: store, UserId: user, Operations: []storetypes.AttributeOperation{
		{AttributePath: aws.String("userStatus"), AttributeValue: document.NewLazyDocument(status)},
	}})
	if noSSOUser(err) {
		return fmt.Errorf("set user %s of Identity Center to %s: the user %w", t.ID, status, ErrGone)
	}
	if err != nil {
		return fmt.Errorf("set user %s of Identity Center to %s (where AWS refuses it: Identity Center console, Users, the user, Disable user access; a user of an external provider is disabled there): %w", t.ID, status, err)
	}
	return nil
}
