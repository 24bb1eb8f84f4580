package main

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
)

// loggedOutAt ends the credentials at the first call of that name, for good; the answer gives them back.
func (s *shell) loggedOutAt(operation string) (logIn func()) {
	var out atomic.Bool
	s.w.SetHook(func(c awssim.Call) awssim.Fault {
		if c.Operation == operation {
			out.Store(true)
		}
		if out.Load() && c.Operation != "GetCallerIdentity" {
			return awssim.Fault{Before: awssim.Refused(403, "ExpiredToken", "the security token has expired")}
		}
		return awssim.Fault{}
	})
	return func() { s.w.SetHook(nil) }
}

// afterText is the command line that stands in an error behind a text.
func (r told) afterText(t *testing.T, text string) string {
	t.Helper()
	_, rest, ok := strings.Cut(r.err, text+" cordon ")
	line, _, end := strings.Cut(rest, ": ")
	if !ok || !end {
		t.Fatalf("no command behind %q:\n%s", text, r.err)
	}
	return line
}

// TestInterruptedWorkNamesTheCommand: whoever lost the login types what the error shows, to the letter, and it finds the
// case. Until then neither the case nor its release is said to be done.
func TestInterruptedWorkNamesTheCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		apply := s.run(0, "plan iam-user:alice --cases else_where --out plan.json").onlyShown(t)
		logIn := s.loggedOutAt("UpdateAccessKey")
		stopped := s.run(1, apply)
		logIn()
		s.run(3, "status 111122223333-alice-user --cases else_where")
		s.run(0, stopped.afterText(t, "log in and run")).says(t, "contained")

		release := s.run(4, "release 111122223333-alice-user --cases else_where").onlyShown(t)
		logIn = s.loggedOutAt("UpdateAccessKey")
		stopped = s.run(1, release)
		logIn()
		s.run(3, "status 111122223333-alice-user --cases else_where")
		s.run(0, stopped.afterText(t, "log in and run")).says(t, "released")
		s.run(0, "status 111122223333-alice-user --cases else_where")
	})
}

// TestUnfinishedReleaseIsNotDone: a release that was approved and stopped before it undid anything leaves every step as it
// was, done; the case is nevertheless not where it was asked to be.
func TestUnfinishedReleaseIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		s.run(0, s.run(0, "plan iam-role:incident-response --out plan.json").onlyShown(t)).says(t, "contained")
		release := s.run(4, "release 111122223333-incident-response-role").onlyShown(t)
		looks := 0
		s.w.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation == "GetRolePolicy" {
				looks++
			}
			if looks > 1 { // the first is for the plan of the release
				return awssim.Fault{Before: awssim.Refused(403, "ExpiredToken", "the security token has expired")}
			}
			return awssim.Fault{}
		})
		s.run(1, release)
		s.w.SetHook(nil)
		s.run(3, "status 111122223333-incident-response-role").saysNot(t, "undone", "waiting")
		s.run(0, "resume 111122223333-incident-response-role").says(t, "released")
	})
}

// TestAppliedAgainCutsAnew: the sessions that began since a plan was applied are what it is applied again for. Its release
// takes off the first cut and the second.
func TestAppliedAgainCutsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		s.w.AllowDeletes(true)
		denies := func() (n int) {
			s.w.Do(func(a *awssim.Account) { n = len(a.IAM.Roles["incident-response"].Inline) })
			return n
		}
		apply := s.run(0, "plan iam-role:incident-response --out plan.json").onlyShown(t)
		again := strings.Replace(apply, "plan.json", "again.json", 1)
		s.run(0, apply).says(t, "contained")
		s.run(0, "plan iam-role:incident-response --only-session mallory --out later.json")
		s.run(0, "apply later.json --approve "+s.hash("later.json")).says(t, "contained")
		if err := os.Rename("plan.json", "again.json"); err != nil {
			t.Fatal(err)
		}
		s.run(0, again).says(t, "contained")
		if n := denies(); n != 3 {
			t.Errorf("the sessions are cut by %d policies, not one for each time", n)
		}
		s.run(0, s.run(4, "release 111122223333-incident-response-role").onlyShown(t)).says(t, "released")
		if n := denies(); n != 0 {
			t.Errorf("%d policies are left on the role", n)
		}
	})
}

// TestSecondSignatureIsAskedForWithItsCommands: whoever did not know that a second person has to sign is told what both of
// them type, from where the plan's file is.
func TestSecondSignatureIsAskedForWithItsCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		lines := func(r told) []string { return told{out: r.err}.shown() }
		s.run(0, "plan account:111122223333 --spare arn:aws:iam::111122223333:role/incident-response --out plan.json")
		asked := lines(s.run(4, "apply plan.json --cases elsewhere --approve "+s.hash("plan.json")))
		if len(asked) != 2 {
			t.Fatalf("it shows %q", asked)
		}
		s.signed(asked[0], "plan.json")
		s.run(3, asked[1]).says(t, "case 111122223333-account   contained")

		unsigned := s.run(4, "release 111122223333-account --cases elsewhere --out shown.json")
		if err := os.Remove("plan.json"); err != nil {
			t.Fatal(err)
		}
		unsigned.says(t, "countersign shown.json")
		write := lines(s.run(4, "release 111122223333-account --cases elsewhere --approve "+s.hash("shown.json")))
		if len(write) != 1 {
			t.Fatalf("it shows %q", write)
		}
		s.run(4, write[0])
		asked = lines(s.run(4, "release 111122223333-account --cases elsewhere --out back.json --approve "+s.hash("back.json")))
		if len(asked) != 2 {
			t.Fatalf("it shows %q", asked)
		}
		s.signed(asked[0], "back.json")
		s.run(0, asked[1]).says(t, "released")
	})
}

// TestRespondNamesTheScopeCommand: where the question who did it could not be answered, the error names the command that
// asks it again, with where the case and the logs are.
func TestRespondNamesTheScopeCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		approve := s.run(4, "respond iam-user:alice --approve 00 --cut-first --index no_where --cases elsewhere").onlyShown(t)
		if strings.Count(approve, "--approve") != 1 {
			t.Errorf("it approves twice: %s", approve)
		}
		s.run(1, approve).says(t, "cordon scope 111122223333-alice-user --index no_where --cases elsewhere asks again")
	})
}
