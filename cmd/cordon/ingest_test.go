package main

import (
	"testing"

	"cordon/internal/trail"
)

// A log that may have been tampered with is not the same as one that could not be looked at.
func TestChangedLogs(t *testing.T) {
	in := &trail.Ingest{}
	for _, status := range []string{"verified", "hashes-only", "unopened", "mismatch", "missing-log", "gap"} {
		in.Digest = append(in.Digest, trail.DigestResult{File: status, Status: status})
	}
	if n := changed(in); n != 3 {
		t.Errorf("%d of six speak of changed logs, and three do", n)
	}
	if n := in.Lost(); n != 4 {
		t.Errorf("%d of six leave something unknown, and four do", n)
	}
}
