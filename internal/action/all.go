package action

// All lists every action.
var All = []Action{
	RecordInstance, ProtectTermination, ShutdownStop, KeepVolumes, TagInstance,
	SnapshotVolumes, LockSnapshots, AwaitSnapshots,
	SuspendProcesses, DetachInstance, StandbyInstance, ResumeProcesses, DeregisterTarget, DeregisterClassic,
	QuarantineGroup, IsolateInterface, DenyAddresses,
	DenyInstanceSession, RevokeRoleSessions,
	EndSessions, DetachAddress, RemoveProfile, StopInstance,

	// credentials
	RecordUser, RecordCredentialReport,
	DenyUser, DenyUserByPolicy, DisableKeys, DisableServiceCredentials, DisableCertificates, DisableSSHKeys,

	// role
	RecordRole, NarrowTrust, DenyRoleSession, AttachRoleDeny, CutSAMLProvider, CutOIDCProvider,

	// the identity behind a role
	RecordSSOUser, DenySSOPolicy, DenySSOUser, RemoveAssignments, LeaveGroups, DisableSSOUser, DisableDirectoryUser,

	// account
	RecordAccount, RecordOrganization, QuarantineOrgPolicy, QuarantineAccount, MoveAccount, StartLogging, EnableDetector,
	RecordRoot, DeleteRootCredentials,
}
