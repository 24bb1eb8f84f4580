package trail

import "strings"

// A group is one credential as its holder uses it: an access key, a console session that mints a key per request, or
// a session without a key. Its name is stable: it depends on the identity alone.
//
// The console's keys differ from request to request, so that only the principal and the session's creation tell one
// console session from another; everywhere else the key does.
type group struct {
	name       string
	identities []uint32
	rows       []uint32 // in no order
}

// groupName gives the group of an identity, "" where nothing but the event itself tells one caller from another.
func groupName(id *Identity) string {
	switch {
	case id.InvokedBy != "" && id.Type != "AWSService" && id.PrincipalID != "":
		return "forward:" + id.PrincipalID + "@" + id.Created + ":" + id.InvokedBy
	case id.Type == "AWSService" || id.PrincipalID == "" && id.ARN == "" && id.AccessKey == "" && id.InvokedBy != "":
		return ""
	case id.PrincipalID != "" && id.Created != "" && (id.FromConsole || id.AccessKey == ""):
		return consoleName(id.PrincipalID, id.Created)
	case id.AccessKey != "":
		return "key:" + id.AccessKey
	case id.Type == "AWSAccount" && id.Account != "":
		return "account:" + id.Account + ":" + id.PrincipalID
	}
	return ""
}

func consoleName(principal, created string) string { return "console:" + principal + "@" + created }

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

// kindOf names what sort of identity makes the calls of a group.
func kindOf(id *Identity) string {
	switch {
	case id.Type == "Root":
		return "root"
	case id.FromConsole || id.AccessKey == "" && id.Created != "":
		return "console"
	case id.Type == "FederatedUser":
		return "federated-user"
	case id.Type == "AWSAccount":
		return "external-account"
	case id.Type == "AWSService":
		return "service"
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
	return id.Created == "" && (id.Type == "IAMUser" || id.Type == "Root") && !strings.HasPrefix(id.AccessKey, "ASIA")
}

// groups puts every row in its group. Rows that only their event tells apart are in none.
type groups struct {
	all     []group
	byName  map[string]int
	of      []int32 // by identity; -1: none
	byKey   map[string][]int
	login   map[uint32]int // console sign-ins, by row: the session that they began
	inGroup func(row int) int
}

func groupsOf(c *Corpus, keep func(Row) bool) *groups {
	g := &groups{byName: map[string]int{}, byKey: map[string][]int{}, login: map[uint32]int{}}
	g.of = make([]int32, c.Identities())
	for n := range g.of {
		id := c.Identity(uint32(n))
		g.of[n] = -1
		if name := groupName(id); name != "" {
			k := g.add(name)
			g.of[n] = int32(k)
			g.all[k].identities = append(g.all[k].identities, uint32(n))
			if id.AccessKey != "" && !containsInt(g.byKey[id.AccessKey], k) {
				g.byKey[id.AccessKey] = append(g.byKey[id.AccessKey], k)
			}
		}
	}
	for i := range c.Len() {
		r := c.Row(i)
		if !keep(r) {
			continue
		}
		k := int(g.of[r.Identity])
		if k < 0 {
			if k = g.signIn(c, r); k < 0 {
				continue
			}
			g.login[uint32(i)] = k
		}
		g.all[k].rows = append(g.all[k].rows, uint32(i))
	}
	g.inGroup = func(row int) int {
		if k, ok := g.login[uint32(row)]; ok {
			return k
		}
		return int(g.of[c.Row(row).Identity])
	}
	return g
}

// signIn gives the console session that a sign-in began: its creationDate is the sign-in's time.
func (g *groups) signIn(c *Corpus, r Row) int {
	if c.Kind(r.Kind).Name != "ConsoleLogin" {
		return -1
	}
	id := c.Identity(r.Identity)
	if id.PrincipalID == "" {
		return -1
	}
	k := g.add(consoleName(id.PrincipalID, stampOf(r.Time)))
	if !containsU32(g.all[k].identities, r.Identity) {
		g.all[k].identities = append(g.all[k].identities, r.Identity)
	}
	return k
}

func (g *groups) add(name string) int {
	if k, ok := g.byName[name]; ok {
		return k
	}
	k := len(g.all)
	g.all = append(g.all, group{name: name})
	g.byName[name] = k
	return k
}

func containsInt(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

func containsU32(list []uint32, v uint32) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
