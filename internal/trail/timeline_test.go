package trail

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// timelineRecords are five calls: two of one second in the wrong order, a denied one, another principal, another account.
const timelineRecords = `
{"eventVersion":"1.08","eventID":"c","eventName":"GetUser","eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","eventTime":"2024-01-01T00:00:01Z","sourceIPAddress":"203.0.113.9","userAgent":"x","userIdentity":{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIA1","userName":"alice"},"recipientAccountId":"111122223333"}
{"eventVersion":"1.08","eventID":"b","eventName":"CreateFunction20150331","eventSource":"lambda.amazonaws.com","awsRegion":"eu-west-1","eventTime":"2024-01-01T00:00:01Z","sourceIPAddress":"203.0.113.77","userAgent":"x","userIdentity":{"type":"IAMUser","principalId":"AIDA1","arn":"arn:aws:iam::111122223333:user/alice","accountId":"111122223333","accessKeyId":"AKIA1","userName":"alice"},"recipientAccountId":"111122223333"}
{"eventVersion":"1.08","eventID":"d","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","awsRegion":"us-east-1","eventTime":"2024-01-01T00:00:02Z","sourceIPAddress":"2001:db8::1","userAgent":"x","errorCode":"AccessDenied","userIdentity":{"type":"AssumedRole","principalId":"AROA1:s","arn":"arn:aws:sts::111122223333:assumed-role/web/s","accountId":"111122223333","accessKeyId":"ASIA1","sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROA1","arn":"arn:aws:iam::111122223333:role/web"}}},"recipientAccountId":"111122223333"}
{"eventVersion":"1.08","eventID":"a","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","awsRegion":"us-east-1","eventTime":"2024-01-01T00:00:03Z","sourceIPAddress":"ec2.amazonaws.com","userAgent":"ec2.amazonaws.com","errorCode":"SlowDown","userIdentity":{"type":"AWSAccount","principalId":"AIDA2","accountId":"444455556666"},"recipientAccountId":"111122223333"}
{"eventVersion":"1.08","eventID":"e","eventName":"GetObject","eventSource":"s3.amazonaws.com","awsRegion":"us-east-1","eventTime":"2024-01-01T00:00:00Z","eventCategory":"Data","readOnly":true,"sourceIPAddress":"203.0.113.9","userAgent":"x","userIdentity":{"type":"AWSService","invokedBy":"config.amazonaws.com"},"recipientAccountId":"777788889999"}
`

func timelineOf(t *testing.T, c *Corpus, f TimelineFilter) string {
	t.Helper()
	var ids []string
	if err := Timeline(context.Background(), c, f, func(r TimelineRow) error { ids = append(ids, r.EventID); return nil }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(ids, "")
}

func TestTimelineFilters(t *testing.T) {
	c := corpusOf(t, fileOf("log", timelineRecords))
	at := func(s int) time.Time { return time.Date(2024, 1, 1, 0, 0, s, 0, time.UTC) }
	for _, x := range []struct {
		says string
		f    TimelineFilter
		want string
	}{
		{"everything, by time then id", TimelineFilter{}, "ebcda"},
		{"since, inclusive", TimelineFilter{Since: at(2)}, "da"},
		{"until, inclusive", TimelineFilter{Until: at(1)}, "ebc"},
		{"a name without its API version, in any case", TimelineFilter{Names: []string{"createfunction"}}, "b"},
		{"names by a star", TimelineFilter{Names: []string{"Get*", "*Buck*"}}, "ecda"},
		{"a service", TimelineFilter{Sources: []string{"iam"}}, "c"},
		{"an event source", TimelineFilter{Sources: []string{"lambda.amazonaws.com"}}, "b"},
		{"a user by name", TimelineFilter{Principals: []string{"alice"}}, "bc"},
		{"a session by its ARN", TimelineFilter{Principals: []string{"arn:aws:sts::111122223333:assumed-role/web/s"}}, "d"},
		{"a role's sessions by the role's ARN", TimelineFilter{Principals: []string{"arn:aws:iam::111122223333:role/web"}}, "d"},
		{"principals by a star over slashes", TimelineFilter{Principals: []string{"arn:*:assumed-role/*"}}, "d"},
		{"a principal id", TimelineFilter{Principals: []string{"AIDA2"}}, "a"},
		{"a service as principal", TimelineFilter{Principals: []string{"config.amazonaws.com"}}, "e"},
		{"a key", TimelineFilter{Keys: []string{"AKIA1"}}, "bc"},
		{"an address", TimelineFilter{Addresses: []string{"203.0.113.9"}}, "ec"},
		{"a network", TimelineFilter{Addresses: []string{"203.0.113.64/26"}}, "b"},
		{"a network and an address", TimelineFilter{Addresses: []string{"2001:db8::/32", "203.0.113.9"}}, "ecd"},
		{"a service as address", TimelineFilter{Addresses: []string{"ec2.*"}}, "a"},
		{"a region", TimelineFilter{Regions: []string{"eu-west-1"}}, "b"},
		{"a recipient account", TimelineFilter{Accounts: []string{"777788889999"}}, "e"},
		{"a caller's account", TimelineFilter{Accounts: []string{"444455556666"}}, "a"},
		{"outcomes", TimelineFilter{Outcomes: []string{"denied", "error"}}, "da"},
		{"all of several", TimelineFilter{Principals: []string{"alice"}, Sources: []string{"iam", "s3"}, Since: at(1)}, "c"},
		{"nothing", TimelineFilter{Keys: []string{"AKIA"}}, ""},
	} {
		if got := timelineOf(t, c, x.f); got != x.want {
			t.Errorf("%s: %s, want %s", x.says, got, x.want)
		}
	}
	for _, f := range []TimelineFilter{{Outcomes: []string{"failed"}}, {Addresses: []string{"203.0.113.0/99"}}} {
		if err := Timeline(context.Background(), c, f, func(TimelineRow) error { return nil }); err == nil {
			t.Errorf("%+v is no filter, and is taken for one", f)
		}
	}
	stop := errors.New("stop")
	if err := Timeline(context.Background(), c, TimelineFilter{}, func(TimelineRow) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the error of the caller is lost: %v", err)
	}
}

func TestGlob(t *testing.T) {
	for _, x := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "a/b", true}, {"a*", "a", true}, {"a*", "ba", false}, {"*a", "ba", true}, {"*a", "ab", false},
		{"a*b*c", "a1b2c", true}, {"a*b*c", "acb", false}, {"a*a", "a", false}, {"a**b", "ab", true}, {"a*bc", "abbc", true}, {"a?", "ab", false},
	} {
		if got := glob(x.pattern, x.text); got != x.want {
			t.Errorf("glob(%q, %q) is %v", x.pattern, x.text, got)
		}
	}
}

