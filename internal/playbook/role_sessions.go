package playbook

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// spared tells whether nothing is to be done to the role: it is among those that the responder named as his own.
func (p *rolePlan) spared() bool {
	arn := aws.ToString(p.role.Arn)
	if !slices.ContainsFunc(p.o.Spare, func(s string) bool { return action.SamePrincipal(s, arn) }) {
		return false
	}
	p.warn(fmt.Sprintf("role %s is spared, as asked: nothing is planned for it, though the finding or the log names it", p.name()))
	p.draft.Spared = true
	return true
}

// cutSessions denies the role's sessions: all that were issued so far, or one.
func (p *rolePlan) cutSessions() error {
	s := Step{Key: keyCutSessions, Action: action.RevokeRoleSessions, Target: p.self(), Params: map[string]string{"role_id": aws.ToString(p.role.RoleId)}}
	one, err := p.oneSession()
	if err != nil {
		return err
	}
	own := p.c.SessionOf(p.name())
	if own != "" && one.session != "" && one.session != own {
		own = "" // another session of cordon's own role may be cut
	}
	if own != "" {
		p.leave(fmt.Sprintf("cordon itself acts with session %s of role %s: its sessions are not cut and its trust policy is left, since that would stop this response. "+
			"Use other credentials, or cut the other session by itself with --only-session NAME", own, p.name()))
		return nil
	}
	switch {
	case one.source != "":
		s.Action, s.Params["source_identity"] = action.DenyRoleSession, one.source
	case one.session != "":
		s.Action, s.Params["session"] = action.DenyRoleSession, one.session
	default:
		s.Params["users"] = "listed"
	}
	s.Impact = p.users.impact(one.session+one.source != "")
	if p.inlineDenies() < 1 {
		if !p.roomToAttach(1) {
			p.leave(fmt.Sprintf("THE SESSIONS OF ROLE %s ARE NOT CUT: %s. "+
				"Make room and plan again: detach one (aws iam detach-role-policy --role-name %s --policy-arn ARN), or delete an inline one that nobody needs",
				p.name(), p.full(), p.name()))
			return nil
		}
		s = attached(s)
		s.Impact = append([]string{fmt.Sprintf("by a managed policy of cordon's own, attached: the role's inline policies take %d of 10,240 characters and leave no room for it", p.inline)}, s.Impact...)
	}
	p.add(s)
	p.tellOne(one)
	return nil
}

// attached is a deny of sessions as a managed policy.
func attached(s Step) Step {
	s.Action, s.Params = action.AttachRoleDeny, maps.Clone(s.Params)
	delete(s.Params, "users")
	return s
}

// cutAgain: a cut of what was issued so far lets in whoever assumes the role while a door is still open. Seconds later its
// cut-off covers them; where the door could not be closed at first, or the run was interrupted, it does not, and their
// sessions live for hours.
func (p *rolePlan) cutAgain() {
	i := slices.IndexFunc(p.draft.Steps, func(s Step) bool { return s.Key == keyCutSessions })
	if i < 0 || p.draft.Steps[i].Params["session"]+p.draft.Steps[i].Params["source_identity"] != "" {
		return
	}
	var doors []string
	for _, s := range p.draft.Steps {
		switch s.Action.Name {
		case action.NarrowTrust.Name, action.CutSAMLProvider.Name, action.CutOIDCProvider.Name:
			doors = append(doors, s.Key)
		}
	}
	if doors == nil {
		return
	}
	again := p.draft.Steps[i]
	switch inline := p.inlineDenies(); {
	case inline >= 2:
	case p.roomToAttach(2 - inline):
		again = attached(again)
	default:
		p.warn(fmt.Sprintf("the sessions of role %s are cut once, before the door is closed, and not a second time: %s. "+
			"Should half a minute pass in between, sessions begun meanwhile live on for hours: the times of both steps tell, and then plan again", p.name(), p.full()))
		return
	}
	again.Key, again.After = keyCutAgain, doors
	again.Impact = []string{"a second time, once the door is closed: it cuts what was begun in between"}
	again.Summary = "Deny everything to the role's sessions once more, now that the door is closed: to those that were begun meanwhile."
	p.add(again)
}

