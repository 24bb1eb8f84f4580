package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/finding"
	"cordon/internal/playbook"
	"cordon/internal/trail"
)

// planFlags are the responder's choices.
type planFlags struct {
	out, caseID string
	tags        []string
	responder   []string
	opts        playbook.Options
	from        source // where to look for what was reached; nowhere where none is given
	cuts        bool   // the plan is carried out at once: what can be looked for after the cut is
}

// looks tells whether what was reached is looked for before planning: a resource is cut first, and an identity with
// the sessions and roles that were reached from it.
func (p *planFlags) looks(subjects []casefile.Subject) bool {
	return p.from.given() && (!p.cuts || !p.opts.CutFirst && slices.ContainsFunc(subjects, identityFirst))
}

func (p *planFlags) add(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&p.out, "out", "", "write the plan to this file")
	f.StringVar(&p.caseID, "case", "", "the case's id (default: from the finding)")
	f.BoolVar(&p.opts.CutFirst, "cut-first", false, "contain ahead of the evidence: data is leaving now")
	f.StringVar(&p.opts.Cut, "cut", "", "stop: stop the instance after the evidence (memory is lost)")
	f.BoolVar(&p.opts.Standby, "standby", false, "keep it in its Auto Scaling group, in standby, instead of detaching")
	f.BoolVar(&p.opts.RevokeRole, "revoke-role", false, "cut every session of the role, not this instance's alone")
	f.BoolVar(&p.opts.ForensicsEgress, "forensics-egress", false, "leave 443 to the VPC's own SSM and S3 endpoints")
	f.StringVar(&p.opts.Lock, "lock", "governance", "lock the snapshots: governance, compliance or none")
	f.IntVar(&p.opts.LockDays, "lock-days", 30, "for how many days")
	f.StringArrayVar(&p.tags, "tag", nil, "key=value added to whatever cordon tags, such as a ticket")
	f.StringArrayVar(&p.responder, "responder-address", nil, "your own address or network: never denied")
	f.BoolVar(&p.opts.SessionsOnly, "sessions-only", false, "credentials: deny only the sessions issued until now, for a user who must keep working with new keys")
	f.StringVar(&p.opts.OnlySession, "only-session", "", "role: cut the one session of that name, not all of them")
	f.StringVar(&p.opts.SourceIdentity, "source-identity", "", "role: cut only the sessions with that source identity")
	f.StringArrayVar(&p.opts.CloseTo, "close-to", nil, "role: an ARN or account id that may not assume it any more; may be repeated")
	f.StringArrayVar(&p.opts.CutProviders, "cut-provider", nil, "role: the ARN of a SAML or OIDC provider that may sign nobody in any more; may be repeated")
	f.StringVar(&p.opts.SSOUser, "sso-user", "", "role: the Identity Center user behind it (default: the finding's session name)")
	f.StringArrayVar(&p.opts.DirectoryUsers, "directory-user", nil, "role: DIRECTORY/NAME of an AWS Managed Microsoft AD user to disable; may be repeated")
	f.StringArrayVar(&p.opts.Spare, "spare", nil, "account: the ARN of a user or role that is never cut, the responders' own; may be repeated")
	f.StringVar(&p.opts.QuarantineOU, "quarantine-ou", "", "account: move it to this organisational unit instead of attaching a policy")
	f.BoolVar(&p.opts.DeleteRoot, "delete-root", false, "account: plan the deletion of the root user's credentials too, approved on its own")
	f.DurationVar(&p.opts.CaptureDeadline, "capture-deadline", time.Hour, "with --forensics-egress: when the SSM agent's own calls are cut too")
}

func (p *planFlags) options() (playbook.Options, error) {
	o := p.opts
	o.Tags = map[string]string{}
	for _, t := range p.tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" || strings.HasPrefix(k, "cordon:") || strings.HasPrefix(k, "aws:") || strings.Contains(t, "\n") {
			return o, fmt.Errorf("%w: --tag %q is not key=value", errUsage, t)
		}
		o.Tags[k] = v
	}
	for _, r := range p.responder {
		prefix, err := netip.ParsePrefix(r)
		if addr, addrErr := netip.ParseAddr(r); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return o, fmt.Errorf("%w: --responder-address %q is neither an address nor a network", errUsage, r)
		}
		o.Responder = append(o.Responder, prefix)
	}
	switch {
	case o.Cut != "" && o.Cut != "stop":
		return o, fmt.Errorf("%w: --cut takes stop, not %q", errUsage, o.Cut)
	case o.Lock != "governance" && o.Lock != "compliance" && o.Lock != "none":
		return o, fmt.Errorf("%w: --lock takes governance, compliance or none, not %q", errUsage, o.Lock)
	case o.LockDays < 1 || o.LockDays > 36500:
		return o, fmt.Errorf("%w: --lock-days takes 1 to 36500", errUsage)
	}
	return o, identityOptions(o)
}

