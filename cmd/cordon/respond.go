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
	var from source
	var second secondFlags
	c := &cobra.Command{
		Use:   "respond FINDING|RESOURCE",
		Short: "Triage, plan, ask, apply, scope, report",
		Long: `The commands one after the other, asking once. Without a terminal it plans, shows the plan and stops with exit 4.
With --logs, --lookup or --index it also answers, once the resource is contained, who did it and what they reached; the
answer becomes part of the case. Without one, cordon scope CASE does it later.

EXIT STATUS
  0 done and proved · 1 error · 2 usage · 3 partly done · 4 a decision is needed · 5 no playbook answers`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			then, err := a.scopeThen(from)
			if err != nil {
				return err
			}
			_, data, err := a.plan(c.Context(), args[0], p)
			if err != nil {
				return err
			}
			if !a.json() {
				if err := a.showPlan(data, p.out); err != nil {
					return err
				}
			}
			return a.apply(c.Context(), data, applying{approve: approve, irreversible: irreversible, wait: true, then: then, second: second})
		},
	}
	p.add(c)
	second.add(c)
	c.Flags().StringVar(&approve, "approve", "", "the plan's hash, where it is known already")
	c.Flags().IntSliceVar(&irreversible, "irreversible", nil, "numbers of steps that cannot be undone and are approved all the same")
	from.flags(a, c, "logs", "lookup", "index")
	return c
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
