package trail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// neverLogged is what no CloudTrail has, however it is configured.
var neverLogged = []string{
	"requests to the instance metadata service, by which an instance's credentials are read",
	"what happens inside a host: SSH, RDP, a shell",
	"the making of a pre-signed URL; only its use is an event, where data events are logged",
	"signing a request without sending it",
	"DNS lookups and network connections within a VPC",
}

// coverage says what the log can tell and what it cannot. An hour with an event of its kind was logged. An hour without
// one was logged where a trail is known to have selected such events; it is a gap where the trail is known to have stood
// still; else it is unknown, since nothing in a log tells a quiet hour from one that was not logged.
func coverage(ctx context.Context, c *Corpus, l *ledger) (Coverage, error) {
	cover := Coverage{Cells: []CoverageCell{}, Gaps: []CoverageGap{}, Never: neverLogged, Claims: []string{}}
	if l.first > l.last {
		cover.Claims = append(cover.Claims, "the log holds no event in this window: nothing can be said of it")
		return cover, nil
	}
	spans, gaps, err := trailHistory(ctx, c, l.trails, l.last)
	if err != nil {
		return cover, err
	}
	l.spans = spans
	cover.Gaps = append(cover.Gaps, gaps...)
	for i, of := range l.cells() {
		if i >= maxPlaces {
			cover.Claims = append(cover.Claims, fmt.Sprintf("more than %d combinations of account, region and kind of event: the rest are not listed", maxPlaces))
			break
		}
		cover.Cells = append(cover.Cells, of.runs(l.first, l.last, spans)...)
	}
	cover.Claims = append(cover.Claims, claims(cover.Cells, l)...)
	return cover, nil
}

const (
	maxPlaces = 2_000 // accounts × regions × kinds of event that are listed
	maxRuns   = 200   // runs of hours of one of them; with more, whole days are listed
	maxTrails = 2_000 // events about trails that are read
)

// A ledger counts events by place, category and hour.
type ledger struct {
	c           *Corpus
	first, last uint32 // hours since 1970
	count       tally
	class       []string // categories by number
	of          []uint64 // by kind: its category's number, where the tally's key has it
	trails      []int    // rows that changed what is logged
	spans       []span   // what follows from them
}

// A tally counts by number. A Go map would cost several times as much, on every event there is.
type tally struct {
	keys   []uint64 // key + 1; 0: free
	counts []uint32
	used   int
}

func (t *tally) add(key uint64) {
	if 2*t.used >= len(t.keys) {
		t.grow()
	}
	if i := t.at(key); t.keys[i] == 0 {
		t.keys[i] = key + 1
		t.counts[i] = 1
		t.used++
	} else {
		t.counts[i]++
	}
}

// at gives the place of a key, or the free one for it.
func (t *tally) at(key uint64) int {
	i := int(key * 0x9e3779b97f4a7c15 >> 32 & uint64(len(t.keys)-1))
	for t.keys[i] != 0 && t.keys[i] != key+1 {
		i = (i + 1) & (len(t.keys) - 1)
	}
	return i
}

func (t *tally) grow() {
	old := *t
	size := max(1024, 2*len(old.keys))
	t.keys, t.counts = make([]uint64, size), make([]uint32, size)
	for i, key := range old.keys {
		if key != 0 {
			at := t.at(key - 1)
			t.keys[at], t.counts[at] = key, old.counts[i]
		}
	}
}

// The bits of a tally's key: the place, the category's number, the hour.
const (
	hourBits   = 21 // 2^32 seconds are 2^20.2 hours
	classBits  = 11
	maxClasses = 1<<classBits - 1
)

func newLedger(c *Corpus) *ledger {
	l := &ledger{c: c, first: forever, of: make([]uint64, c.Kinds())}
	for n := range l.of {
		l.of[n] = l.number(category(c.Kind(uint32(n)))) << hourBits
	}
	return l
}

func (l *ledger) add(r *Row) {
	hour := r.Time / 3600
	l.first, l.last = min(l.first, hour), max(l.last, hour)
	l.count.add(uint64(r.Place)<<(hourBits+classBits) | l.of[r.Kind] | uint64(hour))
}

// number of a category.
func (l *ledger) number(class string) uint64 {
	i := slices.Index(l.class, class)
	if i < 0 {
		if len(l.class) >= maxClasses {
			return maxClasses - 1
		}
		i = len(l.class)
		l.class = append(l.class, class)
	}
	return uint64(i)
}

func category(k Kind) string {
	if k.Category == Data {
		return "Data:" + serviceName(k.Source)
	}
	return k.Category.String()
}

// selects says that a trail is known to have logged all events of a category at a place, in every hour from first to
// last.
func (l *ledger) selects(p Place, class string, first, last uint32) bool {
	c := covered{account: p.Account, region: p.Region, category: class}
	for hour := first; hour <= last; {
		state, _, end := c.stateAt(hour, last+1, l.spans)
		if state != "logged" {
			return false
		}
		hour = end
	}
	return first <= last
}

