package action

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// CaseStoreReads and CaseStoreWrites are what a case on S3 is read and written with.
var (
	CaseStoreReads  = Ops{op((*s3.Client).GetObject), op((*s3.Client).ListObjectsV2)}
	CaseStoreWrites = Ops{op((*s3.Client).PutObject)}
)

// StoreClient is the S3 client of the case store: behind the guard like any other, with its own declared calls.
type StoreClient struct{ s3 *s3.Client }

// CaseStore is c's S3 client for the case store.
func CaseStore(c *AWS) StoreClient { return StoreClient{c.S3} }

// PutObject is s3:PutObject.
func (s StoreClient) PutObject(ctx context.Context, in *s3.PutObjectInput, o ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return s.s3.PutObject(Allow(ctx, CaseStoreReads, CaseStoreWrites, nil), in, o...)
}

// GetObject is s3:GetObject.
func (s StoreClient) GetObject(ctx context.Context, in *s3.GetObjectInput, o ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	return s.s3.GetObject(Allow(ctx, CaseStoreReads, nil, nil), in, o...)
}

// ListObjectsV2 is s3:ListBucket.
func (s StoreClient) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input, o ...func(*s3.Options)) (*s3.ListObjectsV2Output, error) {
	return s.s3.ListObjectsV2(Allow(ctx, CaseStoreReads, nil, nil), in, o...)
}
