package awssim

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (s *lab) newGroup(t *testing.T, vpc, name string) string {
	t.Helper()
	out, err := s.ec2.CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String(name), Description: aws.String("for a test"), VpcId: aws.String(vpc), TagSpecifications: tagging("security-group"),
	})
	ok(t, err)
	return *out.GroupId
}

// rules lists a group's rules: the ids, and their other sides.
func (s *lab) rules(t *testing.T, group string) (ids, sides []string) {
	t.Helper()
	p := ec2.NewDescribeSecurityGroupRulesPaginator(s.ec2, &ec2.DescribeSecurityGroupRulesInput{
		Filters: []ec2types.Filter{{Name: aws.String("group-id"), Values: []string{group}}},
	})
	for p.HasMorePages() {
		out, err := p.NextPage(s.ctx)
		ok(t, err)
		for _, r := range out.SecurityGroupRules {
			ids = append(ids, *r.SecurityGroupRuleId)
			sides = append(sides, aws.ToString(r.CidrIpv4)+aws.ToString(r.CidrIpv6))
		}
	}
	return ids, sides
}

func all(cidr string) []ec2types.IpPermission {
	return []ec2types.IpPermission{{IpProtocol: aws.String("-1"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String(cidr)}}}}
}

func TestNewGroupsLetEverythingOut(t *testing.T) {
	s := newLab(t, Options{})
	_, sides := s.rules(t, s.newGroup(t, s.vpc, "six"))
	same(t, "egress of a group in a VPC with IPv6", sides, []string{"0.0.0.0/0", "::/0"})
	four := s.AddVPC(testRegion, VPCSpec{CIDR: "10.9.0.0/16"})
	_, sides = s.rules(t, s.newGroup(t, four, "four"))
	same(t, "egress of a group in a VPC without", sides, []string{"0.0.0.0/0"})
}

func TestGroupNames(t *testing.T) {
	s := newLab(t, Options{})
	s.newGroup(t, s.vpc, "Quarantine")
	for _, c := range []struct{ name, vpc, code string }{
		{"quarantine", s.vpc, "InvalidGroup.Duplicate"}, // names are compared without case
		{"sg-quarantine", s.vpc, "InvalidParameterValue"},
		{"default", s.vpc, "InvalidGroup.Reserved"},
		{"bell\a", s.vpc, "InvalidParameterValue"},
		{"q", "vpc-0000000000000dead", "InvalidVpcID.NotFound"},
		{"q", "", "VPCIdNotSpecified"},
	} {
		in := &ec2.CreateSecurityGroupInput{GroupName: aws.String(c.name), Description: aws.String("d"), TagSpecifications: tagging("security-group")}
		if c.vpc != "" {
			in.VpcId = aws.String(c.vpc)
		}
		_, err := s.ec2.CreateSecurityGroup(s.ctx, in)
		wantCode(t, err, c.code)
	}
	other := s.AddVPC(testRegion, VPCSpec{CIDR: "10.9.0.0/16"})
	s.newGroup(t, other, "Quarantine") // a name belongs to its VPC
}

func TestRulesAreAuthorisedAndRevoked(t *testing.T) {
	s := newLab(t, Options{})
	g := s.newGroup(t, s.vpc, "q")
	authorize := func(p []ec2types.IpPermission) error {
		_, err := s.ec2.AuthorizeSecurityGroupEgress(s.ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &g, IpPermissions: p})
		return err
	}
	revoke := func(p []ec2types.IpPermission, ids ...string) error {
		_, err := s.ec2.RevokeSecurityGroupEgress(s.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &g, IpPermissions: p, SecurityGroupRuleIds: ids})
		return err
	}
	wantCode(t, authorize(all("0.0.0.0/0")), "InvalidPermission.Duplicate")
	wantCode(t, authorize(all("10.0.0.0")), "InvalidParameterValue")
	wantCode(t, authorize([]ec2types.IpPermission{{IpProtocol: aws.String("tcp"), IpRanges: []ec2types.IpRange{{CidrIp: aws.String("10.0.0.0/8")}}}}), "MissingParameter")
	ok(t, authorize(all("100.68.0.18/18")))
	_, sides := s.rules(t, g)
	if !slices.Contains(sides, "100.68.0.0/18") {
		t.Errorf("rules %q, want the block in its canonical form", sides)
	}
	ok(t, revoke(all("100.68.0.0/18")))
	wantCode(t, revoke(all("100.68.0.0/18")), "InvalidPermission.NotFound")
	wantCode(t, revoke(nil), "InvalidParameterCombination")
	ids, _ := s.rules(t, g)
	ok(t, revoke(nil, ids...))
	if ids, _ := s.rules(t, g); len(ids) != 0 {
		t.Errorf("rules %q are left", ids)
	}
	wantCode(t, revoke(nil, ids...), "InvalidSecurityGroupRuleId.NotFound")
	if v := s.Violations(); len(v) != 0 {
		t.Errorf("violations %q", v)
	}
}

