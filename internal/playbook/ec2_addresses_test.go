package playbook

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

// The finding's content is the intruder's to choose: whatever could be our own side stays reachable.
func TestOwnSideIsNeverDenied(t *testing.T) {
	s := &survey{vpcs: []ec2types.Vpc{{
		VpcId: aws.String("vpc-1"), CidrBlock: aws.String("198.18.0.0/16"),
		CidrBlockAssociationSet:     []ec2types.VpcCidrBlockAssociation{{CidrBlock: aws.String("192.0.2.0/25")}},
		Ipv6CidrBlockAssociationSet: []ec2types.VpcIpv6CidrBlockAssociation{{Ipv6CidrBlock: aws.String("2600:1f18:1::/56")}},
	}}}
	fake := newFake()
	fake.answers["DescribeAddresses"] = addressesOf("203.0.113.50")
	fake.answers["DescribeNetworkInterfaces"] = interfacesOf("203.0.113.51", "2001:db8::51")
	s.c = fake.connect(t)
	responder := []netip.Prefix{netip.MustParsePrefix("203.0.113.128/25")}

	refused := []string{
		"10.0.0.1", "172.16.3.4", "192.168.1.1", "127.0.0.1", "::1", "169.254.169.254", "169.254.169.253", "169.254.7.7",
		"fd00:ec2::254", "fd00:ec2::253", "fd12::1", "fe80::1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "::", "100.64.1.1",
		"198.18.0.2", "192.0.2.2", "2600:1f18:1::2", "203.0.113.200", "203.0.113.50", "203.0.113.51", "2001:db8::51",
		"::ffff:10.0.0.1", "::ffff:203.0.113.200", "", "203.0.113.0/24", "evil.example", "1.2.3", "fe80::1%eth0", "2001:db8::9%x", "0x7f.1", "010.0.0.1",
	}
	for _, a := range refused {
		deny, warnings := s.deniable(fake.allow(), []string{a}, responder)
		if len(deny) > 0 || len(warnings) != 1 {
			t.Errorf("%q: denied %v, warnings %q", a, deny, warnings)
		}
	}
	deny, warnings := s.deniable(fake.allow(), []string{"203.0.113.9", "::ffff:203.0.113.9", "2001:db8::9"}, responder)
	want := []netip.Addr{netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::9")}
	if !slices.Equal(deny, want) || len(warnings) != 0 {
		t.Errorf("denied %v with warnings %q, want %v", deny, warnings, want)
	}
}

// Not knowing whether an address is one's own is no reason to deny it.
func TestUnreadableOwnAddressesDenyNothing(t *testing.T) {
	fake := newFake()
	fake.answers["DescribeAddresses"] = denied("UnauthorizedOperation")
	s := &survey{c: fake.connect(t)}
	deny, warnings := s.deniable(fake.allow(), []string{"203.0.113.9"}, nil)
	if len(deny) != 0 || len(warnings) != 1 {
		t.Errorf("denied %v, warnings %q", deny, warnings)
	}
}

func TestQuotaKeepsTheFirst(t *testing.T) {
	acl := ec2types.NetworkAcl{NetworkAclId: aws.String("acl-1")}
	for i := range 18 {
		acl.Entries = append(acl.Entries, ec2types.NetworkAclEntry{RuleNumber: aws.Int32(int32(i)), Egress: aws.Bool(false)})
	}
	addresses := []netip.Addr{netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2"), netip.MustParseAddr("203.0.113.3")}
	fit, warning := fitting(acl, addresses)
	if !slices.Equal(fit, []string{"203.0.113.1", "203.0.113.2"}) || warning == "" {
		t.Errorf("fitting %v, warning %q", fit, warning)
	}
	if fit, warning = fitting(ec2types.NetworkAcl{}, addresses); len(fit) != 3 || warning != "" {
		t.Errorf("an empty ACL: fitting %v, warning %q", fit, warning)
	}
}

func TestRemoteAddressesAreTheActorsFirst(t *testing.T) {
	f := casefile.Incident{
		Actor:      casefile.Actor{Addresses: []string{"203.0.113.9"}},
		Indicators: casefile.Indicators{Addresses: []string{"198.51.100.1", "203.0.113.9"}},
	}
	if got := remoteAddresses(f); !slices.Equal(got, []string{"203.0.113.9", "198.51.100.1"}) {
		t.Errorf("got %v", got)
	}
}

func FuzzDeniable(f *testing.F) {
	for _, a := range []string{"203.0.113.9", "::ffff:10.0.0.1", "169.254.169.254", "fe80::1%x", "1e3"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return
		}
		a = a.Unmap()
		if (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()) && notRemote(a) == "" {
			t.Errorf("%s counts as remote", a)
		}
	})
}
