package casefile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// S3API is what S3 needs of the SDK's client.
type S3API interface {
	PutObject(context.Context, *s3.PutObjectInput, ...func(*s3.Options)) (*s3.PutObjectOutput, error)
	GetObject(context.Context, *s3.GetObjectInput, ...func(*s3.Options)) (*s3.GetObjectOutput, error)
	ListObjectsV2(context.Context, *s3.ListObjectsV2Input, ...func(*s3.Options)) (*s3.ListObjectsV2Output, error)
}

// S3 is a Store in a bucket. The fields are set before first use.
//
// Create-once is If-None-Match: * on PutObject: 412 where the key exists, 409 where two conditional writes met,
// which is to be tried again (docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html). S3 is
// strongly consistent: what is written is read and listed at once.
//
// BUG(cordon): in a versioned bucket without Object Lock, somebody who may delete can put a delete marker on a
// key, and the key can then be created again. Under Object Lock the old version stays.
//
// It needs s3:PutObject, s3:GetObject and s3:ListBucket; without the last, S3 answers 403 and not 404 for a
// key that does not exist, and no journal could be read to its end. LockMode needs s3:PutObjectRetention.
type S3 struct {
	Owner     string               // account that must own the bucket; not checked when empty
	LockMode  types.ObjectLockMode // Object Lock on every file of the case; the bucket must have it enabled
	LockUntil time.Time

	client S3API
	bucket string
	prefix string
	pause  func(ctx context.Context, attempt int) error
}

// NewS3 returns the store under prefix in a bucket.
func NewS3(client S3API, bucket, prefix string) *S3 {
	return &S3{client: client, bucket: bucket, prefix: strings.Trim(prefix, "/"), pause: backOff}
}

// Location is the s3:// URL of the case.
func (s *S3) Location() string { return "s3://" + path.Join(s.bucket, s.prefix) }

func (s *S3) key(name string) string {
	if s.prefix == "" {
		return name
	}
	return s.prefix + "/" + name
}

func (s *S3) owner() *string {
	if s.Owner == "" {
		return nil
	}
	return aws.String(s.Owner)
}

// putTries bounds Create: about ten seconds with the pauses between.
const putTries = 8

// Create puts an object that did not exist.
//
// The SDK's own retries are off: after a 500 or a timeout the object may have been written, and a retry would
// be answered 412 as if somebody else had been first. Instead the object is read back and its bytes compared.
func (s *S3) Create(ctx context.Context, name string, data []byte) error {
	if err := errors.Join(ctx.Err(), checkName(name)); err != nil {
		return err
	}
	unknown := false
	for attempt := 1; ; attempt++ {
		err := s.put(ctx, name, data)
		switch {
		case err == nil:
			return nil
		case statusOf(err) == http.StatusPreconditionFailed:
			return s.exists(ctx, name, data, unknown)
		case refused(err):
			return fmt.Errorf("writing %s: %w", name, err)
		}
		// A conflict is the one failure that says for certain that this write was not made.
		if statusOf(err) != http.StatusConflict {
			unknown = true
			written, readErr := s.settle(ctx, name, data)
			if written || errors.Is(readErr, ErrExist) {
				return readErr
			}
		}
		if attempt == putTries {
			return fmt.Errorf("writing %s, tried %d times: %w", name, attempt, err)
		}
		if pauseErr := s.pause(ctx, attempt); pauseErr != nil {
			return fmt.Errorf("writing %s: %w", name, errors.Join(err, pauseErr))
		}
	}
}

