package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/account"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	"github.com/aws/aws-sdk-go-v2/service/directoryservicedata"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"golang.org/x/time/rate"
)

// AWS is one account in one region: the clients, all made from one configuration behind the guard.
type AWS struct {
	Account   string
	Partition string
	Region    string
	Caller    string // ARN as GetCallerIdentity names it

	// Management is the same for the organisation's management account, or for the account that it delegated
	// Organizations and Identity Center to. Nil where no credentials for it were given: what it knows and could do
	// is then unknown, not absent.
	Management *AWS

	Accounts      *account.Client // AWS Account Management: contacts, regions
	AutoScaling   *autoscaling.Client
	CloudTrail    *cloudtrail.Client
	Directory     *directoryservice.Client
	DirectoryData *directoryservicedata.Client
	EC2           *ec2.Client
	ECS           *ecs.Client
	ELB           *elasticloadbalancing.Client
	ELBv2         *elasticloadbalancingv2.Client
	GuardDuty     *guardduty.Client
	IAM           *iam.Client
	IdentityStore *identitystore.Client
	KMS           *kms.Client
	Lambda        *lambda.Client
	Organizations *organizations.Client
	S3            *s3.Client
	SSM           *ssm.Client
	SSOAdmin      *ssoadmin.Client
	STS           *sts.Client

	cfg     aws.Config
	lim     *limits
	regions *regions
	work    *assignmentWork
}

// regions are the clients made so far. Making the clients of a region takes longer than a call of many, and a plan
// for an account asks for them thousands of times.
type regions struct {
	mu sync.Mutex
	in map[string]*AWS
}

// IdentityOps is what Identify calls.
var IdentityOps = Ops{op((*sts.Client).GetCallerIdentity)}

// Connect makes the clients for cfg's region. It calls nothing; Identify does.
func Connect(cfg aws.Config) *AWS {
	c := connect(cfg, newLimits())
	c.regions, c.work = &regions{in: map[string]*AWS{}}, newAssignmentWork()
	return c
}

func connect(cfg aws.Config, lim *limits) *AWS {
	guarded := cfg.Copy()
	guarded.APIOptions = append(slices.Clone(cfg.APIOptions), lim.install)
	return &AWS{
		Region: cfg.Region, cfg: cfg, lim: lim,
		Accounts:      account.NewFromConfig(guarded),
		AutoScaling:   autoscaling.NewFromConfig(guarded),
		CloudTrail:    cloudtrail.NewFromConfig(guarded),
		Directory:     directoryservice.NewFromConfig(guarded),
		DirectoryData: directoryservicedata.NewFromConfig(guarded),
		EC2:           ec2.NewFromConfig(guarded),
		ECS:           ecs.NewFromConfig(guarded),
		ELB:           elasticloadbalancing.NewFromConfig(guarded),
		ELBv2:         elasticloadbalancingv2.NewFromConfig(guarded),
		GuardDuty:     guardduty.NewFromConfig(guarded),
		IAM:           iam.NewFromConfig(guarded),
		IdentityStore: identitystore.NewFromConfig(guarded),
		KMS:           kms.NewFromConfig(guarded),
		Lambda:        lambda.NewFromConfig(guarded),
		Organizations: organizations.NewFromConfig(guarded),
		S3:            s3.NewFromConfig(guarded),
		SSM:           ssm.NewFromConfig(guarded),
		SSOAdmin:      ssoadmin.NewFromConfig(guarded),
		STS:           sts.NewFromConfig(guarded),
	}
}

// Identify asks who the caller is and fills in account, partition and caller.
func (c *AWS) Identify(ctx context.Context) error {
	out, err := c.STS.GetCallerIdentity(Allow(ctx, IdentityOps, nil, nil), &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("ask AWS who the caller is: %w", err)
	}
	c.Account, c.Caller = aws.ToString(out.Account), aws.ToString(out.Arn)
	parts := strings.SplitN(c.Caller, ":", 3)
	if len(parts) < 3 || parts[0] != "arn" {
		return fmt.Errorf("ask AWS who the caller is: the answer %q is no ARN", c.Caller)
	}
	c.Partition = parts[1]
	return nil
}

