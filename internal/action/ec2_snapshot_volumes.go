package action

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"cordon/internal/casefile"
)

// volumeSnapshot pairs a volume with cordon's snapshot of it, "" while there is none. Progress and state move by
// themselves and are left out.
type volumeSnapshot struct {
	Volume   string `json:"volume"`
	Snapshot string `json:"snapshot"`
}

type volumeSnapshots struct {
	Snapshots []volumeSnapshot `json:"snapshots"`
}

const snapshotVolumes = "ec2-snapshot-volumes"

// SnapshotVolumes begins the snapshots of all volumes in one call, which makes them one crash-consistent set
// (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSnapshots.html). The volumes are those attached now
// and those of the option "volumes", which the plan saw: one that the intruder detaches meanwhile is not lost. The
// option "detached" says that there is no instance to ask for a set.
var SnapshotVolumes = define(Spec[volumeSnapshots]{
	Name:     snapshotVolumes,
	Summary:  "Begin snapshots of all volumes at the same instant. Nothing on the instance notices.",
	Phase:    casefile.Preserve,
	Target:   casefile.EC2Instance,
	Reads:    Ops{op((*ec2.Client).DescribeInstances), op((*ec2.Client).DescribeSnapshots)},
	Writes:   Ops{op((*ec2.Client).CreateSnapshots), op((*ec2.Client).CreateSnapshot)},
	Creates:  true,
	Partial:  true,
	Evidence: true,
	Observe:  observeSnapshots,
	Status: func(t Target, now volumeSnapshots) Status {
		if t.OpID == "" || len(now.missing()) > 0 {
			return Todo
		}
		return Done
	},
	Apply: applySnapshots,
	Change: func(_ Target, now volumeSnapshots) string {
		var ids []string
		for _, s := range now.Snapshots {
			ids = append(ids, s.Volume)
		}
		return strings.Join(ids, ", ") + ": one crash-consistent set"
	},
})

func (s volumeSnapshots) missing() []string {
	var volumes []string
	for _, v := range s.Snapshots {
		if v.Snapshot == "" {
			volumes = append(volumes, v.Volume)
		}
	}
	return volumes
}

func (s volumeSnapshots) ids() []string {
	var ids []string
	for _, v := range s.Snapshots {
		if v.Snapshot != "" {
			ids = append(ids, v.Snapshot)
		}
	}
	return ids
}

func observeSnapshots(ctx context.Context, c *AWS, t Target) (volumeSnapshots, error) {
	volumes, err := volumesToKeep(ctx, c, t)
	if err != nil {
		return volumeSnapshots{}, err
	}
	if t.OpID == "" || len(volumes) == 0 {
		return pair(volumes, nil), nil
	}
	found, err := findSnapshots(ctx, c, volumes, ec2Filter("tag:"+opTag, t.OpID))
	if err != nil {
		return volumeSnapshots{}, err
	}
	return pair(volumes, slices.DeleteFunc(found, failedInSet)), nil
}

// volumesToKeep is the volumes attached now and those that the plan saw. A gone instance leaves the latter.
func volumesToKeep(ctx context.Context, c *AWS, t Target) ([]string, error) {
	volumes := t.List("volumes")
	i, err := readInstance(ctx, c, t.ID)
	if err != nil && (!errors.Is(err, ErrGone) || len(volumes) == 0) {
		return nil, err
	}
	for _, v := range volumesOf(i) {
		volumes = append(volumes, v.Volume)
	}
	return sortedSet(slices.Clone(volumes)), nil
}

// findSnapshots looks up snapshots of the given volumes that this account owns. Owner and volume are checked on
// what comes back as well: tags prove nothing, as anybody who may tag can put them on anything.
func findSnapshots(ctx context.Context, c *AWS, volumes []string, filters ...ec2types.Filter) ([]ec2types.Snapshot, error) {
	var found []ec2types.Snapshot
	pages := ec2.NewDescribeSnapshotsPaginator(c.EC2, &ec2.DescribeSnapshotsInput{OwnerIds: []string{c.Account}, Filters: filters})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for the snapshots of %s: %w", plural(len(volumes), "volume"), err)
		}
		for _, s := range page.Snapshots {
			if aws.ToString(s.OwnerId) == c.Account && slices.Contains(volumes, aws.ToString(s.VolumeId)) {
				found = append(found, s)
			}
		}
	}
	return found, nil
}

