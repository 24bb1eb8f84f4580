package trail

import (
	"cmp"
	"maps"
	"slices"
)

// CloudTrail adds to what it has delivered: a record whose addendum.reason is UPDATED_DATA repeats an earlier event with
// what was missing, under an eventID of its own, and names the earlier in originalEventID. DELIVERY_DELAY and
// SERVICE_OUTAGE say that a record came late, and name none.
// docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html, addendum
const updatedData = "UPDATED_DATA"

// updated says that e stands in place of another event.
func (e *Event) updated() bool {
	return e.Addendum == updatedData && e.Original != "" && e.Original != e.ID
}

// A revision is what matters of an event that stands in place of another.
type revision struct {
	id, original string
	time         uint32
}

// superseded gives, for the id of each event that another stands in place of, the id of the one that stands in the end.
// updates are in any order; at most one, the last by time and then by id, stands for an event. What would lead in a
// circle stands for nothing, so that no event is lost to a record that lies.
func superseded(updates []revision) map[string]string {
	updates = slices.SortedFunc(slices.Values(updates), func(a, b revision) int {
		return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id, b.id), cmp.Compare(a.original, b.original))
	})
	last := map[string]revision{}
	for _, u := range updates {
		last[u.original] = u
	}
	ends := map[string]string{} // "" while it is followed, and for what leads in a circle
	for at := range last {
		var path []string
		for {
			if end, seen := ends[at]; seen {
				at = end
				break
			}
			next, more := last[at]
			if !more {
				break
			}
			ends[at], path = "", append(path, at)
			at = next.id
		}
		for _, id := range path {
			ends[id] = at
		}
	}
	// Of several updates of one event the earlier give way too.
	for _, u := range updates {
		if end := ends[u.original]; u.id != last[u.original].id && ends[u.id] == "" && end != u.id {
			ends[u.id] = end
		}
	}
	maps.DeleteFunc(ends, func(_, end string) bool { return end == "" })
	return ends
}

// dropUpdated takes out the events in whose place others stand, and says how many. The other must be of the same call
// and caller: else a record that lies could hide one.
func (c *Corpus) dropUpdated(updates []revision) int {
	if len(updates) == 0 {
		return 0
	}
	updates = slices.DeleteFunc(updates, func(u revision) bool {
		old, had := c.Numbered(u.original)
		instead, have := c.Numbered(u.id)
		return !had || !have || !c.repeats(instead, old)
	})
	gone := map[uint32]bool{}
	for id := range superseded(updates) {
		if i, ok := c.Numbered(id); ok {
			gone[c.raw(i)] = true
		}
	}
	c.order = slices.DeleteFunc(c.order, func(rec uint32) bool { return gone[rec] })
	return len(gone)
}

// repeats says that event i tells of the call of event j, and all that j says of who made it.
func (c *Corpus) repeats(i, j int) bool {
	a, b := c.Row(i), c.Row(j)
	x, y := c.Identity(a.Identity), c.Identity(b.Identity)
	keeps := func(now, before string) bool { return before == "" || now == before }
	return c.Kind(a.Kind).Name == c.Kind(b.Kind).Name && keeps(x.AccessKey, y.AccessKey) && keeps(x.ARN, y.ARN) && keeps(x.PrincipalID, y.PrincipalID)
}

// numbersOfIssued gives the numbers of the recs that handed out a key.
func (c *Corpus) numbersOfIssued() map[uint32]int {
	numbers := map[uint32]int{}
	for i := range c.Len() {
		if c.rec(i).Flags&flagIssued != 0 {
			numbers[c.raw(i)] = i
		}
	}
	return numbers
}
