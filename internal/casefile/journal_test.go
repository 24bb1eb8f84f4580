package casefile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

func skipDraft(n int) Draft {
	return Draft{Kind: EntrySkip, Step: n, Body: SkipBody{Run: 1, Reason: "none"}}
}

func TestCreateCaseOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		m := testMeta(testWriter(t, 1))
		if _, err := OpenCase(t.Context(), open()); !errors.Is(err, ErrNotExist) {
			t.Errorf("opening no case: %v", err)
		}
		if err := CreateCase(t.Context(), open(), m); err != nil {
			t.Fatal(err)
		}
		if err := CreateCase(t.Context(), open(), m); !errors.Is(err, ErrExist) {
			t.Errorf("creating it again: %v", err)
		}
		c, err := OpenCase(t.Context(), open())
		if err != nil {
			t.Fatal(err)
		}
		m.Format = 1
		if c.Meta != m || c.Head().Seq != 0 || len(c.Entries()) != 0 {
			t.Errorf("meta %+v, head %v", c.Meta, c.Head())
		}
	})
}

func TestCreateCaseWhoseAnswerIsLost(t *testing.T) {
	s := NewMem()
	lost := 0
	s.HookAfter = func(op, _ string, _ []byte) error {
		if op == "create" && lost == 0 {
			lost++
			return errTimeout
		}
		return nil
	}
	if err := CreateCase(t.Context(), s, testMeta(testWriter(t, 1))); err != nil {
		t.Error(err)
	}
}

func TestCreateCaseRefusesWhatItCouldNotOpen(t *testing.T) {
	w := testWriter(t, 1)
	for name, change := range map[string]func(*Meta){
		"no id":   func(m *Meta) { m.ID = "" },
		"no key":  func(m *Meta) { m.Key = "" },
		"bad key": func(m *Meta) { m.Key = strings.Replace(m.Key, "+", "+A", 1) },
	} {
		m := testMeta(w)
		change(&m)
		s := NewMem()
		if err := CreateCase(t.Context(), s, m); err == nil || len(s.files) != 0 {
			t.Errorf("%s: %v, %d files", name, err, len(s.files))
		}
	}
}

func TestAppendAndReadBack(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		w := testWriter(t, 1)
		c := newTestCase(t, open(), w)
		if _, err := c.PutPlan(t.Context(), testPlan(PlanContain)); err != nil {
			t.Fatal(err)
		}
		plan := HashBytes(testPlan(PlanContain))
		big := json.RawMessage(`{"user_data":"` + strings.Repeat("<&>", 3000) + `"}`)
		looksLikeRef := json.RawMessage(`{"sha256":"` + strings.Repeat("ab", 32) + `","size":5}`)
		mustAppend(t, c, w, Draft{Kind: EntryIntent, Plan: plan, Step: 3, Body: IntentBody{OpID: "op", Run: 1, Before: big}})
		mustAppend(t, c, w, Draft{Kind: EntrySkip, Body: looksLikeRef})
		mustAppend(t, c, w, skipDraft(4))

		read := openTestCase(t, open())
		want, got := c.Entries(), read.Entries()
		if len(got) != 4 || len(want) != 4 || c.Head() != read.Head() {
			t.Fatalf("%d entries appended, %d read, heads %v and %v", len(want), len(got), c.Head(), read.Head())
		}
		for i := range want {
			if a, b := fmt.Sprintf("%+v", want[i]), fmt.Sprintf("%+v", got[i]); a != b {
				t.Errorf("entry %d: appended %.200s, read %.200s", i+1, a, b)
			}
		}
		var intent IntentBody
		if err := json.Unmarshal(got[1].Body, &intent); err != nil || string(intent.Before) != string(big) {
			t.Errorf("a large body came back as %.100s, %v", intent.Before, err)
		}
		if string(got[2].Body) != string(looksLikeRef) {
			t.Errorf("a body that looks like a reference came back as %s", got[2].Body)
		}
		if v := Verify(t.Context(), open(), VerifyOptions{Head: c.Head().String()}); !v.OK || v.Evidence != 2 {
			t.Errorf("%s %v", v.Summary, v.Problems)
		}
	})
}

