package casefile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

func TestReferenceJournalVerifies(t *testing.T) {
	s, c := reference(t)
	kinds := map[EntryKind]bool{}
	for _, e := range c.Entries() {
		kinds[e.Kind] = true
	}
	if len(kinds) != 12 {
		t.Errorf("the reference journal has %d kinds of entry, want all 12", len(kinds))
	}
	v := Verify(t.Context(), s, VerifyOptions{})
	if !v.OK || v.Anchored || v.Entries != 13 || v.Evidence != 3 || len(v.Keys) != 2 || v.Bad != nil {
		t.Errorf("verdict %+v", v)
	}
	if !strings.HasPrefix(v.Summary, "intact, unanchored: 13 entries and 3 files of evidence") {
		t.Errorf("summary %q", v.Summary)
	}
	if v.Head != c.Head() {
		t.Errorf("head %v, want %v", v.Head, c.Head())
	}
	if v.Keys[1].Since != 10 || v.Keys[1].Entries != 4 {
		t.Errorf("second key %+v", v.Keys[1])
	}
}

// requireBroken checks that a changed case is not OK, for Verify and for whoever opens it, and that the place
// is named.
func requireBroken(t *testing.T, s *Mem, o VerifyOptions, seq int, what string) {
	t.Helper()
	v := Verify(t.Context(), s, o)
	if v.OK {
		t.Fatalf("%s: not detected: %s", what, v.Summary)
	}
	if v.Bad == nil || v.Bad.Seq != seq {
		t.Fatalf("%s: named %+v, want entry %d; %s", what, v.Bad, seq, v.Summary)
	}
	if !strings.HasPrefix(v.Summary, "BROKEN") {
		t.Fatalf("%s: summary %q", what, v.Summary)
	}
}

// place is the entry that a change of a file must be laid to: of evidence and plans, the first that names it.
func place(t *testing.T, c *Case, name string) int {
	if name == caseFile {
		return 0
	}
	for _, e := range c.Entries() {
		refs, err := referencesOf(e)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{entryName(e.Seq)}
		for _, r := range refs.evidence {
			names = append(names, evidenceName(r.SHA256))
		}
		for _, p := range refs.plans {
			names = append(names, planName(p))
		}
		if len(e.Body) > maxBody {
			names = append(names, evidenceName(HashBytes(e.Body)))
		}
		if slices.Contains(names, name) {
			return e.Seq
		}
	}
	t.Fatalf("no entry names %s", name)
	return 0
}

// Every file of the case is cut at every length and has a bit of every byte flipped: all of it is detected and
// laid to the right entry.
func TestEveryTruncationAndAFlipInEveryByteIsDetected(t *testing.T) {
	s, c := reference(t)
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := s.files[name]
			seq := place(t, c, name)
			for n := range data {
				if n%7 != 0 && n > 200 && n < len(data)-200 && strings.HasPrefix(name, evidenceFolder) {
					continue // all a long file of evidence has is its hash
				}
				requireBroken(t, with(s, name, data[:n:n]), VerifyOptions{}, seq, fmt.Sprintf("cut to %d bytes", n))
				flipped := bytes.Clone(data)
				flipped[n] ^= 1 << (n % 8)
				requireBroken(t, with(s, name, flipped), VerifyOptions{}, seq, fmt.Sprintf("byte %d flipped", n))
			}
			requireBroken(t, with(s, name, append(bytes.Clone(data), '\n')), VerifyOptions{}, seq, "a newline more")
			requireBroken(t, with(s, name, append(bytes.Clone(data), data...)), VerifyOptions{}, seq, "written twice")
		})
	}
}

