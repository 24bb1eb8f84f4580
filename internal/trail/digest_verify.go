package trail

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
)

// What DigestResult.Status says, the worst first: what is proved to be wrong, what is not there, what is not proved.
const (
	digestMismatch = "mismatch"    // a hash or a signature is wrong: the file was changed
	digestGap      = "gap"         // the digest before it is not there, and older ones are
	digestMissing  = "missing-log" // log files that it lists are not among those read
	digestUnopened = "unopened"    // it, or a log file that it lists, could not be opened again: nothing is proved
	digestHashes   = "hashes-only" // hashes are right; no signature, or no public key for it, is at hand
	digestVerified = "verified"    // signature and hashes are right
)

// verifyDigests checks digest files against each other, against the log files that they list, and against the
// public keys. digests are those that parseDigest made while files were read; their indexes point into files. Only
// the digests and the files that they list are opened again, a few side by side, each hashed as it streams. An error
// is one of ctx.
//
// The signature of a digest is not in it but in its S3 object's metadata, and once more in the digest that follows.
// So the newest of a chain can be no more than hashes-only here.
func verifyDigests(ctx context.Context, digests []*digestFile, files []File, keys []PublicKey) ([]DigestResult, error) {
	v := &verifier{files: files, keys: keys, named: map[string][]int{}, hashes: map[int]*contentHash{}}
	for _, d := range digests {
		v.hashes[d.file] = &contentHash{}
		for _, l := range d.logs {
			v.named[l.name] = nil
		}
	}
	for i, f := range files {
		name := logName(f.Name)
		if list, listed := v.named[name]; listed {
			v.named[name] = append(list, i)
			v.hashes[i] = &contentHash{}
		}
	}
	if err := v.hashAll(ctx); err != nil {
		return nil, err
	}
	var out []DigestResult
	for _, c := range chains(digests, v.hash) {
		for i := range c {
			status, detail := v.check(c, i)
			out = append(out, DigestResult{File: files[c[i].file].Name, Status: status, Detail: detail})
		}
	}
	return out, nil
}

type verifier struct {
	files  []File
	keys   []PublicKey
	named  map[string][]int // files by name, for the names that digests list
	hashes map[int]*contentHash
}

type contentHash struct {
	sum [32]byte
	err error
}

var errUnopened = errors.New("open it again")

// ofError gives the status of what cannot be hashed: what opens and does not unpack is not what was delivered.
func ofError(err error) string {
	if errors.Is(err, errUnopened) {
		return digestUnopened
	}
	return digestMismatch
}

// maxHashed bounds what is unpacked of one file. CloudTrail's log files are at most 50 MB packed.
const maxHashed = 16 << 30

func (v *verifier) hashAll(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, h := range v.hashes {
		g.Go(func() error {
			h.sum, h.err = hashContent(ctx, v.files[i])
			return ctx.Err()
		})
	}
	return g.Wait()
}

// hashContent gives the SHA-256 of what a file holds once unpacked, which is what digests hold.
func hashContent(ctx context.Context, f File) (sum [32]byte, err error) {
	r, err := f.Open()
	if err != nil {
		return sum, fmt.Errorf("%w: %w", errUnopened, err)
	}
	defer r.Close()
	plain, done, err := unpacked(r)
	if err != nil {
		return sum, fmt.Errorf("unpack it: %w", err)
	}
	defer done()
	h := sha256.New()
	buffer := make([]byte, 256<<10)
	for n := int64(0); ; {
		m, err := plain.Read(buffer)
		h.Write(buffer[:m])
		if n += int64(m); n > maxHashed {
			return sum, fmt.Errorf("more than %d GiB unpacked", maxHashed>>30)
		}
		if err == io.EOF {
			return [32]byte(h.Sum(nil)), nil
		}
		if err != nil {
			return sum, fmt.Errorf("unpack it: %w", err)
		}
		if err := ctx.Err(); err != nil {
			return sum, err
		}
	}
}

// unpacked gives what a file holds, and what is to be called after reading it.
func unpacked(r io.Reader) (io.Reader, func(), error) {
	in := bufio.NewReaderSize(r, 64<<10)
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(in)
		return z, func() {}, err
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}
	return in, func() {}, nil
}

func (v *verifier) hash(file int) ([32]byte, error) { return v.hashes[file].sum, v.hashes[file].err }

