package casefile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// fakeS3 is a bucket with conditional writes, in pages of three. It refuses what S3 would refuse of a store
// that must never overwrite.
type fakeS3 struct {
	mu      sync.Mutex
	objects map[string][]byte
	puts    []*s3.PutObjectInput

	// before and after may fail a call, before and after its effect; attempt counts the calls of one operation.
	before func(op, key string, attempt int) error
	after  func(op, key string, attempt int) error
	calls  map[string]int
}

func newFakeS3() *fakeS3 { return &fakeS3{objects: map[string][]byte{}, calls: map[string]int{}} }

// httpError is an error as the SDK makes it of an answer.
func httpError(status int, code string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "Op", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: code},
		},
	}}
}

func (f *fakeS3) call(op, key string, effect func() error) error {
	f.mu.Lock()
	f.calls[op+key]++
	attempt := f.calls[op+key]
	f.mu.Unlock()
	if f.before != nil {
		if err := f.before(op, key, attempt); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := effect()
	f.mu.Unlock()
	if err != nil {
		return err
	}
	if f.after != nil {
		return f.after(op, key, attempt)
	}
	return nil
}

func (f *fakeS3) PutObject(_ context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	var o s3.Options
	for _, opt := range opts {
		opt(&o)
	}
	data, err := io.ReadAll(in.Body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	switch {
	case o.RetryMaxAttempts != 1:
		return nil, errors.New("the SDK would retry a conditional write")
	case aws.ToString(in.IfNoneMatch) != "*":
		return nil, errors.New("an unconditional write")
	case in.ChecksumAlgorithm != types.ChecksumAlgorithmSha256 || aws.ToString(in.ChecksumSHA256) != base64.StdEncoding.EncodeToString(sum[:]):
		return nil, httpError(400, "BadDigest")
	}
	key := aws.ToString(in.Key)
	err = f.call("put", key, func() error {
		if _, ok := f.objects[key]; ok {
			return httpError(412, "PreconditionFailed")
		}
		f.objects[key] = data
		f.puts = append(f.puts, in)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &s3.PutObjectOutput{}, nil
}

func (f *fakeS3) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	var data []byte
	key := aws.ToString(in.Key)
	err := f.call("get", key, func() error {
		var ok bool
		if data, ok = f.objects[key]; !ok {
			return &types.NoSuchKey{}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &s3.GetObjectOutput{Body: io.NopCloser(bytes.NewReader(data))}, nil
}

func (f *fakeS3) ListObjectsV2(_ context.Context, in *s3.ListObjectsV2Input, _ ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	out := &s3.ListObjectsV2Output{}
	prefix, delimiter := aws.ToString(in.Prefix), aws.ToString(in.Delimiter)
	err := f.call("list", prefix, func() error {
		seen := map[string]bool{}
		for _, key := range slices.Sorted(maps.Keys(f.objects)) {
			rest, ok := strings.CutPrefix(key, prefix)
			if !ok {
				continue
			}
			if folder, _, nested := strings.Cut(rest, delimiter); nested {
				rest = folder + delimiter
			}
			seen[prefix+rest] = true
		}
		for _, key := range slices.Sorted(maps.Keys(seen)) {
			if key <= aws.ToString(in.ContinuationToken) {
				continue
			}
			if len(out.Contents)+len(out.CommonPrefixes) == 3 {
				out.IsTruncated = aws.Bool(true)
				break
			}
			out.NextContinuationToken = aws.String(key)
			if strings.HasSuffix(key, delimiter) {
				out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: aws.String(key)})
				continue
			}
			out.Contents = append(out.Contents, types.Object{Key: aws.String(key)})
		}
		if !aws.ToBool(out.IsTruncated) {
			out.NextContinuationToken = nil
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// newTestS3 is a store on a fake bucket that does not wait between attempts.
func newTestS3(f *fakeS3) *S3 {
	s := NewS3(f, "bucket", "/cases/one/")
	s.pause = func(ctx context.Context, _ int) error { return ctx.Err() }
	return s
}

var errTimeout = fmt.Errorf("no answer: %w", context.DeadlineExceeded)
