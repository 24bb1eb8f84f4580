package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cordon/internal/trail"
)

// source is where events come from: one of the first three.
type source struct {
	logs   []string
	lookup bool
	index  string
	keys   []string // files with CloudTrail's public keys

	takes []string // names of the flags that the command has
}

// flags adds those of a command that takes events from the sources named.
func (s *source) flags(a *app, c *cobra.Command, takes ...string) {
	s.takes = takes
	f := c.Flags()
	for _, name := range takes {
		switch name {
		case "logs":
			f.StringArrayVar(&s.logs, name, nil, "a folder, a file or s3://bucket/prefix with logs (`PATH`); may be repeated")
			f.StringArrayVar(&s.keys, "public-keys", nil, "a `FILE` with what aws cloudtrail list-public-keys printed, to check digest files with; may be repeated")
		case "lookup":
			f.BoolVar(&s.lookup, name, false, "no logs: ask CloudTrail's LookupEvents in every enabled region")
		case "index":
			f.StringVar(&s.index, name, "", "a `FOLDER` that cordon trail index made")
		}
	}
	a.reaches(c)
}

// check wants one source.
func (s *source) check() error {
	n := 0
	for _, given := range []bool{len(s.logs) > 0, s.lookup, s.index != ""} {
		if given {
			n++
		}
	}
	switch {
	case n != 1:
		return fmt.Errorf("%w: say where the events are, in one way: --%s", errUsage, strings.Join(s.takes, ", --"))
	case len(s.keys) > 0 && len(s.logs) == 0:
		return fmt.Errorf("%w: --public-keys checks the digest files among --logs", errUsage)
	}
	return nil
}

// corpus reads what the source names; q, which may be empty, is what will be asked of it. It is to be closed.
func (a *app) corpus(ctx context.Context, s source, q trail.Question) (*trail.Corpus, error) {
	if s.index != "" {
		boundMemory()
		return trail.OpenIndex(s.index)
	}
	files, err := a.logFiles(ctx, s.logs)
	if err != nil {
		return nil, err
	}
	keys, err := readKeys(s.keys)
	if err != nil {
		return nil, err
	}
	o := trail.Options{Workers: s.workers(), Keys: keys}
	if len(q.Seeds) > 0 {
		o.Keep = trail.KeepFor(q)
	}
	return a.readLogs(ctx, files, o)
}

// workers is how many files are read side by side: as many as there are processors, and more where each has to be
// fetched first, since an object's first byte comes after tens of milliseconds.
func (s *source) workers() int {
	if slices.ContainsFunc(s.logs, isBucket) {
		return 16
	}
	return 0
}

// readKeys reads files with what aws cloudtrail list-public-keys printed.
func readKeys(names []string) ([]trail.PublicKey, error) {
	var keys []trail.PublicKey
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open the public keys: %w", err)
		}
		found, err := trail.PublicKeysFrom(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s is not what aws cloudtrail list-public-keys prints: %w", name, err)
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// readLogs reads files with a bar.
func (a *app) readLogs(ctx context.Context, files []trail.File, o trail.Options) (*trail.Corpus, error) {
	boundMemory()
	var total int64
	for _, f := range files {
		total += f.Size
	}
	b := newBar(a.stderr, "reading", len(files), "files", total)
	defer b.end()
	o.Progress = b.at
	c, err := trail.Read(ctx, files, o)
	if err != nil {
		return nil, fmt.Errorf("read the logs: %w", err)
	}
	return c, nil
}

// boundMemory tells the garbage collector to keep to 450 MiB and, below that, to take its time, unless GOMEMLIMIT or GOGC
// say otherwise. A corpus of 5,000,000 events is some 380 MiB that stays, and with the collector's usual leave to grow to
// twice of what lives the peak would pass 512 MiB without need; a small corpus is read a twentieth faster. One that needs
// more gets it, and is collected more often.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" && os.Getenv("GOGC") == "" {
		debug.SetMemoryLimit(450 << 20)
		debug.SetGCPercent(400)
	}
}
