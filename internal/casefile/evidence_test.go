package casefile

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestEvidenceIsKeptUnderItsHash(t *testing.T) {
	eachStore(t, func(t *testing.T, open func() Store) {
		ctx := t.Context()
		c := newTestCase(t, open(), testWriter(t, 1))
		for _, data := range [][]byte{{}, []byte("a\x00b"), bytes.Repeat([]byte("z"), 1<<20)} {
			sha, err := c.PutEvidence(ctx, data)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := c.PutEvidence(ctx, data); err != nil || again != sha {
				t.Errorf("keeping the same bytes again: %s, %v", again, err)
			}
			if got, err := c.ReadEvidence(ctx, sha); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		}
		if _, err := c.ReadEvidence(ctx, strings.Repeat("a", 64)); !errors.Is(err, ErrNotExist) {
			t.Errorf("evidence that is not there: %v", err)
		}
		for _, sha := range []string{"", "../case.json", "abc", strings.Repeat("A", 64)} {
			if _, err := c.ReadEvidence(ctx, sha); err == nil || errors.Is(err, ErrNotExist) {
				t.Errorf("evidence %q: %v", sha, err)
			}
			if _, _, err := c.ReadPlan(ctx, sha); err == nil || errors.Is(err, ErrNotExist) {
				t.Errorf("plan %q: %v", sha, err)
			}
		}
	})
}

func TestEvidenceWithOtherBytesIsNeitherKeptNorRead(t *testing.T) {
	s := NewMem()
	c := newTestCase(t, s, testWriter(t, 1))
	s.files[evidenceName(HashBytes([]byte("true")))] = []byte("false")
	s.files[planName(HashBytes(testPlan(PlanContain)))] = testPlan(PlanRelease)
	if _, err := c.PutEvidence(t.Context(), []byte("true")); !errors.Is(err, ErrChain) {
		t.Errorf("put: %v", err)
	}
	if _, err := c.ReadEvidence(t.Context(), HashBytes([]byte("true"))); !errors.Is(err, ErrChain) {
		t.Errorf("read: %v", err)
	}
	if _, err := c.PutPlan(t.Context(), testPlan(PlanContain)); !errors.Is(err, ErrChain) {
		t.Errorf("put plan: %v", err)
	}
	if _, _, err := c.ReadPlan(t.Context(), HashBytes(testPlan(PlanContain))); !errors.Is(err, ErrChain) {
		t.Errorf("read plan: %v", err)
	}
}

func TestPlans(t *testing.T) {
	c := newTestCase(t, NewMem(), testWriter(t, 1))
	sha, err := c.PutPlan(t.Context(), testPlan(PlanContain))
	if err != nil {
		t.Fatal(err)
	}
	p, data, err := c.ReadPlan(t.Context(), sha)
	if err != nil || p.Kind != PlanContain || p.Subject.ID != "i-0abc" || !bytes.Equal(data, testPlan(PlanContain)) {
		t.Errorf("read %+v, %v", p, err)
	}
	plan := string(testPlan(PlanContain))
	for name, data := range map[string]string{
		"no JSON":                  "plan",
		"a newer format":           strings.Replace(plan, `"format":1`, `"format":2`, 1),
		"an unknown field":         strings.Replace(plan, `"format":1`, `"format":1,"force":true`, 1),
		"a field twice":            strings.Replace(plan, `"kind":"contain"`, `"kind":"contain","kind":"release"`, 1),
		"a field in another case":  strings.Replace(plan, `"kind"`, `"Kind"`, 1),
		"a target's field twice":   strings.Replace(plan, `"id":"i-0abc"`, `"id":"i-0abc","id":"i-0def"`, 1),
		"two documents":            plan + plan,
		"bytes that are not UTF-8": strings.Replace(plan, "i-0abc", "i-\xff", 1),
	} {
		if _, err := c.PutPlan(t.Context(), []byte(data)); err == nil {
			t.Errorf("%s was kept", name)
		}
	}
}

// A body kept as evidence is read back under its hash, its size and its spelling.
func TestHostileBodyReferences(t *testing.T) {
	w := testWriter(t, 1)
	big := `{"run":1,"reason":"` + strings.Repeat("x", 5000) + `"}`
	spaced := strings.Replace(big, `,"`, `, "`, 1)
	small := `{"run":1,"reason":""}`
	ref := func(data string, size int64) bodyRef { return bodyRef{SHA256: HashBytes([]byte(data)), Size: size} }
	for _, test := range []struct {
		name  string
		ref   bodyRef
		holds map[string]string // sha256 -> bytes
		want  string
	}{
		{"right", ref(big, int64(len(big))), map[string]string{HashBytes([]byte(big)): big}, ""},
		{"missing", ref(big, int64(len(big))), nil, "is missing"},
		{"other bytes", ref(big, int64(len(big))), map[string]string{HashBytes([]byte(big)): big + " "}, "has other bytes"},
		{"other size", ref(big, 1), map[string]string{HashBytes([]byte(big)): big}, "and not 1"},
		{"other spelling", ref(spaced, int64(len(spaced))), map[string]string{HashBytes([]byte(spaced)): spaced}, "canonical"},
		{"small", ref(small, int64(len(small))), map[string]string{HashBytes([]byte(small)): small}, "is small"},
	} {
		s := NewMem()
		c := newTestCase(t, s, w)
		file, err := signEntry(Entry{Seq: 2, Time: entryTime(w.Now()), Prev: c.Head().Hash, By: w.By, Kind: EntrySkip, Body: mustJSON(t, test.ref)}, w.Signer)
		if err != nil {
			t.Fatal(err)
		}
		s.files[entryName(2)] = file
		for sha, data := range test.holds {
			s.files[evidenceName(sha)] = []byte(data)
		}
		v := Verify(t.Context(), s, VerifyOptions{})
		if test.want == "" {
			if !v.OK {
				t.Errorf("%s: %s", test.name, v.Summary)
			}
			continue
		}
		if v.OK || v.Bad == nil || v.Bad.Seq != 2 || !strings.Contains(v.Bad.Reason, test.want) {
			t.Errorf("%s: %s", test.name, v.Summary)
		}
	}
}
