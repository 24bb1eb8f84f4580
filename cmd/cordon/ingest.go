package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"

	"cordon/internal/trail"
)

// workers is how many objects of a bucket are fetched side by side: each costs tens of milliseconds before its first
// byte comes, far more than the reading of it.
const workers = 16

// corpus reads what the source names.
func (a *app) corpus(ctx context.Context, s source, q trail.Question) (*trail.Corpus, error) {
	files, err := a.logFiles(ctx, s.logs)
	if err != nil {
		return nil, err
	}
	return a.readLogs(ctx, files, q, trail.Options{})
}

// readLogs reads files with a bar.
func (a *app) readLogs(ctx context.Context, files []trail.File, q trail.Question, o trail.Options) (*trail.Corpus, error) {
	boundMemory()
	var total int64
	for _, f := range files {
		total += f.Size
	}
	b := newBar(a.stderr, len(files), total)
	defer b.end()
	o.Progress = b.at
	c, err := trail.Read(ctx, files, o)
	if err != nil {
		return nil, fmt.Errorf("read the logs: %w", err)
	}
	return c, nil
}

// boundMemory tells the garbage collector to keep to 400 MiB, unless GOMEMLIMIT says otherwise. A corpus of 5,000,000
// events is some 300 MiB that stays, and with the collector's usual leave to grow to twice of what lives the peak would
// pass 512 MiB without need. A smaller corpus notices nothing; one that needs more gets it, and is collected more often.
func boundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(400 << 20)
	}
}

// harmless are the kinds of problem that cost no event: what is no log at all lies among logs as a rule.
var harmless = []string{"not-a-log", "not-a-record"}

// lost counts what could not be read and may have held events.
func lost(in *trail.Ingest) int {
	n := in.More
	for _, p := range in.Problems {
		if !slices.Contains(harmless, p.Kind) {
			n++
		}
	}
	for _, d := range in.Digest {
		if d.Status != "verified" && d.Status != "hashes-only" {
			n++
		}
	}
	return n
}

// showIngest says what was read. It is no part of the answer, which is the same however the log was cut into files.
func (a *app) showIngest(in *trail.Ingest) {
	a.tell("read %s events from %d files (%s)%s", thousands(in.Events), in.Files, size(in.Bytes), besides(in))
	const most = 5
	shown := 0
	var foreign skipped
	for _, p := range in.Problems {
		if slices.Contains(harmless, p.Kind) {
			foreign.add(p.File)
			continue
		}
		if shown++; shown <= most {
			a.tell("NOT READ  %s at byte %d: %s: %s", p.File, p.Offset, p.Kind, p.Detail)
		}
	}
	for _, d := range in.Digest {
		if d.Status == "verified" || d.Status == "hashes-only" {
			continue
		}
		if shown++; shown <= most {
			a.tell("DIGEST    %s: %s: %s", d.File, d.Status, d.Detail)
		}
	}
	foreign.tell(a, "no CloudTrail log")
	if rest := shown - most + in.More; shown > most || in.More > 0 {
		a.tell("and %d more like these; --out DIR lists them in ingest.json", max(rest, in.More))
	}
}

func besides(in *trail.Ingest) string {
	text := ""
	for _, c := range []struct {
		n    int
		what string
	}{
		{in.Duplicates, "copies counted once"}, {in.Conflicts, "copies that differ"}, {in.Foreign, "files that are no CloudTrail log"},
		{in.Insights, "Insights records"}, {in.Digests, "digest files"},
	} {
		if c.n > 0 {
			text += fmt.Sprintf(", %s %s", thousands(c.n), c.what)
		}
	}
	return text
}

// folder is where --out writes: made for the user alone, and nothing in it is written over.
type folder string

func newFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of --out: %w", err)
	}
	return folder(dir), nil
}

func (d folder) create(name string) (*os.File, error) {
	return createNew(filepath.Join(string(d), name))
}

// createNew makes a file that was not there: what somebody has gathered is not written over.
func createNew(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil, fmt.Errorf("%s is there already, and nothing is written over: name another", path)
	}
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return f, nil
}

// saveScope writes what --out asks for.
func saveScope(ctx context.Context, s scopeAnswer, dir string) error {
	d, err := newFolder(dir)
	if err != nil {
		return err
	}
	origins, err := trail.Origins(ctx, s.corpus, s.doc)
	if err != nil {
		return err
	}
	err = trail.WriteAll(s.doc, origins, func(name string) (io.WriteCloser, error) { return d.create(name) })
	if err != nil {
		return err
	}
	f, err := d.create("ingest.json")
	if err != nil {
		return err
	}
	return errors.Join(writeDocument(f, s.evidence()), f.Close())
}
