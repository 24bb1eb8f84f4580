package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cordon/internal/casefile"
	"cordon/internal/finding"
	"cordon/internal/trail"
)

func TestSeedSpellings(t *testing.T) {
	for spelling, want := range map[string]string{
		"AKIAIOSFODNN7EXAMPLE":                                            "access-key AKIAIOSFODNN7EXAMPLE",
		"ASIAIOSFODNN7EXAMPLE":                                            "access-key ASIAIOSFODNN7EXAMPLE",
		"arn:aws:iam::111122223333:user/dev/alice":                        "user arn:aws:iam::111122223333:user/dev/alice",
		"arn:aws-us-gov:iam::111122223333:role/web":                       "role arn:aws-us-gov:iam::111122223333:role/web",
		"arn:aws-cn:sts::111122223333:assumed-role/web/alice@example.com": "session arn:aws-cn:sts::111122223333:assumed-role/web/alice@example.com",
		"arn:aws:iam::111122223333:root":                                  "root arn:aws:iam::111122223333:root",
		"arn:aws:sts::111122223333:federated-user/bob":                    "federated-user arn:aws:sts::111122223333:federated-user/bob",
		"arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0": "instance i-0123456789abcdef0",
		"arn:aws:lambda:eu-west-1:111122223333:function:thumbnails":       "function arn:aws:lambda:eu-west-1:111122223333:function:thumbnails",
		"i-0123456789abcdef0":                                             "instance i-0123456789abcdef0",
		"i-0123abcd":                                                      "instance i-0123abcd",
		"203.0.113.9":                                                     "address 203.0.113.9",
		"::ffff:203.0.113.9":                                              "address 203.0.113.9",
		"203.0.113.77/24":                                                 "address 203.0.113.0/24",
		"2001:DB8::1":                                                     "address 2001:db8::1",
		"a0000000-0000-4000-8000-000000000001":                            "event a0000000-0000-4000-8000-000000000001",
		"111122223333":                                                    "account 111122223333",
		"AKIA":                                                            "",
		"AKIAIOSFODNN7EXAMPLE\n":                                          "",
		"akiaiosfodnn7example":                                            "",
		"arn:aws:s3:::bucket":                                             "",
		"arn:aws:iam::111122223333:user/":                                 "",
		"arn:aws:iam::1111:user/alice":                                    "",
		"arn:aws:sts::111122223333:assumed-role/web":                      "",
		"arn:aws:ec2:eu-west-1:111122223333:instance/i-0123456789abcdef0 ; x": "",
		"0.0.0.0/0":                   "",
		"::/0":                        "",
		"fe80::1%eth0":                "",
		"i-":                          "",
		"../finding.json":             "",
		"a0000000-0000-4000-8000-000": "",
		"":                            "",
	} {
		s, ok := parseSeed(spelling)
		got := s.Kind + " " + s.Value
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q is read as %q, not %q", spelling, got, want)
		}
	}
}

