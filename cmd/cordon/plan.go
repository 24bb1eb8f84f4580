package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/deploy"
	"cordon/internal/engine"
	"cordon/internal/finding"
	"cordon/internal/playbook"
)

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
			return errors.Join(a.showPlan(made.data, a.toApply(p.out)), made.lacks, made.close())
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
	if len(doc.Incident.Subjects) == 0 {
		return made{}, fmt.Errorf("%w: the finding names nothing that can be acted on: read it, and name what it is about: cordon plan RESOURCE, which is an ARN, or %s; nothing was touched", errNoPlaybook, resourceLike(""))
	}
	if !slices.ContainsFunc(subjects, planned) {
		return made{}, fmt.Errorf("%w: this version has no playbook for %s; nothing was touched", errNoPlaybook, kinds(doc.Incident.Subjects))
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
		base.Warnings = append(base.Warnings, "NOT PLANNED for all: "+refused.Error())
	}
	m := made{}
	if p.looks(subjects) {
		found, err := a.lookFirst(ctx, where.whole(doc.Incident), p.from)
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
	m.plan.Warnings = append(m.plan.Warnings, p.idle(m.plan)...)
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
	if err := writePlan(out, data); err != nil {
		return errors.Join(err, m.close())
	}
	return nil
}

// writePlan writes a plan's file: over an earlier plan, and over nothing else. The finding that it was made from lies
// beside it, and is evidence.
func writePlan(name string, data []byte) error {
	if was, err := os.Stat(name); err == nil && was.Mode().IsRegular() && was.Size() > 0 {
		if _, err := readPlan(name); err != nil {
			return fmt.Errorf("write the plan: %s is there already and is none: it is left as it is; name another file with --out", name)
		}
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		return fmt.Errorf("write the plan: %w", err)
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
	return strings.Join(names, ", ")
}
