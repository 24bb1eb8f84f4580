package awssim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
)

// AutoScalingState is a region's Auto Scaling groups, by name.
type AutoScalingState struct {
	Groups map[string]*ASG `dump:"autoscaling/group"`
}

func newAutoScalingState() AutoScalingState { return AutoScalingState{Groups: map[string]*ASG{}} }

// ASG is an Auto Scaling group.
type ASG struct {
	Name, ARN         string
	Min, Max, Desired int32
	HealthCheck       string // "EC2", "ELB"
	Template          LaunchTemplate
	Subnets, Zones    []string
	TargetGroups      []string // ARNs
	ClassicLBs        []string // names
	Suspended         map[string]bool
	Members           []Member
	Tags              map[string]string
	Created           time.Time
	Activities        []Activity `json:"-"` // newest first
	launched          int
}

// LaunchTemplate is what the group's new instances are made of.
type LaunchTemplate struct {
	ID, Name, Version string
	Image, Type       string
	Groups            []string // security groups
	Profile           string   // name or ARN of the instance profile
	Tags              map[string]string
}

// Member is an instance of a group.
type Member struct {
	Instance  string
	Lifecycle types.LifecycleState
	Health    string // "Healthy", "Unhealthy"
	Zone      string
	bad       time.Time // when health checks began to fail, zero while they do not
}

// Activity is a line of the group's history.
type Activity struct {
	ID, Description, Cause string
	Status                 types.ScalingActivityStatusCode
	Start, End             time.Time
}

func autoscalingHandlers() []handler {
	return []handler{
		read(autoscalingDescribeGroups),
		read(autoscalingDescribeInstances),
		read(autoscalingDescribeActivities),
		write(autoscalingSuspend),
		write(autoscalingResume),
		write(autoscalingDetach),
		write(autoscalingAttach),
		write(autoscalingEnterStandby),
		write(autoscalingExitStandby),
	}
}

