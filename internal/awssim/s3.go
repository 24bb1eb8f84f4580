package awssim

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// S3State is the buckets by name, and what lies in them by "bucket/key", each
// with its versions from the oldest to the newest. S3 is strongly consistent,
// so nothing here ever lags.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/Welcome.html#ConsistencyModel
type S3State struct {
	Buckets map[string]*Bucket `dump:"s3/bucket"`
	Objects map[string]*Object `dump:"s3/object"`
}

func newS3State() S3State {
	return S3State{Buckets: map[string]*Bucket{}, Objects: map[string]*Object{}}
}

// Bucket is an S3 bucket. One with Object Lock is versioned; LockMode and
// LockDays are the default retention of its new objects.
type Bucket struct {
	Name       string
	Region     string
	Owner      string // account
	Versioned  bool
	ObjectLock bool
	LockMode   types.ObjectLockMode
	LockDays   int
}

// Object is a key of a bucket.
type Object struct {
	Bucket, Key string
	Versions    []ObjectVersion
}

// ObjectVersion is one upload.
type ObjectVersion struct {
	ID          string `json:"-"`
	Body        []byte `json:"-"`
	SHA256      string // of the body, hex
	Checksum    string // base64, where the uploader gave or asked for SHA-256
	ContentType string
	Metadata    map[string]string
	Encryption  types.ServerSideEncryption
	Key         string `json:"KMSKey"`
	LockMode    types.ObjectLockMode
	LockUntil   time.Time
	LegalHold   bool
	Archived    bool      `json:"-"` // in a class that must be restored before it can be read
	Breaks      int       `json:"-"` // how many of the answers to come break off half-way
	Modified    time.Time `json:"-"`
}

func s3Handlers() []handler {
	return []handler{
		write(s3PutObject),
		read(s3GetObject),
		read(s3HeadObject),
		read(s3ListObjectsV2),
	}
}

// AddBucket puts a bucket in place, owned by the account unless said otherwise.
func (w *World) AddBucket(b Bucket) *Bucket {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.Owner == "" {
		b.Owner = w.account.ID
	}
	b.Versioned = b.Versioned || b.ObjectLock
	w.account.S3.Buckets[b.Name] = &b
	w.noteKnown()
	return &b
}

