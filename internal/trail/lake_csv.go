package trail

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// isCSV says that a file begins with a header that names columns of a record.
func isCSV(head []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), []byte("\n"))
	if len(line) == 0 || line[0] == '{' || line[0] == '[' {
		return false
	}
	cells, err := (&csvReader{in: newWalkerOn(line)}).row()
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	n := 0
	for _, c := range cells {
		if wholeRecord[strings.ToLower(c)] && len(cells) < 40 || column(c) == "eventID" {
			return true
		}
		if column(c) != "" {
			n++
		}
	}
	return n >= 3
}

// readCSV reads rows that Lake, Athena or Event history wrote, one at a time.
func readCSV(w *walker, s *sink) error {
	s.saw(shapeLake)
	c := &csvReader{in: w}
	header, err := c.row()
	if err != nil {
		return ended(err)
	}
	for {
		start := w.at
		cells, err := c.row()
		if errors.Is(err, io.EOF) && len(cells) == 0 {
			return nil
		}
		if errors.Is(err, errCSV) {
			s.trouble(start, "too-large", err.Error())
			if err := w.resync(start); err != nil {
				return ended(err)
			}
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if len(cells) == 1 && cells[0] == "" {
			continue
		}
		if len(cells) != len(header) {
			s.trouble(start, "bad-record", fmt.Sprintf("row of %d cells under %d columns", len(cells), len(header)))
			continue
		}
		row := make(map[string]any, len(cells))
		for i, cell := range cells {
			if _, twice := row[header[i]]; !twice {
				row[header[i]] = cell
			}
		}
		if err := s.lakeMap(start, row); err != nil {
			return err
		}
	}
}

var errCSV = fmt.Errorf("a row of more than %d MiB: a quote that never ends, or a hostile file", maxShapeRecord>>20)

// csvReader reads RFC 4180 with a bound on a row, which encoding/csv has none of.
type csvReader struct{ in *walker }

const maxCells = 1000

// row gives the next row. io.EOF comes with the last one where no line break ends it.
func (c *csvReader) row() ([]string, error) {
	var cells []string
	var cell []byte
	size, quoted, was := 0, false, false
	for {
		b, err := c.in.next()
		if err != nil {
			if errors.Is(err, io.EOF) && (len(cells) > 0 || len(cell) > 0) {
				cells = append(cells, string(cell))
			}
			return cells, err
		}
		if size++; size > maxShapeRecord || len(cells) > maxCells {
			return nil, errCSV
		}
		switch {
		case quoted && b == '"':
			if next := c.in.peek(1); len(next) == 1 && next[0] == '"' {
				_, _ = c.in.next()
				cell = append(cell, '"')
			} else {
				quoted = false
			}
		case quoted:
			cell = append(cell, b)
		case b == '"' && len(cell) == 0 && !was:
			quoted, was = true, true
		case b == ',':
			cells, cell, was = append(cells, string(cell)), cell[:0], false
		case b == '\n':
			return append(cells, string(bytes.TrimSuffix(cell, []byte("\r")))), nil
		default:
			cell = append(cell, b)
		}
	}
}
