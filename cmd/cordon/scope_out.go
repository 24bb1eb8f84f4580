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

// folder is where --out writes: made for the user alone, and nothing in it is written over.
type folder string

func newFolder(dir string) (folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of --out: %w", err)
	}
	return folder(dir), nil
}

func (d folder) create(name string) (*os.File, error) {
	return createNew(filepath.Join(string(d), name))
}

// createNew makes a file that was not there: what somebody has gathered is not written over.
func createNew(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if os.IsExist(err) {
		return nil, fmt.Errorf("%s is there already, and nothing is written over: name another", path)
	}
	if err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return f, nil
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
	origins, err := trail.Origins(ctx, s.corpus, s.doc)
	if err != nil {
		return err
	}
	err = trail.WriteAll(s.doc, origins, func(name string) (io.WriteCloser, error) { return d.create(name) })
	if err != nil {
		return err
	}
	f, err := d.create("ingest.json")
	if err != nil {
		return err
	}
	return errors.Join(writeDocument(f, s.evidence()), f.Close())
}
