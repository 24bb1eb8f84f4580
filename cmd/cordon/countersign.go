package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/engine"
)

func (a *app) countersignCommand() *cobra.Command {
	var approve, out string
	c := &cobra.Command{
		Use:   "countersign PLAN",
		Short: "Sign a plan as the second person: anything account-wide needs two",
		Long: `Shows the plan and signs its hash with your own key, on your own machine. Whoever made the plan applies it with what
this writes (--second FILE). It reaches no AWS account and changes nothing. Releases are countersigned in the same way:
cordon release CASE --out PLAN writes theirs.

EXIT STATUS
  0 signed · 1 error · 2 usage · 4 your approval is needed`,
		Args: exact(1),
		RunE: func(c *cobra.Command, args []string) error {
			data, err := readPlan(args[0])
			if err != nil {
				return err
			}
			return a.countersign(c.Context(), data, args[0], approve, out)
		},
	}
	c.Flags().StringVar(&approve, "approve", "", "the plan's hash, where it is known already")
	c.Flags().StringVar(&out, "out", "", "write the signature to this file instead of printing it")
	return c
}

func (a *app) countersign(ctx context.Context, data []byte, name, approve, out string) error {
	plan, hash, err := decodePlan(data)
	if err != nil {
		return err
	}
	if !a.json() && approve == "" {
		if err := a.showPlan(data, a.toCountersign); err != nil {
			return err
		}
	}
	if _, err := a.approved(ctx, hash, approve, fmt.Sprintf("Sign, as the second person, %d steps in account %s", len(plan.Steps), plan.Account)); err != nil {
		return err
	}
	signer, err := a.signer()
	if err != nil {
		return err
	}
	second, err := signer.Countersign(casefile.Countersignature{
		Plan: hash, Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: a.who(), Time: time.Now(),
	})
	if err != nil {
		return err
	}
	if out == "" {
		_, err := a.stdout.Write(second)
		return err
	}
	if err := writeNew(out, second); err != nil {
		if errors.Is(err, os.ErrExist) {
			return fmt.Errorf("write the signature: %w; nothing is overwritten: name another file with --out", err)
		}
		return fmt.Errorf("write the signature: %w", err)
	}
	a.tell("signed plan %s as %s, with key %s\nGive them %s: whoever carries the plan out adds --second %s", hash, a.who(), signer.VerifierKey(), out, quoted(out))
	return nil
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// who sits at the keyboard.
func (a *app) who() string {
	if a.person != "" {
		return a.person
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// secondFlags are those of the commands that need two persons for what concerns a whole account.
type secondFlags struct{ file, approvers string }

func (s *secondFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&s.file, "second", "", "a file that cordon countersign wrote: the second person's signature, for what concerns a whole account")
	c.Flags().StringVar(&s.approvers, "approvers", os.Getenv("CORDON_APPROVERS"), "a file of verifier keys, one a line: the second signature must be by one of them (default: $CORDON_APPROVERS)")
}

// take hands the second signature to the engine, and says whose it is.
func (a *app) take(s secondFlags, e *engine.Engine) error {
	if s.approvers != "" {
		keys, err := approvers(s.approvers)
		if err != nil {
			return err
		}
		e.Approvers = keys
	}
	if s.file == "" {
		return nil
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return fmt.Errorf("read the second signature: %w", err)
	}
	c, err := casefile.ReadCountersignature(data)
	if err != nil {
		return fmt.Errorf("%s is not what cordon countersign wrote: %w", s.file, err)
	}
	e.Second = data
	known := "; whether that is their key, you know from them alone (or list keys with --approvers)"
	if slices.ContainsFunc(e.Approvers, func(key string) bool { return casefile.SameKey(key, c.Key) }) {
		known = ", one of the approvers' keys"
	} else if len(e.Approvers) > 0 {
		known = ", which is none of the approvers' keys"
	}
	a.tell("second signature: by %s at %s, with key %s%s", c.Person, c.Time.Format(time.RFC3339), c.Key, known)
	return nil
}

func approvers(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open the approvers' keys: %w", err)
	}
	defer f.Close()
	var keys []string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if line := strings.TrimSpace(lines.Text()); line != "" && !strings.HasPrefix(line, "#") {
			if !casefile.SameKey(line, line) {
				return nil, fmt.Errorf("line %d of %s is no verifier key: cordon countersign prints the signer's, which begins with cordon+", n, name)
			}
			keys = append(keys, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the approvers' keys: %w", err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no approver's key: one a line, as cordon countersign prints the signer's", name)
	}
	return keys, nil
}
