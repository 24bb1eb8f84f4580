package action

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// LogReads are what logs on S3 are read with.
var LogReads = Ops{op((*s3.Client).ListObjectsV2), op((*s3.Client).GetObject)}

// LogObject is an object of a bucket, not yet fetched.
type LogObject struct {
	Key  string
	Size int64 // bytes as stored
	Open func() (io.ReadCloser, error)
}

// ListLogs lists what stands under a prefix of a bucket, in the order of keys; what Open gives stays open under ctx.
// The bucket may stand in another region than c. Of a listing that ends early what was listed is answered beside the
// error.
func ListLogs(ctx context.Context, c *AWS, bucket, prefix string) ([]LogObject, error) {
	ctx = Allow(ctx, LogReads, nil, nil)
	in := &s3.ListObjectsV2Input{Bucket: aws.String(bucket), Prefix: aws.String(prefix)}
	client := c.S3
	page, err := client.ListObjectsV2(ctx, in)
	if region := bucketRegion(err); region != "" && region != c.Region {
		client = c.In(region).S3
		page, err = client.ListObjectsV2(ctx, in)
	}
	var all []LogObject
	for {
		if err != nil {
			return all, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
		}
		for _, o := range page.Contents {
			key := aws.ToString(o.Key)
			if strings.HasSuffix(key, "/") && aws.ToInt64(o.Size) == 0 {
				continue // what the console makes for a folder
			}
			all = append(all, LogObject{Key: key, Size: aws.ToInt64(o.Size), Open: func() (io.ReadCloser, error) {
				return openObject(ctx, client, bucket, key)
			}})
		}
		if !aws.ToBool(page.IsTruncated) {
			return all, nil
		}
		in.ContinuationToken = page.NextContinuationToken
		page, err = client.ListObjectsV2(ctx, in)
	}
}

// openObject fetches an object. A connection that breaks off half-way, as some of a hundred thousand do, is taken up
// where it broke.
func openObject(ctx context.Context, client *s3.Client, bucket, key string) (io.ReadCloser, error) {
	o := &object{ctx: ctx, client: client, in: s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)}}
	err := o.fetch()
	switch {
	case err == nil:
		return o, nil
	case Code(err) == "InvalidObjectState":
		// docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html: objects in the Glacier Flexible Retrieval and Deep
		// Archive classes, and in the archive tiers of Intelligent-Tiering, must be restored first.
		return nil, fmt.Errorf("it is archived and must be restored before it can be read (aws s3api restore-object): %w", err)
	}
	return nil, err
}

// An object is the body of one, as far as it was read.
type object struct {
	ctx    context.Context
	client *s3.Client
	in     s3.GetObjectInput
	body   io.ReadCloser
	at     int64
	again  int // how often it was taken up
}

// fetch begins at o.at. What is taken up must be the object that was begun.
func (o *object) fetch() error {
	if o.at > 0 {
		o.in.Range = aws.String(fmt.Sprintf("bytes=%d-", o.at))
	}
	out, err := o.client.GetObject(o.ctx, &o.in)
	if err != nil {
		return err
	}
	o.body, o.in.IfMatch = out.Body, out.ETag
	return nil
}

// Read takes up a broken body up to three times.
func (o *object) Read(p []byte) (int, error) {
	n, err := o.body.Read(p)
	o.at += int64(n)
	if err == nil || errors.Is(err, io.EOF) || o.again == 3 || o.ctx.Err() != nil {
		return n, err
	}
	o.again++
	o.body.Close()
	if e := o.fetch(); e != nil {
		o.body = io.NopCloser(bytes.NewReader(nil))
		return n, fmt.Errorf("%w; and taking it up at byte %d: %w", err, o.at, e)
	}
	return n, nil
}

// Close ends it.
func (o *object) Close() error { return o.body.Close() }

// bucketRegion is where a bucket stands, as the refusal of a call that went to another region says
// (docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html, x-amz-bucket-region).
func bucketRegion(err error) string {
	var response *smithyhttp.ResponseError
	if !errors.As(err, &response) || response.Response == nil {
		return ""
	}
	return response.Response.Header.Get("X-Amz-Bucket-Region")
}
