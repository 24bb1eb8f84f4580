package awssim

import (
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// ManagedPolicy is a customer-managed policy, by ARN. It has one version, v1.
type ManagedPolicy struct {
	Name        string
	ID          string // ANPA…
	ARN         string
	Path        string
	Description string
	Document    string
	Created     time.Time
	Tags        map[string]string
}

// managedQuota is the size of a managed policy, white space not counted.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const managedQuota = 6144

// policyPath is a path as IAM takes it.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
var policyPath = regexp.MustCompile(`^/$|^/[!-~]+/$`)

func iamManagedPolicyHandlers() []handler {
	return []handler{
		write(iamCreatePolicy),
		write(iamDeletePolicy),
		read(iamListPolicies),
		read(iamGetPolicy),
		read(iamGetPolicyVersion),
	}
}

// AddPolicy puts a customer-managed policy in place.
func (w *World) AddPolicy(policy ManagedPolicy) *ManagedPolicy {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.addPolicy(policy)
	w.noteKnown()
	return p
}

func (w *World) addPolicy(p ManagedPolicy) *ManagedPolicy {
	if p.Path == "" {
		p.Path = "/"
	}
	if p.ID == "" {
		p.ID = w.newIAMID("ANPA")
	}
	if p.ARN == "" {
		p.ARN = w.account.globalARN("iam", "policy"+p.Path+p.Name)
	}
	if p.Created.IsZero() {
		p.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	w.account.IAM.Policies[p.ARN] = &p
	return &p
}

// A policy's name is the account's own, whatever its path.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
func iamCreatePolicy(r *Request, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	name, document, path := aws.ToString(in.PolicyName), aws.ToString(in.PolicyDocument), aws.ToString(in.Path)
	if path == "" {
		path = "/"
	}
	if !iamName.MatchString(name) || len(name) > 128 || !policyPath.MatchString(path) {
		return nil, fail("ValidationError", "The specified value for policyName or path is invalid.")
	}
	if err := wellFormedPolicy(document); err != nil {
		return nil, err
	}
	if policySize(document) > managedQuota {
		return nil, modelled(409, &types.LimitExceededException{Message: aws.String("Cannot exceed quota for PolicySize: 6144")})
	}
	for _, p := range r.Account.IAM.Policies {
		if strings.EqualFold(p.Name, name) {
			return nil, modelled(409, &types.EntityAlreadyExistsException{Message: aws.String("A policy called " + name + " already exists. Duplicate names are not allowed.")})
		}
	}
	touch(r, r.Account.IAM.Policies, r.Account.globalARN("iam", "policy"+path+name))
	p := r.World.addPolicy(ManagedPolicy{
		Name: name, Path: path, Description: aws.ToString(in.Description), Document: document, Created: r.Now, Tags: tagsIn(in.Tags),
	})
	r.World.everKnown[p.ARN] = true
	return &iam.CreatePolicyOutput{Policy: r.policyOut(p)}, nil
}

func tagsIn(tags []types.Tag) map[string]string {
	in := map[string]string{}
	for _, t := range tags {
		in[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return in
}

// A policy that is attached anywhere is not deleted.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
func iamDeletePolicy(r *Request, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	arn := aws.ToString(in.PolicyArn)
	if _, ok := r.Account.IAM.Policies[arn]; !ok {
		r.missing(arn)
		return nil, noSuchEntity("Policy %s does not exist or is not attachable.", arn)
	}
	if r.Account.IAM.attachments(arn) > 0 {
		return nil, modelled(409, &types.DeleteConflictException{Message: aws.String("Cannot delete a policy attached to entities.")})
	}
	touch(r, r.Account.IAM.Policies, arn)
	delete(r.Account.IAM.Policies, arn)
	return &iam.DeletePolicyOutput{}, nil
}

func (s *IAMState) attachments(arn string) int32 {
	var n int32
	count := func(attached map[string]string) {
		if _, ok := attached[arn]; ok {
			n++
		}
	}
	for _, u := range s.Users {
		count(u.Attached)
	}
	for _, role := range s.Roles {
		count(role.Attached)
	}
	for _, g := range s.Groups {
		count(g.Attached)
	}
	return n
}

// AWS's own policies are left out: nobody here lists them.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html
func iamListPolicies(r *Request, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	all := view(r, r.Account.IAM.Policies)
	var arns []string
	for _, arn := range sortedKeys(all) {
		if strings.HasPrefix(all[arn].Path, aws.ToString(in.PathPrefix)) && in.Scope != types.PolicyScopeTypeAws {
			arns = append(arns, arn)
		}
	}
	arns, next, err := page(r, arns, func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListPoliciesOutput{Marker: next, IsTruncated: next != nil}
	for _, arn := range arns {
		p := r.policyOut(all[arn])
		p.Tags = nil
		out.Policies = append(out.Policies, *p)
	}
	return out, nil
}

// The document is not in this answer.
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html
func iamGetPolicy(r *Request, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	p, ok := r.anyPolicy(aws.ToString(in.PolicyArn))
	if !ok {
		return nil, noSuchEntity("Policy %s was not found.", aws.ToString(in.PolicyArn))
	}
	return &iam.GetPolicyOutput{Policy: r.policyOut(p)}, nil
}

func (r *Request) policyOut(p *ManagedPolicy) *types.Policy {
	return &types.Policy{
		Arn: aws.String(p.ARN), PolicyName: aws.String(p.Name), PolicyId: aws.String(p.ID), Path: aws.String(p.Path), Description: optional(p.Description),
		DefaultVersionId: aws.String("v1"), IsAttachable: true, AttachmentCount: aws.Int32(r.Account.IAM.attachments(p.ARN)),
		CreateDate: aws.Time(p.Created), UpdateDate: aws.Time(p.Created), Tags: iamTags(p.Tags),
	}
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html
func iamGetPolicyVersion(r *Request, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, ok := r.anyPolicy(aws.ToString(in.PolicyArn))
	if !ok {
		return nil, noSuchEntity("Policy %s was not found.", aws.ToString(in.PolicyArn))
	}
	if v := aws.ToString(in.VersionId); v != "v1" {
		return nil, noSuchEntity("Policy version %s was not found.", v)
	}
	return &iam.GetPolicyVersionOutput{PolicyVersion: &types.PolicyVersion{
		VersionId: aws.String("v1"), IsDefaultVersion: true, CreateDate: aws.Time(p.Created), Document: aws.String(percentEncode(p.Document)),
	}}, nil
}

// anyPolicy finds a policy of the account's, or one of AWS's own.
func (r *Request) anyPolicy(arn string) (*ManagedPolicy, bool) {
	if p, ok := look(r, r.Account.IAM.Policies, arn); ok {
		return p, true
	}
	return r.Account.awsPolicy(arn)
}

// awsPolicy is a policy that AWS keeps, by any name.
func (a *Account) awsPolicy(arn string) (*ManagedPolicy, bool) {
	rest, ok := strings.CutPrefix(arn, "arn:"+a.Partition+":iam::aws:policy/")
	if !ok || rest == "" {
		return nil, false
	}
	name := rest[strings.LastIndex(rest, "/")+1:]
	document, known := awsDocuments[name]
	if !known {
		document = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	}
	return &ManagedPolicy{
		Name: name, ID: "ANPAZKAPJZG4EXAMPLE00", ARN: arn, Path: "/" + strings.TrimSuffix(rest, name), Document: document,
		Created: time.Date(2015, 2, 6, 18, 39, 46, 0, time.UTC),
	}, true
}

// awsDocuments are the documents of those of AWS's policies that deny. That of
// the quarantine is cut down to a few of the actions that it denies.
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSDenyAll.html
// https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html
var awsDocuments = map[string]string{
	"AWSDenyAll": `{"Version":"2012-10-17","Statement":[{"Sid":"DenyAll","Effect":"Deny","Action":["*"],"Resource":"*"}]}`,
	"AWSCompromisedKeyQuarantineV3": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":[
"iam:AttachUserPolicy","iam:CreateAccessKey","iam:CreateUser","iam:PutUserPolicy","ec2:RunInstances","s3:GetObject","sts:GetFederationToken","sts:GetSessionToken"
],"Resource":["*"]}]}`,
}
