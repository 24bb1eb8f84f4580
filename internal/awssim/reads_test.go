package awssim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func TestEveryPageIsHandedOutOnce(t *testing.T) {
	for _, size := range []int{1, 2, 3} {
		s := newLab(t, Options{PageSize: size})
		want := []string{s.instance}
		for range 6 {
			want = append(want, s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet}))
		}
		var got []string
		pages := 0
		p := ec2.NewDescribeInstancesPaginator(s.ec2, &ec2.DescribeInstancesInput{})
		for p.HasMorePages() {
			out, err := p.NextPage(s.ctx)
			ok(t, err)
			if pages++; len(out.Reservations) > size {
				t.Errorf("a page of %d, want at most %d", len(out.Reservations), size)
			}
			for _, r := range out.Reservations {
				got = append(got, *r.Instances[0].InstanceId)
			}
		}
		same(t, "instances", got, want)
		if want := (7 + size - 1) / size; pages != want {
			t.Errorf("%d pages, want %d", pages, want)
		}
	}
}

func TestTokensAreOfTheirOperation(t *testing.T) {
	s := newLab(t, Options{PageSize: 1})
	s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet})
	out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{})
	ok(t, err)
	for _, token := range []string{*out.NextToken, "made up"} {
		_, err = s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{NextToken: aws.String(token)})
		wantCode(t, err, "InvalidPaginationToken")
	}
}

func TestLag(t *testing.T) {
	s := newLab(t, Options{Lag: 2})
	out, err := s.ec2.CreateSecurityGroup(s.ctx, &ec2.CreateSecurityGroupInput{
		GroupName: aws.String("q"), Description: aws.String("q"), VpcId: aws.String(s.vpc), TagSpecifications: tagging("security-group"),
	})
	ok(t, err)
	read := func() error {
		_, err := s.ec2.DescribeSecurityGroups(s.ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{*out.GroupId}})
		return err
	}
	wantCode(t, read(), "InvalidGroup.NotFound")
	wantCode(t, read(), "InvalidGroup.NotFound")
	ok(t, read())

	eni := s.enis()[0]
	_, err = s.ec2.ModifyNetworkInterfaceAttribute(s.ctx, &ec2.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: &eni, Groups: []string{s.ssh}})
	ok(t, err)
	for i, want := range []string{s.web, s.web, s.ssh, s.ssh} {
		out, err := s.ec2.DescribeNetworkInterfaces(s.ctx, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}})
		ok(t, err)
		if got := *out.NetworkInterfaces[0].Groups[0].GroupId; got != want {
			t.Errorf("read %d after the change sees %s, want %s", i+1, got, want)
		}
	}
}

func TestRandomLagIsRepeatable(t *testing.T) {
	run := func(seed int64) (lags []int) {
		s := newLab(t, Options{Lag: 5, LagRandom: true, Seed: seed})
		for range 8 {
			ok(t, s.tag("k", "v"))
			n := 0
			for {
				out, err := s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{Filters: []ec2types.Filter{{Name: aws.String("tag:k"), Values: []string{"v"}}}})
				ok(t, err)
				if len(out.Volumes) > 0 {
					break
				}
				n++
			}
			lags = append(lags, n)
			_, err := s.ec2.DeleteTags(s.ctx, &ec2.DeleteTagsInput{Resources: []string{s.volumes()[0]}, Tags: []ec2types.Tag{{Key: aws.String("k")}}})
			ok(t, err)
			for range 6 {
				_, err := s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{VolumeIds: s.volumes()[:1]})
				ok(t, err)
			}
		}
		return lags
	}
	if a, b := run(1), run(1); !slices.Equal(a, b) {
		t.Errorf("one seed gives %v and %v", a, b)
	}
	if a, b := run(1), run(2); slices.Equal(a, b) {
		t.Errorf("two seeds give the same, %v", a)
	}
}

func TestDumpTellsAccountsApart(t *testing.T) {
	clock := func() time.Time { return time.Date(2026, 11, 23, 2, 14, 0, 0, time.UTC) }
	a, b := newLab(t, Options{Seed: 7, Now: clock}), newLab(t, Options{Seed: 7, Now: clock})
	if d := Diff(a.Dump(), b.Dump()); len(d) > 0 {
		t.Errorf("equal accounts differ: %q", d)
	}
	before := a.Dump()
	_, err := ec2.NewFromConfig(attached(a.World, "us-east-1")).DescribeInstances(a.ctx, &ec2.DescribeInstancesInput{})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) > 0 {
		t.Errorf("looking elsewhere shows as %q", d)
	}
	address := a.address()
	_, err = a.ec2.DisassociateAddress(a.ctx, &ec2.DisassociateAddressInput{AssociationId: aws.String(address.AssociationID)})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) != 1 || !strings.Contains(d[0], "ec2/eu-west-1/address/"+address.AllocationID) {
		t.Errorf("taking an address off shows as %q", d)
	}
	_, err = a.ec2.AssociateAddress(a.ctx, &ec2.AssociateAddressInput{AllocationId: aws.String(address.AllocationID), NetworkInterfaceId: aws.String(address.Interface)})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) > 0 {
		t.Errorf("put back, the account still differs: %q", d)
	}
	if now := a.address(); now.AssociationID == address.AssociationID {
		t.Error("a new association has the old one's id")
	}
	// A rule put back is another rule at the end of the list, and says the same.
	_, err = a.ec2.RevokeSecurityGroupEgress(a.ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: &a.web, IpPermissions: all("0.0.0.0/0")})
	ok(t, err)
	_, err = a.ec2.AuthorizeSecurityGroupEgress(a.ctx, &ec2.AuthorizeSecurityGroupEgressInput{GroupId: &a.web, IpPermissions: all("0.0.0.0/0")})
	ok(t, err)
	if d := Diff(before, a.Dump()); len(d) > 0 {
		t.Errorf("with a rule put back, the account still differs: %q", d)
	}
	ok(t, a.tag("k", "v"))
	if d := Diff(before, a.Dump()); len(d) != 1 {
		t.Errorf("a tag shows as %q", d)
	}
}

func TestEmptyAndAbsentAreTheSame(t *testing.T) {
	full := canonical(&SecurityGroup{ID: "sg-1", Egress: []Rule{}, Tags: map[string]string{}, Description: ""})
	bare := canonical(&SecurityGroup{ID: "sg-1"})
	if d := Diff(map[string]any{"g": full}, map[string]any{"g": bare}); len(d) > 0 {
		t.Error(d)
	}
	if d := Diff(map[string]any{"g": full}, map[string]any{"g": canonical(&SecurityGroup{ID: "sg-2"})}); len(d) != 1 {
		t.Errorf("two groups differ by %q", d)
	}
}
