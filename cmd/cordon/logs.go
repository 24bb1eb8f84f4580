package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cordon/internal/trail"
)

// logFiles lists what --logs names: a file, a folder with all that is in it, a bucket's prefix. What cannot be listed
// is among the answer as a file that does not open, so that the reader counts and names it with the rest.
func (a *app) logFiles(ctx context.Context, names []string) ([]trail.File, error) {
	var all []trail.File
	for _, name := range names {
		var found []trail.File
		var err error
		switch {
		case isBucket(name):
			found, err = a.bucketLogs(ctx, name)
		case name == "-":
			err = fmt.Errorf("%w: --logs reads what it is given more than once, so it takes no stdin: name a file or a folder", errUsage)
		default:
			found, err = a.folderLogs(name)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no file in %s", strings.Join(names, ", "))
	}
	return all, nil
}

func isBucket(name string) bool { return strings.HasPrefix(name, "s3://") }

// folderLogs walks a folder in the order of names. Links are named and not followed: logs that somebody handed over
// must not lead to files of this machine, nor in a circle. The folder that was asked for may be a link itself.
func (a *app) folderLogs(name string) ([]trail.File, error) {
	top, err := filepath.EvalSymlinks(name)
	if err != nil {
		return nil, fmt.Errorf("open the logs: %w", err)
	}
	var files []trail.File
	var links, odd skipped
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		shown := name
		if inside, e := filepath.Rel(top, path); e == nil {
			shown = filepath.Join(name, inside)
		}
		if err != nil {
			files = append(files, unreadable(shown, err))
			return nil
		}
		switch {
		case d.IsDir():
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			links.add(shown)
			return nil
		case !d.Type().IsRegular():
			odd.add(shown) // a pipe would wait for ever
			return nil
		}
		info, err := d.Info()
		if err != nil {
			files = append(files, unreadable(shown, err))
			return nil
		}
		files = append(files, trail.File{Name: shown, Size: info.Size(), Open: func() (io.ReadCloser, error) { return openLog(path) }})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the logs in %s: %w", name, err)
	}
	links.tell(a, "links are not followed: name what they lead to with a --logs of its own")
	odd.tell(a, "neither a file nor a folder: not opened")
	return files, nil
}

// openLog says what failed without the path, which stands beside it already.
func openLog(path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainCause(err)
	}
	return f, nil
}

func unreadable(name string, err error) trail.File {
	err = plainCause(err)
	return trail.File{Name: name, Open: func() (io.ReadCloser, error) { return nil, err }}
}

func plainCause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	return err
}

// skipped counts what was left out and remembers the first of it.
type skipped struct {
	first string
	n     int
}

func (s *skipped) add(name string) {
	if s.n++; s.n == 1 {
		s.first = name
	}
}

func (s *skipped) tell(a *app, why string) {
	switch s.n {
	case 0:
	case 1:
		a.tell("left out: %s; %s", s.first, why)
	default:
		a.tell("left out: %s and %d more; %s", s.first, s.n-1, why)
	}
}
