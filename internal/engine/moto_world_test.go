package engine_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbv2types "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
)

const motoRegion = "eu-west-1"

// startMoto runs moto_server for the length of the test and gives its address.
func startMoto(t *testing.T, environment ...string) string {
	t.Helper()
	program, err := exec.LookPath("moto_server")
	if err != nil {
		if os.Getenv("CORDON_REQUIRE_PEERS") == "1" {
			t.Fatalf("moto_server is not installed: %v", err)
		}
		t.Skipf("moto_server is not installed: %v", err)
	}
	port := freePort(t)
	// The shell ends the server when its own input ends, so that a test binary that dies leaves none behind.
	server := exec.Command("sh", "-c", `"$0" "$@" </dev/null & read -r _; kill $!; wait $!`, program, "-H", "127.0.0.1", "-p", strconv.Itoa(port))
	server.Env = append(os.Environ(), environment...)
	var output strings.Builder
	server.Stdout, server.Stderr = &output, &output
	input, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatalf("start moto_server: %v", err)
	}
	t.Cleanup(func() {
		input.Close()
		if err := server.Wait(); err != nil && t.Failed() {
			t.Logf("moto_server: %v\n%s", err, output.String())
		}
	})
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 600 {
		response, err := http.Get(address + "/moto-api/data.json")
		if err == nil {
			response.Body.Close()
			return address
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("moto_server does not answer within a minute")
	return ""
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// account is an account in moto and the test's own clients to it, none of them cordon's.
type account struct {
	t     *testing.T
	ctx   context.Context
	proxy *proxy
	cfg   aws.Config

	ec2     *ec2.Client
	iam     *iam.Client
	scaling *autoscaling.Client
	elb     *elasticloadbalancing.Client
	elbv2   *elasticloadbalancingv2.Client

	vpc, subnet, other, acl, image string
	web, admin                     string // the instance's own security groups
	instance                       string
	role, profile, profileARN      string
	group, classic, targets        string
	allocation                     string
	bucket                         string // of the case; "" keeps it in a folder

	org        *organizations.Client
	management *aws.Config // of the organisation's management account, where cordon has credentials for it
}

// newAccount empties moto and connects to it through a proxy of the test's own.
func newAccount(t *testing.T, moto string) *account {
	t.Helper()
	response, err := http.Post(moto+"/moto-api/reset", "", nil)
	if err != nil {
		t.Fatalf("empty moto: %v", err)
	}
	response.Body.Close()
	p := newProxy(t, moto)
	cfg := aws.Config{
		Region: motoRegion, BaseEndpoint: aws.String(p.url),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", ""),
	}
	return &account{
		t: t, ctx: t.Context(), proxy: p, cfg: cfg,
		ec2: ec2.NewFromConfig(cfg), iam: iam.NewFromConfig(cfg), scaling: autoscaling.NewFromConfig(cfg),
		elb: elasticloadbalancing.NewFromConfig(cfg), elbv2: elasticloadbalancingv2.NewFromConfig(cfg),
	}
}

// must ends the test where building or reading the account fails.
func must[T any](v T, err error) func(*account) T {
	return func(a *account) T {
		a.t.Helper()
		if err != nil {
			a.t.Fatal(err)
		}
		return v
	}
}

func filters(name string, values ...string) []ec2types.Filter {
	return []ec2types.Filter{{Name: aws.String(name), Values: values}}
}

// network makes a VPC with IPv6, two subnets behind one network ACL, and two groups.
func (a *account) network() {
	a.t.Helper()
	vpc := must(a.ec2.CreateVpc(a.ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.20.0.0/16"), AmazonProvidedIpv6CidrBlock: aws.Bool(true)}))(a)
	a.vpc = aws.ToString(vpc.Vpc.VpcId)
	a.subnet, a.other = a.newSubnet("10.20.1.0/24", "a"), a.newSubnet("10.20.2.0/24", "b")
	acls := must(a.ec2.DescribeNetworkAcls(a.ctx, &ec2.DescribeNetworkAclsInput{Filters: filters("vpc-id", a.vpc)}))(a)
	a.acl = aws.ToString(acls.NetworkAcls[0].NetworkAclId)
	a.web, a.admin = a.newGroup("web", 443), a.newGroup("admin", 22)
	gateway := must(a.ec2.CreateInternetGateway(a.ctx, &ec2.CreateInternetGatewayInput{}))(a)
	must(a.ec2.AttachInternetGateway(a.ctx, &ec2.AttachInternetGatewayInput{InternetGatewayId: gateway.InternetGateway.InternetGatewayId, VpcId: aws.String(a.vpc)}))(a)
}

func (a *account) newSubnet(cidr, zone string) string {
	out := must(a.ec2.CreateSubnet(a.ctx, &ec2.CreateSubnetInput{VpcId: aws.String(a.vpc), CidrBlock: aws.String(cidr), AvailabilityZone: aws.String(motoRegion + zone)}))(a)
	return aws.ToString(out.Subnet.SubnetId)
}

func (a *account) newGroup(name string, port int32) string {
	out := must(a.ec2.CreateSecurityGroup(a.ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String(name), Description: aws.String(name), VpcId: aws.String(a.vpc)}))(a)
	must(a.ec2.AuthorizeSecurityGroupIngress(a.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: out.GroupId, IpPermissions: []ec2types.IpPermission{{
		IpProtocol: aws.String("tcp"), FromPort: aws.Int32(port), ToPort: aws.Int32(port), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("0.0.0.0/0")}},
	}}}))(a)
	return aws.ToString(out.GroupId)
}

