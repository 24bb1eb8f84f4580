package trail

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// untilRevoked is how long a credential lives that does not expire.
const untilRevoked = "until revoked"

// follow claims what one event of the intruder led to, and, the first time, notes what it reached.
func (s *search) follow(row int, n *node, e *Event, first bool) {
	why := s.why(n, uint32(row))
	if why == nil {
		return
	}
	fx := EffectsOf(e)
	if first {
		s.record(n, uint32(row), e, &fx)
	}
	if e.SharedID != "" {
		s.twins[e.SharedID] = s.twins[e.SharedID].surer(twin{n.ID, row, *why})
	}
	if e.Outcome != Success {
		return
	}
	next := claim{parent: n.ID, relation: Derived, confidence: why.confidence, from: seconds(e.Time, 0), evidence: []string{e.ID}, issued: stamped(e.Time)}
	for _, i := range fx.Issues {
		s.issued(e, i, next)
	}
	if e.Name == "GetSigninToken" { // with or without the key, which older records do not have
		s.federated(e, next)
	}
	for _, g := range fx.Grants {
		s.granted(e, g, next)
	}
	for _, x := range fx.Exposures {
		s.taken(x, next)
	}
	s.marked(e, next)
	if e.Name == "RunInstances" {
		next.rule, next.live = "created-workload", untilRevoked
		for _, id := range e.all("response.instancesSet[].instanceId") {
			s.thing(ScopeIdentity{ID: "instance:" + id, Kind: "instance", Account: e.Recipient}, next).region = e.Region
		}
	}
}

// issued claims the credential that an event handed out.
func (s *search) issued(e *Event, i Issue, why claim) {
	why.rule, why.named, why.live = i.Rule, true, lifeOf(e, i)
	if why.rule == "" {
		why.rule = issueRule(Kind{Name: e.Name, Source: e.Source})
	}
	if i.TokenID != "" {
		s.providers = append(s.providers, provider{token: i.TokenID, why: why}) // found by its id where it is used
		return
	}
	if i.AccessKey == "" {
		s.unnamed(e, i, why)
		return
	}
	s.key(i.AccessKey, why)
	if n := s.nodes["key:"+i.AccessKey]; n != nil {
		s.fill(n, i, e)
	}
	// The console goes on with keys of its own: its session has the role's name and the moment of this call.
	for _, k := range s.g.byARN(i.ARN) {
		if t, ok := s.g.created(k); ok && s.g.kind(k) == byConsole && near(t, why.from, clockSlack) {
			w := why
			w.rule = "console-session"
			s.group(k, w)
		}
	}
}

// fill says of a key that was never used whose it is.
func (s *search) fill(n *node, i Issue, e *Event) {
	if n.group >= 0 {
		return
	}
	if n.ARN == "" {
		n.ARN = i.ARN
	}
	if n.Account = accountIn(i.ARN); n.Account == "" {
		n.Account = e.Recipient
	}
}

// lifeOf says how long the credential lives. A response states when it ends; else the request's duration or the
// default counts, and a role assumed with a role's session lasts an hour at most
// (docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, API_GetSessionToken, API_GetFederationToken).
func lifeOf(e *Event, i Issue) string {
	if !i.Expires.IsZero() {
		return stamped(i.Expires)
	}
	if strings.HasPrefix(i.AccessKey, "AKIA") {
		return untilRevoked
	}
	length := map[string]time.Duration{"AssumeRole": time.Hour, "AssumeRoleWithSAML": time.Hour, "AssumeRoleWithWebIdentity": time.Hour,
		"GetSessionToken": 12 * time.Hour, "GetFederationToken": 12 * time.Hour, "AssumeRoot": 15 * time.Minute}[e.Name]
	if length == 0 {
		return ""
	}
	if n, err := strconv.Atoi(e.str("request.durationSeconds")); err == nil && n > 0 && n <= 36*3600 {
		length = time.Duration(n) * time.Second
	}
	if e.Name == "AssumeRole" && e.Identity.Type == "AssumedRole" {
		length = min(length, time.Hour)
	}
	return stamped(e.Time.Add(length))
}

// unnamed looks for a session whose key the log does not show: by whom it acts as and when it was made.
func (s *search) unnamed(e *Event, i Issue, why claim) {
	found := false
	for _, k := range s.sessions(e, i) {
		created, ok := s.g.created(k)
		if !ok || created+clockSlack < why.from || created > why.from+10 || s.handedOutByOther(k) {
			continue
		}
		w := why
		w.confidence = weaker(why.confidence, Probable)
		s.group(k, w)
		found = true
	}
	if !found {
		arn := i.ARN
		if arn == "" {
			arn = i.RoleARN
		}
		s.thing(ScopeIdentity{ID: "unseen:" + e.ID, Kind: "session", ARN: arn, Account: e.Recipient}, why)
	}
}

