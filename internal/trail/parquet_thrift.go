package trail

import (
	"encoding/binary"
	"math"
)

// A thriftStruct is a structure of Thrift's compact protocol, as Parquet writes its metadata: fields by number, whose
// values are bool, int64, float64, string, []any or thriftStruct.
// github.com/apache/thrift, doc/specs/thrift-compact-protocol.md
type thriftStruct []thriftField

type thriftField struct {
	id    int16
	value any
}

func (s thriftStruct) get(id int16) any {
	for _, f := range s {
		if f.id == id {
			return f.value
		}
	}
	return nil
}

func (s thriftStruct) int(id int16) int64          { n, _ := s.get(id).(int64); return n }
func (s thriftStruct) text(id int16) string        { t, _ := s.get(id).(string); return t }
func (s thriftStruct) list(id int16) []any         { l, _ := s.get(id).([]any); return l }
func (s thriftStruct) inner(id int16) thriftStruct { t, _ := s.get(id).(thriftStruct); return t }
func (s thriftStruct) has(id int16) bool           { return s.get(id) != nil }

const (
	maxThriftValues = 1 << 20 // a footer of 200 columns and 30 row groups has 150,000
	maxThriftDepth  = 32
)

type thriftParser struct {
	b      []byte
	at     int
	values int
}

var errThrift = badParquet("the metadata is cut short or is not Thrift")

// parseThrift reads one structure from the beginning of b and says how long it is.
func parseThrift(b []byte) (thriftStruct, int, error) {
	p := thriftParser{b: b}
	s, err := p.structure(0)
	return s, p.at, err
}

func (p *thriftParser) byte() (byte, error) {
	if p.at >= len(p.b) {
		return 0, errThrift
	}
	p.at++
	return p.b[p.at-1], nil
}

func (p *thriftParser) varint() (uint64, error) {
	n, size := binary.Uvarint(p.b[p.at:])
	if size <= 0 {
		return 0, errThrift
	}
	p.at += size
	return n, nil
}

func (p *thriftParser) structure(depth int) (thriftStruct, error) {
	if depth > maxThriftDepth {
		return nil, badParquet("metadata nested more than %d deep", maxThriftDepth)
	}
	var s thriftStruct
	id := int16(0)
	for {
		head, err := p.byte()
		if err != nil {
			return nil, err
		}
		if head == 0 {
			return s, nil
		}
		if delta := int16(head >> 4); delta != 0 {
			id += delta
		} else {
			n, err := p.varint()
			if err != nil {
				return nil, err
			}
			id = int16(unzigzag(n))
		}
		v, err := p.value(head&15, false, depth)
		if err != nil {
			return nil, err
		}
		s = append(s, thriftField{id, v})
	}
}

// value reads a value of a compact type. A boolean is its own type in a field, and a byte in a list.
func (p *thriftParser) value(kind byte, inList bool, depth int) (any, error) {
	if p.values++; p.values > maxThriftValues {
		return nil, badParquet("metadata of more than %d values", maxThriftValues)
	}
	switch kind {
	case 1, 2:
		if !inList {
			return kind == 1, nil
		}
		b, err := p.byte()
		return b == 1, err
	case 3:
		b, err := p.byte()
		return int64(int8(b)), err
	case 4, 5, 6:
		n, err := p.varint()
		return unzigzag(n), err
	case 7:
		if len(p.b)-p.at < 8 {
			return nil, errThrift
		}
		p.at += 8
		return math.Float64frombits(binary.LittleEndian.Uint64(p.b[p.at-8:])), nil
	case 8:
		n, err := p.varint()
		if err != nil || n > uint64(len(p.b)-p.at) {
			return nil, errThrift
		}
		p.at += int(n)
		return string(p.b[p.at-int(n) : p.at]), nil
	case 9, 10:
		return p.list(depth)
	case 12:
		return p.structure(depth + 1)
	}
	return nil, badParquet("metadata of the unknown type %d", kind)
}

func (p *thriftParser) list(depth int) (any, error) {
	if depth > maxThriftDepth {
		return nil, badParquet("metadata nested more than %d deep", maxThriftDepth)
	}
	head, err := p.byte()
	if err != nil {
		return nil, err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = p.varint(); err != nil {
			return nil, err
		}
	}
	if n > uint64(len(p.b)-p.at) {
		return nil, errThrift
	}
	var l []any // grown as it is read: n is a claim
	for range n {
		v, err := p.value(head&15, true, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	return l, nil
}

func unzigzag(n uint64) int64 { return int64(n>>1) ^ -int64(n&1) }
