package main

import (
	"context"
	"encoding/json"
	"fmt"
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
//
// The garbage collector is told to keep to 400 MiB: the corpus of 5,000,000 events is some 250 MiB that stays, and
// with the collector's usual leave to grow to twice of what lives the peak would pass 512 MiB without need. Below the
// limit nothing changes, and a corpus that needs more gets it at the price of more collecting.
func (a *app) readLogs(ctx context.Context, files []trail.File, q trail.Question, o trail.Options) (*trail.Corpus, error) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(400 << 20))
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
	for _, p := range in.Problems {
		if slices.Contains(harmless, p.Kind) {
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

func (d folder) json(name string, v any) (err error) {
	f, err := d.create(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil && e != nil {
			err = fmt.Errorf("write %s: %w", name, e)
		}
	}()
	enc := json.NewEncoder(f)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// saveScope writes what --out asks for.
func (a *app) saveScope(s scopeAnswer, dir string) error {
	d, err := newFolder(dir)
	if err != nil {
		return err
	}
	if err := d.json("scope.json", s.doc); err != nil {
		return err
	}
	return d.json("ingest.json", s.ingest)
}

// showScope is the answer for people, in short.
func (a *app) showScope(d *trail.Document) {
	a.say("%d events of the intruder, %d possibly his, of %d in the logs", d.Summary.Events, d.Summary.Possible, d.Summary.Corpus)
	for _, i := range d.Identities {
		a.say("  %-9s %-16s %s %s  %d events", i.Confidence, i.Relation, i.ARN, i.AccessKey, i.Events)
	}
	for _, n := range d.Summary.Notes {
		a.say("  note      %s", n)
	}
}