// sessions gives those that an issue without a key may have begun.
func (s *search) sessions(e *Event, i Issue) []int32 {
	switch {
	case i.Principal != "":
		return s.g.byPrincipal(i.Principal)
	case i.ARN != "":
		return s.g.byARN(i.ARN)
	case strings.HasPrefix(i.RoleARN, "arn:"):
		return slices.DeleteFunc(s.g.byRole(accountIn(i.RoleARN), lastPart(i.RoleARN)), func(k int32) bool {
			return i.Session != "" && sessionName(s.g.one(k)) != i.Session
		})
	}
	return s.portal(e, i)
}

// portal gives the sessions that Identity Center began for a user: the role bears the permission set's name, the
// session the user's (docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html). The call
// itself is redacted.
func (s *search) portal(e *Event, i Issue) []int32 {
	set := i.RoleARN
	if set == "" || set == hidden {
		set, _ = e.Service["role_name"].(string)
	}
	user, mine := e.Identity.UserName, e.Identity.OnBehalfOf
	if set == "" || user == "" && mine == "" {
		return nil
	}
	return slices.DeleteFunc(slices.Concat(s.g.bySession(user), s.g.byPortal(mine)), func(k int32) bool {
		return !strings.HasPrefix(roleNameOf(s.g.one(k)), "AWSReservedSSO_"+set+"_")
	})
}

// handedOutByOther says that the log shows somebody else than the intruder to have begun a session.
func (s *search) handedOutByOther(k int32) bool {
	for id := range s.g.identities(k) {
		for _, row := range s.issuers(id.AccessKey) {
			if s.rank[row] < 2 {
				return true
			}
		}
	}
	return false
}

// issuers gives the rows that handed out a key.
func (s *search) issuers(key string) []int {
	if key == "" {
		return nil
	}
	issued := s.c.Issued()
	at, _ := slices.BinarySearchFunc(issued, key, func(i Issued, key string) int { return strings.Compare(i.AccessKey, key) })
	var out []int
	for ; at < len(issued) && issued[at].AccessKey == key; at++ {
		if t := s.c.Row(issued[at].Event).Time; t >= s.since && t <= s.until {
			out = append(out, issued[at].Event)
		}
	}
	return out
}

// granted claims what the event created or took control of.
func (s *search) granted(e *Event, g Grant, why claim) {
	why.rule, why.live, why.what = g.Rule, untilRevoked, g.What
	if g.Confidence != "" {
		why.confidence = weaker(why.confidence, g.Confidence)
	}
	if g.Rule == "created-identity" {
		why.relation = CreatedIdentity
	}
	id := ScopeIdentity{ID: g.Kind + ":" + g.ID, Kind: g.Kind, Account: g.Account}
	if strings.HasPrefix(g.ID, "arn:") {
		id.ARN = g.ID
	}
	thing := s.thing(id, why)
	thing.thing, thing.region = g.ID, cmp.Or(thing.region, g.Region)
	why.parent, why.live, why.issued, why.what = thing.ID, "", "", ""
	for _, k := range s.controlled(e, g, why.from) {
		s.group(k, why)
	}
	if g.Kind == "identity-provider" {
		s.provides(e, g, why)
	}
	if g.Rule == "trust" || len(g.Trustees) > 0 {
		s.trustees(e, g, why)
	}
}

