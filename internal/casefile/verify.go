package casefile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// VerifyOptions are what is known from outside the case.
type VerifyOptions struct {
	Head string   // "SEQ:HASH" as cordon prints it, or the hash alone
	Keys []string // verifier keys; when given, every entry must be signed by one of them
}

// Verdict is the answer of Verify. OK is only true when everything could be looked at and is as it must be.
type Verdict struct {
	OK       bool      `json:"ok"`
	Anchored bool      `json:"anchored"` // a head from outside is in the journal: up to it nothing is missing
	Head     Head      `json:"head"`
	Entries  int       `json:"entries"`  // verified
	Evidence int       `json:"evidence"` // files of evidence that hold what their names say
	Keys     []KeyUse  `json:"keys"`
	Bad      *BadEntry `json:"bad,omitempty"` // the first place that does not verify
	Problems []string  `json:"problems"`
	Summary  string    `json:"summary"` // for people
}

// KeyUse is a key that signed entries. KMSKey is the ARN that the session claims for the KMS key that endorsed
// Key; the signature was verified with the public key in KMSPublic, which anybody may compare with
// kms:GetPublicKey.
type KeyUse struct {
	Key       string `json:"key"`
	Since     int    `json:"since"` // the entry that introduced it
	Entries   int    `json:"entries"`
	KMSKey    string `json:"kms_key,omitempty"`
	KMSPublic string `json:"kms_public,omitempty"`
}

// Verify checks a whole case with nothing but its store: chain, signatures and spelling of every entry, the
// bytes of all evidence and plans, and that nothing else lies beside them. It fails closed: what could not be
// looked at is a problem.
//
// Whoever can write to a case can cut entries off its end, and nothing in the folder shows it; nor does
// anything in it show that the whole was replaced. Only a head, and for the latter a key, from outside does.
func Verify(ctx context.Context, s Store, o VerifyOptions) Verdict {
	v := &verifier{
		ctx:      ctx,
		store:    s,
		o:        o,
		verdict:  Verdict{Keys: []KeyUse{}, Problems: []string{}},
		evidence: map[string]int64{},
		plans:    map[string]Plan{},
	}
	if v.openCase() {
		v.journal()
		v.heads()
		v.files(evidenceFolder, v.evidenceFile)
		v.files(planFolder, v.planFile)
		v.named()
		v.seconds()
	}
	v.verdict.OK = len(v.verdict.Problems) == 0 && v.verdict.Bad == nil && v.verdict.Entries > 0
	v.verdict.Summary = v.summary()
	return v.verdict
}

type verifier struct {
	ctx     context.Context
	store   Store
	o       VerifyOptions
	verdict Verdict
	chain   chain
	hashes  []string // of case.json, then of each entry's file
	names   []naming
	missing int // entries missing at the end, as the head from outside tells; -1: unknown how many

	evidence  map[string]int64 // size of what is there and holds what its name says
	plans     map[string]Plan
	approvals []approval
}

// naming is what one entry names elsewhere.
type naming struct {
	seq  int
	refs references
}

func (v *verifier) problem(format string, args ...any) {
	v.verdict.Problems = append(v.verdict.Problems, fmt.Sprintf(format, args...))
}

// bad notes a problem that has a place. The first in the order of the journal is kept as Bad.
func (v *verifier) bad(b *BadEntry) {
	v.problem("%v", b)
	if v.verdict.Bad == nil || b.Seq < v.verdict.Bad.Seq {
		v.verdict.Bad = b
	}
}

// fail notes an error that names a bad entry or tells why one could not be looked at.
func (v *verifier) fail(seq int, err error) {
	if b, ok := errors.AsType[*BadEntry](err); ok {
		v.bad(b)
		return
	}
	v.bad(badEntry(seq, "could not be checked: %v", err))
}

func (v *verifier) openCase() bool {
	data, err := v.store.Read(v.ctx, caseFile)
	if errors.Is(err, ErrNotExist) {
		v.bad(badCase("is missing: this is no case"))
		return false
	}
	if err != nil {
		v.bad(badCase("could not be checked: %v", err))
		return false
	}
	v.chain, err = newChain(data)
	if err != nil {
		v.fail(0, err)
		return false
	}
	v.hashes = []string{v.chain.prev}
	return true
}

