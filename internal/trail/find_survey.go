package trail

import (
	"iter"
	"math/bits"
)

// Marks of kinds of events that some rule looks for, wherever they are.
const (
	ofTrail    uint8 = 1 << iota // changes what is logged
	ofSwitch                     // goes from one role to another in the console
	ofUndo                       // may take back what somebody has
	ofProvider                   // takes a role by what an identity provider says
)

// survey goes over all rows, once: it puts them in groups, counts them for the coverage, and picks out those of which
// the rules ask without knowing whose they are.
func (s *search) survey() {
	marks := make([]uint8, s.c.Kinds())
	for n := range marks {
		marks[n] = marksOf(s.c.Kind(uint32(n)))
	}
	s.ledger = newLedger(s.c)
	s.joint = newRowSet(s.c.Len())
	s.g = groupsOf(s.c, s.since, s.until, func(row uint32, r *Row) {
		s.ledger.add(r)
		s.last = max(s.last, r.Time)
		if r.Flags&FlagShared != 0 {
			s.joint.put(row)
		}
		mark := marks[r.Kind]
		if mark == 0 || r.Outcome() != Success {
			return
		}
		if mark&ofTrail != 0 && len(s.ledger.trails) < maxTrails {
			s.ledger.trails = append(s.ledger.trails, int(row))
		}
		if mark&ofSwitch != 0 && len(s.switching) < maxSwitches {
			s.switching = append(s.switching, int(row))
		}
		if mark&ofUndo != 0 {
			s.undoing = append(s.undoing, row)
		}
		if mark&ofProvider != 0 {
			s.provided = append(s.provided, row)
		}
	})
}

func marksOf(k Kind) uint8 {
	var mark uint8
	if changesTrail(k) {
		mark |= ofTrail
	}
	if k.Name == "SwitchRole" && serviceName(k.Source) == "signin" {
		mark |= ofSwitch
	}
	if k.Name == "AssumeRoleWithSAML" || k.Name == "AssumeRoleWithWebIdentity" || k.Name == "CreateSession" && serviceName(k.Source) == "rolesanywhere" {
		mark |= ofProvider
	}
	if takesBack(k) {
		mark |= ofUndo
	}
	return mark
}

// A rowSet is a set of rows, a bit each.
type rowSet struct {
	bits []uint64
	any  bool
}

func newRowSet(n int) *rowSet { return &rowSet{bits: make([]uint64, (n+63)/64)} }

func (b *rowSet) put(row uint32) { b.bits[row/64] |= 1 << (row % 64); b.any = true }

// all gives the rows of the set, in order.
func (b *rowSet) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, word := range b.bits {
			for ; word != 0; word &= word - 1 {
				if !yield(uint32(i*64 + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

func (b *rowSet) has(row uint32) bool { return b.bits[row/64]>>(row%64)&1 != 0 }

// A memo answers a question of a table of the corpus once a number.
type memo struct {
	known []uint8
	ask   func(n uint32) bool
}

func (m *memo) is(n uint32) bool {
	for int(n) >= len(m.known) {
		m.known = append(m.known, 0)
	}
	if m.known[n] == 0 {
		m.known[n] = 1
		if m.ask(n) {
			m.known[n] = 2
		}
	}
	return m.known[n] == 2
}

func (s *search) kinds(ask func(Kind) bool) *memo {
	return &memo{ask: func(n uint32) bool { return ask(s.c.Kind(n)) }}
}
