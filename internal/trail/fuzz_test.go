package trail

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// A taken is what a reader hands on of one input.
type taken struct {
	Records  []string
	Offsets  []int64
	Problems []Problem
	Digests  int
	Shape    string
	Err      error
}

func take(read func(*sink) error) taken {
	var t taken
	s := &sink{
		record: func(offset int64, raw []byte) error {
			t.Records, t.Offsets = append(t.Records, string(raw)), append(t.Offsets, offset)
			return nil
		},
		digest: func(int64, []byte) { t.Digests++ },
		problem: func(offset int64, kind, detail string) {
			t.Problems = append(t.Problems, Problem{"", offset, kind, detail})
		},
	}
	t.Err = read(s)
	t.Shape = s.shape
	return t
}

// unescapedHas says that r stands in what strings in the input say. Escapes but those of quotes are too much for it.
func unescapedHas(in, r string) bool {
	for range maxUnwrap + 1 {
		in = strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\/`, `/`).Replace(in)
		if strings.Contains(in, r) {
			return true
		}
	}
	return strings.Contains(in, `\`) || strings.Contains(in, "H4sI") || strings.HasPrefix(in, "\xff\xfe") || strings.HasPrefix(in, "\xfe\xff") || strings.Contains(in, "\x00")
}

// held checks what holds of every input: read twice it gives the same; each record stands in the input as it is, or
// is JSON; all of them together are no more than the input can be unpacked to; each problem says what and where.
func held(t *testing.T, in []byte, read func(*sink) error) taken {
	t.Helper()
	got := take(read)
	if again := take(read); !reflect.DeepEqual(got, again) {
		t.Fatalf("read twice:\n%+v\n%+v", got, again)
	}
	size := 0
	for i, r := range got.Records {
		size += len(r)
		if !bytes.Contains(in, []byte(r)) && !json.Valid([]byte(r)) && !unescapedHas(string(in), r) {
			t.Errorf("record at %d is made up: %q", got.Offsets[i], r)
		}
	}
	if most := 2000*len(in) + 1<<20; size > most || len(got.Records) > len(in) && !isParquet(in) {
		t.Errorf("%d records of %d bytes from %d", len(got.Records), size, len(in))
	}
	for _, p := range got.Problems {
		if p.Kind == "" || p.Detail == "" || p.Offset < 0 || len(p.Detail) > 1000 {
			t.Errorf("bad problem %+v", p)
		}
	}
	return got
}

const (
	fuzzRecord = `{"eventVersion":"1.08","eventID":"a","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","eventTime":"2024-01-01T00:00:00Z","userIdentity":{"type":"Root"},"requestParameters":{"a":["\u0000",1e400]}}`
	fuzzOCSF   = `{"class_uid":6003,"activity_id":2,"time":1700000000000,"metadata":{"uid":"a","product":{"version":"1.08","feature":{"name":"Data"}}},"api":{"operation":"GetObject","service":{"name":"s3.amazonaws.com"},"request":{"data":"{\"k\":1}"}},"actor":{"user":{"type":"AssumedRole","uid":"arn:aws:sts::1:assumed-role/a/b","uid_alt":"AROA:b"},"session":{"issuer":"arn:aws:iam::1:role/a","created_time":1700000000000}},"resources":[{"uid":"arn:aws:s3:::b","owner":{"account":{"uid":"1"}}}],"unmapped":[{"key":"requestParameters.x","value":"y"}]}`
	fuzzDigest = `{"digestS3Bucket":"b","digestS3Object":"x/1_CloudTrail-Digest_r_t_r_20240101T000000Z.json.gz","digestEndTime":"2024-01-01T00:00:00Z","digestSignatureAlgorithm":"SHA256withRSA","previousDigestS3Bucket":null,"logFiles":[{"s3Object":"a/b.json.gz","hashValue":"97fb791cf91ffc440d274f8190dbdd9aa09c34432aba82739df18b6d3c13df2d"}]}`
	fuzzRow    = `{type=AssumedRole, principalid=AROA:b, arn=arn:aws:sts::1:assumed-role/a/b, sessioncontext={attributes={creationdate=2024-01-01T00:00:00Z}, sessionissuer=null}}`
)

func FuzzShapes(f *testing.F) {
	quoted, _ := json.Marshal(fuzzRecord)
	for _, seed := range []string{
		fuzzRecord, `{"Records":[` + fuzzRecord + `,{]}`, "[" + fuzzRecord + "\n" + fuzzRecord, "\xef\xbb\xbf" + fuzzRecord + "\r\n" + fuzzRecord,
		`{"Events":[{"EventId":"a","CloudTrailEvent":` + string(quoted) + `}]}`, `{"version":"0","detail-type":"AWS API Call via CloudTrail","detail":` + fuzzRecord + `}`,
		`2024-01-01T00:00:00.000Z ` + fuzzRecord, `{"events":[{"timestamp":1,"message":` + string(quoted) + `}]}`,
		`{"QueryResultRows":[[{"eventID":"a"},{"eventName":"b"},{"eventTime":"2024-01-01 00:00:00"}]]}`,
		"eventid,eventname,eventtime\na,b,2024-01-01 00:00:00\n", fuzzOCSF, fuzzDigest, `{"hits":{"hits":[{"_source":` + fuzzRecord + `}]}}`,
		`{"Records":[{"Sns":{"Message":` + string(quoted) + `}},{"kinesis":{"data":"H4sIAAAAAAAA"}}]}`, strings.Repeat("[", 80), "\x00\xff", `{"a":"\ud800"}`,
		"\xff\xfe{\x00", `{"eventID":"a","EventID":"b","eventName":"c","eventID":"d"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		held(t, in, func(s *sink) error { return readShapes(bytes.NewReader(in), s) })
	})
}

func FuzzCSV(f *testing.F) {
	f.Add([]byte("a,2024-01-01T00:00:00Z,b,c,\"" + fuzzRow + "\",\"{\"\"a\"\":1}\"\n"))
	f.Add([]byte("\"a\nb\",1700000000,\"c\"\"d\",,,\r\n,,,,,\nx"))
	f.Fuzz(func(t *testing.T, in []byte) {
		all := append([]byte("eventid,eventtime,eventname,eventsource,useridentity,requestparameters\n"), in...)
		held(t, all, func(s *sink) error { return readShapes(bytes.NewReader(all), s) })
	})
}

func FuzzStructText(f *testing.F) {
	f.Add(fuzzRow)
	f.Add(`[{arn=arn:aws:s3:::b, accountid=1, type=null}, {}]`)
	f.Fuzz(func(t *testing.T, in string) {
		v, sure := structText(in)
		again, sure2 := structText(in)
		if !reflect.DeepEqual(v, again) || sure != sure2 || v != nil && !isObject(v) {
			t.Fatalf("%q: %v, %v", in, v, again)
		}
	})
}

func FuzzOCSF(f *testing.F) {
	f.Add([]byte(fuzzOCSF))
	f.Add([]byte(`{"class_uid":"3002","time_dt":"2024-01-01T00:00:00Z","metadata":{"original_event_uid":"a"},"api":{"operation":"ConsoleLogin"},"unmapped":{"a.b.c":"{}","a":1}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		held(t, in, func(s *sink) error { return s.ocsf(0, in) })
	})
}

func FuzzParquet(f *testing.F) {
	f.Add(parquetOf(f, rowsRC2(3)))
	f.Add(parquetOf(f, rows11(), parquet.Compression(&parquet.Snappy), parquet.DataPageVersion(1)))
	type whole struct {
		EventData string  `parquet:"eventData,delta"`
		Extra     []int64 `parquet:"extra"`
	}
	f.Add(parquetOf(f, []whole{{fuzzRecord, nil}, {fuzzRecord, []int64{1, 5, -9}}}, parquet.Compression(&parquet.Zstd)))
	f.Fuzz(func(t *testing.T, in []byte) {
		held(t, in, func(s *sink) error { return readParquet(bytes.NewReader(in), int64(len(in)), s) })
	})
}

func FuzzDigest(f *testing.F) {
	f.Add([]byte(fuzzDigest))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := parseDigest(0, in)
		if err == nil && (d.object == "" || d.ended.IsZero() || len(d.logs) > len(in)/64) {
			t.Errorf("%+v", d)
		}
	})
}

func FuzzPublicKeys(f *testing.F) {
	f.Add([]byte(`{"PublicKeyList":[{"Value":"AAAA","Fingerprint":"fp","ValidityStartTime":1436313600.5,"ValidityEndTime":"2015-07-08T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		keys, err := PublicKeysFrom(bytes.NewReader(in))
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%v, %v", keys, err)
		}
	})
}
