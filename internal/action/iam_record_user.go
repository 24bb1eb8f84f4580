package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/casefile"
)

// RecordUser writes down all that IAM knows of a user: what it can be used with, what it may do and through what. Each
// read is an artifact of its own, and one that fails is a loss of its own.
var RecordUser = gather(Gather{
	Name:     "iam-record-user",
	Summary:  "Record the user as IAM knows it: keys and their last use, all other credentials, policies, groups, boundary, tags.",
	Phase:    casefile.Preserve,
	Target:   casefile.IAMUser,
	Deadline: 5 * 60,
	Reads: Ops{
		op((*iam.Client).GetUser), op((*iam.Client).ListUserTags), op((*iam.Client).ListAccessKeys), op((*iam.Client).GetAccessKeyLastUsed),
		op((*iam.Client).ListUserPolicies), op((*iam.Client).GetUserPolicy), op((*iam.Client).ListAttachedUserPolicies),
		op((*iam.Client).GetPolicy), op((*iam.Client).GetPolicyVersion),
		op((*iam.Client).ListGroupsForUser), op((*iam.Client).ListGroupPolicies), op((*iam.Client).GetGroupPolicy), op((*iam.Client).ListAttachedGroupPolicies),
		op((*iam.Client).GetLoginProfile), op((*iam.Client).ListMFADevices), op((*iam.Client).ListServiceSpecificCredentials),
		op((*iam.Client).ListSigningCertificates), op((*iam.Client).ListSSHPublicKeys), op((*iam.Client).GetSSHPublicKey),
	},
	Collect: func(ctx context.Context, c *AWS, t Target, sink Sink) error {
		r := &userRecord{collector: newCollector(c, t, sink)}
		for _, read := range r.reads() {
			r.read(ctx, read.name, read.source, read.do)
		}
		return r.wait()
	},
	Change: func(t Target) string {
		return plural(len((&userRecord{collector: &collector{t: t}}).reads()), "read") + " or more"
	},
})

// userRecord collects what belongs to one user.
type userRecord struct{ *collector }

// reads is what the user's name alone leads to.
func (r *userRecord) reads() []instanceRead {
	return []instanceRead{
		{"user", "iam:GetUser", r.user},
		{"tags", "iam:ListUserTags", r.tags},
		{"access keys", "iam:ListAccessKeys", r.accessKeys},
		{"inline policies", "iam:ListUserPolicies", r.inlinePolicies},
		{"attached policies", "iam:ListAttachedUserPolicies", r.attachedPolicies},
		{"groups", "iam:ListGroupsForUser", r.groups},
		{"console password", "iam:GetLoginProfile", r.loginProfile},
		{"MFA devices", "iam:ListMFADevices", r.mfaDevices},
		{"service-specific credentials", "iam:ListServiceSpecificCredentials", r.serviceCredentials},
		{"signing certificates", "iam:ListSigningCertificates", r.certificates},
		{"SSH public keys", "iam:ListSSHPublicKeys", r.sshKeys},
	}
}

func (r *userRecord) name() *string { return aws.String(r.t.ID) }

// user has the permissions boundary; what that allows is in its policy.
func (r *userRecord) user(ctx context.Context) (any, error) {
	out, err := r.c.IAM.GetUser(ctx, &iam.GetUserInput{UserName: r.name()})
	if err != nil {
		return nil, err
	}
	if out.User == nil {
		return nil, fmt.Errorf("the answer holds no user")
	}
	if b := out.User.PermissionsBoundary; b != nil {
		r.managed(ctx, aws.ToString(b.PermissionsBoundaryArn))
	}
	return out, nil
}

func (r *userRecord) tags(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListUserTagsPaginator(r.c.IAM, &iam.ListUserTagsInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *userRecord) accessKeys(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListAccessKeysPaginator(r.c.IAM, &iam.ListAccessKeysInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, k := range page.AccessKeyMetadata {
			id := aws.ToString(k.AccessKeyId)
			r.read(ctx, "last use of access key "+id, "iam:GetAccessKeyLastUsed", func(ctx context.Context) (any, error) {
				return r.c.IAM.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String(id)})
			})
		}
	}
	return all, nil
}

func (r *userRecord) inlinePolicies(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListUserPoliciesPaginator(r.c.IAM, &iam.ListUserPoliciesInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, policy := range page.PolicyNames {
			name := "inline policy " + policy
			r.read(ctx, name, "iam:GetUserPolicy", func(ctx context.Context) (any, error) {
				out, err := r.c.IAM.GetUserPolicy(ctx, &iam.GetUserPolicyInput{UserName: r.name(), PolicyName: aws.String(policy)})
				if err == nil {
					r.policyText(name+", decoded", "iam:GetUserPolicy", out.PolicyDocument)
				}
				return out, err
			})
		}
	}
	return all, nil
}

func (r *userRecord) attachedPolicies(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListAttachedUserPoliciesPaginator(r.c.IAM, &iam.ListAttachedUserPoliciesInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, a := range page.AttachedPolicies {
			r.managed(ctx, aws.ToString(a.PolicyArn))
		}
	}
	return all, nil
}

// loginProfile: that a user has no password is an answer, and is kept as one.
func (r *userRecord) loginProfile(ctx context.Context) (any, error) {
	out, err := r.c.IAM.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: r.name()})
	if hasCode(err, "NoSuchEntity") {
		return map[string]string{"none": err.Error()}, nil
	}
	return out, err
}

func (r *userRecord) mfaDevices(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListMFADevicesPaginator(r.c.IAM, &iam.ListMFADevicesInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *userRecord) serviceCredentials(ctx context.Context) (any, error) {
	all, err := ServiceCredentials(ctx, r.c, r.t.ID)
	return map[string]any{"ServiceSpecificCredentials": all}, err
}

func (r *userRecord) certificates(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListSigningCertificatesPaginator(r.c.IAM, &iam.ListSigningCertificatesInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *userRecord) sshKeys(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListSSHPublicKeysPaginator(r.c.IAM, &iam.ListSSHPublicKeysInput{UserName: r.name()}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, k := range page.SSHPublicKeys {
			id := aws.ToString(k.SSHPublicKeyId)
			r.read(ctx, "SSH public key "+id, "iam:GetSSHPublicKey", func(ctx context.Context) (any, error) {
				return r.c.IAM.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: r.name(), SSHPublicKeyId: aws.String(id), Encoding: iamtypes.EncodingTypeSsh})
			})
		}
	}
	return all, nil
}
