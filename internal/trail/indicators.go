package trail

import (
	"cmp"
	"slices"
	"strings"
)

// listIndicators lists what to look for elsewhere: what the intruder came from, used and made. What AWS's own services
// called, what a workload called of itself, and what is listed apart is none.
func (s *search) listIndicators(d *Document) {
	all := sightings{}
	for row, h := range s.hits {
		if h.why == nil || h.via == ByService || h.via == ForwardAccess {
			continue
		}
		r := s.c.Row(int(row))
		at := stampOf(r.Time)
		id, client := s.c.Identity(r.Identity), s.c.Client(r.Client)
		if h.node.work.kind == "" || h.node.stolen[row] {
			if public(client.IP) || private(client.IP) && h.why.rule == "seed-address" {
				all.see("address", client.IP, at)
			}
			if !ofAWS(client.UserAgent) {
				all.see("user-agent", client.UserAgent, at)
			}
		}
		all.see("access-key", id.AccessKey, at)
		all.see("arn", id.ARN, at)
		if id.Type == "AWSAccount" {
			all.see("account", id.Account, at)
		}
	}
	for i := range d.Identities {
		n := &d.Identities[i]
		if n.Relation == SamePrincipal || n.Events > 0 && n.Kind != "external-account" {
			continue
		}
		at := cmp.Or(n.FirstSeen, n.Issued)
		all.known("access-key", n.AccessKey, at)
		if n.Rule != "privilege" { // an innocent user who was given a policy is nothing to look for
			all.known("arn", n.ARN, at)
		}
		if n.Kind == "external-account" {
			all.known("account", n.Account, at)
		}
	}
	for _, x := range d.Exposures {
		if a := accountIn(x.Grantee); a != "" && a != x.Account {
			all.known("account", a, x.Since)
		}
	}
	for id, at := range s.found.made {
		all.known("resource", id, at)
	}
	d.Indicators = all.list(s)
}

// ofAWS says that a user agent is the name of an AWS service.
func ofAWS(agent string) bool {
	return strings.HasSuffix(agent, ".amazonaws.com") || agent == "AWS Internal"
}

// sightings collects indicators by kind and value.
type sightings map[[2]string]*Indicator

func (a sightings) see(kind, value, at string) {
	if i := a.known(kind, value, at); i != nil {
		i.Events++
	}
}

// known enters an indicator that need not have been seen in an event of its own.
func (a sightings) known(kind, value, at string) *Indicator {
	if value == "" || value == hidden {
		return nil
	}
	i := a[[2]string{kind, value}]
	if i == nil {
		i = &Indicator{Kind: kind, Value: value, FirstSeen: at, LastSeen: at}
		a[[2]string{kind, value}] = i
	}
	i.FirstSeen, i.LastSeen = min(i.FirstSeen, at), max(i.LastSeen, at)
	return i
}

// list gives them by kind, the most seen first.
func (a sightings) list(s *search) []Indicator {
	out := make([]Indicator, 0, len(a))
	for _, i := range a {
		out = append(out, *i)
	}
	slices.SortFunc(out, func(a, b Indicator) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), cmp.Compare(b.Events, a.Events), strings.Compare(a.Value, b.Value))
	})
	count := map[string]int{}
	return slices.DeleteFunc(out, func(i Indicator) bool {
		count[i.Kind]++
		if count[i.Kind] > maxListed {
			s.note("there are more than %d indicators of kind %s; the most seen are listed", maxListed, i.Kind)
		}
		return count[i.Kind] > maxListed
	})
}
