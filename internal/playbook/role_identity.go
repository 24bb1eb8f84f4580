package playbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// identityReads is what identityBehind looks at.
var identityReads = action.Ops{
	action.Call((*ssoadmin.Client).ListInstances), action.Call((*identitystore.Client).GetUserId),
	action.Call((*organizations.Client).ListRoots), action.Call((*ec2.Client).DescribeRegions),
}

// identityBehind plans what is to be done to the person behind a role that Identity Center or a directory signs in
// to. The order is AWS's own advice: first deny the user, which ends what lives, then take what gives it new sessions,
// then its sign-in (docs.aws.amazon.com/singlesignon/latest/userguide/revoke-user-permissions.html).
func (p *rolePlan) identityBehind(ctx context.Context) {
	for _, user := range p.o.DirectoryUsers {
		p.add(Step{Key: "directory-" + user, Action: action.DisableDirectoryUser,
			Target: casefile.Target{Kind: casefile.DirectoryUser, ID: user, Account: p.c.Account, Region: p.c.Region}})
	}
	name := p.centerUser()
	if name == "" {
		return
	}
	const byHand = "in Identity Center: deny it by its user id, take its assignments and groups away, delete its sessions, disable it"
	if p.c.Management == nil {
		p.warn(fmt.Sprintf("role %s is Identity Center's, and its user %q is contained there, from the organisation's management account: give credentials for that with --management-profile, or do it by hand %s",
			aws.ToString(p.role.RoleName), name, byHand))
		return
	}
	if own := p.actsAs(name); own != "" {
		p.warn(fmt.Sprintf("user %q of Identity Center is who you act as (%s): nothing is planned for it, since the deny would stop this response. Let somebody else answer, or use credentials that Identity Center does not give", name, own))
		return
	}
	center, err := p.findCenter(ctx)
	if err != nil {
		p.warn(fmt.Sprintf("Identity Center could not be looked at, so that its user %q is not contained: %v; do it by hand %s", name, brief(err), byHand))
		return
	}
	id, err := userID(ctx, center, name)
	if err != nil {
		p.warn(fmt.Sprintf("user %q of Identity Center could not be found, so that it is not contained: %v; name it with --sso-user", name, brief(err)))
		return
	}
	p.containUser(ctx, center, name, id)
}

// centerUser is the name of the user whose sessions of the role are bad. Identity Center names a session by its user.
func (p *rolePlan) centerUser() string {
	switch {
	case p.o.SSOUser != "":
		return p.o.SSOUser
	case !strings.HasPrefix(aws.ToString(p.role.Path), "/aws-reserved/sso.amazonaws.com/"):
		return ""
	case p.in.Finding.Actor.Session != "" && p.in.Finding.Actor.Principal == aws.ToString(p.role.RoleName):
		return p.in.Finding.Actor.Session // of another role's session the name is another person's, or nobody's
	case p.in.Reached != nil && p.in.Reached.Session != "":
		return p.in.Reached.Session
	}
	for _, s := range p.in.Finding.Subjects {
		if s.Kind == casefile.RoleSession {
			return s.ID
		}
	}
	p.warn("role " + aws.ToString(p.role.RoleName) + " is Identity Center's, and which user's session is bad is not known: name the user with --sso-user")
	return ""
}

// actsAs is the session by which cordon itself acts as a user of Identity Center, "" where it does not.
func (p *rolePlan) actsAs(user string) string {
	for _, c := range []*action.AWS{p.c, p.c.Management} {
		_, rest, ok := strings.Cut(c.Caller, ":assumed-role/AWSReservedSSO_")
		if _, session, _ := strings.Cut(rest, "/"); ok && strings.EqualFold(session, user) {
			return c.Caller
		}
	}
	return ""
}

// center is the organisation's instance of Identity Center.
type center struct {
	c        *action.AWS
	instance string
	store    string
}

