package trail

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// A rec is what is held of one record: 52 bytes without a pointer, so that millions cost neither memory nor the
// garbage collector's time.
type rec struct {
	id [16]byte // of the UUID; of another eventID, a hash
	Row
	file  uint32
	crc   uint32    // of the record's bytes without white space between values
	place [2]uint32 // see where; not one number of 64 bits, which would cost four bytes of padding
}

const (
	flagIssued uint16 = 1 << 13 // handed out an access key, which is kept apart
	flagDead   uint16 = 1 << 14 // taken back: its file was read again another way
	flagOddID  uint16 = 1 << 15 // the eventID is no UUID; its text is kept apart
)

// where gives the record's offset in the decompressed file<<24 | its length.
func (r *rec) where() uint64     { return uint64(r.place[1])<<32 | uint64(r.place[0]) }
func (r *rec) setWhere(w uint64) { r.place = [2]uint32{uint32(w), uint32(w >> 32)} }
func (r *rec) offset() int64     { return int64(r.where() >> 24) }
func (r *rec) size() int         { return int(r.where() & (1<<24 - 1)) }

func whereOf(offset int64, size int) uint64 { return uint64(offset)<<24 | uint64(min(size, 1<<24-1)) }

// A summer tells records apart by what they say, however they are indented.
type summer struct{ compact []byte }

// of gives the length of raw without white space between values, and the sum of that.
func (s *summer) of(raw []byte) (size int, crc uint32) {
	if spaced(raw) {
		s.compact = compacted(s.compact[:0], raw)
		raw = s.compact
	}
	return len(raw), crc32.Checksum(raw, castagnoli)
}

// spaced looks at the first member alone: who writes white space does so everywhere.
func spaced(raw []byte) bool {
	if len(raw) < 2 || raw[1] != '"' {
		return true
	}
	end, err := skipString(raw, 1)
	return err != nil || end+1 >= len(raw) || raw[end] != ':' || raw[end+1] <= ' '
}

func compacted(to, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '"':
			end, err := skipString(raw, i)
			if err != nil {
				return append(to, raw[i:]...)
			}
			to = append(to, raw[i:end]...)
			i = end
		case c <= ' ':
			i++
		default:
			to = append(to, c)
			i++
		}
	}
	return to
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	chunkBits = 14
	chunkRows = 1 << chunkBits
)

type chunk struct {
	recs   [chunkRows]rec
	places *[chunkRows]uint64 // of the records' bytes in an index that is being written
	n      int
}

// store holds recs in chunks, which never move: growing costs no copy and no second array.
type store struct {
	mu     sync.Mutex
	chunks []*chunk
}

