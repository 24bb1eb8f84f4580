package engine

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd goes through a gate, each staying a second, and notes who went in and how many were in at once.
type crowd struct {
	*gate
	mu       sync.Mutex
	order    []int
	in, most int
	all      sync.WaitGroup
}

func (c *crowd) comes(ctx context.Context, n int) {
	c.all.Go(func() {
		if c.enter(ctx, n) != nil {
			return
		}
		c.count(1, n)
		time.Sleep(time.Second)
		c.count(-1, n)
		c.leave()
	})
}

func (c *crowd) count(more, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.in += more; more > 0 {
		c.order = append(c.order, n)
	}
	c.most = max(c.most, c.in)
}

func TestGateLetsTheLowestNumberInFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{gate: newGate(1)}
		c.comes(t.Context(), 0)
		synctest.Wait()
		for _, n := range []int{7, 3, 9, 1, 8, 2, 6, 4, 5} {
			c.comes(t.Context(), n)
		}
		c.all.Wait()
		if !slices.IsSorted(c.order) || len(c.order) != 10 {
			t.Errorf("they went in as %v", c.order)
		}
	})
}

// Whoever gives up waiting, even in the moment that a place comes free, takes nobody's place along.
func TestGateKeepsItsPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{gate: newGate(3)}
		late, giveUp := context.WithTimeout(t.Context(), 2*time.Second)
		defer giveUp()
		for n := range 60 {
			ctx := t.Context()
			if n%3 == 0 {
				ctx = late
			}
			c.comes(ctx, n)
		}
		c.all.Wait()
		stayed := slices.DeleteFunc(c.order, func(n int) bool { return n%3 == 0 })
		if c.most != 3 || c.free != 3 || len(c.waiting) != 0 || len(stayed) != 40 {
			t.Errorf("%d were in at once, %d places are free, %d still wait, %d of 40 went in", c.most, c.free, len(c.waiting), len(stayed))
		}
	})
}
