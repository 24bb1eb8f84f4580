package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/trail"
)

func (a *app) trailCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trail",
		Short: "Work on CloudTrail logs: index",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: there is no command %q (see cordon trail --help)", errUsage, args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.indexCommand())
	return c
}

func (a *app) indexCommand() *cobra.Command {
	var s source
	var out string
	c := &cobra.Command{
		Use:   "index --logs PATH --out INDEX",
		Short: "Read logs once, so that each further question takes seconds",
		Long: `Reads logs as cordon scope does and keeps what a question needs in a folder: cordon scope --index INDEX and cordon
timeline --index INDEX then read no log again. The folder holds the records themselves: it is as secret as the logs, and
larger than they are compressed. It is derived: delete it at will.

EXIT STATUS
  0 all was read · 1 error · 2 usage · 3 something could not be read: the index lacks it`,
		Args: exact(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return fmt.Errorf("%w: name the index's folder with --out", errUsage)
			}
			if err := s.check(); err != nil {
				return err
			}
			return a.makeIndex(c.Context(), s, out)
		},
	}
	c.Flags().StringVar(&out, "out", "", "the folder of the index; made, and never written over")
	s.flags(a, c, "logs")
	return c
}

func (a *app) makeIndex(ctx context.Context, s source, dir string) error {
	files, err := a.logFiles(ctx, s.logs)
	if err != nil {
		return err
	}
	keys, err := readKeys(s.keys)
	if err != nil {
		return err
	}
	x, err := trail.CreateIndex(dir)
	if err != nil {
		return err
	}
	c, err := a.readLogs(ctx, files, trail.Options{Workers: s.workers(), Keys: keys, Raw: x})
	if err != nil {
		return fmt.Errorf("%w; %s is no index yet: delete it and begin again", err, dir)
	}
	if err := x.Finish(c); err != nil {
		return fmt.Errorf("%w; %s is no index yet: delete it and begin again", err, dir)
	}
	a.showIngest(c.Ingest())
	if a.json() {
		err = a.document(map[string]any{"index": dir, "events": c.Len(), "ingest": c.Ingest()})
	} else {
		a.say("%s: %s. cordon scope --index %s --seed SEED", dir, counted(c.Len(), "event", "events"), quoted(dir))
	}
	if err != nil {
		return err
	}
	return incomplete(c.Ingest())
}

// quoted is a name as a shell takes it for one word.
func quoted(name string) string {
	if strings.Trim(name, pasteable) == "" && !strings.ContainsAny(name, " '") {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
