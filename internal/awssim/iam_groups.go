package awssim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Group is an IAM group. Who is in it stands at the users.
type Group struct {
	Name     string
	ID       string // AGPA…
	ARN      string
	Path     string
	Created  time.Time
	Inline   map[string]string
	Attached map[string]string // names by ARN
}

func iamGroupHandlers() []handler {
	return []handler{
		read(iamListGroupsForUser),
		read(iamListGroupPolicies),
		read(iamGetGroupPolicy),
		read(iamListAttachedGroupPolicies),
	}
}

// AddGroup puts a group in place; what the caller leaves out is made up.
func (w *World) AddGroup(group Group) *Group {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.addGroup(group)
	w.noteKnown()
	return g
}

func (w *World) addGroup(g Group) *Group {
	if g.Path == "" {
		g.Path = "/"
	}
	if g.ID == "" {
		g.ID = w.newIAMID("AGPA")
	}
	if g.ARN == "" {
		g.ARN = w.account.globalARN("iam", "group"+g.Path+g.Name)
	}
	if g.Created.IsZero() {
		g.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	w.account.IAM.Groups[g.Name] = &g
	return &g
}

func readGroup(r *Request, name *string) (*Group, error) {
	g, ok := look(r, r.Account.IAM.Groups, aws.ToString(name))
	if !ok {
		return nil, noSuchEntity("The group with name %s cannot be found.", aws.ToString(name))
	}
	return g, nil
}

// https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListGroupsForUser.html
func iamListGroupsForUser(r *Request, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	u, err := readUser(r, in.UserName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(r, slices.Clone(u.Groups), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &iam.ListGroupsForUserOutput{Marker: next, IsTruncated: next != nil, Groups: []types.Group{}}
	for _, n := range names {
		g := r.Account.IAM.Groups[n]
		out.Groups = append(out.Groups, types.Group{
			GroupName: aws.String(g.Name), GroupId: aws.String(g.ID), Arn: aws.String(g.ARN), Path: aws.String(g.Path), CreateDate: aws.Time(g.Created),
		})
	}
	return out, nil
}

func iamListGroupPolicies(r *Request, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	g, err := readGroup(r, in.GroupName)
	if err != nil {
		return nil, err
	}
	names, next, err := page(r, sortedKeys(g.Inline), func(s string) string { return s }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, Marker: next, IsTruncated: next != nil}, nil
}

func iamGetGroupPolicy(r *Request, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	g, err := readGroup(r, in.GroupName)
	if err != nil {
		return nil, err
	}
	name := aws.ToString(in.PolicyName)
	document, ok := g.Inline[name]
	if !ok {
		return nil, noSuchEntity("The group policy with name %s cannot be found.", name)
	}
	return &iam.GetGroupPolicyOutput{GroupName: aws.String(g.Name), PolicyName: aws.String(name), PolicyDocument: aws.String(percentEncode(document))}, nil
}

func iamListAttachedGroupPolicies(r *Request, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	g, err := readGroup(r, in.GroupName)
	if err != nil {
		return nil, err
	}
	attached, next, err := page(r, attachedOut(g.Attached), func(p types.AttachedPolicy) string { return *p.PolicyArn }, in.MaxItems, in.Marker)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: attached, Marker: next, IsTruncated: next != nil}, nil
}
