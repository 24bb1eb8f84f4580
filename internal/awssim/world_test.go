package awssim

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const alice = "arn:aws:sts::111122223333:assumed-role/responder/alice"

// lab is a small account: one VPC with IPv6, one subnet, two groups, and one
// instance with two interfaces and two volumes.
type lab struct {
	*World
	ctx                   context.Context
	ec2                   *ec2.Client
	vpc, subnet, web, ssh string
	instance              string
}

func newLab(t testing.TB, o Options) *lab {
	t.Helper()
	w := New(o)
	s := &lab{World: w, ctx: context.Background(), ec2: ec2.NewFromConfig(attached(w, testRegion))}
	s.vpc = w.AddVPC(testRegion, VPCSpec{IPv6CIDR: "2001:db8:1234:1a00::/56"})
	s.subnet = w.AddSubnet(testRegion, SubnetSpec{VPC: s.vpc})
	s.web = w.AddSecurityGroup(testRegion, GroupSpec{VPC: s.vpc, Name: "web", Ingress: []Rule{{Protocol: "tcp", From: 443, To: 443, CIDR: "0.0.0.0/0"}}})
	s.ssh = w.AddSecurityGroup(testRegion, GroupSpec{VPC: s.vpc, Name: "ssh", Ingress: []Rule{{Protocol: "tcp", From: 22, To: 22, CIDR: "10.0.0.0/8"}}})
	s.instance = w.AddInstance(testRegion, InstanceSpec{
		Subnet: s.subnet, Name: "web-7", Groups: []string{s.web}, EIP: true, UserData: "#!/bin/sh\n",
		Profile: "arn:aws:iam::111122223333:instance-profile/web-app",
		ENIs:    []InterfaceSpec{{}, {Groups: []string{s.web, s.ssh}}}, Volumes: []VolumeSpec{{}, {GiB: 100}},
	})
	w.Suspect(s.instance)
	return s
}

func attached(w *World, region string) aws.Config {
	cfg := aws.Config{Region: region}
	w.Attach(&cfg, alice)
	return cfg
}

func TestCallerIdentity(t *testing.T) {
	client := sts.NewFromConfig(attached(New(Options{}), testRegion))
	out, err := client.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	ok(t, err)
	if *out.Arn != alice || *out.Account != "111122223333" || *out.UserId != "AROASIMULATEDROLE:alice" {
		t.Errorf("got %s, account %s, user id %s", *out.Arn, *out.Account, *out.UserId)
	}
}

func TestDescribeInstance(t *testing.T) {
	s := newLab(t, Options{})
	out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{s.instance}})
	ok(t, err)
	i := out.Reservations[0].Instances[0]
	if len(i.NetworkInterfaces) != 2 || len(i.BlockDeviceMappings) != 2 || i.PublicIpAddress == nil || i.IamInstanceProfile == nil {
		t.Errorf("instance lacks a part: %+v", i)
	}
	if len(i.SecurityGroups) != 1 || *i.SecurityGroups[0].GroupId != s.web {
		t.Errorf("groups are %v, want the primary interface's", i.SecurityGroups)
	}
	if v := s.Violations(); len(v) > 0 {
		t.Error(v)
	}
}
