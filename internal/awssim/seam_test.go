package awssim

import (
	"context"
	"errors"
	"net/http"
	"slices"
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

func TestEveryPageIsHandedOutOnce(t *testing.T) {
	for _, size := range []int{1, 2, 3} {
		s := newLab(t, Options{PageSize: size})
		want := []string{s.instance}
		for range 6 {
			want = append(want, s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet}))
		}
		var got []string
		pages := 0
		p := ec2.NewDescribeInstancesPaginator(s.ec2, &ec2.DescribeInstancesInput{})
		for p.HasMorePages() {
			out, err := p.NextPage(s.ctx)
			ok(t, err)
			if pages++; len(out.Reservations) > size {
				t.Errorf("a page of %d, want at most %d", len(out.Reservations), size)
			}
			for _, r := range out.Reservations {
				got = append(got, *r.Instances[0].InstanceId)
			}
		}
		same(t, "instances", got, want)
		if want := (7 + size - 1) / size; pages != want {
			t.Errorf("%d pages, want %d", pages, want)
		}
	}
}

func TestTokensAreOfTheirOperation(t *testing.T) {
	s := newLab(t, Options{PageSize: 1})
	s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet})
	out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{})
	ok(t, err)
	for _, token := range []string{*out.NextToken, "made up"} {
		_, err = s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{NextToken: aws.String(token)})
		wantCode(t, err, "InvalidPaginationToken")
	}
}

func TestLag(t *testing.T) {
	s := newLab(t, Options{Lag: 2})
	out, err := s.ec2.CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("q"), Description: aws.String("q"), VpcId: aws.String(s.vpc), TagSpecifications: tagging("security-group"),
	})
	ok(t, err)
	read := func() error {
		_, err := s.ec2.DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*out.GroupId}})
		return err
	}
	wantCode(t, read(), "InvalidGroup.NotFound")
	wantCode(t, read(), "InvalidGroup.NotFound")
	ok(t, read())

	eni := s.enis()[0]
	_, err = s.ec2.ModifyNetworkInterfaceAttribute(s.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni, Groups: []string{s.ssh}})
	ok(t, err)
	for i, want := range []string{s.web, s.web, s.ssh, s.ssh} {
		out, err := s.ec2.DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}})
		ok(t, err)
		if got := *out.NetworkInterfaces[0].Groups[0].GroupId; got != want {
			t.Errorf("read %d after the change sees %s, want %s", i+1, got, want)
		}
	}
}

func TestRandomLagIsRepeatable(t *testing.T) {
	run := func(seed int64) (lags []int) {
		s := newLab(t, Options{Lag: 5, LagRandom: true, Seed: seed})
		for range 8 {
			ok(t, s.tag("k", "v"))
			n := 0
			for {
				out, err := s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{Filters: []ec2types.Filter{{Name: aws.String("tag:k"), Values: []string{"v"}}}})
				ok(t, err)
				if len(out.Volumes) > 0 {
					break
				}
				n++
			}
			lags = append(lags, n)
			_, err := s.ec2.DeleteTags(s.ctx, &ec2.DeleteTagsInput{Resources: []string{s.volumes()[0]}, Tags: []ec2types.Tag{{Key: aws.String("k")}}})
			ok(t, err)
			for range 6 {
				_, err := s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{VolumeIds: s.volumes()[:1]})
				ok(t, err)
			}
		}
		return lags
	}
	if a, b := run(1), run(1); !slices.Equal(a, b) {
		t.Errorf("one seed gives %v and %v", a, b)
	}
	if a, b := run(1), run(2); slices.Equal(a, b) {
		t.Errorf("two seeds give the same, %v", a)
	}
}

func TestDumpTellsAccountsApart(t *testing.T) {
	clock := func() time.Time { return time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC) }
	a, b := newLab(t, Options{Seed: 7, Now: clock}), newLab(t, Options{Seed: 7, Now: clock})
	if d := Diff(a.Dump(), b.Dump()); len(d) > 0 {
		t.Errorf("equal accounts differ: %q", d)
	}
	before := a.Dump()
	_, err := ec2.NewFromConfig(attached(a.World, "us-east-1")).DescribeInstances(a.ctx, &ec2.DescribeInstancesInput{})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) > 0 {
		t.Errorf("looking elsewhere shows as %q", d)
	}
	address := a.address()
	_, err = a.ec2.DisassociateAddress(a.ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String(address.AssociationID)})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) != 1 || !strings.Contains(d[0], "ec2/eu-west-1/address/"+address.AllocationID) {
		t.Errorf("taking an address off shows as %q", d)
	}
	_, err = a.ec2.AssociateAddress(a.ctx, &ec2.AssociateAddressInput{AllocationId: aws.String(address.AllocationID), NetworkInterfaceId: aws.String(address.Interface)})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) > 0 {
		t.Errorf("put back, the account still differs: %q", d)
	}
	if now := a.address(); now.AssociationID == address.AssociationID {
		t.Error("a new association has the old one's id")
	}
	// A rule put back is another rule at the end of the list, and says the same.
	_, err = a.ec2.RevokeSecurityGroupEgress(a.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &a.web, IpPermissions: all("0.0.0.0/0")})
	ok(t, err)
	_, err = a.ec2.AuthorizeSecurityGroupEgress(a.ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &a.web, IpPermissions: all("0.0.0.0/0")})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) > 0 {
		t.Errorf("with a rule put back, the account still differs: %q", d)
	}
	ok(t, a.tag("k", "v"))
	if d := Diff(before, a.Dump()); len(d) != 1 {
		t.Errorf("a tag shows as %q", d)
	}
}

func TestEmptyAndAbsentAreTheSame(t *testing.T) {
	full := canonical(&SecurityGroup{ID: "sg-1", Egress: []Rule{}, Tags: map[string]string{}, Description: ""})
	bare := canonical(&SecurityGroup{ID: "sg-1"})
	if d := Diff(map[string]any{"g": full}, map[string]any{"g": bare}); len(d) > 0 {
		t.Error(d)
	}
	if d := Diff(map[string]any{"g": full}, map[string]any{"g": canonical(&SecurityGroup{ID: "sg-2"})}); len(d) != 1 {
		t.Errorf("two groups differ by %q", d)
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
