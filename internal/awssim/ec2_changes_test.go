package awssim

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

func flag(b bool) *ec2types.AttributeBooleanValue {
	return &ec2types.AttributeBooleanValue{Value: aws.Bool(b)}
}

func TestInstanceAttributes(t *testing.T) {
	s := newLab(t, Options{})
	spot := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet, Spot: true})
	gone := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet})
	s.TerminateInstance(testRegion, gone)
	one := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet})
	device := func(name string) []ec2types.InstanceBlockDeviceMappingSpecification {
		return []ec2types.InstanceBlockDeviceMappingSpecification{{DeviceName: aws.String(name), Ebs: &ec2types.EbsInstanceBlockDeviceSpecification{DeleteOnTermination: aws.Bool(false)}}}
	}
	stop := &ec2types.AttributeValue{Value: aws.String("stop")}
	for _, c := range []struct {
		name string
		in   ec2.ModifyInstanceAttributeInput
		code string
	}{
		{"protection", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, DisableApiTermination: flag(true)}, ""},
		{"protection of a spot instance", ec2.ModifyInstanceAttributeInput{InstanceId: &spot, DisableApiTermination: flag(true)}, "UnsupportedOperation"},
		{"shutdown of a spot instance", ec2.ModifyInstanceAttributeInput{InstanceId: &spot, InstanceInitiatedShutdownBehavior: stop}, "UnsupportedOperation"},
		{"of a terminated instance", ec2.ModifyInstanceAttributeInput{InstanceId: &gone, DisableApiTermination: flag(true)}, "IncorrectInstanceState"},
		{"two at once", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, DisableApiTermination: flag(true), InstanceInitiatedShutdownBehavior: stop}, "InvalidParameterCombination"},
		{"none", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance}, "InvalidParameterCombination"},
		{"groups with many interfaces", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, Groups: []string{s.ssh}}, "InvalidInstanceID"},
		{"groups with one interface", ec2.ModifyInstanceAttributeInput{InstanceId: &one, Groups: []string{s.ssh}}, ""},
		{"a device", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, BlockDeviceMappings: device("/dev/xvda")}, ""},
		{"a device that is not there", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, BlockDeviceMappings: device("/dev/nope")}, "InvalidInstanceAttributeValue"},
		{"user data while running", ec2.ModifyInstanceAttributeInput{InstanceId: &s.instance, UserData: &ec2types.SecureBlobAttributeValue{Value: []byte("x")}}, "IncorrectInstanceState"},
		{"malformed id", ec2.ModifyInstanceAttributeInput{InstanceId: aws.String("i-XYZ"), DisableApiTermination: flag(true)}, "InvalidInstanceID.Malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.ec2.ModifyInstanceAttribute(s.ctx, &c.in)
			if c.code == "" {
				ok(t, err)
				return
			}
			wantCode(t, err, c.code)
		})
	}
	out, err := s.ec2.DescribeInstanceAttribute(s.ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: &s.instance, Attribute: "disableApiTermination"})
	ok(t, err)
	if !*out.DisableApiTermination.Value {
		t.Error("protection was taken and does not show")
	}
	out, err = s.ec2.DescribeInstanceAttribute(s.ctx, &ec2.DescribeInstanceAttributeInput{InstanceId: &s.instance, Attribute: "userData"})
	ok(t, err)
	if *out.UserData.Value != "IyEvYmluL3NoCg==" {
		t.Errorf("user data is %q, want it in base64", *out.UserData.Value)
	}
	seen, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{s.instance}})
	ok(t, err)
	if *seen.Reservations[0].Instances[0].BlockDeviceMappings[0].Ebs.DeleteOnTermination {
		t.Error("DeleteOnTermination was taken off and does not show")
	}
}

