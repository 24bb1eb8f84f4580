package awssim

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// IAMState is the account's identities, by name.
type IAMState struct {
	Roles            map[string]*Role            `dump:"iam/role"`
	InstanceProfiles map[string]*InstanceProfile `dump:"iam/instance-profile"`
	Users            map[string]*User            `dump:"iam/user"`
	Groups           map[string]*Group           `dump:"iam/group"`
	Policies         map[string]*ManagedPolicy   `dump:"iam/policy"`        // by ARN
	SAMLProviders    map[string]*SAMLProvider    `dump:"iam/saml-provider"` // by ARN
	OIDCProviders    map[string]*OIDCProvider    `dump:"iam/oidc-provider"` // by ARN
	Root             RootUser                    `dump:"iam/root"`

	// KeysElsewhere is access keys of other accounts, with their account.
	KeysElsewhere map[string]string

	TrustQuota        int // of a trust policy's size; 0 means AWS's own
	RoleAttachedQuota int // of the managed policies on a role; 0 means AWS's own

	Report    *CredentialReport
	reporting bool
}

func newIAMState() IAMState {
	return IAMState{
		Roles: map[string]*Role{}, InstanceProfiles: map[string]*InstanceProfile{},
		Users: map[string]*User{}, Groups: map[string]*Group{}, Policies: map[string]*ManagedPolicy{},
		SAMLProviders: map[string]*SAMLProvider{}, OIDCProviders: map[string]*OIDCProvider{}, KeysElsewhere: map[string]string{},
	}
}

// instanceProfile finds an instance profile by its name or ARN and gives its
// ARN and AIPA id.
func (s *IAMState) instanceProfile(nameOrARN string) (arn, id string, ok bool) {
	for _, p := range s.InstanceProfiles {
		if p.Name == nameOrARN || p.ARN == nameOrARN {
			return p.ARN, p.ID, true
		}
	}
	return "", "", false
}

// Role is an IAM role. Inline holds policy documents by policy name, as they
// were written; Attached maps managed policies' ARNs to their names.
type Role struct {
	Name        string
	ID          string // AROA…, the first half of a session's aws:userid
	ARN         string
	Path        string
	Description string
	Trust       string // the assume role policy document
	Created     time.Time
	MaxSession  time.Duration
	Inline      map[string]string
	Attached    map[string]string
	Tags        map[string]string
	Used        time.Time // last; zero where it never was
	UsedIn      string    // the region of it
	Boundary    string    // ARN of the permissions boundary, or ""

	trusted map[string]string // unique id by the ARN in the trust policy
}

// InstanceProfile is what an instance is given; the role in it (one at most)
// is found through it, and often has another name.
type InstanceProfile struct {
	Name    string
	ID      string // AIPA…
	ARN     string
	Path    string
	Created time.Time
	Role    string // name of the role, or ""
	Tags    map[string]string
}

// inlineQuota is the size of all inline policies of a role together, white
// space not counted.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const inlineQuota = 10240

