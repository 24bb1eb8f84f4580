package awssim

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Scenarios put resources in place with the Add methods. Each takes a spec
// whose zero fields are filled in and gives the id. A spec that names something
// that is not there panics: that is a mistake in the scenario.

// build runs f on a region, under the lock.
func (w *World) build(region string, f func(r *Region, now time.Time)) {
	w.Do(func(a *Account) { f(a.Region(region), w.options.Now()) })
}

func mustHave[T any](m map[string]*T, id string) *T {
	v, ok := m[id]
	if !ok {
		panic("awssim: the scenario names " + id + ", which is not there")
	}
	return v
}

// VPCSpec describes a network to add.
type VPCSpec struct {
	ID, CIDR string // CIDR defaults to 10.0.0.0/16
	IPv6CIDR string // "" for none
	Default  bool
	Tags     map[string]string
}

// AddVPC adds a VPC with what AWS gives every one: a default security group
// (all from itself in, all out), a default network ACL (rule 100 allows all;
// 101 for IPv6), and a main route table
// (docs.aws.amazon.com/vpc/latest/userguide/default-security-group.html,
// docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html).
func (w *World) AddVPC(region string, spec VPCSpec) string {
	id := spec.ID
	w.build(region, func(r *Region, _ time.Time) {
		if id == "" {
			id = w.newID("vpc")
		}
		vpc := &VPC{ID: id, CIDR: orElse(spec.CIDR, "10.0.0.0/16"), IPv6CIDR: spec.IPv6CIDR, Default: spec.Default, Tags: tagsOf(spec.Tags)}
		r.VPCs[id] = vpc

		group := &SecurityGroup{ID: w.newID("sg"), Name: "default", Description: "default VPC security group", VPC: id, Tags: map[string]string{}}
		group.Ingress = []Rule{{ID: w.newID("sgr"), Protocol: "-1", From: -1, To: -1, Group: group.ID}}
		group.Egress = w.openEgress(vpc)
		r.SecurityGroups[group.ID] = group

		acl := &NetworkACL{ID: w.newID("acl"), VPC: id, Default: true, Entries: defaultEntries(vpc), Subnets: map[string]string{}, Tags: map[string]string{}}
		r.NetworkACLs[acl.ID] = acl

		table := &RouteTable{ID: w.newID("rtb"), VPC: id, Main: true, Tags: map[string]string{}}
		table.Routes = []Route{{Destination: vpc.CIDR, Target: "local", Origin: "CreateRouteTable"}}
		if vpc.IPv6CIDR != "" {
			table.Routes = append(table.Routes, Route{Destination: vpc.IPv6CIDR, Target: "local", Origin: "CreateRouteTable"})
		}
		r.RouteTables[table.ID] = table
	})
	return id
}

// openEgress is the rule that every new group has: all traffic out, and for a
// VPC with an IPv6 block all IPv6 traffic out as well
// (docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html).
func (w *World) openEgress(vpc *VPC) []Rule {
	rules := []Rule{{ID: w.newID("sgr"), Protocol: "-1", From: -1, To: -1, CIDR: "0.0.0.0/0"}}
	if vpc.IPv6CIDR != "" {
		rules = append(rules, Rule{ID: w.newID("sgr"), Protocol: "-1", From: -1, To: -1, IPv6CIDR: "::/0"})
	}
	return rules
}

// lastEntry and lastIPv6Entry are the numbers of the denies that end every ACL
// and cannot be changed; AWS shows them as "*", and the API as 32767 and 32768.
const lastEntry, lastIPv6Entry = 32767, 32768

func defaultEntries(vpc *VPC) []ACLEntry {
	var entries []ACLEntry
	for _, egress := range []bool{false, true} {
		entries = append(entries,
			ACLEntry{Egress: egress, Number: 100, Protocol: "-1", Action: "allow", CIDR: "0.0.0.0/0"},
			ACLEntry{Egress: egress, Number: lastEntry, Protocol: "-1", Action: "deny", CIDR: "0.0.0.0/0"})
		if vpc.IPv6CIDR != "" {
			entries = append(entries,
				ACLEntry{Egress: egress, Number: 101, Protocol: "-1", Action: "allow", IPv6CIDR: "::/0"},
				ACLEntry{Egress: egress, Number: lastIPv6Entry, Protocol: "-1", Action: "deny", IPv6CIDR: "::/0"})
		}
	}
	return entries
}

// SubnetSpec describes a subnet to add.
type SubnetSpec struct {
	ID, VPC, CIDR, IPv6CIDR, Zone string
	ACL                           string // "" for the VPC's default one
	MapPublicIP                   bool
	Tags                          map[string]string
}

