package casefile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

const crashFolder = "/home/ada/cases/one"

// write is one Create of a scenario, with what came of it.
type write struct {
	name, data string
	err        error
	returned   bool
}

// crashScenario makes files of a case in a folder that does not exist yet, one of them twice.
func crashScenario() []*write {
	return []*write{
		{name: "case.json", data: "{case}\n"},
		{name: "journal/000001", data: "entry one"},
		{name: "evidence/ab", data: "bytes"},
		{name: "journal/000002", data: "entry two"},
		{name: "journal/000001", data: "another entry"},
	}
}

// run makes the writes until the process is killed.
func run(disk fileSystem, writes []*write) (wasKilled bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(killed); !ok {
				panic(r)
			}
			wasKilled = true
		}
	}()
	d := newDir(crashFolder, disk)
	for _, w := range writes {
		w.err = d.Create(context.Background(), w.name, []byte(w.data))
		w.returned = true
	}
	return false
}

// promised is what a crash must not take away: what Create answered for.
func promised(writes []*write) map[string]string {
	kept := map[string]string{}
	for _, w := range writes {
		if w.returned && w.err == nil {
			if _, ok := kept[w.name]; ok {
				kept[w.name] = "created twice"
				continue
			}
			kept[w.name] = w.data
		}
	}
	return kept
}

// checkAfter looks at a case after a crash with the eyes of a new process: what was promised is there, and
// whatever is there is whole.
func checkAfter(disk *recording, writes []*write) error {
	ctx, d := context.Background(), newDir(crashFolder, disk)
	kept := promised(writes)
	for name, data := range kept {
		got, err := d.Read(ctx, name)
		if err != nil || string(got) != data {
			return fmt.Errorf("promised %s holds %q, %v", name, got, err)
		}
	}
	for _, w := range writes {
		got, err := d.Read(ctx, w.name)
		if errors.Is(err, ErrNotExist) {
			continue
		}
		whole := slices.ContainsFunc(writes, func(o *write) bool { return o.name == w.name && o.data == string(got) })
		if err != nil || !whole {
			return fmt.Errorf("%s is torn: %q, %v", w.name, got, err)
		}
	}
	return checkListing(disk, d)
}

// checkListing: what a reader is shown, another power cut must not take away.
func checkListing(disk *recording, d *Dir) error {
	ctx := context.Background()
	for _, folder := range []string{journalFolder, evidenceFolder} {
		names, err := d.List(ctx, folder)
		if err != nil {
			return fmt.Errorf("listing %s: %w", folder, err)
		}
		if folder != journalFolder {
			continue
		}
		later := newDir(crashFolder, disk.worstCut())
		for _, name := range names {
			if _, err := later.Read(ctx, name); err != nil {
				return fmt.Errorf("listed %s is lost by a power cut: %w", name, err)
			}
		}
	}
	return nil
}

// checkRetry goes on after a crash as a resumed run does: each write is tried again, and after that even the
// worst power cut leaves all of them.
func checkRetry(disk *recording, writes []*write) error {
	ctx, d := context.Background(), newDir(crashFolder, disk)
	for _, w := range writes {
		if err := d.Create(ctx, w.name, []byte(w.data)); err != nil && !errors.Is(err, ErrExist) {
			return fmt.Errorf("creating %s again: %w", w.name, err)
		}
	}
	later := newDir(crashFolder, disk.worstCut())
	for _, w := range writes {
		got, err := later.Read(ctx, w.name)
		whole := slices.ContainsFunc(writes, func(o *write) bool { return o.name == w.name && o.data == string(got) })
		if err != nil || !whole {
			return fmt.Errorf("%s after the second run holds %q, %v", w.name, got, err)
		}
	}
	return nil
}

// crashEverywhere kills the scenario before each operation and takes the power away in every way, and returns
// what was violated first, and how many states it looked at.
func crashEverywhere(mistake func(*recording)) (states int, err error) {
	for k := 1; ; k++ {
		disk := newRecording()
		mistake(disk)
		disk.killAt = k
		writes := crashScenario()
		if !run(disk, writes) {
			disk.killAt = 0
			_, err := crashStates(disk, writes, k)
			return states, err
		}
		disk.killAt = 0
		n, err := crashStates(disk, writes, k)
		states += n
		if err != nil {
			return states, err
		}
	}
}

