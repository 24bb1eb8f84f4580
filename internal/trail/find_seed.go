package trail

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// seed claims what the seed names. One that the log knows nothing of leaves a note.
func (s *search) seed(d *Seed) {
	why := claim{relation: BySeed, confidence: Certain, rule: "seed-" + d.Kind, from: seconds(d.From, 0), until: seconds(d.Until, forever)}
	known := false
	switch d.Kind {
	case "access-key":
		known = s.seedKey(d.Value, why)
	case "address":
		known = s.seedAddress(d.Value, why)
	case "event":
		known = s.seedEvent(d.Value, why)
	case "account":
		known = s.seedWhere(d.Value, func(r Row) bool { return s.c.Identity(r.Identity).Account == d.Value }, why)
	default:
		known = s.seedPrincipal(d, why)
	}
	if !known {
		s.note("nothing in the log was done by %s %s%s", printable(d.Kind), printable(d.Value), s.span(d))
	}
}

// span names the bounds of what was looked at for a seed, where there are any: beyond them nothing is claimed.
func (s *search) span(d *Seed) string {
	text, from, until := "", d.From, d.Until
	if s.q.Since.After(from) {
		from = s.q.Since
	}
	if until.IsZero() || !s.q.Until.IsZero() && s.q.Until.Before(until) {
		until = s.q.Until
	}
	if !from.IsZero() {
		text += " from " + from.UTC().Format(time.RFC3339) + " on"
	}
	if !until.IsZero() {
		text += " until " + until.UTC().Format(time.RFC3339)
	}
	return text
}

// seedKey claims a key. One that was handed out and never used is known, and may still be used.
func (s *search) seedKey(key string, why claim) bool {
	why.named = true
	if strings.HasPrefix(key, "AKIA") {
		why.live = untilRevoked
	}
	groups := s.g.byKey(key)
	for _, k := range groups {
		s.group(k, why)
		if s.g.kind(k) == byForward {
			s.behind(k, why)
		}
	}
	if len(groups) == 0 {
		s.key(key, why)
	}
	return len(groups) > 0 || len(s.issuers(key)) > 0
}

// behind claims the session for which a service made the calls of group k.
func (s *search) behind(k int32, why claim) {
	id := s.g.one(k)
	why.relation, why.rule, why.parent, why.live = Derived, "forward-access", s.g.name(k), ""
	for _, other := range s.g.byPrincipal(id.PrincipalID) {
		if s.g.kind(other) != byForward && id.Created != "" && s.g.one(other).Created == id.Created {
			s.group(other, why)
		}
	}
}

// seedPrincipal claims the sessions and keys of a user, role, session, root, instance or function.
func (s *search) seedPrincipal(d *Seed, why claim) bool {
	var groups []int32
	account, name := accountIn(d.Value), lastPart(d.Value)
	switch d.Kind {
	case "role":
		if _, rest, ok := strings.Cut(d.Value, ":assumed-role/"); ok {
			name, _, _ = strings.Cut(rest, "/")
		}
		groups = s.g.byRole(account, name)
	case "user":
		groups = s.g.byUser(account, name)
		groups = append(groups, s.g.byPrincipal(d.Value)...)
	case "root":
		groups = s.roots(account)
	case "instance":
		groups = slices.DeleteFunc(s.g.in(account, s.g.bySession(name)), s.begunByPerson)
		s.thing(ScopeIdentity{ID: "instance:" + name, Kind: "instance", Account: s.accountOf(account, groups)}, why)
	case "function":
		name = functionName(d.Value)
		groups = slices.DeleteFunc(s.g.in(account, s.g.bySession(name)), s.begunByPerson)
		id := ScopeIdentity{ID: "function:" + name, Kind: "function", Account: s.accountOf(account, groups)}
		if strings.HasPrefix(d.Value, "arn:") {
			id.ID, id.ARN = "function:"+d.Value, d.Value
		}
		s.thing(id, why)
	default:
		groups = append(s.g.byARN(d.Value), s.g.byPrincipal(d.Value)...)
	}
	used := false
	for _, k := range groups {
		if len(s.g.rows(k)) == 0 {
			continue
		}
		used = true
		w := why
		if longTerm(s.g.one(k)) {
			w.live = untilRevoked
		}
		s.group(k, w)
	}
	return used
}

