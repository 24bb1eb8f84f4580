package casefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// stores are the implementations that keep the contract of Store. Each call of open gives another view on the
// same case, as another process has one.
func stores(t *testing.T) map[string]func() Store {
	mem := NewMem()
	dir := filepath.Join(t.TempDir(), "cases", "one")
	bucket := newFakeS3()
	return map[string]func() Store{
		"memory": func() Store { return mem },
		"folder": func() Store { return NewDir(dir) },
		"s3":     func() Store { return newTestS3(bucket) },
	}
}

// eachStore runs a test on every kind of store.
func eachStore(t *testing.T, test func(t *testing.T, open func() Store)) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func TestStoreKeepsWhatIsCreatedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		ctx, s := t.Context(), open()
		if _, err := s.Read(ctx, "journal/000001"); !errors.Is(err, ErrNotExist) {
			t.Errorf("reading what is not there: %v", err)
		}
		if names, err := s.List(ctx, "journal"); err != nil || len(names) != 0 {
			t.Errorf("listing what is not there: %v, %v", names, err)
		}
		for name, data := range map[string][]byte{
			"case.json": []byte("{}\n"), "journal/000001": []byte("one"), "journal/1000000": {}, "evidence/ab": bytes.Repeat([]byte{0, 255}, 1<<16),
		} {
			if err := s.Create(ctx, name, data); err != nil {
				t.Fatalf("creating %s: %v", name, err)
			}
			for _, again := range [][]byte{data, []byte("other"), nil} {
				if err := open().Create(ctx, name, again); !errors.Is(err, ErrExist) {
					t.Errorf("creating %s again: %v", name, err)
				}
			}
			got, err := open().Read(ctx, name)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("reading %s: %d bytes, %v", name, len(got), err)
			}
		}
	})
}

func TestStoreDoesNotShareItsBytes(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		s, data := open(), []byte("abc")
		if err := s.Create(t.Context(), "evidence/x", data); err != nil {
			t.Fatal(err)
		}
		data[0] = 'X'
		got, err := s.Read(t.Context(), "evidence/x")
		if err != nil {
			t.Fatal(err)
		}
		got[1] = 'X'
		if got, err = s.Read(t.Context(), "evidence/x"); err != nil || string(got) != "abc" {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestStoreListsAFolderInOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		ctx, s := t.Context(), open()
		var want []string
		for i := 1; i <= 8; i++ {
			want = append(want, entryName(i))
		}
		want = append(want, "journal/deep/")
		for _, name := range []string{"journal/000004", "journal/deep/a", "journal/deep/b", "journal/000001", "journal/000008", "journal/000003",
			"journal/000002", "journal/000006", "journal/000005", "journal/000007", "journalistic/x", "case.json", "plan/p"} {
			if err := s.Create(ctx, name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := open().List(ctx, "journal"); err != nil || !slices.Equal(got, want) {
			t.Errorf("listed %v, %v", got, err)
		}
	})
}

func TestStoreRefusesHostileNames(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		ctx, s := t.Context(), open()
		for _, name := range []string{
			"", ".", "..", "../x", "journal/..", "journal/../../x", "/etc/passwd", "journal//x", "journal/", "/", `journal\x`, `..\x`, "C:x", "C:/x",
			"journal/a:b", "journal/\x00", "journal/a\nb", "journal/.new-x", ".hidden", "journal/ä", "journal/ ", strings.Repeat("a", 201), "journal/x y",
		} {
			if err := s.Create(ctx, name, nil); err == nil || errors.Is(err, ErrExist) {
				t.Errorf("creating %q: %v", name, err)
			}
			if _, err := s.Read(ctx, name); err == nil || errors.Is(err, ErrNotExist) {
				t.Errorf("reading %q: %v", name, err)
			}
			if _, err := s.List(ctx, name); err == nil {
				t.Errorf("listing %q was allowed", name)
			}
		}
	})
}

func TestStoreBoundsWhatItReads(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		s := open()
		for size, ok := range map[int]bool{maxEntryFile: true, maxEntryFile + 1: false} {
			name := fmt.Sprintf("journal/%d", size)
			if err := s.Create(t.Context(), name, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(t.Context(), name); (err == nil) != ok {
				t.Errorf("%d bytes: %v", size, err)
			}
		}
	})
}

func TestStoreStopsWithItsContext(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		s := open()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.Create(ctx, "case.json", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("create: %v", err)
		}
		if _, err := s.Read(t.Context(), "case.json"); !errors.Is(err, ErrNotExist) {
			t.Errorf("it was written all the same: %v", err)
		}
	})
}

func TestStoreLetsOneOfManyWritersWin(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		ctx := t.Context()
		for round := range 10 {
			name := fmt.Sprintf("journal/%06d", round)
			var wins atomic.Int32
			var winner atomic.Value
			var wg sync.WaitGroup
			for i := range 8 {
				s, data := open(), fmt.Appendf(nil, "writer %d", i)
				wg.Go(func() {
					switch err := s.Create(ctx, name, data); {
					case err == nil:
						wins.Add(1)
						winner.Store(string(data))
					case !errors.Is(err, ErrExist):
						t.Errorf("writer %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			got, err := open().Read(ctx, name)
			if wins.Load() != 1 || err != nil || string(got) != winner.Load() {
				t.Errorf("round %d: %d won, %v has %q, %v", round, wins.Load(), winner.Load(), got, err)
			}
		}
	})
}

func TestMemHooksAndClone(t *testing.T) {
	ctx, m := t.Context(), NewMem()
	stop := errors.New("stop")
	m.Hook = func(op, name string, data []byte) error {
		if op == "create" && name == "evidence/before" && string(data) == "x" {
			return stop
		}
		return nil
	}
	m.HookAfter = func(op, name string, _ []byte) error {
		if op == "create" && name == "evidence/after" {
			return stop
		}
		return nil
	}
	for _, name := range []string{"evidence/before", "evidence/after"} {
		if err := m.Create(ctx, name, []byte("x")); !errors.Is(err, stop) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.Read(ctx, "evidence/before"); !errors.Is(err, ErrNotExist) {
		t.Errorf("a hook before did not keep the effect away: %v", err)
	}
	clone := m.Clone()
	if got, err := clone.Read(ctx, "evidence/after"); err != nil || string(got) != "x" {
		t.Errorf("a hook after took the effect away: %q, %v", got, err)
	}
	if err := clone.Create(ctx, "evidence/before", []byte("x")); err != nil {
		t.Errorf("the clone has hooks: %v", err)
	}
	if _, err := m.Read(ctx, "evidence/before"); !errors.Is(err, ErrNotExist) {
		t.Errorf("the clone writes into its original: %v", err)
	}
}
