package awssim

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeVolumes: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumes.html.
func describeVolumes(r *Request, in *ec2.DescribeVolumesInput) (*ec2.DescribeVolumesOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.VolumeIds, "volumeIds"); err != nil {
		return nil, err
	}
	found, err := list(r, volumeKind, r.Region.Volumes, in.VolumeIds, in.Filters, volumeField,
		func(v *Volume) map[string]string { return v.Tags })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(v *Volume) string { return v.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVolumesOutput{NextToken: next}
	for _, v := range found {
		d := ec2types.Volume{
			VolumeId: aws.String(v.ID), AvailabilityZone: aws.String(v.Zone), Size: aws.Int32(v.GiB), VolumeType: ec2types.VolumeType(v.Type),
			State: ec2types.VolumeState(v.State), SnapshotId: aws.String(v.FromSnapshot), Encrypted: aws.Bool(v.Encrypted), KmsKeyId: opt(v.Key),
			CreateTime: aws.Time(v.Created), MultiAttachEnabled: aws.Bool(false), Tags: ec2Tags(v.Tags),
		}
		if a := v.Attached; a != nil {
			d.Attachments = []ec2types.VolumeAttachment{{
				VolumeId: aws.String(v.ID), InstanceId: aws.String(a.Instance), Device: aws.String(a.Device), AttachTime: aws.Time(a.Since),
				DeleteOnTermination: aws.Bool(a.DeleteOnTermination), State: ec2types.VolumeAttachmentStateAttached,
			}}
		}
		out.Volumes = append(out.Volumes, d)
	}
	return out, nil
}

func volumeField(v *Volume, filter string) ([]string, bool) {
	attached := func(f func(a *VolumeAttachment) string) ([]string, bool) {
		if v.Attached == nil {
			return nil, true
		}
		return []string{f(v.Attached)}, true
	}
	switch filter {
	case "volume-id":
		return []string{v.ID}, true
	case "attachment.instance-id":
		return attached(func(a *VolumeAttachment) string { return a.Instance })
	case "attachment.device":
		return attached(func(a *VolumeAttachment) string { return a.Device })
	case "attachment.delete-on-termination":
		return attached(func(a *VolumeAttachment) string { return yesNo(a.DeleteOnTermination) })
	case "attachment.status":
		return attached(func(*VolumeAttachment) string { return "attached" })
	case "status":
		return []string{v.State}, true
	case "encrypted":
		return []string{yesNo(v.Encrypted)}, true
	case "availability-zone":
		return []string{v.Zone}, true
	case "snapshot-id":
		return some(v.FromSnapshot), true
	case "volume-type":
		return []string{v.Type}, true
	}
	return nil, false
}
