package trail

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// An index is a folder that holds a corpus, so that the next question need not read the log again:
//
//	records     the records' bytes, in blocks of zstd
//	blocks      where each block is: offset, length
//	rows        64 bytes an event, in the order of ids
//	tables      the texts and tuples that rows point into
//	marks       sharedEventIDs, odd eventIDs, the credential table
//	index.json  format, sizes of the files above, what was read. Written last: without it there is no index
//
// It is derived and can be made again; whoever opens one that somebody handed over trusts it as far as a log.
const indexFormat = 1

type indexHeader struct {
	Format int              `json:"format"`
	Events int              `json:"events"`
	Sizes  map[string]int64 `json:"sizes"`
	Files  []string         `json:"files"`
	Ingest Ingest           `json:"ingest"`
	Unread []Unread         `json:"unread"`
}

const (
	rowSize    = 64
	blockBytes = 128 << 10 // of records in a block before it is compressed; more where a record is larger
	maxEvents  = 1 << 30
)

var indexFiles = []string{"records", "blocks", "rows", "tables", "marks"}

// rowBytes lays out a row. Numbers are little-endian, as everywhere in an index.
func rowBytes(to []byte, r *rec, place uint64) []byte {
	to = append(to, r.id[:]...)
	for _, v := range [...]uint32{r.Time, r.Identity, r.Kind, r.Place, r.Client, uint32(r.Code) | uint32(r.Flags)<<16, r.file, r.crc} {
		to = binary.LittleEndian.AppendUint32(to, v)
	}
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(to, r.where()), place)
}

func rowOfBytes(b []byte) (r rec, place uint64) {
	copy(r.id[:], b)
	u := func(i int) uint32 { return binary.LittleEndian.Uint32(b[16+4*i:]) }
	r.Row = Row{Time: u(0), Identity: u(1), Kind: u(2), Place: u(3), Client: u(4), Code: uint16(u(5)), Flags: uint16(u(5) >> 16)}
	r.file, r.crc = u(6), u(7)
	r.setWhere(binary.LittleEndian.Uint64(b[48:]))
	return r, binary.LittleEndian.Uint64(b[56:])
}

// indexed is an open index.
type indexed struct {
	file   *os.File // records
	blocks []blockAt
	places []*[chunkRows]uint64 // by chunk of the store
}

type blockAt struct {
	at   int64
	size uint32
}

// OpenIndex opens an index. The corpus is to be closed after use.
func OpenIndex(dir string) (*Corpus, error) {
	head, err := readHeader(dir)
	if err != nil {
		return nil, fmt.Errorf("open the index %s: %w", dir, err)
	}
	c := &Corpus{t: &tables{}, store: &store{}, index: &indexed{}, n: head.Events, ingest: head.Ingest, unread: head.Unread}
	for _, name := range head.Files {
		c.files = append(c.files, File{Name: name})
	}
	if err := c.load(dir, head); err != nil {
		return nil, errors.Join(fmt.Errorf("open the index %s: %w", dir, err), c.Close())
	}
	return c, nil
}

// Close gives back what an open index holds. A corpus that was read needs none.
func (c *Corpus) Close() error {
	if c.index == nil || c.index.file == nil {
		return nil
	}
	return c.index.file.Close()
}

func readHeader(dir string) (*indexHeader, error) {
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("there is no index.json in it: it is no index, or making it was cut short; make it again with cordon trail index")
	}
	if err != nil {
		return nil, err
	}
	var head indexHeader
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	if head.Format != indexFormat {
		return nil, fmt.Errorf("its format is %d, and this cordon reads %d: make it again with cordon trail index", head.Format, indexFormat)
	}
	if head.Events < 0 || head.Events > maxEvents || head.Sizes["rows"] != int64(head.Events)*rowSize {
		return nil, errors.New("index.json: the number of events does not fit the rows")
	}
	for _, name := range indexFiles {
		s, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			return nil, err
		}
		if s.Size() != head.Sizes[name] {
			return nil, fmt.Errorf("%s has %d bytes, not %d: make it again with cordon trail index", name, s.Size(), head.Sizes[name])
		}
	}
	return &head, nil
}

