package awssim

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
)

func TestClassicInstanceDrainsInService(t *testing.T) {
	s := newScene(t)
	s.AddClassicLoadBalancer(testRegion, ClassicLoadBalancer{Name: "old", VPC: "vpc-1", Instances: []string{"i-1", "i-2"}, Drain: time.Minute})
	c := elasticloadbalancing.NewFromConfig(s.cfg)
	one := []types.Instance{{InstanceId: aws.String("i-1")}}
	health := func() (state, description string) {
		t.Helper()
		out, err := c.DescribeInstanceHealth(ctx, &elasticloadbalancing.DescribeInstanceHealthInput{LoadBalancerName: aws.String("old"), Instances: one})
		ok(t, err)
		return *out.InstanceStates[0].State, *out.InstanceStates[0].Description
	}
	for range 2 { // a second time is no error and changes nothing
		out, err := c.DeregisterInstancesFromLoadBalancer(ctx, &elasticloadbalancing.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: aws.String("old"), Instances: one})
		ok(t, err)
		same(t, "remaining", classicIDs(out.Instances), []string{"i-2"})
	}
	if state, description := health(); state != "InService" || description != "Instance deregistration currently in progress." {
		t.Errorf("while draining: %s, %s", state, description)
	}
	register := func() {
		t.Helper()
		_, err := c.RegisterInstancesWithLoadBalancer(ctx, &elasticloadbalancing.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: aws.String("old"), Instances: one})
		ok(t, err)
		if state, description := health(); state != "InService" || description != "N/A" {
			t.Errorf("registered: %s, %s", state, description)
		}
	}
	register() // while it drains
	_, err := c.DeregisterInstancesFromLoadBalancer(ctx, &elasticloadbalancing.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: aws.String("old"), Instances: one})
	ok(t, err)
	s.pass(time.Minute)
	if state, _ := health(); state != "OutOfService" {
		t.Errorf("drained: %s", state)
	}
	register()
	out, err := c.DescribeLoadBalancers(ctx, &elasticloadbalancing.DescribeLoadBalancersInput{LoadBalancerNames: []string{"old"}})
	ok(t, err)
	same(t, "registered", classicIDs(out.LoadBalancerDescriptions[0].Instances), []string{"i-1", "i-2"})
	attributes, err := c.DescribeLoadBalancerAttributes(ctx, &elasticloadbalancing.DescribeLoadBalancerAttributesInput{LoadBalancerName: aws.String("old")})
	ok(t, err)
	if d := attributes.LoadBalancerAttributes.ConnectionDraining; !d.Enabled || *d.Timeout != 60 {
		t.Errorf("draining: %+v", d)
	}
}

func TestRefusalsOfClassicLoadBalancers(t *testing.T) {
	s := newScene(t)
	s.AddClassicLoadBalancer(testRegion, ClassicLoadBalancer{Name: "old", VPC: "vpc-2"})
	c := elasticloadbalancing.NewFromConfig(s.cfg)
	_, err := c.DescribeLoadBalancers(ctx, &elasticloadbalancing.DescribeLoadBalancersInput{LoadBalancerNames: []string{"none"}})
	wantCode(t, err, "LoadBalancerNotFound")
	for _, id := range []string{"i-none", "i-1"} { // unknown; in another VPC
		_, err = c.RegisterInstancesWithLoadBalancer(ctx, &elasticloadbalancing.RegisterInstancesWithLoadBalancerInput{
			LoadBalancerName: aws.String("old"), Instances: []types.Instance{{InstanceId: aws.String(id)}},
		})
		wantCode(t, err, "InvalidInstance")
	}
	for _, name := range []string{"a", "b", "c"} {
		s.AddClassicLoadBalancer(testRegion, ClassicLoadBalancer{Name: name, VPC: "vpc-1"})
	}
	first, err := c.DescribeLoadBalancers(ctx, &elasticloadbalancing.DescribeLoadBalancersInput{})
	ok(t, err)
	if len(first.LoadBalancerDescriptions) != 2 || first.NextMarker == nil {
		t.Errorf("first page of four: %d", len(first.LoadBalancerDescriptions))
	}
}