func TestRevokingWhatIsNotThereInTheDefaultVPC(t *testing.T) {
	s := newLab(t, Options{})
	g := s.newGroup(t, s.AddVPC(testRegion, VPCSpec{CIDR: "172.31.0.0/16", Default: true}), "q")
	out, err := s.ec2.RevokeSecurityGroupEgress(s.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &g, IpPermissions: all("10.0.0.0/8")})
	ok(t, err)
	if len(out.UnknownIpPermissions) != 1 || len(out.RevokedSecurityGroupRules) != 0 {
		t.Errorf("got %+v, want one unknown rule", out)
	}
}

func TestGroupsInUseStay(t *testing.T) {
	s := newLab(t, Options{})
	s.AllowDeletes(true)
	remove := func(id string) error {
		_, err := s.ec2.DeleteSecurityGroup(s.ctx, &ec2.DeleteSecurityGroupInput{GroupId: &id})
		return err
	}
	wantCode(t, remove(s.web), "DependencyViolation")
	named := s.AddSecurityGroup(testRegion, GroupSpec{VPC: s.vpc})
	naming := s.AddSecurityGroup(testRegion, GroupSpec{VPC: s.vpc, Ingress: []Rule{{Protocol: "-1", From: -1, To: -1, Group: named}}})
	wantCode(t, remove(named), "DependencyViolation")
	ok(t, remove(naming))
	ok(t, remove(named))
	wantCode(t, remove(named), "InvalidGroup.NotFound")
	s.Do(func(a *Account) {
		for _, g := range a.Region(testRegion).SecurityGroups {
			if g.Name == "default" {
				named = g.ID
			}
		}
	})
	wantCode(t, remove(named), "CannotDelete")
}

func TestInterfaceGroups(t *testing.T) {
	s := newLab(t, Options{})
	eni := s.enis()[1]
	elsewhere := s.AddSecurityGroup(testRegion, GroupSpec{VPC: s.AddVPC(testRegion, VPCSpec{CIDR: "10.9.0.0/16"})})
	managed := s.AddNetworkInterface(testRegion, InterfaceSpec{Subnet: s.subnet, Type: "vpc_endpoint", Requester: "amazon-aws"})
	many := []string{s.web, s.ssh}
	for range 4 {
		many = append(many, s.AddSecurityGroup(testRegion, GroupSpec{VPC: s.vpc}))
	}
	for _, c := range []struct {
		name, eni string
		groups    []string
		code      string
	}{
		{"unknown group", eni, []string{"sg-0000000000000dead"}, "InvalidGroup.NotFound"},
		{"malformed group", eni, []string{"web"}, "InvalidGroupId.Malformed"},
		{"another VPC's group", eni, []string{elsewhere}, "InvalidGroup.NotFound"},
		{"no group", eni, []string{}, "InvalidParameterValue"},
		{"six groups", eni, many, "SecurityGroupsPerInterfaceLimitExceeded"},
		{"a service's interface", managed, []string{s.web}, "OperationNotPermitted"},
		{"unknown interface", "eni-0000000000000dead", []string{s.web}, "InvalidNetworkInterfaceID.NotFound"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.ec2.ModifyNetworkInterfaceAttribute(s.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &c.eni, Groups: c.groups})
			wantCode(t, err, c.code)
		})
	}
	_, err := s.ec2.ModifyNetworkInterfaceAttribute(s.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni, Groups: []string{s.ssh}})
	ok(t, err)
	out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{s.instance}})
	ok(t, err)
	i := out.Reservations[0].Instances[0]
	if g := i.NetworkInterfaces[1].Groups; len(g) != 1 || *g[0].GroupId != s.ssh {
		t.Errorf("the interface has %v in the instance's description, want the new group alone", g)
	}
	if g := i.SecurityGroups; len(g) != 1 || *g[0].GroupId != s.web {
		t.Errorf("the instance has %v, want the primary interface's group", g)
	}
}

func TestFilters(t *testing.T) {
	s := newLab(t, Options{PageSize: 50})
	other := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet, Name: "db-1"})
	for _, c := range []struct {
		name   string
		values []string
		want   []string
		code   string
	}{
		{"tag:Name", []string{"web-7"}, []string{s.instance}, ""},
		{"tag:Name", []string{"*-?"}, []string{s.instance, other}, ""},
		{"tag:Name", []string{"WEB-7"}, nil, ""},
		{"tag:Name", []string{`web-\?`}, nil, ""},
		{"tag-key", []string{"Name"}, []string{s.instance, other}, ""},
		{"instance.group-id", []string{s.ssh}, nil, ""}, // of the primary interface
		{"network-interface.group-id", []string{s.ssh}, []string{s.instance}, ""},
		{"instance-id", []string{other, "i-0000000000000dead"}, []string{other}, ""},
		{"instance-name", []string{"web-7"}, nil, "InvalidParameterValue"},
	} {
		out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{Filters: []ec2types.Filter{{Name: aws.String(c.name), Values: c.values}}})
		if c.code != "" {
			wantCode(t, err, c.code)
			continue
		}
		ok(t, err)
		var got []string
		for _, r := range out.Reservations {
			got = append(got, *r.Instances[0].InstanceId)
		}
		same(t, c.name, got, c.want)
	}
}
