package trail

import (
	"slices"
	"strings"
)

// kin claims what belongs to a credential without having been handed out by it in the log: calls that services made
// for it, its sign-in, the console's end of it.
func (s *search) kin(n *node) {
	why := n.followed()
	if why == nil || n.group < 0 || n.linked == (link{rankOf(why.confidence), why.from}) {
		return
	}
	n.linked = link{rankOf(why.confidence), why.from}
	id := s.g.one(n.group)
	next := claim{parent: n.ID, relation: Derived, confidence: why.confidence, from: why.from, until: why.until}
	if why.only != nil {
		next.confidence = weaker(next.confidence, Probable) // part of the credential is somebody else's
	}
	if s.g.kind(n.group) == byConsole {
		s.signedIn(n, id)
	}
	if n.work.kind == "" {
		s.sameSession(n, id, next)
	}
	if s.g.kind(n.group) != byForward {
		s.forwarded(n, id, next)
	}
	for _, k := range s.g.bySignIn(id.SignInSession) {
		w := next
		w.rule = "sign-in-session"
		s.other(n, k, w)
	}
}

// A link is for which claim the kin of a node were looked for.
type link struct {
	rank uint8
	from uint32
}

// A family is what one principal did under different credentials. A user may have a hundred thousand of them, and each
// asks for its kin.
type family struct {
	begun   map[string][]int32 // by creation date: the groups of a session
	forward []int32            // what services did for it
	keyless []int32            // its sign-ins
}

func (s *search) family(principal string) *family {
	if f := s.families[principal]; f != nil {
		return f
	}
	f := &family{begun: map[string][]int32{}}
	for _, k := range s.g.byPrincipal(principal) {
		if made := s.g.one(k).Created; made != "" {
			f.begun[made] = append(f.begun[made], k)
		}
		switch s.g.kind(k) {
		case byForward:
			f.forward = append(f.forward, k)
		case byPrincipal:
			f.keyless = append(f.keyless, k)
		}
	}
	s.families[principal] = f
	return f
}

// followed is the best claim that leads on.
func (n *node) followed() *claim {
	if c := n.best(); c != nil && c.relation != SamePrincipal {
		return c
	}
	return nil
}

// other claims a group that is not the node's own.
func (s *search) other(n *node, k int32, why claim) {
	if k != n.group {
		s.group(k, why)
	}
}

// sameSession joins the console's end of a session with the key that opened it: principal and creation are the same.
// For a user that is not enough: two of one user's sessions may begin in one second. CloudShell's calls say what they are.
func (s *search) sameSession(n *node, id *Identity, why claim) {
	if id.Created == "" {
		return
	}
	user := id.Type != "AssumedRole" && id.Type != "FederatedUser"
	why.rule = "same-session"
	if user {
		why.confidence = weaker(why.confidence, Probable)
	}
	for _, k := range s.family(id.PrincipalID).begun[id.Created] {
		kind := s.g.kind(k)
		if kind == byForward || kind != byConsole && s.g.kind(n.group) != byConsole || user && !s.inShell(k) && !s.inShell(n.group) {
			continue
		}
		s.other(n, k, why)
	}
}

// inShell says that a key that nobody was seen to hand out was used in CloudShell, which the console gives its session's
// credential (docs.aws.amazon.com/cloudshell/latest/userguide/logging-and-monitoring.html).
func (s *search) inShell(k int32) bool {
	return s.g.kind(k) == byKey && len(s.issuers(s.g.one(k).AccessKey)) == 0 && slices.ContainsFunc(s.g.rows(k), func(row uint32) bool {
		return strings.Contains(s.c.Client(s.c.Row(int(row)).Client).UserAgent, "exec-env/CloudShell")
	})
}

