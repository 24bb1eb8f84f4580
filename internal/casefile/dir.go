package casefile

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// Dir is a Store in a folder of the file system. Folders are 0700, files 0400.
//
// A file is written under a temporary name, synced, linked to its own name and the folder synced; then the
// temporary name goes. Linking is what makes it create-once: it fails where the name exists, while renaming
// would overwrite. It needs a file system with hard links; without them (FAT) Create fails and says so. A
// crash leaves at most a temporary name behind, which List does not show and a later Create removes.
type Dir struct {
	path string
	disk fileSystem

	mu    sync.Mutex
	ready map[string]bool // folders known to be there and durable
}

// NewDir returns the store in the folder at path, which is made by the first Create.
func NewDir(path string) *Dir {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return newDir(path, osFS{root: path})
}

func newDir(path string, disk fileSystem) *Dir {
	return &Dir{path: path, disk: disk, ready: map[string]bool{}}
}

// Location is the folder's path.
func (d *Dir) Location() string { return d.path }

// Create writes a file that stays.
func (d *Dir) Create(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(ctx.Err(), checkName(name)); err != nil {
		return err
	}
	path := filepath.Join(d.path, filepath.FromSlash(name))
	if err := d.prepare(filepath.Dir(path)); err != nil {
		return fmt.Errorf("preparing the folder of %s: %w", name, err)
	}
	if err := writeOnce(d.disk, filepath.Dir(path), filepath.Base(path), data, 0o400); err != nil {
		return fmt.Errorf("creating %s: %w", name, err)
	}
	return nil
}

// Read returns a file's bytes.
func (d *Dir) Read(ctx context.Context, name string) ([]byte, error) {
	if err := errors.Join(ctx.Err(), checkName(name)); err != nil {
		return nil, err
	}
	f, err := d.disk.open(filepath.Join(d.path, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w", name, ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, sizeLimit(name)+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > sizeLimit(name) {
		return nil, tooLarge(name)
	}
	return data, nil
}

// List names what lies in a folder, temporary names left out. It syncs the folder first: a process that was
// killed between link and sync leaves a name that a power cut may still take away.
func (d *Dir) List(ctx context.Context, dir string) ([]string, error) {
	if err := errors.Join(ctx.Err(), checkName(dir)); err != nil {
		return nil, err
	}
	path := filepath.Join(d.path, filepath.FromSlash(dir))
	entries, err := d.disk.list(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", dir, err)
	}
	if err := d.disk.syncDir(path); err != nil && !readOnly(err) {
		return nil, fmt.Errorf("syncing %s: %w", dir, err)
	}
	var names []string
	for _, e := range entries {
		if isTemporary(e.Name()) {
			continue
		}
		name := dir + "/" + e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// prepare makes a folder of the case, with what leads to it, and tidies it, once for each Dir.
func (d *Dir) prepare(folder string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ready[folder] {
		return nil
	}
	if err := makeFolders(d.disk, folder); err != nil {
		return err
	}
	d.ready[folder] = true
	// Best effort: an entry must not fail because something old could not be removed.
	_ = tidy(d.disk, folder)
	return nil
}

// makeFolders makes a folder and its ancestors durable. The parent of the deepest folder that exists is
// synced too: whoever made that one may have been killed before it came to it.
func makeFolders(disk fileSystem, folder string) error {
	info, err := disk.lstat(folder)
	parent := filepath.Dir(folder)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: folder, Err: errors.New("not a folder")}
	case err == nil && parent == folder:
		return nil
	case err == nil:
		// Where the parent may not be read, somebody else made this folder.
		if err := disk.syncDir(parent); err != nil && !readOnly(err) && !errors.Is(err, fs.ErrPermission) {
			return err
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist) || parent == folder:
		return err
	}
	if err := makeFolders(disk, parent); err != nil {
		return err
	}
	if err := disk.mkdir(folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.syncDir(parent)
}

const temporaryPrefix = ".new-"

func isTemporary(name string) bool { return strings.HasPrefix(name, temporaryPrefix) }

// writeOnce creates one file in an existing folder as Store.Create promises.
func writeOnce(disk fileSystem, folder, name string, data []byte, mode fs.FileMode) error {
	temporary := filepath.Join(folder, temporaryPrefix+rand.Text())
	if err := writeFile(disk, temporary, data, mode); err != nil {
		// Best effort: what stays is tidied later.
		_ = disk.remove(temporary)
		return err
	}
	linked := disk.link(temporary, filepath.Join(folder, name))
	if linked != nil && !errors.Is(linked, fs.ErrExist) {
		_ = disk.remove(temporary)
		return fmt.Errorf("linking (a case needs a file system with hard links): %w", linked)
	}
	err := disk.syncDir(folder)
	// A temporary name that cannot be removed is no failure: the file is written, and tidied later.
	_ = disk.remove(temporary)
	if err != nil {
		return fmt.Errorf("syncing the folder: %w", err)
	}
	if linked != nil {
		return ErrExist
	}
	return nil
}

func writeFile(disk fileSystem, path string, data []byte, mode fs.FileMode) error {
	f, err := disk.create(path)
	if err != nil {
		return err
	}
	err = fill(f, data, mode)
	return errors.Join(err, f.Close())
}

func fill(f diskFile, data []byte, mode fs.FileMode) error {
	n, err := f.Write(data)
	if err != nil {
		return err
	}
	if n != len(data) {
		return io.ErrShortWrite
	}
	// On Windows the read-only mark belongs to all names of a file and would have to go to remove one.
	if runtime.GOOS != "windows" {
		if err := f.Chmod(mode); err != nil {
			return err
		}
	}
	return f.Sync()
}

// leftoverAge is how much older than a file written now a temporary file must be to count as a leftover.
// Removing one that is still being written makes that Create fail, and it may be tried again.
const leftoverAge = time.Hour

// tidy removes temporary files that a crash left. Their age is told by the file system's own clock.
func tidy(disk fileSystem, folder string) error {
	entries, err := disk.list(folder)
	if err != nil {
		return err
	}
	var old []string
	for _, e := range entries {
		if isTemporary(e.Name()) && e.Type().IsRegular() {
			old = append(old, filepath.Join(folder, e.Name()))
		}
	}
	if len(old) == 0 {
		return nil
	}
	now, err := clockOf(disk, folder)
	if err != nil {
		return err
	}
	for _, path := range old {
		info, err := disk.lstat(path)
		if err != nil || now.Sub(info.ModTime()) < leftoverAge {
			continue // gone meanwhile, or perhaps in use
		}
		if err := disk.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func clockOf(disk fileSystem, folder string) (time.Time, error) {
	path := filepath.Join(folder, temporaryPrefix+rand.Text())
	f, err := disk.create(path)
	if err != nil {
		return time.Time{}, err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close(), disk.remove(path)); err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}
