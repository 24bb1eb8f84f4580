package finding

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// unescaped undoes JSON's escapes without reading JSON, as often as texts may be wrapped.
func unescaped(b []byte) string {
	s := string(b)
	all := s
	for range maxWraps + 1 {
		if n, err := parse([]byte(`[` + s + `]`)); err == nil {
			n.walk(func(_, text string) { all += "\n" + text })
		}
		s = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(s, `\"`, `"`), `\\`, `\`), `\/`, `/`)
		all += "\n" + s
	}
	return all
}

// FuzzRead: no input panics, the answer depends on the input alone, and no subject is made up: each id stands
// in the input.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob(filepath.Join(sharedDir, "data/findings/*.json"))
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil && len(b) < 8<<10 {
			f.Add(b)
		}
	}
	f.Add([]byte(good))
	f.Add([]byte(`{"Findings":[` + good + `,{]}`))
	f.Add([]byte(`[` + good + "\n" + good))
	f.Add(zipped([]byte(good)))
	f.Fuzz(func(t *testing.T, in []byte) {
		docs, errs, err := ReadAll("fuzz", bytes.NewReader(in))
		again, errs2, err2 := ReadAll("fuzz", bytes.NewReader(in))
		if err != nil || err2 != nil || !reflect.DeepEqual(docs, again) || !reflect.DeepEqual(errs, errs2) {
			t.Fatalf("read twice: %v %v, %v %v, %v %v", docs, again, errs, errs2, err, err2)
		}
		for _, e := range errs {
			if e.Line < 1 || e.Offset < 0 || e.Message == "" {
				t.Errorf("bad error %+v", e)
			}
		}
		if len(docs) == 0 || bytes.HasPrefix(in, []byte{0x1f, 0x8b}) || bytes.Contains(in, []byte(`\u`)) {
			return
		}
		text := unescaped(in)
		for _, d := range docs {
			for _, s := range d.Incident.Subjects {
				for _, part := range strings.FieldsFunc(s.ID, func(c rune) bool { return c < ' ' || c == '"' || c == '\\' || c == '/' }) {
					if !strings.Contains(text, part) {
						t.Errorf("subject %q does not stand in the input", s.ID)
					}
				}
			}
		}
	})
}
