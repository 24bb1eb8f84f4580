// Package playbook says which actions answer which kind of subject, in which order: one file a playbook.
package playbook

import (
	"context"
	"encoding/json"
	"net/netip"
	"time"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// Playbook answers a kind of subject.
type Playbook struct {
	Name    string
	Summary string
	Kinds   []casefile.Kind
	Reads   action.Ops      // what Draft itself looks at, beyond the actions' own reads
	Actions []action.Action // every action that a plan of it may hold, in the order that docs show them
	// Resolve names the subject that the plan is about, where an id was named that belongs to it: an access key's
	// user. Two ids of one subject are answered once. Nil: the subject is the one that was named. It reads, within
	// Reads.
	Resolve func(ctx context.Context, c *action.AWS, in Incident) (casefile.Subject, error)
	// Draft looks at the subject and lists the steps. It changes nothing. An error that wraps
	// action.ErrGone says that the subject does not exist: nothing can be planned.
	Draft func(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error)
}

// All lists the playbooks that can be planned.
var All = []Playbook{EC2, Credentials, Role, Account}

// For finds the playbook of that name.
func For(name string) (Playbook, bool) {
	for _, p := range All {
		if p.Name == name {
			return p, true
		}
	}
	return Playbook{}, false
}

// Incident is the subject to answer and the finding that named it; Finding is empty where a person named it.
type Incident struct {
	Subject casefile.Subject
	Finding casefile.Incident
	Reached *Reached // set where scope found the subject, or knows how it was entered
}

// Options are the responder's choices, from the command line. A choice that a playbook has no use for is not an
// error: one finding may open several.
type Options struct {
	CutFirst        bool              // contain ahead of the evidence that is not instantaneous
	Standby         bool              // keep the instance in its Auto Scaling group, in standby
	Cut             string            // "stop": stop the instance after the evidence
	RevokeRole      bool              // cut every session of the role, not this instance's alone
	ForensicsEgress bool              // leave 443 to the VPC's own SSM and S3 endpoints
	Lock            string            // "governance" (default), "compliance", "none"
	LockDays        int               // default 30
	Tags            map[string]string // added to whatever cordon tags
	Responder       []netip.Prefix    // the responder's own addresses, never denied
	CaptureDeadline time.Duration     // how long the SSM agent's own calls stay out of the deny with ForensicsEgress

	SessionsOnly   bool     // credentials: deny the sessions issued until now alone, for a user who must keep working with new ones
	OnlySession    string   // role: cut the one session of that name
	SourceIdentity string   // role: cut the sessions with that source identity alone
	CloseTo        []string // role: who may not assume it any more: ARNs of principals or providers, account ids, services
	CutProviders   []string // role: ARNs of SAML and OIDC providers that may sign nobody in any more
	SSOUser        string   // role: the Identity Center user behind it, by user name; default: the finding's session name
	DirectoryUsers []string // role: users of AWS Managed Microsoft AD to disable, DIRECTORY/SAMACCOUNTNAME
	Spare          []string // ARNs of users and roles that are never cut: the responders' own
	QuarantineOU   string   // account: move it to this organisational unit instead of attaching a policy
	Answered       []string // account: names of users that are answered by steps of their own in this plan
	DeleteRoot     bool     // account: plan the deletion of the root user's credentials too, approved on its own
}

// Reached is how scope says that a subject was reached from the incident, where no finding names it.
type Reached struct {
	Session  string   // the role session's name, where the subject is a role
	Sessions []string // the names of all sessions of the role that are the intruder's, where they are known
	Via      string   // the identity it was reached from, as scope prints it
	Doors    []string // ARNs of the principals and providers that the intruder assumed it from; ids of accounts, where no more is known
	Why      string   // one line, with what proves it
}

// Draft is a plan before it is numbered and observed.
type Draft struct {
	Steps       []Step
	Survives    []string
	NotCaptured []string
	Warnings    []string
	Spared      bool // the subject is one of those that the responder keeps out of the cut
	// Open says that the intruder keeps something of the subject that a warning tells of, whatever the steps cut of the
	// rest: carried out whole, the plan has not contained it.
	Open bool
}

// Step is a step of a draft. Key names it within the draft; After and AfterAny name other steps by Key.
type Step struct {
	Key      string
	Action   action.Action
	Target   casefile.Target
	Params   map[string]string
	After    []string // done before
	AfterAny []string // ended before, however
	Summary  string   // default: the action's own
	Impact   []string // beyond what the action itself finds
	// Now is what the draft has seen of the target, spelt as the action's own look would. Then the action is asked
	// neither for that nor for whom it hits, which Impact says: a thousand targets that one answer tells of need no
	// thousand calls. Nil: the action looks.
	Now      json.RawMessage
	Deadline time.Duration
}
