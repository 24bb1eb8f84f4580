package trail

import "time"

// Seed is where the question starts.
type Seed struct {
	Kind  string `json:"kind"` // access-key, user, role, session, root, federated-user, address, instance, function, event, account
	Value string `json:"value"`
	// From and Until bound when the seed counts as compromised, from a finding or the command line; zero: all of it.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Question is what is asked of a corpus.
type Question struct {
	Seeds        []Seed
	Since, Until time.Time       // only events in this window are looked at; zero: all
	Own          map[string]bool // request ids of cordon's own calls, left out
}

// Document is the blast radius: what `cordon scope -o json` prints. Its JSON Schema is scope.schema.json. It says
// nothing of files, so that the same events give the same bytes. Lists are never null.
type Document struct {
	Seed       []Seed          `json:"seed"`
	Summary    Summary         `json:"summary"`
	Events     []ScopeEvent    `json:"events"`     // by time, then id
	Identities []ScopeIdentity `json:"identities"` // by first seen, then id
	Resources  []ScopeResource `json:"resources"`
	Exposures  []ScopeExposure `json:"exposures"`
	Techniques []Technique     `json:"techniques"`
	Indicators []Indicator     `json:"indicators"`
	Contain    []Containment   `json:"contain"`
	Coverage   Coverage        `json:"coverage"`
}

// Summary counts, and says in sentences what must not be missed.
type Summary struct {
	Events    int            `json:"events"`   // attributed to the intruder: all but same-principal and service
	Possible  int            `json:"possible"` // listed apart
	Corpus    int            `json:"corpus_events"`
	FirstSeen string         `json:"first_seen"` // RFC 3339, "" where nothing was found
	LastSeen  string         `json:"last_seen"`
	Accounts  []string       `json:"accounts"`
	Regions   []string       `json:"regions"`
	Outcomes  map[string]int `json:"outcomes"` // success, denied, error
	Own       int            `json:"own_events_left_out"`
	Unread    int            `json:"unread"` // records nobody could read, so that what they say is unknown
	Notes     []string       `json:"notes"`  // for people: seed not found, theft, padding, weakened trails, denied probing, what CloudTrail never records
}

// Relation is why an event or identity is listed.
type Relation string

// How something hangs together with the seed. SamePrincipal and Service are not the intruder's own doing.
const (
	BySeed          Relation = "seed"
	Derived         Relation = "derived"
	ForwardAccess   Relation = "forward-access"
	CreatedIdentity Relation = "created-identity"
	SamePrincipal   Relation = "same-principal"
	ByService       Relation = "service"
)

// ScopeEvent is one event of the intruder, or one listed apart.
type ScopeEvent struct {
	EventID       string     `json:"event_id"`
	Time          string     `json:"time"` // RFC 3339, UTC
	Name          string     `json:"name"`
	Source        string     `json:"source"`
	Region        string     `json:"region"`
	Account       string     `json:"account"`
	Principal     string     `json:"principal"` // ARN, else principalId, else type
	AccessKey     string     `json:"access_key"`
	SourceIP      string     `json:"source_ip"`
	UserAgent     string     `json:"user_agent"`
	Outcome       string     `json:"outcome"`
	Code          string     `json:"error_code,omitempty"`
	Identity      string     `json:"identity"` // id of the identity that made it
	Relation      Relation   `json:"relation"`
	Confidence    Confidence `json:"confidence"`
	Rule          string     `json:"rule"`
	PreCompromise bool       `json:"pre_compromise,omitempty"`
	Techniques    []string   `json:"techniques,omitempty"`
}

// ScopeIdentity is a node of the chain: a credential, session, user, role or workload.
type ScopeIdentity struct {
	ID         string     `json:"id"`   // stable: the credential group's key
	Kind       string     `json:"kind"` // access-key, session, console, root, iam-user, iam-role, iam-group, federated-user, function, instance, service, external-account, …
	ARN        string     `json:"arn"`
	AccessKey  string     `json:"access_key"`
	Account    string     `json:"account"`
	Parent     string     `json:"parent"` // id; "" for a seed
	Relation   Relation   `json:"relation"`
	Confidence Confidence `json:"confidence"`
	Rule       string     `json:"rule"`
	Events     int        `json:"events"`
	Denied     int        `json:"denied"`
	FirstSeen  string     `json:"first_seen"` // "" where never used
	LastSeen   string     `json:"last_seen"`
	Issued     string     `json:"issued"`     // when handed out or tainted
	LiveUntil  string     `json:"live_until"` // RFC 3339; "revoked" is RevokedAt; "until revoked" for what does not expire; "" where it is over or unknown
	RevokedAt  string     `json:"revoked_at,omitempty"`
	Addresses  []string   `json:"addresses"`
	UserAgents []string   `json:"user_agents"`
	Evidence   []string   `json:"evidence"` // event ids that link it to its parent, or of the seed
	// EnteredFrom is who asked for it, where the log shows that: ARNs of principals and identity providers, or accounts,
	// the intruder's or not.
	EnteredFrom []string `json:"entered_from,omitempty"`
}

// ScopeResource is what was reached, or attempted.
type ScopeResource struct {
	ID         string     `json:"id"`
	Type       string     `json:"type"`
	Account    string     `json:"account"`
	Region     string     `json:"region"`
	Access     []Access   `json:"access"`
	Outcome    string     `json:"outcome"` // accessed, attempted
	Secret     bool       `json:"secret,omitempty"`
	Confidence Confidence `json:"confidence"`
	Events     int        `json:"events"`
	FirstSeen  string     `json:"first_seen"`
	LastSeen   string     `json:"last_seen"`
	Evidence   []string   `json:"evidence"` // at most MaxEvidence ids, first ones; Events counts all
}

// MaxEvidence bounds the event ids listed for one resource.
const MaxEvidence = 100

// ScopeExposure is a resource given to somebody outside.
type ScopeExposure struct {
	Resource   string     `json:"resource"`
	Type       string     `json:"type"`
	Account    string     `json:"account"`
	Region     string     `json:"region"`
	Grantee    string     `json:"grantee"`
	Kind       string     `json:"kind"`
	Under      string     `json:"under,omitempty"` // the condition that narrows it, in words
	Confidence Confidence `json:"confidence"`
	Since      string     `json:"since"`
	RevokedAt  string     `json:"revoked_at,omitempty"`
	Evidence   []string   `json:"evidence"`
}

// Technique is an ATT&CK technique seen, denied attempts among them.
type Technique struct {
	AttackID string   `json:"attack_id"`
	Name     string   `json:"name"`
	Events   int      `json:"events"`
	Evidence []string `json:"evidence"`
}

// Indicator is something to look for elsewhere.
type Indicator struct {
	Kind      string `json:"kind"` // address, user-agent, access-key, arn, account, resource
	Value     string `json:"value"`
	Events    int    `json:"events"`
	FirstSeen string `json:"first_seen"`
	LastSeen  string `json:"last_seen"`
}

// Containment is one thing to do.
type Containment struct {
	Do       string   `json:"do"` // disable-key, revoke-sessions, contain-user, contain-role, contain-instance, unshare, rotate-secret, restore-logging, review
	Target   string   `json:"target"`
	Account  string   `json:"account"`
	Region   string   `json:"region"`
	Why      string   `json:"why"`
	Command  string   `json:"command"` // cordon plan …; "" where there is nothing that cordon could plan for
	Evidence []string `json:"evidence"`
}

// Coverage says what the log can tell and what it cannot.
type Coverage struct {
	Cells  []CoverageCell `json:"cells"`  // runs of hours of one state, by account, region, category
	Gaps   []CoverageGap  `json:"gaps"`   // what stopped or narrowed logging, seen in the log
	Never  []string       `json:"never"`  // what CloudTrail never records
	Claims []string       `json:"claims"` // sentences that the coverage allows: "0 objects read from bucket x between …"
}

// CoverageCell is a run of hours of one account, region and category.
type CoverageCell struct {
	Account  string `json:"account"`
	Region   string `json:"region"`
	Category string `json:"category"` // Management, Data, NetworkActivity; data events of one service: Data:s3
	From     string `json:"from"`     // RFC 3339, the hour's start
	Until    string `json:"until"`    // the last hour's end
	State    string `json:"state"`    // logged, gap, unknown
	Events   int    `json:"events"`
	Why      string `json:"why"`
}

// CoverageGap is an event after which something was no longer logged.
type CoverageGap struct {
	Account  string   `json:"account"`
	Region   string   `json:"region"`
	From     string   `json:"from"`
	Until    string   `json:"until"` // "" while it lasts
	What     string   `json:"what"`
	Evidence []string `json:"evidence"`
}
