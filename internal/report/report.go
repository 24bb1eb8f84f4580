// Package report says in words and tables what a case holds, for a tired responder and for a court: as one HTML
// page, as Markdown and as JSON. It exists apart from the commands so that the same case always gives the same
// bytes: it reads the journal and the approved plans and nothing else, no clock and no account. It claims
// nothing that the journal does not prove.
package report

import (
	"encoding/json"

	"cordon/internal/casefile"
)

// Report is a case as it stands at one head of its journal. Texts are as the journal has them; JSON, Markdown
// and HTML make them safe to show.
type Report struct {
	Format           int                `json:"format"` // 1
	Case             string             `json:"case"`
	Simulated        bool               `json:"simulated"`
	Created          string             `json:"created"`
	State            casefile.CaseState `json:"state"`
	ContainedAfterMS *int64             `json:"contained_after_ms"`
	IsolatedAfterMS  *int64             `json:"isolated_after_ms"`
	NotContained     string             `json:"not_contained,omitempty"` // whom a plan in force does not stop, however well it went
	Isolation        Isolation          `json:"isolation"`
	Account          string             `json:"account"`
	Region           string             `json:"region"`
	Management       string             `json:"management,omitempty"` // who acted in the organisation's management account
	Subject          casefile.Subject   `json:"subject"`
	Subjects         []casefile.Subject `json:"subjects"`
	Unanswered       []casefile.Subject `json:"unanswered"` // subjects that no playbook answers
	Findings         []Finding          `json:"findings"`
	Sessions         []Session          `json:"sessions"`
	Approvals        []Approval         `json:"approvals"`
	Plan             string             `json:"plan"`
	Run              int                `json:"run"`
	Steps            []Step             `json:"steps"`
	Earlier          []EarlierPlan      `json:"earlier_plans"`
	Proved           []Claim            `json:"proved"`
	NotProved        []Claim            `json:"not_proved"`
	Survives         []string           `json:"survives"`
	Loss             []Loss             `json:"loss"`
	NotCaptured      []string           `json:"not_captured"`
	Scope            *Scope             `json:"scope"` // null where nobody looked at what the intruder reached
	Evidence         []Evidence         `json:"evidence"`
	Release          []Outcome          `json:"release"`
	Warnings         []string           `json:"warnings"`
	Calls            []Call             `json:"calls"`
	Head             casefile.Head      `json:"head"`
	Verify           string             `json:"verify"`
	Journal          []Line             `json:"journal"`
}

// Isolation says how many of the plan's isolating steps are proved now.
type Isolation struct {
	Isolated bool   `json:"isolated"` // every isolating step was read back and has not been put back since
	Proved   int    `json:"proved"`
	Steps    int    `json:"steps"`
	Since    string `json:"since,omitempty"` // of the read-back that proved the last one
	Ended    bool   `json:"ended,omitempty"` // a release put back, or began to put back, at least one
}

// Finding is a finding as the case holds it. SHA256 and Size are of its bytes as given, Seq of the entry; all
// three are empty where the finding stands in the plan alone.
type Finding struct {
	casefile.Incident
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	Seq    int    `json:"seq,omitempty"`
}

// Session is one process that wrote into the journal.
type Session struct {
	Seq     int    `json:"seq"`
	Time    string `json:"time"`
	Entries int    `json:"entries"` // that carry its nonce, this one included
	ARN     string `json:"arn"`
	Person  string `json:"person"`
	casefile.SessionBody
}

// Approval is one approval of a plan. Key is that of the process that wrote it.
type Approval struct {
	Seq    int    `json:"seq"`
	Time   string `json:"time"`
	ARN    string `json:"arn"`
	Person string `json:"person"`
	Key    string `json:"key"`
	casefile.ApproveBody
	NeedsSecond   string                     `json:"needs_second,omitempty"`   // why one person alone does not do
	SecondSigner  *casefile.Countersignature `json:"second_signer,omitempty"`  // null where there is none, or it cannot be read
	SecondProblem string                     `json:"second_problem,omitempty"` // why the second signature does not count
}

