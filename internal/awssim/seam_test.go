package awssim

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

func describe(s *lab) error {
	_, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{s.instance}})
	return err
}

func calls(w *World, operation string) int {
	n := 0
	for _, c := range w.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

func TestAnswersLookLikeResponses(t *testing.T) {
	ahead := time.Now().Add(time.Hour)
	s := newLab(t, Options{Now: func() time.Time { return ahead }})
	out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{})
	ok(t, err)
	if id, found := awsmiddleware.GetRequestIDMetadata(out.ResultMetadata); !found || id == "" {
		t.Error("a success carries no request id")
	}
	if at, found := awsmiddleware.GetServerTime(out.ResultMetadata); !found || at.Unix() != ahead.Unix() {
		t.Errorf("server time is %v, want AWS's clock, %v", at, ahead)
	}
	if attempts, found := retry.GetAttemptResults(out.ResultMetadata); !found || len(attempts.Results) != 1 {
		t.Errorf("attempts are %v, want one", attempts)
	}
	_, err = s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0000000000000dead"}})
	wantCode(t, err, "InvalidInstanceID.NotFound")
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() != 400 || response.ServiceRequestID() == "" {
		t.Errorf("error %v has no HTTP response with status 400 and a request id", err)
	}
	var operation *smithy.OperationError
	if !errors.As(err, &operation) || operation.Operation() != "DescribeInstances" {
		t.Errorf("error %v names no operation", err)
	}
}

func TestValidationIsTheSDKs(t *testing.T) {
	s := newLab(t, Options{})
	_, err := s.ec2.CreateSnapshot(s.ctx, &ec2.CreateSnapshotInput{})
	var invalid smithy.InvalidParamsError
	if !errors.As(err, &invalid) {
		t.Errorf("got %v, want the SDK's own refusal", err)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls reached the account, want none", n)
	}
}

func TestPresigningIsLeftAlone(t *testing.T) {
	s := newLab(t, Options{})
	p := s3.NewPresignClient(s3.NewFromConfig(attached(s.World, testRegion)))
	url, err := p.PresignPutObject(s.ctx, &s3.PutObjectInput{Bucket: aws.String("evidence"), Key: aws.String("k")})
	ok(t, err)
	if !strings.Contains(url.URL, "X-Amz-Signature=") || len(s.Calls()) != 0 {
		t.Errorf("url %s after %d calls, want a signed one after none", url.URL, len(s.Calls()))
	}
}

func TestUnknownOperationFailsLoudly(t *testing.T) {
	s := newLab(t, Options{})
	_, err := s.ec2.RebootInstances(s.ctx, &ec2.RebootInstancesInput{InstanceIds: []string{s.instance}})
	var api smithy.APIError
	if err == nil || errors.As(err, &api) {
		t.Errorf("got %v, want an error that is not AWS's", err)
	}
	if len(s.Violations()) != 1 {
		t.Errorf("violations %q, want one", s.Violations())
	}
}

// Every fault in each half of the pair: what the SDK makes of it, how often it
// tries, and whether the effect is there.
func TestFaultsComeInPairs(t *testing.T) {
	for _, c := range []struct {
		name     string
		fault    error
		code     string // "" for what is no API error
		attempts int
	}{
		{"throttle", Throttle(), "RequestLimitExceeded", 3},
		{"denied", AccessDenied("ec2:CreateTags"), "UnauthorizedOperation", 1},
		{"internal", ServerError(), "InternalError", 3},
		{"unavailable", Unavailable(), "Unavailable", 3},
		{"expired", ExpiredToken(), "RequestExpired", 1},
		{"timeout", Timeout(), "", 3},
		{"reset", Reset(), "", 3},
	} {
		for _, after := range []bool{false, true} {
			t.Run(c.name+map[bool]string{false: " before", true: " after"}[after], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					s := newLab(t, Options{})
					s.SetHook(func(Call) Fault {
						if after {
							return Fault{After: c.fault}
						}
						return Fault{Before: c.fault}
					})
					_, err := s.ec2.CreateTags(s.ctx, &ec2.CreateTagsInput{
						Resources: []string{s.instance}, Tags: []ec2types.Tag{{Key: aws.String("case"), Value: aws.String("1")}},
					})
					if c.code != "" {
						wantCode(t, err, c.code)
					} else if api := (smithy.APIError)(nil); err == nil || errors.As(err, &api) {
						t.Errorf("got %v, want a failed connection", err)
					}
					if n := calls(s.World, "CreateTags"); n != c.attempts {
						t.Errorf("%d attempts, want %d", n, c.attempts)
					}
					s.Do(func(a *Account) {
						if _, there := a.Region(testRegion).Instances[s.instance].Tags["case"]; there != after {
							t.Errorf("tag there: %v, want %v", there, after)
						}
					})
				})
			})
		}
	}
}

func TestThrottledTwiceThenServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{})
		s.SetHook(func(c Call) Fault {
			if c.N <= 2 {
				return Fault{Before: Throttle()}
			}
			return Fault{}
		})
		ok(t, describe(s))
		if n := len(s.Calls()); n != 3 {
			t.Errorf("%d attempts, want 3", n)
		}
	})
}

func TestHookMayChangeTheWorldAndEndTheCaller(t *testing.T) {
	s := newLab(t, Options{})
	s.SetHook(func(Call) Fault {
		s.Do(func(a *Account) { a.Region(testRegion).Instances[s.instance].Tags["owner"] = "was here" })
		return Fault{Then: func() { panic("killed") }}
	})
	func() {
		defer func() {
			if recover() != "killed" {
				t.Error("the hook did not end its caller")
			}
		}()
		_, _ = s.ec2.DeleteTags(s.ctx, &ec2.DeleteTagsInput{Resources: []string{s.instance}, Tags: []ec2types.Tag{{Key: aws.String("Name")}}})
	}()
	s.Do(func(a *Account) {
		got := a.Region(testRegion).Instances[s.instance].Tags
		if len(got) != 1 || got["owner"] != "was here" {
			t.Errorf("tags are %v, want the owner's and not the deleted one", got)
		}
	})
}

func TestLatencyIsSleptAndEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{Latency: func(service, operation string) time.Duration { return 100 * time.Millisecond }})
		begun := time.Now()
		ok(t, describe(s))
		if d := time.Since(begun); d != 100*time.Millisecond {
			t.Errorf("took %v, want 100ms", d)
		}
		ctx, cancel := context.WithTimeout(s.ctx, 50*time.Millisecond)
		defer cancel()
		_, err := s.ec2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{s.instance}, Tags: []ec2types.Tag{{Key: aws.String("late")}}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the context's end", err)
		}
		if n := calls(s.World, "CreateTags"); n != 0 {
			t.Errorf("%d calls after the context had ended", n)
		}
	})
}

func TestRatesRefuseAndRefill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{Rates: true})
		once := func(o *ec2.Options) { o.RetryMaxAttempts = 1 }
		tag := func() error {
			_, err := s.ec2.CreateTags(s.ctx, &ec2.CreateTagsInput{Resources: []string{s.instance}, Tags: []ec2types.Tag{{Key: aws.String("n")}}}, once)
			return err
		}
		for range 50 {
			ok(t, tag())
		}
		wantCode(t, tag(), "RequestLimitExceeded")
		ok(t, describe(s)) // another operation has tokens of its own
		time.Sleep(time.Second)
		for range 5 {
			ok(t, tag())
		}
		wantCode(t, tag(), "RequestLimitExceeded")
	})
}

