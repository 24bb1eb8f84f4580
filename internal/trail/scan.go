package trail

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/maphash"
	"math/bits"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The fast reader takes from a record what a row needs and steps over the rest, of which it checks no more than that
// brackets and quotes close. Whatever it finds odd it leaves to the strict reader: it never decides itself that a
// record is bad. What it does accept is what the strict reader would have said of the same bytes (TestScanIsStrict), but
// for names within a request or response that are spelt with escapes, as CloudTrail never does: of an access key under
// such a name the credential table does not know, and Find, which reads strictly, does.

var (
	errMore = errors.New("the record goes on after these bytes") // read more and begin again
	errOdd  = errors.New("left to the strict reader")
)

// classes of bytes outside strings. Zero: not JSON.
const (
	cPlain = 1 + iota // white space, literals, commas, colons
	cQuote
	cOpen
	cOpenList
	cClose
	cCloseList
)

var classes = func() (t [256]uint8) {
	for _, c := range " \t\r\n,:-+.0123456789eEtrufalsn" {
		t[c] = cPlain
	}
	t['"'], t['{'], t['['], t['}'], t[']'] = cQuote, cOpen, cOpenList, cClose, cCloseList
	return t
}()

// skipString gives the index after the string that begins at b[i].
func skipString(b []byte, i int) (int, error) {
	if end := endOfString(b, i+1); end > 0 {
		return end, nil
	}
	return 0, errMore
}

// endOfString gives the index after the string in which b[i] is, 0 where it does not end.
func endOfString(b []byte, i int) int {
	for start := i; ; {
		i = indexQuote(b, i)
		if i < 0 {
			return 0
		}
		if b[i-1] != '\\' || !escaped(b[start:i]) {
			return i + 1
		}
		i++
	}
}

// escaped says that a string that has come as far as before a quote goes on after it.
func escaped(before []byte) bool {
	n := 0
	for n < len(before) && before[len(before)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}

// indexQuote is bytes.IndexByte for strings that are mostly short: it looks at eight bytes at a time before it calls
// that. The lowest high bit that is set in (x-ones)&^x is that of x's first byte that is 0 (Hacker's Delight, 6-1).
func indexQuote(b []byte, i int) int {
	for end := i + 32; i < end && i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ '"'*ones
		if found := (x - ones) &^ x & (ones << 7); found != 0 {
			return i + bits.TrailingZeros64(found)>>3
		}
	}
	n := bytes.IndexByte(b[i:], '"')
	if n < 0 {
		return -1
	}
	return i + n
}

const ones = 0x0101010101010101