// In is the same account and caller in another region, within the same rates. Who that is, is this one's: only the
// clients are kept.
func (c *AWS) In(region string) *AWS {
	if region == "" || region == c.Region {
		return c
	}
	there := c.clientsIn(region)
	there.Account, there.Partition, there.Caller = c.Account, c.Partition, c.Caller
	there.Management, there.regions, there.work = c.Management, c.regions, c.work
	return &there
}

// clientsIn is a copy of the clients of a region, so that whoever fills in the rest has it for itself.
func (c *AWS) clientsIn(region string) AWS {
	c.regions.mu.Lock()
	defer c.regions.mu.Unlock()
	there, ok := c.regions.in[region]
	if !ok {
		cfg := c.cfg.Copy()
		cfg.Region = region
		there = connect(cfg, c.lim)
		c.regions.in[region] = there
	}
	return *there
}

// limits holds a token bucket per operation, as AWS keeps them, a little smaller, so that the owner's own
// automation keeps its share. Regions share one, although AWS counts most of them apart: cordon works in one region as
// a rule, and IAM counts them together.
type limits struct {
	mu      sync.Mutex
	buckets map[turn]*rate.Limiter
}

// turn is what is counted together. The region is named where it is counted by itself.
type turn struct {
	op     Op
	region string
}

func newLimits() *limits { return &limits{buckets: map[turn]*rate.Limiter{}} }

// pace is requests a second and burst of one operation. EC2's figures are those of
// docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html (non-mutating 100 and 20, mutating 50 and 5);
// S3 takes thousands a second under a prefix
// (docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html), and every intent waits for its entry
// in a case that lives there. CloudTrail takes two lookups a second in each region
// (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html), ten reads and one change
// (docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html). Organizations publishes its own
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html). The other services publish none
// that can be relied on, so a modest rate is kept and throttles are retried; IAM's changes, of which an account may
// need thousands, share one bucket: 15 a second with a burst of 30 is what is planned with.
var paces = map[string]struct{ reads, writes [2]int }{
	"ec2":        {reads: [2]int{20, 90}, writes: [2]int{5, 45}},
	"iam":        {reads: [2]int{50, 90}, writes: [2]int{15, 28}},
	"cloudtrail": {reads: [2]int{10, 10}, writes: [2]int{1, 1}},
	"s3":         {reads: [2]int{500, 500}, writes: [2]int{500, 500}},

	"organizations": {reads: [2]int{5, 7}, writes: [2]int{2, 2}},
	"":              {reads: [2]int{10, 40}, writes: [2]int{5, 20}},
}

// slow are the reads that take less than the others of their service: CloudTrail's lookups, and these of Organizations
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html, throttling limits), of which a unit's
// policies are a call each.
var slow = map[Op][2]int{
	{"cloudtrail", "LookupEvents"}:                       {2, 1},
	{"organizations", "DescribePolicy"}:                  {2, 2},
	{"organizations", "DescribeOrganization"}:            {1, 2},
	{"organizations", "ListRoots"}:                       {1, 2},
	{"organizations", "ListDelegatedServicesForAccount"}: {1, 2},
}

func (l *limits) wait(ctx context.Context, o Op, writes bool) error {
	t := turn{op: o}
	switch {
	case slices.Contains([]string{"cloudtrail", "ecs", "lambda"}, o.Service): // asked in every region side by side
		t.region = awsmiddleware.GetRegion(ctx)
	case o.Service == "iam" && writes:
		t.op.Name = "" // IAM's changes come out of one bucket
	}
	return l.bucket(t, writes).Wait(ctx)
}

func (l *limits) bucket(t turn, writes bool) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b, ok := l.buckets[t]; ok {
		return b
	}
	o := t.op
	p, ok := paces[o.Service]
	if !ok {
		p = paces[""]
	}
	if pair, ok := slow[o]; ok {
		p.reads = pair
	}
	pair := p.reads
	if writes {
		pair = p.writes
	}
	b := rate.NewLimiter(rate.Limit(pair[0]), pair[1])
	l.buckets[t] = b
	return b
}

// service names the SDK package of the running call by its service id, the only name known at this step.
func (l *limits) service(ctx context.Context) string {
	id := awsmiddleware.GetServiceID(ctx)
	return strings.ToLower(strings.ReplaceAll(id, " ", ""))
}

// Code is the AWS error code in err, "" where there is none: a network fault, a refusal of our own.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}
