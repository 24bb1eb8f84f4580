package trail

import (
	"context"
	"fmt"
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
	if err := s.entries(ctx); err != nil {
		return nil, fmt.Errorf("looking where it came in: %w", err)
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
	last         uint32   // the log's last moment
	joint        *rowSet  // rows that have another account's record of the same call beside them
	switching    []int    // rows of the console's role switches
	undoing      []uint32 // rows that may take something back
	provided     []uint32 // rows that take a role by what an identity provider says
	providers    []provider
	accounts     map[string][]int32 // groups by the caller's account, as far as they were asked for
	families     map[string]*family // by principal id, likewise
	kinsfolk     map[string]bool    // principals and roles whose other sessions were listed
	twins        map[string]twin    // by sharedEventID: what the other account's record of a call hangs on
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

func newSearch(c *Corpus, q Question) *search {
	s := &search{c: c, q: q, since: seconds(q.Since, 0), until: seconds(q.Until, forever),
		nodes: map[string]*node{}, rank: make([]uint8, c.Len()), own: map[uint32]bool{}, notes: map[string]bool{},
		picked: map[string]map[uint32]bool{}, twins: map[string]twin{}, found: newFindings(), hits: map[uint32]hit{}, made: map[string]bool{}, families: map[string]*family{}, kinsfolk: map[string]bool{}}
	s.survey()
	return s
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
func (s *search) note(format string, a ...any) {
	if len(s.notes) >= maxNotes {
		s.notes[fmt.Sprintf("there is more to say than these %d sentences", maxNotes)] = true
		return
	}
	s.notes[fmt.Sprintf(format, a...)] = true
}

// maxNotes bounds the sentences: nobody reads more, and an intruder can bring about as many as there are events.
const maxNotes = 500

// group claims what the credential k did.
func (s *search) group(k int32, why claim) *node {
	if s.g.kind(k) == byForward && (why.relation == Derived || why.relation == CreatedIdentity) {
		why.relation = ForwardAccess // whatever led there, a service made these calls
	}
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
	if err := s.provide(ctx); err != nil {
		return err
	}
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
