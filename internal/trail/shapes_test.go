package trail

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"unicode/utf16"
)

// rec is a record as CloudTrail writes one.
func recordOf(id string) string {
	return `{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","accessKeyId":"AKIA1"},"eventTime":"2024-01-01T00:00:00Z","eventSource":"s3.amazonaws.com","eventName":"ListBuckets","awsRegion":"eu-west-1","sourceIPAddress":"203.0.113.9","userAgent":"cli","requestParameters":null,"responseElements":null,"eventID":"` + id + `","eventType":"AwsApiCall","recipientAccountId":"111122223333"}`
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func based(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func utf16Of(s string, high bool) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	for i := 0; high && i < len(out); i += 2 {
		out[i], out[i+1] = out[i+1], out[i]
	}
	return string(out)
}

func seenIn(t testing.TB, text string) *seen {
	t.Helper()
	var s seen
	k := s.sink(t)
	if err := readShapes(strings.NewReader(text), k); err != nil {
		t.Fatal(err)
	}
	s.shape, s.foreign = k.shape, k.foreign
	return &s
}

func (s *seen) ids() string {
	var ids []string
	for _, e := range s.events {
		ids = append(ids, e.ID)
	}
	return strings.Join(ids, " ")
}

func (s *seen) kinds() string {
	var kinds []string
	for _, p := range s.problems {
		kinds = append(kinds, p.Kind)
	}
	return strings.Join(kinds, " ")
}

// Every shape that CloudTrail's records are found in gives the same records, and says nothing of problems.
func TestShapes(t *testing.T) {
	a, b := recordOf("a"), recordOf("b")
	ab := `{"Records":[` + a + `,` + b + `]}`
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(ab), "", "  "); err != nil {
		t.Fatal(err)
	}
	bridge := func(kind, detail string) string {
		return `{"version":"0","id":"x","detail-type":"` + kind + `","source":"aws.s3","account":"111122223333","time":"2024-01-01T00:00:00Z","region":"eu-west-1","resources":[],"detail":` + detail + `}`
	}
	logs := func(more string) string {
		return `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":` + quoted(a) + `},{"id":"2","timestamp":1,"message":` + quoted(b) + `}]` + more + `}`
	}
	for _, c := range []struct{ name, text, shape string }{
		{"delivery file", ab, shapeRecords},
		{"delivery file, pretty", pretty.String(), shapeRecords},
		{"delivery file, CRLF", strings.ReplaceAll(pretty.String(), "\n", "\r\n"), shapeRecords},
		{"delivery file, BOM", "\xef\xbb\xbf" + ab, shapeRecords},
		{"JSON lines", a + "\n" + b + "\n", shapeRecords},
		{"JSON lines, CRLF, empty lines", a + "\r\n\r\n" + b + "\r\n", shapeRecords},
		{"files after one another, each with a BOM", "\xef\xbb\xbf" + a + "\n\xef\xbb\xbf" + b, shapeRecords},
		{"array", "[" + a + "," + b + "]", shapeRecords},
		{"array of delivery files", `[{"Records":[` + a + `]},{"Records":[` + b + `]}]`, shapeRecords},
		{"nothing between (Firehose)", a + b, shapeRecords},
		{"LookupEvents", `{"Events":[{"EventId":"a","EventTime":"2024-01-01T02:00:00+02:00","Resources":[],"CloudTrailEvent":` + quoted(a) + `},{"EventId":"b","CloudTrailEvent":` + quoted(b) + `}],"NextToken":"n"}`, shapeLookup},
		{"LookupEvents, a line each", `{"EventId":"a","CloudTrailEvent":` + quoted(a) + "}\n" + `{"CloudTrailEvent":` + quoted(b) + `}`, shapeLookup},
		{"EventBridge: API call and sign-in", bridge("AWS API Call via CloudTrail", a) + "\n" + bridge("AWS Console Signin via CloudTrail", b), shapeBridge},
		{"EventBridge: console action and service event", "[" + bridge("AWS Console Action via CloudTrail", a) + "," + bridge("AWS Service Event via CloudTrail", b) + "]", shapeBridge},
		{"EventBridge in SQS", `{"Messages":[{"MessageId":"1","Body":` + quoted(bridge("AWS API Call via CloudTrail", a)) + `},{"Body":` + quoted(bridge("AWS API Call via CloudTrail", b)) + `}]}`, shapeMessage},
		{"EventBridge in SNS in SQS, as Lambda gets it", `{"Records":[{"messageId":"1","eventSource":"aws:sqs","body":` + quoted(`{"Type":"Notification","Message":`+quoted(bridge("x", a))+`}`) + `},{"body":` + quoted(`{"Message":`+quoted(b)+`}`) + `}]}`, shapeMessage},
		{"SNS, as Lambda gets it", `{"Records":[{"EventSource":"aws:sns","Sns":{"Message":` + quoted(a) + `}},{"EventSource":"aws:sns","Sns":{"Message":` + quoted(b) + `}}]}`, shapeMessage},
		{"Kinesis, as Lambda gets it", `{"Records":[{"kinesis":{"data":"` + based(a) + `"}},{"kinesis":{"data":"` + base64.StdEncoding.EncodeToString(gzipped([]byte(b))) + `"},"x":1}]}`, shapeMessage},
		{"CloudWatch Logs export", "2024-01-01T00:00:00.000Z " + a + "\n2024-01-01T00:00:01.000Z " + b + "\n", shapeExport},
		{"CloudWatch Logs subscription", logs(""), shapeMessage},
		{"CloudWatch Logs, as Lambda gets it", `{"awslogs":{"data":"` + base64.StdEncoding.EncodeToString(gzipped([]byte(logs("")))) + `"}}`, shapeMessage},
		{"GetLogEvents", `{"events":[{"timestamp":1,"message":` + quoted(a) + `,"ingestionTime":2},{"message":` + quoted(b) + `}],"nextForwardToken":"f"}`, shapeMessage},
		{"FilterLogEvents", `{"events":[{"logStreamName":"s","timestamp":1,"message":` + quoted(a) + `,"eventId":"3"},{"message":` + quoted(b) + `,"eventId":"4"}],"searchedLogStreams":[]}`, shapeMessage},
		{"Logs Insights", `{"results":[[{"field":"@timestamp","value":"x"},{"field":"@message","value":` + quoted(a) + `}],[{"field":"@message","value":` + quoted(b) + `}]],"status":"Complete"}`, shapeLake},
		{"Logs Insights, CSV", "@timestamp,@message\nx,\"" + strings.ReplaceAll(a, `"`, `""`) + "\"\ny,\"" + strings.ReplaceAll(b, `"`, `""`) + "\"\n", shapeLake},
		{"Lake JSON", `[{"eventData":` + a + `},{"eventdata":` + quoted(b) + `}]`, shapeLake},
		{"Lake GetQueryResults", `{"QueryStatus":"FINISHED","QueryResultRows":[[{"eventID":"a"},{"eventName":"ListBuckets"},{"eventTime":"2024-01-01 00:00:00.000"}],[{"eventTime":"2024-01-01 00:00:00.000"},{"eventID":"b"},{"eventName":"ListBuckets"}]]}`, shapeLake},
		{"Lake CSV, whole records", "eventData\n\"" + strings.ReplaceAll(a, `"`, `""`) + "\"\n\"" + strings.ReplaceAll(b, `"`, `""`) + "\"", shapeLake},
		{"Athena CSV", `"eventid","eventtime","eventname","useridentity"` + "\n" + `"a","2024-01-01T00:00:00Z","ListBuckets","{type=IAMUser, accesskeyid=AKIA1}"` + "\r\n" + `"b","2024-01-01T00:00:00Z","ListBuckets",""`, shapeLake},
		{"Event history CSV", "User name,AWS access key,Event time,Event source,Event name,AWS region,Source IP address,User agent,Error code,Resources,Request ID,Event ID,Read-only,Event type,Recipient Account Id,Event category\nu,AKIA1,2024-01-01T00:00:00Z,s3.amazonaws.com,ListBuckets,eu-west-1,1.2.3.4,cli,,[],r,a,true,AwsApiCall,1,Management\nu,AKIA1,2024-01-01T00:00:00Z,s3.amazonaws.com,ListBuckets,eu-west-1,1.2.3.4,cli,,[],r,b,true,AwsApiCall,1,Management\n", shapeLake},
		{"Lake JSON, lower-case columns", `{"eventid":"a","eventname":"ListBuckets","eventtime":"2024-01-01T00:00:00Z"}` + "\n" + `{"eventid":"b","eventname":"ListBuckets","eventtime":"2024-01-01T00:00:00Z"}`, shapeLake},
		{"Elasticsearch", `{"took":1,"hits":{"total":2,"hits":[{"_source":` + a + `},{"_source":{"message":` + quoted(b) + `}}]}}`, shapeWrapped},
		{"Splunk", `{"preview":false,"result":{"_raw":` + quoted(a) + `}}` + "\n" + `{"result":{"_raw":` + quoted(b) + `}}`, shapeWrapped},
		{"UTF-16, as PowerShell writes it", utf16Of(ab, false), shapeRecords},
		{"UTF-16, high byte first", utf16Of(ab, true), shapeRecords},
		{"UTF-16 without a mark", utf16Of(ab, false)[2:], shapeRecords},
	} {
		s := seenIn(t, c.text)
		if s.ids() != "a b" || s.shape != c.shape || len(s.problems) > 0 {
			t.Errorf("%s: records %q, shape %s, %v", c.name, s.ids(), s.shape, s.problems)
			continue
		}
		for _, e := range s.events {
			if e.Name != "ListBuckets" || e.Time.Unix() != 1704067200 {
				t.Errorf("%s: %+v", c.name, e)
			}
		}
	}
}

