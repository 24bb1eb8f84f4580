package trail

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// The shapes of a file, by content, as Ingest.Shapes counts them.
const (
	shapeRecords  = "records"          // delivery files, JSON lines, arrays, single records
	shapeLookup   = "lookup-events"    // LookupEvents: Events[].CloudTrailEvent
	shapeBridge   = "eventbridge"      // the record is in detail
	shapeMessage  = "log-events"       // CloudWatch Logs, SQS, SNS: the record is a string in an envelope
	shapeExport   = "cloudwatch-lines" // CloudWatch Logs export: a time, a space, the record
	shapeLake     = "lake"             // CloudTrail Lake and Athena rows
	shapeOCSF     = "ocsf"             // Security Lake
	shapeDigest   = "digest"
	shapeWrapped  = "wrapped" // another tool's export with the record inside
	shapeForeign  = "foreign"
	maxUnwrap     = 5  // envelopes in one another: SNS in SQS in an array is three
	maxForeignRun = 20 // problems of one kind named in one file, the rest in one line
)

// sink takes what is found in one file. Offsets are in the decompressed file; those of records in a string are the
// string's envelope's. Record bytes are valid during the call only.
type sink struct {
	record  func(offset int64, record []byte) error
	digest  func(offset int64, raw []byte) // a whole digest file; may be nil
	problem func(offset int64, kind, detail string)
	unread  func(offset int64, why string, raw []byte) // bytes that hold a record, surely or likely, and cannot be read; may be nil
	stored  func() int64                               // bytes read so far of a file that is compressed; may be nil

	shape   string // the first shape seen
	found   int    // records and digests handed on
	foreign int    // values that are JSON and no CloudTrail
	where   int64  // offset of the first of them
	named   map[string]int
	early   []Problem // of before the first shape was seen: of a file that is no log they all say the same
	head    []byte    // how the file begins
}

func (s *sink) saw(shape string) {
	if s.shape == "" || s.shape == shapeForeign {
		s.shape = shape
	}
	for _, p := range s.early {
		s.problem(p.Offset, p.Kind, p.Detail)
	}
	s.early = nil
}

// hand hands a record on.
func (s *sink) hand(offset int64, raw []byte) error {
	s.found++
	return s.record(offset, raw)
}

// trouble names a problem; of one kind the first few in a file, since a file of rubbish says the same a million times.
func (s *sink) trouble(offset int64, kind, detail string) {
	if s.named == nil {
		s.named = map[string]int{}
	}
	if s.named[kind]++; s.named[kind] > maxForeignRun {
		return
	}
	if s.shape == "" {
		s.early = append(s.early, Problem{Offset: offset, Kind: kind, Detail: detail})
		return
	}
	s.problem(offset, kind, detail)
}

// refuse names bytes that cannot be read and keeps them.
func (s *sink) refuse(offset int64, kind, detail string, raw []byte) {
	s.trouble(offset, kind, detail)
	if s.unread != nil {
		s.unread(offset, detail, raw)
	}
}

// done names what is still unnamed, at the end of a file.
func (s *sink) done() {
	if s.shape == "" {
		s.unrecognised()
		return
	}
	for _, kind := range slices.Sorted(maps.Keys(s.named)) {
		if n := s.named[kind]; n > maxForeignRun {
			s.problem(0, kind, fmt.Sprintf("%d more of this kind in this file", n-maxForeignRun))
		}
	}
	if s.foreign > 0 {
		s.problem(s.where, "not-a-record", fmt.Sprintf("%d JSON values that are no CloudTrail record", s.foreign))
	}
}