func (v *verifier) journal() {
	defer func() {
		v.verdict.Entries = v.chain.seq
		v.verdict.Head = Head{Seq: v.chain.seq, Hash: v.chain.prev}
	}()
	names, err := v.store.List(v.ctx, journalFolder)
	if err != nil {
		v.bad(badEntry(1, "could not be checked: %v", err))
		return
	}
	numbers, strays := entryNumbers(names)
	for _, name := range strays {
		v.problem("%q does not belong into a journal", name)
	}
	if len(numbers) == 0 {
		v.bad(badEntry(1, "is missing: the journal is empty"))
		return
	}
	err = readEntries(v.ctx, v.store, numbers, v.entry)
	if err != nil {
		v.fail(v.chain.seq+1, err)
	}
}

func (v *verifier) entry(seq int, file []byte, err error) error {
	if next := v.chain.seq + 1; seq != next {
		return badEntry(next, "is missing, and entry %d is there", seq)
	}
	if err != nil {
		return err
	}
	next, err := v.chain.check(file, func(sha string) ([]byte, error) {
		return v.store.Read(v.ctx, evidenceName(sha))
	})
	if err != nil {
		return err
	}
	if len(v.o.Keys) > 0 && !slices.Contains(v.o.Keys, next.key.key) {
		return badEntry(seq, "is signed by key %s, which is not among the given ones", next.key.key)
	}
	v.chain.accept(next)
	v.hashes = append(v.hashes, next.entry.File)
	v.names = append(v.names, naming{seq: seq, refs: next.refs})
	return v.keyUse(next)
}

// seconds looks whether what concerns a whole account was signed by two keys.
func (v *verifier) seconds() {
	for _, a := range v.approvals {
		p, ok := v.plans[a.body.Plan]
		if !ok {
			continue // named says so
		}
		if err := secondProblem(p, a.body, a.key); err != nil {
			v.bad(badEntry(a.seq, "%v", err))
		}
	}
}

func (v *verifier) keyUse(next checked) error {
	i := slices.IndexFunc(v.verdict.Keys, func(k KeyUse) bool { return k.Key == next.key.key })
	if i < 0 {
		i = len(v.verdict.Keys)
		v.verdict.Keys = append(v.verdict.Keys, KeyUse{Key: next.key.key, Since: next.entry.Seq})
	}
	use := &v.verdict.Keys[i]
	use.Entries++
	if next.entry.Kind == EntryApprove {
		a, err := approvalOf(next.entry, next.key.key)
		if err != nil {
			return badEntry(next.entry.Seq, "reading the approval: %v", err)
		}
		v.approvals = append(v.approvals, a)
	}
	if next.entry.Kind != EntrySession {
		return nil
	}
	var session SessionBody
	if err := unmarshalKnown(next.entry.Body, &session); err != nil {
		return badEntry(next.entry.Seq, "reading the session: %v", err)
	}
	endorsed, err := checkEndorsement(session)
	if err != nil {
		// The chain holds all the same: go on, so that the rest is looked at.
		v.bad(badEntry(next.entry.Seq, "the endorsement of its key by KMS is bad: %v", err))
		return nil
	}
	if endorsed {
		use.KMSKey, use.KMSPublic = session.KMSKey, session.KMSPublic
	}
	return nil
}

// heads looks for the head from outside among the entries that verified.
func (v *verifier) heads() {
	if v.o.Head == "" {
		return
	}
	head, err := parseHead(v.o.Head)
	if err != nil {
		v.problem("%v", err)
		return
	}
	at := slices.Index(v.hashes, head.Hash)
	if head.Seq >= 0 && at >= 0 && at != head.Seq {
		v.bad(badEntry(at, "is not number %d, as the given head says", head.Seq))
		return
	}
	if at >= 0 {
		v.verdict.Anchored = true
		return
	}
	if v.verdict.Bad != nil && v.verdict.Bad.Seq <= max(head.Seq, v.chain.seq+1) {
		return // the journal breaks off before it gets to the head
	}
	n := v.chain.seq
	switch {
	case head.Seq < 0:
		v.missing = -1
		v.bad(badEntry(n+1, "is missing: none of the %d entries has the given head's hash", n))
	case head.Seq > n:
		v.missing = head.Seq - n
		v.bad(badEntry(n+1, "is missing: the given head is entry %d, and the journal ends at %d", head.Seq, n))
	default:
		v.bad(badEntry(head.Seq, "is another entry than the given head names"))
	}
}

// parseHead reads "SEQ:HASH" or a hash alone, which gets Seq -1. Only whole hashes: a few digits of one can
// be met by trying.
func parseHead(s string) (Head, error) {
	h := Head{Seq: -1, Hash: s}
	if seq, hash, ok := strings.Cut(s, ":"); ok {
		n, err := strconv.Atoi(seq)
		if err != nil || n < 0 || strconv.Itoa(n) != seq {
			return Head{}, fmt.Errorf("head %q: %q is not the number of an entry", s, seq)
		}
		h = Head{Seq: n, Hash: hash}
	}
	if !isHash(h.Hash) {
		return Head{}, fmt.Errorf("head %q does not end in a whole SHA-256 (64 digits, lower case)", s)
	}
	return h, nil
}

