package playbook

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// Role answers a compromised role: its sessions, and the doors that they came in by.
var Role = Playbook{
	Name:    casefile.PlaybookRole,
	Summary: "Cut the sessions of a role, close the door that they came in by, and whoever is behind it.",
	Kinds:   []casefile.Kind{casefile.IAMRole, casefile.RoleSession, casefile.AccessKey},
	Reads:   roleReads,
	Actions: []action.Action{
		action.RecordRole,
		action.RevokeRoleSessions, action.DenyRoleSession, action.AttachRoleDeny, action.NarrowTrust,
		action.CutSAMLProvider, action.CutOIDCProvider,
		action.RecordSSOUser, action.DenySSOPolicy, action.DenySSOUser, action.RemoveAssignments, action.LeaveGroups, action.DisableSSOUser,
		action.DisableDirectoryUser,
	},
	Resolve: resolveRole,
	Draft:   draftRole,
}

// roleReads is what the draft looks at.
var roleReads = action.Ops{
	action.Call((*iam.Client).GetRole), action.Call((*iam.Client).GetAccountSummary),
	action.Call((*iam.Client).ListRolePolicies), action.Call((*iam.Client).GetRolePolicy), action.Call((*iam.Client).ListAttachedRolePolicies),
}.Plus(roleUserReads, identityReads)

// The keys by which the steps name each other.
const (
	keyCutSessions = "cut-sessions"
	keyCutAgain    = "cut-sessions-again"
	keyNarrowTrust = "narrow-trust"
)

// rolePlan is the draft as it grows.
type rolePlan struct {
	c     *action.AWS
	in    Incident
	o     Options
	role  iamtypes.Role
	draft Draft

	trust      action.Trust
	document   string // the trust policy as IAM gave it
	trusted    bool   // the trust policy could be read
	inline     int    // characters that the inline policies take
	attached   int    // managed policies on the role
	quotas     map[string]int32
	users      *roleUsers
	cameBy     []action.Door // as the log shows
	closed     []action.Door // by this plan
	centerSeen *foundCenter  // once it was looked for

	mu     sync.Mutex
	doubts []string
}

func draftRole(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error) {
	p := &rolePlan{c: c, in: in, o: o}
	if a := in.Subject.Account; a != "" && a != c.Account {
		// A role of that name in this account is another role.
		p.warn(fmt.Sprintf("role %s is in account %s, and these are credentials of account %s: nothing is planned for it. Log in there, or tell its owner", in.Subject.ID, a, c.Account))
		return p.draft, nil
	}
	if err := p.look(ctx); err != nil {
		return Draft{}, err
	}
	p.add(Step{Key: keyRecord, Action: action.RecordRole, Target: p.self()})
	switch path := aws.ToString(p.role.Path); {
	case strings.HasPrefix(path, "/aws-service-role/"):
		p.tellServiceLinked(strings.Trim(strings.TrimPrefix(path, "/aws-service-role/"), "/"))
		return p.draft, nil
	case strings.HasPrefix(path, "/aws-reserved/sso.amazonaws.com/"):
		p.warn(fmt.Sprintf("role %s belongs to IAM Identity Center, where alone it can be changed: nothing is planned for the role itself", p.name()))
		p.identityBehind(ctx)
		return p.draft, nil
	}
	p.survey(ctx)
	if err := p.contain(ctx); err != nil {
		return Draft{}, err
	}
	p.identityBehind(ctx)
	p.tell()
	return p.draft, nil
}

func (p *rolePlan) contain(context.Context) error {
	if p.spared() {
		return nil
	}
	if err := p.cutSessions(); err != nil {
		return err
	}
	if err := p.narrowTrust(); err != nil {
		return err
	}
	if err := p.cutProviders(); err != nil {
		return err
	}
	p.cutAgain()
	return nil
}

func (p *rolePlan) look(ctx context.Context) error {
	name := p.in.Subject.ID
	out, err := p.c.IAM.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(name)})
	if action.Code(err) == "NoSuchEntity" {
		return fmt.Errorf("role %s: %w", name, action.ErrGone)
	}
	if err != nil {
		return fmt.Errorf("look at role %s: %w", name, err)
	}
	if out.Role == nil {
		return fmt.Errorf("look at role %s: AWS answered without one", name)
	}
	p.role = *out.Role
	p.document = aws.ToString(p.role.AssumeRolePolicyDocument)
	if text, err := url.PathUnescape(p.document); err == nil {
		p.document = text
	}
	if p.trust, err = action.ParseTrust(p.document); err != nil {
		p.doubts = append(p.doubts, fmt.Sprintf("could not look at the trust policy of role %s, so who may assume it is not known and no door of it is closed: %v", p.name(), err))
	}
	p.trusted = err == nil
	return nil
}

