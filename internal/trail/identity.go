package trail

import (
	"hash/maphash"
	"iter"
	"slices"
	"strings"
	"time"
)

// A credential is what tells one caller from another: an access key, a console session that mints a key per request,
// a session without a key, a service acting for a session. Two identities of one credential are the same caller.
//
// The console's keys differ from request to request, so that only the principal and the session's creation tell one
// console session from another; everywhere else the key does.
type credential struct {
	kind    credentialKind
	a, b, c string
}

type credentialKind uint8

const (
	byEvent     credentialKind = iota // nothing but the event tells the caller: AWS services, nameless callers
	byKey                             // a: access key
	byConsole                         // a: principal id, b: creationDate
	byForward                         // a: principal id, b: creationDate, c: the service that calls
	byAccount                         // a: the other account, b: principal id there
	byPortal                          // a: Identity Center user
	byPrincipal                       // a: principal id or ARN; sign-ins, SAML and web identity users
)

// signInService is the sign-in service, which older records name as invokedBy of a person's own console calls.
const signInService = "signin.amazonaws.com"

func credentialOf(id *Identity) credential {
	who := id.PrincipalID
	if who == "" {
		who = id.ARN
	}
	console := id.FromConsole || id.InvokedBy == signInService || id.AccessKey == ""
	switch {
	case id.Type == "AWSService":
		return credential{}
	case id.InvokedBy != "" && id.InvokedBy != signInService && who != "":
		return credential{byForward, who, id.Created, id.InvokedBy}
	case who != "" && id.Created != "" && console:
		return credential{byConsole, who, id.Created, ""}
	case id.AccessKey != "":
		return credential{byKey, id.AccessKey, "", ""}
	case id.Type == "AWSAccount" && id.Account != "":
		return credential{byAccount, id.Account, id.PrincipalID, ""}
	case id.Type == "IdentityCenterUser" && id.OnBehalfOf != "":
		return credential{byPortal, id.OnBehalfOf, "", ""}
	case who != "":
		return credential{byPrincipal, who, "", ""}
	}
	return credential{}
}

// String is the id of the credential in a Document: it depends on nothing but the record.
func (k credential) String() string {
	switch k.kind {
	case byKey:
		return "key:" + k.a
	case byConsole:
		return "console:" + k.a + "@" + k.b
	case byForward:
		return "forward:" + k.a + "@" + k.b + ":" + k.c
	case byAccount:
		return strings.TrimSuffix("account:"+k.a+":"+k.b, ":")
	case byPortal:
		return "identity-center:" + k.a
	case byPrincipal:
		return "principal:" + k.a
	}
	return ""
}

// sessionName gives the last part of an assumed role's ARN: the instance id, the function's name, what the caller chose.
func sessionName(id *Identity) string {
	if id.Type != "AssumedRole" {
		return ""
	}
	if _, name, ok := strings.Cut(id.PrincipalID, ":"); ok {
		return name
	}
	if i := strings.LastIndexByte(id.ARN, '/'); i >= 0 {
		return id.ARN[i+1:]
	}
	return ""
}

// kindOf names what sort of identity makes the calls.
func kindOf(id *Identity) string {
	switch k := credentialOf(id); {
	case id.Type == "AWSService" || k.kind == byForward:
		return "service"
	case id.Type == "AWSAccount":
		return "external-account"
	case k.kind == byConsole:
		return "console"
	case id.Type == "Root":
		return "root"
	case id.Type == "FederatedUser":
		return "federated-user"
	case k.kind == byPortal:
		return "identity-center-user"
	case id.Created != "" || strings.HasPrefix(id.AccessKey, "ASIA"):
		return "session"
	case id.AccessKey != "":
		return "access-key"
	}
	return "principal"
}

// principalOf names the caller for people: its ARN, else its principal id, the service, the account, the type.
func principalOf(id *Identity) string {
	for _, s := range []string{id.ARN, id.PrincipalID, id.InvokedBy, id.Account, id.Type} {
		if s != "" {
			return s
		}
	}
	return "unknown"
}

// longTerm says that the credential does not expire by itself.
func longTerm(id *Identity) bool {
	return id.Created == "" && id.AccessKey != "" && (id.Type == "IAMUser" || id.Type == "Root") && !strings.HasPrefix(id.AccessKey, "ASIA")
}

// An index finds identities by a text of theirs. It chains them through two arrays, eight bytes an identity, where a
// map of strings would take a hundred: there may be a million.
type index struct {
	text  func(*Identity) string
	heads []int32
	next  []int32
}

