package awssim

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

func (s *lab) snapshotSet(t *testing.T) []string {
	t.Helper()
	out, err := s.ec2.CreateSnapshots(s.ctx, &ec2.CreateSnapshotsInput{
		InstanceSpecification: &ec2types.InstanceSpecification{InstanceId: &s.instance}, TagSpecifications: tagging("snapshot"),
	})
	ok(t, err)
	var ids []string
	for _, x := range out.Snapshots {
		if x.State != ec2types.SnapshotStatePending {
			t.Errorf("a new snapshot is %s, want pending", x.State)
		}
		ids = append(ids, *x.SnapshotId)
	}
	return ids
}

func (s *lab) states(t *testing.T, ids []string) (states []string) {
	t.Helper()
	out, err := s.ec2.DescribeSnapshots(s.ctx, &ec2.DescribeSnapshotsInput{SnapshotIds: ids})
	ok(t, err)
	for _, x := range out.Snapshots {
		states = append(states, string(x.State))
	}
	return states
}

func TestSnapshotSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{})
		ids := s.snapshotSet(t)
		if len(ids) != 2 {
			t.Fatalf("%d snapshots of two volumes", len(ids))
		}
		same(t, "states at once", s.states(t, ids), []string{"pending", "pending"})
		time.Sleep(time.Minute)
		same(t, "states in a minute", s.states(t, ids), []string{"completed", "completed"})
		out, err := s.ec2.DescribeSnapshots(s.ctx, &ec2.DescribeSnapshotsInput{
			OwnerIds: []string{"self"}, Filters: []ec2types.Filter{{Name: aws.String("tag:cordon:op"), Values: []string{"op-1"}}},
		})
		ok(t, err)
		if len(out.Snapshots) != 2 {
			t.Errorf("%d snapshots found by tag, want 2", len(out.Snapshots))
		}
		if v := s.Violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}

func TestSnapshotSetWithoutItsKey(t *testing.T) {
	for _, state := range []types.KeyState{types.KeyStatePendingDeletion, types.KeyStateEnabled} {
		synctest.Test(t, func(t *testing.T) {
			s := newLab(t, Options{})
			key := s.AddKey(testRegion, Key{State: state})
			s.AddVolume(testRegion, VolumeSpec{Instance: s.instance, Key: key.ARN})
			ids := s.snapshotSet(t)
			time.Sleep(time.Minute)
			want := "completed"
			if state != types.KeyStateEnabled {
				want = "error" // the whole set
			}
			same(t, "states with a key "+string(state), s.states(t, ids), []string{want, want, want})
		})
	}
}

func TestSnapshotQuota(t *testing.T) {
	s := newLab(t, Options{})
	s.Do(func(a *Account) { a.Region(testRegion).SnapshotQuota = 1 })
	_, err := s.ec2.CreateSnapshots(s.ctx, &ec2.CreateSnapshotsInput{
		InstanceSpecification: &ec2types.InstanceSpecification{InstanceId: &s.instance}, TagSpecifications: tagging("snapshot"),
	})
	wantCode(t, err, "SnapshotLimitExceeded")
	s.Do(func(a *Account) {
		if n := len(a.Region(testRegion).Snapshots); n != 0 {
			t.Errorf("a refused set left %d snapshots", n)
		}
	})
}

func TestLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newLab(t, Options{})
		id := s.snapshotSet(t)[0]
		lock := func(mode ec2types.LockMode, days int32, coolOff *int32) (*ec2.LockSnapshotOutput, error) {
			return s.ec2.LockSnapshot(s.ctx, &ec2.LockSnapshotInput{SnapshotId: &id, LockMode: mode, LockDuration: aws.Int32(days), CoolOffPeriod: coolOff})
		}
		_, err := lock("governance", 30, aws.Int32(2))
		wantCode(t, err, "InvalidParameterValue")
		out, err := lock("governance", 30, nil)
		ok(t, err)
		if out.LockState != ec2types.LockStateGovernance || out.LockDurationStartTime != nil {
			t.Errorf("a pending snapshot's lock is %s from %v, want governance, not begun", out.LockState, out.LockDurationStartTime)
		}
		time.Sleep(time.Minute)
		locked, err := s.ec2.DescribeLockedSnapshots(s.ctx, &ec2.DescribeLockedSnapshotsInput{SnapshotIds: []string{id}})
		ok(t, err)
		if l := locked.Snapshots[0]; l.LockDurationStartTime == nil || l.LockExpiresOn.Sub(*l.LockDurationStartTime) != 30*24*time.Hour {
			t.Errorf("a completed snapshot's lock runs from %v to %v, want 30 days", l.LockDurationStartTime, l.LockExpiresOn)
		}
		_, err = lock("governance", 1, nil)
		ok(t, err)
		out, err = lock("compliance", 10, aws.Int32(1))
		ok(t, err)
		if out.LockState != ec2types.LockStateComplianceCooloff {
			t.Errorf("lock is %s, want cooling off", out.LockState)
		}
		_, err = lock("compliance", 5, nil)
		ok(t, err) // while cooling off it may still be shortened; without a period it then holds at once
		_, err = lock("compliance", 4, nil)
		wantCode(t, err, "InvalidParameterCombination")
		_, err = lock("governance", 90, nil)
		wantCode(t, err, "InvalidParameterCombination")
		_, err = lock("compliance", 6, nil)
		ok(t, err)
		time.Sleep(7 * 24 * time.Hour)
		locked, err = s.ec2.DescribeLockedSnapshots(s.ctx, &ec2.DescribeLockedSnapshotsInput{SnapshotIds: []string{id}})
		ok(t, err)
		if got := locked.Snapshots[0].LockState; got != ec2types.LockStateExpired {
			t.Errorf("after its days the lock is %s", got)
		}
	})
}
