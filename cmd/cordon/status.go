package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/report"
)

// outcome writes the report, verifies the case up to its own head and shows where it stands; workErr decides
// the exit status.
func (a *app) outcome(ctx context.Context, c *casefile.Case, workErr error) error {
	ctx = context.WithoutCancel(ctx)
	if len(c.Entries()) == 0 && workErr != nil {
		return workErr // it says why nothing was begun
	}
	answer, err := a.answer(ctx, c)
	if err != nil {
		return errors.Join(workErr, err)
	}
	return errors.Join(workErr, a.tellCase(answer), answer.unsaved)
}

func (a *app) tellCase(answer caseAnswer) error {
	if a.json() {
		return a.document(answer)
	}
	a.showCase(answer)
	return nil
}

func (a *app) answer(ctx context.Context, c *casefile.Case) (caseAnswer, error) {
	p, err := c.Progress(ctx)
	if err != nil {
		return caseAnswer{}, err
	}
	answer := caseAnswer{
		Case: p.Case, Simulated: p.Simulated, State: p.State, ContainedMS: p.ContainedMS, IsolatedMS: p.IsolatedMS, NotContained: p.NotContained, Head: p.Head.String(),
		Scoped: slices.ContainsFunc(p.Evidence, func(x casefile.Artifact) bool { return x.Name == report.ScopeName }),
		Steps:  append([]casefile.StepStatus{}, p.All()...), Plans: planLines(p), Dropped: dropped(p), Standing: standsBesides(p), Loss: append([]casefile.Loss{}, p.Loss...), Survives: append([]string{}, p.Survives...), NotCaptured: append([]string{}, p.NotCaptured...),
	}
	seeds, _, err := a.caseSeeds(c, p, nil)
	answer.seeded = err == nil && len(seeds) > 0
	answer.Verified = casefile.Verify(ctx, c.Store, casefile.VerifyOptions{Head: answer.Head}).OK
	if answer.Report, err = a.saveReport(ctx, c, ""); err != nil {
		answer.unsaved = fmt.Errorf("write the report: %w", err)
	}
	return answer, nil
}

// saveReport writes the report into the case's folder, or beside the user's state for a case on S3.
func (a *app) saveReport(ctx context.Context, c *casefile.Case, dir string) (string, error) {
	r, err := report.Build(ctx, c)
	if err != nil {
		return "", err
	}
	if dir == "" {
		dir = c.Store.Location()
	}
	if strings.HasPrefix(c.Store.Location(), "s3://") && strings.HasPrefix(dir, "s3:") {
		state, err := stateFolder()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(state, "reports", c.Meta.ID)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the report's folder: %w", err)
	}
	return report.Save(ctx, r, dir)
}

func (a *app) statusCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "status [CASE]",
		Short: "Where a case stands; without CASE, which cases there are",
		Long: `Reads the journal, and tells of every plan of the case that is in force: approved, and neither released nor planned
again since. Reaches AWS only for a case on S3.

EXIT STATUS
  0 contained or released, nothing missing · 1 error · 3 something is not done, not contained, or lost · 4 a decision is needed`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listCases(c.Context())
			}
			kase, err := a.open(c.Context(), args[0])
			if err != nil {
				return err
			}
			if len(kase.Entries()) == 0 {
				return fmt.Errorf("%w: nothing has been approved yet: the journal of case %s is empty. If somebody has worked on it, it was not copied whole: %s",
					engine.ErrDecision, kase.Meta.ID, a.next("verify", a.caseArg(kase.Meta.ID)))
			}
			answer, err := a.answer(c.Context(), kase)
			if err != nil {
				return err
			}
			if answer.unsaved != nil {
				a.tell("%v", answer.unsaved) // where a case stands is known all the same: on a full disk, on a medium that cannot be written
			}
			return errors.Join(a.tellCase(answer), standing(c.Context(), kase))
		},
	}
	a.reaches(c)
	return c
}

// standing turns where a case stands into the error of the exit status.
func standing(ctx context.Context, c *casefile.Case) error {
	p, err := c.Progress(ctx)
	if err != nil {
		return err
	}
	if p.Plan == "" {
		return fmt.Errorf("%w: nothing has been approved yet", engine.ErrDecision)
	}
	open, drift := 0, 0
	for _, s := range p.All() {
		switch s.State {
		case casefile.Done, casefile.Undone:
		case casefile.Drift:
			drift++
		default:
			open++
		}
	}
	switch {
	case drift > 0:
		return fmt.Errorf("%w: %s drifted", engine.ErrDecision, counted(drift, "step has", "steps have"))
	case p.State != casefile.Released && p.NotContained != "":
		return fmt.Errorf("%w: %s", engine.ErrPartly, p.NotContained)
	case p.State != casefile.Released && open > 0:
		return fmt.Errorf("%w: %s not done", engine.ErrPartly, counted(open, "step is", "steps are"))
	case p.Release != "" && p.State != casefile.Released:
		return fmt.Errorf("%w: the release is not finished: %s", engine.ErrPartly, counted(len(p.Changes), "change stands", "changes stand"))
	case len(p.Loss) > 0:
		return fmt.Errorf("%w: %s in the loss ledger", engine.ErrPartly, counted(len(p.Loss), "line", "lines"))
	}
	return nil
}

