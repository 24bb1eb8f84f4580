package trail

import (
	"slices"
	"strings"
	"time"
)

// follow taints what one event of the intruder led to, and notes what it reached.
func (s *search) follow(row int, n *node, e *Event) {
	fx := EffectsOf(e)
	s.record(n, e, &fx)
	s.twins(row, n, e)
	if e.Outcome != Success {
		return
	}
	keys := map[string]bool{}
	for _, i := range fx.Issues {
		keys[i.AccessKey] = true
		s.issued(n, e, i)
	}
	for _, key := range s.gave[row] { // whatever the table of effects knows
		if !keys[key] {
			s.issued(n, e, Issue{AccessKey: key, Rule: "issued-" + e.ServiceName()})
		}
	}
	for _, g := range fx.Grants {
		s.granted(n, e, g)
	}
	s.forwarded(n, e)
	for _, id := range fx.Reverts {
		s.back = append(s.back, reverted{id, seconds(e.Time, 0)})
	}
}

// twins lists the other account's record of the same call.
func (s *search) twins(row int, n *node, e *Event) {
	if e.SharedID == "" {
		return
	}
	for _, other := range s.shared[e.SharedID] {
		if other == row {
			continue
		}
		if k := s.g.inGroup(other); k < 0 || strings.HasPrefix(s.g.all[k].name, "account:") {
			s.single(other, relationOf(n), n.Confidence, "shared-event", n.ID)
		}
	}
}

// relationOf gives the relation that follows from n's: what a seed leads to is derived.
func relationOf(n *node) Relation {
	switch n.Relation {
	case BySeed, ByService, ForwardAccess:
		return Derived
	}
	return n.Relation
}

// weaker gives the less sure of two.
func weaker(a, b Confidence) Confidence {
	if rankOf(a) < rankOf(b) {
		return a
	}
	return b
}

func (s *search) issued(n *node, e *Event, i Issue) {
	t := taint{group: -1, kind: "session", arn: i.ARN, key: i.AccessKey, account: e.Recipient, parent: n.ID, relation: relationOf(n),
		confidence: n.Confidence, rule: i.Rule, from: seconds(e.Time, 0), evidence: e.ID, issued: stamped(e.Time), live: stamped(i.Expires)}
	if i.Expires.IsZero() && strings.HasPrefix(i.AccessKey, "AKIA") {
		t.live, t.kind = "until revoked", "access-key"
	}
	if t.rule == "" {
		t.rule = "issued-" + e.ServiceName()
	}
	if i.AccessKey != "" {
		t.name = "key:" + i.AccessKey
		for _, k := range s.g.byKey[i.AccessKey] {
			t.name, t.group = s.g.all[k].name, k
			s.add(t)
		}
		if t.group < 0 {
			s.add(t)
		}
		s.signedIn(n, e, i)
		return
	}
	s.unnamed(n, e, i, t)
}

// signedIn finds the console session that a federation token opened: its identity is the session's own.
func (s *search) signedIn(n *node, e *Event, i Issue) {
	if e.Name != "GetSigninToken" {
		return
	}
	for _, k := range s.people[e.Identity.PrincipalID] {
		if strings.HasPrefix(s.g.all[k].name, "console:") {
			s.add(taint{name: s.g.all[k].name, group: k, parent: n.ID, relation: relationOf(n), confidence: weaker(n.Confidence, Probable),
				rule: "console-federation", from: seconds(e.Time, 0), evidence: e.ID, issued: stamped(e.Time)})
		}
	}
}

// unnamed looks for a session whose key the log does not show: by whom it acts as and when it was made.
func (s *search) unnamed(n *node, e *Event, i Issue, t taint) {
	t.confidence = weaker(n.Confidence, Probable)
	found := false
	for _, k := range s.sessions(i) {
		created, ok := s.created(k)
		if !ok || created < t.from || created > t.from+5 {
			continue
		}
		t.name, t.group, found = s.g.all[k].name, k, true
		s.add(t)
	}
	if found {
		return
	}
	t.name = "unseen:" + e.ID
	t.live = ""
	if t.arn == "" {
		t.arn = i.RoleARN
	}
	s.add(t)
}

func (s *search) sessions(i Issue) []int {
	switch {
	case i.Principal != "":
		return s.people[i.Principal]
	case i.ARN != "":
		return s.users[i.ARN]
	case i.RoleARN != "":
		return s.roles[i.RoleARN]
	}
	return nil
}

func (s *search) created(k int) (uint32, bool) {
	for _, n := range s.g.all[k].identities {
		if t, err := time.Parse(time.RFC3339, s.c.Identity(n).Created); err == nil {
			return seconds(t, 0), true
		}
	}
	return 0, false
}

