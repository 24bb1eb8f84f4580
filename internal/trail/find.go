package trail

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Find answers q over c: which events are the intruder's, which identities they became and what they reached.
//
// It is a fix-point over groups of events that share a credential. The seeds taint groups; the events of a tainted
// group are read whole, and what they issued, created, passed or took control of taints more, until nothing is new. A
// taint has a beginning: what a credential did before it is listed as such, and leads nowhere. The errors are those of
// ctx and of reading c again.
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
	if err := s.others(ctx); err != nil {
		return nil, fmt.Errorf("looking beside what the intruder did: %w", err)
	}
	return s.document(ctx)
}

// A search is one question being answered.
type search struct {
	c      *Corpus
	q      Question
	g      *groups
	nodes  map[string]*node
	byRow  map[uint32]*hit
	queue  []string // names of nodes whose events are to be read
	own    int
	notes  map[string]bool
	things map[string]*ScopeResource
	open   map[string]*ScopeExposure
	techs  map[string][]string
	back   []reverted
	issuer map[string][]int // by access key: the events that handed it out
	gave   map[int][]string // the reverse
	users  map[string][]int // by ARN of the caller: its groups
	roles  map[string][]int // by ARN of the session's issuer: its groups
	names  map[string][]int // by session name: its groups
	people map[string][]int // by principal id
	shared map[string][]int // by sharedEventID: rows
}

// A node is an identity, or something that acts as one.
type node struct {
	ScopeIdentity
	group    int    // -1: none, as a user that was created and never seen
	from     uint32 // seconds: what it did before is not the intruder's
	until    uint32
	only     func(row int) bool // the part of the group that is the intruder's; nil: all
	rank     int                // of confidence
	done     map[uint32]bool    // rows followed
	evidence map[string]bool
}

// A hit is an event on the list.
type hit struct {
	node   *node
	before bool // the taint
	apart  bool // another use of the same credential
	via    Relation
}

type reverted struct {
	id   string
	when uint32
}

func rankOf(c Confidence) int {
	switch c {
	case Certain:
		return 3
	case Probable:
		return 2
	}
	return 1
}

func newSearch(c *Corpus, q Question) *search {
	s := &search{c: c, q: q, nodes: map[string]*node{}, byRow: map[uint32]*hit{}, notes: map[string]bool{},
		things: map[string]*ScopeResource{}, open: map[string]*ScopeExposure{}, techs: map[string][]string{},
		issuer: map[string][]int{}, gave: map[int][]string{}, users: map[string][]int{}, roles: map[string][]int{}, names: map[string][]int{},
		people: map[string][]int{}, shared: map[string][]int{}}
	since, until := seconds(q.Since, 0), seconds(q.Until, 1<<32-1)
	s.g = groupsOf(c, func(r Row) bool { return r.Time >= since && r.Time <= until })
	for _, i := range c.Issued() {
		s.issuer[i.AccessKey] = append(s.issuer[i.AccessKey], i.Event)
		s.gave[i.Event] = append(s.gave[i.Event], i.AccessKey)
	}
	for k := range s.g.all {
		for _, n := range s.g.all[k].identities {
			id := c.Identity(n)
			index(s.users, id.ARN, k)
			index(s.roles, id.IssuerARN, k)
			index(s.names, sessionName(id), k)
			index(s.people, id.PrincipalID, k)
		}
	}
	for i := range c.Len() {
		if c.Row(i).Flags&FlagShared != 0 {
			id := c.SharedID(i)
			s.shared[id] = append(s.shared[id], i)
		}
	}
	return s
}

func index(m map[string][]int, name string, k int) {
	if name != "" && !containsInt(m[name], k) {
		m[name] = append(m[name], k)
	}
}

