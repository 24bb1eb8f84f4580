package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cordon/internal/casefile"
	"cordon/internal/finding"
	"cordon/internal/playbook"
	"cordon/internal/trail"
)

// given tells whether a source of events was named.
func (s *source) given() bool {
	return len(s.logs) > 0 || s.lookup || s.index != ""
}

// lookFirst answers who was reached from an incident before it is planned for, so that each session and role that the
// intruder got to is cut with what the finding names. Whoever asks closes the answer's corpus.
func (a *app) lookFirst(ctx context.Context, i casefile.Incident, from source) (scopeAnswer, error) {
	if err := from.check(); err != nil {
		return scopeAnswer{}, err
	}
	seeds, notes := seedsOf(i)
	if len(seeds) == 0 {
		return scopeAnswer{}, fmt.Errorf("%w: this names nothing that CloudTrail could know a caller by: plan without --logs, --lookup and --index", errUsage)
	}
	answer, err := a.answerScope(ctx, scopeFlags{from: from}, trail.Question{Seeds: seeds}, notes)
	if err != nil {
		return scopeAnswer{}, fmt.Errorf("look for what was reached before planning (without --logs, --lookup and --index the plan is made at once): %w", err)
	}
	return answer, nil
}

// named turns what only a log knows the owner of into its owner: a temporary key, a session's name, a federated user.
// ok is false where the log does not say either.
func named(s casefile.Subject, doc *trail.Document) (owner casefile.Subject, session string, ok bool) {
	for _, n := range doc.Identities {
		if n.Relation == trail.SamePrincipal || !isNamed(s, n) {
			continue
		}
		if owner, session, ok = ownerOf(n.ARN); ok {
			return owner, session, true
		}
		if parent := identity(doc, n.Parent); parent != nil {
			if owner, session, ok = ownerOf(parent.ARN); ok {
				return owner, session, true
			}
		}
	}
	return s, "", false
}

func isNamed(s casefile.Subject, n trail.ScopeIdentity) bool {
	switch s.Kind {
	case casefile.AccessKey:
		return n.AccessKey == s.ID
	case casefile.RoleSession, casefile.FederatedUser:
		return strings.HasSuffix(n.ARN, "/"+s.ID)
	}
	return false
}

func identity(doc *trail.Document, id string) *trail.ScopeIdentity {
	i := slices.IndexFunc(doc.Identities, func(n trail.ScopeIdentity) bool { return n.ID == id })
	if id == "" || i < 0 {
		return nil
	}
	return &doc.Identities[i]
}

// ownerOf is the user or role that a principal's ARN belongs to, and the session's name where it is a role's.
func ownerOf(arn string) (owner casefile.Subject, session string, ok bool) {
	s, err := finding.ParseResource(arn)
	if err != nil || s.Kind != casefile.IAMUser && s.Kind != casefile.IAMRole {
		return s, "", false
	}
	if _, rest, is := strings.Cut(arn, ":assumed-role/"); is {
		_, session, _ = strings.Cut(rest, "/")
	}
	s.ARN, s.Region = "", ""
	return s, session, true
}

// children are the identities that the document says are to be contained, each with how it was reached. What it gives
// no command for is not the plan's; the document itself says what to do about it.
func children(doc *trail.Document) []playbook.Incident {
	var all []playbook.Incident
	for _, c := range doc.Contain {
		word, ok := strings.CutPrefix(c.Command, "cordon plan ")
		if !ok || !slices.Contains([]string{"disable-key", "contain-user", "contain-role", "revoke-sessions"}, c.Do) {
			continue
		}
		s, err := finding.ParseResource(word)
		if err != nil {
			continue
		}
		s.Account = c.Account
		all = append(all, playbook.Incident{Subject: s, Reached: reachedBy(doc, s, c)})
	}
	return all
}

// reachedBy gathers how the intruder came to a subject: through which sessions, and from whom each was assumed.
func reachedBy(doc *trail.Document, s casefile.Subject, c trail.Containment) *playbook.Reached {
	r := &playbook.Reached{Why: c.Why}
	if len(c.Evidence) > 0 {
		r.Why += " (event " + c.Evidence[0] + ")"
	}
	for _, n := range doc.Identities {
		owner, session, ok := ownerOf(n.ARN)
		if n.Relation == trail.SamePrincipal || !ok && n.AccessKey != s.ID || ok && owner.ID != s.ID && n.AccessKey != s.ID {
			continue
		}
		if r.Session == "" {
			r.Session = session
		}
		if parent := identity(doc, n.Parent); parent != nil && parent.ARN != "" {
			if r.Via == "" {
				r.Via = parent.ARN
			}
			if s.Kind == casefile.IAMRole && !slices.Contains(r.Doors, parent.ARN) {
				r.Doors = append(r.Doors, parent.ARN)
			}
		}
	}
	slices.Sort(r.Doors)
	return r
}
