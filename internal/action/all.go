package action

// All lists every action.
var All = []Action{
	RecordInstance, ProtectTermination, ShutdownStop, KeepVolumes, TagInstance,
	SnapshotVolumes, LockSnapshots, AwaitSnapshots,
	EndSessions, DetachAddress, RemoveProfile, StopInstance,
}
