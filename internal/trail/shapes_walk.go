package trail

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
)

const (
	// maxShapeRecord bounds one record with its envelope. CloudTrail's own limit is 1 MB for an enriched event and
	// 256 KB for others; a string in an envelope may be twice that for its escapes.
	maxShapeRecord = 16 << 20
	maxShapeDepth  = 64
)

var (
	errSyntax = errors.New("not JSON")
	errJunk   = fmt.Errorf("%w", errSyntax) // not even the beginning of it
)

// A walker splits a stream of JSON into the objects that matter, without holding more than one of them. It checks
// the grammar as far as it takes to find an object's end and to notice a torn line; whoever reads the object checks
// the rest.
type walker struct {
	in    *bufio.Reader
	at    int64 // offset of the next byte
	fresh bool  // nothing but space since the last line break

	keep bool // bytes go to held
	held []byte
	over bool // the object is longer than may be held
	deep bool // or nested deeper than may be read
	torn bool // something torn was left, so that brackets may close what nothing opened

	back  *pushback
	backs int
}

// all reads values to the end of the stream. Offsets are base for what is in a string, those of the stream where base
// is negative. A value that is torn costs its line, not those after it.
func (w *walker) all(s *sink, level int, base int64) error {
	for {
		c, err := w.look()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		start := w.at
		if c != '{' && c != '[' && c != '"' {
			err = w.line(s, c)
		} else {
			err = w.value(s, level, base)
		}
		held := w.held
		w.drop()
		switch {
		case err == nil:
		case errors.Is(err, errSyntax):
			kind := "not-json"
			if errors.Is(err, errJunk) {
				kind = "junk"
			}
			s.refuse(w.from(start, base), kind, err.Error(), held)
			w.torn = true
			if w.giveBack(held) {
				continue
			}
			if err := w.resync(start); err != nil {
				return ended(err)
			}
		case errors.Is(err, io.EOF):
			s.trouble(w.from(start, base), "truncated", "the file ends within a value")
			return nil
		default:
			return err
		}
	}
}

func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (w *walker) from(at, base int64) int64 {
	if base >= 0 {
		return base
	}
	return at
}

