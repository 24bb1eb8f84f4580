package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/finding"
	"cordon/internal/playbook"
	"cordon/internal/trail"
)

// given tells whether a source of events was named.
func (s *source) given() bool {
	return len(s.logs) > 0 || s.lookup || s.index != "" || len(s.keys) > 0
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
	if from.lookup {
		a.tell("looking whom the intruder reached: two questions a second in each region, a minute as a rule, longer for a busy key; without --lookup the plan is made at once")
	}
	answer, err := a.answerScope(ctx, scopeFlags{from: from}, trail.Question{Seeds: seeds}, notes)
	if err != nil {
		return scopeAnswer{}, fmt.Errorf("look for what was reached before planning (without --logs, --lookup and --index the plan is made at once): %w", err)
	}
	return answer, nil
}

// named are the subjects that the finding names, then those that were reached from them.
func (m *made) named(subjects []casefile.Subject, i casefile.Incident) []asked {
	var all []asked
	for _, s := range subjects {
		in := playbook.Incident{Subject: s, Finding: i}
		if _, session, ok := ownerOf(s.ARN); ok && session != "" {
			in.Reached = &playbook.Reached{Session: session, Why: "it was named by its session"}
		}
		if m.scope != nil {
			in = known(in, m.scope.doc)
		}
		all = append(all, asked{Incident: in})
	}
	if m.scope != nil {
		all = append(all, reached(m.scope.doc, i)...)
	}
	return all
}

// reached are the identities and hosts that the log says the intruder got to and still has.
func reached(doc *trail.Document, i casefile.Incident) []asked {
	var all []asked
	for _, child := range children(doc) {
		child.Finding = i
		all = append(all, asked{Incident: child, reached: true})
	}
	return all
}

// maxTold bounds what a plan repeats of the log's notes.
const maxTold = 12

// told puts into the plan what must be known of the log that it was made from: what that cannot know, and what of it
// could not be read.
func (m *made) told() {
	if m.scope == nil {
		return
	}
	notes := m.scope.doc.Summary.Notes
	for i, n := range notes {
		if i == maxTold {
			m.plan.Warnings = append(m.plan.Warnings, fmt.Sprintf("log: and %d more notes: cordon scope shows them", len(notes)-i))
			break
		}
		m.plan.Warnings = append(m.plan.Warnings, "log: "+n)
	}
	if err := incomplete(m.scope.corpus.Ingest()); err != nil && m.lacks == nil {
		m.lacks = fmt.Errorf("whom the intruder reached may not be all: %w", err)
	}
}

// known adds what the log says of a subject: whose it is, and how it was entered.
func known(in playbook.Incident, doc *trail.Document) playbook.Incident {
	if s := in.Subject; temporary(s) {
		if owner, session, ok := ownerIn(s, doc); ok {
			if owner.Account == "" {
				owner.Account = s.Account
			}
			owner.Region = s.Region
			in.Subject = owner
			in.Reached = &playbook.Reached{Session: session, Why: "the log names it as the owner of " + s.ID}
		}
	}
	r := reachedBy(doc, in.Subject)
	if in.Reached != nil {
		r.Why, r.Session = in.Reached.Why, cmp.Or(in.Reached.Session, r.Session)
	}
	if r.Session != "" || r.Via != "" || len(r.Doors) > 0 {
		in.Reached = r
	}
	return in
}

// ownerIn turns what only a log knows the owner of into its owner: a temporary key, a session's name, a federated user.
// ok is false where the log does not say either.
func ownerIn(s casefile.Subject, doc *trail.Document) (owner casefile.Subject, session string, ok bool) {
	for _, n := range doc.Identities {
		if n.Relation == trail.SamePrincipal || !isNamed(s, n) {
			continue
		}
		for _, arn := range ownersOf(n, doc) {
			if owner, session, ok = ownerOf(arn); ok {
				return owner, session, true
			}
		}
	}
	return s, "", false
}

// ownersOf is where to look for whose an identity is: in its own ARN, and, where that says nothing of it as with a
// federated user, in those of whoever it was had from.
func ownersOf(n trail.ScopeIdentity, doc *trail.Document) []string {
	arns := append([]string{n.ARN}, n.EnteredFrom...)
	if parent := identity(doc, n.Parent); parent != nil {
		arns = append(arns, parent.ARN)
	}
	return arns
}

