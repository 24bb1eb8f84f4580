package casefile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The bytes of a case.
//
// case.json is one line of JSON and a newline:
//
//	{"format":1,"id":…,"created":…,"version":…,"simulated":…,"key":…}
//
// created is RFC 3339 in UTC; key is the verifier key (golang.org/x/mod/sumdb/note) of whoever made the case.
//
// journal/NNNNNN is entry NNNNNN: its number in decimal, with zeros in front up to six digits; from 1000000 on
// the name is longer, and the order stays that of the numbers. The file is a C2SP signed note
// (c2sp.org/signed-note) with exactly one signature, of the type Ed25519:
//
//	{"seq":…,"time":…,"prev":…,"by":{"arn":…,"person":…,"nonce":…},"kind":…,"step":…,"plan":…,"body":…} LF
//	LF
//	EM DASH, SPACE, key name, SPACE, base64(4 bytes of key hash, 64 bytes of signature) LF
//
// The signature is over the first line with its LF. prev is the SHA-256, in lower-case hexadecimal, of all
// bytes of the file before: of case.json for entry 1. time is the writer's clock, RFC 3339 in UTC, to the
// millisecond. plan is left out where the entry is about none. Members stand in this order.
//
// All JSON is in one spelling: no white space; strings escape only the quotation mark, the backslash and the
// control characters (\b \f \n \r \t, else \u00xx), all else stands as UTF-8; no name twice in an object; no
// name that is not declared in the entry itself. Numbers and the order of members in a body are the writer's.
// A reader that puts a file together again from its parts gets the same bytes or refuses it; so one record has
// one file, and every changed bit shows.
//
// A body is at most 4096 bytes. A longer one is kept as evidence/<its SHA-256>, and the entry has
// {"sha256":…,"size":…} instead: a body of exactly these two members is always such a reference (a body that
// would look like one is kept as evidence too).
//
// Entry 1 is a session, signed by the key in case.json unless its owner died between the two files and somebody
// else went on. A session signed by another key introduces that key: the key in its body must be the one that
// signed. Every entry is signed by a key introduced before it or by itself. So the signatures say that those who
// hold these keys wrote the entries, not whose keys these are: that is known from outside (--key) or by KMS.
//
// evidence/<SHA-256> and plan/<SHA-256>.json are named by their bytes. Files there that no entry names are
// allowed: a writer makes them before the entry, and may be killed in between.

const (
	caseFormat = 1
	maxBody    = 4096
)

// Meta is case.json.
type Meta struct {
	Format    int       `json:"format"`
	ID        string    `json:"id"`
	Created   time.Time `json:"created"`
	Version   string    `json:"version"`
	Simulated bool      `json:"simulated"`
	Key       string    `json:"key"`
}

// Head names the last entry of a journal and so, by the chain, all of it. Of an empty journal it is 0 and the
// hash of case.json.
type Head struct {
	Seq  int    `json:"seq"`
	Hash string `json:"hash"`
}

// String is what --head takes.
func (h Head) String() string { return strconv.Itoa(h.Seq) + ":" + h.Hash }

// Writer is who appends: a process with its key, its person and its clock. The nonce in By must be new for
// each process.
type Writer struct {
	Signer *Signer
	By     By
	Now    func() time.Time
}

// Draft is an entry to be.
type Draft struct {
	Kind EntryKind
	Plan string
	Step int
	Body any
}

// Case is an open case: its journal as read and verified so far. It is safe for concurrent use.
type Case struct {
	Meta  Meta
	Store Store

	appending sync.Mutex // one Append or Refresh at a time
	mu        sync.RWMutex
	chain     chain
	entries   []Entry
	fold      fold
	plans     map[string]Plan // by their SHA-256; shared with whoever asks
}

// CreateCase writes case.json. It answers ErrExist where there is a case already.
func CreateCase(ctx context.Context, s Store, m Meta) error {
	data, err := encodeMeta(m)
	if err != nil {
		return fmt.Errorf("creating the case: %w", err)
	}
	err = s.Create(ctx, caseFile, data)
	if err != nil && !errors.Is(err, ErrExist) && ctx.Err() == nil {
		// Unknown outcome: from here on, the same bytes are ours.
		err = createOurs(ctx, s, caseFile, data)
	}
	if err != nil {
		return fmt.Errorf("creating the case: %w", err)
	}
	return nil
}

