package awssim

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func statusOf(active bool) types.StatusType {
	if active {
		return types.StatusTypeActive
	}
	return types.StatusTypeInactive
}

// activeOf reads a status; a status that there is not is refused.
func activeOf(status types.StatusType) (bool, error) {
	switch status {
	case types.StatusTypeActive:
		return true, nil
	case types.StatusTypeInactive:
		return false, nil
	}
	return false, fail("ValidationError", "1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]")
}

func iamListAccessKeys(r *Request, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, next, err := page(r, slices.Clone(u.Keys), func(k UserKey) string { return k.ID }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAccessKeysOutput{Marker: next, IsTruncated: next != nil}
	for _, k := range keys {
		out.AccessKeyMetadata = append(out.AccessKeyMetadata, types.AccessKeyMetadata{
			AccessKeyId: aws.String(k.ID), CreateDate: aws.Time(k.Created), Status: statusOf(k.Active), UserName: aws.String(u.Name),
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html
func iamUpdateAccessKey(r *Request, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	u, err := writableUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	active, err := activeOf(in.Status)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.AccessKeyId)
	i := slices.IndexFunc(u.Keys, func(k UserKey) bool { return k.ID == id })
	if i < 0 {
		r.missing(id)
		return nil, noSuchEntity("The Access Key with id %s cannot be found.", id)
	}
	touch(r, r.Account.IAM.Users, u.Name)
	u.Keys[i].Active = active
	return &iam.UpdateAccessKeyOutput{}, nil
}

// A key that is not the account's is refused, not missing. One that was never
// used has N/A for service and region, and no date; root's own has no user.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
func iamGetAccessKeyLastUsed(r *Request, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	id := aws.ToString(in.AccessKeyId)
	for _, u := range view(r, r.Account.IAM.Users) {
		for _, k := range u.Keys {
			if k.ID != id {
				continue
			}
			return &iam.GetAccessKeyLastUsedOutput{UserName: aws.String(u.Name), AccessKeyLastUsed: k.lastUsed()}, nil
		}
	}
	for _, k := range r.Account.IAM.Root.Keys {
		if k.ID == id {
			return &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: k.lastUsed()}, nil
		}
	}
	return nil, failWith(403, "AccessDenied", "User: %s is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key %s", r.Actor, id)
}

func (k UserKey) lastUsed() *types.AccessKeyLastUsed {
	if k.LastUsed.IsZero() {
		return &types.AccessKeyLastUsed{ServiceName: aws.String("N/A"), Region: aws.String("N/A")}
	}
	return &types.AccessKeyLastUsed{LastUsedDate: aws.Time(k.LastUsed), ServiceName: aws.String(k.Service), Region: aws.String(k.Region)}
}
