package awssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// User is an IAM user. Inline holds policy documents by policy name, as they
// were written; Attached maps managed policies' ARNs to their names.
type User struct {
	Name         string
	ID           string // AIDA…
	ARN          string
	Path         string
	Created      time.Time
	PasswordUsed time.Time
	Inline       map[string]string
	Attached     map[string]string
	Groups       []string
	Boundary     string // ARN of the permissions boundary, or ""
	Login        *LoginProfile
	Keys         []UserKey
	Services     []ServiceCredential
	Certificates []Certificate
	SSHKeys      []SSHKey
	MFA          []string // serial numbers
	Tags         map[string]string
}

// LoginProfile is a console password, which nobody can read.
type LoginProfile struct {
	Created time.Time
	Reset   bool
}

// UserKey is an access key. LastUsed is zero where it never was.
type UserKey struct {
	ID       string
	Active   bool
	Created  time.Time
	LastUsed time.Time
	Service  string
	Region   string
}

// ServiceCredential is a password or key for one service: CodeCommit, Keyspaces, Bedrock.
type ServiceCredential struct {
	ID      string // ACCA…
	Service string // bedrock.amazonaws.com
	User    string // the name that it is used with, or ""
	Alias   string // of a long-term API key, or ""
	Active  bool
	Created time.Time
	Expires time.Time
}

// Certificate is an X.509 signing certificate.
type Certificate struct {
	ID       string
	Body     string
	Active   bool
	Uploaded time.Time
}

// SSHKey is a public key for CodeCommit.
type SSHKey struct {
	ID       string // APKA…
	Body     string // ssh-rsa AAAA…
	Active   bool
	Uploaded time.Time
}

// userInlineQuota is the size of all inline policies of a user together, white
// space not counted, and attachedQuota the managed policies that a user or
// role holds unless more were asked for.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	userInlineQuota = 2048
	attachedQuota   = 10
)

func iamUserHandlers() []handler {
	return []handler{
		read(iamGetUser),
		read(iamListUsers),
		read(iamListUserPolicies),
		read(iamGetUserPolicy),
		write(iamPutUserPolicy),
		write(iamDeleteUserPolicy),
		read(iamListAttachedUserPolicies),
		write(iamAttachUserPolicy),
		write(iamDetachUserPolicy),
		read(iamListAccessKeys),
		write(iamUpdateAccessKey),
		read(iamGetAccessKeyLastUsed),
	}
}

// AddUser puts a user in place; what the caller leaves out is made up.
func (w *World) AddUser(user User) *User {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.addUser(user)
	w.noteKnown()
	return u
}

// AddUsers puts many users in place at once.
func (w *World) AddUsers(users []User) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range users {
		w.addUser(u)
	}
	w.noteKnown()
}

func (w *World) addUser(u User) *User {
	longAgo := w.options.Now().Add(-365 * 24 * time.Hour)
	if u.Path == "" {
		u.Path = "/"
	}
	if u.ID == "" {
		u.ID = w.newIAMID("AIDA")
	}
	if u.ARN == "" {
		u.ARN = w.account.globalARN("iam", "user"+u.Path+u.Name)
	}
	if u.Created.IsZero() {
		u.Created = longAgo
	}
	if u.Inline == nil {
		u.Inline = map[string]string{}
	}
	if u.Attached == nil {
		u.Attached = map[string]string{}
	}
	for i := range u.Keys {
		k := &u.Keys[i]
		if k.ID == "" {
			k.ID = w.newIAMID("AKIA")[:20]
		}
		if k.Created.IsZero() {
			k.Created = longAgo
		}
		w.everKnown[k.ID] = true
	}
	for i := range u.Services {
		if c := &u.Services[i]; c.ID == "" {
			c.ID = w.newIAMID("ACCA")
		}
		w.everKnown[u.Services[i].ID] = true
	}
	for i := range u.Certificates {
		if c := &u.Certificates[i]; c.ID == "" {
			c.ID = (w.newIAMID("") + w.newIAMID(""))[:32]
		}
		w.everKnown[u.Certificates[i].ID] = true
	}
	for i := range u.SSHKeys {
		if k := &u.SSHKeys[i]; k.ID == "" {
			k.ID = w.newIAMID("APKA")
		}
		w.everKnown[u.SSHKeys[i].ID] = true
	}
	for _, g := range u.Groups {
		if w.account.IAM.Groups[g] == nil {
			w.addGroup(Group{Name: g})
		}
	}
	w.account.IAM.Users[u.Name] = &u
	return &u
}

func readUser(r *Request, name *string) (*User, error) {
	if name == nil && isRoot(r.Actor) {
		return r.Account.IAM.rootAsUser(), nil
	}
	u, ok := look(r, r.Account.IAM.Users, aws.ToString(name))
	if !ok {
		return nil, noSuchEntity("The user with name %s cannot be found.", aws.ToString(name))
	}
	return u, nil
}

