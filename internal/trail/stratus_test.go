package trail

import (
	"context"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var userAgent = regexp.MustCompile(`"userAgent": *"(?:[^"\\]|\\.)*"`)

// Every detonation is answered with a technique that its label accepts, from records whose user agent is blank: the
// tool's own says which attack it is.
func TestStratus(t *testing.T) {
	f, err := os.Open(filepath.Join(data, "stratus/labels.csv"))
	if err != nil {
		t.Skip("skipped: the detonation logs are not on this machine")
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil || len(rows) != 36 {
		t.Fatal(len(rows), err)
	}
	for _, r := range rows[1:] {
		log, err := os.ReadFile(filepath.Join(data, "stratus", r[0]))
		if err != nil {
			t.Fatal(err)
		}
		blank := userAgent.ReplaceAllString(string(log), `"userAgent": ""`)
		if strings.Contains(blank, "stratus-red-team_") || !strings.Contains(blank, `"userAgent": ""`) {
			t.Fatalf("%s: the user agents are not blank", r[0])
		}
		c := corpusOf(t, fileOf(r[0], blank))
		var q Question
		for s := range strings.SplitSeq(r[2], ";") {
			kind := "access-key"
			if strings.HasPrefix(s, "arn:") {
				kind = "user"
			}
			q.Seeds = append(q.Seeds, Seed{Kind: kind, Value: s})
		}
		d, err := Find(context.Background(), c, q)
		if err != nil {
			t.Fatal(r[0], err)
		}
		var got []string
		for _, a := range d.Techniques {
			got = append(got, a.AttackID)
		}
		if !slices.ContainsFunc(strings.Split(r[3], ";"), func(id string) bool { return slices.Contains(got, id) }) {
			t.Errorf("%s: %v, none of %s; %d events", r[0], got, r[3], len(d.Events))
		}
	}
}

// Nothing is to be done twice: what names a thing without its region is the same thing.
func TestContainedOnce(t *testing.T) {
	c := corpusOf(t, shared(t, "stratus/aws.credential-access.ec2-steal-instance-credentials.json")...)
	d, err := Find(context.Background(), c, Question{Seeds: []Seed{{Kind: "access-key", Value: "AKIAAM80VXLJF8NPK4VC"}}})
	if err != nil {
		t.Fatal(err)
	}
	hosts := 0
	for _, x := range d.Contain {
		if x.Do == "contain-instance" {
			hosts++
			if x.Region == "" {
				t.Errorf("%s has no region", x.Target)
			}
		}
	}
	if hosts != 1 {
		t.Errorf("the instance is contained %d times", hosts)
	}
}
