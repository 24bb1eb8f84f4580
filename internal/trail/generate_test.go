package trail

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// quota gives how many events of everyday file i has, with those that began sessions and those planted.
func (g generated) quota(i int) int {
	if g.Events/g.Files < 50 {
		return (i+1)*g.Events/g.Files - i*g.Events/g.Files
	}
	upTo := func(i int) int {
		sum := i / len(sites) * 100
		for _, p := range sites[:i%len(sites)] {
			sum += p.percent
		}
		return sum * g.Events / (g.windows() * 100)
	}
	return upTo(i+1) - upTo(i)
}

// file appends delivery file i.
func (w *world) file(b []byte, i int) []byte {
	n := 0
	put := func(record []byte) {
		if n++; n > 1 {
			b = append(b, ',')
		}
		b = append(b, record...)
	}
	b = append(b, `{"Records":[`...)
	w.records(i, 1<<30, put)
	if before := i - len(sites); before >= 0 && w.Copies > 0 {
		w.records(before, int(w.Copies*float64(w.quota(before))), put)
	}
	return append(b, "]}"...)
}

// records hands over the first most records of file i; they are overwritten by the next.
func (w *world) records(i, most int, put func([]byte)) {
	r := rand.New(rand.NewPCG(w.Seed, uint64(i)+2))
	p := sites[i%len(sites)]
	here := w.alive(i)
	extra := len(w.begun[i]) + len(w.planted[i])
	total := max(w.quota(i), extra)
	var b []byte
	var run madeEvent // callers come in runs, and often make the same call again
	for n := range min(total, most) {
		if extra > 0 && r.IntN(total-n) < extra { // the rest of the file's own, anywhere among the everyday
			extra--
			if extra < len(w.planted[i]) {
				put(w.planted[i][extra])
				continue
			}
			c := w.begun[i][extra-len(w.planted[i])]
			e := madeEvent{at: c.from, who: c.by, account: c.account, region: p.region, call: c.began}
			if c.by.kind == "AWSService" {
				e.shared = string(randomUUID(nil, r))
			}
			b = w.record(b[:0], r, &e)
		} else {
			run = w.ordinary(r, i, run, here)
			b = w.record(b[:0], r, &run)
		}
		put(b)
	}
}

// alive gives the sessions of file i's account that overlap its time.
func (w *world) alive(i int) []*caller {
	from, to := w.span(i)
	var out []*caller
	for _, c := range w.sessions[sites[i%len(sites)].account] {
		if c.from < to && c.to > from {
			out = append(out, c)
		}
	}
	return out
}

// span gives the seconds that file i is about.
func (w *world) span(i int) (from, to int64) {
	from = begin + int64(i/len(sites))*w.most
	return from, from + w.most
}

// ordinary draws an event of everyday for a file, after the one before.
func (w *world) ordinary(r *rand.Rand, file int, before madeEvent, here []*caller) madeEvent {
	p := sites[file%len(sites)]
	from, to := w.span(file)
	e := madeEvent{account: w.accounts[p.account], region: p.region, who: before.who, call: before.call}
	switch {
	case e.call != nil && r.IntN(100) < 65:
		if e.drawn = before.drawn; r.IntN(100) < 50 { // of another thing
			e.drawn = nil
		}
		delete(e.drawn, 'k')
		delete(e.drawn, 'x')
	default:
		for e.call = w.weights[r.IntN(len(w.weights))]; e.call.has(global) && p.region != "us-east-1"; {
			e.call = w.weights[r.IntN(len(w.weights))]
		}
	}
	if e.who == nil || r.IntN(100) < 15 {
		e.who = w.somebody(r, p, here)
	}
	if e.who.kind == "AWSAccount" {
		e.shared = string(randomUUID(nil, r))
	}
	if e.who.to > 0 {
		from, to = max(from, e.who.from), min(to, e.who.to)
	}
	e.at = from + r.Int64N(max(1, to-from))
	if r.IntN(100) < 5 && e.who.kind != "AWSService" {
		end := refused[r.IntN(len(refused))]
		e.code = end.code
		e.message = string(w.expand(nil, r, &e, end.message))
	}
	return e
}

// somebody draws a caller: sessions for the most part, services, neighbours, and users with keys.
func (w *world) somebody(r *rand.Rand, p site, here []*caller) *caller {
	switch n := r.IntN(100); {
	case n < 77 && len(here) > 0:
		who := here[r.IntN(1+r.IntN(len(here)))]
		if n >= 4 {
			return who
		}
		forward := *who // a service calls on with the session's permissions
		forward.key, forward.invokedBy = randomKey(r, "ASIA"), []string{"cloudformation.amazonaws.com", "athena.amazonaws.com", "AWS Internal"}[n%3]
		return &forward
	case n < 86:
		return w.services[r.IntN(len(w.services))]
	case n < 89:
		return w.outside[r.IntN(len(w.outside))]
	case n < 93 && p.account == 0:
		return w.busy
	}
	users := w.users[p.account]
	return users[r.IntN(len(users))]
}