// signedIn gives a console session the rows of the sign-in that began it. A sign-in carries no key: it is the same
// user's, at the session's creation, from an address of the session where the log has one. The check of the second
// factor comes shortly before.
func (s *search) signedIn(n *node, id *Identity) {
	begun, ok := s.g.created(n.group)
	if !ok || len(n.extra) > 0 {
		return
	}
	var logins []uint32
	for _, k := range s.family(id.PrincipalID).keyless {
		for _, row := range s.g.rows(k) {
			if r := s.c.Row(int(row)); near(r.Time, begun, clockSlack) && r.Outcome() == Success && signsIn(s.c.Kind(r.Kind).Name) {
				logins = append(logins, row)
			}
		}
	}
	logins = s.likely(n, logins, begun)
	n.extra = append(n.extra, logins...)
	for _, login := range logins {
		n.extra = append(n.extra, s.checks(login)...)
	}
	if len(n.extra) > 0 {
		s.queue = append(s.queue, n.ID)
	}
}

func signsIn(name string) bool { return name == "ConsoleLogin" || name == "SwitchRole" }

// likely keeps the sign-ins from an address that the session was used from; where there is none, those of the very
// second.
func (s *search) likely(n *node, logins []uint32, begun uint32) []uint32 {
	used := map[string]bool{}
	for _, row := range s.g.rows(n.group) {
		used[s.c.Client(s.c.Row(int(row)).Client).IP] = true
	}
	var near, exact []uint32
	for _, row := range logins {
		r := s.c.Row(int(row))
		if used[s.c.Client(r.Client).IP] {
			near = append(near, row)
		}
		if r.Time == begun {
			exact = append(exact, row)
		}
	}
	if len(near) > 0 {
		return near
	}
	return exact
}

// checks gives the checks of a second factor that went before a sign-in: the same user's, from the same client.
func (s *search) checks(login uint32) []uint32 {
	l := s.c.Row(int(login))
	var out []uint32
	for _, row := range s.g.rows(s.g.group(int(login))) {
		r := s.c.Row(int(row))
		if s.c.Kind(r.Kind).Name == "CheckMfa" && r.Client == l.Client && r.Time <= l.Time && l.Time-r.Time <= 300 {
			out = append(out, row)
		}
	}
	return out
}

// federated claims the console session that a federation token opened. The token is good for fifteen minutes
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html).
func (s *search) federated(e *Event, why claim) {
	why.rule, why.live = "console-federation", ""
	why.confidence = weaker(why.confidence, Probable)
	for _, k := range s.g.byPrincipal(e.Identity.PrincipalID) {
		switch s.g.kind(k) {
		case byConsole:
			if t, ok := s.g.created(k); ok && t >= why.from && t <= why.from+900 {
				s.group(k, why)
			}
		case byPrincipal:
			for _, row := range s.g.rows(k) {
				if r := s.c.Row(int(row)); s.c.Kind(r.Kind).Name == "ConsoleLogin" && r.Time >= why.from && r.Time <= why.from+900 {
					s.pick(row, why)
				}
			}
		}
	}
}

// forwarded claims the calls that services made with the credential's permissions: they have a key of their own that
// no response shows, and the session's creation date. For a long-term key that date is about the call's.
func (s *search) forwarded(n *node, id *Identity, why claim) {
	why.relation, why.rule = ForwardAccess, "forward-access"
	all := s.family(id.PrincipalID)
	for _, k := range all.begun[id.Created] {
		if s.g.kind(k) == byForward {
			s.other(n, k, why)
		}
	}
	if id.Created != "" || s.g.kind(n.group) != byKey || len(all.forward) == 0 {
		return
	}
	why.confidence = weaker(why.confidence, Probable)
	mine, theirs, sessions := s.times(n, id)
	for _, k := range all.forward {
		if sessions[s.g.one(k).Created] {
			continue // it is for another session, which is known
		}
		w := why
		w.only = s.about(n, k, mine, theirs)
		if w.only != nil {
			s.other(n, k, w)
		}
	}
}

// forwardSlack is how long after a long-term key's call a service's own call for it may come: a guess on the safe side,
// since the record has nothing else to tell by.
const forwardSlack = 60

// times gives when the node's credential and when the same user's other ones were in use, in order, and the creation
// dates of the latter's sessions.
func (s *search) times(n *node, id *Identity) (mine, theirs []uint32, sessions map[string]bool) {
	sessions = map[string]bool{}
	for _, k := range s.g.byPrincipal(id.PrincipalID) {
		if s.g.kind(k) == byForward || s.g.kind(k) == byPrincipal {
			continue
		}
		if made := s.g.one(k).Created; made != "" {
			sessions[made] = true
		}
		for _, row := range s.g.rows(k) {
			t := s.c.Row(int(row)).Time
			if k == n.group && s.why(n, row) != nil {
				mine = append(mine, t)
			} else {
				theirs = append(theirs, t)
			}
		}
	}
	slices.Sort(mine)
	slices.Sort(theirs)
	return mine, theirs, sessions
}

