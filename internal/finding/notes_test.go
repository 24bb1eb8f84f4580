package finding

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestNotes: what triage must say besides the subjects.
func TestNotes(t *testing.T) {
	socket := strings.Replace(findingOf("PrivilegeEscalation:Runtime/DockerSocketAccessed", "Container", jar), "e6cf2e24515c\"", "e6cf2e24515c\",\"securityContext\":{\"privileged\":true}", 1)
	crossAccount := strings.Replace(findingOf("Exfiltration:S3/AnomalousBehavior", "S3Bucket", bucket, roleKey),
		`"service":{}`, `"service":{"action":{"awsApiCallAction":{"remoteAccountDetails":{"accountId":"999988887777"}}}}`, 1)
	for name, c := range map[string]struct{ doc, want string }{
		"sample":        {strings.Replace(good, `"service":{}`, `"service":{"additionalInfo":{"value":"{\"sample\":true}"}}`, 1), "a sample finding"},
		"archived":      {strings.Replace(good, `"service":{}`, `"service":{"archived":"true"}`, 1), "archived"},
		"no subject":    {findingOf("Trojan:EC2/DropPoint", "Instance"), "no subject found"},
		"escape, host":  {strings.Replace(socket, `"containerDetails"`, host+`,"containerDetails"`, 1), "the host is opened too"},
		"escape alone":  {socket, "find it first"},
		"other account": {crossAccount, `the caller is in account "999988887777"`},
	} {
		d := readOne(t, c.doc)
		if !slices.ContainsFunc(d.Incident.Notes, func(n string) bool { return strings.Contains(n, c.want) }) {
			t.Errorf("%s: notes %q", name, d.Incident.Notes)
		}
	}
}

// TestOtherProducts: a batch of another product's findings in Security Hub's format opens what it names, each
// by its own kind, and says whose finding it is.
func TestOtherProducts(t *testing.T) {
	docs, errs, err := ReadAll("f", bytes.NewReader(sharedFile(t, "data/logs/AWS_SecurityFindingFormat.jsonl")))
	if err != nil || len(errs) > 0 || len(docs) == 0 {
		t.Fatalf("%d incidents, %v, %v", len(docs), errs, err)
	}
	for _, d := range docs {
		if !strings.Contains(strings.Join(d.Incident.Notes, "\n"), "not a GuardDuty finding") {
			t.Errorf("notes %q", d.Incident.Notes)
		}
		if slices.Contains(playbooksOf(d), "ec2") {
			t.Errorf("an instance out of nothing: %+v", d.Incident.Subjects)
		}
	}
}

// TestAccountNumber: the zeros that a number has lost come back only where the finding's ARN proves them.
func TestAccountNumber(t *testing.T) {
	doc := strings.Replace(good, `"accountId":"111122223333"`, `"accountId":57372331974`, 1)
	if a := readOne(t, doc).Incident.Subjects[0].Account; a != "57372331974" {
		t.Errorf("account %q", a)
	}
	doc = strings.Replace(doc, `"id":"f"`, `"id":"f","arn":"arn:aws:guardduty:eu-west-1:057372331974:detector/d/finding/f"`, 1)
	if a := readOne(t, doc).Incident.Subjects[0].Account; a != "057372331974" {
		t.Errorf("account %q", a)
	}
}

func TestTimes(t *testing.T) {
	for in, want := range map[string]string{
		"2024-01-01T00:00:00.000Z":  "2024-01-01T00:00:00Z",
		"2025-02-25 20:40:06.721":   "2025-02-25T20:40:06.721Z",
		"2021-12-09 04:53:50+05:30": "2021-12-08T23:23:50Z",
		"1788992800":                "2026-09-09T22:26:40Z",
		"1.646144449E9":             "2022-03-01T14:20:49Z",
		"1646144449000":             "2022-03-01T14:20:49Z",
		"yesterday":                 "",
		"1e400":                     "",
		"NaN":                       "",
	} {
		if got := timeText(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}
