package finding

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sharedDir holds the findings that users published, which are read in place and not copied here.
const sharedDir = "/work/shared"

func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(sharedDir, name))
	if os.IsNotExist(err) {
		t.Skipf("%s is not on this machine: %v", name, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func playbooksOf(d Doc) []string {
	var all []string
	for _, s := range d.Incident.Subjects {
		if s.Playbook != "" {
			all = append(all, s.Playbook)
		}
	}
	return sorted(all)
}

func names(d Doc, id string) bool {
	for _, s := range d.Incident.Subjects {
		if s.ID == id || s.ARN == id {
			return true
		}
	}
	return false
}

// TestIndex: every row of the index gives exactly the playbooks and subjects that it names.
func TestIndex(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(string(sharedFile(t, "data/findings/index.csv")))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		t.Run(row[0], func(t *testing.T) {
			docs, errs, err := ReadAll(row[0], strings.NewReader(string(sharedFile(t, "data/findings/"+row[0]))))
			if err != nil || len(errs) > 0 || len(docs) != 1 {
				t.Fatalf("%d incidents, errors %v, %v", len(docs), errs, err)
			}
			d := docs[0]
			want := strings.FieldsFunc(row[4], func(c rune) bool { return c == ';' || c == ' ' || c == ',' })
			if row[3] != "none" {
				want = append(want, row[3])
			}
			if got := playbooksOf(d); !slices.Equal(got, sorted(want)) {
				t.Errorf("playbooks %v, want %v (%+v)", got, want, d.Incident.Subjects)
			}
			if !strings.HasPrefix(row[2], "(") && d.Incident.Finding.Type != row[2] {
				t.Errorf("type %q, want %q", d.Incident.Finding.Type, row[2])
			}
			for _, pair := range strings.Split(row[5], ";") {
				if _, id, ok := strings.Cut(pair, "="); ok && !names(d, id) {
					t.Errorf("%s is not a subject: %+v", pair, d.Incident.Subjects)
				}
			}
			for _, pair := range strings.Split(row[6], ";") {
				if _, id, ok := strings.Cut(pair, "="); ok && names(d, id) {
					t.Errorf("%s is context and became a subject", pair)
				}
			}
			if d.Incident.Finding.Sample != (row[7] == "yes") {
				t.Errorf("sample is %v, want %q", d.Incident.Finding.Sample, row[7])
			}
			if row[5] == "" && len(d.Incident.Subjects) > 0 {
				t.Errorf("subjects out of nothing: %+v", d.Incident.Subjects)
			}
		})
	}
}