// AddASG puts an Auto Scaling group in place with its members in service, and
// starts its health checks. Its members are registered with its load balancers
// by whoever adds those.
func (w *World) AddASG(region string, g ASG, instances ...string) *ASG {
	w.mu.Lock()
	defer w.mu.Unlock()
	in := w.account.Region(region)
	if g.ARN == "" {
		g.ARN = fmt.Sprintf("arn:%s:autoscaling:%s:%s:autoScalingGroup:%s:autoScalingGroupName/%s",
			w.account.Partition, region, w.account.ID, w.newUUID(), g.Name)
	}
	if g.HealthCheck == "" {
		g.HealthCheck = "EC2"
	}
	if g.Created.IsZero() {
		g.Created = w.options.Now().Add(-365 * 24 * time.Hour)
	}
	if g.Template.ID == "" {
		g.Template.ID = w.newID("lt")
	}
	if g.Suspended == nil {
		g.Suspended = map[string]bool{}
	}
	for _, id := range instances {
		m := Member{Instance: id, Lifecycle: types.LifecycleStateInService, Health: "Healthy"}
		if i := in.Instances[id]; i != nil {
			m.Zone = i.Zone
		}
		g.Members = append(g.Members, m)
	}
	if g.Desired == 0 {
		g.Desired = int32(len(g.Members))
	}
	in.AutoScaling.Groups[g.Name] = &g
	w.noteKnown()
	w.watch(in, &g, w.options.Now())
	return &g
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingGroups.html
func autoscalingDescribeGroups(r *Request, in *autoscaling.DescribeAutoScalingGroupsInput) (*autoscaling.DescribeAutoScalingGroupsOutput, error) {
	if len(in.Filters) > 0 {
		return nil, scalingInvalid("filters are not simulated")
	}
	var found []*ASG
	for _, g := range view(r, r.Region.AutoScaling.Groups, in.AutoScalingGroupNames...) {
		found = append(found, g)
	}
	found, next, err := page(r, found, func(g *ASG) string { return g.Name }, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &autoscaling.DescribeAutoScalingGroupsOutput{NextToken: next, AutoScalingGroups: []types.AutoScalingGroup{}}
	for _, g := range found {
		out.AutoScalingGroups = append(out.AutoScalingGroups, g.describe(r.Region, in.IncludeInstances == nil || *in.IncludeInstances))
	}
	return out, nil
}

func (g *ASG) describe(region *Region, withInstances bool) types.AutoScalingGroup {
	d := types.AutoScalingGroup{
		AutoScalingGroupName: aws.String(g.Name), AutoScalingGroupARN: aws.String(g.ARN),
		MinSize: aws.Int32(g.Min), MaxSize: aws.Int32(g.Max), DesiredCapacity: aws.Int32(g.Desired), DefaultCooldown: aws.Int32(300),
		HealthCheckType: aws.String(g.HealthCheck), HealthCheckGracePeriod: aws.Int32(0), CreatedTime: aws.Time(g.Created),
		AvailabilityZones: slices.Clone(g.Zones), VPCZoneIdentifier: aws.String(strings.Join(g.Subnets, ",")),
		TargetGroupARNs: slices.Clone(g.TargetGroups), LoadBalancerNames: slices.Clone(g.ClassicLBs), LaunchTemplate: g.template(),
		SuspendedProcesses: []types.SuspendedProcess{}, NewInstancesProtectedFromScaleIn: aws.Bool(false),
	}
	for _, p := range sortedKeys(g.Suspended) {
		d.SuspendedProcesses = append(d.SuspendedProcesses, types.SuspendedProcess{
			ProcessName: aws.String(p), SuspensionReason: aws.String("User suspended"),
		})
	}
	for _, k := range sortedKeys(g.Tags) {
		d.Tags = append(d.Tags, types.TagDescription{
			Key: aws.String(k), Value: aws.String(g.Tags[k]), ResourceId: aws.String(g.Name),
			ResourceType: aws.String("auto-scaling-group"), PropagateAtLaunch: aws.Bool(true),
		})
	}
	if !withInstances {
		return d
	}
	for _, m := range g.Members {
		i := types.Instance{
			InstanceId: aws.String(m.Instance), AvailabilityZone: aws.String(m.Zone), HealthStatus: aws.String(m.Health),
			LifecycleState: m.Lifecycle, LaunchTemplate: g.template(), ProtectedFromScaleIn: aws.Bool(false),
		}
		if instance := region.Instances[m.Instance]; instance != nil {
			i.InstanceType = aws.String(instance.Type)
		}
		d.Instances = append(d.Instances, i)
	}
	return d
}

func (g *ASG) template() *types.LaunchTemplateSpecification {
	return &types.LaunchTemplateSpecification{
		LaunchTemplateId: aws.String(g.Template.ID), LaunchTemplateName: optional(g.Template.Name), Version: optional(g.Template.Version),
	}
}

// An instance that is in no group is left out without an error.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeAutoScalingInstances.html
func autoscalingDescribeInstances(r *Request, in *autoscaling.DescribeAutoScalingInstancesInput) (*autoscaling.DescribeAutoScalingInstancesOutput, error) {
	if len(in.InstanceIds) > 50 {
		return nil, scalingInvalid("The number of instance ids must not be greater than 50")
	}
	var found []types.AutoScalingInstanceDetails
	for _, g := range view(r, r.Region.AutoScaling.Groups) {
		for _, m := range g.Members {
			if len(in.InstanceIds) > 0 && !slices.Contains(in.InstanceIds, m.Instance) {
				continue
			}
			found = append(found, types.AutoScalingInstanceDetails{
				AutoScalingGroupName: aws.String(g.Name), InstanceId: aws.String(m.Instance), AvailabilityZone: aws.String(m.Zone),
				HealthStatus: aws.String(strings.ToUpper(m.Health)), LifecycleState: aws.String(string(m.Lifecycle)),
				LaunchTemplate: g.template(), ProtectedFromScaleIn: aws.Bool(false),
			})
		}
	}
	found, next, err := page(r, found, func(d types.AutoScalingInstanceDetails) string { return *d.InstanceId }, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DescribeAutoScalingInstancesOutput{AutoScalingInstances: found, NextToken: next}, nil
}

// Activities come newest first.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html
func autoscalingDescribeActivities(r *Request, in *autoscaling.DescribeScalingActivitiesInput) (*autoscaling.DescribeScalingActivitiesOutput, error) {
	var found []types.Activity
	for _, g := range view(r, r.Region.AutoScaling.Groups) {
		if in.AutoScalingGroupName != nil && *in.AutoScalingGroupName != g.Name {
			continue
		}
		for _, a := range g.Activities {
			if len(in.ActivityIds) == 0 || slices.Contains(in.ActivityIds, a.ID) {
				found = append(found, a.describe(g))
			}
		}
	}
	newestFirst := func(a types.Activity) string {
		return fmt.Sprintf("%020d %s", int64(1)<<62-a.StartTime.UnixNano(), *a.ActivityId)
	}
	found, next, err := page(r, found, newestFirst, in.MaxRecords, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &autoscaling.DescribeScalingActivitiesOutput{Activities: found, NextToken: next}, nil
}

func (a Activity) describe(g *ASG) types.Activity {
	d := types.Activity{
		ActivityId: aws.String(a.ID), AutoScalingGroupName: aws.String(g.Name), AutoScalingGroupARN: aws.String(g.ARN),
		Cause: aws.String(a.Cause), Description: aws.String(a.Description), StartTime: aws.Time(a.Start), StatusCode: a.Status,
		Progress: aws.Int32(50), Details: aws.String("{}"),
	}
	if !a.End.IsZero() {
		d.EndTime, d.Progress = aws.Time(a.End), aws.Int32(100)
	}
	return d
}
