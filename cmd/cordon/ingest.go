package main

import (
	"fmt"
	"slices"

	"cordon/internal/engine"
	"cordon/internal/trail"
)

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
		{in.Duplicates, "copies counted once"}, {in.Conflicts, "events under the id of another"}, {in.Foreign, "files that are no CloudTrail log"},
		{in.Insights, "Insights records"}, {in.Digests, "digest files"},
	} {
		if c.n > 0 {
			text += fmt.Sprintf(", %s %s", thousands(c.n), c.what)
		}
	}
	return text
}

// incomplete is the error of an answer that may lack something.
func incomplete(in *trail.Ingest) error {
	n := lost(in)
	switch {
	case n == 0 && in.Events == 0 && in.Foreign > 0:
		return fmt.Errorf("%w: there is no CloudTrail event in what was given, so that nothing can be said", engine.ErrPartly)
	case n == 0:
		return nil
	}
	return fmt.Errorf("%w: %d things could not be read or looked up, and the answer may lack what is in them", engine.ErrPartly, n)
}
