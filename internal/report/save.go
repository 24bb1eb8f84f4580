package report

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
)

const folder = "report"

// Save writes report/report.html, report.md and report.json into the folder of a case and answers the page's
// path. They are derived and may be overwritten, each at once: a reader finds the old file or the new one. The
// page comes last, so that the files it speaks of are there when it is. Nothing outside dir is written, wherever
// links in it point.
func Save(ctx context.Context, r Report, dir string) (path string, err error) {
	page, err := r.HTML()
	if err != nil {
		return "", err
	}
	data, err := r.JSON()
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("save the report: %w", err)
	}
	defer root.Close()
	if err := root.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make the folder of the report: %w", err)
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{"report.json", data}, {"report.md", r.Markdown()}, {"report.html", page}} {
		if err := ctx.Err(); err != nil {
			return "", fmt.Errorf("save the report: %w", err)
		}
		if err := replace(root, folder+"/"+f.name, f.data); err != nil {
			return "", fmt.Errorf("save %s: %w", f.name, err)
		}
	}
	return filepath.Join(dir, folder, "report.html"), nil
}

// replace writes a file under a name that nobody else uses and renames it.
func replace(root *os.Root, name string, data []byte) (err error) {
	temporary := name + "." + rand.Text() + ".tmp"
	f, err := root.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			root.Remove(temporary)
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return err
	}
	return root.Rename(temporary, name)
}