var (
	iamName     = regexp.MustCompile(`^[\w+=,.@-]+$`)
	iamIDLetter = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

func iamHandlers() []handler {
	return []handler{
		read(iamGetInstanceProfile),
		read(iamGetRole),
		read(iamListRolePolicies),
		read(iamGetRolePolicy),
		write(iamPutRolePolicy),
		write(iamDeleteRolePolicy),
		read(iamListAttachedRolePolicies),
		read(iamListInstanceProfilesForRole),
	}
}

// AddRole puts a role in place; what the caller leaves out is made up, and the
// trust policy lets EC2 assume it.
func (w *World) AddRole(role Role) *Role {
	w.mu.Lock()
	defer w.mu.Unlock()
	if role.Path == "" {
		role.Path = "/"
	}
	if role.ID == "" {
		role.ID = w.newIAMID("AROA")
	}
	if role.ARN == "" {
		role.ARN = w.account.globalARN("iam", "role"+role.Path+role.Name)
	}
	if role.Trust == "" {
		role.Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	}
	if role.Created.IsZero() {
		role.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	if role.MaxSession == 0 {
		role.MaxSession = time.Hour
	}
	if role.Inline == nil {
		role.Inline = map[string]string{}
	}
	w.account.IAM.Roles[role.Name] = &role
	w.account.IAM.bind(&role)
	w.noteKnown()
	return &role
}

// AddInstanceProfile puts an instance profile in place.
func (w *World) AddInstanceProfile(p InstanceProfile) *InstanceProfile {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.Path == "" {
		p.Path = "/"
	}
	if p.ID == "" {
		p.ID = w.newIAMID("AIPA")
	}
	if p.ARN == "" {
		p.ARN = w.account.globalARN("iam", "instance-profile"+p.Path+p.Name)
	}
	if p.Created.IsZero() {
		p.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	w.account.IAM.InstanceProfiles[p.Name] = &p
	w.noteKnown()
	return &p
}

// newIAMID draws a unique identifier of IAM's form: a prefix that tells the
// kind and 17 characters.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
func (w *World) newIAMID(prefix string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for range 17 {
		b.WriteByte(iamIDLetter[w.random.IntN(len(iamIDLetter))])
	}
	w.everKnown[b.String()] = true
	return b.String()
}

func (a *Account) globalARN(service, resource string) string {
	return "arn:" + a.Partition + ":" + service + "::" + a.ID + ":" + resource
}

func iamGetInstanceProfile(r *Request, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	name := aws.ToString(in.InstanceProfileName)
	p, ok := look(r, r.Account.IAM.InstanceProfiles, name)
	if !ok {
		return nil, noSuchEntity("Instance Profile %s cannot be found.", name)
	}
	return &iam.GetInstanceProfileOutput{InstanceProfile: profileOut(r, p)}, nil
}

func iamGetRole(r *Request, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	role, err := readRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRoleOutput{Role: roleOut(r, role)}, nil
}

func iamListRolePolicies(r *Request, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	role, err := readRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(r, sortedKeys(role.Inline), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

// The document comes back percent-encoded per RFC 3986.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
func iamGetRolePolicy(r *Request, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	role, err := readRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.PolicyName)
	document, ok := role.Inline[name]
	if !ok {
		return nil, noSuchEntity("The role policy with name %s cannot be found.", name)
	}
	return &iam.GetRolePolicyOutput{
		RoleName: aws.String(role.Name), PolicyName: aws.String(name), PolicyDocument: aws.String(percentEncode(document)),
	}, nil
}

// An inline policy of the same name is replaced without a word.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html
func iamPutRolePolicy(r *Request, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	name, document := aws.ToString(in.PolicyName), aws.ToString(in.PolicyDocument)
	if !iamName.MatchString(name) || len(name) > 128 {
		return nil, fail("ValidationError", "The specified value for policyName is invalid.")
	}
	role, err := writableRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	if err := wellFormedPolicy(document); err != nil {
		return nil, err
	}
	size := policySize(document)
	for other, d := range role.Inline {
		if other != name {
			size += policySize(d)
		}
	}
	if size > inlineQuota {
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String(
			"Maximum policy size of 10240 bytes exceeded for role " + role.Name)})
	}
	touch(r, r.Account.IAM.Roles, role.Name)
	role.Inline[name] = document
	return &iam.PutRolePolicyOutput{}, nil
}

func iamDeleteRolePolicy(r *Request, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	role, err := writableRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.PolicyName)
	if _, ok := role.Inline[name]; !ok {
		return nil, noSuchEntity("The role policy with name %s cannot be found.", name)
	}
	touch(r, r.Account.IAM.Roles, role.Name)
	delete(role.Inline, name)
	return &iam.DeleteRolePolicyOutput{}, nil
}

func iamListAttachedRolePolicies(r *Request, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	role, err := readRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	arns, next, err := page(r, sortedKeys(role.Attached), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListAttachedRolePoliciesOutput{Marker: next, IsTruncated: next != nil}
	for _, arn := range arns {
		out.AttachedPolicies = append(out.AttachedPolicies, types.AttachedPolicy{
			PolicyArn: aws.String(arn), PolicyName: aws.String(role.Attached[arn]),
		})
	}
	return out, nil
}

func iamListInstanceProfilesForRole(r *Request, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	role, err := readRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	var of []*InstanceProfile
	for _, p := range view(r, r.Account.IAM.InstanceProfiles) {
		if p.Role == role.Name {
			of = append(of, p)
		}
	}
	of, next, err := page(r, of, func(p *InstanceProfile) string { return p.Name }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListInstanceProfilesForRoleOutput{Marker: next, IsTruncated: next != nil}
	for _, p := range of {
		out.InstanceProfiles = append(out.InstanceProfiles, *profileOut(r, p))
	}
	return out, nil
}

func readRole(r *Request, name *string) (*Role, error) {
	role, ok := look(r, r.Account.IAM.Roles, aws.ToString(name))
	if !ok {
		return nil, noSuchEntity("The role with name %s cannot be found.", aws.ToString(name))
	}
	return role, nil
}

// writableRole refuses the roles that only AWS may change: those of its own
// services, and those that IAM Identity Center keeps.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html
func writableRole(r *Request, name *string) (*Role, error) {
	role, ok := r.Account.IAM.Roles[aws.ToString(name)]
	if !ok {
		r.missing(aws.ToString(name))
		return nil, noSuchEntity("The role with name %s cannot be found.", aws.ToString(name))
	}
	if strings.HasPrefix(role.Path, "/aws-service-role/") || strings.HasPrefix(role.Path, "/aws-reserved/") {
		return nil, modelled(400, &types.UnmodifiableEntityException{Message: aws.String(
			"Cannot perform the operation on the protected role '" + role.Name + "' - this role is only modifiable by AWS")})
	}
	return role, nil
}

func roleOut(r *Request, role *Role) *types.Role {
	used := &types.RoleLastUsed{Region: optional(role.UsedIn)}
	if !role.Used.IsZero() {
		used.LastUsedDate = aws.Time(role.Used)
	}
	out := &types.Role{
		Arn: aws.String(role.ARN), RoleId: aws.String(role.ID), RoleName: aws.String(role.Name), Path: aws.String(role.Path),
		CreateDate:               aws.Time(role.Created),
		AssumeRolePolicyDocument: aws.String(percentEncode(r.Account.IAM.shownTrust(role))),
		Description:              optional(role.Description),
		MaxSessionDuration:       aws.Int32(int32(role.MaxSession / time.Second)),
		Tags:                     iamTags(role.Tags),
		RoleLastUsed:             used,
	}
	if role.Boundary != "" {
		out.PermissionsBoundary = &types.AttachedPermissionsBoundary{
			PermissionsBoundaryArn: aws.String(role.Boundary), PermissionsBoundaryType: types.PermissionsBoundaryAttachmentTypePolicy,
		}
	}
	return out
}

func profileOut(r *Request, p *InstanceProfile) *types.InstanceProfile {
	out := &types.InstanceProfile{
		Arn: aws.String(p.ARN), InstanceProfileId: aws.String(p.ID), InstanceProfileName: aws.String(p.Name),
		Path: aws.String(p.Path), CreateDate: aws.Time(p.Created), Roles: []types.Role{}, Tags: iamTags(p.Tags),
	}
	if role := r.Account.IAM.Roles[p.Role]; role != nil {
		out.Roles = append(out.Roles, *roleOut(r, role))
	}
	return out
}

func iamTags(tags map[string]string) []types.Tag {
	var out []types.Tag
	for _, k := range sortedKeys(tags) {
		out = append(out, types.Tag{Key: aws.String(k), Value: aws.String(tags[k])})
	}
	return out
}

func noSuchEntity(format, name string) error {
	return modelled(404, &types.NoSuchEntityException{Message: aws.String(strings.Replace(format, "%s", name, 1))})
}

// wellFormedPolicy checks what decides whether IAM takes a document at all.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
func wellFormedPolicy(document string) error {
	malformed := func(why string) error {
		return modelled(400, &types.MalformedPolicyDocumentException{Message: aws.String(why)})
	}
	var doc policyDocument
	if !json.Valid([]byte(document)) || strictly([]byte(document), &doc) != nil {
		return malformed("Syntax errors in policy.")
	}
	if doc.Version != "2012-10-17" && doc.Version != "2008-10-17" && doc.Version != "" {
		return malformed("The policy failed legacy parsing")
	}
	if len(doc.Statement) == 0 {
		return malformed("Syntax errors in policy.")
	}
	for _, s := range doc.Statement {
		switch {
		case s.Effect != "Allow" && s.Effect != "Deny":
			return malformed("Syntax errors in policy.")
		case len(s.Action) == 0 == (len(s.NotAction) == 0):
			return malformed("Policy statement must contain actions.")
		case len(s.Resource) == 0 == (len(s.NotResource) == 0):
			return malformed("Policy statement must contain resources.")
		}
	}
	return nil
}

func policySize(document string) int {
	white := 0
	for _, c := range document {
		if unicode.IsSpace(c) {
			white++
		}
	}
	return utf8.RuneCountInString(document) - white
}

func percentEncode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// optional is s, or absent where s is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
