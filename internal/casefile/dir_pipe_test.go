//go:build unix

package casefile

import (
	"path/filepath"
	"syscall"
	"testing"
)

// Opening a named pipe waits for a writer: a case that holds one must not hold up its verification for ever.
func TestDirDoesNotWaitForPipes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "case")
	d := NewDir(path)
	if err := d.Create(t.Context(), "evidence/real", nil); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(path, "evidence", "pipe"), 0o600); err != nil {
		t.Skipf("no named pipes here: %v", err)
	}
	if _, err := d.Read(t.Context(), "evidence/pipe"); err == nil {
		t.Error("a pipe was read")
	}
}