func writableUser(r *Request, name *string) (*User, error) {
	u, ok := r.Account.IAM.Users[aws.ToString(name)]
	if !ok {
		r.missing(aws.ToString(name))
		return nil, noSuchEntity("The user with name %s cannot be found.", aws.ToString(name))
	}
	return u, nil
}

func userOut(u *User) types.User {
	out := types.User{
		Arn: aws.String(u.ARN), UserId: aws.String(u.ID), UserName: aws.String(u.Name), Path: aws.String(u.Path),
		CreateDate: aws.Time(u.Created), Tags: iamTags(u.Tags),
	}
	if !u.PasswordUsed.IsZero() {
		out.PasswordLastUsed = aws.Time(u.PasswordUsed)
	}
	if u.Boundary != "" {
		out.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: aws.String(u.Boundary), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	return out
}

func iamGetUser(r *Request, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	out := userOut(u)
	return &iam.GetUserOutput{User: &out}, nil
}

// ListUsers gives neither tags nor the permissions boundary.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListUsers.html
func iamListUsers(r *Request, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	users := view(r, r.Account.IAM.Users)
	names, next, err := page(r, sortedKeys(users), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListUsersOutput{Marker: next, IsTruncated: next != nil}
	for _, n := range names {
		u := userOut(users[n])
		u.Tags, u.PermissionsBoundary = nil, nil
		out.Users = append(out.Users, u)
	}
	return out, nil
}

func iamListUserPolicies(r *Request, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(r, sortedKeys(u.Inline), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// The document comes back percent-encoded per RFC 3986.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUserPolicy.html
func iamGetUserPolicy(r *Request, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.PolicyName)
	document, ok := u.Inline[name]
	if !ok {
		return nil, noSuchEntity("The user policy with name %s cannot be found.", name)
	}
	return &iam.GetUserPolicyOutput{
		UserName: aws.String(u.Name), PolicyName: aws.String(name), PolicyDocument: aws.String(percentEncode(document)),
	}, nil
}

// An inline policy of the same name is replaced without a word.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutUserPolicy.html
func iamPutUserPolicy(r *Request, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	name, document := aws.ToString(in.PolicyName), aws.ToString(in.PolicyDocument)
	if !iamName.MatchString(name) || len(name) > 128 {
		return nil, fail("ValidationError", "The specified value for policyName is invalid.")
	}
	u, err := writableUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	if err := wellFormedPolicy(document); err != nil {
		return nil, err
	}
	size := policySize(document)
	for other, d := range u.Inline {
		if other != name {
			size += policySize(d)
		}
	}
	if size > userInlineQuota {
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String(
			"Maximum policy size of 2048 bytes exceeded for user " + u.Name)})
	}
	touch(r, r.Account.IAM.Users, u.Name)
	u.Inline[name] = document
	return &iam.PutUserPolicyOutput{}, nil
}

func iamDeleteUserPolicy(r *Request, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	u, err := writableUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.PolicyName)
	if _, ok := u.Inline[name]; !ok {
		return nil, noSuchEntity("The user policy with name %s cannot be found.", name)
	}
	touch(r, r.Account.IAM.Users, u.Name)
	delete(u.Inline, name)
	return &iam.DeleteUserPolicyOutput{}, nil
}

func iamListAttachedUserPolicies(r *Request, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	arns, next, err := page(r, sortedKeys(u.Attached), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAttachedUserPoliciesOutput{Marker: next, IsTruncated: next != nil}
	for _, arn := range arns {
		out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{PolicyArn: aws.String(arn), PolicyName: aws.String(u.Attached[arn])})
	}
	return out, nil
}

// Attaching a policy that is attached already answers as if it were done now.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachUserPolicy.html
func iamAttachUserPolicy(r *Request, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	u, err := writableUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	arn := aws.ToString(in.PolicyArn)
	policy, ok := r.anyPolicy(arn)
	if !ok {
		return nil, noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if _, again := u.Attached[arn]; !again && len(u.Attached) >= attachedQuota {
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String("Cannot exceed quota for PoliciesPerUser: 10")})
	}
	touch(r, r.Account.IAM.Users, u.Name)
	u.Attached[arn] = policy.Name
	return &iam.AttachUserPolicyOutput{}, nil
}

func iamDetachUserPolicy(r *Request, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	u, err := writableUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	arn := aws.ToString(in.PolicyArn)
	if _, ok := u.Attached[arn]; !ok {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	touch(r, r.Account.IAM.Users, u.Name)
	delete(u.Attached, arn)
	return &iam.DetachUserPolicyOutput{}, nil
}
