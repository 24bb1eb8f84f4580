package casefile

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// keyName is the name in the keys that cordon makes. It says nothing about who holds them: who acted is in the
// entries.
const keyName = "cordon"

// Signer signs journal entries with an Ed25519 key.
type Signer struct {
	signer   note.Signer
	verifier string
}

// NewSigner makes a key that is kept nowhere.
func NewSigner(name string, random io.Reader) (*Signer, error) {
	secret, err := newSecret(name, random)
	if err != nil {
		return nil, err
	}
	return parseSecret(secret)
}

// VerifierKey is the public key in the encoding of golang.org/x/mod/sumdb/note.
func (s *Signer) VerifierKey() string { return s.verifier }

// LoadOrCreateKey reads the signing key at path and makes it on first use. Two processes that both find none
// end with the same key: the file is created once, and the loser reads the winner's.
func LoadOrCreateKey(path string, random io.Reader) (*Signer, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("locating the signing key: %w", err)
	}
	return loadOrCreateKey(osFS{root: filepath.Dir(path)}, path, random)
}

func loadOrCreateKey(disk fileSystem, path string, random io.Reader) (*Signer, error) {
	s, err := loadKey(disk, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	secret, err := newSecret(keyName, random)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(path)
	if err := makeFolders(disk, folder); err != nil {
		return nil, fmt.Errorf("making the folder of the signing key: %w", err)
	}
	err = writeOnce(disk, folder, filepath.Base(path), []byte(secret+"\n"), 0o600)
	if err != nil && !errors.Is(err, ErrExist) {
		return nil, fmt.Errorf("writing the signing key: %w", err)
	}
	return loadKey(disk, path)
}

func loadKey(disk fileSystem, path string) (*Signer, error) {
	f, err := disk.open(path)
	if err != nil {
		return nil, fmt.Errorf("opening the signing key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at the signing key: %w", err)
	}
	// Windows keeps no such bits; there the folder's access list decides.
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode&0o077 != 0 {
		return nil, fmt.Errorf("signing key %s is open to others (mode %04o): remove it, or make it 0600 if nobody has read it", path, mode)
	}
	data, err := io.ReadAll(io.LimitReader(f, 4096))
	if err != nil {
		return nil, fmt.Errorf("reading the signing key: %w", err)
	}
	s, err := parseSecret(strings.TrimSuffix(string(data), "\n"))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", path, err)
	}
	return s, nil
}

func newSecret(name string, random io.Reader) (string, error) {
	// GenerateKey of crypto/ed25519 may ignore the reader it is given; a seed read here makes drills repeatable.
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("reading randomness for a signing key: %w", err)
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	verifier, err := note.NewEd25519VerifierKey(name, public)
	if err != nil {
		return "", fmt.Errorf("encoding a signing key: %w", err)
	}
	hash, err := keyHash(verifier)
	if err != nil {
		return "", err
	}
	secret := append([]byte{algorithmEd25519}, seed...)
	return "PRIVATE+KEY+" + name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(secret), nil
}

// algorithmEd25519 is the byte before the key in note's encodings.
const algorithmEd25519 = 1

func parseSecret(secret string) (*Signer, error) {
	signer, err := note.NewSigner(secret)
	if err != nil {
		// The error of note does not quote the key, and neither may this one.
		return nil, fmt.Errorf("reading a signing key: %w", err)
	}
	_, encoded, _ := strings.Cut(strings.TrimPrefix(secret, "PRIVATE+KEY+"+signer.Name()+"+"), "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return nil, errors.New("reading a signing key: not an Ed25519 key")
	}
	public := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	verifier, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, fmt.Errorf("reading a signing key: %w", err)
	}
	return &Signer{signer: signer, verifier: verifier}, nil
}

// parseVerifierKey reads a verifier key and refuses every spelling but the one that note itself writes, so
// that two texts are two keys.
func parseVerifierKey(key string) (note.Verifier, error) {
	if len(key) > 512 {
		return nil, errors.New("verifier key is too long")
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("verifier key %q: %w", key, err)
	}
	_, encoded, _ := strings.Cut(strings.TrimPrefix(key, v.Name()+"+"), "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) != 1+ed25519.PublicKeySize {
		return nil, fmt.Errorf("verifier key %q: not an Ed25519 key", key)
	}
	again, err := note.NewEd25519VerifierKey(v.Name(), ed25519.PublicKey(raw[1:]))
	if err != nil || again != key {
		return nil, fmt.Errorf("verifier key %q: not in its usual spelling", key)
	}
	return v, nil
}

func keyHash(verifier string) (string, error) {
	v, err := parseVerifierKey(verifier)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%08x", v.KeyHash()), nil
}
