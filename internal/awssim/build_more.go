package awssim

import (
	"maps"
	"slices"
	"time"
)

// AddEndpoint adds a VPC endpoint: of type Interface unless the struct says
// Gateway, open to everything where it has no policy.
func (w *World) AddEndpoint(region string, e Endpoint) string {
	w.build(region, func(r *Region, _ time.Time) {
		mustHave(r.VPCs, e.VPC)
		e.ID = w.idOr(e.ID, "vpce")
		e.Type, e.State = orElse(e.Type, "Interface"), orElse(e.State, "available")
		e.Policy = orElse(e.Policy, `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`)
		e.Tags = tagsOf(e.Tags)
		r.Endpoints[e.ID] = &e
	})
	return e.ID
}

// AddConnectEndpoint adds an EC2 Instance Connect Endpoint.
func (w *World) AddConnectEndpoint(region string, e ConnectEndpoint) string {
	w.build(region, func(r *Region, _ time.Time) {
		mustHave(r.Subnets, e.Subnet)
		e.ID, e.State, e.Tags = w.idOr(e.ID, "eice"), orElse(e.State, "create-complete"), tagsOf(e.Tags)
		e.VPC = r.Subnets[e.Subnet].VPC
		r.ConnectEndpoints[e.ID] = &e
	})
	return e.ID
}

// AddPrefixList adds a prefix list, one of AWS's own unless it names an owner.
func (w *World) AddPrefixList(region string, p PrefixList) string {
	w.build(region, func(r *Region, _ time.Time) {
		p.ID, p.Owner, p.Family = w.idOr(p.ID, "pl"), orElse(p.Owner, "AWS"), orElse(p.Family, "IPv4")
		r.PrefixLists[p.ID] = &p
	})
	return p.ID
}

// AddSnapshot adds a snapshot, completed and the account's own unless it says
// otherwise.
func (w *World) AddSnapshot(region string, s Snapshot) string {
	w.build(region, func(r *Region, now time.Time) {
		s.ID, s.Owner, s.State = w.idOr(s.ID, "snap"), orElse(s.Owner, w.account.ID), orElse(s.State, "completed")
		if s.Started.IsZero() {
			s.Started = now.Add(-48 * time.Hour).UTC().Truncate(time.Second)
		}
		if s.State == "completed" {
			s.Progress, s.Completed = 100, s.Started.Add(time.Minute)
		}
		s.GiB, s.Tags = max(s.GiB, 1), tagsOf(s.Tags)
		r.Snapshots[s.ID] = &s
	})
	return s.ID
}

// AddImage adds an AMI, available and the account's own unless it says
// otherwise.
func (w *World) AddImage(region string, i Image) string {
	w.build(region, func(r *Region, now time.Time) {
		i.ID, i.Owner, i.State = w.idOr(i.ID, "ami"), orElse(i.Owner, w.account.ID), orElse(i.State, "available")
		i.Architecture, i.RootDevice, i.Tags = orElse(i.Architecture, "x86_64"), orElse(i.RootDevice, "/dev/xvda"), tagsOf(i.Tags)
		if i.Created.IsZero() {
			i.Created = now.Add(-72 * time.Hour).UTC().Truncate(time.Second)
		}
		r.Images[i.ID] = &i
	})
	return i.ID
}

// AddNetworkACL adds a network ACL to a VPC with entries besides the closing
// denies, and moves subnets to it.
func (w *World) AddNetworkACL(region, vpc string, entries []ACLEntry, subnets ...string) string {
	var id string
	w.build(region, func(r *Region, _ time.Time) {
		own := slices.Clone(entries)
		for _, e := range defaultEntries(mustHave(r.VPCs, vpc)) {
			if e.Number >= lastEntry {
				own = append(own, e)
			}
		}
		id = w.newID("acl")
		a := &NetworkACL{ID: id, VPC: vpc, Entries: own, Subnets: map[string]string{}, Tags: map[string]string{}}
		for _, s := range subnets {
			mustHave(r.Subnets, s)
			for _, other := range r.NetworkACLs {
				other.Members = slices.DeleteFunc(other.Members, func(m string) bool { return m == s })
				maps.DeleteFunc(other.Subnets, func(m, _ string) bool { return m == s })
			}
			a.Subnets[s] = w.newID("aclassoc")
			a.Members = append(a.Members, s)
		}
		r.NetworkACLs[id] = a
	})
	return id
}

// AddRoute adds a route to a VPC's main route table.
func (w *World) AddRoute(region, vpc, destination, target string) {
	w.build(region, func(r *Region, _ time.Time) {
		for _, t := range r.RouteTables {
			if t.VPC == vpc && t.Main {
				t.Routes = append(t.Routes, Route{Destination: destination, Target: target, Origin: "CreateRoute"})
				return
			}
		}
		panic("awssim: " + vpc + " has no main route table")
	})
}

func (w *World) idOr(id, prefix string) string {
	if id != "" {
		return id
	}
	return w.newID(prefix)
}
