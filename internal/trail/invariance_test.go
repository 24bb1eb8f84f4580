package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// recordsOf gives every record of files, as it stands there.
func recordsOf(t *testing.T, files []File) [][]byte {
	t.Helper()
	var out [][]byte
	for _, f := range files {
		var delivered struct{ Records []json.RawMessage }
		var list []json.RawMessage
		text := readAll(t, f)
		if json.Unmarshal(text, &list) != nil {
			if err := json.Unmarshal(text, &delivered); err != nil {
				t.Fatal(f.Name, err)
			}
			list = delivered.Records
		}
		for _, r := range list {
			out = append(out, r)
		}
	}
	if len(out) == 0 {
		t.Fatal("the files hold no records")
	}
	return out
}

func readAll(t *testing.T, f File) []byte {
	t.Helper()
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(f.Name, err)
	}
	return b.Bytes()
}

// asText are the ways of writing records into one file that tools use.
var asText = []func([][]byte) []byte{
	func(records [][]byte) []byte {
		return fmt.Appendf(nil, `{"Records":[%s]}`, bytes.Join(records, []byte(",")))
	},
	func(records [][]byte) []byte {
		return fmt.Appendf(nil, "[\n%s\n]\n", bytes.Join(records, []byte(",\n")))
	},
	func(records [][]byte) []byte {
		var lines []byte
		for _, r := range records {
			var one bytes.Buffer
			if json.Compact(&one, r) != nil {
				return nil
			}
			lines = append(append(lines, one.Bytes()...), "\r\n"...)
		}
		return lines
	},
	func(records [][]byte) []byte {
		var pretty bytes.Buffer
		if json.Indent(&pretty, fmt.Appendf(nil, `{"Records":[%s]}`, bytes.Join(records, []byte(","))), "", "\t") != nil {
			return nil
		}
		return pretty.Bytes()
	},
	func(records [][]byte) []byte { return bytes.Join(records, nil) },
	func(records [][]byte) []byte { // after a byte order mark
		return fmt.Appendf(nil, "\ufeff{ \"Records\" : [ %s ] }\n\n", bytes.Join(records, []byte(" ,\n  ")))
	},
}

// packed are the ways of compressing a file.
var packed = []func(*testing.T, []byte) []byte{
	func(_ *testing.T, b []byte) []byte { return b },
	func(t *testing.T, b []byte) []byte { return zipped(t, b, gzip.BestSpeed) },
	func(t *testing.T, b []byte) []byte { return zipped(t, b, gzip.BestCompression) },
	func(t *testing.T, b []byte) []byte { return zipped(t, b, gzip.NoCompression) },
	func(t *testing.T, b []byte) []byte { // members after one another, as appending to a file gives
		half := len(b) / 2
		return slices.Concat(zipped(t, b[:half], 6), zipped(t, nil, 6), zipped(t, b[half:], 1))
	},
	func(t *testing.T, b []byte) []byte {
		z, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		half := len(b) / 3
		return slices.Concat(z.EncodeAll(b[:half], nil), z.EncodeAll(b[half:], nil))
	},
}

