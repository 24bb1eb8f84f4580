package trail

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// CloudTrail signs, every hour and for each region, a list of the log files that it delivered with their hashes, and
// in it the hash and signature of the list before: a chain. How to check one:
// docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-custom-validation.html
// docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html

// A digestFile is what matters of one digest file. Strings of it come from the file and are not to be trusted before
// the signature is.
type digestFile struct {
	file        int    // index of the file it was read from
	object      string // bucket/key that it was delivered to
	chain       string // what all digests of one trail and region have in common
	start, end  string // as written: the end is part of what is signed
	ended       time.Time
	fingerprint string // of the public key
	previous    string // bucket/key of the digest before; empty for the first of a chain
	prevHash    string
	prevSign    string
	logs        []digestedLog
}

type digestedLog struct {
	name string // last part of the key, without .gz
	hash [32]byte
}

// parseDigest understands a digest file, which the sink's digest function is given. file is the index in the files
// that verifyDigests gets. An error says why it is none.
func parseDigest(file int, raw []byte) (*digestFile, error) {
	var d struct {
		Start       string  `json:"digestStartTime"`
		End         string  `json:"digestEndTime"`
		Bucket      string  `json:"digestS3Bucket"`
		Object      string  `json:"digestS3Object"`
		Fingerprint string  `json:"digestPublicKeyFingerprint"`
		Algorithm   string  `json:"digestSignatureAlgorithm"`
		PrevBucket  *string `json:"previousDigestS3Bucket"`
		PrevObject  *string `json:"previousDigestS3Object"`
		PrevHash    *string `json:"previousDigestHashValue"`
		PrevSign    *string `json:"previousDigestSignature"`
		Logs        []struct {
			Object    string `json:"s3Object"`
			Hash      string `json:"hashValue"`
			Algorithm string `json:"hashAlgorithm"`
		} `json:"logFiles"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	ended, err := time.Parse(time.RFC3339, d.End)
	if err != nil || d.Bucket == "" || d.Object == "" {
		return nil, fmt.Errorf("digest: no digestS3Bucket, digestS3Object or digestEndTime")
	}
	if d.Algorithm != "" && d.Algorithm != "SHA256withRSA" {
		return nil, fmt.Errorf("digest: signed by %s, and only SHA256withRSA is known", clip(d.Algorithm))
	}
	out := &digestFile{file: file, object: d.Bucket + "/" + d.Object, chain: chainOf(d.Object), start: d.Start, end: d.End, ended: ended.UTC(), fingerprint: d.Fingerprint}
	if d.PrevBucket != nil && d.PrevObject != nil {
		out.previous = *d.PrevBucket + "/" + *d.PrevObject
	}
	if d.PrevHash != nil {
		out.prevHash = strings.ToLower(*d.PrevHash)
	}
	if d.PrevSign != nil {
		out.prevSign = *d.PrevSign
	}
	for _, l := range d.Logs {
		log := digestedLog{name: strings.Clone(logName(l.Object))}
		if n, err := hex.Decode(log.hash[:], []byte(l.Hash[:min(len(l.Hash), 64)])); err != nil || n != 32 || len(l.Hash) != 64 {
			return nil, fmt.Errorf("digest: hash %q is no SHA-256", clip(l.Hash))
		}
		out.logs = append(out.logs, log)
	}
	return out, nil
}

// chainOf takes the time off a digest's key: account_CloudTrail-Digest_region_trail_region_time.json.gz. Those
// delivered later for late logs end in _backfill and are a chain of their own.
func chainOf(object string) string {
	name := logName(object)
	name, late := strings.CutSuffix(name, "_backfill.json")
	if i := strings.LastIndexByte(name, '_'); i >= 0 {
		name = name[:i]
	}
	if late {
		name += lateChain
	}
	return name
}

const lateChain = "_backfill"

// logName gives what a file is known by however it is stored: the last part of its path, without what a compression
// adds. CloudTrail's names hold account, region, time and a random part.
func logName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	for _, ending := range []string{".gz", ".zst", ".gzip"} {
		name = strings.TrimSuffix(name, ending)
	}
	return name
}

// A digestChain is the digests of one trail and region, oldest first.
type digestChain []*digestFile

// chains sorts digests into chains and leaves out further copies of one (same place, same content).
func chains(digests []*digestFile, hash func(file int) ([32]byte, error)) []digestChain {
	type key struct {
		object string
		hash   [32]byte
	}
	seen := map[key]bool{}
	by := map[string]digestChain{}
	for _, d := range digests {
		h, _ := hash(d.file) // what cannot be read is said where it is checked
		if k := (key{d.object, h}); !seen[k] {
			seen[k] = true
			by[d.chain] = append(by[d.chain], d)
		}
	}
	var out []digestChain
	for _, c := range by {
		slices.SortFunc(c, func(a, b *digestFile) int {
			return cmp.Or(a.ended.Compare(b.ended), cmp.Compare(a.object, b.object), cmp.Compare(a.file, b.file))
		})
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b digestChain) int { return cmp.Compare(a[0].chain, b[0].chain) })
	return out
}
