package trail

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// What a page is: parquet.thrift, PageType.
const (
	pageData       = 0
	pageDictionary = 2
	pageDataV2     = 3
)

// A parquetColumn gives the cells of one column of a row group, one after another. Of its pages one is held, with the
// dictionary; runs of one value stay the few bytes they are.
type parquetColumn struct {
	p       *parquetReader
	node    *parquetNode
	codec   int64
	pos     int64 // of the next page
	end     int64
	dict    []any
	held    int
	left    int64 // cells of the page not yet given
	repeats hybrid
	level   hybrid
	read    func() (any, error)
	peeked  *parquetCell

	cells []parquetCell // of the row being put together
	at    int
}

func (p *parquetReader) column(n *parquetNode, chunk thriftStruct) (*parquetColumn, error) {
	meta := chunk.inner(3)
	c := &parquetColumn{p: p, node: n, codec: meta.int(4), pos: meta.int(9)}
	if at := meta.int(11); at > 0 && at < c.pos {
		c.pos = at
	}
	c.end = c.pos + meta.int(7)
	if chunk.has(8) || chunk.text(1) != "" {
		return nil, badParquet("it is encrypted, or in another file")
	}
	if c.pos < 4 || c.end < c.pos || c.end > p.size {
		return nil, badParquet("bytes %d to %d of a file of %d", c.pos, c.end, p.size)
	}
	return c, nil
}

// next gives the next cell. Its error is io.EOF after the last.
func (c *parquetColumn) next() (parquetCell, error) {
	if c.peeked != nil {
		cell := *c.peeked
		c.peeked = nil
		return cell, nil
	}
	for c.left == 0 {
		if err := c.page(); err != nil {
			return parquetCell{}, c.named(err)
		}
	}
	c.left--
	cell, err := c.cell()
	return cell, c.named(err)
}

func (c *parquetColumn) cell() (cell parquetCell, err error) {
	if c.node.repeats > 0 {
		if cell.repeats, err = c.repeats.next(); err != nil {
			return cell, err
		}
	}
	if c.node.level > 0 {
		if cell.level, err = c.level.next(); err != nil {
			return cell, err
		}
	}
	if cell.level > c.node.level || cell.repeats > c.node.repeats {
		return cell, badParquet("a level that the schema does not have")
	}
	size := 8
	if cell.level == c.node.level {
		if cell.value, err = c.read(); err != nil {
			return cell, err
		}
		if t, ok := cell.value.(string); ok {
			size += len(t)
		}
	}
	return cell, c.p.spend(size)
}

// more says whether the next cell belongs to the row of the last.
func (c *parquetColumn) more() (bool, error) {
	if c.node.repeats == 0 {
		return false, nil
	}
	cell, err := c.next()
	if errors.Is(err, errEnd) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.peeked = &cell
	return cell.repeats > 0, nil
}

// errEnd is a column that ends before the row group does.
var errEnd = parquetError{"truncated", "it has fewer values than its row group has rows"}

func (c *parquetColumn) named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("column %s: %w", clip(c.node.path), err)
}

// page opens the next page.
func (c *parquetColumn) page() error {
	if c.pos >= c.end {
		return errEnd
	}
	header, size, err := c.header()
	if err != nil {
		return err
	}
	compressed, plain := header.int(3), header.int(2)
	if compressed < 0 || plain < 0 || compressed > maxPage || plain > maxPage || compressed > c.end-c.pos-size {
		return badParquet("a page of %d bytes, %d unpacked", compressed, plain)
	}
	at := c.pos + size
	c.pos = at + compressed
	if kind := header.int(1); kind != pageData && kind != pageDictionary && kind != pageDataV2 {
		return c.p.spend(100)
	}
	if err := c.p.spend(int(100 + compressed + plain)); err != nil {
		return err
	}
	body, err := c.p.bytes(at, compressed)
	if err != nil {
		return err
	}
	switch header.int(1) {
	case pageDictionary:
		return c.dictionary(header.inner(7), body, plain)
	case pageData:
		return c.dataPage(header.inner(5), body, plain)
	}
	return c.dataPageV2(header.inner(8), body, plain)
}

// header reads a page's header, whose length nothing says: it holds the least and greatest value of the page.
func (c *parquetColumn) header() (thriftStruct, int64, error) {
	for window := int64(1 << 10); ; window *= 16 {
		b, err := c.p.bytes(c.pos, min(window, c.end-c.pos))
		if err != nil {
			return nil, 0, err
		}
		h, n, err := parseThrift(b)
		if err == nil || window >= maxFooter || int64(len(b)) == c.end-c.pos {
			return h, int64(n), err
		}
		if err := c.p.spend(len(b)); err != nil {
			return nil, 0, err
		}
	}
}

func (c *parquetColumn) unpack(body []byte, plain int64) ([]byte, error) {
	c.release()
	if err := c.p.hold(int(plain)); err != nil {
		return nil, err
	}
	c.held = int(plain)
	out, err := c.p.unpack(c.codec, body, plain)
	if err == nil && int64(len(out)) != plain {
		err = badParquet("a page that is not as long as it says")
	}
	return out, err
}

func (c *parquetColumn) release() {
	_ = c.p.hold(-c.held)
	c.held = 0
}