// unrecognised says of a file without a record what it is, in one line. What begins as JSON and breaks off may have
// been a log: of that, a line for each kind of fault.
func (s *sink) unrecognised() {
	s.shape = shapeForeign
	what, sure := "no CloudTrail record in it", false
	if s.head != nil {
		what, sure = kindOfFile(s.head, s.foreign)
	}
	told := map[string]bool{"junk": true}
	for _, p := range s.early {
		if told[p.Kind] || sure {
			continue
		}
		told[p.Kind] = true
		if n := s.named[p.Kind] - 1; n > 0 {
			p.Detail += fmt.Sprintf("; and %d more of this kind in this file", n)
		}
		s.problem(p.Offset, p.Kind, p.Detail)
	}
	if len(told) == 1 {
		s.problem(0, "not-a-log", what)
	}
	s.early = nil
}

// readShapes reads a decompressed file of any shape and names the shape in s. The error is s.record's or the reader's;
// what cannot be understood is a problem. It holds one record at a time; of Parquet the whole file, so that what can
// be read in place goes to readParquet instead.
func readShapes(r io.Reader, s *sink) error {
	p := &patience{r: r, s: s}
	w := newWalker(utf8Of(p))
	s.head = append([]byte{}, w.peek(512)...)
	if isParquet(s.head) {
		return bufferParquet(w.in, s)
	}
	defer s.done()
	read := func() error { return w.all(s, 0, -1) }
	if isCSV(w.peek(4096)) {
		read = func() error { return readCSV(w, s) }
	}
	err := read()
	if errors.Is(err, errBarren) {
		s.trouble(w.at, "too-large", fmt.Sprintf("%d MiB unpacked of %d bytes, without a record in the last %d MiB: the rest is not read", p.n>>20, s.stored(), (p.n-p.since)>>20))
		return nil
	}
	return err
}

// patience reads a compressed file until it has unpacked, since the last record, more than any log does: a bomb of a
// few KiB holds gigabytes.
type patience struct {
	r        io.Reader
	s        *sink
	n, since int64
	found    int
}

const (
	barrenSize  = 32 << 20
	barrenRatio = 64 // of unpacked to stored; logs reach 20 to 50
)

var errBarren = errors.New("no record for too long")

func (p *patience) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.n += int64(n)
	if p.found != p.s.found {
		p.found, p.since = p.s.found, p.n
	}
	if p.s.stored != nil && p.n-p.since > barrenSize+barrenRatio*p.s.stored() {
		return 0, errBarren
	}
	return n, err
}

// stamp gives the length of the time and space that CloudWatch Logs writes before a record on its line, 0 without.
func stamp(line []byte) int {
	for i, c := range line {
		switch {
		case c == '{':
			if i < 10 {
				return 0
			}
			return i
		case i > 40 || !(c >= '0' && c <= '9' || bytes.IndexByte([]byte("TZ:-.+ \t,"), c) >= 0):
			return 0
		}
	}
	return 0
}

// containers are the names whose array holds one thing an element, so that it is read an element at a time.
var containers = map[string]bool{
	"Records": true, "records": true, "Events": true, "events": true, "logEvents": true, "QueryResultRows": true,
	"Messages": true, "Entries": true, "hits": true, "results": true,
}

// wrappers are the names of what holds a record: as an object, as JSON in a string, or that in base64. They are tried
// in this order, on an object that has none of a record's own names.
var wrappers = []struct{ name, shape string }{
	{"CloudTrailEvent", shapeLookup},
	{"detail", shapeBridge},
	{"eventData", shapeLake},
	{"eventdata", shapeLake},
	{"eventJson", shapeLake},
	{"message", shapeMessage},
	{"Message", shapeMessage},
	{"@message", shapeMessage},
	{"body", shapeMessage},
	{"Body", shapeMessage},
	{"Sns", shapeMessage},
	{"kinesis", shapeMessage},
	{"data", shapeMessage},
	{"Data", shapeMessage},
	{"awslogs", shapeMessage},
	{"event", shapeWrapped},
	{"_raw", shapeWrapped},
	{"_source", shapeWrapped},
	{"result", shapeWrapped},
}

