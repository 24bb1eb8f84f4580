package engine_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const (
	person     = "deploy"
	personPath = "/ci/"
	ownPolicy  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
)

// person makes a user with everything that moto can give one, and a bystander.
func (a *account) person(policies ...string) {
	a.t.Helper()
	must(a.iam.CreateUser(a.ctx, &iam.CreateUserInput{UserName: aws.String(person), Path: aws.String(personPath), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("build")}}}))(a)
	must(a.iam.CreateGroup(a.ctx, &iam.CreateGroupInput{GroupName: aws.String("deployers")}))(a)
	must(a.iam.PutGroupPolicy(a.ctx, &iam.PutGroupPolicyInput{GroupName: aws.String("deployers"), PolicyName: aws.String("read"), PolicyDocument: aws.String(ownPolicy)}))(a)
	must(a.iam.AddUserToGroup(a.ctx, &iam.AddUserToGroupInput{GroupName: aws.String("deployers"), UserName: aws.String(person)}))(a)
	for i, p := range append([]string{ownPolicy}, policies...) {
		must(a.iam.PutUserPolicy(a.ctx, &iam.PutUserPolicyInput{UserName: aws.String(person), PolicyName: aws.String("own-" + string(rune('a'+i))), PolicyDocument: aws.String(p)}))(a)
	}
	made := must(a.iam.CreatePolicy(a.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("artifacts"), PolicyDocument: aws.String(ownPolicy)}))(a)
	must(a.iam.AttachUserPolicy(a.ctx, &iam.AttachUserPolicyInput{UserName: aws.String(person), PolicyArn: made.Policy.Arn}))(a)
	must(a.iam.CreateLoginProfile(a.ctx, &iam.CreateLoginProfileInput{UserName: aws.String(person), Password: aws.String("Correct-horse-1")}))(a)
	must(a.iam.UploadSSHPublicKey(a.ctx, &iam.UploadSSHPublicKeyInput{UserName: aws.String(person), SSHPublicKeyBody: aws.String("ssh-rsa AAAAB3NzaC1yc2E= deploy")}))(a)
	must(a.iam.UploadSigningCertificate(a.ctx, &iam.UploadSigningCertificateInput{UserName: aws.String(person), CertificateBody: aws.String(a.certificate())}))(a)
	a.keys(person, 2)
	a.proxy.services = []serviceCredential{
		{"ACCA1234567890BEDROCK", person, "bedrock.amazonaws.com", "Active"}, {"ACCA12345678CODECOMMIT", person, "codecommit.amazonaws.com", "Inactive"},
	}
	must(a.iam.CreateUser(a.ctx, &iam.CreateUserInput{UserName: aws.String("bystander")}))(a)
	a.keys("bystander", 1)
}

func (a *account) keys(user string, n int) {
	a.t.Helper()
	for range n {
		must(a.iam.CreateAccessKey(a.ctx, &iam.CreateAccessKeyInput{UserName: aws.String(user)}))(a)
	}
}

// certificate is a self-signed one, as IAM takes them for signing.
func (a *account) certificate() string {
	a.t.Helper()
	key := must(rsa.GenerateKey(rand.Reader, 2048))(a)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "deploy"}, NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(a)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// identities is what a release has to give back of IAM, as the test itself reads it.
type identities struct {
	Users     map[string]userState
	Roles     map[string]roleState
	Policies  map[string]string // the account's own managed policies, by ARN
	Providers map[string]string
}

type userState struct {
	Keys, Services, SSH, Certificates map[string]string // status by id
	Inline                            map[string]string
	Attached, Groups, Tags            []string
	Password                          bool
}

type roleState struct {
	Trust    string
	Inline   map[string]string
	Attached []string
}