func (g *groups) newIndex(text func(*Identity) string) *index {
	x := &index{text: text, heads: emptyChains(len(g.of)), next: make([]int32, len(g.of))}
	g.find = append(g.find, x)
	return x
}

func (x *index) add(seed maphash.Seed, n int, id *Identity) {
	x.next[n] = -1
	if t := x.text(id); t != "" {
		h := &x.heads[maphash.String(seed, t)&uint64(len(x.heads)-1)]
		x.next[n], *h = *h, int32(n)
	}
}

// emptyChains gives a power of two of chains for n things.
func emptyChains(n int) []int32 {
	size := 1
	for size < n {
		size *= 2
	}
	heads := make([]int32, size)
	for i := range heads {
		heads[i] = -1
	}
	return heads
}

// groups puts every row in the group of its credential. A group's number is that of one of its identities; it differs
// from run to run, so that nothing may be decided by it: order by credential instead.
type groups struct {
	c     *Corpus
	seed  maphash.Seed // of the hashes that find things; it changes no answer
	of    []int32      // by identity: its group; -1: none
	next  []int32      // by identity: another of its group; -1: no more
	start []uint32     // by group: where its rows begin in order
	order []uint32     // rows by group
	find  []*index

	keys, arns, roles, users, principals, sessions, sources, signIns, portals *index
}

// none is the group of a node that has no credential in the log.
const none = int32(-1)

// groupsOf sorts the rows between since and until. Each of them is shown to see, since a pass over all rows is what a
// question of a large log costs.
func groupsOf(c *Corpus, since, until uint32, see func(row uint32, r *Row)) *groups {
	g := &groups{c: c, seed: maphash.MakeSeed(), of: make([]int32, c.Identities()), next: make([]int32, c.Identities())}
	g.keys = g.newIndex(func(id *Identity) string { return id.AccessKey })
	g.arns = g.newIndex(func(id *Identity) string { return id.ARN })
	g.roles = g.newIndex(roleNameOf)
	g.users = g.newIndex(userNameOf)
	g.principals = g.newIndex(func(id *Identity) string { return id.PrincipalID })
	g.sessions = g.newIndex(sessionName)
	g.join()
	g.sort(since, until, see)
	return g
}

// join finds the group of every identity.
func (g *groups) join() {
	heads, chain := emptyChains(len(g.of)), make([]int32, len(g.of))
	id, other := &Identity{}, &Identity{} // written over, since there may be a million
	for n := range g.of {
		g.of[n], g.next[n] = none, none
		g.c.t.readIdentity(uint32(n), id)
		for _, x := range g.find {
			x.add(g.seed, n, id)
		}
		k := credentialOf(id)
		if k.kind == byEvent {
			continue
		}
		h := &heads[(maphash.String(g.seed, k.a)+3*maphash.String(g.seed, k.b)+5*maphash.String(g.seed, k.c))&uint64(len(heads)-1)]
		first := *h
		for ; first >= 0; first = chain[first] {
			if g.c.t.readIdentity(uint32(first), other); credentialOf(other) == k {
				break
			}
		}
		if first < 0 {
			g.of[n] = int32(n)
			chain[n], *h = *h, int32(n)
			continue
		}
		g.of[n] = first
		g.next[n], g.next[first] = g.next[first], int32(n)
	}
}

// sort puts the rows of a group beside each other, by counting.
func (g *groups) sort(since, until uint32, see func(row uint32, r *Row)) {
	g.start = make([]uint32, len(g.of)+1)
	of := make([]int32, g.c.Len())
	var block [256]Row // rows lie all over the memory: to fetch some at once takes a fraction of the time
	for base := 0; base < len(of); base += len(block) {
		n := min(len(block), len(of)-base)
		for i := range n {
			block[i] = g.c.Row(base + i)
		}
		for i := range n {
			r := &block[i]
			of[base+i] = none
			if r.Time < since || r.Time > until {
				continue
			}
			see(uint32(base+i), r)
			if k := g.of[r.Identity]; k >= 0 {
				of[base+i] = k
				g.start[k+1]++
			}
		}
	}
	for k := 1; k < len(g.start); k++ {
		g.start[k] += g.start[k-1]
	}
	g.order = make([]uint32, g.start[len(g.start)-1])
	for i, k := range of {
		if k >= 0 {
			g.order[g.start[k]] = uint32(i)
			g.start[k]++
		}
	}
	copy(g.start[1:], g.start) // each has become where the next begins
	g.start[0] = 0
}

