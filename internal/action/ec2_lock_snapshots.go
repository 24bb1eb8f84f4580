package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"cordon/internal/casefile"
)

// snapshotLock is a snapshot and the mode it is locked in, "" for none. Times and the state of a cooling-off
// period move by themselves and are left out.
type snapshotLock struct {
	Snapshot string `json:"snapshot"`
	Mode     string `json:"mode"`
	Days     int32  `json:"days,omitempty"`
}

type snapshotLocks struct {
	Locks []snapshotLock `json:"locks"`
}

// LockSnapshots keeps the snapshots from being deleted. A pending one can be locked: it cannot be deleted while
// pending, and the lock's days count from its completion
// (docs.aws.amazon.com/ebs/latest/userguide/snapshot-lock-considerations.html). Options: "mode" governance or
// compliance, "days".
var LockSnapshots = define(Spec[snapshotLocks]{
	Name:     "ec2-lock-snapshots",
	Summary:  "Lock the snapshots, so that nobody deletes them by mistake and no intruder without a right of his own to unlock.",
	Phase:    casefile.Preserve,
	Target:   casefile.EC2Instance,
	Reads:    Ops{op((*ec2.Client).DescribeSnapshots), op((*ec2.Client).DescribeLockedSnapshots)},
	Writes:   Ops{op((*ec2.Client).LockSnapshot)},
	Partial:  true,
	Evidence: true,
	Observe: func(ctx context.Context, c *AWS, t Target) (snapshotLocks, error) {
		if t.OpID == "" && len(t.Needs) == 0 {
			return snapshotLocks{Locks: []snapshotLock{}}, nil
		}
		made, err := caseSnapshots(ctx, c, t)
		if err != nil {
			return snapshotLocks{}, err
		}
		return locksOf(ctx, c, made.ids())
	},
	Status: func(t Target, now snapshotLocks) Status {
		if len(now.Locks) == 0 || slices.ContainsFunc(now.Locks, func(l snapshotLock) bool { return !lockSuffices(t, l) }) {
			return Todo
		}
		return Done
	},
	Apply: applyLocks,
	Change: func(t Target, _ snapshotLocks) string {
		return fmt.Sprintf("unlocked -> %s, %d days", lockMode(t), lockDays(t))
	},
	Impact: func(_ context.Context, _ *AWS, t Target, _ snapshotLocks) ([]string, error) {
		if lockMode(t) != ec2types.LockModeCompliance {
			return nil, nil
		}
		return []string{fmt.Sprintf("nobody, the account's root included, can delete or unlock these snapshots for %d days, and they are paid for", lockDays(t))}, nil
	},
})

func lockMode(t Target) ec2types.LockMode {
	if t.Param("mode") == string(ec2types.LockModeCompliance) {
		return ec2types.LockModeCompliance
	}
	return ec2types.LockModeGovernance
}

func lockDays(t Target) int32 {
	days, err := strconv.ParseInt(t.Param("days"), 10, 32)
	if err != nil || days < 1 || days > 36500 { // the range that LockSnapshot takes
		return 30
	}
	return int32(days)
}

// lockSuffices: a stricter lock that somebody else has set is as good.
func lockSuffices(t Target, l snapshotLock) bool {
	if l.Mode != string(ec2types.LockModeCompliance) && l.Mode != string(lockMode(t)) {
		return false
	}
	return l.Days >= lockDays(t)
}

// caseSnapshots is what the snapshot step made. Where that step ended without having all, its record is not at
// hand, and what it did make is looked up by the case; a stranger's snapshot that carries the same tag and is of
// one of these volumes is at worst locked too.
func caseSnapshots(ctx context.Context, c *AWS, t Target) (volumeSnapshots, error) {
	made, ok, err := need[volumeSnapshots](t, snapshotVolumes)
	if err != nil || ok {
		return made, err
	}
	volumes := sortedSet(t.List("volumes"))
	if len(volumes) == 0 {
		return pair(nil, nil), nil
	}
	found, err := findSnapshots(ctx, c, volumes, ec2Filter("tag:"+caseTag, t.Case), ec2Filter("tag:"+instanceTag, t.ID))
	if err != nil {
		return volumeSnapshots{}, err
	}
	return pair(volumes, slices.DeleteFunc(found, failedInSet)), nil
}

func locksOf(ctx context.Context, c *AWS, ids []string) (snapshotLocks, error) {
	now := snapshotLocks{Locks: []snapshotLock{}}
	locked, err := readLocks(ctx, c, ids)
	if err != nil {
		return now, err
	}
	for _, id := range ids {
		l := snapshotLock{Snapshot: id}
		if info, ok := locked[id]; ok {
			l.Mode, l.Days = modeOf(info.LockState), aws.ToInt32(info.LockDuration)
		}
		now.Locks = append(now.Locks, l)
	}
	return now, nil
}

// modeOf counts a cooling-off period as compliance, which it becomes by itself, and an expired lock as none.
func modeOf(s ec2types.LockState) string {
	switch s {
	case ec2types.LockStateCompliance, ec2types.LockStateComplianceCooloff:
		return string(ec2types.LockModeCompliance)
	case ec2types.LockStateGovernance:
		return string(ec2types.LockModeGovernance)
	}
	return ""
}

func readLocks(ctx context.Context, c *AWS, ids []string) (map[string]ec2types.LockedSnapshotsInfo, error) {
	locked := map[string]ec2types.LockedSnapshotsInfo{}
	if len(ids) == 0 {
		return locked, nil
	}
	in := &ec2.DescribeLockedSnapshotsInput{SnapshotIds: ids}
	for {
		out, err := c.EC2.DescribeLockedSnapshots(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("read the locks of %s: %w", plural(len(ids), "snapshot"), err)
		}
		for _, info := range out.Snapshots {
			locked[aws.ToString(info.SnapshotId)] = info
		}
		if aws.ToString(out.NextToken) == "" {
			return locked, nil
		}
		in.NextToken = out.NextToken
	}
}

// applyLocks tries every snapshot: one that cannot be locked must not leave the others open.
func applyLocks(ctx context.Context, c *AWS, t Target, now snapshotLocks) error {
	if len(now.Locks) == 0 {
		return errors.New("there is no snapshot to lock")
	}
	var errs []error
	for _, l := range now.Locks {
		if lockSuffices(t, l) {
			continue
		}
		_, err := c.EC2.LockSnapshot(ctx, &ec2.LockSnapshotInput{
			SnapshotId: aws.String(l.Snapshot), LockMode: lockMode(t), LockDuration: aws.Int32(lockDays(t)),
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("lock snapshot %s: %w", l.Snapshot, err))
		}
	}
	return errors.Join(errs...)
}

// lockText is a lock in words, as the evidence record shows it.
func lockText(info ec2types.LockedSnapshotsInfo, ok bool) string {
	if !ok || modeOf(info.LockState) == "" {
		return "none"
	}
	if info.LockExpiresOn == nil {
		return fmt.Sprintf("%s for %d days from completion", info.LockState, aws.ToInt32(info.LockDuration))
	}
	return fmt.Sprintf("%s until %s", info.LockState, info.LockExpiresOn.UTC().Format(time.RFC3339))
}
