package trail

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Delivery is at least once, late, and not always the same. Of copies that differ in how they are written or in what is
// beside the point, one is chosen by what it says, whichever comes first; what has another event's id and another
// caller is no copy, and hides nothing.
func TestConflictingCopies(t *testing.T) {
	w := newWorld(generated{Seed: 5, Files: 16, Events: 400})
	q := Question{Seeds: []Seed{{Kind: "access-key", Value: w.key, From: w.stolen}}}
	records := recordsOf(t, w.memory())
	r := rand.New(rand.NewPCG(5, 5))
	all, others := slices.Clone(records), 0
	for i, b := range records {
		switch i % 4 {
		case 0: // as another program writes it: members in another order, spaces between
			all = append(all, rewritten(t, b))
		case 1:
			all = append(all, bytes.Replace(b, []byte(`"awsRegion":"`), []byte(`"awsRegion":"x-`), 1))
		case 2:
			if again := bytes.Replace(b, []byte(`,"accessKeyId":"A`), []byte(`,"accessKeyId":"X`), 1); !bytes.Equal(again, b) {
				all = append(all, again)
				others++
			}
		}
	}
	var want []byte
	for n := range 6 {
		c := corpusOf(t, recut(t, r, all, asText)...)
		if in := c.Ingest(); c.Len() != len(records)+others || in.Conflicts != others || others < 50 {
			t.Fatalf("%d events of %d and %d with their ids; %d conflicts", c.Len(), len(records), others, in.Conflicts)
		}
		got := printed(t, c, q)
		if n > 0 && !bytes.Equal(got, want) {
			t.Fatalf("cut %d: %s", n, firstDifference(string(want), string(got)))
		}
		want = got
	}
	if bytes.Count(want, []byte(`"event_id"`)) < len(w.of) {
		t.Error("a copy hides an event of the intruder")
	}
}

// A record that says nothing of who called is a copy of the one that does, however long it is, and never the one kept.
func TestCopyWithoutCallerHidesNobody(t *testing.T) {
	whole, other := recordOf("a"), strings.Replace(recordOf("a"), "AKIA1", "AKIA2", 1)
	bare := strings.Replace(whole, `{"type":"IAMUser","accessKeyId":"AKIA1"}`, `{"type":"`+strings.Repeat("x", 500)+`"}`, 1)
	for _, log := range [][]string{{whole, bare, other}, {bare, whole, other}, {other, bare, bare, whole}} {
		c := corpusOf(t, fileOf("f", strings.Join(log, "\n")))
		if in := c.Ingest(); c.Len() != 2 || in.Conflicts != 1 || in.Duplicates != len(log)-2 {
			t.Errorf("%d events, %d conflicts, %d copies", c.Len(), in.Conflicts, in.Duplicates)
			continue
		}
		if a, b := c.Identity(c.Row(0).Identity).AccessKey, c.Identity(c.Row(1).Identity).AccessKey; a != "AKIA1" || b != "AKIA2" {
			t.Errorf("the callers are %q and %q", a, b)
		}
	}
}

func rewritten(t *testing.T, record []byte) []byte {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(record, &m); err != nil {
		t.Fatal(err)
	}
	again, err := json.MarshalIndent(m, " ", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return again
}
