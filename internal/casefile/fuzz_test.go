package casefile

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
)

// FuzzEntry gives hostile files to the check of the second entry. Whatever is accepted is, put together again,
// the same bytes, and everything refused is laid to the entry.
func FuzzEntry(f *testing.F) {
	s, c := reference(f)
	for _, e := range c.Entries() {
		f.Add(s.files[entryName(e.Seq)])
	}
	f.Add([]byte("x\n\n— cordon AAAA\n"))
	f.Add([]byte("{}\n\n— cordon " + strings.Repeat("A", 91) + "=\n"))
	ch, err := newChain(s.files[caseFile])
	if err != nil {
		f.Fatal(err)
	}
	first, err := ch.check(s.files[entryName(1)], nil)
	if err != nil {
		f.Fatal(err)
	}
	ch.accept(first)
	f.Fuzz(func(t *testing.T, file []byte) {
		parts, err := splitNote(file)
		if err == nil {
			if _, err := parseEntryText(parts.text); err == nil {
				requireOneSpelling(t, parts, file)
			}
		}
		next, err := ch.check(file, func(string) ([]byte, error) { return nil, ErrNotExist })
		if err == nil {
			if !bytes.Equal(file, s.files[entryName(2)]) {
				t.Fatalf("accepted a forged entry: %q", file)
			}
			if next.entry.File != HashBytes(file) {
				t.Fatal("the hash is not that of the file")
			}
			return
		}
		if bad, ok := errors.AsType[*BadEntry](err); !ok || bad.Seq != 2 {
			t.Fatalf("refused without naming the entry: %v", err)
		}
	})
}

func requireOneSpelling(t *testing.T, parts noteParts, file []byte) {
	e, err := parseEntryText(parts.text)
	if err != nil {
		t.Fatal(err)
	}
	line, err := marshalJSON(e)
	if err != nil {
		t.Fatal(err)
	}
	raw := append([]byte{byte(parts.hash >> 24), byte(parts.hash >> 16), byte(parts.hash >> 8), byte(parts.hash)}, parts.signature...)
	if again := joinNote(append(line, '\n'), parts.name, raw); !bytes.Equal(again, file) {
		t.Fatalf("read %q and wrote %q", file, again)
	}
}

// FuzzVerify puts hostile bytes into a whole case: it never panics, never runs away, and is intact only where
// nothing that is checked was changed.
func FuzzVerify(f *testing.F) {
	s, c := reference(f)
	head := c.Head().String()
	f.Add("journal/000003", []byte("x"), head, "")
	f.Add("case.json", s.files[caseFile], "", c.Meta.Key)
	f.Add("journal/000014", s.files[entryName(2)], c.Head().Hash, "key")
	f.Add("evidence/x", []byte{}, "1:", "")
	f.Add("plan/"+HashBytes([]byte("{}"))+".json", []byte("{}"), ":", "")
	for i := range 13 {
		f.Add(entryName(i+1), s.files[entryName(i+1)], head, "")
	}
	f.Fuzz(func(t *testing.T, name string, data []byte, head, key string) {
		changed := with(s, name, append([]byte{}, data...))
		o := VerifyOptions{Head: head}
		if key != "" {
			o.Keys = []string{key}
		}
		v := Verify(context.Background(), changed, o)
		if v.Summary == "" || v.OK != strings.HasPrefix(v.Summary, "intact") || v.OK == (len(v.Problems) > 0) {
			t.Fatalf("verdict contradicts itself: %+v", v)
		}
		kept, was := s.files[name]
		inCase := name == caseFile || strings.HasPrefix(name, journalFolder+"/")
		if v.OK && was && !bytes.Equal(kept, data) {
			t.Fatalf("%s was changed and is called intact: %s", name, v.Summary)
		}
		if v.OK && !was && inCase {
			t.Fatalf("%q was added and is called intact: %s", name, v.Summary)
		}
		if c, err := OpenCase(context.Background(), changed); err == nil && c.Head().Seq < 13 {
			t.Fatalf("%s: a journal of %d entries was opened", name, c.Head().Seq)
		}
	})
}

// FuzzPlan reads hostile plans.
func FuzzPlan(f *testing.F) {
	f.Add(testPlan(PlanContain))
	f.Add([]byte(`{"format":1,"steps":[{"n":1,"before":{"a":1,"a":2}}]}`))
	f.Add([]byte(strings.Repeat("[", 20000)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := parsePlan(data); err == nil && p.Format != planFormat {
			t.Fatalf("accepted format %d", p.Format)
		}
	})
}
