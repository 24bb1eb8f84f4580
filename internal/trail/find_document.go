package trail

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// record notes what one event of n reached, or tried to, gave away and means.
func (s *search) record(n *node, e *Event, fx *Effects) {
	for _, t := range fx.Touches {
		s.reach(n, e, t, slices.ContainsFunc(fx.Secrets, func(x Touch) bool { return x.ID == t.ID && x.Type == t.Type }))
	}
	for _, id := range fx.Techniques {
		s.techs[id] = append(s.techs[id], e.ID)
	}
	if fx.Padded {
		s.notes[fmt.Sprintf("%s %s: its request was left out of the log as too large: what it did is unknown, take it as the worst", e.ID, printable(e.Name))] = true
	}
	if e.Outcome != Success {
		return
	}
	if fx.Weakens != "" {
		s.notes[e.ID+" "+printable(fx.Weakens)] = true
	}
	for _, x := range fx.Exposures {
		key := strings.Join([]string{x.Kind, x.Resource.ID, x.Grantee}, "\x00")
		o, ok := s.open[key]
		if !ok {
			o = &ScopeExposure{Resource: x.Resource.ID, Type: x.Resource.Type, Account: x.Resource.Account, Region: x.Resource.Region,
				Grantee: x.Grantee, Kind: x.Kind, Confidence: n.Confidence, Since: stamped(e.Time)}
			s.open[key] = o
		}
		o.Since = min(o.Since, stamped(e.Time))
		o.Evidence = append(o.Evidence, e.ID)
	}
}

func (s *search) reach(n *node, e *Event, t Touch, secret bool) {
	key := strings.Join([]string{t.Type, t.ID, t.Account, t.Region}, "\x00")
	r, ok := s.things[key]
	if !ok {
		r = &ScopeResource{ID: t.ID, Type: t.Type, Account: t.Account, Region: t.Region, Outcome: "attempted", Confidence: n.Confidence,
			FirstSeen: stamped(e.Time), LastSeen: stamped(e.Time), Access: []Access{}}
		s.things[key] = r
	}
	if e.Outcome == Success && r.Outcome == "attempted" { // what was only tried is not how it was reached
		r.Outcome, r.Access = "accessed", []Access{}
	}
	if (e.Outcome == Success || r.Outcome == "attempted") && t.Access != "" && !slices.Contains(r.Access, t.Access) {
		r.Access = append(r.Access, t.Access)
	}
	if rankOf(n.Confidence) > rankOf(r.Confidence) {
		r.Confidence = n.Confidence
	}
	r.Secret = r.Secret || secret && e.Outcome == Success
	r.Events++
	r.FirstSeen, r.LastSeen = min(r.FirstSeen, stamped(e.Time)), max(r.LastSeen, stamped(e.Time))
	r.Evidence = append(r.Evidence, e.ID)
}

// others lists, apart, what may or may not be the intruder's: what the same credential did before or elsewhere, the
// same user's other sessions, and the services' calls that began a session of theirs.
func (s *search) others(ctx context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.group < 0 {
			continue
		}
		for _, r := range s.g.all[n.group].rows {
			if _, listed := s.byRow[r]; !listed && !n.done[r] {
				s.byRow[r] = &hit{node: n, via: SamePrincipal, apart: true, before: s.c.Row(int(r)).Time < n.from}
			}
		}
		s.began(n)
		if n.Relation != ByService && n.Relation != SamePrincipal && n.Relation != ForwardAccess {
			s.siblings(n)
		}
	}
	return ctx.Err()
}

// began lists the call that handed out a session that was taken over, where a service made it.
func (s *search) began(n *node) {
	for _, row := range s.issuer[n.AccessKey] {
		id := s.c.Identity(s.c.Row(row).Identity)
		if _, listed := s.byRow[uint32(row)]; !listed && id.Type == "AWSService" {
			s.byRow[uint32(row)] = &hit{node: n, via: ByService}
			n.evidence[s.c.ID(row)] = true
		}
	}
}