// If-None-Match takes "*" alone and answers 412 where the key is taken.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func s3PutObject(r *Request, in *s3.PutObjectInput) (*s3.PutObjectOutput, error) {
	b, err := findBucket(r, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil || in.WriteOffsetBytes != nil || in.IfNoneMatch != nil && *in.IfNoneMatch != "*" {
		return nil, failWith(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	}
	body, err := readBody(in.Body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	checksum := base64.StdEncoding.EncodeToString(sum[:])
	if in.ChecksumSHA256 != nil && *in.ChecksumSHA256 != checksum {
		return nil, fail("BadDigest", "The SHA256 you specified did not match the calculated checksum.")
	}
	if in.ContentLength != nil && *in.ContentLength != int64(len(body)) {
		return nil, fail("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header.")
	}
	v := ObjectVersion{
		Body: body, SHA256: hex.EncodeToString(sum[:]), ContentType: aws.ToString(in.ContentType), Metadata: maps.Clone(in.Metadata),
		Encryption: in.ServerSideEncryption, Key: aws.ToString(in.SSEKMSKeyId), Modified: r.Now.UTC().Truncate(time.Second),
	}
	if v.Encryption == "" {
		v.Encryption = types.ServerSideEncryptionAes256
	}
	if in.ChecksumSHA256 != nil || in.ChecksumAlgorithm == types.ChecksumAlgorithmSha256 {
		v.Checksum = checksum
	}
	if err := v.lock(r, b, in); err != nil {
		return nil, err
	}
	key := aws.ToString(in.Key)
	name := b.Name + "/" + key
	object := r.Account.S3.Objects[name]
	if object != nil {
		if in.IfNoneMatch != nil {
			return nil, failWith(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
		}
		r.violation("writes over %s, which is evidence", name)
	}
	if object == nil {
		object = &Object{Bucket: b.Name, Key: key}
		r.Account.S3.Objects[name] = object
	}
	if b.Versioned {
		v.ID = r.newID("version")
		object.Versions = append(object.Versions, v)
	} else {
		object.Versions = []ObjectVersion{v}
	}
	return &s3.PutObjectOutput{
		ETag: aws.String(v.etag()), VersionId: optional(v.ID), ChecksumSHA256: optional(v.Checksum),
		ServerSideEncryption: v.Encryption, SSEKMSKeyId: optional(v.Key),
	}, nil
}

// lock applies what the request says about Object Lock, else the bucket's
// default retention.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html
func (v *ObjectVersion) lock(r *Request, b *Bucket, in *s3.PutObjectInput) error {
	invalid := func(why string) error { return fail("InvalidRequest", "%s", why) }
	asked := in.ObjectLockMode != "" || in.ObjectLockRetainUntilDate != nil
	switch {
	case (asked || in.ObjectLockLegalHoldStatus != "") && !b.ObjectLock:
		return invalid("Bucket is missing Object Lock Configuration")
	case asked && (in.ObjectLockMode == "" || in.ObjectLockRetainUntilDate == nil):
		return fail("InvalidArgument", "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied")
	case asked && !in.ObjectLockRetainUntilDate.After(r.Now):
		return fail("InvalidArgument", "The retain until date must be in the future!")
	case asked:
		v.LockMode, v.LockUntil = in.ObjectLockMode, *in.ObjectLockRetainUntilDate
	case b.LockMode != "":
		v.LockMode, v.LockUntil = b.LockMode, r.Now.AddDate(0, 0, b.LockDays)
	}
	v.LegalHold = in.ObjectLockLegalHoldStatus == types.ObjectLockLegalHoldStatusOn
	return nil
}

// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func s3GetObject(r *Request, in *s3.GetObjectInput) (*s3.GetObjectOutput, error) {
	if in.PartNumber != nil {
		return nil, failWith(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	}
	v, err := findObject(r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	if in.IfMatch != nil && *in.IfMatch != v.etag() {
		return nil, failWith(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
	}
	if v.Archived {
		return nil, modelled(403, &types.InvalidObjectState{Message: aws.String("The operation is not valid for the object's storage class"), StorageClass: types.StorageClassGlacier})
	}
	body, err := v.part(in.Range)
	if err != nil {
		return nil, err
	}
	out := &s3.GetObjectOutput{
		Body:          v.answer(body),
		ContentLength: aws.Int64(int64(len(body))), ContentType: optional(v.ContentType), ETag: aws.String(v.etag()),
		LastModified: aws.Time(v.Modified), Metadata: maps.Clone(v.Metadata), VersionId: optional(v.ID),
		ServerSideEncryption: v.Encryption, SSEKMSKeyId: optional(v.Key),
		ObjectLockMode: v.LockMode, ObjectLockLegalHoldStatus: v.legalHold(),
	}
	if !v.LockUntil.IsZero() {
		out.ObjectLockRetainUntilDate = aws.Time(v.LockUntil)
	}
	if in.ChecksumMode == types.ChecksumModeEnabled {
		out.ChecksumSHA256 = optional(v.Checksum)
	}
	return out, nil
}

// part is what a range asks for: "bytes=N-" is the only form that is known here.
func (v *ObjectVersion) part(asked *string) ([]byte, error) {
	if asked == nil {
		return v.Body, nil
	}
	var from int
	if _, err := fmt.Sscanf(*asked, "bytes=%d-", &from); err != nil || fmt.Sprintf("bytes=%d-", from) != *asked {
		return nil, failWith(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
	}
	if from >= len(v.Body) {
		return nil, failWith(416, "InvalidRange", "The requested range is not satisfiable")
	}
	return v.Body[from:], nil
}

// answer gives the body, or half of it and a broken connection.
func (v *ObjectVersion) answer(body []byte) io.ReadCloser {
	whole := bytes.NewReader(bytes.Clone(body))
	if v.Breaks == 0 {
		return io.NopCloser(whole)
	}
	v.Breaks--
	return io.NopCloser(io.MultiReader(io.LimitReader(whole, int64(len(body)/2)), broken{}))
}

// broken is the rest of a connection that is gone.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A HEAD answer has no body and so no error code: what is missing comes out as
// NotFound, be it the key or the bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
func s3HeadObject(r *Request, in *s3.HeadObjectInput) (*s3.HeadObjectOutput, error) {
	v, err := findObject(r, in.Bucket, in.Key, in.VersionId, in.ExpectedBucketOwner)
	if s, ok := err.(*statusError); ok && s.status == 404 {
		return nil, modelled(404, &types.NotFound{})
	}
	if err != nil {
		return nil, err
	}
	out := &s3.HeadObjectOutput{
		ContentLength: aws.Int64(int64(len(v.Body))), ContentType: optional(v.ContentType), ETag: aws.String(v.etag()),
		LastModified: aws.Time(v.Modified), Metadata: maps.Clone(v.Metadata), VersionId: optional(v.ID),
		ServerSideEncryption: v.Encryption, SSEKMSKeyId: optional(v.Key),
		ObjectLockMode: v.LockMode, ObjectLockLegalHoldStatus: v.legalHold(),
	}
	if !v.LockUntil.IsZero() {
		out.ObjectLockRetainUntilDate = aws.Time(v.LockUntil)
	}
	if in.ChecksumMode == types.ChecksumModeEnabled {
		out.ChecksumSHA256 = optional(v.Checksum)
	}
	return out, nil
}

// Keys that share the part up to the delimiter are rolled up into one common
// prefix, which counts as one in a page.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
func s3ListObjectsV2(r *Request, in *s3.ListObjectsV2Input) (*s3.ListObjectsV2Output, error) {
	b, err := findBucket(r, in.Bucket, in.ExpectedBucketOwner)
	if err != nil {
		return nil, err
	}
	prefix, delimiter := aws.ToString(in.Prefix), aws.ToString(in.Delimiter)
	listed := map[string]*Object{} // nil: a common prefix
	for _, o := range r.Account.S3.Objects {
		rest, ok := strings.CutPrefix(o.Key, prefix)
		if o.Bucket != b.Name || !ok || o.Key <= aws.ToString(in.StartAfter) {
			continue
		}
		if i := strings.Index(rest, delimiter); delimiter != "" && i >= 0 {
			listed[prefix+rest[:i+len(delimiter)]] = nil
			continue
		}
		listed[o.Key] = o
	}
	names, next, err := page(r, sortedKeys(listed), func(s string) string { return s }, in.MaxKeys, in.ContinuationToken)
	if err != nil {
		return nil, fail("InvalidArgument", "The continuation token provided is incorrect")
	}
	out := &s3.ListObjectsV2Output{
		Name: in.Bucket, Prefix: in.Prefix, Delimiter: in.Delimiter, KeyCount: aws.Int32(int32(len(names))),
		IsTruncated: aws.Bool(next != nil), NextContinuationToken: next,
	}
	for _, name := range names {
		o := listed[name]
		if o == nil {
			out.CommonPrefixes = append(out.CommonPrefixes, types.CommonPrefix{Prefix: aws.String(name)})
			continue
		}
		v := &o.Versions[len(o.Versions)-1]
		out.Contents = append(out.Contents, types.Object{
			Key: aws.String(name), Size: aws.Int64(int64(len(v.Body))), ETag: aws.String(v.etag()), LastModified: aws.Time(v.Modified),
			StorageClass: types.ObjectStorageClassStandard,
		})
	}
	return out, nil
}

// findBucket refuses what S3 refuses before it looks at any key. A bucket of
// another account is not the caller's to use here.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
func findBucket(r *Request, name, expectedOwner *string) (*Bucket, error) {
	b, ok := r.Account.S3.Buckets[aws.ToString(name)]
	switch {
	case !ok:
		return nil, modelled(404, &types.NoSuchBucket{Message: aws.String("The specified bucket does not exist")})
	case b.Region != r.Region.Name:
		return nil, elsewhere(b)
	case b.Owner != r.Account.ID, expectedOwner != nil && *expectedOwner != b.Owner:
		return nil, failWith(403, "AccessDenied", "Access Denied")
	}
	return b, nil
}

// elsewhere is the answer of a region that a bucket does not stand in, with the header that says where it does
// (docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html, x-amz-bucket-region).
func elsewhere(b *Bucket) error {
	return &statusError{status: 301, region: b.Region, err: &smithy.GenericAPIError{
		Code:    "PermanentRedirect",
		Message: "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.",
	}}
}

func findObject(r *Request, bucket, key, version, owner *string) (*ObjectVersion, error) {
	b, err := findBucket(r, bucket, owner)
	if err != nil {
		return nil, err
	}
	o := r.Account.S3.Objects[b.Name+"/"+aws.ToString(key)]
	if o == nil {
		return nil, modelled(404, &types.NoSuchKey{Message: aws.String("The specified key does not exist.")})
	}
	if version == nil {
		return &o.Versions[len(o.Versions)-1], nil
	}
	i := slices.IndexFunc(o.Versions, func(v ObjectVersion) bool { return v.ID == *version })
	if i < 0 {
		return nil, failWith(404, "NoSuchVersion", "The specified version does not exist.")
	}
	return &o.Versions[i], nil
}

// readBody reads an upload from its start: the SDK sends the same reader again
// when it retries.
func readBody(body io.Reader) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	if s, ok := body.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("rewinding the upload's body: %w", err)
		}
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("reading the upload's body: %w", err)
	}
	return b, nil
}

func (v *ObjectVersion) etag() string { return fmt.Sprintf("%q", fmt.Sprintf("%x", md5.Sum(v.Body))) }

func (v *ObjectVersion) legalHold() types.ObjectLockLegalHoldStatus {
	if v.LegalHold {
		return types.ObjectLockLegalHoldStatusOn
	}
	return ""
}
