package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// shown are the command lines that an answer ends with, as somebody copies them.
func (r told) shown() (lines []string) {
	for _, l := range strings.Split(r.out, "\n") {
		if rest, ok := strings.CutPrefix(l, "cordon "); ok {
			lines = append(lines, rest)
		}
	}
	return lines
}

// onlyShown is the one command line of an answer.
func (r told) onlyShown(t *testing.T) string {
	t.Helper()
	if lines := r.shown(); len(lines) == 1 {
		return lines[0]
	}
	t.Fatalf("it shows %q:\n%s", r.shown(), r.out)
	return ""
}

func twoUsers() *awssim.World {
	w := awssim.New(awssim.Options{})
	w.AddUser(awssim.User{Name: "alice", Keys: []awssim.UserKey{{ID: "AKIAALICEALICEALICE1", Active: true}}})
	w.AddUser(awssim.User{Name: "bob", Keys: []awssim.UserKey{{ID: "AKIABOBBOBBOBBOBBOB1", Active: true}}})
	w.AddRole(awssim.Role{Name: "incident-response"})
	return w
}

// TestShownCommandsWork types what each answer shows, to the letter, from the plan of an account to its release: the
// flags that say where the case is and what was chosen are in them.
func TestShownCommandsWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		first := s.run(0, "plan account:111122223333 --cases elsewhere --spare arn:aws:iam::111122223333:role/incident-response")
		written := s.run(0, first.onlyShown(t))
		if lines := written.shown(); len(lines) != 2 {
			t.Fatalf("it shows %q", lines)
		}
		s.signed(written.shown()[0], "plan.json")
		s.run(3, written.shown()[1]).says(t, "case 111122223333-account   contained")
		s.run(0, "resume 111122223333-account --cases elsewhere").saysNot(t, "cordon resume")
		unwritten := s.run(4, "release 111122223333-account --cases elsewhere")
		unwritten.says(t, "a second person has to sign", "nothing was done")
		unwritten.saysNot(t, "--approve") // which would be refused
		back := s.run(4, unwritten.onlyShown(t))
		s.signed(back.shown()[0], "back.json")
		s.run(0, back.shown()[1]).says(t, "case 111122223333-account   released")
		s.run(0, "release elsewhere/111122223333-account").says(t, "released")
		// The signature of the cut that was released does for no other one.
		anew := told{out: s.run(4, written.shown()[1]).err}.shown()
		if len(anew) != 2 {
			t.Fatalf("it shows %q", anew)
		}
		s.signed(anew[0], "plan.json")
		s.run(0, anew[1]).says(t, "case 111122223333-account   contained")
	})
}

// signed types what the second person is shown, who is asked at a terminal in earnest.
func (s *shell) signed(line, file string) {
	s.t.Helper()
	if strings.Contains(line, "--approve") {
		s.t.Errorf("the second person is told to sign what they were not shown: %s", line)
	}
	s.run(4, line).says(s.t, "iam-deny-user", "needs approval")
	s.run(0, line+" --key-file bob --person bob --approve "+s.hash(file)).says(s.t, "as bob")
}

// TestRespondShowsHowToGoOn: without a terminal respond shows what to type, where there is a file and where there is none.
func TestRespondShowsHowToGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		s.run(0, s.run(4, "respond iam-user:alice --sessions-only").onlyShown(t)).says(t, "contained", "alice")
		var plan planAnswer
		if r := s.run(4, "respond iam-user:alice -o json"); json.Unmarshal([]byte(r.out), &plan) != nil || len(plan.Steps) == 0 || !strings.Contains(r.err, plan.Hash) {
			t.Errorf("nobody sees what is to be approved: %s%s", r.out, r.err)
		}
		whole := s.run(4, "respond account:111122223333")
		if got := whole.onlyShown(t); got != "respond account:111122223333 --out plan.json" {
			t.Errorf("it shows %q", got)
		}
		whole.says(t, "a second person has to sign", "nothing was done")
	})
}

// TestNamedUserIsLookedUp: a user or role that a person names is in the account of the credentials, and the log is asked
// about it.
func TestNamedUserIsLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShell(t, twoUsers())
		r := s.run(0, "plan iam-user:alice --lookup")
		r.says(t, "for Username alice")
		if strings.Contains(r.out, "was not looked for") {
			t.Errorf("the plan does not know that the log was asked:\n%s", r.out)
		}
	})
}

