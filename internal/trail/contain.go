package trail

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// What to do, in the order in which to do it.
var containOrder = map[string]int{"disable-key": 0, "contain-user": 1, "revoke-sessions": 2, "contain-role": 3, "contain-instance": 4,
	"unshare": 5, "restore-logging": 6, "rotate-secret": 7, "review": 8}

// What an id must look like to stand in a command line: names are chosen by whoever made the thing, and a responder
// pastes the line into a shell. Each is what cordon plan itself accepts.
var (
	keySyntax      = regexp.MustCompile(`^(AKIA|ASIA)[A-Z0-9]{12,124}$`)
	iamSyntax      = regexp.MustCompile(`^[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@-]{0,63}$`)
	instanceSyntax = regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`)
	bucketSyntax   = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	dbSyntax       = regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9]){0,62}$`)
	accountSyntax  = regexp.MustCompile(`^[0-9]{12}$`)
	regionSyntax   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,})+-[1-9][0-9]?$`)
	taskSyntax     = regexp.MustCompile(`^arn:[a-z-]+:ecs:[a-z0-9-]+:[0-9]{12}:task/([A-Za-z0-9_-]{1,255}/)?[0-9a-f-]{32,36}$`)
)

// plan gives the command that plans the containment of a thing, "" where its id is not of the right syntax.
func plan(kind, id, region string) string {
	syntax := map[string]*regexp.Regexp{"access-key": keySyntax, "iam-user": iamSyntax, "iam-role": iamSyntax, "ec2": instanceSyntax,
		"s3": bucketSyntax, "rds": dbSyntax, "account": accountSyntax, "ecs-task": taskSyntax}[kind]
	if syntax == nil || !syntax.MatchString(id) || strings.Contains(id, "..") {
		return ""
	}
	line := "cordon plan " + kind + ":" + id
	if region != "" && (kind == "ec2" || kind == "rds") {
		if !regionSyntax.MatchString(region) {
			return ""
		}
		line += " --region " + region
	}
	return line
}

// actions collects what to do, each once.
type actions map[string]*action

// An action is what to do, for all the reasons that there are.
type action struct {
	Containment
	whys []string
}

func (a actions) add(c Containment) {
	key := c.Do + "\x00" + c.Account + "\x00" + c.Region + "\x00" + c.Target
	old := a[key]
	if old == nil {
		c.Evidence = slices.Clone(c.Evidence)
		a[key] = &action{c, []string{c.Why}}
		return
	}
	old.Evidence = append(old.Evidence, c.Evidence...)
	old.whys = append(old.whys, c.Why)
}

// join puts what names no region to the same thing where its region is known.
func (a actions) join() {
	placed := map[string]*action{}
	for _, key := range slices.Sorted(maps.Keys(a)) {
		if c := a[key]; c.Region != "" {
			placed[c.Do+"\x00"+c.Account+"\x00"+c.Target] = c
		}
	}
	for key, c := range a {
		if at := placed[c.Do+"\x00"+c.Account+"\x00"+c.Target]; c.Region == "" && at != nil {
			at.Evidence, at.whys = append(at.Evidence, c.Evidence...), append(at.whys, c.whys...)
			delete(a, key)
		}
	}
}

// maxWhys bounds the reasons that are spelled out: a bucket may be shared with hundreds of accounts.
const maxWhys = 5

// why gives the reasons for an action. What lives is one reason with as many ends as it has sessions, of which the last
// counts.
func (a *action) why() string {
	slices.Sort(a.whys)
	whys := slices.Compact(a.whys)
	if a.Do != "unshare" && a.Do != "restore-logging" {
		return whys[len(whys)-1]
	}
	if more := len(whys) - maxWhys; more > 0 {
		whys = append(whys[:maxWhys:maxWhys], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(whys, "; ")
}

// listContainment lists what is still to be done: of what lives, to whom, and with which command.
func (s *search) listContainment(d *Document) {
	all := actions{}
	end := stampOf(s.last) // what ended before the log did is over
	for i := range d.Identities {
		n := &d.Identities[i]
		over := n.LiveUntil != untilRevoked && n.LiveUntil != "" && n.LiveUntil < end
		if n.Relation == SamePrincipal || n.Relation == ForwardAccess || n.RevokedAt != "" || n.Rule == "shared-event" {
			continue
		}
		if !over {
			s.contain(all, n)
		}
		s.containHost(all, n)
	}
	for _, x := range d.Exposures {
		if x.RevokedAt == "" {
			all.add(Containment{Do: "unshare", Target: x.Resource, Account: x.Account, Region: x.Region,
				Why: x.Kind + " gives it to " + printable(x.Grantee), Command: planOf(x.Type, x.Resource, x.Region), Evidence: x.Evidence})
		}
	}
	s.restoreLogging(all)
	for _, r := range d.Resources {
		if r.Secret && r.Outcome == "accessed" {
			all.add(Containment{Do: "rotate-secret", Target: r.ID, Account: r.Account, Region: r.Region,
				Why: "the secret was read: what it opens stays open until it is changed", Evidence: r.Evidence})
		}
	}
	all.join()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		c := all[key]
		c.Evidence, c.Why = few(append([]string{}, c.Evidence...), MaxEvidence), c.why()
		d.Contain = append(d.Contain, c.Containment)
	}
	slices.SortStableFunc(d.Contain, func(a, b Containment) int { return cmp.Compare(containOrder[a.Do], containOrder[b.Do]) })
}

// planOf gives the command for a resource of a type.
func planOf(kind, id, region string) string {
	switch kind {
	case "AWS::S3::Bucket":
		return plan("s3", id, "")
	case "AWS::RDS::DBInstance":
		return plan("rds", id, region)
	case "AWS::EC2::Instance":
		return plan("ec2", id, region)
	}
	return ""
}

// contain says what to do about an identity.
func (s *search) contain(all actions, n *ScopeIdentity) {
	role := roleNameOf(&Identity{Type: "Role", ARN: n.ARN})
	user := ""
	if strings.Contains(n.ARN, ":user/") {
		user = lastPart(n.ARN)
	}
	c := Containment{Account: n.Account, Evidence: n.Evidence, Target: cmp.Or(n.ARN, lastPart(n.ID)), Why: whyContain(n)}
	switch {
	case n.Kind == "root" && strings.HasPrefix(n.AccessKey, "AKIA"):
		c.Do, c.Target, c.Command = "disable-key", n.AccessKey, plan("account", n.Account, "")
	case n.Kind == "root":
		c.Do, c.Command = "contain-user", plan("account", n.Account, "")
	case strings.HasPrefix(n.AccessKey, "AKIA"):
		c.Do, c.Target, c.Command = "disable-key", n.AccessKey, plan("access-key", n.AccessKey, "")
	case n.Kind == "iam-user" && n.Rule == "privilege", n.Kind == "iam-role" && n.Rule == "privilege", n.Kind == "iam-group", n.Kind == "policy":
		c.Do = "review"
	case n.Kind == "iam-user" || n.Kind == "console" && user != "":
		c.Do, c.Command = "contain-user", plan("iam-user", user, "")
	case n.Kind == "iam-role":
		c.Do, c.Command = "contain-role", plan("iam-role", role, "")
	case n.Kind == "instance":
		c.Do, c.Region, c.Command = "contain-instance", s.regionOf(n), plan("ec2", c.Target, s.regionOf(n))
	case n.Kind == "function":
		c.Do = "review"
	case (n.Kind == "session" || n.Kind == "console") && strings.HasPrefix(role, "AWSReservedSSO_"):
		c.Do, c.Why = "revoke-sessions", c.Why+"; the role is Identity Center's, end its user's sessions there"
	case (n.Kind == "session" || n.Kind == "console") && role != "":
		c.Do, c.Target, c.Command = "revoke-sessions", role, plan("iam-role", role, "")
	case n.Kind == "session" && user != "":
		c.Do, c.Target, c.Command = "revoke-sessions", user, plan("iam-user", user, "")
	case n.Kind == "federated-user":
		c.Do, c.Target, c.Command = "revoke-sessions", cmp.Or(s.issuerOf(n), c.Target), plan("iam-user", s.issuerOf(n), "")
	case n.Kind == "account":
		c.Do, c.Command = "review", plan("account", lastPart(n.ID), "")
	case n.Kind == "session" && n.AccessKey != "":
		c.Do, c.Target, c.Command = "revoke-sessions", n.AccessKey, plan("access-key", n.AccessKey, "")
	case n.Kind == "external-account" || n.Kind == "identity-provider" || n.Kind == "permission-set" || n.Kind == "identity-center-user":
		c.Do = "review"
	case s.nodes[n.ID].group < 0:
		c.Do = "review"
	default:
		return
	}
	all.add(c)
}

// containHost says what to do about the workload whose credential the intruder has: the next one it gets is as good.
func (s *search) containHost(all actions, n *ScopeIdentity) {
	home := s.nodes[n.ID]
	switch home.work.kind {
	case "task", "pod", "function":
		if len(home.stolen) > 0 {
			all.add(Containment{Do: "review", Target: home.work.kind + " " + home.work.id, Account: n.Account, Region: s.regionOf(n), Evidence: n.Evidence,
				Why: "its role's credential is in the intruder's hands, and the next one that it gets may be"})
		}
	case "instance":
		all.add(Containment{Do: "contain-instance", Target: home.work.id, Account: n.Account, Region: s.regionOf(n), Evidence: n.Evidence,
			Why: "its role's credential is in the intruder's hands", Command: plan("ec2", home.work.id, s.regionOf(n))})
	}
}

// whyContain says in words why an identity is on the list.
func whyContain(n *ScopeIdentity) string {
	why := map[string]string{"seed-access-key": "the key that was asked about", "created-identity": "made by the intruder", "created-access-key": "a key made by the intruder",
		"login-profile": "the intruder set its password", "credential-added": "the intruder gave it a credential", "mfa-changed": "the intruder changed its second factor",
		"trust": "the intruder changed who may become it", "privilege": "the intruder changed what it may do", "host-control": "the intruder ran commands on it or opened a way in",
		"code-control": "the intruder changed what it runs", "pass-role": "a role was passed to what the intruder runs", "created-workload": "the intruder started it"}[n.Rule]
	if why == "" {
		why = "in the intruder's hands (" + n.Rule + ")"
	}
	if n.LiveUntil != "" {
		why += "; lives until " + strings.TrimPrefix(n.LiveUntil, "until ")
	}
	return why
}

// regionOf gives the region that an identity stands in or that most of its calls went to, for a command that needs one.
// An instance makes no calls, the credentials that it holds do.
func (s *search) regionOf(n *ScopeIdentity) string {
	node := s.nodes[n.ID]
	if node.region != "" {
		return node.region
	}
	count := map[string]int{}
	for _, held := range s.nodes {
		if held != node && (n.Kind != "instance" || held.work != workload{"instance", lastPart(n.ID)}) {
			continue
		}
		for _, row := range s.rows(held) {
			count[s.c.Place(s.c.Row(int(row)).Place).Region]++
		}
	}
	best := ""
	for _, region := range slices.Sorted(maps.Keys(count)) {
		if regionSyntax.MatchString(region) && (best == "" || count[region] > count[best]) {
			best = region
		}
	}
	return best
}

// issuerOf gives the user whose key a federated user's session came from.
func (s *search) issuerOf(n *ScopeIdentity) string {
	if node := s.nodes[n.ID]; node.group >= 0 {
		if _, user, ok := strings.Cut(s.g.one(node.group).IssuerARN, ":user/"); ok {
			return lastPart(user)
		}
	}
	return ""
}

// restoreLogging says which trails and detectors to set going again, and which destruction to call off.
func (s *search) restoreLogging(all actions) {
	for _, w := range s.found.weak {
		if w.done && !w.restored {
			do := "restore-logging"
			if w.rule == "coming" {
				do = "review"
			}
			all.add(Containment{Do: do, Target: cmp.Or(w.name, w.source), Account: w.account, Region: w.region,
				Why: fmt.Sprintf("the intruder %s", printable(w.what)), Evidence: []string{w.event}})
		}
	}
}
