package awssim

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Each case does one thing that a responder must never do, and is to be noted
// exactly once; or one that looks alike and is right.
func TestPolice(t *testing.T) {
	open := all("0.0.0.0/0")
	six := []ec2types.IpPermission{{IpProtocol: aws.String("-1"), Ipv6Ranges: []ec2types.Ipv6Range{{CidrIpv6: aws.String("::/0")}}}}
	ingress := func(s *lab, group string, p []ec2types.IpPermission) {
		_, _ = s.ec2.AuthorizeSecurityGroupIngress(s.ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: &group, IpPermissions: p})
	}
	put := func(s *lab, groups ...string) {
		_, _ = s.ec2.ModifyNetworkInterfaceAttribute(s.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: aws.String(s.enis()[0]), Groups: groups})
	}
	create := func(s *lab, tags []ec2types.TagSpecification) string {
		out, err := s.ec2.CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{
			GroupName: aws.String("q"), Description: aws.String("q"), VpcId: &s.vpc, TagSpecifications: tags,
		})
		if err != nil {
			t.Fatal(err)
		}
		return *out.GroupId
	}
	for _, c := range []struct {
		name string
		do   func(s *lab)
		want string // part of the violation, "" for none
	}{
		{"open a suspect's group", func(s *lab) { ingress(s, s.ssh, open) }, "opened to the world"},
		{"open it over IPv6", func(s *lab) { ingress(s, s.ssh, six) }, "opened to the world"},
		{"open a group nobody has", func(s *lab) { ingress(s, s.AddSecurityGroup(testRegion, GroupSpec{VPC: s.vpc}), open) }, ""},
		{"narrow rule on a suspect's group", func(s *lab) { ingress(s, s.ssh, all("10.0.0.0/8")) }, ""},
		{"put on a group that is still open", func(s *lab) { put(s, create(s, tagging("security-group"))) }, "put on"},
		{"put back the group it had", func(s *lab) { put(s, s.ssh); put(s, s.web) }, ""},
		{"create without tags", func(s *lab) { create(s, nil) }, "without a tag"},
		{"change what never existed", func(s *lab) { put(s, "sg-0000000000000dead") }, "never existed"},
		{"read what never existed", func(s *lab) {
			_, _ = s.ec2.DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-0000000000000dead"}})
		}, ""},
		{"change what somebody took away", func(s *lab) {
			s.Do(func(a *Account) { delete(a.Region(testRegion).SecurityGroups, s.ssh) })
			put(s, s.ssh)
		}, ""},
		{"delete where nothing is to be", func(s *lab) {
			_, _ = s.ec2.DeleteSecurityGroup(s.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &s.web})
		}, "nothing is to be deleted"},
		{"delete in a release", func(s *lab) {
			s.AllowDeletes(true)
			_, _ = s.ec2.DeleteSecurityGroup(s.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &s.web})
		}, ""},
		{"take off termination protection", func(s *lab) {
			for _, on := range []bool{true, false} {
				_, _ = s.ec2.ModifyInstanceAttribute(s.ctx, &ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, DisableApiTermination: flag(on)})
			}
		}, "termination protection"},
		{"an operation that is not simulated", func(s *lab) {
			_, _ = s.ec2.DeleteSnapshot(s.ctx, &ec2.DeleteSnapshotInput{SnapshotId: aws.String("snap-0000000000000dead")})
		}, "no handler"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newLab(t, Options{})
			c.do(s)
			got := s.Violations()
			if c.want == "" {
				if len(got) > 0 {
					t.Errorf("noted %q", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.Contains(got[0], "responder/alice") {
				t.Errorf("noted %q, want one of %q by alice", got, c.want)
			}
		})
	}
}
