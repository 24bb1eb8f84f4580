package playbook

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"cordon/internal/action"
)

// fake answers each operation with a fixed output, an error, or what a function makes of the input. It stands in
// for accounts that a whole simulation would make hard to set up: unreadable here, hostile there.
type fake struct {
	answers map[string]any
	// byRegion answers instead, by the region that is asked.
	byRegion map[string]func(region string) any

	mu    sync.Mutex
	calls map[string]int
}

func newFake() *fake {
	return &fake{calls: map[string]int{}, answers: map[string]any{
		"DescribeInstances": &ec2.DescribeInstancesOutput{}, "DescribeNetworkInterfaces": &ec2.DescribeNetworkInterfacesOutput{},
		"DescribeVolumes": &ec2.DescribeVolumesOutput{}, "DescribeAddresses": &ec2.DescribeAddressesOutput{},
		"DescribeNetworkAcls": &ec2.DescribeNetworkAclsOutput{}, "DescribeVpcs": &ec2.DescribeVpcsOutput{},
		"DescribeVpcEndpoints": &ec2.DescribeVpcEndpointsOutput{}, "DescribeInstanceTypes": &ec2.DescribeInstanceTypesOutput{},
		"DescribeInstanceAttribute":        &ec2.DescribeInstanceAttributeOutput{},
		"DescribeInstanceConnectEndpoints": &ec2.DescribeInstanceConnectEndpointsOutput{},
		"GetSerialConsoleAccessStatus":     &ec2.GetSerialConsoleAccessStatusOutput{SerialConsoleAccessEnabled: aws.Bool(false)},
		"DescribePrefixLists":              &ec2.DescribePrefixListsOutput{},
		"GetInstanceProfile":               &iam.GetInstanceProfileOutput{},
		"DescribeKey":                      &kms.DescribeKeyOutput{},
		"DescribeInstanceInformation":      &ssm.DescribeInstanceInformationOutput{},
		"DescribeAutoScalingInstances":     &autoscaling.DescribeAutoScalingInstancesOutput{},
		"DescribeAutoScalingGroups":        &autoscaling.DescribeAutoScalingGroupsOutput{},
		"DescribeTargetGroups":             &elasticloadbalancingv2.DescribeTargetGroupsOutput{},
		"DescribeTargetHealth":             &elasticloadbalancingv2.DescribeTargetHealthOutput{},
		"DescribeTargetGroupAttributes":    &elasticloadbalancingv2.DescribeTargetGroupAttributesOutput{},
		"DescribeLoadBalancers":            &elasticloadbalancing.DescribeLoadBalancersOutput{},
	}}
}

func denied(code string) error {
	return &smithy.GenericAPIError{Code: code, Message: "no", Fault: smithy.FaultClient}
}

type inputKey struct{}

func (f *fake) connect(t *testing.T) *action.AWS {
	t.Helper()
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.AnonymousCredentials{}}
	cfg.APIOptions = append(cfg.APIOptions, func(s *middleware.Stack) error {
		keep := middleware.InitializeMiddlewareFunc("keep", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			return next.HandleInitialize(context.WithValue(ctx, inputKey{}, in.Parameters), in)
		})
		if err := s.Initialize.Add(keep, middleware.After); err != nil {
			return err
		}
		return s.Finalize.Insert(middleware.FinalizeMiddlewareFunc("fake", f.answer), "Retry", middleware.After)
	})
	c := action.Connect(cfg)
	c.Account, c.Partition, c.Caller = "111122223333", "aws", "arn:aws:sts::111122223333:assumed-role/responder/ann"
	return c
}

func (f *fake) answer(ctx context.Context, _ middleware.FinalizeInput, _ middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	name := awsmiddleware.GetOperationName(ctx)
	f.mu.Lock()
	f.calls[name]++
	f.mu.Unlock()
	a, ok := f.answers[name]
	if there, is := f.byRegion[name]; is {
		a, ok = there(awsmiddleware.GetRegion(ctx)), true
	}
	if make, is := a.(func(any) any); is {
		a = make(ctx.Value(inputKey{}))
	}
	if err, is := a.(error); is {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, err
	}
	if !ok {
		return middleware.FinalizeOutput{}, middleware.Metadata{}, fmt.Errorf("the fake has no answer to %s", name)
	}
	return middleware.FinalizeOutput{Result: own(a)}, middleware.Metadata{}, nil
}

// own gives each call its own output, as the SDK does: the client writes its metadata into what it is handed, and
// the survey asks from many goroutines.
func own(out any) any {
	c := reflect.New(reflect.TypeOf(out).Elem())
	c.Elem().Set(reflect.ValueOf(out).Elem())
	return c.Interface()
}

// allow admits what the playbook declares and nothing else.
func (f *fake) allow() context.Context {
	return action.Allow(context.Background(), EC2.Reads, nil, nil)
}

func addressesOf(ips ...string) *ec2.DescribeAddressesOutput {
	out := &ec2.DescribeAddressesOutput{}
	for i, ip := range ips {
		out.Addresses = append(out.Addresses, ec2types.Address{PublicIp: aws.String(ip), AllocationId: aws.String(fmt.Sprintf("eipalloc-%d", i+1))})
	}
	return out
}

func interfacesOf(public, v6 string) *ec2.DescribeNetworkInterfacesOutput {
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2types.NetworkInterface{{
		NetworkInterfaceId: aws.String("eni-9"),
		Association:        &ec2types.NetworkInterfaceAssociation{PublicIp: aws.String(public)},
		Ipv6Addresses:      []ec2types.NetworkInterfaceIpv6Address{{Ipv6Address: aws.String(v6)}},
	}}}
}