func encodeMeta(m Meta) ([]byte, error) {
	m.Format = caseFormat
	m.Created = entryTime(m.Created)
	line, err := marshalJSON(m)
	if err != nil {
		return nil, err
	}
	data := append(line, '\n')
	if _, err := parseMeta(data); err != nil {
		return nil, err
	}
	return data, nil
}

func parseMeta(data []byte) (Meta, error) {
	if len(data) > maxEntryFile {
		return Meta{}, errors.New("too large")
	}
	line, ok := strings.CutSuffix(string(data), "\n")
	if !ok {
		return Meta{}, errors.New("does not end in a newline")
	}
	var format struct {
		Format int `json:"format"`
	}
	if err := unmarshalKnown([]byte(line), &format); err != nil {
		return Meta{}, fmt.Errorf("not a case: %w", err)
	}
	if format.Format != caseFormat {
		return Meta{}, fmt.Errorf("has format %d, and this cordon knows format %d", format.Format, caseFormat)
	}
	var m Meta
	if err := unmarshalStrict([]byte(line), &m); err != nil {
		return Meta{}, fmt.Errorf("not a case: %w", err)
	}
	again, err := marshalJSON(m)
	if err != nil || string(again) != line {
		return Meta{}, errors.New("is not in its canonical spelling")
	}
	if m.ID == "" {
		return Meta{}, errors.New("has no id")
	}
	if _, err := parseVerifierKey(m.Key); err != nil {
		return Meta{}, err
	}
	return m, nil
}

// OpenCase reads a case and verifies its journal. It answers ErrNotExist where there is none and ErrChain
// where it does not verify. It does not look at evidence that no body is kept in; Verify does.
func OpenCase(ctx context.Context, s Store) (*Case, error) {
	data, err := s.Read(ctx, caseFile)
	if err != nil {
		return nil, fmt.Errorf("opening the case: %w", err)
	}
	ch, err := newChain(data)
	if err != nil {
		return nil, err
	}
	c := &Case{Meta: ch.meta, Store: s, chain: ch}
	names, err := s.List(ctx, journalFolder)
	if err != nil {
		return nil, fmt.Errorf("opening the case: %w", err)
	}
	numbers, _ := entryNumbers(names)
	if _, err := c.read(ctx, numbers); err != nil {
		return nil, fmt.Errorf("opening the case: %w", err)
	}
	return c, nil
}

// Entries returns the entries known so far. Their bodies are shared: do not change them.
func (c *Case) Entries() []Entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.entries)
}

// Head returns the head known so far.
func (c *Case) Head() Head {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Head{Seq: c.chain.seq, Hash: c.chain.prev}
}

// Refresh reads and verifies what others have appended, and returns it.
func (c *Case) Refresh(ctx context.Context) ([]Entry, error) {
	c.appending.Lock()
	defer c.appending.Unlock()
	return c.refresh(ctx)
}

// refresh asks for the next number until there is none. A gap is not looked for here: writers cannot make one.
func (c *Case) refresh(ctx context.Context) ([]Entry, error) {
	var found []Entry
	for {
		file, err := c.Store.Read(ctx, entryName(c.Head().Seq+1))
		if errors.Is(err, ErrNotExist) {
			return found, nil
		}
		if err != nil {
			return found, fmt.Errorf("reading the journal: %w", err)
		}
		e, err := c.take(ctx, file)
		if err != nil {
			return found, err
		}
		found = append(found, e)
	}
}

// read takes the entries of these numbers, which must follow the last one without a gap.
func (c *Case) read(ctx context.Context, numbers []int) ([]Entry, error) {
	var found []Entry
	err := readEntries(ctx, c.Store, numbers, func(seq int, file []byte, err error) error {
		if next := c.Head().Seq + 1; seq != next {
			return badEntry(next, "is missing, and entry %d is there", seq)
		}
		if err != nil {
			return err
		}
		e, err := c.take(ctx, file)
		found = append(found, e)
		return err
	})
	return found, err
}

