// Package casefile owns the nouns of an incident (subject, target, phase, plan, step, entry) and what is
// written down about it: plans, the journal, the evidence and their verification. It exists as one package so
// that every other one speaks of the same things, and so that a case can be read and checked by code that
// knows nothing of AWS.
package casefile

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Kind says what a subject or target is. Subjects have the kinds of the first group; steps may also aim at
// the parts of a subject in the second.
type Kind string

// The kinds of subject that a playbook may answer.
const (
	EC2Instance Kind = "ec2-instance"
	S3Bucket    Kind = "s3-bucket"
	ECSCluster  Kind = "ecs-cluster"
	ECSTask     Kind = "ecs-task"
	Container   Kind = "container"
	RDSInstance Kind = "rds-instance"
	RDSCluster  Kind = "rds-cluster"
	IAMUser     Kind = "iam-user"
	AccessKey   Kind = "access-key"
	IAMRole     Kind = "iam-role"
	AWSAccount  Kind = "account"

	// A session of a role, by its name, and a user that GetFederationToken made. They are named by findings and by
	// scope, and answered with the principal that they belong to.
	RoleSession   Kind = "role-session"
	FederatedUser Kind = "federated-user"
)

// The kinds of target that are parts or neighbours of a subject.
const (
	NetworkInterface Kind = "network-interface"
	Volume           Kind = "volume"
	VPC              Kind = "vpc"
	NetworkACL       Kind = "network-acl"
	ElasticIP        Kind = "elastic-ip"
	AutoScalingGroup Kind = "auto-scaling-group"
	TargetGroup      Kind = "target-group"
	ClassicELB       Kind = "classic-load-balancer"
	SSMSession       Kind = "ssm-session"

	SAMLProvider       Kind = "saml-provider"        // by ARN
	OIDCProvider       Kind = "oidc-provider"        // by ARN
	IdentityCenterUser Kind = "identity-center-user" // IDENTITYSTORE/USERID
	PermissionSet      Kind = "permission-set"       // by ARN
	DirectoryUser      Kind = "directory-user"       // DIRECTORY/SAMACCOUNTNAME
	ControlPolicy      Kind = "service-control-policy"
	Trail              Kind = "trail"    // by ARN
	Detector           Kind = "detector" // by id
	// Context marks ids that a finding names and that are nobody's subject: database users, volumes, EKS
	// clusters. They are shown by triage and never acted on.
	EKSCluster Kind = "eks-cluster"
	DBUser     Kind = "db-user"
	Database   Kind = "database"
	S3Object   Kind = "s3-object"
	Lambda     Kind = "lambda-function"
)

// Playbook names, as `cordon playbooks` lists them.
const (
	PlaybookEC2         = "ec2"
	PlaybookS3          = "s3"
	PlaybookECS         = "ecs"
	PlaybookContainer   = "container"
	PlaybookRDS         = "rds"
	PlaybookCredentials = "credentials"
	PlaybookRole        = "role"
	PlaybookAccount     = "account"
)

// Phase is a part of the answer to an incident. Phases have an order; see Phases.
type Phase string

// The phases in their order. Recover is never part of a release and always approved on its own.
const (
	Identify Phase = "identify"
	Preserve Phase = "preserve"
	Contain  Phase = "contain"
	Analyse  Phase = "analyse"
	Scope    Phase = "scope"
	Recover  Phase = "recover"
)

// Phases lists every phase in its order.
var Phases = []Phase{Identify, Preserve, Contain, Analyse, Scope, Recover}

// Subject is one compromised thing. Playbook is empty where none answers.
type Subject struct {
	Kind     Kind   `json:"kind"`
	ID       string `json:"id"`
	ARN      string `json:"arn,omitempty"`
	Account  string `json:"account,omitempty"`
	Region   string `json:"region,omitempty"`
	Playbook string `json:"playbook,omitempty"`
}

// Regional tells whether the subject is in a region: identities and accounts are in all of them, and a region that
// stands with one is that of whoever looked.
func (s Subject) Regional() bool {
	switch s.Kind {
	case IAMUser, IAMRole, AccessKey, RoleSession, FederatedUser, AWSAccount:
		return false
	}
	return true
}

