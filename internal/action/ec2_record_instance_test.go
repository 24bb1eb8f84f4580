package action

import (
	"bytes"
	"encoding/base64"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	asgtypes "github.com/aws/aws-sdk-go-v2/service/autoscaling/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

func base64Of(s string) *string { return aws.String(base64.StdEncoding.EncodeToString([]byte(s))) }

// recorded is an account in which the record has something to follow at every turn.
func recorded() *script {
	return &script{answers: map[string]any{
		"DescribeInstances": victimWith("vol-1"),
		"DescribeInstanceAttribute": func(in any) any {
			switch in.(*ec2.DescribeInstanceAttributeInput).Attribute {
			case ec2types.InstanceAttributeNameUserData:
				return &ec2.DescribeInstanceAttributeOutput{UserData: &ec2types.AttributeValue{Value: base64Of("#!/bin/sh")}}
			case ec2types.InstanceAttributeNameKernel:
				return refusal("UnsupportedOperation")
			}
			return &ec2.DescribeInstanceAttributeOutput{}
		},
		"DescribeNetworkInterfaces": &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{{
			SubnetId: aws.String("subnet-1"), VpcId: aws.String("vpc-1"), Groups: []ec2types.GroupIdentifier{{GroupId: aws.String("sg-1")}},
		}}},
		"DescribeSecurityGroups": &ec2.DescribeSecurityGroupsOutput{}, "DescribeSecurityGroupRules": &ec2.DescribeSecurityGroupRulesOutput{},
		"DescribeAddresses": &ec2.DescribeAddressesOutput{},
		"DescribeVolumes":   &ec2.DescribeVolumesOutput{Volumes: []ec2types.Volume{{VolumeId: aws.String("vol-1"), KmsKeyId: aws.String("key-1")}}},
		"DescribeIamInstanceProfileAssociations": &ec2.DescribeIamInstanceProfileAssociationsOutput{IamInstanceProfileAssociations: []ec2types.IamInstanceProfileAssociation{{
			IamInstanceProfile: &ec2types.IamInstanceProfile{Arn: aws.String("arn:aws:iam::111122223333:instance-profile/web")},
		}}},
		"DescribeNetworkAcls": &ec2.DescribeNetworkAclsOutput{}, "DescribeRouteTables": &ec2.DescribeRouteTablesOutput{}, "DescribeSubnets": &ec2.DescribeSubnetsOutput{},
		"DescribeVpcs": &ec2.DescribeVpcsOutput{}, "DescribeVpcEndpoints": &ec2.DescribeVpcEndpointsOutput{},
		"GetConsoleOutput": &ec2.GetConsoleOutputOutput{Output: base64Of("login:")}, "GetConsoleScreenshot": &ec2.GetConsoleScreenshotOutput{ImageData: base64Of("JPEG")},
		"DescribeSnapshots": &ec2.DescribeSnapshotsOutput{Snapshots: []ec2types.Snapshot{{SnapshotId: aws.String("snap-1")}}}, "DescribeSnapshotAttribute": &ec2.DescribeSnapshotAttributeOutput{},
		"DescribeImages": &ec2.DescribeImagesOutput{Images: []ec2types.Image{{ImageId: aws.String("ami-1")}}}, "DescribeImageAttribute": &ec2.DescribeImageAttributeOutput{},
		"GetInstanceProfile":       &iam.GetInstanceProfileOutput{InstanceProfile: &iamtypes.InstanceProfile{Roles: []iamtypes.Role{{RoleName: aws.String("web-role")}}}},
		"GetRole":                  &iam.GetRoleOutput{Role: &iamtypes.Role{AssumeRolePolicyDocument: aws.String("%7B%22a%22%3A1%7D")}},
		"ListRolePolicies":         &iam.ListRolePoliciesOutput{PolicyNames: []string{"inline"}},
		"GetRolePolicy":            &iam.GetRolePolicyOutput{PolicyDocument: aws.String("%7B%7D")},
		"ListAttachedRolePolicies": &iam.ListAttachedRolePoliciesOutput{},
		"DescribeAutoScalingInstances": &autoscaling.DescribeAutoScalingInstancesOutput{AutoScalingInstances: []asgtypes.AutoScalingInstanceDetails{{
			AutoScalingGroupName: aws.String("web"),
		}}},
		"DescribeAutoScalingGroups": &autoscaling.DescribeAutoScalingGroupsOutput{}, "DescribeScalingActivities": &autoscaling.DescribeScalingActivitiesOutput{},
		"DescribeTargetGroups": &elasticloadbalancingv2.DescribeTargetGroupsOutput{TargetGroups: []elbv2types.TargetGroup{{TargetGroupArn: aws.String("tg-1")}, {TargetGroupArn: aws.String("tg-2")}}},
		"DescribeTargetHealth": func(in any) any {
			out := &elasticloadbalancingv2.DescribeTargetHealthOutput{}
			if aws.ToString(in.(*elasticloadbalancingv2.DescribeTargetHealthInput).TargetGroupArn) == "tg-1" {
				out.TargetHealthDescriptions = []elbv2types.TargetHealthDescription{{Target: &elbv2types.TargetDescription{Id: aws.String(victim)}}}
			}
			return out
		},
		"DescribeLoadBalancers": &elasticloadbalancing.DescribeLoadBalancersOutput{LoadBalancerDescriptions: []elbtypes.LoadBalancerDescription{
			{LoadBalancerName: aws.String("classic"), Instances: []elbtypes.Instance{{InstanceId: aws.String(victim)}}}, {LoadBalancerName: aws.String("not-its")},
		}},
		"DescribeInstanceInformation": &ssm.DescribeInstanceInformationOutput{}, "DescribeSessions": &ssm.DescribeSessionsOutput{},
		"DescribeKey": &kms.DescribeKeyOutput{},
	}}
}

