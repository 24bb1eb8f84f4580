package action

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/awssim"
)

// A run that died between making the policy and attaching it has a cut-off that is past when it is resumed: whoever came
// meanwhile must not be let in by it. Both policies go with the release.
func TestLateAttachmentCutsWhoCameMeanwhile(t *testing.T) {
	denied := map[string]func(w *awssim.World, issued time.Time) bool{
		DenyUserByPolicy.Name: func(w *awssim.World, issued time.Time) bool {
			return w.UserDenied("alice", awssim.Credential{Issued: issued}, "s3:GetObject")
		},
		AttachRoleDeny.Name: func(w *awssim.World, issued time.Time) bool {
			return w.Denied("deploy", roleID+":eve", "s3:GetObject", issued)
		},
	}
	for _, tr := range []trial{
		{setup: fullInline, steps: []trialStep{{DenyUserByPolicy, alice(), map[string]string{"user_id": aliceID}}}},
		{setup: fullRole, steps: []trialStep{{AttachRoleDeny, deployRole(), map[string]string{"role_id": roleID}}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, step := tr.stage(t, 0), tr.steps[0]
			a := step.action
			target := Target{Target: step.target, Case: "case-1", OpID: "op-1", Params: step.params}
			s.world.SetHook(func(c awssim.Call) awssim.Fault {
				if strings.HasPrefix(c.Operation, "Attach") {
					return awssim.Fault{Before: awssim.AccessDenied("")}
				}
				return awssim.Fault{}
			})
			before := s.see(a, target)
			if err := a.Apply(may(a), s.conn, target, before); err == nil {
				t.Fatalf("%s: it was attached", a.Name)
			}
			s.world.SetHook(nil)
			time.Sleep(time.Hour)
			if err := a.Apply(may(a), s.conn, target, s.see(a, target)); err != nil {
				t.Fatalf("%s: %v", a.Name, err)
			}
			now := s.see(a, target)
			if st, err := a.Status(target, now); st != Done || err != nil {
				t.Errorf("%s: state %s, status %v, error %v", a.Name, now, st, err)
			}
			if !denied[a.Name](s.world, time.Now().Add(-time.Minute)) {
				t.Errorf("%s: a session issued a minute before the policy was attached lives on", a.Name)
			}
			if err := a.Undo(may(a), s.conn, target, before, now); err != nil {
				t.Fatalf("%s: %v", a.Name, err)
			}
			if back := s.see(a, target); string(back) != string(before) {
				t.Errorf("%s: %s after the undo, was %s", a.Name, back, before)
			}
		})
	}
}
