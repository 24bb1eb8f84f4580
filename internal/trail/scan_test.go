package trail

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

// rowOf reads one record into a corpus by the fast reader and, apart, by the strict one, and says what each made of it.
func rowOf(t testing.TB, raw []byte, strictly bool) (r Row, w *worker, ok bool) {
	t.Helper()
	reading := &reading{files: []File{{Name: "x"}}, t: &tables{}}
	reading.t.texts.add(nil)
	reading.noCode, reading.manyCodes = reading.t.codes.add(nil), reading.t.codes.add([]byte("?"))
	w = reading.worker()
	w.begin(0)
	if strictly {
		if err := w.strict(0, raw); err != nil {
			t.Fatal(err)
		}
	} else {
		n, err := w.facts.scan(raw, &w.lately)
		if err != nil || n != len(raw) {
			return r, w, false
		}
		if err := w.fast(0, raw); err != nil {
			return r, w, false
		}
	}
	if w.chunk == nil {
		return r, w, false
	}
	return w.chunk.recs[0].Row, w, true
}

// What the fast reader takes from a record, the strict one would have taken; of what the strict one refuses, the fast
// one may take a row, since it does not look into requests and responses.
func sameAsStrict(t testing.TB, raw []byte) bool {
	t.Helper()
	a, wa, ok := rowOf(t, raw, false)
	if !ok {
		return false
	}
	b, wb, ok := rowOf(t, raw, true)
	if !ok {
		return true
	}
	type seen struct {
		Time     uint32
		Flags    uint16
		Identity Identity
		Kind     Kind
		Place    Place
		Client   Client
		Code     string
		ID       [16]byte
		Keys     int
	}
	of := func(r Row, w *worker) seen {
		return seen{r.Time, r.Flags, *w.t.identity(r.Identity), w.t.kind(r.Kind), w.t.place(r.Place), w.t.client(r.Client),
			w.t.codes.text(uint32(r.Code)), w.chunk.recs[0].id, len(w.current.issued)}
	}
	if x, y := of(a, wa), of(b, wb); !reflect.DeepEqual(x, y) {
		t.Fatalf("fast %+v\nstrict %+v\nof %s", x, y, raw)
	}
	return true
}

