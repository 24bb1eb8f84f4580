package casefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// What callers of this package decide on.
var (
	ErrExist    = errors.New("exists already")
	ErrNotExist = errors.New("does not exist")
	// ErrChain says that a case does not verify: nothing in it may be built upon.
	ErrChain = errors.New("the case does not verify")
)

// Store is create-once storage for one case.
//
// Names are relative to the case, with slashes: "case.json", "journal/000017". Every method refuses a name
// that could lead out of the case.
//
// Create is durable on return: after a power cut the name is there with exactly these bytes. It fails with an
// error that wraps ErrExist when the name exists, whatever its bytes; what exists is then durable too. Any
// other error leaves the outcome unknown: the name is absent or holds all the bytes, never some of them, and
// the same Create may be tried again. Nothing is ever overwritten or deleted.
//
// Read answers ErrNotExist for a name that was never created.
//
// List names what lies directly in a folder, sorted by bytes; a folder in it ends in a slash. A folder that
// does not exist is empty. What List names is durable, so that a reader can build upon what a writer that died
// had just created.
//
// All methods may be called from many goroutines and by many processes at once.
type Store interface {
	Create(ctx context.Context, name string, data []byte) error
	Read(ctx context.Context, name string) ([]byte, error)
	List(ctx context.Context, dir string) ([]string, error)
	Location() string // path or s3:// URL, for people
}

// The folders and files of a case.
const (
	caseFile       = "case.json"
	journalFolder  = "journal"
	evidenceFolder = "evidence"
	planFolder     = "plan"
)

// What a hostile case may make a reader hold in memory. An entry is at most a body of 4 KiB and a few names.
const (
	maxEntryFile = 64 << 10
	maxFile      = 1 << 30
)

func sizeLimit(name string) int64 {
	if name == caseFile || strings.HasPrefix(name, journalFolder+"/") {
		return maxEntryFile
	}
	return maxFile
}

func tooLarge(name string) error {
	return fmt.Errorf("reading %s: larger than %d bytes, the most it may have", name, sizeLimit(name))
}

// checkName admits the names that cordon itself makes and nothing else: segments of letters, digits, dot,
// hyphen and underscore that do not begin with a dot. That leaves no "..", no absolute path, no drive, no
// stream of NTFS and no name that one file system folds into another.
func checkName(name string) error {
	if len(name) > 200 {
		return fmt.Errorf("name of %d bytes is too long", len(name))
	}
	for segment := range strings.SplitSeq(name, "/") {
		if !plainSegment(segment) {
			return fmt.Errorf("name %q is not one that a case may hold", name)
		}
	}
	return nil
}

func plainSegment(s string) bool {
	if s == "" || s[0] == '.' {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}

// createTries bounds how often a Create of unknown outcome is repeated. The S3 store waits and repeats by
// itself, so this is for what is left.
const createTries = 3

// createOurs creates a name and settles what a lost answer leaves open: when the name holds these very bytes,
// it is written. It answers ErrExist only when the name holds other bytes.
func createOurs(ctx context.Context, s Store, name string, data []byte) error {
	var err error
	for range createTries {
		err = s.Create(ctx, name, data)
		if err == nil {
			return nil
		}
		if errors.Is(err, ErrExist) {
			return sameBytes(ctx, s, name, data, err)
		}
		if ctx.Err() != nil {
			return err
		}
	}
	return err
}

func sameBytes(ctx context.Context, s Store, name string, data []byte, exists error) error {
	got, err := s.Read(ctx, name)
	if err != nil {
		return fmt.Errorf("reading what is at %s already: %w", name, err)
	}
	if !bytes.Equal(got, data) {
		return exists
	}
	return nil
}
