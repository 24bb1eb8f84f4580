package trail

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A repeated reader gives a text n times, after a head and before a tail, without holding it.
type repeated struct {
	head, text, tail string
	n                int
	rest             string
	state            int
}

func (r *repeated) Read(b []byte) (int, error) {
	for r.rest == "" {
		switch {
		case r.state == 0:
			r.rest, r.state = r.head, 1
		case r.n > 0:
			r.rest = r.text
			r.n--
		case r.state == 1:
			r.rest, r.state = r.tail, 2
		default:
			return 0, io.EOF
		}
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func streamed(name string, size int64, make func() io.Reader) File {
	return File{Name: name, Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(make()), nil }}
}

func packedAs(t testing.TB, pack string, r io.Reader) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	var err error
	switch pack {
	case "gzip":
		w, err = gzip.NewWriterLevel(&out, gzip.BestSpeed)
	case "zstd":
		w, err = zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, r); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// allocated says how much memory was taken while do ran, given back or not.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What unpacks without end and is no log is left before long, with a line, whatever it unpacks to.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("packs and unpacks 64 MiB eight times; TestBombIsLeftEachTime goes the same way with less")
	}
	const size = 64 << 20
	line := func(s string) func() io.Reader {
		return func() io.Reader { return &repeated{text: s, n: size / len(s)} }
	}
	bombs := map[string]func() io.Reader{
		"zeros":         line(strings.Repeat("\x00", 1<<16)),
		"spaces":        line(strings.Repeat(" ", 1<<16)),
		"empty objects": line(strings.Repeat("{},", 1<<14)),
		"a list": func() io.Reader {
			return &repeated{head: "[", text: strings.Repeat("{},", 1<<14), n: size / (3 << 14), tail: "{}]"}
		},
		"one string": func() io.Reader {
			return &repeated{head: `{"Records":["`, text: strings.Repeat("a", 1<<16), n: size >> 16, tail: `"]}`}
		},
		"one object": func() io.Reader {
			return &repeated{head: `{`, text: strings.Repeat(`"eventName":1,`, 1<<12), n: size / (14 << 12), tail: `"a":1}`}
		},
		"depth": line(strings.Repeat("[", 1<<16)),
		"an endless quote": func() io.Reader {
			return &repeated{head: "eventid,eventname,eventtime\n\"", text: strings.Repeat("a", 1<<16), n: size >> 16}
		},
	}
	for name, bomb := range bombs {
		for _, pack := range []string{"gzip", "zstd"} {
			if (pack == "gzip") == (len(name)%2 == 0) { // half of them each: packing is what takes the time here
				continue
			}
			data := packedAs(t, pack, bomb())
			good := fileOf("good", recordOf("a"))
			var c *Corpus
			taken := allocated(func() {
				c = corpusOf(t, streamed("bomb", int64(len(data)), func() io.Reader { return bytes.NewReader(data) }), good)
			})
			in := c.Ingest()
			last := in.Problems[max(0, len(in.Problems)-1):]
			if c.Len() != 1 || len(last) == 0 || len(in.Problems) > 2 || last[0].Kind != "too-large" || last[0].Offset > size*3/4 || taken > 512<<20 {
				t.Errorf("%s, %s: %d bytes, %d MiB taken, %d events, %v", name, pack, len(data), taken>>20, c.Len(), in.Problems)
			}
		}
	}
}

// White space without end is left by the fast reader too, and a bomb with a record before it is not unpacked to its end
// when that record is read again.
func TestBombIsLeftEachTime(t *testing.T) {
	const size = 256 << 20
	for name, head := range map[string]string{"fast": recordOf("a"), "in an envelope": `{"CloudTrailEvent":` + quoted(recordOf("a")) + "}"} {
		data := packedAs(t, "zstd", &repeated{head: head, text: strings.Repeat(" ", 1<<20), n: size >> 20})
		in := newInput()
		closer, err := in.open(context.Background(), fileOf("f", string(data)))
		if err != nil {
			t.Fatal(err)
		}
		err = split(in, &facts{}, nil, func(int64, []byte, bool) error { return nil })
		closer.Close()
		if !errors.Is(err, errShape) || in.at() > 4<<20 {
			t.Errorf("%s: %v at %d", name, err, in.at())
		}
		c := corpusOf(t, fileOf("f", string(data)))
		a := again{c: c, in: in, rows: []int{0}, out: make([][]byte, 1), wanted: []int{0}}
		if err := a.file(context.Background(), 0); err != nil || a.out[0] == nil || in.at() > size/2 {
			t.Errorf("%s: read again to %d: %v", name, in.at(), err)
		}
	}
}