// Security Lake's JSON of each version says the same of an event.
func TestOCSFVersions(t *testing.T) {
	const (
		start = `{"class_uid":6003,"activity_id":2,"time":1704067200000,"api":{"operation":"GetObject","service":{"name":"s3.amazonaws.com"},"request":{"uid":"r"},"response":{"error":"AccessDenied","message":"no"}},"http_request":{"user_agent":"cli"},"src_endpoint":{"ip":"203.0.113.9"},`
		arn   = "arn:aws:sts::111122223333:assumed-role/app/i-1"
	)
	for version, text := range map[string]string{
		"1.0.0-rc.2": start + `"metadata":{"uid":"a","version":"1.0.0-rc.2","product":{"version":"1.08","feature":{"name":"Data"}}},"cloud":{"region":"eu-west-1"},"actor":{"user":{"type":"AssumedRole","uuid":"` + arn + `","uid":"AROA:i-1","account_uid":"111122223333","credential_uid":"ASIA1"},"session":{"created_time":1704060000000,"mfa":false,"issuer":"arn:aws:iam::111122223333:role/app"}},"resources":[{"uid":"arn:aws:s3:::b","account_uid":"111122223333","type":"AWS::S3::Bucket"}],"unmapped":{"eventType":"AwsApiCall","recipientAccountId":"111122223333","requestParameters.bucketName":"b","readOnly":"true"}}`,
		"1.1.0":      start + `"metadata":{"uid":"a","event_code":"AwsApiCall","version":"1.1.0","product":{"version":"1.08","feature":{"name":"Data"}}},"cloud":{"region":"eu-west-1","account":{"uid":"111122223333"}},"actor":{"user":{"type":"AssumedRole","uid":"` + arn + `","uid_alt":"AROA:i-1","account":{"uid":"111122223333"},"credential_uid":"ASIA1"},"session":{"created_time_dt":"2023-12-31T22:00:00Z","is_mfa":false,"issuer":"arn:aws:iam::111122223333:role/app"}},"resources":[{"uid":"arn:aws:s3:::b","owner":{"account":{"uid":"111122223333"}},"type":"AWS::S3::Bucket"}],"unmapped":{"requestParameters":"{\"bucketName\":\"b\"}"}}`,
		"1.5.0":      start + `"metadata":{"uid":"a","event_code":"AwsApiCall","version":"1.5.0","product":{"version":"1.08","feature":{"name":"Data"}}},"cloud":{"region":"eu-west-1","account":{"uid":"111122223333"}},"actor":{"user":{"type":"AssumedRole","uid":"` + arn + `","uid_alt":"AROA:i-1","account":{"uid":"111122223333"},"credential_uid":"ASIA1"},"session":{"created_time":1704060000000,"is_mfa":false,"issuer":"arn:aws:iam::111122223333:role/app"}},"resources":[{"uid":"arn:aws:s3:::b","owner":{"account":{"uid":"111122223333"}},"type":"AWS::S3::Bucket"}],"unmapped":[{"key":"requestParameters.bucketName","value":"b"}]}`,
	} {
		s := seenIn(t, text)
		if len(s.events) != 1 || len(s.problems) > 0 || s.shape != shapeOCSF {
			t.Errorf("%s: %+v", version, s)
			continue
		}
		e := s.events[0]
		want := Identity{Type: "AssumedRole", PrincipalID: "AROA:i-1", ARN: arn, Account: "111122223333", AccessKey: "ASIA1", Created: "2023-12-31T22:00:00Z",
			IssuerType: "Role", IssuerPrincipal: "AROA", IssuerARN: "arn:aws:iam::111122223333:role/app"}
		if e.Identity != want {
			t.Errorf("%s: identity\n%+v, not\n%+v", version, e.Identity, want)
		}
		if e.ID != "a" || e.Name != "GetObject" || e.Category != Data || e.Type != "AwsApiCall" || e.Region != "eu-west-1" || e.Recipient != "111122223333" ||
			e.Code != "AccessDenied" || e.Outcome != Denied || e.RequestID != "r" || e.Request["bucketName"] != "b" || len(e.Resources) != 1 ||
			e.Resources[0] != (Resource{"arn:aws:s3:::b", "111122223333", "AWS::S3::Bucket"}) || !e.ReadOnly || e.SourceIP != "203.0.113.9" {
			t.Errorf("%s: %+v", version, e)
		}
	}
}