// known are the names that tell what an object is.
var known = func() map[string]bool {
	m := map[string]bool{"digestS3Object": true, "class_uid": true, "eventID": true, "eventName": true,
		"eventVersion": true, "eventSource": true, "eventid": true, "eventname": true, "eventsource": true,
		"insightDetails": true, "api": true, "controlMessage": true, "messageType": true, "logFiles": true}
	for _, w := range wrappers {
		m[w.name] = true
	}
	return m
}()

// object judges one whole JSON object by the names in it.
func (s *sink) object(offset int64, raw []byte, has map[string]bool, level int) error {
	switch {
	case has["digestS3Object"] && !has["eventName"]:
		s.saw(shapeDigest)
		s.found++
		if s.digest != nil {
			s.digest(offset, raw)
		}
		return nil
	case has["class_uid"] && !has["eventName"]:
		return s.ocsf(offset, raw)
	case has["eventID"] && (has["eventName"] || has["eventSource"] || has["insightDetails"] || has["eventVersion"]),
		has["eventName"] && has["eventSource"], has["eventVersion"] && has["insightDetails"]:
		s.saw(shapeRecords)
		return s.hand(offset, raw)
	case has["eventid"] && has["eventname"], has["eventname"] && has["eventsource"]:
		return s.lakeObject(offset, raw)
	}
	for _, w := range wrappers {
		if has[w.name] {
			return s.unwrap(offset, raw, w.name, w.shape, level)
		}
	}
	s.notOurs(offset)
	return nil
}

func (s *sink) notOurs(offset int64) {
	if s.foreign == 0 {
		s.where = offset
	}
	s.foreign++
}

func (s *sink) unwrap(offset int64, raw []byte, name, shape string, level int) error {
	if level >= maxUnwrap {
		s.trouble(offset, "too-deep", fmt.Sprintf("more than %d envelopes in one another", maxUnwrap))
		return nil
	}
	fields, err := strictFields(raw)
	if err != nil {
		s.refuse(offset, problemKind(err), "envelope: "+err.Error(), raw)
		return nil
	}
	inner := []byte(fields[name])
	if len(inner) > 0 && inner[0] == '"' {
		if inner = s.text(inner); inner == nil {
			s.notOurs(offset)
			return nil
		}
	}
	if len(inner) == 0 || inner[0] != '{' && inner[0] != '[' {
		s.notOurs(offset)
		return nil
	}
	first, before := s.shape == "", s.found
	if err := newWalkerOn(inner).all(s, level+1, offset); err != nil {
		return err
	}
	if first && s.found > before {
		s.shape = shape // of the outermost envelope
	}
	return nil
}

// text gives what a JSON string says where that is JSON, or base64 of it; nil otherwise.
func (s *sink) text(quoted []byte) []byte {
	plain, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return nil
	}
	plain = bytes.TrimSpace(plain)
	if n := stamp(plain[:min(len(plain), 64)]); n > 0 {
		plain = plain[n:]
	}
	if len(plain) > 0 && (plain[0] == '{' || plain[0] == '[') {
		return plain
	}
	decoded, err := base64.StdEncoding.DecodeString(string(plain))
	if err != nil {
		return nil
	}
	decoded = gunzipped(decoded)
	if len(decoded) > 0 && (decoded[0] == '{' || decoded[0] == '[') {
		return decoded
	}
	return nil
}

// strictFields gives the members of an object as they are written. Twice the same name, bytes that are no UTF-8 and
// every other fault is an error.
func strictFields(raw []byte) (map[string]jsontext.Value, error) {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	if t, err := d.ReadToken(); err != nil {
		return nil, err
	} else if t.Kind() != '{' {
		return nil, errors.New("not an object")
	}
	fields := map[string]jsontext.Value{}
	for d.PeekKind() == '"' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		v, err := d.ReadValue()
		if err != nil {
			return nil, err
		}
		fields[key] = v.Clone()
	}
	_, err := d.ReadToken()
	return fields, err
}

func checkStrict(raw []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(raw))
	_, err := d.ReadValue()
	return err
}

func problemKind(err error) string {
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return "duplicate-name"
	}
	return "bad-record"
}