// Step is a step of a plan with all that the journal holds of its latest run.
type Step struct {
	casefile.StepStatus
	Summary      string            `json:"summary"`
	Change       string            `json:"change,omitempty"`
	Impact       []string          `json:"impact,omitempty"`
	Irreversible string            `json:"irreversible,omitempty"`
	AccountWide  string            `json:"account_wide,omitempty"`
	Params       map[string]string `json:"params,omitempty"` // the choices that were approved with the plan
	Isolates     bool              `json:"isolates,omitempty"`
	Proof        Proof             `json:"proof"`
	ProvedAt     string            `json:"proved_at,omitempty"` // of the read-back, whatever came after it
	Released     string            `json:"released,omitempty"`  // what a release did with it
	Sent         bool              `json:"sent"`                // false where it was so already
	OpID         string            `json:"op_id,omitempty"`
	Before       json.RawMessage   `json:"before,omitempty"`   // as the intent has it
	After        json.RawMessage   `json:"after,omitempty"`    // as read back
	Observed     json.RawMessage   `json:"observed,omitempty"` // of a step that failed or drifted: what was read last
	RequestIDs   []string          `json:"request_ids,omitempty"`

	undoOpen bool // an undo was begun and its outcome is not in the journal
	partly   string
}

// Proof says what stands behind a step's state.
type Proof string

// The proofs there are. A gathering step changes nothing, so it is never read back: what it had is evidence.
const (
	ReadBack  Proof = "read back"
	Gathered  Proof = "gathered"
	NotProved Proof = "not proved"
)

// EarlierPlan is a containment plan that was approved before the current one.
type EarlierPlan struct {
	Plan     string   `json:"plan"`
	Run      int      `json:"run"`
	Standing Standing `json:"standing"`
	Steps    []Step   `json:"steps"`

	dropped map[int]bool // steps that are not done and that no later plan does instead
}

// Standing says what an earlier plan is beside the current one.
type Standing string

// What an earlier plan can be.
const (
	InForce    Standing = "in force beside the current plan"
	Superseded Standing = "superseded: a later plan is about the same"
	Before     Standing = "from before an earlier release"
)

// Claim is a sentence about a step, with the entry that it rests on (0 where there is none).
type Claim struct {
	Plan string `json:"plan,omitempty"`
	Step int    `json:"step,omitempty"`
	Seq  int    `json:"seq,omitempty"`
	Text string `json:"text"`

	about     *Step // nil where the sentence is about no step alone
	artifacts int
}

// Evidence is one artifact with the entry that records it. A durable thing that was read back again has a
// further record; the last one counts.
type Evidence struct {
	Seq  int    `json:"seq"`
	Time string `json:"time"`
	Plan string `json:"plan"`
	Step int    `json:"step"`
	casefile.Artifact
}

// Loss is a line of the loss ledger. MadeGood is the later entry that brought the artifact after all.
type Loss struct {
	Seq  int    `json:"seq"`
	Time string `json:"time"`
	Plan string `json:"plan"`
	Step int    `json:"step"`
	casefile.Loss
	MadeGood int `json:"made_good,omitempty"`
}

// Outcome is what a release did with one change.
type Outcome struct {
	Plan   string          `json:"plan"`
	Step   int             `json:"step"`
	Action string          `json:"action"`
	Target casefile.Target `json:"target"`
	What   string          `json:"what"`
	Reason string          `json:"reason,omitempty"`
	Partly string          `json:"partly,omitempty"`
	Seq    int             `json:"seq,omitempty"`
	Time   string          `json:"time,omitempty"`
}

// What a release can have done with a change.
const (
	PutBack     = "put back, read back as it was before"
	PutDiffers  = "put back, but read back otherwise than it was before"
	WasBack     = "found as it was before, nothing sent"
	Kept        = "kept: the action has no undo"
	LeftAsIs    = "left by a person's decision"
	LeftDrifted = "left: somebody changed it meanwhile"
	UndoOpen    = "putting back was begun, its outcome is not recorded"
	Stands      = "stands: not put back"
)

// Call is one API call of cordon's own, as its recorder noted it.
type Call struct {
	Seq  int `json:"seq"` // of the entry that holds it
	Step int `json:"step"`
	casefile.Operation
}

// Line is one entry of the journal.
type Line struct {
	Seq    int                `json:"seq"`
	Time   string             `json:"time"`
	ARN    string             `json:"arn"`
	Person string             `json:"person"`
	Kind   casefile.EntryKind `json:"kind"`
	Plan   string             `json:"plan,omitempty"`
	Step   int                `json:"step"`
	What   string             `json:"what"`
	File   string             `json:"file"` // SHA-256 of the entry's file
}