// Target is what one step acts on. Parent is the id of the subject the target was reached from.
type Target struct {
	Kind    Kind   `json:"kind"`
	ID      string `json:"id"`
	ARN     string `json:"arn,omitempty"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	Parent  string `json:"parent,omitempty"`
}

// StepState is where a step stands. The state of a step is derived from the journal, never stored.
type StepState string

// The states of a step.
const (
	Todo    StepState = "todo"
	Waiting StepState = "waiting"
	Done    StepState = "done"
	Failed  StepState = "failed"
	Drift   StepState = "drift"
	Undone  StepState = "undone"
	Skipped StepState = "skipped"
)

// CaseState is where a case stands.
type CaseState string

// The states of a case. Contained: every containment step of every plan in force is proved, and each has one; what else
// is missing stands in the steps and in the loss ledger. Partial: a containment step failed or drifted, or a release
// left something. Where the plan contains nothing the case stays open.
const (
	Open      CaseState = "open"
	Contained CaseState = "contained"
	Partial   CaseState = "partial"
	Released  CaseState = "released"
)

// Step is an action on a target, inside a plan.
type Step struct {
	N            int               `json:"n"`
	After        []int             `json:"after"`               // these must be done first
	AfterAny     []int             `json:"after_any,omitempty"` // these must have ended first, however they ended: evidence never blocks containment
	Action       string            `json:"action"`
	Phase        Phase             `json:"phase"`
	Target       Target            `json:"target"`
	Summary      string            `json:"summary"`
	Change       string            `json:"change,omitempty"` // one line for people: what is now -> what will be
	Params       map[string]string `json:"params,omitempty"` // the action's options, decided at plan time
	Before       json.RawMessage   `json:"before,omitempty"` // what was seen while planning; absent on gathering steps, and where nothing could be
	Impact       []string          `json:"impact"`
	Irreversible string            `json:"irreversible,omitempty"`
	Partly       string            `json:"partly,omitempty"`
	AccountWide  string            `json:"account_wide,omitempty"` // why a second person has to sign
	Isolates     bool              `json:"isolates,omitempty"`
	Watches      bool              `json:"watches,omitempty"`    // makes what watches work again: nobody is stopped by it
	DeadlineS    int               `json:"deadline_s,omitempty"` // evidence steps: given up after this many seconds, with a ledger line
	Reads        []string          `json:"reads"`
	Writes       []string          `json:"writes"`
}

// Called is the name of a step's target where its id says nothing to anybody, "" where the id does. Somebody else has
// chosen it.
func (s Step) Called() string {
	if s.Target.Kind != IdentityCenterUser {
		return ""
	}
	const most = 64
	if name := []rune(s.Params["name"]); len(name) > most {
		return string(name[:most]) + "…"
	}
	return s.Params["name"]
}

// On is a step's target as it is told: by its name, where it has one, and its id.
func (s Step) On() string { return named(s.Called(), s.Target.ID) }

// On is the target as it is told: by its name, where it has one, and its id.
func (s StepStatus) On() string { return named(s.Name, s.Target.ID) }

func named(name, id string) string {
	if name == "" {
		return id
	}
	return name + " (" + id + ")"
}

// Plan kinds.
const (
	PlanContain = "contain"
	PlanRelease = "release"
)

// Plan is the steps for one incident with what was observed before, why, what else is hit and what cannot be
// undone. Its name is the SHA-256 of its file's bytes, which hold neither that hash nor a time of their own.
type Plan struct {
	Format      int       `json:"format"` // 1
	Kind        string    `json:"kind"`   // PlanContain or PlanRelease
	Case        string    `json:"case"`
	Simulated   bool      `json:"simulated,omitempty"`
	Account     string    `json:"account"`
	Region      string    `json:"region"`
	Partition   string    `json:"partition"`
	Management  string    `json:"management,omitempty"` // ARN of whoever acts in the organisation's management account
	Subject     Subject   `json:"subject"`
	Subjects    []Subject `json:"subjects,omitempty"` // all of them, the first included, where there are several
	Finding     *Incident `json:"finding,omitempty"`
	FindingRaw  string    `json:"finding_raw,omitempty"` // the finding's own JSON, as given
	Steps       []Step    `json:"steps"`
	Releases    string    `json:"releases,omitempty"` // release plans: the journal head that they were made from
	Survives    []string  `json:"survives"`
	NotCaptured []string  `json:"not_captured"`
	Warnings    []string  `json:"warnings,omitempty"` // what the responder must know before approving
	Unanswered  []Subject `json:"unanswered,omitempty"`
	Uncontained []Subject `json:"uncontained,omitempty"` // no step stops them, or not all of them: the warnings say why
	Spared      []Subject `json:"spared,omitempty"`      // those of them that the responder keeps out of the cut
}

// NothingContained is what is said of a plan that contains nothing, before it is approved and after.
const NothingContained = "nothing contained: the plan has no step that stops anybody; its warnings say what to do instead"

// Contains tells whether the plan stops anybody. One without a containment step contains nothing, however well its
// steps end; nor does one that only makes a trail or a detector work again.
func (p Plan) Contains() bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Phase == Contain && !s.Watches })
}

// NotContained says whom the plan does not stop, "" where it stops everybody that it is about.
func (p Plan) NotContained() string {
	switch {
	case !p.Contains() && len(p.Spared) > 0 && len(p.Spared) == len(p.Uncontained):
		return "nothing contained: " + spared(p.Spared)
	case !p.Contains():
		return NothingContained
	case len(p.Uncontained) == 0:
		return ""
	}
	return p.notContained(p.Uncontained)
}

// notContained says why none of these is stopped. Whom the responder spared can act on as well as anybody else, but
// nothing has failed and nothing is left to be done.
func (p Plan) notContained(of []Subject) string {
	left := slices.DeleteFunc(slices.Clone(of), func(s Subject) bool {
		return slices.ContainsFunc(p.Spared, func(x Subject) bool { return sameSubject(s, x) })
	})
	var why []string
	if len(left) > 0 {
		why = append(why, list(left)+": no step stops that, or not all of it; the plan's warnings say what to do instead")
	}
	if len(left) < len(of) {
		why = append(why, spared(p.Spared))
	}
	return "not contained: " + strings.Join(why, "; ")
}

func spared(of []Subject) string { return list(of) + ": spared, as asked (--spare)" }

func list(of []Subject) string {
	var names []string
	for _, s := range of {
		names = append(names, string(s.Kind)+" "+s.ID)
	}
	return strings.Join(names, ", ")
}

// Incident is one finding, read: what is compromised, by whom, since when. It is what `cordon triage` prints.
type Incident struct {
	Finding    FindingRef `json:"finding"`
	Subjects   []Subject  `json:"subjects"`
	Context    []Subject  `json:"context,omitempty"` // ids that the finding names and that are not subjects
	Actor      Actor      `json:"actor"`
	Indicators Indicators `json:"indicators"`
	Start      string     `json:"start,omitempty"` // RFC 3339, first seen
	End        string     `json:"end,omitempty"`   // RFC 3339, last seen
	Notes      []string   `json:"notes,omitempty"` // what triage must say: sample, archived, caller in another account...
}

// FindingRef says which finding and where in which file it stood.
type FindingRef struct {
	ID       string  `json:"id"`
	Type     string  `json:"type"`
	Title    string  `json:"title,omitempty"` // prose, attacker-influenced: shown escaped, never parsed
	Severity float64 `json:"severity"`
	Account  string  `json:"account"`
	Region   string  `json:"region"`
	Sample   bool    `json:"sample"`
	Archived bool    `json:"archived"`
	Shape    string  `json:"shape,omitempty"`
	File     string  `json:"file"`
	Line     int     `json:"line,omitempty"`
	Offset   int64   `json:"offset"`
}

// Actor is who did it, as the finding says.
type Actor struct {
	Principal     string   `json:"principal"`
	PrincipalType string   `json:"principal_type,omitempty"`
	PrincipalID   string   `json:"principal_id,omitempty"`
	Session       string   `json:"session,omitempty"`
	AccessKey     string   `json:"access_key"`
	Addresses     []string `json:"addresses"`
	Countries     []string `json:"countries,omitempty"`
	Organisations []string `json:"organisations,omitempty"`
}

// Indicators are what else to look for. Addresses are remote addresses, canonical (netip form), deduplicated
// and sorted.
type Indicators struct {
	Addresses []string `json:"addresses,omitempty"`
	Domains   []string `json:"domains,omitempty"`
	Hashes    []string `json:"hashes,omitempty"`
	Ports     []int    `json:"ports,omitempty"`
}

// EntryKind says what a journal entry records.
type EntryKind string

// The kinds of journal entry. The body of each is documented on the type of the same name in entries.go.
const (
	EntrySession  EntryKind = "session"  // a process began: version, binary, who, which key signs
	EntryFinding  EntryKind = "finding"  // the finding as given (its bytes are evidence)
	EntryApprove  EntryKind = "approve"  // a plan was approved, by whom
	EntryIntent   EntryKind = "intent"   // about to change: before-state, op-id
	EntryDone     EntryKind = "done"     // read back: after-state
	EntryFailed   EntryKind = "failed"   // gave up, with what was observed last
	EntrySkip     EntryKind = "skip"     // not done, and why
	EntryDrift    EntryKind = "drift"    // somebody changed it meanwhile; a person decides
	EntryUndo     EntryKind = "undo"     // about to put back
	EntryUndone   EntryKind = "undone"   // read back: it is as it was before
	EntryEvidence EntryKind = "evidence" // an artifact was acquired
	EntryLoss     EntryKind = "loss"     // a planned artifact could not be had, and why
)

// Entry is one record of the journal: the one line of JSON that is signed.
type Entry struct {
	Seq  int             `json:"seq"`  // 1, 2, 3...
	Time time.Time       `json:"time"` // the responder's clock, UTC
	Prev string          `json:"prev"` // SHA-256 (hex) of the previous entry's file; of case.json for the first
	By   By              `json:"by"`
	Kind EntryKind       `json:"kind"`
	Step int             `json:"step"`           // 0 where the entry is about no step
	Plan string          `json:"plan,omitempty"` // the plan that Step counts in
	Body json.RawMessage `json:"body"`

	File string `json:"-"` // SHA-256 (hex) of the entry's own file, filled in on reading
}

// By says who acted: the caller's ARN as GetCallerIdentity names it, and the person.
type By struct {
	ARN    string `json:"arn"`
	Person string `json:"person"`
	Nonce  string `json:"nonce"` // of the writing process, so that a lost append can be told from another's
}

// Operation is one API call as the recorder saw it.
type Operation struct {
	Service   string    `json:"service"`
	Operation string    `json:"operation"`
	Time      time.Time `json:"time"`
	RequestID string    `json:"request_id,omitempty"`
	Attempts  int       `json:"attempts,omitempty"`
	Error     string    `json:"error,omitempty"`
}
