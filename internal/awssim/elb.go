package awssim

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
)

// ELBState is a region's classic load balancers, by name.
type ELBState struct {
	LoadBalancers map[string]*ClassicLoadBalancer `dump:"elb/load-balancer"`
}

func newELBState() ELBState { return ELBState{LoadBalancers: map[string]*ClassicLoadBalancer{}} }

// ClassicLoadBalancer is a load balancer of the first generation. Drain is how
// long connections to a leaving instance may go on; 0 means that draining is
// off.
type ClassicLoadBalancer struct {
	Name, VPC, DNS string
	Scheme         string
	Subnets        []string
	Groups         []string
	Instances      []string
	Drain          time.Duration
	Draining       map[string]time.Time `json:"-"` // since, by instance
	Created        time.Time
}

func elbHandlers() []handler {
	return []handler{
		read(elbDescribeLoadBalancers),
		read(elbDescribeLoadBalancerAttributes),
		read(elbDescribeInstanceHealth),
		write(elbRegisterInstances),
		write(elbDeregisterInstances),
	}
}

// AddClassicLoadBalancer puts a classic load balancer in place.
func (w *World) AddClassicLoadBalancer(region string, lb ClassicLoadBalancer) *ClassicLoadBalancer {
	w.mu.Lock()
	defer w.mu.Unlock()
	if lb.DNS == "" {
		lb.DNS = lb.Name + "." + region + ".elb.amazonaws.com"
	}
	if lb.Scheme == "" {
		lb.Scheme = "internet-facing"
	}
	if lb.Created.IsZero() {
		lb.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	lb.Draining = map[string]time.Time{}
	w.account.Region(region).ELB.LoadBalancers[lb.Name] = &lb
	w.noteKnown()
	return &lb
}

// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeLoadBalancers.html
func elbDescribeLoadBalancers(r *Request, in *elasticloadbalancing.DescribeLoadBalancersInput) (*elasticloadbalancing.DescribeLoadBalancersOutput, error) {
	var found []*ClassicLoadBalancer
	for _, lb := range view(r, r.Region.ELB.LoadBalancers, in.LoadBalancerNames...) {
		found = append(found, lb)
	}
	if len(found) < len(in.LoadBalancerNames) {
		return nil, classicNotFound(strings.Join(in.LoadBalancerNames, ", "))
	}
	found, next, err := page(r, found, func(lb *ClassicLoadBalancer) string { return lb.Name }, in.PageSize, in.Marker)
	if err != nil {
		return nil, err
	}
	out := &elasticloadbalancing.DescribeLoadBalancersOutput{NextMarker: next, LoadBalancerDescriptions: []types.LoadBalancerDescription{}}
	for _, lb := range found {
		out.LoadBalancerDescriptions = append(out.LoadBalancerDescriptions, types.LoadBalancerDescription{
			LoadBalancerName: aws.String(lb.Name), DNSName: aws.String(lb.DNS), Scheme: aws.String(lb.Scheme), VPCId: aws.String(lb.VPC),
			Subnets: slices.Clone(lb.Subnets), SecurityGroups: slices.Clone(lb.Groups), Instances: classicInstances(lb.Instances),
			CreatedTime: aws.Time(lb.Created),
		})
	}
	return out, nil
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/config-conn-drain.html
func elbDescribeLoadBalancerAttributes(r *Request, in *elasticloadbalancing.DescribeLoadBalancerAttributesInput) (*elasticloadbalancing.DescribeLoadBalancerAttributesOutput, error) {
	lb, ok := look(r, r.Region.ELB.LoadBalancers, aws.ToString(in.LoadBalancerName))
	if !ok {
		return nil, classicNotFound(aws.ToString(in.LoadBalancerName))
	}
	draining := &types.ConnectionDraining{Enabled: lb.Drain > 0}
	if lb.Drain > 0 {
		draining.Timeout = aws.Int32(int32(lb.Drain / time.Second))
	}
	return &elasticloadbalancing.DescribeLoadBalancerAttributesOutput{LoadBalancerAttributes: &types.LoadBalancerAttributes{
		ConnectionDraining:     draining,
		CrossZoneLoadBalancing: &types.CrossZoneLoadBalancing{Enabled: true},
		ConnectionSettings:     &types.ConnectionSettings{IdleTimeout: aws.Int32(60)},
		AccessLog:              &types.AccessLog{Enabled: false},
	}}, nil
}

// Instances that are named are described even where they are not registered;
// terminated ones are not described at all.
// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DescribeInstanceHealth.html
func elbDescribeInstanceHealth(r *Request, in *elasticloadbalancing.DescribeInstanceHealthInput) (*elasticloadbalancing.DescribeInstanceHealthOutput, error) {
	lb, ok := look(r, r.Region.ELB.LoadBalancers, aws.ToString(in.LoadBalancerName))
	if !ok {
		return nil, classicNotFound(aws.ToString(in.LoadBalancerName))
	}
	ids := lb.Instances
	if len(in.Instances) > 0 {
		ids = classicIDs(in.Instances)
	}
	out := &elasticloadbalancing.DescribeInstanceHealthOutput{InstanceStates: []types.InstanceState{}}
	for _, id := range ids {
		instance := r.Region.Instances[id]
		if instance == nil && len(in.Instances) > 0 {
			return nil, invalidInstance("Could not find EC2 instance " + id + ".")
		}
		if instance == nil || instance.State == "terminated" {
			continue
		}
		state, reason, description := lb.health(r.Region, instance)
		out.InstanceStates = append(out.InstanceStates, types.InstanceState{
			InstanceId: aws.String(id), State: aws.String(state), ReasonCode: aws.String(reason), Description: aws.String(description),
		})
	}
	return out, nil
}

// health words an instance's state as the API's InstanceState does; a leaving
// one stays in service until its connections have drained.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/config-conn-drain.html
func (lb *ClassicLoadBalancer) health(region *Region, instance *Instance) (state, reason, description string) {
	_, draining := lb.Draining[instance.ID]
	switch {
	case draining:
		return "InService", "ELB", "Instance deregistration currently in progress."
	case !slices.Contains(lb.Instances, instance.ID):
		return "OutOfService", "Instance", "Instance is not currently registered with the LoadBalancer."
	case instance.State == "stopped" || instance.State == "stopping":
		return "OutOfService", "Instance", "Instance is in stopped state."
	case region.unreachable(instance.ID):
		return "OutOfService", "Instance", "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
	default:
		return "InService", "N/A", "N/A"
	}
}

// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_RegisterInstancesWithLoadBalancer.html
func elbRegisterInstances(r *Request, in *elasticloadbalancing.RegisterInstancesWithLoadBalancerInput) (*elasticloadbalancing.RegisterInstancesWithLoadBalancerOutput, error) {
	lb, err := writableClassic(r, in.LoadBalancerName, in.Instances)
	if err != nil {
		return nil, err
	}
	for _, id := range classicIDs(in.Instances) {
		if r.Region.Instances[id].VPC != lb.VPC {
			return nil, invalidInstance("EC2 instance " + id + " is not in the same VPC as ELB.")
		}
	}
	touch(r, r.Region.ELB.LoadBalancers, lb.Name)
	for _, id := range classicIDs(in.Instances) {
		lb.register(id)
	}
	return &elasticloadbalancing.RegisterInstancesWithLoadBalancerOutput{Instances: classicInstances(lb.Instances)}, nil
}

func (lb *ClassicLoadBalancer) register(id string) {
	delete(lb.Draining, id)
	if !slices.Contains(lb.Instances, id) {
		lb.Instances = append(lb.Instances, id)
	}
}

// The answer lists the instances that remain.
// https://docs.aws.amazon.com/elasticloadbalancing/2012-06-01/APIReference/API_DeregisterInstancesFromLoadBalancer.html
func elbDeregisterInstances(r *Request, in *elasticloadbalancing.DeregisterInstancesFromLoadBalancerInput) (*elasticloadbalancing.DeregisterInstancesFromLoadBalancerOutput, error) {
	lb, err := writableClassic(r, in.LoadBalancerName, in.Instances)
	if err != nil {
		return nil, err
	}
	touch(r, r.Region.ELB.LoadBalancers, lb.Name)
	for _, id := range classicIDs(in.Instances) {
		lb.deregister(r.World, r.Now, id)
	}
	return &elasticloadbalancing.DeregisterInstancesFromLoadBalancerOutput{Instances: classicInstances(lb.Instances)}, nil
}

func (lb *ClassicLoadBalancer) deregister(w *World, now time.Time, id string) {
	i := slices.Index(lb.Instances, id)
	if i < 0 {
		return
	}
	lb.Instances = slices.Delete(lb.Instances, i, i+1)
	if lb.Drain == 0 {
		return
	}
	lb.Draining[id] = now
	w.later(now, "deregistration", lb.Drain, func(time.Time) {
		if since, ok := lb.Draining[id]; ok && since.Equal(now) {
			delete(lb.Draining, id)
		}
	})
}

func writableClassic(r *Request, name *string, instances []types.Instance) (*ClassicLoadBalancer, error) {
	lb, ok := r.Region.ELB.LoadBalancers[aws.ToString(name)]
	if !ok {
		r.missing(aws.ToString(name))
		return nil, classicNotFound(aws.ToString(name))
	}
	for _, id := range classicIDs(instances) {
		if r.Region.Instances[id] == nil {
			r.missing(id)
			return nil, invalidInstance("Could not find EC2 instance " + id + ".")
		}
	}
	return lb, nil
}

func classicIDs(instances []types.Instance) []string {
	var ids []string
	for _, i := range instances {
		ids = append(ids, aws.ToString(i.InstanceId))
	}
	return ids
}

func classicInstances(ids []string) []types.Instance {
	out := []types.Instance{}
	for _, id := range ids {
		out = append(out, types.Instance{InstanceId: aws.String(id)})
	}
	return out
}

func classicNotFound(name string) error {
	return modelled(400, &types.AccessPointNotFoundException{Message: aws.String("There is no ACTIVE Load Balancer named '" + name + "'")})
}

func invalidInstance(why string) error {
	return modelled(400, &types.InvalidEndPointException{Message: aws.String(why)})
}
