package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/deploy"
	"cordon/internal/trail"
)

const intruderKey = "AKIAINTRUDER00000001"

// simulated gives an app whose account is w.
func simulated(t *testing.T, w *awssim.World) (a *app, stdout, stderr *bytes.Buffer) {
	t.Helper()
	cfg := aws.Config{Region: "eu-west-1"}
	w.Attach(&cfg, "arn:aws:sts::111122223333:assumed-role/responder/alice")
	conn := action.Connect(cfg)
	if err := conn.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	a = &app{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, output: "text"}
	a.conn.sim = conn
	return a, stdout, stderr
}

// event is a record of somebody's call; issued is the key that it handed out, if any.
func event(id string, at time.Time, region, name, who, key, issued string) string {
	identity := fmt.Sprintf(`{"type":"IAMUser","principalId":"AIDA%s","arn":"arn:aws:iam::111122223333:user/%s","accountId":"111122223333","accessKeyId":%q,"userName":%q}`, strings.ToUpper(who), who, key, who)
	if strings.HasPrefix(key, "ASIA") {
		identity = fmt.Sprintf(`{"type":"AssumedRole","principalId":"AROADEPLOY:%s","arn":"arn:aws:sts::111122223333:assumed-role/deploy/%s","accountId":"111122223333","accessKeyId":%q,`+
			`"sessionContext":{"sessionIssuer":{"type":"Role","principalId":"AROADEPLOY","arn":"arn:aws:iam::111122223333:role/deploy","accountId":"111122223333","userName":"deploy"},`+
			`"attributes":{"creationDate":%q,"mfaAuthenticated":"false"}}}`, who, who, key, at.Format(time.RFC3339))
	}
	response := "null"
	if issued != "" {
		response = fmt.Sprintf(`{"credentials":{"accessKeyId":%q,"expiration":"Nov 23, 2026, 9:00:00 AM"},"assumedRoleUser":{"assumedRoleId":"AROADEPLOY:%s","arn":"arn:aws:sts::111122223333:assumed-role/deploy/%s"}}`, issued, who, who)
	}
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":%s,"eventTime":%q,"eventSource":"sts.amazonaws.com","eventName":%q,"awsRegion":%q,"sourceIPAddress":"203.0.113.9","userAgent":"aws-cli/2",`+
		`"requestParameters":{"roleArn":"arn:aws:iam::111122223333:role/deploy","roleSessionName":%q},"responseElements":%s,"requestID":"r-%s","eventID":%q,"readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management"}`,
		identity, at.Format(time.RFC3339), name, region, who, response, id, id)
}

// chained is an account in which a key becomes a session in one region, and that another in a second.
func chained() *awssim.World {
	w := awssim.New(awssim.Options{Rates: true})
	at := time.Now().UTC().Add(-time.Hour)
	w.AddEvents("eu-west-1", event("e1", at, "eu-west-1", "AssumeRole", "mallory", intruderKey, "ASIAINTRUDER00000002"),
		event("e9", at, "eu-west-1", "GetCallerIdentity", "alice", "AKIABYSTANDER0000001", ""))
	w.AddEvents("us-east-1", event("e2", at.Add(time.Minute), "us-east-1", "AssumeRole", "mallory", "ASIAINTRUDER00000002", "ASIAINTRUDER00000003"))
	w.AddEvents("ap-south-1", event("e3", at.Add(2*time.Minute), "ap-south-1", "GetCallerIdentity", "mallory", "ASIAINTRUDER00000003", ""))
	return w
}

func ask(t *testing.T, a *app, seeds ...string) (scopeAnswer, error) {
	t.Helper()
	read, notes, err := a.seeds(seeds)
	if err != nil {
		t.Fatal(err)
	}
	return a.answerScope(t.Context(), scopeFlags{from: source{lookup: true}}, trail.Question{Seeds: read}, notes)
}

func eventIDs(d *trail.Document) []string {
	var ids []string
	for _, e := range d.Events {
		ids = append(ids, e.EventID)
	}
	return ids
}

// TestLookupFollowsKeys: a key that nobody named is asked for once an answer names it, in every region, within the rate
// that CloudTrail allows.
func TestLookupFollowsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chained()
		var mu sync.Mutex
		asked := map[string][]time.Time{}
		w.SetHook(func(c awssim.Call) awssim.Fault {
			mu.Lock()
			defer mu.Unlock()
			if c.Operation == "LookupEvents" {
				asked[c.Region] = append(asked[c.Region], time.Now())
			}
			return awssim.Fault{}
		})
		a, _, _ := simulated(t, w)
		answer, err := ask(t, a, intruderKey)
		if err != nil {
			t.Fatal(err)
		}
		if got := eventIDs(answer.doc); !slices.Equal(got, []string{"e1", "e2", "e3"}) {
			t.Errorf("found %v", got)
		}
		if n := answer.corpus.Ingest().Lost(); n != 0 {
			t.Errorf("%d things could not be read: %v", n, answer.corpus.Ingest().Problems)
		}
		notes := strings.Join(answer.doc.Summary.Notes, "\n")
		for _, want := range []string{"last 90 days", "not opted in to them: af-south-1"} {
			if !strings.Contains(notes, want) {
				t.Errorf("the notes do not say %q:\n%s", want, notes)
			}
		}
		granted(t, w, "")
		if len(asked) != 17 {
			t.Errorf("%d regions were asked, and 17 are enabled", len(asked))
		}
		for region, times := range asked {
			for i := 1; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap < 499*time.Millisecond {
					t.Errorf("%s was asked again after %v: CloudTrail allows two a second", region, gap)
				}
			}
		}
	})
}