// take verifies a file as the next entry and adds it.
func (c *Case) take(ctx context.Context, file []byte) (Entry, error) {
	c.mu.RLock()
	ch := c.chain
	c.mu.RUnlock()
	next, err := ch.check(file, func(sha string) ([]byte, error) { return c.readBody(ctx, sha) })
	if err != nil {
		return Entry{}, err
	}
	c.add(next)
	return next.entry, nil
}

func (c *Case) add(next checked) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chain.accept(next)
	c.entries = append(c.entries, next.entry)
	c.fold.add(next.entry)
}

// Append signs an entry and writes it under the next number; on return it is durable.
//
// When somebody else has taken the number, their entries are read and verified into the case and reconsider,
// which may be nil, is called with them in order. If it answers an error, nothing is written and Append
// returns that error; otherwise the next number is tried. reconsider must not call Append or Refresh.
//
// An append whose answer was lost is settled by comparing bytes: the writer's nonce is in them. Where even
// that cannot be done Append returns an error, and the entry may or may not be there. If it is, the next
// Append meets it like somebody else's.
func (c *Case) Append(ctx context.Context, w *Writer, d Draft, reconsider func([]Entry) error) (Entry, error) {
	body, err := marshalJSON(d.Body)
	if err != nil {
		return Entry{}, fmt.Errorf("writing the body of a %s entry: %w", d.Kind, err)
	}
	c.appending.Lock()
	defer c.appending.Unlock()
	short, err := c.storeBody(ctx, body)
	if err != nil {
		return Entry{}, fmt.Errorf("keeping the body of a %s entry: %w", d.Kind, err)
	}
	for {
		next, file, err := c.prepare(w, d, short, body)
		if err != nil {
			return Entry{}, fmt.Errorf("preparing a %s entry: %w", d.Kind, err)
		}
		err = createOurs(ctx, c.Store, entryName(next.entry.Seq), file)
		if err == nil {
			c.add(next)
			return next.entry, nil
		}
		if !errors.Is(err, ErrExist) {
			return Entry{}, fmt.Errorf("appending a %s entry: %w", d.Kind, err)
		}
		if err := c.lost(ctx, reconsider); err != nil {
			return Entry{}, err
		}
	}
}

// lost reads the entries that took the number away.
func (c *Case) lost(ctx context.Context, reconsider func([]Entry) error) error {
	others, err := c.refresh(ctx)
	if err != nil {
		return err
	}
	if len(others) == 0 {
		return fmt.Errorf("%s exists and cannot be read", entryName(c.Head().Seq+1))
	}
	if reconsider == nil {
		return nil
	}
	return reconsider(others)
}

// prepare makes the next entry and checks it as a reader would: what cordon writes, cordon must accept.
func (c *Case) prepare(w *Writer, d Draft, short, body []byte) (checked, []byte, error) {
	c.mu.RLock()
	ch := c.chain
	c.mu.RUnlock()
	e := Entry{
		Seq:  ch.seq + 1,
		Time: entryTime(w.Now()),
		Prev: ch.prev,
		By:   w.By,
		Kind: d.Kind,
		Step: d.Step,
		Plan: d.Plan,
		Body: short,
	}
	file, err := signEntry(e, w.Signer)
	if err != nil {
		return checked{}, nil, err
	}
	next, err := ch.check(file, func(string) ([]byte, error) { return body, nil })
	return next, file, err
}

// storeBody returns what stands in the entry: the body, or the reference to it.
func (c *Case) storeBody(ctx context.Context, body []byte) (json.RawMessage, error) {
	if !belongsOutside(body) {
		return body, nil
	}
	sha, err := c.PutEvidence(ctx, body)
	if err != nil {
		return nil, err
	}
	return marshalJSON(bodyRef{SHA256: sha, Size: int64(len(body))})
}

func entryTime(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func entryName(seq int) string { return fmt.Sprintf("%s/%06d", journalFolder, seq) }

// entryNumbers sorts the names in the journal folder by number and sets aside those that are none.
func entryNumbers(names []string) (numbers []int, strays []string) {
	for _, name := range names {
		n, err := strconv.Atoi(strings.TrimPrefix(name, journalFolder+"/"))
		if err != nil || n < 1 || entryName(n) != name {
			strays = append(strays, name)
			continue
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	return numbers, strays
}