// AddSubnet adds a subnet to a VPC.
func (w *World) AddSubnet(region string, spec SubnetSpec) string {
	id := spec.ID
	w.build(region, func(r *Region, _ time.Time) {
		mustHave(r.VPCs, spec.VPC)
		if id == "" {
			id = w.newID("subnet")
		}
		r.Subnets[id] = &Subnet{
			ID: id, VPC: spec.VPC, CIDR: orElse(spec.CIDR, fmt.Sprintf("10.0.%d.0/24", len(r.Subnets)+1)), IPv6CIDR: spec.IPv6CIDR,
			Zone: orElse(spec.Zone, region+"a"), MapPublicIP: spec.MapPublicIP, Tags: tagsOf(spec.Tags),
		}
		acl := spec.ACL
		for _, a := range r.NetworkACLs {
			if acl == "" && a.VPC == spec.VPC && a.Default {
				acl = a.ID
			}
		}
		a := mustHave(r.NetworkACLs, acl)
		a.Subnets[id] = w.newID("aclassoc")
		a.Members = append(a.Members, id)
	})
	return id
}

// GroupSpec describes a security group to add. Egress nil means the rule that
// AWS gives new groups; an empty list means none.
type GroupSpec struct {
	ID, VPC, Name, Description string
	Ingress, Egress            []Rule
	Tags                       map[string]string
}

// AddSecurityGroup adds a security group to a VPC.
func (w *World) AddSecurityGroup(region string, spec GroupSpec) string {
	id := spec.ID
	w.build(region, func(r *Region, _ time.Time) {
		vpc := mustHave(r.VPCs, spec.VPC)
		if id == "" {
			id = w.newID("sg")
		}
		g := &SecurityGroup{ID: id, VPC: spec.VPC, Name: orElse(spec.Name, "group-"+id), Description: orElse(spec.Description, "scenario"), Tags: tagsOf(spec.Tags)}
		g.Ingress, g.Egress = w.withRuleIDs(spec.Ingress), w.withRuleIDs(spec.Egress)
		if spec.Egress == nil {
			g.Egress = w.openEgress(vpc)
		}
		r.SecurityGroups[id] = g
	})
	return id
}

func (w *World) withRuleIDs(rules []Rule) []Rule {
	rules = slices.Clone(rules)
	for i := range rules {
		if rules[i].ID == "" {
			rules[i].ID = w.newID("sgr")
		}
	}
	return rules
}

// InterfaceSpec describes a network interface to add.
type InterfaceSpec struct {
	ID, Subnet, Description string
	Instance                string // "" for one that is attached to nothing
	Type, Requester         string // Type defaults to "interface"
	DeviceIndex             int32
	Groups                  []string
	PrivateIPs, IPv6        []string // PrivateIPs nil: one is made up; empty: none, as in an IPv6-only subnet
	PublicIP                bool     // one that AWS assigns, lost by a stop
	Tags                    map[string]string
}

// AddNetworkInterface adds a network interface.
func (w *World) AddNetworkInterface(region string, spec InterfaceSpec) string {
	var id string
	w.build(region, func(r *Region, now time.Time) { id = w.addInterface(r, spec, now) })
	return id
}

func (w *World) addInterface(r *Region, spec InterfaceSpec, now time.Time) string {
	subnet := mustHave(r.Subnets, spec.Subnet)
	for _, g := range spec.Groups {
		mustHave(r.SecurityGroups, g)
	}
	w.octets++
	low, high := w.octets%250+4, w.octets/250
	id := spec.ID
	if id == "" {
		id = w.newID("eni")
	}
	if spec.PrivateIPs == nil {
		spec.PrivateIPs = []string{fmt.Sprintf("10.0.%d.%d", high, low)}
	}
	n := &NetworkInterface{
		ID: id, Subnet: subnet.ID, VPC: subnet.VPC, Description: spec.Description, Type: orElse(spec.Type, "interface"),
		Requester: spec.Requester, MAC: fmt.Sprintf("06:00:00:00:%02x:%02x", high, low),
		PrivateIPs: slices.Clone(spec.PrivateIPs), IPv6: slices.Clone(spec.IPv6), Groups: slices.Clone(spec.Groups),
		SourceDestCheck: true, Tags: tagsOf(spec.Tags),
	}
	if len(n.Groups) == 0 {
		n.Groups = []string{defaultGroup(r, subnet.VPC)}
	}
	if spec.PublicIP {
		n.AssignPublicIP, n.AutoPublicIP = true, w.publicIP()
	}
	if spec.Instance != "" {
		n.Attachment = &Attachment{ID: w.newID("eni-attach"), Instance: spec.Instance, DeviceIndex: spec.DeviceIndex, DeleteOnTermination: spec.DeviceIndex == 0, Since: now}
	}
	r.NetworkInterfaces[id] = n
	return id
}

// publicIP hands out an address of a block reserved for documentation
// (RFC 5737), so that nothing real is ever named.
func (w *World) publicIP() string {
	w.octets++
	return fmt.Sprintf("198.51.%d.%d", 100+w.octets/250, w.octets%250+1)
}

func defaultGroup(r *Region, vpc string) string {
	for _, g := range r.SecurityGroups {
		if g.VPC == vpc && g.Name == "default" {
			return g.ID
		}
	}
	panic("awssim: " + vpc + " has no default security group")
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func tagsOf(tags map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, tags)
	return out
}