// TestLookupAsksForWhatItMeets: whatever the answer says the intruder holds is asked for by the name that the event history knows it by,
// once; what may as well be somebody else's is not.
func TestLookupAsksForWhatItMeets(t *testing.T) {
	known := action.Lookup{Attribute: "AccessKeyId", Value: "AKIAKNOWN00000000001"}
	h := &history{asked: map[action.Lookup]bool{known: true}}
	got := h.unasked(&trail.Document{Identities: []trail.ScopeIdentity{
		{ID: "key:AKIAKNOWN00000000001", Kind: "access-key", AccessKey: known.Value, ARN: "arn:aws:iam::111122223333:user/dev/mallory", Confidence: trail.Certain},
		{ID: "key:ASIANEW0000000000001", Kind: "session", AccessKey: "ASIANEW0000000000001", ARN: "arn:aws:sts::111122223333:assumed-role/deploy/x", Confidence: trail.Certain},
		{ID: "instance:i-0123456789abcdef0", Kind: "instance", Confidence: trail.Probable},
		{ID: "function:arn:aws:lambda:eu-west-1:111122223333:function:thumbs", Kind: "function", ARN: "arn:aws:lambda:eu-west-1:111122223333:function:thumbs", Confidence: trail.Probable},
		{ID: "iam-role:arn:aws:iam::111122223333:role/back", Kind: "iam-role", ARN: "arn:aws:iam::111122223333:role/back", Confidence: trail.Certain},
		{ID: "root", Kind: "root", ARN: "arn:aws:iam::111122223333:root", Confidence: trail.Certain},
		{ID: "key:AKIAOTHER00000000001", AccessKey: "AKIAOTHER00000000001", Relation: trail.SamePrincipal, Confidence: trail.Possible},
	}})
	want := []action.Lookup{
		{Attribute: "Username", Value: "mallory"},
		{Attribute: "AccessKeyId", Value: "ASIANEW0000000000001"}, {Attribute: "Username", Value: "x"},
		{Attribute: "Username", Value: "i-0123456789abcdef0"}, {Attribute: "Username", Value: "thumbs"},
		{Attribute: "ResourceName", Value: "arn:aws:iam::111122223333:role/back"}, {Attribute: "Username", Value: "root"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("asks for %v, not %v", got, want)
	}
}

// TestLookupNamesWhatItCouldNotAsk: a region that refuses is named and the answer may lack it; the others are answered.
func TestLookupNamesWhatItCouldNotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chained()
		w.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation == "LookupEvents" && c.Region == "ap-south-1" {
				return awssim.Fault{Before: awssim.AccessDenied("cloudtrail:LookupEvents")}
			}
			return awssim.Fault{}
		})
		a, _, stderr := simulated(t, w)
		answer, err := ask(t, a, intruderKey)
		if err != nil {
			t.Fatal(err)
		}
		if got := eventIDs(answer.doc); !slices.Equal(got, []string{"e1", "e2"}) {
			t.Errorf("found %v", got)
		}
		if got := status(a.giveScope(t.Context(), answer, scopeFlags{})); got != exitPartly {
			t.Errorf("exit status %d", got)
		}
		if !strings.Contains(stderr.String(), "CloudTrail's event history in ap-south-1") {
			t.Errorf("the region is not named:\n%s", stderr)
		}
	})
}

// TestLookupRefusedEverywhere is an error with the next step, and no answer that looks like "nothing found".
func TestLookupRefusedEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chained()
		w.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation == "LookupEvents" {
				return awssim.Fault{Before: awssim.AccessDenied("")}
			}
			return awssim.Fault{}
		})
		a, _, _ := simulated(t, w)
		if _, err := ask(t, a, intruderKey); err == nil || !strings.Contains(err.Error(), "cloudtrail:LookupEvents") {
			t.Errorf("the error is %v", err)
		}
	})
}

// TestLookupSaysWhatItCannotAsk: an address beside a key is left out and named; alone it is a usage error.
func TestLookupSaysWhatItCannotAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _, _ := simulated(t, chained())
		answer, err := ask(t, a, intruderKey, "203.0.113.9")
		if err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(answer.doc.Summary.Notes, "\n"); !strings.Contains(notes, "address 203.0.113.9 was not looked up") {
			t.Errorf("the notes do not say that the address was not looked up:\n%s", notes)
		}
		if _, err := ask(t, a, "203.0.113.9"); status(err) != exitUsage {
			t.Errorf("an address alone: %v", err)
		}
	})
}

// granted fails where the policy that cordon policy scope prints does not hold just what was called.
func granted(t *testing.T, w *awssim.World, logs string) {
	t.Helper()
	doc, err := deploy.ScopePolicy("aws", logs)
	if err != nil {
		t.Fatal(err)
	}
	var calls []action.Op
	for _, c := range w.Calls() {
		calls = append(calls, action.Op{Service: c.Service, Name: c.Operation})
	}
	unused, missing, err := deploy.Compare(calls, []deploy.Document{doc})
	if err != nil || len(missing) > 0 {
		t.Errorf("needed and not granted: %v (%v)", missing, err)
	}
	if logs == "" && len(unused) > 0 {
		t.Errorf("granted and never needed: %v", unused)
	}
}
