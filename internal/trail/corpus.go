package trail

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"sort"
	"strings"
	"time"
)

// A File is one log file, or one object, to read.
type File struct {
	Name string // as people know it: path or s3:// address. Attacker-chosen: never used as a path to write
	Size int64  // bytes as stored; 0 where unknown
	Open func() (io.ReadCloser, error)
}

// A Problem is something that could not be read, or was read and not understood. Nothing is dropped without one.
type Problem struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"` // in the decompressed file
	Kind   string `json:"kind"`   // not-a-log, unreadable, truncated, too-large, too-deep, not-json, junk, bad-record, duplicate-name, bad-time, digest-mismatch, …
	Detail string `json:"detail"`
}

// Ingest says what was read. It depends on how the log was cut into files and so is no part of a Document.
type Ingest struct {
	Files      int            `json:"files"`
	Bytes      int64          `json:"bytes"`         // as stored
	Read       int64          `json:"bytes_read"`    // decompressed
	Records    int            `json:"records"`       // seen
	Events     int            `json:"events"`        // counted once
	Duplicates int            `json:"duplicates"`    // further copies of an event
	Conflicts  int            `json:"conflicts"`     // events with the id of another, which differ in who, what or when: each counts
	Updated    int            `json:"updated"`       // events in whose place CloudTrail put a later record of them, which counts
	Strict     int            `json:"read_strictly"` // records that the fast reader handed on
	Insights   int            `json:"insights"`
	Digests    int            `json:"digests"`
	Foreign    int            `json:"foreign"`  // files that are no CloudTrail log
	Shapes     map[string]int `json:"shapes"`   // files by shape
	Problems   []Problem      `json:"problems"` // sorted by file and offset; at most MaxProblems, the rest counted
	More       int            `json:"more_problems"`
	Digest     []DigestResult `json:"digest_chains,omitempty"`
}

// Harmless tells a problem that cost no event: what is no log at all lies among logs as a rule.
func (p Problem) Harmless() bool { return p.Kind == "not-a-log" || p.Kind == "not-a-record" }

// Lost counts what could not be read and may have held events, and the digests that do not agree with their logs.
func (in *Ingest) Lost() int {
	n := in.More
	for _, p := range in.Problems {
		if !p.Harmless() {
			n++
		}
	}
	for _, d := range in.Digest {
		if !d.Agrees() {
			n++
		}
	}
	return n
}

// Agrees says that nothing speaks against the digest.
func (d DigestResult) Agrees() bool { return d.Status == "verified" || d.Status == "hashes-only" }

// Changed says that the digest speaks of logs which are not as they were delivered: changed, or not here. One that could
// not be looked at says nothing.
func (d DigestResult) Changed() bool { return !d.Agrees() && d.Status != digestUnopened }

// MaxProblems bounds the list of problems: a corpus of rubbish must not fill the memory.
const MaxProblems = 10_000

// A DigestResult is what was found on one digest file's chain.
type DigestResult struct {
	File   string `json:"file"`
	Status string `json:"status"` // verified, hashes-only (no public key at hand), mismatch, missing-log, gap, unopened (once more, to check it)
	Detail string `json:"detail,omitempty"`
}

// Options say how to read.
type Options struct {
	Workers  int                                      // files read side by side; 0: GOMAXPROCS
	Keep     func(*Identity, string, string) bool     // identity, source address, event name: keep the record's bytes at hand, since it will likely be asked for; may be nil; called from many goroutines
	KeepSize int                                      // most bytes kept so; 0: 20 MiB
	Progress func(files int, bytes int64, events int) // called now and then from many goroutines; may be nil
	Keys     []PublicKey                              // CloudTrail's public keys, for digests
	Raw      *IndexWriter                             // the index to write while reading; may be nil
}

// PublicKey verifies digest files: one element of CloudTrail's ListPublicKeys.
type PublicKey struct {
	Fingerprint string
	DER         []byte // PKCS #1 public key
	From, Until time.Time
}

// Row is what is known of every event without reading it again. Strings are numbers into the corpus's tables, equal
// just when the strings are.
type Row struct {
	Time     uint32 // seconds since 1970
	Identity uint32
	Kind     uint32
	Place    uint32
	Client   uint32
	Code     uint16
	Flags    uint16
}

// Kind is what was called.
type Kind struct {
	Name, Source string // as Event.Name and Event.Source
	Category     Category
	ReadOnly     bool
	Type         string // eventType
}

// Place is where it was called.
type Place struct{ Region, Account string } // Account: recipientAccountId, else the caller's

// Client is from where it was called.
type Client struct{ IP, UserAgent string }

// Flags of a row. The two highest bits are the store's own.
const (
	FlagDenied uint16 = 1 << iota
	FlagFailed
	FlagShared // has a sharedEventID
	FlagConsole
	FlagOmitted
)

// Outcome of the row's event.
func (r Row) Outcome() Outcome {
	switch {
	case r.Flags&FlagDenied != 0:
		return Denied
	case r.Flags&FlagFailed != 0:
		return Failed
	}
	return Success
}