// Every single bit of the journal. Each entry is checked where Verify checks it, after those before it: going
// through these again for each bit would take minutes.
func TestEveryBitFlipInTheJournalIsDetected(t *testing.T) {
	s, c := reference(t)
	ch, err := newChain(s.files[caseFile])
	if err != nil {
		t.Fatal(err)
	}
	resolve := func(sha string) ([]byte, error) { return s.Read(t.Context(), evidenceName(sha)) }
	stride := 1
	if testing.Short() {
		stride = 7 // comes to every bit of a byte
	}
	for _, e := range c.Entries() {
		file := s.files[entryName(e.Seq)]
		for bit := 0; bit < 8*len(file); bit += stride {
			flipped := bytes.Clone(file)
			flipped[bit/8] ^= 1 << (bit % 8)
			_, err := ch.check(flipped, resolve)
			if bad, ok := errors.AsType[*BadEntry](err); !ok || bad.Seq != e.Seq || !errors.Is(err, ErrChain) {
				t.Fatalf("entry %d, bit %d flipped: %v", e.Seq, bit, err)
			}
		}
		next, err := ch.check(file, resolve)
		if err != nil {
			t.Fatal(err)
		}
		ch.accept(next)
	}
}

func TestEveryEntryDroppedSwappedDoubledOrMovedIsDetected(t *testing.T) {
	s, c := reference(t)
	n := c.Head().Seq
	files := map[int][]byte{}
	for i := 1; i <= n; i++ {
		files[i] = s.files[entryName(i)]
	}
	for i := 1; i < n; i++ {
		requireBroken(t, with(s, entryName(i), nil), VerifyOptions{}, i, fmt.Sprintf("entry %d dropped", i))
	}
	for i := 1; i <= n; i++ {
		for j := i + 1; j <= n; j++ {
			swapped := with(with(s, entryName(i), files[j]), entryName(j), files[i])
			requireBroken(t, swapped, VerifyOptions{}, i, fmt.Sprintf("entries %d and %d swapped", i, j))
		}
		requireBroken(t, with(s, entryName(n+1), files[i]), VerifyOptions{}, n+1, fmt.Sprintf("entry %d doubled at the end", i))

		shifted := s.Clone()
		closed := s.Clone()
		for j := i; j <= n; j++ {
			shifted.files[entryName(j+1)] = files[j]
			if j < n {
				closed.files[entryName(j)] = files[j+1]
			}
		}
		requireBroken(t, shifted, VerifyOptions{}, i+1, fmt.Sprintf("entry %d doubled in place", i))
		if i < n {
			delete(closed.files, entryName(n))
			requireBroken(t, closed, VerifyOptions{}, i, fmt.Sprintf("entry %d dropped and the rest moved up", i))
		}
	}
}

// A fork is another entry, rightly signed, in the place of one. Inside the journal the next entry gives it
// away; at its end only a head from outside does.
func TestForksAreDetected(t *testing.T) {
	s, c := reference(t)
	n := c.Head().Seq
	head := c.Head().String()
	for k := 2; k <= n; k++ {
		forked := s.Clone()
		for i := k; i <= n; i++ {
			delete(forked.files, entryName(i))
		}
		mustAppend(t, openTestCase(t, forked), testWriter(t, 1), Draft{Kind: EntrySkip, Body: SkipBody{Reason: "forged"}})
		alone := forked.Clone()
		for i := k + 1; i <= n; i++ {
			forked.files[entryName(i)] = s.files[entryName(i)]
		}
		if k < n {
			requireBroken(t, forked, VerifyOptions{}, k+1, fmt.Sprintf("fork at %d", k))
			requireBroken(t, alone, VerifyOptions{Head: head}, k+1, fmt.Sprintf("fork at %d and the rest gone, head known", k))
			continue
		}
		if v := Verify(t.Context(), forked, VerifyOptions{}); !v.OK || v.Anchored {
			t.Errorf("a fork at the very end cannot be told from inside: %s", v.Summary)
		}
		requireBroken(t, forked, VerifyOptions{Head: head}, k, "fork at the end, head known")
	}
}

