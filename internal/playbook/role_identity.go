package playbook

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// identityReads is what identityBehind looks at.
var identityReads = action.Ops{
	action.Call((*ssoadmin.Client).ListInstances), action.Call((*identitystore.Client).GetUserId),
	action.Call((*organizations.Client).DescribeOrganization), action.Call((*organizations.Client).ListRoots),
	action.Call((*organizations.Client).ListPoliciesForTarget), action.Call((*ec2.Client).DescribeRegions),
	action.Call((*directoryservice.Client).DescribeDirectories),
}

// identityBehind plans what is to be done to the person behind a role that Identity Center or a directory signs in
// to. The order is AWS's own advice: first deny the user, which ends what lives, then take what gives it new sessions,
// then its sign-in (docs.aws.amazon.com/singlesignon/latest/userguide/revoke-user-permissions.html).
func (p *rolePlan) identityBehind(ctx context.Context) {
	p.directoryUsers(ctx)
	name := p.centerUser()
	if name == "" {
		return
	}
	const byHand = "in Identity Center: deny it by its user id, take its assignments and groups away, delete its sessions, disable it"
	if p.c.Management == nil {
		p.leave(fmt.Sprintf("role %s is Identity Center's, and its user %q is contained there, from the organisation's management account: give credentials for that with --management-profile, or do it by hand %s",
			aws.ToString(p.role.RoleName), name, byHand))
		return
	}
	if own := p.actsAs(name); own != "" {
		p.leave(fmt.Sprintf("user %q of Identity Center is who you act as (%s): nothing is planned for it, since the deny would stop this response. Let somebody else answer, or use credentials that Identity Center does not give", name, own))
		return
	}
	center, err := p.center(ctx)
	if err != nil {
		p.leave(fmt.Sprintf("Identity Center could not be looked at, so that its user %q is not contained: %v; do it by hand %s", name, brief(err), byHand))
		return
	}
	id, err := userID(ctx, center, name)
	if err != nil {
		p.leave(fmt.Sprintf("user %q of Identity Center could not be found, so that it is not contained: %v; name it with --sso-user", name, brief(err)))
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
		return p.in.Finding.Actor.Session // another role's session may be called anything, after somebody else too
	case p.in.Reached != nil && p.in.Reached.Session != "":
		return p.in.Reached.Session
	}
	for _, s := range p.in.Finding.Subjects {
		if s.Kind != casefile.RoleSession {
			continue
		}
		if role, ok := roleOf(s, p.in.Finding); ok && role.ID == p.name() {
			return s.ID
		}
	}
	p.leave("role " + aws.ToString(p.role.RoleName) + " is Identity Center's, and which user's session is bad is not known: name the user with --sso-user")
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

func (p *rolePlan) containUser(ctx context.Context, s center, name, id string) {
	target := casefile.Target{Kind: casefile.IdentityCenterUser, ID: s.store + "/" + id, Account: p.c.Management.Account, Region: s.c.Region}
	params := map[string]string{"instance": s.instance, "name": name}
	p.tellDelegated(s, name)
	p.add(Step{Key: "record-user", Action: action.RecordSSOUser, Target: target, Params: params})
	p.denyUser(ctx, s, target, params, name)
	p.add(Step{Key: "user-assignments", Action: action.RemoveAssignments, Target: target, Params: params, AfterAny: []string{"record-user"}})
	p.add(Step{Key: "user-groups", Action: action.LeaveGroups, Target: target, Params: params, AfterAny: []string{"record-user"}})
	p.add(Step{Key: "user-disable", Action: action.DisableSSOUser, Target: target, Params: params, AfterAny: []string{"record-user"}})
	p.warn(fmt.Sprintf("AWS documents no call that disables a user of Identity Center: the step that does so for %q tries UpdateUser, and counts by what is read back. "+
		"Where AWS refuses it, do it by hand in the Identity Center console (Users, the user, Disable user access); cordon resume then proves it", name))
	p.survives(
		fmt.Sprintf("the access portal's own sessions of user %q, and applications that it is signed in to: AWS deletes them in the Identity Center console alone (Users, the user, Active sessions)", name),
		"where users come from an external provider, the next synchronisation: disable the user there too")
}

// tellDelegated says what an administrator by delegation cannot do
// (docs.aws.amazon.com/singlesignon/latest/userguide/delegated-admin.html).
func (p *rolePlan) tellDelegated(s center, name string) {
	switch own := p.c.Management.Account; {
	case s.organisation == "":
		p.warn(fmt.Sprintf("whether account %s is the organisation's management account, or administers Identity Center by delegation, could not be read: %v. "+
			"By delegation, nothing is changed that user %q has in the management account", own, brief(s.doubt), name))
	case s.organisation != own:
		p.warn(fmt.Sprintf("account %s administers Identity Center by delegation: what user %q has been assigned in the management account %s, and permission sets that stand there, are changed from that account alone, "+
			"and so are service control policies unless the organisation delegates them too. Those steps fail: give the management account's credentials instead (--management-profile)", own, name, s.organisation))
	}
}

// denyUser ends what the user has open, where a policy at the organisation's root can.
func (p *rolePlan) denyUser(ctx context.Context, s center, target casefile.Target, params map[string]string, name string) {
	_, id, _ := strings.Cut(target.ID, "/")
	// docs.aws.amazon.com/singlesignon/latest/userguide/authconcept-revoke-access.html
	byHand := "By hand: in Identity Center, put this into the inline policy of every permission set that the user has, which ends its sessions of them: " + action.DenySSOUserPolicy(id)
	root, why := p.rootForPolicy(ctx)
	if why != "" {
		p.leave(fmt.Sprintf("WHAT USER %q HAS OPEN IS NOT ENDED: %s. %s", name, why, byHand))
		p.survives(fmt.Sprintf("every session that user %q has open, until it ends", name))
		return
	}
	if s.organisation == p.c.Account {
		p.leave(fmt.Sprintf("WHAT USER %q HAS OPEN OF ROLE %s IS NOT ENDED: it is in the organisation's management account, where no service control policy holds. %s", name, p.name(), byHand))
	}
	params["root"] = root
	p.add(Step{Key: "deny-user-policy", Action: action.DenySSOPolicy, Target: target, Params: params})
	p.add(Step{
		Key: "deny-user", Action: action.DenySSOUser, Target: target, Params: params, After: []string{"deny-user-policy"},
		Impact: []string{
			fmt.Sprintf("user %q in every member account, whatever permission set it uses", name),
			"not its sessions in the management account, nor sessions of other roles that it assumed from its own",
		},
	})
	p.survives(
		fmt.Sprintf("sessions of user %q in the organisation's management account: no service control policy holds there", name),
		fmt.Sprintf("sessions of other roles that user %q assumed from its own: nothing documents that they keep the user's id, by which it is denied. The log shows them (cordon scope); answer each of those roles by itself", name))
}

// rootForPolicy is the organisation's root, or why no service control policy can be attached to it.
func (p *rolePlan) rootForPolicy(ctx context.Context) (id, why string) {
	roots, err := action.Roots(ctx, p.c.Management)
	switch {
	case err != nil:
		return "", fmt.Sprintf("the organisation's root could not be read (%s)", brief(err))
	case len(roots) != 1:
		return "", fmt.Sprintf("the organisation shows %d roots", len(roots))
	}
	id = aws.ToString(roots[0].Id)
	if !usesControlPolicies(roots[0]) {
		return "", fmt.Sprintf("service control policies are not enabled in the organisation's root, so that none would hold (enabling them concerns every account: aws organizations enable-policy-type --root-id %s --policy-type SERVICE_CONTROL_POLICY, then plan again)", id)
	}
	on, err := action.ControlPoliciesOn(ctx, p.c.Management, id)
	switch {
	case err != nil:
		p.warn(fmt.Sprintf("how many service control policies the organisation's root has could not be read (AWS takes %d): %s", action.PoliciesPerTarget, brief(err)))
	case len(on) >= action.PoliciesPerTarget:
		return "", fmt.Sprintf("the organisation's root has %d service control policies and AWS takes %d, and none of the owner's is taken off", len(on), action.PoliciesPerTarget)
	}
	return id, ""
}

func usesControlPolicies(r orgtypes.Root) bool {
	return slices.ContainsFunc(r.PolicyTypes, func(p orgtypes.PolicyTypeSummary) bool {
		return p.Type == orgtypes.PolicyTypeServiceControlPolicy && p.Status == orgtypes.PolicyTypeStatusEnabled
	})
}
