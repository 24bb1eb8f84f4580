package finding

import (
	"errors"
	"fmt"
)

// maxStack bounds the scanner's own memory. Documents nested deeper than maxNesting are refused later, by
// parse; the scanner goes further so that it can still find their end, and the good document behind it.
const maxStack = 1 << 16

// scanner finds the end of a JSON value in a stream of bytes, in constant memory. It knows where strings,
// members and elements may stand, so a truncated document is noticed where it breaks off instead of
// swallowing those behind it. Literals, escapes and names are left to parse.
type scanner struct {
	stack []byte // '{' or '['
	state scanState
}

type scanState uint8

const (
	wantValue scanState = iota
	wantValueOrEnd
	wantName
	wantNameOrEnd
	wantColon
	wantCommaOrEnd
	inString
	inEscape
	inLiteral
)

// feed takes bytes until the value ends. n counts the bytes taken; done says that the value ended there.
func (s *scanner) feed(b []byte) (n int, done bool, err error) {
	for i, c := range b {
		switch s.state {
		case inString:
			switch {
			case c == '\\':
				s.state = inEscape
			case c == '"':
				if s.closed() {
					return i + 1, true, nil
				}
			case c < ' ':
				return i, false, errors.New("a string holds a raw control character or is not ended")
			}
			continue
		case inEscape:
			s.state = inString
			continue
		case inLiteral:
			if isLiteral(c) {
				continue
			}
			if s.closed() {
				return i, true, nil
			}
		}
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			continue
		}
		done, err := s.structure(c)
		if err != nil {
			return i, false, err
		}
		if done {
			return i + 1, true, nil
		}
	}
	return len(b), false, nil
}

// atEOF says whether the value was complete where the stream ended: true only for a bare literal.
func (s *scanner) atEOF() bool { return s.state == inLiteral && len(s.stack) == 0 }

func (s *scanner) structure(c byte) (done bool, err error) {
	switch s.state {
	case wantColon:
		if c != ':' {
			return false, unexpected(c, "a colon")
		}
		s.state = wantValue
		return false, nil
	case wantCommaOrEnd:
		switch {
		case c == ',' && s.top() == '{':
			s.state = wantName
			return false, nil
		case c == ',':
			s.state = wantValue
			return false, nil
		case s.closes(c):
			return s.pop(), nil
		}
		return false, unexpected(c, "a comma or the end")
	case wantName, wantNameOrEnd:
		if c == '"' {
			s.stack = append(s.stack, '"') // marks that the string is a name
			s.state = inString
			return false, nil
		}
		if c == '}' && s.state == wantNameOrEnd {
			return s.pop(), nil
		}
		return false, unexpected(c, "a name")
	}
	switch {
	case c == '{', c == '[':
		if len(s.stack) >= maxStack {
			return false, fmt.Errorf("nested deeper than %d levels", maxNesting)
		}
		s.stack = append(s.stack, c)
		s.state = wantNameOrEnd
		if c == '[' {
			s.state = wantValueOrEnd
		}
		return false, nil
	case c == '"':
		s.state = inString
		return false, nil
	case c == ']' && s.state == wantValueOrEnd:
		return s.pop(), nil
	case isLiteral(c):
		s.state = inLiteral
		return false, nil
	}
	return false, unexpected(c, "a value")
}

// closed ends a string or literal; true where that was the whole value.
func (s *scanner) closed() bool {
	if s.top() == '"' {
		s.stack = s.stack[:len(s.stack)-1]
		s.state = wantColon
		return false
	}
	s.state = wantCommaOrEnd
	return len(s.stack) == 0
}

func (s *scanner) pop() bool {
	s.stack = s.stack[:len(s.stack)-1]
	s.state = wantCommaOrEnd
	return len(s.stack) == 0
}

func (s *scanner) top() byte {
	if len(s.stack) == 0 {
		return 0
	}
	return s.stack[len(s.stack)-1]
}

func (s *scanner) closes(c byte) bool {
	return c == '}' && s.top() == '{' || c == ']' && s.top() == '['
}

func isLiteral(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '+' || c == '.'
}

func unexpected(c byte, want string) error {
	return fmt.Errorf("byte %q where %s belongs", c, want)
}

// balanced finds where the value that b begins with ends, by counting brackets outside strings alone: enough
// to step over a document whose inside is broken. 0 where brackets do not match within b.
func balanced(b []byte) int {
	var stack []byte
	quoted := false
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch {
		case quoted:
			if c == '\\' {
				i++
			}
			quoted = c != '"'
			if c < ' ' {
				return 0
			}
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			if len(stack) >= maxStack {
				return 0
			}
			stack = append(stack, c)
		case c == '}', c == ']':
			if len(stack) == 0 || stack[len(stack)-1] != c-2 { // in ASCII each closing bracket is its opening one plus two
				return 0
			}
			stack = stack[:len(stack)-1]
			if len(stack) == 0 {
				return i + 1
			}
		}
	}
	return 0
}
