package trail

import (
	"cmp"
	"slices"
	"strings"
)

// A claim is one reason for what a node did to be the intruder's.
type claim struct {
	parent      string
	relation    Relation
	confidence  Confidence
	rule        string
	from, until uint32   // seconds; until 0: no end
	only        *part    // the part of the group that it is about; nil: all
	named       bool     // the credential itself was named as the intruder's, not what holds it
	evidence    []string // event ids
	issued      string   // when handed out
	live        string   // as ScopeIdentity.LiveUntil
	what        string   // what gives the control, as Grant.What
	ended       uint32   // when a call took it back; 0: none did
	endedBy     string   // that call's event id
}

// A part chooses rows. Two of one name choose the same.
type part struct {
	name string
	has  func(row uint32) bool
}

func rankOf(c Confidence) uint8 {
	switch c {
	case Certain:
		return 3
	case Probable:
		return 2
	case Possible:
		return 1
	}
	return 0
}

// weaker gives the less sure of two.
func weaker(a, b Confidence) Confidence {
	if rankOf(a) < rankOf(b) {
		return a
	}
	return b
}

// claim adds a reason and says whether it says anything new.
func (n *node) claim(why claim) bool {
	for i := range n.claims {
		c := &n.claims[i]
		if !c.like(&why) {
			continue
		}
		if c.issued == "" || why.issued != "" && why.issued < c.issued {
			c.issued = why.issued
		}
		c.live = cmp.Or(c.live, why.live)
		for _, e := range why.evidence {
			if len(c.evidence) < MaxEvidence && !slices.Contains(c.evidence, e) {
				c.evidence = append(c.evidence, e)
			}
		}
		wider := why.from < c.from || why.until > c.until
		c.from, c.until = min(c.from, why.from), max(c.until, why.until)
		return wider
	}
	n.claims = append(n.claims, why)
	return true
}

// like says that two claims are one, but for when: their times are joined where they overlap.
func (c *claim) like(o *claim) bool {
	same := c.parent == o.parent && c.relation == o.relation && c.confidence == o.confidence && c.rule == o.rule && c.named == o.named && c.what == o.what
	filters := c.only == nil && o.only == nil || c.only != nil && o.only != nil && c.only.name == o.only.name
	return same && filters && c.from <= o.until && o.from <= c.until
}

// compare orders claims: the surest first, a seed before what follows, the earliest.
func (c *claim) compare(o *claim) int {
	seed := func(c *claim) int {
		if c.relation == BySeed {
			return 0
		}
		return 1
	}
	proof := func(c *claim) int { // what an event shows before what follows from the identity alone
		if len(c.evidence) > 0 {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rankOf(o.confidence), rankOf(c.confidence)), cmp.Compare(seed(c), seed(o)), cmp.Compare(c.from, o.from), cmp.Compare(proof(c), proof(o)),
		cmp.Compare(elsewhere(c.parent), elsewhere(o.parent)), strings.Compare(c.rule, o.rule), strings.Compare(c.parent, o.parent))
}

// elsewhere sorts the other account's record of a call behind the caller's own.
func elsewhere(parent string) int {
	if strings.HasPrefix(parent, "account:") {
		return 1
	}
	return 0
}

// best is the claim that the node stands on.
func (n *node) best() *claim {
	var best *claim
	for i := range n.claims {
		if c := &n.claims[i]; best == nil || c.compare(best) < 0 {
			best = c
		}
	}
	return best
}

// covers says that a row counts as the intruder's under the claim.
func (c *claim) covers(n *node, row, time uint32) bool {
	switch {
	case time < c.from || time > c.until:
		return false
	case c.only != nil:
		return c.only.has(row)
	case c.named:
		return n.mine == nil || !n.mine(row)
	}
	return n.agent == nil || !n.agent(row)
}

// why is the surest claim on a row of the node; nil: none.
func (s *search) why(n *node, row uint32) *claim {
	t := s.c.Row(int(row)).Time
	var best *claim
	for i := range n.claims {
		if c := &n.claims[i]; (best == nil || c.compare(best) < 0) && c.covers(n, row, t) {
			best = c
		}
	}
	return best
}

// relation gives the relation of what a claim covers: what a created identity led to is that identity's. It is asked
// once all claims are there.
func (s *search) relation(why *claim) Relation {
	if why.relation == Derived && s.ofCreated(why.parent) {
		return CreatedIdentity
	}
	return why.relation
}

// ofCreated says that an identity was created by the intruder, or descends from one that was.
func (s *search) ofCreated(id string) bool {
	if is, ok := s.made[id]; ok {
		return is
	}
	s.made[id] = false // two may be each other's ancestors
	n := s.nodes[id]
	if n == nil || n.followed() == nil {
		return false
	}
	why := n.followed()
	s.made[id] = why.relation == CreatedIdentity || s.ofCreated(why.parent)
	return s.made[id]
}
