package main

import (
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
)

// refused is a case of which a step failed: the responder may not switch keys off.
func refused(t *testing.T) (*shell, told) {
	t.Helper()
	s := newShell(t, twoUsers())
	s.run(0, "plan iam-user:alice --case one --cases else_where --out alice.json")
	hooked("UpdateAccessKey", func(any) bool { return true })(s.w)
	r := s.run(3, "apply alice.json --cases else_where --approve "+s.hash("alice.json"))
	s.w.SetHook(nil)
	return s, r
}

// TestFailedStepDoneByHand: what the error shows is typed once somebody has done the step's work in the console, and the
// case is contained; a release then shows the step before it makes the key work again.
func TestFailedStepDoneByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := refused(t)
		r.says(t, "next         cordon resume one --cases else_where: looks again at what failed", "cordon release one --cases else_where ends the case")
		_, resume, ok := strings.Cut(strings.TrimSpace(r.err), "done by hand, by: cordon ")
		if !ok {
			t.Fatalf("it does not say what to do: %s", r.err)
		}
		s.w.Do(func(a *awssim.Account) {
			for _, k := range a.IAM.Users["alice"].Keys {
				k.Active = false
			}
		})
		s.run(0, resume).says(t, "case one   contained")
		s.run(0, "status one --cases else_where")
		s.run(4, "release one --cases else_where").says(t, "iam-disable-access-keys  alice", "a leaked one too")
	})
}

// TestFailedStepPlannedAgain: another plan for the same subject takes the failed one's place.
func TestFailedStepPlannedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := refused(t)
		again := s.run(0, "plan iam-user:alice --sessions-only --case one --cases else_where --out again.json")
		s.run(3, again.onlyShown(t)).says(t, "case one   contained", "iam-record-credential-report, is todo")
		s.run(0, "resume one --cases else_where").saysNot(t, "failed")
	})
}

// TestFailedStepOfWhatIsGone: of a user who was deleted by hand nothing can be proved any more. The case is not called
// contained; a person leaves what stood of it, and the release ends the case.
func TestFailedStepOfWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := refused(t)
		s.w.Do(func(a *awssim.Account) { delete(a.IAM.Users, "alice") })
		s.run(3, "resume one --cases else_where").says(t, "user alice: does not exist", "case one   partial", "cordon release one --cases else_where ends the case")
		s.run(1, "plan iam-user:alice --case one --cases else_where").says(t, "does not exist")
		shown := s.run(4, "release one --cases else_where").shown()
		if len(shown) != 2 || !strings.Contains(shown[1], " --leave 1,2 --reason WHY ") {
			t.Fatalf("it shows %q", shown)
		}
		leave := strings.Replace(shown[1], "WHY", "gone", 1)
		s.w.AddUser(awssim.User{Name: "alice"})
		s.run(4, leave).says(t, "look at it again") // the numbers were those of another plan
		s.w.Do(func(a *awssim.Account) { delete(a.IAM.Users, "alice") })
		s.run(0, leave)
		s.run(0, s.run(4, "release one --cases else_where").onlyShown(t)).says(t, "case one   released")
		s.run(0, "status one --cases else_where").says(t, "left as it is, by decision: gone")
	})
}