// rows gives the rows of a group in the window, by event id.
func (g *groups) rows(k int32) []uint32 {
	if k < 0 {
		return nil
	}
	return g.order[g.start[k]:g.start[k+1]]
}

// identities gives every identity of a group.
func (g *groups) identities(k int32) iter.Seq[*Identity] {
	return func(yield func(*Identity) bool) {
		for ; k >= 0; k = g.next[k] {
			if !yield(g.c.Identity(uint32(k))) {
				return
			}
		}
	}
}

// one gives an identity of a group, for what all of its group have in common.
func (g *groups) one(k int32) *Identity { return g.c.Identity(uint32(k)) }

func (g *groups) name(k int32) string { return credentialOf(g.one(k)).String() }

// group of a row.
func (g *groups) group(row int) int32 { return g.of[g.c.Row(row).Identity] }

// by gives the groups that have an identity with the text, each once, in an order of no meaning.
func (g *groups) by(x *index, text string) []int32 {
	if text == "" {
		return nil
	}
	var out []int32
	seen := map[int32]bool{}
	for n := x.heads[maphash.String(g.seed, text)&uint64(len(x.heads)-1)]; n >= 0; n = x.next[n] {
		if k := g.of[n]; k >= 0 && !seen[k] && x.text(g.c.Identity(uint32(n))) == text {
			seen[k] = true
			out = append(out, k)
		}
	}
	return out
}

// rarely is by of an index that few questions need: it is made when one does.
func (g *groups) rarely(x **index, text func(*Identity) string, value string) []int32 {
	if value == "" {
		return nil
	}
	if *x == nil {
		*x = g.newIndex(text)
		for n := range g.of {
			(*x).add(g.seed, n, g.c.Identity(uint32(n)))
		}
	}
	return g.by(*x, value)
}

func (g *groups) byKey(key string) []int32 { return g.by(g.keys, key) }

func (g *groups) byARN(arn string) []int32 { return g.by(g.arns, arn) }

// byRole gives the sessions of a role of an account. The name is enough: it is one in its account, whatever the path
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html), and requests name no path.
func (g *groups) byRole(account, name string) []int32 { return g.in(account, g.by(g.roles, name)) }

// byUser gives the keys and sessions of a user of an account.
func (g *groups) byUser(account, name string) []int32 { return g.in(account, g.by(g.users, name)) }

func (g *groups) byPrincipal(id string) []int32 { return g.by(g.principals, id) }

func (g *groups) bySession(name string) []int32 { return g.by(g.sessions, name) }

func (g *groups) bySource(identity string) []int32 {
	return g.rarely(&g.sources, func(id *Identity) string { return id.SourceIdentity }, identity)
}

func (g *groups) bySignIn(session string) []int32 {
	return g.rarely(&g.signIns, func(id *Identity) string { return id.SignInSession }, session)
}

// byPortal gives what is done on behalf of an Identity Center user.
func (g *groups) byPortal(user string) []int32 {
	return g.rarely(&g.portals, func(id *Identity) string { return id.OnBehalfOf }, user)
}

// in keeps the groups whose caller is of the account; an empty account keeps all.
func (g *groups) in(account string, groups []int32) []int32 {
	return slices.DeleteFunc(groups, func(k int32) bool { return account != "" && g.one(k).Account != account })
}

// roleNameOf gives the name of the role that an identity is, or is a session of.
func roleNameOf(id *Identity) string {
	if id.IssuerARN != "" && id.Type == "AssumedRole" {
		return id.IssuerARN[strings.LastIndexByte(id.IssuerARN, '/')+1:]
	}
	_, rest, ok := strings.Cut(id.ARN, ":assumed-role/")
	if !ok {
		_, rest, _ = strings.Cut(id.ARN, ":role/")
		return rest[strings.LastIndexByte(rest, '/')+1:]
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// userNameOf gives the name of the IAM user that an identity is.
func userNameOf(id *Identity) string {
	if id.Type != "IAMUser" || id.UserName == hidden && id.ARN == "" {
		return ""
	}
	if _, name, ok := strings.Cut(id.ARN, ":user/"); ok {
		return name[strings.LastIndexByte(name, '/')+1:]
	}
	return id.UserName
}

// created gives when the session of a group began.
func (g *groups) created(k int32) (uint32, bool) {
	for id := range g.identities(k) {
		if t, err := time.Parse(time.RFC3339, id.Created); err == nil {
			return seconds(t, 0), true
		}
	}
	return 0, false
}

// kind of credential that a group is.
func (g *groups) kind(k int32) credentialKind { return credentialOf(g.one(k)).kind }
