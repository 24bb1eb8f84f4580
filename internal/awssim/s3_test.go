package awssim

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func checksum(body string) *string {
	sum := sha256.Sum256([]byte(body))
	return aws.String(base64.StdEncoding.EncodeToString(sum[:]))
}

// TestObjectInParts: a broken answer is taken up by a range, of the same object; what is archived is not given.
func TestObjectInParts(t *testing.T) {
	s := newScene(t)
	s.AddBucket(Bucket{Name: "logs", Region: testRegion})
	c := s3.NewFromConfig(s.cfg)
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("logs"), Key: aws.String("k"), Body: strings.NewReader("0123456789")})
	ok(t, err)
	version := func(change func(*ObjectVersion)) {
		s.Do(func(a *Account) { change(&a.S3.Objects["logs/k"].Versions[0]) })
	}
	version(func(v *ObjectVersion) { v.Breaks = 1 })
	in := &s3.GetObjectInput{Bucket: aws.String("logs"), Key: aws.String("k")}
	got, err := c.GetObject(ctx, in)
	ok(t, err)
	half, err := io.ReadAll(got.Body)
	if string(half) != "01234" || err == nil {
		t.Errorf("the broken answer gives %q, %v", half, err)
	}
	in.Range, in.IfMatch = aws.String("bytes=5-"), got.ETag
	got, err = c.GetObject(ctx, in)
	ok(t, err)
	rest, err := io.ReadAll(got.Body)
	ok(t, err)
	if string(rest) != "56789" {
		t.Errorf("the rest is %q", rest)
	}

	in.IfMatch = aws.String("other")
	_, err = c.GetObject(ctx, in)
	wantCode(t, err, "PreconditionFailed")
	in.IfMatch, in.Range = nil, aws.String("bytes=10-")
	_, err = c.GetObject(ctx, in)
	wantCode(t, err, "InvalidRange")
	version(func(v *ObjectVersion) { v.Archived = true })
	in.Range = nil
	_, err = c.GetObject(ctx, in)
	wantCode(t, err, "InvalidObjectState")
}

func TestObjectIsCreatedOnce(t *testing.T) {
	s := newScene(t)
	s.AddBucket(Bucket{Name: "evidence", Region: testRegion, ObjectLock: true, LockMode: types.ObjectLockModeGovernance, LockDays: 30})
	c := s3.NewFromConfig(s.cfg)
	put := func(body string) error {
		_, err := c.PutObject(ctx, &s3.PutObjectInput{
			Bucket: aws.String("evidence"), Key: aws.String("case/journal/000001"), Body: strings.NewReader(body),
			IfNoneMatch: aws.String("*"), ChecksumSHA256: checksum(body), Metadata: map[string]string{"nonce": "n1"},
		})
		return err
	}
	ok(t, put("first"))
	wantCode(t, put("second"), "PreconditionFailed")
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("evidence"), Key: aws.String("case/journal/000001"), ChecksumMode: types.ChecksumModeEnabled})
	ok(t, err)
	body, err := io.ReadAll(got.Body)
	ok(t, err)
	if string(body) != "first" || *got.ChecksumSHA256 != *checksum("first") || got.Metadata["nonce"] != "n1" {
		t.Errorf("got %q, %s, %v", body, *got.ChecksumSHA256, got.Metadata)
	}
	head, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("evidence"), Key: aws.String("case/journal/000001")})
	ok(t, err)
	if head.ObjectLockMode != types.ObjectLockModeGovernance || !head.ObjectLockRetainUntilDate.Equal(s.now.AddDate(0, 0, 30)) || *head.ContentLength != 5 {
		t.Errorf("head: %+v", head)
	}
	wantNoViolation(t, s)
	_, err = c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("evidence"), Key: aws.String("case/journal/000001"), Body: strings.NewReader("over")})
	ok(t, err)
	if len(s.Violations()) != 1 {
		t.Errorf("writing over evidence: %q", s.Violations())
	}
}

