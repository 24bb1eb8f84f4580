package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/engine"
)

func (a *app) applyCommand() *cobra.Command {
	var approve string
	var irreversible []int
	var wait bool
	var second secondFlags
	c := &cobra.Command{
		Use:   "apply PLAN --approve HASH",
		Short: "Carry out an approved plan (asks at a terminal)",
		Long: `Carries out a plan whose hash you approve. Where the account has drifted from the plan in what matters, nothing is
changed. It returns once containment is proved; evidence that takes longer is finished by cordon resume.

EXIT STATUS
  0 done and proved · 1 error · 2 usage · 3 partly done · 4 approval is needed, or the account has drifted`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return a.apply(c.Context(), data, applying{file: args[0], approve: approve, irreversible: irreversible, wait: wait, second: second})
		},
	}
	second.add(c)
	c.Flags().StringVar(&approve, "approve", "", "the plan's hash, as cordon plan printed it")
	c.Flags().IntSliceVar(&irreversible, "irreversible", nil, "numbers of steps that cannot be undone and are approved all the same")
	c.Flags().BoolVar(&wait, "wait", false, "wait for slow evidence too")
	a.reaches(c)
	return c
}

// readPlan reads a plan's file.
func readPlan(name string) ([]byte, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the plan: %w", err)
	}
	if _, _, err := decodePlan(data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, nil
}

func decodePlan(data []byte) (casefile.Plan, string, error) {
	var p casefile.Plan
	if err := json.Unmarshal(data, &p); err != nil {
		return p, "", fmt.Errorf("read the plan (what cordon plan --out writes): %w", err)
	}
	if p.Format == 0 || p.Kind != casefile.PlanContain && p.Kind != casefile.PlanRelease {
		return p, "", errors.New("read the plan: this is none: cordon plan --out and cordon release --out write plans")
	}
	return p, casefile.HashBytes(data), nil
}

// approved compares the hash given, or asks for it.
func (a *app) approved(ctx context.Context, hash, given, question string) (how string, err error) {
	switch {
	case given == hash:
		return "flag", nil
	case len(given) >= 6 && strings.HasPrefix(hash, given):
		return "", fmt.Errorf("%w: --approve takes the whole hash: %s", engine.ErrDecision, hash)
	case given != "":
		return "", fmt.Errorf("%w: the plan's hash is %s, not %s: the file was changed since, or it is another plan. What is approved is what was read: look at it again before you approve", engine.ErrDecision, hash, given)
	}
	return "terminal", a.ask(ctx, hash, question)
}

// applying says how a plan is carried out.
type applying struct {
	file         string // that holds the plan, where one does
	approve      string // the hash, where it is known already
	irreversible []int
	wait         bool // for slow evidence
	second       secondFlags
	then         func(context.Context, *casefile.Case) error // what is done before the outcome is told; may be nil
}

// words are the plan and its approval as they are typed.
func (how applying) words(hash string) []string {
	words := []string{quoted(how.file), "--approve", hash}
	for _, n := range how.irreversible {
		words = append(words, "--irreversible", strconv.Itoa(n))
	}
	return words
}

func (a *app) apply(ctx context.Context, data []byte, how applying) error {
	plan, hash, err := decodePlan(data)
	if err != nil {
		return err
	}
	approval, err := a.approved(ctx, hash, how.approve, fmt.Sprintf("Apply %d steps to account %s", len(plan.Steps), plan.Account))
	if err != nil {
		return err
	}
	if a.conn.region == "" {
		a.conn.region = plan.Region
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	c, err := a.begin(ctx, plan)
	if err != nil {
		return err
	}
	e, err := a.engine(c, conn, "apply")
	if err != nil {
		return err
	}
	e.Irreversible, e.Wait = how.irreversible, how.wait
	if err := a.take(how.second, e); err != nil {
		return err
	}
	end := a.watch(e, "applying", len(plan.Steps))
	workErr := e.Apply(ctx, data, approval)
	end()
	if errors.Is(workErr, engine.ErrSecond) && how.file != "" {
		note := noteName()
		workErr = fmt.Errorf("%w\n%s\n%s", workErr, secondPerson(how.file, note), a.next("apply", append(how.words(hash), "--second", note)...))
	}
	if how.then != nil && ctx.Err() == nil && !errors.Is(workErr, engine.ErrDecision) {
		workErr = errors.Join(workErr, how.then(ctx, c))
		again, err := casefile.OpenCase(ctx, c.Store) // with what that added
		if err != nil {
			return errors.Join(workErr, err)
		}
		c = again
	}
	return a.outcome(ctx, c, workErr)
}

// begin makes the case, or opens it where it is there already.
func (a *app) begin(ctx context.Context, plan casefile.Plan) (*casefile.Case, error) {
	if !validCase(plan.Case) {
		return nil, fmt.Errorf("the plan's case %q is no case id", plan.Case)
	}
	signer, err := a.signer()
	if err != nil {
		return nil, err
	}
	s, err := a.store(ctx, plan.Case)
	if err != nil {
		return nil, err
	}
	meta := casefile.Meta{ID: plan.Case, Created: time.Now().UTC(), Version: version, Simulated: plan.Simulated, Key: signer.VerifierKey()}
	if err := casefile.CreateCase(ctx, s, meta); err != nil && !errors.Is(err, casefile.ErrExist) {
		return nil, err
	}
	return casefile.OpenCase(ctx, s)
}

func (a *app) resumeCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "resume CASE",
		Short: "Go on after an interruption, and finish slow evidence",
		Long: `Goes on with every plan of the case that was approved and neither released nor planned again since, or with an unfinished
release, wherever it was interrupted, on this machine or another. Waits for evidence that takes time.

EXIT STATUS
  0 done and proved · 1 error · 2 usage · 3 partly done · 4 a decision is needed`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			kase, e, err := a.openFor(ctx, args[0], "resume")
			if err != nil {
				return err
			}
			e.Wait = true
			p, err := kase.Progress(ctx)
			if err != nil {
				return err
			}
			end := a.watch(e, "resuming", len(p.All()))
			workErr := e.Resume(ctx)
			end()
			return a.outcome(ctx, kase, workErr)
		},
	}
	a.reaches(c)
	return c
}

// openFor opens a case and connects to the account and region of its plan, to go on with it.
func (a *app) openFor(ctx context.Context, id, command string) (*casefile.Case, *engine.Engine, error) {
	kase, err := a.open(ctx, id)
	if err != nil {
		return nil, nil, err
	}
	if kase.Meta.Simulated && a.conn.sim == nil {
		return nil, nil, fmt.Errorf("case %s is a drill: its account lived in that process and is gone", kase.Meta.ID)
	}
	p, err := kase.Progress(ctx)
	if err != nil {
		return nil, nil, err
	}
	if a.conn.region == "" {
		a.conn.region = p.Region
	}
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	e, err := a.engine(kase, conn, command)
	return kase, e, err
}
