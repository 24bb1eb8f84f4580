package trail

import (
	"context"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
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
	updates := []revision{
		{"b", "a", 1}, {"c", "b", 2}, // one after another
		{"y", "x", 1}, {"z", "x", 1}, {"w", "x", 0}, // three of one
		{"q", "p", 1}, {"p", "q", 1}, {"p", "o", 1}, // in a circle, and into it
	}
	want := map[string]string{"a": "c", "b": "c", "x": "z", "y": "z", "w": "z"}
	for range 50 {
		rand.Shuffle(len(updates), func(i, j int) { updates[i], updates[j] = updates[j], updates[i] })
		if got := superseded(updates); !maps.Equal(got, want) {
			t.Fatalf("%v, not %v", got, want)
		}
	}
}

// A long chain of updates takes no longer than as many apart: the time that following each from its start would take,
// nobody waits for.
func TestSupersededChain(t *testing.T) {
	const n = 200_000
	updates := make([]revision, n)
	for i := range updates {
		updates[i] = revision{strconv.Itoa(i + 1), strconv.Itoa(i), 1}
	}
	got := superseded(updates)
	if len(got) != n || got["0"] != strconv.Itoa(n) || got[strconv.Itoa(n-1)] != strconv.Itoa(n) {
		t.Errorf("%d, the first %q", len(got), got["0"])
	}
}

// What is no update, and what would take the room of many for one, stands for nothing.
func TestUpdateRefused(t *testing.T) {
	with := func(addendum string) string {
		return strings.Replace(recordOf("b"), `"eventType"`, `"addendum":{`+addendum+`},"eventType"`, 1)
	}
	of := func(original string) string { return `"reason":"UPDATED_DATA","originalEventID":"` + original + `"` }
	for record, want := range map[string]int{
		with(of("a")): 1, with(of("b")): 2, with(`"reason":"DELIVERY_DELAY","originalEventID":"a"`): 2, with(`"reason":"UPDATED_DATA"`): 2,
		strings.Replace(with(of("a")), `"accessKeyId":"AKIA1"`, `"x":1`, 1): 2, // it says less of who called
		with(of(strings.Repeat("a", maxText+1))):                            1, // refused, so that a remains
	} {
		c := corpusOf(t, fileOf("f", recordOf("a")+"\n"+record))
		if c.Len() != want {
			t.Errorf("%d events, not %d, with %.600s", c.Len(), want, record)
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
