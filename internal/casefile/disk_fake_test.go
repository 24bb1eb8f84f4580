package casefile

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// recording is a file system in memory that knows what of it is durable. What was not synced may, after a
// power cut, be there, be missing or be torn, each name and each file for itself: real file systems promise no
// order between them. One operation may be made to fail, or to be the last before the process is killed.
type recording struct {
	mu   sync.Mutex
	root *node
	time time.Time

	count  int   // operations so far
	killAt int   // the operation before which the process is killed; 0: none
	failAt int   // the operation that fails; 0: none
	fail   error // with this error
	half   bool  // a failing operation has its effect (a write: half of it) all the same
	short  bool  // a failing write answers a small count and no error
	failed string

	dropFileSync, dropDirSync, renames bool // planted mistakes
}

type node struct {
	dir          bool
	data, synced []byte
	names, kept  map[string]*node // of a folder: now, and after a power cut
	mode         fs.FileMode
	changed      time.Time
}

type killed struct{}

func newRecording() *recording {
	return &recording{root: newFolder(), time: time.Unix(1800000000, 0)}
}

func newFolder() *node {
	return &node{dir: true, mode: fs.ModeDir | 0o700, names: map[string]*node{}, kept: map[string]*node{}}
}

// op counts an operation and runs its effect, unless this is the one to fail or to be killed at.
func (r *recording) op(name string, effect func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	r.time = r.time.Add(time.Millisecond)
	if r.count == r.killAt {
		panic(killed{})
	}
	if r.count != r.failAt {
		return effect()
	}
	r.failed = name
	if r.half {
		if err := effect(); err != nil {
			return err
		}
	}
	return &fs.PathError{Op: name, Path: "fake", Err: r.fail}
}