// TestTypicalSlips: what goes wrong at three in the morning is told with what to do, and with the right exit status.
func TestTypicalSlips(t *testing.T) {
	s := newShell(t, twoUsers())
	s.run(0, "plan account:111122223333 --out plan.json")
	hash := s.hash("plan.json")
	approved := "apply plan.json --approve " + hash
	s.run(4, approved).says(t, "a second person has to sign", "cordon countersign")
	s.run(0, "countersign plan.json --out mine.note --approve "+hash)
	s.run(1, "countersign plan.json --out mine.note --approve "+hash).says(t, "nothing is overwritten")
	s.run(4, approved+" --second mine.note").says(t, "both signatures are by one key")
	s.run(0, "countersign plan.json --out bob.note --key-file bob --person bob --approve "+hash)
	s.run(1, approved+" --second plan.json").says(t, "plan.json is not what cordon countersign wrote")
	for name, of := range map[string]struct {
		approvers, says string
		status          int
	}{
		"empty": {"# nobody\n", "holds no approver's key", 1}, "a name": {"bob\n", "line 1 of approvers is no verifier key", 1},
		"another's": {strangerKey(t) + "\n", "which is none of the approvers' keys", 4},
	} {
		if err := os.WriteFile("approvers", []byte(of.approvers), 0o600); err != nil {
			t.Fatal(err)
		}
		r := s.run(of.status, approved+" --second bob.note --approvers approvers")
		r.says(t, of.says)
		if strings.Contains(r.err, ", one of the approvers' keys") {
			t.Errorf("%s: it says that the key is an approver's:\n%s", name, r.err)
		}
	}
	data, err := os.ReadFile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("plan.json", append(data, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(4, approved+" --second bob.note").says(t, "the file was changed since")
	s.run(4, "apply plan.json --second bob.note --approve "+s.hash("plan.json")).says(t, "the countersignature is of plan "+hash)
	s.run(4, "status 111122223333-account").says(t, "nothing has been approved yet")
	s.run(1, "plan account:111122223333 --out bob.note").says(t, "bob.note is there already and is none")
	s.run(4, approved+" --second bob.note").says(t, "the file was changed since")
	s.run(0, "plan account:111122223333 --out plan.json")
	if err := os.Mkdir("junk", 0o700); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]struct {
		says   string
		status int
	}{
		"status ./junk":             {"there is no case ./junk", 1},
		"verify ./junk":             {"this is no case", 1},
		"verify junk --head 3:abc":  {"is no head", 2},
		"verify junk --key x":       {"is no verifier key", 2},
		"status --cses x":           {"see cordon status --help", 2},
		"triag x":                   {"did you mean triage?", 2},
		"plan AKIAALICEALICEALICE1": {"access-key:AKIAALICEALICEALICE1", 1},
		"plan 111122223333":         {"account:111122223333", 1},
		"plan role:web":             {"iam-role:NAME", 1},
		"plan arn:aws-us-gov:iam::111122223333:user/alice":         {"is not in partition aws", 1},
		"plan arn:aws:lambda:eu-west-1:111122223333:function:f":    {"nothing was touched", 5},
		"plan ec2-instance:i-0123456789abcdef0 --region eu-west-1": {"does not exist", 1},
		"apply bob.note":        {"read the plan", 1},
		"countersign approvers": {"read the plan", 1},
		"release junk":          {"which there are: cordon status", 1},
	} {
		s.run(want.status, line).says(t, want.says)
	}
}

func strangerKey(t *testing.T) string {
	t.Helper()
	signer, err := casefile.LoadOrCreateKey("stranger", strings.NewReader(strings.Repeat("x", 64)))
	if err != nil {
		t.Fatal(err)
	}
	return signer.VerifierKey()
}

// TestWrap: nothing is lost, and no line is longer than the terminal unless one word is.
func TestWrap(t *testing.T) {
	for _, text := range []string{"", "one", "a b  c", strings.Repeat("word ", 30) + strings.Repeat("x", 60) + " end", "ünïcode wörds thät are counted as they look"} {
		lines := wrap(text, 40)
		if got := strings.Join(lines, " "); got != text {
			t.Errorf("%q became %q", text, got)
		}
		for _, l := range lines {
			if len([]rune(l)) > 40 && strings.Contains(l, " ") {
				t.Errorf("%q is too long", l)
			}
		}
	}
}
