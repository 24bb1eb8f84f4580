package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"cordon/internal/escape"
	"cordon/internal/trail"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scopeNow is a moment between the ends of the sessions of scopeStory.
var scopeNow = time.Date(2024, 5, 1, 10, 30, 0, 0, time.UTC)

// scopeStory is an answer with something in every section. Every name that an intruder chooses is s, where s is given.
func scopeStory(s string) *trail.Document {
	name := func(calm string) string {
		if s != "" {
			return s
		}
		return calm
	}
	const at, later = "2024-05-01T10:00:00Z", "2024-05-01T10:05:00Z"
	account := name("111122223333")
	node := func(id, kind, parent string, r trail.Relation, c trail.Confidence) trail.ScopeIdentity {
		return trail.ScopeIdentity{ID: id, Kind: kind, ARN: name("arn:aws:iam::111122223333:user/" + id), AccessKey: name("AKIA" + id), Account: account, Parent: parent, Relation: r,
			Confidence: c, Rule: "sts-assume-role", Events: 12, Denied: 2, FirstSeen: at, LastSeen: later, Issued: at, Addresses: []string{name("203.0.113.9"), "ec2.amazonaws.com"}, UserAgents: []string{name("aws-cli/2")}}
	}
	seed := node("SEED", "access-key", "", trail.BySeed, trail.Certain)
	seed.LiveUntil = "until revoked"
	session := node("ONE", "session", "SEED", trail.Derived, trail.Certain)
	session.LiveUntil = "2024-05-01T11:00:00Z"
	over := node("TWO", "session", "ONE", trail.Derived, trail.Certain)
	over.LiveUntil = "2024-05-01T10:20:00Z"
	unused := node("UNUSED", "session", "ONE", trail.Derived, trail.Certain)
	unused.LiveUntil, unused.Events, unused.Denied, unused.FirstSeen, unused.LastSeen, unused.Addresses = "2024-05-01T22:00:00Z", 0, 0, "", "", nil
	made := node("MADE", "iam-user", "SEED", trail.CreatedIdentity, trail.Probable)
	made.RevokedAt, made.Events, made.Denied = later, 1, 0
	bystander := node("OTHER", "console", "SEED", trail.SamePrincipal, trail.Possible)
	bystander.LiveUntil = "until revoked"
	thing := func(kind, id, outcome string, secret bool, access ...trail.Access) trail.ScopeResource {
		return trail.ScopeResource{ID: name(id), Type: kind, Account: account, Region: name("eu-west-1"), Access: access, Outcome: outcome, Secret: secret, Confidence: trail.Certain, Events: 3, FirstSeen: at, LastSeen: later}
	}
	d := &trail.Document{
		Seed: []trail.Seed{{Kind: "access-key", Value: name("AKIASEED")}},
		Summary: trail.Summary{Events: 37, Possible: 12, Corpus: 5000, FirstSeen: at, LastSeen: later, Accounts: []string{account}, Regions: []string{name("eu-west-1"), "us-east-1"},
			Outcomes: map[string]int{"success": 30, "denied": 6, "error": 1}, Own: 4, Unread: 2, Notes: []string{name("probing: 6 different calls were denied")}},
		Identities: []trail.ScopeIdentity{seed, session, over, unused, made, bystander},
		Resources: []trail.ScopeResource{
			thing("AWS::S3::Bucket", "payroll", "accessed", false, trail.List, trail.ReadData),
			thing("AWS::SecretsManager::Secret", "db", "accessed", true, trail.ReadData),
			thing("AWS::EC2::Instance", "i-0abc", "accessed", false, trail.ReadConfig, trail.Execute),
			thing("AWS::S3::Bucket", "backups", "attempted", false, trail.Delete),
		},
		Exposures: []trail.ScopeExposure{
			{Resource: name("snap-1"), Type: "AWS::EC2::Snapshot", Account: account, Region: name("eu-west-1"), Grantee: name("444455556666"), Kind: "snapshot-share", Confidence: trail.Certain, Since: at},
			{Resource: name("sg-1"), Type: "AWS::EC2::SecurityGroup", Account: account, Region: name("eu-west-1"), Grantee: "0.0.0.0/0", Kind: "security-group", Confidence: trail.Certain, Since: at, RevokedAt: later},
		},
		Techniques: []trail.Technique{{AttackID: "T1555.006", Name: "Cloud Secrets Management Stores", Events: 3}, {AttackID: "T1078.004", Name: "Cloud Accounts", Events: 1}},
		Contain: []trail.Containment{
			{Do: "disable-key", Target: name("AKIASEED"), Account: account, Why: "it lives", Command: "cordon plan access-key:" + name("AKIASEED")},
			{Do: "review", Target: name("sg-1"), Account: account, Region: name("eu-west-1"), Why: name("opened to everybody")},
		},
		Coverage: trail.Coverage{
			Cells: []trail.CoverageCell{
				{Account: account, Region: name("eu-west-1"), Category: "Management", From: "2024-05-01T00:00:00Z", Until: "2024-05-01T10:00:00Z", State: "unknown"},
				{Account: account, Region: name("eu-west-1"), Category: "Management", From: "2024-05-01T10:00:00Z", Until: "2024-05-01T11:00:00Z", State: "logged", Events: 5000},
				{Account: account, Region: name("eu-west-1"), Category: "Management", From: "2024-05-01T11:00:00Z", Until: "2024-05-01T13:00:00Z", State: "gap"},
			},
			Gaps:   []trail.CoverageGap{{Account: account, Region: name("eu-west-1"), From: later, What: name("a trail was stopped")}},
			Never:  []string{"what happens inside a host", "DNS lookups"},
			Claims: []string{name("S3 objects read or written: unknown, no S3 data event is in the log")},
		},
	}
	return d
}

