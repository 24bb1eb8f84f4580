package casefile

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// What the right key has signed is refused all the same when it is not spelt in the one way.
func TestSignedEntriesInAnotherSpellingAreRefused(t *testing.T) {
	w := testWriter(t, 1)
	c := newTestCase(t, NewMem(), w)
	ch := c.chain
	file, err := signEntry(Entry{Seq: 2, Time: entryTime(w.Now()), Prev: ch.prev, By: w.By, Kind: EntrySkip, Body: mustJSON(t, SkipBody{Run: 1, Reason: "a/é"})}, w.Signer)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(file), "\n\n")
	sign := func(text string) []byte {
		signed, err := note.Sign(&note.Note{Text: text + "\n"}, w.Signer.signer)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	if _, err := ch.check(sign(text), nil); err != nil {
		t.Fatalf("the right spelling: %v", err)
	}
	replace := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the entry has no %s: %s", old, text)
		}
		return strings.Replace(text, old, new, 1)
	}
	for name, text := range map[string]string{
		"a space":                 replace(`"seq":`, `"seq": `),
		"a space at the end":      text + " ",
		"a space in the body":     replace(`"run":1`, `"run": 1`),
		"two lines":               text + "\n" + text,
		"a line before":           "\n" + text,
		"an unknown name":         replace(`"step":0`, `"step":0,"extra":1`),
		"an unknown name in by":   replace(`"person"`, `"role":"x","person"`),
		"a name twice":            replace(`"step":0`, `"step":0,"step":0`),
		"a name twice in by":      replace(`"person"`, `"person":"Eve","person"`),
		"a name twice in body":    replace(`"run":1`, `"run":2,"run":1`),
		"a name in another case":  replace(`"step"`, `"Step"`),
		"names in another order":  replace(`"step":0,`, ``)[:len(text)-len(`"step":0,`)-1] + `,"step":0}`,
		"a name missing":          replace(`"step":0,`, ``),
		"an escape too many":      replace(`"skip"`, `"\u0073kip"`),
		"an escape in the body":   replace("é", `\u00e9`),
		"a slash escaped":         replace("a/", `a\/`),
		"an empty plan":           replace(`"step":0`, `"step":0,"plan":""`),
		"null for a number":       replace(`"step":0`, `"step":null`),
		"another zero":            replace(`"step":0`, `"step":-0`),
		"another number":          replace(`"seq":2`, `"seq":2.0`),
		"another time zone":       replace(`Z","prev"`, `+00:00","prev"`),
		"zeros after the seconds": replace(`Z","prev"`, `.000Z","prev"`),
		"upper-case prev":         replace(ch.prev, strings.ToUpper(ch.prev)),
		"a short prev":            replace(ch.prev, ch.prev[:63]),
		"an array":                "[" + text + "]",
		"something after it":      text + "{}",
		"nothing":                 "",
		"no nonce":                replace(`"nonce-1"`, `""`),
		"a kind nobody knows":     replace(`"skip"`, `"skipped"`),
		"a body that is too long": replace(`a/`, strings.Repeat("a", maxBody)),
	} {
		_, err := ch.check(sign(text), func(string) ([]byte, error) { return nil, ErrNotExist })
		if bad, ok := errors.AsType[*BadEntry](err); !ok || bad.Seq != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherNotesAreRefused(t *testing.T) {
	w, other := testWriter(t, 1), testSigner(t, 2)
	c := newTestCase(t, NewMem(), w)
	ch := c.chain
	file, err := signEntry(Entry{Seq: 2, Time: entryTime(w.Now()), Prev: ch.prev, By: w.By, Kind: EntrySkip, Body: mustJSON(t, SkipBody{})}, w.Signer)
	if err != nil {
		t.Fatal(err)
	}
	text, line, _ := strings.Cut(string(file), "\n\n")
	cosigned, err := note.Sign(&note.Note{Text: text + "\n"}, w.Signer.signer, other.signer)
	if err != nil {
		t.Fatal(err)
	}
	// The last of 92 characters carries four of its six bits: the other two are stray.
	encoded := line[strings.LastIndex(line, " ")+1 : len(line)-1]
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	padded := strings.TrimRight(encoded, "=")
	stray := padded[:len(padded)-1] + string(padded[len(padded)-1]+1) + encoded[len(padded):]
	for name, file := range map[string]string{
		"two signatures":            string(cosigned),
		"the signature twice":       string(file) + line,
		"stray bits":                strings.Replace(string(file), encoded, stray, 1),
		"no final newline":          string(file[:len(file)-1]),
		"another newline":           string(file) + "\n",
		"carriage returns":          strings.ReplaceAll(string(file), "\n", "\r\n"),
		"a newline in the base64":   strings.Replace(string(file), encoded, encoded[:8]+"\n"+encoded[8:], 1),
		"another dash":              strings.Replace(string(file), "— ", "- ", 1),
		"another name":              strings.Replace(string(file), "— cordon", "— Cordon", 1),
		"no name":                   strings.Replace(string(file), "— cordon", "— ", 1),
		"a short signature":         text + "\n\n— cordon " + base64.StdEncoding.EncodeToString(raw[:60]) + "\n",
		"a key hash of another":     text + "\n\n— cordon " + base64.StdEncoding.EncodeToString(append([]byte{1, 2, 3, 4}, raw[4:]...)) + "\n",
		"no signature":              text + "\n",
		"no signature, blank line":  text + "\n\n",
		"a blank line in the text":  "\n\n" + string(file),
		"nothing":                   "",
		"more than an entry may be": text + strings.Repeat(" ", maxEntryFile) + "\n\n" + line,
	} {
		if _, err := ch.check([]byte(file), nil); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An entry can be checked with nothing of cordon's: it is a note that the package note opens.
func TestEntriesAreSignedNotes(t *testing.T) {
	s, c := reference(t)
	v1, err := note.NewVerifier(testSigner(t, 1).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	v2, err := note.NewVerifier(testSigner(t, 2).VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	prev := HashBytes(s.files[caseFile])
	for _, e := range c.Entries() {
		file := s.files[entryName(e.Seq)]
		n, err := note.Open(file, note.VerifierList(v1, v2))
		if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
			t.Errorf("entry %d: %v", e.Seq, err)
		}
		if !bytes.Contains(file, []byte(`"prev":"`+prev+`"`)) {
			t.Errorf("entry %d does not name %s", e.Seq, prev)
		}
		prev = HashBytes(file)
	}
}

func TestCaseFilesInAnotherSpellingAreRefused(t *testing.T) {
	w := testWriter(t, 1)
	data, err := encodeMeta(testMeta(w))
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, text := range map[string]string{
		"no newline":      strings.TrimSuffix(text, "\n"),
		"two newlines":    text + "\n",
		"a space":         strings.Replace(text, `:1,`, `: 1,`, 1),
		"a newer format":  strings.Replace(text, `"format":1`, `"format":2`, 1),
		"an unknown name": strings.Replace(text, `"format":1`, `"format":1,"x":1`, 1),
		"a name twice":    strings.Replace(text, `"format":1`, `"format":1,"format":1`, 1),
		"another case":    strings.Replace(text, `"id"`, `"ID"`, 1),
		"no id":           strings.Replace(text, `"id":"20261123-i-0abc"`, `"id":""`, 1),
		"another key":     strings.Replace(text, `"key":"cordon`, `"key":"Cordon`, 1),
		"nothing":         "",
		"a number":        "1\n",
		"too large":       text + strings.Repeat("\n", maxEntryFile),
	} {
		if _, err := newChain([]byte(text)); !errors.Is(err, ErrChain) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
