package casefile

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestKeyFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "cordon", "key")
	first, err := LoadOrCreateKey(path, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadOrCreateKey(path, seeded(2))
	if err != nil || again.VerifierKey() != first.VerifierKey() {
		t.Errorf("loaded %v, %v; made %s", again, err, first.VerifierKey())
	}
	if runtime.GOOS == "windows" {
		return // which has no such modes
	}
	for name, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestRacingProcessesGetOneKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "key")
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			s, err := LoadOrCreateKey(path, seeded(byte(i)))
			if err != nil {
				t.Error(err)
				return
			}
			keys[i] = s.VerifierKey()
		})
	}
	wg.Wait()
	for _, k := range keys {
		if k != keys[0] {
			t.Errorf("two keys: %s and %s", keys[0], k)
		}
	}
}

func TestKeyFileOpenToOthersIsRefused(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	path := filepath.Join(t.TempDir(), "key")
	if _, err := LoadOrCreateKey(path, seeded(1)); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o610} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadOrCreateKey(path, seeded(1)); err == nil {
			t.Errorf("mode %04o was accepted", mode)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreateKey(path, seeded(1)); err != nil {
		t.Errorf("mode 0400: %v", err)
	}
}

// A key file that cannot be read is never replaced: the key in it has signed cases. Nor is it quoted.
func TestBrokenKeyFilesStay(t *testing.T) {
	secret, err := newSecret(keyName, seeded(1))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"empty": "", "cut": secret[:len(secret)-8], "no key": "hello\n", "two keys": secret + "\n" + secret + "\n", "large": strings.Repeat("x", 1<<20),
		"another algorithm": strings.Replace(secret, "+AT", "+BT", 1) + "x",
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := LoadOrCreateKey(path, seeded(2))
		if err == nil {
			t.Errorf("%s: loaded %s", name, s.VerifierKey())
			continue
		}
		if body := secret[len(secret)-20 : len(secret)-9]; strings.Contains(err.Error(), body) {
			t.Errorf("%s: the error quotes the key", name)
		}
		if kept, err := os.ReadFile(path); err != nil || string(kept) != content {
			t.Errorf("%s: the file was changed", name)
		}
	}
	if _, err := LoadOrCreateKey(filepath.Join(t.TempDir(), "key"), bytes.NewReader(nil)); err == nil {
		t.Error("a key was made without randomness")
	}
}

func TestKeyFileSurvivesEveryCrash(t *testing.T) {
	path := filepath.FromSlash("/home/ada/.local/state/cordon/key")
	for k := 1; ; k++ {
		disk := newRecording()
		disk.killAt = k
		var made *Signer
		wasKilled := func() (killedNow bool) {
			defer func() { killedNow = recover() != nil }()
			var err error
			if made, err = loadOrCreateKey(disk, path, seeded(1)); err != nil {
				t.Fatal(err)
			}
			return false
		}()
		disk.killAt = 0
		disk.powerCuts(everyLength, func(state string, after *recording) {
			s, err := loadOrCreateKey(after, path, seeded(2))
			if err != nil || made != nil && s.VerifierKey() != made.VerifierKey() {
				t.Fatalf("killed before operation %d, %s: %v, %v", k, state, s, err)
			}
		})
		if !wasKilled {
			return
		}
	}
}

func TestSignerIsANoteSigner(t *testing.T) {
	s := testSigner(t, 1)
	signed, err := note.Sign(&note.Note{Text: "x\n"}, s.signer)
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(s.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(signed, note.VerifierList(v)); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "a b", "a+b"} {
		if _, err := NewSigner(name, seeded(1)); err == nil {
			t.Errorf("a key with the name %q was made", name)
		}
	}
}

func TestVerifierKeysHaveOneSpelling(t *testing.T) {
	key := testSigner(t, 1).VerifierKey()
	if _, err := parseVerifierKey(key); err != nil {
		t.Fatal(err)
	}
	name, rest, _ := strings.Cut(key, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	for what, other := range map[string]string{
		"upper-case hash":     name + "+" + strings.ToUpper(hash) + "+" + encoded,
		"newline in base64":   name + "+" + hash + "+" + encoded[:4] + "\n" + encoded[4:],
		"newline at the end":  key + "\n",
		"another hash":        name + "+00000000+" + encoded,
		"another name":        "x" + key,
		"nothing":             "",
		"very long":           strings.Repeat("x", 1000) + key,
		"a key of two parts":  name + "+" + hash,
		"a secret for a key":  "PRIVATE+KEY+" + key,
		"an unknown encoding": name + "+" + hash + "+" + strings.Repeat("A", 44),
	} {
		if strings.ToUpper(hash) == hash && what == "upper-case hash" {
			t.Fatalf("this key's hash %s has no letters", hash)
		}
		if _, err := parseVerifierKey(other); err == nil {
			t.Errorf("%s: accepted %q", what, other)
		}
	}
}
