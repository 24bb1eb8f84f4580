package trail

import (
	"encoding/csv"
	"io"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"cordon/internal/escape"
)

// What a spreadsheet takes (support.microsoft.com, "Excel specifications and limits").
const (
	MaxSheetRows = 1_048_576 // rows of a sheet, the heads among them
	maxCell      = 32_767    // UTF-16 units of a cell
)

// A sheet is CSV (RFC 4180) that a spreadsheet opens without running or hiding anything. It is for reading: the exact
// text stands in the JSON files.
//
// It begins without a byte order mark. With one, every program that reads the file by its heads would find the first
// of them misnamed; without one, a spreadsheet asks for the encoding or shows letters beyond ASCII wrongly, which is
// seen at once.
type sheet struct{ w *csv.Writer }

func newSheet(w io.Writer, heads ...string) *sheet {
	s := &sheet{csv.NewWriter(w)}
	s.w.UseCRLF = true
	s.row(heads...)
	return s
}

// row writes a line. Its error, as that of the heads, stays and is given by end.
func (s *sheet) row(cells ...string) {
	for i, c := range cells {
		cells[i] = cell(c)
	}
	s.w.Write(cells)
}

func (s *sheet) end() error {
	s.w.Flush()
	return s.w.Error()
}

// cell makes what is invisible visible, keeps a spreadsheet from reading a formula, and cuts what it would refuse.
func cell(s string) string { return cutCell(disarm(escape.Text(s))) }

// disarm puts an apostrophe where a spreadsheet could begin to read a formula: at the start, and after each semicolon,
// which ends a cell where the comma is the decimal point. An apostrophe that stands there already gets another, so
// that taking one away always gives the text back.
func disarm(s string) string {
	if !strings.Contains(s, ";") {
		return disarmStart(s)
	}
	parts := strings.Split(s, ";")
	for i, p := range parts {
		parts[i] = disarmStart(p)
	}
	return strings.Join(parts, ";")
}

func disarmStart(s string) string {
	start := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
	if first, _ := utf8.DecodeRuneInString(start); start != "" && strings.ContainsRune("=+-@＝＋－＠'", first) {
		return "'" + s
	}
	return s
}

const cutMark = "… [cut: too long for a cell, whole in the JSON files]"

func cutCell(s string) string {
	if len(s) <= maxCell { // no text has more UTF-16 units than bytes
		return s
	}
	units, room := 0, maxCell-len(cutMark)
	end := 0
	for i, r := range s {
		if units <= room {
			end = i
		}
		units += utf16.RuneLen(r)
	}
	if units <= maxCell {
		return s
	}
	return s[:end] + cutMark
}
