package awssim

import (
	"encoding/base64"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeInstanceAttribute shows one attribute a call (API_DescribeInstanceAttribute).
func describeInstanceAttribute(r *Request, in *ec2.DescribeInstanceAttributeInput) (*ec2.DescribeInstanceAttributeOutput, error) {
	i, err := see(r, instanceKind, r.Region.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInstanceAttributeOutput{InstanceId: aws.String(i.ID)}
	text := func(s string) *ec2types.AttributeValue { return &ec2types.AttributeValue{Value: opt(s)} }
	flag := func(b bool) *ec2types.AttributeBooleanValue {
		return &ec2types.AttributeBooleanValue{Value: aws.Bool(b)}
	}
	switch in.Attribute {
	case ec2types.InstanceAttributeNameDisableApiTermination:
		out.DisableApiTermination = flag(i.TerminationProtection)
	case ec2types.InstanceAttributeNameDisableApiStop:
		out.DisableApiStop = flag(i.StopProtection)
	case ec2types.InstanceAttributeNameInstanceInitiatedShutdownBehavior:
		out.InstanceInitiatedShutdownBehavior = text(i.ShutdownBehavior)
	case ec2types.InstanceAttributeNameUserData:
		out.UserData = text(base64.StdEncoding.EncodeToString([]byte(i.UserData)))
	case ec2types.InstanceAttributeNameInstanceType:
		out.InstanceType = text(i.Type)
	case ec2types.InstanceAttributeNameRootDeviceName:
		out.RootDeviceName = text(i.RootDevice)
	case ec2types.InstanceAttributeNameSourceDestCheck:
		out.SourceDestCheck = flag(i.SourceDestCheck)
	case ec2types.InstanceAttributeNameEbsOptimized:
		out.EbsOptimized = flag(i.EBSOptimized)
	case ec2types.InstanceAttributeNameEnaSupport:
		out.EnaSupport = flag(true)
	case ec2types.InstanceAttributeNameKernel:
		out.KernelId = text("")
	case ec2types.InstanceAttributeNameRamdisk:
		out.RamdiskId = text("")
	case ec2types.InstanceAttributeNameSriovNetSupport:
		out.SriovNetSupport = text("simple")
	case ec2types.InstanceAttributeNameEnclaveOptions:
		out.EnclaveOptions = &ec2types.EnclaveOptions{Enabled: aws.Bool(false)}
	case ec2types.InstanceAttributeNameGroupSet:
		if around := r.surroundings(); i.State != "terminated" {
			out.Groups = r.groupIdentifiers(around.groups(i, 0))
		}
	case ec2types.InstanceAttributeNameBlockDeviceMapping:
		for _, v := range r.surroundings().volumes[i.ID] {
			out.BlockDeviceMappings = append(out.BlockDeviceMappings, blockDevice(v))
		}
	case ec2types.InstanceAttributeNameProductCodes:
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

// modifyInstanceAttribute changes one attribute a call (API_ModifyInstanceAttribute).
func modifyInstanceAttribute(r *Request, in *ec2.ModifyInstanceAttributeInput) (*ec2.ModifyInstanceAttributeOutput, error) {
	i, err := find(r, instanceKind, r.Region.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State == "terminated" || i.State == "shutting-down" {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is in state '%s', in which no attribute can be changed.", i.ID, i.State)
	}
	changes := r.attributeChanges(i, in)
	if len(changes) == 0 {
		return nil, fail("InvalidParameterCombination", "No attributes specified.")
	}
	if len(changes) > 1 {
		return nil, fail("InvalidParameterCombination", "Fields for multiple attribute types specified")
	}
	if err := changes[0](); err != nil {
		return nil, err
	}
	return &ec2.ModifyInstanceAttributeOutput{}, nil
}

// attributeChanges gives a change for each attribute that the request names.
func (r *Request) attributeChanges(i *Instance, in *ec2.ModifyInstanceAttributeInput) []func() error {
	var changes []func() error
	set := func(f func()) func() error {
		return func() error {
			touch(r, r.Region.Instances, i.ID)
			f()
			return nil
		}
	}
	if v := in.DisableApiTermination; v != nil {
		changes = append(changes, func() error { return r.setTerminationProtection(i, aws.ToBool(v.Value)) })
	}
	if v := in.DisableApiStop; v != nil {
		changes = append(changes, set(func() { i.StopProtection = aws.ToBool(v.Value) }))
	}
	if v := in.InstanceInitiatedShutdownBehavior; v != nil {
		changes = append(changes, func() error { return r.setShutdownBehavior(i, aws.ToString(v.Value)) })
	}
	if v := in.SourceDestCheck; v != nil {
		changes = append(changes, set(func() { i.SourceDestCheck = aws.ToBool(v.Value) }))
	}
	if v := in.EbsOptimized; v != nil {
		changes = append(changes, set(func() { i.EBSOptimized = aws.ToBool(v.Value) }))
	}
	if v := in.UserData; v != nil {
		changes = append(changes, func() error {
			if i.State != "stopped" {
				return fail("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.ID)
			}
			touch(r, r.Region.Instances, i.ID)
			i.UserData = string(v.Value)
			return nil
		})
	}
	if in.Groups != nil {
		changes = append(changes, func() error { return r.setInstanceGroups(i, in.Groups) })
	}
	if in.BlockDeviceMappings != nil {
		changes = append(changes, func() error { return r.setDeleteOnTermination(i, in.BlockDeviceMappings) })
	}
	return changes
}

// setTerminationProtection is refused for spot instances, with the code and
// words that callers have reported from AWS
// (github.com/cloud-custodian/cloud-custodian/issues/2083).
func (r *Request) setTerminationProtection(i *Instance, on bool) error {
	if i.Spot {
		return fail("UnsupportedOperation", "Modifying 'disableApiTermination' is not supported for spot instances.")
	}
	if r.World.isSuspect(i.ID) && i.TerminationProtection && !on && !r.World.deletions {
		r.violation("termination protection of suspect %s taken off", i.ID)
	}
	touch(r, r.Region.Instances, i.ID)
	i.TerminationProtection = on
	return nil
}

// setShutdownBehavior refuses "stop" for the spot instances that cannot be
// stopped, those of a one-time request
// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-interruptions.html; the
// refusal at launch: github.com/ansible/ansible/pull/63246).
func (r *Request) setShutdownBehavior(i *Instance, behavior string) error {
	if behavior != "stop" && behavior != "terminate" {
		return fail("InvalidParameterValue", "Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid.", behavior)
	}
	if i.Spot && !i.SpotPersistent && behavior == "stop" {
		return fail("UnsupportedOperation", "Modifying 'instanceInitiatedShutdownBehavior' is not supported for spot instances.")
	}
	touch(r, r.Region.Instances, i.ID)
	i.ShutdownBehavior = behavior
	return nil
}

// setInstanceGroups works through the only interface; an instance with several
// is refused, and has to be changed interface by interface (API_ModifyInstanceAttribute).
func (r *Request) setInstanceGroups(i *Instance, groups []string) error {
	own := r.interfacesOf(i.ID)
	if len(own) != 1 {
		return fail("InvalidInstanceID", "There are multiple interfaces attached to instance '%s'. Please specify an interface ID for the operation instead.", i.ID)
	}
	return r.setGroups(own[0], groups)
}

func (r *Request) setDeleteOnTermination(i *Instance, mappings []ec2types.InstanceBlockDeviceMappingSpecification) error {
	byDevice := map[string]*Volume{}
	for _, v := range r.Region.Volumes {
		if v.Attached != nil && v.Attached.Instance == i.ID {
			byDevice[v.Attached.Device] = v
		}
	}
	for _, m := range mappings {
		v := byDevice[aws.ToString(m.DeviceName)]
		if v == nil {
			return fail("InvalidInstanceAttributeValue", "No device is currently mapped at %s", aws.ToString(m.DeviceName))
		}
		if m.Ebs != nil && m.Ebs.VolumeId != nil && *m.Ebs.VolumeId != v.ID {
			return fail("InvalidInstanceAttributeValue", "The volume '%s' is not mapped at %s", *m.Ebs.VolumeId, v.Attached.Device)
		}
	}
	for _, m := range mappings {
		if m.Ebs == nil || m.Ebs.DeleteOnTermination == nil {
			continue
		}
		v := byDevice[*m.DeviceName]
		touch(r, r.Region.Volumes, v.ID)
		v.Attached.DeleteOnTermination = *m.Ebs.DeleteOnTermination
	}
	return nil
}
