package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"cordon/internal/awssim"
	"cordon/internal/trail"
)

// bucketed is an account with logs in a bucket of another region than the one that is asked.
func bucketed(t *testing.T) *awssim.World {
	t.Helper()
	w := awssim.New(awssim.Options{})
	w.AddBucket(awssim.Bucket{Name: "logs", Region: "us-west-2"})
	cfg := aws.Config{Region: "us-west-2"}
	w.Attach(&cfg, "arn:aws:iam::111122223333:role/trail")
	client := s3.NewFromConfig(cfg)
	put := func(key, body string) {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("logs"), Key: aws.String(key), Body: strings.NewReader(body)})
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	for i := range 5 { // more than one page
		id := fmt.Sprintf("e%d", i)
		put("AWSLogs/1/"+id+".json", `{"Records":[`+event(id, at.Add(time.Duration(i)*time.Minute), "eu-west-1", "GetCallerIdentity", "mallory", intruderKey, "")+`]}`)
	}
	put("AWSLogs/", "")
	put("elsewhere/x.json", `{"Records":[`+event("e9", at, "eu-west-1", "GetCallerIdentity", "mallory", intruderKey, "")+`]}`)
	return w
}

func askLogs(t *testing.T, a *app, logs string) (scopeAnswer, error) {
	t.Helper()
	q := trail.Question{Seeds: []trail.Seed{{Kind: "access-key", Value: intruderKey}}}
	return a.answerScope(t.Context(), scopeFlags{from: source{logs: []string{logs}}}, q, nil)
}

func TestLogsInABucket(t *testing.T) {
	w := bucketed(t)
	a, _, _ := simulated(t, w)
	answer, err := askLogs(t, a, "s3://logs/AWSLogs/")
	if err != nil {
		t.Fatal(err)
	}
	if got := eventIDs(answer.doc); !slices.Equal(got, []string{"e0", "e1", "e2", "e3", "e4"}) {
		t.Errorf("found %v", got)
	}
	if n := answer.corpus.Ingest().Lost(); n != 0 {
		t.Errorf("%d things could not be read: %v", n, answer.corpus.Ingest().Problems)
	}
}

// TestLogsThatCannotBeFetched: what is archived or denied, and a listing that breaks off, is named and the answer may
// lack it.
func TestLogsThatCannotBeFetched(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*awssim.World)
		said  string
		found int
	}{
		"archived": {func(w *awssim.World) {
			w.Do(func(a *awssim.Account) { a.S3.Objects["logs/AWSLogs/1/e2.json"].Versions[0].Archived = true })
		}, "s3://logs/AWSLogs/1/e2.json", 4},
		"denied":      {hooked("GetObject", func(in any) bool { return *in.(*s3.GetObjectInput).Key == "AWSLogs/1/e3.json" }), "s3://logs/AWSLogs/1/e3.json", 4},
		"second page": {hooked("ListObjectsV2", func(in any) bool { return in.(*s3.ListObjectsV2Input).ContinuationToken != nil }), "s3://logs/AWSLogs/", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := bucketed(t)
			c.spoil(w)
			a, _, stderr := simulated(t, w)
			answer, err := askLogs(t, a, "s3://logs/AWSLogs/")
			if err != nil {
				t.Fatal(err)
			}
			if got := len(eventIDs(answer.doc)); got != c.found {
				t.Errorf("found %d events, not %d", got, c.found)
			}
			if got := status(a.giveScope(t.Context(), answer, scopeFlags{})); got != exitPartly {
				t.Errorf("exit status %d", got)
			}
			if !strings.Contains(stderr.String(), "NOT READ  "+c.said+" ") {
				t.Errorf("%s is not named:\n%s", c.said, stderr)
			}
		})
	}
}

func breaks(id string, times int) func(*awssim.World) {
	return func(w *awssim.World) {
		w.Do(func(a *awssim.Account) { a.S3.Objects["logs/AWSLogs/1/"+id+".json"].Versions[0].Breaks = times })
	}
}

// TestBrokenBodyIsTakenUp: a connection that breaks off a few times costs nothing.
func TestBrokenBodyIsTakenUp(t *testing.T) {
	w := bucketed(t)
	breaks("e2", 2)(w)
	a, _, _ := simulated(t, w)
	answer, err := askLogs(t, a, "s3://logs/AWSLogs/")
	if err != nil {
		t.Fatal(err)
	}
	if got, n := len(eventIDs(answer.doc)), answer.corpus.Ingest().Lost(); got != 5 || n != 0 {
		t.Errorf("found %d events, %d things could not be read: %v", got, n, answer.corpus.Ingest().Problems)
	}
}

// TestBucketThatMayNotBeListed is an error with the next step.
func TestBucketThatMayNotBeListed(t *testing.T) {
	w := bucketed(t)
	hooked("ListObjectsV2", func(any) bool { return true })(w)
	a, _, _ := simulated(t, w)
	if _, err := askLogs(t, a, "s3://logs/AWSLogs/"); status(err) != exitError || !strings.Contains(err.Error(), "s3:ListBucket") {
		t.Errorf("denied: %v", err)
	}
	if _, err := askLogs(t, a, "s3://nowhere/x"); status(err) != exitError {
		t.Errorf("no such bucket: %v", err)
	}
	if _, err := askLogs(t, a, "s3://"); status(err) != exitUsage {
		t.Errorf("no bucket: %v", err)
	}
}

// hooked denies the calls of an operation whose input is so.
func hooked(operation string, so func(any) bool) func(*awssim.World) {
	return func(w *awssim.World) {
		w.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation == operation && so(c.Input) {
				return awssim.Fault{Before: awssim.AccessDenied("s3:" + operation)}
			}
			return awssim.Fault{}
		})
	}
}