func TestScanIsStrict(t *testing.T) {
	fast, all := 0, 0
	for _, pattern := range []string{"stratus/*.json", "labelled/*.jsonl", "shapes/*"} {
		for _, f := range shared(t, pattern) {
			in := newInput()
			r, err := in.open(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			s := &sink{problem: func(int64, string, string) {}, record: func(_ int64, raw []byte) error {
				all++
				if sameAsStrict(t, raw) {
					fast++
				}
				var indented bytes.Buffer
				if err := json.Indent(&indented, raw, " ", "\t"); err != nil {
					return err
				}
				sameAsStrict(t, indented.Bytes())
				return nil
			}}
			if err := readShapes(in.rest(), s); err != nil {
				t.Fatal(err)
			}
			r.Close()
		}
	}
	if fast < all*9/10 {
		t.Errorf("the fast reader took %d of %d records", fast, all)
	}
}

func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"eventVersion":"1.08","eventID":"6e882b9d-2af8-4c67-b91f-aeac6a0e5e70","eventName":"AssumeRole","eventSource":"sts.amazonaws.com","eventTime":"2024-11-30T08:43:17Z","userIdentity":{"type":"IAMUser","accessKeyId":"AKIAABCDEFGHIJKLMNOP"},"responseElements":{"credentials":{"accessKeyId":"ASIAABCDEFGHIJKLMNOP"}},"requestParameters":null}`,
		`{"eventID":"x","eventName":"ConsoleLogin","eventTime":"2024-11-31T08:43:17Z","responseElements":{"ConsoleLogin":"Failure"},"errorMessage":"no"}`,
		`{"eventID":1,"eventName":"a\u0041","eventTime":"2024-02-29T08:43:17Z","requestParameters":{"omitted":true},"readOnly":"true","eventid":"y"}`,
		`{"eventID":"a","eventName":"b","eventTime":"now","errorCode":"Client.UnauthorizedOperation","sharedEventID":"s","recipientAccountId":1e3}`,
		`{"eventID":"a","eventName":"b","eventTime":"2024-02-29T08:43:17Z","responseElements":{"accessKey":{"status":"Active","accessKeyId":"AKIAABCDEFGHIJKLMNOP"}}}`,
		`{"eventID":"a","eventName":"b","eventTime":"2024-02-29T08:43:17Z","responseElements":{"accessKey":{"status":"Active","a^^^^^^^ccessKeyId":"AKIAABCDEFGHIJKLMNOP"}}}`,
		`{"eventID":"a","eventName":"b","eventTime":"2024-02-29T08:43:17Z","responseElements":{"credentials":{"accessKeyid":"ASIAABCDEFGHIJKLMNOP"}}}`,
		`{"eventID":"a","eventName":"b","eventTime":"2024-02-29T08:43:17Z","responseElements":{"accessKey":{"x":{}},"accessKeyId":"AKIAABCDEFGHIJKLMNOP"}}`,
		`{"eventID":"a","eventName":"b","eventTime":"2024-02-29T08:43:17Z","userIdentity":{"identityProvider":"p","sessionContext":{"webIdFederationData":{"federatedProvider":"f"},"signInSessionArn":"s"},"signInSessionArn":"t"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if bytes.Contains(raw, []byte(`\`)) {
			t.Skip("a name within a request may be spelt with escapes, which the fast reader does not look for")
		}
		sameAsStrict(t, raw)
	})
}

// Where split gives up or not, what comes of a file is what the walker makes of it. A record within something odd has
// the offset of that.
func FuzzSplit(f *testing.F) {
	const record = `{"eventVersion":"1.08","eventID":"6e882b9d-2af8-4c67-b91f-aeac6a0e5e70","eventName":"x","eventSource":"sts.amazonaws.com","eventTime":"2024-11-30T08:43:17Z"}`
	for _, seed := range []string{`{"Records":[` + record + `]}`, "[" + record + "," + record + "]", record + "\n" + record, `{"Records":[` + record + `],"x":1}`,
		record + `{"torn":"` + "\n" + record, "{\"Record\ns\":[" + record + "]}", `{"detail":` + record + `}`, "\xef\xbb\xbf" + record} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		type found struct {
			offset int64
			raw    string
			within bool
		}
		var fast, walked []found
		within := false
		keep := func(to *[]found) *sink {
			return &sink{problem: func(int64, string, string) {}, record: func(offset int64, raw []byte) error {
				if checkStrict(raw) == nil { // the strict reader refuses it wherever it comes from
					*to = append(*to, found{offset, string(raw), within})
				}
				return nil
			}}
		}
		in := newInput()
		if err := in.begin(context.Background(), File{}, bytes.NewReader(data)); err != nil {
			return
		}
		s, facts := keep(&fast), facts{}
		err := split(in, &facts, nil, func(offset int64, raw []byte, odd bool) error {
			if within = odd; odd {
				return newWalker(bytes.NewReader(raw)).all(s, 0, offset)
			}
			return s.record(offset, raw)
		})
		if within = false; err != nil {
			return
		}
		if err := readShapes(bytes.NewReader(data), keep(&walked)); err != nil {
			return
		}
		if !slices.EqualFunc(fast, walked, func(a, b found) bool {
			return a.raw == b.raw && (a.offset == b.offset || a.within && a.offset < b.offset)
		}) {
			t.Fatalf("split %+v\nwalker %+v", fast, walked)
		}
	})
}

func TestIssuerText(t *testing.T) {
	var tables tables
	tables.texts.add(nil)
	n := tables.addIdentity(&Identity{ARN: "a", IssuerARN: "i", IssuerPrincipal: "p", SourceIdentity: "s"})
	if got := tables.issuerARN(n); got != "i" {
		t.Errorf("%q", got)
	}
}
