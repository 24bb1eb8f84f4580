package trail

import (
	"cmp"
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

// superseded gives, for the id of each event that another stands in place of, the id of the one that stands in the end.
// updates are the events that say so, in any order; at most one, the last by time and then by id, stands for an event.
// What would lead in a circle stands for nothing, so that no event is lost to a record that lies.
func superseded(updates []*Event) map[string]string {
	last := map[string]*Event{}
	for _, e := range updates {
		if !e.updated() {
			continue
		}
		if old := last[e.Original]; old == nil || cmp.Or(old.Time.Compare(e.Time), cmp.Compare(old.ID, e.ID)) < 0 {
			last[e.Original] = e
		}
	}
	out := map[string]string{}
	for id := range last {
		stands, steps := id, 0
		for ; last[stands] != nil && steps <= len(last); steps++ {
			stands = last[stands].ID
		}
		if steps <= len(last) {
			out[id] = stands
		}
	}
	// Of several updates of one event the earlier give way too.
	for _, e := range updates {
		if !e.updated() || last[e.Original].ID == e.ID || out[e.ID] != "" || out[e.Original] == "" || out[e.Original] == e.ID {
			continue
		}
		out[e.ID] = out[e.Original]
	}
	return out
}

// dropUpdated takes out the events in whose place others stand, and says how many. The other must be of the same call
// and caller: else a record that lies could hide one.
func (c *Corpus) dropUpdated(updates []*Event) int {
	if len(updates) == 0 {
		return 0
	}
	updates = slices.DeleteFunc(updates, func(e *Event) bool {
		old, had := c.Numbered(e.Original)
		instead, have := c.Numbered(e.ID)
		return !had || !have || !c.sameCall(old, instead)
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

func (c *Corpus) sameCall(i, j int) bool {
	a, b := c.Row(i), c.Row(j)
	x, y := c.Identity(a.Identity), c.Identity(b.Identity)
	return c.Kind(a.Kind).Name == c.Kind(b.Kind).Name && alike(x.AccessKey, y.AccessKey) && alike(x.ARN, y.ARN) && alike(x.PrincipalID, y.PrincipalID)
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