// failedInSet tells a snapshot that AWS gave up as part of a set. It does not count, so that its volume is tried
// again alone; one that was asked for alone and failed does count, or it would be repeated for ever.
func failedInSet(s ec2types.Snapshot) bool {
	return s.State == ec2types.SnapshotStateError && !isTagged(s.Tags, volumeTag)
}

// pair gives each volume its snapshot: the earliest, as nobody can have copied the op-id before it was used.
func pair(volumes []string, found []ec2types.Snapshot) volumeSnapshots {
	slices.SortFunc(found, func(a, b ec2types.Snapshot) int {
		return cmp.Or(aws.ToTime(a.StartTime).Compare(aws.ToTime(b.StartTime)), cmp.Compare(aws.ToString(a.SnapshotId), aws.ToString(b.SnapshotId)))
	})
	s := volumeSnapshots{Snapshots: []volumeSnapshot{}}
	for _, v := range volumes {
		of := volumeSnapshot{Volume: v}
		if i := slices.IndexFunc(found, func(s ec2types.Snapshot) bool { return aws.ToString(s.VolumeId) == v }); i >= 0 {
			of.Snapshot = aws.ToString(found[i].SnapshotId)
		}
		s.Snapshots = append(s.Snapshots, of)
	}
	return s
}

// applySnapshots asks for the whole set at once. Where AWS refuses it for good, as for one volume whose key may
// not be used, each volume is asked for alone, so that the bad one does not cost the others.
func applySnapshots(ctx context.Context, c *AWS, t Target, now volumeSnapshots) error {
	missing := now.missing()
	if len(now.Snapshots) == 0 {
		return fmt.Errorf("%s has no volume to take a snapshot of", t.ID)
	}
	if len(missing) == 0 {
		return nil
	}
	var refusal error
	if len(missing) == len(now.Snapshots) && t.Param("detached") == "" {
		refusal = snapshotSet(ctx, c, t)
		if refusal != nil && !definite(refusal) {
			return refusal
		}
		if refusal == nil {
			return nil
		}
	}
	var errs []error
	for _, v := range missing {
		err := snapshotOne(ctx, c, t, v)
		if err != nil && !definite(err) {
			return errors.Join(append(errs, err)...) // unknown outcome: look before going on
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 && refusal != nil {
		errs = append([]error{refusal}, errs...)
	}
	return errors.Join(errs...)
}

// definite tells a refusal from an unknown outcome: AWS looked at the request and did nothing.
func definite(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorFault() != smithy.FaultServer && !Throttled(err) &&
		!hasCode(err, "InternalError", "InternalFailure", "Unavailable", "ServiceUnavailable", "RequestTimeout")
}

func snapshotSet(ctx context.Context, c *AWS, t Target) error {
	_, err := c.EC2.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{
		InstanceSpecification: &ec2types.InstanceSpecification{InstanceId: aws.String(t.ID)},
		Description:           aws.String(snapshotText(t)),
		TagSpecifications:     snapshotTags(t),
	})
	if err != nil {
		return fmt.Errorf("begin the snapshots of all volumes of %s: %w", t.ID, err)
	}
	return nil
}

func snapshotOne(ctx context.Context, c *AWS, t Target, volume string) error {
	_, err := c.EC2.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{
		VolumeId:          aws.String(volume),
		Description:       aws.String(snapshotText(t)),
		TagSpecifications: snapshotTags(t, tag(volumeTag, volume)),
	})
	if err != nil {
		return fmt.Errorf("begin the snapshot of %s: %w", volume, err)
	}
	return nil
}

func snapshotText(t Target) string {
	return "cordon: evidence of case " + t.Case + ", instance " + t.ID
}

// snapshotTags does not copy the volume's own tags: they are the intruder's to choose, and with too many of
// them AWS refuses the snapshot.
func snapshotTags(t Target, more ...ec2types.Tag) []ec2types.TagSpecification {
	tags := append(t.Tags(), tag(instanceTag, t.ID))
	return []ec2types.TagSpecification{{ResourceType: ec2types.ResourceTypeSnapshot, Tags: append(tags, more...)}}
}
