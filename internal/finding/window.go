package finding

import (
	"bytes"
	"io"
)

// maxDocument is the most of one document that is ever held. It bounds memory, not input: longer arrays and
// longer {"Findings":[…]} are read element by element.
const maxDocument = 4 << 20

const readSize = 64 << 10

// window is a stream with as much lookahead as a document may be long, and a record of where it stands.
type window struct {
	r    io.Reader
	buf  []byte // what was read and not yet discarded
	off  int64  // of buf[0]
	line int    // of buf[0], from 1
	last byte   // the byte before buf[0]
	eof  bool
	err  error // why reading stopped, if not for the end
}

// more reads on. It answers false at the end of the stream.
func (w *window) more() bool {
	if w.eof {
		return false
	}
	if cap(w.buf)-len(w.buf) < readSize {
		grown := make([]byte, len(w.buf), 2*len(w.buf)+2*readSize)
		copy(grown, w.buf)
		w.buf = grown
	}
	for {
		n, err := w.r.Read(w.buf[len(w.buf) : len(w.buf)+readSize])
		w.buf = w.buf[:len(w.buf)+n]
		if err != nil {
			w.eof = true
			if err != io.EOF {
				w.err = err
			}
		}
		if n > 0 || w.eof {
			return n > 0
		}
	}
}

// discard moves on by n bytes.
func (w *window) discard(n int) {
	w.line += bytes.Count(w.buf[:n], []byte{'\n'})
	w.off += int64(n)
	if n > 0 {
		w.last = w.buf[n-1]
	}
	w.buf = w.buf[n:]
}

// peek is the next byte that is not white space, which is discarded. False at the end.
func (w *window) peek() (byte, bool) {
	for {
		for i, c := range w.buf {
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				w.discard(i)
				return c, true
			}
		}
		w.discard(len(w.buf))
		if !w.more() {
			return 0, false
		}
	}
}

// resync discards what is left of a broken document: everything up to a line that begins with a bracket, as
// every document of a JSON Lines file does and no inner line of an indented one. atLeast bytes are skipped.
func (w *window) resync(atLeast int) {
	if atLeast > len(w.buf) {
		atLeast = len(w.buf)
	}
	w.discard(atLeast)
	if w.last == '\n' && len(w.buf) > 0 && (w.buf[0] == '{' || w.buf[0] == '[') {
		return
	}
	for {
		for i := 0; ; {
			k := bytes.IndexByte(w.buf[i:], '\n')
			if k < 0 {
				w.discard(len(w.buf))
				break
			}
			i += k + 1
			if i == len(w.buf) && !w.more() {
				w.discard(i)
				return
			}
			if w.buf[i] == '{' || w.buf[i] == '[' {
				w.discard(i)
				return
			}
		}
		if !w.more() {
			return
		}
	}
}

func (w *window) pos() position { return position{line: w.line, off: w.off} }

// position is where a document stands in its file. It is fixed inside wrapped text, whose own offsets mean
// nothing to whoever opens the file.
type position struct {
	line  int
	off   int64
	fixed bool
}

// in is the position of the byte i of the document b that stands at p.
func (p position) in(b []byte, i int) position {
	if p.fixed {
		return p
	}
	return position{line: p.line + bytes.Count(b[:i], []byte{'\n'}), off: p.off + int64(i)}
}