func (s identities) String() string {
	text, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// lookAtIAM reads all users and roles with the test's own client.
func (a *account) lookAtIAM() identities {
	a.t.Helper()
	s := identities{Users: map[string]userState{}, Roles: map[string]roleState{}, Policies: map[string]string{}, Providers: a.providers()}
	for _, u := range must(a.iam.ListUsers(a.ctx, &iam.ListUsersInput{}))(a).Users {
		s.Users[aws.ToString(u.UserName)] = a.lookAtUser(u.UserName)
	}
	for _, r := range must(a.iam.ListRoles(a.ctx, &iam.ListRolesInput{}))(a).Roles {
		s.Roles[aws.ToString(r.RoleName)] = a.lookAtRole(r.RoleName)
	}
	for _, p := range must(a.iam.ListPolicies(a.ctx, &iam.ListPoliciesInput{Scope: iamtypes.PolicyScopeTypeLocal}))(a).Policies {
		v := must(a.iam.GetPolicyVersion(a.ctx, &iam.GetPolicyVersionInput{PolicyArn: p.Arn, VersionId: p.DefaultVersionId}))(a)
		s.Policies[aws.ToString(p.Arn)] = a.plain(v.PolicyVersion.Document)
	}
	return s
}

func (a *account) plain(document *string) string {
	a.t.Helper()
	return must(url.QueryUnescape(aws.ToString(document)))(a)
}

func (a *account) lookAtUser(name *string) userState {
	a.t.Helper()
	u := userState{Keys: map[string]string{}, Services: map[string]string{}, SSH: map[string]string{}, Certificates: map[string]string{}, Inline: map[string]string{}}
	for _, k := range must(a.iam.ListAccessKeys(a.ctx, &iam.ListAccessKeysInput{UserName: name}))(a).AccessKeyMetadata {
		u.Keys[aws.ToString(k.AccessKeyId)] = string(k.Status)
	}
	for _, c := range must(a.iam.ListServiceSpecificCredentials(a.ctx, &iam.ListServiceSpecificCredentialsInput{UserName: name}))(a).ServiceSpecificCredentials {
		u.Services[aws.ToString(c.ServiceSpecificCredentialId)] = string(c.Status)
	}
	for _, k := range must(a.iam.ListSSHPublicKeys(a.ctx, &iam.ListSSHPublicKeysInput{UserName: name}))(a).SSHPublicKeys {
		u.SSH[aws.ToString(k.SSHPublicKeyId)] = string(k.Status)
	}
	for _, c := range must(a.iam.ListSigningCertificates(a.ctx, &iam.ListSigningCertificatesInput{UserName: name}))(a).Certificates {
		u.Certificates[aws.ToString(c.CertificateId)] = string(c.Status)
	}
	for _, p := range must(a.iam.ListUserPolicies(a.ctx, &iam.ListUserPoliciesInput{UserName: name}))(a).PolicyNames {
		u.Inline[p] = a.plain(must(a.iam.GetUserPolicy(a.ctx, &iam.GetUserPolicyInput{UserName: name, PolicyName: aws.String(p)}))(a).PolicyDocument)
	}
	for _, p := range must(a.iam.ListAttachedUserPolicies(a.ctx, &iam.ListAttachedUserPoliciesInput{UserName: name}))(a).AttachedPolicies {
		u.Attached = append(u.Attached, aws.ToString(p.PolicyArn))
	}
	for _, g := range must(a.iam.ListGroupsForUser(a.ctx, &iam.ListGroupsForUserInput{UserName: name}))(a).Groups {
		u.Groups = append(u.Groups, aws.ToString(g.GroupName))
	}
	for _, t := range must(a.iam.ListUserTags(a.ctx, &iam.ListUserTagsInput{UserName: name}))(a).Tags {
		u.Tags = append(u.Tags, aws.ToString(t.Key)+"="+aws.ToString(t.Value))
	}
	slices.Sort(u.Attached)
	_, err := a.iam.GetLoginProfile(a.ctx, &iam.GetLoginProfileInput{UserName: name})
	u.Password = err == nil
	return u
}

func (a *account) lookAtRole(name *string) roleState {
	a.t.Helper()
	got := must(a.iam.GetRole(a.ctx, &iam.GetRoleInput{RoleName: name}))(a)
	r := roleState{Trust: a.plain(got.Role.AssumeRolePolicyDocument), Inline: map[string]string{}}
	for _, p := range must(a.iam.ListRolePolicies(a.ctx, &iam.ListRolePoliciesInput{RoleName: name}))(a).PolicyNames {
		r.Inline[p] = a.plain(must(a.iam.GetRolePolicy(a.ctx, &iam.GetRolePolicyInput{RoleName: name, PolicyName: aws.String(p)}))(a).PolicyDocument)
	}
	for _, p := range must(a.iam.ListAttachedRolePolicies(a.ctx, &iam.ListAttachedRolePoliciesInput{RoleName: name}))(a).AttachedPolicies {
		r.Attached = append(r.Attached, aws.ToString(p.PolicyArn))
	}
	slices.Sort(r.Attached)
	return r
}

// providers is the identity providers: a SAML provider's metadata, an OIDC provider's client ids.
func (a *account) providers() map[string]string {
	a.t.Helper()
	all := map[string]string{}
	for _, p := range must(a.iam.ListSAMLProviders(a.ctx, &iam.ListSAMLProvidersInput{}))(a).SAMLProviderList {
		all[aws.ToString(p.Arn)] = aws.ToString(must(a.iam.GetSAMLProvider(a.ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: p.Arn}))(a).SAMLMetadataDocument)
	}
	for _, p := range must(a.iam.ListOpenIDConnectProviders(a.ctx, &iam.ListOpenIDConnectProvidersInput{}))(a).OpenIDConnectProviderList {
		got := must(a.iam.GetOpenIDConnectProvider(a.ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: p.Arn}))(a)
		slices.Sort(got.ClientIDList)
		text := must(json.Marshal([]any{got.ClientIDList, got.ThumbprintList, got.Url}))(a)
		all[aws.ToString(p.Arn)] = string(text)
	}
	return all
}

func (a *account) sameIAM(before identities) {
	a.t.Helper()
	if now := a.lookAtIAM(); !reflect.DeepEqual(before, now) {
		a.t.Errorf("IAM is not as before:\nbefore %s\nnow %s", before, now)
	}
}
