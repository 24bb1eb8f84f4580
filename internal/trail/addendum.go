package trail

import "cmp"

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