// controlled gives the groups that the grant hands over from now on.
func (s *search) controlled(e *Event, g Grant, from uint32) []int32 {
	account := g.Account
	switch {
	case g.Rule == "created-identity" && g.Kind == "iam-user":
		made := e.str("response.user.userId") // names are used again after a deletion, ids are not
		return s.active(slices.DeleteFunc(s.g.byUser(account, lastPart(g.ID)), func(k int32) bool {
			return made != "" && s.g.one(k).PrincipalID != "" && s.g.one(k).PrincipalID != made
		}), from)
	case g.Rule == "created-identity" && g.Kind == "iam-role":
		made := e.str("response.role.roleId")
		return s.active(slices.DeleteFunc(s.g.byRole(account, lastPart(g.ID)), func(k int32) bool {
			issuer := s.g.one(k).IssuerPrincipal
			return made != "" && issuer != "" && issuer != made
		}), from)
	case g.Kind == "identity-center-user" && g.Rule != "privilege":
		return s.active(s.g.byPortal(lastPart(g.ID)), from)
	case g.Rule == "created-identity" && g.Kind == "account":
		return s.active(slices.Clone(s.ofAccount(accountIn(g.ID))), from)
	case g.Rule == "login-profile":
		return slices.DeleteFunc(s.g.byUser(account, lastPart(g.ID)), func(k int32) bool {
			begun, ok := s.g.created(k)
			return s.g.kind(k) != byConsole || !ok || begun+clockSlack < from
		})
	case g.Rule == "pass-role":
		named := slices.DeleteFunc(s.workloads(g.Through, account), func(k int32) bool {
			return strings.Contains(g.ID, ":role/") && roleNameOf(s.g.one(k)) != lastPart(g.ID)
		})
		if len(named) == 0 && !strings.Contains(g.Through, ":function:") {
			return s.passed(g, from)
		}
		return s.active(named, from)
	case g.Rule == "host-control", g.Rule == "code-control":
		role := lastPart(e.str("response.role")) // a function's, as Lambda answers
		return s.active(slices.DeleteFunc(s.workloads(g.ID, account), func(k int32) bool {
			return role != "" && roleNameOf(s.g.one(k)) != role || s.begunByPerson(k)
		}), from)
	}
	return nil
}

// begunByPerson says that the log shows a session to have been begun by somebody who is no service: anybody may name a
// session as a workload is named.
func (s *search) begunByPerson(k int32) bool {
	return slices.ContainsFunc(s.issuers(s.g.one(k).AccessKey), func(row int) bool {
		by := s.c.Identity(s.c.Row(row).Identity)
		return by.Type != "AWSService" && (by.Type != "" || by.InvokedBy == "") // some services have no type
	})
}

// workloads gives the role sessions of an instance, a function or a task: they are named after it.
func (s *search) workloads(id, account string) []int32 {
	name := functionName(id)
	if name == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(id, "ecs:"); ok { // a target of Session Manager: ecs:cluster_task_container
		if parts := strings.Split(rest, "_"); len(parts) >= 3 {
			name = parts[len(parts)-2]
		}
	}
	return s.g.in(account, s.g.bySession(name))
}

// passed gives the sessions of a role that was passed to a workload which the call does not name: those that a service
// began from then on, where none had it before. Else nothing tells the intruder's workload from those that were there.
func (s *search) passed(g Grant, from uint32) []int32 {
	if !strings.Contains(g.ID, ":role/") {
		return nil
	}
	var out []int32
	for _, k := range s.g.byRole(accountIn(g.ID), lastPart(g.ID)) {
		begun, ok := s.g.created(k)
		if !ok || begun < from || s.g.kind(k) == byForward && s.g.one(k).Created == "" {
			return nil
		}
		if !s.begunByPerson(k) {
			out = append(out, k)
		}
	}
	return out
}

// active keeps the groups that did something at or after from.
func (s *search) active(groups []int32, from uint32) []int32 {
	return slices.DeleteFunc(groups, func(k int32) bool {
		return !slices.ContainsFunc(s.g.rows(k), func(r uint32) bool { return s.c.Row(int(r)).Time >= from })
	})
}

// ofAccount gives the groups whose caller is of an account.
func (s *search) ofAccount(account string) []int32 {
	if s.accounts == nil {
		s.accounts = map[string][]int32{}
	}
	out, asked := s.accounts[account]
	if asked || account == "" {
		return out
	}
	for n, k := range s.g.of {
		if k == int32(n) && s.g.one(k).Account == account {
			out = append(out, k)
		}
	}
	s.accounts[account] = out
	return out
}

// marked follows a source identity that the intruder's own call set: it cannot be changed along the chain
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html), so that it finds sessions
// whose beginning is not in the log. One that was in use before says nothing of who uses it now.
func (s *search) marked(e *Event, why claim) {
	mark := e.str("request.sourceIdentity")
	if mark == "" || e.Identity.SourceIdentity != "" || !strings.HasPrefix(e.Name, "AssumeRole") {
		return
	}
	groups := s.g.bySource(mark)
	for _, k := range groups {
		if t, ok := s.g.created(k); !ok || t+clockSlack < why.from {
			return
		}
	}
	why.rule, why.issued, why.named = "source-identity", "", true
	for _, k := range groups {
		if !s.handedOutByOther(k) {
			s.group(k, why)
		}
	}
}