func (a *app) planCommand() *cobra.Command {
	var p planFlags
	c := &cobra.Command{
		Use:   "plan FINDING|RESOURCE",
		Short: "Look, change nothing, write the plan and show it",
		Long: `Looks at what the finding names and lists the steps with what each changes, who else is hit and what cannot be put
back. FINDING is a file or -; RESOURCE is an ARN or kind:id (ec2:i-0abc, access-key:AKIA…, iam-user:alice, iam-role:web,
account:111122223333). With --logs, --lookup or --index the sessions and roles that were reached from it get steps too.

EXIT STATUS
  0 planned · 1 error, or there is no such resource · 2 usage · 5 no playbook answers`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			made, err := a.plan(c.Context(), args[0], p)
			if err != nil {
				return err
			}
			return errors.Join(a.showPlan(made.data, p.out), made.close())
		},
	}
	p.add(c)
	p.from.flags(a, c, "logs", "lookup", "index")
	return c
}

// made is a plan with what was read to make it.
type made struct {
	plan  casefile.Plan
	data  []byte
	scope *scopeAnswer // nil where no source of events was given
}

func (m made) close() error {
	if m.scope == nil {
		return nil
	}
	return m.scope.corpus.Close()
}

// plan makes the plan's bytes, and writes them to --out. What it made is to be closed.
func (a *app) plan(ctx context.Context, arg string, p planFlags) (made, error) {
	o, err := p.options()
	if err != nil {
		return made{}, err
	}
	doc, err := a.one(arg)
	if err != nil {
		return made{}, err
	}
	if a.conn.region == "" && len(doc.Incident.Subjects) > 0 {
		a.conn.region = doc.Incident.Subjects[0].Region
	}
	subjects := answered(doc.Incident)
	if !slices.ContainsFunc(subjects, planned) {
		return made{}, fmt.Errorf("%w: this version has no playbook for %s; nothing was touched", errNoPlaybook, kinds(subjects))
	}
	for _, s := range subjects {
		if err := finding.CheckID(s); err != nil {
			return made{}, fmt.Errorf("refuse to plan for %s %q: %w", s.Kind, s.ID, err)
		}
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return made{}, err
	}
	base, err := frame(doc, conn, p.caseID)
	if err != nil {
		return made{}, err
	}
	m := made{}
	if p.looks(subjects) {
		found, err := a.lookFirst(ctx, doc.Incident, p.from)
		if err != nil {
			return made{}, err
		}
		m.scope = &found
	}
	if err := m.fill(ctx, a, conn, base, subjects, doc.Incident, o); err != nil {
		return made{}, errors.Join(err, m.close())
	}
	if p.out != "" {
		if err := os.WriteFile(p.out, m.data, 0o600); err != nil {
			return made{}, errors.Join(fmt.Errorf("write the plan: %w", err), m.close())
		}
	}
	return m, nil
}

// fill drafts the plan and encodes it.
func (m *made) fill(ctx context.Context, a *app, conn *action.AWS, base casefile.Plan, subjects []casefile.Subject, i casefile.Incident, o playbook.Options) error {
	err := during(a.stderr, "looking, to plan", func() (err error) {
		m.plan, err = answer(ctx, conn, base, m.incidents(subjects, i), o)
		return err
	})
	if err != nil {
		return err
	}
	if m.scope == nil && slices.ContainsFunc(m.plan.Subjects, isIdentity) {
		m.plan.Warnings = append(m.plan.Warnings, "whom the intruder reached from here was not looked for: sessions and roles assumed from it live on; plan again with --lookup, or with --logs PATH")
	}
	m.data, _, err = engine.Encode(m.plan)
	return err
}

// incidents are the subjects that the finding names, then those that were reached from them.
func (m *made) incidents(subjects []casefile.Subject, i casefile.Incident) []playbook.Incident {
	var all []playbook.Incident
	for _, s := range subjects {
		in := playbook.Incident{Subject: s, Finding: i}
		if m.scope != nil {
			in = known(in, m.scope.doc)
		}
		all = append(all, in)
	}
	if m.scope == nil {
		return all
	}
	for _, child := range children(m.scope.doc) {
		child.Finding = i
		all = append(all, child)
	}
	return all
}

