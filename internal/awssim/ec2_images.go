package awssim

import (
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeImages: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html.
func describeImages(r *Request, in *ec2.DescribeImagesInput) (*ec2.DescribeImagesOutput, error) {
	if err := checkLimit(in.MaxResults, 1, 1000, in.ImageIds, "imageIds"); err != nil {
		return nil, err
	}
	found, err := list(r, imageKind, r.Region.Images, in.ImageIds, in.Filters, imageField,
		func(i *Image) map[string]string { return i.Tags })
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(i *Image) bool { return !ownedBy(r, in.Owners, i.Owner) })
	found, next, err := page(r, found, func(i *Image) string { return i.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeImagesOutput{NextToken: next}
	for _, i := range found {
		d := ec2types.Image{
			ImageId: aws.String(i.ID), Name: opt(i.Name), OwnerId: aws.String(i.Owner), State: ec2types.ImageState(i.State), Public: aws.Bool(i.Public),
			Architecture: ec2types.ArchitectureValues(i.Architecture), RootDeviceName: opt(i.RootDevice), RootDeviceType: ec2types.DeviceTypeEbs,
			CreationDate: aws.String(i.Created.UTC().Format(time.RFC3339)), SourceInstanceId: opt(i.SourceInstance), Tags: ec2Tags(i.Tags),
		}
		for _, dev := range i.Devices {
			d.BlockDeviceMappings = append(d.BlockDeviceMappings, ec2types.BlockDeviceMapping{
				DeviceName: aws.String(dev.Device), Ebs: &ec2types.EbsBlockDevice{SnapshotId: opt(dev.Snapshot), VolumeSize: aws.Int32(dev.GiB)},
			})
		}
		out.Images = append(out.Images, d)
	}
	return out, nil
}

func imageField(i *Image, filter string) ([]string, bool) {
	switch filter {
	case "image-id":
		return []string{i.ID}, true
	case "name":
		return some(i.Name), true
	case "owner-id":
		return []string{i.Owner}, true
	case "state":
		return []string{i.State}, true
	case "is-public":
		return []string{yesNo(i.Public)}, true
	case "source-instance-id":
		return some(i.SourceInstance), true
	case "block-device-mapping.snapshot-id":
		var ids []string
		for _, d := range i.Devices {
			ids = append(ids, some(d.Snapshot)...)
		}
		return ids, true
	}
	return nil, false
}

// describeImageAttribute shows whom an image is shared with, one attribute a
// call. Only the owner may ask for the launch permissions.
func describeImageAttribute(r *Request, in *ec2.DescribeImageAttributeInput) (*ec2.DescribeImageAttributeOutput, error) {
	i, err := see(r, imageKind, r.Region.Images, in.ImageId)
	if err != nil {
		return nil, err
	}
	if i.Owner != r.Account.ID {
		return nil, failWith(403, "AuthFailure", "Not authorized for image:%s", i.ID)
	}
	out := &ec2.DescribeImageAttributeOutput{ImageId: aws.String(i.ID)}
	if in.Attribute != ec2types.ImageAttributeNameLaunchPermission {
		return out, nil
	}
	if i.Public {
		out.LaunchPermissions = append(out.LaunchPermissions, ec2types.LaunchPermission{Group: ec2types.PermissionGroupAll})
	}
	for _, account := range i.SharedWith {
		out.LaunchPermissions = append(out.LaunchPermissions, ec2types.LaunchPermission{UserId: aws.String(account)})
	}
	for _, org := range i.SharedWithOrganizations {
		out.LaunchPermissions = append(out.LaunchPermissions, ec2types.LaunchPermission{OrganizationArn: aws.String(org)})
	}
	return out, nil
}