// IAM's changes count together, whatever they are and wherever they are sent to; its reads count each by itself.
func TestChangesOfIAMAreCountedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Options{Rates: true})
		key := w.AddUser(User{Name: "alice", Keys: []UserKey{{Active: true}}}).Keys[0].ID
		once := func(o *iam.Options) { o.RetryMaxAttempts = 1 }
		here, there := iam.NewFromConfig(attached(w, testRegion), once), iam.NewFromConfig(attached(w, "us-east-1"), once)
		disable := func() error {
			_, err := here.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: aws.String(key), Status: iamtypes.StatusTypeInactive})
			return err
		}
		put := func() error {
			_, err := there.PutUserPolicy(t.Context(), &iam.PutUserPolicyInput{UserName: aws.String("alice"), PolicyName: aws.String("p"), PolicyDocument: aws.String(`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`)})
			return err
		}
		for range 15 {
			ok(t, disable())
			ok(t, put())
		}
		wantCode(t, put(), "Throttling")
		for range 100 {
			_, err := here.GetUser(t.Context(), &iam.GetUserInput{UserName: aws.String("alice")})
			ok(t, err)
		}
		time.Sleep(time.Second)
		for range 15 {
			ok(t, disable())
		}
		wantCode(t, disable(), "Throttling")
	})
}

func TestDryRunHasNoEffect(t *testing.T) {
	s := newLab(t, Options{})
	before := s.Dump()
	_, err := s.ec2.StopInstances(s.ctx, &ec2.StopInstancesInput{InstanceIds: []string{s.instance}, DryRun: aws.Bool(true)})
	wantCode(t, err, "DryRunOperation")
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Error(d)
	}
}

func TestRegionsNotEnabledAndNotThere(t *testing.T) {
	w := New(Options{})
	once := func(o *ec2.Options) { o.RetryMaxAttempts = 1 }
	read := func(region string) error {
		_, err := ec2.NewFromConfig(attached(w, region)).DescribeInstances(t.Context(), &ec2.DescribeInstancesInput{}, once)
		return err
	}
	wantCode(t, read("eu-south-2"), "AuthFailure")
	if len(w.Violations()) != 0 {
		t.Error("a read in a region that is not enabled is no violation")
	}
	_, err := ec2.NewFromConfig(attached(w, "eu-south-2")).StopInstances(t.Context(), &ec2.StopInstancesInput{InstanceIds: []string{"i-0000000000000dead"}}, once)
	wantCode(t, err, "AuthFailure")
	if len(w.Violations()) != 1 {
		t.Errorf("violations %q, want one for the change", w.Violations())
	}
	w.OptInRegion("eu-south-2")
	ok(t, read("eu-south-2"))
	if err := read("eu-nowhere-1"); err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Errorf("got %v, want no such host", err)
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	s := newLab(t, Options{Lag: 1, Rates: false})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if err := describe(s); err != nil {
					t.Error(err)
				}
				if err := s.tag("k", "v"); err != nil {
					t.Error(err)
				}
				s.Dump()
				s.Calls()
				s.Violations()
			}
		})
	}
	wg.Wait()
	if n := len(s.Calls()); n != 320 {
		t.Errorf("%d calls, want 320", n)
	}
	for i, c := range s.Calls() {
		if c.N != i+1 {
			t.Fatalf("call %d is numbered %d", i+1, c.N)
		}
	}
}

func TestNothingLeavesTheSimulation(t *testing.T) {
	cfg := attached(New(Options{}), testRegion)
	r, _ := http.NewRequest(http.MethodGet, "https://ec2.eu-west-1.amazonaws.com/", nil)
	if _, err := cfg.HTTPClient.Do(r); err == nil {
		t.Error("a request reached the network")
	}
}

func BenchmarkCall(b *testing.B) {
	s := newLab(b, Options{})
	for b.Loop() {
		if err := describe(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSmallCall(b *testing.B) {
	s := newLab(b, Options{})
	for b.Loop() {
		if _, err := s.ec2.GetSerialConsoleAccessStatus(s.ctx, &ec2.GetSerialConsoleAccessStatusInput{}); err != nil {
			b.Fatal(err)
		}
	}
}
