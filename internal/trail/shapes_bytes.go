package trail

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
)

// A pushback is a reader that bytes can be given back to.
type pushback struct {
	bytes.Reader
	r io.Reader
}

func (p *pushback) Read(b []byte) (int, error) {
	if p.Len() > 0 {
		return p.Reader.Read(b)
	}
	return p.r.Read(b)
}

func newWalker(r io.Reader) *walker { return newWalkerOf(r, 64<<10) }

// newWalkerOn walks what is at hand. Its buffer is no larger than that: there may be millions of small ones.
func newWalkerOn(b []byte) *walker { return newWalkerOf(bytes.NewReader(b), min(len(b), 64<<10)) }

func newWalkerOf(r io.Reader, size int) *walker {
	back := &pushback{r: r}
	return &walker{in: bufio.NewReaderSize(back, size), back: back, fresh: true}
}

func (w *walker) peek(n int) []byte {
	head, _ := w.in.Peek(n)
	return head
}

func (w *walker) next() (byte, error) {
	c, err := w.in.ReadByte()
	if err != nil {
		return 0, err
	}
	w.at++
	switch c {
	case '\n':
		w.fresh = true
	case ' ', '\t', '\r':
	default:
		w.fresh = false
	}
	if w.keep {
		w.hold(c)
	}
	return c, nil
}

func (w *walker) hold(b ...byte) {
	if len(w.held)+len(b) > maxShapeRecord {
		w.over = true
		return
	}
	w.held = append(w.held, b...)
}

// plain takes what is buffered of a string, up to a quote, an escape or a line break, and gives it.
func (w *walker) plain() ([]byte, error) {
	b, err := w.ahead()
	if err != nil {
		return nil, err
	}
	for _, end := range []byte{'"', '\\', '\n'} {
		if i := bytes.IndexByte(b, end); i >= 0 {
			b = b[:i]
		}
	}
	w.pass(b)
	return b, nil
}

// look gives the next byte that is not space, without taking it.
func (w *walker) look() (byte, error) {
	for {
		b, err := w.ahead()
		if err != nil {
			return 0, err
		}
		n := 0
		for n < len(b) && (b[n] == ' ' || b[n] == '\n' || b[n] == '\t' || b[n] == '\r') {
			n++
		}
		if n == len(b) {
			w.pass(b)
			continue
		}
		c := b[n]
		w.pass(b[:n])
		return c, nil
	}
}

// ahead gives what is buffered, at least one byte.
func (w *walker) ahead() ([]byte, error) {
	if _, err := w.in.Peek(1); err != nil {
		return nil, err
	}
	return w.in.Peek(w.in.Buffered())
}

// pass takes bytes that ahead gave, from their beginning.
func (w *walker) pass(b []byte) {
	if len(b) == 0 {
		return
	}
	w.at += int64(len(b))
	line := bytes.LastIndexByte(b, '\n')
	w.fresh = (w.fresh || line >= 0) && len(bytes.TrimSpace(b[line+1:])) == 0
	if w.keep {
		w.hold(b...)
	}
	_, _ = w.in.Discard(len(b))
}

// name reads a member's name and its colon. Names longer than 64 bytes, or with escapes, are none that matter.
func (w *walker) name() (string, error) {
	c, err := w.look()
	if err != nil {
		return "", err
	}
	if c != '"' {
		return "", fmt.Errorf("%w: 0x%02x where a name is expected", errSyntax, c)
	}
	var short []byte
	if err := w.str(func(b []byte) {
		if len(short) < 64 {
			short = append(short, b[:min(len(b), 64)]...)
		}
	}); err != nil {
		return "", err
	}
	if c, err = w.look(); err != nil {
		return "", err
	}
	if c != ':' {
		return "", fmt.Errorf("%w: 0x%02x where a colon is expected", errSyntax, c)
	}
	_, err = w.next()
	return string(short), err
}

// str reads a string with its quotes, and tells each what stands between escapes. Control bytes are left to who reads
// the record; a line break is the end of a line that is torn.
func (w *walker) str(each func([]byte)) error {
	if _, err := w.next(); err != nil {
		return err
	}
	for {
		b, err := w.plain()
		if err != nil {
			return err
		}
		if each != nil {
			each(b)
		}
		if len(b) > 0 {
			continue
		}
		if b := w.peek(1); len(b) == 1 && b[0] == '\n' {
			return fmt.Errorf("%w: a line ends within a string", errSyntax)
		}
		c, err := w.next()
		if err != nil || c == '"' {
			return err
		}
		if each != nil {
			each([]byte{c})
		}
		if _, err := w.next(); err != nil { // what is escaped
			return err
		}
	}
}

// skip goes past the next value, of whatever depth, without recursion. Bit i of objects says whether the value open
// at depth i is an object, in which a name follows each brace and comma.
func (w *walker) skip() error {
	var objects [maxShapeDepth + 1]bool
	depth, name, again := 0, false, false
	for {
		c, err := w.look()
		if err != nil {
			return err
		}
		in := depth > 0 && depth <= maxShapeDepth && objects[depth]
		if name && c != '"' && c != '}' {
			return fmt.Errorf("%w: 0x%02x where a name is expected", errSyntax, c)
		}
		if again && (c == '{' || c == '[' || c == '"') {
			return fmt.Errorf("%w: 0x%02x where a comma is expected", errSyntax, c)
		}
		again = false
		switch c {
		case '"':
			err = w.str(nil)
			again, name = !name, false
			if err == nil && in && !again {
				err = w.colon()
			}
		case '{', '[':
			depth++
			if depth <= maxShapeDepth {
				objects[depth] = c == '{'
			} else {
				w.deep = true
			}
			name = c == '{' && depth <= maxShapeDepth
			_, err = w.next()
		case '}', ']':
			if depth == 0 || depth <= maxShapeDepth && objects[depth] != (c == '}') {
				return fmt.Errorf("%w: 0x%02x closes nothing", errSyntax, c)
			}
			depth--
			again, name = true, false
			_, err = w.next()
		case ',':
			if depth == 0 {
				return fmt.Errorf("%w: a comma where a value is expected", errSyntax)
			}
			name = in
			_, err = w.next()
		case ':':
			if depth <= maxShapeDepth {
				return fmt.Errorf("%w: a colon where none is expected", errSyntax)
			}
			_, err = w.next()
		default:
			again = true
			err = w.scalar(c)
		}
		if err != nil || depth == 0 {
			return err
		}
	}
}

func (w *walker) colon() error {
	c, err := w.look()
	if err != nil {
		return err
	}
	if c != ':' {
		return fmt.Errorf("%w: 0x%02x where a colon is expected", errSyntax, c)
	}
	_, err = w.next()
	return err
}

// scalar takes a number, true, false or null, or whatever stands in their place up to a delimiter.
func (w *walker) scalar(c byte) error {
	if !(c == '-' || c >= '0' && c <= '9' || c == 't' || c == 'f' || c == 'n') {
		return fmt.Errorf("%w: 0x%02x where a value is expected", errSyntax, c)
	}
	for {
		b, err := w.in.Peek(1)
		if err != nil {
			return ended(err)
		}
		switch b[0] {
		case ',', '}', ']', ':', ' ', '\t', '\r', '\n', '{', '[', '"':
			return nil
		}
		if _, err := w.next(); err != nil {
			return err
		}
	}
}