// unpack undoes a codec; plain is what comes out of it, and bounds it.
func (p *parquetReader) unpack(codec int64, body []byte, plain int64) ([]byte, error) {
	switch codec {
	case 0:
		return body, nil
	case 1:
		if n, err := snappy.DecodedLen(body); err != nil || int64(n) != plain {
			return nil, badParquet("a snappy page of another length than it says")
		}
		out, err := snappy.Decode(nil, body)
		return out, faulty("snappy", err)
	case 2:
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, faulty("gzip", err)
		}
		var out bytes.Buffer
		_, err = io.Copy(&out, io.LimitReader(z, plain+1))
		return out.Bytes(), faulty("gzip", err)
	case 6:
		z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPage), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, faulty("zstd", err)
		}
		defer z.Close()
		var out bytes.Buffer
		_, err = io.Copy(&out, io.LimitReader(z, plain+1))
		return out.Bytes(), faulty("zstd", err)
	}
	return nil, badParquet("it is compressed with codec %d: only snappy, gzip and zstd are read", codec)
}

func faulty(codec string, err error) error {
	if err == nil {
		return nil
	}
	return badParquet("%s: %v", codec, err)
}

func (c *parquetColumn) dictionary(h thriftStruct, body []byte, plain int64) error {
	data, err := c.unpack(body, plain)
	if err != nil {
		return err
	}
	n := h.int(1)
	if n < 0 || n > maxDict {
		return badParquet("a dictionary of %d values", n)
	}
	c.dict = nil
	read := plainValues(c.node, data)
	for range n {
		v, err := read()
		if err != nil {
			return err
		}
		c.dict = append(c.dict, v)
	}
	c.held = 0 // the dictionary stays, as long as the column is read
	return c.p.hold(32 * len(c.dict))
}

func (c *parquetColumn) dataPage(h thriftStruct, body []byte, plain int64) error {
	data, err := c.unpack(body, plain)
	if err != nil {
		return err
	}
	c.left = h.int(1)
	if c.node.repeats > 0 {
		if c.repeats, data, err = levels(data, c.node.repeats, h.int(4)); err != nil {
			return err
		}
	}
	if c.node.level > 0 {
		if c.level, data, err = levels(data, c.node.level, h.int(3)); err != nil {
			return err
		}
	}
	return c.values(h.int(2), data)
}

// levels takes the levels off a page's beginning: their length in four bytes, then runs.
func levels(data []byte, most int, encoding int64) (hybrid, []byte, error) {
	if encoding != encodingRLE {
		return hybrid{}, nil, badParquet("levels in encoding %d, which no writer of today uses", encoding)
	}
	own, rest, err := sized(data)
	return hybrid{b: own, width: bits.Len(uint(most))}, rest, err
}

func sized(data []byte) (own, rest []byte, err error) {
	if len(data) < 4 || int64(binary.LittleEndian.Uint32(data)) > int64(len(data)-4) {
		return nil, nil, errShort
	}
	n := 4 + int(binary.LittleEndian.Uint32(data))
	return data[4:n], data[n:], nil
}

func (c *parquetColumn) dataPageV2(h thriftStruct, body []byte, plain int64) error {
	repeats, level := h.int(6), h.int(5)
	if repeats < 0 || level < 0 || repeats+level > int64(len(body)) || repeats+level > plain {
		return errShort
	}
	c.left = h.int(1)
	c.repeats = hybrid{b: body[:repeats], width: bits.Len(uint(c.node.repeats))}
	c.level = hybrid{b: body[repeats : repeats+level], width: bits.Len(uint(c.node.level))}
	data := body[repeats+level:]
	c.release()
	if packed, said := h.get(7).(bool); packed || !said {
		var err error
		if data, err = c.unpack(data, plain-repeats-level); err != nil {
			return err
		}
	}
	return c.values(h.int(4), data)
}

// values makes c.read of the values of a page, which stand without those that are absent.
func (c *parquetColumn) values(encoding int64, data []byte) (err error) {
	if c.left < 0 {
		return badParquet("a page of %d values", c.left)
	}
	switch encoding {
	case encodingPlain:
		c.read = plainValues(c.node, data)
	case encodingPlainDictionary, encodingRLEDictionary:
		c.read = c.dictionaryValues(data)
	case encodingRLE:
		c.read, err = runValues(c.node, data)
	case encodingDelta:
		c.read, err = deltaValues(c.node, data)
	case encodingDeltaLength:
		c.read, err = c.deltaLengthValues(data)
	case encodingDeltaBytes:
		c.read, err = c.deltaByteValues(data)
	default:
		err = badParquet("values in encoding %d, which is not read", encoding)
	}
	return err
}

func (c *parquetColumn) dictionaryValues(data []byte) func() (any, error) {
	if len(data) == 0 {
		return func() (any, error) { return nil, errShort }
	}
	h := hybrid{b: data[1:], width: int(data[0])}
	return func() (any, error) {
		i, err := h.next()
		if err != nil {
			return nil, err
		}
		if i >= len(c.dict) {
			return nil, badParquet("entry %d of a dictionary of %d", i, len(c.dict))
		}
		return c.dict[i], nil
	}
}
