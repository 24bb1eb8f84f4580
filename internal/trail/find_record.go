package trail

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// findings are what the intruder's events reached, gave away and mean.
type findings struct {
	things  map[string]*reached
	open    map[string]*given
	techs   []meant
	refused map[string]bool   // calls that were denied
	made    map[string]string // resources created, and when
	weak    []weakness
}

func newFindings() findings {
	return findings{things: map[string]*reached{}, open: map[string]*given{}, refused: map[string]bool{}, made: map[string]string{}}
}

// reached is a resource and the identities that reached it: their confidence is known only at the end.
type reached struct {
	ScopeResource
	by []*node
}

// given is an exposure, likewise.
type given struct {
	ScopeExposure
	from uint32 // as Since
	by   []*node
}

// A weakness is a trail or detector that the intruder weakened, or, by its rule, a thing whose destruction is coming.
type weakness struct {
	rule, what, name, account, region, source, event, time string
	done, restored                                         bool
}

// meant is what one event means. There may be millions, so that it is kept small.
type meant struct {
	row       uint32
	technique string
}

func (f *findings) means(technique string, row uint32) {
	f.techs = append(f.techs, meant{row, technique})
}

// settle puts what the events mean in order, each meaning once.
func (f *findings) settle() {
	slices.SortFunc(f.techs, func(a, b meant) int {
		return cmp.Or(cmp.Compare(a.row, b.row), strings.Compare(a.technique, b.technique))
	})
	f.techs = slices.Compact(f.techs)
}

// of gives what an event means, once that is settled.
func (f *findings) of(row uint32) []string {
	at, _ := slices.BinarySearchFunc(f.techs, row, func(m meant, row uint32) int { return cmp.Compare(m.row, row) })
	var out []string
	for ; at < len(f.techs) && f.techs[at].row == row; at++ {
		out = append(out, f.techs[at].technique)
	}
	return out
}

// record notes what one event of n reached, or tried to, gave away and means.
func (s *search) record(n *node, row uint32, e *Event, fx *Effects) {
	for _, t := range fx.Touches {
		s.reach(n, e, t, slices.ContainsFunc(fx.Secrets, func(x Touch) bool { return x.ID == t.ID && x.Type == t.Type }))
	}
	for _, id := range fx.Techniques {
		s.found.means(id, row)
	}
	if fx.Padded {
		s.note("%s at %s: its request was left out as too large, which an intruder can bring about by padding; what it did is unknown, take it as the worst",
			printable(e.Name), stamped(e.Time))
	}
	if e.Unread != "" {
		s.note("%s at %s could not be read whole: what it did is unknown, take it as the worst", printable(e.Name), stamped(e.Time))
	}
	if e.Outcome == Denied {
		s.found.refused[e.Source+":"+e.Name] = true
	}
	s.weakens(e, fx, "weakened", fx.Weakens)
	s.weakens(e, fx, "coming", fx.Coming)
	if e.Outcome != Success {
		return
	}
	if fx.Unnamed != "" {
		s.note("%s at %s reached %s that its record does not name: take it that it was any of them", printable(e.Name), stamped(e.Time), fx.Unnamed)
	}
	for _, x := range fx.Exposures {
		s.exposed(n, e, x)
	}
	s.created(e, fx)
}

func (s *search) weakens(e *Event, fx *Effects, rule, what string) {
	if what != "" && e.Outcome != Failed {
		s.found.weak = append(s.found.weak, weakness{rule: rule, what: what, name: weakened(e, fx), account: e.Recipient, region: e.Region,
			source: e.ServiceName(), event: e.ID, time: stamped(e.Time), done: e.Outcome == Success})
	}
}

// created keeps what the event made: the response names it, and the event's name says that it was made.
func (s *search) created(e *Event, fx *Effects) {
	makes := func(verb string) bool { return strings.HasPrefix(e.Name, verb) }
	if !slices.ContainsFunc([]string{"Create", "Run", "Register", "Copy", "Import", "Restore"}, makes) {
		return
	}
	answered := map[string]bool{}
	leaves(e.Response, 0, func(text string) { answered[text] = true })
	for _, t := range fx.Touches {
		if answered[t.ID] && len(s.found.made) < maxReached {
			if at, ok := s.found.made[t.ID]; !ok || stamped(e.Time) < at {
				s.found.made[t.ID] = stamped(e.Time)
			}
		}
	}
}

