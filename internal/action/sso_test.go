package action

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/identitystore"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

func TestAStatusThatIsNotSaidIsNoneToPutBack(t *testing.T) {
	s := &script{answers: map[string]any{"DescribeUser": &identitystore.DescribeUserOutput{}}}
	c := s.connect(t)
	c.Management = s.connect(t)
	ctx := Allow(t.Context(), DisableSSOUser.Reads, nil, nil)
	if now, err := DisableSSOUser.Observe(ctx, c, Target{Target: theUser}); err == nil || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("state %s, error %v", now, err)
	}
}

// centered is a stage with an Identity Center, and what it may do with it.
func centered(t *testing.T, setup func(*awssim.World)) *stage {
	t.Helper()
	return trial{setup: setup}.stage(t, 0)
}

func ssoTarget() Target {
	return Target{Target: theUser, Params: map[string]string{"instance": centerARN}}
}

func TestAFailedRemovalTellsWhyItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := centered(t, withCenter)
		const reason = "the account is suspended"
		s.world.Do(func(a *awssim.Account) { a.SSO.Closed["444455556666"] = reason })
		a, target := RemoveAssignments, ssoTarget()
		apply := func() error { return a.Apply(may(a), s.conn, target, s.see(a, target)) }
		if err := apply(); err != nil {
			t.Fatalf("asked for: %v", err)
		}
		if st, err := a.Status(target, s.see(a, target)); err != nil || st != Waiting {
			t.Errorf("under way: %v, %v", st, err)
		}
		time.Sleep(5 * time.Second)
		if err := apply(); err == nil || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), "444455556666") || strings.Contains(err.Error(), "111122223333") {
			t.Errorf("failed: %v", err)
		}
		if err := apply(); err != nil {
			t.Errorf("asked for again: %v", err)
		}
		now := ssoAssignments{}
		if err := json.Unmarshal(s.see(a, target), &now); err != nil || len(now.Assigned) != 1 || len(now.Leaving) != 1 {
			t.Errorf("what is left: %+v, %v", now, err)
		}
		// A read before it ended says so, and why it had failed.
		if err := a.Apply(may(a), s.conn, target, json.RawMessage(`{"assigned":["444455556666 `+readSet+`"]}`)); err == nil || !strings.Contains(err.Error(), reason) || !strings.Contains(err.Error(), "under way") {
			t.Errorf("under way again: %v", err)
		}
	})
}

func TestAFailedReturnTellsWhyItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := centered(t, withCenter)
		a := RemoveAssignments
		p := s.bringAbout(trialStep{a, theUser, ssoTarget().Params}, nil)
		const reason = "the permission set cannot be provisioned"
		s.world.Do(func(a *awssim.Account) { a.SSO.Closed["111122223333"] = reason })
		undo := func() error {
			return a.Undo(Allow(t.Context(), a.Reads.Plus(a.UndoReads), a.UndoWrites, nil), s.conn, p.target, p.before, s.see(a, p.target))
		}
		if err := undo(); err != nil {
			t.Fatalf("asked for: %v", err)
		}
		time.Sleep(5 * time.Second)
		if err := undo(); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("failed: %v", err)
		}
	})
}

// A removal that AWS has begun ends though nobody waits for it: whoever comes later must not take it for undone.
func TestARemovalUnderWayIsSeenByAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := centered(t, withCenter)
		a, target := RemoveAssignments, ssoTarget()
		before := s.see(a, target)
		if err := a.Apply(may(a), s.conn, target, before); err != nil {
			t.Fatal(err)
		}
		other := *s.conn.Management
		other.work = newAssignmentWork()
		s.conn.Management = &other
		now := s.see(a, target)
		if st, err := a.Status(target, now); err != nil || st != Waiting || Same(now, before) {
			t.Errorf("another process sees %s: %v, %v", now, st, err)
		}
	})
}

func TestAUserWhoIsGoneIsToldAsThat(t *testing.T) {
	for _, a := range []Action{RemoveAssignments, LeaveGroups, DisableSSOUser} {
		t.Run(a.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := centered(t, withCenter)
				now := s.see(a, ssoTarget())
				s.world.Do(func(w *awssim.Account) {
					delete(w.SSO.Users, mallory)
					for key, x := range w.SSO.Assignments {
						if x.Principal == mallory {
							delete(w.SSO.Assignments, key)
						}
					}
				})
				if now, err := s.observe(a, ssoTarget()); !errors.Is(err, ErrGone) {
					t.Errorf("observed %s, %v", now, err)
				}
				err := a.Apply(may(a), s.conn, ssoTarget(), now)
				if a.Name != RemoveAssignments.Name && !errors.Is(err, ErrGone) { // what nobody has is taken away already
					t.Errorf("apply: %v", err)
				}
			})
		})
	}
}

// What it was taken out of and does not exist any more cannot be given back. The rest is.
func TestWhatIsGoneIsNotGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := centered(t, withCenter)
		undo := func(a Action, before, now string) error {
			return a.Undo(Allow(t.Context(), a.Reads.Plus(a.UndoReads), a.UndoWrites, nil), s.conn, ssoTarget(), json.RawMessage(before), json.RawMessage(now))
		}
		s.world.Do(func(a *awssim.Account) { delete(a.SSO.Memberships, "g-oncall/"+mallory) })
		if err := undo(LeaveGroups, `{"groups":["g-deleted","g-developers","g-oncall"]}`, `{"groups":["g-developers"]}`); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "g-deleted") {
			t.Errorf("groups: %v", err)
		}
		s.world.Do(func(a *awssim.Account) {
			if a.SSO.Memberships["g-oncall/"+mallory] == nil {
				t.Error("the group that there is was not given back")
			}
			delete(a.SSO.Users, mallory)
		})
		if err := undo(RemoveAssignments, `{"assigned":["444455556666 `+adminSet+`"]}`, `{"assigned":[]}`); !errors.Is(err, ErrGone) {
			t.Errorf("assignments: %v", err)
		}
	})
}

// A store that is not found was looked for in the wrong place: nobody knows of the user.
func TestAStoreThatIsNotFoundIsNoUserWhoIsGone(t *testing.T) {
	s := centered(t, withCenter)
	elsewhere := Target{Target: casefile.Target{Kind: casefile.IdentityCenterUser, ID: "d-0000000000/" + mallory, Account: managing, Region: simWorld}}
	for _, a := range []Action{LeaveGroups, DisableSSOUser} {
		if now, err := s.observe(a, elsewhere); err == nil || errors.Is(err, ErrGone) {
			t.Errorf("%s: observed %s, %v", a.Name, now, err)
		}
	}
}