func record(t *testing.T, s *script) *tray {
	t.Helper()
	sink := newTray()
	if err := RecordInstance.Collect(may(RecordInstance), s.connect(t), onVictim("", nil), sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestRecordIsWhole(t *testing.T) {
	s := recorded()
	sink := record(t, s)
	if len(sink.losses) > 0 {
		t.Errorf("lost %v", sink.losses)
	}
	for name, part := range map[string]string{
		"instance": victim, "user data, decoded": "#!/bin/sh", "console output, decoded": "login:", "console screenshot, image": "JPEG",
		"attribute kernel": "unsupported", "attribute disableApiStop": "{", "role web-role, trust policy": `{"a":1}`, "inline policy inline of role web-role": "{",
		"security groups": `"pages"`, "security group rules": `"pages"`, "route tables": `"pages"`, "vpc endpoints": `"pages"`,
		"targets of tg-1": victim, "classic load balancers": "classic", "auto scaling group web": "{", "recent activities of auto scaling group web": "{",
		"shares of snapshot snap-1": "{", "shares of image ami-1": "{", "key key-1": "{", "live ssm sessions": `"pages"`,
	} {
		if !bytes.Contains(sink.artifacts[name], []byte(part)) {
			t.Errorf("%s is %q, and lacks %q", name, sink.artifacts[name], part)
		}
	}
	if _, ok := sink.artifacts["targets of tg-2"]; ok {
		t.Error("a target group that the instance is not in is in the record")
	}
	for name, data := range sink.artifacts {
		if bytes.Contains(data, []byte("ResultMetadata")) || bytes.Contains(data, []byte("not-its")) {
			t.Errorf("%s holds what is not AWS's answer about the instance: %s", name, data)
		}
	}
	for _, o := range RecordInstance.Reads {
		if !slices.ContainsFunc(s.sent, func(in any) bool { sent, _ := opOf(in); return sent == o }) {
			t.Errorf("%s is declared and not called", o)
		}
	}
}

// Whatever one read does, the others are kept and the failure is in the ledger with its reason.
func TestOneFailedReadCostsNoOther(t *testing.T) {
	all := record(t, recorded()).artifacts
	for _, o := range RecordInstance.Reads {
		s := recorded()
		s.answers[o.Name] = refusal("AccessDenied")
		sink := record(t, s)
		if len(sink.losses) == 0 || !strings.Contains(strings.Join(slices.Collect(maps.Values(sink.losses)), " "), "AccessDenied") {
			t.Errorf("%s denied: the ledger says %v", o, sink.losses)
		}
		if o.Name != "DescribeInstances" && sink.artifacts["instance"] == nil {
			t.Errorf("%s denied: the instance itself is not recorded", o)
		}
		if len(sink.artifacts)+len(sink.losses) < len(all)/2 {
			t.Errorf("%s denied: %d artifacts and %d losses of %d", o, len(sink.artifacts), len(sink.losses), len(all))
		}
	}
}

func TestEvidenceThatCannotBeKeptIsAnError(t *testing.T) {
	sink := newTray()
	sink.broken = errors.New("disk full")
	if err := RecordInstance.Collect(may(RecordInstance), recorded().connect(t), onVictim("", nil), sink); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
}
