package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/casefile"
)

// accountWide is the plan of these tests, made about the account as a whole.
func (r *rig) accountWide() (plan casefile.Plan, data []byte, hash string) {
	r.t.Helper()
	plan = fakePlan()
	plan.Subject = casefile.Subject{Kind: casefile.AWSAccount, ID: plan.Account}
	data, hash, err := Encode(plan)
	if err != nil {
		r.t.Fatal(err)
	}
	return plan, data, hash
}

// TestAccountWideNeedsTwo: without a second person's signature nothing is changed and nothing approved; with it the
// plan is carried out, and what a plan says of its steps counts for nothing against what the actions say.
func TestAccountWideNeedsTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		plan, data, hash := r.accountWide()
		before := r.w.image()
		by := func(name string) []byte {
			s := r.first
			if name != "one" {
				s = r.signer(name)
			}
			note, err := s.Countersign(casefile.Countersignature{Plan: hash, Kind: plan.Kind, Case: plan.Case, Account: plan.Account, Person: name})
			if err != nil {
				t.Fatal(err)
			}
			return note
		}
		for name, try := range map[string]struct {
			second    []byte
			approvers []string
		}{
			"nobody": {nil, nil}, "the first": {by("one"), nil}, "rubbish": {[]byte("x"), nil}, "a stranger": {by("two"), []string{r.signer("three").VerifierKey()}},
		} {
			e, _, ctx := r.process(r.first, 0)
			e.Second, e.Approvers = try.second, try.approvers
			if err := e.Apply(ctx, data, "flag"); !errors.Is(err, ErrDecision) {
				t.Errorf("signed by %s: %v", name, err)
			}
		}
		if now := r.w.image(); now != before {
			t.Errorf("it changed the account: %s", now)
		}
		e, _, ctx := r.process(r.first, 0)
		e.Second = by("two")
		if err := e.Apply(ctx, data, "flag"); err != nil && !errors.Is(err, ErrPartly) {
			t.Fatal(err)
		}
		if v := casefile.Verify(context.Background(), r.store, casefile.VerifyOptions{}); !v.OK {
			t.Error(v.Summary)
		}
		plan.Steps[0].AccountWide = "something else"
		data, _, _ = Encode(plan)
		if err := e.Apply(ctx, data, "flag"); err == nil {
			t.Error("a plan that says otherwise than the action was taken")
		}
	})
}

// TestReleaseOfSeveralPlansNeedsWhatEachNeeded: a plan that came later, about something smaller, takes the second
// signature off nothing, and the management account out of nothing.
func TestReleaseOfSeveralPlansNeedsWhatEachNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		plan, data, hash := r.accountWide()
		e, _, ctx := r.process(r.first, 0)
		var err error
		if e.Second, err = r.signer("two").Countersign(casefile.Countersignature{Plan: hash, Kind: plan.Kind, Case: plan.Case, Account: plan.Account}); err != nil {
			t.Fatal(err)
		}
		if err := e.Apply(ctx, data, "flag"); err != nil && !errors.Is(err, ErrPartly) {
			t.Fatal(err)
		}
		small := fakePlan()
		small.Warnings = []string{"the second plan"}
		if data, _, err = Encode(small); err != nil {
			t.Fatal(err)
		}
		e, _, ctx = r.process(r.first, 0)
		if err := e.Apply(ctx, data, "flag"); err != nil && !errors.Is(err, ErrPartly) {
			t.Fatal(err)
		}
		back, err := e.PlanRelease(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if casefile.NeedsSecond(back) == "" {
			t.Errorf("its release needs one signature alone: %+v", back.Subjects)
		}
	})
}

// TestSecondSignatureIsForOneCut: a plan that was released takes a new signature to be carried out again; whoever goes on
// with one that is in force needs none.
func TestSecondSignatureIsForOneCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		plan, data, hash := r.accountWide()
		second := r.signer("two")
		signed := func(kind, hash string, at time.Time) []byte {
			note, err := second.Countersign(casefile.Countersignature{Plan: hash, Kind: kind, Case: plan.Case, Account: plan.Account, Person: "two", Time: at})
			if err != nil {
				t.Fatal(err)
			}
			return note
		}
		e, _, ctx := r.process(r.first, 0)
		e.Second = signed(plan.Kind, hash, time.Now())
		for range 2 { // the second time it is in force
			if err := e.Apply(ctx, data, "flag"); err != nil && !errors.Is(err, ErrPartly) {
				t.Fatal(err)
			}
		}
		used := e.Second
		back, err := e.PlanRelease(ctx)
		if err != nil {
			t.Fatal(err)
		}
		backData, backHash, err := Encode(back)
		if err != nil {
			t.Fatal(err)
		}
		e.Second = signed(back.Kind, backHash, time.Now())
		if err := e.Release(ctx, backData, "flag"); err != nil && !errors.Is(err, ErrPartly) {
			t.Fatal(err)
		}
		before := r.w.image()
		e.Second = used
		if err := e.Apply(ctx, data, "flag"); !errors.Is(err, ErrSecond) || !strings.Contains(err.Error(), "sign anew") {
			t.Errorf("the signature of the cut before: %v", err)
		}
		if now := r.w.image(); now != before {
			t.Errorf("it changed the account: %s", now)
		}
		time.Sleep(time.Minute)
		e.Second = signed(plan.Kind, hash, time.Now())
		if err := e.Apply(ctx, data, "flag"); err != nil && !errors.Is(err, ErrPartly) {
			t.Errorf("signed anew: %v", err)
		}
	})
}