func scopeShown(t *testing.T, d *trail.Document, width int) string {
	t.Helper()
	var b bytes.Buffer
	if err := scopeText(&b, d, width, scopeNow); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestScopeTextGolden(t *testing.T) {
	empty := &trail.Document{Seed: []trail.Seed{{Kind: "address", Value: "203.0.113.9"}}, Summary: trail.Summary{Corpus: 20}}
	for file, got := range map[string]string{
		"scope.txt":         scopeShown(t, scopeStory(""), 110),
		"scope-hostile.txt": scopeShown(t, scopeStory("\x1b[2J\r\n  LIVES\u202e"+strings.Repeat("   pad", 60)), 110),
		"scope-nothing.txt": scopeShown(t, empty, 110),
	} {
		path := filepath.Join("testdata", "golden", file)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil || string(want) != got {
			t.Errorf("%s differs from what is shown now (%v); look at it, then go test -update:\n%s", path, err, got)
		}
	}
}

// Whatever the names are, the answer has the same lines, and nothing in it acts on the terminal.
func TestScopeTextOfHostileNames(t *testing.T) {
	calm := strings.Split(scopeShown(t, scopeStory("calm"), 0), "\n")
	for _, s := range []string{
		"\x1b[2J\x1b[1;1Hall clear", "\x1b]0;title\x07", "\u009b2J", "\x9b2J\xff", "a\nb\r\nc", "invoice\u202egpj.exe", "ad\u200bmin", "line\u2028separator",
		"hidden\U000e0041", strings.Repeat("x", 100_000), strings.Repeat(" ", 500) + "DO FIRST", "\tx", "%s%d%!", "└─ access-key",
	} {
		got := strings.Split(scopeShown(t, scopeStory(s), 0), "\n")
		if !utf8.ValidString(strings.Join(got, "")) || strings.ContainsFunc(strings.Join(got, ""), escape.Hidden) {
			t.Errorf("%.40q: a hidden character is shown", s)
		}
		if len(got) != len(calm) {
			t.Errorf("%.40q: %d lines, calm names give %d", s, len(got), len(calm))
			continue
		}
		for i, line := range got {
			if n := utf8.RuneCountInString(line); n > 4*shownProse && !strings.Contains(line, "cordon plan") {
				t.Errorf("%.40q: line %d has %d characters", s, i+1, n)
			}
			if a, b := indent(line), indent(calm[i]); a != b {
				t.Errorf("%.40q: line %d begins with %q, with calm names %q", s, i+1, a, b)
			}
		}
	}
}

func indent(line string) string { return line[:len(line)-len(strings.TrimLeft(line, " │├└─"))] }

// A command is copied into a shell, and is never cut: it is shown whole, or not at all.
func TestScopeTextShowsNoCommandThatAShellActsOn(t *testing.T) {
	for target, shown := range map[string]bool{"AKIASEED": true, "user/a=b+c,d@e": true, "'a b'": true, strings.Repeat("a", 500): true, strings.Repeat("a", 5000): false,
		"$(reboot)": false, "`x`": false, "a;b": false, "a\nb": false, "a|b": false, "a>b": false, "a&b": false, "\u202ea": false, "é": false, `"a"`: false, "!x": false} {
		d := scopeStory("")
		d.Contain[0].Command = "cordon plan " + target
		if got := strings.Contains(scopeShown(t, d, 80), "        "+d.Contain[0].Command+"\n"); got != shown {
			t.Errorf("%q is shown as a command: %v", target, got)
		}
	}
}

// Identities whose parents are missing or lead in a circle are shown all the same, each once, and the tree ends.
func TestScopeTextTree(t *testing.T) {
	d := &trail.Document{Summary: trail.Summary{Corpus: 1, Events: 1}}
	add := func(id, parent string) {
		d.Identities = append(d.Identities, trail.ScopeIdentity{ID: id, Kind: "session", Parent: parent, Relation: trail.Derived, Confidence: trail.Certain, Rule: "r", Events: 1})
	}
	add("self", "self")
	add("a", "b")
	add("b", "a")
	add("orphan", "gone")
	for i := range 20 {
		add(fmt.Sprint("deep", i), fmt.Sprint("deep", i-1))
	}
	text := scopeShown(t, d, 80)
	for _, n := range d.Identities {
		if got := strings.Count(text, "session "+n.ID+"  "); got != 1 {
			t.Errorf("%s is shown %d times:\n%s", n.ID, got, text)
		}
	}
	for i := range 2000 {
		add(fmt.Sprint("many", i), "orphan")
	}
	text = scopeShown(t, d, 80)
	if n := strings.Count(text, "\n"); n > 4*shownNodes || !strings.Contains(text, "… and "+thousands(len(d.Identities)-shownNodes)+" more") {
		t.Errorf("%d lines for %d identities", n, len(d.Identities))
	}
}
