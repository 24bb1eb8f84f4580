// Command cordon answers a compromise in an AWS account: it says what is compromised, preserves evidence,
// isolates, proves, reports, and puts back.
//
// Rules of output: stdout holds what was asked for and, with -o json, one JSON document and nothing else;
// progress and errors go to stderr; whatever an attacker may have chosen is escaped before it is printed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"cordon/internal/action"
	"cordon/internal/engine"
	"cordon/internal/report"
)

// version is set by the linker for releases.
var version = "0.1.0-dev"

// The exit statuses, as DESIGN.md gives them.
const (
	exitDone = iota
	exitError
	exitUsage
	exitPartly
	exitDecision
	exitNoPlaybook
)

var (
	errUsage      = errors.New("usage")
	errNoPlaybook = errors.New("no playbook answers")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // whoever presses Ctrl-C again wants out at once; resume goes on from anywhere
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process: the tests' way in.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return (&app{stdin: stdin, stdout: stdout, stderr: stderr}).run(ctx, args)
}

func (a *app) run(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && !errors.Is(err, errSaid) {
		fmt.Fprintln(a.stderr, "cordon: "+lines(err))
	}
	return status(err)
}

// lines escapes an error for the terminal and keeps the line breaks that cordon's own errors are made of. Whoever pressed
// Ctrl-C reads that it was that.
func lines(err error) string {
	text := err.Error()
	if errors.Is(err, context.Canceled) {
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	parts := strings.Split(text, "\n")
	for i, p := range parts {
		parts[i] = report.Escape(p)
	}
	return strings.Join(parts, "\n")
}

// status picks the exit status. Where several hold: 2, 1, 4, 3, 5.
func status(err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, action.ErrGone):
		return exitError
	case errors.Is(err, engine.ErrDecision):
		return exitDecision
	case errors.Is(err, engine.ErrPartly):
		return exitPartly
	case errors.Is(err, errNoPlaybook):
		return exitNoPlaybook
	}
	return exitError
}

// errSaid marks an error that the command has told the user already.
var errSaid = errors.New("said")

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "cordon",
		Short:         "Answer a compromise in an AWS account: preserve, isolate, prove, report, put back",
		SilenceUsage:  true,
		SilenceErrors: true,

		SuggestionsMinimumDistance: 2,
		Version:                    version,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				like := ""
				if near := c.SuggestionsFor(args[0]); len(near) > 0 {
					like = "; did you mean " + strings.Join(near, " or ") + "?"
				}
				return fmt.Errorf("%w: there is no command %q%s (see cordon --help)", errUsage, args[0], like)
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
		Long: `cordon answers one question for whoever is on call when something in an AWS account is compromised: what do I
do now, in which order, without destroying the evidence and without breaking what cannot be put back?

EXIT STATUS
  0  all that was asked is done and proved
  1  error
  2  usage
  3  partly done: a step failed or still runs, nothing of the plan contains, the loss ledger is not empty, or a log could
     not be read whole
  4  a decision is needed: approval, drift
  5  no playbook answers`,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w (see %s --help)", errUsage, err, c.CommandPath())
	})
	f := root.PersistentFlags()
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		a.typed = c
		if a.output != "text" && a.output != "json" {
			return fmt.Errorf("%w: -o takes text or json, not %q", errUsage, a.output)
		}
		return nil
	}
	f.StringVarP(&a.output, "output", "o", "text", "text or json")
	f.StringVar(&a.cases, "cases", "", "where cases live: a folder or s3://bucket/prefix (default $CORDON_CASES, then the user's state folder)")
	f.StringVar(&a.keyFile, "key-file", "", "the key that signs the journal (default: in the user's state folder, made on first use)")
	f.StringVar(&a.person, "person", "", "who you are, for the journal (default: the operating system's user)")
	root.AddCommand(
		a.triageCommand(), a.planCommand(), a.countersignCommand(), a.applyCommand(), a.respondCommand(), a.statusCommand(), a.resumeCommand(),
		a.scopeCommand(), a.timelineCommand(), a.trailCommand(), a.releaseCommand(), a.verifyCommand(), a.reportCommand(), a.policyCommand(), a.playbooksCommand(), a.drillCommand(),
	)
	return root
}

// exact is cobra.ExactArgs with cordon's exit status for usage.
func exact(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.ExactArgs(n)(c, args); err != nil {
			return fmt.Errorf("%w: %w (see cordon %s --help)", errUsage, err, c.Name())
		}
		return nil
	}
}

func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.MaximumNArgs(n)(c, args); err != nil {
			return fmt.Errorf("%w: %w (see cordon %s --help)", errUsage, err, c.Name())
		}
		return nil
	}
}

func atLeast(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := cobra.MinimumNArgs(n)(c, args); err != nil {
			return fmt.Errorf("%w: %w (see cordon %s --help)", errUsage, err, c.Name())
		}
		return nil
	}
}
