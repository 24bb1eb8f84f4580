// Package finding turns findings, in every shape that users hold them, into what the rest of cordon works
// with: what is compromised, by whom, since when, and which playbook answers. It is apart from all else
// because everything it reads was written, in part, by an attacker: it has no SDK, no network and no clock,
// and refuses what it cannot read in one way only.
//
// The way of a document: window.go and scan.go find where it begins and ends, json.go reads it strictly,
// unwrap.go takes it out of its envelopes, guardduty.go, sequence.go and asff.go note what it names
// (facts.go), and route.go says what that opens.
package finding

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"cordon/internal/casefile"
)

// Error says which document could not be read, and why. Line and Offset are where the document begins,
// in the uncompressed text where the file is gzip.
type Error struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Offset  int64  `json:"offset"`
	Message string `json:"message"`
}

func (e Error) Error() string {
	return fmt.Sprintf("%s:%d (byte %d): %s", e.File, e.Line, e.Offset, e.Message)
}

// Doc is one finding with its own JSON bytes as given.
type Doc struct {
	Incident casefile.Incident
	Raw      []byte
}

// ReadAll is Read into a slice.
func ReadAll(name string, r io.Reader) ([]Doc, []Error, error) {
	var docs []Doc
	errs, err := Read(name, r, func(in casefile.Incident, raw []byte) error {
		docs = append(docs, Doc{in, raw})
		return nil
	})
	return docs, errs, err
}

// Read reads findings of every shape from r, which is called name in errors, and calls emit for each, in
// order. A document that cannot be read becomes an Error and those beside it are still answered; the error
// is of emit or of r itself. Memory stays bounded whatever the size of the input.
func Read(name string, r io.Reader, emit func(casefile.Incident, []byte) error) ([]Error, error) {
	src := &source{r: r}
	rd := &reader{name: name, emit: emit}
	text, err := unfold(src)
	if err != nil {
		rd.bad(position{line: 1}, err)
		return rd.errors(), src.failed(name)
	}
	w := &window{r: text, line: 1}
	rd.w = w
	if err := rd.stream(); err != nil {
		return rd.errors(), err
	}
	if w.err != nil && src.err == nil {
		rd.bad(w.pos(), w.err)
	}
	return rd.errors(), src.failed(name)
}

func (s *source) failed(name string) error {
	if s.err == nil {
		return nil
	}
	return fmt.Errorf("reading %s: %w", name, s.err)
}

type reader struct {
	name string
	emit func(casefile.Incident, []byte) error
	w    *window

	errs    []Error
	dropped int // bad documents beyond those named
}

func (r *reader) bad(p position, err error) {
	if len(r.errs) >= maxErrorCount {
		r.dropped++
		return
	}
	r.errs = append(r.errs, Error{File: r.name, Line: p.line, Offset: p.off, Message: clip(err.Error())})
}

// errors names the bad documents; where they are too many to hold, the last entry counts the rest.
func (r *reader) errors() []Error {
	if r.dropped == 0 {
		return r.errs
	}
	last := r.errs[len(r.errs)-1]
	last.Message = fmt.Sprintf("%d more bad documents follow, not named one by one", r.dropped)
	return append(r.errs, last)
}

// clip bounds a message, which may quote the document.
func clip(s string) string {
	const most = 400
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= most {
		return s
	}
	s = s[:most]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "…"
}

// stream reads the documents that follow each other in the window.
func (r *reader) stream() error {
	if err := r.begin(); err != nil {
		r.bad(r.w.pos(), err)
		return nil
	}
	none := true
	for {
		c, ok := r.w.peek()
		if !ok {
			break
		}
		none = false
		var err error
		switch {
		case c == '[':
			err = r.array(r.document)
		case c == '{', c == '"', isLiteral(c):
			err = r.value(r.document)
		case c == ',':
			r.bad(r.w.pos(), unexpected(c, "a document"))
			r.w.discard(1)
		default:
			r.bad(r.w.pos(), unexpected(c, "a document"))
			r.w.resync(1)
		}
		if err != nil {
			return err
		}
	}
	if none && r.w.err == nil {
		r.bad(r.w.pos(), fmt.Errorf("no finding here: there is nothing to read"))
	}
	return nil
}

