package report

import (
	"strings"
	"testing"

	"cordon/internal/casefile"
)

func accountPlan() casefile.Plan {
	p := testPlan(false)
	p.Subject = casefile.Subject{Kind: casefile.AWSAccount, ID: "111122223333", Account: "111122223333", Playbook: "account"}
	p.Finding, p.Steps = nil, p.Steps[:1]
	return p
}

// TestSecondSignatures tells what is shown of who signed with whom, and that two keys are never said to be two people.
func TestSecondSignatures(t *testing.T) {
	for name, c := range map[string]struct {
		second  func(*story, casefile.Plan) string
		signer  string
		problem string
	}{
		"another's":       {func(s *story, p casefile.Plan) string { return s.second(p, "bob") }, "bob", ""},
		"nobody's":        {func(*story, casefile.Plan) string { return "" }, "", "there is none"},
		"the first's own": {func(s *story, p casefile.Plan) string { return s.signed(s.w.Signer, p, "bob") }, "bob", "both signatures are by one key"},
		"for another case": {func(s *story, p casefile.Plan) string {
			p.Case = "other"
			return s.second(p, "bob")
		}, "bob", "of case other"},
		"rubbish": {func(*story, casefile.Plan) string { return "<b>" }, "", "it is no signed note"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory(t, testCase, false)
			p := accountPlan()
			s.plan = s.putPlan(p)
			s.write(casefile.EntryApprove, 0, casefile.ApproveBody{Plan: s.plan, Kind: p.Kind, Run: 1, How: "flag", Second: c.second(s, p)})
			r := s.report()
			a := r.Approvals[0]
			if a.NeedsSecond == "" || a.Key != s.w.Signer.VerifierKey() || !strings.Contains(a.SecondProblem, c.problem) || (a.SecondProblem == "") != (c.problem == "") {
				t.Errorf("the approval is %+v", a)
			}
			if got := a.SecondSigner; (got != nil) != (c.signer != "") || got != nil && got.Person != c.signer {
				t.Errorf("the second signer is %+v, want %q", got, c.signer)
			}
			proved, unproved := texts(r.Proved), texts(r.NotProved)
			if said := strings.Contains(proved, "two different keys"); said != (c.problem == "") {
				t.Errorf("proved:\n%s", proved)
			}
			want := "belong to two people"
			if c.problem != "" {
				want = "That a second person approved the contain plan"
			}
			if !strings.Contains(unproved, want) {
				t.Errorf("not proved:\n%s", unproved)
			}
			page := string(r.Markdown())
			for _, want := range []string{"Second signatures", "about account 111122223333 as a whole", escapeMarkdown(show(s.w.Signer.VerifierKey()))} {
				if !strings.Contains(page, want) {
					t.Errorf("the report does not say %q", want)
				}
			}
			if counts := !strings.Contains(page, "DOES NOT COUNT"); counts != (c.problem == "") {
				t.Errorf("the report says that the second signature counts: %v", counts)
			}
		})
	}
}

// One person's approval of what one person may approve says nothing of a second.
func TestOneSignatureIsEnough(t *testing.T) {
	page := string(wholeStory(t).report().Markdown())
	if strings.Contains(page, "Second signatures") || strings.Contains(page, "two people") {
		t.Error("a second signature is asked for where none is needed")
	}
}

// TestNothingIsolates: a user is denied, and a report on that does not speak of isolation.
func TestNothingIsolates(t *testing.T) {
	s := newStory(t, testCase, false)
	s.approve(accountPlan(), 1)
	for name, data := range render(t, s.report()) {
		if name != "report.json" && strings.Contains(strings.ToLower(string(data)), "isolat") {
			t.Errorf("%s speaks of isolation", name)
		}
	}
}

func texts(claims []Claim) string {
	var all []string
	for _, c := range claims {
		all = append(all, c.Text)
	}
	return strings.Join(all, "\n")
}
