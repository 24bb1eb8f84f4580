package trail

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// maxRevoking bounds how many calls are read that may have taken something back.
const maxRevoking = 5_000

// takenBack closes what a later call took back. Anybody may have made it: the intruder cleaning up, or those who came
// before us.
func (s *search) takenBack(ctx context.Context) error {
	h := s.holdings()
	kinds, sessions := s.kinds(h.endedBy), s.kinds(func(k Kind) bool { return denying[k.Name] })
	hosts := s.kinds(func(k Kind) bool { return k.Name == "TerminateInstances" })
	places := &memo{ask: func(n uint32) bool { return h.accounts[s.c.Place(n).Account] }}
	regions := &memo{ask: func(n uint32) bool { return h.regions[s.c.Place(n).Region] }}
	var rows []int
	for _, row := range s.undoing {
		r := s.c.Row(int(row))
		if r.Time < h.from || !kinds.is(r.Kind) || !places.is(r.Place) || s.own[row] || sessions.is(r.Kind) && r.Time > h.until || hosts.is(r.Kind) && !regions.is(r.Place) {
			continue
		}
		rows = append(rows, int(row))
	}
	if len(rows) > maxRevoking {
		s.note("%d calls may have taken back what the intruder has; the first %d were read, so that what is listed as live may be over", len(rows), maxRevoking)
		slices.SortFunc(rows, func(a, b int) int { return cmp.Or(cmp.Compare(s.c.Row(a).Time, s.c.Row(b).Time), cmp.Compare(a, b)) })
		rows = rows[:maxRevoking]
	}
	return s.c.Events(ctx, rows, func(_ int, e *Event) error {
		s.takeBack(e)
		return nil
	})
}

// holdings are what the intruder has that can be taken back, since when, and in which accounts.
type holdings struct {
	from     uint32
	accounts map[string]bool
	rules    map[string]bool // of grants and kinds of exposures
	types    map[string]bool // of things: IAM::User
	until    uint32          // the last session's end: what denies a session later ends nothing
	regions  map[string]bool // of instances
}

func (s *search) holdings() *holdings {
	h := &holdings{from: forever, accounts: map[string]bool{}, rules: map[string]bool{}, types: map[string]bool{}, regions: map[string]bool{}}
	for _, n := range s.nodes {
		if n.followed() == nil {
			continue
		}
		h.from = min(h.from, n.begins())
		h.accounts[n.Account] = true
		for i := range n.claims {
			h.rules[n.claims[i].rule] = true
		}
		h.types["IAM::User"], h.types["IAM::Role"] = true, true
		if end := s.lifetime(n); n.group >= 0 && end == untilRevoked {
			h.until = forever
		} else if t, err := time.Parse(time.RFC3339, end); n.group >= 0 && err == nil {
			h.until = max(h.until, seconds(t, 0))
		}
		switch n.Kind {
		case "instance":
			h.types["EC2::Instance"], h.regions[n.region] = true, true
		case "function":
			h.types["Lambda::Function"] = true
		case "identity-provider":
			h.types["IAM::SAMLProvider"], h.types["IAM::OIDCProvider"] = true, true
		}
	}
	for _, x := range s.found.open {
		h.from = min(h.from, x.from)
		h.rules[x.Kind], h.accounts[x.Account], h.types[strings.TrimPrefix(x.Type, "AWS::")] = true, true, true
	}
	for _, w := range s.found.weak {
		h.rules[w.rule], h.accounts[w.account] = true, true
	}
	return h
}

// endedBy says that a call of the kind may take back something of these.
func (h *holdings) endedBy(k Kind) bool {
	return ends(k, h.ends)
}

// takesBack says that a call of the kind may take back something of somebody's.
func takesBack(k Kind) bool {
	return ends(k, func(m *meaning) bool {
		return len(m.undo) > 0 || slices.ContainsFunc(m.expose, func(x expose) bool { return x.policy != "" })
	})
}

// ends asks of what a call of the kind may mean.
func ends(k Kind, ask func(*meaning) bool) bool {
	m := table[serviceName(k.Source)+":"+k.Name]
	if ask(&m) {
		return true
	}
	for i := range m.when {
		if ask(&m.when[i].meaning) {
			return true
		}
	}
	return (denying[k.Name] || k.Name == "UpdateAccessKey") && serviceName(k.Source) == "iam"
}

// denying are the calls that can deny a user or role everything.
var denying = map[string]bool{"PutUserPolicy": true, "PutRolePolicy": true, "AttachUserPolicy": true, "AttachRolePolicy": true}

func (h *holdings) ends(m *meaning) bool {
	for _, x := range m.expose {
		if x.policy != "" && h.rules[x.kind] { // another policy in its place
			return true
		}
	}
	for _, u := range m.undo {
		if u.rule == "" && (u.of != "" || len(m.touch) > 0 && h.types[m.touch[0].kind]) || u.rule != "" && h.rules[u.rule] {
			return true
		}
	}
	return false
}

func (s *search) takeBack(e *Event) {
	fx := EffectsOf(e)
	for _, u := range fx.Undoes {
		s.undo(e, u)
	}
	for _, g := range s.found.open {
		s.replaced(e, &fx, g)
	}
	switch {
	case e.Name == "UpdateAccessKey" && strings.EqualFold(e.str("request.status"), "Active"):
		s.revive(e)
	case denying[e.Name]:
		s.denied(e)
	}
}

