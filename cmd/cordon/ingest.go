package main

import (
	"fmt"

	"cordon/internal/engine"
	"cordon/internal/trail"
)

// showIngest says what was read. It is no part of the answer, which is the same however the log was cut into files.
func (a *app) showIngest(in *trail.Ingest) {
	a.tell("read %s from %s (%s)%s", counted(in.Events, "event", "events"), counted(in.Files, "file", "files"), size(in.Bytes), besides(in))
	const most = 5
	shown := 0
	var foreign skipped
	for _, p := range in.Problems {
		if p.Harmless() {
			foreign.add(p.File)
			continue
		}
		if shown++; shown <= most {
			a.tell("NOT READ  %s at byte %d: %s: %s", p.File, p.Offset, p.Kind, p.Detail)
		}
	}
	for _, d := range in.Digest {
		if d.Agrees() {
			continue
		}
		if shown++; shown <= most {
			a.tell("DIGEST    %s: %s: %s", d.File, d.Status, d.Detail)
		}
	}
	foreign.tell(a, "no CloudTrail log")
	if rest := shown - most + in.More; shown > most || in.More > 0 {
		a.tell("and %d more like these; cordon scope --out DIR lists them in ingest.json", max(rest, in.More))
	}
}

func besides(in *trail.Ingest) string {
	text := ""
	for _, c := range []struct {
		n         int
		one, many string
	}{
		{in.Duplicates, "copy counted once", "copies counted once"}, {in.Conflicts, "event under the id of another", "events under the id of another"},
		{in.Updated, "event that a later record of it replaces", "events that later records of them replace"},
		{in.Foreign, "file that is no CloudTrail log", "files that are no CloudTrail log"}, {in.Insights, "Insights record", "Insights records"},
		{in.Digests, "digest file", "digest files"},
	} {
		if c.n > 0 {
			text += ", " + counted(c.n, c.one, c.many)
		}
	}
	return text
}

// changed counts the digests that speak of logs which are not as CloudTrail delivered them.
func changed(in *trail.Ingest) int {
	n := 0
	for _, d := range in.Digest {
		if d.Changed() {
			n++
		}
	}
	return n
}

// incomplete is the error of an answer that may lack something.
func incomplete(in *trail.Ingest) error {
	n := in.Lost()
	switch {
	case n == 0 && in.Events == 0 && in.Foreign > 0:
		return fmt.Errorf("%w: there is no CloudTrail event in what was given, so that nothing can be said", engine.ErrPartly)
	case n == 0:
		return nil
	}
	return fmt.Errorf("%w: %s could not be read or looked up, and the answer may lack what is there", engine.ErrPartly, counted(n, "thing", "things"))
}
