package action

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// LookupReads are what CloudTrail's event history is asked with.
var LookupReads = Ops{op((*cloudtrail.Client).LookupEvents), op((*ec2.Client).DescribeRegions)}

// A Lookup is one question that LookupEvents takes: it takes one attribute at a time
// (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
type Lookup struct {
	Attribute    string // AccessKeyId, EventId, ResourceName, Username
	Value        string
	Since, Until time.Time // zero: the 90 days that there are
}

// Regions lists the regions of the account: those that it may use, and those that it never opted in to.
func Regions(ctx context.Context, c *AWS, rec *Recorder) (enabled, off []string, err error) {
	out, err := c.EC2.DescribeRegions(Allow(ctx, LookupReads, nil, rec), &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if err != nil {
		return nil, nil, fmt.Errorf("list the regions of the account: %w", err)
	}
	slices.SortFunc(out.Regions, func(a, b ec2types.Region) int {
		return cmp.Compare(aws.ToString(a.RegionName), aws.ToString(b.RegionName))
	})
	for _, r := range out.Regions {
		if aws.ToString(r.OptInStatus) == "not-opted-in" {
			off = append(off, aws.ToString(r.RegionName))
			continue
		}
		enabled = append(enabled, aws.ToString(r.RegionName))
	}
	return enabled, off, nil
}

// LookupEvents asks c's region and hands over event ids and records, newest first, as they come.
func LookupEvents(ctx context.Context, c *AWS, q Lookup, rec *Recorder, each func(id, record string) error) error {
	in := &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKey(q.Attribute), AttributeValue: aws.String(q.Value)}},
		MaxResults:       aws.Int32(50),
	}
	if !q.Since.IsZero() {
		in.StartTime = aws.Time(q.Since)
	}
	if !q.Until.IsZero() {
		in.EndTime = aws.Time(q.Until)
	}
	// Somebody else's lookups count against the same two a second: wait for a turn longer than the SDK would.
	patient := func(o *cloudtrail.Options) { o.RetryMaxAttempts = 10 }
	ctx = Allow(ctx, LookupReads, nil, rec)
	for p := cloudtrail.NewLookupEventsPaginator(c.CloudTrail, in); p.HasMorePages(); {
		page, err := p.NextPage(ctx, patient)
		if err != nil {
			return fmt.Errorf("look up %s %s in %s: %w", q.Attribute, q.Value, c.Region, err)
		}
		for _, e := range page.Events {
			if err := each(aws.ToString(e.EventId), aws.ToString(e.CloudTrailEvent)); err != nil {
				return err
			}
		}
	}
	return nil
}
