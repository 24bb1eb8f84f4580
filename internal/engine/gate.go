package engine

import (
	"container/heap"
	"context"
	"sync"

	"cordon/internal/casefile"
)

// atOnce is how many steps are at work at once. A plan for an account has thousands; AWS takes a few changes a
// second, and what waits for its turn here costs neither memory nor open intents.
const atOnce = 64

// gate lets so many in at once; of those who wait, the lowest number goes first.
type gate struct {
	mu      sync.Mutex
	free    int
	waiting queue
}

func newGate(places int) *gate { return &gate{free: places} }

// gate is a new one with the places that this engine has.
func (e *Engine) gate() *gate {
	if e.places > 0 {
		return newGate(e.places)
	}
	return newGate(atOnce)
}

// enter waits for a place, which leave gives back. It fails only where the context ends first.
func (g *gate) enter(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	if g.free > 0 {
		g.free--
		g.mu.Unlock()
		return nil
	}
	w := &waiter{n: n, turn: make(chan struct{})}
	heap.Push(&g.waiting, w)
	g.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if w.at < 0 {
		g.next() // the place came in the same moment: it goes on to the next
	} else {
		heap.Remove(&g.waiting, w.at)
	}
	return ctx.Err()
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next()
}

func (g *gate) next() {
	if len(g.waiting) == 0 {
		g.free++
		return
	}
	close(heap.Pop(&g.waiting).(*waiter).turn)
}

type waiter struct {
	n    int
	turn chan struct{}
	at   int // its index in the queue, -1 once it has left
}

// queue is a heap of waiters, the lowest number first.
type queue []*waiter

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].n < q[j].n }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

// Push and Pop are container/heap's.
func (q *queue) Push(x any) {
	w := x.(*waiter)
	w.at = len(*q)
	*q = append(*q, w)
}

// Pop takes the last one off.
func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	(*q)[last] = nil
	*q, w.at = (*q)[:last], -1
	return w
}

// place waits for a place among those at work; false where the run ends first.
func (r *run) place(ctx context.Context, places *gate, s casefile.Step) bool {
	first := r.queue(s.N)
	if places.enter(ctx, s.N) != nil {
		return false
	}
	if first {
		r.notify(s, casefile.Waiting, "")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if first {
		r.queued[s.N], r.placed[s.N] = false, r.now()
	}
	return true
}

// queue notes that a step waits for its first place, and tells whether it does.
func (r *run) queue(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, before := r.placed[n]; before {
		return false
	}
	r.queued[n] = true
	return true
}
