package trail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

// batchBytes bounds the records that are held while they are read again.
const batchBytes = 48 << 20

// Events reads these events whole and strictly and hands them over in the order of time, then event id, one at a time.
// It reads files side by side and once each, unless the records are more than fit into memory. An event whose record is
// not found again, or which the strict reader refuses, comes with Unread set and what its row knows. An error is one of
// ctx, of each, or of opening a file again.
func (c *Corpus) Events(ctx context.Context, rows []int, each func(row int, e *Event) error) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b int) int {
		return cmp.Or(cmp.Compare(c.rec(a).Time, c.rec(b).Time), cmp.Compare(a, b)) // rows are in the order of ids
	})
	rows = slices.Compact(rows)
	for len(rows) > 0 {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size+c.rec(rows[n]).size() <= batchBytes) {
			size += c.rec(rows[n]).size()
			n++
		}
		if err := c.batch(ctx, rows[:n], each); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// batch reads the records of rows, then hands over their events.
func (c *Corpus) batch(ctx context.Context, rows []int, each func(int, *Event) error) error {
	records, err := c.records(ctx, rows)
	if err != nil {
		return err
	}
	const slice = 1024 // events made side by side; a few KB each
	events := make([]*Event, min(slice, len(rows)))
	for len(rows) > 0 {
		some := rows[:min(slice, len(rows))]
		var g errgroup.Group
		g.SetLimit(runtime.GOMAXPROCS(0))
		for at := 0; at < len(some); at += 64 {
			g.Go(func() error {
				for i := at; i < min(at+64, len(some)); i++ {
					events[i] = c.event(some[i], records[i])
				}
				return nil
			})
		}
		_ = g.Wait() // none fails
		for i, row := range some {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := each(row, events[i]); err != nil {
				return err
			}
		}
		rows, records = rows[len(some):], records[len(some):]
	}
	return nil
}

// event makes the event of a row from its record, or from the row alone.
func (c *Corpus) event(row int, raw []byte) *Event {
	why := "the record was not found again where it was read"
	if raw != nil {
		e, err := readEvent(raw)
		switch {
		case err != nil:
			why = err.Error()
		case e.ID == c.ID(row):
			return e
		default: // its length and sum are right, which whoever writes a log can see to
			why = "another record was found where it was read"
		}
	}
	r := c.Row(row)
	k, p, client := c.Kind(r.Kind), c.Place(r.Place), c.Client(r.Client)
	return &Event{ID: c.ID(row), Time: timeAt(r.Time), Name: k.Name, RawName: k.Name, Source: k.Source, Region: p.Region, Type: k.Type,
		Category: k.Category, ReadOnly: k.ReadOnly, Identity: *c.Identity(r.Identity), SourceIP: client.IP, UserAgent: client.UserAgent,
		Outcome: r.Outcome(), Code: c.Code(r.Code), SharedID: c.SharedID(row), Recipient: p.Account, Unread: why}
}

// records gives the bytes of the records of rows; nil for what cannot be had again.
func (c *Corpus) records(ctx context.Context, rows []int) ([][]byte, error) {
	out := make([][]byte, len(rows))
	if c.index != nil {
		return out, c.index.records(ctx, c, rows, out)
	}
	byFile := map[uint32][]int{} // indexes of rows
	for i, row := range rows {
		if raw, ok := c.kept[c.raw(row)]; ok {
			out[i] = raw
			continue
		}
		file := c.rec(row).file
		byFile[file] = append(byFile[file], i)
	}
	inputs := sync.Pool{New: func() any { return newInput() }}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for file, list := range byFile {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			in := inputs.Get().(*input)
			defer inputs.Put(in)
			s := &again{c: c, in: in, rows: rows, out: out, wanted: list}
			if err := s.file(ctx, file); err != nil {
				return fmt.Errorf("read %s again: %w", c.files[file].Name, err)
			}
			return nil
		})
	}
	return out, g.Wait()
}

// again reads records of one file a second time.
type again struct {
	c      *Corpus
	in     *input
	rows   []int
	out    [][]byte
	wanted []int // indexes of rows, by offset
	sum    summer
}

func (s *again) file(ctx context.Context, n uint32) error {
	slices.SortFunc(s.wanted, func(a, b int) int { return cmp.Compare(s.rec(a).where(), s.rec(b).where()) })
	r, err := s.in.open(ctx, s.c.files[n])
	if err != nil {
		return err
	}
	defer r.Close()
	if s.c.direct[n] {
		s.straight()
		return nil
	}
	// The error was named as a problem when the file was first read, and its records before it are found all the same.
	_ = s.in.walk(s.sink())
	return nil
}

func (s *again) rec(i int) *rec { return s.c.rec(s.rows[i]) }

func (s *again) sink() *sink {
	return &sink{problem: func(int64, string, string) {}, record: func(offset int64, raw []byte) error {
		s.found(offset, raw)
		return nil
	}}
}

// found keeps raw if it is one of the records that are wanted: at this offset, of this length and sum.
func (s *again) found(offset int64, raw []byte) {
	size, sum := s.sum.of(raw)
	where := whereOf(offset, size)
	i, _ := slices.BinarySearchFunc(s.wanted, where, func(a int, w uint64) int { return cmp.Compare(s.rec(a).where(), w) })
	if i == len(s.wanted) || s.rec(s.wanted[i]).where() != where {
		return
	}
	for ; i < len(s.wanted) && s.rec(s.wanted[i]).where() == where; i++ {
		if s.rec(s.wanted[i]).crc == sum {
			s.out[s.wanted[i]] = bytes.Clone(raw)
		}
	}
}

// straight goes from offset to offset, without looking at what is between.
func (s *again) straight() {
	var f facts
	for i := 0; i < len(s.wanted); {
		offset := s.rec(s.wanted[i]).offset()
		if !s.in.skipTo(offset) {
			return
		}
		n, err := f.scan(s.in.left(), nil)
		if errors.Is(err, errMore) {
			if s.in.double() {
				continue
			}
			return
		}
		if n > 0 {
			raw := s.in.left()[:n]
			s.found(offset, raw)
			if err != nil { // something that wraps records
				_ = newWalkerOn(raw).all(s.sink(), 0, offset)
			}
		}
		for i < len(s.wanted) && s.rec(s.wanted[i]).offset() == offset {
			i++
		}
	}
}

// skipTo goes on to an offset at or after the next byte.
func (in *input) skipTo(offset int64) bool {
	for in.at() < offset {
		if in.start == in.end && !in.more(maxWindow) {
			return false
		}
		in.start += int(min(int64(in.end-in.start), offset-in.at()))
	}
	return in.at() == offset
}
