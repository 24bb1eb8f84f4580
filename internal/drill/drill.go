// Package drill holds the incidents that can be rehearsed: each an AWS account
// in memory, something wrong in it, and the finding that a detector would have
// sent. They are data for the drill command and for tests, so that both meet
// the same accounts.
package drill

import (
	"time"

	"cordon/internal/awssim"
)

// Options shape a drill.
type Options struct {
	// Seed makes every identifier the same again.
	Seed int64
	// Speed divides how long AWS's own slow work takes (a snapshot, a detachment); 0 means as long as usual.
	Speed float64
	// Latency is slept before each answer.
	Latency time.Duration
	// Now is AWS's clock; nil means time.Now.
	Now func() time.Time
}

// Drill is an account with an incident in it.
type Drill struct {
	World    *awssim.World
	Finding  []byte // as EventBridge delivers it
	Account  string
	Region   string
	Caller   string // ARN of the responder
	Instance string // id of the compromised instance, "" where the incident is about none
	Subject  string // id of the user, role or account that it is about instead

	// History says that the account's event history shows how it came about, and
	// is to be asked before planning.
	History bool

	// Management is the ARN of the responder in the organisation's management
	// account, "" where there is no organisation or no access to it.
	Management string
	// QuarantineOU is the organisational unit that the organisation has ready,
	// "" where the answer does without.
	QuarantineOU string
	// DirectoryUsers are the users of a directory who are behind the incident,
	// DIRECTORY/NAME, as the people who run the directory say.
	DirectoryUsers []string
	// SessionsOnly: the user must keep working, and the responder asks for the
	// deny of sessions alone.
	SessionsOnly bool
	// Choose is what a responder would ask for here, beyond what is done unasked.
	Choose Choices
}

// Choices are options of the command line that an incident calls for.
type Choices struct {
	OnlySession, SourceIdentity string
	CloseTo, CutProviders       []string
}

// Scenario is an incident that can be built.
type Scenario struct {
	Name    string
	Summary string // one line, for a list
	Build   func(Options) Drill
}

// Default is the scenario that is played where none is named.
const Default = "ec2-cryptominer"

// All lists the scenarios, the default first.
func All() []Scenario {
	return []Scenario{
		cryptominer,
		credentialExfiltration,
		bare,
		ipv6Only,
		spot,
		stopped,
		halfContained,
		foreignKey,
		optInRegion,
		manyInterfaces,
		terminated,
		gov,

		leakedKey,
		fullQuota,
		quarantined,
		credentialsGov,
		credentialsHalf,
		keepsWorking,
		consoleAlone,
		takeover,
		standalone,
		takeoverGov,
		fullSlots,
		large,
		rootUsed,
		ssoRole,
		directoryRole,

		roleChain,
		roleOneSession,
		roleSourceIdentity,
		roleServiceLinked,
		roleManyUsers,
		roleSAML,
		roleOIDC,
		roleFullQuota,
		roleRevokedBefore,
		roleGov,
	}
}

// Find gives the scenario of that name.
func Find(name string) (Scenario, bool) {
	for _, s := range All() {
		if s.Name == name {
			return s, true
		}
	}
	return Scenario{}, false
}