func (r *recording) find(path string) (*node, error) {
	n := r.root
	for part := range strings.SplitSeq(strings.Trim(filepath.ToSlash(path), "/"), "/") {
		if part == "" {
			continue
		}
		next, ok := n.names[part]
		if !ok {
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		n = next
	}
	return n, nil
}

func (r *recording) add(path string, n *node) error {
	parent, err := r.find(filepath.Dir(path))
	if err != nil {
		return err
	}
	if _, ok := parent.names[filepath.Base(path)]; ok {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	n.changed = r.time
	parent.names[filepath.Base(path)] = n
	return nil
}

func (r *recording) mkdir(path string) error {
	return r.op("mkdir", func() error { return r.add(path, newFolder()) })
}

func (r *recording) lstat(path string) (info fs.FileInfo, err error) {
	err = r.op("lstat", func() error {
		n, err := r.find(path)
		info = fakeInfo{n, filepath.Base(path)}
		return err
	})
	return info, err
}

func (r *recording) create(path string) (f diskFile, err error) {
	err = r.op("create", func() error {
		n := &node{mode: 0o600}
		f = &fakeFile{r: r, n: n}
		return r.add(path, n)
	})
	return f, err
}

func (r *recording) open(path string) (f diskFile, err error) {
	err = r.op("open", func() error {
		n, err := r.find(path)
		if err == nil && n.dir {
			err = errors.New("not a regular file")
		}
		f = &fakeFile{r: r, n: n}
		return err
	})
	return f, err
}

func (r *recording) link(from, to string) error {
	return r.op("link", func() error {
		n, err := r.find(from)
		if err != nil {
			return err
		}
		if !r.renames {
			return r.add(to, n)
		}
		parent, err := r.find(filepath.Dir(to))
		if err != nil {
			return err
		}
		parent.names[filepath.Base(to)] = n
		delete(parent.names, filepath.Base(from))
		return nil
	})
}

func (r *recording) remove(path string) error {
	return r.op("remove", func() error {
		if _, err := r.find(path); err != nil {
			return err
		}
		parent, err := r.find(filepath.Dir(path))
		if err != nil {
			return err
		}
		delete(parent.names, filepath.Base(path))
		return nil
	})
}

func (r *recording) list(path string) (entries []fs.DirEntry, err error) {
	err = r.op("list", func() error {
		n, err := r.find(path)
		if err != nil {
			return err
		}
		for name, child := range n.names {
			entries = append(entries, fs.FileInfoToDirEntry(fakeInfo{child, name}))
		}
		return nil
	})
	return entries, err
}

func (r *recording) syncDir(path string) error {
	return r.op("syncdir", func() error {
		n, err := r.find(path)
		if err == nil && !r.dropDirSync {
			n.kept = maps.Clone(n.names)
		}
		return err
	})
}

type fakeFile struct {
	r  *recording
	n  *node
	at int
}

func (f *fakeFile) Read(p []byte) (n int, err error) {
	err = f.r.op("read", func() error {
		if f.at == len(f.n.data) {
			return io.EOF
		}
		n = copy(p, f.n.data[f.at:])
		f.at += n
		return nil
	})
	return n, err
}

func (f *fakeFile) Write(p []byte) (n int, err error) {
	wanted := len(p)
	err = f.r.op("write", func() error {
		if f.r.count == f.r.failAt {
			p = p[:len(p)/2]
		}
		f.n.data = append(f.n.data, p...)
		n = len(p)
		return nil
	})
	if f.r.short && n < wanted {
		err = nil
	}
	return n, err
}

func (f *fakeFile) Sync() error {
	return f.r.op("sync", func() error {
		if !f.r.dropFileSync {
			f.n.synced = slices.Clone(f.n.data)
		}
		return nil
	})
}

func (f *fakeFile) Chmod(mode fs.FileMode) error {
	return f.r.op("chmod", func() error { f.n.mode = mode; return nil })
}

func (f *fakeFile) Stat() (info fs.FileInfo, err error) {
	err = f.r.op("stat", func() error { info = fakeInfo{f.n, "file"}; return nil })
	return info, err
}

func (f *fakeFile) Close() error { return f.r.op("close", func() error { return nil }) }

type fakeInfo struct {
	n    *node
	name string
}

func (i fakeInfo) Name() string       { return i.name }
func (i fakeInfo) Size() int64        { return int64(len(i.n.data)) }
func (i fakeInfo) Mode() fs.FileMode  { return i.n.mode }
func (i fakeInfo) ModTime() time.Time { return i.n.changed }
func (i fakeInfo) IsDir() bool        { return i.n.dir }
func (i fakeInfo) Sys() any           { return nil }

// powerCuts gives every state in which a power cut may leave the file system: every choice of what of the
// unsynced names is there, with the unsynced bytes of each file cut at each length that lengths gives, or full
// of zeros.
func (r *recording) powerCuts(lengths func(n int) []int, each func(state string, after *recording)) {
	names := r.root.unsynced()
	for choice := range 1 << len(names) {
		for _, tear := range append(lengths(r.root.longest()), -1) {
			next := 0
			root := r.root.afterCut(func() bool {
				next++
				return choice>>(next-1)&1 == 1
			}, tear, map[*node]*node{})
			each("names "+choiceText(names, choice)+", torn at "+tearText(tear), &recording{root: root, time: r.time.Add(time.Minute)})
		}
	}
}

func everyLength(n int) []int {
	all := make([]int, n+1)
	for i := range all {
		all[i] = i
	}
	return all
}

func someLengths(n int) []int { return []int{0, n / 2, n} }

// worstCut is the state where nothing is left but what was synced.
func (r *recording) worstCut() *recording {
	root := r.root.afterCut(func() bool { return false }, 0, map[*node]*node{})
	return &recording{root: root, time: r.time.Add(time.Minute)}
}

// killedOnly is the state after a kill -9: the system goes on, and loses nothing.
func (r *recording) killedOnly() *recording {
	return &recording{root: r.root.copied(map[*node]*node{}), time: r.time.Add(time.Minute)}
}

func (n *node) unsynced() []string {
	if !n.dir {
		return nil
	}
	var names []string
	for _, name := range n.allNames() {
		if n.names[name] != n.kept[name] {
			names = append(names, name)
		}
		child := n.names[name]
		if child == nil {
			child = n.kept[name]
		}
		names = append(names, child.unsynced()...)
	}
	return names
}

func (n *node) allNames() []string {
	all := maps.Clone(n.names)
	maps.Copy(all, n.kept)
	return slices.Sorted(maps.Keys(all))
}

func (n *node) longest() int {
	longest := 0
	if !n.dir && string(n.data) != string(n.synced) {
		longest = len(n.data)
	}
	for _, name := range n.allNames() {
		if child := n.names[name]; child != nil {
			longest = max(longest, child.longest())
		}
	}
	return longest
}

// afterCut asks keep for each unsynced name, in the order of unsynced. seen keeps two names of a file one file.
func (n *node) afterCut(keep func() bool, tear int, seen map[*node]*node) *node {
	if done, ok := seen[n]; ok {
		return done
	}
	after := &node{dir: n.dir, mode: n.mode, changed: n.changed}
	seen[n] = after
	if !n.dir {
		after.data = torn(n, tear)
		after.synced = slices.Clone(after.data)
		return after
	}
	after.names = map[string]*node{}
	for _, name := range n.allNames() {
		child := n.kept[name]
		if n.names[name] != n.kept[name] && keep() {
			child = n.names[name]
		}
		// Children are visited in any case, so that keep is asked in one order for all choices.
		other := n.names[name]
		if other == nil {
			other = n.kept[name]
		}
		copied := other.afterCut(keep, tear, seen)
		if child == nil {
			continue
		}
		if child != other {
			copied = child.afterCut(keep, tear, seen)
		}
		after.names[name] = copied
	}
	after.kept = maps.Clone(after.names)
	return after
}

func torn(n *node, tear int) []byte {
	if string(n.data) == string(n.synced) {
		return slices.Clone(n.data)
	}
	if tear < 0 {
		return make([]byte, len(n.data))
	}
	return slices.Clone(n.data[:min(tear, len(n.data))])
}

func (n *node) copied(seen map[*node]*node) *node {
	if done, ok := seen[n]; ok {
		return done
	}
	c := &node{dir: n.dir, mode: n.mode, changed: n.changed, data: slices.Clone(n.data), synced: slices.Clone(n.synced)}
	seen[n] = c
	if n.dir {
		c.names, c.kept = map[string]*node{}, map[string]*node{}
		for name, child := range n.names {
			c.names[name] = child.copied(seen)
		}
		for name, child := range n.kept {
			c.kept[name] = child.copied(seen)
		}
	}
	return c
}

func choiceText(names []string, choice int) string {
	var kept []string
	for i, name := range names {
		if choice>>i&1 == 1 {
			kept = append(kept, name)
		}
	}
	return "[" + strings.Join(kept, " ") + "]"
}

func tearText(tear int) string {
	if tear < 0 {
		return "zeros"
	}
	return "byte " + strconv.Itoa(tear)
}

var (
	errNoSpace = syscall.ENOSPC
	errIO      = syscall.EIO
)
