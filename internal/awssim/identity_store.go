package awssim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/types"
)

func identityStoreHandlers() []handler {
	return []handler{
		read(storeGetUserID),
		read(storeDescribeUser),
		write(storeUpdateUser),
		read(storeListMemberships),
		write(storeDeleteMembership),
		write(storeCreateMembership),
	}
}

func (r *Request) identityStore(id *string) (*IdentityCenterState, error) {
	s := &r.Account.SSO
	switch {
	case s.Owner != r.callerAccount():
		return nil, modelled(400, &types.AccessDeniedException{Message: aws.String("You do not have sufficient access to perform this action.")})
	case s.Store != aws.ToString(id) || s.Region != r.Region.Name:
		return nil, modelled(404, &types.ResourceNotFoundException{Message: aws.String("IDENTITY_STORE not found."), ResourceType: types.ResourceTypeIdentityStore})
	}
	return s, nil
}

func noUser() error {
	return modelled(404, &types.ResourceNotFoundException{Message: aws.String("USER not found."), ResourceType: types.ResourceTypeUser})
}

// https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_GetUserId.html
func storeGetUserID(r *Request, in *identitystore.GetUserIdInput) (*identitystore.GetUserIdOutput, error) {
	s, err := r.identityStore(in.IdentityStoreId)
	if err != nil {
		return nil, err
	}
	by, ok := in.AlternateIdentifier.(*types.AlternateIdentifierMemberUniqueAttribute)
	if !ok || aws.ToString(by.Value.AttributePath) != "userName" {
		return nil, modelled(400, &types.ValidationException{Message: aws.String("The attribute is not one to look up by.")})
	}
	for id, u := range view(r, s.Users) {
		if u.Name == documentText(by.Value.AttributeValue) {
			return &identitystore.GetUserIdOutput{IdentityStoreId: in.IdentityStoreId, UserId: aws.String(id)}, nil
		}
	}
	return nil, noUser()
}

func storeDescribeUser(r *Request, in *identitystore.DescribeUserInput) (*identitystore.DescribeUserOutput, error) {
	s, err := r.identityStore(in.IdentityStoreId)
	if err != nil {
		return nil, err
	}
	u, ok := look(r, s.Users, aws.ToString(in.UserId))
	if !ok {
		return nil, noUser()
	}
	status := types.UserStatusEnabled
	if u.Disabled {
		status = types.UserStatusDisabled
	}
	return &identitystore.DescribeUserOutput{IdentityStoreId: in.IdentityStoreId, UserId: in.UserId, UserName: aws.String(u.Name), UserStatus: status}, nil
}

// An attribute is named by its path; here only the status is known.
// https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_UpdateUser.html
func storeUpdateUser(r *Request, in *identitystore.UpdateUserInput) (*identitystore.UpdateUserOutput, error) {
	s, err := r.identityStore(in.IdentityStoreId)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.UserId)
	u, ok := s.Users[id]
	if !ok {
		r.missing(id)
		return nil, noUser()
	}
	for _, op := range in.Operations {
		if aws.ToString(op.AttributePath) != "userStatus" || u.External {
			return nil, modelled(400, &types.ValidationException{Message: aws.String("The attribute cannot be changed.")})
		}
		touch(r, s.Users, id)
		u.Disabled = documentText(op.AttributeValue) == string(types.UserStatusDisabled)
	}
	return &identitystore.UpdateUserOutput{}, nil
}

// https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_ListGroupMembershipsForMember.html
func storeListMemberships(r *Request, in *identitystore.ListGroupMembershipsForMemberInput) (*identitystore.ListGroupMembershipsForMemberOutput, error) {
	s, err := r.identityStore(in.IdentityStoreId)
	if err != nil {
		return nil, err
	}
	member, ok := in.MemberId.(*types.MemberIdMemberUserId)
	if !ok {
		return nil, modelled(400, &types.ValidationException{Message: aws.String("The member is no user.")})
	}
	if _, ok := look(r, s.Users, member.Value); !ok {
		return nil, noUser()
	}
	of, next, err := page(r, sortedMemberships(view(r, s.Memberships), member.Value), func(m *SSOMembership) string { return m.Group }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &identitystore.ListGroupMembershipsForMemberOutput{NextToken: next}
	for _, m := range of {
		out.GroupMemberships = append(out.GroupMemberships, types.GroupMembership{
			IdentityStoreId: in.IdentityStoreId, GroupId: aws.String(m.Group), MembershipId: aws.String(m.ID), MemberId: in.MemberId,
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_DeleteGroupMembership.html
func storeDeleteMembership(r *Request, in *identitystore.DeleteGroupMembershipInput) (*identitystore.DeleteGroupMembershipOutput, error) {
	s, err := r.identityStore(in.IdentityStoreId)
	if err != nil {
		return nil, err
	}
	for key, m := range s.Memberships {
		if m.ID == aws.ToString(in.MembershipId) {
			touch(r, s.Memberships, key)
			delete(s.Memberships, key)
			return &identitystore.DeleteGroupMembershipOutput{}, nil
		}
	}
	return nil, modelled(404, &types.ResourceNotFoundException{Message: aws.String("GROUP_MEMBERSHIP not found."), ResourceType: types.ResourceTypeGroupMembership})
}

// https://docs.aws.amazon.com/singlesignon/latest/IdentityStoreAPIReference/API_CreateGroupMembership.html
func storeCreateMembership(r *Request, in *identitystore.CreateGroupMembershipInput) (*identitystore.CreateGroupMembershipOutput, error) {
	s, err := r.identityStore(in.IdentityStoreId)
	if err != nil {
		return nil, err
	}
	member, ok := in.MemberId.(*types.MemberIdMemberUserId)
	group := aws.ToString(in.GroupId)
	if !ok || s.Groups[group] == nil {
		return nil, modelled(404, &types.ResourceNotFoundException{Message: aws.String("GROUP not found."), ResourceType: types.ResourceTypeGroup})
	}
	if s.Users[member.Value] == nil {
		return nil, noUser()
	}
	key := group + "/" + member.Value
	if s.Memberships[key] != nil {
		return nil, modelled(409, &types.ConflictException{Message: aws.String("Member and Group relationship already exists.")})
	}
	touch(r, s.Memberships, key)
	id := r.newID("m")
	s.Memberships[key] = &SSOMembership{id, group, member.Value}
	return &identitystore.CreateGroupMembershipOutput{MembershipId: aws.String(id), IdentityStoreId: in.IdentityStoreId}, nil
}
