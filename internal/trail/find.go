package trail

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Find answers q over c: which events are the intruder's, which identities they became and what they reached.
//
// It is a fix-point over groups of events that share a credential. The seeds claim groups; the events of a claimed
// group are read whole, and what they issued, created, passed or took control of claims more, until nothing is new. A
// claim has a beginning: what a credential did before it is listed as such, and leads nowhere. What is merely possible
// is listed apart, and leads nowhere either. The errors are those of ctx and of reading c again.
func Find(ctx context.Context, c *Corpus, q Question) (*Document, error) {
	s := newSearch(c, q)
	for i := range q.Seeds {
		s.seed(&q.Seeds[i])
	}
	for len(s.queue) > 0 {
		if err := s.round(ctx); err != nil {
			return nil, fmt.Errorf("following what the intruder did: %w", err)
		}
	}
	if err := s.beside(ctx); err != nil {
		return nil, fmt.Errorf("looking beside what the intruder did: %w", err)
	}
	if err := s.takenBack(ctx); err != nil {
		return nil, fmt.Errorf("looking for what was revoked since: %w", err)
	}
	return s.document(ctx)
}

// A search is one question being answered.
type search struct {
	c            *Corpus
	q            Question
	since, until uint32
	g            *groups
	nodes        map[string]*node
	queue        []string        // ids of nodes whose events are to be followed
	rank         []uint8         // by row: how sure its attribution is; 0: not the intruder's
	own          map[uint32]bool // rows that are cordon's own calls
	picked       map[string]map[uint32]bool
	ledger       *ledger
	last         uint32          // the log's last moment
	joint        *rowSet         // rows that have another account's record of the same call beside them
	switching    []int           // rows of the console's role switches
	undoing      []uint32        // rows that may take something back
	twins        map[string]twin // by sharedEventID: what the other account's record of a call hangs on
	found        findings
	notes        map[string]bool
	hits         map[uint32]hit
	made         map[string]bool // identities by whether they descend from a created one
	possible     int             // events that may be the intruder's
}

// A node is an identity, or something that acts as one.
type node struct {
	ScopeIdentity
	thing   string   // what was granted or taken over, as Grant.ID
	region  string   // where it stands, if it stands in one
	group   int32    // none: a user that was created and never seen, a key never used
	extra   []uint32 // rows of no credential that belong to this one: its sign-in
	claims  []claim
	linked  link              // the claim for which its kin were looked for
	work    workload          // what its credential belongs to
	home    map[string]bool   // addresses that are the workload's own
	mine    func(uint32) bool // rows that are the workload's own use of its credential; nil: it cannot be told
	agent   func(uint32) bool // rows that are calls of its host's agents; nil: none
	clients map[uint32]bool   // from where it was used
	stolen  map[uint32]bool   // rows that are the use of it elsewhere
}

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

func newSearch(c *Corpus, q Question) *search {
	s := &search{c: c, q: q, since: seconds(q.Since, 0), until: seconds(q.Until, forever),
		nodes: map[string]*node{}, rank: make([]uint8, c.Len()), own: map[uint32]bool{}, notes: map[string]bool{},
		picked: map[string]map[uint32]bool{}, twins: map[string]twin{}, found: newFindings(), hits: map[uint32]hit{}, made: map[string]bool{}}
	s.survey()
	return s
}

// Marks of kinds of events that some rule looks for, wherever they are.
const (
	ofTrail  uint8 = 1 << iota // changes what is logged
	ofSwitch                   // goes from one role to another in the console
	ofUndo                     // may take back what somebody has
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
	if takesBack(k) {
		mark |= ofUndo
	}
	return mark
}

// forever is the end of what does not end.
const forever = uint32(1<<32 - 1)

func seconds(t time.Time, none uint32) uint32 {
	switch {
	case t.IsZero():
		return none
	case t.Unix() < 0:
		return 0
	case t.Unix() > int64(forever):
		return forever
	}
	return uint32(t.Unix())
}

// stampOf spells a row's time, "" where the record has none.
func stampOf(sec uint32) string {
	if sec == 0 {
		return ""
	}
	return timeAt(sec).Format(time.RFC3339)
}

