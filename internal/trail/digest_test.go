package trail

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// An archive is what CloudTrail would have delivered: log files, and a chain of signed digests of them.
type archive struct {
	key   *rsa.PrivateKey
	names []string // of files, in the order of delivery
	files map[string][]byte
}

const digestBucket = "trail-bucket"

func digestName(hour int) string {
	return fmt.Sprintf("AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2024/01/01/111122223333_CloudTrail-Digest_eu-west-1_main_eu-west-1_20240101T%02d0000Z.json.gz", hour)
}

func logFileName(hour, n int) string {
	return fmt.Sprintf("AWSLogs/111122223333/CloudTrail/eu-west-1/2024/01/01/111122223333_CloudTrail_eu-west-1_20240101T%02d05Z_%d.json.gz", hour, n)
}

// newArchive makes hours digests of two log files each. breaks are the hours at which a chain begins anew.
func newArchive(t *testing.T, hours int, breaks ...int) *archive {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	a := &archive{key: key, files: map[string][]byte{}}
	var hash, signature any // of the digest before
	for h := range hours {
		d := map[string]any{
			"awsAccountId": "111122223333", "digestStartTime": fmt.Sprintf("2024-01-01T%02d:00:00Z", h), "digestEndTime": fmt.Sprintf("2024-01-01T%02d:00:00Z", h+1),
			"digestS3Bucket": digestBucket, "digestS3Object": digestName(h), "digestPublicKeyFingerprint": "fp", "digestSignatureAlgorithm": "SHA256withRSA",
			"previousDigestS3Bucket": nil, "previousDigestS3Object": nil, "previousDigestHashValue": nil, "previousDigestSignature": nil,
		}
		if h > 0 && !slices.Contains(breaks, h) {
			d["previousDigestS3Bucket"], d["previousDigestS3Object"] = digestBucket, digestName(h-1)
			d["previousDigestHashValue"], d["previousDigestSignature"] = hash, signature
		}
		var logs []any
		for n := range 2 {
			text := fmt.Sprintf(`{"Records":[{"eventID":"%d-%d","eventName":"ListBuckets","eventSource":"s3.amazonaws.com","eventVersion":"1.08","eventTime":"2024-01-01T%02d:00:00Z"}]}`, h, n, h)
			sum := sha256.Sum256([]byte(text))
			logs = append(logs, map[string]any{"s3Bucket": digestBucket, "s3Object": logFileName(h, n), "hashValue": hex.EncodeToString(sum[:]), "hashAlgorithm": "SHA-256"})
			a.put(logFileName(h, n), gzipped([]byte(text)))
		}
		d["logFiles"] = logs
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		a.put(digestName(h), gzipped(raw))
		sum := sha256.Sum256(raw)
		hash = hex.EncodeToString(sum[:])
		previous := "null"
		if s, ok := d["previousDigestSignature"].(string); ok {
			previous = s
		}
		signed := sha256.Sum256([]byte(fmt.Sprintf("%s\n%s/%s\n%s\n%s", d["digestEndTime"], digestBucket, digestName(h), hash, previous)))
		raw, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, signed[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = hex.EncodeToString(raw)
	}
	return a
}

func (a *archive) put(name string, data []byte) {
	a.names = append(a.names, name)
	a.files[name] = data
}

func (a *archive) drop(name string) {
	delete(a.files, name)
	a.names = slices.DeleteFunc(a.names, func(n string) bool { return n == name })
}

func (a *archive) keys() []PublicKey {
	return []PublicKey{{Fingerprint: "fp", DER: x509.MarshalPKCS1PublicKey(&a.key.PublicKey)}}
}

// verify reads the digests as they are read among the logs and checks them.
func (a *archive) verify(t *testing.T, keys []PublicKey) []DigestResult {
	t.Helper()
	var files []File
	var digests []*digestFile
	for i, name := range a.names {
		data := a.files[name]
		files = append(files, File{Name: "/evidence/" + name, Open: func() (io.ReadCloser, error) {
			if data == nil {
				return nil, errors.New("denied")
			}
			return io.NopCloser(bytes.NewReader(data)), nil
		}})
		in, done, err := unpacked(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		_ = readShapes(in, &sink{ // a file that is cut is one of the trials
			record: func(int64, []byte) error { return nil },
			digest: func(_ int64, raw []byte) {
				d, err := parseDigest(i, raw)
				if err != nil {
					t.Fatal(err)
				}
				digests = append(digests, d)
			},
			problem: func(int64, string, string) {},
		})
		done()
	}
	out, err := verifyDigests(context.Background(), digests, files, keys)
	if err != nil {
		t.Fatal(err)
	}
	for i := range out {
		out[i].File = strings.TrimPrefix(out[i].File, "/evidence/")
	}
	return out
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

func statuses(results []DigestResult) string {
	var list []string
	for _, r := range results {
		list = append(list, r.Status)
	}
	return strings.Join(list, " ")
}

func TestDigests(t *testing.T) {
	change := func(from, to string, name string) func(*archive) {
		return func(a *archive) {
			z, _ := gzip.NewReader(bytes.NewReader(a.files[name]))
			plain, _ := io.ReadAll(z)
			if !bytes.Contains(plain, []byte(from)) {
				t.Fatalf("%s has no %q", name, from)
			}
			a.files[name] = gzipped(bytes.Replace(plain, []byte(from), []byte(to), 1))
		}
	}
	for _, c := range []struct {
		name string
		do   func(*archive)
		want string
		says string // of the first result that is neither verified nor hashes-only
	}{
		{"untouched", func(*archive) {}, "verified verified verified hashes-only", ""},
		{"packed anew", func(a *archive) { change("ListBuckets", "ListBuckets", logFileName(1, 0))(a) }, "verified verified verified hashes-only", ""},
		{"a log changed", change("ListBuckets", "GetBuckets", logFileName(1, 0)), "verified mismatch verified hashes-only", "not as it was delivered"},
		{"a log gone", func(a *archive) { a.drop(logFileName(2, 1)) }, "verified verified missing-log hashes-only", "1 of 2 log files"},
		{"a log cut", func(a *archive) { n := logFileName(1, 1); a.files[n] = a.files[n][:30] }, "verified mismatch verified hashes-only", "unexpected EOF"},
		{"a log that opens no more", func(a *archive) { a.files[logFileName(1, 1)] = nil }, "verified unopened verified hashes-only", "open it again: denied"},
		{"a digest changed", change("111122223333_CloudTrail_eu-west-1_20240101T0105Z_0", "other", digestName(1)), "verified mismatch verified hashes-only", "another hash"},
		{"the newest digest changed", change(`"fp"`, `"gq"`, digestName(3)), "verified verified verified hashes-only", ""},
		{"a digest gone", func(a *archive) { a.drop(digestName(1)) }, "hashes-only gap hashes-only", "not here: 111122223333_CloudTrail-Digest_eu-west-1_main_eu-west-1_20240101T010000Z.json"},
		{"a second, changed copy of a log", func(a *archive) {
			a.put("copies/"+logFileName(1, 0), a.files[logFileName(1, 0)])
			change("ListBuckets", "GetBuckets", "copies/"+logFileName(1, 0))(a)
		}, "verified mismatch verified hashes-only", "copies/"},
		{"a second copy of a digest", func(a *archive) { a.put("copies/"+digestName(1), a.files[digestName(1)]) }, "verified verified verified hashes-only", ""},
		{"files in another order", func(a *archive) { slices.Reverse(a.names) }, "verified verified verified hashes-only", ""},
	} {
		a := newArchive(t, 4)
		c.do(a)
		got := a.verify(t, a.keys())
		if statuses(got) != c.want {
			t.Errorf("%s: %s, not %s: %+v", c.name, statuses(got), c.want, got)
			continue
		}
		for _, r := range got {
			if r.Status != digestVerified && r.Status != digestHashes && !strings.Contains(r.Detail, c.says) {
				t.Errorf("%s: %+v does not say %q", c.name, r, c.says)
			}
		}
	}
}

// Validation that was turned off for a while leaves two chains.
func TestDigestChainBegunAnew(t *testing.T) {
	a := newArchive(t, 4, 2)
	got := a.verify(t, a.keys())
	if statuses(got) != "verified hashes-only gap hashes-only" || !strings.Contains(got[2].Detail, "a new chain begins") {
		t.Errorf("%s: %+v", statuses(got), got)
	}
}

// A signature counts only under the key that the digest names, while that is in use.
func TestDigestKeys(t *testing.T) {
	a := newArchive(t, 2)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := a.keys()[0]
	wrong, unnamed, old := good, good, good
	wrong.DER = x509.MarshalPKCS1PublicKey(&other.PublicKey)
	unnamed.Fingerprint = "another"
	old.Until = time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		keys []PublicKey
		want string
	}{
		"none": {nil, "hashes-only"}, "right": {[]PublicKey{unnamed, good}, "verified"}, "of another": {[]PublicKey{wrong}, "mismatch"},
		"another name": {[]PublicKey{unnamed}, "hashes-only"}, "out of use": {[]PublicKey{old}, "hashes-only"}, "rubbish": {[]PublicKey{{Fingerprint: "fp", DER: []byte("x")}}, "hashes-only"},
	} {
		if got := a.verify(t, c.keys); got[0].Status != c.want {
			t.Errorf("key %s: %+v", name, got)
		}
	}
}

func TestPublicKeysFrom(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	value := base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&key.PublicKey))
	for _, when := range []string{"1436313600.5", `"2015-07-08T00:00:00Z"`, `"2015-07-08T02:00:00.000000+02:00"`} {
		keys, err := PublicKeysFrom(strings.NewReader(`{"PublicKeyList":[{"Value":"` + value + `","Fingerprint":"fp","ValidityStartTime":` + when + `,"ValidityEndTime":null}]}`))
		if err != nil || len(keys) != 1 || keys[0].Fingerprint != "fp" || keys[0].From.Unix() != 1436313600 || !keys[0].Until.IsZero() {
			t.Errorf("%s: %+v, %v", when, keys, err)
		}
	}
	for _, bad := range []string{"", "{}", "[]", `{"PublicKeyList":[{"Value":"AAAA"}]}`, `{"PublicKeyList":[{"Value":"` + value + `","ValidityStartTime":"soon"}]}`,
		`{"PublicKeyList":[{"Value":"` + value + `","ValidityEndTime":{}}]}`} {
		if keys, err := PublicKeysFrom(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: %+v", bad, keys)
		}
	}
}

func TestParseDigestRefuses(t *testing.T) {
	for _, bad := range []string{"", "{}", `{"digestS3Object":"a","digestS3Bucket":"b"}`, `{"digestS3Object":"a","digestS3Bucket":"b","digestEndTime":"soon"}`,
		`{"digestS3Object":"a","digestS3Bucket":"b","digestEndTime":"2024-01-01T00:00:00Z","digestSignatureAlgorithm":"none"}`,
		`{"digestS3Object":"a","digestS3Object":"c","digestS3Bucket":"b","digestEndTime":"2024-01-01T00:00:00Z"}`,
		`{"digestS3Object":"a","digestS3Bucket":"b","digestEndTime":"2024-01-01T00:00:00Z","logFiles":[{"s3Object":"l","hashValue":"zz"}]}`} {
		if d, err := parseDigest(0, []byte(bad)); err == nil {
			t.Errorf("%s: %+v", bad, d)
		}
	}
}
