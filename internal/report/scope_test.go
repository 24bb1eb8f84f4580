package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"cordon/internal/casefile"
	"cordon/internal/trail"
)

// scopeAnswer has something in every list. Every text that an intruder may choose is s, where s is given.
func scopeAnswer(s string) *trail.Document {
	name := func(calm string) string {
		if s != "" {
			return valid(s)
		}
		return calm
	}
	const at, later = "2026-11-23T02:00:00Z", "2026-11-23T02:05:00Z"
	account, region := name("111122223333"), name("eu-west-1")
	evidence := []string{name("e1"), name("e2"), name("e3"), name("e4")}
	node := func(id, parent string, events int, live, revoked string) trail.ScopeIdentity {
		n := trail.ScopeIdentity{ID: id, Kind: "session", ARN: name("arn:aws:sts::111122223333:assumed-role/web/" + id), AccessKey: name("ASIA" + id), Account: account, Parent: parent,
			Relation: trail.Derived, Confidence: trail.Certain, Rule: "sts-assume-role", Events: events, Issued: at, LiveUntil: live, RevokedAt: revoked, Addresses: []string{name("203.0.113.9")}, Evidence: evidence}
		if events > 0 {
			n.FirstSeen, n.LastSeen = at, later
		}
		return n
	}
	return &trail.Document{
		Seed: []trail.Seed{{Kind: "access-key", Value: name("AKIASEED")}},
		Summary: trail.Summary{Events: 9, Possible: 2, Corpus: 5000, FirstSeen: at, LastSeen: later, Accounts: []string{account}, Regions: []string{region},
			Outcomes: map[string]int{"success": 6, "denied": 2, "error": 1}, Own: 3, Unread: 1, Notes: []string{name("probing: 6 different calls were denied")}},
		Identities: []trail.ScopeIdentity{node("one", "", 9, "until revoked", ""), node("two", "one", 0, "2026-11-23T09:00:00Z", ""), node("three", "one", 1, "2026-11-23T02:10:00Z", ""), node("four", "one", 1, "", later), node("five", "one", 1, "", "")},
		Resources: []trail.ScopeResource{
			{ID: name("payroll"), Type: "AWS::S3::Bucket", Account: account, Region: region, Access: []trail.Access{trail.List}, Outcome: "attempted", Confidence: trail.Probable, Events: 1, FirstSeen: at, LastSeen: at, Evidence: evidence},
			{ID: name("db"), Type: "AWS::SecretsManager::Secret", Account: account, Region: region, Access: []trail.Access{trail.ReadData}, Outcome: "accessed", Secret: true, Confidence: trail.Certain, Events: 2, FirstSeen: at, LastSeen: later, Evidence: evidence},
		},
		Exposures:  []trail.ScopeExposure{{Resource: name("snap-1"), Type: "AWS::EC2::Snapshot", Account: account, Region: region, Grantee: name("444455556666"), Kind: "snapshot-share", Confidence: trail.Certain, Since: at, Evidence: evidence}},
		Techniques: []trail.Technique{{AttackID: "T1555.006", Name: "Cloud Secrets Management Stores", Events: 2, Evidence: evidence}},
		Indicators: []trail.Indicator{{Kind: "address", Value: name("203.0.113.9"), Events: 9, FirstSeen: at, LastSeen: later}},
		Contain:    []trail.Containment{{Do: "disable-key", Target: name("AKIASEED"), Account: account, Why: name("it lives"), Command: name("cordon plan access-key:AKIASEED")}},
		Coverage: trail.Coverage{
			Cells: []trail.CoverageCell{
				{Account: account, Region: region, Category: "Management", From: "2026-11-23T00:00:00Z", Until: "2026-11-23T02:00:00Z", State: "unknown"},
				{Account: account, Region: region, Category: "Management", From: "2026-11-23T02:00:00Z", Until: "2026-11-23T03:00:00Z", State: "logged", Events: 5000},
			},
			Gaps:   []trail.CoverageGap{{Account: account, Region: region, From: later, What: name("a trail was stopped"), Evidence: evidence}},
			Never:  []string{"DNS lookups"},
			Claims: []string{name("S3 objects read or written: unknown, no S3 data event is in the log")},
		},
	}
}

// scope keeps an answer as cordon scope does.
func (s *story) scope(d *trail.Document) {
	s.t.Helper()
	item := func(name string, v any) casefile.Artifact {
		data, err := json.Marshal(v)
		if err != nil {
			s.t.Fatal(err)
		}
		sha, size := s.keep(string(data))
		return casefile.Artifact{Name: name, Source: ScopeSource, SHA256: sha, Size: size}
	}
	in := trail.Ingest{Files: 3, Bytes: 4096, Records: 5010, Events: 5000, Duplicates: 10, Problems: []trail.Problem{{File: "x", Kind: "truncated"}}}
	s.write(casefile.EntryEvidence, 0, casefile.EvidenceBody{Items: []casefile.Artifact{item(ScopeName, d), item(IngestName, in)}})
}

func TestWithoutAScopeNothingIsSaidToBeNothing(t *testing.T) {
	for name, data := range render(t, wholeStory(t).report()) {
		if name == "report.json" {
			if !bytes.Contains(data, []byte(`"scope": null`)) {
				t.Errorf("%s has a scope that nobody made", name)
			}
			continue
		}
		if !bytes.Contains(data, []byte("Not looked at: this case has no scope")) || bytes.Contains(data, []byte("possibly theirs")) {
			t.Errorf("%s does not say that nobody looked", name)
		}
	}
}

