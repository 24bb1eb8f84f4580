package casefile

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// seeded gives the same keys in every run, so that a failure can be seen again.
func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func testSigner(t testing.TB, seed byte) *Signer {
	t.Helper()
	s, err := NewSigner("cordon", seeded(seed))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// testWriter has a clock that goes on by a second at each look.
func testWriter(t testing.TB, seed byte) *Writer {
	t.Helper()
	now := time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC)
	return &Writer{
		Signer: testSigner(t, seed),
		By:     By{ARN: "arn:aws:sts::111122223333:assumed-role/ir/ada", Person: "Ada <ada@example.org>", Nonce: fmt.Sprintf("nonce-%d", seed)},
		Now: func() time.Time {
			now = now.Add(time.Second)
			return now
		},
	}
}

func testMeta(w *Writer) Meta {
	return Meta{ID: "20261123-i-0abc", Created: w.Now(), Version: "test", Key: w.Signer.VerifierKey()}
}

func sessionDraft(w *Writer) Draft {
	return Draft{Kind: EntrySession, Body: SessionBody{Version: "test", Binary: strings.Repeat("0", 64), Command: "apply", Key: w.Signer.VerifierKey(), Account: "111122223333"}}
}

// newTestCase creates a case whose first session is w's.
func newTestCase(t testing.TB, s Store, w *Writer) *Case {
	t.Helper()
	if err := CreateCase(t.Context(), s, testMeta(w)); err != nil {
		t.Fatal(err)
	}
	c := openTestCase(t, s)
	mustAppend(t, c, w, sessionDraft(w))
	return c
}

func openTestCase(t testing.TB, s Store) *Case {
	t.Helper()
	c, err := OpenCase(context.WithoutCancel(t.Context()), s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustAppend(t testing.TB, c *Case, w *Writer, d Draft) Entry {
	t.Helper()
	e, err := c.Append(context.WithoutCancel(t.Context()), w, d, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func testPlan(kind string) []byte {
	return []byte(`{"format":1,"kind":"` + kind + `","case":"20261123-i-0abc","account":"111122223333","region":"eu-west-1","partition":"aws",` +
		`"subject":{"kind":"ec2-instance","id":"i-0abc"},"steps":[],"survives":[],"not_captured":[]}` + "\n")
}

// reference is a journal with an entry of every kind, evidence, plans, a second signer and a body kept as
// evidence.
func reference(t testing.TB) (*Mem, *Case) {
	t.Helper()
	s := NewMem()
	w := testWriter(t, 1)
	c := newTestCase(t, s, w)
	ctx := t.Context()
	finding, err := c.PutEvidence(ctx, []byte(`{"Id":"f1"}`))
	if err != nil {
		t.Fatal(err)
	}
	console, err := c.PutEvidence(ctx, []byte("console output\x00\xff\n"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := c.PutPlan(ctx, testPlan(PlanContain))
	if err != nil {
		t.Fatal(err)
	}
	release, err := c.PutPlan(ctx, testPlan(PlanRelease))
	if err != nil {
		t.Fatal(err)
	}
	instance := Target{Kind: EC2Instance, ID: "i-0abc", Account: "111122223333", Region: "eu-west-1"}
	groups := json.RawMessage(`{"groups":["sg-1","sg-<b>\u0000"],"n":1.50}`)
	for _, d := range []Draft{
		{Kind: EntryFinding, Body: FindingBody{SHA256: finding, Size: 11}},
		{Kind: EntryApprove, Plan: plan, Body: ApproveBody{Plan: plan, Kind: PlanContain, Run: 1, How: "flag"}},
		{Kind: EntryEvidence, Plan: plan, Step: 1, Body: EvidenceBody{Run: 1, Items: []Artifact{
			{Name: "console", Source: "ec2:GetConsoleOutput", Target: instance, SHA256: console, Size: 17},
			{Name: "snapshot", Source: "ec2:CreateSnapshots", Target: instance, ID: "snap-1", State: "pending"},
		}}},
		{Kind: EntryLoss, Plan: plan, Step: 2, Body: LossBody{Run: 1, Lost: []Loss{{Name: "memory", Source: "ssm", Target: instance, Reason: "no agent"}}}},
		{Kind: EntryIntent, Plan: plan, Step: 3, Body: IntentBody{OpID: "op-1", Run: 1, Action: "ec2-isolate-interface", Target: instance, Before: groups}},
		{Kind: EntryDone, Plan: plan, Step: 3, Body: DoneBody{Run: 1, Sent: true, After: json.RawMessage(`{"groups":["sg-q"]}`)}},
		{Kind: EntryFailed, Plan: plan, Step: 4, Body: FailedBody{Run: 1, Error: strings.Repeat("long ", 1000)}},
		{Kind: EntrySkip, Plan: plan, Step: 5, Body: SkipBody{Run: 1, Reason: "spot"}},
	} {
		mustAppend(t, c, w, d)
	}
	w2 := testWriter(t, 2)
	for _, d := range []Draft{
		sessionDraft(w2),
		{Kind: EntryDrift, Plan: plan, Step: 3, Body: DriftBody{Run: 1, Observed: groups, Reason: "changed by the owner"}},
		{Kind: EntryUndo, Plan: plan, Step: 3, Body: UndoBody{Run: 1, Release: release, Before: groups}},
		{Kind: EntryUndone, Plan: plan, Step: 3, Body: UndoneBody{Run: 1, Release: release, Sent: true}},
	} {
		mustAppend(t, c, w2, d)
	}
	return s, c
}

// with returns a copy of a store in which one file is another one, or none.
func with(s *Mem, name string, data []byte) *Mem {
	c := s.Clone()
	if data == nil {
		delete(c.files, name)
		return c
	}
	c.files[name] = data
	return c
}
