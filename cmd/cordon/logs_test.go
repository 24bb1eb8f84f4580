package main

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestHostileFileNames: a name is text, wherever it is shown.
func TestHostileFileNames(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: Windows refuses such names itself")
	}
	dir := t.TempDir()
	for _, name := range []string{"\x1b[2J\x1b]0;owned\a.json", "a\nNOT READ b", "\u202egnp.json", "=cmd()"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"Records":[{"eventVersion":"1.08","userId`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	if got := run(t.Context(), []string{"scope", "--logs", dir, "--seed", intruderKey}, strings.NewReader(""), &out, &errs); got != exitPartly {
		t.Errorf("exit status %d", got)
	}
	for _, text := range []string{out.String(), errs.String()} {
		if strings.ContainsAny(text, "\x1b\a\u202e") {
			t.Errorf("a name steers the terminal: %q", text)
		}
	}
	if n := strings.Count(errs.String(), "\nNOT READ "); n != 4 {
		t.Errorf("%d files are said not to be read, and there are 4:\n%s", n, errs.String())
	}
}

// TestFolderThatCannotBeListed is among what could not be read, and what can be listed is read.
func TestFolderThatCannotBeListed(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("skipped: nothing is forbidden to this user")
	}
	dir := t.TempDir()
	shut := filepath.Join(dir, "shut")
	if err := os.Mkdir(shut, 0); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "z.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{stderr: &bytes.Buffer{}}
	files, err := a.folderLogs(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, filepath.Base(f.Name))
	}
	if !slices.Equal(names, []string{"shut", "z.json"}) {
		t.Errorf("found %v", names)
	}
	if _, err := files[0].Open(); err == nil {
		t.Error("a folder that cannot be listed opens")
	}
}
