package awssim

import (
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

func recordAt(id string, at time.Time, key, role, issued string) string {
	return fmt.Sprintf(`{"eventID":%q,"eventTime":%q,"eventName":"AssumeRole","eventSource":"sts.amazonaws.com",`+
		`"userIdentity":{"type":"IAMUser","userName":"mallory","accessKeyId":%q},`+
		`"requestParameters":{"roleArn":%q},"responseElements":{"credentials":{"accessKeyId":%q}}}`, id, at.Format(time.RFC3339), key, role, issued)
}

func TestEventHistory(t *testing.T) {
	s := newScene(t)
	s.AddEvents(testRegion,
		recordAt("e1", s.now.Add(-3*time.Hour), "AKIA1", "arn:role/a", "ASIA1"),
		recordAt("e2", s.now.Add(-time.Hour), "AKIA1", "arn:role/b", "ASIA2"),
		recordAt("e3", s.now.Add(-2*time.Hour), "AKIA1", "arn:role/a", "ASIA3"),
		recordAt("other", s.now.Add(-time.Hour), "AKIA2", "arn:role/b", "ASIA4"),
		recordAt("old", s.now.AddDate(0, 0, -91), "AKIA1", "arn:role/a", "ASIA5"))
	c := cloudtrail.NewFromConfig(s.cfg)
	look := func(key types.LookupAttributeKey, value string, change ...func(*cloudtrail.LookupEventsInput)) []string {
		t.Helper()
		in := &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{{AttributeKey: key, AttributeValue: aws.String(value)}}}
		for _, f := range change {
			f(in)
		}
		var ids []string
		for p := cloudtrail.NewLookupEventsPaginator(c, in); p.HasMorePages(); {
			out, err := p.NextPage(ctx)
			ok(t, err)
			for _, e := range out.Events {
				ids = append(ids, *e.EventId)
			}
		}
		return ids
	}
	// Pages of two here; newest first; nothing older than 90 days.
	same(t, "by key", look(types.LookupAttributeKeyAccessKeyId, "AKIA1"), []string{"e2", "e3", "e1"})
	same(t, "by user", look(types.LookupAttributeKeyUsername, "mallory"), []string{"e2", "other", "e3", "e1"})
	same(t, "by id", look(types.LookupAttributeKeyEventId, "e3"), []string{"e3"})
	same(t, "by role", look(types.LookupAttributeKeyResourceName, "arn:role/a"), []string{"e3", "e1"})
	same(t, "by issued key", look(types.LookupAttributeKeyResourceName, "ASIA2"), []string{"e2"})
	same(t, "within", look(types.LookupAttributeKeyAccessKeyId, "AKIA1", func(in *cloudtrail.LookupEventsInput) {
		in.StartTime, in.EndTime = aws.Time(s.now.Add(-150*time.Minute)), aws.Time(s.now.Add(-90*time.Minute))
	}), []string{"e3"})

	_, err := c.LookupEvents(ctx, &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(51)})
	wantCode(t, err, "InvalidMaxResultsException")
	_, err = c.LookupEvents(ctx, &cloudtrail.LookupEventsInput{LookupAttributes: []types.LookupAttribute{
		{AttributeKey: types.LookupAttributeKeyEventId, AttributeValue: aws.String("a")}, {AttributeKey: types.LookupAttributeKeyUsername, AttributeValue: aws.String("b")},
	}})
	wantCode(t, err, "InvalidLookupAttributesException")
	_, err = c.LookupEvents(ctx, &cloudtrail.LookupEventsInput{StartTime: aws.Time(s.now), EndTime: aws.Time(s.now.Add(-time.Hour))})
	wantCode(t, err, "InvalidTimeRangeException")
	_, err = c.LookupEvents(ctx, &cloudtrail.LookupEventsInput{NextToken: aws.String("none")})
	wantCode(t, err, "InvalidNextTokenException")
}

// TestLookupsAreTwoASecond: the third within a second is refused, in one region and not in another.
func TestLookupsAreTwoASecond(t *testing.T) {
	s := newScene(t, func(o *Options) { o.Rates = true })
	s.cfg.RetryMaxAttempts = 1
	here := cloudtrail.NewFromConfig(s.cfg)
	there := cloudtrail.NewFromConfig(s.cfg, func(o *cloudtrail.Options) { o.Region = "us-east-1" })
	for range 2 {
		_, err := here.LookupEvents(ctx, &cloudtrail.LookupEventsInput{})
		ok(t, err)
	}
	_, err := here.LookupEvents(ctx, &cloudtrail.LookupEventsInput{})
	wantCode(t, err, "ThrottlingException")
	_, err = there.LookupEvents(ctx, &cloudtrail.LookupEventsInput{})
	ok(t, err)
	s.now = s.now.Add(time.Second)
	_, err = here.LookupEvents(ctx, &cloudtrail.LookupEventsInput{})
	ok(t, err)
}