func TestCutTailIsDetectedWithTheHeadAlone(t *testing.T) {
	s, c := reference(t)
	head := c.Head()
	for left := head.Seq - 1; left >= 1; left-- {
		cut := s.Clone()
		for i := left + 1; i <= head.Seq; i++ {
			delete(cut.files, entryName(i))
		}
		v := Verify(t.Context(), cut, VerifyOptions{})
		if !v.OK || v.Anchored || !strings.HasPrefix(v.Summary, "intact, unanchored") {
			t.Errorf("cut to %d without a head: %s", left, v.Summary)
		}
		requireBroken(t, cut, VerifyOptions{Head: head.String()}, left+1, fmt.Sprintf("cut to %d", left))
		requireBroken(t, cut, VerifyOptions{Head: head.Hash}, left+1, fmt.Sprintf("cut to %d, hash alone", left))
		v = Verify(t.Context(), cut, VerifyOptions{Head: head.String()})
		if last := entryName(head.Seq); !strings.Contains(v.Summary, last) {
			t.Errorf("cut to %d: the summary does not name %s: %s", left, last, v.Summary)
		}
	}
	requireBroken(t, with(with(s, entryName(1), nil), entryName(2), nil), VerifyOptions{Head: head.String()}, 1, "the beginning cut")
}

func TestHeads(t *testing.T) {
	s, c := reference(t)
	entries := c.Entries()
	at := func(seq int) string { return Head{Seq: seq, Hash: entries[seq-1].File}.String() }
	for _, test := range []struct {
		name, head string
		ok         bool
		summary    string
	}{
		{"the last", c.Head().String(), true, "intact up to the given head: 13 entries"},
		{"the last, hash alone", c.Head().Hash, true, "intact up to the given head: 13 entries"},
		{"in the middle", at(4), true, "9 entries after it"},
		{"in the middle, hash alone", entries[3].File, true, "9 entries after it"},
		{"another number", strings.Replace(at(4), "4:", "5:", 1), false, "BROKEN at entry 4"},
		{"another hash", "4:" + strings.Repeat("a", 64), false, "BROKEN at entry 4"},
		{"part of a hash", at(4)[:20], false, "not end in a whole SHA-256"},
		{"upper case", strings.ToUpper(at(4)), false, "not end in a whole SHA-256"},
		{"no number", "x:" + entries[3].File, false, "not the number"},
		{"number with a sign", "+4:" + entries[3].File, false, "not the number"},
		{"negative number", "-1:" + entries[3].File, false, "not the number"},
		{"nothing", ":", false, "not the number"},
	} {
		v := Verify(t.Context(), s, VerifyOptions{Head: test.head})
		if v.OK != test.ok || v.Anchored != test.ok || !strings.Contains(v.Summary, test.summary) {
			t.Errorf("%s: ok %v anchored %v: %s", test.name, v.OK, v.Anchored, v.Summary)
		}
	}
}

func TestOnlyTheGivenKeysMaySign(t *testing.T) {
	s, _ := reference(t)
	one, two := testSigner(t, 1).VerifierKey(), testSigner(t, 2).VerifierKey()
	if v := Verify(t.Context(), s, VerifyOptions{Keys: []string{one, two}}); !v.OK || !strings.Contains(v.Summary, "given keys") {
		t.Errorf("both keys given: %s", v.Summary)
	}
	requireBroken(t, s, VerifyOptions{Keys: []string{one}}, 10, "the second key is not given")
	requireBroken(t, s, VerifyOptions{Keys: []string{two}}, 1, "the first key is not given")
	requireBroken(t, s, VerifyOptions{Keys: []string{"nonsense"}}, 1, "no key is given")
}

