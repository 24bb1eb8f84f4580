package action

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"cordon/internal/casefile"
)

const victim = "i-0abc0000000000001"

func onVictim(opID string, params map[string]string) Target {
	return Target{Target: casefile.Target{Kind: casefile.EC2Instance, ID: victim}, Case: "case-1", OpID: opID, Params: params}
}

func victimWith(volumes ...string) *ec2.DescribeInstancesOutput {
	i := ec2types.Instance{InstanceId: aws.String(victim), State: &ec2types.InstanceState{Name: ec2types.InstanceStateNameRunning}}
	for n, v := range volumes {
		i.BlockDeviceMappings = append(i.BlockDeviceMappings, ec2types.InstanceBlockDeviceMapping{
			DeviceName: aws.String("/dev/sd" + string(rune('a'+n))), Ebs: &ec2types.EbsInstanceBlockDevice{VolumeId: aws.String(v)},
		})
	}
	return &ec2.DescribeInstancesOutput{Reservations: []ec2types.Reservation{{Instances: []ec2types.Instance{i}}}}
}

func shot(id, volume, owner string, at int64, state ec2types.SnapshotState, tags ...ec2types.Tag) ec2types.Snapshot {
	return ec2types.Snapshot{
		SnapshotId: aws.String(id), VolumeId: aws.String(volume), OwnerId: aws.String(owner), State: state,
		StartTime: aws.Time(time.Unix(at, 0)), Tags: tags,
	}
}

