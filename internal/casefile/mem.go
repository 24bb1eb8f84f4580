package casefile

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Mem is a Store in memory, for drills that keep nothing and for simulations.
//
// Hook, when set, is called before each operation ("create", "read", "list"); its error is returned and
// nothing happens. HookAfter is called after the effect; its error is returned although the effect stands, as
// when an answer is lost. Both are called without any lock held, from any goroutine, and must be set before
// the store is shared.
type Mem struct {
	Hook      func(op, name string, data []byte) error
	HookAfter func(op, name string, data []byte) error

	mu    sync.RWMutex
	files map[string][]byte
}

// NewMem returns an empty store.
func NewMem() *Mem {
	return &Mem{files: map[string][]byte{}}
}

// Clone returns a store with the same files and no hooks.
func (m *Mem) Clone() *Mem {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return &Mem{files: maps.Clone(m.files)} // the bytes of a file never change, so they are shared
}

// Location is "memory".
func (m *Mem) Location() string { return "memory" }

// Create keeps a copy of data under name.
func (m *Mem) Create(ctx context.Context, name string, data []byte) error {
	return m.hooked(ctx, "create", name, data, func() error {
		if err := checkName(name); err != nil {
			return err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, ok := m.files[name]; ok {
			return fmt.Errorf("creating %s: %w", name, ErrExist)
		}
		m.files[name] = bytes.Clone(data)
		return nil
	})
}

// Read returns a copy of the bytes under name.
func (m *Mem) Read(ctx context.Context, name string) ([]byte, error) {
	var data []byte
	err := m.hooked(ctx, "read", name, nil, func() error {
		if err := checkName(name); err != nil {
			return err
		}
		m.mu.RLock()
		defer m.mu.RUnlock()
		kept, ok := m.files[name]
		if !ok {
			return fmt.Errorf("reading %s: %w", name, ErrNotExist)
		}
		if int64(len(kept)) > sizeLimit(name) {
			return tooLarge(name)
		}
		data = bytes.Clone(kept)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return data, nil
}

// List names what lies directly in dir.
func (m *Mem) List(ctx context.Context, dir string) ([]string, error) {
	var names []string
	err := m.hooked(ctx, "list", dir, nil, func() error {
		if err := checkName(dir); err != nil {
			return err
		}
		found := map[string]bool{}
		m.mu.RLock()
		defer m.mu.RUnlock()
		for name := range m.files {
			rest, ok := strings.CutPrefix(name, dir+"/")
			if !ok {
				continue
			}
			if folder, _, nested := strings.Cut(rest, "/"); nested {
				rest = folder + "/"
			}
			found[dir+"/"+rest] = true
		}
		names = slices.Sorted(maps.Keys(found))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return names, nil
}

func (m *Mem) hooked(ctx context.Context, op, name string, data []byte, effect func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Hook != nil {
		if err := m.Hook(op, name, data); err != nil {
			return err
		}
	}
	if err := effect(); err != nil {
		return err
	}
	if m.HookAfter != nil {
		return m.HookAfter(op, name, data)
	}
	return nil
}
