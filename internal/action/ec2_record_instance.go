package action

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cordon/internal/casefile"
)

// RecordInstance writes down all that the control plane knows of the instance and its surroundings. Each read
// is an artifact of its own, and one that fails is a loss of its own. It needs the instance's id alone; the
// option "volumes" adds volumes that are no longer attached.
var RecordInstance = gather(Gather{
	Name:     "ec2-record-instance",
	Summary:  "Record the instance as AWS knows it: attributes, network, volumes, role, groups, load balancers, console, sessions.",
	Phase:    casefile.Preserve,
	Target:   casefile.EC2Instance,
	Deadline: 10 * 60,
	Reads: Ops{
		op((*ec2.Client).DescribeInstances), op((*ec2.Client).DescribeInstanceAttribute),
		op((*ec2.Client).DescribeNetworkInterfaces), op((*ec2.Client).DescribeSecurityGroups), op((*ec2.Client).DescribeSecurityGroupRules),
		op((*ec2.Client).DescribeAddresses), op((*ec2.Client).DescribeVolumes), op((*ec2.Client).DescribeIamInstanceProfileAssociations),
		op((*ec2.Client).DescribeNetworkAcls), op((*ec2.Client).DescribeRouteTables), op((*ec2.Client).DescribeSubnets),
		op((*ec2.Client).DescribeVpcs), op((*ec2.Client).DescribeVpcEndpoints),
		op((*ec2.Client).GetConsoleOutput), op((*ec2.Client).GetConsoleScreenshot),
		op((*ec2.Client).DescribeSnapshots), op((*ec2.Client).DescribeSnapshotAttribute),
		op((*ec2.Client).DescribeImages), op((*ec2.Client).DescribeImageAttribute),
		op((*iam.Client).GetInstanceProfile), op((*iam.Client).GetRole), op((*iam.Client).ListRolePolicies),
		op((*iam.Client).GetRolePolicy), op((*iam.Client).ListAttachedRolePolicies),
		op((*autoscaling.Client).DescribeAutoScalingInstances), op((*autoscaling.Client).DescribeAutoScalingGroups),
		op((*autoscaling.Client).DescribeScalingActivities),
		op((*elasticloadbalancingv2.Client).DescribeTargetGroups), op((*elasticloadbalancingv2.Client).DescribeTargetHealth),
		op((*elasticloadbalancing.Client).DescribeLoadBalancers),
		op((*ssm.Client).DescribeInstanceInformation), op((*ssm.Client).DescribeSessions),
		op((*kms.Client).DescribeKey),
	},
	Collect: collectInstance,
	Change: func(t Target) string {
		return plural(len(instanceReads(&collector{t: t}))+len(recordedAttributes)+followUps, "read") + " or more"
	},
})

// followUps is how many reads the first ones lead to at the least: groups and their rules, subnets, network
// ACLs, route tables, VPC, VPC endpoints.
const followUps = 7

// recordedAttributes leaves out enaSupport, which this call does not answer and DescribeInstances does (API
// reference of DescribeInstanceAttribute).
var recordedAttributes = [...]ec2types.InstanceAttributeName{
	ec2types.InstanceAttributeNameUserData,
	ec2types.InstanceAttributeNameInstanceType,
	ec2types.InstanceAttributeNameKernel,
	ec2types.InstanceAttributeNameRamdisk,
	ec2types.InstanceAttributeNameDisableApiTermination,
	ec2types.InstanceAttributeNameDisableApiStop,
	ec2types.InstanceAttributeNameInstanceInitiatedShutdownBehavior,
	ec2types.InstanceAttributeNameRootDeviceName,
	ec2types.InstanceAttributeNameBlockDeviceMapping,
	ec2types.InstanceAttributeNameProductCodes,
	ec2types.InstanceAttributeNameSourceDestCheck,
	ec2types.InstanceAttributeNameGroupSet,
	ec2types.InstanceAttributeNameEbsOptimized,
	ec2types.InstanceAttributeNameSriovNetSupport,
	ec2types.InstanceAttributeNameEnclaveOptions,
}

func collectInstance(ctx context.Context, c *AWS, t Target, sink Sink) error {
	r := newCollector(c, t, sink)
	for _, read := range instanceReads(r) {
		r.read(ctx, read.name, read.source, read.do)
	}
	for _, name := range recordedAttributes {
		r.read(ctx, "attribute "+string(name), "ec2:DescribeInstanceAttribute", r.attribute(name))
	}
	return r.wait()
}

