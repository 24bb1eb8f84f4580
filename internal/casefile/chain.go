package casefile

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// BadEntry is the first place where a case does not verify. It wraps ErrChain. Seq is 0 where the file is not
// an entry.
type BadEntry struct {
	Seq    int    `json:"seq"`
	File   string `json:"file"`
	Reason string `json:"reason"`
}

func (b *BadEntry) Error() string { return fmt.Sprintf("%s: %s", b.File, b.Reason) }

// Unwrap is ErrChain.
func (b *BadEntry) Unwrap() error { return ErrChain }

func badEntry(seq int, format string, args ...any) *BadEntry {
	return &BadEntry{Seq: seq, File: entryName(seq), Reason: fmt.Sprintf(format, args...)}
}

func badCase(format string, args ...any) *BadEntry {
	return &BadEntry{File: caseFile, Reason: fmt.Sprintf(format, args...)}
}

// chain checks entries one after another. It is a value: a copy taken before check can be gone back to.
type chain struct {
	meta Meta
	seq  int    // of the last entry
	prev string // hash of its file, of case.json at first
	keys []knownKey
}

type knownKey struct {
	key      string
	verifier note.Verifier
}

func newChain(caseJSON []byte) (chain, error) {
	m, err := parseMeta(caseJSON)
	if err != nil {
		return chain{}, badCase("%v", err)
	}
	return chain{meta: m, prev: HashBytes(caseJSON)}, nil
}

// checked is an entry that follows the chain's last, with the key that signed it.
type checked struct {
	entry Entry
	key   knownKey
	refs  references
	isNew bool // the entry introduces its key
}

// A resolver reads the evidence that holds a body too large for its entry.
type resolver func(sha string) ([]byte, error)

// check tells whether a file is the next entry. What it answers is a *BadEntry, or the resolver's error where
// it could not look.
func (ch chain) check(file []byte, resolve resolver) (checked, error) {
	seq := ch.seq + 1
	if len(file) > maxEntryFile {
		return checked{}, badEntry(seq, "%d bytes are more than an entry may have", len(file))
	}
	n, err := splitNote(file)
	if err != nil {
		return checked{}, badEntry(seq, "%v", err)
	}
	e, err := parseEntryText(n.text)
	if err != nil {
		return checked{}, badEntry(seq, "%v", err)
	}
	e.File = HashBytes(file)
	e.Body, err = fullBody(e.Body, resolve)
	if err != nil {
		return checked{}, wrapBad(seq, err)
	}
	key, isNew, err := ch.signingKey(e, n)
	if err != nil {
		return checked{}, badEntry(seq, "%v", err)
	}
	if !key.verifier.Verify(n.text, n.signature) {
		return checked{}, badEntry(seq, "the signature is not that of key %s", key.key)
	}
	if err := ch.follows(e); err != nil {
		return checked{}, err
	}
	refs, err := referencesOf(e)
	if err != nil {
		return checked{}, badEntry(seq, "%v", err)
	}
	return checked{entry: e, key: key, refs: refs, isNew: isNew}, nil
}

// wrapBad names the entry in an error about its content; an error of looking stays one.
func wrapBad(seq int, err error) error {
	if content, ok := errors.AsType[contentError](err); ok {
		return badEntry(seq, "%v", content)
	}
	return fmt.Errorf("checking %s: %w", entryName(seq), err)
}

// contentError is about what was read, as against not having been able to read it.
type contentError struct{ error }

// follows tells whether a validly signed entry is the one that comes next. Where the first entry is sound in
// itself, it is case.json that was changed.
func (ch chain) follows(e Entry) error {
	seq := ch.seq + 1
	switch {
	case e.Seq != seq:
		return badEntry(seq, "holds entry %d", e.Seq)
	case e.Prev == ch.prev:
		return nil
	case seq == 1:
		return badCase("is not the file that the first entry follows")
	default:
		return badEntry(seq, "does not follow the entry before it")
	}
}

// signingKey finds the key that an entry must be signed with. A session may bring its own.
func (ch chain) signingKey(e Entry, n noteParts) (knownKey, bool, error) {
	if len(ch.keys) == 0 && e.Kind != EntrySession {
		return knownKey{}, false, fmt.Errorf("the first entry is a %s and not a session", e.Kind)
	}
	if e.Kind == EntrySession {
		return ch.sessionKey(e, n)
	}
	for _, k := range ch.keys {
		if n.madeBy(k.verifier) {
			return k, false, nil
		}
	}
	return knownKey{}, false, fmt.Errorf("signed by a key that no session introduced: %s+%08x", n.name, n.hash)
}

func (ch chain) sessionKey(e Entry, n noteParts) (knownKey, bool, error) {
	var body SessionBody
	if err := unmarshalKnown(e.Body, &body); err != nil {
		return knownKey{}, false, fmt.Errorf("reading the session: %w", err)
	}
	v, err := parseVerifierKey(body.Key)
	if err != nil {
		return knownKey{}, false, fmt.Errorf("reading the session's key: %w", err)
	}
	if !n.madeBy(v) {
		return knownKey{}, false, errors.New("the session is not signed by the key it names")
	}
	for _, k := range ch.keys {
		if k.key == body.Key {
			return k, false, nil
		}
		// 32 bits of hash tell keys apart in a signature; somebody can look for a key with the same ones.
		if n.madeBy(k.verifier) {
			return knownKey{}, false, errors.New("the session's key has the name and hash of another key")
		}
	}
	return knownKey{key: body.Key, verifier: v}, true, nil
}