// fileName is where CloudTrail would put file i.
// docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html
func (w *world) fileName(i int) string {
	p := sites[i%len(sites)]
	account := w.accounts[p.account]
	at, _ := w.span(i)
	when := time.Unix(at, 0).UTC()
	r := rand.New(rand.NewPCG(w.Seed, uint64(i)+1<<32))
	name := fmt.Sprintf("AWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json", account, p.region, when.Format("2006/01/02"), account, p.region, when.Format("20060102T1504Z"), randomKey(r, ""))
	if w.Plain {
		return name
	}
	return name + ".gz"
}

// memory gives the log without writing it anywhere.
func (w *world) memory() []File {
	var files []File
	for i := range w.Files {
		files = append(files, fileOf(w.fileName(i), string(w.file(nil, i))))
	}
	return files
}

// onDisk writes the log to a folder of its own under CORDON_BENCH_DIR, or that of temporary files, where it stays for
// the next run: the folder's name tells of the parameters and of what the generator makes of them.
func onDisk(t testing.TB, w *world) []File {
	t.Helper()
	sum := sha256.Sum256(fmt.Appendf(w.file(w.file(nil, 0), w.Files/2), "%+v", w.generated))
	dir := filepath.Join(cmp.Or(os.Getenv("CORDON_BENCH_DIR"), os.TempDir()), fmt.Sprintf("cordon-log-%dk-in-%d-%x", w.Events/1000, w.Files, sum[:6]))
	marker := filepath.Join(dir, "written")
	if _, err := os.Stat(marker); err != nil {
		t.Logf("writing %d events in %d files to %s", w.Events, w.Files, dir)
		if err := w.write(dir); err != nil {
			t.Fatal(err)
		}
		about, err := json.Marshal(w.generated)
		if err == nil {
			err = os.WriteFile(marker, about, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var files []File
	for i := range w.Files {
		path := filepath.Join(dir, w.fileName(i))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Name: path, Size: info.Size(), Open: func() (io.ReadCloser, error) { return os.Open(path) }})
	}
	return files
}

func (w *world) write(dir string) error {
	var group errgroup.Group
	for worker := range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			var text []byte
			var packed bytes.Buffer
			z := gzip.NewWriter(nil)
			for i := worker; i < w.Files; i += runtime.GOMAXPROCS(0) {
				text = w.file(text[:0], i)
				out := text
				if !w.Plain {
					packed.Reset()
					z.Reset(&packed)
					if _, err := z.Write(text); err != nil {
						return err
					}
					if err := z.Close(); err != nil {
						return err
					}
					out = packed.Bytes()
				}
				path := filepath.Join(dir, w.fileName(i))
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					return err
				}
				if err := os.WriteFile(path, out, 0o600); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// A generated log is what it says: its records are read, each by one of the kinds of caller, sized and mixed as real
// ones are, and it is the same log the next time.
func TestGeneratedLog(t *testing.T) {
	w := newWorld(generated{Seed: 1, Files: 16, Events: 4000})
	text := w.file(nil, 3)
	if !bytes.Equal(text, newWorld(w.generated).file(nil, 3)) {
		t.Error("the same parameters give another log")
	}
	c := corpusOf(t, w.memory()...)
	if in := c.Ingest(); len(in.Problems) > 0 || c.Len() < 3900 || c.Len() > 4100 || in.Duplicates > 0 {
		t.Errorf("%d events, %+v", c.Len(), in)
	}
	var sizes []int
	kinds := map[string]int{}
	rows := make([]int, c.Len())
	for i := range rows {
		rows[i] = i
	}
	err := c.Events(context.Background(), rows, func(_ int, e *Event) error {
		kinds[e.Identity.Type]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.Files {
		w.records(i, 1<<30, func(b []byte) { sizes = append(sizes, len(b)) })
	}
	slices.Sort(sizes)
	mean := 0
	for _, n := range sizes {
		mean += n
	}
	mean /= len(sizes)
	t.Logf("%d records, mean %d, median %d, most %d bytes; callers %v", len(sizes), mean, sizes[len(sizes)/2], sizes[len(sizes)-1], kinds)
	if mean < 1200 || mean > 1700 || len(kinds) < 6 {
		t.Errorf("records of %d bytes in the mean by %v", mean, kinds)
	}
}
