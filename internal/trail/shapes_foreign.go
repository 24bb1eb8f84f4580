package trail

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// magics are how files begin that may lie among logs and are none, with what to do about it.
var magics = []struct {
	at          int
	magic, what string
}{
	{257, "ustar", "a tar archive: unpack it"},
	{0, "PK\x03\x04", "a zip archive, or an office document: unpack it"},
	{0, "7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"},
	{0, "BZh", "packed with bzip2: unpack it"},
	{0, "\xfd7zXZ\x00", "packed with xz: unpack it"},
	{0, "\x1f\x8b", "packed with gzip once more: unpack it"},
	{0, "\x28\xb5\x2f\xfd", "packed with zstd once more: unpack it"},
	{0, "\x04\x22\x4d\x18", "packed with lz4: unpack it"},
	{0, "Obj\x01", "an Avro file"},
	{0, "ORC", "an ORC file"},
	{0, "SQLite format 3\x00", "an SQLite database"},
	{0, "\x89PNG", "an image"},
	{0, "\xff\xd8\xff", "an image"},
	{0, "GIF8", "an image"},
	{0, "%PDF", "a PDF document"},
	{0, "\x7fELF", "a program"},
	{0, "<?xml", "XML"},
	{0, "version account-id interface-id", "a VPC flow log"},
}

// kindOfFile says what a file is in which nothing was recognised, as far as its beginning tells, and whether it tells
// for sure. values are the JSON values in it.
func kindOfFile(head []byte, values int) (what string, sure bool) {
	for _, m := range magics {
		if len(head) > m.at && bytes.HasPrefix(head[m.at:], []byte(m.magic)) {
			return "no CloudTrail log: it looks like " + m.what, true
		}
	}
	switch {
	case len(head) == 0:
		return "the file is empty", true
	case isParquet(head):
		return "no CloudTrail log: a Parquet file of other columns", true
	case values > 0:
		return fmt.Sprintf("no CloudTrail log: %d JSON values of something else", values), false
	case bytes.IndexByte(head, 0) >= 0:
		return "no CloudTrail log: it is binary", false
	}
	return "no CloudTrail log: it begins " + strconv.QuoteToASCII(string(head[:min(len(head), 40)])), false
}

// utf8Of gives text that is UTF-16, as Windows PowerShell writes what a command prints, in UTF-8; anything else as it
// is. The byte order mark, or a first character of JSON with its zero byte, tells.
func utf8Of(r io.Reader) io.Reader {
	in := bufio.NewReaderSize(r, 64<<10)
	head, _ := in.Peek(2)
	switch string(head) {
	case "\xff\xfe", "{\x00", "[\x00":
		return &utf16Reader{in: in, order: binary.LittleEndian}
	case "\xfe\xff", "\x00{", "\x00[":
		return &utf16Reader{in: in, order: binary.BigEndian}
	}
	return in
}

type utf16Reader struct {
	in    *bufio.Reader
	order binary.ByteOrder
	out   []byte // made and not yet given
}

func (u *utf16Reader) Read(b []byte) (int, error) {
	for len(u.out) < 4096 {
		c, err := u.char()
		if err != nil && len(u.out) == 0 {
			return 0, err
		}
		if err != nil {
			break // and it comes again
		}
		u.out = utf8.AppendRune(u.out, c)
	}
	n := copy(b, u.out)
	u.out = append(u.out[:0], u.out[n:]...)
	return n, nil
}

// char reads one character. Half a one is U+FFFD.
func (u *utf16Reader) char() (rune, error) {
	unit, err := u.in.Peek(2)
	if len(unit) == 1 {
		_, _ = u.in.Discard(1)
		return utf8.RuneError, nil
	}
	if err != nil {
		return 0, err
	}
	c := rune(u.order.Uint16(unit))
	_, _ = u.in.Discard(2)
	if !utf16.IsSurrogate(c) {
		return c, nil
	}
	next, _ := u.in.Peek(2)
	if len(next) < 2 {
		return utf8.RuneError, nil
	}
	pair := utf16.DecodeRune(c, rune(u.order.Uint16(next)))
	if pair != utf8.RuneError {
		_, _ = u.in.Discard(2)
	}
	return pair, nil
}
