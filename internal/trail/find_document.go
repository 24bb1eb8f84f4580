package trail

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// document puts together what was found.
func (s *search) document(ctx context.Context) (*Document, error) {
	d := &Document{Seed: s.q.Seeds, Events: []ScopeEvent{}, Identities: []ScopeIdentity{}, Resources: []ScopeResource{},
		Exposures: []ScopeExposure{}, Techniques: []Technique{}, Indicators: []Indicator{}, Contain: []Containment{}}
	if d.Seed == nil {
		d.Seed = []Seed{}
	}
	s.noteUse()
	s.noteThefts()
	s.noteDeeds()
	s.found.settle()
	s.listEvents(d)
	s.listIdentities(d)
	s.listReached(d)
	s.listTechniques(d)
	s.listIndicators(d)
	cover, err := coverage(ctx, s.c, s.ledger)
	if err != nil {
		return nil, fmt.Errorf("what the log covers: %w", err)
	}
	d.Coverage = cover
	s.claimObjects(d)
	s.listContainment(d)
	s.summarise(d)
	return d, nil
}

func (s *search) listEvents(d *Document) {
	d.Events = slices.Grow(d.Events, len(s.hits))
	for _, row := range s.byTime(maps.Keys(s.hits)) {
		h, r := s.hits[row], s.c.Row(int(row))
		id, kind, place, client := s.c.Identity(r.Identity), s.c.Kind(r.Kind), s.c.Place(r.Place), s.c.Client(r.Client)
		e := ScopeEvent{EventID: s.c.ID(int(row)), Time: stampOf(r.Time), Name: kind.Name, Source: kind.Source, Region: place.Region,
			Account: place.Account, Principal: principalOf(id), AccessKey: id.AccessKey, SourceIP: client.IP, UserAgent: client.UserAgent,
			Outcome: r.Outcome().String(), Code: s.c.Code(r.Code), Identity: h.node.ID, Relation: h.via, Confidence: Possible,
			Rule: h.node.beside(h), PreCompromise: h.before}
		if h.why != nil {
			e.Confidence, e.Rule = h.why.confidence, h.why.rule
			if h.via != ByService {
				e.Relation = s.relation(h.why)
			}
			if h.via != ByService {
				h.node.tally(s.c, r)
				e.Techniques = s.found.of(row)
			}
		}
		d.Events = append(d.Events, e)
	}
}

// byTime sorts rows by time, then event id, then by what they are. Rows are numbered in the order of ids, unless those
// are no UUIDs.
func (s *search) byTime(rows iter.Seq[uint32]) []uint32 {
	return slices.SortedFunc(rows, func(a, b uint32) int {
		r, q := s.c.Row(int(a)), s.c.Row(int(b))
		if r.Time == q.Time && (r.Flags|q.Flags)&flagOddID != 0 {
			return cmp.Or(strings.Compare(s.c.ID(int(a)), s.c.ID(int(b))), cmp.Compare(a, b))
		}
		return cmp.Or(cmp.Compare(r.Time, q.Time), cmp.Compare(a, b))
	})
}

// beside names why an event is listed apart.
func (n *node) beside(h hit) string {
	switch {
	case n.followed() == nil:
		return "same-principal"
	case h.before:
		return "before-compromise"
	case n.mine != nil || n.agent != nil:
		return "own-use"
	}
	return "same-credential"
}

func (s *search) listIdentities(d *Document) {
	parents := map[string]bool{}
	for _, n := range s.nodes {
		parents[n.best().parent] = true
	}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.Events == 0 && (len(n.extra) > 0 || len(s.g.rows(n.group)) > 0) && !parents[name] {
			continue // every call of it was cordon's own, or is another's: a sign-in is its session's
		}
		s.finish(n, d)
		d.Identities = append(d.Identities, n.ScopeIdentity)
	}
	uncircle(d.Identities)
	slices.SortStableFunc(d.Identities, func(a, b ScopeIdentity) int {
		return cmp.Or(strings.Compare(cmp.Or(a.FirstSeen, a.Issued), cmp.Or(b.FirstSeen, b.Issued)), strings.Compare(a.ID, b.ID))
	})
}

