package playbook

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// Account answers an account that is in other hands as a whole.
var Account = Playbook{
	Name:    casefile.PlaybookAccount,
	Summary: "Quarantine an account from its organisation, deny its users, switch off their keys, and make its trails and detectors work again.",
	Kinds:   []casefile.Kind{casefile.AWSAccount, casefile.AccessKey},
	Reads:   accountReads,
	Actions: []action.Action{
		action.RecordAccount, action.RecordCredentialReport, action.RecordOrganization, action.RecordRoot,
		action.QuarantineOrgPolicy, action.QuarantineAccount, action.MoveAccount,
		action.DenyUser, action.DisableKeys, action.StartLogging, action.EnableDetector, action.DeleteRootCredentials,
	},
	Resolve: resolveAccount,
	Draft:   draftAccount,
}

// resolveAccount: a key of the root user stands for the account.
func resolveAccount(_ context.Context, c *action.AWS, in Incident) (casefile.Subject, error) {
	s := in.Subject
	if s.Kind == casefile.AccessKey {
		s.Kind, s.ID, s.ARN = casefile.AWSAccount, c.Account, ""
	}
	return s, nil
}

// accountPlan is the draft as it grows.
type accountPlan struct {
	*accountSurvey
	c     *action.AWS
	in    Incident
	o     Options
	draft Draft

	stopped bool // from the organisation, all of it
}

func draftAccount(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error) {
	p := &accountPlan{c: c, in: in, o: o}
	p.accountSurvey = surveyAccount(ctx, c, in.Subject.ID)
	p.warn(p.doubts...)
	p.checkSpared()
	p.record()
	p.fromOutside(ctx)
	p.rootUser()
	if p.inside {
		p.users()
		p.wayBack()
		p.watchers()
		p.outsiders()
		p.leftBehind()
	} else {
		p.warn(fmt.Sprintf("these are credentials of account %s: what is inside account %s can be neither seen nor changed with them; name a role in it with --role-arn", c.Account, p.id))
	}
	p.tell()
	slices.SortStableFunc(p.draft.Steps, func(a, b Step) int {
		return cmp.Compare(slices.Index(casefile.Phases, a.Action.Phase), slices.Index(casefile.Phases, b.Action.Phase))
	})
	return p.draft, nil
}

func (p *accountPlan) warn(lines ...string) { p.draft.Warnings = append(p.draft.Warnings, lines...) }

func (p *accountPlan) add(s Step) { p.draft.Steps = append(p.draft.Steps, s) }

// part aims at something in the account.
func (p *accountPlan) part(kind casefile.Kind, id, region string) casefile.Target {
	return casefile.Target{Kind: kind, ID: id, Account: p.id, Region: region, Parent: p.id}
}

// record is beside the cut: nothing waits for it.
func (p *accountPlan) record() {
	if p.inside {
		p.add(Step{Key: "record", Action: action.RecordAccount, Target: p.part(casefile.AWSAccount, p.id, ""), Params: map[string]string{"regions": action.List(p.open)}})
		if len(p.o.Answered) == 0 { // else the steps of whoever is answered beside it have it
			p.add(Step{Key: "report", Action: action.RecordCredentialReport, Target: p.part(casefile.AWSAccount, p.id, "")})
		}
	}
	if p.outside != nil {
		p.add(Step{Key: "record-org", Action: action.RecordOrganization, Target: casefile.Target{Kind: casefile.AWSAccount, ID: p.id, Account: p.organisation}})
	}
}

