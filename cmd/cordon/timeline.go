package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/escape"
	"cordon/internal/trail"
)

// timelineFlags are which events a timeline has, and how they are written.
type timelineFlags struct {
	from         source
	since, until string
	filter       trail.TimelineFilter
	format, out  string
}

func (a *app) timelineCommand() *cobra.Command {
	var o timelineFlags
	formats := strings.Join(trail.TimelineFormats[:], ", ")
	c := &cobra.Command{
		Use:   "timeline --logs PATH | --index INDEX",
		Short: "The events of a log in the order of time, for a spreadsheet or Timesketch",
		Long: `Reads CloudTrail logs as cordon scope does and prints the events that the filters admit, in the order of time. Filters
of different kinds must all match, of one kind any; case does not matter, and * stands for any text. CSV is for
reading in a spreadsheet, where nothing of it runs as a formula; JSON lines hold every text exactly.

EXIT STATUS
  0 all was read · 1 error · 2 usage · 3 something could not be read: the timeline may lack it`,
		Args: exact(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if a.json() {
				return fmt.Errorf("%w: a timeline is no single document: --format jsonl writes it as JSON lines", errUsage)
			}
			if !slices.Contains(trail.TimelineFormats[:], o.format) {
				return fmt.Errorf("%w: --format takes %s, not %q", errUsage, formats, o.format)
			}
			if err := o.from.check(); err != nil {
				return err
			}
			return a.timeline(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.since, "since", "", "nothing before this time (RFC 3339; without a zone, or a date's beginning: UTC)")
	f.StringVar(&o.until, "until", "", "nothing after this time")
	f.StringArrayVar(&o.filter.Names, "name", nil, "event name: AssumeRole, Delete*")
	f.StringArrayVar(&o.filter.Sources, "source", nil, "service: iam, or iam.amazonaws.com")
	f.StringArrayVar(&o.filter.Principals, "principal", nil, "ARN, principal id or name of the caller, or ARN of its role")
	f.StringArrayVar(&o.filter.Keys, "key", nil, "access key")
	f.StringArrayVar(&o.filter.Addresses, "address", nil, "source address, network, or name of a service")
	f.StringArrayVar(&o.filter.Regions, "in-region", nil, "region of the event")
	f.StringArrayVar(&o.filter.Accounts, "account", nil, "account of the event or of the caller")
	f.StringArrayVar(&o.filter.Outcomes, "outcome", nil, "success, denied or error")
	f.StringVar(&o.format, "format", "csv", formats)
	f.StringVar(&o.out, "out", "", "write to this file, which must not be there yet, instead of stdout")
	o.from.flags(a, c, "logs", "index")
	return c
}

func (a *app) timeline(ctx context.Context, o timelineFlags) error {
	var err error
	if o.filter.Since, o.filter.Until, err = window(o.since, o.until); err != nil {
		return err
	}
	if o.out != "" {
		if err := free(o.out); err != nil {
			return err
		}
	}
	if err := checkFilter(ctx, o.filter); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	c, err := a.corpus(ctx, o.from, trail.Question{})
	if err != nil {
		return err
	}
	defer c.Close()
	rows, err := a.writeTimeline(ctx, c, o)
	if err != nil {
		return err
	}
	a.showIngest(c.Ingest())
	a.tell("%s in the timeline", counted(rows, "event", "events"))
	if o.format == "csv" && rows >= trail.MaxSheetRows {
		a.tell("a spreadsheet shows the first %s of them: narrow the timeline, or take --format jsonl", thousands(trail.MaxSheetRows-1))
	}
	return incomplete(c.Ingest())
}

// writeTimeline writes to stdout, or to the file of --out, which gets its name when it is whole.
func (a *app) writeTimeline(ctx context.Context, c *trail.Corpus, o timelineFlags) (rows int, err error) {
	if o.out == "" {
		return timelineTo(ctx, a.stdout, c, o)
	}
	f, err := createDraft(o.out)
	if err != nil {
		return 0, err
	}
	err = during(a.stderr, "writing "+escape.Text(o.out), func() (err error) {
		rows, err = timelineTo(ctx, f, c, o)
		return err
	})
	return rows, keepDraft(o.out, errors.Join(err, f.Close()))
}

func timelineTo(ctx context.Context, out io.Writer, c *trail.Corpus, o timelineFlags) (rows int, err error) {
	w, err := trail.NewTimelineWriter(o.format, out)
	if err != nil {
		return 0, err
	}
	if err := trail.Timeline(ctx, c, o.filter, w.Write); err != nil {
		return w.Rows, err
	}
	return w.Rows, w.Close()
}

// checkFilter asks an empty log, so that a mistake in a filter does not cost the reading of a long one. An interrupt is no
// mistake in a filter.
func checkFilter(ctx context.Context, f trail.TimelineFilter) error {
	ctx = context.WithoutCancel(ctx)
	none, err := trail.Read(ctx, nil, trail.Options{})
	if err != nil {
		return err
	}
	return trail.Timeline(ctx, none, f, func(trail.TimelineRow) error { return nil })
}
