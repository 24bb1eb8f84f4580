package report

import (
	"encoding/json"
	"strings"
	"testing"

	"cordon/internal/casefile"
)

// TestClaimsOnlyWhatIsProved tells the isolating step's story in every way it can go, and looks at whether the
// report says that the instance is isolated.
func TestClaimsOnlyWhatIsProved(t *testing.T) {
	eni := target(casefile.NetworkInterface, "eni-1")
	before, after := `{"groups":["sg-web"]}`, `{"groups":["sg-quarantine"]}`
	release := func(s *story) string { return s.approve(releasePlan(s.plan), 1) }
	undo := func(s *story, hash string) {
		s.write(casefile.EntryUndo, 4, casefile.UndoBody{Run: 1, Release: hash, Expected: json.RawMessage(after), Before: json.RawMessage(before)})
	}
	for _, c := range []struct {
		name     string
		tell     func(*story)
		isolated bool
		says     string // of the step's claim
	}{
		{"nothing yet", func(s *story) {}, false, "was not begun"},
		{"intent alone", func(s *story) { s.intent(4, eni, "a", before) }, false, "outcome is not recorded"},
		{"read back", func(s *story) { s.intent(4, eni, "a", before); s.done(4, after) }, true, "was in effect when it was read back"},
		{"so already", func(s *story) {
			s.write(casefile.EntryDone, 4, casefile.DoneBody{Run: 1, After: json.RawMessage(after)})
		}, true, "cordon sent no change"},
		{"done without a read-back", func(s *story) {
			s.intent(4, eni, "a", before)
			s.write(casefile.EntryDone, 4, casefile.DoneBody{Run: 1, Sent: true})
		}, false, "without a read-back"},
		{"failed, seen as wanted", func(s *story) {
			s.intent(4, eni, "a", before)
			s.write(casefile.EntryFailed, 4, casefile.FailedBody{Run: 1, Error: "throttled", Observed: json.RawMessage(after)})
		}, false, "was given up; what was read last is recorded: throttled"},
		{"failed, not seen", func(s *story) {
			s.intent(4, eni, "a", before)
			s.write(casefile.EntryFailed, 4, casefile.FailedBody{Run: 1, Error: "denied"})
		}, false, "could not be looked at: denied"},
		{"skipped", func(s *story) { s.write(casefile.EntrySkip, 4, casefile.SkipBody{Run: 1, Reason: "needs step 3"}) }, false, "was skipped: needs step 3"},
		{"drift", func(s *story) {
			s.intent(4, eni, "a", before)
			s.write(casefile.EntryDrift, 4, casefile.DriftBody{Run: 1, Reason: "somebody"})
		}, false, "changed by somebody meanwhile"},
		{"drift at the release", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			release(s)
			s.write(casefile.EntryDrift, 4, casefile.DriftBody{Run: 1, Reason: "somebody", Observed: json.RawMessage(`{}`)})
		}, false, "before that it had been read back in effect"},
		{"release approved, nothing begun", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			release(s)
		}, true, "was in effect when it was read back"},
		{"undo begun, killed", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			undo(s, release(s))
		}, false, "a release began to put it back"},
		{"undo begun, then found in effect again", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			undo(s, release(s))
			s.done(4, after)
		}, true, "was in effect when it was read back"},
		{"put back", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			hash := release(s)
			undo(s, hash)
			s.write(casefile.EntryUndone, 4, casefile.UndoneBody{Run: 1, Release: hash, Sent: true, Observed: json.RawMessage(before)})
		}, false, "Released at"},
		{"left as it is", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			release(s)
			s.write(casefile.EntrySkip, 4, casefile.SkipBody{Run: 1, Reason: "the owner wants it", Left: true})
		}, false, "left as it is by a person's decision: the owner wants it"},
		{"a second run not begun", func(s *story) {
			s.intent(4, eni, "a", before)
			s.done(4, after)
			s.approve(testPlan(false), 2)
		}, false, "was not begun"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(t, testCase, false)
			s.approve(testPlan(false), 1)
			c.tell(s)
			r := s.report()
			if r.Isolation.Isolated != c.isolated {
				t.Errorf("isolated is %v, want %v (%+v)", r.Isolation.Isolated, c.isolated, r.Isolation)
			}
			if says := strings.HasPrefix(r.isolatedWords(), "yes"); says != c.isolated {
				t.Errorf("the page says %q", r.isolatedWords())
			}
			var claims []string
			for i, claim := range append(append([]Claim{}, r.Proved...), r.NotProved...) {
				if claim.Step == 4 {
					claims = append(claims, claim.Text)
					if proved := i < len(r.Proved); proved != (r.Steps[3].Proof == ReadBack) {
						t.Errorf("the step's proof is %q, and its claim stands among the proved: %v", r.Steps[3].Proof, proved)
					}
				}
			}
			if len(claims) != 1 || !strings.Contains(claims[0], c.says) {
				t.Errorf("the report claims %q, want %q", claims, c.says)
			}
			if x := r.Steps[3]; x.State == casefile.Todo && (x.Before != nil || x.After != nil || x.RequestIDs != nil || x.Sent) {
				t.Errorf("a step that was not begun shows what an earlier run did: %+v", x)
			}
			if r.ContainedAfterMS != nil {
				t.Errorf("contained after %d ms, while step 5 is not done", *r.ContainedAfterMS)
			}
		})
	}
}