// known adds what the log says of a subject: whose it is, and how it was entered.
func known(in playbook.Incident, doc *trail.Document) playbook.Incident {
	s := in.Subject
	temporary := s.Kind == casefile.AccessKey && strings.HasPrefix(s.ID, "ASIA")
	if temporary || s.Kind == casefile.RoleSession || s.Kind == casefile.FederatedUser {
		if owner, session, ok := named(s, doc); ok {
			if owner.Account == "" {
				owner.Account = s.Account
			}
			in.Subject = owner
			in.Reached = &playbook.Reached{Session: session, Why: "the log names it as the owner of " + s.ID}
		}
	}
	for _, child := range children(doc) {
		if child.Subject.Kind == in.Subject.Kind && child.Subject.ID == in.Subject.ID {
			in.Reached = child.Reached
		}
	}
	return in
}

func isIdentity(s casefile.Subject) bool {
	return s.Kind == casefile.IAMUser || s.Kind == casefile.IAMRole || s.Kind == casefile.AccessKey
}

// answer drafts the steps for each subject once: a finding names a user and the key that was used, and both are the user.
func answer(ctx context.Context, conn *action.AWS, base casefile.Plan, incidents []playbook.Incident, o playbook.Options) (casefile.Plan, error) {
	var done []casefile.Subject
	for _, in := range incidents {
		s := in.Subject
		if !planned(s) || elsewhere(s, conn) {
			if !slices.Contains(base.Unanswered, s) {
				base.Unanswered = append(base.Unanswered, s)
			}
			continue
		}
		book, _ := playbook.For(s.Playbook)
		if s.Account == "" {
			s.Account = conn.Account
		}
		if s.Region == "" {
			s.Region = conn.Region
		}
		in.Subject = s
		there := conn.In(s.Region)
		if book.Resolve != nil {
			var err error
			if in.Subject, err = book.Resolve(action.Allow(ctx, book.Reads, nil, nil), there, in); err != nil {
				return base, err
			}
		}
		if slices.ContainsFunc(done, func(d casefile.Subject) bool { return d.Kind == in.Subject.Kind && d.ID == in.Subject.ID }) {
			continue
		}
		done = append(done, in.Subject)
		if in.Subject.Kind == casefile.IAMUser {
			o.Answered = append(o.Answered, in.Subject.ID)
		}
		planned, err := engine.Plan(ctx, there, base, book, in, o)
		switch {
		case errors.Is(err, action.ErrGone) && in.Reached != nil && len(base.Subjects) > 0:
			base.Warnings = append(base.Warnings, fmt.Sprintf("%s %s was reached and is gone: nothing is planned for it", in.Subject.Kind, in.Subject.ID))
			continue
		case errors.Is(err, action.ErrGone):
			return base, fmt.Errorf("%s %s: nothing was touched: %w", in.Subject.Kind, in.Subject.ID, err)
		case err != nil:
			return base, err
		}
		base = planned
		if base.Subjects == nil {
			base.Subject = in.Subject
		}
		base.Subjects = append(base.Subjects, in.Subject)
		if in.Reached != nil && in.Reached.Via != "" {
			base.Warnings = append(base.Warnings, fmt.Sprintf("%s %s was reached from %s: %s", in.Subject.Kind, in.Subject.ID, in.Reached.Via, in.Reached.Why))
		}
	}
	if base.Subjects == nil {
		return base, fmt.Errorf("%w: nothing that is named could be planned for; nothing was touched", errNoPlaybook)
	}
	return base, nil
}

// planned tells whether this version can plan for a subject.
func planned(s casefile.Subject) bool {
	book, ok := playbook.For(s.Playbook)
	return ok && slices.Contains(book.Kinds, s.Kind)
}

func kinds(subjects []casefile.Subject) string {
	var names []string
	for _, s := range subjects {
		names = append(names, string(s.Kind)+" "+s.ID)
	}
	if names == nil {
		return "nothing that a playbook answers"
	}
	return strings.Join(names, ", ")
}

// frame is the plan before its steps: the case, the account, the finding.
func frame(doc finding.Doc, conn *action.AWS, caseID string) (casefile.Plan, error) {
	first := answered(doc.Incident)[0]
	here := func(s casefile.Subject) bool { return planned(s) && !elsewhere(s, conn) }
	if !slices.ContainsFunc(answered(doc.Incident), here) {
		return casefile.Plan{}, fmt.Errorf("the finding is about account %s, the credentials are of account %s (%s): log in to the right account", first.Account, conn.Account, conn.Caller)
	}
	p := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: caseID, Account: conn.Account, Region: conn.Region, Partition: conn.Partition,
		Survives: []string{}, NotCaptured: []string{},
	}
	if conn.Management != nil {
		p.Management = conn.Management.Caller
	}
	if doc.Raw != nil {
		i := doc.Incident
		p.Finding, p.FindingRaw = &i, string(doc.Raw)
	}
	if p.Case == "" {
		p.Case = caseName(conn.Account, first, doc)
	}
	if !validCase(p.Case) {
		return p, fmt.Errorf("%w: %q is no case id", errUsage, p.Case)
	}
	return p, nil
}

