package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"cordon/internal/trail"
)

// unread is a record that nobody could read, as it is kept.
type unread struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Why    string `json:"why"`
	Bytes  []byte `json:"bytes"` // base64
}

// evidence is what is kept of an answer besides: what was read, and what nobody could read, as it was found.
func (s scopeAnswer) evidence() any {
	e := struct {
		*trail.Ingest
		Unread []unread `json:"unread"`
	}{s.corpus.Ingest(), []unread{}}
	for _, u := range s.corpus.Unread() {
		e.Unread = append(e.Unread, unread(u))
	}
	return e
}

// folder is where --out writes: made for the user alone, and nothing in it is written over. Its files have names of drafts
// until all of them are whole, so that what was interrupted is never taken for an answer.
type folder struct {
	dir   string
	names []string
}

func newFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of --out: %w", err)
	}
	return &folder{dir: dir}, nil
}

func (d *folder) create(name string) (*os.File, error) {
	f, err := createDraft(filepath.Join(d.dir, name))
	if err == nil {
		d.names = append(d.names, name)
	}
	return f, err
}

// keep gives the files their names; after err it removes them instead, which may be all that a full disk needs.
func (d *folder) keep(err error) error {
	for _, name := range d.names {
		err = keepDraft(filepath.Join(d.dir, name), err)
	}
	return err
}

// draft is the name of a file that is not whole yet.
func draft(path string) string { return path + ".part" }

// createDraft makes the draft of a file that is not there: what somebody has gathered is not written over. A draft that an
// interrupted run left is.
func createDraft(path string) (*os.File, error) {
	if err := free(path); err != nil {
		return nil, err
	}
	if err := os.Remove(draft(path)); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("begin %s anew: %w", draft(path), err)
	}
	f, err := os.OpenFile(draft(path), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", draft(path), err)
	}
	return f, nil
}

// keepDraft gives a closed draft its name, or removes it where err says that it is not whole.
func keepDraft(path string, err error) error {
	if err == nil {
		err = free(path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(draft(path)))
	}
	return os.Rename(draft(path), path)
}

// free refuses a name that is taken before anything is read for it: reading may take long.
func free(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already, and nothing is written over: name another", path)
	}
	return nil
}

// saveScope writes what --out asks for.
func saveScope(ctx context.Context, s scopeAnswer, dir string) error {
	d, err := newFolder(dir)
	if err != nil {
		return err
	}
	return d.keep(writeScope(ctx, s, d))
}

func writeScope(ctx context.Context, s scopeAnswer, d *folder) error {
	origins, err := trail.Origins(ctx, s.corpus, s.doc)
	if err != nil {
		return err
	}
	err = trail.WriteAll(s.doc, origins, func(name string) (io.WriteCloser, error) { return d.create(name) })
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("write %s: %w", d.dir, ctx.Err())
	}
	f, err := d.create("ingest.json")
	if err != nil {
		return err
	}
	return errors.Join(writeDocument(f, s.evidence()), f.Close())
}