func (s *S3) put(ctx context.Context, name string, data []byte) error {
	sum := sha256.Sum256(data)
	in := &s3.PutObjectInput{
		Bucket:              aws.String(s.bucket),
		Key:                 aws.String(s.key(name)),
		Body:                bytes.NewReader(data),
		ContentLength:       aws.Int64(int64(len(data))),
		ContentType:         aws.String(contentType(name)),
		IfNoneMatch:         aws.String("*"),
		ChecksumAlgorithm:   types.ChecksumAlgorithmSha256,
		ChecksumSHA256:      aws.String(base64.StdEncoding.EncodeToString(sum[:])),
		ExpectedBucketOwner: s.owner(),
	}
	if s.LockMode != "" {
		in.ObjectLockMode = s.LockMode
		in.ObjectLockRetainUntilDate = aws.Time(s.LockUntil)
	}
	_, err := s.client.PutObject(ctx, in, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	return err
}

// exists answers a 412. After an attempt of unknown outcome it may be our own write that stands in the way.
func (s *S3) exists(ctx context.Context, name string, data []byte, unknown bool) error {
	if unknown {
		written, err := s.settle(ctx, name, data)
		if written || err != nil {
			return err
		}
	}
	return fmt.Errorf("writing %s: %w", name, ErrExist)
}

// settle reads back after an unknown outcome: written when our bytes are there, ErrExist when others are. An
// error of reading leaves the outcome unknown.
func (s *S3) settle(ctx context.Context, name string, data []byte) (written bool, err error) {
	got, err := s.Read(ctx, name)
	switch {
	case errors.Is(err, ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading back %s: %w", name, err)
	case bytes.Equal(got, data):
		return true, nil
	default:
		return false, fmt.Errorf("writing %s: %w", name, ErrExist)
	}
}

// Read gets an object. The SDK compares it with the checksum it was stored with.
func (s *S3) Read(ctx context.Context, name string) ([]byte, error) {
	if err := errors.Join(ctx.Err(), checkName(name)); err != nil {
		return nil, err
	}
	out, err := s.client.GetObject(ctx, &s3.GetObjectInput{
		Bucket:              aws.String(s.bucket),
		Key:                 aws.String(s.key(name)),
		ChecksumMode:        types.ChecksumModeEnabled,
		ExpectedBucketOwner: s.owner(),
	})
	if codeOf(err) == "NoSuchKey" {
		return nil, fmt.Errorf("reading %s: %w", name, ErrNotExist)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, sizeLimit(name)+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(data)) > sizeLimit(name) {
		return nil, tooLarge(name)
	}
	return data, nil
}

// List names the objects directly under dir.
func (s *S3) List(ctx context.Context, dir string) ([]string, error) {
	if err := errors.Join(ctx.Err(), checkName(dir)); err != nil {
		return nil, err
	}
	pages := s3.NewListObjectsV2Paginator(s.client, &s3.ListObjectsV2Input{
		Bucket:              aws.String(s.bucket),
		Prefix:              aws.String(s.key(dir) + "/"),
		Delimiter:           aws.String("/"),
		ExpectedBucketOwner: s.owner(),
	}, func(o *s3.ListObjectsV2PaginatorOptions) { o.StopOnDuplicateToken = true })
	var names []string
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing %s: %w", dir, err)
		}
		for _, o := range page.Contents {
			names = append(names, s.name(aws.ToString(o.Key)))
		}
		for _, p := range page.CommonPrefixes {
			names = append(names, s.name(aws.ToString(p.Prefix)))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (s *S3) name(key string) string { return strings.TrimPrefix(key, s.key("")) }

func contentType(name string) string {
	switch {
	case strings.HasSuffix(name, ".json"):
		return "application/json"
	case strings.HasPrefix(name, journalFolder+"/"):
		return "text/plain; charset=utf-8"
	default:
		// Evidence is the attacker's: nothing may guess what it is and show it.
		return "application/octet-stream"
	}
}

func statusOf(err error) int {
	if r, ok := errors.AsType[interface {
		error
		HTTPStatusCode() int
	}](err); ok {
		return r.HTTPStatusCode()
	}
	switch codeOf(err) {
	case "PreconditionFailed":
		return http.StatusPreconditionFailed
	case "ConditionalRequestConflict":
		return http.StatusConflict
	}
	return 0
}

func codeOf(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}

// refused says that S3 has looked at a request and declined it, so that nothing was written and trying again
// is no use. Throttling and timeouts of the request are not that.
func refused(err error) bool {
	switch status := statusOf(err); status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return false
	default:
		return 400 <= status && status < 500 && codeOf(err) != "RequestTimeout"
	}
}

// backOff waits 50 ms, 100 ms… up to 2 s.
func backOff(ctx context.Context, attempt int) error {
	t := time.NewTimer(min(50*time.Millisecond<<(attempt-1), 2*time.Second))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
