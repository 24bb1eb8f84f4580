package report

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestSave(t *testing.T) {
	dir := t.TempDir()
	r := wholeStory(t).report()
	var path string
	for range 2 { // the second time it overwrites
		var err error
		if path, err = Save(context.Background(), r, dir); err != nil {
			t.Fatal(err)
		}
	}
	if want := filepath.Join(dir, "report", "report.html"); path != want {
		t.Errorf("the page is at %s, want %s", path, want)
	}
	want := render(t, r)
	entries, err := os.ReadDir(filepath.Join(dir, "report"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("the folder holds %v", entries)
	}
	for name, data := range want {
		got, err := os.ReadFile(filepath.Join(dir, "report", name))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s has other bytes (%v)", name, err)
		}
		info, err := os.Stat(filepath.Join(dir, "report", name))
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
}

// A link that leads out of the case must not be followed.
func TestSaveStaysInTheCase(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "report")); err != nil {
		t.Skip("this machine makes no symbolic links: ", err)
	}
	if _, err := Save(context.Background(), Report{}, dir); err == nil {
		t.Error("a link was followed out of the case")
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) > 0 {
		t.Errorf("outside the case: %v, %v", entries, err)
	}
}

func TestSaveWithoutAFolder(t *testing.T) {
	if _, err := Save(context.Background(), Report{}, filepath.Join(t.TempDir(), "none")); err == nil || !strings.Contains(err.Error(), "save the report") {
		t.Errorf("err = %v", err)
	}
}
