package trail

import (
	"encoding/binary"
)

// How values are written: parquet.thrift, Encoding; github.com/apache/parquet-format, Encodings.md.
const (
	encodingPlain           = 0
	encodingPlainDictionary = 2
	encodingRLE             = 3
	encodingDelta           = 5
	encodingDeltaLength     = 6
	encodingDeltaBytes      = 7
	encodingRLEDictionary   = 8
)

var errShort = badParquet("a page ends before its values do")

// hybrid gives numbers of a fixed width, written in runs of one number and in packed groups of eight.
type hybrid struct {
	b      []byte
	width  int
	left   int  // numbers left of the run
	packed bool // the run is packed, and begins bit bits into b
	bit    int
	value  int
}

func (h *hybrid) next() (int, error) {
	if h.width == 0 {
		return 0, nil
	}
	if h.width > 32 {
		return 0, badParquet("numbers of %d bits", h.width)
	}
	for h.left == 0 {
		if err := h.run(); err != nil {
			return 0, err
		}
	}
	h.left--
	if !h.packed {
		return h.value, nil
	}
	v := int(bitsAt(h.b, h.bit, h.width))
	if h.bit += h.width; h.left == 0 {
		h.b = h.b[h.bit/8:]
	}
	return v, nil
}

func (h *hybrid) run() error {
	n, size := binary.Uvarint(h.b)
	if size <= 0 || n>>1 > 1<<31 {
		return errShort
	}
	h.b = h.b[size:]
	h.packed, h.bit = n&1 == 1, 0
	if !h.packed {
		bytes := (h.width + 7) / 8
		if len(h.b) < bytes {
			return errShort
		}
		h.left = int(n >> 1)
		h.value = int(bitsAt(h.b, 0, 8*bytes))
		h.b = h.b[bytes:]
		return nil
	}
	h.left = int(n>>1) * 8
	if groups := len(h.b) / h.width; groups < int(n>>1) { // a last group may be cut to the bytes that matter
		h.left = min(h.left, len(h.b)*8/h.width)
	}
	if h.left == 0 && n>>1 > 0 {
		return errShort
	}
	return nil
}

// bitsAt reads a number of at most 64 bits that begins at a bit, the lowest first. Bits past the end are zero.
func bitsAt(b []byte, bit, width int) uint64 {
	var v uint64
	for got := 0; got < width; {
		i, shift := (bit+got)/8, (bit+got)%8
		if i >= len(b) {
			break
		}
		v |= uint64(b[i]>>shift) << got
		got += 8 - shift
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}

func runValues(n *parquetNode, data []byte) (func() (any, error), error) {
	if n.kind != 0 {
		return nil, badParquet("values in runs that are no booleans")
	}
	own, _, err := sized(data)
	h := hybrid{b: own, width: 1}
	return func() (any, error) {
		v, err := h.next()
		return v == 1, err
	}, err
}

// deltas gives integers, each written as its difference to the one before, in blocks of a common least difference.
type deltas struct {
	b      []byte
	left   uint64 // integers left
	value  int64  // the next one, once begun
	each   int    // integers in a miniblock
	minis  int    // miniblocks in a block
	least  int64
	widths []byte // bits of the miniblocks not yet read
	inMini int
	bit    int
}

func newDeltas(b []byte) (*deltas, error) {
	d := &deltas{b: b}
	var head [3]uint64
	for i := range head {
		var err error
		if head[i], err = d.varint(); err != nil {
			return nil, err
		}
	}
	first, err := d.varint()
	if err != nil || head[0] > 1<<16 || head[1] == 0 || head[1] > head[0] || head[0]/head[1]%8 != 0 {
		return nil, errShort
	}
	d.each, d.minis, d.left, d.value = int(head[0]/head[1]), int(head[1]), head[2], unzigzag(first)
	return d, nil
}

func (d *deltas) varint() (uint64, error) {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		return 0, errShort
	}
	d.b = d.b[size:]
	return n, nil
}

// next gives the next integer and makes the one after it.
func (d *deltas) next() (int64, error) {
	if d.left == 0 {
		return 0, errShort
	}
	v := d.value
	if d.left--; d.left == 0 && d.inMini == 0 {
		return v, nil
	}
	if d.left == 0 {
		return v, d.rest()
	}
	if d.inMini == 0 {
		if err := d.mini(); err != nil {
			return 0, err
		}
	}
	width := int(d.widths[0])
	d.value += d.least + int64(bitsAt(d.b, d.bit, width))
	d.bit += width
	if d.inMini--; d.inMini == 0 {
		return v, d.rest()
	}
	return v, nil
}

// rest leaves the miniblock that is being read, which is stored whole.
func (d *deltas) rest() error {
	size := d.each * int(d.widths[0]) / 8
	if size > len(d.b) {
		return errShort
	}
	d.b, d.widths, d.bit, d.inMini = d.b[size:], d.widths[1:], 0, 0
	return nil
}

func (d *deltas) mini() error {
	if len(d.widths) == 0 {
		least, err := d.varint()
		if err != nil || len(d.b) < d.minis {
			return errShort
		}
		d.least, d.widths, d.b = unzigzag(least), d.b[:d.minis], d.b[d.minis:]
	}
	if d.widths[0] > 64 || d.each*int(d.widths[0])/8 > len(d.b) {
		return errShort
	}
	d.inMini = d.each
	return nil
}

func deltaValues(n *parquetNode, data []byte) (func() (any, error), error) {
	d, err := newDeltas(data)
	return func() (any, error) {
		v, err := d.next()
		if n.kind == 1 {
			v = int64(int32(v))
		}
		return integer(n, v), err
	}, err
}

// afterDeltas gives integers that are followed by something else, and what follows.
func (c *parquetColumn) afterDeltas(data []byte) (*deltas, []byte, error) {
	ahead, err := newDeltas(data)
	if err != nil {
		return nil, nil, err
	}
	for ahead.left > 0 {
		if _, err := ahead.next(); err != nil {
			return nil, nil, err
		}
		if err := c.p.spend(1); err != nil {
			return nil, nil, err
		}
	}
	d, err := newDeltas(data)
	return d, ahead.b, err
}

// deltaLengthValues gives strings whose lengths stand before all of them.
func (c *parquetColumn) deltaLengthValues(data []byte) (func() (any, error), error) {
	lengths, data, err := c.afterDeltas(data)
	return func() (any, error) {
		n, err := lengths.next()
		if err != nil || n < 0 || n > int64(len(data)) {
			return nil, errShort
		}
		v := string(data[:n])
		data = data[n:]
		return v, nil
	}, err
}

// deltaByteValues gives strings that begin as the one before them does.
func (c *parquetColumn) deltaByteValues(data []byte) (func() (any, error), error) {
	shared, data, err := c.afterDeltas(data)
	if err != nil {
		return nil, err
	}
	suffix, err := c.deltaLengthValues(data)
	last := ""
	return func() (any, error) {
		n, err := shared.next()
		if err != nil || n < 0 || n > int64(len(last)) {
			return nil, errShort
		}
		v, err := suffix()
		if err != nil {
			return nil, err
		}
		last = last[:n] + v.(string)
		if len(last) > maxShapeRecord {
			return nil, badParquet("a value of more than %d MiB", maxShapeRecord>>20)
		}
		return last, nil
	}, err
}
