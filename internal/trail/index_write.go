package trail

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// An IndexWriter makes an index while a log is read: it is given to Read as Options.Raw, then finished.
type IndexWriter struct {
	dir     string
	mu      sync.Mutex
	file    *os.File // records
	at      int64
	blocks  []blockAt
	pending int // blocks begun and not written
}

// placeBits of a record's place say where in its block it is; those above, in which block.
const placeBits = 24

// block is what one worker collects.
type block struct {
	number uint64
	bytes  []byte
	out    []byte
	enc    *zstd.Encoder
}

// CreateIndex begins an index in the folder dir, which must not be there yet or be empty: an index is never
// overwritten. The folder is for its owner alone, since records hold secrets.
func CreateIndex(dir string) (*IndexWriter, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the index: %w", err)
	}
	have, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("look into the folder of the index: %w", err)
	}
	if len(have) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty: name a new one for the index, or remove it first", dir)
	}
	x := &IndexWriter{dir: dir}
	if x.file, err = x.create("records"); err != nil {
		return nil, err
	}
	return x, nil
}

func (x *IndexWriter) create(name string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(x.dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("make %s of the index: %w", name, err)
	}
	return f, nil
}

// keepRaw puts a record into the worker's block and says where it will be found.
func (w *worker) keepRaw(raw []byte) (uint64, error) {
	if w.block == nil {
		enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return 0, &writeError{err}
		}
		w.block = &block{enc: enc}
	}
	b := w.block
	if len(b.bytes) == 0 {
		b.number = w.opts.Raw.begin()
	}
	place := b.number<<placeBits | uint64(len(b.bytes))
	b.bytes = append(binary.AppendUvarint(b.bytes, uint64(len(raw))), raw...)
	if len(b.bytes) < blockBytes {
		return place, nil
	}
	return place, w.flush()
}

func (w *worker) flush() error {
	b := w.block
	if b == nil || len(b.bytes) == 0 {
		return nil
	}
	b.out = b.enc.EncodeAll(b.bytes, b.out[:0])
	b.bytes = b.bytes[:0]
	if err := w.opts.Raw.write(b.number, b.out); err != nil {
		return &writeError{fmt.Errorf("write the index: %w", err)}
	}
	return nil
}

// end is called when a worker has read its last file.
func (w *worker) end() error { return w.flush() }

func (x *IndexWriter) begin() uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.blocks = append(x.blocks, blockAt{})
	x.pending++
	return uint64(len(x.blocks) - 1)
}

func (x *IndexWriter) write(number uint64, b []byte) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, err := x.file.Write(b); err != nil {
		return err
	}
	x.blocks[number] = blockAt{x.at, uint32(len(b))}
	x.at += int64(len(b))
	x.pending--
	return nil
}

// Finish writes the rest of the index of c, which was read with x as Options.Raw. Only then is it an index.
func (x *IndexWriter) Finish(c *Corpus) error {
	if x.pending > 0 {
		return errors.New("finish the index: the log was not read to its end")
	}
	if err := errors.Join(x.file.Sync(), x.file.Close()); err != nil {
		return fmt.Errorf("write the index: %w", err)
	}
	head := indexHeader{Format: indexFormat, Events: c.Len(), Sizes: map[string]int64{"records": x.at}, Ingest: c.ingest, Unread: c.unread}
	for _, f := range c.files {
		head.Files = append(head.Files, f.Name)
	}
	for name, write := range map[string]func(io.Writer) error{"blocks": x.writeBlocks, "rows": c.writeRows, "tables": c.writeTables, "marks": c.writeMarks} {
		size, err := x.whole(name, write)
		if err != nil {
			return err
		}
		head.Sizes[name] = size
	}
	_, err := x.whole("index.json", func(w io.Writer) error { return json.NewEncoder(w).Encode(head) })
	return err
}

// whole makes one file of the index and gives its size.
func (x *IndexWriter) whole(name string, write func(io.Writer) error) (int64, error) {
	f, err := x.create(name)
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	err = write(out)
	// Synced one by one: after a power cut index.json must not stand for rows that were never on the disk.
	if err = errors.Join(err, out.Flush(), f.Sync()); err != nil {
		return 0, errors.Join(fmt.Errorf("write %s of the index: %w", name, err), f.Close())
	}
	size, err := f.Seek(0, io.SeekCurrent)
	return size, errors.Join(err, f.Close())
}

func (x *IndexWriter) writeBlocks(w io.Writer) error {
	var b []byte
	for _, at := range x.blocks {
		b = binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint64(b, uint64(at.at)), at.size)
	}
	_, err := w.Write(b)
	return err
}

func (c *Corpus) writeRows(w io.Writer) error {
	b := make([]byte, 0, rowSize)
	for i := range c.Len() {
		raw := c.raw(i)
		b = rowBytes(b[:0], c.store.rec(raw), c.store.chunks[raw>>chunkBits].places[raw&(chunkRows-1)])
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

func (c *Corpus) writeTables(w io.Writer) error {
	for _, t := range c.t.all() {
		if err := t.save(w); err != nil {
			return err
		}
	}
	return nil
}

// writeMarks writes what is kept apart of rows, by the numbers that rows have in the index.
func (c *Corpus) writeMarks(w io.Writer) error {
	var shared, odd, issued []mark
	for i := range c.Len() {
		flags := c.rec(i).Flags
		if flags&FlagShared != 0 {
			shared = appendMark(shared, c.shared, c.raw(i), i)
		}
		if flags&flagOddID != 0 {
			odd = appendMark(odd, c.odd, c.raw(i), i)
		}
	}
	for _, i := range c.issued {
		n, ok := c.t.texts.find([]byte(i.AccessKey))
		if !ok {
			return fmt.Errorf("the key %s is in no table", i.AccessKey)
		}
		issued = append(issued, mark{uint32(i.Event), n})
	}
	for _, list := range [][]mark{shared, odd, issued} {
		b := binary.LittleEndian.AppendUint32(nil, uint32(len(list)))
		for _, m := range list {
			b = tuple(b, m.rec, m.text)
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// appendMark adds to to what from says of rec, which is row i of the index.
func appendMark(to, from []mark, rec uint32, i int) []mark {
	if n, ok := marked(from, rec); ok {
		to = append(to, mark{uint32(i), n})
	}
	return to
}
