package awssim

import (
	"cmp"
	"encoding/json"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// trustQuota is the size of a role's trust policy, white space not counted,
// where no more was asked for.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const trustQuota = 2048

// roleAttachedQuota is the managed policies that a role holds where no more
// were asked for.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const roleAttachedQuota = 20

func iamRoleHandlers() []handler {
	return []handler{
		read(iamListRoles),
		write(iamUpdateAssumeRolePolicy),
		write(iamAttachRolePolicy),
		write(iamDetachRolePolicy),
	}
}

// ListRoles gives neither tags nor the last use.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoles.html
func iamListRoles(r *Request, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	roles := view(r, r.Account.IAM.Roles)
	var names []string
	for _, n := range sortedKeys(roles) {
		if strings.HasPrefix(roles[n].Path, aws.ToString(in.PathPrefix)) {
			names = append(names, n)
		}
	}
	names, next, err := page(r, names, func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListRolesOutput{Marker: next, IsTruncated: next != nil}
	for _, n := range names {
		role := roleOut(r, roles[n])
		role.Tags, role.RoleLastUsed, role.PermissionsBoundary = nil, nil, nil
		out.Roles = append(out.Roles, *role)
	}
	return out, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html
func iamUpdateAssumeRolePolicy(r *Request, in *iam.UpdateAssumeRolePolicyInput) (*iam.UpdateAssumeRolePolicyOutput, error) {
	role, err := writableRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	document := aws.ToString(in.PolicyDocument)
	if err := wellFormedTrust(r, document); err != nil {
		return nil, err
	}
	if policySize(document) > cmp.Or(r.Account.IAM.TrustQuota, trustQuota) {
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String("Cannot exceed quota for ACLSizePerRole: 2048")})
	}
	touch(r, r.Account.IAM.Roles, role.Name)
	role.Trust, role.trusted = document, nil
	r.Account.IAM.bind(role)
	return &iam.UpdateAssumeRolePolicyOutput{}, nil
}

// trustStatement holds what a trust policy may: a resource is not of it.
type trustStatement struct {
	Sid          string
	Effect       string
	Principal    json.RawMessage
	NotPrincipal json.RawMessage
	Action       oneOrMany[string]
	NotAction    oneOrMany[string]
	Condition    map[string]map[string]oneOrMany[string]
}

type trustDocument struct {
	ID        string `json:"Id"`
	Version   string
	Statement oneOrMany[trustStatement]
}

// principals lists what an element names, as "AWS arn:…" and the like; "*" alone
// is every principal of AWS.
func principals(element json.RawMessage) []string {
	var all string
	if json.Unmarshal(element, &all) == nil {
		return []string{"AWS " + all}
	}
	var kinds map[string]oneOrMany[string]
	if json.Unmarshal(element, &kinds) != nil {
		return nil
	}
	var named []string
	for _, kind := range sortedKeys(kinds) {
		for _, p := range kinds[kind] {
			named = append(named, kind+" "+p)
		}
	}
	return named
}

// wellFormedTrust checks what decides whether IAM takes a trust policy: among
// it that every user and role named as a principal exists.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
func wellFormedTrust(r *Request, document string) error {
	malformed := func(why string) error {
		return modelled(400, &types.MalformedPolicyDocumentException{Message: aws.String(why)})
	}
	var doc trustDocument
	if !json.Valid([]byte(document)) || strictly([]byte(document), &doc) != nil || len(doc.Statement) == 0 {
		return malformed("This policy contains invalid Json")
	}
	sids := map[string]bool{}
	for _, s := range doc.Statement {
		named := principals(append(s.Principal, s.NotPrincipal...))
		switch {
		case s.Effect != "Allow" && s.Effect != "Deny":
			return malformed("Syntax errors in policy.")
		case len(s.Action)+len(s.NotAction) == 0:
			return malformed("Policy statement must contain actions.")
		case len(named) == 0:
			return malformed("Missing required field Principal")
		case s.Sid != "" && sids[s.Sid]:
			return malformed("Statement IDs (SID) in a single policy must be unique.")
		}
		sids[s.Sid] = true
		for _, a := range s.Action {
			if !strings.HasPrefix(a, "sts:") {
				return malformed("AssumeRole policy may only specify STS AssumeRole actions.")
			}
		}
		for _, p := range named {
			if !r.Account.knows(p) {
				kind, name, _ := strings.Cut(p, " ")
				return malformed(`Invalid principal in policy: "` + kind + `":"` + name + `"`)
			}
		}
	}
	return nil
}

var (
	accountForm  = regexp.MustCompile(`^(\d{12}|arn:[a-z-]+:iam::\d{12}:root)$`)
	entityForm   = regexp.MustCompile(`^arn:[a-z-]+:iam::(\d{12}):(user|role)/[\w+=,.@/-]+$`)
	sessionForm  = regexp.MustCompile(`^arn:[a-z-]+:sts::(\d{12}):(assumed-role/[^/]+/[^/]+|federated-user/[^/]+)$`)
	uniqueIDForm = regexp.MustCompile(`^A(IDA|ROA)[A-Z0-9]+$`)
	providerForm = regexp.MustCompile(`^(arn:[a-z-]+:iam::\d{12}:(saml|oidc)-provider/.+|[a-z0-9.-]+\.[a-z]+)$`)
)

// knows tells whether IAM takes a principal. Users and roles of other accounts
// are taken as they come.
func (a *Account) knows(principal string) bool {
	kind, name, _ := strings.Cut(principal, " ")
	switch {
	case kind == "Service":
		return strings.Contains(name, ".amazonaws.com")
	case kind == "Federated":
		return providerForm.MatchString(name)
	case kind != "AWS":
		return false
	case name == "*", accountForm.MatchString(name), sessionForm.MatchString(name):
		return true
	case uniqueIDForm.MatchString(name):
		return a.IAM.arnOf(name) != ""
	}
	m := entityForm.FindStringSubmatch(name)
	return m != nil && (m[1] != a.ID || a.IAM.idOf(name) != "")
}

// idOf is the unique id of a user or role by its ARN, "" where there is none.
func (s *IAMState) idOf(arn string) string {
	for _, u := range s.Users {
		if u.ARN == arn {
			return u.ID
		}
	}
	for _, role := range s.Roles {
		if role.ARN == arn {
			return role.ID
		}
	}
	return ""
}

func (s *IAMState) arnOf(id string) string {
	for _, u := range s.Users {
		if u.ID == id {
			return u.ARN
		}
	}
	for _, role := range s.Roles {
		if role.ID == id {
			return role.ARN
		}
	}
	return ""
}

// A principal element has no braces inside.
var principalElement = regexp.MustCompile(`"(?:Not)?Principal"\s*:\s*(\{[^{}]*\}|"[^"]*")`)

// bind notes which user or role each ARN of a trust policy's principals means:
// IAM keeps their unique ids, not their ARNs.
func (s *IAMState) bind(role *Role) {
	if role.trusted == nil {
		role.trusted = map[string]string{}
	}
	for _, element := range principalElement.FindAllStringSubmatch(role.Trust, -1) {
		for _, p := range principals(json.RawMessage(element[1])) {
			_, arn, _ := strings.Cut(p, " ")
			if id := s.idOf(arn); id != "" && role.trusted[arn] == "" {
				role.trusted[arn] = id
			}
		}
	}
}

// shownTrust is a trust policy as IAM shows it: whoever it means that is gone, or
// was made anew under the same name, is shown by the unique id.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles
func (s *IAMState) shownTrust(role *Role) string {
	return principalElement.ReplaceAllStringFunc(role.Trust, func(element string) string {
		for _, arn := range sortedKeys(role.trusted) {
			if id := role.trusted[arn]; s.idOf(arn) != id {
				element = strings.ReplaceAll(element, `"`+arn+`"`, `"`+id+`"`)
			}
		}
		return element
	})
}

// Attaching a policy that is attached already answers as if it were done now.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html
func iamAttachRolePolicy(r *Request, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	role, err := writableRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	arn := aws.ToString(in.PolicyArn)
	p, ok := r.Account.IAM.Policies[arn]
	if !ok {
		p, ok = r.Account.awsPolicy(arn)
	}
	if !ok {
		return nil, noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if _, again := role.Attached[arn]; !again && len(role.Attached) >= cmp.Or(r.Account.IAM.RoleAttachedQuota, roleAttachedQuota) {
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String("Cannot exceed quota for PoliciesPerRole: 20")})
	}
	touch(r, r.Account.IAM.Roles, role.Name)
	if role.Attached == nil {
		role.Attached = map[string]string{}
	}
	role.Attached[arn] = p.Name
	return &iam.AttachRolePolicyOutput{}, nil
}

func iamDetachRolePolicy(r *Request, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	role, err := writableRole(r, in.RoleName)
	if err != nil {
		return nil, err
	}
	arn := aws.ToString(in.PolicyArn)
	if _, ok := role.Attached[arn]; !ok {
		return nil, noSuchEntity("Policy %s was not found.", arn)
	}
	touch(r, r.Account.IAM.Roles, role.Name)
	delete(role.Attached, arn)
	return &iam.DetachRolePolicyOutput{}, nil
}