// A covered thing is what was logged of one place and category.
type covered struct {
	account, region, category string
	hours                     []hourCount // in order
}

type hourCount struct{ hour, n uint32 }

// cells gives what was counted, by account, region and category.
func (l *ledger) cells() []covered {
	var keys []uint64
	for _, key := range l.count.keys {
		if key != 0 {
			keys = append(keys, key-1)
		}
	}
	slices.Sort(keys)
	var out []covered
	last := ^uint64(0)
	for _, key := range keys {
		if key>>hourBits != last {
			last = key >> hourBits
			p := l.c.Place(uint32(key >> (hourBits + classBits)))
			out = append(out, covered{account: p.Account, region: p.Region, category: l.class[last&maxClasses]})
		}
		c := &out[len(out)-1]
		c.hours = append(c.hours, hourCount{uint32(key & (1<<hourBits - 1)), l.count.counts[l.count.at(key)]})
	}
	slices.SortFunc(out, func(a, b covered) int {
		return cmp.Or(strings.Compare(a.account, b.account), strings.Compare(a.region, b.region), strings.Compare(a.category, b.category))
	})
	return out
}

// runs gives the runs of hours of one state, from first to last. Where they alternate too often, days are told as one.
func (c *covered) runs(first, last uint32, spans []span) []CoverageCell {
	out := c.split(first, last, 1, spans)
	if len(out) > maxRuns {
		out = c.split(first, last, 24, spans)
	}
	return out
}

// split gives the runs in units of so many hours.
func (c *covered) split(first, last, unit uint32, spans []span) []CoverageCell {
	var out []CoverageCell
	add := func(from, until uint32, n int, state, why string) {
		if i := len(out) - 1; i >= 0 && out[i].State == state && out[i].Why == why && out[i].Until == stampOf(from*3600) {
			out[i].Until, out[i].Events = stampOf(until*3600), out[i].Events+n
			return
		}
		out = append(out, CoverageCell{Account: c.account, Region: c.region, Category: c.category, From: stampOf(from * 3600),
			Until: stampOf(until * 3600), State: state, Events: n, Why: why})
	}
	at := first
	for i := 0; i < len(c.hours); {
		from := c.hours[i].hour / unit * unit
		from = max(from, first)
		if from > at {
			c.quiet(at, from, spans, add)
		}
		until, n, hours := min(from/unit*unit+unit, last+1), 0, uint32(0)
		for ; i < len(c.hours) && c.hours[i].hour < until; i++ {
			n += int(c.hours[i].n)
			hours++
		}
		if hours == until-from {
			add(from, until, n, "logged", "")
		} else {
			add(from, until, n, "unknown", fmt.Sprintf("%d of %d hours have events", hours, until-from))
		}
		at = until
	}
	if at <= last {
		c.quiet(at, last+1, spans, add)
	}
	return out
}

// quiet tells the hours without events: what trails are known to have done divides them.
func (c *covered) quiet(from, until uint32, spans []span, add func(from, until uint32, n int, state, why string)) {
	for at := from; at < until; {
		state, why, end := c.stateAt(at, until, spans)
		add(at, end, 0, state, why)
		at = end
	}
}

// stateAt gives the state of an hour without events, and up to when it lasts.
func (c *covered) stateAt(at, until uint32, spans []span) (state, why string, end uint32) {
	state, why, end = "unknown", "no event: quiet, or not logged", until
	for _, s := range spans {
		if !s.about(c) || s.until <= at {
			continue
		}
		if s.from > at {
			end = min(end, s.from)
			continue
		}
		end = min(end, s.until)
		if state == "unknown" || s.state == "logged" { // one trail that logs is enough
			state, why = s.state, s.why
		}
	}
	return state, why, end
}

// claims gives the sentences that may be said of objects read: that none was seen means something only where data events
// are known to be logged.
func claims(cells []CoverageCell, l *ledger) []string {
	type place struct{ account, region string }
	var order []place
	logged, hours := map[place]int{}, int(l.last-l.first+1)
	seen := map[place]bool{}
	for i := range cells {
		c := &cells[i]
		p := place{c.Account, c.Region}
		if !seen[p] {
			seen[p] = true
			order = append(order, p)
		}
		if c.Category == "Data:s3" && c.State == "logged" {
			logged[p] += hoursOf(c)
		}
	}
	var out []string
	for _, p := range order {
		where := "account " + printable(p.account)
		if p.account == "" {
			where = "an account that the log does not name"
		}
		where += ", " + printable(p.region)
		switch n := logged[p]; {
		case n == 0:
			out = append(out, "S3 objects read or written in "+where+": unknown, no S3 data event is in the log")
		case n < hours:
			out = append(out, fmt.Sprintf("S3 objects read or written in %s: known for %d of %d hours, and only for the buckets that a trail selects", where, n, hours))
		}
	}
	return out
}