func (ch *chain) accept(c checked) {
	ch.seq++
	ch.prev = c.entry.File
	if c.isNew {
		// A full slice expression, so that copies of the chain never share what is appended.
		ch.keys = append(ch.keys[:len(ch.keys):len(ch.keys)], c.key)
	}
}

// noteParts are the parts of a signed note with one signature.
type noteParts struct {
	text      []byte // with its final newline
	name      string
	hash      uint32
	signature []byte
}

func (n noteParts) madeBy(v note.Verifier) bool { return v.Name() == n.name && v.KeyHash() == n.hash }

const signaturePrefix = "— "

// splitNote takes a note apart and refuses it when putting the parts together again gives other bytes. The
// package note is more lenient: it drops repeated signatures and takes base64 with stray bits at its end.
func splitNote(file []byte) (noteParts, error) {
	text, line, ok := bytes.Cut(file, []byte("\n\n"))
	if !ok {
		return noteParts{}, errors.New("not a signed note")
	}
	text = file[:len(text)+1]
	name, encoded, ok := strings.Cut(strings.TrimPrefix(string(line), signaturePrefix), " ")
	if !ok {
		return noteParts{}, errors.New("not a signed note: no signature")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(encoded, "\n"))
	if err != nil || len(raw) != 4+64 {
		return noteParts{}, errors.New("not a signed note with one Ed25519 signature")
	}
	n := noteParts{
		text:      text,
		name:      name,
		hash:      uint32(raw[0])<<24 | uint32(raw[1])<<16 | uint32(raw[2])<<8 | uint32(raw[3]),
		signature: raw[4:],
	}
	if !bytes.Equal(joinNote(text, name, raw), file) {
		return noteParts{}, errors.New("not a signed note with one signature and nothing else")
	}
	return n, nil
}

func joinNote(text []byte, name string, signature []byte) []byte {
	return fmt.Appendf(nil, "%s\n%s%s %s\n", text, signaturePrefix, name, base64.StdEncoding.EncodeToString(signature))
}

func parseEntryText(text []byte) (Entry, error) {
	line, ok := bytes.CutSuffix(text, []byte("\n"))
	if !ok || bytes.ContainsRune(line, '\n') {
		return Entry{}, errors.New("the text is not one line")
	}
	var e Entry
	if err := unmarshalStrict(line, &e); err != nil {
		return Entry{}, fmt.Errorf("reading the entry: %w", err)
	}
	again, err := marshalJSON(e)
	if err != nil {
		return Entry{}, fmt.Errorf("writing the entry again: %w", err)
	}
	if !bytes.Equal(again, line) {
		return Entry{}, errors.New("the entry is not in its canonical spelling")
	}
	if err := checkEntry(e); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// checkEntry says what every entry must be, written or read.
func checkEntry(e Entry) error {
	switch {
	case e.Seq < 1:
		return fmt.Errorf("entry number %d", e.Seq)
	case e.Step < 0:
		return fmt.Errorf("step number %d", e.Step)
	case !isHash(e.Prev):
		return errors.New("prev is not a SHA-256")
	case e.Plan != "" && !isHash(e.Plan):
		return errors.New("plan is not a SHA-256")
	case e.By.Nonce == "":
		return errors.New("the writer has no nonce")
	case len(e.Body) > maxBody:
		return fmt.Errorf("a body of %d bytes belongs into evidence", len(e.Body))
	}
	return nil
}

// signEntry makes an entry's file.
func signEntry(e Entry, s *Signer) ([]byte, error) {
	line, err := marshalJSON(e)
	if err != nil {
		return nil, fmt.Errorf("writing entry %d: %w", e.Seq, err)
	}
	file, err := note.Sign(&note.Note{Text: string(line) + "\n"}, s.signer)
	if err != nil {
		return nil, fmt.Errorf("signing entry %d: %w", e.Seq, err)
	}
	return file, nil
}

// bodyRef stands in an entry for a body that is kept as evidence.
type bodyRef struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"`
}

// asBodyRef tells whether a body is a reference: these two members, in this order and nothing else.
func asBodyRef(body []byte) (bodyRef, bool) {
	var r bodyRef
	if len(body) > 128 || unmarshalStrict(body, &r) != nil || !isHash(r.SHA256) {
		return bodyRef{}, false
	}
	again, err := marshalJSON(r)
	return r, err == nil && bytes.Equal(again, body)
}

// belongsOutside says which bodies are kept as evidence: large ones, and those that would be taken for a
// reference.
func belongsOutside(body []byte) bool {
	_, looksLikeRef := asBodyRef(body)
	return len(body) > maxBody || looksLikeRef
}

func fullBody(body json.RawMessage, resolve resolver) (json.RawMessage, error) {
	ref, ok := asBodyRef(body)
	if !ok {
		return body, nil
	}
	full, err := resolve(ref.SHA256)
	switch {
	case errors.Is(err, ErrNotExist):
		return nil, contentError{fmt.Errorf("its body, evidence %s, is missing", ref.SHA256)}
	case err != nil:
		return nil, fmt.Errorf("reading its body: %w", err)
	case HashBytes(full) != ref.SHA256:
		return nil, contentError{fmt.Errorf("its body, evidence %s, has other bytes", ref.SHA256)}
	case int64(len(full)) != ref.Size:
		return nil, contentError{fmt.Errorf("its body has %d bytes and not %d", len(full), ref.Size)}
	case !belongsOutside(full):
		return nil, contentError{errors.New("its body is small and yet kept as evidence")}
	}
	if err := requireCanonical(full); err != nil {
		return nil, contentError{fmt.Errorf("reading its body: %w", err)}
	}
	return full, nil
}