// about chooses the rows of a service's calls that come right after a call of ours, and not after one of the same
// user's other credentials.
func (s *search) about(n *node, k int32, mine, theirs []uint32) *part {
	since := func(times []uint32, t uint32) uint32 {
		at, ok := slices.BinarySearch(times, t)
		switch {
		case ok:
			return 0
		case at == 0:
			return forever
		}
		return t - times[at-1]
	}
	has := func(row uint32) bool {
		t := s.c.Row(int(row)).Time
		ours := since(mine, t)
		return ours <= forwardSlack && ours < since(theirs, t)
	}
	if !slices.ContainsFunc(s.g.rows(k), has) {
		return nil
	}
	return &part{"about " + n.ID, has}
}

// A twin is a record that has another account's record of the same call beside it.
type twin struct {
	parent string
	row    int
	why    claim
}

func (t twin) surer(o twin) twin {
	if t.parent == "" || o.why.compare(&t.why) < 0 {
		return o
	}
	return t
}

// meet claims the other account's records of the intruder's calls: sharedEventID joins them. They are told by their
// flag first, since the ids themselves are costly to ask for.
func (s *search) meet() {
	if len(s.twins) == 0 {
		return
	}
	for row := range s.joint.all() {
		i := int(row)
		t, ok := s.twins[s.c.SharedID(i)]
		if !ok || t.row == i || s.own[row] || s.rank[i] >= rankOf(t.why.confidence) {
			continue
		}
		s.pick(uint32(i), claim{parent: t.parent, relation: Derived, confidence: t.why.confidence, rule: "shared-event",
			from: s.c.Row(i).Time, evidence: []string{s.c.ID(t.row)}})
	}
	clear(s.twins)
}

// maxSwitches bounds how many sign-in events are read to find who went from one role to another.
const maxSwitches = 5_000

// switches reads the console's role switches, whose record is that of the new session and names the old one. They
// matter where the call that began the session is in another account's log.
func (s *search) switches(e *Event, row int) {
	from := e.str("additional.SwitchFrom")
	if from == "" || s.rank[row] > 0 {
		return
	}
	t := seconds(e.Time, 0)
	var names []string
	for name, n := range s.nodes {
		if why := n.followed(); why != nil && n.ARN == from && n.Kind == "console" && t >= why.from && t <= why.until && s.usedFrom(n, e.SourceIP) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		n := s.nodes[name]
		why := n.followed()
		next := claim{parent: n.ID, relation: Derived, confidence: why.confidence, rule: "switch-role", from: t, evidence: []string{e.ID}, issued: stamped(e.Time)}
		s.pick(uint32(row), next)
		for _, k := range s.g.byPrincipal(e.Identity.PrincipalID) {
			if made, ok := s.g.created(k); ok && s.g.kind(k) == byConsole && near(made, t, clockSlack) {
				s.group(k, next)
			}
		}
	}
}

func (s *search) usedFrom(n *node, ip string) bool {
	return slices.ContainsFunc(s.rows(n), func(row uint32) bool { return s.c.Client(s.c.Row(int(row)).Client).IP == ip })
}

// switched gives the role switches that nothing explains yet, made from where a console session of the intruder's was used.
func (s *search) switched() []int {
	from := map[uint32]bool{}
	for _, n := range s.nodes {
		if n.Kind == "console" && n.followed() != nil {
			for _, row := range s.rows(n) {
				from[s.c.Row(int(row)).Client] = true
			}
		}
	}
	if len(from) == 0 {
		return nil
	}
	addresses := map[string]bool{}
	for client := range from {
		addresses[s.c.Client(client).IP] = true
	}
	var out []int
	for _, i := range s.switching {
		if s.rank[i] == 0 && addresses[s.c.Client(s.c.Row(i).Client).IP] {
			out = append(out, i)
		}
	}
	return out
}
