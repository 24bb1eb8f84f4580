package awssim

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func (s *lab) acl(t *testing.T) ec2types.NetworkAcl {
	t.Helper()
	out, err := s.ec2.DescribeNetworkAcls(s.ctx, &ec2.DescribeNetworkAclsInput{
		Filters: []ec2types.Filter{{Name: aws.String("association.subnet-id"), Values: []string{s.subnet}}},
	})
	ok(t, err)
	if len(out.NetworkAcls) != 1 {
		t.Fatalf("%d ACLs for a subnet, want 1", len(out.NetworkAcls))
	}
	return out.NetworkAcls[0]
}

func deny(acl *string, number int32, cidr string) *ec2.CreateNetworkAclEntryInput {
	return &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: acl, RuleNumber: aws.Int32(number), Protocol: aws.String("-1"), RuleAction: ec2types.RuleActionDeny,
		Egress: aws.Bool(false), CidrBlock: aws.String(cidr),
	}
}

func TestDefaultACLAsAWSShowsIt(t *testing.T) {
	s := newLab(t, Options{})
	a := s.acl(t)
	var got []string
	for _, e := range a.Entries {
		got = append(got, yesNo(*e.Egress)+" "+string(e.RuleAction)+" "+aws.ToString(e.CidrBlock)+aws.ToString(e.Ipv6CidrBlock)+" "+itoa(*e.RuleNumber))
	}
	same(t, "entries", got, []string{
		"true allow 0.0.0.0/0 100", "true allow ::/0 101", "true deny 0.0.0.0/0 32767", "true deny ::/0 32768",
		"false allow 0.0.0.0/0 100", "false allow ::/0 101", "false deny 0.0.0.0/0 32767", "false deny ::/0 32768",
	})
}

func TestACLEntries(t *testing.T) {
	s := newLab(t, Options{})
	s.AllowDeletes(true)
	id := s.acl(t).NetworkAclId
	create := func(change func(*ec2.CreateNetworkAclEntryInput)) error {
		in := deny(id, 1, "203.0.113.9/32")
		change(in)
		_, err := s.ec2.CreateNetworkAclEntry(s.ctx, in)
		return err
	}
	for _, c := range []struct {
		name   string
		change func(*ec2.CreateNetworkAclEntryInput)
		code   string
	}{
		{"number taken", func(in *ec2.CreateNetworkAclEntryInput) { in.RuleNumber = aws.Int32(100) }, "NetworkAclEntryAlreadyExists"},
		{"number reserved", func(in *ec2.CreateNetworkAclEntryInput) { in.RuleNumber = aws.Int32(32767) }, "InvalidParameterValue"},
		{"number 0", func(in *ec2.CreateNetworkAclEntryInput) { in.RuleNumber = aws.Int32(0) }, "InvalidParameterValue"},
		{"both families", func(in *ec2.CreateNetworkAclEntryInput) { in.Ipv6CidrBlock = aws.String("::/0") }, "InvalidParameterCombination"},
		{"bad block", func(in *ec2.CreateNetworkAclEntryInput) { in.CidrBlock = aws.String("203.0.113.9") }, "InvalidParameterValue"},
		{"TCP without ports", func(in *ec2.CreateNetworkAclEntryInput) { in.Protocol = aws.String("6") }, "MissingParameter"},
		{"ICMP without type", func(in *ec2.CreateNetworkAclEntryInput) { in.Protocol = aws.String("1") }, "MissingParameter"},
		{"unknown ACL", func(in *ec2.CreateNetworkAclEntryInput) { in.NetworkAclId = aws.String("acl-0000000000000dead") }, "InvalidNetworkAclID.NotFound"},
	} {
		t.Run(c.name, func(t *testing.T) { wantCode(t, create(c.change), c.code) })
	}
	ok(t, create(func(*ec2.CreateNetworkAclEntryInput) {}))
	ok(t, create(func(in *ec2.CreateNetworkAclEntryInput) { in.Egress = aws.Bool(true) })) // the directions are counted apart
	ok(t, create(func(in *ec2.CreateNetworkAclEntryInput) {
		in.RuleNumber, in.CidrBlock, in.Ipv6CidrBlock = aws.Int32(2), nil, aws.String("2001:db8::9/32")
	}))
	_, err := s.ec2.ReplaceNetworkAclEntry(s.ctx, &ec2.ReplaceNetworkAclEntryInput{
		NetworkAclId: id, RuleNumber: aws.Int32(3), Protocol: aws.String("-1"), RuleAction: ec2types.RuleActionDeny, Egress: aws.Bool(false), CidrBlock: aws.String("10.0.0.0/8"),
	})
	wantCode(t, err, "InvalidNetworkAclEntry.NotFound")
	remove := func(number int32) error {
		_, err := s.ec2.DeleteNetworkAclEntry(s.ctx, &ec2.DeleteNetworkAclEntryInput{NetworkAclId: id, RuleNumber: aws.Int32(number), Egress: aws.Bool(false)})
		return err
	}
	ok(t, remove(1))
	wantCode(t, remove(1), "InvalidNetworkAclEntry.NotFound")
	wantCode(t, remove(32767), "InvalidParameterValue")
}

func TestACLQuota(t *testing.T) {
	s := newLab(t, Options{})
	id := s.acl(t).NetworkAclId
	for n := int32(1); n <= 18; n++ { // two are there, one for each family
		_, err := s.ec2.CreateNetworkAclEntry(s.ctx, deny(id, n, "203.0.113.9/32"))
		ok(t, err)
	}
	_, err := s.ec2.CreateNetworkAclEntry(s.ctx, deny(id, 19, "203.0.113.9/32"))
	wantCode(t, err, "NetworkAclEntryLimitExceeded")
}
