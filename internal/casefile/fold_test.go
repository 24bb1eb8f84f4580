package casefile

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
)

// someDraft is an entry of any kind about one of three steps of two plans, in one of two runs.
func someDraft(rng *rand.Rand, plans []string) Draft {
	run, text := 1+rng.IntN(2), json.RawMessage(fmt.Sprintf(`"state %d"`, rng.IntN(4)))
	lost := []Loss{{Name: fmt.Sprint("piece ", rng.IntN(3)), Whole: rng.IntN(2) == 0}}
	bodies := map[EntryKind]any{
		EntryIntent:   IntentBody{OpID: "op", Run: run, Before: text},
		EntryDone:     DoneBody{Run: run, Sent: rng.IntN(2) == 0, After: text},
		EntryFailed:   FailedBody{Run: run, Error: "no"},
		EntrySkip:     SkipBody{Run: run, Left: rng.IntN(2) == 0},
		EntryDrift:    DriftBody{Run: run, Reason: "somebody"},
		EntryUndo:     UndoBody{Run: run, Release: plans[1], Before: text},
		EntryUndone:   UndoneBody{Run: run, Release: plans[1]},
		EntryEvidence: EvidenceBody{Run: run, Items: []Artifact{{Name: fmt.Sprint("piece ", rng.IntN(3))}}},
		EntryLoss:     LossBody{Run: run, Lost: lost},
		EntryApprove:  ApproveBody{Plan: plans[rng.IntN(2)], Kind: []string{PlanContain, PlanRelease}[rng.IntN(2)], Run: run},
	}
	kinds := []EntryKind{EntryIntent, EntryDone, EntryFailed, EntrySkip, EntryDrift, EntryUndo, EntryUndone, EntryEvidence, EntryLoss, EntryApprove}
	kind := kinds[rng.IntN(len(kinds))]
	return Draft{Kind: kind, Plan: plans[rng.IntN(2)], Step: 1 + rng.IntN(3), Body: bodies[kind]}
}

// What a case says as its entries come in is what one that reads them all at once says, at every length, whoever
// wrote them; and what it said before stays as it was.
func TestFoldAsEntriesComeIn(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 8 {
		s, one, two := NewMem(), testWriter(t, 1), testWriter(t, 2)
		mine := newTestCase(t, s, one)
		plans := []string{}
		for _, kind := range []string{PlanContain, PlanRelease} {
			sha, err := mine.PutPlan(t.Context(), testPlan(kind))
			if err != nil {
				t.Fatal(err)
			}
			plans = append(plans, sha)
		}
		other := openTestCase(t, s)
		mustAppend(t, other, two, sessionDraft(two))
		type answer struct {
			logs map[StepKey]*StepLog
			text string
		}
		var before []answer
		for range 40 {
			c, w := mine, one
			if rng.IntN(3) == 0 {
				c, w = other, two
			}
			mustAppend(t, c, w, someDraft(rng, plans))
			if _, err := mine.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			got, logs, err := mine.folded()
			if err != nil {
				t.Fatal(err)
			}
			want, wantLogs, err := openTestCase(t, s).folded()
			if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(logs, wantLogs) {
				t.Fatalf("after %v: %+v, read at once %+v, %v", mine.Head(), got, want, err)
			}
			again, err := Logs(mine.Entries())
			if err != nil || !reflect.DeepEqual(again, logs) {
				t.Fatalf("after %v: the logs are %s, folded at once %s, %v", mine.Head(), describe(t, logs), describe(t, again), err)
			}
			for key, l := range logs {
				if one, err := mine.Step(key); err != nil || !reflect.DeepEqual(one, *l) {
					t.Fatalf("step %v is %+v, in the logs %+v, %v", key, one, l, err)
				}
			}
			before = append(before, answer{logs, describe(t, logs)})
		}
		for i, a := range before {
			if now := describe(t, a.logs); now != a.text {
				t.Fatalf("what was answered %d entries ago has changed from %s to %s", len(before)-i, a.text, now)
			}
		}
	}
}

func describe(t *testing.T, logs map[StepKey]*StepLog) string {
	byKey := map[string]StepLog{}
	for key, l := range logs {
		for _, of := range l.Runs() {
			byKey[fmt.Sprint(key, of.Run)] = of
		}
	}
	return string(mustJSON(t, byKey)) // a map's keys come out sorted
}

// A step that the journal holds nothing about, and a case without an approval, answer nothing.
func TestFoldOfNothing(t *testing.T) {
	w := testWriter(t, 1)
	c := newTestCase(t, NewMem(), w)
	if l, err := c.Step(StepKey{Plan: "", Step: 1}); err != nil || !reflect.DeepEqual(l, StepLog{}) {
		t.Errorf("%+v, %v", l, err)
	}
	if a, err := c.Approved(); err != nil || a != (Approval{}) {
		t.Errorf("%+v, %v", a, err)
	}
}

// BenchmarkAppendAndAsk is what a step of a long plan costs the journal: an entry, and the questions around it.
// The cost must not grow with the journal.
func BenchmarkAppendAndAsk(b *testing.B) {
	w := testWriter(b, 1)
	for _, long := range []int{100, 10000} {
		b.Run(fmt.Sprint(long, " entries before"), func(b *testing.B) {
			s := NewMem()
			c := newTestCase(b, s, w)
			for i := range long {
				mustAppend(b, c, w, skipDraft(i+1))
			}
			b.ResetTimer()
			for i := range b.N {
				mustAppend(b, c, w, skipDraft(i+1))
				for range 6 {
					if _, err := c.Step(StepKey{Step: i + 1}); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// TestInForceCostsWhatThereArePlans: it is asked before every change of a run over thousands.
func TestInForceCostsWhatThereArePlans(t *testing.T) {
	allocations := func(long int) float64 {
		w := testWriter(t, 1)
		c := newTestCase(t, NewMem(), w)
		sha, err := c.PutPlan(t.Context(), testPlan(PlanContain))
		if err != nil {
			t.Fatal(err)
		}
		mustAppend(t, c, w, Draft{Kind: EntryApprove, Plan: sha, Body: ApproveBody{Plan: sha, Kind: PlanContain, Run: 1}})
		for i := range long {
			mustAppend(t, c, w, skipDraft(i+1))
		}
		if got, err := c.InForce(t.Context()); err != nil || len(got) != 1 || got[0].Plan != sha {
			t.Fatalf("%+v, %v", got, err)
		}
		return testing.AllocsPerRun(20, func() {
			if _, err := c.InForce(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocations(5), allocations(500); many > few {
		t.Errorf("after 500 steps it allocates %v times, after 5 %v times", many, few)
	}
}
