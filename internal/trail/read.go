package trail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// Read reads files into a corpus. An error is one of ctx or of writing the index; what cannot be read is a Problem.
func Read(ctx context.Context, files []File, opts Options) (*Corpus, error) {
	r := &reading{files: files, opts: opts, t: &tables{}, direct: make([]bool, len(files))}
	r.room.Store(int64(cmp.Or(opts.KeepSize, defaultKeep)))
	r.t.texts.add(nil) // "" is text 0
	r.noCode, r.manyCodes = r.t.codes.add(nil), r.t.codes.add([]byte("(one of too many error codes)"))
	workers := opts.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	all := ctx
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range max(1, min(workers, len(files))) {
		g.Go(func() error {
			w := r.worker()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return w.end()
				}
				if err := w.file(ctx, uint32(i)); err != nil {
					return fmt.Errorf("read %s: %w", files[i].Name, err)
				}
			}
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var err error
	if r.total.Digest, err = verifyDigests(all, r.digests, files, opts.Keys); err != nil {
		return nil, fmt.Errorf("check the digests: %w", err)
	}
	return r.corpus(), nil
}

// A reading is Read at work.
type reading struct {
	files             []File
	opts              Options
	t                 *tables
	store             store
	direct            []bool // by file: offsets are those of the records themselves
	noCode, manyCodes uint32
	done              atomic.Int64 // files
	read, events      atomic.Int64

	mu       sync.Mutex
	total    Ingest
	odd      []mark
	shared   []mark
	issued   []mark
	unread   []Unread
	lost     int // bytes of unread
	kept     map[uint32][]byte
	room     atomic.Int64                    // bytes that may still be kept; below zero once there was no more
	followed atomic.Pointer[map[string]bool] // keys handed out by what is kept; replaced, never changed
	digests  []*digestFile
	updates  []revision
}

// one is what came of one file. Where the file has to be read again another way it is thrown away.
type one struct {
	name       string
	file       uint32
	chunks     []uint32 // begun within this file
	chunk      uint32   // where its first rec went
	from       int
	records    int
	toldBytes  int64 // of it, as progress
	toldEvents int
	strict     int
	insight    int
	issued     []mark
	shared     []mark
	odd        []mark
	kept       map[uint32][]byte
	unread     []Unread
	updates    []revision
	problem    []Problem
	more       int // problems beyond those
	digests    []*digestFile
}

func (r *reading) worker() *worker {
	seed := maphash.MakeSeed()
	return &worker{reading: r, in: newInput(), seed: seed, lately: lately{seed: seed}}
}

// What is said of one file is bounded in lines and bytes: a decoder's error may repeat a name of megabytes.
const (
	maxProblemsOf = 1000
	maxDetail     = 1 << 10
)

func shortened(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "…"
}

func (o *one) trouble(offset int64, kind, detail string) {
	if len(o.problem) >= maxProblemsOf {
		o.more++
		return
	}
	o.problem = append(o.problem, Problem{File: o.name, Offset: offset, Kind: kind, Detail: shortened(detail)})
}

// refuse notes a record that nobody can read, and keeps its bytes.
func (o *one) refuse(offset int64, err error, raw []byte) {
	o.trouble(offset, problemKind(err), err.Error())
	o.keep(offset, err.Error(), raw)
}

// keep keeps the bytes of what may have been a record, as far as there is room for.
func (o *one) keep(offset int64, why string, raw []byte) {
	if len(o.unread) >= maxUnread/maxUnreadOf {
		raw = nil
	}
	if len(o.unread) >= MaxProblems {
		return
	}
	o.unread = append(o.unread, Unread{File: o.name, Offset: offset, Why: shortened(why), Bytes: bytes.Clone(raw[:min(len(raw), maxUnreadOf)])})
}

// file reads one file: the common shapes fast, and whatever is not quite that from its start by the walker.
func (w *worker) file(ctx context.Context, n uint32) error {
	w.begin(n)
	shape, err := w.fastFile(ctx)
	if errors.Is(err, errShape) {
		w.takeBack()
		w.begin(n)
		shape, err = w.walkFile(ctx)
	}
	var failed *writeError
	if errors.As(err, &failed) {
		return err
	}
	if err != nil {
		w.current.trouble(w.in.at(), readProblem(err), err.Error())
	}
	w.finish(shape)
	return nil
}

// A writeError is one of writing, not of what is read: it ends Read.
type writeError struct{ error }

func (e *writeError) Unwrap() error { return e.error }

func readProblem(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "truncated"
	}
	return "unreadable"
}

func (w *worker) begin(n uint32) {
	w.current = one{name: w.files[n].Name, file: n}
	if w.chunk != nil {
		w.current.chunk, w.current.from = w.number, w.chunk.n
		w.current.chunks = append(w.current.chunks, w.number)
	}
}

// takeBack marks the recs of the current file as dead.
func (w *worker) takeBack() {
	w.read.Add(-w.current.toldBytes)
	w.events.Add(-int64(w.current.toldEvents))
	for _, raw := range w.current.kept {
		w.room.Add(int64(len(raw)))
	}
	for _, c := range w.current.chunks {
		chunk := w.store.chunk(c)
		from := 0
		if c == w.current.chunk {
			from = w.current.from
		}
		for i := from; i < chunk.n; i++ {
			chunk.recs[i].Flags |= flagDead
		}
	}
}

