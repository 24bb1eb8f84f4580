package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

var (
	errDead = errors.New("the process is dead")
	errLost = errors.New("timeout: the answer was lost")
	epoch   = time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC)
)

// world is an account of four kinds of thing, small enough to check every invariant at every write: values that
// are set, things that are created, sets that take several calls, and evidence.
type world struct {
	mu     sync.Mutex
	values map[string]string
	made   map[string][]string // name -> op-ids of what was created there
	parts  map[string][]int
	snaps  []string // op-ids
	stale  int      // reads that still see the state before the last write
	old    *world
	faults []string

	watched *casefile.Case // as the world itself reads it
}

func newWorld() *world {
	return &world{
		values: map[string]string{"a": "orig-a", "b": "orig-b", "c": "orig-c"},
		made:   map[string][]string{}, parts: map[string][]int{"p": {}},
	}
}

func (w *world) copyOf() *world {
	parts := map[string][]int{}
	for k, v := range w.parts {
		parts[k] = slices.Clone(v)
	}
	made := map[string][]string{}
	for k, v := range w.made {
		if len(v) > 0 {
			made[k] = slices.Clone(v)
		}
	}
	return &world{values: maps.Clone(w.values), made: made, parts: parts, snaps: slices.Clone(w.snaps)}
}

// image is the state that release must give back: evidence is kept, so it is not in it.
func (w *world) image() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.copyOf()
	b, err := json.Marshal(map[string]any{"values": c.values, "made": c.made, "parts": c.parts})
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (w *world) violation(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// process is one running cordon. Every event (a write to the store or to the world, before and after its
// effect) is counted, so that a test can kill it at each.
type process struct {
	w      *world
	store  casefile.Store
	events int
	killAt int // 0: never
	dead   bool
	stop   context.CancelFunc
	mu     sync.Mutex
	fault  func(what string, write bool) (before, after error)
	delay  func() time.Duration
	lag    int               // reads that still see the state before a write of this process
	seen   map[string]string // what this process read last, by resource
}

func (p *process) event() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.events++
	if p.killAt > 0 && p.events >= p.killAt {
		p.dead = true
		p.stop()
	}
	if p.dead {
		return errDead
	}
	return nil
}

func (p *process) alive() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return errDead
	}
	return nil
}

func (p *process) lastSeen(what string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen[what]
}

// Create, Read, List and Location make the process its own store, dying with it.
func (p *process) Create(ctx context.Context, name string, data []byte) error {
	if err := p.event(); err != nil {
		return err
	}
	if err := p.store.Create(context.WithoutCancel(ctx), name, data); err != nil {
		return err
	}
	return p.event()
}

func (p *process) Read(ctx context.Context, name string) ([]byte, error) {
	if err := p.alive(); err != nil {
		return nil, err
	}
	return p.store.Read(ctx, name)
}

func (p *process) List(ctx context.Context, dir string) ([]string, error) {
	if err := p.alive(); err != nil {
		return nil, err
	}
	return p.store.List(ctx, dir)
}

func (p *process) Location() string { return "memory" }

func (p *process) wait(ctx context.Context) {
	if p.delay == nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(p.delay()):
	}
}

// read looks at the world, late where it lags.
func (p *process) read(ctx context.Context, what string, look func(*world) string) (string, error) {
	p.wait(ctx)
	if err := p.alive(); err != nil {
		return "", err
	}
	if p.fault != nil {
		if before, _ := p.fault("read "+what, false); before != nil {
			return "", before
		}
	}
	p.w.mu.Lock()
	defer p.w.mu.Unlock()
	from := p.w
	if p.w.stale > 0 && p.w.old != nil {
		p.w.stale--
		from = p.w.old
	}
	seen := look(from)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]string{}
	}
	p.seen[what] = seen
	return seen, nil
}

// write changes the world if the process lives, and only if its intent is durable.
func (p *process) write(ctx context.Context, t action.Target, what string, undoing bool, effect func(*world)) error {
	p.wait(ctx)
	if err := p.event(); err != nil {
		return err
	}
	var after error
	if p.fault != nil {
		var before error
		if before, after = p.fault("write "+what, true); before != nil {
			return before
		}
	}
	p.w.mu.Lock()
	p.w.checkIntent(p.store, t, what, undoing)
	p.w.old = p.w.copyOf()
	effect(p.w)
	if p.lag > 0 {
		p.w.stale = p.lag // a refused write changes nothing, and brings nothing old back
	}
	p.w.mu.Unlock()
	if err := p.event(); err != nil {
		return err
	}
	return after
}