func (a *app) listCases(ctx context.Context) error {
	root, err := a.casesRoot()
	if err != nil {
		return err
	}
	if strings.HasPrefix(root, "s3://") {
		return fmt.Errorf("%w: name the case: cases on S3 are not listed; which there are: aws s3 ls %s", errUsage, quoted(strings.TrimSuffix(root, "/")+"/"))
	}
	dirs, err := os.ReadDir(root)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("list the cases: %w", err)
	}
	type line struct {
		Case  string             `json:"case"`
		State casefile.CaseState `json:"state,omitempty"`
		Error string             `json:"error,omitempty"`
	}
	lines := []line{}
	for _, d := range dirs {
		l := line{Case: d.Name()}
		kase, err := casefile.OpenCase(ctx, casefile.NewDir(filepath.Join(root, d.Name())))
		if err == nil {
			var p casefile.Progress
			p, err = kase.Progress(ctx)
			l.State = p.State
		}
		if err != nil {
			l.Error = err.Error()
		}
		lines = append(lines, l)
	}
	if a.json() {
		return a.document(map[string]any{"cases": lines})
	}
	for _, l := range lines {
		a.say("%-60s %s%s", l.Case, l.State, l.Error)
	}
	if len(lines) == 0 {
		a.say("no cases in %s", root)
	}
	return nil
}

func (a *app) reportCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "report CASE",
		Short: "Write the case's report: HTML, Markdown and JSON",
		Args:  exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			kase, err := a.open(c.Context(), args[0])
			if err != nil {
				return err
			}
			path, err := a.saveReport(c.Context(), kase, out)
			if err != nil {
				return err
			}
			if a.json() {
				return a.document(map[string]string{"case": kase.Meta.ID, "report": path})
			}
			a.say("%s", path)
			return nil
		},
	}
	c.Flags().StringVar(&out, "out", "", "the folder to write to (default: the case's own)")
	a.reaches(c)
	return c
}

var headSyntax = regexp.MustCompile(`^([1-9][0-9]*:)?[0-9a-f]{64}$`)

// anchors refuses what cannot be a head or a key: a slip in it is not a case that is broken.
func anchors(o casefile.VerifyOptions) error {
	if o.Head != "" && !headSyntax.MatchString(o.Head) {
		return fmt.Errorf("%w: --head %q is no head: that is SEQ:HASH or HASH, as status, apply and the report print it, the hash whole", errUsage, o.Head)
	}
	for _, k := range o.Keys {
		if !casefile.SameKey(k, k) {
			return fmt.Errorf("%w: --key %q is no verifier key: that begins with cordon+, and the report lists those of a case", errUsage, k)
		}
	}
	return nil
}

func (a *app) verifyCommand() *cobra.Command {
	var o casefile.VerifyOptions
	c := &cobra.Command{
		Use:   "verify CASE",
		Short: "Check a case offline: signatures, chain, evidence",
		Long: `Needs nothing but the case. Without --head or --key from outside, a cut tail and a case forged whole cannot be seen,
and the answer says "unanchored".

EXIT STATUS
  0 intact · 1 broken, or it could not be read · 2 usage`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := anchors(o); err != nil {
				return err
			}
			s, err := a.store(c.Context(), args[0])
			if err != nil {
				return err
			}
			if _, err := os.Stat(s.Location()); errors.Is(err, os.ErrNotExist) && !strings.HasPrefix(s.Location(), "s3://") {
				return a.noCase(args[0], s) // a slip in the name: nothing is broken
			}
			v := casefile.Verify(c.Context(), s, o)
			if a.json() {
				if err := a.document(v); err != nil {
					return err
				}
			} else {
				a.say("%s", v.Summary)
				for _, p := range v.Problems {
					if !strings.HasSuffix(v.Summary, p) {
						a.say("  %s", p)
					}
				}
			}
			if !v.OK {
				return fmt.Errorf("%s does not verify", args[0])
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Head, "head", "", "the head known from outside, SEQ:HASH or HASH")
	c.Flags().StringArrayVar(&o.Keys, "key", nil, "a verifier key known from outside; no other is trusted then")
	a.reaches(c)
	return c
}
