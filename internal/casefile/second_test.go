package casefile

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

func accountPlan() Plan {
	return Plan{
		Format: 1, Kind: PlanContain, Case: "case-1", Account: "111122223333", Subject: Subject{Kind: AWSAccount, ID: "111122223333"},
		Steps: []Step{}, Survives: []string{}, NotCaptured: []string{},
	}
}

func sign(t testing.TB, s *Signer, p Plan, hash string) []byte {
	t.Helper()
	data, err := s.Countersign(Countersignature{Plan: hash, Kind: p.Kind, Case: p.Case, Account: p.Account, Person: "bob", Time: time.Unix(1e9, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCountersignatureIsForOnePlanAlone(t *testing.T) {
	first, second := testSigner(t, 1), testSigner(t, 2)
	p, hash := accountPlan(), HashBytes([]byte("plan"))
	good := sign(t, second, p, hash)
	if _, err := CheckSecond(p, hash, good, first.VerifierKey()); err != nil {
		t.Fatal(err)
	}
	other := func(change func(*Plan)) Plan {
		q := accountPlan()
		change(&q)
		return q
	}
	for name, try := range map[string]struct {
		plan  Plan
		hash  string
		data  []byte
		first string
	}{
		"another plan":                    {p, HashBytes([]byte("other")), good, first.VerifierKey()},
		"a release":                       {other(func(q *Plan) { q.Kind = PlanRelease }), hash, good, first.VerifierKey()},
		"another case":                    {other(func(q *Plan) { q.Case = "case-2" }), hash, good, first.VerifierKey()},
		"another account":                 {other(func(q *Plan) { q.Account = "444455556666" }), hash, good, first.VerifierKey()},
		"the same key":                    {p, hash, good, second.VerifierKey()},
		"the same key under another name": {p, hash, good, renamed(t, second, "mallory")},
		"no key as the first":             {p, hash, good, "mallory+00000000+AAAA"},
		"nothing":                         {p, hash, nil, first.VerifierKey()},
	} {
		if _, err := CheckSecond(try.plan, try.hash, try.data, try.first); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// renamed is a signer's key under another name.
func renamed(t testing.TB, s *Signer, name string) string {
	t.Helper()
	key, err := note.NewEd25519VerifierKey(name, publicPart(s.VerifierKey())[1:])
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKeysAreComparedWhole: a verifier key's base64 can hold a + as the text between its parts does, and whoever wants
// to pass for an approver needs only to meet what stands after it.
func TestKeysAreComparedWhole(t *testing.T) {
	public := func(last ...byte) string {
		raw := bytes.Repeat([]byte{7}, ed25519.PublicKeySize)
		copy(raw[ed25519.PublicKeySize-len(last):], last)
		key, err := note.NewEd25519VerifierKey("cordon", raw)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	approver, mallory := public(1, 2, 0xf8, 1, 1), public(3, 4, 0xf8, 1, 1)
	if end := approver[strings.LastIndex(approver, "+"):]; len(end) > 10 || !strings.HasSuffix(mallory, end) {
		t.Fatalf("%s and %s do not end alike after a +", approver, mallory)
	}
	if SameKey(approver, mallory) {
		t.Errorf("%s passes for %s", mallory, approver)
	}
	if !SameKey(approver, approver) || SameKey("", "") || SameKey("x", "x") {
		t.Error("a key is itself, and what is no key is none")
	}
}

// TestOneSpellingOfAKey: base64 is read with line ends in it, so one key has many texts, of which one is taken.
func TestOneSpellingOfAKey(t *testing.T) {
	s := testSigner(t, 1)
	p, hash := accountPlan(), HashBytes([]byte("plan"))
	key := s.VerifierKey()
	text, err := marshalJSON(Countersignature{
		For: "plan", Plan: hash, Kind: p.Kind, Case: p.Case, Account: p.Account, Time: time.Unix(1e9, 0).UTC(), Key: key[:len(key)-4] + "\n" + key[len(key)-4:],
	})
	if err != nil {
		t.Fatal(err)
	}
	data, err := note.Sign(&note.Note{Text: string(text) + "\n"}, s.signer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := CheckSecond(p, hash, data, key); err == nil {
		t.Error("one person signed twice, with one key in two spellings")
	}
}

// Every byte of a countersignature counts, and so does every byte that is put beside it.
func TestChangedCountersignatures(t *testing.T) {
	second := testSigner(t, 2)
	p, hash := accountPlan(), HashBytes([]byte("plan"))
	good := sign(t, second, p, hash)
	for i := range good {
		for _, bit := range []byte{1, 0x20} {
			bad := append([]byte{}, good...)
			bad[i] ^= bit
			if c, err := ReadCountersignature(bad); err == nil {
				t.Errorf("byte %d changed and accepted: %+v", i, c)
			}
		}
	}
	text, _, _ := strings.Cut(string(good), "\n\n")
	both, err := note.Sign(&note.Note{Text: text + "\n"}, second.signer, testSigner(t, 3).signer)
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"two signatures": string(both),
		"more after":     string(good) + "x",
		"a line more":    strings.Replace(string(good), "}\n\n", "}\nmore\n\n", 1),
		"twice":          string(good) + string(good),
		"long":           string(good) + strings.Repeat(" ", maxCountersignature),
		"a key twice":    strings.Replace(string(good), `{"countersigns":"plan"`, `{"countersigns":"plan","countersigns":"plan"`, 1),
		"another's text": strings.Replace(string(good), second.VerifierKey(), testSigner(t, 3).VerifierKey(), 1),
	} {
		if _, err := ReadCountersignature([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestVerifyWantsTwoSignatures(t *testing.T) {
	for name, try := range map[string]struct {
		plan Plan
		by   byte // who countersigns; 0: nobody
		want string
	}{
		"two":                  {accountPlan(), 2, ""},
		"one":                  {accountPlan(), 0, "without a second signature"},
		"one, twice":           {accountPlan(), 1, "both signatures are by one key"},
		"one where one does":   {Plan{Format: 1, Kind: PlanContain, Case: "case-1", Steps: []Step{}, Survives: []string{}, NotCaptured: []string{}}, 0, ""},
		"a step for all alone": {Plan{Format: 1, Kind: PlanContain, Case: "case-1", Steps: []Step{{N: 1, Action: "x", AccountWide: "all"}}, Survives: []string{}, NotCaptured: []string{}}, 0, "without a second signature"},
	} {
		ctx := context.Background()
		first, store := testSigner(t, 1), NewMem()
		if err := CreateCase(ctx, store, Meta{Format: 1, ID: "case-1", Created: time.Unix(1e9, 0), Version: "test", Key: first.VerifierKey()}); err != nil {
			t.Fatal(err)
		}
		c, err := OpenCase(ctx, store)
		if err != nil {
			t.Fatal(err)
		}
		w := &Writer{Signer: first, Now: func() time.Time { return time.Unix(1e9, 0) }, By: By{ARN: "arn", Person: "ann", Nonce: "n"}}
		data, err := marshalJSON(try.plan)
		if err != nil {
			t.Fatal(err)
		}
		hash, err := c.PutPlan(ctx, data)
		if err != nil {
			t.Fatal(err)
		}
		body := ApproveBody{Plan: hash, Kind: try.plan.Kind, Run: 1, How: "flag"}
		if try.by != 0 {
			body.Second = string(sign(t, testSigner(t, try.by), try.plan, hash))
		}
		for _, d := range []Draft{{Kind: EntrySession, Body: SessionBody{Key: first.VerifierKey()}}, {Kind: EntryApprove, Plan: hash, Body: body}} {
			if _, err := c.Append(ctx, w, d, nil); err != nil {
				t.Fatal(err)
			}
		}
		v := Verify(ctx, store, VerifyOptions{})
		switch {
		case try.want == "" && !v.OK:
			t.Errorf("%s: %s", name, v.Summary)
		case try.want != "" && (v.OK || v.Bad == nil || v.Bad.Seq != 2 || !strings.Contains(v.Summary, try.want)):
			t.Errorf("%s: ok %t, bad %v, %s", name, v.OK, v.Bad, v.Summary)
		}
	}
}

func FuzzCountersignature(f *testing.F) {
	p := accountPlan()
	f.Add(sign(f, testSigner(f, 2), p, HashBytes([]byte("plan"))))
	f.Add([]byte("{}\n\n— x AAAA\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := ReadCountersignature(data); err == nil && (c.Plan == "" || c.Key == "") {
			t.Errorf("%q is a signature of nothing", data)
		}
	})
}