// leaves gives the texts of a response, some levels deep.
func leaves(v any, depth int, each func(string)) {
	if depth > 8 {
		return
	}
	switch v := v.(type) {
	case string:
		each(v)
	case map[string]any:
		for _, x := range v {
			leaves(x, depth+1, each)
		}
	case []any:
		for _, x := range v {
			leaves(x, depth+1, each)
		}
	}
}

// weakened names what an event weakened, where it says.
func weakened(e *Event, fx *Effects) string {
	if len(fx.Touches) > 0 {
		return fx.Touches[0].ID
	}
	return e.str("request.name|request.trailName|request.detectorId|request.eventDataStore")
}

// maxReached bounds the resources listed: an intruder can name as many as there are letters.
const maxReached = 100_000

func (s *search) reach(n *node, e *Event, t Touch, secret bool) {
	key := strings.Join([]string{t.Type, t.Account, t.Region, t.ID}, "\x00")
	r := s.found.things[key]
	if r == nil {
		if len(s.found.things) >= maxReached {
			s.note("more than %d resources were reached or tried; the rest are not listed", maxReached)
			return
		}
		r = &reached{ScopeResource: ScopeResource{ID: t.ID, Type: t.Type, Account: t.Account, Region: t.Region, Access: []Access{}, Outcome: "attempted", Evidence: []string{}}}
		s.found.things[key] = r
	}
	if !slices.Contains(r.by, n) {
		r.by = append(r.by, n)
	}
	done := e.Outcome == Success && !e.dryRun()
	if done {
		if r.Outcome != "accessed" {
			r.Outcome, r.Access = "accessed", []Access{} // what was only tried is not how it was reached
		}
		r.Secret = r.Secret || secret
	}
	if done == (r.Outcome == "accessed") && !slices.Contains(r.Access, t.Access) {
		r.Access = append(r.Access, t.Access)
	}
	r.Events++
	at := stamped(e.Time)
	if r.FirstSeen == "" || at < r.FirstSeen {
		r.FirstSeen = at
	}
	r.LastSeen = max(r.LastSeen, at)
	if len(r.Evidence) < MaxEvidence {
		r.Evidence = append(r.Evidence, e.ID)
	}
}

func (s *search) exposed(n *node, e *Event, x Exposure) {
	key := strings.Join([]string{x.Resource.Type, x.Resource.Account, x.Resource.ID, x.Grantee, x.Kind, x.Under}, "\x00")
	g := s.found.open[key]
	if g == nil {
		if len(s.found.open) >= maxReached {
			s.note("more than %d exposures were made; the rest are not listed", maxReached)
			return
		}
		g = &given{ScopeExposure: ScopeExposure{Resource: x.Resource.ID, Type: x.Resource.Type, Account: x.Resource.Account,
			Region: x.Resource.Region, Grantee: x.Grantee, Kind: x.Kind, Under: x.Under, Since: stamped(e.Time)}, from: seconds(e.Time, 0)}
		s.found.open[key] = g
	}
	if !slices.Contains(g.by, n) {
		g.by = append(g.by, n)
	}
	g.Since, g.from = min(g.Since, stamped(e.Time)), min(g.from, seconds(e.Time, 0))
	if len(g.Evidence) < MaxEvidence {
		g.Evidence = append(g.Evidence, e.ID)
	}
}

// surest gives the confidence of what several identities did.
func surest(by []*node) Confidence {
	best := Possible
	for _, n := range by {
		if why := n.followed(); why != nil && rankOf(why.confidence) > rankOf(best) {
			best = why.confidence
		}
	}
	return best
}

