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
	"cordon/internal/deploy"
	"cordon/internal/engine"
	"cordon/internal/finding"
	"cordon/internal/playbook"
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
  0 planned · 1 error, or there is no such resource · 2 usage
  3 planned, but not for all that is compromised, or a log could not be read whole · 5 no playbook answers`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			made, err := a.plan(c.Context(), args[0], p)
			if err != nil {
				return err
			}
			return errors.Join(a.showPlan(made.data, p.out), made.lacks, made.close())
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
	lacks error        // what is compromised and could not be planned for; nil: nothing
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
	subjects := answered(doc.Incident)
	if !slices.ContainsFunc(subjects, planned) {
		return made{}, fmt.Errorf("%w: this version has no playbook for %s; nothing was touched", errNoPlaybook, kinds(subjects))
	}
	subjects, refused := sound(subjects)
	if len(subjects) == 0 {
		return made{}, refused
	}
	a.regionFor(subjects)
	conn, err := a.connect(ctx)
	if err != nil {
		return made{}, err
	}
	where := whereAmI(ctx, conn, subjects)
	base, err := frame(doc, subjects, where, p.caseID)
	if err != nil {
		return made{}, err
	}
	if refused != nil {
		base.Warnings = append(base.Warnings, "NOT PLANNED: "+refused.Error())
	}
	m := made{}
	if p.looks(subjects) {
		found, err := a.lookFirst(ctx, doc.Incident, p.from)
		if err != nil {
			return made{}, err
		}
		m.scope = &found
	}
	if err := m.fill(ctx, a, where, base, m.named(subjects, doc.Incident), o); err != nil {
		return made{}, errors.Join(err, m.close())
	}
	if m.scope == nil && slices.ContainsFunc(m.plan.Subjects, isIdentity) {
		m.plan.Warnings = append(m.plan.Warnings, p.notLooked())
	}
	m.told()
	if m.lacks == nil && refused != nil {
		m.lacks = fmt.Errorf("%w: %w", engine.ErrPartly, refused)
	}
	return m, m.encode(p.out)
}

// sound are the subjects whose ids may be acted on. The error names the others.
func sound(subjects []casefile.Subject) ([]casefile.Subject, error) {
	var good []casefile.Subject
	var refused []error
	for _, s := range subjects {
		if err := finding.CheckID(s); err != nil {
			refused = append(refused, fmt.Errorf("refuse to plan for %s %q: %w", s.Kind, s.ID, err))
			continue
		}
		good = append(good, s)
	}
	return good, errors.Join(refused...)
}

// fill drafts the plan.
func (m *made) fill(ctx context.Context, a *app, where place, base casefile.Plan, all []asked, o playbook.Options) error {
	err := during(a.stderr, "looking, to plan", func() (err error) {
		m.plan, err = answer(ctx, where, base, all, o)
		return err
	})
	if errors.Is(err, engine.ErrPartly) {
		m.lacks, err = err, nil
	}
	if err == nil && !actsOutside(m.plan) {
		m.plan.Management = ""
	}
	return err
}

// encode gives the plan's bytes, and writes them to out.
func (m *made) encode(out string) error {
	data, _, err := engine.Encode(m.plan)
	if err != nil {
		return errors.Join(err, m.close())
	}
	m.data = data
	if out == "" {
		return nil
	}
	if err := os.WriteFile(out, data, 0o600); err != nil {
		return errors.Join(fmt.Errorf("write the plan: %w", err), m.close())
	}
	return nil
}

// actsOutside tells whether a plan makes calls in the organisation's management account.
func actsOutside(p casefile.Plan) bool {
	return slices.ContainsFunc(p.Steps, func(s casefile.Step) bool {
		return slices.ContainsFunc(action.All, func(a action.Action) bool { return a.Name == s.Action && deploy.ActsOn(a, deploy.Management) })
	})
}

// notLooked is what a plan says that was made without asking whom the intruder reached.
func (p *planFlags) notLooked() string {
	if p.cuts && p.from.given() {
		return "whom the intruder reached from here is looked for once this is contained, and gets a plan of its own then"
	}
	return "whom the intruder reached from here was not looked for: sessions and roles assumed from it live on; plan again with --lookup, or with --logs PATH"
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