func crashStates(disk *recording, writes []*write, k int) (states int, err error) {
	look := func(state string, after *recording) {
		states++
		after.dropDirSync, after.dropFileSync, after.renames = disk.dropDirSync, disk.dropFileSync, disk.renames
		if err != nil {
			return
		}
		if err = errors.Join(checkAfter(after, writes), checkRetry(after, writes)); err != nil {
			err = fmt.Errorf("killed before operation %d, %s: %w", k, state, err)
		}
	}
	look("power stays on", disk.killedOnly())
	disk.powerCuts(everyLength, look)
	return states, err
}

func TestDirSurvivesEveryCrash(t *testing.T) {
	states, err := crashEverywhere(func(*recording) {})
	if err != nil {
		t.Error(err)
	}
	if states < 500 {
		t.Errorf("only %d states were looked at", states)
	}
	t.Logf("%d states after a crash", states)
}

// The crash test must notice what it is there for.
func TestPlantedMistakesAreNoticed(t *testing.T) {
	for name, mistake := range map[string]func(*recording){
		"files are not synced":      func(r *recording) { r.dropFileSync = true },
		"folders are not synced":    func(r *recording) { r.dropDirSync = true },
		"renamed instead of linked": func(r *recording) { r.renames = true },
	} {
		if _, err := crashEverywhere(mistake); err == nil {
			t.Errorf("%s: not noticed", name)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// Each operation fails once, in each way: Create says so or keeps its promise, the case stays whole, and trying
// again works.
func TestDirSurvivesEveryFault(t *testing.T) {
	type way struct {
		name        string
		err         error
		half, short bool
	}
	ways := []way{
		{"no space", errNoSpace, false, false},
		{"i/o error", errIO, false, false},
		{"i/o error after the effect", errIO, true, false},
		{"short write", errIO, true, true},
	}
	for _, way := range ways {
		failures := 0
		for n := 1; ; n++ {
			disk := newRecording()
			disk.failAt, disk.fail, disk.half, disk.short = n, way.err, way.half, way.short
			writes := crashScenario()
			run(disk, writes)
			if disk.failed == "" {
				break
			}
			disk.failAt = 0
			for _, w := range writes {
				if w.err != nil && !errors.Is(w.err, ErrExist) {
					failures++
				}
			}
			what := fmt.Sprintf("%s at operation %d, %s", way.name, n, disk.failed)
			if err := checkAfter(disk.killedOnly(), writes); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if err := checkAfter(disk.worstCut(), writes); err != nil {
				t.Errorf("%s, then a power cut: %v", what, err)
			}
			if err := checkRetry(disk, writes); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if failures < 20 {
			t.Errorf("%s: only %d writes failed", way.name, failures)
		}
	}
}

// A journal written through Case: after every crash it opens, holds every entry that was answered for, and
// goes on.
func TestCaseSurvivesEveryCrash(t *testing.T) {
	draft := func(n int) Draft { return Draft{Kind: EntrySkip, Step: n, Body: SkipBody{Run: 1, Reason: "crash"}} }
	big := Draft{Kind: EntrySkip, Step: 2, Body: SkipBody{Run: 1, Reason: strings.Repeat("x", maxBody)}}
	var acked int
	var created bool
	drive := func(disk fileSystem) (wasKilled bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, ok := r.(killed); !ok {
					panic(r)
				}
				wasKilled = true
			}
		}()
		w, s := testWriter(t, 1), newDir(crashFolder, disk)
		if err := CreateCase(context.Background(), s, testMeta(w)); err != nil {
			t.Fatal(err)
		}
		created = true
		c := openTestCase(t, s)
		for _, d := range []Draft{sessionDraft(w), draft(1), big} {
			mustAppend(t, c, w, d)
			acked++
		}
		return false
	}
	check := func(k int, state string, after *recording) {
		s := newDir(crashFolder, after)
		c, err := OpenCase(context.Background(), s)
		if errors.Is(err, ErrNotExist) && !created {
			return
		}
		if err != nil {
			t.Fatalf("killed before operation %d, %s: %v", k, state, err)
		}
		if got := len(c.Entries()); got != acked && got != acked+1 {
			t.Fatalf("killed before operation %d, %s: %d entries, %d were answered for", k, state, got, acked)
		}
		w := testWriter(t, 2)
		mustAppend(t, c, w, sessionDraft(w))
		if v := Verify(context.Background(), newDir(crashFolder, after.worstCut()), VerifyOptions{Head: c.Head().String()}); !v.OK {
			t.Fatalf("killed before operation %d, %s: %s", k, state, v.Summary)
		}
	}
	for k, running := 1, true; running; k++ {
		disk := newRecording()
		disk.killAt = k
		acked, created = 0, false
		running = drive(disk)
		disk.killAt = 0
		check(k, "power stays on", disk.killedOnly())
		disk.powerCuts(someLengths, func(state string, after *recording) { check(k, state, after) })
	}
}

func TestLeftoversAreIgnoredAndTidied(t *testing.T) {
	disk := newRecording()
	d := newDir(crashFolder, disk)
	if err := d.Create(t.Context(), "journal/000001", []byte("x")); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(crashFolder, "journal")
	for _, name := range []string{".new-old", ".new-fresh"} {
		if _, err := disk.create(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
		disk.time = disk.time.Add(2 * time.Hour)
	}
	disk.time = disk.time.Add(-2 * time.Hour)
	if names, err := d.List(t.Context(), "journal"); err != nil || !slices.Equal(names, []string{"journal/000001"}) {
		t.Errorf("listed %v, %v", names, err)
	}
	if err := newDir(crashFolder, disk).Create(t.Context(), "journal/000002", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.find(filepath.Join(folder, ".new-old")); err == nil {
		t.Error("an old leftover was not removed")
	}
	if _, err := disk.find(filepath.Join(folder, ".new-fresh")); err != nil {
		t.Error("a temporary file that may be in use was removed")
	}
}

func TestDirOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b")
	d := NewDir(path)
	if d.Location() != path {
		t.Errorf("location %s", d.Location())
	}
	if err := d.Create(t.Context(), "evidence/secret", []byte("s")); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(path, "evidence"))
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
	if runtime.GOOS == "windows" {
		return // which has no such modes
	}
	for name, want := range map[string]os.FileMode{"": 0o700, "evidence": 0o700, "evidence/secret": 0o400} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q has mode %v, want %v (%v)", name, info.Mode().Perm(), want, err)
		}
	}
}