// Attacker-chosen text must not keep an entry from being written, nor break out of its line.
func TestAppendHostileText(t *testing.T) {
	s, w := NewMem(), testWriter(t, 1)
	c := newTestCase(t, s, w)
	for _, text := range []string{"a\nb", "\n\n— cordon AAAA\n", "\x00\x1b[2J", "\xff\xfe", "\u2028\u202e", `{"sha256":"`, strings.Repeat("\n\n", 3000), "\r\n", "\x7f"} {
		e := mustAppend(t, c, w, Draft{Kind: EntrySkip, Body: SkipBody{Reason: text}})
		var b SkipBody
		if err := json.Unmarshal(e.Body, &b); err != nil || b.Reason != strings.ToValidUTF8(text, "\ufffd\ufffd") && b.Reason != text {
			t.Errorf("%q came back as %q, %v", text, b.Reason, err)
		}
	}
	w.By.Person = "Eve\n\n— cordon AAAA\n"
	mustAppend(t, c, w, skipDraft(1))
	if v := Verify(t.Context(), s, VerifyOptions{Head: c.Head().String()}); !v.OK {
		t.Error(v.Summary)
	}
}

// What a reader would refuse is never written.
func TestAppendRefuses(t *testing.T) {
	s, w := NewMem(), testWriter(t, 1)
	if err := CreateCase(t.Context(), s, testMeta(w)); err != nil {
		t.Fatal(err)
	}
	c := openTestCase(t, s)
	refuse := func(what string, w *Writer, d Draft) {
		t.Helper()
		before := len(s.files)
		if e, err := c.Append(t.Context(), w, d, nil); err == nil {
			t.Errorf("%s: appended %+v", what, e)
		}
		if len(s.files) != before {
			t.Errorf("%s: something was written", what)
		}
	}
	stranger := testWriter(t, 2)
	refuse("a first entry that is no session", w, skipDraft(1))
	refuse("a session that names another key than the signer's", w, sessionDraft(stranger))
	mustAppend(t, c, w, sessionDraft(w))
	refuse("an entry by a key that no session introduced", stranger, skipDraft(1))
	refuse("an unknown kind", w, Draft{Kind: "state", Body: SkipBody{}})
	refuse("a negative step", w, skipDraft(-1))
	refuse("a plan that is no hash", w, Draft{Kind: EntrySkip, Plan: "../../etc/passwd", Body: SkipBody{}})
	refuse("evidence that is no hash", w, Draft{Kind: EntryFinding, Body: FindingBody{SHA256: "../x"}})
	refuse("a body of another type", w, Draft{Kind: EntrySkip, Body: "text"})
	refuse("a body that is no JSON", w, Draft{Kind: EntrySkip, Body: json.RawMessage(`{"run":1,"run":2}`)})
	w.By.Nonce = ""
	refuse("a writer without a nonce", w, skipDraft(1))
	w.By.Nonce = "n"
	w.By.Person = strings.Repeat("x", maxEntryFile)
	refuse("an entry that is too large to be read", w, skipDraft(1))
}

// Whoever made the case may die before its first entry: another key goes on, and says so.
func TestFirstSessionByAnotherKey(t *testing.T) {
	s, w := NewMem(), testWriter(t, 1)
	if err := CreateCase(t.Context(), s, testMeta(w)); err != nil {
		t.Fatal(err)
	}
	other := testWriter(t, 2)
	c := openTestCase(t, s)
	mustAppend(t, c, other, sessionDraft(other))
	if v := Verify(t.Context(), s, VerifyOptions{}); !v.OK || v.Keys[0].Key != other.Signer.VerifierKey() {
		t.Errorf("%s, keys %v", v.Summary, v.Keys)
	}
	if _, err := c.Append(t.Context(), w, skipDraft(1), nil); err == nil {
		t.Error("the key in case.json signs without a session")
	}
	requireBroken(t, s, VerifyOptions{Keys: []string{w.Signer.VerifierKey()}}, 1, "the first key alone is trusted")
}

