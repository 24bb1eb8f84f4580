package awssim

import (
	"reflect"
	"time"
)

// stale is how a resource looks to readers that have not caught up with a
// write. old is a *T, or nil where the resource did not exist.
type stale struct {
	old  any
	left int // reads
}

// touch is called before a resource of m is created, changed or deleted. It
// keeps what readers go on seeing. A resource that already lags keeps its
// older image, as a replica does that is further behind.
func touch[T any](r *Request, m map[string]*T, id string) {
	n := r.World.options.Lag
	if n > 0 && r.World.options.LagRandom {
		n = r.World.lagRandom.IntN(n + 1)
	}
	if n == 0 {
		return
	}
	container := reflect.ValueOf(m).Pointer()
	entries := r.World.stale[container]
	if entries == nil {
		entries = map[string]*stale{}
		r.World.stale[container] = entries
	}
	if s, ok := entries[id]; ok {
		s.left = max(s.left, n)
		return
	}
	s := &stale{left: n}
	if now, ok := m[id]; ok {
		s.old = clone(now)
	}
	entries[id] = s
}

// look reads one resource as this read sees it.
func look[T any](r *Request, m map[string]*T, id string) (*T, bool) {
	if s := lagging(r, m, id); s != nil {
		old, ok := s.old.(*T)
		return old, ok
	}
	v, ok := m[id]
	return v, ok
}

// view reads the resources of m that are named, or all of them where none is,
// as this read sees them. The result is only to be read.
func view[T any](r *Request, m map[string]*T, ids ...string) map[string]*T {
	entries := r.World.stale[reflect.ValueOf(m).Pointer()]
	if len(ids) == 0 && len(entries) == 0 {
		return m
	}
	seen := map[string]*T{}
	if len(ids) > 0 {
		for _, id := range ids {
			if _, again := seen[id]; again {
				continue
			}
			if v, ok := look(r, m, id); ok {
				seen[id] = v
			}
		}
		return seen
	}
	for id, v := range m {
		if entries[id] == nil {
			seen[id] = v
		}
	}
	for id := range entries {
		if v, ok := look(r, m, id); ok {
			seen[id] = v
		}
	}
	return seen
}

// lagging counts one read of a resource that lags, and gives its old image.
func lagging[T any](r *Request, m map[string]*T, id string) *stale {
	if len(r.World.stale) == 0 {
		return nil
	}
	container := reflect.ValueOf(m).Pointer()
	s := r.World.stale[container][id]
	if s == nil {
		return nil
	}
	s.left--
	if s.left <= 0 {
		delete(r.World.stale[container], id)
	}
	return s
}

// clone copies a value and everything it points to.
func clone[T any](v *T) *T {
	return deepCopy(reflect.ValueOf(v)).Interface().(*T)
}

var timeType = reflect.TypeFor[time.Time]()

func deepCopy(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(deepCopy(v.Elem()))
		return c
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		if v.Type() == timeType {
			return c
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(deepCopy(v.Field(i)))
			}
		}
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(deepCopy(v.Index(i)))
		}
		return c
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, e := range v.Seq2() {
			c.SetMapIndex(k, deepCopy(e))
		}
		return c
	default:
		return v
	}
}
