package main

import (
	"github.com/spf13/cobra"
)

func (a *app) respondCommand() *cobra.Command {
	var p planFlags
	var approve string
	var irreversible []int
	c := &cobra.Command{
		Use:   "respond FINDING|RESOURCE",
		Short: "Triage, plan, ask, apply, report",
		Long: `The commands one after the other, asking once. Without a terminal it plans, shows the plan and stops with exit 4.

EXIT STATUS
  0 done and proved · 1 error · 2 usage · 3 partly done · 4 a decision is needed · 5 no playbook answers`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, data, err := a.plan(c.Context(), args[0], p)
			if err != nil {
				return err
			}
			if !a.json() {
				if err := a.showPlan(data, p.out); err != nil {
					return err
				}
			}
			return a.apply(c.Context(), data, approve, irreversible, true)
		},
	}
	p.add(c)
	c.Flags().StringVar(&approve, "approve", "", "the plan's hash, where it is known already")
	c.Flags().IntSliceVar(&irreversible, "irreversible", nil, "numbers of steps that cannot be undone and are approved all the same")
	a.reaches(c)
	return c
}