// What a release says must be what was read back, not what was sent.
func TestReleaseOutcomes(t *testing.T) {
	before := json.RawMessage(`{"a": 1}`)
	for _, c := range []struct {
		body casefile.UndoneBody
		want string
	}{
		{casefile.UndoneBody{Sent: true, Observed: json.RawMessage(`{"a":1}`)}, PutBack},
		{casefile.UndoneBody{Sent: true, Observed: json.RawMessage(`{"a":2}`)}, PutDiffers},
		{casefile.UndoneBody{Sent: true}, PutDiffers},
		{casefile.UndoneBody{Observed: json.RawMessage(`{"a":1}`)}, WasBack},
		{casefile.UndoneBody{}, Kept},
		{casefile.UndoneBody{Observed: json.RawMessage(`null`)}, Kept},
	} {
		if got := whatUndone(c.body, before); got != c.want {
			t.Errorf("%+v: %q, want %q", c.body, got, c.want)
		}
	}
}

// A snapshot that was begun and then failed is lost, although an earlier entry names it; one that came after
// the loss makes it good.
func TestLossIsMadeGoodOnlyLater(t *testing.T) {
	i := target(casefile.EC2Instance, "i-0abc1234")
	s := newStory(t, testCase, false)
	s.approve(testPlan(false), 1)
	had := func(name, state string) {
		s.write(casefile.EntryEvidence, 3, casefile.EvidenceBody{Run: 1, Items: []casefile.Artifact{{Name: name, Source: "ec2", Target: i, ID: "snap-" + name, State: state}}})
	}
	lost := func(name string) {
		s.write(casefile.EntryLoss, 3, casefile.LossBody{Run: 1, Lost: []casefile.Loss{{Name: name, Source: "ec2", Target: i, Reason: "error"}}})
	}
	had("one", "pending")
	lost("one")
	lost("two")
	had("two", "completed")
	r := s.report()
	if len(r.Loss) != 2 || r.Loss[0].MadeGood != 0 || r.Loss[1].MadeGood != r.Evidence[1].Seq {
		t.Errorf("the loss ledger is %+v", r.Loss)
	}
	var unproved string
	for _, c := range r.NotProved {
		unproved += c.Text + "\n"
	}
	if !strings.Contains(unproved, "snap-one") || strings.Contains(unproved, "snap-two") {
		t.Errorf("not proved:\n%s", unproved)
	}
}

// What a step was to keep as a whole is no loss once the step is done, and what was lost twice is lost once: the report
// counts as the case does, which is what the command line shows.
func TestLossIsCountedAsTheCaseCounts(t *testing.T) {
	i := target(casefile.EC2Instance, "i-0abc1234")
	s := newStory(t, testCase, false)
	s.approve(testPlan(false), 1)
	lost := func(name string, whole bool) {
		s.write(casefile.EntryLoss, 3, casefile.LossBody{Run: 1, Lost: []casefile.Loss{{Name: name, Source: "ec2", Target: i, Reason: "error", Whole: whole}}})
	}
	lost("all of step 3", true)
	lost("console output", false)
	lost("console output", false)
	for _, done := range []bool{false, true} {
		if done {
			s.done(3, `{}`)
		}
		p, err := s.c.Progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := s.report()
		if r.lost() != len(p.Loss) {
			t.Errorf("done %v: the report counts %d, the case %d", done, r.lost(), len(p.Loss))
		}
		if good := r.Loss[0].MadeGood > 0; good != done {
			t.Errorf("done %v: made good %v", done, good)
		}
	}
}

