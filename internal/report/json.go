package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON gives the report for programs, with every text exactly as the journal has it. Runes that nobody sees or
// that a terminal obeys are spelt as \uXXXX, which no reader of JSON can tell from the rune itself.
func (r Report) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(r.withLists(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report of case %q as JSON: %w", r.Case, err)
	}
	var out bytes.Buffer
	for len(data) > 0 {
		c, n := utf8.DecodeRune(data)
		switch {
		case c < utf8.RuneSelf && c != 0x7f || !hidden(c):
			out.Write(data[:n])
		case c <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, c)
		default:
			high, low := utf16.EncodeRune(c)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		}
		data = data[n:]
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// withLists writes lists that are empty as [] and not as null.
func (r Report) withLists() Report {
	list(&r.Subjects)
	list(&r.Unanswered)
	list(&r.Findings)
	list(&r.Sessions)
	list(&r.Approvals)
	list(&r.Steps)
	list(&r.Earlier)
	list(&r.Proved)
	list(&r.NotProved)
	list(&r.Survives)
	list(&r.Loss)
	list(&r.NotCaptured)
	list(&r.Evidence)
	list(&r.Release)
	list(&r.Warnings)
	list(&r.Calls)
	list(&r.Journal)
	return r
}

func list[T any](s *[]T) {
	if *s == nil {
		*s = []T{}
	}
}