// one is the session to cut alone, by its name or by its source identity; neither: all of them.
type one struct{ session, source, why string }

func (p *rolePlan) oneSession() (one, error) {
	o := one{session: p.o.OnlySession, source: p.o.SourceIdentity}
	if o.source != "" {
		o.session = ""
	}
	if o.session != "" && !p.isNamed() {
		o.session = p.sessionThere()
	}
	if o == (one{}) && !p.o.RevokeRole && p.instanceSession() != "" {
		o.session, o.why = p.instanceSession(), "instance"
	}
	if text := o.session + o.source; text != "" && !action.SessionName(text) {
		return o, fmt.Errorf("%q can be neither the name nor the source identity of a session: they are 2 to 64 letters, digits and any of _+=,.@-", text)
	}
	return o, nil
}

// isNamed tells whether the finding or the responder names the role itself. One that was reached from there has other
// session names.
func (p *rolePlan) isNamed() bool {
	return p.in.Reached == nil || slices.ContainsFunc(p.in.Finding.Subjects, func(s casefile.Subject) bool {
		return s.Kind == casefile.IAMRole && s.ID == p.name()
	})
}

// sessionThere is the intruder's one session of a role that was reached, "" where that is not known to be one.
func (p *rolePlan) sessionThere() string {
	if r := p.in.Reached; len(r.Sessions) == 1 || len(r.Sessions) == 0 && r.Session != "" {
		return cmp.Or(r.Session, slices.Concat(r.Sessions, []string{""})[0])
	}
	p.warn(fmt.Sprintf("--only-session: which session of role %s is the intruder's, by one name, is not known: all of its sessions are cut", p.name()))
	return ""
}

// instanceSession is the session of an instance that the same finding opens by itself: the instance's credentials
// were stolen, and nobody else's. Its session has the instance's id for a name, also when it fetches new credentials.
func (p *rolePlan) instanceSession() string {
	session := p.in.Finding.Actor.Session
	if p.in.Reached != nil || p.in.Finding.Actor.Principal != p.name() {
		return ""
	}
	if slices.ContainsFunc(p.in.Finding.Subjects, func(s casefile.Subject) bool {
		return s.Kind == casefile.EC2Instance && s.ID == session && s.Playbook != ""
	}) {
		return session
	}
	return ""
}

// inlineDenies is how many of the two denies that it may take fit among the role's inline policies, as far as is known.
func (p *rolePlan) inlineDenies() int {
	for n := 2; n > 0; n-- {
		if p.inline < 0 || action.RoomForDeny(p.inline, n) {
			return n
		}
	}
	return 0
}

// roomToAttach tells whether the role may have so many more managed policies, as far as is known. Where it is not, AWS says.
func (p *rolePlan) roomToAttach(n int) bool {
	quota := int(p.quotas["AttachedPoliciesPerRoleQuota"])
	return p.attached < 0 || quota == 0 || p.attached+n <= quota
}

func (p *rolePlan) full() string {
	return fmt.Sprintf("its inline policies take %d of 10,240 characters, and it has %d managed policies of %d", p.inline, p.attached, p.quotas["AttachedPoliciesPerRoleQuota"])
}

// tellOne says what a deny of one session leaves.
func (p *rolePlan) tellOne(o one) {
	switch {
	case o.source != "":
		p.survives(fmt.Sprintf("sessions of role %s that the intruder has under another source identity, or without one: it is there only where whoever signs in sets it. "+
			"It goes along when a session assumes another role, but this deny stands on %s alone", p.name(), p.name()))
	case o.why == "instance":
		p.survives(fmt.Sprintf("the other sessions of role %s, which the finding does not accuse: --revoke-role cuts them too", p.name()))
	case o.session != "":
		p.survives(fmt.Sprintf("the intruder under another session name: whoever assumes role %s chooses it, and it may change with each step of a chain. "+
			"The source identity cannot be changed: where the log shows one, --source-identity holds better; without either option all sessions are cut", p.name()))
	}
}
