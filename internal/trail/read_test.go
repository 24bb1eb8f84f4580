package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"unsafe"
)

const data = "../../../shared/data/cloudtrail"

// open gives the files that match pattern in the shared data, and skips the test where that is absent.
func shared(t testing.TB, pattern string) []File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(data, pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skipf("skipped: %s/%s is not on this machine", data, pattern)
	}
	var files []File
	for _, p := range paths {
		files = append(files, File{Name: p, Open: func() (io.ReadCloser, error) { return os.Open(p) }})
	}
	return files
}

func fileOf(name, text string) File {
	return File{Name: name, Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte(text))), nil
	}}
}

func corpusOf(t testing.TB, files ...File) *Corpus {
	t.Helper()
	c, err := Read(context.Background(), files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestReadShared(t *testing.T) {
	for pattern, want := range map[string]int{"stratus/*.json": 310, "labelled/*.jsonl": 0, "shapes/lookup_events.jsonl": 0, "shapes/delivery_file.json": 0} {
		c := corpusOf(t, shared(t, pattern)...)
		if in := c.Ingest(); c.Len() == 0 || len(in.Problems) > 17 || want > 0 && in.Records != want {
			t.Errorf("%s: %d events, %+v", pattern, c.Len(), in)
		}
	}
}

// A record of a delivery file, a line and an array are one event each; a copy counts once.
func TestReadShapes(t *testing.T) {
	const record = `{"eventVersion":"1.08","eventID":"a","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","eventTime":"2024-01-01T00:00:00Z","userIdentity":{"type":"Root"}}`
	c := corpusOf(t, fileOf("a", `{"Records":[`+record+`]}`), fileOf("b", record+"\n"), fileOf("c", "["+record+"]"))
	if in := c.Ingest(); c.Len() != 1 || in.Records != 3 || in.Duplicates != 2 {
		t.Errorf("%d events, %+v", c.Len(), in)
	}
}

// What is kept at hand of one file is bounded while it is read, not only once it is.
func TestKeptWithinOneFile(t *testing.T) {
	record := recordOf("a") + "\n"
	n := (64 << 20) / len(record)
	file := streamed("f", 0, func() io.Reader { return &repeated{text: record, n: n} })
	keep := func(*Identity, string, string) bool { return true }
	taken := allocated(func() {
		c, err := Read(context.Background(), []File{file}, Options{Keep: keep, KeepSize: 1 << 20})
		if err != nil || c.Len() != 1 || c.Ingest().Records != n {
			t.Errorf("%v: %d events", err, c.Len())
		}
	})
	if taken > 48<<20 {
		t.Errorf("%d MiB taken of 64 read", taken>>20)
	}
}

// Reading ends with its context, however much of a file is left.
func TestReadEndsWithinAFile(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	line, read := []byte(recordOf("a")+"\n"), 0
	file := streamed("f", 0, func() io.Reader {
		return readerFunc(func(b []byte) (int, error) {
			if read += len(line); read > 1<<20 {
				stop()
			}
			if read > 16<<20 {
				return 0, io.EOF
			}
			return copy(b, line), nil
		})
	})
	if _, err := Read(ctx, []File{file}, Options{}); !errors.Is(err, context.Canceled) || read > 2<<20 {
		t.Errorf("%v after %d bytes", err, read)
	}
}

// A record of another id that lies where one was, of its length and sum, is not taken for it.
func TestAnotherRecordIsNotTheEvent(t *testing.T) {
	c := corpusOf(t, fileOf("f", recordOf("a")))
	if e := c.event(0, []byte(recordOf("b"))); e.ID != "a" || e.Unread == "" {
		t.Errorf("%s, unread: %q", e.ID, e.Unread)
	}
}

// A text that is stored points at nothing else, or what a record was read from would be kept with it.
func TestEmptyTextKeepsNothing(t *testing.T) {
	raw := []byte(`{"type":"IAMUser","userName":"","accessKeyId":""}`)
	var id Identity
	if err := scanIdentity(raw, &id); err != nil {
		t.Fatal(err)
	}
	(&tables{}).addIdentity(&id)
	if unsafe.StringData(id.UserName) != nil || unsafe.StringData(id.AccessKey) != nil {
		t.Error("an empty text points into the record")
	}
}

// Zero bytes within values make no two kinds of call one.
func TestKindsWithZeros(t *testing.T) {
	record := func(id, name, source, more string) string {
		return `{"eventID":"` + id + `","eventTime":"2024-01-01T00:00:00Z","eventName":"` + name + `","eventSource":"` + source + `",` + more + `}`
	}
	a := record("a", "A", "B", `"eventType":"C","eventCategory":"D\u0000E","managementEvent":"F","readOnly":"G"`)
	b := record("b", `A\u0000B`, "C", `"eventType":"D","eventCategory":"E","managementEvent":"F","readOnly":"G"`)
	c := corpusOf(t, fileOf("f", a+"\n"+b))
	i, _ := c.Numbered("b")
	if k := c.Kind(c.Row(i).Kind); k.Name != "A\x00B" || k.Source != "C" {
		t.Errorf("%+v", k)
	}
}

// A log of one large file is seen to be read, and what is told of it adds up.
func TestProgressWithinAFile(t *testing.T) {
	var log bytes.Buffer
	for i := range 3 * tellEvery {
		fmt.Fprintf(&log, `{"eventID":"%08x-0000-4000-8000-000000000000","eventName":"x","eventSource":"s3.amazonaws.com","eventTime":"2024-01-01T00:00:00Z"}`+"\n", i)
	}
	size := int64(log.Len())
	log.WriteString(`{"torn`) // so that the file is read again, by the walker
	var calls, files, events int
	var read int64
	_, err := Read(context.Background(), []File{fileOf("log", log.String())}, Options{Workers: 1, Progress: func(f int, b int64, e int) {
		calls, files, read, events = calls+1, f, b, e
	}})
	if err != nil || calls < 4 || files != 1 || events != 3*tellEvery || read < size || read > size+10 {
		t.Errorf("%d calls, at the end %d files, %d bytes of %d, %d events: %v", calls, files, read, size, events, err)
	}
}
