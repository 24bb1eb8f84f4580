package trail

import (
	"cmp"
	"io"
	"slices"
	"strconv"
	"strings"
)

// A pivot counts the events of one principal, key, address or user agent.
type pivot struct {
	value       string
	events      int // the intruder's
	outcomes    map[string]int
	first, last string
	calls       map[string]bool // source:name
	apart       int             // listed apart: of the same principal, or a service's
}

// pivots are the events by what of gives, most events first. Events without a value are not counted.
func pivots(d *Document, of func(*ScopeEvent) string) []*pivot {
	by := map[string]*pivot{}
	var all []*pivot
	for i := range d.Events {
		e := &d.Events[i]
		v := of(e)
		if v == "" {
			continue
		}
		p := by[v]
		if p == nil {
			p = &pivot{value: v, outcomes: map[string]int{}, calls: map[string]bool{}}
			by[v] = p
			all = append(all, p)
		}
		if e.Relation == SamePrincipal || e.Relation == ByService {
			p.apart++
			continue
		}
		p.events++
		p.outcomes[e.Outcome]++
		p.calls[e.Source+":"+e.Name] = true
		p.first, p.last = cmp.Or(p.first, e.Time), e.Time // events are by time
	}
	slices.SortFunc(all, func(a, b *pivot) int {
		return cmp.Or(cmp.Compare(b.events, a.events), cmp.Compare(b.apart, a.apart), strings.Compare(a.value, b.value))
	})
	return all
}

func writePivots(w io.Writer, d *Document, head string, of func(*ScopeEvent) string) error {
	s := newSheet(w, head, "events", "first_seen", "last_seen", "success", "denied", "error", "different_calls", "listed_apart")
	for _, p := range pivots(d, of) {
		s.row(p.value, strconv.Itoa(p.events), p.first, p.last, strconv.Itoa(p.outcomes[Success.String()]), strconv.Itoa(p.outcomes[Denied.String()]),
			strconv.Itoa(p.outcomes[Failed.String()]), strconv.Itoa(len(p.calls)), strconv.Itoa(p.apart))
	}
	return s.end()
}

func writeIndicators(w io.Writer, d *Document) error {
	s := newSheet(w, "kind", "value", "events", "first_seen", "last_seen")
	for _, i := range d.Indicators {
		s.row(i.Kind, i.Value, strconv.Itoa(i.Events), i.FirstSeen, i.LastSeen)
	}
	return s.end()
}

func writeContainment(w io.Writer, d *Document) error {
	s := newSheet(w, "do", "target", "account", "region", "why", "command", "evidence")
	for _, c := range d.Contain {
		s.row(c.Do, c.Target, c.Account, c.Region, c.Why, c.Command, strings.Join(c.Evidence, " "))
	}
	return s.end()
}
