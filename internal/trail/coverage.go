package trail

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// neverLogged is what no CloudTrail has, however it is configured.
var neverLogged = []string{
	"requests to the instance metadata service, by which an instance's credentials are read",
	"what happens inside a host: SSH, RDP, a shell",
	"the making of a pre-signed URL; only its use is an event, where data events are logged",
	"DNS lookups and network connections within a VPC",
}

// weakening are the calls after which something may no longer be logged, and what follows.
// docs.aws.amazon.com/awscloudtrail/latest/APIReference: StopLogging, DeleteTrail, UpdateTrail, PutEventSelectors.
var weakening = map[string]string{
	"StopLogging":                 "a trail was stopped",
	"DeleteTrail":                 "a trail was deleted",
	"UpdateTrail":                 "a trail was changed",
	"PutEventSelectors":           "what a trail logs was changed",
	"DeleteEventDataStore":        "an event data store was deleted",
	"StopEventDataStoreIngestion": "an event data store was stopped",
}

type cellKey struct{ account, region, category string }

// CoverageOf says what c can tell and what it cannot, in q's window. An hour with an event of its kind was logged; an
// hour without one is unknown, since nothing in a log tells a quiet hour from one that was not logged.
func CoverageOf(ctx context.Context, c *Corpus, q Question) (Coverage, error) {
	cover := Coverage{Cells: []CoverageCell{}, Gaps: []CoverageGap{}, Never: neverLogged, Claims: []string{}}
	since, until := seconds(q.Since, 0), seconds(q.Until, 1<<32-1)
	hours := map[cellKey]map[uint32]int{}
	first, last := uint32(1<<32-1), uint32(0)
	var weak []int
	for i := range c.Len() {
		r := c.Row(i)
		if r.Time < since || r.Time > until {
			continue
		}
		kind, place := c.Kind(r.Kind), c.Place(r.Place)
		key := cellKey{place.Account, place.Region, category(kind)}
		if hours[key] == nil {
			hours[key] = map[uint32]int{}
		}
		hours[key][r.Time/3600]++
		first, last = min(first, r.Time/3600), max(last, r.Time/3600)
		if (weakening[kind.Name] != "" || kind.Name == "StartLogging" || kind.Name == "CreateTrail") && strings.HasPrefix(kind.Source, "cloudtrail.") && r.Outcome() == Success {
			weak = append(weak, i)
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(hours), func(a, b cellKey) int {
		return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.region, b.region), strings.Compare(a.category, b.category))
	}) {
		cover.Cells = append(cover.Cells, cells(key, hours[key], first, last)...)
	}
	cover.Gaps = gaps(c, weak)
	cover.Claims = claims(hours, first, last)
	return cover, ctx.Err()
}

func category(k Kind) string {
	if k.Category == Data {
		return "Data:" + serviceName(k.Source)
	}
	return k.Category.String()
}

// cells gives the runs of hours with and without events, from first to last.
func cells(key cellKey, hours map[uint32]int, first, last uint32) []CoverageCell {
	var out []CoverageCell
	logged := slices.Sorted(maps.Keys(hours))
	add := func(from, until uint32, n int) {
		state, why := "logged", ""
		if n == 0 {
			state, why = "unknown", "no event: quiet, or not logged"
		}
		out = append(out, CoverageCell{Account: key.account, Region: key.region, Category: key.category, From: stampOf(from * 3600),
			Until: stampOf(until * 3600), State: state, Events: n, Why: why})
	}
	at := first
	for i := 0; i < len(logged); {
		if logged[i] > at {
			add(at, logged[i], 0)
		}
		end, n := logged[i], 0
		for ; i < len(logged) && logged[i] <= end; i++ {
			n += hours[logged[i]]
			end = logged[i] + 1
		}
		add(end-run(logged[:i], end), end, n)
		at = end
	}
	if at <= last {
		add(at, last+1, 0)
	}
	return out
}

// run gives how many of the last hours follow one another up to end.
func run(hours []uint32, end uint32) uint32 {
	n := uint32(0)
	for i := len(hours) - 1; i >= 0 && hours[i]+n+1 == end; i-- {
		n++
	}
	return n
}

// gaps gives what weakened the log, until the same account's logging began again.
func gaps(c *Corpus, rows []int) []CoverageGap {
	slices.SortFunc(rows, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.Row(a).Time, c.Row(b).Time), strings.Compare(c.ID(a), c.ID(b)))
	})
	out := []CoverageGap{}
	for i, row := range rows {
		r := c.Row(row)
		what, place := weakening[c.Kind(r.Kind).Name], c.Place(r.Place)
		if what == "" {
			continue
		}
		g := CoverageGap{Account: place.Account, Region: place.Region, From: stampOf(r.Time), What: what, Evidence: []string{c.ID(row)}}
		for _, later := range rows[i+1:] {
			l := c.Row(later)
			if p := c.Place(l.Place); p == place && weakening[c.Kind(l.Kind).Name] == "" {
				g.Until = stampOf(l.Time)
				g.Evidence = append(g.Evidence, c.ID(later))
				break
			}
		}
		out = append(out, g)
	}
	return out
}

// claims gives the sentences that may be said of object reads: that none was seen means something only where data
// events of the service are in the log.
func claims(hours map[cellKey]map[uint32]int, first, last uint32) []string {
	if first > last {
		return []string{"the log holds no event in this window: nothing can be said of it"}
	}
	out := map[string]bool{}
	for key := range hours {
		if key.category != Management.String() {
			continue
		}
		data := hours[cellKey{key.account, key.region, "Data:s3"}]
		where := fmt.Sprintf("account %s, %s", printable(key.account), printable(key.region))
		if len(data) == 0 {
			out["S3 objects read or written in "+where+": unknown, no S3 data event is in the log"] = true
		} else if len(data) < int(last-first+1) {
			out[fmt.Sprintf("S3 objects read or written in %s: known for the %d of %d hours that have S3 data events, and only for the buckets that a trail selects", where, len(data), last-first+1)] = true
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(out))...)
}
