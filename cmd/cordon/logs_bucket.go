package main

import (
	"context"
	"fmt"
	"strings"

	"cordon/internal/action"
	"cordon/internal/trail"
)

// anyRegion serves where it does not matter which. Other partitions' credentials need one of theirs, from the
// configuration or --region.
const anyRegion = "us-east-1"

// bucketLogs lists the objects under s3://bucket/prefix. They are fetched when they are read.
func (a *app) bucketLogs(ctx context.Context, name string) ([]trail.File, error) {
	bucket, prefix, _ := strings.Cut(strings.TrimPrefix(name, "s3://"), "/")
	if bucket == "" {
		return nil, fmt.Errorf("%w: --logs %q names no bucket", errUsage, name)
	}
	a.conn.anywhere = anyRegion // any can say where the bucket stands
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, err
	}
	objects, err := action.ListLogs(ctx, conn, bucket, prefix)
	switch {
	case err == nil || len(objects) > 0:
	case action.Code(err) == "AccessDenied":
		return nil, fmt.Errorf("%w\n%s may not list it: it needs s3:ListBucket on the bucket and s3:GetObject on what is in it (and kms:Decrypt where it is encrypted so); name another with --profile or --role-arn", err, conn.Caller)
	default:
		return nil, err
	}
	files := make([]trail.File, 0, len(objects)+1)
	for _, o := range objects {
		files = append(files, trail.File{Name: "s3://" + bucket + "/" + o.Key, Size: o.Size, Open: o.Open})
	}
	if err != nil { // the listing broke off: what follows is not known
		files = append(files, unreadable(name, err))
	}
	return files, nil
}
