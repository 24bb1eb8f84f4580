package awssim

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
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

// enis lists the instance's interfaces, the primary one first.
func (s *lab) enis() []string {
	out := make([]string, 2)
	s.Do(func(a *Account) {
		for _, n := range a.Region(testRegion).NetworkInterfaces {
			if n.instance() == s.instance {
				out[n.Attachment.DeviceIndex] = n.ID
			}
		}
	})
	return out
}

// volumes lists the instance's volumes, the root one first.
func (s *lab) volumes() []string {
	out := make([]string, 2)
	s.Do(func(a *Account) {
		for _, v := range a.Region(testRegion).Volumes {
			if v.Attached.Device == "/dev/xvda" {
				out[0] = v.ID
			} else {
				out[1] = v.ID
			}
		}
	})
	return out
}

func (s *lab) address() (address Address) {
	s.Do(func(a *Account) {
		for _, x := range a.Region(testRegion).Addresses {
			address = *x
		}
	})
	return address
}

// tag tags the root volume.
func (s *lab) tag(key, value string) error {
	_, err := s.ec2.CreateTags(s.ctx, &ec2.CreateTagsInput{
		Resources: s.volumes()[:1], Tags: []ec2types.Tag{{Key: aws.String(key), Value: aws.String(value)}},
	})
	return err
}

func tagging(kind ec2types.ResourceType) []ec2types.TagSpecification {
	return []ec2types.TagSpecification{{ResourceType: kind, Tags: []ec2types.Tag{{Key: aws.String("cordon:op"), Value: aws.String("op-1")}}}}
}
