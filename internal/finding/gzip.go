package finding

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Limits on what gzip may unfold to. DEFLATE reaches about 1030:1; exports of findings stay far below 100:1.
const (
	maxRatio      = 200
	ratioFrom     = 16 << 20 // below this many bytes the ratio is not judged
	maxUnfolded   = 4 << 30
	maxErrorCount = 10_000
)

// source remembers the error of the stream itself, which is not the document's fault.
type source struct {
	r     io.Reader
	count int64
	err   error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.count += int64(n)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// unfold gives r, uncompressed where it is gzip (told by its first bytes, never by its name).
func unfold(s *source) (io.Reader, error) {
	br := bufio.NewReader(s)
	if !isGzip(br) {
		return br, nil
	}
	z, err := gzip.NewReader(br)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	out := bufio.NewReader(&guarded{z: z, in: s})
	if isGzip(out) {
		return nil, errors.New("gzip inside gzip is not read")
	}
	return out, nil
}

func isGzip(r *bufio.Reader) bool {
	magic, err := r.Peek(2)
	return err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b})
}

// guarded stops a gzip bomb.
type guarded struct {
	z   io.Reader
	in  *source
	out int64
}

func (g *guarded) Read(p []byte) (int, error) {
	n, err := g.z.Read(p)
	g.out += int64(n)
	switch {
	case g.out > maxUnfolded:
		return 0, fmt.Errorf("gzip: unfolds to more than %d bytes", int64(maxUnfolded))
	case g.out > ratioFrom && g.out/max(g.in.count, 1) > maxRatio:
		return 0, fmt.Errorf("gzip: unfolds to more than %d times its size, which no export of findings does", maxRatio)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("gzip: the file is cut off")
	case err != nil && err != io.EOF:
		err = fmt.Errorf("gzip: %w", err)
	}
	return n, err
}