// fresh gives a new chunk and its number.
func (s *store) fresh(places bool) (*chunk, uint32) {
	c := &chunk{}
	if places {
		c.places = &[chunkRows]uint64{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.chunks = append(s.chunks, c)
	return c, uint32(len(s.chunks) - 1)
}

func (s *store) chunk(n uint32) *chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.chunks[n]
}

func (s *store) rec(raw uint32) *rec { return &s.chunks[raw>>chunkBits].recs[raw&(chunkRows-1)] }

// A mark notes a text about one rec.
type mark struct{ rec, text uint32 }

func sortMarks(m []mark) {
	slices.SortFunc(m, func(a, b mark) int { return cmp.Or(cmp.Compare(a.rec, b.rec), cmp.Compare(a.text, b.text)) })
}

func marked(m []mark, rec uint32) (uint32, bool) {
	i, ok := slices.BinarySearchFunc(m, rec, func(a mark, b uint32) int { return cmp.Compare(a.rec, b) })
	if !ok {
		return 0, false
	}
	return m[i].text, true
}

// An ordering is which recs are kept and how they are numbered.
type ordering struct {
	kept            []uint32       // recs, by number
	issued          map[uint32]int // numbers of those that handed out a key, by rec
	copies, clashes int            // further copies; events with the id of another
}

// order gives the recs to keep, one for each event, in the order of ids: a function of the events alone, however they
// were spread over files.
func (s *store) order(t *tables) ordering {
	const parts = 16 // each sorted by itself, so that the keys to sort need little memory
	var done [parts]ordering
	var g errgroup.Group
	g.SetLimit(max(1, runtime.GOMAXPROCS(0)))
	for p := range parts {
		g.Go(func() error {
			done[p] = s.part(t, byte(p))
			return nil
		})
	}
	_ = g.Wait() // no part fails
	all := ordering{issued: map[uint32]int{}}
	n := 0
	for i := range done {
		n += len(done[i].kept)
	}
	all.kept = make([]uint32, 0, n)
	for i := range done {
		for rec, at := range done[i].issued {
			all.issued[rec] = len(all.kept) + at
		}
		all.kept = append(all.kept, done[i].kept...)
		all.copies, all.clashes = all.copies+done[i].copies, all.clashes+done[i].clashes
		done[i] = ordering{}
	}
	return all
}

// sortKey is the beginning of a rec's id, by which nearly all are told apart without a look at the rec.
type sortKey struct {
	prefix uint64
	rec    uint32
	issued bool
}

// part orders the recs whose ids begin with these four bits.
func (s *store) part(t *tables, high byte) (o ordering) {
	keys := s.keys(high)
	for _, some := range byNextByte(keys) {
		slices.SortFunc(some, func(a, b sortKey) int {
			if a.prefix != b.prefix {
				return cmp.Compare(a.prefix, b.prefix)
			}
			return better(s.rec(a.rec), s.rec(b.rec))
		})
	}
	o.kept, o.issued = make([]uint32, 0, len(keys)), map[uint32]int{}
	for len(keys) > 0 {
		n := 1
		for n < len(keys) && keys[n].prefix == keys[0].prefix && s.rec(keys[n].rec).id == s.rec(keys[0].rec).id {
			n++
		}
		first := len(o.kept)
		if n == 1 {
			o.kept = append(o.kept, keys[0].rec)
		} else {
			s.ofOneID(t, keys[:n], &o)
		}
		for i := first; i < len(o.kept); i++ {
			if n == 1 && keys[0].issued || n > 1 && s.rec(o.kept[i]).Flags&flagIssued != 0 {
				o.issued[o.kept[i]] = i
			}
		}
		keys = keys[n:]
	}
	return o
}

// ofOneID adds to o the recs of one id that are no copies, in an order that their bytes have no part in, since those
// change with who writes them.
func (s *store) ofOneID(t *tables, keys []sortKey, o *ordering) {
	first := len(o.kept)
	s.fullestFirst(t, keys)
	o.kept = append(o.kept, keys[0].rec)
	for _, k := range keys[1:] {
		r := s.rec(k.rec)
		if slices.ContainsFunc(o.kept[max(first, len(o.kept)-maxClash):], func(other uint32) bool { return t.sameEvent(s.rec(other), r) }) {
			o.copies++
			continue
		}
		o.clashes++
		o.kept = append(o.kept, k.rec)
	}
	slices.SortStableFunc(o.kept[first:], func(a, b uint32) int { return t.compare(s.rec(a), s.rec(b)) })
}

// fullestFirst puts, of recs of one id and time, those first that say most of who called. A record that says nothing of
// it passes for a copy of any, and else would hide the caller by being longer.
func (s *store) fullestFirst(t *tables, keys []sortKey) {
	of := s.rec(keys[0].rec).Identity
	if !slices.ContainsFunc(keys, func(k sortKey) bool { return s.rec(k.rec).Identity != of }) {
		return
	}
	said := make(map[uint32]int, len(keys))
	for _, k := range keys {
		id := t.identity(s.rec(k.rec).Identity)
		for _, text := range [...]string{id.AccessKey, id.ARN, id.PrincipalID} {
			if text != "" {
				said[k.rec]++
			}
		}
	}
	slices.SortStableFunc(keys, func(a, b sortKey) int {
		return cmp.Or(cmp.Compare(s.rec(a.rec).Time, s.rec(b.rec).Time), cmp.Compare(said[b.rec], said[a.rec]))
	})
}

// compare orders events of one id by what they say.
func (t *tables) compare(a, b *rec) int {
	if a.Time != b.Time {
		return cmp.Compare(a.Time, b.Time)
	}
	x, y := t.identity(a.Identity), t.identity(b.Identity)
	k, l := t.kind(a.Kind), t.kind(b.Kind)
	return cmp.Or(strings.Compare(k.Name, l.Name), strings.Compare(x.AccessKey, y.AccessKey), strings.Compare(x.ARN, y.ARN),
		strings.Compare(x.PrincipalID, y.PrincipalID), strings.Compare(k.Source, l.Source))
}

// byNextByte groups keys of one part by the eight bits after those that are equal in all of them, in place, and gives
// the groups in order: ids are random, so that each is small and sorted fast.
func byNextByte(keys []sortKey) (groups [256][]sortKey) {
	var ends, next [256]int
	at := func(k sortKey) byte { return byte(k.prefix >> 52) }
	for _, k := range keys {
		ends[at(k)]++
	}
	sum := 0
	for b, n := range ends {
		groups[b] = keys[sum : sum+n : sum+n]
		next[b], ends[b] = sum, sum+n
		sum += n
	}
	for b := range next {
		for next[b] < ends[b] {
			k := &keys[next[b]]
			if to := at(*k); int(to) != b {
				keys[next[to]], *k = *k, keys[next[to]]
				next[to]++
				continue
			}
			next[b]++
		}
	}
	return groups
}

// maxClash bounds with how many events of its id a rec is compared, should somebody give a million of them one id.
const maxClash = 32

func (s *store) keys(high byte) []sortKey {
	var keys []sortKey
	for c, chunk := range s.chunks {
		for i := range chunk.n {
			r := &chunk.recs[i]
			if r.id[0]>>4 != high || r.Flags&flagDead != 0 {
				continue
			}
			keys = append(keys, sortKey{binary.BigEndian.Uint64(r.id[:8]), uint32(c)<<chunkBits | uint32(i), r.Flags&flagIssued != 0})
		}
	}
	return keys
}

// better orders what has one id: by time, and of copies the longest first, since some exports leave members out.
func better(a, b *rec) int {
	return cmp.Or(bytes.Compare(a.id[:], b.id[:]), cmp.Compare(a.Time, b.Time), cmp.Compare(b.size(), a.size()), cmp.Compare(b.crc, a.crc),
		cmp.Compare(a.file, b.file), cmp.Compare(a.where(), b.where()))
}

// sameEvent says that two recs of one id are copies of one event: not, where they differ in when, what or who. Whoever
// can write to a log could else hide an event by another of its id.
func (t *tables) sameEvent(a, b *rec) bool {
	if a.Time != b.Time || a.Kind != b.Kind && t.kind(a.Kind).Name != t.kind(b.Kind).Name {
		return false
	}
	if a.Identity == b.Identity {
		return true
	}
	x, y := t.identity(a.Identity), t.identity(b.Identity)
	return alike(x.AccessKey, y.AccessKey) && alike(x.ARN, y.ARN) && alike(x.PrincipalID, y.PrincipalID)
}

// alike says that two values are equal, or one of them is not there: some exports have no place for it.
func alike(a, b string) bool { return a == b || a == "" || b == "" }

// uuid reads an eventID as CloudTrail writes it.
func uuid(s []byte) (id [16]byte, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, false
	}
	bad := byte(0)
	for n, at := range [...]uint8{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34} {
		h, l := nibbles[s[at]], nibbles[s[at+1]]
		bad |= h | l
		id[n] = h<<4 | l&15
	}
	return id, bad < 16
}

// nibbles gives the value of a lower-case hexadecimal digit, 255 of anything else.
var nibbles = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	return t
}()

// oddID stands for an eventID that is no UUID.
func oddID(s []byte) (id [16]byte) {
	sum := sha256.Sum256(s)
	copy(id[:], sum[:])
	return id
}

func uuidText(id [16]byte) string {
	var b [36]byte
	at := 0
	for i, part := range [][]byte{id[:4], id[4:6], id[6:8], id[8:10], id[10:]} {
		if i > 0 {
			b[at] = '-'
			at++
		}
		at += hex.Encode(b[at:], part)
	}
	return string(b[:])
}