// elsewhere tells a subject of another account, which these credentials cannot reach. An account may be answered from
// its organisation's management account, as its playbook finds out.
func elsewhere(s casefile.Subject, conn *action.AWS) bool {
	return s.Account != "" && s.Account != conn.Account && s.Kind != casefile.AWSAccount
}

// caseName is the same for the same finding, so that two responders meet in one case.
func caseName(account string, s casefile.Subject, doc finding.Doc) string {
	name := account + "-" + strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) {
			return r
		}
		return '-'
	}, strings.ToLower(s.ID))
	if len(name) > 80 {
		name = name[:80]
	}
	if doc.Incident.Finding.ID == "" {
		return name
	}
	return name + "-" + casefile.HashBytes([]byte(doc.Incident.Finding.ID))[:8]
}

// planAnswer is the plan's JSON for others to build on.
type planAnswer struct {
	Hash string `json:"plan"`
	casefile.Plan
}

// showPlan shows a plan, or its JSON with the hash beside the members: the file itself holds none.
func (a *app) showPlan(data []byte, out string) error {
	p, hash, err := decodePlan(data)
	if err != nil {
		return err
	}
	if a.json() {
		return a.document(planAnswer{Hash: hash, Plan: p})
	}
	if p.Finding != nil {
		a.showIncident(*p.Finding)
	}
	a.say("  subject    %s   account %s   %s", p.Subject.ID, p.Account, p.Subject.Region)
	a.say("  playbook   %s", p.Subject.Playbook)
	a.say("  case       %s", p.Case)
	if p.Management != "" {
		a.say("  management %s", p.Management)
	}
	if len(p.Steps) > manySteps {
		a.showMany(p.Steps)
	} else {
		a.showSteps(p.Steps)
	}
	a.say("")
	for _, s := range p.Steps {
		if s.Irreversible != "" {
			a.say("  CANNOT BE UNDONE   step %d: %s (apply needs --irreversible %d)", s.N, s.Irreversible, s.N)
		}
	}
	for _, s := range p.Steps {
		if s.Partly != "" {
			a.say("  comes back in part step %d: %s", s.N, s.Partly)
		}
	}
	a.list("will survive", p.Survives)
	a.list("not captured", p.NotCaptured)
	a.list("WARNING", p.Warnings)
	for _, s := range p.Unanswered {
		a.say("  not answered       %s %s: %s", s.Kind, s.ID, whyUnanswered(s, p.Account))
	}
	name := out
	if name == "" {
		name = "PLAN (write one with --out)"
	}
	if p.Kind == casefile.PlanContain {
		a.say("\nplan %s\ncordon apply %s --approve %s", hash, name, hash)
	}
	return nil
}

func (a *app) showSteps(steps []casefile.Step) {
	phase := casefile.Phase("")
	for _, s := range steps {
		if s.Phase != phase {
			phase = s.Phase
			a.sayPhase(phase)
		}
		a.showStep(s)
	}
}

func (a *app) sayPhase(p casefile.Phase) { a.say("\n  %s", strings.ToUpper(string(p))) }

func whyUnanswered(s casefile.Subject, account string) string {
	if planned(s) && s.Account != account {
		return "it is in account " + s.Account + ": plan for it with credentials of that account"
	}
	return "this version has no " + s.Playbook + " playbook to plan with"
}

func (a *app) list(title string, lines []string) {
	for i, l := range lines {
		if i > 0 {
			title = ""
		}
		a.say("  %-18s %s", title, l)
	}
}

func (a *app) showStep(s casefile.Step) {
	what := s.Action
	if s.Target.ID != "" {
		what += "  " + short(s.Target.ID)
	}
	a.say("  %2d  %-50s %s", s.N, what, s.Change)
	for _, i := range s.Impact {
		a.say("      %-50s ! %s", "", i)
	}
}

// short keeps the telling end of an ARN.
func short(id string) string {
	if strings.HasPrefix(id, "arn:") {
		parts := strings.SplitN(id, ":", 6)
		return parts[len(parts)-1]
	}
	return id
}
