package awssim

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// ELBv2State is a region's load balancers and target groups, by ARN.
type ELBv2State struct {
	LoadBalancers map[string]*LoadBalancer `dump:"elbv2/load-balancer"`
	TargetGroups  map[string]*TargetGroup  `dump:"elbv2/target-group"`
}

func newELBv2State() ELBv2State {
	return ELBv2State{LoadBalancers: map[string]*LoadBalancer{}, TargetGroups: map[string]*TargetGroup{}}
}

// LoadBalancer is an Application or Network Load Balancer.
type LoadBalancer struct {
	ARN, Name, VPC, DNS string
	Type                types.LoadBalancerTypeEnum
	Scheme              types.LoadBalancerSchemeEnum
	Groups              []string
	Subnets             []string
	Created             time.Time
}

// TargetGroup is where load balancers send traffic.
type TargetGroup struct {
	ARN, Name, VPC      string
	Protocol            types.ProtocolEnum
	Port                int32 // where a target does not say otherwise
	TargetType          types.TargetTypeEnum
	LoadBalancers       []string // ARNs
	DeregistrationDelay time.Duration
	Targets             []Target
}

// Target is one registration: an instance or address, at a port. The same
// instance may be registered at several ports.
type Target struct {
	ID       string
	Port     int32
	Zone     string
	Draining bool
	initial  bool
	since    time.Time // of Draining or initial, so that an older timer leaves a newer state alone
}

func elbv2Handlers() []handler {
	return []handler{
		read(elbv2DescribeLoadBalancers),
		read(elbv2DescribeTargetGroups),
		read(elbv2DescribeTargetGroupAttributes),
		read(elbv2DescribeTargetHealth),
		write(elbv2RegisterTargets),
		write(elbv2DeregisterTargets),
	}
}

// AddLoadBalancer puts a load balancer in place: an internet-facing
// application load balancer where the caller does not say otherwise.
func (w *World) AddLoadBalancer(region string, lb LoadBalancer) *LoadBalancer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lb.Type == "" {
		lb.Type = types.LoadBalancerTypeEnumApplication
	}
	if lb.Scheme == "" {
		lb.Scheme = types.LoadBalancerSchemeEnumInternetFacing
	}
	if lb.ARN == "" {
		short := map[types.LoadBalancerTypeEnum]string{types.LoadBalancerTypeEnumApplication: "app", types.LoadBalancerTypeEnumNetwork: "net"}
		lb.ARN = w.elbARN(region, fmt.Sprintf("loadbalancer/%s/%s/%016x", short[lb.Type], lb.Name, w.random.Uint64()))
	}
	if lb.DNS == "" {
		lb.DNS = lb.Name + "." + region + ".elb.amazonaws.com"
	}
	if lb.Created.IsZero() {
		lb.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	w.account.Region(region).ELBv2.LoadBalancers[lb.ARN] = &lb
	w.noteKnown()
	return &lb
}

// AddTargetGroup puts a target group in place, with its targets healthy. A
// target without a port gets the group's.
func (w *World) AddTargetGroup(region string, g TargetGroup) *TargetGroup {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g.Protocol == "" {
		g.Protocol = types.ProtocolEnumHttp
	}
	if g.TargetType == "" {
		g.TargetType = types.TargetTypeEnumInstance
	}
	if g.DeregistrationDelay == 0 {
		// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
		g.DeregistrationDelay = 300 * time.Second
	}
	if g.ARN == "" {
		g.ARN = w.elbARN(region, fmt.Sprintf("targetgroup/%s/%016x", g.Name, w.random.Uint64()))
	}
	for i := range g.Targets {
		if g.Targets[i].Port == 0 {
			g.Targets[i].Port = g.Port
		}
	}
	w.account.Region(region).ELBv2.TargetGroups[g.ARN] = &g
	w.noteKnown()
	return &g
}