// An earlier plan's change stands until it is put back, and the report must not lose it.
func TestEarlierPlan(t *testing.T) {
	eni := target(casefile.NetworkInterface, "eni-1")
	s := newStory(t, testCase, false)
	first := s.approve(testPlan(false), 1)
	s.intent(4, eni, "ec2-isolate-interface", `{}`)
	s.done(4, `{"groups":[]}`)
	second := testPlan(false)
	second.Warnings = []string{"planned again"}
	s.approve(second, 1)
	r := s.report()
	if len(r.Earlier) != 1 || r.Earlier[0].Plan != first || r.Earlier[0].Steps[3].State != casefile.Done || r.Earlier[0].Steps[3].Proof != ReadBack {
		t.Fatalf("earlier plans: %+v", r.Earlier)
	}
	if r.Isolation.Isolated {
		t.Error("the current plan's isolation is claimed from the earlier one")
	}
	last := r.NotProved[len(r.NotProved)-1]
	if last.Plan != first || !strings.Contains(last.Text, "has not been put back") {
		t.Errorf("the earlier plan's change is not named: %+v", last)
	}
}

func TestClockSetBackIsSaid(t *testing.T) {
	s := newStory(t, testCase, false)
	s.approve(testPlan(false), 1)
	s.clock = s.clock.Add(-1e9)
	s.write(casefile.EntrySkip, 1, casefile.SkipBody{Run: 1, Reason: "x"})
	r := s.report()
	if last := r.NotProved[len(r.NotProved)-1]; last.Seq != 3 || !strings.Contains(last.Text, "clock") {
		t.Errorf("not proved ends in %+v", last)
	}
}

// A plan with nothing to contain must not look like a containment, neither when it is done nor when it is released.
func TestNothingToContain(t *testing.T) {
	for name, step := range map[string]casefile.Step{
		"a record":   {Phase: casefile.Preserve},
		"a detector": {Phase: casefile.Contain, Watches: true},
	} {
		s := newStory(t, testCase, false)
		p := testPlan(false)
		p.Steps = p.Steps[:1]
		p.Steps[0].Phase, p.Steps[0].Watches = step.Phase, step.Watches
		s.approve(p, 1)
		s.write(casefile.EntryDone, 1, casefile.DoneBody{Run: 1})
		r := s.report()
		if r.ContainedAfterMS != nil || r.State != casefile.Open || r.NotContained == "" {
			t.Errorf("%s: state %s, contained after %v, nothing %q", name, r.State, r.ContainedAfterMS, r.NotContained)
		}
		for what, data := range render(t, r) {
			if text := string(data); !strings.Contains(text, "nothing contained: ") || strings.Contains(text, "every containment step") {
				t.Errorf("%s: the %s report does not say that nothing is contained", name, what)
			}
		}
		if !strings.HasPrefix(r.isolatedWords(), "not planned") {
			t.Errorf("%s: isolated: %q", name, r.isolatedWords())
		}
		p.Kind, p.Steps = casefile.PlanRelease, nil
		s.approve(p, 1)
		if r := s.report(); !strings.Contains(r.stateWords(), "without ever having been contained") || !strings.HasPrefix(r.containedWords(), "no: ") {
			t.Errorf("%s, released: state %q, contained %q", name, r.stateWords(), r.containedWords())
		}
	}
}

// Of two subjects one was contained: after a release the report says neither that all were nor that none was.
func TestOneOfTwoContained(t *testing.T) {
	s := newStory(t, testCase, false)
	p := testPlan(false)
	p.Steps = p.Steps[:1]
	p.Steps[0].Phase = casefile.Contain
	p.Uncontained = []casefile.Subject{{Kind: casefile.IAMRole, ID: "AWSServiceRoleForSupport", Account: p.Account}}
	s.approve(p, 1)
	s.write(casefile.EntryDone, 1, casefile.DoneBody{Run: 1})
	const who = "not contained: iam-role AWSServiceRoleForSupport"
	if r := s.report(); r.State != casefile.Open || !strings.Contains(r.stateWords(), who) || !strings.Contains(r.containedWords(), who) {
		t.Errorf("state %s: %q, contained %q", r.State, r.stateWords(), r.containedWords())
	}
	p.Kind, p.Steps, p.Uncontained = casefile.PlanRelease, nil, nil
	s.approve(p, 1)
	if words := s.report().stateWords(); !strings.Contains(words, "never wholly contained") || strings.Contains(words, "without ever") || !strings.Contains(words, who) {
		t.Errorf("released: %q", words)
	}
}

func TestEmptyCase(t *testing.T) {
	r := newStory(t, testCase, false).report()
	for name, data := range render(t, r) {
		if len(data) == 0 || strings.Contains(string(data), "null,\n  \"steps") {
			t.Errorf("%s of a case without a plan: %s", name, data)
		}
	}
	if r.State != casefile.Open || len(r.Proved) != 0 {
		t.Errorf("state %s, proved %v", r.State, r.Proved)
	}
}