// A case that somebody handed over may hold links. None is followed out of it, nor written through.
func TestDirFollowsNoLinkOut(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "case")
	d := NewDir(path)
	if err := d.Create(t.Context(), "evidence/real", []byte("real")); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"journal": outside, "plan": "evidence", "evidence/absolute": secret, "evidence/inside": "real", "evidence/missing": filepath.Join(outside, "new"),
	} {
		if err := os.Symlink(target, filepath.Join(path, link)); err != nil {
			t.Skipf("no symbolic links here: %v", err)
		}
	}
	for _, name := range []string{"journal/secret", "evidence/absolute", "evidence/inside", "evidence/missing"} {
		if data, err := d.Read(t.Context(), name); err == nil {
			t.Errorf("%s was read: %q", name, data)
		}
	}
	for _, name := range []string{"journal/x", "plan/x", "evidence/missing", "evidence/absolute"} {
		if err := NewDir(path).Create(t.Context(), name, []byte("x")); err == nil {
			t.Errorf("%s was created", name)
		}
	}
	for _, dir := range []string{"journal", "plan"} {
		if names, err := d.List(t.Context(), dir); err == nil {
			t.Errorf("%s was listed: %v", dir, names)
		}
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 1 {
		t.Errorf("outside holds %v, %v", entries, err)
	}
	if data, err := os.ReadFile(secret); err != nil || string(data) != "secret" {
		t.Errorf("the file outside holds %q, %v", data, err)
	}
}
