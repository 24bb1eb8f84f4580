package awssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// lockSnapshot locks, or changes a lock as far as its mode allows: a governance
// lock in every way, one of compliance past its cooling-off only to last
// longer. A pending snapshot can be locked; the duration then starts when it
// is completed (API_LockSnapshot, and
// docs.aws.amazon.com/ebs/latest/userguide/lock-snapshot.html).
func lockSnapshot(r *Request, in *ec2.LockSnapshotInput) (*ec2.LockSnapshotOutput, error) {
	s, err := find(r, snapshotKind, r.Region.Snapshots, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	if s.Owner != r.Account.ID {
		return nil, failWith(403, "UnauthorizedOperation", "You are not authorized to lock this snapshot.")
	}
	if s.State == "error" {
		return nil, fail("IncorrectState", "The snapshot '%s' is in state 'error'.", s.ID)
	}
	lock, err := r.newLock(s, in)
	if err != nil {
		return nil, err
	}
	touch(r, r.Region.Snapshots, s.ID)
	s.Lock = lock
	if s.State == "completed" {
		s.startLock(r.Now)
	}
	d := r.describeLock(s)
	return &ec2.LockSnapshotOutput{
		SnapshotId: d.SnapshotId, LockState: d.LockState, LockDuration: d.LockDuration, CoolOffPeriod: d.CoolOffPeriod,
		CoolOffPeriodExpiresOn: d.CoolOffPeriodExpiresOn, LockCreatedOn: d.LockCreatedOn, LockExpiresOn: d.LockExpiresOn,
		LockDurationStartTime: d.LockDurationStartTime,
	}, nil
}

// newLock checks a request against the limits and against the lock there is.
func (r *Request) newLock(s *Snapshot, in *ec2.LockSnapshotInput) (*SnapshotLock, error) {
	if (in.LockDuration == nil) == (in.ExpirationDate == nil) {
		return nil, fail("InvalidParameterCombination", "Exactly one of LockDuration and ExpirationDate must be specified.")
	}
	lock := &SnapshotLock{Mode: string(in.LockMode), CoolOffHours: aws.ToInt32(in.CoolOffPeriod), Created: r.Now.UTC()}
	if in.LockMode != ec2types.LockModeGovernance && in.LockMode != ec2types.LockModeCompliance {
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter LockMode is invalid.", in.LockMode)
	}
	if in.CoolOffPeriod != nil && (in.LockMode == ec2types.LockModeGovernance || lock.CoolOffHours < 1 || lock.CoolOffHours > 72) {
		return nil, fail("InvalidParameterValue", "CoolOffPeriod is for the compliance mode, from 1 to 72 hours.")
	}
	lock.CoolOffUntil = lock.Created.Add(time.Duration(lock.CoolOffHours) * time.Hour)
	if in.LockDuration != nil {
		lock.Days = *in.LockDuration
	} else {
		lock.Days = int32((in.ExpirationDate.Sub(r.Now) + 24*time.Hour - 1) / (24 * time.Hour))
	}
	if lock.Days < 1 || lock.Days > 36500 {
		return nil, fail("InvalidParameterValue", "The lock duration must be between 1 and 36500 days.")
	}
	was := s.Lock
	if was == nil || was.state(r.Now) != ec2types.LockStateCompliance {
		return lock, nil
	}
	if lock.Mode != was.Mode || in.CoolOffPeriod != nil || r.Now.AddDate(0, 0, int(lock.Days)).Before(was.end(r.Now)) {
		return nil, fail("InvalidParameterCombination", "The snapshot is locked in compliance mode: its lock can only be extended.")
	}
	lock.CoolOffHours, lock.CoolOffUntil, lock.Created = was.CoolOffHours, was.CoolOffUntil, was.Created
	return lock, nil
}

// startLock begins a lock's duration once the snapshot is completed.
func (s *Snapshot) startLock(now time.Time) {
	if s.Lock == nil {
		return
	}
	s.Lock.DurationFrom = now.UTC()
	s.Lock.Expires = s.Lock.DurationFrom.AddDate(0, 0, int(s.Lock.Days))
}

// end is when the lock runs out; one whose duration has not begun counts from now.
func (l *SnapshotLock) end(now time.Time) time.Time {
	if l.Expires.IsZero() {
		return now.AddDate(0, 0, int(l.Days))
	}
	return l.Expires
}

func (l *SnapshotLock) state(now time.Time) ec2types.LockState {
	switch {
	case !now.Before(l.end(now)):
		return ec2types.LockStateExpired
	case l.Mode == "governance":
		return ec2types.LockStateGovernance
	case now.Before(l.CoolOffUntil):
		return ec2types.LockStateComplianceCooloff
	default:
		return ec2types.LockStateCompliance
	}
}

func (r *Request) describeLock(s *Snapshot) ec2types.LockedSnapshotsInfo {
	l := s.Lock
	d := ec2types.LockedSnapshotsInfo{
		SnapshotId: aws.String(s.ID), OwnerId: aws.String(s.Owner), LockState: l.state(r.Now), LockDuration: aws.Int32(l.Days),
		LockCreatedOn: aws.Time(l.Created),
	}
	if l.CoolOffHours > 0 {
		d.CoolOffPeriod, d.CoolOffPeriodExpiresOn = aws.Int32(l.CoolOffHours), aws.Time(l.CoolOffUntil)
	}
	if !l.DurationFrom.IsZero() {
		d.LockDurationStartTime, d.LockExpiresOn = aws.Time(l.DurationFrom), aws.Time(l.Expires)
	}
	return d
}

// describeLockedSnapshots lists snapshots that are or were locked. The ids it is
// given must exist; those that are not locked are simply not listed.
func describeLockedSnapshots(r *Request, in *ec2.DescribeLockedSnapshotsInput) (*ec2.DescribeLockedSnapshotsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.SnapshotIds, ""); err != nil {
		return nil, err
	}
	fields := func(s *Snapshot, filter string) ([]string, bool) {
		if filter != "lock-state" {
			return nil, false
		}
		if s.Lock == nil {
			return nil, true
		}
		return []string{string(s.Lock.state(r.Now))}, true
	}
	found, err := list(r, snapshotKind, r.Region.Snapshots, in.SnapshotIds, in.Filters, fields,
		func(s *Snapshot) map[string]string { return s.Tags })
	if err != nil {
		return nil, err
	}
	var locked []*Snapshot
	for _, s := range found {
		if s.Lock != nil {
			locked = append(locked, s)
		}
	}
	locked, next, err := page(r, locked, func(s *Snapshot) string { return s.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeLockedSnapshotsOutput{NextToken: next}
	for _, s := range locked {
		out.Snapshots = append(out.Snapshots, r.describeLock(s))
	}
	return out, nil
}