// What is too large is so in every shape.
func TestTooLargeInEveryShape(t *testing.T) {
	for size, want := range map[int]int{maxShapeRecord: 2, maxShapeRecord + 1: 1} {
		large := recordOf("x")
		large = strings.Replace(large, `"requestParameters":null`, `"requestParameters":"`+strings.Repeat("x", size-len(large)+2)+`"`, 1)
		for _, text := range []string{large + "\n" + recordOf("a"), `{"events":[` + large + "," + recordOf("a") + "]}"} {
			if c := corpusOf(t, fileOf("f", text)); len(large) != size || c.Len() != want {
				t.Errorf("%d bytes, %.9s: %d events, %v", len(large), text, c.Len(), c.Ingest().Problems)
			}
		}
	}
}

// A record of a hundred megabytes is one line, costs no more memory than a large one, and the records after it are read.
func TestHugeRecord(t *testing.T) {
	for _, wrap := range [][2]string{{`{"Records":[`, `]}`}, {"", ""}, {`{"events":[`, `]}`}} {
		huge := recordOf("huge")
		at := strings.Index(huge, `"requestParameters":null`)
		open := func() io.Reader {
			return io.MultiReader(strings.NewReader(wrap[0]), strings.NewReader(recordOf("a")), strings.NewReader(comma(wrap[0])),
				&repeated{head: huge[:at] + `"requestParameters":{"a":"`, text: strings.Repeat("x", 1<<20), n: 100, tail: `"},` + huge[at+25:]},
				strings.NewReader(comma(wrap[0])), strings.NewReader(recordOf("b")), strings.NewReader(wrap[1]))
		}
		var c *Corpus
		taken := allocated(func() { c = corpusOf(t, streamed("f", 0, open)) })
		if in := c.Ingest(); c.Len() != 2 || len(in.Problems) != 1 || in.Problems[0].Kind != "too-large" || taken > 400<<20 {
			t.Errorf("%q: %d events, %d MiB taken, %v", wrap[0], c.Len(), taken>>20, in.Problems)
		}
	}
}

func comma(wrap string) string {
	if wrap == "" {
		return "\n"
	}
	return ","
}