// siblings lists the other sessions of the same user or role as possible. A session that the log shows somebody else
// to have begun is a bystander's, and is not listed.
func (s *search) siblings(n *node) {
	var groups []int
	for _, i := range s.g.all[n.group].identities {
		id := s.c.Identity(i)
		switch {
		case id.IssuerARN != "" && id.Type == "AssumedRole":
			groups = append(groups, slices.DeleteFunc(slices.Clone(s.roles[id.IssuerARN]), s.begunByOther)...)
		case id.Type == "IAMUser" || id.Type == "Root":
			groups = append(groups, s.users[id.ARN]...)
		}
	}
	slices.Sort(groups)
	for _, k := range slices.Compact(groups) {
		name := s.g.all[k].name
		if _, known := s.nodes[name]; known || strings.HasPrefix(name, "forward:") || len(s.g.all[k].rows) == 0 {
			continue
		}
		other := &node{group: k, from: 0, until: 1<<32 - 1, rank: 1, evidence: map[string]bool{}, done: map[uint32]bool{}}
		other.ScopeIdentity = ScopeIdentity{ID: name, Parent: n.ID, Relation: SamePrincipal, Confidence: Possible, Rule: "same-principal"}
		s.nodes[name] = other
		s.describe(other)
		for _, r := range s.g.all[k].rows {
			if _, listed := s.byRow[r]; !listed {
				s.byRow[r] = &hit{node: other, via: SamePrincipal, apart: true}
			}
		}
	}
}

func (s *search) begunByOther(k int) bool {
	for _, i := range s.g.all[k].identities {
		for _, row := range s.issuer[s.c.Identity(i).AccessKey] {
			if _, tainted := s.byRow[uint32(row)]; !tainted {
				return true
			}
		}
	}
	return false
}

// document puts together what was found.
func (s *search) document(ctx context.Context) (*Document, error) {
	d := &Document{Seed: s.q.Seeds, Events: []ScopeEvent{}, Identities: []ScopeIdentity{}, Resources: []ScopeResource{},
		Exposures: []ScopeExposure{}, Techniques: []Technique{}, Indicators: []Indicator{}, Contain: []Containment{}}
	if d.Seed == nil {
		d.Seed = []Seed{}
	}
	s.listEvents(d)
	s.listIdentities(d)
	s.listReached(d)
	s.listTechniques(d)
	s.summarise(d)
	var err error
	if d.Coverage, err = CoverageOf(ctx, s.c, s.q); err != nil {
		return nil, fmt.Errorf("what the log covers: %w", err)
	}
	return d, nil
}

func (s *search) listEvents(d *Document) {
	means := map[string][]string{}
	for id, events := range s.techs {
		for _, e := range events {
			means[e] = append(means[e], id)
		}
	}
	for row, h := range s.byRow {
		r := s.c.Row(int(row))
		id, kind, place, client := s.c.Identity(r.Identity), s.c.Kind(r.Kind), s.c.Place(r.Place), s.c.Client(r.Client)
		e := ScopeEvent{EventID: s.c.ID(int(row)), Time: stampOf(r.Time), Name: kind.Name, Source: kind.Source, Region: place.Region,
			Account: place.Account, Principal: principalOf(id), AccessKey: id.AccessKey, SourceIP: client.IP, UserAgent: client.UserAgent,
			Outcome: r.Outcome().String(), Code: s.c.Code(r.Code), Identity: h.node.ID, Relation: h.via, Confidence: h.node.Confidence,
			Rule: h.node.Rule, PreCompromise: h.before, Techniques: means[s.c.ID(int(row))]}
		if h.apart {
			e.Confidence, e.Rule = Possible, "same-principal"
		}
		slices.Sort(e.Techniques)
		e.Techniques = slices.Compact(e.Techniques)
		d.Events = append(d.Events, e)
	}
	slices.SortFunc(d.Events, func(a, b ScopeEvent) int {
		return cmp.Or(strings.Compare(a.Time, b.Time), strings.Compare(a.EventID, b.EventID))
	})
}

func (s *search) listIdentities(d *Document) {
	seen := map[string]*ScopeIdentity{}
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		n.Addresses, n.UserAgents = []string{}, []string{}
		n.Evidence = slices.Sorted(maps.Keys(n.evidence))
		if n.Evidence == nil {
			n.Evidence = []string{}
		}
		s.revoke(n)
		seen[name] = &n.ScopeIdentity
	}
	for i := range d.Events {
		e := &d.Events[i]
		n := seen[e.Identity]
		if e.Relation == ByService || e.Relation == SamePrincipal && n.Relation != SamePrincipal {
			continue
		}
		n.Events++
		if e.Outcome == "denied" {
			n.Denied++
		}
		if n.FirstSeen == "" {
			n.FirstSeen = e.Time
		}
		n.LastSeen = e.Time
		n.Addresses, n.UserAgents = with(n.Addresses, e.SourceIP), with(n.UserAgents, e.UserAgent)
		if len(n.Evidence) == 0 {
			n.Evidence = []string{e.EventID}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		n := seen[name]
		if n.Events == 0 && strings.HasPrefix(n.ID, "event:") {
			continue
		}
		slices.Sort(n.Addresses)
		slices.Sort(n.UserAgents)
		d.Identities = append(d.Identities, *n)
	}
	slices.SortStableFunc(d.Identities, func(a, b ScopeIdentity) int {
		return cmp.Or(strings.Compare(cmp.Or(a.FirstSeen, a.Issued), cmp.Or(b.FirstSeen, b.Issued)), strings.Compare(a.ID, b.ID))
	})
}