// checkIntent is the first promise: no change without a durable intent for that very thing.
func (w *world) checkIntent(store casefile.Store, t action.Target, what string, undoing bool) {
	kase, err := w.watch(store)
	if err != nil {
		w.violation("the case does not open at a write to %s: %v", what, err)
		return
	}
	for _, e := range kase.Entries() {
		switch {
		case !undoing && e.Kind == casefile.EntryIntent:
			var b casefile.IntentBody
			if json.Unmarshal(e.Body, &b) == nil && b.Target.ID == t.ID && (t.OpID == "" || b.OpID == t.OpID) {
				return
			}
		case undoing && e.Kind == casefile.EntryUndo:
			return
		}
	}
	w.violation("a write to %s has no durable intent before it (undoing: %t)", what, undoing)
}

// watch reads the case as it is now: what was verified before is not verified again.
func (w *world) watch(store casefile.Store) (*casefile.Case, error) {
	if w.watched != nil && w.watched.Store == store {
		_, err := w.watched.Refresh(context.Background())
		return w.watched, err
	}
	kase, err := casefile.OpenCase(context.Background(), store)
	w.watched = kase
	return kase, err
}

const ours = "quarantine"

// fakeActions are one of each sort, with the flags that the real ones carry.
func fakeActions(p *process) []action.Action {
	set := action.Action{
		Name: "set", Summary: "set a value", Phase: casefile.Contain, Isolates: true, Returns: "what was set before",
		Observe: func(ctx context.Context, _ *action.AWS, t action.Target) (json.RawMessage, error) {
			v, err := p.read(ctx, t.ID, func(w *world) string { return w.values[t.ID] })
			if err == nil && v == "" {
				return nil, fmt.Errorf("%s: %w", t.ID, action.ErrGone)
			}
			return marshal(v, err)
		},
		Status: func(_ action.Target, now json.RawMessage) (action.Status, error) {
			return doneIf(string(now) == `"`+ours+`"`), nil
		},
		Apply: func(ctx context.Context, _ *action.AWS, t action.Target, _ json.RawMessage) error {
			return p.write(ctx, t, t.ID, false, func(w *world) { w.values[t.ID] = ours })
		},
		Undo: func(ctx context.Context, _ *action.AWS, t action.Target, before, _ json.RawMessage) error {
			if last := p.lastSeen(t.ID); last != ours {
				p.w.mu.Lock()
				p.w.violation("undo of %s overwrites %q, which cordon did not set", t.ID, last)
				p.w.mu.Unlock()
			}
			return p.write(ctx, t, t.ID, true, func(w *world) { w.values[t.ID] = text(before) })
		},
	}
	make := action.Action{
		Name: "make", Summary: "create a thing", Phase: casefile.Contain, Creates: true,
		Observe: func(ctx context.Context, _ *action.AWS, t action.Target) (json.RawMessage, error) {
			v, err := p.read(ctx, t.ID, func(w *world) string {
				if t.OpID != "" && slices.Contains(w.made[t.ID], t.OpID) {
					return "there"
				}
				return ""
			})
			return marshal(v, err)
		},
		Status: func(_ action.Target, now json.RawMessage) (action.Status, error) {
			return doneIf(text(now) == "there"), nil
		},
		Apply: func(ctx context.Context, _ *action.AWS, t action.Target, _ json.RawMessage) error {
			return p.write(ctx, t, t.ID, false, func(w *world) { w.made[t.ID] = append(w.made[t.ID], t.OpID) })
		},
		Undo: func(ctx context.Context, _ *action.AWS, t action.Target, _, _ json.RawMessage) error {
			return p.write(ctx, t, t.ID, true, func(w *world) {
				w.made[t.ID] = slices.DeleteFunc(w.made[t.ID], func(s string) bool { return s == t.OpID })
			})
		},
	}
	multi := action.Action{
		Name: "multi", Summary: "three calls", Phase: casefile.Contain, Partial: true,
		Observe: func(ctx context.Context, _ *action.AWS, t action.Target) (json.RawMessage, error) {
			v, err := p.read(ctx, t.ID, func(w *world) string { b, _ := json.Marshal(w.parts[t.ID]); return string(b) })
			if err != nil {
				return nil, err
			}
			return json.RawMessage(v), nil
		},
		Status: func(_ action.Target, now json.RawMessage) (action.Status, error) {
			return doneIf(string(now) == "[1,2,3]"), nil
		},
		Apply: func(ctx context.Context, _ *action.AWS, t action.Target, _ json.RawMessage) error {
			for _, n := range []int{1, 2, 3} {
				if err := p.write(ctx, t, t.ID, false, func(w *world) { w.parts[t.ID] = with(w.parts[t.ID], n) }); err != nil {
					return err
				}
			}
			return nil
		},
		Undo: func(ctx context.Context, _ *action.AWS, t action.Target, before, _ json.RawMessage) error {
			return p.write(ctx, t, t.ID, true, func(w *world) {
				w.parts[t.ID] = []int{}
				if err := json.Unmarshal(before, ptr(w.parts[t.ID])); err != nil {
					w.violation("undo of %s: %v", t.ID, err)
				}
			})
		},
	}
	snap := action.Action{
		Name: "snap", Summary: "evidence left in the account", Phase: casefile.Preserve, Creates: true, Evidence: true,
		Observe: func(ctx context.Context, _ *action.AWS, t action.Target) (json.RawMessage, error) {
			v, err := p.read(ctx, "snap", func(w *world) string {
				if t.OpID != "" && slices.Contains(w.snaps, t.OpID) {
					return "there"
				}
				return ""
			})
			return marshal(v, err)
		},
		Status: func(_ action.Target, now json.RawMessage) (action.Status, error) {
			return doneIf(text(now) == "there"), nil
		},
		Apply: func(ctx context.Context, _ *action.AWS, t action.Target, _ json.RawMessage) error {
			return p.write(ctx, t, "snap", false, func(w *world) { w.snaps = append(w.snaps, t.OpID) })
		},
	}
	collect := action.Action{
		Name: "collect", Summary: "record", Phase: casefile.Preserve, DeadlineS: 60,
		Collect: func(ctx context.Context, _ *action.AWS, t action.Target, sink action.Sink) error {
			v, err := p.read(ctx, "collect", func(w *world) string { return "state" })
			if err != nil {
				return sink.Loss("state", "fake", err.Error())
			}
			return sink.Artifact("state", "fake", []byte(v))
		},
	}
	return []action.Action{set, make, multi, snap, collect}
}