func seconds(t time.Time, none uint32) uint32 {
	switch {
	case t.IsZero():
		return none
	case t.Unix() < 0:
		return 0
	case t.Unix() > 1<<32-1:
		return 1<<32 - 1
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

// A taint is one reason for an identity to be the intruder's.
type taint struct {
	name       string // of the group, or of the thing that acts
	group      int
	kind       string
	arn, key   string
	account    string
	parent     string
	relation   Relation
	confidence Confidence
	rule       string
	from       uint32
	until      uint32
	only       func(row int) bool
	evidence   string
	issued     string
	live       string
}

// add makes a node of t, or strengthens the one that is there: the surer, then the earlier reason stands.
func (s *search) add(t taint) *node {
	if t.until == 0 {
		t.until = 1<<32 - 1
	}
	n, ok := s.nodes[t.name]
	if !ok {
		n = &node{group: t.group, from: t.from, until: t.until, only: t.only, done: map[uint32]bool{}, evidence: map[string]bool{}}
		n.ScopeIdentity = ScopeIdentity{ID: t.name, Kind: t.kind, ARN: t.arn, AccessKey: t.key, Account: t.account}
		s.nodes[t.name] = n
		s.describe(n)
	}
	rank := rankOf(t.confidence)
	if n.rank == rank && t.evidence != "" && t.from <= n.from {
		n.evidence[t.evidence] = true
	}
	if ok && (rank < n.rank || rank == n.rank && t.from >= n.from && t.until <= n.until && (n.only == nil || t.only != nil)) {
		return n
	}
	if rank > n.rank {
		n.rank, n.Parent, n.Relation, n.Confidence, n.Rule = rank, t.parent, t.relation, t.confidence, t.rule
		n.only, n.from, n.until = t.only, t.from, t.until
		n.Issued, n.LiveUntil = t.issued, t.live
		n.evidence = map[string]bool{}
		if t.evidence != "" {
			n.evidence[t.evidence] = true
		}
	} else {
		n.from, n.until = min(n.from, t.from), max(n.until, t.until)
		if t.only == nil {
			n.only = nil
		}
	}
	s.queue = append(s.queue, t.name)
	return n
}

func (s *search) describe(n *node) {
	if n.group < 0 {
		return
	}
	best := ""
	for _, i := range s.g.all[n.group].identities { // the numbers differ from run to run: choose by what they say
		id := s.c.Identity(i)
		if key := principalOf(id) + "\x00" + id.AccessKey + "\x00" + id.Type; best == "" || key < best {
			best = key
			if n.Kind == "" || n.AccessKey == "" && n.ARN == "" {
				n.Kind = kindOf(id)
			}
			n.ARN, n.Account = id.ARN, id.Account
			if strings.HasPrefix(n.ID, "key:") {
				n.AccessKey = id.AccessKey
			}
		}
	}
}

// mine says that a row of n's group counts as the intruder's.
func (n *node) mine(c *Corpus, row uint32) bool {
	r := c.Row(int(row))
	return r.Time >= n.from && r.Time <= n.until && (n.only == nil || n.only(int(row)))
}

// seed taints what the seed names.
func (s *search) seed(d *Seed) {
	before := len(s.nodes)
	switch d.Kind {
	case "access-key":
		s.seedKey(d)
	case "address":
		s.seedWhere(d, s.from(d.Value))
	case "event":
		s.seedEvent(d)
	case "account":
		s.seedWhere(d, func(row int) bool { return s.c.Identity(s.c.Row(row).Identity).Account == d.Value })
	default:
		s.seedPrincipal(d)
	}
	if len(s.nodes) == before {
		s.notes["nothing in the log was done by "+d.Kind+" "+d.Value] = true
	}
}

func (s *search) seedTaint(d *Seed, k int, rule string) {
	live := ""
	if id := s.c.Identity(s.g.all[k].identities[0]); longTerm(id) {
		live = "until revoked"
	}
	s.add(taint{name: s.g.all[k].name, group: k, relation: BySeed, confidence: Certain, rule: rule, live: live,
		from: seconds(d.From, 0), until: seconds(d.Until, 1<<32-1)})
}

func (s *search) seedKey(d *Seed) {
	for _, k := range s.g.byKey[d.Value] {
		s.seedTaint(d, k, "seed-access-key")
	}
	if len(s.g.byKey[d.Value]) == 0 && len(s.issuer[d.Value]) > 0 {
		s.add(taint{name: "key:" + d.Value, group: -1, kind: "access-key", key: d.Value, relation: BySeed, confidence: Certain, rule: "seed-access-key"})
	}
}

// seedPrincipal taints the sessions and keys of a user, role, session, root, instance or function.
func (s *search) seedPrincipal(d *Seed) {
	var groups []int
	switch d.Kind {
	case "role":
		groups = append(groups, s.roles[d.Value]...)
		groups = append(groups, s.users[d.Value]...)
	case "instance", "function":
		groups = s.names[lastPart(d.Value)]
	default:
		groups = s.users[d.Value]
	}
	for _, k := range groups {
		s.seedTaint(d, k, "seed-"+d.Kind)
	}
}

// seedWhere taints the part of each group that was used from where the seed says, and lists single events.
func (s *search) seedWhere(d *Seed, is func(row int) bool) {
	since, until := seconds(d.From, 0), seconds(d.Until, 1<<32-1)
	for k := range s.g.all {
		if slices.ContainsFunc(s.g.all[k].rows, func(r uint32) bool { return is(int(r)) }) {
			s.add(taint{name: s.g.all[k].name, group: k, relation: BySeed, confidence: Certain, rule: "seed-" + d.Kind,
				from: since, until: until, only: is})
		}
	}
	for i := range s.c.Len() {
		if r := s.c.Row(i); s.g.inGroup(i) < 0 && r.Time >= since && r.Time <= until && is(i) {
			s.single(i, BySeed, Certain, "seed-"+d.Kind, "")
		}
	}
}

// from compares with an address or a range of them, by client, so that each is parsed once.
func (s *search) from(value string) func(row int) bool {
	prefix, err := netip.ParsePrefix(value)
	if err != nil {
		a, err := netip.ParseAddr(value)
		if err != nil {
			return func(int) bool { return false }
		}
		prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
	}
	known := map[uint32]bool{}
	return func(row int) bool {
		n := s.c.Row(row).Client
		in, ok := known[n]
		if !ok {
			a, err := netip.ParseAddr(s.c.Client(n).IP)
			in = err == nil && prefix.Contains(a.Unmap())
			known[n] = in
		}
		return in
	}
}

func (s *search) seedEvent(d *Seed) {
	for i := range s.c.Len() {
		if s.c.ID(i) != d.Value {
			continue
		}
		k := s.g.inGroup(i)
		if k < 0 {
			s.single(i, BySeed, Certain, "seed-event", "")
			return
		}
		s.add(taint{name: s.g.all[k].name, group: k, relation: BySeed, confidence: Certain, rule: "seed-event",
			from: max(s.c.Row(i).Time, seconds(d.From, 0)), until: seconds(d.Until, 1<<32-1), evidence: d.Value})
		return
	}
}

// single lists one event that belongs to no group.
func (s *search) single(row int, rel Relation, conf Confidence, rule, parent string) {
	r := s.c.Row(row)
	id := s.c.Identity(r.Identity)
	if _, listed := s.byRow[uint32(row)]; listed {
		return
	}
	k := s.g.add("event:" + s.c.ID(row))
	if len(s.g.all[k].rows) == 0 {
		s.g.all[k].rows, s.g.all[k].identities = []uint32{uint32(row)}, []uint32{r.Identity}
	}
	s.add(taint{name: s.g.all[k].name, group: k, kind: kindOf(id), arn: id.ARN, account: id.Account, relation: rel, confidence: conf,
		rule: rule, parent: parent, evidence: s.c.ID(row)})
}

func lastPart(s string) string {
	if i := strings.LastIndexAny(s, "/:"); i >= 0 {
		return s[i+1:]
	}
	return s
}

// round reads the events of the nodes that are new, and follows what they did.
func (s *search) round(ctx context.Context) error {
	slices.Sort(s.queue)
	names := slices.Compact(s.queue)
	s.queue = nil
	var rows []int
	for _, name := range names {
		n := s.nodes[name]
		if n.group < 0 {
			continue
		}
		for _, r := range s.g.all[n.group].rows {
			if n.done[r] || !n.mine(s.c, r) {
				continue
			}
			n.done[r] = true
			s.byRow[r] = &hit{node: n, via: n.Relation}
			rows = append(rows, int(r))
		}
	}
	return s.c.Events(ctx, rows, func(row int, e *Event) error {
		n := s.byRow[uint32(row)].node
		if s.q.Own[e.RequestID] && e.RequestID != "" {
			s.own++
			delete(s.byRow, uint32(row))
			return nil
		}
		s.follow(row, n, e)
		return nil
	})
}