// accountOf gives the account, or that of the groups where they agree.
func (s *search) accountOf(account string, groups []int32) string {
	for _, k := range groups {
		if a := s.g.one(k).Account; account == "" {
			account = a
		} else if a != account {
			return ""
		}
	}
	return account
}

// roots gives the groups of an account's root user.
func (s *search) roots(account string) []int32 {
	var out []int32
	for n, k := range s.g.of {
		if k == int32(n) && s.g.one(k).Type == "Root" && s.g.one(k).Account == account {
			out = append(out, k)
		}
	}
	return out
}

// seedAddress claims what was done from an address or a range of them. Calls that AWS made carry the name of a service
// instead of an address and are not among them.
func (s *search) seedAddress(value string, why claim) bool {
	in, ok := addressRange(value)
	if !ok {
		return false
	}
	known := map[uint32]bool{}
	return s.seedWhere(value, func(r Row) bool {
		is, ok := known[r.Client]
		if !ok {
			a, err := netip.ParseAddr(s.c.Client(r.Client).IP)
			is = err == nil && in.Contains(a.Unmap().WithZone(""))
			known[r.Client] = is
		}
		return is
	}, why)
}

// addressRange reads an address or a range.
func addressRange(value string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(value); err == nil {
		if a := p.Addr().Unmap(); a != p.Addr() && p.Bits() >= 96 {
			return netip.PrefixFrom(a, p.Bits()-96).Masked(), true
		}
		return p.Masked(), true
	}
	a, err := netip.ParseAddr(value)
	if err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), true
}

// seedWhere claims the part of each credential that was used as is says: the rest of it is another's, or the same
// user's elsewhere. Every credential is a node of its own, so that those who share an address stay apart.
func (s *search) seedWhere(value string, is func(Row) bool, why claim) bool {
	why.only = &part{why.rule + " " + value, func(row uint32) bool { return is(s.c.Row(int(row))) }}
	claimed := map[int32]bool{}
	found := false
	for i := range s.c.Len() {
		r := s.c.Row(i)
		if r.Time < max(s.since, why.from) || r.Time > min(s.until, why.until) || !is(r) {
			continue
		}
		found = true
		k := s.g.of[r.Identity]
		if k < 0 {
			s.single(uint32(i), why)
		} else if !claimed[k] {
			claimed[k] = true
			s.group(k, why)
		}
	}
	return found
}

// seedEvent claims an event and, from its time on, the credential that made it.
func (s *search) seedEvent(id string, why claim) bool {
	for i := range s.c.Len() {
		if s.c.ID(i) != id {
			continue
		}
		r := s.c.Row(i)
		why.evidence, why.from = []string{id}, max(why.from, r.Time)
		k := s.g.of[r.Identity]
		if k < 0 || s.g.kind(k) == byPrincipal || s.g.kind(k) == byAccount {
			s.pick(uint32(i), why)
			s.began(uint32(i), why)
			return true
		}
		s.group(k, why)
		return true
	}
	return false
}

// began claims the console session that a sign-in began: its creation is the sign-in's time.
func (s *search) began(row uint32, why claim) {
	r := s.c.Row(int(row))
	id := s.c.Identity(r.Identity)
	if s.c.Kind(r.Kind).Name != "ConsoleLogin" && s.c.Kind(r.Kind).Name != "SwitchRole" || r.Outcome() != Success {
		return
	}
	why.relation, why.rule, why.only = Derived, "console-session", nil
	for _, k := range s.g.byPrincipal(id.PrincipalID) {
		if t, ok := s.g.created(k); ok && s.g.kind(k) == byConsole && near(t, r.Time, clockSlack) {
			s.group(k, why)
		}
	}
}

// clockSlack is how far the times of one moment are apart in two records: they are whole seconds.
const clockSlack = 2

func near(a, b, within uint32) bool { return max(a, b)-min(a, b) <= within }

