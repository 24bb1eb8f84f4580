package trail

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
)

// A hit is an event on the list.
type hit struct {
	node   *node
	why    *claim // nil: listed apart
	before bool   // the claim: what the credential did when it was not yet the intruder's
	via    Relation
}

// maxApart bounds the events listed beside the intruder's: a busy user's years of work help nobody. All are counted.
const maxApart = 50_000

// beside settles whose every row is, and lists what may be the intruder's: what the same credential did before or
// elsewhere, the same user's other sessions, and the services' calls that began a session.
func (s *search) beside(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		if n := s.nodes[name]; n.followed() != nil && n.best().relation != ForwardAccess {
			s.siblings(n)
		}
	}
	s.queue = nil
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		for _, row := range s.rows(n) {
			if why := s.why(n, row); why != nil && why.relation != SamePrincipal && !s.own[row] {
				if h, ok := s.hits[row]; !ok || rankOf(why.confidence) > rankOf(h.why.confidence) {
					s.hits[row] = hit{node: n, why: why, via: why.relation}
				}
			}
		}
	}
	if err := s.beginnings(ctx); err != nil {
		return err
	}
	return s.apart(ctx)
}

// siblings claims the other sessions of the same user or role as possible. A session that the log shows somebody else
// to have begun is a bystander's, and so is one that bears another person's or workload's name.
func (s *search) siblings(n *node) {
	if n.group < 0 {
		return
	}
	id := s.g.one(n.group)
	alone := n.work.kind != "" || strings.HasPrefix(roleNameOf(id), "AWSReservedSSO_")
	who := id.Type + "\x00" + id.PrincipalID
	if id.Type == "AssumedRole" && !alone {
		who = id.Type + "\x00" + id.Account + "\x00" + roleNameOf(id)
	}
	if s.kinsfolk[who] {
		return
	}
	s.kinsfolk[who] = true
	var groups []int32
	switch id.Type {
	case "AssumedRole":
		groups = slices.DeleteFunc(s.g.byRole(id.Account, roleNameOf(id)), func(k int32) bool {
			one := s.g.one(k)
			return one.PrincipalID != id.PrincipalID && (alone || workloadOf(one).kind != "") || s.bystander(k)
		})
	case "IAMUser":
		groups = s.g.byPrincipal(id.PrincipalID)
	case "Root":
		groups = s.roots(id.Account)
	case "FederatedUser":
		groups = s.g.byARN(id.ARN)
	}
	for _, k := range groups {
		if _, known := s.nodes[s.g.name(k)]; known || s.g.kind(k) == byForward || len(s.g.rows(k)) == 0 {
			continue
		}
		s.group(k, claim{parent: n.ID, relation: SamePrincipal, confidence: Possible, rule: "same-principal"})
	}
}

// bystander says that the log shows a session to have been begun by somebody who is on no list.
func (s *search) bystander(k int32) bool {
	for id := range s.g.identities(k) {
		for _, row := range s.issuers(id.AccessKey) {
			by := s.g.group(row)
			if by < 0 && s.rank[row] == 0 {
				return s.c.Identity(s.c.Row(row).Identity).Type != "AWSService"
			}
			if by >= 0 && s.nodes[s.g.name(by)] == nil {
				return true
			}
		}
	}
	return false
}

// maxBeginnings bounds the events read to learn how long sessions live and who began them.
const maxBeginnings = 5_000

// beginnings reads the calls that handed out the sessions which nothing above explains: a service's is listed, and of
// anybody else's there is a note, since the trail leads on there.
func (s *search) beginnings(ctx context.Context) error {
	of := map[int][]*node{}
	var rows []int
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.followed() == nil || n.AccessKey == "" {
			continue
		}
		for _, row := range s.issuers(n.AccessKey) {
			if _, listed := s.hits[uint32(row)]; !listed && len(rows) < maxBeginnings {
				of[row] = append(of[row], n)
				rows = append(rows, row)
			}
		}
	}
	slices.Sort(rows)
	return s.c.Events(ctx, slices.Compact(rows), func(row int, e *Event) error {
		for _, n := range of[row] {
			s.beginning(n, uint32(row), e)
		}
		return nil
	})
}