func (s *search) listReached(d *Document) {
	for _, r := range s.found.things {
		r.Confidence = surest(r.by)
		slices.SortFunc(r.Access, func(a, b Access) int { return cmp.Compare(accessRank[a], accessRank[b]) })
		slices.Sort(r.Evidence)
		d.Resources = append(d.Resources, r.ScopeResource)
	}
	slices.SortFunc(d.Resources, func(a, b ScopeResource) int {
		return cmp.Or(strings.Compare(a.Type, b.Type), strings.Compare(a.Account, b.Account), strings.Compare(a.Region, b.Region), strings.Compare(a.ID, b.ID))
	})
	for _, key := range slices.Sorted(maps.Keys(s.found.open)) {
		x := s.found.open[key]
		x.Confidence = surest(x.by)
		slices.Sort(x.Evidence)
		x.Evidence = slices.Compact(x.Evidence)
		d.Exposures = append(d.Exposures, x.ScopeExposure)
	}
}

var accessRank = map[Access]int{List: 0, ReadConfig: 1, ReadData: 2, Write: 3, Delete: 4, Share: 5, Execute: 6}

func (s *search) listTechniques(d *Document) {
	all := map[string]*Technique{}
	for _, m := range s.found.techs {
		x := all[m.technique]
		if x == nil {
			x = &Technique{AttackID: m.technique, Name: techniqueName(m.technique), Evidence: []string{}}
			all[m.technique] = x
		}
		x.Events++
		if len(x.Evidence) < MaxEvidence {
			x.Evidence = append(x.Evidence, s.c.ID(int(m.row)))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		slices.Sort(all[id].Evidence)
		d.Techniques = append(d.Techniques, *all[id])
	}
}

// probing is how many different calls must be denied before one speaks of looking around.
const probing = 5

// noteDeeds says in sentences what must not be missed of what the intruder did.
func (s *search) noteDeeds() {
	if len(s.found.refused) >= probing {
		s.note("probing: %d different calls were denied", len(s.found.refused))
	}
	for _, w := range s.found.weak {
		verb := "tried, and was denied: "
		if w.done {
			verb = ""
		}
		s.note("%s%s at %s in account %s, %s", verb, printable(w.what), w.time, printable(w.account), printable(w.region))
	}
}

// printable makes text of a log fit for a sentence: without control characters and not endless.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x2028 || r == 0x2029 || r == 0xfeff {
			return '?'
		}
		return r
	}, s)
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

// noteUse says that the credentials which the seeds name were used: a valid account in the wrong hands, which is what
// the question takes for given.
func (s *search) noteUse() {
	for _, n := range s.nodes {
		if why := n.followed(); why == nil || why.relation != BySeed || n.group < 0 {
			continue
		}
		if row, ok := s.first(n); ok {
			s.found.means("T1078.004", row)
		}
	}
}

// unread counts the records that nobody could read, copies once: how often the log holds one is no matter of its files.
// What does not begin as a record does is none: foreign files lie among logs.
func (s *search) unread() int {
	seen := map[string]bool{}
	for _, u := range s.c.Unread() {
		if text := bytes.TrimSpace(u.Bytes); len(text) > 0 && text[0] == '{' {
			seen[string(text)] = true
		}
	}
	return len(seen)
}

// claimObjects says how many S3 objects the intruder read, where that can be said: all the while that the intruder was
// there, a trail is known to have logged the reading of every object.
func (s *search) claimObjects(d *Document) {
	first, last := forever, uint32(0)
	read := map[Place]int{}
	for row, h := range s.hits {
		if h.why == nil || h.via == ByService {
			continue
		}
		r := s.c.Row(int(row))
		k, p := s.c.Kind(r.Kind), s.c.Place(r.Place)
		first, last = min(first, r.Time/3600), max(last, r.Time/3600)
		n := 0
		if k.Category == Data && k.ReadOnly && serviceName(k.Source) == "s3" && r.Outcome() == Success {
			n = 1
		}
		read[p] += n
	}
	for p, n := range read {
		if s.ledger.selects(p, "Data:s3", first, last) {
			d.Coverage.Claims = append(d.Coverage.Claims, fmt.Sprintf("%d S3 objects read by the intruder in account %s, %s, between %s and %s: a trail logged every bucket's",
				n, printable(p.Account), printable(p.Region), stampOf(first*3600), stampOf((last+1)*3600)))
		}
	}
	slices.Sort(d.Coverage.Claims)
}
