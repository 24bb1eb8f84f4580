package trail

import (
	"bytes"
	"errors"
	"io"
)

// errShape says that a file is not one of the shapes that split reads, or is torn: the walker reads it from its start.
var errShape = errors.New("not of the common shapes")

// maxWindow is how much of a file is held at once: a record and what is around it.
const maxWindow = maxShapeRecord + 64<<10

// split takes apart the shapes that nearly all logs have: delivery files, arrays and lines of records. Each object goes
// to take with the error of scan: nil for a record, errOdd for whatever else it may be. The bytes are valid during the
// call only.
func split(in *input, f *facts, l *lately, take func(offset int64, raw []byte, odd bool) error) error {
	const top, records, array = 0, 1, 2 // where we are
	in.bom()
	for state, n := top, 0; ; {
		c, ok := in.look()
		if !ok {
			if state != top && errors.Is(in.failed, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return ended(in.failed)
		}
		switch {
		case state == top && c == '[':
			in.start++
			state, n = array, 0
			continue
		case state == top && c == '{' && in.records():
			state, n = records, 0
			continue
		case state != top && c == ']':
			in.start++
			if state == records {
				if err := in.closeRecords(); err != nil {
					return err
				}
			}
			state = top
			continue
		case state != top && n > 0:
			if c != ',' {
				return errShape
			}
			in.start++
			if c, ok = in.look(); !ok {
				continue
			}
		}
		if c != '{' {
			return errShape
		}
		if err := in.object(f, l, take); err != nil {
			return err
		}
		n++
	}
}

func (in *input) bom() {
	for in.end-in.start < 3 && in.more(maxWindow) {
	}
	if bytes.HasPrefix(in.left(), []byte("\xef\xbb\xbf")) {
		in.start += 3
	}
}

// maxSpace is more white space than stands between any two records: the walker knows when to stop.
const maxSpace = 1 << 20

// look gives the next byte that is not space, without taking it. False: there is none, or nothing but space for long.
func (in *input) look() (byte, bool) {
	for from := in.at(); ; {
		in.start = skipSpace(in.window[:in.end], in.start)
		if in.start < in.end {
			return in.window[in.start], true
		}
		if in.failed == nil && in.at()-from > maxSpace {
			in.failed = errShape
		}
		if !in.more(maxWindow) {
			return 0, false
		}
	}
}

// records takes the beginning of a delivery file, {"Records":[.
func (in *input) records() bool {
	for in.end-in.start < 64 && in.more(maxWindow) {
	}
	b := in.left()
	i := skipSpace(b, 1)
	if !bytes.HasPrefix(b[i:], []byte(`"Records"`)) {
		return false
	}
	if i = skipSpace(b, i+9); i >= len(b) || b[i] != ':' {
		return false
	}
	if i = skipSpace(b, i+1); i >= len(b) || b[i] != '[' {
		return false
	}
	in.start += i + 1
	return true
}

// closeRecords takes the end of a delivery file, after its list. Members after the list are for the walker.
func (in *input) closeRecords() error {
	c, ok := in.look()
	switch {
	case !ok && errors.Is(in.failed, io.EOF):
		return io.ErrUnexpectedEOF
	case !ok:
		return in.failed
	case c != '}':
		return errShape
	}
	in.start++
	return nil
}

// object takes the object that begins at the next byte.
func (in *input) object(f *facts, l *lately, take func(int64, []byte, bool) error) error {
	for {
		n, err := f.scan(in.left(), l)
		switch {
		case errors.Is(err, errMore):
			if in.double() {
				continue
			}
			if in.failed == nil || errors.Is(in.failed, io.EOF) {
				return errShape // too large, or torn: the walker says which, and where
			}
			return in.failed
		case err != nil && (n == 0 || !errors.Is(err, errOdd)), n > maxShapeRecord:
			return errShape
		}
		at := in.at()
		raw := in.left()[:n]
		in.start += n
		return take(at, raw, err != nil)
	}
}
