package trail

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// An input is a decompressed file and a window on it. One serves a worker for all its files: making decompressors
// anew costs more than a small file does.
type input struct {
	stored *counted
	buffer *bufio.Reader
	gzip   *gzip.Reader
	zstd   *zstd.Decoder
	plain  io.Reader
	file   File
	whole  io.ReaderAt // the file in place, where that can be had
	column bool        // it is Parquet, which is not read from the beginning

	window     []byte
	start, end int   // of what is read and not yet taken
	base       int64 // offset in the file of window[0]
	failed     error // of the reader, io.EOF at the end
}

type counted struct {
	io.Reader
	ctx context.Context // of the reading of one file: a large one must not go on after it
	n   int64
}

func (c *counted) Read(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}

// firstWindow is small enough that what was just decompressed is still in the processor's cache when it is read.
const firstWindow = 128 << 10

func newInput() *input {
	in := &input{stored: &counted{}, window: make([]byte, firstWindow)}
	in.buffer = bufio.NewReaderSize(in.stored, 64<<10)
	return in
}

// open begins a file: gzip (several members after one another), zstd, or as it is. The closer is to be closed, unless
// there is an error.
func (in *input) open(ctx context.Context, f File) (io.Closer, error) {
	r, err := f.Open()
	if err != nil {
		in.start, in.end, in.base, in.stored.n = 0, 0, 0, 0
		return nil, err
	}
	if err := in.begin(ctx, f, r); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (in *input) begin(ctx context.Context, f File, r io.Reader) error {
	*in.stored = counted{Reader: r, ctx: ctx}
	in.buffer.Reset(in.stored)
	in.start, in.end, in.base, in.failed = 0, 0, 0, nil
	in.file = f
	in.whole, _ = r.(io.ReaderAt)
	if len(in.window) > 4*firstWindow {
		in.window = make([]byte, firstWindow) // a record of many megabytes is rare, and so is its room
	}
	magic, err := in.buffer.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	in.column = isParquet(magic)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		if in.gzip == nil {
			in.gzip, err = gzip.NewReader(in.buffer)
		} else {
			err = in.gzip.Reset(in.buffer)
		}
		in.plain = in.gzip
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		if in.zstd == nil {
			in.zstd, err = zstd.NewReader(in.buffer, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderLowmem(true))
		} else {
			err = in.zstd.Reset(in.buffer)
		}
		in.plain = in.zstd
	default:
		in.plain, err = in.buffer, nil
	}
	if err != nil {
		in.failed = err
		return fmt.Errorf("decompress: %w", err)
	}
	return nil
}

// more reads on, after what there is. It makes room by moving that, or by growing the window up to limit bytes. False:
// there is no more to read, or no room.
func (in *input) more(limit int) bool {
	if in.failed != nil {
		return false
	}
	if in.end == len(in.window) {
		switch {
		case in.start > len(in.window)/2:
			copy(in.window, in.window[in.start:in.end])
		case len(in.window) >= limit:
			return false
		default:
			grown := make([]byte, min(2*len(in.window), limit))
			copy(grown, in.window[in.start:in.end])
			in.window = grown
		}
		in.base += int64(in.start)
		in.start, in.end = 0, in.end-in.start
	}
	for range 100 { // as io.ErrNoProgress has it
		n, err := in.plain.Read(in.window[in.end:])
		in.end += n
		in.failed = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	in.failed = io.ErrNoProgress
	return false
}

// double reads on until twice as much is at hand, since to scan all again for each little more takes a large object's
// square. False: there is no more.
func (in *input) double() bool {
	had := len(in.left())
	for len(in.left()) < max(1, 2*had) && in.more(maxWindow) {
	}
	return len(in.left()) > had
}

// left is what is read and not yet taken.
func (in *input) left() []byte { return in.window[in.start:in.end] }

// at is the offset in the file of the next byte.
func (in *input) at() int64 { return in.base + int64(in.start) }

// rest reads what is left, for a reader without a window.
func (in *input) rest() io.Reader {
	return io.MultiReader(bytes.NewReader(in.left()), readerFunc(func(b []byte) (int, error) {
		if in.failed != nil {
			return 0, in.failed
		}
		n, err := in.plain.Read(b)
		in.base += int64(n)
		return n, err
	}))
}

// walk reads what is open whatever its shape.
func (in *input) walk(s *sink) error {
	if in.plain != in.buffer {
		s.stored = func() int64 { return in.stored.n }
	}
	switch {
	case in.column && in.whole != nil && in.file.Size > 0:
		in.stored.n = in.file.Size
		return readParquet(in.whole, in.file.Size, s)
	case in.column:
		return bufferParquet(in.rest(), s)
	}
	return readShapes(in.rest(), s)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }
