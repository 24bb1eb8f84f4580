package casefile

import "encoding/json"

// SessionBody is the body of a session entry, the first of every process. The first session of a case binds
// the key of case.json; a later one that signs with another key introduces it here.
type SessionBody struct {
	Version   string `json:"version"`
	Binary    string `json:"binary"` // SHA-256 of the running executable
	Command   string `json:"command"`
	Key       string `json:"key"` // verifier key of this process (golang.org/x/mod/sumdb/note)
	Account   string `json:"account"`
	Simulated bool   `json:"simulated,omitempty"`
	KMSKey    string `json:"kms_key,omitempty"` // ARN of the KMS key that endorses Key
	KMSAlg    string `json:"kms_alg,omitempty"`
	KMSPublic string `json:"kms_public,omitempty"` // base64 SubjectPublicKeyInfo, as kms:GetPublicKey gave it
	KMSSig    string `json:"kms_sig,omitempty"`    // base64 signature over the text of Key
}

// FindingBody names the evidence that holds the finding's bytes as given.
type FindingBody struct {
	SHA256   string   `json:"sha256"`
	Size     int64    `json:"size"`
	Incident Incident `json:"incident"`
}

// ApproveBody says that a plan was approved. Second is the countersignature (Countersignature) of a second person, whole,
// where the plan concerns an account as a whole.
type ApproveBody struct {
	Plan string `json:"plan"`
	Kind string `json:"kind"` // PlanContain or PlanRelease
	Run  int    `json:"run"`  // 1 for the first apply of this plan; a new apply after a release counts on
	How  string `json:"how"`  // "flag" (--approve HASH) or "terminal" (typed)

	Second string `json:"second,omitempty"`
}

// IntentBody is written before a change is sent. OpID is random: what the step creates carries it in a tag.
type IntentBody struct {
	OpID   string          `json:"op_id"`
	Run    int             `json:"run"`
	Action string          `json:"action"`
	Target Target          `json:"target"`
	Before json.RawMessage `json:"before"`
}

// DoneBody is written when the resource, read back, shows the effect. Intent is false where nothing had to be
// sent because the state was already so.
type DoneBody struct {
	Run   int             `json:"run"`
	Sent  bool            `json:"sent"`
	After json.RawMessage `json:"after,omitempty"`
	Calls []Operation     `json:"calls,omitempty"`
}

// FailedBody says that a step was given up. Observed is what was read last; an error proves nothing.
type FailedBody struct {
	Run      int             `json:"run"`
	Error    string          `json:"error"`
	Observed json.RawMessage `json:"observed,omitempty"` // absent: could not look
	Calls    []Operation     `json:"calls,omitempty"`
}

// SkipBody says why a step was not done, or (Left) that a person decided to leave a change as it is.
type SkipBody struct {
	Run    int    `json:"run"`
	Reason string `json:"reason"`
	Left   bool   `json:"left,omitempty"`
}

// DriftBody says what was expected and what was there.
type DriftBody struct {
	Run      int             `json:"run"`
	Expected json.RawMessage `json:"expected,omitempty"`
	Observed json.RawMessage `json:"observed,omitempty"`
	Reason   string          `json:"reason"`
}

// UndoBody is written before a change is put back. Step and Plan of the entry are the containment plan's own.
type UndoBody struct {
	Run      int             `json:"run"`
	Release  string          `json:"release"` // hash of the approved release plan
	Expected json.RawMessage `json:"expected"`
	Before   json.RawMessage `json:"before"`
}

// UndoneBody is written when the resource, read back, is as it was before, but for what Partly says.
type UndoneBody struct {
	Run      int             `json:"run"`
	Release  string          `json:"release"`
	Sent     bool            `json:"sent"`
	Observed json.RawMessage `json:"observed,omitempty"`
	Partly   string          `json:"partly,omitempty"`
	Kept     string          `json:"kept,omitempty"` // why nothing was put back: evidence stays, or the step gave back itself
	Calls    []Operation     `json:"calls,omitempty"`
}

// EvidenceBody records what one gathering step acquired in one go.
type EvidenceBody struct {
	Run   int         `json:"run"`
	Items []Artifact  `json:"items"`
	Calls []Operation `json:"calls,omitempty"`
}

// Artifact is one piece of evidence: bytes in the case (SHA256), or a durable thing left in AWS (ID).
type Artifact struct {
	Name   string `json:"name"`
	Source string `json:"source"` // the API operation or the resource it came from
	Target Target `json:"target"`
	SHA256 string `json:"sha256,omitempty"`
	Size   int64  `json:"size,omitempty"`
	ID     string `json:"id,omitempty"`    // e.g. snap-0abc
	State  string `json:"state,omitempty"` // as read back: completed
	Lock   string `json:"lock,omitempty"`  // as read back: governance until 2027-01-01T00:00:00Z
}

// LossBody enters lines into the loss ledger.
type LossBody struct {
	Run  int    `json:"run"`
	Lost []Loss `json:"lost"`
}

// Loss is a line of the loss ledger: planned as evidence, not had, and why.
type Loss struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Target Target `json:"target"`
	Reason string `json:"reason"`
	Whole  bool   `json:"whole,omitempty"` // all that the step was to keep; made good when the step is done later
}