func zipped(t *testing.T, b []byte, level int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// recut puts the records into other files: of other number and size, in another order, some twice, written in one of
// the ways given and compressed in every way, with names that say nothing or lie.
func recut(t *testing.T, r *rand.Rand, records [][]byte, ways []func([][]byte) []byte) []File {
	t.Helper()
	all := slices.Clone(records)
	for range len(all) / 4 {
		all = append(all, records[r.IntN(len(records))])
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var files []File
	most := 1 + r.IntN(len(all))
	for len(all) > 0 {
		n := min(len(all), 1+r.IntN(most))
		text := ways[r.IntN(len(ways))](all[:n])
		if text == nil {
			t.Fatal("records that are no JSON")
		}
		name := []string{"x", "../../etc/passwd", "AWSLogs/o-1/222222222222/CloudTrail-Digest/us-east-1/a.json.gz", "a b\x1b[2J.json", "log.zst"}[r.IntN(5)]
		file := fileOf(fmt.Sprint(len(files), name), string(packed[r.IntN(len(packed))](t, text)))
		files = append(files, file)
		if r.IntN(5) == 0 {
			file.Name = "copy of " + file.Name
			files = append(files, file)
		}
		all = all[n:]
	}
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	return files
}

// printed is the document as it is printed.
func printed(t *testing.T, c *Corpus, q Question) []byte {
	t.Helper()
	d, err := Find(context.Background(), c, q)
	if err != nil {
		t.Fatal(err)
	}
	out, err := json.MarshalIndent(d, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// keeps are guesses of what will be asked for, good and bad.
var keeps = []func(*Identity, string, string) bool{
	nil,
	func(*Identity, string, string) bool { return true },
	func(id *Identity, _, _ string) bool { return id.Type == "IAMUser" },
}

// checkSame asks q of the records cut anew, many times over.
func checkSame(t *testing.T, r *rand.Rand, times int, q Question, want []byte, records [][]byte) {
	t.Helper()
	for n := range times {
		files := recut(t, r, records, asText)
		opts := Options{Workers: 1 + r.IntN(8), Keep: keeps[r.IntN(len(keeps))], KeepSize: []int{0, 1, 4096}[r.IntN(3)]}
		if n%2 == 1 {
			if got := printed(t, throughIndex(t, files, opts), q); !bytes.Equal(got, want) {
				t.Fatalf("cut %d into %d files, through an index: %s", n, len(files), firstDifference(string(want), string(got)))
			}
			continue
		}
		c, err := Read(context.Background(), files, opts)
		if err != nil {
			t.Fatal(err)
		}
		if in := c.Ingest(); len(in.Problems) > 0 || in.Conflicts > 0 {
			t.Fatalf("cut %d: %+v", n, in)
		}
		if got := printed(t, c, q); !bytes.Equal(got, want) {
			t.Fatalf("cut %d into %d files: %s", n, len(files), firstDifference(string(want), string(got)))
		}
	}
}

// throughIndex makes an index of files and opens it.
func throughIndex(tb testing.TB, files []File, opts Options) *Corpus {
	tb.Helper()
	c, err := OpenIndex(writtenIndex(tb, files, filepath.Join(tb.TempDir(), "index"), opts))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			from := max(0, i-8)
			return fmt.Sprintf("line %d, after\n%s\nis\n%s\nnot\n%s", i, strings.Join(a[from:i], "\n"), b[i], a[i])
		}
	}
	return fmt.Sprintf("%d lines, not %d", len(b), len(a))
}

// How a log is cut into files, ordered, copied, named, written and compressed, and how many read it, changes no byte
// of the answer.
func TestInvariance(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(generated{Seed: seed, Files: 16, Events: 400})
			r := rand.New(rand.NewPCG(seed, 99))
			for _, q := range []Question{
				{Seeds: []Seed{{Kind: "access-key", Value: w.key, From: w.stolen}}},
				{Seeds: []Seed{{Kind: "access-key", Value: w.busy.key}}},
				{Seeds: []Seed{{Kind: "role", Value: w.roles[0][0].roleARN()}, {Kind: "address", Value: w.busy.ip}}},
			} {
				records := recordsOf(t, w.memory())
				checkSame(t, r, 3, q, printed(t, corpusOf(t, w.memory()...), q), records)
			}
		})
	}
}

// The same of real detonations.
func TestInvarianceStratus(t *testing.T) {
	files := shared(t, "stratus/*.json")
	records := recordsOf(t, files)
	r := rand.New(rand.NewPCG(1, 2))
	var q Question
	for _, key := range stratusKeys(t, files) {
		q.Seeds = append(q.Seeds, Seed{Kind: "access-key", Value: key})
	}
	want := printed(t, corpusOf(t, files...), q)
	if bytes.Count(want, []byte("event_id")) < 200 {
		t.Fatal("the seeds find next to nothing")
	}
	checkSame(t, r, 4, q, want, records)
}

// stratusKeys gives each file's first access key.
func stratusKeys(t *testing.T, files []File) []string {
	t.Helper()
	var keys []string
	for _, f := range files {
		for _, raw := range recordsOf(t, []File{f}) {
			var e struct{ UserIdentity struct{ AccessKeyID string } }
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Fatal(f.Name, err)
			}
			if key := e.UserIdentity.AccessKeyID; key != "" {
				keys = append(keys, key)
				break
			}
		}
	}
	return keys
}

// What is delivered late or another day lies in a file of another time: the answer is that of punctual delivery.
func TestLateDelivery(t *testing.T) {
	w := newWorld(generated{Seed: 6, Files: 16, Events: 400})
	q := Question{Seeds: []Seed{{Kind: "access-key", Value: w.key, From: w.stolen}}}
	want := printed(t, corpusOf(t, w.memory()...), q)
	records := recordsOf(t, w.memory())
	var punctual, late [][]byte
	for i, b := range records {
		if i%3 == 0 {
			late = append(late, b)
			continue
		}
		punctual = append(punctual, b)
	}
	early := asText[0](late)
	got := printed(t, corpusOf(t, fileOf("2024/first.json", string(early)), fileOf("2026/last.json", string(asText[2](punctual)))), q)
	if !bytes.Equal(got, want) {
		t.Error(firstDifference(string(want), string(got)))
	}
}
