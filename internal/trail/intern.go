package trail

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"io"
	"sync"
	"unsafe"
)

// interned holds byte strings once each and numbers them from 0 in the order of coming. It keeps them in large
// pieces, without a pointer per string: a log has a million different keys and the garbage collector need not know.
// It may be used by many goroutines.
type interned struct {
	mu     sync.Mutex // held for a fraction of a microsecond: one that spins before it sleeps
	seed   maphash.Seed
	slots  []uint32 // open addressing; number + 1, 0 where free
	places []place
	pieces [][]byte
}

type place struct{ piece, at, size uint32 }

const pieceSize = 64 << 10

// add gives the number of b, which is copied if it is new.
func (t *interned) add(b []byte) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.put(b)
}

// put is add under the lock.
func (t *interned) put(b []byte) uint32 {
	if n, ok := t.find(b); ok {
		return n
	}
	if len(t.slots)*3 <= len(t.places)*4 {
		t.grow()
	}
	t.store(b)
	n := uint32(len(t.places) - 1)
	t.slots[t.slot(b)] = n + 1
	return n
}

// addAll is add of several, and lets each be the text that is stored. The first text of a table is "".
func (t *interned) addAll(texts []*string, numbers []uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, s := range texts {
		if *s == "" {
			*s = "" // else it points into what it was read from still, and keeps all of that
			continue
		}
		numbers[i] = t.put(bytesOf(*s))
		*s = t.text(numbers[i])
	}
}

// bytesOf gives the bytes of s without a copy, not to be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

func (t *interned) find(b []byte) (uint32, bool) {
	if len(t.slots) == 0 {
		return 0, false
	}
	n := t.slots[t.slot(b)]
	return n - 1, n != 0
}

// slot gives where b is, or the free slot where it belongs.
func (t *interned) slot(b []byte) int {
	mask := uint64(len(t.slots) - 1)
	for i := maphash.Bytes(t.seed, b) & mask; ; i = (i + 1) & mask {
		n := t.slots[i]
		if n == 0 || string(t.bytes(n-1)) == string(b) {
			return int(i)
		}
	}
}

func (t *interned) grow() {
	if len(t.slots) == 0 {
		t.seed = maphash.MakeSeed()
	}
	t.slots = make([]uint32, max(64, 2*len(t.slots)))
	for n := range t.places {
		t.slots[t.slot(t.bytes(uint32(n)))] = uint32(n) + 1
	}
}

func (t *interned) store(b []byte) {
	last := len(t.pieces) - 1
	if last < 0 || cap(t.pieces[last])-len(t.pieces[last]) < len(b) {
		size := pieceSize
		if last < 5 {
			size = pieceSize >> (5 - last) // small tables stay small
		}
		t.pieces = append(t.pieces, make([]byte, 0, max(size, len(b))))
		last++
	}
	t.places = append(t.places, place{uint32(last), uint32(len(t.pieces[last])), uint32(len(b))})
	t.pieces[last] = append(t.pieces[last], b...)
}

// bytes gives string n, not to be changed. Not under the lock: for whoever knows that nobody adds.
func (t *interned) bytes(n uint32) []byte {
	p := t.places[n]
	return t.pieces[p.piece][p.at : p.at+p.size]
}

// text gives string n without a copy: what is stored is never changed or moved.
func (t *interned) text(n uint32) string {
	b := t.bytes(n)
	return unsafe.String(unsafe.SliceData(b), len(b))
}

func (t *interned) len() int { return len(t.places) }

// tables hold what rows point into: texts, and tuples of numbers of texts.
type tables struct {
	texts, identities, kinds, places, clients, codes interned
}

func (t *tables) number(s string) uint32 { return t.texts.add(bytesOf(s)) }

// tuple is a few numbers of texts and small values, as bytes.
func tuple(to []byte, numbers ...uint32) []byte {
	for _, n := range numbers {
		to = binary.LittleEndian.AppendUint32(to, n)
	}
	return to
}

func untuple(b []byte, i int) uint32 { return binary.LittleEndian.Uint32(b[4*i:]) }

// identityTexts are an Identity's texts in the order in which they are kept.
func identityTexts(id *Identity) [17]*string {
	return [17]*string{&id.Type, &id.PrincipalID, &id.ARN, &id.Account, &id.AccessKey, &id.UserName, &id.Created, &id.IssuerType,
		&id.IssuerPrincipal, &id.IssuerARN, &id.SourceIdentity, &id.EC2RoleDelivery, &id.Provider, &id.WebIdentityToken,
		&id.InvokedBy, &id.OnBehalfOf, &id.SignInSession}
}

// addIdentity gives the number of id, whose texts it replaces by those that are stored.
func (t *tables) addIdentity(id *Identity) uint32 {
	texts := identityTexts(id)
	var numbers [len(texts)]uint32
	t.texts.addAll(texts[:], numbers[:])
	b := tuple(make([]byte, 0, 4*len(texts)+4), numbers[:]...)
	return t.identities.add(tuple(b, flag(id.MFA, 1)|flag(id.FromConsole, 2)))
}