// A snapshot is trusted by owner and volume, and the one that was first with the op-id wins.
func TestSnapshotsAreCheckedBeforeTheyAreTrusted(t *testing.T) {
	s := &script{answers: map[string]any{
		"DescribeInstances": victimWith("vol-1", "vol-2", "vol-3"),
		"DescribeSnapshots": &ec2.DescribeSnapshotsOutput{Snapshots: []ec2types.Snapshot{
			shot("snap-decoy", "vol-1", "111122223333", 20, ec2types.SnapshotStateCompleted),
			shot("snap-ours", "vol-1", "111122223333", 10, ec2types.SnapshotStatePending),
			shot("snap-foreign", "vol-2", "999988887777", 10, ec2types.SnapshotStateCompleted),
			shot("snap-elsewhere", "vol-9", "111122223333", 10, ec2types.SnapshotStateCompleted),
			shot("snap-given-up", "vol-3", "111122223333", 10, ec2types.SnapshotStateError),
		}},
	}}
	now, err := SnapshotVolumes.Observe(may(SnapshotVolumes), s.connect(t), onVictim("op-1", nil))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"snapshots":[{"volume":"vol-1","snapshot":"snap-ours"},{"volume":"vol-2","snapshot":""},{"volume":"vol-3","snapshot":""}]}`
	if string(now) != want {
		t.Errorf("observed %s, want %s", now, want)
	}
	filters := sentOf[ec2.DescribeSnapshotsInput](s)[0].Filters
	if aws.ToString(filters[0].Name) != "tag:cordon:op" || filters[0].Values[0] != "op-1" {
		t.Errorf("looked up by %v", filters)
	}
}

func TestPlanningLooksForNothingOfOurs(t *testing.T) {
	s := &script{answers: map[string]any{"DescribeInstances": victimWith("vol-1")}}
	now, err := SnapshotVolumes.Observe(may(SnapshotVolumes), s.connect(t), onVictim("", map[string]string{"volumes": "vol-0"}))
	if err != nil {
		t.Fatal(err)
	}
	if string(now) != `{"snapshots":[{"volume":"vol-0","snapshot":""},{"volume":"vol-1","snapshot":""}]}` {
		t.Errorf("observed %s", now)
	}
	if st, _ := SnapshotVolumes.Status(onVictim("", nil), now); st != Todo {
		t.Errorf("status %v while planning", st)
	}
}

// One volume that AWS refuses must not cost the others, and an unknown outcome must not be doubled.
func TestRefusedSetIsTakenVolumeByVolume(t *testing.T) {
	one := func(in any) any {
		if aws.ToString(in.(*ec2.CreateSnapshotInput).VolumeId) == "vol-bad" {
			return refusal("InvalidVolume.KmsKeyInaccessible")
		}
		return &ec2.CreateSnapshotOutput{}
	}
	none := json.RawMessage(`{"snapshots":[{"volume":"vol-bad","snapshot":""},{"volume":"vol-good","snapshot":""}]}`)
	some := json.RawMessage(`{"snapshots":[{"volume":"vol-bad","snapshot":""},{"volume":"vol-good","snapshot":"snap-1"}]}`)
	for _, c := range []struct {
		name   string
		set    any
		now    json.RawMessage
		params map[string]string
		sets   int
		ones   []string
		fails  bool
	}{
		{name: "all at once", set: &ec2.CreateSnapshotsOutput{}, now: none, sets: 1},
		{name: "refused", set: refusal("InvalidParameterValue"), now: none, sets: 1, ones: []string{"vol-bad", "vol-good"}, fails: true},
		{name: "unknown outcome", set: &smithy.GenericAPIError{Code: "InternalError", Fault: smithy.FaultServer}, now: none, sets: 1, fails: true},
		{name: "no answer", set: errors.New("connection reset"), now: none, sets: 1, fails: true},
		{name: "throttled", set: refusal("RequestLimitExceeded"), now: none, sets: 1, fails: true},
		{name: "one left", set: &ec2.CreateSnapshotsOutput{}, now: some, ones: []string{"vol-bad"}, fails: true},
		{name: "no instance", set: &ec2.CreateSnapshotsOutput{}, now: none, params: map[string]string{"detached": "yes"}, ones: []string{"vol-bad", "vol-good"}, fails: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &script{answers: map[string]any{"CreateSnapshots": c.set, "CreateSnapshot": one}}
			err := SnapshotVolumes.Apply(may(SnapshotVolumes), s.connect(t), onVictim("op-1", c.params), c.now)
			if (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
			if got := len(sentOf[ec2.CreateSnapshotsInput](s)); got != c.sets {
				t.Errorf("%d sets asked for, want %d", got, c.sets)
			}
			var ones []string
			for _, in := range sentOf[ec2.CreateSnapshotInput](s) {
				ones = append(ones, aws.ToString(in.VolumeId))
				tagged(t, in.TagSpecifications)
			}
			if !slices.Equal(ones, c.ones) {
				t.Errorf("asked for %v alone, want %v", ones, c.ones)
			}
			for _, in := range sentOf[ec2.CreateSnapshotsInput](s) {
				tagged(t, in.TagSpecifications)
			}
		})
	}
}

func tagged(t *testing.T, specs []ec2types.TagSpecification) {
	t.Helper()
	if len(specs) != 1 || specs[0].ResourceType != ec2types.ResourceTypeSnapshot {
		t.Fatalf("tag specifications %v", specs)
	}
	for key, want := range map[string]string{caseTag: "case-1", opTag: "op-1", instanceTag: victim} {
		if got, _ := tagValue(specs[0].Tags, key); got != want {
			t.Errorf("tag %s is %q, want %q", key, got, want)
		}
	}
}

func TestLocks(t *testing.T) {
	governance, compliance := map[string]string{"mode": "governance", "days": "30"}, map[string]string{"mode": "compliance", "days": "90"}
	for _, c := range []struct {
		params map[string]string
		lock   snapshotLock
		enough bool
	}{
		{governance, snapshotLock{Mode: "governance", Days: 30}, true},
		{governance, snapshotLock{Mode: "compliance", Days: 30}, true},
		{governance, snapshotLock{Mode: "governance", Days: 29}, false},
		{governance, snapshotLock{}, false},
		{compliance, snapshotLock{Mode: "governance", Days: 90}, false},
		{compliance, snapshotLock{Mode: "compliance", Days: 90}, true},
		{map[string]string{"days": "-1"}, snapshotLock{Mode: "governance", Days: 30}, true},
	} {
		if got := lockSuffices(onVictim("op", c.params), c.lock); got != c.enough {
			t.Errorf("%v for %v: %t", c.lock, c.params, got)
		}
	}
}

// One snapshot that cannot be locked must not leave the others open.
func TestEverySnapshotIsLockedThatCanBe(t *testing.T) {
	s := &script{answers: map[string]any{
		"LockSnapshot": func(in any) any {
			if aws.ToString(in.(*ec2.LockSnapshotInput).SnapshotId) == "snap-1" {
				return refusal("IncorrectState")
			}
			return &ec2.LockSnapshotOutput{}
		},
		"DescribeLockedSnapshots": &ec2.DescribeLockedSnapshotsOutput{Snapshots: []ec2types.LockedSnapshotsInfo{
			{SnapshotId: aws.String("snap-2"), LockState: ec2types.LockStateGovernance, LockDuration: aws.Int32(30)},
			{SnapshotId: aws.String("snap-3"), LockState: ec2types.LockStateExpired, LockDuration: aws.Int32(30)},
		}},
	}}
	target := onVictim("op-2", map[string]string{"mode": "governance", "days": "30"})
	target.Needs = map[string]json.RawMessage{"ec2-snapshot-volumes": json.RawMessage(
		`{"snapshots":[{"volume":"vol-1","snapshot":"snap-1"},{"volume":"vol-2","snapshot":"snap-2"},{"volume":"vol-3","snapshot":"snap-3"}]}`)}
	c := s.connect(t)
	now, err := LockSnapshots.Observe(may(LockSnapshots), c, target)
	if err != nil {
		t.Fatal(err)
	}
	if st, _ := LockSnapshots.Status(target, now); st != Todo {
		t.Errorf("status %v of %s", st, now)
	}
	if err := LockSnapshots.Apply(may(LockSnapshots), c, target, now); err == nil || !strings.Contains(err.Error(), "snap-1") {
		t.Errorf("error %v", err)
	}
	var locked []string
	for _, in := range sentOf[ec2.LockSnapshotInput](s) {
		locked = append(locked, aws.ToString(in.SnapshotId))
	}
	if !slices.Equal(locked, []string{"snap-1", "snap-3"}) {
		t.Errorf("locked %v", locked)
	}
}

func TestNoSnapshotIsNoLock(t *testing.T) {
	if st, _ := LockSnapshots.Status(onVictim("op", nil), json.RawMessage(`{"locks":[]}`)); st != Todo {
		t.Errorf("status %v", st)
	}
}

// Each volume ends as a snapshot with its lock as read back, or in the ledger; pending ones are waited for.
func TestAwaitedSnapshots(t *testing.T) {
	shots := func(second ec2types.SnapshotState) *ec2.DescribeSnapshotsOutput {
		gaveUp := shot("snap-3", "vol-3", "111122223333", 1, ec2types.SnapshotStateError, tag(volumeTag, "vol-3"))
		gaveUp.StateMessage = aws.String("the key is not accessible")
		return &ec2.DescribeSnapshotsOutput{Snapshots: []ec2types.Snapshot{
			shot("snap-1", "vol-1", "111122223333", 1, ec2types.SnapshotStateCompleted), shot("snap-2", "vol-2", "111122223333", 1, second), gaveUp,
		}}
	}
	s := &script{answers: map[string]any{
		"DescribeSnapshots": shots(ec2types.SnapshotStatePending),
		"DescribeLockedSnapshots": &ec2.DescribeLockedSnapshotsOutput{Snapshots: []ec2types.LockedSnapshotsInfo{
			{SnapshotId: aws.String("snap-1"), LockState: ec2types.LockStateGovernance, LockDuration: aws.Int32(30), LockExpiresOn: aws.Time(time.Unix(0, 0))},
		}},
	}}
	c, sink := s.connect(t), newTray()
	target := onVictim("", map[string]string{"volumes": "vol-1\nvol-2\nvol-3\nvol-4"})
	if err := AwaitSnapshots.Collect(may(AwaitSnapshots), c, target, sink); !errors.Is(err, ErrWaiting) {
		t.Fatalf("error %v while one is pending", err)
	}
	if len(sink.losses) > 0 {
		t.Errorf("lost while one is pending: %v", sink.losses)
	}
	s.answers["DescribeSnapshots"] = shots(ec2types.SnapshotStateCompleted)
	if err := AwaitSnapshots.Collect(may(AwaitSnapshots), c, target, sink); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"snapshot of vol-1": "snap-1 completed governance until 1970-01-01T00:00:00Z",
		"snapshot of vol-2": "snap-2 completed none",
	}
	for name, text := range want {
		if sink.durable[name] != text {
			t.Errorf("%s is %q, want %q", name, sink.durable[name], text)
		}
	}
	if len(sink.durable) != 2 || len(sink.losses) != 2 ||
		!strings.Contains(sink.losses["snapshot of vol-3"], "key is not accessible") || sink.losses["snapshot of vol-4"] == "" {
		t.Errorf("durable %v, lost %v", sink.durable, sink.losses)
	}
}