// What lies among the logs is told apart by content: digests and insights count, anything else is one line.
func TestShapesAmongThem(t *testing.T) {
	insight := `{"Records":[{"eventVersion":"1.07","eventTime":"2024-01-01T00:00:00Z","awsRegion":"us-east-1","eventID":"i","eventType":"AwsCloudTrailInsight","recipientAccountId":"1","sharedEventID":"s","insightDetails":{"state":"Start"},"eventCategory":"Insight"}]}`
	if s := seenIn(t, insight); s.ids() != "i" || len(s.problems) > 0 {
		t.Errorf("insight: %+v", s)
	}
	if s := seenIn(t, fuzzDigest); s.digests != 1 || len(s.records) > 0 || len(s.problems) > 0 || s.shape != shapeDigest {
		t.Errorf("digest: %+v", s)
	}
	for _, empty := range []string{`{"Records":[]}`, `[]`, `{"Events":[]}`, "{\"Records\": [\n]}\n"} {
		if s := seenIn(t, empty); len(s.problems) > 0 || s.shape != shapeRecords {
			t.Errorf("%s: %+v", empty, s)
		}
	}
	for says, text := range map[string]string{
		"empty":         "",
		"VPC flow log":  "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n" + strings.Repeat("2 1 eni-1 1.1.1.1 2.2.2.2 1 2 6 1 1 1 1 ACCEPT OK\n", 100),
		"begins \"http": strings.Repeat(`http 2024-01-01T00:00:00.0Z app/lb/1 1.1.1.1:1 2.2.2.2:80 0.0 0.0 0.0 200 200 1 1 "GET http://x/ HTTP/1.1" "curl" - - arn "Root=1" "-" "-" 0`+"\n", 100),
		"an image":      "\x89PNG\r\n\x1a\n\x00\x00",
		"zip":           "PK\x03\x04\x14\x00",
		"tar archive":   strings.Repeat("a.json\x00", 36) + "     ustar\x00" + strings.Repeat("\x00", 300),
		"gzip once":     string(gzipped([]byte("x"))),
		"binary":        "\x01\x02\x00\x03",
		"JSON values":   `{"dashboard":{"panels":[1,2]}}`,
		"XML":           `<?xml version="1.0"?><a/>`,
	} {
		s := seenIn(t, text)
		if len(s.problems) != 1 || s.shape != shapeForeign || len(s.events) > 0 || !strings.Contains(s.problems[0].Detail, says) {
			t.Errorf("%s: %s %+v", says, s.shape, s.problems)
		}
	}
}

