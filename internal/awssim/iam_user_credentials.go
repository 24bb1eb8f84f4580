package awssim

import (
	"crypto/md5"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

func iamUserCredentialHandlers() []handler {
	return []handler{
		read(iamGetLoginProfile),
		read(iamListMFADevices),
		read(iamListUserTags),
		read(iamListServiceSpecificCredentials),
		write(iamUpdateServiceSpecificCredential),
		read(iamListSigningCertificates),
		write(iamUpdateSigningCertificate),
		read(iamListSSHPublicKeys),
		read(iamGetSSHPublicKey),
		write(iamUpdateSSHPublicKey),
	}
}

// A user without a password has no login profile, and the answer is that of a
// user who does not exist, in other words.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetLoginProfile.html
func iamGetLoginProfile(r *Request, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, noSuchEntity("Login Profile for User %s cannot be found.", u.Name)
	}
	return &iam.GetLoginProfileOutput{LoginProfile: &types.LoginProfile{
		UserName: aws.String(u.Name), CreateDate: aws.Time(u.Login.Created), PasswordResetRequired: u.Login.Reset,
	}}, nil
}

func iamListMFADevices(r *Request, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	serials, next, err := page(r, slices.Clone(u.MFA), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListMFADevicesOutput{Marker: next, IsTruncated: next != nil}
	for _, s := range serials {
		out.MFADevices = append(out.MFADevices, types.MFADevice{SerialNumber: aws.String(s), UserName: aws.String(u.Name), EnableDate: aws.Time(u.Created)})
	}
	return out, nil
}

func iamListUserTags(r *Request, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	tags, next, err := page(r, iamTags(u.Tags), func(t types.Tag) string { return *t.Key }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserTagsOutput{Tags: tags, Marker: next, IsTruncated: next != nil}, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html
func iamListServiceSpecificCredentials(r *Request, in *iam.ListServiceSpecificCredentialsInput) (*iam.ListServiceSpecificCredentialsOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	services := slices.Clone(u.Services)
	if in.ServiceName != nil {
		services = slices.DeleteFunc(services, func(c ServiceCredential) bool { return c.Service != *in.ServiceName })
	}
	services, next, err := page(r, services, func(c ServiceCredential) string { return c.ID }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListServiceSpecificCredentialsOutput{Marker: next, IsTruncated: next != nil}
	for _, c := range services {
		m := types.ServiceSpecificCredentialMetadata{
			ServiceSpecificCredentialId: aws.String(c.ID), ServiceName: aws.String(c.Service), UserName: aws.String(u.Name), Status: c.status(r.Now),
			CreateDate: aws.Time(c.Created), ServiceUserName: optional(c.User), ServiceCredentialAlias: optional(c.Alias),
		}
		if !c.Expires.IsZero() {
			m.ExpirationDate = aws.Time(c.Expires)
		}
		out.ServiceSpecificCredentials = append(out.ServiceSpecificCredentials, m)
	}
	return out, nil
}

// Keys of Bedrock and CloudWatch Logs may have an end, after which they are
// Expired (types.ServiceSpecificCredentialMetadata, types.StatusType).
func (c ServiceCredential) status(now time.Time) types.StatusType {
	if !c.Expires.IsZero() && !now.Before(c.Expires) {
		return types.StatusTypeExpired
	}
	return statusOf(c.Active)
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html
func iamUpdateServiceSpecificCredential(r *Request, in *iam.UpdateServiceSpecificCredentialInput) (*iam.UpdateServiceSpecificCredentialOutput, error) {
	id := aws.ToString(in.ServiceSpecificCredentialId)
	err := setActive(r, in.UserName, in.Status, id, "Service Specific Credential", func(u *User) *bool {
		i := slices.IndexFunc(u.Services, func(c ServiceCredential) bool { return c.ID == id })
		if i < 0 {
			return nil
		}
		return &u.Services[i].Active
	})
	return &iam.UpdateServiceSpecificCredentialOutput{}, err
}

func iamListSigningCertificates(r *Request, in *iam.ListSigningCertificatesInput) (*iam.ListSigningCertificatesOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	certificates, next, err := page(r, slices.Clone(u.Certificates), func(c Certificate) string { return c.ID }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSigningCertificatesOutput{Marker: next, IsTruncated: next != nil, Certificates: []types.SigningCertificate{}}
	for _, c := range certificates {
		out.Certificates = append(out.Certificates, types.SigningCertificate{
			CertificateId: aws.String(c.ID), CertificateBody: aws.String(c.Body), Status: statusOf(c.Active), UserName: aws.String(u.Name), UploadDate: aws.Time(c.Uploaded),
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSigningCertificate.html
func iamUpdateSigningCertificate(r *Request, in *iam.UpdateSigningCertificateInput) (*iam.UpdateSigningCertificateOutput, error) {
	id := aws.ToString(in.CertificateId)
	err := setActive(r, in.UserName, in.Status, id, "Certificate", func(u *User) *bool {
		i := slices.IndexFunc(u.Certificates, func(c Certificate) bool { return c.ID == id })
		if i < 0 {
			return nil
		}
		return &u.Certificates[i].Active
	})
	return &iam.UpdateSigningCertificateOutput{}, err
}

func iamListSSHPublicKeys(r *Request, in *iam.ListSSHPublicKeysInput) (*iam.ListSSHPublicKeysOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	keys, next, err := page(r, slices.Clone(u.SSHKeys), func(k SSHKey) string { return k.ID }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListSSHPublicKeysOutput{Marker: next, IsTruncated: next != nil}
	for _, k := range keys {
		out.SSHPublicKeys = append(out.SSHPublicKeys, types.SSHPublicKeyMetadata{
			SSHPublicKeyId: aws.String(k.ID), Status: statusOf(k.Active), UserName: aws.String(u.Name), UploadDate: aws.Time(k.Uploaded),
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetSSHPublicKey.html
func iamGetSSHPublicKey(r *Request, in *iam.GetSSHPublicKeyInput) (*iam.GetSSHPublicKeyOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	id := aws.ToString(in.SSHPublicKeyId)
	i := slices.IndexFunc(u.SSHKeys, func(k SSHKey) bool { return k.ID == id })
	if i < 0 {
		return nil, noSuchEntity("The Public Key with id %s cannot be found.", id)
	}
	k := u.SSHKeys[i]
	return &iam.GetSSHPublicKeyOutput{SSHPublicKey: &types.SSHPublicKey{
		SSHPublicKeyId: aws.String(k.ID), SSHPublicKeyBody: aws.String(k.Body), Fingerprint: aws.String(fingerprint(k.Body)),
		Status: statusOf(k.Active), UserName: aws.String(u.Name), UploadDate: aws.Time(k.Uploaded),
	}}, nil
}

// fingerprint is "the MD5 message digest of the SSH public key" (types.SSHPublicKey).
func fingerprint(body string) string {
	sum := md5.Sum([]byte(body))
	var text string
	for i, b := range sum {
		if i > 0 {
			text += ":"
		}
		text += fmt.Sprintf("%02x", b)
	}
	return text
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateSSHPublicKey.html
func iamUpdateSSHPublicKey(r *Request, in *iam.UpdateSSHPublicKeyInput) (*iam.UpdateSSHPublicKeyOutput, error) {
	id := aws.ToString(in.SSHPublicKeyId)
	err := setActive(r, in.UserName, in.Status, id, "Public Key", func(u *User) *bool {
		i := slices.IndexFunc(u.SSHKeys, func(k SSHKey) bool { return k.ID == id })
		if i < 0 {
			return nil
		}
		return &u.SSHKeys[i].Active
	})
	return &iam.UpdateSSHPublicKeyOutput{}, err
}

// setActive sets the status of one of a user's credentials, which find points
// to, nil where the user has none of that id.
func setActive(r *Request, user *string, status types.StatusType, id, what string, find func(*User) *bool) error {
	u, err := writableUser(r, user)
	if err != nil {
		return err
	}
	active, err := activeOf(status)
	if err != nil {
		return err
	}
	now := find(u)
	if now == nil {
		r.missing(id)
		return noSuchEntity("The "+what+" with id %s cannot be found.", id)
	}
	touch(r, r.Account.IAM.Users, u.Name)
	*now = active
	return nil
}