func with(list []string, v string) []string {
	if v == "" || slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// revoke closes what a later event of the intruder's took back. What others took back, cordon's responders among them,
// is not looked for here: the account itself is asked before anything is done.
func (s *search) revoke(n *node) {
	for _, b := range s.back {
		if b.id != "" && (b.id == n.AccessKey || b.id == n.ARN) && b.when >= n.from {
			n.LiveUntil, n.RevokedAt = "", stampOf(b.when)
		}
	}
}

func (s *search) listReached(d *Document) {
	for _, key := range slices.Sorted(maps.Keys(s.things)) {
		r := s.things[key]
		slices.SortFunc(r.Access, func(a, b Access) int { return cmp.Compare(accessRank[a], accessRank[b]) })
		if len(r.Evidence) > MaxEvidence {
			r.Evidence = r.Evidence[:MaxEvidence]
		}
		slices.Sort(r.Evidence)
		d.Resources = append(d.Resources, *r)
	}
	for _, key := range slices.Sorted(maps.Keys(s.open)) {
		o := s.open[key]
		for _, b := range s.back {
			if b.id == o.Resource && stampOf(b.when) >= o.Since {
				o.RevokedAt = stampOf(b.when)
			}
		}
		slices.Sort(o.Evidence)
		o.Evidence = slices.Compact(o.Evidence)
		d.Exposures = append(d.Exposures, *o)
	}
}

var accessRank = map[Access]int{List: 0, ReadConfig: 1, ReadData: 2, Write: 3, Delete: 4, Share: 5, Execute: 6}

func (s *search) listTechniques(d *Document) {
	for _, id := range slices.Sorted(maps.Keys(s.techs)) {
		events := s.techs[id]
		slices.Sort(events)
		events = slices.Compact(events)
		d.Techniques = append(d.Techniques, Technique{AttackID: id, Name: techniqueName(id), Events: len(events), Evidence: events[:min(len(events), MaxEvidence)]})
	}
}

func (s *search) summarise(d *Document) {
	m := &d.Summary
	m.Corpus, m.Own, m.Outcomes = s.c.Len(), s.own, map[string]int{"success": 0, "denied": 0, "error": 0}
	m.Accounts, m.Regions, m.Notes = []string{}, []string{}, []string{}
	refused := map[string]bool{}
	for i := range d.Events {
		e := &d.Events[i]
		if e.Relation == SamePrincipal {
			m.Possible++
			continue
		}
		if e.Relation == ByService {
			continue
		}
		m.Events++
		m.Outcomes[e.Outcome]++
		if m.FirstSeen == "" {
			m.FirstSeen = e.Time
		}
		m.LastSeen = e.Time
		m.Accounts, m.Regions = with(m.Accounts, e.Account), with(m.Regions, e.Region)
		if e.Outcome == "denied" {
			refused[e.Source+":"+e.Name] = true
		}
	}
	slices.Sort(m.Accounts)
	slices.Sort(m.Regions)
	if len(refused) >= 5 {
		s.notes[fmt.Sprintf("probing: %d different calls were denied", len(refused))] = true
	}
	s.noteTheft(d)
	m.Notes = append(m.Notes, slices.Sorted(maps.Keys(s.notes))...)
}

// noteTheft says where a workload's credential was used from more than one address.
func (s *search) noteTheft(d *Document) {
	for i := range d.Identities {
		n := &d.Identities[i]
		name := n.ARN[strings.LastIndexByte(n.ARN, '/')+1:]
		if strings.HasPrefix(name, "i-") && n.Relation != SamePrincipal && len(n.Addresses) > 1 {
			s.notes[fmt.Sprintf("the credential of instance %s was used from %d addresses: %s", printable(name), len(n.Addresses), printable(strings.Join(n.Addresses, ", ")))] = true
		}
	}
}

// printable makes text of a log fit for a sentence: without control characters and not endless.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}