// skipNested gives the index after the object or list that begins at b[i].
func skipNested(b []byte, i int) (int, error) {
	stack, depth := uint64(0), 0 // a bit for each open bracket: 1 for an object
	for i < len(b) {
		switch classes[b[i]] {
		case cPlain:
		case cQuote:
			if i = endOfString(b, i+1); i == 0 {
				return 0, errMore
			}
			continue
		case cOpen, cOpenList:
			if depth++; depth >= maxShapeDepth {
				return 0, errOdd
			}
			stack = stack<<1 | uint64(flag(b[i] == '{', 1))
		case cClose, cCloseList:
			if stack&1 != uint64(flag(b[i] == '}', 1)) {
				return 0, errSyntax
			}
			stack >>= 1
			if depth--; depth == 0 {
				return i + 1, nil
			}
		default:
			return 0, errSyntax
		}
		i++
	}
	return 0, errMore
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// skipAny gives the index after the value that begins at b[i].
func skipAny(b []byte, i int) (int, error) {
	if i >= len(b) {
		return 0, errMore
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		return skipNested(b, i)
	}
	start := i
	for i < len(b) && classes[b[i]] == cPlain && b[i] != ',' && b[i] > ' ' && b[i] != ':' {
		i++
	}
	if i == len(b) {
		return 0, errMore
	}
	if i == start {
		return 0, errSyntax
	}
	return i, nil
}

// The members of a record that a row needs.
const (
	mID = iota
	mTime
	mName
	mSource
	mRegion
	mIP
	mAgent
	mCode
	mMessage
	mShared
	mRecipient
	mType
	mCategory
	mManagement
	mReadOnly
	mConsole
	mUser
	mRequest
	mResponse
	mInsight
	mAddendum
	members
)

// member gives the number of a member by its name, -1 for another one of CloudTrail's, -2 for an unknown one.
func member(name []byte) int {
	switch string(name) {
	case "eventID":
		return mID
	case "eventTime":
		return mTime
	case "eventName":
		return mName
	case "eventSource":
		return mSource
	case "awsRegion":
		return mRegion
	case "sourceIPAddress":
		return mIP
	case "userAgent":
		return mAgent
	case "errorCode":
		return mCode
	case "errorMessage":
		return mMessage
	case "sharedEventID":
		return mShared
	case "recipientAccountId":
		return mRecipient
	case "eventType":
		return mType
	case "eventCategory":
		return mCategory
	case "managementEvent":
		return mManagement
	case "readOnly":
		return mReadOnly
	case "sessionCredentialFromConsole":
		return mConsole
	case "userIdentity":
		return mUser
	case "requestParameters":
		return mRequest
	case "responseElements":
		return mResponse
	case "insightDetails":
		return mInsight
	case "addendum":
		return mAddendum
	case "eventVersion", "requestID", "apiVersion", "resources", "additionalEventData", "serviceEventDetails", "tlsDetails",
		"vpcEndpointId", "vpcEndpointAccountId", "edgeDeviceDetails", "annotation", "eventContext":
		return -1
	}
	return -2
}

// facts are the values of a record's members as they are written, nil where absent.
type facts [members][]byte

// scan finds the object that begins at b[0] and its members, and gives its length. With errOdd the length is known
// too, unless it is 0.
func (f *facts) scan(b []byte, l *lately) (length int, err error) {
	*f = facts{}
	if l != nil {
		l.found = nil
	}
	odd := false
	i := skipSpace(b, 1)
	for n := 0; ; n++ {
		if i >= len(b) {
			return 0, errMore
		}
		if b[i] == '}' && n == 0 {
			return i + 1, errOdd
		}
		if b[i] != '"' {
			return 0, errSyntax
		}
		end := endOfString(b, i+1)
		if end == 0 {
			return 0, errMore
		}
		name := b[i+1 : end-1]
		i = skipSpace(b, end)
		if i >= len(b) {
			return 0, errMore
		}
		if b[i] != ':' {
			return 0, errSyntax
		}
		i = skipSpace(b, i+1)
		m := member(name)
		if n := l.length(m, b[i:]); n > 0 {
			end = i + n
		} else if end, err = skipAny(b, i); err != nil {
			return 0, err
		}
		switch {
		case m >= 0 && f[m] == nil:
			f[m] = b[i:end:end]
		case m >= 0, m == -2 && suspicious(name):
			odd = true
		}
		i = skipSpace(b, end)
		if i >= len(b) {
			return 0, errMore
		}
		switch b[i] {
		case ',':
			i = skipSpace(b, i+1)
		case '}':
			if odd || f[mInsight] != nil || f[mAddendum] != nil || f[mName] == nil || f[mTime] == nil || f[mID] == nil {
				return i + 1, errOdd
			}
			return i + 1, nil
		default:
			return 0, errSyntax
		}
	}
}

// lately remembers userIdentities, since calls of one session have the same one, byte for byte, and it is a third of a
// record: to compare it costs less than to read it. One is looked for by how it begins.
type lately struct {
	seed  maphash.Seed
	spans [1 << latelyBits]latelySpan
	found *latelySpan // in the record that was scanned last; nil where its userIdentity was not known
}

type latelySpan struct {
	bytes []byte
	known knownIdentity
}

const (
	latelyBits  = 11
	latelyBegin = 112 // bytes: type, principal id and the beginning of the ARN
	latelyMost  = 2 << 10
)

func (l *lately) at(b []byte) *latelySpan {
	return &l.spans[maphash.Bytes(l.seed, b[:latelyBegin])>>(64-latelyBits)]
}

// length gives the length of the userIdentity with which b begins, 0 where it is not known.
func (l *lately) length(m int, b []byte) int {
	if m != mUser || l == nil || len(b) < latelyBegin {
		return 0
	}
	s := l.at(b)
	if n := len(s.bytes); n == 0 || len(b) <= n || string(b[:n]) != string(s.bytes) {
		return 0
	}
	l.found = s
	return len(s.bytes)
}

// put remembers what a userIdentity says.
func (l *lately) put(raw []byte, known knownIdentity) {
	if len(raw) < latelyBegin || len(raw) > latelyMost || raw[0] != '{' {
		return
	}
	s := l.at(raw)
	s.bytes, s.known = append(s.bytes[:0], raw...), known
}

// suspicious says that a name that is none of CloudTrail's may be read as one: with escapes, in other case, or as the
// envelope of something else.
func suspicious(name []byte) bool {
	if bytes.IndexByte(name, '\\') >= 0 || known[string(name)] || !utf8.Valid(name) {
		return true
	}
	return slices.ContainsFunc(cloudTrailNames, func(n string) bool { return len(n) == len(name) && strings.EqualFold(n, string(name)) })
}

var cloudTrailNames = strings.Fields(`eventID eventTime eventName eventSource awsRegion sourceIPAddress userAgent errorCode
	errorMessage sharedEventID recipientAccountId eventType eventCategory managementEvent readOnly
	sessionCredentialFromConsole userIdentity requestParameters responseElements insightDetails addendum`)

// plain gives what a scalar says. Objects, and strings that are not what they should be, are odd.
func plain(v []byte) ([]byte, error) {
	switch {
	case len(v) == 0 || string(v) == "null":
		return nil, nil
	case v[0] == '{' || v[0] == '[':
		return nil, errOdd
	case v[0] != '"':
		if string(v) != "true" && string(v) != "false" && json.Unmarshal(v, new(json.Number)) != nil {
			return nil, errOdd
		}
		return v, nil
	}
	s := v[1 : len(v)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return nil, errOdd
	}
	return s, nil
}

// clean says that a string may stand in JSON as it is written. It is asked of every value once.
func clean[T string | []byte](s T) bool {
	ascii := true
	for i := range len(s) {
		if s[i] < 0x20 {
			return false
		}
		ascii = ascii && s[i] < 0x80
	}
	return len(s) <= maxText && (ascii || utf8.ValidString(string(s)))
}

// seconds1970 reads the one spelling of time that CloudTrail has, 2024-11-30T08:43:17Z, and others slowly.
func seconds1970(s []byte) (uint32, error) {
	if len(s) == 20 && s[4] == '-' && s[7] == '-' && s[10] == 'T' && s[13] == ':' && s[16] == ':' && s[19] == 'Z' {
		two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
		digits := true
		for _, i := range [...]int{0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18} {
			digits = digits && s[i] >= '0' && s[i] <= '9'
		}
		y, m, d, h, mi, sec := two(0)*100+two(2), two(5), two(8), two(11), two(14), two(17)
		if digits && y >= 1971 && y < 2100 && m >= 1 && m <= 12 && d >= 1 && d <= 28 && h < 24 && mi < 60 && sec < 60 {
			return uint32(daysTo(y, m, d)*86400 + h*3600 + mi*60 + sec), nil
		}
	}
	t, ok := timeOf(string(s))
	if !ok {
		return 0, errOdd
	}
	return uint32(t.Unix()), nil
}

// daysTo gives the days from 1 January 1970 to a date of the Gregorian calendar.
func daysTo(y, m, d int) int {
	return int(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}