func (c *Corpus) load(dir string, head *indexHeader) error {
	if err := c.loadTables(filepath.Join(dir, "tables")); err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	if err := c.loadRows(filepath.Join(dir, "rows"), head.Events); err != nil {
		return fmt.Errorf("rows: %w", err)
	}
	if err := c.loadMarks(filepath.Join(dir, "marks")); err != nil {
		return fmt.Errorf("marks: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "blocks"))
	if err != nil {
		return err
	}
	for ; len(b) >= 12; b = b[12:] {
		c.index.blocks = append(c.index.blocks, blockAt{int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint32(b[8:])})
	}
	c.index.file, err = os.Open(filepath.Join(dir, "records"))
	return err
}

func (c *Corpus) loadTables(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<20)
	for _, t := range c.t.all() {
		if err := t.load(in); err != nil {
			return err
		}
	}
	if err := c.t.check(); err != nil {
		return err
	}
	c.kinds, c.places, c.codes = c.t.allKinds(), c.t.allPlaces(), c.t.allCodes()
	return nil
}

func (c *Corpus) loadRows(path string, n int) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	chunks := (n + chunkRows - 1) / chunkRows
	c.store.chunks, c.index.places = make([]*chunk, chunks), make([]*[chunkRows]uint64, chunks)
	var next atomic.Int64
	var g errgroup.Group
	for range runtime.GOMAXPROCS(0) {
		g.Go(func() error {
			b := make([]byte, chunkRows*rowSize)
			for i := int(next.Add(1)) - 1; i < chunks; i = int(next.Add(1)) - 1 {
				rows := min(chunkRows, n-i*chunkRows)
				if _, err := f.ReadAt(b[:rows*rowSize], int64(i)*chunkRows*rowSize); err != nil {
					return err
				}
				if err := c.loadChunk(i, b[:rows*rowSize]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

func (c *Corpus) loadChunk(i int, b []byte) error {
	k := &chunk{n: len(b) / rowSize}
	places := &[chunkRows]uint64{}
	for at := range k.n {
		r, place := rowOfBytes(b[at*rowSize:])
		if int(r.Identity) >= c.t.identities.len() || int(r.Kind) >= len(c.kinds) || int(r.Place) >= len(c.places) ||
			int(r.Client) >= c.t.clients.len() || int(r.Code) >= len(c.codes) || int(r.file) >= len(c.files) {
			return errors.New("a row points at what there is not")
		}
		k.recs[at], places[at] = r, place
	}
	c.store.chunks[i], c.index.places[i] = k, places
	return nil
}

// loadMarks reads three lists, each with its length before it, of pairs of numbers.
func (c *Corpus) loadMarks(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var issued []mark
	for _, list := range []*[]mark{&c.shared, &c.odd, &issued} {
		if len(b) < 4 {
			return io.ErrUnexpectedEOF
		}
		n := int(binary.LittleEndian.Uint32(b))
		if b = b[4:]; n > len(b)/8 {
			return io.ErrUnexpectedEOF
		}
		for ; n > 0; n, b = n-1, b[8:] {
			m := mark{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])}
			if int(m.rec) >= c.n || int(m.text) >= c.t.texts.len() {
				return errors.New("a mark points at what there is not")
			}
			*list = append(*list, m)
		}
		sortMarks(*list)
	}
	for _, m := range issued {
		c.issued = append(c.issued, Issued{c.t.texts.text(m.text), int(m.rec)})
	}
	c.sortIssued()
	return nil
}

// records reads the records of rows out of their blocks, a block once, side by side.
func (x *indexed) records(ctx context.Context, c *Corpus, rows []int, out [][]byte) error {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	place := func(i int) uint64 { return x.places[rows[i]>>chunkBits][rows[i]&(chunkRows-1)] }
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(place(a), place(b)) })
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	const run = 64 // blocks that one goroutine reads with one decoder
	for len(order) > 0 {
		n, blocks := 0, 0
		for last := uint64(1<<64 - 1); n < len(order); n++ {
			if b := place(order[n]) >> placeBits; b != last {
				if blocks++; blocks > run {
					break
				}
				last = b
			}
		}
		some := order[:n]
		order = order[n:]
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var sum summer
			return x.blocksOf(some, place, func(i int, raw []byte) {
				if _, crc := sum.of(raw); crc == c.rec(rows[i]).crc {
					out[i] = slices.Clone(raw)
				}
			})
		})
	}
	return g.Wait()
}

// blocksOf reads the blocks of these records and hands those over. A block that cannot be read hands over none: its
// events come as unread.
func (x *indexed) blocksOf(list []int, place func(int) uint64, each func(int, []byte)) error {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxShapeRecord+blockBytes+16))
	if err != nil {
		return err
	}
	defer dec.Close()
	var stored, plain []byte
	last := uint64(1<<64 - 1)
	for _, i := range list {
		p := place(i)
		if n := p >> placeBits; n != last {
			last, plain = n, plain[:0]
			if n >= uint64(len(x.blocks)) || x.blocks[n].size > 2*maxShapeRecord {
				continue
			}
			stored = slices.Grow(stored[:0], int(x.blocks[n].size))[:x.blocks[n].size]
			if _, err := x.file.ReadAt(stored, x.blocks[n].at); err != nil {
				continue
			}
			if plain, err = dec.DecodeAll(stored, plain); err != nil {
				plain = plain[:0]
				continue
			}
		}
		at := int(p & (1<<placeBits - 1))
		if at >= len(plain) {
			continue
		}
		size, n := binary.Uvarint(plain[at:])
		if n <= 0 || size > uint64(len(plain)-at-n) {
			continue
		}
		each(i, plain[at+n:at+n+int(size)])
	}
	return nil
}