// A file that is cut, torn or mixed gives its good records, and a line for each fault.
func TestShapesTorn(t *testing.T) {
	a, b, c := recordOf("a"), recordOf("b"), recordOf("c")
	for _, k := range []struct{ name, text, ids, kinds string }{
		{"cut within a record", `{"Records":[` + a + `,` + b[:60], "a", "truncated"},
		{"cut between records", `{"Records":[` + a + `,`, "a", "truncated"},
		{"a torn line", a + "\n" + b[:60] + "\n" + c, "a c", "not-json"},
		{"a torn record in a file of one line", `{"Records":[` + a + `,` + b[:60] + `,` + c + `]}`, "a c", "not-json"},
		{"an element that is none", `{"Records":[` + a + `,{]},` + c + `]}`, "a c", "not-json"},
		{"JSON of something else", `{"Records":[` + a + `,{"x":1},` + c + `]}`, "a c", "not-a-record"},
		{"log lines in between", a + "\nWARN something\n" + c, "a c", "junk"},
		{"zeros at the end", a + "\n" + strings.Repeat("\x00", 500), "a", "junk"},
		{"a null", `{"Records":[null,` + a + `]}`, "a", "not-a-record"},
		{"a message that is no record", `{"events":[{"message":"hello"},{"message":` + quoted(a) + `}]}`, "a", "not-a-record"},
		{"a cut message", `{"events":[{"message":` + quoted(b[:60]) + `},{"message":` + quoted(a) + `}]}`, "a", "truncated"},
		{"two members of one name", `{"Records":[` + strings.Replace(a, `"eventID"`, `"eventID":"x","eventID"`, 1) + `]}`, "a", ""},
		{"envelope with two details", `{"detail":` + a + `,"detail":` + b + `}` + "\n" + c, "c", "duplicate-name"},
		{"CSV of too few cells", "eventid,eventtime,eventname\na,2024-01-01T00:00:00Z,X\nb,2024-01-01T00:00:00Z\nc,2024-01-01T00:00:00Z,X\n", "a c", "bad-record"},
	} {
		s := seenIn(t, k.text)
		if s.ids() != k.ids || s.kinds() != k.kinds {
			t.Errorf("%s: records %q, problems %v", k.name, s.ids(), s.problems)
		}
	}
}

