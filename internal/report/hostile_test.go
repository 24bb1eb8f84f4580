package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"cordon/internal/casefile"
	"cordon/internal/escape"
)

// hostile is what an attacker puts into names, tags and addresses.
var hostile = []string{
	"<script>document.title='PWNED'</script>",
	"</title><script>document.title='PWNED'</script>",
	"</style><img src=x onerror=\"document.title='PWNED'\">",
	"'\"><svg onload=document.title='PWNED'>",
	"--><iframe srcdoc='<script>parent.document.title=`PWNED`</script>'>",
	"javascript:document.title='PWNED'",
	"[click](javascript:document.title='PWNED')",
	"![x](http://evil.example/beacon.png)",
	"<http://evil.example/>",
	"http://evil.example/?a=1&b=2",
	"_https://evil.example",
	"www.evil.example",
	"a | b | c",
	`a \| b`,
	"`code` ```",
	"| --- | --- |",
	"# heading",
	"> quote",
	"- [ ] task",
	"1. one",
	"    indented",
	"a\n\n# injected\n\n<b>",
	"@everyone @team/admins",
	"$\\unicode{x}$ {{ 7*7 }} {% raw %} ${7*7}",
	"&lt;script&gt; &#60;b&#62;",
	"\x1b[2J\x1b[1;1Hall clear",
	"\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
	"\x1b]0;title\x07",
	"\u009b2J",
	"\x9b2J\xff\xfe",
	"invoice\u202egpj.exe",
	"\u2066rtl\u2069",
	"ad\u200bmin",
	"line\u2028separator\u2029",
	"hidden\U000e0041\U000e0042",
	"=HYPERLINK(\"http://evil.example\",\"x\")",
	"+1+cmd|' /C calc'!A0",
	"@SUM(1+1)*cmd|' /C calc'!A0",
	"-2+3",
	"\t=1+1",
	"＝1＋1",
	"{{template \"text\" .}}",
	"\ufffe\x00\x7f",
	strings.Repeat("A", 3000),
	"ｊａｖａscript:alert(1)",
	"%0d%0aSet-Cookie: x",
	"../../../../etc/passwd",
	"$(touch /tmp/pwned); `id`; & calc",
}

// valid is what a journal keeps of a text: each byte that is not UTF-8 becomes U+FFFD.
func valid(s string) string { return string([]rune(s)) }

// hostileStory puts one text into every place that an attacker may reach.
func hostileStory(t *testing.T, s string) *story {
	st := newStory(t, testCase, true)
	sub := casefile.Subject{Kind: casefile.Kind(s), ID: s, ARN: s, Account: s, Region: s, Playbook: s}
	in := casefile.Incident{
		Finding:  casefile.FindingRef{ID: s, Type: s, Title: s, Account: s, Region: s, File: s, Shape: s},
		Subjects: []casefile.Subject{sub}, Context: []casefile.Subject{sub},
		Actor: casefile.Actor{Principal: s, PrincipalType: s, PrincipalID: s, Session: s, AccessKey: s,
			Addresses: []string{s}, Countries: []string{s}, Organisations: []string{s}},
		Indicators: casefile.Indicators{Addresses: []string{s}, Domains: []string{s}, Hashes: []string{s}},
		Start:      s, End: s, Notes: []string{s},
	}
	st.w.By.Person, st.w.By.ARN = s, s
	sha, size := st.keep(s)
	st.write(casefile.EntryFinding, 0, casefile.FindingBody{SHA256: sha, Size: size, Incident: in})
	tg := casefile.Target{Kind: casefile.Kind(s), ID: s, ARN: s, Account: s, Region: s, Parent: s}
	state, err := json.Marshal(map[string]string{"name": valid(s)})
	if err != nil {
		t.Fatal(err)
	}
	v := valid(s)
	plan := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: testCase, Account: v, Region: v, Subject: sub, Unanswered: []casefile.Subject{sub},
		Survives: []string{v}, NotCaptured: []string{v}, Warnings: []string{v},
	}
	for n := 1; n <= 6; n++ {
		plan.Steps = append(plan.Steps, casefile.Step{N: n, After: []int{}, Action: v, Phase: casefile.Phase(v), Target: tg, Summary: v, Change: v,
			Impact: []string{v}, Irreversible: v, Partly: v, AccountWide: v, Params: map[string]string{v: v, "list": v + "\n" + v}, Reads: []string{}, Writes: []string{}})
	}
	plan.Management = v
	st.plan = st.putPlan(plan)
	// A name that fills a countersignature is refused when it is made; one that is no signature at all is what is left.
	st.write(casefile.EntryApprove, 0, casefile.ApproveBody{Plan: st.plan, Kind: plan.Kind, Run: 1, How: s, Second: st.second(plan, valid(s)[:min(len(valid(s)), 500)])})
	st.write(casefile.EntryApprove, 0, casefile.ApproveBody{Plan: st.plan, Kind: plan.Kind, Run: 1, How: s, Second: s})
	calls := []casefile.Operation{{Service: s, Operation: s, RequestID: s, Error: s}}
	st.intent(1, tg, s, string(state))
	st.write(casefile.EntryEvidence, 1, casefile.EvidenceBody{Run: 1, Calls: calls, Items: []casefile.Artifact{{Name: s, Source: s, Target: tg, ID: s, State: s, Lock: s}}})
	st.write(casefile.EntryLoss, 1, casefile.LossBody{Run: 1, Lost: []casefile.Loss{{Name: s + "2", Source: s, Target: tg, Reason: s}}})
	st.write(casefile.EntryDone, 1, casefile.DoneBody{Run: 1, Sent: true, After: state, Calls: calls})
	st.intent(2, tg, s, string(state))
	st.write(casefile.EntryFailed, 2, casefile.FailedBody{Run: 1, Error: s, Observed: state, Calls: calls})
	st.write(casefile.EntrySkip, 3, casefile.SkipBody{Run: 1, Reason: s})
	st.intent(4, tg, s, string(state))
	st.write(casefile.EntryDrift, 4, casefile.DriftBody{Run: 1, Reason: s, Observed: state})
	st.intent(5, tg, s, string(state))
	st.done(5, string(state))
	release := releasePlan(st.plan)
	release.Warnings = []string{v}
	hash := st.approve(release, 1)
	st.write(casefile.EntryUndone, 5, casefile.UndoneBody{Run: 1, Release: hash, Sent: true, Observed: state, Partly: s, Calls: calls})
	st.intent(6, tg, s, string(state))
	st.write(casefile.EntrySkip, 6, casefile.SkipBody{Run: 1, Reason: s, Left: true})
	st.scope(scopeAnswer(s))
	return st
}