// fastFile reads the current file where it has a common shape.
func (w *worker) fastFile(ctx context.Context) (string, error) {
	closer, err := w.in.open(ctx, w.files[w.current.file])
	if err != nil {
		return "", err
	}
	defer closer.Close()
	if w.in.column {
		return "", errShape
	}
	w.direct[w.current.file] = true
	s := w.sink()
	last := int64(0) // where a record was found
	err = split(w.in, &w.facts, &w.lately, func(offset int64, raw []byte, odd bool) error {
		if odd && offset-last > 1<<20 {
			return errShape // much that is no record, and the walker knows when to stop
		}
		if !odd {
			last = offset
		}
		if odd {
			return newWalkerOn(raw).all(s, 0, offset)
		}
		s.saw(shapeRecords)
		if err := w.fast(offset, raw); err != errOdd {
			return err
		}
		return w.strict(offset, raw)
	})
	if errors.Is(err, errShape) || err == nil && s.shape == "" { // of what is no log the walker says what it is
		return "", errShape
	}
	s.done()
	return s.shape, err
}

// walkFile reads the current file whatever its shape.
func (w *worker) walkFile(ctx context.Context) (string, error) {
	closer, err := w.in.open(ctx, w.files[w.current.file])
	if err != nil {
		return "", err
	}
	defer closer.Close()
	w.direct[w.current.file] = false
	s := w.sink()
	err = w.in.walk(s)
	return s.shape, err
}

func (w *worker) sink() *sink {
	return &sink{record: w.take, problem: w.current.trouble, unread: w.current.keep, digest: func(offset int64, raw []byte) {
		d, err := parseDigest(int(w.current.file), raw)
		if err != nil {
			w.current.trouble(offset, "bad-digest", err.Error())
			return
		}
		w.current.digests = append(w.current.digests, d)
	}}
}

// finish adds the current file to the whole.
func (w *worker) finish(shape string) {
	o := &w.current
	w.mu.Lock()
	defer w.mu.Unlock()
	t := &w.total
	t.Files++
	t.Bytes += w.in.stored.n
	t.Read += w.in.at() + int64(len(w.in.left()))
	t.Records += o.records + o.insight
	t.Strict += o.strict
	t.Insights += o.insight
	t.Digests += len(o.digests)
	w.digests = append(w.digests, o.digests...)
	if shape == shapeForeign {
		t.Foreign++
	}
	if shape != "" {
		if t.Shapes == nil {
			t.Shapes = map[string]int{}
		}
		t.Shapes[shape]++
	}
	t.More += o.more
	for _, p := range o.problem {
		if len(t.Problems) >= MaxProblems {
			t.More++
			continue
		}
		t.Problems = append(t.Problems, p)
	}
	w.updates = append(w.updates, o.updates...)
	w.odd, w.shared, w.issued = append(w.odd, o.odd...), append(w.shared, o.shared...), append(w.issued, o.issued...)
	for _, u := range o.unread[:min(len(o.unread), MaxProblems-len(w.unread))] {
		if w.lost+len(u.Bytes) > maxUnread {
			u.Bytes = nil // file and offset tell where it is
		}
		w.lost += len(u.Bytes)
		w.unread = append(w.unread, u)
	}
	if w.kept == nil {
		w.kept = map[uint32][]byte{}
	}
	maps.Copy(w.kept, o.kept)
	w.tell(1)
}

// tell says how far the reading is: what of the current file was not told yet.
func (w *worker) tell(files int64) {
	o := &w.current
	stored, events := w.in.stored.n-o.toldBytes, o.records-o.toldEvents
	o.toldBytes, o.toldEvents = w.in.stored.n, o.records
	done, read, all := w.done.Add(files), w.read.Add(stored), w.events.Add(int64(events))
	if w.opts.Progress != nil {
		w.opts.Progress(int(done), read, int(all))
	}
}

const defaultKeep = 20 << 20

// wanted says that a record is likely asked for once all is read: because of what Options.Keep says, or because its
// key was handed out by a record that is. What is kept changes the time that an answer takes, never the answer.
func (r *reading) wanted(a about) bool {
	if r.opts.Keep == nil || r.room.Load() <= 0 {
		return false
	}
	if keys := r.followed.Load(); keys != nil && (*keys)[a.who.AccessKey] {
		return true
	}
	return r.opts.Keep(a.who, a.ip, a.name)
}

// follow adds the keys that a record which is kept handed out.
func (r *reading) follow(keys []string) {
	const most = 1000
	if len(keys) == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	more := map[string]bool{}
	if old := r.followed.Load(); old != nil {
		if len(*old) >= most {
			return
		}
		maps.Copy(more, *old)
	}
	for _, k := range keys {
		more[k] = true
	}
	r.followed.Store(&more)
}

func (w *worker) keep(n uint32, raw []byte) {
	if w.room.Add(-int64(len(raw))) < 0 {
		return
	}
	if w.current.kept == nil {
		w.current.kept = map[uint32][]byte{}
	}
	w.current.kept[n] = bytes.Clone(raw)
}

// corpus puts together what was read.
func (r *reading) corpus() *Corpus {
	c := &Corpus{t: r.t, store: &r.store, files: r.files, direct: r.direct, ingest: r.total, unread: r.unread, kept: r.kept, shared: r.shared, odd: r.odd}
	c.places, c.codes = r.t.allPlaces(), r.t.allCodes()
	c.kinds = r.t.allKinds()
	in := &c.ingest
	sorted := r.store.order(r.t)
	c.order, in.Duplicates, in.Conflicts = sorted.kept, sorted.copies, sorted.clashes
	if in.Updated = c.dropUpdated(r.updates); in.Updated > 0 {
		sorted.issued = c.numbersOfIssued()
	}
	in.Events = len(c.order)
	slices.SortFunc(in.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Detail, b.Detail))
	})
	slices.SortFunc(c.unread, func(a, b Unread) int { return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset)) })
	sortMarks(c.shared)
	sortMarks(c.odd)
	c.issuedBy(r.issued, sorted.issued)
	if r.opts.Raw == nil { // writing an index looks texts up
		r.t.seal()
	}
	return c
}