func ptr(s []int) *[]int { return &s }

func with(parts []int, n int) []int {
	if slices.Contains(parts, n) {
		return parts
	}
	return append(slices.Clone(parts), n)
}

func doneIf(b bool) action.Status {
	if b {
		return action.Done
	}
	return action.Todo
}

func text(m json.RawMessage) string {
	var s string
	if json.Unmarshal(m, &s) != nil {
		return ""
	}
	return s
}

func marshal(v string, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// fakePlan touches every sort, with an edge that evidence must not block and one that is a need.
func fakePlan() casefile.Plan {
	step := func(n int, name, id string, before string, after, any []int) casefile.Step {
		s := casefile.Step{N: n, Action: name, Target: casefile.Target{Kind: casefile.EC2Instance, ID: id}, After: after, AfterAny: any, Phase: casefile.Contain, Impact: []string{}}
		if before != "" {
			s.Before = json.RawMessage(before)
		}
		if name == "snap" || name == "collect" {
			s.Phase, s.DeadlineS = casefile.Preserve, 60
		}
		s.Isolates = name == "set"
		return s
	}
	return casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: "case-1", Account: "111122223333",
		Steps: []casefile.Step{
			step(1, "collect", "i-1", "", nil, nil),
			step(2, "snap", "i-1", `""`, nil, nil),
			step(3, "make", "m", `""`, nil, nil),
			step(4, "set", "a", `"orig-a"`, []int{3}, []int{2}),
			step(5, "set", "b", `"orig-b"`, nil, []int{2}),
			step(6, "multi", "p", `[]`, nil, nil),
			step(7, "set", "c", `"orig-c"`, []int{6}, nil),
		},
		Survives: []string{}, NotCaptured: []string{},
	}
}