// finish fills in what is known of a node only at the end.
func (s *search) finish(n *node, d *Document) {
	best := n.best()
	n.Parent, n.Relation, n.Confidence, n.Rule, n.Issued = best.parent, s.relation(best), best.confidence, best.rule, best.issued
	n.Evidence = []string{}
	for i := range n.claims {
		if c := &n.claims[i]; c.confidence == best.confidence && c.relation == best.relation {
			n.Evidence = append(n.Evidence, c.evidence...)
		}
	}
	n.LiveUntil = s.lifetime(n)
	if at, by := n.over(); at > 0 {
		n.LiveUntil, n.RevokedAt = "", stampOf(at)
		n.Evidence = append(n.Evidence, by...)
	}
	n.Addresses, n.UserAgents = []string{}, []string{}
	for c := range n.clients {
		client := s.c.Client(c)
		if client.IP != "" {
			n.Addresses = append(n.Addresses, client.IP)
		}
		if client.UserAgent != "" {
			n.UserAgents = append(n.UserAgents, client.UserAgent)
		}
	}
	n.Addresses, n.UserAgents = few(n.Addresses, maxListed), few(n.UserAgents, maxListed)
	if len(n.Evidence) == 0 {
		n.Evidence = s.firstEvent(n)
	}
	n.Evidence = few(n.Evidence, MaxEvidence)
	n.EnteredFrom = few(n.EnteredFrom, maxListed)
}

// lifetime says until when a credential may be used: as the call that gave it said, else as long as its kind may last.
func (s *search) lifetime(n *node) string {
	if n.followed() == nil {
		return ""
	}
	live := ""
	for i := range n.claims {
		live = max(live, n.claims[i].live) // "until revoked" comes after every time
	}
	if n.group < 0 || live != "" {
		return live
	}
	if longTerm(s.g.one(n.group)) {
		return untilRevoked
	}
	// docs.aws.amazon.com/IAM/latest/UserGuide/console.html: a sign-in session ends after twelve hours, and so does a
	// role's at the latest.
	if t, ok := s.g.created(n.group); ok && s.g.kind(n.group) != byForward {
		return stamped(time.Unix(int64(t), 0).Add(12 * time.Hour))
	}
	return ""
}

// firstEvent gives the first event of the node, for one that nothing else speaks for.
func (s *search) firstEvent(n *node) []string {
	if row, ok := s.first(n); ok {
		return []string{s.c.ID(int(row))}
	}
	return []string{}
}

// first gives the first row of the node that is listed as its own.
func (s *search) first(n *node) (uint32, bool) {
	best, at, found := uint32(0), forever, false
	for _, row := range s.rows(n) {
		h, ok := s.hits[row]
		if t := s.c.Row(int(row)).Time; ok && h.node == n && (!found || t < at || t == at && row < best) {
			best, at, found = row, t, true
		}
	}
	return best, found
}

// few sorts a list, drops what is twice in it and cuts it.
func few(list []string, most int) []string {
	slices.Sort(list)
	list = slices.Compact(list)
	return list[:min(len(list), most)]
}

// uncircle makes a root of the first of identities that are each other's ancestors, as two that began each other within
// a second: a reader of the chain must come to an end.
func uncircle(list []ScopeIdentity) {
	at := map[string]*ScopeIdentity{}
	for i := range list {
		at[list[i].ID] = &list[i]
	}
	done := map[string]bool{}
	for i := range list {
		path := map[string]bool{}
		n := &list[i]
		for n != nil && !done[n.ID] {
			path[n.ID] = true
			if path[n.Parent] {
				n.Parent = ""
			}
			n = at[n.Parent]
		}
		maps.Copy(done, path)
	}
}

func with(list []string, v string) []string {
	if v == "" || slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

func (s *search) summarise(d *Document) {
	m := &d.Summary
	m.Corpus, m.Own, m.Possible, m.Outcomes = s.c.Len(), len(s.own), s.possible, map[string]int{"success": 0, "denied": 0, "error": 0}
	m.Accounts, m.Regions = []string{}, []string{}
	accounts, regions := map[string]bool{}, map[string]bool{}
	for i := range d.Events {
		e := &d.Events[i]
		if e.Relation == SamePrincipal || e.Relation == ByService {
			continue
		}
		m.Events++
		m.Outcomes[e.Outcome]++
		if m.FirstSeen == "" {
			m.FirstSeen = e.Time
		}
		m.LastSeen = e.Time
		if e.Account != "" {
			accounts[e.Account] = true
		}
		if e.Region != "" {
			regions[e.Region] = true
		}
	}
	m.Accounts, m.Regions = append(m.Accounts, slices.Sorted(maps.Keys(accounts))...), append(m.Regions, slices.Sorted(maps.Keys(regions))...)
	if m.Unread = s.unread(); m.Unread > 0 {
		s.note("records that could not be read: %d; what they say is unknown", m.Unread)
	}
	m.Notes = append([]string{}, slices.Sorted(maps.Keys(s.notes))...)
}
