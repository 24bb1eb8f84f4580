package trail

import (
	"context"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// What an addendum says is in the event, and what it is not in does not say so.
func TestAddendum(t *testing.T) {
	update := strings.Replace(recordOf("b"), `"eventType"`, `"addendum":{"reason":"UPDATED_DATA","updatedFields":"responseElements","originalRequestID":"r","originalEventID":"a"},"eventType"`, 1)
	late := strings.Replace(recordOf("c"), `"eventType"`, `"addendum":{"reason":"DELIVERY_DELAY"},"eventType"`, 1)
	text := "eventid,eventname,eventtime,addendum\nd,N,2024-01-01T00:00:00Z,\"{\"\"reason\"\":\"\"UPDATED_DATA\"\",\"\"originalEventID\"\":\"\"a\"\"}\"\n"
	c := corpusOf(t, fileOf("f", recordOf("a")+"\n"+update+"\n"+late), fileOf("g", text))
	got := map[string]string{}
	err := c.Events(context.Background(), []int{0, 1, 2}, func(_ int, e *Event) error {
		got[e.ID] = e.Addendum + " " + e.Original
		return nil
	})
	want := map[string]string{"b": "UPDATED_DATA a", "c": "DELIVERY_DELAY ", "d": "UPDATED_DATA a"} // b stands for a
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, not %v: %v", got, want, err)
	}
}

func TestSuperseded(t *testing.T) {
	update := func(id, original string, second int64) *Event {
		return &Event{ID: id, Original: original, Addendum: updatedData, Time: time.Unix(second, 0)}
	}
	updates := []*Event{
		update("b", "a", 1), update("c", "b", 2), // one after another
		update("y", "x", 1), update("z", "x", 1), update("w", "x", 0), // three of one
		update("q", "p", 1), update("p", "q", 1), // in a circle
		update("s", "s", 1), {ID: "u", Original: "v", Addendum: "DELIVERY_DELAY"}, {ID: "t"}, // none
	}
	want := map[string]string{"a": "c", "b": "c", "x": "z", "y": "z", "w": "z"}
	for range 50 {
		rand.Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
		if got := superseded(updates); !maps.Equal(got, want) {
			t.Fatalf("%v, not %v", got, want)
		}
	}
}

// An event that CloudTrail delivered again with what was missing counts once, as it was delivered last; a record that
// names another caller's event hides nothing.
func TestUpdatedEventCountsOnce(t *testing.T) {
	record := func(id, key, more string) string {
		return `{"eventID":"` + id + `","eventName":"CreateAccessKey","eventSource":"iam.amazonaws.com","eventTime":"2024-01-01T00:00:00Z",` +
			`"userIdentity":{"type":"IAMUser","accessKeyId":"` + key + `"}` + more + `}`
	}
	first := record("a", "AKIAAAAAAAAAAAAAAAAA", "")
	again := record("b", "AKIAAAAAAAAAAAAAAAAA", `,"addendum":{"reason":"UPDATED_DATA","updatedFields":"responseElements","originalEventID":"a"},"responseElements":{"accessKey":{"accessKeyId":"AKIAZZZZZZZZZZZZZZZZ"}}`)
	lies := record("c", "AKIABBBBBBBBBBBBBBBB", `,"addendum":{"reason":"UPDATED_DATA","originalEventID":"b"}`)
	for _, log := range []string{first + "\n" + again + "\n" + lies, lies + "\n" + again + "\n" + first} {
		c := corpusOf(t, fileOf("log", log))
		if _, had := c.Numbered("a"); had || c.Len() != 2 || c.Ingest().Updated != 1 {
			t.Errorf("%d events, %d updated", c.Len(), c.Ingest().Updated)
		}
		if keys := c.Issued(); len(keys) != 1 || c.ID(keys[0].Event) != "b" {
			t.Errorf("issued %+v", keys)
		}
	}
}
