package trail

import (
	"context"
	"io"
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
	Kind   string `json:"kind"`   // not-a-log, unreadable, truncated, too-large, too-deep, not-json, bad-record, duplicate-name, bad-time, digest-mismatch, …
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
	Conflicts  int            `json:"conflicts"`     // copies that differ; one is chosen by its bytes, whatever the order
	Strict     int            `json:"read_strictly"` // records that the fast reader handed on
	Insights   int            `json:"insights"`
	Digests    int            `json:"digests"`
	Foreign    int            `json:"foreign"`  // files that are no CloudTrail log
	Shapes     map[string]int `json:"shapes"`   // files by shape
	Problems   []Problem      `json:"problems"` // sorted by file and offset; at most MaxProblems, the rest counted
	More       int            `json:"more_problems"`
	Digest     []DigestResult `json:"digest_chains,omitempty"`
}

// MaxProblems bounds the list of problems: a corpus of rubbish must not fill the memory.
const MaxProblems = 10_000

// A DigestResult is what was found on one digest file's chain.
type DigestResult struct {
	File   string `json:"file"`
	Status string `json:"status"` // verified, hashes-only (no public key at hand), mismatch, missing-log, gap
	Detail string `json:"detail,omitempty"`
}

// Options say how to read.
type Options struct {
	Workers  int                                      // files read side by side; 0: GOMAXPROCS
	Keep     func(*Identity, string, string) bool     // identity, source address, event name: keep the record's bytes at hand, since it will likely be asked for; may be nil; called from many goroutines
	KeepSize int                                      // most bytes kept so; 0: 64 MiB
	Progress func(files int, bytes int64, events int) // called now and then from many goroutines; may be nil
	Keys     []PublicKey                              // CloudTrail's public keys, for digests
	Raw      RawWriter                                // where the records' bytes go while reading, for an index; may be nil
}

// PublicKey verifies digest files: one element of CloudTrail's ListPublicKeys.
type PublicKey struct {
	Fingerprint string
	DER         []byte // PKCS #1 public key
	From, Until time.Time
}

// A RawWriter stores records while they are read and says where (see index.go).
type RawWriter interface {
	// Put keeps record and answers with a place that the corpus can find it at again.
	Put(record []byte) (place uint64, err error)
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

// Flags of a row.
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

// Read reads files into a corpus. An error is one of ctx or of opts.Raw; what cannot be read is a Problem.
func Read(ctx context.Context, files []File, opts Options) (*Corpus, error) {
	return read(ctx, files, opts)
}
