package awssim

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// healthOf maps "id:port" to state for a whole target group.
func healthOf(t *testing.T, c *elasticloadbalancingv2.Client, arn string, targets ...types.TargetDescription) map[string]string {
	t.Helper()
	out, err := c.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: aws.String(arn), Targets: targets})
	ok(t, err)
	states := map[string]string{}
	for _, d := range out.TargetHealthDescriptions {
		states[*d.Target.Id+":"+*d.HealthCheckPort] = string(d.TargetHealth.State)
	}
	return states
}

func at(id string, port int32) types.TargetDescription {
	return types.TargetDescription{Id: aws.String(id), Port: aws.Int32(port)}
}

func TestTargetDrainsAndIsGone(t *testing.T) {
	s := newScene(t)
	lb := s.AddLoadBalancer(testRegion, LoadBalancer{Name: "web", VPC: "vpc-1"})
	tg := s.AddTargetGroup(testRegion, TargetGroup{
		Name: "web", VPC: "vpc-1", Port: 80, LoadBalancers: []string{lb.ARN}, DeregistrationDelay: 2 * time.Minute,
		Targets: []Target{{ID: "i-1"}, {ID: "i-1", Port: 8443}, {ID: "i-2"}},
	})
	c := elasticloadbalancingv2.NewFromConfig(s.cfg)
	deregister := func(targets ...types.TargetDescription) {
		t.Helper()
		_, err := c.DeregisterTargets(ctx, &elasticloadbalancingv2.DeregisterTargetsInput{TargetGroupArn: aws.String(tg.ARN), Targets: targets})
		ok(t, err)
	}
	want := func(what string, want map[string]string) {
		t.Helper()
		if got := healthOf(t, c, tg.ARN); !equalMaps(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	want("at first", map[string]string{"i-1:80": "healthy", "i-1:8443": "healthy", "i-2:80": "healthy"})
	deregister(types.TargetDescription{Id: aws.String("i-1")})
	want("without a port, the group's own goes", map[string]string{"i-1:80": "draining", "i-1:8443": "healthy", "i-2:80": "healthy"})
	s.pass(time.Minute)
	deregister(at("i-1", 80), at("i-1", 8443), at("i-3", 80))
	s.pass(time.Minute)
	want("each drains from its own start", map[string]string{"i-1:8443": "draining", "i-2:80": "healthy"})
	s.pass(time.Minute)
	want("after the delay", map[string]string{"i-2:80": "healthy"})
	if got := healthOf(t, c, tg.ARN, at("i-1", 80)); got["i-1:80"] != "unused" {
		t.Errorf("one that is not registered: %v", got)
	}
}

func TestRegisteringAgainEndsTheDraining(t *testing.T) {
	s := newScene(t)
	tg := s.addGroup()
	c := elasticloadbalancingv2.NewFromConfig(s.cfg)
	_, err := c.DeregisterTargets(ctx, &elasticloadbalancingv2.DeregisterTargetsInput{TargetGroupArn: aws.String(tg.ARN), Targets: []types.TargetDescription{at("i-1", 80)}})
	ok(t, err)
	s.pass(20 * time.Second)
	_, err = c.RegisterTargets(ctx, &elasticloadbalancingv2.RegisterTargetsInput{TargetGroupArn: aws.String(tg.ARN), Targets: []types.TargetDescription{at("i-1", 80)}})
	ok(t, err)
	if got := healthOf(t, c, tg.ARN)["i-1:80"]; got != "initial" {
		t.Errorf("at once: %s", got)
	}
	s.pass(80 * time.Second)
	if got := healthOf(t, c, tg.ARN)["i-1:80"]; got != "healthy" {
		t.Errorf("registered: %s", got)
	}
	_, err = c.DeregisterTargets(ctx, &elasticloadbalancingv2.DeregisterTargetsInput{TargetGroupArn: aws.String(tg.ARN), Targets: []types.TargetDescription{at("i-1", 80)}})
	ok(t, err)
	s.pass(250 * time.Second)
	if got := healthOf(t, c, tg.ARN)["i-1:80"]; got != "draining" {
		t.Errorf("the first draining ended the second: %q", got)
	}
	s.pass(50 * time.Second)
	if got, there := healthOf(t, c, tg.ARN)["i-1:80"]; there {
		t.Errorf("drained: %q", got)
	}
}

func TestTargetHealthFollowsTheInstance(t *testing.T) {
	s := newScene(t)
	tg := s.addGroup()
	alone := s.AddTargetGroup(testRegion, TargetGroup{Name: "alone", VPC: "vpc-1", Port: 80, Targets: []Target{{ID: "i-1"}}})
	ips := s.AddTargetGroup(testRegion, TargetGroup{
		Name: "ips", VPC: "vpc-1", Port: 80, TargetType: types.TargetTypeEnumIp, LoadBalancers: tg.LoadBalancers, Targets: []Target{{ID: "10.0.1.9"}},
	})
	c := elasticloadbalancingv2.NewFromConfig(s.cfg)
	s.Do(func(a *Account) {
		r := a.Region(testRegion)
		r.Instances["i-1"].State = "stopped"
		r.NetworkInterfaces["eni-2"].Groups = []string{"sg-closed"}
	})
	if got := healthOf(t, c, tg.ARN); got["i-1:80"] != "unused" || got["i-2:80"] != "unhealthy" {
		t.Errorf("stopped and isolated: %v", got)
	}
	if got := healthOf(t, c, alone.ARN)["i-1:80"]; got != "unused" {
		t.Errorf("in a group without load balancer: %s", got)
	}
	if got := healthOf(t, c, ips.ARN)["10.0.1.9:80"]; got != "healthy" {
		t.Errorf("an address: %s", got)
	}
}

func TestRefusalsOfTargetGroups(t *testing.T) {
	s := newScene(t)
	tg := s.addGroup()
	s.Do(func(a *Account) {
		a.Region(testRegion).Instances["i-3"].State = "stopped"
		a.Region(testRegion).Instances["i-far"] = &Instance{ID: "i-far", State: "running", VPC: "vpc-2"}
	})
	c := elasticloadbalancingv2.NewFromConfig(s.cfg)
	for _, id := range []string{"i-3", "i-far", "i-none"} {
		_, err := c.RegisterTargets(ctx, &elasticloadbalancingv2.RegisterTargetsInput{TargetGroupArn: aws.String(tg.ARN), Targets: []types.TargetDescription{at("i-1", 81), at(id, 80)}})
		wantCode(t, err, "InvalidTarget")
	}
	if got := healthOf(t, c, tg.ARN); len(got) != 2 {
		t.Errorf("a refused registration had an effect: %v", got)
	}
	_, err := c.DescribeTargetHealth(ctx, &elasticloadbalancingv2.DescribeTargetHealthInput{TargetGroupArn: aws.String("arn:none")})
	wantCode(t, err, "TargetGroupNotFound")
	_, err = c.DescribeTargetGroups(ctx, &elasticloadbalancingv2.DescribeTargetGroupsInput{TargetGroupArns: []string{tg.ARN, "arn:none"}})
	wantCode(t, err, "TargetGroupNotFound")
	_, err = c.DescribeLoadBalancers(ctx, &elasticloadbalancingv2.DescribeLoadBalancersInput{LoadBalancerArns: []string{"arn:none"}})
	wantCode(t, err, "LoadBalancerNotFound")
}

func TestTargetGroupsArePagedAndLag(t *testing.T) {
	s := newScene(t, func(o *Options) { o.Lag = 2 })
	tg := s.addGroup()
	for _, name := range []string{"b", "c", "d", "e"} {
		s.AddTargetGroup(testRegion, TargetGroup{Name: name, VPC: "vpc-1", Port: 80})
	}
	c := elasticloadbalancingv2.NewFromConfig(s.cfg)
	var names []string
	p := elasticloadbalancingv2.NewDescribeTargetGroupsPaginator(c, &elasticloadbalancingv2.DescribeTargetGroupsInput{})
	pages := 0
	for p.HasMorePages() {
		out, err := p.NextPage(ctx)
		ok(t, err)
		pages++
		for _, g := range out.TargetGroups {
			names = append(names, *g.TargetGroupName)
		}
	}
	same(t, "names", names, []string{"web", "b", "c", "d", "e"})
	if pages != 3 {
		t.Errorf("%d pages", pages)
	}
	attributes, err := c.DescribeTargetGroupAttributes(ctx, &elasticloadbalancingv2.DescribeTargetGroupAttributesInput{TargetGroupArn: aws.String(tg.ARN)})
	ok(t, err)
	if a := attributes.Attributes[0]; *a.Key != "deregistration_delay.timeout_seconds" || *a.Value != "300" {
		t.Errorf("attributes: %s=%s", *a.Key, *a.Value)
	}
	_, err = c.DeregisterTargets(ctx, &elasticloadbalancingv2.DeregisterTargetsInput{TargetGroupArn: aws.String(tg.ARN), Targets: []types.TargetDescription{at("i-1", 80)}})
	ok(t, err)
	var seen []string
	for range 3 {
		seen = append(seen, healthOf(t, c, tg.ARN)["i-1:80"])
	}
	if seen[0] != "healthy" || seen[1] != "healthy" || seen[2] != "draining" {
		t.Errorf("with a lag of two reads: %v", seen)
	}
}

func equalMaps(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}