func TestWhatDoesNotBelongIsAProblem(t *testing.T) {
	s, _ := reference(t)
	plan := string(testPlan(PlanContain))
	broken := []byte("{}")
	for _, name := range []string{
		"journal/notes", "journal/0000001", "journal/1", "journal/000000", "journal/000014.bak", "journal/x/000001",
		"evidence/readme", "evidence/" + strings.Repeat("a", 64), "evidence/x/y", "evidence/" + strings.ToUpper(HashBytes([]byte(plan))),
		"plan/" + HashBytes([]byte(plan+" ")) + ".json", "plan/" + HashBytes(broken) + ".json", "plan/plan.json",
	} {
		v := Verify(t.Context(), with(s, name, broken), VerifyOptions{})
		if v.OK {
			t.Errorf("%s: not detected", name)
		}
	}
	for name, data := range map[string][]byte{
		evidenceName(HashBytes([]byte("left by a crash"))): []byte("left by a crash"),
		planName(HashBytes(testPlan("other"))):             testPlan("other"),
		"report/index.html":                                []byte("derived"),
	} {
		if v := Verify(t.Context(), with(s, name, data), VerifyOptions{}); !v.OK {
			t.Errorf("%s: %s", name, v.Summary)
		}
	}
}

func TestMissingEvidenceAndPlansAreLaidToTheirEntry(t *testing.T) {
	s, c := reference(t)
	for name := range s.files {
		if strings.HasPrefix(name, journalFolder) || name == caseFile {
			continue
		}
		requireBroken(t, with(s, name, nil), VerifyOptions{}, place(t, c, name), name+" gone")
	}
	empty := NewMem()
	requireBroken(t, empty, VerifyOptions{}, 0, "no case")
	empty.files[caseFile] = s.files[caseFile]
	requireBroken(t, empty, VerifyOptions{}, 1, "no entries")
}

func TestWrongSizeOfEvidenceIsDetected(t *testing.T) {
	s := NewMem()
	w := testWriter(t, 1)
	c := newTestCase(t, s, w)
	sha, err := c.PutEvidence(t.Context(), []byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	mustAppend(t, c, w, Draft{Kind: EntryFinding, Body: FindingBody{SHA256: sha, Size: 4}})
	requireBroken(t, s, VerifyOptions{}, 2, "size")
}

// What could not be looked at is never intact.
func TestVerifyFailsClosedOnEveryReadError(t *testing.T) {
	s, _ := reference(t)
	broken := errors.New("input/output error")
	var total atomic.Int64
	s.Hook = func(string, string, []byte) error { total.Add(1); return nil }
	Verify(t.Context(), s, VerifyOptions{})
	if total.Load() < 15 {
		t.Fatalf("only %d operations", total.Load())
	}
	for name := range s.files {
		failing := s.Clone()
		failing.Hook = func(op, n string, _ []byte) error {
			if n == name {
				return broken
			}
			return nil
		}
		if v := Verify(t.Context(), failing, VerifyOptions{}); v.OK || !strings.Contains(strings.Join(v.Problems, "\n"), broken.Error()) {
			t.Errorf("%s unreadable: %s", name, v.Summary)
		}
	}
	for _, folder := range []string{journalFolder, evidenceFolder, planFolder} {
		failing := s.Clone()
		failing.Hook = func(op, n string, _ []byte) error {
			if n == folder {
				return broken
			}
			return nil
		}
		if v := Verify(t.Context(), failing, VerifyOptions{}); v.OK {
			t.Errorf("%s unlistable: %s", folder, v.Summary)
		}
	}
}

func TestVerifyLongJournal(t *testing.T) {
	if testing.Short() {
		t.Skip("5,000 entries")
	}
	s := longJournal(t, 5000)
	if v := Verify(t.Context(), s, VerifyOptions{}); !v.OK || v.Entries != 5000 {
		t.Error(v.Summary)
	}
}

func longJournal(t testing.TB, n int) *Mem {
	s := NewMem()
	w := testWriter(t, 1)
	c := newTestCase(t, s, w)
	for c.Head().Seq < n {
		mustAppend(t, c, w, Draft{Kind: EntrySkip, Step: c.Head().Seq, Body: SkipBody{Run: 1, Reason: "nothing to do"}})
	}
	return s
}

func BenchmarkVerify5000(b *testing.B) {
	s := longJournal(b, 5000)
	for b.Loop() {
		if v := Verify(b.Context(), s, VerifyOptions{}); !v.OK {
			b.Fatal(v.Summary)
		}
	}
}