func (s *search) beginning(n *node, row uint32, e *Event) {
	why := n.best()
	for _, i := range EffectsOf(e).Issues {
		if i.AccessKey == n.AccessKey {
			why.live, why.issued = cmp.Or(why.live, lifeOf(e, i)), cmp.Or(why.issued, stamped(e.Time))
		}
	}
	if len(why.evidence) < MaxEvidence && !slices.Contains(why.evidence, e.ID) {
		why.evidence = append(why.evidence, e.ID)
	}
	switch {
	case e.Identity.Type == "AWSService" && !s.own[row]:
		s.hits[row] = hit{node: n, why: why, via: ByService}
	case e.Identity.Type == "AWSAccount":
		s.note("the session %s was begun from account %s by %s at %s: the way in is there", printable(n.AccessKey),
			printable(e.Identity.Account), printable(principalOf(&e.Identity)), stamped(e.Time))
	default:
		s.note("the session %s was begun by %s at %s (event %s): look there as well", printable(n.AccessKey),
			printable(principalOf(&e.Identity)), stamped(e.Time), printable(e.ID))
	}
}

// apart lists the rows that are not the intruder's but for all the log says might be.
func (s *search) apart(ctx context.Context) error {
	seen := newRowSet(s.c.Len())
	of := map[*node][]uint32{}
	var rows []uint32
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.group < 0 || s.g.kind(n.group) == byAccount && (n.best().rule == "shared-event" || s.g.one(n.group).PrincipalID == "") {
			continue // a nameless caller of another account is anybody; of a call that is known from there, the rest is as well
		}
		for _, row := range s.rows(n) {
			if _, listed := s.hits[row]; !listed && !s.own[row] && !seen.has(row) {
				seen.put(row)
				of[n] = append(of[n], row)
				rows = append(rows, row)
			}
		}
	}
	if err := s.leaveOwn(ctx, rows); err != nil {
		return err
	}
	limit := s.firstOf(rows)
	for n, rows := range of {
		for _, row := range rows {
			if s.own[row] {
				continue
			}
			r := s.c.Row(int(row))
			s.possible++
			if n.followed() == nil {
				n.tally(s.c, r)
			}
			if limit.before(r.Time, row) {
				s.hits[row] = hit{node: n, via: SamePrincipal, before: n.begins() > r.Time}
			}
		}
	}
	return nil
}

// begins is when the node's credential became the intruder's; one that never did never begins.
func (n *node) begins() uint32 {
	from := forever
	for i := range n.claims {
		if c := &n.claims[i]; c.relation != SamePrincipal {
			from = min(from, c.from)
		}
	}
	if from == forever {
		return 0
	}
	return from
}

// A bound is a moment and a row of it.
type bound struct {
	time uint32
	row  uint32
	all  bool
}

func (b bound) before(time, row uint32) bool {
	return b.all || time < b.time || time == b.time && row <= b.row
}

// firstOf gives where the list of rows is cut, earliest first.
func (s *search) firstOf(rows []uint32) bound {
	if len(rows) <= maxApart {
		return bound{all: true}
	}
	s.note("%d events of the same credentials and users may be the intruder's; the first %d are listed", len(rows), maxApart)
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(s.c.Row(int(a)).Time, s.c.Row(int(b)).Time), cmp.Compare(a, b))
	})
	last := rows[maxApart-1]
	return bound{time: s.c.Row(int(last)).Time, row: last}
}

// leaveOwn finds cordon's own calls among what is listed apart: a responder may be the same user.
func (s *search) leaveOwn(ctx context.Context, rows []uint32) error {
	if len(s.q.Own) == 0 || len(rows) > maxApart {
		return nil
	}
	list := make([]int, len(rows))
	for i, row := range rows {
		list[i] = int(row)
	}
	return s.c.Events(ctx, list, func(row int, e *Event) error {
		if e.RequestID != "" && s.q.Own[e.RequestID] {
			s.own[uint32(row)] = true
		}
		return nil
	})
}

// maxListed bounds the addresses and user agents listed of one identity.
const maxListed = 1_000

// tally counts a row of the node.
func (n *node) tally(c *Corpus, r Row) {
	n.Events++
	if r.Outcome() == Denied {
		n.Denied++
	}
	at := stampOf(r.Time)
	if n.FirstSeen == "" || at < n.FirstSeen {
		n.FirstSeen = at
	}
	n.LastSeen = max(n.LastSeen, at)
	if n.clients == nil {
		n.clients = map[uint32]bool{}
	}
	n.clients[r.Client] = true
}
