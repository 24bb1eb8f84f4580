package action

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"

	"cordon/internal/casefile"
)

// ssoGroups is the groups that a user is in, by id. A membership's own id is another each time, and not part of it.
type ssoGroups struct {
	Groups []string `json:"groups"`
}

// LeaveGroups takes a user out of its groups, and so away what they have been assigned.
var LeaveGroups = define(Spec[ssoGroups]{
	Name:       "sso-leave-groups",
	Summary:    "Take the user out of every group, and so away what the groups have been assigned.",
	Phase:      casefile.Contain,
	Target:     casefile.IdentityCenterUser,
	Reads:      Ops{op((*identitystore.Client).ListGroupMembershipsForMember)},
	Writes:     Ops{op((*identitystore.Client).DeleteGroupMembership)},
	UndoWrites: Ops{op((*identitystore.Client).CreateGroupMembership)},
	Observe: func(ctx context.Context, c *AWS, t Target) (ssoGroups, error) {
		center, err := c.center()
		if err != nil {
			return ssoGroups{}, err
		}
		ids, err := membershipsOf(ctx, center, t)
		return ssoGroups{append([]string{}, slices.Sorted(maps.Keys(ids))...)}, err
	},
	Status: func(_ Target, now ssoGroups) Status {
		if len(now.Groups) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, _ ssoGroups) error {
		center, err := c.center()
		if err != nil {
			return err
		}
		ids, err := membershipsOf(ctx, center, t)
		if err != nil {
			return err
		}
		store, _, err := ssoUser(t)
		if err != nil {
			return err
		}
		var failed []error
		for _, group := range slices.Sorted(maps.Keys(ids)) {
			_, err := center.IdentityStore.DeleteGroupMembership(ctx, &identitystore.DeleteGroupMembershipInput{IdentityStoreId: store, MembershipId: aws.String(ids[group])})
			if err != nil && !hasCode(err, "ResourceNotFoundException") {
				failed = append(failed, fmt.Errorf("take user %s out of group %s: %w", t.ID, group, err))
			}
		}
		return errors.Join(failed...)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now ssoGroups) error {
		center, err := c.center()
		if err != nil {
			return err
		}
		store, user, err := ssoUser(t)
		if err != nil {
			return err
		}
		var failed []error
		for _, group := range before.Groups {
			if slices.Contains(now.Groups, group) {
				continue
			}
			_, err := center.IdentityStore.CreateGroupMembership(ctx, &identitystore.CreateGroupMembershipInput{
				IdentityStoreId: store, GroupId: aws.String(group), MemberId: &storetypes.MemberIdMemberUserId{Value: aws.ToString(user)},
			})
			if noSSOUser(err) {
				err = fmt.Errorf("the user or the group %w", ErrGone)
			}
			if err != nil && !hasCode(err, "ConflictException") {
				failed = append(failed, fmt.Errorf("put user %s into group %s: %w", t.ID, group, err))
			}
		}
		return errors.Join(failed...)
	},
	// One that a synchronisation, or somebody, has put the user into meanwhile must not keep the others from it.
	Apart: func(before, after, now ssoGroups) (want ssoGroups, theirs string) {
		since := without(now.Groups, after.Groups)
		if len(since) == 0 {
			return before, ""
		}
		return ssoGroups{sortedSet(slices.Concat(before.Groups, now.Groups))}, "it is in " + strings.Join(since, ", ") + " already, and stays"
	},
	Change:  func(_ Target, now ssoGroups) string { return plural(len(now.Groups), "group") + " -> none" },
	Returns: "every group that it was in when it was cut off comes back, also one that the intruder put the user into: leave this step where that may be",
	// A synchronisation, or an intruder, that changes them meanwhile must not hold up the cut.
	Partial: true, Volatile: true,
})
