package awssim

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// CloudTrailState is a region's event history, in no order, and the trails whose home it is, by ARN.
type CloudTrailState struct {
	History []types.Event
	Trails  map[string]*Trail `dump:"cloudtrail/trail"`
}

func newCloudTrailState() CloudTrailState { return CloudTrailState{Trails: map[string]*Trail{}} }

func cloudtrailHandlers() []handler { return append(trailHandlers(), read(lookupEvents)) }

// AddEvents puts records into a region's event history. It panics for what is no record, which only a test can pass.
func (w *World) AddEvents(region string, records ...string) {
	w.Do(func(a *Account) {
		t := &a.Region(region).CloudTrail
		for _, record := range records {
			t.History = append(t.History, historyEvent(record))
		}
	})
}

// historyEvent takes out of a record what it can be looked up by. The user name of a role's session is the session's,
// as the event history shows it; what a record is about are the resources that it lists, the role assumed and the key
// handed out (docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html).
func historyEvent(record string) types.Event {
	var r struct {
		EventID, EventName, EventSource string
		EventTime                       time.Time
		UserIdentity                    struct {
			Type, UserName, AccessKeyID, PrincipalID string
		}
		Resources         []struct{ ARN string }
		RequestParameters struct{ RoleArn, UserName string }
		ResponseElements  struct {
			Credentials, AccessKey struct{ AccessKeyID string }
		}
	}
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		panic(fmt.Sprintf("awssim: an event that is no record: %v", err))
	}
	e := types.Event{
		EventId: aws.String(r.EventID), EventName: aws.String(r.EventName), EventSource: aws.String(r.EventSource), EventTime: aws.Time(r.EventTime),
		AccessKeyId: optional(r.UserIdentity.AccessKeyID), Username: optional(r.UserIdentity.UserName), CloudTrailEvent: aws.String(record),
	}
	switch r.UserIdentity.Type {
	case "Root":
		e.Username = aws.String("root")
	case "AssumedRole":
		e.Username = aws.String(afterColon(r.UserIdentity.PrincipalID))
	}
	names := []string{r.RequestParameters.RoleArn, r.RequestParameters.UserName, r.ResponseElements.Credentials.AccessKeyID, r.ResponseElements.AccessKey.AccessKeyID}
	for _, x := range r.Resources {
		names = append(names, x.ARN)
	}
	for _, name := range names {
		if name != "" {
			e.Resources = append(e.Resources, types.Resource{ResourceName: aws.String(name)})
		}
	}
	return e
}

func afterColon(s string) string {
	for i := range len(s) {
		if s[i] == ':' {
			return s[i+1:]
		}
	}
	return s
}

// lookupEvents answers with the management events of the last 90 days, newest first, 50 at most, by one attribute
// (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html).
func lookupEvents(r *Request, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	switch {
	case in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > 50):
		return nil, modelled(400, &types.InvalidMaxResultsException{Message: aws.String("MaxResults takes 1 to 50.")})
	case len(in.LookupAttributes) > 1:
		return nil, modelled(400, &types.InvalidLookupAttributesException{Message: aws.String("You can only use one lookup attribute at a time.")})
	case in.StartTime != nil && in.EndTime != nil && in.StartTime.After(*in.EndTime):
		return nil, modelled(400, &types.InvalidTimeRangeException{Message: aws.String("The start time is after the end time.")})
	}
	for _, a := range in.LookupAttributes {
		if aws.ToString(a.AttributeValue) == "" || !slices.Contains(a.AttributeKey.Values(), a.AttributeKey) {
			return nil, modelled(400, &types.InvalidLookupAttributesException{Message: aws.String("The lookup attribute is not valid.")})
		}
	}
	oldest := r.Now.AddDate(0, 0, -90)
	var found []types.Event
	for _, e := range r.Region.CloudTrail.History {
		if e.EventTime.Before(oldest) || in.StartTime != nil && e.EventTime.Before(*in.StartTime) || in.EndTime != nil && e.EventTime.After(*in.EndTime) {
			continue
		}
		if len(in.LookupAttributes) == 0 || hasAttribute(&e, in.LookupAttributes[0]) {
			found = append(found, *clone(&e))
		}
	}
	limit := in.MaxResults
	if limit == nil {
		limit = aws.Int32(50)
	}
	newestFirst := func(e types.Event) string {
		return fmt.Sprintf("%020d %s", math.MaxInt64-e.EventTime.Unix(), *e.EventId)
	}
	found, next, err := page(r, found, newestFirst, limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.LookupEventsOutput{Events: found, NextToken: next}, nil
}

func hasAttribute(e *types.Event, a types.LookupAttribute) bool {
	value := aws.ToString(a.AttributeValue)
	switch a.AttributeKey {
	case types.LookupAttributeKeyAccessKeyId:
		return aws.ToString(e.AccessKeyId) == value
	case types.LookupAttributeKeyEventId:
		return aws.ToString(e.EventId) == value
	case types.LookupAttributeKeyEventName:
		return aws.ToString(e.EventName) == value
	case types.LookupAttributeKeyEventSource:
		return aws.ToString(e.EventSource) == value
	case types.LookupAttributeKeyUsername:
		return aws.ToString(e.Username) == value
	case types.LookupAttributeKeyResourceName:
		return slices.ContainsFunc(e.Resources, func(x types.Resource) bool { return aws.ToString(x.ResourceName) == value })
	}
	return false
}
