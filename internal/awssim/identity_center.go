package awssim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// IdentityCenterState is the organisation's instance of IAM Identity Center,
// with its users. Its home is one region, and the management account's, or that
// of the account that administers it.
type IdentityCenterState struct {
	Owner    string // account; "" where there is no instance
	Region   string
	Instance string // ARN
	Store    string // d-…

	Users       map[string]*SSOUser       `dump:"identitystore/user"`
	Groups      map[string]*SSOGroup      `dump:"identitystore/group"`
	Memberships map[string]*SSOMembership `dump:"identitystore/membership"` // by group and user
	Assignments map[string]*SSOAssignment `dump:"sso/assignment"`           // by all that they are

	// Others are instances besides, which accounts have for themselves, or which nobody can use.
	Others   []types.InstanceMetadata
	Requests map[string]*SSORequest // changes of assignments, by id
	// Takes is how long such a change takes; 0 means the usual few seconds.
	Takes time.Duration
	// Closed are accounts in which every such change fails, and AWS's reason.
	Closed map[string]string
}

// SSOUser is a user of the identity store.
type SSOUser struct {
	ID       string
	Name     string
	Disabled bool
	External bool // kept by an external identity provider
}

// SSOGroup is a group of the identity store.
type SSOGroup struct{ ID, Name string }

// SSOMembership is a user's place in a group. Its id is made anew each time.
type SSOMembership struct {
	ID    string `json:"-"`
	Group string
	User  string
}

// SSOAssignment is a permission set for a user or group in an account.
type SSOAssignment struct {
	Account, PermissionSet string
	Kind, Principal        string // USER or GROUP, and its id
	Leaving                bool   `json:"-"` // its deletion is under way
}

func (a SSOAssignment) key() string {
	return a.Account + "/" + a.PermissionSet + "/" + a.Kind + "/" + a.Principal
}

func newIdentityCenter() IdentityCenterState {
	return IdentityCenterState{
		Users: map[string]*SSOUser{}, Groups: map[string]*SSOGroup{}, Memberships: map[string]*SSOMembership{}, Assignments: map[string]*SSOAssignment{},
		Requests: map[string]*SSORequest{}, Closed: map[string]string{},
	}
}

// AddIdentityCenter puts an instance into a region of an account.
func (w *World) AddIdentityCenter(owner, region string) {
	w.Do(func(a *Account) {
		a.SSO.Owner, a.SSO.Region = owner, region
		a.SSO.Instance, a.SSO.Store = "arn:"+a.Partition+":sso:::instance/ssoins-7223exampleid", "d-9067examp1"
	})
}

// AddSSOUser puts a user into the identity store, its groups and assignments.
func (w *World) AddSSOUser(u SSOUser, groups []string, assigned ...SSOAssignment) {
	w.Do(func(a *Account) {
		a.SSO.Users[u.ID] = &u
		for _, g := range groups {
			a.SSO.Groups[g] = &SSOGroup{g, "group " + g}
			a.SSO.Memberships[g+"/"+u.ID] = &SSOMembership{"m-" + g + u.ID, g, u.ID}
		}
		for _, x := range assigned {
			if x.Principal == "" {
				x.Kind, x.Principal = "USER", u.ID
			}
			a.SSO.Assignments[x.key()] = &x
		}
	})
}

func identityCenterHandlers() []handler {
	return append(identityStoreHandlers(), []handler{
		read(ssoListInstances),
		read(ssoListAssignmentsForPrincipal),
		write(ssoDeleteAccountAssignment),
		write(ssoCreateAccountAssignment),
		read(ssoListDeletions),
		read(ssoDescribeDeletion),
		read(ssoDescribeCreation),
	}...)
}

// identityCenter gives the instance to those who may ask, in its own region.
func (r *Request) identityCenter() (*IdentityCenterState, error) {
	s := &r.Account.SSO
	switch {
	case s.Owner != r.callerAccount():
		return nil, modelled(400, &types.AccessDeniedException{Message: aws.String("You do not have sufficient access to perform this action.")})
	case s.Region != r.Region.Name:
		return nil, modelled(400, &types.ResourceNotFoundException{Message: aws.String("The instance was not found in this region.")})
	}
	return s, nil
}

// ListInstances shows what the account owns or the organisation's own instance, which is the management account's and
// seen by whoever administers it too: in the region that is asked alone, unless all are asked for.
// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_ListInstances.html
func ssoListInstances(r *Request, in *ssoadmin.ListInstancesInput) (*ssoadmin.ListInstancesOutput, error) {
	s := &r.Account.SSO
	var seen []types.InstanceMetadata
	add := func(i types.InstanceMetadata) {
		if in.RegionScope == types.RegionScopeAllRegions || aws.ToString(i.PrimaryRegion) == r.Region.Name {
			seen = append(seen, i)
		}
	}
	if s.Owner != "" && s.Owner == r.callerAccount() {
		add(types.InstanceMetadata{
			InstanceArn: aws.String(s.Instance), IdentityStoreId: aws.String(s.Store), OwnerAccountId: aws.String(r.organisationOf(s.Owner)),
			PrimaryRegion: aws.String(s.Region), Status: types.InstanceStatusActive,
		})
	}
	for _, i := range s.Others {
		if aws.ToString(i.OwnerAccountId) == r.callerAccount() {
			add(i)
		}
	}
	seen, next, err := page(r, seen, func(i types.InstanceMetadata) string { return aws.ToString(i.InstanceArn) }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &ssoadmin.ListInstancesOutput{Instances: seen, NextToken: next}, nil
}

// organisationOf is the organisation's management account, which owns its instance whoever administers it.
func (r *Request) organisationOf(administrator string) string {
	if m := r.Account.Org.Management; m != "" {
		return m
	}
	return administrator
}

// What a user has by itself and by its groups; each says whose it is.
// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_ListAccountAssignmentsForPrincipal.html
func ssoListAssignmentsForPrincipal(r *Request, in *ssoadmin.ListAccountAssignmentsForPrincipalInput) (*ssoadmin.ListAccountAssignmentsForPrincipalOutput, error) {
	s, err := r.identityCenter()
	if err != nil {
		return nil, err
	}
	user := aws.ToString(in.PrincipalId)
	var of []*SSOAssignment
	for _, a := range view(r, s.Assignments) {
		_, member := look(r, s.Memberships, a.Principal+"/"+user)
		if a.Principal == user || a.Kind == "GROUP" && member {
			of = append(of, a)
		}
	}
	of, next, err := page(r, of, func(a *SSOAssignment) string { return a.key() }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssoadmin.ListAccountAssignmentsForPrincipalOutput{NextToken: next}
	for _, a := range of {
		out.AccountAssignments = append(out.AccountAssignments, types.AccountAssignmentForPrincipal{
			AccountId: aws.String(a.Account), PermissionSetArn: aws.String(a.PermissionSet), PrincipalId: aws.String(a.Principal), PrincipalType: types.PrincipalType(a.Kind),
		})
	}
	return out, nil
}

// documentText reads a document that holds a string.
func documentText(d interface{ MarshalSmithyDocument() ([]byte, error) }) string {
	b, err := d.MarshalSmithyDocument()
	var s string
	if err != nil || json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

func sortedMemberships(m map[string]*SSOMembership, user string) []*SSOMembership {
	var of []*SSOMembership
	for _, x := range m {
		if x.User == user {
			of = append(of, x)
		}
	}
	slices.SortFunc(of, func(a, b *SSOMembership) int { return strings.Compare(a.Group, b.Group) })
	return of
}
