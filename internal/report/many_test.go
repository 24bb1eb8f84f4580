package report

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"cordon/internal/casefile"
)

func user(i int) casefile.Target {
	return casefile.Target{Kind: casefile.IAMUser, ID: fmt.Sprintf("user-%04d", i), Account: "111122223333"}
}

// crowded is a plan for so many users, of whom all but two are denied.
func crowded(t testing.TB, users int) *story {
	s := newStory(t, testCase, false)
	p := accountPlan()
	p.Steps = nil
	for i := range users {
		p.Steps = append(p.Steps, casefile.Step{
			N: i + 1, After: []int{}, Action: "iam-deny-user", Phase: casefile.Contain, Target: user(i), Summary: "Deny everything.",
			Change: "everything -> denied", Params: map[string]string{"form": "all", "user_id": fmt.Sprintf("AIDA%04d", i)}, Impact: []string{}, Reads: []string{}, Writes: []string{},
		})
	}
	p.Steps[0].Impact = []string{"left in: the responders"}
	s.plan = s.putPlan(p)
	s.write(casefile.EntryApprove, 0, casefile.ApproveBody{Plan: s.plan, Kind: p.Kind, Run: 1, How: "flag", Second: s.second(p, "bob")})
	for i := range users {
		s.intent(i+1, user(i), "iam-deny-user", `{"policy":"none"}`)
		if i == 7 || i == users-2 {
			s.write(casefile.EntryFailed, i+1, casefile.FailedBody{Run: 1, Error: fmt.Sprintf("throttled %d", i)})
			continue
		}
		s.done(i+1, `{"policy":"all"}`)
	}
	return s
}

var detailsRE = regexp.MustCompile(`(?s)<details>.*?</details>`)

// TestManySteps: of a thousand equal steps a reader sees one line, what failed beside it, and finds each when looking.
func TestManySteps(t *testing.T) {
	const users = 300
	r := crowded(t, users).report()
	files := render(t, r)
	page := string(files["report.html"])
	seen := detailsRE.ReplaceAllString(page, "")
	if n := strings.Count(seen, "<tr>"); n > 60 {
		t.Errorf("%d rows are seen at once", n)
	}
	for _, want := range []string{
		"throttled 7", "throttled 298", "each iam-user from user-0000 to user-0299", "everything -&gt; denied; form: all; each with its own user_id", ">298<",
		"on each iam-user from user-0000 to user-0299 was in effect when it was read back between", "left in: the responders",
	} {
		if !strings.Contains(seen, want) {
			t.Errorf("the page does not show %q at once", want)
		}
	}
	if strings.Index(seen, "throttled 7") > strings.Index(seen, "each iam-user from") {
		t.Error("what failed comes after what did not")
	}
	for i := range users {
		if want := fmt.Sprintf("user-%04d, in account", i); !strings.Contains(page, want) {
			t.Fatalf("the page lacks %s", user(i).ID)
		}
	}
	if md := files["report.md"]; len(md) > 200_000 || !strings.Contains(string(md), "the first 60 of ") {
		t.Errorf("the Markdown has %d bytes, or does not say what it leaves out", len(md))
	}
	if n := len(r.Proved) + len(r.NotProved); n != users+2 {
		t.Errorf("report.json has %d claims", n)
	}
}

// A time of the journal ends in as many digits as it needs, so that its text is in no order.
func TestEndsAreInTime(t *testing.T) {
	var steps []Step
	for _, at := range []string{"2026-11-23T02:14:01.5Z", "", "2026-11-23T02:14:01.52Z", "2026-11-23T02:14:01Z", "2026-11-23T02:14:01.123456Z"} {
		steps = append(steps, Step{StepStatus: casefile.StepStatus{Ended: at}})
	}
	first, last := ends(steps, func(s Step) string { return s.Ended })
	if first != "2026-11-23T02:14:01Z" || last != "2026-11-23T02:14:01.52Z" {
		t.Errorf("from %s to %s", first, last)
	}
}

// TestCrowdComesBack: a release of many is told in few lines, and what stayed first.
func TestCrowdComesBack(t *testing.T) {
	const users = 100
	s := crowded(t, users)
	release := releasePlan(s.plan)
	release.Subject = accountPlan().Subject
	plan := s.plan
	s.plan = s.putPlan(release)
	second := s.second(release, "bob")
	hash := s.plan
	s.plan = plan
	s.write(casefile.EntryApprove, 0, casefile.ApproveBody{Plan: hash, Kind: release.Kind, Run: 1, How: "flag", Second: second})
	for i := range users {
		if i == 50 {
			s.write(casefile.EntryDrift, i+1, casefile.DriftBody{Run: 1, Reason: "somebody took it off", Observed: json.RawMessage(`{"policy":"none"}`)})
			continue
		}
		s.clock = s.clock.Add(time.Second)
		s.write(casefile.EntryUndone, i+1, casefile.UndoneBody{Run: 1, Release: hash, Sent: true, Observed: json.RawMessage(`{"policy":"none"}`)})
	}
	seen := detailsRE.ReplaceAllString(string(render(t, s.report())["report.html"]), "")
	_, told, _ := strings.Cut(seen, `<h2 id="release">`)
	left, back := strings.Index(told, "somebody took it off"), strings.Index(told, PutBack)
	if left < 0 || back < left || !strings.Contains(told, ">99<") {
		t.Errorf("the release is not told: left at %d, put back at %d", left, back)
	}
}

// BenchmarkManySteps makes the three files of a case of 3,000 steps: less than 3 s and 20 MB is what a reader waits for.
func BenchmarkManySteps(b *testing.B) {
	s := crowded(b, 3000)
	for b.Loop() {
		r := s.report()
		page, err := r.HTML()
		if err != nil {
			b.Fatal(err)
		}
		data, err := r.JSON()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(page)), "html-bytes")
		b.ReportMetric(float64(len(data)), "json-bytes")
		b.ReportMetric(float64(len(r.Markdown())), "md-bytes")
	}
}
