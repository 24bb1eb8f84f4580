package awssim

import (
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// createSnapshots takes all volumes attached to an instance at one instant, a
// snapshot each, with the same tags. It works on a stopped instance as well
// (API_CreateSnapshots).
func createSnapshots(r *Request, in *ec2.CreateSnapshotsInput) (*ec2.CreateSnapshotsOutput, error) {
	if in.InstanceSpecification == nil {
		return nil, fail("MissingParameter", "The request must contain the parameter InstanceSpecification")
	}
	i, err := find(r, instanceKind, r.Region.Instances, in.InstanceSpecification.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State == "terminated" || i.State == "shutting-down" || i.State == "pending" {
		return nil, fail("IncorrectState", "Instance '%s' is in state '%s'. CreateSnapshots is not supported in this state.", i.ID, i.State)
	}
	tags, err := specifiedTags(in.TagSpecifications, ec2types.ResourceTypeSnapshot)
	if err != nil {
		return nil, err
	}
	volumes, err := r.volumesOf(i, in.InstanceSpecification)
	if err != nil {
		return nil, err
	}
	if err := r.roomForSnapshots(len(volumes)); err != nil {
		return nil, err
	}
	out := &ec2.CreateSnapshotsOutput{}
	var set []*Snapshot
	for _, v := range volumes {
		own := tagsOf(tags)
		if in.CopyTagsFromSource == ec2types.CopyTagsFromSourceVolume {
			own = tagsOf(v.Tags)
			for k, value := range tags {
				own[k] = value
			}
		}
		s := r.beginSnapshot(v, aws.ToString(in.Description), own)
		set = append(set, s)
		out.Snapshots = append(out.Snapshots, ec2types.SnapshotInfo{
			SnapshotId: aws.String(s.ID), VolumeId: aws.String(v.ID), VolumeSize: aws.Int32(v.GiB), State: ec2types.SnapshotState(s.State),
			StartTime: aws.Time(s.Started), Progress: aws.String(""), OwnerId: aws.String(s.Owner), Encrypted: aws.Bool(s.Encrypted),
			Description: aws.String(s.Description), Tags: ec2Tags(s.Tags),
		})
	}
	r.finishSnapshots(set)
	return out, nil
}

// volumesOf lists the volumes that the request asks for, the root one first.
func (r *Request) volumesOf(i *Instance, in *ec2types.InstanceSpecification) ([]*Volume, error) {
	var volumes []*Volume
	for _, v := range r.Region.Volumes {
		if v.Attached == nil || v.Attached.Instance != i.ID {
			continue
		}
		root := v.Attached.Device == i.RootDevice
		excluded := slices.Contains(in.ExcludeDataVolumeIds, v.ID)
		if root && excluded {
			return nil, fail("InvalidParameterValue", "The root volume can not be excluded with ExcludeDataVolumeIds.")
		}
		if excluded || (root && aws.ToBool(in.ExcludeBootVolume)) {
			continue
		}
		volumes = append(volumes, v)
	}
	if len(volumes) == 0 {
		return nil, fail("InvalidParameterValue", "The instance '%s' has no volume to take a snapshot of.", i.ID)
	}
	slices.SortFunc(volumes, func(a, b *Volume) int {
		if a.Attached.Device < b.Attached.Device {
			return -1
		}
		return 1
	})
	return volumes, nil
}

// createSnapshot takes one volume, attached or not.
func createSnapshot(r *Request, in *ec2.CreateSnapshotInput) (*ec2.CreateSnapshotOutput, error) {
	v, err := find(r, volumeKind, r.Region.Volumes, in.VolumeId)
	if err != nil {
		return nil, err
	}
	if v.State != "available" && v.State != "in-use" {
		return nil, fail("IncorrectState", "The volume '%s' is in state '%s'.", v.ID, v.State)
	}
	tags, err := specifiedTags(in.TagSpecifications, ec2types.ResourceTypeSnapshot)
	if err != nil {
		return nil, err
	}
	if err := r.roomForSnapshots(1); err != nil {
		return nil, err
	}
	s := r.beginSnapshot(v, aws.ToString(in.Description), tags)
	r.finishSnapshots([]*Snapshot{s})
	return &ec2.CreateSnapshotOutput{
		SnapshotId: aws.String(s.ID), VolumeId: aws.String(v.ID), VolumeSize: aws.Int32(v.GiB), State: ec2types.SnapshotState(s.State),
		StartTime: aws.Time(s.Started), Progress: aws.String(""), OwnerId: aws.String(s.Owner), Encrypted: aws.Bool(s.Encrypted),
		KmsKeyId: opt(s.Key), Description: aws.String(s.Description), Tags: ec2Tags(s.Tags),
	}, nil
}

// roomForSnapshots holds the region to its quota of snapshots, 100,000 unless
// the scenario says otherwise
// (docs.aws.amazon.com/general/latest/gr/ebs-service.html).
func (r *Request) roomForSnapshots(n int) error {
	quota := r.Region.SnapshotQuota
	if quota == 0 {
		quota = 100000
	}
	if len(r.Region.Snapshots)+n > quota {
		return fail("SnapshotLimitExceeded", "Maximum allowed active snapshot limit exceeded.")
	}
	return nil
}

func (r *Request) beginSnapshot(v *Volume, description string, tags map[string]string) *Snapshot {
	s := &Snapshot{
		ID: r.newID("snap"), Volume: v.ID, Owner: r.Account.ID, Description: description, State: "pending", GiB: v.GiB,
		Encrypted: v.Encrypted, Key: v.Key, Started: r.Now.UTC(), Tags: tags,
	}
	touch(r, r.Region.Snapshots, s.ID)
	r.Region.Snapshots[s.ID] = s
	r.policeTags("snapshot "+s.ID, tags)
	return s
}

// finishSnapshots ends a set: completed, or error for the whole set where the
// caller may not use the key of one of its volumes. If any snapshot of a
// multi-volume set fails, all of the others show an error
// (docs.aws.amazon.com/ebs/latest/userguide/ebs-create-snapshot.html); a key
// that cannot be used shows in StateMessage, after the call was taken
// (API_Snapshot).
func (r *Request) finishSnapshots(set []*Snapshot) {
	trouble := ""
	for _, s := range set {
		if t := r.Region.KMS.keyTrouble(r.Actor, s.Key); s.Encrypted && t != "" {
			trouble = t
		}
	}
	r.later("snapshot", 30*time.Second, func(now time.Time) {
		for _, s := range set {
			if trouble != "" {
				s.State, s.StateMessage = "error", "Given key ID is not accessible: "+trouble
				continue
			}
			s.State, s.Progress, s.Completed = "completed", 100, now.UTC()
			s.startLock(now)
		}
	})
}

// describeSnapshots shows those of the named owners, or all that the account
// sees: its own, the public ones and those shared with it (API_DescribeSnapshots).
func describeSnapshots(r *Request, in *ec2.DescribeSnapshotsInput) (*ec2.DescribeSnapshotsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.SnapshotIds, "snapshotIds"); err != nil {
		return nil, err
	}
	found, err := list(r, snapshotKind, r.Region.Snapshots, in.SnapshotIds, in.Filters, snapshotField,
		func(s *Snapshot) map[string]string { return s.Tags })
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(s *Snapshot) bool { return !ownedBy(r, in.OwnerIds, s.Owner) })
	found, next, err := page(r, found, func(s *Snapshot) string { return s.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSnapshotsOutput{NextToken: next}
	for _, s := range found {
		d := ec2types.Snapshot{
			SnapshotId: aws.String(s.ID), VolumeId: aws.String(s.Volume), VolumeSize: aws.Int32(s.GiB), State: ec2types.SnapshotState(s.State),
			StateMessage: opt(s.StateMessage), StartTime: aws.Time(s.Started), Progress: aws.String(fmt.Sprintf("%d%%", s.Progress)),
			OwnerId: aws.String(s.Owner), Encrypted: aws.Bool(s.Encrypted), KmsKeyId: opt(s.Key), Description: aws.String(s.Description),
			StorageTier: ec2types.StorageTierStandard, Tags: ec2Tags(s.Tags),
		}
		if !s.Completed.IsZero() {
			d.CompletionTime = aws.Time(s.Completed)
		}
		out.Snapshots = append(out.Snapshots, d)
	}
	return out, nil
}

// ownedBy compares an owner with the ids asked for; "self" is the account.
func ownedBy(r *Request, owners []string, owner string) bool {
	if len(owners) == 0 {
		return true
	}
	return slices.Contains(owners, owner) || (owner == r.Account.ID && slices.Contains(owners, "self"))
}

func snapshotField(s *Snapshot, filter string) ([]string, bool) {
	switch filter {
	case "snapshot-id":
		return []string{s.ID}, true
	case "volume-id":
		return []string{s.Volume}, true
	case "status":
		return []string{s.State}, true
	case "owner-id":
		return []string{s.Owner}, true
	case "description":
		return some(s.Description), true
	case "encrypted":
		return []string{yesNo(s.Encrypted)}, true
	case "start-time":
		return []string{s.Started.Format("2006-01-02T15:04:05.000Z")}, true
	}
	return nil, false
}

// describeSnapshotAttribute shows whom a snapshot is shared with.
func describeSnapshotAttribute(r *Request, in *ec2.DescribeSnapshotAttributeInput) (*ec2.DescribeSnapshotAttributeOutput, error) {
	s, err := see(r, snapshotKind, r.Region.Snapshots, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeSnapshotAttributeOutput{SnapshotId: aws.String(s.ID)}
	switch in.Attribute {
	case ec2types.SnapshotAttributeNameProductCodes:
		return out, nil
	case ec2types.SnapshotAttributeNameCreateVolumePermission:
	default:
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", in.Attribute)
	}
	if s.Public {
		out.CreateVolumePermissions = append(out.CreateVolumePermissions, ec2types.CreateVolumePermission{Group: ec2types.PermissionGroupAll})
	}
	for _, account := range s.SharedWith {
		out.CreateVolumePermissions = append(out.CreateVolumePermissions, ec2types.CreateVolumePermission{UserId: aws.String(account)})
	}
	return out, nil
}
