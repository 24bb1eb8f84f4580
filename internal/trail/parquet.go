package trail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Parquet is read by our own small reader, not by a library: those at hand trust the counts and sizes in a file, so
// that a dozen hostile bytes end the process for want of memory, which nothing can recover from. What is read here:
// flat and nested columns, data pages of both versions, the plain, dictionary and delta encodings, and the codecs
// that AWS's services write. The format: github.com/apache/parquet-format, README.md, Encodings.md, parquet.thrift.

const (
	parquetMagic = "PAR1"
	maxFooter    = 16 << 20  // a footer of Security Lake is some 100 KiB
	maxPage      = 64 << 20  // writers make pages of 1 MiB, longer only for a single long value
	maxHeld      = 256 << 20 // the pages and dictionaries of all columns that are open at a time
	maxDict      = 1 << 20   // entries
	maxRowCells  = 100_000
)

// isParquet says that a file begins as Parquet does. head is its first bytes.
func isParquet(head []byte) bool { return bytes.HasPrefix(head, []byte(parquetMagic)) }

// A parquetReader reads one file. work is what may still be done on it, in bytes made of it: a file of a few pages
// can say a value billions of times over, where a log has an event id of its own in each row.
type parquetReader struct {
	r    io.ReaderAt
	size int64
	sink *sink
	held int64
	work int64
	row  int64 // number of the row being read
	take func(offset int64, row map[string]any) error
}

// readParquet reads a Parquet file of Security Lake (OCSF), or of rows as Athena and CloudTrail Lake export them.
// The offsets handed to s are row numbers, from 0: rows have no place of their own in a file of columns. An error is
// one of s.record; what cannot be understood is a problem. At most some 300 MiB are held, of ordinary files a few.
//
// It is for a file at hand as io.ReaderAt (os.File, bytes.Reader) with its size, whose first bytes as stored are those
// that isParquet knows. What comes as a stream readShapes reads as well, and gives the same offsets.
func readParquet(r io.ReaderAt, size int64, s *sink) error {
	defer s.done()
	p := &parquetReader{r: r, size: size, sink: s, work: 64<<20 + 512*size}
	s.head = []byte(parquetMagic)
	meta, err := p.footer()
	if err != nil {
		return s.noParquet(err)
	}
	root, err := parquetSchema(meta.list(2))
	if err != nil {
		return s.noParquet(err)
	}
	if p.take = p.rowsOf(root); p.take == nil {
		s.notOurs(0)
		return nil
	}
	for _, g := range meta.list(4) {
		group, _ := g.(thriftStruct)
		next := p.row + min(max(0, group.int(3)), 1<<40)
		err := p.rowGroup(root, group)
		var bad parquetError
		if !errors.As(err, &bad) && err != nil {
			return err
		}
		if err != nil {
			s.trouble(p.row, bad.kind, "Parquet: "+err.Error())
		}
		if p.work < 0 {
			return nil
		}
		p.row = next
	}
	return nil
}

// noParquet names a file that begins as Parquet does and can be read no further. It may well hold a log.
func (s *sink) noParquet(err error) error {
	s.saw(shapeOCSF)
	kind := "unreadable"
	var bad parquetError
	if errors.As(err, &bad) {
		kind = bad.kind
	}
	s.trouble(0, kind, "Parquet: "+err.Error())
	return nil
}

// bufferParquet reads a Parquet file that comes as a stream (an S3 object) whole, since its table of contents is at
// the end. What is larger than most is named and left: several files are read side by side.
func bufferParquet(r io.Reader, s *sink) error {
	const most = 256 << 20
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return err
	}
	if len(data) > most {
		s.saw(shapeOCSF)
		s.trouble(0, "too-large", fmt.Sprintf("a Parquet file of more than %d MiB that cannot be read in place: copy it to a disk, as it is", most>>20))
		s.done()
		return nil
	}
	return readParquet(bytes.NewReader(data), int64(len(data)), s)
}

// rowsOf says how a row becomes a record, by the columns there are; nil where they are no CloudTrail.
func (p *parquetReader) rowsOf(root *parquetNode) func(int64, map[string]any) error {
	has, known := map[string]bool{}, 0
	for _, c := range root.children {
		has[c.name] = true
		if column(c.name) != "" {
			known++
		}
	}
	switch {
	case has["class_uid"] && has["api"], has["metadata"] && has["api"]:
		return p.sink.ocsfMap
	case known >= 3:
		return p.sink.lakeMap
	}
	for name := range has {
		if wholeRecord[strings.ToLower(name)] {
			return p.sink.lakeMap
		}
	}
	return nil
}

// parquetError is a fault of the file, as opposed to one of who takes the records.
type parquetError struct{ kind, text string }

func (e parquetError) Error() string { return e.text }

func badParquet(format string, args ...any) error {
	return parquetError{"unreadable", fmt.Sprintf(format, args...)}
}

// spend counts work done and says when it is too much.
func (p *parquetReader) spend(n int) error {
	if p.work -= int64(n); p.work < 0 {
		return parquetError{"too-large", fmt.Sprintf("a file of %d bytes that unpacks without end: the rest of it is not read", p.size)}
	}
	return nil
}

// hold counts memory in use; n is negative when it is given back.
func (p *parquetReader) hold(n int) error {
	if p.held += int64(n); p.held > maxHeld {
		return parquetError{"too-large", fmt.Sprintf("pages of more than %d MiB open at a time", maxHeld>>20)}
	}
	return nil
}

// bytes reads a part of the file; n is checked against the file before memory is taken.
func (p *parquetReader) bytes(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || at > p.size || n > p.size-at {
		return nil, badParquet("bytes %d to %d of a file of %d", at, at+n, p.size)
	}
	b := make([]byte, n)
	if m, err := p.r.ReadAt(b, at); int64(m) < n {
		return nil, badParquet("reading %d bytes at %d: %v", n, at, err)
	}
	return b, nil
}

// footer reads the file's metadata.
func (p *parquetReader) footer() (thriftStruct, error) {
	if p.size < 12 {
		return nil, badParquet("a file of %d bytes", p.size)
	}
	tail, err := p.bytes(p.size-8, 8)
	if err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(tail))
	switch {
	case string(tail[4:]) == "PARE":
		return nil, badParquet("the file is encrypted")
	case string(tail[4:]) != parquetMagic:
		return nil, parquetError{"truncated", "the file does not end as Parquet does: it is cut short, or was written to its end by something else"}
	case n > maxFooter:
		return nil, badParquet("a footer of %d bytes", n)
	}
	b, err := p.bytes(p.size-8-n, n)
	if err != nil {
		return nil, err
	}
	meta, _, err := parseThrift(b)
	return meta, err
}

func (p *parquetReader) rowGroup(root *parquetNode, group thriftStruct) error {
	chunks := group.list(1)
	if len(chunks) != len(root.leaves) {
		return badParquet("a row group of %d columns under a schema of %d", len(chunks), len(root.leaves))
	}
	p.held = 0
	columns := make([]*parquetColumn, len(chunks))
	for i, c := range chunks {
		chunk, _ := c.(thriftStruct)
		var err error
		if columns[i], err = p.column(root.leaves[i], chunk); err != nil {
			return fmt.Errorf("column %s: %w", clip(root.leaves[i].path), err)
		}
	}
	for range group.int(3) {
		row, err := p.assemble(root, columns)
		if err != nil {
			return err
		}
		if row != nil {
			if err := p.take(p.row, row); err != nil {
				return err
			}
		}
		p.row++
	}
	return nil
}