// findCenter looks for the instance in the region that the role's path names, then in all others: it stands in one.
func (p *rolePlan) findCenter(ctx context.Context) (center, error) {
	rest := strings.TrimPrefix(aws.ToString(p.role.Path), "/aws-reserved/sso.amazonaws.com/")
	first := strings.Trim(rest, "/")
	if first == "" || rest == aws.ToString(p.role.Path) {
		first = "us-east-1" // roles of an instance there have no region in their path
		if p.c.Partition != "aws" {
			first = p.c.Region
		}
	}
	found, err := centerIn(ctx, p.c.Management.In(first))
	if err != nil || found.instance != "" {
		return found, err
	}
	regions, err := p.c.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil {
		return center{}, fmt.Errorf("list the regions to look for it in: %w", err)
	}
	var failed error
	for _, r := range regions.Regions {
		found, err := centerIn(ctx, p.c.Management.In(aws.ToString(r.RegionName)))
		if found.instance != "" {
			return found, nil
		}
		if err != nil {
			failed = err
		}
	}
	if failed != nil {
		return center{}, failed
	}
	return center{}, fmt.Errorf("account %s has no instance of it", p.c.Management.Account)
}

func centerIn(ctx context.Context, c *action.AWS) (center, error) {
	out, err := c.SSOAdmin.ListInstances(ctx, &ssoadmin.ListInstancesInput{})
	if err != nil {
		return center{}, fmt.Errorf("look for Identity Center in %s: %w", c.Region, err)
	}
	if len(out.Instances) == 0 {
		return center{}, nil
	}
	i := out.Instances[0]
	// An instance is seen in every region that it was extended to, and changed in its primary one alone
	// (docs.aws.amazon.com/singlesignon/latest/userguide/use-cases-across-regions.html).
	if home := aws.ToString(i.PrimaryRegion); home != "" && home != c.Region {
		c = c.In(home)
	}
	return center{c, aws.ToString(i.InstanceArn), aws.ToString(i.IdentityStoreId)}, nil
}

// userID looks a name up. It is anybody's text: it goes nowhere but into this question.
func userID(ctx context.Context, s center, name string) (string, error) {
	out, err := s.c.IdentityStore.GetUserId(ctx, &identitystore.GetUserIdInput{
		IdentityStoreId: aws.String(s.store),
		AlternateIdentifier: &storetypes.AlternateIdentifierMemberUniqueAttribute{Value: storetypes.UniqueAttribute{
			AttributePath: aws.String("userName"), AttributeValue: document.NewLazyDocument(name),
		}},
	})
	if err != nil {
		return "", fmt.Errorf("look up the user in identity store %s: %w", s.store, err)
	}
	return aws.ToString(out.UserId), nil
}

func (p *rolePlan) containUser(ctx context.Context, s center, name, id string) {
	target := casefile.Target{Kind: casefile.IdentityCenterUser, ID: s.store + "/" + id, Account: p.c.Management.Account, Region: s.c.Region}
	params := map[string]string{"instance": s.instance, "name": name}
	p.add(Step{Key: "record-user", Action: action.RecordSSOUser, Target: target, Params: params})
	roots, err := p.c.Management.Organizations.ListRoots(ctx, &organizations.ListRootsInput{})
	if err == nil && len(roots.Roots) != 1 {
		err = fmt.Errorf("AWS named %d", len(roots.Roots))
	}
	switch {
	case err != nil:
		p.warn(fmt.Sprintf("the organisation's root could not be read, so that what user %q has open is not ended: %v", name, brief(err)))
	default:
		params["root"] = aws.ToString(roots.Roots[0].Id)
		p.add(Step{Key: "deny-user-policy", Action: action.DenySSOPolicy, Target: target, Params: params})
		p.add(Step{Key: "deny-user", Action: action.DenySSOUser, Target: target, Params: params, After: []string{"deny-user-policy"},
			Impact: []string{fmt.Sprintf("user %q in every member account, whatever permission set it uses", name)}})
	}
	p.add(Step{Key: "user-assignments", Action: action.RemoveAssignments, Target: target, Params: params, AfterAny: []string{"record-user"}})
	p.add(Step{Key: "user-groups", Action: action.LeaveGroups, Target: target, Params: params, AfterAny: []string{"record-user"}})
	p.add(Step{Key: "user-disable", Action: action.DisableSSOUser, Target: target, Params: params, AfterAny: []string{"user-assignments", "user-groups"}})
	p.draft.Survives = append(p.draft.Survives,
		fmt.Sprintf("the access portal's own sessions of user %q, and applications that it is signed in to: AWS deletes them in the Identity Center console alone (Users, the user, Active sessions)", name),
		"sessions in the organisation's management account: no service control policy holds there",
		"where users come from an external provider, the next synchronisation: disable the user there too")
}
