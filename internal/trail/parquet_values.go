package trail

import (
	"encoding/binary"
	"math"
	"time"
)

// plainValues gives values one after another as they lie.
func plainValues(n *parquetNode, data []byte) func() (any, error) {
	width := map[int64]int{1: 4, 2: 8, 3: 12, 4: 4, 5: 8, 7: n.width}[n.kind]
	at := 0
	return func() (any, error) {
		switch n.kind {
		case 0:
			if at/8 >= len(data) {
				return nil, errShort
			}
			at++
			return data[(at-1)/8]>>((at-1)%8)&1 == 1, nil
		case 6:
			own, rest, err := sized(data)
			if err != nil {
				return nil, err
			}
			data = rest
			return string(own), nil
		}
		if len(data)-at < width || n.kind > 7 {
			return nil, errShort
		}
		at += width
		return fixedValue(n, data[at-width:at]), nil
	}
}

func fixedValue(n *parquetNode, b []byte) any {
	switch n.kind {
	case 1:
		return integer(n, int64(int32(binary.LittleEndian.Uint32(b))))
	case 2:
		return integer(n, int64(binary.LittleEndian.Uint64(b)))
	case 3: // nanoseconds of a day, and the Julian day: 1970 began on day 2440588
		day := int64(binary.LittleEndian.Uint32(b[8:])) - 2440588
		return time.Unix(day*86400, int64(binary.LittleEndian.Uint64(b))).UTC().Format(time.RFC3339Nano)
	case 4:
		return finite(float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	case 5:
		return finite(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
	return string(b)
}

// finite leaves out what JSON has no number for.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

// integer gives a number, or the time that it is since 1970.
func integer(n *parquetNode, v int64) any {
	switch n.unit {
	case time.Millisecond:
		return time.UnixMilli(v).UTC().Format(time.RFC3339Nano)
	case time.Microsecond:
		return time.UnixMicro(v).UTC().Format(time.RFC3339Nano)
	case time.Nanosecond:
		return time.Unix(0, v).UTC().Format(time.RFC3339Nano)
	}
	return v
}
