package playbook

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// Role answers a compromised role: its sessions, and the doors that they came in by.
var Role = Playbook{
	Name:    casefile.PlaybookRole,
	Summary: "Cut what has assumed a role: its sessions, the door they came in by, and whoever is behind it.",
	Kinds:   []casefile.Kind{casefile.IAMRole, casefile.RoleSession, casefile.AccessKey},
	Reads:   roleReads,
	Actions: []action.Action{
		action.RecordRole,
		action.RevokeRoleSessions,
		action.RecordSSOUser, action.DenySSOPolicy, action.DenySSOUser, action.RemoveAssignments, action.LeaveGroups, action.DisableSSOUser,
		action.DisableDirectoryUser,
	},
	Resolve: resolveRole,
	Draft:   draftRole,
}

// roleReads is what the draft looks at.
var roleReads = action.Ops{action.Call((*iam.Client).GetRole)}.Plus(identityReads)

// The keys by which the steps name each other.
const (
	keyRevoke = "revoke"
)

// rolePlan is the draft as it grows.
type rolePlan struct {
	c     *action.AWS
	in    Incident
	o     Options
	role  iamtypes.Role
	draft Draft
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
	p.add(Step{Key: "record", Action: action.RecordRole, Target: p.self()})
	p.revoke()
	p.identityBehind(ctx)
	return p.draft, nil
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
	return nil
}

func (p *rolePlan) add(s Step) { p.draft.Steps = append(p.draft.Steps, s) }

func (p *rolePlan) warn(lines ...string) { p.draft.Warnings = append(p.draft.Warnings, lines...) }

func (p *rolePlan) self() casefile.Target {
	return casefile.Target{Kind: casefile.IAMRole, ID: aws.ToString(p.role.RoleName), ARN: aws.ToString(p.role.Arn), Account: p.c.Account}
}

func (p *rolePlan) revoke() {
	p.add(Step{Key: keyRevoke, Action: action.RevokeRoleSessions, Target: p.self(), Params: map[string]string{"role_id": aws.ToString(p.role.RoleId)}})
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