// What lives is judged by the moment of the question, so that the same case gives the same words for ever.
func TestScopeSaysWhatLived(t *testing.T) {
	s := wholeStory(t)
	s.scope(scopeAnswer(""))
	r := s.report()
	if r.Scope == nil || r.Scope.Earlier != 0 || r.Scope.Seq == 0 || r.Scope.Resources[0].ID != "db" {
		t.Fatalf("%+v", r.Scope)
	}
	var lives []string
	for _, n := range r.Scope.Identities {
		words, _, _ := strings.Cut(r.Scope.lifeWords(n), ":")
		lives = append(lives, words)
	}
	if got, want := strings.Join(lives, "; "), "YES; YES, and was never seen in use; no; no; not known"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestTheLastScopeCounts(t *testing.T) {
	s := wholeStory(t)
	s.scope(scopeAnswer(""))
	later := scopeAnswer("")
	later.Summary.Events = 77
	s.scope(later)
	// Gathered evidence may have any name.
	sha, size := s.keep(`{"summary":{"events":1}}`)
	s.write(casefile.EntryEvidence, 1, casefile.EvidenceBody{Run: 1, Items: []casefile.Artifact{{Name: ScopeName, Source: ScopeSource, SHA256: sha, Size: size}}})
	s.write(casefile.EntryEvidence, 0, casefile.EvidenceBody{Items: []casefile.Artifact{{Name: ScopeName, Source: "S3 GetObject", SHA256: sha, Size: size}}})
	if r := s.report(); r.Scope == nil || r.Scope.Summary.Events != 77 || r.Scope.Earlier != 1 {
		t.Errorf("%+v", r.Scope)
	}
}

func TestAnUnreadableScopeIsSaid(t *testing.T) {
	s := wholeStory(t)
	s.scope(scopeAnswer(""))
	sha, size := s.keep("{")
	s.write(casefile.EntryEvidence, 0, casefile.EvidenceBody{Items: []casefile.Artifact{{Name: ScopeName, Source: ScopeSource, SHA256: sha, Size: size}}})
	r := s.report()
	if r.Scope == nil || r.Scope.Unreadable == "" || r.Scope.Summary.Events != 0 {
		t.Fatalf("%+v", r.Scope)
	}
	if md := string(r.Markdown()); !strings.Contains(md, "cannot be read, so nothing of it is shown") || strings.Contains(md, "Not looked at: this case") {
		t.Error("the report does not say that the scope cannot be read")
	}
}

// A scope of thousands of identities is a page that opens, and says what it leaves out.
func TestLongScopesAreCut(t *testing.T) {
	d := scopeAnswer("")
	for i := range 5000 {
		n := d.Identities[0]
		n.ID = fmt.Sprint("many", i)
		d.Identities = append(d.Identities, n)
	}
	s := wholeStory(t)
	s.scope(d)
	r := s.report()
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(page, []byte("(200 of 5005; all of them are in report.json and in the evidence)")) || len(page) > 1<<20 {
		t.Errorf("the page has %d bytes", len(page))
	}
	if len(r.Scope.Identities) != 5005 {
		t.Errorf("report.json has %d identities", len(r.Scope.Identities))
	}
}

// What is no log is no failure to read one, a service's name is no link, and a command that this version has no playbook
// for is not shown as if it had.
func TestScopeIsSaidInPlainWords(t *testing.T) {
	x := &Scope{Ingest: &trail.Ingest{Files: 3, Foreign: 1, Problems: []trail.Problem{{File: "README.txt", Kind: "not-a-log"}}}}
	if got, want := x.logWords(), "files: 3; bytes: 0; records: 0, of which further copies: 0; files that are no CloudTrail log: 1"; got != want {
		t.Errorf("the log is said to be %q, not %q", got, want)
	}
	x.Ingest.Problems = append(x.Ingest.Problems, trail.Problem{File: "cut.gz", Kind: "truncated"})
	if got := x.logWords(); !strings.Contains(got, "problems of reading, listed in the evidence: 1") {
		t.Errorf("the log is said to be %q", got)
	}
	d := scopeAnswer("")
	d.Coverage.Cells[0].Category = "Data:s3"
	s := wholeStory(t)
	s.scope(d)
	md := string(s.report().Markdown())
	for _, want := range []string{"Data of s3", "where cordon has no playbook yet, the command ends with exit 5"} {
		if !strings.Contains(md, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if strings.Contains(md, "Data[:]s3") {
		t.Error("a service's name is written as if it were a link")
	}
}

// What a plan was made from was looked at, though the case holds no answer: saying that nobody looked would be untrue.
func TestALogThatOnlyThePlanWasMadeFromIsSaid(t *testing.T) {
	s := newStory(t, testCase, false)
	p := testPlan(false)
	p.Warnings = []string{"log: 3 regions are not opted in to"}
	s.approve(p, 1)
	md := string(s.report().Markdown())
	if strings.Contains(md, "Not looked at") || !strings.Contains(md, "looked at for the plan") || !strings.Contains(md, "its answer is not in this case") {
		t.Errorf("the report says:\n%s", md)
	}
}