func TestLostAnswerLeavesTheObjectAndTheRetryLoses(t *testing.T) {
	s := newScene(t)
	s.AddBucket(Bucket{Name: "evidence", Region: testRegion})
	s.SetHook(func(c Call) Fault {
		if c.N == 1 {
			return Fault{After: Reset()}
		}
		return Fault{}
	})
	c := s3.NewFromConfig(s.cfg)
	_, err := c.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String("evidence"), Key: aws.String("k"), Body: bytes.NewReader([]byte("mine")), IfNoneMatch: aws.String("*"), ChecksumSHA256: checksum("mine"),
	})
	wantCode(t, err, "PreconditionFailed")
	if n := len(s.Calls()); n != 2 {
		t.Errorf("%d attempts", n)
	}
}

func TestRefusalsOfS3(t *testing.T) {
	s := newScene(t)
	s.AddBucket(Bucket{Name: "plain", Region: testRegion})
	s.AddBucket(Bucket{Name: "far", Region: "us-east-1"})
	s.AddBucket(Bucket{Name: "foreign", Region: testRegion, Owner: "444455556666"})
	c := s3.NewFromConfig(s.cfg)
	get := func(bucket, key string) error {
		_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
		return err
	}
	wantCode(t, get("none", "k"), "NoSuchBucket")
	wantCode(t, get("plain", "k"), "NoSuchKey")
	wantCode(t, get("far", "k"), "PermanentRedirect")
	wantCode(t, get("foreign", "k"), "AccessDenied")
	_, err := c.HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("plain"), Key: aws.String("k")})
	wantCode(t, err, "NotFound")
	_, err = c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("plain"), ExpectedBucketOwner: aws.String("444455556666")})
	wantCode(t, err, "AccessDenied")
	put := func(change func(*s3.PutObjectInput)) error {
		in := &s3.PutObjectInput{Bucket: aws.String("plain"), Key: aws.String("k"), Body: strings.NewReader("body")}
		change(in)
		_, err := c.PutObject(ctx, in)
		return err
	}
	wantCode(t, put(func(in *s3.PutObjectInput) { in.ChecksumSHA256 = checksum("another body") }), "BadDigest")
	wantCode(t, put(func(in *s3.PutObjectInput) { in.IfNoneMatch = aws.String("etag") }), "NotImplemented")
	wantCode(t, put(func(in *s3.PutObjectInput) {
		in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockModeCompliance, aws.Time(s.now.Add(time.Hour))
	}), "InvalidRequest")
	wantCode(t, get("plain", "k"), "NoSuchKey")
}

func TestListingIsPagedAndRollsUpPrefixes(t *testing.T) {
	s := newScene(t)
	s.AddBucket(Bucket{Name: "evidence", Region: testRegion})
	s.AddBucket(Bucket{Name: "evidence2", Region: testRegion})
	c := s3.NewFromConfig(s.cfg)
	put := func(bucket, key string) {
		t.Helper()
		_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: strings.NewReader(key)})
		ok(t, err)
	}
	for i := range 5 {
		put("evidence", fmt.Sprintf("a/journal/%06d", i))
	}
	put("evidence", "b/case.json")
	put("evidence", "top")
	put("evidence2", "a/journal/999999")
	list := func(prefix, delimiter string) (keys, prefixes []string) {
		t.Helper()
		p := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: aws.String("evidence"), Prefix: aws.String(prefix), Delimiter: optional(delimiter)})
		for p.HasMorePages() {
			out, err := p.NextPage(ctx)
			ok(t, err)
			if *out.KeyCount > 2 {
				t.Errorf("a page of %d", *out.KeyCount)
			}
			for _, o := range out.Contents {
				keys = append(keys, *o.Key)
			}
			for _, p := range out.CommonPrefixes {
				prefixes = append(prefixes, *p.Prefix)
			}
		}
		return keys, prefixes
	}
	keys, _ := list("a/journal/", "")
	same(t, "journal", keys, []string{"a/journal/000000", "a/journal/000001", "a/journal/000002", "a/journal/000003", "a/journal/000004"})
	keys, prefixes := list("", "/")
	same(t, "top level", keys, []string{"top"})
	same(t, "prefixes", prefixes, []string{"a/", "b/"})
}