// What cannot be read is kept, where somebody wants it.
func TestShapesUnread(t *testing.T) {
	var kept []string
	s := &sink{record: func(int64, []byte) error { return nil }, problem: func(int64, string, string) {},
		unread: func(_ int64, why string, raw []byte) { kept = append(kept, why+": "+string(raw)) }}
	text := `{"detail":{"eventID":"a"},"detail":1}` + "\n" + recordOf("b")[:60] + "\n" + `{"class_uid":6003,"class_uid":1}`
	if err := readShapes(strings.NewReader(text), s); err != nil || len(kept) != 3 || !strings.Contains(kept[1], recordOf("b")[:60]) {
		t.Errorf("%q, %v", kept, err)
	}
}

// The events before the place where compressed data is cut are kept; the error is the reader's.
func TestShapesCutGzip(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	for i := range 2000 {
		fmt.Fprintln(z, recordOf(fmt.Sprint("id-", i*i)))
		if i%100 == 0 {
			_ = z.Flush()
		}
	}
	_ = z.Close()
	in, _, err := unpacked(bytes.NewReader(packed.Bytes()[:packed.Len()/2]))
	if err != nil {
		t.Fatal(err)
	}
	var s seen
	err = readShapes(in, s.sink(t))
	if !errors.Is(err, io.ErrUnexpectedEOF) || len(s.events) < 500 || len(s.events) > 1500 {
		t.Errorf("%d events, %v", len(s.events), err)
	}
}

// Several gzip members after one another are one file.
func TestShapesGzipMembers(t *testing.T) {
	in, _, err := unpacked(bytes.NewReader(append(gzipped([]byte(recordOf("a")+"\n")), gzipped([]byte(recordOf("b")))...)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(in)
	if s := seenIn(t, string(text)); err != nil || s.ids() != "a b" {
		t.Errorf("%+v, %v", s, err)
	}
}

// Two columns for one member: the same one counts each time.
func TestLakeSameMemberTwice(t *testing.T) {
	for range 20 {
		s := seenIn(t, "eventid,event_id,eventtime,eventname\nx,a,2024-01-01T00:00:00Z,N\n")
		if s.ids() != "a" {
			t.Fatalf("%q", s.ids())
		}
	}
}