func (w *World) elbARN(region, resource string) string {
	return "arn:" + w.account.Partition + ":elasticloadbalancing:" + region + ":" + w.account.ID + ":" + resource
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html
func elbv2DescribeLoadBalancers(r *Request, in *elasticloadbalancingv2.DescribeLoadBalancersInput) (*elasticloadbalancingv2.DescribeLoadBalancersOutput, error) {
	all := view(r, r.Region.ELBv2.LoadBalancers)
	var found []*LoadBalancer
	for _, lb := range all {
		if named(in.LoadBalancerArns, in.Names, lb.ARN, lb.Name) {
			found = append(found, lb)
		}
	}
	if len(found) < len(in.LoadBalancerArns)+len(in.Names) {
		return nil, modelled(400, &types.LoadBalancerNotFoundException{Message: aws.String("One or more load balancers not found")})
	}
	found, next, err := page(r, found, func(lb *LoadBalancer) string { return lb.ARN }, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &elasticloadbalancingv2.DescribeLoadBalancersOutput{NextMarker: next, LoadBalancers: []types.LoadBalancer{}}
	for _, lb := range found {
		d := types.LoadBalancer{
			LoadBalancerArn: aws.String(lb.ARN), LoadBalancerName: aws.String(lb.Name), DNSName: aws.String(lb.DNS),
			VpcId: aws.String(lb.VPC), Type: lb.Type, Scheme: lb.Scheme, CreatedTime: aws.Time(lb.Created),
			SecurityGroups: slices.Clone(lb.Groups), IpAddressType: types.IpAddressTypeIpv4,
			State: &types.LoadBalancerState{Code: types.LoadBalancerStateEnumActive},
		}
		for _, subnet := range lb.Subnets {
			zone := types.AvailabilityZone{SubnetId: aws.String(subnet)}
			if s := r.Region.Subnets[subnet]; s != nil {
				zone.ZoneName = aws.String(s.Zone)
			}
			d.AvailabilityZones = append(d.AvailabilityZones, zone)
		}
		out.LoadBalancers = append(out.LoadBalancers, d)
	}
	return out, nil
}

// named says whether a resource is among those asked for; where none is named,
// all are.
func named(arns, names []string, arn, name string) bool {
	return len(arns)+len(names) == 0 || slices.Contains(arns, arn) || slices.Contains(names, name)
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetGroups.html
func elbv2DescribeTargetGroups(r *Request, in *elasticloadbalancingv2.DescribeTargetGroupsInput) (*elasticloadbalancingv2.DescribeTargetGroupsOutput, error) {
	lb := aws.ToString(in.LoadBalancerArn)
	if _, ok := r.Region.ELBv2.LoadBalancers[lb]; lb != "" && !ok {
		return nil, modelled(400, &types.LoadBalancerNotFoundException{Message: aws.String("One or more load balancers not found")})
	}
	var found []*TargetGroup
	for _, g := range view(r, r.Region.ELBv2.TargetGroups) {
		if named(in.TargetGroupArns, in.Names, g.ARN, g.Name) && (lb == "" || slices.Contains(g.LoadBalancers, lb)) {
			found = append(found, g)
		}
	}
	if len(found) < len(in.TargetGroupArns)+len(in.Names) {
		return nil, targetGroupNotFound()
	}
	found, next, err := page(r, found, func(g *TargetGroup) string { return g.ARN }, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &elasticloadbalancingv2.DescribeTargetGroupsOutput{NextMarker: next, TargetGroups: []types.TargetGroup{}}
	for _, g := range found {
		out.TargetGroups = append(out.TargetGroups, types.TargetGroup{
			TargetGroupArn: aws.String(g.ARN), TargetGroupName: aws.String(g.Name), VpcId: aws.String(g.VPC),
			Protocol: g.Protocol, Port: aws.Int32(g.Port), TargetType: g.TargetType, LoadBalancerArns: slices.Clone(g.LoadBalancers),
			HealthCheckEnabled: aws.Bool(true), HealthCheckProtocol: g.Protocol, HealthCheckPort: aws.String("traffic-port"),
			HealthCheckPath: aws.String("/"), IpAddressType: types.TargetGroupIpAddressTypeEnumIpv4,
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
func elbv2DescribeTargetGroupAttributes(r *Request, in *elasticloadbalancingv2.DescribeTargetGroupAttributesInput) (*elasticloadbalancingv2.DescribeTargetGroupAttributesOutput, error) {
	g, ok := look(r, r.Region.ELBv2.TargetGroups, aws.ToString(in.TargetGroupArn))
	if !ok {
		return nil, targetGroupNotFound()
	}
	seconds := strconv.Itoa(int(g.DeregistrationDelay / time.Second))
	return &elasticloadbalancingv2.DescribeTargetGroupAttributesOutput{Attributes: []types.TargetGroupAttribute{
		{Key: aws.String("deregistration_delay.timeout_seconds"), Value: aws.String(seconds)},
		{Key: aws.String("stickiness.enabled"), Value: aws.String("false")},
	}}, nil
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTargetHealth.html
func elbv2DescribeTargetHealth(r *Request, in *elasticloadbalancingv2.DescribeTargetHealthInput) (*elasticloadbalancingv2.DescribeTargetHealthOutput, error) {
	g, ok := look(r, r.Region.ELBv2.TargetGroups, aws.ToString(in.TargetGroupArn))
	if !ok {
		return nil, targetGroupNotFound()
	}
	targets := g.Targets
	if len(in.Targets) > 0 {
		targets = nil
		for _, asked := range in.Targets {
			port := g.portOf(asked)
			i := g.index(aws.ToString(asked.Id), port)
			if i < 0 {
				targets = append(targets, Target{ID: aws.ToString(asked.Id), Port: port})
				continue
			}
			targets = append(targets, g.Targets[i])
		}
	}
	out := &elasticloadbalancingv2.DescribeTargetHealthOutput{TargetHealthDescriptions: []types.TargetHealthDescription{}}
	for _, t := range targets {
		health := g.health(r.Region, t)
		if g.index(t.ID, t.Port) < 0 {
			health = &types.TargetHealth{State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotRegistered}
		}
		d := types.TargetHealthDescription{
			Target:       &types.TargetDescription{Id: aws.String(t.ID), Port: aws.Int32(t.Port), AvailabilityZone: optional(t.Zone)},
			TargetHealth: health, HealthCheckPort: aws.String(strconv.Itoa(int(t.Port))),
		}
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, d)
	}
	return out, nil
}

// health is what the target's state comes to.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
func (g *TargetGroup) health(region *Region, t Target) *types.TargetHealth {
	instance := region.Instances[t.ID]
	switch {
	case t.Draining:
		return &types.TargetHealth{State: types.TargetHealthStateEnumDraining, Reason: types.TargetHealthReasonEnumDeregistrationInProgress,
			Description: aws.String("Target deregistration is in progress")}
	case len(g.LoadBalancers) == 0:
		return &types.TargetHealth{State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumNotInUse,
			Description: aws.String("Target group is not configured to receive traffic from the load balancer")}
	case g.TargetType == types.TargetTypeEnumInstance && (instance == nil || instance.State != "running" && instance.State != "pending"):
		return &types.TargetHealth{State: types.TargetHealthStateEnumUnused, Reason: types.TargetHealthReasonEnumInvalidState,
			Description: aws.String("Target is in the stopped state")}
	case t.initial:
		return &types.TargetHealth{State: types.TargetHealthStateEnumInitial, Reason: types.TargetHealthReasonEnumRegistrationInProgress,
			Description: aws.String("Target registration is in progress")}
	case instance != nil && region.unreachable(t.ID):
		return &types.TargetHealth{State: types.TargetHealthStateEnumUnhealthy, Reason: types.TargetHealthReasonEnumTimeout,
			Description: aws.String("Request timed out")}
	default:
		return &types.TargetHealth{State: types.TargetHealthStateEnumHealthy}
	}
}

// unreachable says whether some interface of an instance lets nothing in: each
// of its groups is without an ingress rule.
func (region *Region) unreachable(instance string) bool {
	for _, eni := range region.NetworkInterfaces {
		if eni.instance() != instance {
			continue
		}
		open := slices.ContainsFunc(eni.Groups, func(id string) bool {
			g := region.SecurityGroups[id]
			return g != nil && len(g.Ingress) > 0
		})
		if !open {
			return true
		}
	}
	return false
}

// A target that is there already, draining or not, is registered again without
// a word.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html
func elbv2RegisterTargets(r *Request, in *elasticloadbalancingv2.RegisterTargetsInput) (*elasticloadbalancingv2.RegisterTargetsOutput, error) {
	g, err := writableTargetGroup(r, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	for _, t := range in.Targets {
		if err := g.accepts(r, aws.ToString(t.Id)); err != nil {
			return nil, err
		}
	}
	touch(r, r.Region.ELBv2.TargetGroups, g.ARN)
	for _, t := range in.Targets {
		g.register(r.World, r.Now, Target{ID: aws.ToString(t.Id), Port: g.portOf(t), Zone: aws.ToString(t.AvailabilityZone)})
	}
	return &elasticloadbalancingv2.RegisterTargetsOutput{}, nil
}

// accepts says why a target cannot be registered: an instance has to exist and
// run in the group's VPC, an address to be one.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-register-targets.html
func (g *TargetGroup) accepts(r *Request, id string) error {
	invalid := func(format string) error {
		return modelled(400, &types.InvalidTargetException{Message: aws.String(fmt.Sprintf(format, id))})
	}
	if g.TargetType == types.TargetTypeEnumIp {
		if _, err := netip.ParseAddr(id); err != nil {
			return modelled(400, &types.InvalidTargetException{Message: aws.String(fmt.Sprintf("The IP address '%s' is not a valid IPv4 or IPv6 address", id))})
		}
		return nil
	}
	instance := r.Region.Instances[id]
	switch {
	case instance == nil:
		r.missing(id)
		return invalid("The following targets do not exist: '%s'")
	case instance.State != "running":
		return invalid("The following targets are not in a running state and cannot be registered: '%s'")
	case instance.VPC != g.VPC:
		return invalid("The following targets are not in the target group VPC '" + g.VPC + "': '%s'")
	}
	return nil
}

// register puts a target in. What takes AWS some seconds shows as initial.
func (g *TargetGroup) register(w *World, now time.Time, t Target) {
	t.initial, t.since = true, now
	i := g.index(t.ID, t.Port)
	switch {
	case i < 0:
		g.Targets = append(g.Targets, t)
	case g.Targets[i].Draining:
		g.Targets[i] = t
	default:
		return
	}
	w.later(now, "target-registration", 10*time.Second, func(time.Time) {
		if i := g.index(t.ID, t.Port); i >= 0 && g.Targets[i].since.Equal(t.since) {
			g.Targets[i].initial = false
		}
	})
}

// A target that is not registered is no error. One that was registered at a
// port of its own is only found by that port.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html
func elbv2DeregisterTargets(r *Request, in *elasticloadbalancingv2.DeregisterTargetsInput) (*elasticloadbalancingv2.DeregisterTargetsOutput, error) {
	g, err := writableTargetGroup(r, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	touch(r, r.Region.ELBv2.TargetGroups, g.ARN)
	for _, t := range in.Targets {
		g.deregister(r.World, r.Now, aws.ToString(t.Id), g.portOf(t))
	}
	return &elasticloadbalancingv2.DeregisterTargetsOutput{}, nil
}

// deregister lets a target drain; after the delay it is gone.
func (g *TargetGroup) deregister(w *World, now time.Time, id string, port int32) {
	i := g.index(id, port)
	if i < 0 || g.Targets[i].Draining {
		return
	}
	g.Targets[i].Draining, g.Targets[i].initial, g.Targets[i].since = true, false, now
	w.later(now, "deregistration", g.DeregistrationDelay, func(time.Time) {
		if i := g.index(id, port); i >= 0 && g.Targets[i].Draining && g.Targets[i].since.Equal(now) {
			g.Targets = slices.Delete(g.Targets, i, i+1)
		}
	})
}

func (g *TargetGroup) index(id string, port int32) int {
	return slices.IndexFunc(g.Targets, func(t Target) bool { return t.ID == id && t.Port == port })
}

func (g *TargetGroup) portOf(t types.TargetDescription) int32 {
	if t.Port != nil {
		return *t.Port
	}
	return g.Port
}

func writableTargetGroup(r *Request, arn *string) (*TargetGroup, error) {
	g, ok := r.Region.ELBv2.TargetGroups[aws.ToString(arn)]
	if !ok {
		r.missing(aws.ToString(arn))
		return nil, targetGroupNotFound()
	}
	return g, nil
}

func targetGroupNotFound() error {
	return modelled(400, &types.TargetGroupNotFoundException{Message: aws.String("One or more target groups not found")})
}