// A record that is odd in one way is read or named, never lost in silence, and those around it are read.
func TestOddRecords(t *testing.T) {
	base := recordOf("x")
	with := func(from, to string) string {
		if !strings.Contains(base, from) {
			t.Fatalf("no %q", from)
		}
		return strings.Replace(base, from, to, 1)
	}
	for _, k := range []struct {
		name, record string
		read         bool   // it counts as an event
		kind         string // of the problem, "unread" where only reading it whole tells
	}{
		{"deep", with(`"requestParameters":null`, `"requestParameters":`+strings.Repeat(`{"a":`, 10_000)+"1"+strings.Repeat("}", 10_000)), false, "too-deep"},
		{"not so deep", with(`"requestParameters":null`, `"requestParameters":`+strings.Repeat(`[`, 40)+strings.Repeat("]", 40)), true, ""},
		{"a name twice", with(`"eventName":"ListBuckets"`, `"eventName":"ListBuckets","eventName":"DeleteBucket"`), false, "duplicate-name"},
		{"a name twice within", with(`"requestParameters":null`, `"requestParameters":{"a":1,"a":2}`), true, "unread"},
		{"a name twice, once escaped", with(`"eventName":"ListBuckets"`, `"eventName":"ListBuckets","event\u004eame":"DeleteBucket"`), false, "duplicate-name"},
		{"names that differ in case", with(`"eventName":"ListBuckets"`, `"eventName":"ListBuckets","EventName":"DeleteBucket"`), false, "bad-record"},
		{"no UTF-8", with(`"cli"`, "\"cli\xff\""), false, "bad-record"},
		{"half a surrogate", with(`"cli"`, `"cli\ud800"`), false, "bad-record"},
		{"a zero escaped", with(`"cli"`, `"cli\u0000x"`), true, ""},
		{"a zero byte", with(`"cli"`, "\"cli\x00\""), false, "bad-record"},
		{"a tab in a string", with(`"cli"`, "\"c\tli\""), false, "bad-record"},
		{"a number for a string", with(`"cli"`, `42`), true, ""},
		{"a list for a string", with(`"cli"`, `[1]`), true, ""},
		{"an object for a string", with(`"cli"`, `{}`), true, ""},
		{"a string for the identity", with(`{"type":"IAMUser","accessKeyId":"AKIA1"}`, `"root"`), true, ""},
		{"a list for the identity", with(`{"type":"IAMUser","accessKeyId":"AKIA1"}`, `[]`), true, ""},
		{"text for the request", with(`"requestParameters":null`, `"requestParameters":"HIDDEN_DUE_TO_SECURITY_REASONS"`), true, ""},
		{"a number out of range", with(`"requestParameters":null`, `"requestParameters":{"n":1e99999}`), true, ""},
		{"no time", with(`"2024-01-01T00:00:00Z"`, `"yesterday"`), true, "bad-time"},
		{"a time as a number", with(`"2024-01-01T00:00:00Z"`, `1e300`), true, "bad-time"},
		{"a time before all", with(`"2024-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`), true, "bad-time"},
		{"a time that is none", with(`"2024-01-01T00:00:00Z"`, `"2024-02-31T25:61:00Z"`), true, "bad-time"},
		{"a name with ..", with(`"cli"`, `"../../../etc/passwd"`), true, ""},
		{"a longer address than any", with(`"203.0.113.9"`, `"`+strings.Repeat("9", 100_000)+`"`), false, "bad-record"},
		{"booleans as text", with(`"requestParameters":null`, `"readOnly":"true","requestParameters":null`), true, ""},
		{"an id that is none", with(`"eventID":"x"`, `"eventID":""`), true, ""},
		{"an id with a line break", with(`"eventID":"x"`, `"eventID":"x\ny"`), true, ""},
		{"an id with a line break, as long as any", with(`"eventID":"x"`, `"eventID":"6e882b9d-2af8-4c67-b91f-aeac6a0e5e7\n"`), true, ""},
		{"no name", with(`"eventName":"ListBuckets"`, `"eventName":{}`), false, "bad-record"},
		{"no id", with(`"eventID":"x"`, `"eventID":null`), true, ""},
		{"an escape that is none", with(`"cli"`, `"\x"`), false, "bad-record"},
		{"a bare word", with(`"requestParameters":null`, `"requestParameters":nul`), true, "unread"},
	} {
		text := `{"Records":[` + recordOf("a") + "," + k.record + "," + recordOf("b") + "]}"
		c := corpusOf(t, fileOf("../../f.json", text))
		in := c.Ingest()
		want := 2
		if k.read {
			want = 3
		}
		kind := ""
		if len(in.Problems) > 0 {
			kind = in.Problems[0].Kind
		}
		unread := k.kind == "unread"
		if unread {
			k.kind = ""
		}
		if c.Len() != want || kind != k.kind || len(in.Problems) > 1 {
			t.Errorf("%s: %d events, %v", k.name, c.Len(), in.Problems)
			continue
		}
		if kind != "" && in.Problems[0].Offset != int64(len(`{"Records":[`+recordOf("a")+",")) {
			t.Errorf("%s: said to be at %d", k.name, in.Problems[0].Offset)
		}
		if !k.read && k.kind != "too-deep" && len(c.Unread()) != 1 {
			t.Errorf("%s: its bytes are not kept: %v", k.name, c.Unread())
		}
		err := c.Events(context.Background(), []int{0, 1, want - 1}, func(_ int, e *Event) error {
			if (e.Unread != "") != (unread && e.ID == "x") {
				return fmt.Errorf("event %s: unread: %q", e.ID, e.Unread)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: read again: %v", k.name, err)
		}
	}
}

// An envelope among records that cannot be read is kept, as it is where all are envelopes.
func TestOddEnvelopeIsKept(t *testing.T) {
	const twice = `{"EventId":"x","EventId":"y","CloudTrailEvent":"{}"}`
	for _, text := range []string{recordOf("a") + "\n" + twice + "\n", twice + "\n" + `{"CloudTrailEvent":` + quoted(recordOf("a")) + "}\n"} {
		c := corpusOf(t, fileOf("f", text))
		if kept := c.Unread(); c.Len() != 1 || len(c.Ingest().Problems) != 1 || len(kept) != 1 || string(kept[0].Bytes) != twice {
			t.Errorf("%d events, %v, kept %v", c.Len(), c.Ingest().Problems, kept)
		}
	}
}

// A file of nothing but faults costs a bounded list of lines, and says how many more there are.
func TestManyFaults(t *testing.T) {
	bad := strings.Replace(recordOf("x"), `"eventID"`, `"eventID":"y","eventID"`, 1) + "\n"
	c := corpusOf(t, streamed("f", 0, func() io.Reader { return &repeated{text: bad, n: 50_000} }))
	in := c.Ingest()
	kept := 0
	for _, u := range c.Unread() {
		kept += len(u.Bytes)
	}
	if c.Len() != 0 || len(in.Problems) > MaxProblems || len(in.Problems)+in.More != 50_000 || len(c.Unread()) > MaxProblems || kept > maxUnread || kept == 0 {
		t.Errorf("%d events, %d problems, %d kept of %d bytes", c.Len(), len(in.Problems), len(c.Unread()), kept)
	}
	c = corpusOf(t, streamed("f", 0, func() io.Reader {
		return &repeated{head: recordOf("a") + "\n", text: recordOf("b")[:90] + "\n", n: 50_000}
	}))
	if in := c.Ingest(); c.Len() != 1 || len(in.Problems) != maxForeignRun+2 || !strings.Contains(fmt.Sprint(in.Problems), "49979 more of this kind") {
		t.Errorf("%d events, %v", c.Len(), in.Problems)
	}
}

// What is said of a fault is short, whatever the names in it.
func TestLongFault(t *testing.T) {
	name := strings.Repeat("n", 1<<20)
	bad := strings.Replace(recordOf("x"), `"requestParameters":null`, `"EVENTID":1,"requestParameters":{"`+name+`":1,"`+name+`":2}`, 1)
	c := corpusOf(t, fileOf("f", bad))
	if in := c.Ingest(); len(in.Problems) != 1 || len(in.Problems[0].Detail) > 2*maxDetail || len(c.Unread()) != 1 || len(c.Unread()[0].Why) > 2*maxDetail {
		t.Errorf("%d problems, %d unread", len(in.Problems), len(c.Unread()))
	}
}

// Compressed data that is cut gives the events before the cut, and one line with the place in the unpacked file.
func TestCutCompressed(t *testing.T) {
	for _, pack := range []string{"gzip", "zstd"} {
		for _, line := range []string{recordOf("a"), `{"CloudTrailEvent":` + quoted(recordOf("a")) + "}"} {
			var text strings.Builder
			for i := range 3000 {
				text.WriteString(strings.ReplaceAll(line, `203.0.113.9`, fmt.Sprint(i*i*i)) + "\n")
			}
			data := packedAs(t, pack, strings.NewReader(text.String()))
			cut := data[:len(data)/2]
			c := corpusOf(t, streamed("f", int64(len(cut)), func() io.Reader { return bytes.NewReader(cut) }))
			in := c.Ingest()
			if len(in.Problems) != 1 || in.Problems[0].Kind != "truncated" || in.Records < 100 || in.Records > 2900 {
				t.Errorf("%s: %d records, %v", pack, in.Records, in.Problems)
				continue
			}
			if at := in.Problems[0].Offset; at < int64(in.Records)*300 || at > int64(text.Len()) || in.Read < at {
				t.Errorf("%s: %d records, %d bytes read, said to be cut at %d", pack, in.Records, in.Read, at)
			}
		}
	}
}
