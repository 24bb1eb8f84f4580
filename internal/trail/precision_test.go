package trail

import (
	"context"
	"testing"
	"time"
)

// scopeOf asks what was done with the stolen key since it was.
func scopeOf(t testing.TB, w *world, c *Corpus) *Document {
	t.Helper()
	d, err := Find(context.Background(), c, Question{Seeds: []Seed{{Kind: "access-key", Value: w.key, From: w.stolen}}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Just what the intruder did is the intruder's, each event by what it is to the key; who has the same role, session
// name, address or user agent is not, and is listed only where nobody else is known to have begun the session.
func TestPrecision(t *testing.T) {
	for seed := range uint64(8) {
		w := newWorld(generated{Seed: seed, Files: 16, Events: 1500, Copies: 0.21})
		d := scopeOf(t, w, corpusOf(t, w.memory()...))
		checkScope(t, w, d)
		if t.Failed() {
			t.Fatalf("seed %d; the key is %s, stolen at %s", seed, w.key, w.stolen.Format(time.RFC3339))
		}
	}
}

func checkScope(t *testing.T, w *world, d *Document) {
	t.Helper()
	found := map[string]bool{}
	for _, e := range d.Events {
		found[e.EventID] = true
		want, planted := w.of[e.EventID]
		switch {
		case e.Relation == SamePrincipal || e.Relation == ByService:
			if !w.apart[e.EventID] {
				t.Errorf("%s %s by %s is listed as %s of %s, and is somebody else's or the intruder's (%s)", e.EventID, e.Name, e.Principal, e.Relation, e.Identity, want)
			}
		case !planted:
			t.Errorf("%s %s by %s is taken for the intruder's: %s of %s, %s", e.EventID, e.Name, e.Principal, e.Relation, e.Identity, e.Rule)
		case e.Relation != want:
			t.Errorf("%s %s by %s is %s of %s (%s), not %s", e.EventID, e.Name, e.Principal, e.Relation, e.Identity, e.Rule, want)
		}
	}
	for id, rel := range w.of {
		if !found[id] {
			t.Errorf("%s is the intruder's (%s) and missed", id, rel)
		}
	}
	for id := range w.apart {
		if !found[id] {
			t.Errorf("%s might be the intruder's, and is not listed", id)
		}
	}
}
