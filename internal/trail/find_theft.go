package trail

import (
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// A workload is what a role session runs in: its credential belongs there and nowhere else.
type workload struct{ kind, id string }

var (
	instanceName = regexp.MustCompile(`^m?i-([0-9a-fA-F]{8}|[0-9a-fA-F]{17})$`)
	taskName     = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// workloadOf tells from its session's name what holds a credential
// (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html, ec2RoleDelivery;
// a task's is its id, EKS Pod Identity's begins with eks-, Glue and SageMaker have one for all).
func workloadOf(id *Identity) workload {
	name := sessionName(id)
	switch {
	case instanceName.MatchString(name) || id.EC2RoleDelivery != "" && name != "":
		return workload{"instance", name}
	case taskName.MatchString(name):
		return workload{"task", name}
	case strings.HasPrefix(name, "eks-"):
		return workload{"pod", name}
	case name == "SageMaker":
		return workload{"notebook", roleNameOf(id)}
	case name == "GlueJobRunnerSession":
		return workload{"job", roleNameOf(id)}
	}
	return workload{}
}

// onLambda stands in the user agent of an SDK that runs in a function
// (docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html, AWS_EXECUTION_ENV).
const onLambda = "exec-env/AWS_Lambda"

// inTask stands in the user agent of an SDK that runs in a task of ECS.
const inTask = "exec-env/AWS_ECS"

// agents are the user agents of what AWS installs on a host: their calls are the host's own. An intruder can take such a
// name, which is why these calls are listed all the same, apart.
var agents = []string{"amazon-ssm-agent", "AmazonCloudWatchAgent", "CWAgent", "Amazon ECS Agent", "amazon-ecs-agent", "codedeploy-agent"}

// agentCalls are made by agents only (docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html).
var agentCalls = map[string]bool{"UpdateInstanceInformation": true, "ListInstanceAssociations": true, "PutComplianceItems": true, "PutInventory": true,
	"UpdateInstanceAssociationStatus": true, "CreateControlChannel": true, "OpenControlChannel": true, "PollEndpoint": true, "SubmitTaskStateChange": true,
	"SubmitContainerStateChange": true, "RegisterContainerInstance": true}

// byAgent says that the row is a call of a host's agent.
func (s *search) byAgent(r Row) bool {
	agent := s.c.Client(r.Client).UserAgent
	return agentCalls[s.c.Kind(r.Kind).Name] || slices.ContainsFunc(agents, func(a string) bool { return strings.Contains(agent, a) })
}

// work finds out whether a workload holds the node's credential, and which rows are its own use of it.
func (s *search) work(n *node) {
	id := s.g.one(n.group)
	if s.g.kind(n.group) != byKey || id.Type != "AssumedRole" {
		return
	}
	n.work = workloadOf(id)
	rows := s.g.rows(n.group)
	lambda := func(row uint32) bool {
		return strings.Contains(s.c.Client(s.c.Row(int(row)).Client).UserAgent, onLambda)
	}
	if n.work.kind == "" && slices.ContainsFunc(rows, lambda) {
		n.work = workload{"function", sessionName(id)}
	}
	var own func(uint32) bool
	switch n.work.kind {
	case "":
		return
	case "function":
		own = lambda
	default:
		home := s.home(id)
		n.home, n.agent = home, func(row uint32) bool { return s.byAgent(s.c.Row(int(row))) }
		own = func(row uint32) bool {
			r := s.c.Row(int(row))
			return s.byAgent(r) || home[s.c.Client(r.Client).IP] || private(s.c.Client(r.Client).IP)
		}
	}
	if slices.ContainsFunc(rows, func(row uint32) bool { return !own(row) }) {
		n.mine = own // all of it being the workload's own says nothing of who is in the workload
	}
}

// home gives the addresses that a host is known to call from: its agents do, a task's SDK does, and so did the earlier keys of its session,
// of which the log has every few hours another.
func (s *search) home(id *Identity) map[string]bool {
	home := map[string]bool{}
	keys := map[string]map[int32]bool{}
	for _, k := range s.g.byPrincipal(id.PrincipalID) {
		for _, row := range s.g.rows(k) {
			r := s.c.Row(int(row))
			ip := s.c.Client(r.Client).IP
			if !public(ip) {
				continue
			}
			if s.byAgent(r) || strings.Contains(s.c.Client(r.Client).UserAgent, inTask) {
				home[ip] = true
			}
			if keys[ip] == nil {
				keys[ip] = map[int32]bool{}
			}
			keys[ip][k] = true
		}
	}
	for ip, used := range keys {
		if len(used) >= 3 && len(keys) > 1 { // a thief has one key, or soon its successor
			home[ip] = true
		}
	}
	return home
}

// public says that text is an address of the internet.
func public(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && !reserved(a.Unmap())
}

// private says that text is an address within a network.
func private(text string) bool {
	a, err := netip.ParseAddr(text)
	return err == nil && reserved(a.Unmap())
}

func reserved(a netip.Addr) bool {
	return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsUnspecified() || carrier.Contains(a)
}

// carrier is the shared address space of RFC 6598, which VPCs may use too.
var carrier = netip.MustParsePrefix("100.64.0.0/10")

// thefts claims, as certain, the use of a workload's credential from elsewhere.
func (s *search) thefts() {
	strangers := s.strangers()
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		why := n.followed()
		if n.work.kind == "" || why == nil {
			continue
		}
		grew := false
		for _, row := range s.g.rows(n.group) {
			if c := s.why(n, row); c != nil && c.relation != SamePrincipal && !n.stolen[row] && s.abroad(n, c, row, strangers) {
				if n.stolen == nil {
					n.stolen = map[uint32]bool{}
				}
				n.stolen[row], grew = true, true
			}
		}
		if !grew {
			continue
		}
		if rankOf(why.confidence) < 3 {
			n.claim(claim{parent: why.parent, relation: why.relation, confidence: Certain, rule: "credential-theft", from: why.from, until: forever,
				only: &part{"stolen", func(row uint32) bool { return n.stolen[row] }}, evidence: why.evidence, issued: why.issued})
		}
		s.queue = append(s.queue, n.ID)
	}
}

// strangers gives the addresses of the intruder's that no workload's credential accounts for.
func (s *search) strangers() map[string]bool {
	out := map[string]bool{}
	for _, n := range s.nodes {
		if why := n.followed(); why == nil || n.work.kind != "" || n.group < 0 || rankOf(why.confidence) < 3 || s.g.kind(n.group) == byForward {
			continue
		}
		for _, row := range s.rows(n) {
			if ip := s.c.Client(s.c.Row(int(row)).Client).IP; s.rank[row] == 3 && public(ip) {
				out[ip] = true
			}
		}
	}
	return out
}

// abroad says that a row of a workload's credential was not the workload's own call: it came from an address of the
// intruder's, or from another than the workload's where that is known, or the credential was named as the intruder's and
// nothing says that the workload made the call.
func (s *search) abroad(n *node, why *claim, row uint32, strangers map[string]bool) bool {
	r := s.c.Row(int(row))
	c := s.c.Client(r.Client)
	if !public(c.IP) || s.byAgent(r) || n.home[c.IP] || n.work.kind == "function" && strings.Contains(c.UserAgent, onLambda) {
		return false
	}
	return strangers[c.IP] || n.knowsHome(c.IP) || why.named || n.work.kind == "function" && n.mine != nil
}

// knowsHome says that an address of the same kind as ip is known to be the workload's own: a host may have one of each.
func (n *node) knowsHome(ip string) bool {
	a, err := netip.ParseAddr(ip)
	for own := range n.home {
		if h, err2 := netip.ParseAddr(own); err == nil && err2 == nil && h.Unmap().Is4() == a.Unmap().Is4() {
			return true
		}
	}
	return false
}

// theftTechnique is what stealing the credential of a kind of workload is: from the metadata service of the host or
// task, or, of a function, from its environment.
func theftTechnique(kind string) string {
	if kind == "function" {
		return "T1552"
	}
	return "T1552.005"
}

// noteThefts says where a workload's credential was used from elsewhere, or from several places.
func (s *search) noteThefts() {
	for _, name := range slices.Sorted(maps.Keys(s.nodes)) {
		n := s.nodes[name]
		if n.work.kind == "" || n.followed() == nil {
			continue
		}
		for row := range n.stolen {
			if s.rank[row] > 0 {
				s.found.means(theftTechnique(n.work.kind), row)
			}
		}
		all, from := map[string]bool{}, map[string]bool{}
		for _, row := range s.g.rows(n.group) {
			if ip := s.c.Client(s.c.Row(int(row)).Client).IP; public(ip) {
				all[ip] = true
				if n.stolen[row] {
					from[ip] = true
				}
			}
		}
		list := func(m map[string]bool) string { return printable(strings.Join(slices.Sorted(maps.Keys(m)), ", ")) }
		switch {
		case len(from) > 0:
			s.note("the credential of %s %s was used from elsewhere: %s", n.work.kind, printable(n.work.id), list(from))
		case len(all) > 1 && n.work.kind == "instance":
			s.note("the credential of instance %s was used from %d addresses, and nothing tells which is its own: %s", printable(n.work.id), len(all), list(all))
		}
	}
}
