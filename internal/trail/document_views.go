package trail

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// accessesByGravity is what was done to a resource, gravest first.
var accessesByGravity = [...]Access{Execute, Share, Delete, Write, ReadData, ReadConfig, List}

// Gravest is the gravest way in which the resource was reached, or tried; "" where none is known.
func (r *ScopeResource) Gravest() Access {
	for _, a := range accessesByGravity {
		if slices.Contains(r.Access, a) {
			return a
		}
	}
	return ""
}

// ByGravity gives the resources as a responder asks for them: secrets that were read, then what was reached by how, at
// last what was only tried.
func (d *Document) ByGravity() []*ScopeResource {
	all := make([]*ScopeResource, len(d.Resources))
	for i := range all {
		all[i] = &d.Resources[i]
	}
	rank := func(r *ScopeResource) int {
		i := slices.Index(accessesByGravity[:], r.Gravest())
		if i < 0 {
			i = len(accessesByGravity)
		}
		switch {
		case r.Outcome != "accessed":
			return 100 + i
		case r.Secret:
			return -1
		}
		return i
	}
	slices.SortStableFunc(all, func(a, b *ScopeResource) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// Lives says whether the credential could be used at that time, as far as the log shows. What has no end that can be
// read does not end by itself.
func (i *ScopeIdentity) Lives(at time.Time) bool {
	if i.RevokedAt != "" || i.LiveUntil == "" {
		return false
	}
	end, err := time.Parse(time.RFC3339, i.LiveUntil)
	return err != nil || end.After(at)
}

// CoverageHours counts the hours of one account, region and category by what is known of them.
type CoverageHours struct {
	Account, Region, Category string
	Logged, Gap, Unknown      int
	AtMost                    bool // some of Unknown have events: a long log is told by days, not by hours
}

// Near gives the part of the coverage that is about the accounts which the intruder called: a log of an organisation
// has hundreds of others. Where the intruder called none, all of it is near. Never is left out.
func (d *Document) Near() Coverage {
	if len(d.Summary.Accounts) == 0 {
		return d.Coverage
	}
	var near Coverage
	called := func(account string) bool { return slices.Contains(d.Summary.Accounts, account) }
	others := map[string]bool{}
	for _, c := range d.Coverage.Cells {
		if called(c.Account) {
			near.Cells = append(near.Cells, c)
		} else {
			others[c.Account] = true
		}
	}
	for _, g := range d.Coverage.Gaps {
		if called(g.Account) {
			near.Gaps = append(near.Gaps, g)
		}
	}
	for _, claim := range d.Coverage.Claims {
		names := func(account string) bool { return account != "" && strings.Contains(claim, account) }
		if slices.ContainsFunc(d.Summary.Accounts, names) || !slices.ContainsFunc(slices.Collect(maps.Keys(others)), names) {
			near.Claims = append(near.Claims, claim)
		}
	}
	return near
}

// Missing gives where hours are missing, those that were surely not logged first, then by how many.
func (c *Coverage) Missing() []CoverageHours {
	at := map[CoverageHours]int{}
	var all []CoverageHours
	for _, cell := range c.Cells {
		key := CoverageHours{Account: cell.Account, Region: cell.Region, Category: cell.Category}
		i, ok := at[key]
		if !ok {
			i = len(all)
			at[key] = i
			all = append(all, key)
		}
		switch h := hoursOf(&cell); cell.State {
		case "logged":
			all[i].Logged += h
		case "gap":
			all[i].Gap += h
		default:
			all[i].Unknown += h
			all[i].AtMost = all[i].AtMost || cell.Events > 0
		}
	}
	all = slices.DeleteFunc(all, func(h CoverageHours) bool { return h.Gap+h.Unknown == 0 })
	slices.SortStableFunc(all, func(a, b CoverageHours) int {
		return cmp.Or(cmp.Compare(b.Gap, a.Gap), cmp.Compare(b.Unknown, a.Unknown))
	})
	return all
}