// Issued is a credential handed out by an event: the credential table, complete before anything is attributed.
type Issued struct {
	AccessKey string
	Event     int // row
}

// Unread is a record that nobody could read.
type Unread struct {
	File   string
	Offset int64 // in the decompressed file
	Why    string
	Bytes  []byte // its beginning, at most 64 KiB; none once 16 MiB are kept in all
}

const (
	maxUnread   = 16 << 20
	maxUnreadOf = 64 << 10
)

// Corpus is a log, read. It is not changed after Read and may be used by many goroutines.
//
// Events are numbered in the order of their ids, so that the number of an event depends on the events alone.
type Corpus struct {
	t      *tables
	store  *store
	order  []uint32 // recs by number of event; nil: as they are
	n      int      // events, where order is nil
	files  []File
	direct []bool
	kinds  []Kind
	places []Place
	codes  []string
	shared []mark // sharedEventIDs
	odd    []mark // eventIDs that are no UUIDs
	issued []Issued
	ingest Ingest
	unread []Unread
	kept   map[uint32][]byte // records at hand, by rec
	index  *indexed          // where the records are; nil: in files
}

func (c *Corpus) raw(i int) uint32 {
	if c.order == nil {
		return uint32(i)
	}
	return c.order[i]
}

func (c *Corpus) rec(i int) *rec { return c.store.rec(c.raw(i)) }

// Len is the number of events, each counted once.
func (c *Corpus) Len() int {
	if c.order == nil {
		return c.n
	}
	return len(c.order)
}

// Row is event i without reading it again.
func (c *Corpus) Row(i int) Row { return c.rec(i).Row }

// ID is the eventID of event i. A record without one has a name made of its bytes.
func (c *Corpus) ID(i int) string {
	r := c.rec(i)
	if r.Flags&flagOddID != 0 {
		if n, ok := marked(c.odd, c.raw(i)); ok {
			return c.t.texts.text(n)
		}
	}
	return uuidText(r.id)
}

// Numbered gives the event with this eventID.
func (c *Corpus) Numbered(id string) (int, bool) {
	key, ok := uuid([]byte(id))
	if !ok {
		key = oddID([]byte(id))
	}
	lo := sort.Search(c.Len(), func(i int) bool { return bytes.Compare(c.rec(i).id[:], key[:]) >= 0 })
	if lo == c.Len() || c.ID(lo) != id {
		return 0, false
	}
	return lo, true
}

// SharedID is the sharedEventID of event i, empty without one.
func (c *Corpus) SharedID(i int) string {
	n, ok := marked(c.shared, c.raw(i))
	if !ok {
		return ""
	}
	return c.t.texts.text(n)
}

// Identity n of the table that Row.Identity points into, put together anew at each call.
func (c *Corpus) Identity(n uint32) *Identity { return c.t.identity(n) }

// issuerARN is Identity(n).IssuerARN, without the rest of it.
func (c *Corpus) issuerARN(n uint32) string { return c.t.issuerARN(n) }

// Identities is how many there are. Some may be no event's: of copies that said something else.
func (c *Corpus) Identities() int { return c.t.identities.len() }

// Kind n of the table that Row.Kind points into.
func (c *Corpus) Kind(n uint32) Kind { return c.kinds[n] }

// Kinds is how many there are.
func (c *Corpus) Kinds() int { return len(c.kinds) }

// Place n of the table that Row.Place points into.
func (c *Corpus) Place(n uint32) Place { return c.places[n] }

// Places is how many there are.
func (c *Corpus) Places() int { return len(c.places) }

// Client n of the table that Row.Client points into.
func (c *Corpus) Client(n uint32) Client { return c.t.client(n) }

// Clients is how many there are.
func (c *Corpus) Clients() int { return c.t.clients.len() }

// Code n of the table that Row.Code points into.
func (c *Corpus) Code(n uint16) string { return c.codes[n] }

// Issued is the credential table: every access key that a response handed out, by key, then event id.
func (c *Corpus) Issued() []Issued { return c.issued }

// Ingest says what was read.
func (c *Corpus) Ingest() *Ingest { return &c.ingest }

// Unread are the records that nobody could read, by file and offset.
func (c *Corpus) Unread() []Unread { return c.unread }

// Where event i was found: the file, and the offset in it, decompressed, of the record or of what wraps it.
func (c *Corpus) Where(i int) (file string, offset int64) {
	r := c.rec(i)
	return c.files[r.file].Name, r.offset()
}

// issuedBy makes the credential table. numbers gives those of the recs that remain.
func (c *Corpus) issuedBy(marks []mark, numbers map[uint32]int) {
	for _, m := range marks {
		if i, ok := numbers[m.rec]; ok {
			c.issued = append(c.issued, Issued{c.t.texts.text(m.text), i})
		}
	}
	c.sortIssued()
}

func (c *Corpus) sortIssued() {
	slices.SortFunc(c.issued, func(a, b Issued) int {
		return cmp.Or(strings.Compare(a.AccessKey, b.AccessKey), cmp.Compare(a.Event, b.Event))
	})
	c.issued = slices.Compact(c.issued)
}
