package casefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// fileSystem is what Dir needs of the system: few operations, so that tests can put a recording file system in
// its place and take the power away after any of them. Paths are absolute. Errors are those of package os.
type fileSystem interface {
	mkdir(path string) error // 0700
	lstat(path string) (fs.FileInfo, error)
	create(path string) (diskFile, error) // for writing, 0600; fails when the path exists
	open(path string) (diskFile, error)   // for reading, regular files only
	link(from, to string) error           // fails when to exists
	remove(path string) error
	list(path string) ([]fs.DirEntry, error)
	syncDir(path string) error
}

type diskFile interface {
	io.ReadWriteCloser
	Stat() (fs.FileInfo, error)
	Chmod(fs.FileMode) error
	Sync() error
}

// osFS is the real file system. Everything under root goes through an os.Root, so that a symbolic link in a
// case somebody handed over never leads out of it. The Root is opened for each operation: an open one would
// keep a case folder from being removed on Windows, and costs some microseconds only.
type osFS struct{ root string }

func (o osFS) inside(path string, do func(r *os.Root, rel string) error) error {
	rel, err := filepath.Rel(o.root, path)
	if err != nil {
		return err
	}
	r, err := os.OpenRoot(o.root)
	if err != nil {
		return err
	}
	defer r.Close()
	return do(r, rel)
}

func (o osFS) within(path string) bool {
	rel, err := filepath.Rel(o.root, path)
	return err == nil && filepath.IsLocal(rel) && rel != "."
}

func (o osFS) mkdir(path string) error {
	if !o.within(path) {
		return os.Mkdir(path, 0o700)
	}
	return o.inside(path, func(r *os.Root, rel string) error { return r.Mkdir(rel, 0o700) })
}

// lstat follows links outside the case alone: the way to a case is the responder's own affair.
func (o osFS) lstat(path string) (info fs.FileInfo, err error) {
	if !o.within(path) {
		return os.Stat(path)
	}
	err = o.inside(path, func(r *os.Root, rel string) error {
		info, err = r.Lstat(rel)
		return err
	})
	return info, err
}

func (o osFS) create(path string) (f diskFile, err error) {
	err = o.inside(path, func(r *os.Root, rel string) error {
		f, err = r.OpenFile(rel, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return err
	})
	return f, err
}

// open looks before it opens: opening a named pipe that somebody put into a case would wait for ever.
func (o osFS) open(path string) (diskFile, error) {
	var f *os.File
	err := o.inside(path, func(r *os.Root, rel string) error {
		info, err := r.Lstat(rel)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return &fs.PathError{Op: "open", Path: path, Err: errors.New("not a regular file")}
		}
		f, err = r.Open(rel)
		return err
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (o osFS) link(from, to string) error {
	relTo, err := filepath.Rel(o.root, to)
	if err != nil {
		return err
	}
	return o.inside(from, func(r *os.Root, rel string) error { return r.Link(rel, relTo) })
}

func (o osFS) remove(path string) error {
	return o.inside(path, func(r *os.Root, rel string) error { return r.Remove(rel) })
}

func (o osFS) list(path string) (entries []fs.DirEntry, err error) {
	err = o.inside(path, func(r *os.Root, rel string) error {
		info, err := r.Lstat(rel)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return &fs.PathError{Op: "list", Path: path, Err: errors.New("not a folder")}
		}
		d, err := r.Open(rel)
		if err != nil {
			return err
		}
		defer d.Close()
		entries, err = d.ReadDir(-1)
		return err
	})
	return entries, err
}

// syncDir makes the names in a folder durable. Windows has no such call for folders; NTFS keeps names in its
// own log. Some network file systems refuse it (EINVAL, ENOTSUP): they write names through.
func (o osFS) syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	sync := func(d *os.File) error {
		err := d.Sync()
		if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
			err = nil
		}
		return errors.Join(err, d.Close())
	}
	if !o.within(path) {
		d, err := os.Open(path)
		if err != nil {
			return err
		}
		return sync(d)
	}
	return o.inside(path, func(r *os.Root, rel string) error {
		d, err := r.Open(rel)
		if err != nil {
			return err
		}
		return sync(d)
	})
}

// readOnly says that a folder cannot be synced because nothing can be written to it, as on a read-only medium:
// what is there stays.
func readOnly(err error) bool { return errors.Is(err, syscall.EROFS) }
