package awssim

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// scene is a world with a clock that stands still until a test moves it, two
// instances behind load balancers in one group, and a third outside.
type scene struct {
	*World
	cfg aws.Config
	now time.Time
}

const testRegion = "eu-west-1"

func newScene(t *testing.T, change ...func(*Options)) *scene {
	t.Helper()
	s := &scene{now: time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC)}
	o := Options{Now: func() time.Time { return s.now }, PageSize: 2}
	for _, f := range change {
		f(&o)
	}
	s.World = New(o)
	s.cfg = aws.Config{Region: testRegion}
	s.Attach(&s.cfg, "arn:aws:sts::111122223333:assumed-role/responder/alice")
	s.Do(func(a *Account) {
		r := a.Region(testRegion)
		r.Subnets["subnet-a"] = &Subnet{ID: "subnet-a", VPC: "vpc-1", Zone: "eu-west-1a", CIDR: "10.0.1.0/24"}
		r.SecurityGroups["sg-web"] = &SecurityGroup{ID: "sg-web", VPC: "vpc-1", Ingress: []Rule{{Protocol: "tcp", From: 80, To: 80, CIDR: "0.0.0.0/0"}}}
		r.SecurityGroups["sg-closed"] = &SecurityGroup{ID: "sg-closed", VPC: "vpc-1"}
		for _, id := range []string{"i-1", "i-2", "i-3"} {
			r.Instances[id] = &Instance{ID: id, State: "running", VPC: "vpc-1", Subnet: "subnet-a", Zone: "eu-west-1a", Image: "ami-1", Type: "t3.micro"}
			eni := strings.Replace(id, "i", "eni", 1)
			r.NetworkInterfaces[eni] = &NetworkInterface{
				ID: eni, Subnet: "subnet-a", VPC: "vpc-1", Groups: []string{"sg-web"},
				Attachment: &Attachment{Instance: id, DeleteOnTermination: true},
			}
		}
	})
	return s
}

// addGroup puts i-1 and i-2 in a group behind a target group and a classic
// load balancer.
func (s *scene) addGroup() *TargetGroup {
	lb := s.AddLoadBalancer(testRegion, LoadBalancer{Name: "web", VPC: "vpc-1"})
	tg := s.AddTargetGroup(testRegion, TargetGroup{
		Name: "web", VPC: "vpc-1", Port: 80, LoadBalancers: []string{lb.ARN}, Targets: []Target{{ID: "i-1"}, {ID: "i-2"}},
	})
	s.AddClassicLoadBalancer(testRegion, ClassicLoadBalancer{
		Name: "old", VPC: "vpc-1", Instances: []string{"i-1", "i-2"}, Drain: 300 * time.Second,
	})
	s.AddASG(testRegion, ASG{
		Name: "web", Min: 1, Max: 3, HealthCheck: "ELB", Subnets: []string{"subnet-a"}, Zones: []string{"eu-west-1a"},
		TargetGroups: []string{tg.ARN}, ClassicLBs: []string{"old"},
		Template: LaunchTemplate{Name: "web", Version: "7", Image: "ami-1", Type: "t3.micro", Groups: []string{"sg-web"}},
	}, "i-1", "i-2")
	return tg
}

// pass lets time go by.
func (s *scene) pass(d time.Duration) {
	s.now = s.now.Add(d)
	s.Do(func(*Account) {})
}

func (s *scene) group() *ASG {
	var g *ASG
	s.Do(func(a *Account) { g = clone(a.Region(testRegion).AutoScaling.Groups["web"]) })
	return g
}

// wantCode holds an error to the API code that AWS gives it.
func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("got %v, want API error %s", err, code)
	}
	if api.ErrorCode() != code {
		t.Fatalf("got %s (%v), want %s", api.ErrorCode(), err, code)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantNoViolation(t *testing.T, s *scene) {
	t.Helper()
	if v := s.Violations(); len(v) > 0 {
		t.Errorf("violations: %q", v)
	}
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

var ctx = context.Background()