// identity makes a role and an instance profile of another name.
func (a *account) identity() {
	a.t.Helper()
	a.role, a.profile = "worker-role", "web-profile"
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	must(a.iam.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String(a.role), AssumeRolePolicyDocument: aws.String(trust)}))(a)
	must(a.iam.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{
		RoleName: aws.String(a.role), PolicyName: aws.String("own"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`),
	}))(a)
	made := must(a.iam.CreateInstanceProfile(a.ctx, &iam.CreateInstanceProfileInput{InstanceProfileName: aws.String(a.profile)}))(a)
	a.profileARN = aws.ToString(made.InstanceProfile.Arn)
	must(a.iam.AddRoleToInstanceProfile(a.ctx, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: aws.String(a.profile), RoleName: aws.String(a.role)}))(a)
}

// launch starts an instance through NetworkInterfaces: moto adds the groups of RunInstances' SecurityGroupIds to
// whatever an interface is put into later.
func (a *account) launch(profile string, changes ...func(*ec2.RunInstancesInput)) string {
	a.t.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: aws.String(a.image), InstanceType: ec2types.InstanceTypeT3Micro, MinCount: aws.Int32(1), MaxCount: aws.Int32(1),
		InstanceInitiatedShutdownBehavior: ec2types.ShutdownBehaviorTerminate,

		UserData:          aws.String(base64.StdEncoding.EncodeToString([]byte("#!/bin/sh\necho hello\n"))),
		NetworkInterfaces: []ec2types.InstanceNetworkInterfaceSpecification{{DeviceIndex: aws.Int32(0), SubnetId: aws.String(a.subnet), Groups: []string{a.web}, DeleteOnTermination: aws.Bool(true)}},
		TagSpecifications: []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeInstance, Tags: []ec2types.Tag{{Key: aws.String("Name"), Value: aws.String("web-1")}}}},
	}
	if profile != "" {
		in.IamInstanceProfile = &ec2types.IamInstanceProfileSpecification{Name: aws.String(profile)}
	}
	for _, change := range changes {
		change(in)
	}
	out := must(a.ec2.RunInstances(a.ctx, in))(a)
	return aws.ToString(out.Instances[0].InstanceId)
}

// findImage takes any: the list of moto's is long, so it is asked for once a server.
func (a *account) findImage() string {
	a.t.Helper()
	images := must(a.ec2.DescribeImages(a.ctx, &ec2.DescribeImagesInput{Owners: []string{"amazon"}}))(a)
	if len(images.Images) == 0 {
		a.t.Fatal("moto has no image")
	}
	return aws.ToString(images.Images[0].ImageId)
}

// furnish gives the instance a second interface, a second volume and an Elastic IP.
func (a *account) furnish() {
	a.t.Helper()
	second := must(a.ec2.CreateNetworkInterface(a.ctx, &ec2.CreateNetworkInterfaceInput{SubnetId: aws.String(a.other), Groups: []string{a.web, a.admin}}))(a)
	must(a.ec2.AttachNetworkInterface(a.ctx, &ec2.AttachNetworkInterfaceInput{
		NetworkInterfaceId: second.NetworkInterface.NetworkInterfaceId, InstanceId: aws.String(a.instance), DeviceIndex: aws.Int32(1),
	}))(a)
	volume := must(a.ec2.CreateVolume(a.ctx, &ec2.CreateVolumeInput{AvailabilityZone: aws.String(motoRegion + "a"), Size: aws.Int32(8)}))(a)
	must(a.ec2.AttachVolume(a.ctx, &ec2.AttachVolumeInput{VolumeId: volume.VolumeId, InstanceId: aws.String(a.instance), Device: aws.String("/dev/sdf")}))(a)
	allocated := must(a.ec2.AllocateAddress(a.ctx, &ec2.AllocateAddressInput{Domain: ec2types.DomainTypeVpc}))(a)
	a.allocation = aws.ToString(allocated.AllocationId)
	must(a.ec2.AssociateAddress(a.ctx, &ec2.AssociateAddressInput{AllocationId: allocated.AllocationId, InstanceId: aws.String(a.instance)}))(a)
}

// balance registers the instance with a target group, on another port than the group's, and with a classic load balancer.
func (a *account) balance() {
	a.t.Helper()
	made := must(a.elbv2.CreateTargetGroup(a.ctx, &elasticloadbalancingv2.CreateTargetGroupInput{
		Name: aws.String("web"), Protocol: elbv2types.ProtocolEnumHttp, Port: aws.Int32(80), VpcId: aws.String(a.vpc), TargetType: elbv2types.TargetTypeEnumInstance,
	}))(a)
	a.targets = aws.ToString(made.TargetGroups[0].TargetGroupArn)
	must(a.elbv2.RegisterTargets(a.ctx, &elasticloadbalancingv2.RegisterTargetsInput{TargetGroupArn: aws.String(a.targets), Targets: []elbv2types.TargetDescription{
		{Id: aws.String(a.instance), Port: aws.Int32(8080)},
	}}))(a)
	a.classic = "old"
	must(a.elb.CreateLoadBalancer(a.ctx, &elasticloadbalancing.CreateLoadBalancerInput{
		LoadBalancerName: aws.String(a.classic), Subnets: []string{a.subnet},
		Listeners: []elbtypes.Listener{{Protocol: aws.String("http"), LoadBalancerPort: 80, InstancePort: aws.Int32(80)}},
	}))(a)
	must(a.elb.RegisterInstancesWithLoadBalancer(a.ctx, &elasticloadbalancing.RegisterInstancesWithLoadBalancerInput{
		LoadBalancerName: aws.String(a.classic), Instances: []elbtypes.Instance{{InstanceId: aws.String(a.instance)}},
	}))(a)
}

// scale puts the instance into an Auto Scaling group with room for a replacement.
func (a *account) scale() {
	a.t.Helper()
	a.group = "fleet"
	must(a.scaling.CreateLaunchConfiguration(a.ctx, &autoscaling.CreateLaunchConfigurationInput{
		LaunchConfigurationName: aws.String("fleet"), ImageId: aws.String(a.image), InstanceType: aws.String("t3.micro"),
	}))(a)
	must(a.scaling.CreateAutoScalingGroup(a.ctx, &autoscaling.CreateAutoScalingGroupInput{
		AutoScalingGroupName: aws.String(a.group), LaunchConfigurationName: aws.String("fleet"), MinSize: aws.Int32(0), MaxSize: aws.Int32(4),
		DesiredCapacity: aws.Int32(0), VPCZoneIdentifier: aws.String(a.subnet),
	}))(a)
	must(a.scaling.AttachInstances(a.ctx, &autoscaling.AttachInstancesInput{AutoScalingGroupName: aws.String(a.group), InstanceIds: []string{a.instance}}))(a)
}
