package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/sync/errgroup"
)

// The benchmarks print ratios within one run, since a time by itself says as much of the machine as of cordon:
//
//	go test ./internal/trail -run '^$' -bench 'ScopeGzip|SmallFiles' -benchtime 3x
//	CORDON_BENCH_LARGE=1 go test ./internal/trail -run TestMemory -bench IndexSecondQuestion -v -timeout 1h
//
// The logs are generated once, in CORDON_BENCH_DIR or the folder of temporary files: 2 GB, with the large one 1 GB more.

// eachFile calls do for every file, on as many goroutines as there are processors.
func eachFile(tb testing.TB, files []File, do func(io.Reader, []byte) error) {
	tb.Helper()
	var group errgroup.Group
	var next atomic.Int64
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() error {
			buffer := make([]byte, 256<<10)
			for i := next.Add(1) - 1; i < int64(len(files)); i = next.Add(1) - 1 {
				r, err := files[i].Open()
				if err != nil {
					return err
				}
				if err := do(r, buffer); err != nil {
					return err
				}
				if err := r.Close(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
}

// onlyDecompress reads the files and does nothing with what they hold; it gives how much that is.
func onlyDecompress(tb testing.TB, files []File) int64 {
	var total atomic.Int64
	readers := make(chan *gzip.Reader, runtime.GOMAXPROCS(0))
	for range cap(readers) {
		readers <- new(gzip.Reader)
	}
	eachFile(tb, files, func(r io.Reader, buffer []byte) error {
		z := <-readers
		defer func() { readers <- z }()
		if err := z.Reset(r); err != nil {
			return err
		}
		for {
			n, err := z.Read(buffer)
			total.Add(int64(n))
			if err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
	})
	return total.Load()
}

// asTheCommand sets the garbage collector as cordon scope does, and gives what sets it back.
func asTheCommand() (back func()) {
	limit, percent := debug.SetMemoryLimit(450<<20), debug.SetGCPercent(400)
	return func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(percent)
	}
}

// askOnce reads the files and asks one question, as cordon scope does.
func askOnce(tb testing.TB, files []File, q Question) (*Corpus, *Document) {
	tb.Helper()
	c, err := Read(context.Background(), files, Options{Keep: KeepFor(q)})
	if err != nil {
		tb.Fatal(err)
	}
	d, err := Find(context.Background(), c, q)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := json.Marshal(d); err != nil {
		tb.Fatal(err)
	}
	return c, d
}

func keyQuestion(key string) Question {
	return Question{Seeds: []Seed{{Kind: "access-key", Value: key}}}
}

// A duel measures two things by turns, so that what else the machine does falls on both. Processor time is beside wall
// time, since a busy machine gives a share of it to neither evenly.
type duel struct{ ours, theirs, oursCPU, theirsCPU []time.Duration }

func (d *duel) round(tb testing.TB, ours, theirs func()) {
	measure := func(do func(), wall, cpu *[]time.Duration) {
		start, used := time.Now(), processorTime(tb)
		do()
		*wall, *cpu = append(*wall, time.Since(start)), append(*cpu, processorTime(tb)-used)
	}
	measure(theirs, &d.theirs, &d.theirsCPU)
	measure(ours, &d.ours, &d.oursCPU)
}

// report gives the ratio of wall time, which is the bar's, and of processor time.
func (d *duel) report(b *testing.B, than string) {
	b.ReportMetric(float64(median(d.ours))/float64(median(d.theirs)), "x-of-"+than)
	if cpu := median(d.theirsCPU); cpu > 0 {
		b.ReportMetric(float64(median(d.oursCPU))/float64(cpu), "x-cpu")
	}
}

// processorTime is what this process has used so far, to a hundredth of a second; 0 where the system does not tell.
// man7.org/linux/man-pages/man5/proc_pid_stat.5.html: utime and stime, in ticks of which all Linux builds have 100 a second.
func processorTime(tb testing.TB) time.Duration {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	if err != nil {
		tb.Fatal(err)
	}
	system, err := strconv.Atoi(fields[12])
	if err != nil {
		tb.Fatal(err)
	}
	return time.Duration(user+system) * 10 * time.Millisecond
}

func median(of []time.Duration) time.Duration {
	of = slices.Sorted(slices.Values(of))
	return of[len(of)/2]
}

// BenchmarkScopeGzip is the wall time of a whole question over 500,000 events in 200 gzip files against that of only
// decompressing them with as many goroutines. The intruder's key is used in a part of the files, the busy one in all of
// the first account.
func BenchmarkScopeGzip(b *testing.B) {
	defer asTheCommand()()
	w := newWorld(generated{Seed: 1, Files: 200, Events: 500_000})
	files := onDisk(b, w)
	for name, key := range map[string]string{"intruder": w.key, "busy": w.busy.key} {
		b.Run(name, func(b *testing.B) {
			var d duel
			var size int64
			var events, listed int
			size = onlyDecompress(b, files) // into the page cache
			for b.Loop() {
				d.round(b, func() {
					c, found := askOnce(b, files, keyQuestion(key))
					events, listed = c.Len(), len(found.Events)
				}, func() { onlyDecompress(b, files) })
			}
			ours := median(d.ours)
			d.report(b, "decompress")
			b.ReportMetric(float64(size)/1e6/ours.Seconds(), "MB/s")
			b.ReportMetric(float64(events)/ours.Seconds(), "events/s")
			b.ReportMetric(float64(listed), "listed")
		})
	}
}

// BenchmarkSmallFiles is the same over 100,000 files of five events, against only opening and reading them.
func BenchmarkSmallFiles(b *testing.B) {
	defer asTheCommand()()
	w := newWorld(generated{Seed: 2, Files: 100_000, Events: 500_000})
	files := onDisk(b, w)
	var d duel
	only := func() {
		eachFile(b, files, func(r io.Reader, buffer []byte) error {
			for {
				if _, err := r.Read(buffer); err == io.EOF {
					return nil
				} else if err != nil {
					return err
				}
			}
		})
	}
	only()
	for b.Loop() {
		d.round(b, func() { askOnce(b, files, keyQuestion(w.key)) }, only)
	}
	d.report(b, "reading")
	b.ReportMetric(float64(len(files))/median(d.ours).Seconds(), "files/s")
}

// largeLog is the log of 5,000,000 events, where it is asked for.
func largeLog(tb testing.TB) (*world, []File) {
	tb.Helper()
	if os.Getenv("CORDON_BENCH_LARGE") == "" {
		tb.Skip("skipped: CORDON_BENCH_LARGE=1 generates and reads 5,000,000 events, which takes minutes and 1 GB of disk")
	}
	w := newWorld(generated{Seed: 3, Files: 2000, Events: 5_000_000})
	return w, onDisk(tb, w)
}

// BenchmarkIndexSecondQuestion opens an index of 5,000,000 events and asks about the intruder's key: what everybody
// waits for who has asked before. The index is made once, beside the log.
func BenchmarkIndexSecondQuestion(b *testing.B) {
	defer asTheCommand()()
	w, files := largeLog(b)
	dir := writtenIndex(b, files, strings.TrimSuffix(files[0].Name, w.fileName(0))+"index", Options{})
	var took, cpu []time.Duration
	events, listed := 0, 0
	for b.Loop() {
		start, used := time.Now(), processorTime(b)
		c, err := OpenIndex(dir)
		if err != nil {
			b.Fatal(err)
		}
		d, err := Find(context.Background(), c, keyQuestion(w.key))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := json.Marshal(d); err != nil {
			b.Fatal(err)
		}
		events, listed = c.Len(), len(d.Events)
		if err := c.Close(); err != nil {
			b.Fatal(err)
		}
		took, cpu = append(took, time.Since(start)), append(cpu, processorTime(b)-used)
	}
	b.ReportMetric(median(took).Seconds(), "s/question")
	b.ReportMetric(median(cpu).Seconds(), "cpu-s/question")
	b.ReportMetric(float64(events), "events")
	b.ReportMetric(float64(listed), "listed")
}

// writtenIndex makes the index where it is not there yet.
func writtenIndex(tb testing.TB, files []File, dir string, opts Options) string {
	tb.Helper()
	if _, err := os.Stat(filepath.Join(dir, "index.json")); err == nil {
		return dir
	}
	x, err := CreateIndex(dir)
	if err != nil {
		tb.Fatal(err)
	}
	opts.Raw = x
	c, err := Read(context.Background(), files, opts)
	if err == nil {
		err = x.Finish(c)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return dir
}