// TestSeedsOfAFinding holds what of a finding starts the question.
func TestSeedsOfAFinding(t *testing.T) {
	user := casefile.Subject{Kind: casefile.IAMUser, ID: "mallory", Account: "111122223333", Region: "eu-west-1"}
	role := casefile.Subject{Kind: casefile.IAMRole, ID: "web", Account: "111122223333", Region: "cn-north-1"}
	instance := casefile.Subject{Kind: casefile.EC2Instance, ID: "i-0123456789abcdef0"}
	start := "2026-11-23T02:00:00Z"
	bounded := func(kind, value string) trail.Seed {
		return trail.Seed{Kind: kind, Value: value, From: time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)}
	}
	for _, c := range []struct {
		name string
		in   casefile.Incident
		want []trail.Seed
	}{
		{"a key, not its user: the user's other sessions are other people's",
			casefile.Incident{Start: start, Subjects: []casefile.Subject{user}, Actor: casefile.Actor{AccessKey: "AKIAIOSFODNN7EXAMPLE", Principal: "mallory", Addresses: []string{"203.0.113.9"}}},
			[]trail.Seed{bounded("access-key", "AKIAIOSFODNN7EXAMPLE"), bounded("address", "203.0.113.9")}},
		{"a session's key, for as long as it lives",
			casefile.Incident{Start: start, Subjects: []casefile.Subject{role}, Actor: casefile.Actor{AccessKey: "ASIAIOSFODNN7EXAMPLE", Principal: "web", Session: "x"}},
			[]trail.Seed{{Kind: "access-key", Value: "ASIAIOSFODNN7EXAMPLE"}}},
		{"without a key, the user",
			casefile.Incident{Start: start, Subjects: []casefile.Subject{user}, Actor: casefile.Actor{Principal: "mallory"}},
			[]trail.Seed{bounded("user", "arn:aws:iam::111122223333:user/mallory")}},
		{"without a key, the session rather than the role, in the region's partition",
			casefile.Incident{Start: start, Subjects: []casefile.Subject{role}, Actor: casefile.Actor{Principal: "web", Session: "x"}},
			[]trail.Seed{bounded("session", "arn:aws-cn:sts::111122223333:assumed-role/web/x")}},
		{"an address that was seen on the network alone is no seed",
			casefile.Incident{Start: start, Subjects: []casefile.Subject{instance}, Actor: casefile.Actor{Addresses: []string{"203.0.113.9"}}},
			[]trail.Seed{bounded("instance", "i-0123456789abcdef0")}},
		{"an instance that leaked a key works on for its owner",
			casefile.Incident{Finding: casefile.FindingRef{Type: "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"}, Subjects: []casefile.Subject{instance}, Actor: casefile.Actor{AccessKey: "ASIAIOSFODNN7EXAMPLE"}},
			[]trail.Seed{{Kind: "access-key", Value: "ASIAIOSFODNN7EXAMPLE"}}},
		{"and is a seed where the key has no syntax",
			casefile.Incident{Finding: casefile.FindingRef{Type: "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS"}, Subjects: []casefile.Subject{instance}, Actor: casefile.Actor{AccessKey: "x"}},
			[]trail.Seed{{Kind: "instance", Value: "i-0123456789abcdef0"}}},
		{"nor one that is many people's",
			casefile.Incident{Subjects: []casefile.Subject{user}, Actor: casefile.Actor{AccessKey: "AKIAIOSFODNN7EXAMPLE", Addresses: []string{"10.0.0.1", "100.64.1.1", "169.254.169.254"}}},
			[]trail.Seed{{Kind: "access-key", Value: "AKIAIOSFODNN7EXAMPLE"}}},
		{"root",
			casefile.Incident{Subjects: []casefile.Subject{{Kind: casefile.AWSAccount, ID: "111122223333", Region: "us-east-1"}}, Actor: casefile.Actor{PrincipalType: "Root"}},
			[]trail.Seed{{Kind: "root", Value: "arn:aws:iam::111122223333:root"}}},
		{"what has not the syntax of an id is none",
			casefile.Incident{Subjects: []casefile.Subject{{Kind: casefile.EC2Instance, ID: "i-${x}"}}, Actor: casefile.Actor{AccessKey: "GeneratedFindingAccessKeyId"}},
			nil},
	} {
		if got, _ := seedsOf(c.in); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

// TestEveryFindingSeedsOrSays reads the findings that users hold: each gives seeds that --seed would take, or nothing,
// and the finding of a key or instance whose id is real gives one.
func TestEveryFindingSeedsOrSays(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("..", "..", "..", "shared", "data", "findings", "*.json"))
	if err != nil || len(names) == 0 {
		t.Skip("skipped: ../shared/data/findings is not here")
	}
	seeded := 0
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		docs, _, err := finding.ReadAll(filepath.Base(name), f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			seeds, _ := seedsOf(d.Incident)
			seeded += min(len(seeds), 1)
			for _, s := range seeds {
				if again, ok := parseSeed(s.Value); !ok || again.Kind != s.Kind || again.Value != s.Value {
					t.Errorf("%s: --seed would not take %v", name, s)
				}
			}
			key := d.Incident.Actor.AccessKey
			if keySyntax.MatchString(key) && !slices.ContainsFunc(seeds, func(s trail.Seed) bool { return s.Value == key }) {
				t.Errorf("%s: its key %s is no seed", name, key)
			}
			t.Logf("%s: %v", strings.TrimSuffix(filepath.Base(name), ".json"), seeds)
		}
	}
	if seeded < 20 {
		t.Errorf("%d findings of %d files give a seed: the look is broken", seeded, len(names))
	}
}
