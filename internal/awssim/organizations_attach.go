package awssim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"
)

// https://docs.aws.amazon.com/organizations/latest/APIReference/API_AttachPolicy.html
func orgAttachPolicy(r *Request, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	id, target := aws.ToString(in.PolicyId), aws.ToString(in.TargetId)
	if o.Policies[id] == nil {
		r.missing(id)
		return nil, policyNotFound()
	}
	held, err := r.held(o, target)
	if err != nil {
		return nil, err
	}
	if slices.Contains(*held, id) {
		return nil, modelled(400, &types.DuplicatePolicyAttachmentException{Message: aws.String("The selected policy is already attached to the specified target.")})
	}
	quota := o.TargetQuota
	if quota == 0 {
		quota = policiesPerTarget
	}
	if len(*held) >= quota {
		return nil, modelled(400, &types.ConstraintViolationException{
			Message: aws.String("You have exceeded the number of policies attached to an entity."), Reason: types.ConstraintViolationExceptionReasonMaxPolicyTypeAttachmentLimitExceeded})
	}
	*held = append(*held, id)
	return &organizations.AttachPolicyOutput{}, nil
}

// The last service control policy of a target cannot be detached.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_DetachPolicy.html
func orgDetachPolicy(r *Request, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	id, target := aws.ToString(in.PolicyId), aws.ToString(in.TargetId)
	held, err := r.held(o, target)
	if err != nil {
		return nil, err
	}
	i := slices.Index(*held, id)
	if i < 0 {
		return nil, modelled(400, &types.PolicyNotAttachedException{Message: aws.String("The policy isn't attached to the specified target in the specified root.")})
	}
	if len(*held) == 1 {
		return nil, modelled(400, &types.ConstraintViolationException{
			Message: aws.String("You attempted to detach the last policy."), Reason: types.ConstraintViolationExceptionReasonMinPolicyTypeAttachmentLimitExceeded})
	}
	*held = slices.Delete(slices.Clone(*held), i, i+1)
	return &organizations.DetachPolicyOutput{}, nil
}

// held is the policies of a target, to be changed.
func (r *Request) held(o *OrganizationState, target string) (*[]string, error) {
	if a, ok := o.Accounts[target]; ok {
		touch(r, o.Accounts, target)
		return &a.Policies, nil
	}
	if u, ok := o.Units[target]; ok {
		touch(r, o.Units, target)
		return &u.Policies, nil
	}
	r.missing(target)
	return nil, modelled(400, &types.TargetNotFoundException{Message: aws.String("We can't find a root, OU, or account with the TargetId that you specified.")})
}

// MoveAccount names the parent that the account is thought to have, and is
// refused where it has another: the one change here that compares first.
// https://docs.aws.amazon.com/organizations/latest/APIReference/API_MoveAccount.html
func orgMoveAccount(r *Request, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	o, err := r.organization()
	if err != nil {
		return nil, err
	}
	id, from, to := aws.ToString(in.AccountId), aws.ToString(in.SourceParentId), aws.ToString(in.DestinationParentId)
	a, ok := o.Accounts[id]
	switch {
	case !ok:
		r.missing(id)
		return nil, modelled(400, &types.AccountNotFoundException{Message: aws.String("You specified an account that doesn't exist.")})
	case a.Parent == to:
		return nil, modelled(400, &types.DuplicateAccountException{Message: aws.String("That account is already present in the specified destination.")})
	case a.Parent != from:
		return nil, modelled(400, &types.SourceParentNotFoundException{Message: aws.String("We can't find a source root or OU with the ParentId that you specified.")})
	case o.Units[to] == nil:
		return nil, modelled(400, &types.DestinationParentNotFoundException{Message: aws.String("We can't find the destination container (a root or OU) with the ParentId that you specified.")})
	}
	touch(r, o.Accounts, id)
	a.Parent = to
	return &organizations.MoveAccountOutput{}, nil
}