// rig is a world, a case and processes that work on it.
type rig struct {
	t     testing.TB
	w     *world
	store casefile.Store
	first *casefile.Signer
	mu    sync.Mutex
	seed  int
}

func (r *rig) next() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seed++
	return uint64(r.seed)
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, w: newWorld(), store: casefile.NewMem()}
	r.first = r.signer("one")
	meta := casefile.Meta{Format: 1, ID: "case-1", Created: epoch, Version: "test", Key: r.first.VerifierKey()}
	if err := casefile.CreateCase(context.Background(), r.store, meta); err != nil {
		t.Fatal(err)
	}
	return r
}

// noise is a repeatable source of randomness.
type noise struct{ n uint64 }

func (s *noise) Read(b []byte) (int, error) {
	for i := range b {
		s.n = s.n*6364136223846793005 + 1442695040888963407
		b[i] = byte(s.n >> 56)
	}
	return len(b), nil
}

func (r *rig) signer(name string) *casefile.Signer {
	s, err := casefile.NewSigner("cordon-"+name, &noise{r.next() * 7919})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// process opens the case as a new process with that key. The context ends when it dies.
func (r *rig) process(s *casefile.Signer, killAt int) (*Engine, *process, context.Context) {
	ctx, stop := context.WithCancel(context.Background())
	p := &process{w: r.w, store: r.store, killAt: killAt, stop: stop}
	kase, err := casefile.OpenCase(ctx, p)
	if err != nil {
		r.t.Fatalf("open the case: %v", err)
	}
	e := &Engine{
		AWS: &action.AWS{Account: "111122223333", Caller: "arn:aws:sts::111122223333:assumed-role/responder/ann"}, Case: kase, Signer: s, Person: "ann",
		Session: casefile.SessionBody{Version: "test", Binary: "test", Command: "test"}, Random: &noise{r.next() * 104729}, Actions: fakeActions(p), Wait: true,
	}
	return e, p, ctx
}

func (r *rig) plan() []byte {
	data, _, err := Encode(fakePlan())
	if err != nil {
		r.t.Fatal(err)
	}
	return data
}

// sound checks what must hold whatever happened.
func (r *rig) sound(what string) {
	r.t.Helper()
	r.w.mu.Lock()
	faults := slices.Clone(r.w.faults)
	r.w.mu.Unlock()
	for _, f := range faults {
		r.t.Errorf("%s: %s", what, f)
	}
	if v := casefile.Verify(context.Background(), r.store, casefile.VerifyOptions{}); !v.OK {
		r.t.Errorf("%s: %s %v", what, v.Summary, v.Problems)
	}
}

// contained checks that the account and the journal both say so, and nothing was made twice.
func (r *rig) contained(what string) {
	r.t.Helper()
	r.sound(what)
	for k, v := range r.w.values {
		if v != ours {
			r.t.Errorf("%s: %s is %q", what, k, v)
		}
	}
	if len(r.w.made["m"]) != 1 {
		r.t.Errorf("%s: %d things were made", what, len(r.w.made["m"]))
	}
	if !slices.Equal(r.w.parts["p"], []int{1, 2, 3}) {
		r.t.Errorf("%s: parts %v", what, r.w.parts["p"])
	}
	if len(r.w.snaps) != 1 {
		r.t.Errorf("%s: %d snapshots", what, len(r.w.snaps))
	}
	if p := r.progress(); p.State != casefile.Contained || p.ContainedMS == nil {
		r.t.Errorf("%s: the case is %s, steps %+v", what, p.State, p.Steps)
	}
}

func (r *rig) progress() casefile.Progress {
	r.t.Helper()
	kase, err := casefile.OpenCase(context.Background(), r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	p, err := kase.Progress(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// release plans and carries out a release as a new process.
func (r *rig) release(s *casefile.Signer, killAt int) error {
	e, _, ctx := r.process(s, killAt)
	plan, err := e.PlanRelease(ctx)
	if err != nil {
		return err
	}
	data, _, err := Encode(plan)
	if err != nil {
		return err
	}
	return e.Release(ctx, data, "flag")
}