func isNamed(s casefile.Subject, n trail.ScopeIdentity) bool {
	switch s.Kind {
	case casefile.AccessKey:
		return n.AccessKey == s.ID
	case casefile.RoleSession:
		return strings.Contains(n.ARN, ":assumed-role/") && strings.HasSuffix(n.ARN, "/"+s.ID)
	case casefile.FederatedUser:
		return strings.HasSuffix(n.ARN, ":federated-user/"+s.ID)
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
		s.ARN = "" // the session's, not the role's
	}
	s.Region = ""
	return s, session, true
}

// childDeeds are the lines of the document's list that are about what the intruder can act as.
var childDeeds = []string{"disable-key", "contain-user", "contain-role", "revoke-sessions", "contain-instance"}

// children are the identities and hosts that the document says are to be contained, each with how it was reached. What
// it gives no command for is not the plan's; the document itself says what to do about it.
func children(doc *trail.Document) []playbook.Incident {
	var all []playbook.Incident
	for _, c := range doc.Contain {
		rest, ok := strings.CutPrefix(c.Command, "cordon plan ")
		if !ok || !slices.Contains(childDeeds, c.Do) {
			continue
		}
		word, _, _ := strings.Cut(rest, " ")
		s, err := finding.ParseResource(word)
		if err != nil {
			continue
		}
		s.Account, s.Region = c.Account, c.Region
		if finding.CheckID(s) != nil {
			continue
		}
		r := reachedBy(doc, s)
		r.Why = c.Why
		if len(c.Evidence) > 0 {
			r.Why += " (event " + c.Evidence[0] + ")"
		}
		all = append(all, playbook.Incident{Subject: s, Reached: r})
	}
	return all
}

// reachedBy gathers how the intruder came to a subject: through which sessions, and from whom each was assumed.
func reachedBy(doc *trail.Document, s casefile.Subject) *playbook.Reached {
	r := &playbook.Reached{}
	for _, n := range doc.Identities {
		owner, session, ok := ownerOf(n.ARN)
		its := ok && keyOf(owner) == keyOf(s) && (s.Account == "" || owner.Account == s.Account)
		if n.Relation == trail.SamePrincipal || !its && (n.AccessKey == "" || n.AccessKey != s.ID) {
			continue
		}
		if r.Session == "" {
			r.Session = session
		}
		if session != "" && !slices.Contains(r.Sessions, session) {
			r.Sessions = append(r.Sessions, session)
		}
		if parent := identity(doc, n.Parent); parent != nil && parent.ARN != "" {
			if r.Via == "" {
				r.Via = parent.ARN
			}
			r.Doors = append(r.Doors, parent.ARN)
		}
		r.Doors = append(r.Doors, n.EnteredFrom...)
	}
	if s.Kind != casefile.IAMRole {
		r.Doors = nil
	}
	slices.Sort(r.Doors)
	r.Doors = slices.Compact(r.Doors)
	return r
}

// followUp plans for what the intruder reached from a case's incident, and what nobody has answered yet. ok is false
// where there is nothing.
func (a *app) followUp(ctx context.Context, first casefile.Plan, doc *trail.Document, o playbook.Options) (m made, ok bool, err error) {
	var i casefile.Incident
	if first.Finding != nil {
		i = *first.Finding
	}
	var all []asked
	for _, in := range reached(doc, i) {
		known := func(s casefile.Subject) bool { return keyOf(s) == keyOf(in.Subject) }
		if !slices.ContainsFunc(first.Subjects, known) && joins(in.Subject) {
			all = append(all, in)
		}
	}
	if len(all) == 0 {
		return m, false, nil
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return m, false, err
	}
	base := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: first.Case, Simulated: first.Simulated, Account: first.Account, Region: first.Region, Partition: first.Partition,
		Finding: first.Finding, FindingRaw: first.FindingRaw, Survives: []string{}, NotCaptured: []string{},
	}
	if conn.Management != nil {
		base.Management = conn.Management.Caller
	}
	o.Answered = usersOf(first)
	if err := m.fill(ctx, a, place{AWS: conn}, base, all, o); err != nil {
		return m, false, fmt.Errorf("plan for whom the intruder reached: %w", err)
	}
	data, _, err := engine.Encode(m.plan)
	m.data = data
	return m, true, err
}

// usersOf are the users that a plan has steps for.
func usersOf(p casefile.Plan) []string {
	var users []string
	for _, s := range p.Steps {
		if s.Target.Kind == casefile.IAMUser {
			users = append(users, s.Target.ID)
		}
	}
	return once(users)
}
