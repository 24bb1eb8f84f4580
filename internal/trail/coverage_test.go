package trail

import (
	"slices"
	"strings"
	"testing"
)

func coverOf(s *story) *Coverage { return &s.seeds("access-key", alicesKey).Coverage }

// stateAtHour gives what the ledger says of an hour of the story: the cells must not overlap, nor leave a hole.
func stateAtHour(t *testing.T, c *Coverage, region, category string, hour int) string {
	t.Helper()
	at, found := clock(hour*3600), ""
	for _, x := range c.Cells {
		if x.Region == region && x.Category == category && x.From <= at && at < x.Until {
			if found != "" {
				t.Errorf("%s %s hour %d is told twice", region, category, hour)
			}
			found = x.State
		}
	}
	return found
}

// An hour with events was logged, one without is unknown; between the stop of a trail and its next start it is a gap, in
// the trail's region where it is not known to cover all.
func TestCoverageGap(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	at := func(hour int, call, region string, more obj) {
		m := obj{"awsRegion": region}
		for k, v := range more {
			m[k] = v
		}
		s.does(hour*3600+60, a, call, m)
	}
	trail := obj{"requestParameters": obj{"name": "arn:aws:cloudtrail:us-east-1:" + ours + ":trail/main"}}
	at(0, "iam:ListUsers", "us-east-1", nil)
	at(0, "ec2:DescribeVpcs", "eu-west-1", nil)
	at(2, "cloudtrail:StopLogging", "us-east-1", trail)
	at(6, "cloudtrail:StartLogging", "us-east-1", obj{"requestParameters": obj{"name": "main"}})
	at(9, "iam:ListUsers", "us-east-1", nil)
	c := coverOf(s)
	for hour, want := range []string{"logged", "unknown", "logged", "gap", "gap", "gap", "logged", "unknown", "unknown", "logged"} {
		if got := stateAtHour(t, c, "us-east-1", "Management", hour); got != want {
			t.Errorf("hour %d is %s, not %s", hour, got, want)
		}
		if got := stateAtHour(t, c, "eu-west-1", "Management", hour); hour > 0 && got != "unknown" {
			t.Errorf("hour %d elsewhere is %s", hour, got)
		}
	}
	if len(c.Gaps) != 1 || c.Gaps[0].From != clock(2*3600+60) || c.Gaps[0].Until != clock(6*3600+60) || len(c.Gaps[0].Evidence) != 2 || c.Gaps[0].What != "trail main was stopped" {
		t.Errorf("%+v", c.Gaps)
	}
	// Another trail's start ends nothing, and a trail of every region leaves a gap in every one.
	s.records[3]["requestParameters"] = obj{"name": "other"}
	at(0, "cloudtrail:UpdateTrail", "us-east-1", obj{"requestParameters": obj{"name": "main", "isMultiRegionTrail": true}})
	c = coverOf(s)
	if got := stateAtHour(t, c, "eu-west-1", "Management", 8); got != "gap" {
		t.Errorf("the trail of all regions stood still, and hour 8 elsewhere is %s", got)
	}
	if got := stateAtHour(t, c, "eu-west-1", "Management", 2); got != "unknown" {
		t.Errorf("the hour in which it stopped is %s", got)
	}
	if c.Gaps[0].Until != "" {
		t.Errorf("%+v", c.Gaps)
	}
}

// Data events are known to be logged, quiet hours too, from the call that selects all of a service's until the next.
func TestCoverageOfDataEvents(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	selects := func(hour int, values string) {
		s.does(hour*3600, a, "cloudtrail:PutEventSelectors", obj{"requestParameters": obj{"trailName": "main", "eventSelectors": []any{obj{"readWriteType": "All", "includeManagementEvents": true,
			"dataResources": []any{obj{"type": "AWS::S3::Object", "values": []any{values}}}}}}})
	}
	s.does(0, a, "iam:ListUsers", nil)
	selects(1, "arn:aws:s3")
	s.does(3*3600, a, "s3:GetObject", obj{"eventCategory": "Data", "managementEvent": false, "requestParameters": obj{"bucketName": "b", "key": "k"}})
	selects(6, "arn:aws:s3:::only-this/")
	s.does(9*3600, a, "iam:ListUsers", nil)
	c := coverOf(s)
	for hour, want := range []string{"unknown", "unknown", "logged", "logged", "logged", "logged", "unknown", "unknown"} {
		if got := stateAtHour(t, c, "us-east-1", "Data:s3", hour); got != want {
			t.Errorf("hour %d is %s, not %s", hour, got, want)
		}
	}
	if !slices.ContainsFunc(c.Claims, func(x string) bool { return strings.Contains(x, "known for 4 of 10 hours") }) {
		t.Errorf("%q", c.Claims)
	}
}

// Where no data event is in the log, nothing is said of objects but that.
func TestCoverageWithoutDataEvents(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "s3:ListBuckets", nil)
	c := coverOf(s)
	if len(c.Claims) != 1 || !strings.Contains(c.Claims[0], "unknown, no S3 data event is in the log") || len(c.Never) == 0 {
		t.Errorf("%q", c.Claims)
	}
}

// An event that names no account is in one all the same.
func TestCoverageOfUnnamedAccounts(t *testing.T) {
	s := &story{t: t}
	s.does(0, obj{"type": "AWSService", "invokedBy": "config.amazonaws.com"}, "s3:ListBuckets", obj{"recipientAccountId": ""})
	c := coverOf(s)
	if len(c.Claims) != 1 || !strings.Contains(c.Claims[0], "in an account that the log does not name, us-east-1") {
		t.Errorf("%q", c.Claims)
	}
}

// Years of lonely events are told by the day.
func TestCoverageIsBounded(t *testing.T) {
	s := &story{t: t}
	for i := range 600 {
		s.does(i*7200, aliceLike("alice", alicesKey), "s3:ListBuckets", nil)
	}
	c := coverOf(s)
	n := 0
	for _, x := range c.Cells {
		n += x.Events
		if x.State == "logged" {
			t.Errorf("a day of twelve events is taken for logged: %+v", x)
		}
	}
	if len(c.Cells) > maxRuns || n != 600 {
		t.Errorf("%d cells, %d events", len(c.Cells), n)
	}
}

// That the intruder read nothing is said only where a trail logged the reading of everything all the while.
func TestNothingRead(t *testing.T) {
	for _, selected := range []bool{true, false} {
		s := &story{t: t}
		values := "arn:aws:s3"
		if !selected {
			values = "arn:aws:s3:::some-bucket/"
		}
		b := aliceLike("bob", bobsKey)
		s.does(0, b, "cloudtrail:PutEventSelectors", obj{"requestParameters": obj{"trailName": "main", "eventSelectors": []any{obj{"readWriteType": "All", "includeManagementEvents": true,
			"dataResources": []any{obj{"type": "AWS::S3::Object", "values": []any{values}}}}}}})
		s.does(2*3600, aliceLike("alice", alicesKey), "s3:ListBuckets", nil)
		s.does(4*3600, b, "s3:GetObject", obj{"eventCategory": "Data", "managementEvent": false, "readOnly": true})
		said := slices.ContainsFunc(coverOf(s).Claims, func(x string) bool {
			return strings.HasPrefix(x, "0 S3 objects read by the intruder in account "+ours+", us-east-1, between "+clock(2*3600))
		})
		if said != selected {
			t.Errorf("all buckets selected: %v, and 0 objects said: %v", selected, said)
		}
	}
}