func TestHostileTextStaysText(t *testing.T) {
	calm := render(t, hostileStory(t, "calm").report())
	for i, s := range hostile {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			files := render(t, hostileStory(t, s).report())
			for name, data := range files {
				clean(t, name, data)
			}
			sameTags(t, files["report.html"], calm["report.html"])
			sameShape(t, files["report.md"], calm["report.md"])
			exactIn(t, files["report.json"], valid(s))
		})
	}
}

// clean looks for runes that act on what shows the file. Line ends are the file's own.
func clean(t *testing.T, name string, data []byte) {
	t.Helper()
	if !utf8.Valid(data) {
		t.Errorf("%s is not UTF-8", name)
	}
	for i, r := range string(data) {
		if r != '\n' && escape.Hidden(r) {
			t.Errorf("%s holds %U at byte %d", name, r, i)
			return
		}
	}
}

var tagRE = regexp.MustCompile(`<[^>]*>`)

// sameTags compares the page's tags with those of a page whose texts are harmless, and looks for links that a
// mail or PDF viewer would make.
func sameTags(t *testing.T, page, calm []byte) {
	t.Helper()
	got, want := tags(page), tags(calm)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("hostile text changed the page's tags")
	}
	body := html.UnescapeString(tagRE.ReplaceAllString(string(page), " "))
	for _, link := range []string{"http://", "https://", " www."} {
		if strings.Contains(body, link) {
			t.Errorf("the page holds %q, of which a viewer makes a link", link)
		}
	}
}

// tags leaves out the tables' own names, which hold the phase.
func tags(page []byte) []string {
	found := tagRE.FindAllString(string(page), -1)
	for i, f := range found {
		if strings.HasPrefix(f, "<div class=\"scroll\"") {
			found[i] = "<div>"
		}
	}
	return found
}

// markupRE is what may not stand in a line once its escapes are taken out. The > of a quotation and the * of a
// bold name are the report's own.
var markupRE = regexp.MustCompile("[<`\\[\\]{}~$^%@]|https?://")

// sameShape compares what begins each line, and how many cells each row has.
func sameShape(t *testing.T, md, calm []byte) {
	t.Helper()
	a, b := strings.Split(string(md), "\n"), strings.Split(string(calm), "\n")
	if len(a) != len(b) {
		t.Fatalf("hostile text changed the number of lines of the Markdown: %d, want %d", len(a), len(b))
	}
	for i := range a {
		if strings.HasPrefix(a[i], "```") || strings.HasPrefix(a[i], "cordon verify") {
			continue
		}
		if strings.Count(a[i], "|") != strings.Count(b[i], "|") {
			t.Errorf("line %d has other cells:\n%s", i+1, a[i])
		}
		if lead(a[i]) != lead(b[i]) {
			t.Errorf("line %d begins as another block:\n%s", i+1, a[i])
		}
		if m := markupRE.FindString(unbackslash(a[i])); m != "" {
			t.Errorf("line %d holds %q:\n%s", i+1, m, a[i])
		}
	}
}

func lead(line string) string { return line[:len(line)-len(strings.TrimLeft(line, "#>-| "))] }

// exactIn looks for the text itself among the strings of the JSON.
func exactIn(t *testing.T, data []byte, want string) {
	t.Helper()
	var r Report
	dec := json.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Incident.Finding.Title != want {
		t.Errorf("report.json does not have the finding's title as it is: %+v", r.Findings)
	}
	if r.Scope == nil || r.Scope.Resources[0].ID != want || r.Scope.Summary.Notes[0] != want {
		t.Errorf("report.json does not have the scope's texts as they are: %+v", r.Scope)
	}
}

// A case id goes into the title and into a command that people paste.
func TestHostileCaseID(t *testing.T) {
	for _, s := range hostile {
		id := valid(s)
		r := newStory(t, id, false).report()
		if !regexp.MustCompile(`^cordon verify [A-Za-z0-9._][A-Za-z0-9._-]* --head 1:[0-9a-f]{64}$`).MatchString(r.Verify) {
			t.Errorf("case %q: verify command %q", id, r.Verify)
		}
		for name, data := range render(t, r) {
			clean(t, name, data)
			if bytes.Contains(data, []byte("<script>")) || bytes.Contains(data, []byte("SIMULATED")) {
				t.Errorf("case %q: %s holds what it must not", id, name)
			}
		}
	}
}
