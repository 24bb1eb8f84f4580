package engine

import (
	"slices"
	"testing"
	"testing/synctest"

	"cordon/internal/casefile"
)

// TestKeepIsBytesThenName kills the process at every write of Keep. The case verifies whatever is left, no entry names
// bytes that are not there, and keeping again ends as if nothing had happened: one name more, the newest last.
func TestKeepIsBytesThenName(t *testing.T) {
	scope := Kept{Name: "scope.json", Source: "cordon scope", Data: []byte(`{"seed":[]}`)}
	for at := 0; ; at++ {
		done := false
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			e, _, ctx := r.process(r.first, 0)
			if err := e.Apply(ctx, r.plan(), "flag"); err != nil {
				t.Fatal(err)
			}
			before := r.progress().State
			e, p, ctx := r.process(r.signer("two"), at)
			err := e.Keep(ctx, nil, scope)
			done = at > 0 && !p.dead
			if at > 0 && p.dead != (err != nil) {
				t.Fatalf("killed at write %d: %t, and Keep says %v", at, p.dead, err)
			}
			r.sound("after the kill")
			again, _, ctx := r.process(r.signer("two"), 0)
			if err := again.Keep(ctx, nil, scope); err != nil {
				t.Fatalf("killed at write %d, again: %v", at, err)
			}
			r.sound("kept again")
			after := r.progress()
			i := slices.IndexFunc(after.Evidence, func(a casefile.Artifact) bool { return a.Name == "scope.json" })
			if i < 0 || after.Evidence[i].SHA256 != casefile.HashBytes(scope.Data) || after.Evidence[i].Target.ID != after.Subject.ID {
				t.Errorf("killed at write %d: the evidence is %+v", at, after.Evidence)
			}
			if after.State != before {
				t.Errorf("keeping evidence made the case %s, it was %s", after.State, before)
			}
		})
		if done {
			t.Logf("%d writes", at-1)
			return
		}
	}
}