func TestTerminatedInstanceShowsLess(t *testing.T) {
	s := newLab(t, Options{})
	s.TerminateInstance(testRegion, s.instance)
	out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{s.instance}})
	ok(t, err)
	i := out.Reservations[0].Instances[0]
	if i.State.Name != "terminated" || len(i.Tags) == 0 {
		t.Errorf("state %s, tags %v", i.State.Name, i.Tags)
	}
	if i.VpcId != nil || i.SubnetId != nil || len(i.NetworkInterfaces)+len(i.BlockDeviceMappings)+len(i.SecurityGroups) > 0 || i.IamInstanceProfile != nil {
		t.Errorf("a terminated instance shows %+v", i)
	}
	volumes, err := s.ec2.DescribeVolumes(s.ctx, &ec2.DescribeVolumesInput{})
	ok(t, err)
	if len(volumes.Volumes) != 1 || volumes.Volumes[0].State != "available" {
		t.Errorf("volumes %+v, want the data volume alone, detached", volumes.Volumes)
	}
	if s.address().Interface != "" {
		t.Error("the Elastic IP is still on the interface")
	}
}

func TestStopLosesWhatAStopLoses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{})
		id := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet, PublicIP: true, InstanceStore: []string{"/dev/sdb"}})
		once := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet, Spot: true})
		lasting := s.AddInstance(testRegion, InstanceSpec{Subnet: s.subnet, SpotPersistent: true})
		see := func() ec2types.Instance {
			out, err := s.ec2.DescribeInstances(s.ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
			ok(t, err)
			return out.Reservations[0].Instances[0]
		}
		stop := func(id string) error {
			_, err := s.ec2.StopInstances(s.ctx, &ec2.StopInstancesInput{InstanceIds: []string{id}})
			return err
		}
		address := see().PublicIpAddress
		wantCode(t, stop(once), "UnsupportedOperation")
		ok(t, stop(lasting))
		ok(t, stop(id))
		if state := see().State.Name; state != "stopping" {
			t.Errorf("state %s, want stopping", state)
		}
		_, err := s.ec2.StartInstances(s.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
		wantCode(t, err, "IncorrectInstanceState")
		time.Sleep(time.Minute)
		ok(t, stop(id)) // once more changes nothing
		i := see()
		if i.State.Name != "stopped" || i.PublicIpAddress != nil || i.PrivateIpAddress == nil {
			t.Errorf("stopped: state %s, public %v, private %v", i.State.Name, i.PublicIpAddress, i.PrivateIpAddress)
		}
		_, err = s.ec2.StartInstances(s.ctx, &ec2.StartInstancesInput{InstanceIds: []string{id}})
		ok(t, err)
		time.Sleep(time.Minute)
		i = see()
		if i.State.Name != "running" || i.PublicIpAddress == nil || *i.PublicIpAddress == *address {
			t.Errorf("started: state %s, public address %v, before %s", i.State.Name, i.PublicIpAddress, *address)
		}
		s.Do(func(a *Account) {
			if !a.Region(testRegion).Instances[id].InstanceStoreLost {
				t.Error("the instance store outlived a stop")
			}
		})
	})
}

func TestAddresses(t *testing.T) {
	s := newLab(t, Options{})
	a := s.address()
	off := func(association string) error {
		_, err := s.ec2.DisassociateAddress(s.ctx, &ec2.DisassociateAddressInput{AssociationId: &association})
		return err
	}
	on := func(eni string, force *bool) error {
		_, err := s.ec2.AssociateAddress(s.ctx, &ec2.AssociateAddressInput{AllocationId: &a.AllocationID, NetworkInterfaceId: &eni, AllowReassociation: force})
		return err
	}
	ok(t, off(a.AssociationID))
	ok(t, off(a.AssociationID)) // idempotent, by its documentation
	wantCode(t, off("eipassoc-0000000000000dead"), "InvalidAssociationID.NotFound")
	ok(t, on(s.enis()[0], nil))
	first := s.address().AssociationID
	ok(t, on(s.enis()[0], nil))
	if again := s.address().AssociationID; again != first {
		t.Errorf("repeating an association made a new one, %s after %s", again, first)
	}
	wantCode(t, on(s.enis()[1], aws.Bool(false)), "Resource.AlreadyAssociated")
	_, err := s.ec2.AssociateAddress(s.ctx, &ec2.AssociateAddressInput{AllocationId: &a.AllocationID, InstanceId: &s.instance})
	wantCode(t, err, "InvalidInstanceID") // it has two interfaces
	out, err := s.ec2.DescribeAddresses(s.ctx, &ec2.DescribeAddressesInput{Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: []string{s.instance}}}})
	ok(t, err)
	if len(out.Addresses) != 1 || *out.Addresses[0].NetworkInterfaceId != s.enis()[0] {
		t.Errorf("addresses %+v", out.Addresses)
	}
}

