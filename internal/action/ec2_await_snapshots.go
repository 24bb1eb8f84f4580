package action

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

// AwaitSnapshots sees each snapshot through: completed, with state and lock as read back, or into the ledger.
var AwaitSnapshots = gather(Gather{
	Name:     "ec2-await-snapshots",
	Summary:  "Wait until AWS has completed the snapshots, and record each with its lock.",
	Phase:    casefile.Preserve,
	Target:   casefile.EC2Instance,
	Reads:    Ops{op((*ec2.Client).DescribeSnapshots), op((*ec2.Client).DescribeLockedSnapshots)},
	Deadline: 6 * 60 * 60, // a snapshot can take hours: docs.aws.amazon.com/ebs/latest/userguide/ebs-creating-snapshot.html
	Collect:  collectSnapshots,
	Change:   func(t Target) string { return plural(len(t.List("volumes")), "volume") },
})

const snapshotSource = "ec2:DescribeSnapshots"

func collectSnapshots(ctx context.Context, c *AWS, t Target, sink Sink) error {
	made, err := caseSnapshots(ctx, c, t)
	if err != nil {
		return err
	}
	for _, v := range t.List("volumes") {
		if !slices.ContainsFunc(made.Snapshots, func(s volumeSnapshot) bool { return s.Volume == v }) {
			made.Snapshots = append(made.Snapshots, volumeSnapshot{Volume: v})
		}
	}
	now, err := readSnapshots(ctx, c, made)
	if err != nil {
		return err
	}
	locks, lockErr := readLocks(ctx, c, made.ids())
	pending := false
	for _, v := range made.Snapshots {
		s, found := now[v.Snapshot]
		if !found || s.State == ec2types.SnapshotStateError {
			continue
		}
		if s.State != ec2types.SnapshotStateCompleted {
			pending = true
			continue
		}
		info, locked := locks[v.Snapshot]
		lock := lockText(info, locked)
		if lockErr != nil {
			lock = "not read: " + lockErr.Error()
		}
		if err := sink.Durable("snapshot of "+v.Volume, snapshotSource, v.Snapshot, string(s.State), lock); err != nil {
			return err
		}
	}
	if pending {
		return ErrWaiting
	}
	return loseSnapshots(made, now, sink)
}

// loseSnapshots runs once nothing is pending, so that a snapshot which the API does not show yet gets its time.
func loseSnapshots(made volumeSnapshots, now map[string]ec2types.Snapshot, sink Sink) error {
	for _, v := range made.Snapshots {
		s, found := now[v.Snapshot]
		reason := ""
		switch {
		case v.Snapshot == "":
			reason = "no snapshot of it could be made"
		case !found:
			reason = "snapshot " + v.Snapshot + " is not there any more"
		case s.State == ec2types.SnapshotStateError:
			reason = fmt.Sprintf("AWS gave snapshot %s up: %s", v.Snapshot, aws.ToString(s.StateMessage))
		default:
			continue
		}
		if err := sink.Loss("snapshot of "+v.Volume, snapshotSource, reason); err != nil {
			return err
		}
	}
	return nil
}

// readSnapshots looks the snapshots up by their volumes: asked for by id, one that is gone would hide the others.
func readSnapshots(ctx context.Context, c *AWS, made volumeSnapshots) (map[string]ec2types.Snapshot, error) {
	now := map[string]ec2types.Snapshot{}
	if len(made.ids()) == 0 {
		return now, nil
	}
	var volumes []string
	for _, v := range made.Snapshots {
		volumes = append(volumes, v.Volume)
	}
	found, err := findSnapshots(ctx, c, volumes, ec2Filter("volume-id", volumes...))
	for _, s := range found {
		now[aws.ToString(s.SnapshotId)] = s
	}
	return now, err
}