// instanceRead is one read of the record; it hands on what it learns by starting further reads.
type instanceRead struct {
	name, source string
	do           func(ctx context.Context) (any, error)
}

// instanceReads is what the instance's id alone leads to.
func instanceReads(r *collector) []instanceRead {
	return []instanceRead{
		{"instance", "ec2:DescribeInstances", r.instance},
		{"network interfaces", "ec2:DescribeNetworkInterfaces", r.interfaces},
		{"addresses", "ec2:DescribeAddresses", r.addresses},
		{"volumes", "ec2:DescribeVolumes", r.volumes},
		{"instance profile association", "ec2:DescribeIamInstanceProfileAssociations", r.profileAssociation},
		{"auto scaling instance", "autoscaling:DescribeAutoScalingInstances", r.scaling},
		{"target groups", "elasticloadbalancingv2:DescribeTargetGroups", r.targetGroups},
		{"classic load balancers", "elasticloadbalancing:DescribeLoadBalancers", r.classicLoadBalancers},
		{"console output", "ec2:GetConsoleOutput", r.consoleOutput},
		{"console screenshot", "ec2:GetConsoleScreenshot", r.consoleScreenshot},
		{"ssm agent", "ssm:DescribeInstanceInformation", r.agent},
		{"live ssm sessions", "ssm:DescribeSessions", r.liveSessions},
		{"images made of the instance", "ec2:DescribeImages", r.images},
	}
}

func (r *collector) instance(ctx context.Context) (any, error) {
	out, err := r.c.EC2.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{r.t.ID}})
	if err != nil {
		return nil, err
	}
	if len(out.Reservations) == 0 {
		return nil, fmt.Errorf("instance %s: %w", r.t.ID, ErrGone)
	}
	return out, nil
}

// attribute reads one attribute. That an instance has no such thing is an answer, and is kept as one.
func (r *collector) attribute(name ec2types.InstanceAttributeName) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		out, err := r.c.EC2.DescribeInstanceAttribute(ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: aws.String(r.t.ID), Attribute: name})
		if hasCode(err, "UnsupportedOperation", "InvalidParameterCombination") {
			return map[string]string{"unsupported": err.Error()}, nil
		}
		if err != nil {
			return nil, err
		}
		if name == ec2types.InstanceAttributeNameUserData && out.UserData != nil && aws.ToString(out.UserData.Value) != "" {
			r.keepBase64("user data, decoded", "ec2:DescribeInstanceAttribute", aws.ToString(out.UserData.Value))
		}
		return out, nil
	}
}

func (r *collector) interfaces(ctx context.Context) (any, error) {
	all, err := every(ctx, ec2.NewDescribeNetworkInterfacesPaginator(r.c.EC2, &ec2.DescribeNetworkInterfacesInput{
		Filters: []ec2types.Filter{ec2Filter("attachment.instance-id", r.t.ID)},
	}))
	if err != nil {
		return nil, err
	}
	var groups, subnets, vpcs []string
	for _, page := range all {
		for _, n := range page.NetworkInterfaces {
			subnets, vpcs = append(subnets, aws.ToString(n.SubnetId)), append(vpcs, aws.ToString(n.VpcId))
			for _, g := range n.Groups {
				groups = append(groups, aws.ToString(g.GroupId))
			}
		}
	}
	r.network(ctx, sortedSet(groups), sortedSet(subnets), sortedSet(vpcs))
	return all, nil
}

func (r *collector) addresses(ctx context.Context) (any, error) {
	return r.c.EC2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: []ec2types.Filter{ec2Filter("instance-id", r.t.ID)}})
}

func (r *collector) volumes(ctx context.Context) (any, error) {
	all, err := r.volumePages(ctx, ec2Filter("attachment.instance-id", r.t.ID))
	if err != nil {
		return nil, err
	}
	ids := r.t.List("volumes")
	if len(ids) > 0 {
		planned, err := r.volumePages(ctx, ec2Filter("volume-id", ids...))
		if err != nil {
			return nil, err
		}
		all = append(all, planned...)
	}
	var keys []string
	for _, page := range all {
		for _, v := range page.Volumes {
			ids = append(ids, aws.ToString(v.VolumeId))
			if v.KmsKeyId != nil {
				keys = append(keys, aws.ToString(v.KmsKeyId))
			}
		}
	}
	if ids = sortedSet(slices.Clone(ids)); len(ids) > 0 {
		r.read(ctx, "earlier snapshots of the volumes", snapshotSource, func(ctx context.Context) (any, error) { return r.snapshots(ctx, ids) })
	}
	for _, key := range sortedSet(keys) {
		r.read(ctx, "key "+key, "kms:DescribeKey", func(ctx context.Context) (any, error) {
			return r.c.KMS.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String(key)})
		})
	}
	return all, nil
}

