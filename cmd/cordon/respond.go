package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
)

func (a *app) respondCommand() *cobra.Command {
	var p planFlags
	var approve string
	var irreversible []int
	var second secondFlags
	c := &cobra.Command{
		Use:   "respond FINDING|RESOURCE",
		Short: "Triage, plan, ask, apply, scope, report",
		Long: `The commands one after the other, asking once. Without a terminal it plans, shows the plan and stops with exit 4.
With --logs, --lookup or --index it also answers who did it and what they reached; the answer becomes part of the case.
Of a resource that is asked once it is contained. Of credentials, a role or an account it is asked first, so that the
sessions and roles reached from it are cut with it, unless --cut-first. Without one, cordon scope CASE does it later.

EXIT STATUS
  0 done and proved · 1 error · 2 usage · 3 partly done · 4 a decision is needed · 5 no playbook answers`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			then, err := a.scopeThen(p.from)
			if err != nil {
				return err
			}
			p.cuts = true
			m, err := a.plan(c.Context(), args[0], p)
			if err != nil {
				return err
			}
			if m.scope != nil {
				then = a.keepThen(m.scope)
			}
			if !a.json() {
				if err := a.showPlan(m.data, p.out); err != nil {
					return errors.Join(err, m.close())
				}
			}
			return a.apply(c.Context(), m.data, applying{approve: approve, irreversible: irreversible, wait: true, then: then, second: second})
		},
	}
	p.add(c)
	second.add(c)
	c.Flags().StringVar(&approve, "approve", "", "the plan's hash, where it is known already")
	c.Flags().IntSliceVar(&irreversible, "irreversible", nil, "numbers of steps that cannot be undone and are approved all the same")
	p.from.flags(a, c, "logs", "lookup", "index")
	return c
}

func identityFirst(s casefile.Subject) bool {
	return s.Playbook == casefile.PlaybookCredentials || s.Playbook == casefile.PlaybookRole || s.Playbook == casefile.PlaybookAccount
}

// keepThen makes the answer that the plan was made from part of the case.
func (a *app) keepThen(answer *scopeAnswer) func(context.Context, *casefile.Case) error {
	return func(ctx context.Context, kase *casefile.Case) error {
		p, err := kase.Progress(ctx)
		if err == nil {
			err = a.keepScope(ctx, kase, p, *answer)
		}
		switch {
		case err != nil:
		case a.json():
			err = incomplete(answer.corpus.Ingest())
		default:
			err = a.showScope(*answer)
		}
		return errors.Join(err, answer.corpus.Close())
	}
}

// scopeThen gives what respond does after the containment: nothing, where no source of events is named.
func (a *app) scopeThen(from source) (func(context.Context, *casefile.Case) error, error) {
	if len(from.logs) == 0 && !from.lookup && from.index == "" && len(from.keys) == 0 {
		return nil, nil
	}
	if err := from.check(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, kase *casefile.Case) error {
		answer, err := a.scopeInto(ctx, kase.Meta.ID, scopeFlags{from: from})
		if err != nil {
			return fmt.Errorf("answer who did it and what they reached (the containment is not touched by this; cordon scope %s asks again): %w", kase.Meta.ID, err)
		}
		if !a.json() {
			err = a.showScope(answer)
		} else {
			err = incomplete(answer.corpus.Ingest())
		}
		return errors.Join(err, answer.corpus.Close())
	}, nil
}