func stamped(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// note keeps a sentence for people. Text of the log in it must have gone through printable.
func (s *search) note(format string, a ...any) { s.notes[fmt.Sprintf(format, a...)] = true }

// group claims what the credential k did.
func (s *search) group(k int32, why claim) *node {
	return s.add(ScopeIdentity{ID: s.g.name(k)}, k, why)
}

// thing claims an identity that has no credential in the log.
func (s *search) thing(id ScopeIdentity, why claim) *node { return s.add(id, none, why) }

func (s *search) add(id ScopeIdentity, k int32, why claim) *node {
	n := s.nodes[id.ID]
	if n == nil {
		n = &node{ScopeIdentity: id, group: k}
		s.nodes[id.ID] = n
		if k >= 0 {
			s.describe(n)
		}
	}
	if why.until == 0 {
		why.until = forever
	}
	if n.claim(why) {
		s.queue = append(s.queue, id.ID)
	}
	return n
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

// rows are those of the node's credential and of its sign-in.
func (s *search) rows(n *node) []uint32 {
	if len(n.extra) == 0 {
		return s.g.rows(n.group)
	}
	return slices.Concat(s.g.rows(n.group), n.extra)
}

// describe says who the node is. What differs between the identities of one credential is chosen by what it says, since
// their numbers differ from run to run.
func (s *search) describe(n *node) {
	best := ""
	for id := range s.g.identities(n.group) {
		key := principalOf(id) + "\x00" + id.AccessKey + "\x00" + id.Type
		if best != "" && key >= best {
			continue
		}
		best = key
		n.Kind, n.ARN, n.Account = kindOf(id), id.ARN, id.Account
		if credentialOf(id).kind == byKey {
			n.AccessKey = id.AccessKey
		}
	}
	s.work(n)
}

// round reads the events of the nodes that are new or surer, and follows what they did.
func (s *search) round(ctx context.Context) error {
	owner := map[uint32]*node{}
	again := map[uint32]bool{}
	for len(s.queue) > 0 {
		slices.Sort(s.queue)
		names := slices.Compact(s.queue)
		s.queue = nil
		fresh := newRowSet(s.c.Len())
		for _, name := range names {
			s.take(s.nodes[name], owner, again, fresh)
		}
		s.handedOut(owner, fresh)
	}
	rows := make([]int, 0, len(owner))
	for r := range owner {
		rows = append(rows, int(r))
	}
	slices.Sort(rows)
	err := s.c.Events(ctx, rows, func(row int, e *Event) error {
		n := owner[uint32(row)]
		if e.RequestID != "" && s.q.Own[e.RequestID] {
			s.own[uint32(row)], s.rank[row] = true, 0
			return nil
		}
		s.follow(row, n, e, !again[uint32(row)])
		return nil
	})
	if err != nil {
		return err
	}
	s.meet()
	if len(s.queue) > 0 {
		return nil
	}
	s.thefts()
	return s.c.Events(ctx, s.switched(), func(row int, e *Event) error {
		s.switches(e, row)
		return nil
	})
}

// take puts the rows of a node that are new, or surer than before, on the list of those to read.
func (s *search) take(n *node, owner map[uint32]*node, again map[uint32]bool, fresh *rowSet) {
	for _, r := range s.rows(n) {
		why := s.why(n, r)
		if why == nil || why.relation == SamePrincipal || s.own[r] || rankOf(why.confidence) <= s.rank[r] {
			continue
		}
		if _, queued := owner[r]; !queued && s.rank[r] > 0 {
			again[r] = true
		}
		s.rank[r] = rankOf(why.confidence)
		owner[r] = n
		fresh.put(r)
	}
	s.kin(n)
}

// handedOut claims the keys that these rows gave out, from the credential table, before anything is read: one reading
// then serves a whole chain of sessions.
func (s *search) handedOut(owner map[uint32]*node, fresh *rowSet) {
	if !fresh.any {
		return
	}
	for _, i := range s.c.Issued() {
		if !fresh.has(uint32(i.Event)) {
			continue
		}
		n := owner[uint32(i.Event)]
		if why := s.why(n, uint32(i.Event)); why != nil {
			r := s.c.Row(i.Event)
			s.key(i.AccessKey, claim{parent: n.ID, relation: Derived, confidence: why.confidence, rule: issueRule(s.c.Kind(r.Kind)),
				from: r.Time, named: true, evidence: []string{s.c.ID(i.Event)}, issued: stampOf(r.Time)})
		}
	}
}

// key claims every use of an access key, or, where it was never used, the key itself.
func (s *search) key(key string, why claim) {
	groups := s.g.byKey(key)
	for _, k := range groups {
		s.group(k, why)
	}
	if len(groups) > 0 {
		return
	}
	kind := "session"
	if strings.HasPrefix(key, "AKIA") {
		kind = "access-key"
	}
	s.thing(ScopeIdentity{ID: "key:" + key, Kind: kind, AccessKey: key}, why)
}

// issueRule names the rule by which a call of the kind hands out a credential.
func issueRule(k Kind) string {
	if m, ok := table[serviceName(k.Source)+":"+k.Name]; ok && m.issue != nil {
		return m.issue.rule
	}
	return "issued-" + serviceName(k.Source)
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