// undo closes what the call took back: a key, a thing and what acts through it, a grant or an exposure.
func (s *search) undo(e *Event, u Undo) {
	at := seconds(e.Time, 0)
	for _, n := range s.nodes {
		key := n.AccessKey != "" && n.AccessKey == u.ID
		thing := n.thing != "" && n.thing == u.ID
		given := u.Rule == "" && slices.ContainsFunc(n.claims, func(c claim) bool { return c.what == u.ID && u.ID != "" })
		acts := u.Rule == "" && u.ID != "" && (u.ID == n.ARN || u.ID == s.roleOf(n))
		if !key && !thing && !acts && !given {
			continue
		}
		for i := range n.claims {
			c := &n.claims[i]
			if given && !key && !thing && !acts && c.what != u.ID {
				continue
			}
			if at >= c.from && !slices.Contains(c.evidence, e.ID) && (u.Rule == "" || u.Rule == c.rule && (u.What == "" || u.What == c.what)) {
				c.ended, c.endedBy = at, e.ID
			}
		}
	}
	for _, x := range s.found.open {
		if x.Resource == u.ID && at >= x.from && (u.Rule == "" || u.Rule == x.Kind) && (u.What == "" || u.What == x.Grantee) && !slices.Contains(x.Evidence, e.ID) {
			x.RevokedAt = stamped(e.Time)
		}
	}
	for i := range s.found.weak {
		if w := &s.found.weak[i]; u.Rule == w.rule && w.name == u.ID && stamped(e.Time) >= w.time {
			w.restored = true
		}
	}
}

// roleOf gives the ARN of the role whose session the node is.
func (s *search) roleOf(n *node) string {
	if n.group < 0 {
		return ""
	}
	return s.c.issuerARN(uint32(n.group))
}

// replaced closes an exposure whose policy gave way to one that no longer has it, and opens one that came back.
func (s *search) replaced(e *Event, fx *Effects, x *given) {
	if seconds(e.Time, 0) < x.from || e.unknown() || !slices.ContainsFunc(fx.Touches, func(t Touch) bool { return t.ID == x.Resource }) {
		return
	}
	if slices.ContainsFunc(fx.Exposures, func(o Exposure) bool { return o.Grantee == x.Grantee && o.Kind == x.Kind }) {
		x.RevokedAt = ""
		return
	}
	for _, o := range meaningOf(e).expose {
		if o.policy != "" && o.kind == x.Kind && document(e.value(o.policy)) != nil {
			x.RevokedAt = stamped(e.Time)
		}
	}
}

// revive opens a key that was made active again.
func (s *search) revive(e *Event) {
	for _, n := range s.nodes {
		if n.AccessKey != "" && n.AccessKey == e.str("request.accessKeyId") {
			for i := range n.claims {
				n.claims[i].ended = 0
			}
		}
	}
}

// over says when everything that speaks for the node had been taken back, and by which calls.
func (n *node) over() (at uint32, by []string) {
	for i := range n.claims {
		c := &n.claims[i]
		switch {
		case c.relation == SamePrincipal:
		case c.ended == 0:
			return 0, nil
		default:
			at, by = max(at, c.ended), append(by, c.endedBy)
		}
	}
	return at, by
}

// denied closes the sessions and keys of a user or role that a policy denying everything: all, or the sessions issued
// before a moment (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html).
func (s *search) denied(e *Event) {
	before, ok := deniesAll(e)
	if !ok {
		return
	}
	at := seconds(e.Time, 0)
	for _, n := range s.nodes {
		if n.group < 0 || n.Account != e.Recipient || !s.belongs(n, e) {
			continue
		}
		begun, session := s.g.created(n.group)
		if before != forever && (!session || begun >= before) {
			continue
		}
		for i := range n.claims {
			if c := &n.claims[i]; at >= c.from {
				c.ended, c.endedBy = at, e.ID
			}
		}
	}
}

// belongs says that the node is a session or key of the user or role that the call names.
func (s *search) belongs(n *node, e *Event) bool {
	id := s.g.one(n.group)
	if role := e.str("request.roleName"); role != "" {
		return roleNameOf(id) == role
	}
	user := e.str("request.userName")
	return user != "" && userNameOf(id) == user
}

// deniesAll says that a policy put on a user or role denying everything, to sessions issued before a moment or to all.
func deniesAll(e *Event) (before uint32, ok bool) {
	if arn := e.str("request.policyArn"); arn != "" {
		return forever, strings.HasSuffix(arn, ":aws:policy/AWSDenyAll")
	}
	for _, x := range listed(memberOf(document(e.value("request.policyDocument")), "Statement")) {
		st, _ := x.(map[string]any)
		if text(memberOf(st, "Effect")) != "Deny" || !slices.Contains(texts(memberOf(st, "Action")), "*") || !slices.Contains(texts(memberOf(st, "Resource")), "*") {
			continue
		}
		when, _ := memberOf(st, "Condition").(map[string]any)
		if memberOf(st, "Condition") == nil || when != nil && len(when) == 0 {
			return forever, true
		}
		less, _ := when["DateLessThan"].(map[string]any)
		for name, v := range less {
			if t := texts(v); len(when) == 1 && len(less) == 1 && strings.EqualFold(name, "aws:TokenIssueTime") && len(t) == 1 {
				if at, err := time.Parse(time.RFC3339, t[0]); err == nil {
					return seconds(at, 0), true
				}
			}
		}
	}
	return 0, false
}