// single claims one event that belongs to no credential.
func (s *search) single(row uint32, why claim) {
	r := s.c.Row(int(row))
	id := s.c.Identity(r.Identity)
	n := s.thing(ScopeIdentity{ID: "event:" + s.c.ID(int(row)), Kind: kindOf(id), ARN: id.ARN, Account: id.Account}, why)
	n.extra = []uint32{row}
}

// pick claims one event, and of its credential no more than that.
func (s *search) pick(row uint32, why claim) {
	k := s.g.group(int(row))
	if k < 0 {
		s.single(row, why)
		return
	}
	name := "picked-" + string(why.confidence) + "-" + why.rule
	if s.picked[name] == nil {
		s.picked[name] = map[uint32]bool{}
	}
	if s.picked[name][row] {
		return
	}
	s.picked[name][row] = true
	why.only = &part{name, func(row uint32) bool { return s.picked[name][row] }}
	n := s.group(k, why)
	s.queue = append(s.queue, n.ID) // the claim may be there already, and the row still be new
}

func lastPart(s string) string {
	if i := strings.LastIndexAny(s, "/:"); i >= 0 {
		return s[i+1:]
	}
	return s
}

// functionName cuts the name out of a function's ARN, which may end in a version or alias.
func functionName(s string) string {
	_, rest, ok := strings.Cut(s, ":function:")
	if !ok {
		return lastPart(s)
	}
	name, _, _ := strings.Cut(rest, ":")
	return name
}

// accountIn gives the account of an ARN, or of twelve digits.
func accountIn(s string) string {
	if parts := strings.SplitN(s, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	if len(s) == 12 && strings.Trim(s, "0123456789") == "" {
		return s
	}
	return ""
}

// askedOfAnybody are the names of calls that are read whoever made them: what changes trails, and what may take back
// something that the intruder has.
func askedOfAnybody() map[string]bool {
	names := map[string]bool{"SwitchRole": true, "UpdateAccessKey": true}
	for key := range table {
		service, name, _ := strings.Cut(key, ":")
		if k := (Kind{Name: name, Source: service}); takesBack(k) || changesTrail(k) {
			names[name] = true
		}
	}
	for name := range denying {
		names[name] = true
	}
	return names
}

// KeepFor gives the Options.Keep of a question: whether Find will want a record whole is told from who made the call,
// from where and what, so that it need not be read again. It may be called by many goroutines.
func KeepFor(q Question) func(id *Identity, ip, name string) bool {
	var asks []func(id *Identity, ip string) bool
	for _, d := range q.Seeds {
		asks = append(asks, wantedBy(d))
	}
	names := askedOfAnybody()
	return func(id *Identity, ip, name string) bool {
		if names[name] {
			return true
		}
		for _, ask := range asks {
			if ask(id, ip) {
				return true
			}
		}
		return false
	}
}

// wantedBy tells the calls that the seed itself is about.
func wantedBy(d Seed) func(id *Identity, ip string) bool {
	account, name := accountIn(d.Value), lastPart(d.Value)
	of := func(id *Identity) bool { return account == "" || id.Account == account }
	switch d.Kind {
	case "access-key":
		return func(id *Identity, _ string) bool { return id.AccessKey == d.Value }
	case "address":
		in, ok := addressRange(d.Value)
		return func(_ *Identity, ip string) bool {
			a, err := netip.ParseAddr(ip)
			return ok && err == nil && in.Contains(a.Unmap().WithZone(""))
		}
	case "account":
		return func(id *Identity, _ string) bool { return id.Account == d.Value }
	case "role":
		if _, rest, ok := strings.Cut(d.Value, ":assumed-role/"); ok {
			name, _, _ = strings.Cut(rest, "/")
		}
		return func(id *Identity, _ string) bool { return roleNameOf(id) == name && of(id) }
	case "user":
		return func(id *Identity, _ string) bool { return userNameOf(id) == name && of(id) }
	case "root":
		return func(id *Identity, _ string) bool { return id.Type == "Root" && of(id) }
	case "instance", "function":
		name = functionName(d.Value)
		return func(id *Identity, _ string) bool { return sessionName(id) == name && of(id) }
	}
	return func(id *Identity, _ string) bool { return id.ARN == d.Value && d.Value != "" }
}