func (r *collector) volumePages(ctx context.Context, filter ec2types.Filter) (pages[ec2.DescribeVolumesOutput], error) {
	all, err := every(ctx, ec2.NewDescribeVolumesPaginator(r.c.EC2, &ec2.DescribeVolumesInput{Filters: []ec2types.Filter{filter}}))
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *collector) snapshots(ctx context.Context, volumes []string) (any, error) {
	all, err := every(ctx, ec2.NewDescribeSnapshotsPaginator(r.c.EC2, &ec2.DescribeSnapshotsInput{
		OwnerIds: []string{r.c.Account}, Filters: []ec2types.Filter{ec2Filter("volume-id", volumes...)},
	}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, s := range page.Snapshots {
			id := aws.ToString(s.SnapshotId)
			r.read(ctx, "shares of snapshot "+id, "ec2:DescribeSnapshotAttribute", func(ctx context.Context) (any, error) {
				return r.c.EC2.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{
					SnapshotId: aws.String(id), Attribute: ec2types.SnapshotAttributeNameCreateVolumePermission,
				})
			})
		}
	}
	return all, nil
}

func (r *collector) images(ctx context.Context) (any, error) {
	all, err := every(ctx, ec2.NewDescribeImagesPaginator(r.c.EC2, &ec2.DescribeImagesInput{
		Owners: []string{"self"}, Filters: []ec2types.Filter{ec2Filter("source-instance-id", r.t.ID)},
	}))
	if err != nil {
		return nil, err
	}
	for _, page := range all {
		for _, i := range page.Images {
			id := aws.ToString(i.ImageId)
			r.read(ctx, "shares of image "+id, "ec2:DescribeImageAttribute", func(ctx context.Context) (any, error) {
				return r.c.EC2.DescribeImageAttribute(ctx, &ec2.DescribeImageAttributeInput{
					ImageId: aws.String(id), Attribute: ec2types.ImageAttributeNameLaunchPermission,
				})
			})
		}
	}
	return all, nil
}

// consoleOutput asks for the latest output, which only Nitro instances give; the others answer with the last
// that AWS has kept (API reference of GetConsoleOutput).
func (r *collector) consoleOutput(ctx context.Context) (any, error) {
	out, err := r.c.EC2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(r.t.ID), Latest: aws.Bool(true)})
	if hasCode(err, "UnsupportedOperation") {
		out, err = r.c.EC2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(r.t.ID)})
	}
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.Output) != "" {
		r.keepBase64("console output, decoded", "ec2:GetConsoleOutput", aws.ToString(out.Output))
	}
	return out, nil
}

func (r *collector) consoleScreenshot(ctx context.Context) (any, error) {
	out, err := r.c.EC2.GetConsoleScreenshot(ctx, &ec2.GetConsoleScreenshotInput{InstanceId: aws.String(r.t.ID)})
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.ImageData) == "" {
		return nil, errors.New("the answer holds no image")
	}
	r.keepBase64("console screenshot, image", "ec2:GetConsoleScreenshot", aws.ToString(out.ImageData))
	return out, nil
}

// keepBase64 keeps the bytes that AWS gave in base64. What does not decode is kept as it came.
func (r *collector) keepBase64(name, source, text string) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		data = []byte(text)
	}
	r.keep(name, source, data)
}

func (r *collector) agent(ctx context.Context) (any, error) {
	all, err := every(ctx, ssm.NewDescribeInstanceInformationPaginator(r.c.SSM, &ssm.DescribeInstanceInformationInput{
		Filters: []ssmtypes.InstanceInformationStringFilter{{Key: aws.String("InstanceIds"), Values: []string{r.t.ID}}},
	}))
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (r *collector) liveSessions(ctx context.Context) (any, error) {
	all, err := every(ctx, ssm.NewDescribeSessionsPaginator(r.c.SSM, &ssm.DescribeSessionsInput{
		State:   ssmtypes.SessionStateActive,
		Filters: []ssmtypes.SessionFilter{{Key: ssmtypes.SessionFilterKeyTargetId, Value: aws.String(r.t.ID)}},
	}))
	if err != nil {
		return nil, err
	}
	return all, nil
}
