package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestReadKeys takes what both versions of the AWS CLI print.
func TestReadKeys(t *testing.T) {
	write := func(text string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, times := range map[string]string{
		"version 2": `"ValidityStartTime":"2026-01-01T00:00:00+00:00","ValidityEndTime":"2027-01-01T00:00:00+00:00"`,
		"version 1": `"ValidityStartTime":1767225600.0,"ValidityEndTime":1798761600.0`,
	} {
		keys, err := readKeys([]string{write(`{"PublicKeyList":[{"Fingerprint":"f","Value":"AQID",` + times + `}]}`)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if k := keys[0]; k.Fingerprint != "f" || string(k.DER) != "\x01\x02\x03" || !k.From.Equal(from) || !k.Until.Equal(from.AddDate(1, 0, 0)) {
			t.Errorf("%s: read %+v", name, k)
		}
	}
	for name, text := range map[string]string{"no keys": `{}`, "no JSON": `-----BEGIN`, "no base64": `{"PublicKeyList":[{"Fingerprint":"f","Value":"?"}]}`} {
		if _, err := readKeys([]string{write(text)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
