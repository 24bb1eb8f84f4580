package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/engine"
)

func (a *app) releaseCommand() *cobra.Command {
	var approve, out, reason string
	var leave []int
	var second secondFlags
	c := &cobra.Command{
		Use:   "release CASE",
		Short: "Put back what containment changed (asks at a terminal, or --approve HASH)",
		Long: `Shows what stands and what would be put back, newest first. What somebody changed meanwhile is reported and never
overwritten; --leave N leaves such a step as it is, by your decision. With --approve HASH that is refused where N is of
another plan than the one shown: numbers change with what stands.

EXIT STATUS
  0 all is back · 1 error · 2 usage · 3 partly done · 4 approval is needed, or something has drifted`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			kase, e, err := a.openFor(ctx, args[0], "release")
			if err != nil {
				return err
			}
			if err := a.take(second, e); err != nil {
				return err
			}
			if p, err := kase.Progress(ctx); err == nil && p.Release != "" && len(p.Changes) == 0 {
				return a.outcome(ctx, kase, nil) // it says that the case is released
			}
			plan, err := e.PlanRelease(ctx)
			if err != nil {
				return err
			}
			data, hash, err := engine.Encode(plan)
			if err != nil {
				return err
			}
			if approve != "" && approve != hash {
				return fmt.Errorf("%w: the release plan's hash is %s, not %s: the case or the account has changed since, or --approve has a slip in it; look at it again: %s",
					engine.ErrDecision, hash, approve, a.next("release", a.caseArg(kase.Meta.ID)))
			}
			if len(leave) > 0 {
				return a.leave(c, e, kase, plan, leave, reason)
			}
			if out != "" {
				if err := writePlan(out, data); err != nil {
					return err
				}
			}
			if approve == "" {
				if err := a.showPlan(data, a.toRelease(kase.Meta.ID, out)); err != nil {
					return err
				}
				if why := casefile.NeedsSecond(plan); why != "" && second.file == "" {
					return fmt.Errorf("%w: a second person has to sign, because %s; nothing was done", engine.ErrDecision, why)
				}
			}
			how, err := a.approved(ctx, hash, approve, fmt.Sprintf("Put back %d changes in account %s", len(plan.Steps), plan.Account))
			if err != nil {
				return err
			}
			end := a.watch(e, "putting back", len(plan.Steps))
			workErr := e.Release(ctx, data, how)
			end()
			if errors.Is(workErr, engine.ErrSecond) {
				workErr = fmt.Errorf("%w\n%s", workErr, a.secondForRelease(kase.Meta.ID, hash, out))
			}
			return a.outcome(ctx, kase, workErr)
		},
	}
	second.add(c)
	f := c.Flags()
	f.StringVar(&approve, "approve", "", "the release plan's hash")
	f.StringVar(&out, "out", "", "write the release plan to this file")
	f.IntSliceVar(&leave, "leave", nil, "numbers of the release plan's steps to leave as they are")
	f.StringVar(&reason, "reason", "", "why, with --leave")
	a.reaches(c)
	return c
}

func (a *app) leave(c *cobra.Command, e *engine.Engine, kase *casefile.Case, plan casefile.Plan, steps []int, reason string) error {
	if reason == "" {
		return fmt.Errorf("%w: --leave needs --reason: the journal keeps it", errUsage)
	}
	p, err := kase.Progress(c.Context())
	if err != nil {
		return err
	}
	for _, n := range steps {
		if n < 1 || n > len(plan.Steps) {
			return fmt.Errorf("%w: the release plan has no step %d", errUsage, n)
		}
		// The release plan lists the changes newest first.
		if err := e.Leave(c.Context(), p.Changes[len(p.Changes)-n], reason); err != nil {
			return err
		}
	}
	return a.outcome(c.Context(), kase, nil)
}