// check judges digest i of a chain. The worst that is found counts.
func (v *verifier) check(c digestChain, i int) (status, detail string) {
	d := c[i]
	if _, err := v.hash(d.file); err != nil {
		return ofError(err), err.Error()
	}
	for _, next := range c[i+1:] {
		if next.previous == d.object && next.prevHash != v.hex(d) {
			return digestMismatch, "the next digest names another hash for it: this file was changed"
		}
	}
	signature, why := v.signature(c, i)
	if signature == digestMismatch {
		return signature, why
	}
	missing, status, wrong := v.logs(d)
	switch {
	case status == digestMismatch:
		return status, wrong
	case gap(c, i) != "":
		return digestGap, gap(c, i)
	case missing != "":
		return digestMissing, missing
	case status != "":
		return status, wrong
	}
	return signature, why
}

func (v *verifier) hex(d *digestFile) string {
	sum, _ := v.hash(d.file)
	return hex.EncodeToString(sum[:])
}

// gap says what is not there before digest i. The oldest at hand may have any before it.
func gap(c digestChain, i int) string {
	d := c[i]
	if i == 0 || slices.ContainsFunc(c[:i], func(o *digestFile) bool { return o.object == d.previous }) {
		return ""
	}
	last := c[i-1]
	if last.object == d.object {
		return "" // two contents for one place: one of them is a mismatch
	}
	if d.previous == "" && strings.HasSuffix(d.chain, lateChain) {
		return "" // nothing says that these follow one another
	}
	if d.previous == "" {
		return fmt.Sprintf("a new chain begins here: log files from %s to %s are in no digest, as after logging or validation was turned off", last.end, d.start)
	}
	return fmt.Sprintf("the digest before it is not here: %s. Log files from %s to %s cannot be checked", logName(d.previous), last.end, d.start)
}

// logs compares the log files that d lists with those that were read. status is that of the worst of them that is not
// as it should be, and empty where there is none.
func (v *verifier) logs(d *digestFile) (missing, status, wrong string) {
	absent, first := 0, ""
	for _, l := range d.logs {
		if len(v.named[l.name]) == 0 {
			if absent++; first == "" {
				first = l.name
			}
		}
		for _, f := range v.named[l.name] {
			sum, err := v.hash(f)
			switch {
			case err == nil && sum != l.hash:
				return "", digestMismatch, fmt.Sprintf("log file %s is not as it was delivered", v.files[f].Name)
			case err != nil && status != digestMismatch:
				status, wrong = ofError(err), fmt.Sprintf("log file %s: %v", v.files[f].Name, err)
			}
		}
	}
	if absent > 0 {
		missing = fmt.Sprintf("%d of %d log files are not among those read, the first %s", absent, len(d.logs), first)
	}
	return missing, status, wrong
}

// signature checks the signature of digest i, which the one after it holds.
func (v *verifier) signature(c digestChain, i int) (status, why string) {
	d := c[i]
	n := slices.IndexFunc(c[i+1:], func(next *digestFile) bool { return next.previous == d.object && next.prevSign != "" })
	if n < 0 {
		return digestHashes, "its signature is in the S3 object's metadata or the next digest, and neither is at hand"
	}
	key, why := v.key(d)
	if key == nil {
		return digestHashes, why
	}
	signature, err := hex.DecodeString(c[i+1+n].prevSign)
	if err != nil {
		return digestMismatch, "what the next digest holds as its signature is none"
	}
	signed := sha256.Sum256([]byte(d.toSign(v.hex(d))))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, signed[:], signature); err != nil {
		return digestMismatch, "the signature is wrong: this digest, or the next, is not CloudTrail's"
	}
	return digestVerified, ""
}

// toSign is what CloudTrail signs. The first of a chain has "null" for the signature before.
func (d *digestFile) toSign(hash string) string {
	previous := d.prevSign
	if previous == "" {
		previous = "null"
	}
	return strings.Join([]string{d.end, d.object, hash, previous}, "\n")
}

// key finds the public key that d names, or says why there is none.
func (v *verifier) key(d *digestFile) (*rsa.PublicKey, string) {
	why := fmt.Sprintf("the public key %s is not at hand: aws cloudtrail list-public-keys, for the region and time", clip(d.fingerprint))
	for _, k := range v.keys {
		if !strings.EqualFold(k.Fingerprint, d.fingerprint) {
			continue
		}
		if !k.From.IsZero() && d.ended.Before(k.From) || !k.Until.IsZero() && d.ended.After(k.Until) {
			why = fmt.Sprintf("the public key %s was not in use at that time", clip(d.fingerprint))
			continue
		}
		key, err := x509.ParsePKCS1PublicKey(k.DER)
		if err != nil {
			why = fmt.Sprintf("the public key %s cannot be read: %v", clip(d.fingerprint), err)
			continue
		}
		return key, ""
	}
	return nil, why
}