// users are denied first and lose their keys then, each whatever becomes of the others. The responder's own and those
// that were spared by name are left out, and said.
func (p *accountPlan) users() {
	for _, u := range p.people {
		if slices.Contains(p.o.Answered, u.name) {
			continue
		}
		if p.c.ActsAs(u.name) || p.spares(u.arn) {
			p.warn(fmt.Sprintf("user %s is spared: neither denied nor without keys", u.name))
			continue
		}
		target := p.part(casefile.IAMUser, u.name, "")
		target.ARN = u.arn
		keys := Step{Key: "keys-" + u.name, Action: action.DisableKeys, Target: target}
		if u.unlisted == nil {
			keys.Now, keys.Impact = action.KeysSeen(u.keys), u.uses
		}
		if via, why := denyVia(action.DenyAll, p.room(u)); via != "" {
			deny := "deny-" + u.name
			denied := via == action.ViaManaged && slices.Contains(u.attached, action.DenyAllARN(p.c.Partition))
			p.add(Step{Key: deny, Action: action.DenyUser, Target: target, Now: action.DenySeen(denied), Params: map[string]string{"form": action.DenyAll, "via": via, "user_id": u.id}})
			keys.AfterAny = []string{deny}
		} else {
			p.draft.Open = p.draft.Open || !p.stopped
			p.warn(fmt.Sprintf("NOT DENIED: user %s: %s. Its password, the sessions made from its keys and its credentials for single services go on working: take off one of its policies, and plan again", u.name, why))
		}
		p.add(keys)
	}
}

func (p *accountPlan) spares(arn string) bool { return slices.Contains(p.o.Spare, arn) }

func (p *accountPlan) room(u person) userRoom {
	return userRoom{
		inline: u.inline, inlineQuota: quotaOf(p.summary, "UserPolicySizeQuota", action.UserInlineQuota), sized: true,
		attached: u.attached, attachedQuota: quotaOf(p.summary, "AttachedPoliciesPerUserQuota", attachedQuota), listed: true,
		denyAll: action.DenyAllARN(p.c.Partition),
	}
}

// responders are the principals that the quarantine leaves in: the caller's own and those that were spared.
func (p *accountPlan) responders(ctx context.Context) ([]string, error) {
	all := slices.Clone(p.o.Spare)
	if !p.inside {
		return all, nil
	}
	own, err := principalOf(ctx, p.c)
	if err != nil {
		return all, err
	}
	switch {
	case own == "":
		p.warn(fmt.Sprintf("NOT LEFT IN: cordon acts here as %s, which is neither a user nor a role, and is stopped with all others: what then remains to be done inside fails. Act by a role of the account", p.c.Caller))
	case !slices.Contains(all, own):
		all = append(all, own)
	}
	slices.Sort(all)
	return all, nil
}

// checkSpared names what was spared and is nobody: the quarantine leaves in whose ARN it is to the letter, path included,
// and whoever reads "spared" must not be shut out.
func (p *accountPlan) checkSpared() {
	if !p.allRead {
		if len(p.o.Spare) > 0 {
			p.warn("whether whom --spare names exists could not be looked up: an ARN counts to the letter, with its path")
		}
		return
	}
	var all []string
	for _, u := range p.people {
		all = append(all, u.arn)
	}
	for _, r := range p.roles {
		all = append(all, aws.ToString(r.Arn))
	}
	for _, arn := range p.o.Spare {
		if slices.Contains(all, arn) {
			continue
		}
		hint := ""
		kind, path, _ := strings.Cut(arn, "/")
		name := path[strings.LastIndex(path, "/")+1:]
		if i := slices.IndexFunc(all, func(x string) bool { return strings.HasPrefix(x, kind+"/") && strings.HasSuffix(x, "/"+name) }); i >= 0 {
			hint = "; did you mean " + all[i] + "?"
		}
		p.warn(fmt.Sprintf("NOT SPARED: nobody in account %s has the ARN %s%s", p.id, arn, hint))
	}
}

// principalOf is the caller as aws:PrincipalArn has it: a session's is its role's ARN, whose path GetCallerIdentity
// does not show.
func principalOf(ctx context.Context, c *action.AWS) (string, error) {
	if action.CallerUser(c.Caller) != "" {
		return c.Caller, nil
	}
	_, rest, ok := strings.Cut(c.Caller, ":assumed-role/")
	role, _, _ := strings.Cut(rest, "/")
	if !ok || role == "" {
		return "", nil
	}
	out, err := c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(role)})
	if err != nil {
		return "", fmt.Errorf("look at the responder's own role %s: %w", role, err)
	}
	return aws.ToString(out.Role.Arn), nil
}