// survey reads what surrounds the role. What cannot be read is said, and never stops the plan.
func (p *rolePlan) survey(ctx context.Context) {
	p.inline, p.attached = -1, -1
	var all errgroup.Group
	for what, read := range map[string]func(context.Context) error{
		"how much room the inline policies of role " + p.name() + " leave": p.lookAtRoom,
		"the managed policies on role " + p.name():                         p.lookAtAttached,
		"this account's IAM quotas":                                        p.lookAtQuotas,
		"who else uses role " + p.name():                                   p.lookAtUsers,
	} {
		all.Go(func() error {
			p.doubt(what, read(ctx))
			return nil
		})
	}
	_ = all.Wait() // none of them answers an error
	slices.Sort(p.doubts)
	p.warn(p.doubts...)
}

func (p *rolePlan) doubt(what string, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doubts = append(p.doubts, fmt.Sprintf("could not look at %s: %s", what, brief(err)))
}

func (p *rolePlan) lookAtRoom(ctx context.Context) error {
	used, err := action.InlineSize(ctx, p.c, p.name(), "")
	if err == nil {
		p.inline = used
	}
	return err
}

func (p *rolePlan) lookAtAttached(ctx context.Context) error {
	n := 0
	pages := iam.NewListAttachedRolePoliciesPaginator(p.c.IAM, &iam.ListAttachedRolePoliciesInput{RoleName: p.role.RoleName})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		n += len(page.AttachedPolicies)
	}
	p.attached = n
	return nil
}

func (p *rolePlan) lookAtQuotas(ctx context.Context) error {
	out, err := p.c.IAM.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err == nil {
		p.quotas = out.SummaryMap
	}
	return err
}

func (p *rolePlan) name() string { return aws.ToString(p.role.RoleName) }

func (p *rolePlan) add(s Step) { p.draft.Steps = append(p.draft.Steps, s) }

func (p *rolePlan) warn(lines ...string) { p.draft.Warnings = append(p.draft.Warnings, lines...) }

// leave warns of what the plan does not cut, so that it does not count as contained.
func (p *rolePlan) leave(line string) {
	p.draft.Open = true
	p.warn(line)
}

func (p *rolePlan) survives(lines ...string) { p.draft.Survives = append(p.draft.Survives, lines...) }

func (p *rolePlan) self() casefile.Target {
	return casefile.Target{Kind: casefile.IAMRole, ID: p.name(), ARN: aws.ToString(p.role.Arn), Account: p.c.Account}
}

// resolveRole names the role that a session, or the temporary key of one, belongs to. Nothing in AWS says so of a key:
// only the finding that names both does, or the log.
func resolveRole(_ context.Context, _ *action.AWS, in Incident) (casefile.Subject, error) {
	s := in.Subject
	if s.Kind == casefile.IAMRole {
		return s, nil
	}
	role, ok := roleOf(s, in.Finding)
	if !ok {
		return s, fmt.Errorf("nothing ties %s %s to a role: AWS does not say whose temporary credentials they are, the log does. "+
			"Let the log be read with --lookup or --logs PATH, or name the role (iam-role:NAME)", s.Kind, s.ID)
	}
	role.Playbook = s.Playbook
	return role, nil
}

// roleOf is the role that the finding names with a session or key. Where it names several, each of them is a subject
// of its own and answered whole: which one this belongs to decides nothing but what the plan calls it.
func roleOf(s casefile.Subject, f casefile.Incident) (casefile.Subject, bool) {
	if s.Kind == casefile.AccessKey && !strings.HasPrefix(s.ID, "ASIA") {
		return casefile.Subject{}, false
	}
	var before, first *casefile.Subject
	for i, x := range f.Subjects {
		if x.Kind == s.Kind && x.ID == s.ID && before != nil {
			return *before, true
		}
		if x.Kind == casefile.IAMRole && x.Account == s.Account {
			before = &f.Subjects[i]
			if first == nil {
				first = before
			}
		}
	}
	if first == nil {
		return casefile.Subject{}, false
	}
	return *first, true
}