func stamped(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// granted taints what the event created or took control of.
func (s *search) granted(n *node, e *Event, g Grant) {
	conf := n.Confidence
	if g.Confidence != "" {
		conf = weaker(conf, g.Confidence)
	}
	from := seconds(e.Time, 0)
	arn := ""
	if strings.HasPrefix(g.ID, "arn:") {
		arn = g.ID
	}
	rel := relationOf(n)
	if g.Rule == "created-identity" {
		rel = CreatedIdentity
	}
	s.add(taint{name: g.Kind + ":" + g.ID, group: -1, kind: g.Kind, arn: arn, account: g.Account, parent: n.ID, relation: rel,
		confidence: conf, rule: g.Rule, from: from, evidence: e.ID, issued: stamped(e.Time), live: "until revoked"})
	for _, k := range s.controlled(e, g) {
		s.add(taint{name: s.g.all[k].name, group: k, parent: g.Kind + ":" + g.ID, relation: rel, confidence: conf, rule: g.Rule,
			from: from, evidence: e.ID, issued: stamped(e.Time)})
	}
}

// controlled gives the groups that the grant hands over from now on.
func (s *search) controlled(e *Event, g Grant) []int {
	switch {
	case g.Rule == "created-identity" && e.Name == "CreateUser":
		return s.since(s.users[g.ID], e)
	case g.Rule == "created-identity" && e.Name == "CreateRole":
		return s.since(s.roles[g.ID], e)
	case g.Rule == "login-profile":
		return slices.DeleteFunc(s.since(s.users[g.ID], e), func(k int) bool { return !strings.HasPrefix(s.g.all[k].name, "console:") })
	case g.Rule == "trust":
		return slices.DeleteFunc(s.since(s.roles[g.ID], e), func(k int) bool { return !s.trusted(k, g.Trustees) })
	case g.Rule == "pass-role" && g.Through != "":
		return s.since(s.names[lastPart(g.Through)], e)
	case g.Rule == "host-control", g.Rule == "code-control":
		return s.since(s.names[lastPart(g.ID)], e)
	}
	return nil
}

// since gives those groups that did something at or after e.
func (s *search) since(groups []int, e *Event) []int {
	from := seconds(e.Time, 0)
	var out []int
	for _, k := range groups {
		if slices.ContainsFunc(s.g.all[k].rows, func(r uint32) bool { return s.c.Row(int(r)).Time >= from }) {
			out = append(out, k)
		}
	}
	return out
}

// trusted says that the session k was begun by one of the trustees.
func (s *search) trusted(k int, trustees []string) bool {
	for _, n := range s.g.all[k].identities {
		for _, row := range s.issuer[s.c.Identity(n).AccessKey] {
			caller := s.c.Identity(s.c.Row(row).Identity)
			for _, t := range trustees {
				if t == "*" || t == caller.ARN || t == caller.IssuerARN || t != "" && accountIn(t) == caller.Account && !strings.Contains(t, ":user/") && !strings.Contains(t, ":role/") {
					return true
				}
			}
		}
	}
	return false
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

// forwarded lists the calls that a service made with the caller's permissions: they have a key of their own that no
// response shows, and the session's creation date, or for a long-term key a date that is about the call's.
func (s *search) forwarded(n *node, e *Event) {
	if e.Identity.PrincipalID == "" || n.Relation == ForwardAccess {
		return
	}
	for _, k := range s.people[e.Identity.PrincipalID] {
		if !strings.HasPrefix(s.g.all[k].name, "forward:") {
			continue
		}
		t := taint{name: s.g.all[k].name, group: k, kind: "service", parent: n.ID, relation: ForwardAccess, confidence: n.Confidence,
			rule: "forward-access", from: seconds(e.Time, 0), evidence: e.ID}
		id := s.c.Identity(s.g.all[k].identities[0])
		if e.Identity.Created == "" || id.Created != e.Identity.Created {
			made, ok := s.created(k)
			if id.Created != "" && (!ok || !near(made, t.from)) || id.Created == "" && !s.nearRow(k, t.from) {
				continue
			}
			t.confidence = weaker(n.Confidence, Probable)
		}
		s.add(t)
	}
}

func near(a, b uint32) bool { return max(a, b)-min(a, b) <= 60 }

func (s *search) nearRow(k int, at uint32) bool {
	return slices.ContainsFunc(s.g.all[k].rows, func(r uint32) bool { return near(s.c.Row(int(r)).Time, at) })
}
