package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func indexOf(t testing.TB, files []File) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "index")
	x, err := CreateIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Read(context.Background(), files, Options{Raw: x})
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Finish(c); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An index says of every event, by row and whole, what the log says.
func TestIndexIsTheLog(t *testing.T) {
	files := append(shared(t, "stratus/*.json"), shared(t, "labelled/*.jsonl")...)
	files = append(files, fileOf("torn", `{"Records":[{"eventID":"torn`))
	c := corpusOf(t, files...)
	x, err := OpenIndex(indexOf(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if c.Len() == 0 || x.Len() != c.Len() || !reflect.DeepEqual(x.Issued(), c.Issued()) || !reflect.DeepEqual(x.Ingest(), c.Ingest()) {
		t.Fatalf("%d and %d events, %d and %d keys, %+v and %+v", x.Len(), c.Len(), len(x.Issued()), len(c.Issued()), x.Ingest(), c.Ingest())
	}
	all := make([]int, c.Len())
	for i := range all {
		all[i] = i
		a, b := c.Row(i), x.Row(i)
		fileA, atA := c.Where(i)
		fileB, atB := x.Where(i)
		if c.ID(i) != x.ID(i) || c.SharedID(i) != x.SharedID(i) || a.Time != b.Time || a.Flags != b.Flags || *c.Identity(a.Identity) != *x.Identity(b.Identity) ||
			c.Kind(a.Kind) != x.Kind(b.Kind) || c.Place(a.Place) != x.Place(b.Place) || c.Client(a.Client) != x.Client(b.Client) ||
			c.Code(a.Code) != x.Code(b.Code) || fileA != fileB || atA != atB {
			t.Fatalf("row %d: %+v at %s %d and %+v at %s %d", i, a, fileA, atA, b, fileB, atB)
		}
	}
	if a, b := events(t, c, all), events(t, x, all); len(a) != c.Len() || !reflect.DeepEqual(a, b) {
		t.Errorf("%d and %d events, or they differ", len(a), len(b))
	}
}

func events(t testing.TB, c *Corpus, rows []int) (out []*Event) {
	t.Helper()
	if err := c.Events(context.Background(), rows, func(row int, e *Event) error {
		if e.Unread != "" {
			t.Errorf("event %s: %s", e.ID, e.Unread)
		}
		if e.ID != c.ID(row) {
			t.Errorf("row %d is %s, and gives %s", row, c.ID(row), e.ID)
		}
		out = append(out, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

const oneRecord = `{"eventVersion":"1.08","eventID":"6e882b9d-2af8-4c67-b91f-aeac6a0e5e70","eventName":"AssumeRole","eventSource":"sts.amazonaws.com","eventTime":"2024-11-30T08:43:17Z","sharedEventID":"s","userIdentity":{"type":"IAMUser","accessKeyId":"AKIAABCDEFGHIJKLMNOP"},"responseElements":{"credentials":{"accessKeyId":"ASIAABCDEFGHIJKLMNOP"}}}`

// An index is never made over another, and one that was not finished, or was cut or changed, is none.
func TestIndexRefused(t *testing.T) {
	dir := indexOf(t, []File{fileOf("a", oneRecord)})
	if _, err := CreateIndex(dir); err == nil {
		t.Error("an index was made over another")
	}
	for _, name := range append(indexFiles, "index.json") {
		path := filepath.Join(dir, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := OpenIndex(dir); err == nil && name != "index.json" { // the last byte of that is a line break
			c.Close()
			t.Errorf("an index whose %s was cut was opened", name)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "index.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenIndex(dir); err == nil {
		t.Error("an index that was not finished was opened")
	}
}

// A record of an index that is not what was indexed comes as unread, with what its row knows.
func TestIndexRecordChanged(t *testing.T) {
	dir := indexOf(t, []File{fileOf("a", oneRecord)})
	path := filepath.Join(dir, "records")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := OpenIndex(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	seen := false
	if err := c.Events(context.Background(), []int{0}, func(_ int, e *Event) error {
		seen = e.Unread != "" && e.Name == "AssumeRole" && e.Identity.AccessKey == "AKIAABCDEFGHIJKLMNOP" && e.SharedID == "s"
		return nil
	}); err != nil || !seen {
		t.Error(err, seen)
	}
}

func FuzzOpenIndex(f *testing.F) {
	dir := indexOf(f, []File{fileOf("a", oneRecord), fileOf("b", `{"eventID":"odd","eventName":"x","eventTime":"2024-11-30T08:43:17Z"}`)})
	var head indexHeader
	for i, name := range append(indexFiles, "index.json") {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		if name == "index.json" {
			if err := json.Unmarshal(b, &head); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(i, b)
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		names := append(bytes.Fields([]byte("records blocks rows tables marks")), []byte("index.json"))
		name := string(names[uint(which)%uint(len(names))])
		at := t.TempDir()
		if err := os.CopyFS(at, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
		if name != "index.json" {
			h := head
			h.Sizes = map[string]int64{}
			for k, v := range head.Sizes {
				h.Sizes[k] = v
			}
			h.Sizes[name] = int64(len(data))
			if name == "rows" {
				h.Events = len(data) / rowSize
				h.Sizes[name] = int64(h.Events) * rowSize
				if err := os.Truncate(filepath.Join(at, name), h.Sizes[name]); err != nil {
					t.Fatal(err)
				}
			}
			b, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(at, "index.json"), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := OpenIndex(at)
		if err != nil {
			return
		}
		defer c.Close()
		for i := range c.Len() {
			c.ID(i)
			c.SharedID(i)
			c.Where(i)
			c.Identity(c.Row(i).Identity)
		}
		if _, err := Find(context.Background(), c, Question{Seeds: []Seed{{Kind: "access-key", Value: "AKIAABCDEFGHIJKLMNOP"}}}); err != nil {
			t.Fatal(err)
		}
	})
}
