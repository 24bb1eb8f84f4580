package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// center is the connection to the account that has the organisation's Identity Center, in its region, which is the
// step's.
func (c *AWS) center() (*AWS, error) {
	if c.Management == nil {
		return nil, errors.New("an Identity Center is changed from the organisation's management account, and no credentials for it were given: name them with --management-profile")
	}
	return c.Management.In(c.Region), nil
}

// ssoUser takes a target's id apart: the identity store and the user in it.
func ssoUser(t Target) (store, user *string, err error) {
	s, u, ok := strings.Cut(t.ID, "/")
	if !ok || s == "" || u == "" {
		return nil, nil, fmt.Errorf("%q names no user of an identity store", t.ID)
	}
	return aws.String(s), aws.String(u), nil
}

// noSSOUser tells that AWS said the user, or what it is asked together with, does not exist. An identity store that is
// not found is another matter: it was looked for in the wrong place.
func noSSOUser(err error) bool {
	var missing *storetypes.ResourceNotFoundException
	return hasCode(err, "ResourceNotFoundException") &&
		(!errors.As(err, &missing) || missing.ResourceType != storetypes.ResourceTypeIdentityStore)
}

// describeSSOUser looks at the user itself.
func describeSSOUser(ctx context.Context, c *AWS, t Target) (*identitystore.DescribeUserOutput, error) {
	store, user, err := ssoUser(t)
	if err != nil {
		return nil, err
	}
	out, err := c.IdentityStore.DescribeUser(ctx, &identitystore.DescribeUserInput{IdentityStoreId: store, UserId: user})
	if noSSOUser(err) {
		return nil, fmt.Errorf("user %s of Identity Center: %w", t.ID, ErrGone)
	}
	if err != nil {
		return nil, fmt.Errorf("look at user %s of Identity Center: %w", t.ID, err)
	}
	return out, nil
}

// assignmentsOf lists what a user has been assigned by itself, or with its groups, as ACCOUNT PERMISSION-SET.
func assignmentsOf(ctx context.Context, c *AWS, t Target, groups bool) ([]string, error) {
	_, user, err := ssoUser(t)
	if err != nil {
		return nil, err
	}
	all := []string{}
	pages := ssoadmin.NewListAccountAssignmentsForPrincipalPaginator(c.SSOAdmin, &ssoadmin.ListAccountAssignmentsForPrincipalInput{
		InstanceArn: aws.String(t.Param("instance")), PrincipalId: user, PrincipalType: ssotypes.PrincipalTypeUser,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list what user %s has been assigned: %w", t.ID, err)
		}
		for _, a := range page.AccountAssignments {
			if groups || aws.ToString(a.PrincipalId) == aws.ToString(user) {
				all = append(all, aws.ToString(a.AccountId)+" "+aws.ToString(a.PermissionSetArn))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// membershipsOf gives the ids of a user's memberships by group.
func membershipsOf(ctx context.Context, c *AWS, t Target) (map[string]string, error) {
	store, user, err := ssoUser(t)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	pages := identitystore.NewListGroupMembershipsForMemberPaginator(c.IdentityStore, &identitystore.ListGroupMembershipsForMemberInput{
		IdentityStoreId: store, MemberId: &storetypes.MemberIdMemberUserId{Value: aws.ToString(user)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if noSSOUser(err) {
			return nil, fmt.Errorf("user %s of Identity Center: %w", t.ID, ErrGone)
		}
		if err != nil {
			return nil, fmt.Errorf("list the groups of user %s: %w", t.ID, err)
		}
		for _, m := range page.GroupMemberships {
			ids[aws.ToString(m.GroupId)] = aws.ToString(m.MembershipId)
		}
	}
	return ids, nil
}
