package trail

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mostMemory is what a question over 5,000,000 events may hold at its peak.
const mostMemory = 512 << 20

// TestMemory asks about the intruder's key among 5,000,000 events in a process of its own, since the generator's memory
// is not to be counted, and looks at the most that the process ever held.
func TestMemory(t *testing.T) {
	w, files := largeLog(t)
	dir := strings.TrimSuffix(files[0].Name, w.fileName(0))
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryOfChild$", "-test.v")
	cmd.Env = append(os.Environ(), "CORDON_BENCH_CHILD="+dir, "CORDON_BENCH_KEY="+w.key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the child: %v\n%s", err, out)
	}
	m := regexp.MustCompile(`held at most (\d+) bytes, (\d+) events, (\d+) listed`).FindSubmatch(out)
	if m == nil {
		t.Fatalf("the child says nothing of its memory:\n%s", out)
	}
	peak, _ := strconv.Atoi(string(m[1]))
	t.Logf("%s events, %s listed, peak %d MiB", m[2], m[3], peak>>20)
	if events, _ := strconv.Atoi(string(m[2])); events < 4_900_000 || string(m[3]) == "0" {
		t.Error("that is not the log that was generated")
	}
	if peak > mostMemory {
		t.Errorf("%d MiB, more than %d", peak>>20, mostMemory>>20)
	}
}

// TestMemoryOfChild is the process of TestMemory.
func TestMemoryOfChild(t *testing.T) {
	dir := os.Getenv("CORDON_BENCH_CHILD")
	if dir == "" {
		t.Skip("skipped: TestMemory starts it, with CORDON_BENCH_LARGE=1")
	}
	asTheCommand()
	c, d := askOnce(t, filesIn(t, dir), keyQuestion(os.Getenv("CORDON_BENCH_KEY")))
	fmt.Printf("held at most %d bytes, %d events, %d listed\n", peak(t), c.Len(), len(d.Events))
}

func filesIn(t *testing.T, dir string) []File {
	t.Helper()
	var files []File
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".gz") {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files = append(files, File{Name: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// peak is the most memory that this process held at once. Linux alone tells it of a process without what its parent
// held before.
func peak(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("skipped: no /proc/self/status on this machine")
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		t.Fatal("no VmHWM in /proc/self/status")
	}
	kb, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