// line takes a line that does not begin with JSON: the time before a record of a CloudWatch Logs export, or junk.
func (w *walker) line(s *sink, c byte) error {
	if c == ',' || w.torn && (c == ']' || c == '}') {
		_, err := w.next()
		return err
	}
	if c == byteOrderMark[0] && string(w.peek(3)) == byteOrderMark { // files that were put after one another have one each
		n, err := w.in.Discard(3)
		w.at += int64(n)
		return err
	}
	if n := stamp(w.peek(64)); n > 0 {
		s.saw(shapeExport)
		for range n {
			if _, err := w.next(); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a line begins with byte 0x%02x", errJunk, c)
}

// giveBack goes back to where a record begins within what was taken for a torn one: a string that is cut ends at the
// next record's first quote. It looks back a little way only, and not for ever, or a file of nothing but tears would be
// read many times over.
func (w *walker) giveBack(held []byte) bool {
	from := max(1, len(held)-4<<10)
	i := bytes.Index(held[min(from, len(held)):], []byte(recordStart[:2]))
	for ; i >= 0; i = bytes.Index(held[from:], []byte(recordStart[:2])) {
		ahead := w.peek(len(recordStart))
		if rest := string(held[from+i:]) + string(ahead); strings.HasPrefix(rest, recordStart) {
			break
		}
		from += i + 1
	}
	if i < 0 || w.backs > 1000 {
		return false
	}
	w.backs++
	again := held[from+i:]
	buffered, _ := w.in.Peek(w.in.Buffered())
	ahead := append(bytes.Clone(again), buffered...)
	if w.back.Len() > 0 {
		rest, _ := io.ReadAll(&w.back.Reader)
		ahead = append(ahead, rest...)
	}
	w.back.Reader.Reset(ahead)
	w.in.Reset(w.back)
	w.at -= int64(len(again))
	w.fresh = false
	return true
}

const byteOrderMark = "\xef\xbb\xbf"

// recordStart is how CloudTrail begins a record. It cannot stand in a string, where quotes are escaped.
const recordStart = `{"eventVersion":"`

// resync goes on with the next line; with this one where the fault was noticed at its beginning. Delivery files are a
// single line, so it goes on with the next record too, where that begins as CloudTrail's do.
func (w *walker) resync(start int64) error {
	if w.fresh && w.at > start {
		return nil
	}
	for {
		if w.at > start && string(w.peek(len(recordStart))) == recordStart {
			return nil
		}
		if c, err := w.next(); err != nil || c == '\n' {
			return err
		}
		b, err := w.ahead()
		if err != nil {
			return err
		}
		for _, end := range []byte{'\n', '{'} {
			if i := bytes.IndexByte(b, end); i >= 0 {
				b = b[:i]
			}
		}
		w.pass(b)
	}
}

func (w *walker) drop() { w.keep, w.held, w.over, w.deep = false, w.held[:0], false, false }

func (w *walker) value(s *sink, level int, base int64) error {
	c, err := w.look()
	if err != nil {
		return err
	}
	if level > maxUnwrap && (c == '{' || c == '[') {
		s.trouble(w.from(w.at, base), "too-deep", "lists of records in one another")
		return w.skip()
	}
	switch c {
	case '{':
		return w.object(s, level, base)
	case '[':
		return w.array(s, level, base, false)
	case '"':
		return w.quoted(s, level, base)
	}
	s.notOurs(w.from(w.at, base))
	return w.skip()
}

// quoted takes a string that stands where a record is expected and may be one.
func (w *walker) quoted(s *sink, level int, base int64) error {
	start := w.from(w.at, base)
	raw, err := w.take()
	if err != nil {
		return err
	}
	if !w.fits(s, start) {
		return nil
	}
	inner := s.text(raw)
	if inner == nil || level >= maxUnwrap {
		s.notOurs(start)
		return nil
	}
	return newWalkerOn(bytes.Clone(inner)).all(s, level+1, start)
}

// take holds the next value.
func (w *walker) take() ([]byte, error) {
	w.drop()
	w.keep = true
	err := w.skip()
	w.keep = false
	return w.held, err
}

// fits says that what is held is whole, and names it where it is not.
func (w *walker) fits(s *sink, offset int64) bool {
	switch {
	case w.over:
		s.trouble(offset, "too-large", fmt.Sprintf("a record of more than %d MiB", maxShapeRecord>>20))
	case w.deep:
		s.trouble(offset, "too-deep", fmt.Sprintf("a record nested more than %d deep", maxShapeDepth))
	default:
		return true
	}
	return false
}

func (w *walker) array(s *sink, level int, base int64, rows bool) error {
	if _, err := w.next(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		c, err := w.look()
		if err != nil {
			return err
		}
		if c == ']' {
			if n == 0 && s.foreign == 0 {
				s.saw(shapeRecords) // of an hour in which nothing happened
			}
			_, err := w.next()
			return err
		}
		if n > 0 {
			if c != ',' {
				return fmt.Errorf("%w: 0x%02x where a comma is expected", errSyntax, c)
			}
			if _, err = w.next(); err != nil {
				return err
			}
			if c, err = w.look(); err != nil {
				return err
			}
		}
		if rows && c == '[' {
			err = w.row(s, base)
		} else {
			err = w.value(s, level+1, base)
		}
		if err != nil {
			return err
		}
	}
}

// row takes one of QueryResultRows: an array of objects of one member each.
func (w *walker) row(s *sink, base int64) error {
	start := w.from(w.at, base)
	raw, err := w.take()
	if err != nil || !w.fits(s, start) {
		return err
	}
	return s.lakeRow(start, raw)
}

// object holds an object and hands it over, or, where it turns out to be a list's envelope, reads the list.
func (w *walker) object(s *sink, level int, base int64) error {
	start := w.from(w.at, base)
	w.drop()
	w.keep = true
	if _, err := w.next(); err != nil {
		return err
	}
	var has map[string]bool // of the names that tell
	envelope := false
	for n := 0; ; n++ {
		c, err := w.look()
		if err != nil {
			return err
		}
		if c == '}' {
			_, err = w.next()
			w.keep = false
			if err != nil || envelope || !w.fits(s, start) {
				return err
			}
			return s.object(start, w.held, has, level)
		}
		if n > 0 {
			if c != ',' {
				return fmt.Errorf("%w: 0x%02x where a comma is expected", errSyntax, c)
			}
			_, _ = w.next()
		}
		name, err := w.name()
		if err != nil {
			return err
		}
		if known[name] {
			if has == nil {
				has = map[string]bool{}
			}
			has[name] = true
		}
		if c, err = w.look(); err != nil {
			return err
		}
		if c == '[' && containers[name] && !has["eventID"] && !has["class_uid"] {
			envelope = true
			w.drop()
			err = w.array(s, level, base, name == "QueryResultRows" || name == "results")
		} else if c == '{' && name == "hits" {
			envelope = true
			w.drop()
			err = w.value(s, level+1, base)
		} else {
			err = w.skip()
		}
		if err != nil {
			return err // with what is held of the innermost
		}
		if envelope {
			w.drop()
		}
	}
}

// gunzipped gives what gzip data unpacks to, within bounds, and anything else as it is.
func gunzipped(data []byte) []byte {
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
		return data
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	most := int64(min(maxShapeRecord, 256<<10+100*len(data))) // Logs packs some tens of records so; more is a bomb
	out, err := io.ReadAll(io.LimitReader(z, most+1))
	if err != nil || int64(len(out)) > most {
		return nil
	}
	return out
}