// begin looks at how the text is encoded: Windows PowerShell's ">" writes UTF-16, other tools a byte order
// mark before UTF-8.
func (r *reader) begin() error {
	for len(r.w.buf) < 3 && r.w.more() {
	}
	switch b := r.w.buf; {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		r.w.discard(3)
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		return fmt.Errorf("this is UTF-16: save it as UTF-8")
	}
	return nil
}

// handler takes one whole document. An error is emit's and ends the reading.
type handler func(b []byte, p position) error

// value reads one document and hands it on. What cannot be read is noted and stepped over.
func (r *reader) value(handle handler) error {
	p := r.w.pos()
	n, fault := r.extent()
	if fault == nil {
		err := handle(r.w.buf[:n:n], p)
		r.w.discard(n)
		return err
	}
	if r.w.buf[0] == '{' && holdsContainer(r.w.buf) {
		return r.container()
	}
	r.bad(p, fault)
	if fault == errTooLong {
		r.skip()
		return nil
	}
	r.w.resync(1)
	return nil
}

var errTooLong = fmt.Errorf("the document is longer than %d bytes", maxDocument)

// extent finds how long the document is that the window begins with.
func (r *reader) extent() (int, error) {
	var s scanner
	at := 0
	for {
		n, done, err := s.feed(r.w.buf[at:])
		at += n
		switch {
		case err != nil:
			return 0, fmt.Errorf("%w, at byte %d of the document", err, at)
		case at > maxDocument:
			return 0, errTooLong
		case done:
			return at, nil
		}
		if !r.w.more() {
			if s.atEOF() {
				return at, nil
			}
			return 0, fmt.Errorf("the document is cut off after %d bytes", at)
		}
	}
}

// skip discards a document of any length. resynced: it was broken, see element.
func (r *reader) skip() (resynced bool) {
	var s scanner
	for {
		n, done, err := s.feed(r.w.buf)
		r.w.discard(n)
		if err != nil {
			r.w.resync(0)
			return true
		}
		if done || !r.w.more() {
			return false
		}
	}
}

// array reads a JSON array element by element, so that its length does not matter and a broken element
// leaves the others alone.
func (r *reader) array(handle handler) error {
	start := r.w.pos()
	r.w.discard(1)
	broken := false   // an element was: a missing comma then means lines of their own again
	resynced := false // the window stands at the element that follows a broken one
	for first := true; ; first = false {
		c, ok := r.w.peek()
		switch {
		case !ok:
			if r.w.err == nil {
				r.bad(start, fmt.Errorf("the array is cut off"))
			}
			return nil
		case c == ']':
			r.w.discard(1)
			return nil
		case c == ',' && !first:
			r.w.discard(1)
			if c, ok = r.w.peek(); !ok {
				continue
			}
			if c == ']' || c == ',' {
				r.bad(r.w.pos(), unexpected(c, "an element"))
				continue
			}
		case resynced:
		case !first && broken:
			return nil
		case !first:
			r.bad(r.w.pos(), unexpected(c, "a comma or the end of the array"))
			r.w.resync(1)
			broken, resynced = true, true
			continue
		}
		var err error
		if resynced, err = r.element(handle); err != nil {
			return err
		}
		broken = broken || resynced
	}
}

// element reads one element of an array. resynced: it was broken, and the window stands at the next line
// that may begin an element, with no comma to expect before it.
func (r *reader) element(handle handler) (resynced bool, err error) {
	c := r.w.buf[0]
	if c != '{' && c != '[' && c != '"' && !isLiteral(c) {
		r.bad(r.w.pos(), unexpected(c, "an element"))
		r.w.resync(1)
		return true, nil
	}
	p := r.w.pos()
	n, fault := r.extent()
	if fault == nil {
		err := handle(r.w.buf[:n:n], p)
		r.w.discard(n)
		return false, err
	}
	r.bad(p, fault)
	if fault == errTooLong {
		return r.skip(), nil
	}
	if n := balanced(r.w.buf); n > 0 {
		r.w.discard(n)
		return false, nil
	}
	r.w.resync(1)
	return true, nil
}
