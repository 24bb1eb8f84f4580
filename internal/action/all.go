package action

// All lists every action.
var All = []Action{
	RecordInstance, ProtectTermination, ShutdownStop, KeepVolumes, TagInstance,
	SnapshotVolumes, LockSnapshots, AwaitSnapshots,
	QuarantineGroup, IsolateInterface,
	EndSessions, DetachAddress, RemoveProfile, StopInstance,
}
