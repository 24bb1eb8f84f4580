package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/escape"
	"cordon/internal/trail"
)

// scopeFlags are what is asked and where the answer is looked for.
type scopeFlags struct {
	seeds        []string
	since, until string
	out          string
	schema       bool
	from         source
}

func (a *app) scopeCommand() *cobra.Command {
	var o scopeFlags
	c := &cobra.Command{
		Use:   "scope [CASE]",
		Short: "Who did it and what did they reach: the blast radius, from CloudTrail",
		Long: `Reads CloudTrail logs and follows the seeds: which events are the intruder's, which identities they became, what they
reached and gave away, what lives on, and what nobody can know because it was not logged. Changes nothing in AWS.

A SEED is ` + seedSpellings + `.
With CASE the seeds are those of the case's own finding (and of --seed, where given); cordon's own calls are left out,
and the answer becomes part of the case and of its report.

Logs are CloudTrail's in any shape: delivery files, JSON lines, LookupEvents, EventBridge, CloudWatch Logs, Lake,
Security Lake; plain, gzip or zstd; in any layout, among other files. --lookup needs no archive: it asks CloudTrail in
every enabled region, two requests a second each, and knows the management events of the last 90 days alone.

EXIT STATUS
  0 all was read; also where nothing was found, which the answer then says · 1 error · 2 usage
  3 something could not be read or looked up: the answer may lack it`,
		Args: atMost(1),
		RunE: func(c *cobra.Command, args []string) error {
			if o.schema {
				_, err := a.stdout.Write(trail.Schema())
				return err
			}
			if len(args) == 1 {
				return a.scopeCase(c.Context(), args[0], o)
			}
			if err := o.from.check(); err != nil {
				return err
			}
			if len(o.seeds) == 0 {
				return fmt.Errorf("%w: scope needs a CASE or --seed: %s", errUsage, seedSpellings)
			}
			seeds, notes, err := a.seeds(o.seeds)
			if err != nil {
				return err
			}
			answer, err := a.answerScope(c.Context(), o, trail.Question{Seeds: seeds}, notes)
			if err != nil {
				return err
			}
			return errors.Join(a.giveScope(c.Context(), answer, o), answer.corpus.Close())
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.seeds, "seed", nil, "where the question starts; may be repeated")
	f.StringVar(&o.since, "since", "", "look at nothing before this time (RFC 3339; without a zone, or a date's beginning: UTC)")
	f.StringVar(&o.until, "until", "", "look at nothing after this time")
	f.StringVar(&o.out, "out", "", "write the timeline, pivots, graph, indicators and layer into this folder")
	f.BoolVar(&o.schema, "schema", false, "print the JSON Schema of -o json and stop")
	o.from.flags(a, c, "logs", "lookup", "index")
	return c
}

// scopeAnswer is the answer with what was read for it.
type scopeAnswer struct {
	doc    *trail.Document
	corpus *trail.Corpus
	conn   *action.AWS // where AWS was asked
	calls  []casefile.Operation
	caseID string // of the case that it was asked for; "": of none
}

// answerScope asks q of what o names. What must be known beside the answer is added to its notes.
func (a *app) answerScope(ctx context.Context, o scopeFlags, q trail.Question, notes []string) (scopeAnswer, error) {
	var err error
	if q.Since, q.Until, err = window(o.since, o.until); err != nil {
		return scopeAnswer{}, err
	}
	if o.out != "" {
		if err := free(filepath.Join(o.out, "scope.json")); err != nil {
			return scopeAnswer{}, err
		}
	}
	for _, n := range notes {
		a.tell("%s", n)
	}
	answer, err := a.find(ctx, o.from, q)
	if err != nil {
		return scopeAnswer{}, err
	}
	answer.doc.Summary.Notes = append(answer.doc.Summary.Notes, notes...)
	if n := changed(answer.corpus.Ingest()); n > 0 {
		answer.doc.Summary.Notes = append(answer.doc.Summary.Notes, fmt.Sprintf("THE LOG ITSELF MAY HAVE BEEN CHANGED: %s of CloudTrail's own digests do not agree with what is here (a file was changed, or is not among those given); ingest.json of --out and a case's evidence name which", thousands(n)))
	}
	if n := answer.corpus.Ingest().Lost(); n > 0 {
		answer.doc.Summary.Notes = append(answer.doc.Summary.Notes, "not everything could be read, so that this may lack something: stderr, ingest.json of --out and a case's evidence name what")
	}
	return answer, nil
}

// find reads what the source names, and answers q over it.
func (a *app) find(ctx context.Context, s source, q trail.Question) (scopeAnswer, error) {
	if s.lookup {
		return a.lookUp(ctx, q)
	}
	c, err := a.corpus(ctx, s, q)
	if err != nil {
		return scopeAnswer{}, err
	}
	answer := scopeAnswer{corpus: c}
	err = during(a.stderr, "following what the seeds did", func() (err error) {
		answer.doc, err = trail.Find(ctx, c, q)
		return err
	})
	return answer, err
}

// giveScope prints the answer, writes what --out asks for, and says by its error whether something is lacking.
func (a *app) giveScope(ctx context.Context, s scopeAnswer, o scopeFlags) error {
	if o.out != "" {
		err := during(a.stderr, "writing "+escape.Text(o.out), func() error { return saveScope(ctx, s, o.out) })
		if err != nil {
			return err
		}
	}
	if a.json() {
		a.showIngest(s.corpus.Ingest())
		return errors.Join(trail.WriteDocument(a.stdout, s.doc), incomplete(s.corpus.Ingest()))
	}
	return a.showScope(s)
}

// showScope prints the answer for people, and says by its error whether something is lacking.
func (a *app) showScope(s scopeAnswer) error {
	a.showIngest(s.corpus.Ingest())
	if err := scopeText(a.stdout, s.doc, columns(a.stdout), time.Now()); err != nil {
		return err
	}
	if s.caseID != "" && len(s.doc.Contain) > 0 {
		a.say("\nA plan goes into a case of its own; with --case %s it goes into this one.", s.caseID)
	}
	return incomplete(s.corpus.Ingest())
}

// window reads --since and --until; either may be missing.
func window(since, until string) (from, to time.Time, err error) {
	if from, err = parseTime("--since", since); err != nil {
		return from, to, err
	}
	if to, err = parseTime("--until", until); err != nil {
		return from, to, err
	}
	if !to.IsZero() && !from.Before(to) {
		return from, to, fmt.Errorf("%w: --since %s is not before --until %s", errUsage, since, until)
	}
	return from, to, nil
}

// parseTime reads a point in time: RFC 3339, a time as cordon shows it, which is UTC, or a date, which is its beginning.
func parseTime(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%w: %s takes a time like 2026-11-23T02:14:00Z or a date like 2026-11-23, not %q", errUsage, flag, s)
}
