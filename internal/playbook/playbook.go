// Package playbook says which actions answer which kind of subject, in which order: one file a playbook.
package playbook

import (
	"context"
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
	// Draft looks at the subject and lists the steps. It changes nothing. An error that wraps
	// action.ErrGone says that the subject does not exist: nothing can be planned.
	Draft func(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error)
}

// All lists the playbooks that can be planned.
var All = []Playbook{EC2}

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
}

// Options are the responder's choices, from the command line.
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
}

// Draft is a plan before it is numbered and observed.
type Draft struct {
	Steps       []Step
	Survives    []string
	NotCaptured []string
	Warnings    []string
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
	Deadline time.Duration
}