func (t *tables) identity(n uint32) *Identity {
	id := &Identity{}
	t.readIdentity(n, id)
	return id
}

// readIdentity is identity into what is there, for whoever goes over all of them.
func (t *tables) readIdentity(n uint32, id *Identity) {
	b := t.identities.bytes(n)
	id.MFA, id.FromConsole = untuple(b, 17)&1 != 0, untuple(b, 17)&2 != 0
	for i, s := range identityTexts(id) {
		*s = t.texts.text(untuple(b, i))
	}
}

// issuerText is where in identityTexts the issuer's ARN stands.
const issuerText = 9

func (t *tables) issuerARN(n uint32) string {
	return t.texts.text(untuple(t.identities.bytes(n), issuerText))
}

func (t *tables) addKind(k Kind) uint32 {
	return t.kinds.add(tuple(nil, t.number(k.Name), t.number(k.Source), t.number(k.Type), uint32(k.Category)<<1|flag(k.ReadOnly, 1)))
}

func (t *tables) kind(n uint32) Kind {
	b := t.kinds.bytes(n)
	return Kind{Name: t.texts.text(untuple(b, 0)), Source: t.texts.text(untuple(b, 1)), Type: t.texts.text(untuple(b, 2)),
		Category: Category(untuple(b, 3) >> 1 & 3), ReadOnly: untuple(b, 3)&1 != 0}
}

func (t *tables) addPlace(p Place) uint32 {
	return t.places.add(tuple(nil, t.number(p.Region), t.number(p.Account)))
}

func (t *tables) place(n uint32) Place {
	b := t.places.bytes(n)
	return Place{Region: t.texts.text(untuple(b, 0)), Account: t.texts.text(untuple(b, 1))}
}

func (t *tables) addClient(c Client) uint32 {
	return t.clients.add(tuple(nil, t.number(c.IP), t.number(c.UserAgent)))
}

func (t *tables) client(n uint32) Client {
	b := t.clients.bytes(n)
	return Client{IP: t.texts.text(untuple(b, 0)), UserAgent: t.texts.text(untuple(b, 1))}
}

func flag(set bool, bit uint32) uint32 {
	if set {
		return bit
	}
	return 0
}

// allKinds gives every Kind by number; likewise the others. There are few of them, and they are asked for often.
func (t *tables) allKinds() []Kind {
	all := make([]Kind, t.kinds.len())
	for n := range all {
		all[n] = t.kind(uint32(n))
	}
	return all
}

func (t *tables) allPlaces() []Place {
	all := make([]Place, t.places.len())
	for n := range all {
		all[n] = t.place(uint32(n))
	}
	return all
}

func (t *tables) allCodes() []string {
	all := make([]string, min(t.codes.len(), 1<<16-1))
	for n := range all {
		all[n] = t.codes.text(uint32(n))
	}
	return all
}

// all gives the tables in the order in which an index holds them.
func (t *tables) all() []*interned {
	return []*interned{&t.texts, &t.identities, &t.kinds, &t.places, &t.clients, &t.codes}
}

// seal gives back what only adding and finding need.
func (t *tables) seal() {
	for _, table := range t.all() {
		table.slots = nil
	}
}

// save writes how many strings there are, then each with its length before it.
func (t *interned) save(w io.Writer) error {
	if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, uint32(t.len()))); err != nil {
		return err
	}
	var head []byte
	for n := range t.places {
		b := t.bytes(uint32(n))
		head = binary.AppendUvarint(head[:0], uint64(len(b)))
		if _, err := w.Write(head); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// load reads what save wrote. Nothing can be added afterwards, nor found: an index is only looked into.
func (t *interned) load(in *bufio.Reader) error {
	var count [4]byte
	if _, err := io.ReadFull(in, count[:]); err != nil {
		return err
	}
	b := make([]byte, 0, maxText)
	for range binary.LittleEndian.Uint32(count[:]) {
		size, err := binary.ReadUvarint(in)
		if err != nil {
			return err
		}
		if size > maxText {
			return errText
		}
		b = b[:size]
		if _, err := io.ReadFull(in, b); err != nil {
			return err
		}
		t.store(b)
	}
	return nil
}

// check says that tuples have the length they should and point into texts.
func (t *tables) check() error {
	for _, of := range []struct {
		table           *interned
		numbers, places int // all, and how many of them are of texts
	}{{&t.identities, 18, 17}, {&t.kinds, 4, 3}, {&t.places, 2, 2}, {&t.clients, 2, 2}} {
		for n := range of.table.places {
			b := of.table.bytes(uint32(n))
			if len(b) != 4*of.numbers {
				return errors.New("a tuple is not as long as it should be")
			}
			for i := range of.places {
				if int(untuple(b, i)) >= t.texts.len() {
					return errors.New("a tuple points at a text that there is not")
				}
			}
		}
	}
	return nil
}