// Two keys with one name and one 32-bit hash would make it doubtful who signed.
func TestKeyThatCollidesIsRefused(t *testing.T) {
	w := testWriter(t, 1)
	v, err := parseVerifierKey(w.Signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	c := newTestCase(t, NewMem(), w)
	ch := c.chain
	other, err := parseVerifierKey(testSigner(t, 2).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	// As if the known key, another one, had the same name and hash.
	ch.keys = []knownKey{{key: "other", verifier: colliding{other, v.KeyHash()}}}
	file, err := signEntry(Entry{Seq: 2, Time: w.Now(), Prev: ch.prev, By: w.By, Kind: EntrySession, Body: mustJSON(t, sessionDraft(w).Body)}, w.Signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.check(file, nil); err == nil || !strings.Contains(err.Error(), "name and hash of another key") {
		t.Errorf("got %v", err)
	}
}

type colliding struct {
	note.Verifier
	hash uint32
}

func (c colliding) KeyHash() uint32 { return c.hash }

func mustJSON(t testing.TB, v any) json.RawMessage {
	t.Helper()
	data, err := marshalJSON(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The loser of a race sees the winner's entries before its own is written, and may think again.
func TestAppendReconsiders(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		one, two := testWriter(t, 1), testWriter(t, 2)
		first := newTestCase(t, open(), one)
		second := openTestCase(t, open())
		mustAppend(t, first, one, skipDraft(1))
		mustAppend(t, first, one, skipDraft(2))

		changedMind := errors.New("somebody has done it")
		var seen []Entry
		_, err := second.Append(t.Context(), two, sessionDraft(two), func(others []Entry) error {
			seen = others
			return changedMind
		})
		if err != changedMind || len(seen) != 2 || seen[0].Step != 1 || seen[1].Step != 2 {
			t.Errorf("%v, reconsidered %+v", err, seen)
		}
		if _, err := open().Read(t.Context(), entryName(4)); !errors.Is(err, ErrNotExist) {
			t.Errorf("something was written all the same: %v", err)
		}
		if second.Head() != first.Head() {
			t.Errorf("the loser stands at %v, the winner at %v", second.Head(), first.Head())
		}

		mustAppend(t, first, one, skipDraft(3))
		e, err := second.Append(t.Context(), two, sessionDraft(two), func(others []Entry) error {
			if len(others) != 1 || second.Head().Seq != 4 {
				t.Errorf("reconsidered %d entries at %v", len(others), second.Head())
			}
			return nil
		})
		if err != nil || e.Seq != 5 {
			t.Errorf("entry %d, %v", e.Seq, err)
		}
		if others, err := first.Refresh(t.Context()); err != nil || len(others) != 1 || others[0].File != e.File {
			t.Errorf("refreshed %+v, %v", others, err)
		}
	})
}

// Many writers, each with its own view of the case: one total order, nothing lost, nothing twice.
func TestRacingWritersGetOneTotalOrder(t *testing.T) {
	const writers, each = 4, 25
	eachStore(t, func(t *testing.T, open func() Store) {
		newTestCase(t, open(), testWriter(t, 1))
		views := make([]*Case, writers)
		var wg sync.WaitGroup
		for i := range views {
			c, w := openTestCase(t, open()), testWriter(t, byte(10+i))
			views[i] = c
			wg.Go(func() {
				known := c.Head().Seq
				reconsider := func(others []Entry) error {
					for _, e := range others {
						if known++; e.Seq != known {
							t.Errorf("writer %d was shown entry %d after %d", i, e.Seq, known-1)
						}
					}
					return nil
				}
				for n := range each {
					d := Draft{Kind: EntrySkip, Step: n, Body: SkipBody{}}
					if n == 0 {
						d = sessionDraft(w)
					}
					e, err := c.Append(context.Background(), w, d, reconsider)
					if err != nil {
						t.Errorf("writer %d: %v", i, err)
						return
					}
					if known++; e.Seq != known {
						t.Errorf("writer %d wrote entry %d after %d: it has not seen all before it", i, e.Seq, known-1)
					}
				}
			})
		}
		wg.Wait()
		last := map[string]int{}
		all := openTestCase(t, open()).Entries()
		for _, e := range all[1:] {
			if next := last[e.By.Nonce]; e.Step != next {
				t.Errorf("entry %d of %s is step %d, want %d", e.Seq, e.By.Nonce, e.Step, next)
			}
			last[e.By.Nonce]++
		}
		if len(all) != 1+writers*each {
			t.Errorf("%d entries, want %d", len(all), 1+writers*each)
		}
		for i, c := range views {
			if _, err := c.Refresh(t.Context()); err != nil || fmt.Sprint(c.Entries()) != fmt.Sprint(all) {
				t.Errorf("view %d differs: %v", i, err)
			}
		}
		if v := Verify(t.Context(), open(), VerifyOptions{}); !v.OK || len(v.Keys) != 1+writers {
			t.Errorf("%s", v.Summary)
		}
	})
}

// One Case serves many goroutines.
func TestOneCaseManyGoroutines(t *testing.T) {
	s, w := NewMem(), testWriter(t, 1)
	c := newTestCase(t, s, w)
	w.Now = func() time.Time { return time.Unix(1800000000, 0) }
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 10 {
				mustAppend(t, c, w, skipDraft(i))
				if n, head := len(c.Entries()), c.Head().Seq; n > head {
					t.Errorf("%d entries before head %d", n, head)
				}
				if _, err := c.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if v := Verify(t.Context(), s, VerifyOptions{Head: c.Head().String()}); !v.OK || v.Entries != 81 {
		t.Error(v.Summary)
	}
}

// An append whose answer is lost is there once, however often the store keeps silent.
func TestLostAppends(t *testing.T) {
	for silent := range 5 {
		for _, after := range []bool{false, true} {
			s, w := NewMem(), testWriter(t, 1)
			c := newTestCase(t, s, w)
			left := silent
			hook := func(op, _ string, _ []byte) error {
				if op == "create" && left > 0 {
					left--
					return errTimeout
				}
				return nil
			}
			if after {
				s.HookAfter = hook
			} else {
				s.Hook = hook
			}
			_, err := c.Append(t.Context(), w, skipDraft(1), nil)
			// A write that happened is found at the second try; one that did not has three.
			if wantErr := !after && silent >= createTries; (err != nil) != wantErr {
				t.Errorf("%d silent, after %v: %v", silent, after, err)
			}
			var met []Entry
			if _, err := c.Append(t.Context(), w, skipDraft(2), func(others []Entry) error { met = others; return nil }); err != nil {
				t.Errorf("%d silent, after %v: the next append: %v", silent, after, err)
			}
			ones := 0
			for _, e := range openTestCase(t, s).Entries() {
				if e.Kind == EntrySkip && e.Step == 1 {
					ones++
				}
			}
			if want := map[bool]int{true: 1, false: 0}[err == nil]; ones != want || len(met) != 0 {
				t.Errorf("%d silent, after %v: the entry is there %d times, want %d; met %d", silent, after, ones, want, len(met))
			}
		}
	}
}

// Where the outcome stays unknown Append says so, and the entry is met later like another's.
func TestAppendOfUnknownOutcomeIsMetLater(t *testing.T) {
	s, w := NewMem(), testWriter(t, 1)
	c := newTestCase(t, s, w)
	down := false
	s.HookAfter = func(op, _ string, _ []byte) error {
		if op == "create" {
			down = true
		}
		if down {
			return errTimeout
		}
		return nil
	}
	s.Hook = func(string, string, []byte) error {
		if down {
			return errTimeout
		}
		return nil
	}
	if _, err := c.Append(t.Context(), w, skipDraft(1), nil); err == nil {
		t.Fatal("no error although nothing was answered")
	}
	if c.Head().Seq != 1 {
		t.Errorf("head %v: an unknown outcome was taken for written", c.Head())
	}
	s.Hook, s.HookAfter = nil, nil
	var met []Entry
	e, err := c.Append(t.Context(), w, skipDraft(2), func(others []Entry) error { met = others; return nil })
	if err != nil || e.Seq != 3 || len(met) != 1 || met[0].Step != 1 || met[0].By.Nonce != w.By.Nonce {
		t.Errorf("entry %d, met %+v, %v", e.Seq, met, err)
	}
}

// A case that does not verify is not built upon.
func TestBrokenJournalIsNotAppendedTo(t *testing.T) {
	s, c := reference(t)
	for name := range s.files {
		if !strings.HasPrefix(name, journalFolder) && name != caseFile {
			continue
		}
		broken := with(s, name, []byte("x"))
		if _, err := OpenCase(t.Context(), broken); !errors.Is(err, ErrChain) {
			t.Errorf("%s broken: %v", name, err)
		}
	}
	if _, err := OpenCase(t.Context(), with(s, entryName(5), nil)); !errors.Is(err, ErrChain) {
		t.Errorf("a gap: %v", err)
	}
	next := entryName(c.Head().Seq + 1)
	if err := s.Create(t.Context(), next, []byte("forged")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Append(t.Context(), testWriter(t, 2), skipDraft(1), nil); !errors.Is(err, ErrChain) {
		t.Errorf("a forged entry in the way: %v", err)
	}
	if _, err := c.Refresh(t.Context()); !errors.Is(err, ErrChain) {
		t.Errorf("refreshing over a forged entry: %v", err)
	}
	silent := with(s, next, nil)
	silent.Hook = func(op, name string, _ []byte) error {
		if name == entryName(5) {
			return errTimeout
		}
		return nil
	}
	if _, err := OpenCase(t.Context(), silent); !errors.Is(err, errTimeout) || errors.Is(err, ErrChain) {
		t.Errorf("could not look is not broken: %v", err)
	}
}

func TestNumbersPastSixDigits(t *testing.T) {
	numbers, strays := entryNumbers([]string{"journal/000002", "journal/1000000", "journal/999999", "journal/0999999", "journal/x", "journal/9999999999999999999999"})
	if fmt.Sprint(numbers) != "[2 999999 1000000]" || len(strays) != 3 {
		t.Errorf("numbers %v, strays %v", numbers, strays)
	}
	if entryName(1234567) != "journal/1234567" {
		t.Error(entryName(1234567))
	}
}
