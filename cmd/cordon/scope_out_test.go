package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestOutIsWholeOrNotThere: what stands under its name in --out is whole, whatever happened while it was written, and what
// an interrupted run left is in nobody's way.
func TestOutIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	write := func(fail error) error {
		d, err := newFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"scope.json", "timeline.csv"} {
			f, err := d.create(name)
			if err != nil {
				return d.keep(err)
			}
			io.WriteString(f, "whole")
			f.Close()
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				t.Errorf("%s has its name before all is written", name)
			}
		}
		return d.keep(fail)
	}
	names := func() string {
		list, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, e := range list {
			all = append(all, e.Name())
		}
		return strings.Join(all, " ")
	}
	full := errors.New("no space left")
	if err := write(full); !errors.Is(err, full) || names() != "" {
		t.Errorf("a full disk leaves %q: %v", names(), err)
	}
	// A run that was killed: its drafts are there.
	if err := os.WriteFile(filepath.Join(dir, "timeline.csv.part"), []byte("cut sho"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := write(nil); err != nil || names() != "scope.json timeline.csv" {
		t.Errorf("after a run that was killed: %q, %v", names(), err)
	}
	if err := write(nil); err == nil || !strings.Contains(err.Error(), "is there already") {
		t.Errorf("written over: %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "timeline.csv")); err != nil || string(got) != "whole" || names() != "scope.json timeline.csv" {
		t.Errorf("timeline.csv is %q (%v), in %q", got, err, names())
	}
}

// TestInterruptIsSaid: Ctrl-C is told in words, and leaves nothing that could be taken for a timeline.
func TestInterruptIsSaid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	log := filepath.Join(dir, "log.json")
	if err := os.WriteFile(log, []byte(`{"Records":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, told bytes.Buffer
	if got := run(ctx, []string{"timeline", "--logs", log, "--out", filepath.Join(dir, "t.csv")}, strings.NewReader(""), &out, &told); got != exitError {
		t.Errorf("exit status %d", got)
	}
	if said := told.String(); !strings.Contains(said, "interrupted") || strings.Contains(said, "context") {
		t.Errorf("an interrupt is told as %q", said)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "t.csv*")); err != nil || left != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