// A line has what the record says, and leads back to it.
func TestTimelineLines(t *testing.T) {
	c := corpusOf(t, fileOf("log", timelineRecords))
	var b bytes.Buffer
	w, err := NewTimelineWriter("jsonl", &b)
	if err != nil {
		t.Fatal(err)
	}
	if err := Timeline(context.Background(), c, TimelineFilter{}, w.Write); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || w.Rows != 5 {
		t.Fatal(w.Rows, err)
	}
	first, _, _ := strings.Cut(b.String(), "\n")
	var r TimelineRow
	if err := json.Unmarshal([]byte(first), &r); err != nil {
		t.Fatal(err)
	}
	if r.Time != "2024-01-01T00:00:00Z" || r.Name != "GetObject" || r.Category != "Data" || r.ReadOnly == nil || !*r.ReadOnly || r.Principal != "config.amazonaws.com" ||
		r.Account != "777788889999" || r.Outcome != "success" {
		t.Errorf("%s", first)
	}
	if _, err := NewTimelineWriter("xml", &b); err == nil || !strings.Contains(err.Error(), "csv, jsonl, timesketch") {
		t.Errorf("an unknown format: %v", err)
	}
}

// The timeline of a real corpus has every event once, in order, whatever the order of files.
func TestTimelineOfRealLogs(t *testing.T) {
	in := shared(t, "stratus/*.json")
	c := corpusOf(t, in...)
	slices.Reverse(in)
	var ids [2][]string
	for i, c := range []*Corpus{c, corpusOf(t, in...)} {
		last := ""
		err := Timeline(context.Background(), c, TimelineFilter{}, func(r TimelineRow) error {
			if at := r.Time + r.EventID; at <= last {
				t.Errorf("%s comes after %s", at, last)
			} else {
				last = at
			}
			ids[i] = append(ids[i], r.EventID)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(ids[0]) != c.Len() || !slices.Equal(ids[0], ids[1]) {
		t.Errorf("%d and %d of %d events, or in another order", len(ids[0]), len(ids[1]), c.Len())
	}
}

// Origins lead back to the very bytes of each record.
func TestOriginsLeadBack(t *testing.T) {
	const before, record = `{"Records":[`, `{"eventVersion":"1.08","eventID":"a","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","eventTime":"2024-01-01T00:00:00Z","userIdentity":{"type":"Root","accessKeyId":"AKIA1"}}`
	c := corpusOf(t, fileOf("dir/a.json", before+record+"]}"))
	d := emptyDocument()
	d.Events = []ScopeEvent{{EventID: "a"}, {EventID: "not in the log"}}
	origins, err := Origins(context.Background(), c, d)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(record))
	want := Origin{File: "dir/a.json", Offset: int64(len(before)), SHA256: hex.EncodeToString(sum[:])}
	if len(origins) != 1 || origins["a"] != want {
		t.Errorf("%+v, want %+v", origins, want)
	}
}

// So they do in real files.
func TestOriginsLeadBackInRealLogs(t *testing.T) {
	files := shared(t, "stratus/*.json")
	c, d := corpusOf(t, files...), emptyDocument()
	for i := range c.Len() {
		d.Events = append(d.Events, ScopeEvent{EventID: c.ID(i)})
	}
	origins, err := Origins(context.Background(), c, d)
	if err != nil || len(origins) != c.Len() {
		t.Fatal(len(origins), err)
	}
	for id, o := range origins {
		text, err := os.ReadFile(o.File)
		if err != nil {
			t.Fatal(err)
		}
		var record json.RawMessage
		if err := json.NewDecoder(bytes.NewReader(text[o.Offset:])).Decode(&record); err != nil {
			t.Fatalf("%s at %d: %v", o.File, o.Offset, err)
		}
		if sum := sha256.Sum256(record); hex.EncodeToString(sum[:]) != o.SHA256 || !bytes.Contains(record, []byte(id)) {
			t.Errorf("%s is not at %d of %s", id, o.Offset, o.File)
		}
	}
}