// files hashes all that lies in a folder.
func (v *verifier) files(folder string, each func(name string, data []byte)) {
	names, err := v.store.List(v.ctx, folder)
	if err != nil {
		v.problem("%s could not be checked: %v", folder, err)
		return
	}
	err = readAll(v.ctx, v.store, names, func(i int, data []byte, err error) error {
		if strings.HasSuffix(names[i], "/") {
			v.problem("%q does not belong into a case", names[i])
			return nil
		}
		if err != nil {
			v.problem("%q could not be checked: %v", names[i], err)
			return nil
		}
		each(names[i], data)
		return nil
	})
	if err != nil {
		v.problem("%s could not be checked: %v", folder, err)
	}
}

func (v *verifier) evidenceFile(name string, data []byte) {
	sha := HashBytes(data)
	if name != evidenceName(sha) {
		v.problem("%q does not hold what its name says: its SHA-256 is %s", name, sha)
		return
	}
	v.evidence[sha] = int64(len(data))
	v.verdict.Evidence++
}

func (v *verifier) planFile(name string, data []byte) {
	sha := HashBytes(data)
	if name != planName(sha) {
		v.problem("%q does not hold what its name says: its SHA-256 is %s", name, sha)
		return
	}
	p, err := parsePlan(data)
	if err != nil {
		v.problem("%q: %v", name, err)
		return
	}
	v.plans[sha] = p
}

// named looks whether all is there that entries name.
func (v *verifier) named() {
	for _, n := range v.names {
		for _, e := range n.refs.evidence {
			size, ok := v.evidence[e.SHA256]
			switch {
			case !ok:
				v.bad(badEntry(n.seq, "names evidence %s, which is missing or has other bytes", e.SHA256))
			case e.Size != 0 && e.Size != size:
				v.bad(badEntry(n.seq, "names evidence %s with %d bytes, and it has %d", e.SHA256, e.Size, size))
			}
		}
		for _, p := range n.refs.plans {
			if _, ok := v.plans[p]; !ok {
				v.bad(badEntry(n.seq, "names plan %s, which is missing or has other bytes", p))
			}
		}
	}
}

func (v *verifier) summary() string {
	d := v.verdict
	if !d.OK {
		return v.brokenSummary()
	}
	what := fmt.Sprintf("%s and %s, head %s", count(d.Entries, "entry", "entries"), count(d.Evidence, "file of evidence", "files of evidence"), d.Head)
	if len(v.o.Keys) > 0 {
		what += ", signed by the given keys alone"
	}
	if !d.Anchored {
		return "intact, unanchored: " + what + "; entries cut off the end would not show, compare the head with one noted elsewhere"
	}
	head, err := parseHead(v.o.Head)
	if err != nil {
		return "BROKEN: " + err.Error()
	}
	if later := d.Entries - slices.Index(v.hashes, head.Hash); later > 0 {
		return fmt.Sprintf("intact up to the given head: %s; %s after it, where a cut would not show", what, count(later, "entry", "entries"))
	}
	return "intact up to the given head: " + what
}

func (v *verifier) brokenSummary() string {
	d := v.verdict
	switch {
	case d.Bad == nil && len(d.Problems) == 0:
		return "BROKEN: nothing was verified"
	case d.Bad == nil:
		return "BROKEN: " + d.Problems[0] + more(len(d.Problems)-1)
	case v.missing < 0:
		return fmt.Sprintf("BROKEN after entry %d: %s%s", d.Bad.Seq-1, d.Bad.Reason, more(len(d.Problems)-1))
	case v.missing > 0 && d.Bad.Seq == d.Entries+1:
		return fmt.Sprintf("BROKEN: %s missing at the end, %s to %s%s", count(v.missing, "entry is", "entries are"),
			entryName(d.Entries+1), entryName(d.Entries+v.missing), more(len(d.Problems)-1))
	case d.Bad.Seq == 0:
		return fmt.Sprintf("BROKEN: %v%s", d.Bad, more(len(d.Problems)-1))
	default:
		return fmt.Sprintf("BROKEN at entry %d: %s%s", d.Bad.Seq, d.Bad.Reason, more(len(d.Problems)-1))
	}
}

func more(n int) string {
	if n < 1 {
		return ""
	}
	return fmt.Sprintf(" (and %s)", count(n, "more problem", "more problems"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