func TestProfileAssociations(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{})
		profile := s.AddInstanceProfile(InstanceProfile{Name: "web-app"})
		list := func() []ec2types.IamInstanceProfileAssociation {
			out, err := s.ec2.DescribeIamInstanceProfileAssociations(s.ctx, &ec2.DescribeIamInstanceProfileAssociationsInput{
				Filters: []ec2types.Filter{{Name: aws.String("instance-id"), Values: []string{s.instance}}},
			})
			ok(t, err)
			return out.IamInstanceProfileAssociations
		}
		associate := func(name string) error {
			_, err := s.ec2.AssociateIamInstanceProfile(s.ctx, &ec2.AssociateIamInstanceProfileInput{
				InstanceId: &s.instance, IamInstanceProfile: &ec2types.IamInstanceProfileSpecification{Name: &name},
			})
			return err
		}
		wantCode(t, associate(profile.Name), "IncorrectState")
		old := list()[0].AssociationId
		out, err := s.ec2.DisassociateIamInstanceProfile(s.ctx, &ec2.DisassociateIamInstanceProfileInput{AssociationId: old})
		ok(t, err)
		if out.IamInstanceProfileAssociation.State != "disassociating" || list()[0].State != "disassociating" {
			t.Error("a profile that is being taken off does not show it")
		}
		wantCode(t, associate(profile.Name), "IncorrectState")
		time.Sleep(time.Minute)
		if l := list(); len(l) != 0 {
			t.Errorf("associations %+v, want none", l)
		}
		wantCode(t, associate("no-such-profile"), "InvalidParameterValue")
		ok(t, associate(profile.Name))
		if now := list()[0]; now.State != "associating" || *now.AssociationId == *old {
			t.Errorf("association %s in state %s after %s", *now.AssociationId, now.State, *old)
		}
		time.Sleep(time.Minute)
		if state := list()[0].State; state != "associated" {
			t.Errorf("state %s, want associated", state)
		}
	})
}

func TestTags(t *testing.T) {
	s := newLab(t, Options{})
	create := func(key string, ids ...string) error {
		_, err := s.ec2.CreateTags(s.ctx, &ec2.CreateTagsInput{Resources: ids, Tags: []ec2types.Tag{{Key: &key, Value: aws.String("v")}}})
		return err
	}
	remove := func(value *string) {
		t.Helper()
		_, err := s.ec2.DeleteTags(s.ctx, &ec2.DeleteTagsInput{Resources: []string{s.instance}, Tags: []ec2types.Tag{{Key: aws.String("k"), Value: value}}})
		ok(t, err)
	}
	has := func() (there bool) {
		s.Do(func(a *Account) { _, there = a.Region(testRegion).Instances[s.instance].Tags["k"] })
		return there
	}
	s.AllowDeletes(true)
	ok(t, create("k", s.instance, s.web))
	remove(aws.String("another value"))
	if !has() {
		t.Error("a tag went that had another value")
	}
	remove(nil)
	if has() {
		t.Error("the tag is still there")
	}
	wantCode(t, create("aws:mine", s.instance), "InvalidParameterValue")
	wantCode(t, create("k", s.instance, "i-0000000000000dead"), "InvalidInstanceID.NotFound")
	if has() {
		t.Error("a refused call tagged one of its resources")
	}
}
