// Package trail reads CloudTrail logs of every shape and answers who did it and what they reached: the events, the
// identities they became, the resources they touched, what they gave away, and what nobody can know because it was
// not logged.
//
// It is pure: it reads what it is handed and never asks for the time, the network or AWS.
//
//	Read     logs of any shape into a Corpus: a fixed-size row an event, everything repeated held once
//	Corpus   rows and the tables they point into; gives back whole events by number
//	EffectsOf what one event touches, issues, gives and means; all of it data in table.go
//	Find     the blast radius of the seeds over a corpus: a Document
//	Document what `-o json` prints; Write* make files of it and of the timeline
//
// The order of files, how records are split over them, their names, compression and copies change nothing in a
// Document: the tables are complete before anything is attributed.
package trail

import "time"

// Outcome is how a call ended.
type Outcome uint8

// A call succeeded, was refused for want of permission, or failed for another reason (throttled, not found, invalid).
// DryRunOperation counts as Success of a check that changed nothing; Event.Code keeps it.
const (
	Success Outcome = iota
	Denied
	Failed
)

// String gives success, denied or error, as the documents spell it.
func (o Outcome) String() string { return [...]string{"success", "denied", "error"}[o] }

// Category is the kind of event, which decides whether a trail logs it by default
// (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html, eventCategory).
type Category uint8

// The categories of CloudTrail. A record from before eventVersion 1.07 names none and is told by managementEvent or
// by its shape.
const (
	Management Category = iota
	Data
	NetworkActivity
	Insight
)

// String gives the category as CloudTrail spells it.
func (c Category) String() string {
	return [...]string{"Management", "Data", "NetworkActivity", "Insight"}[c]
}

// Identity is who made a call: the userIdentity of a record, without what differs between calls of one session.
// Two records have equal Identities just when everything in userIdentity that this names is equal.
type Identity struct {
	Type        string // Root, IAMUser, AssumedRole, Role, FederatedUser, SAMLUser, WebIdentityUser, IdentityCenterUser, AWSAccount, AWSService, Directory, Unknown or empty
	PrincipalID string // AIDA…, AROA…:session, account:name; may be empty
	ARN         string
	Account     string // accountId of the caller
	AccessKey   string // may be empty
	UserName    string

	Created          string // sessionContext.attributes.creationDate as written, RFC 3339; empty without a session
	MFA              bool   // sessionContext.attributes.mfaAuthenticated
	IssuerType       string // sessionContext.sessionIssuer.type: Role, Root, IAMUser
	IssuerPrincipal  string // sessionIssuer.principalId, AROA… of the role
	IssuerARN        string // sessionIssuer.arn
	SourceIdentity   string // sessionContext.sourceIdentity
	EC2RoleDelivery  string // sessionContext.ec2RoleDelivery: 1.0, 2.0
	Provider         string // webIdFederationData.federatedProvider or identityProvider
	WebIdentityToken string // additionalEventData or sessionContext webIdentityTokenId, where there is one
	InvokedBy        string // an AWS service that called on the principal's behalf, or the service itself
	OnBehalfOf       string // Identity Center userId
	SignInSession    string // signInSessionArn
	FromConsole      bool   // sessionCredentialFromConsole of the record
}

// Resource is one element of a record's resources[].
type Resource struct {
	ARN, Account, Type string
}

// Event is one record, read whole and strictly.
type Event struct {
	ID        string
	Time      time.Time // UTC
	Name      string    // eventName without a trailing API version: CreateFunction, not CreateFunction20150331
	RawName   string    // as written
	Source    string    // iam.amazonaws.com
	Region    string
	Version   string
	Type      string // AwsApiCall, AwsServiceEvent, AwsConsoleSignIn, AwsConsoleAction, …
	Category  Category
	ReadOnly  bool
	Identity  Identity
	SourceIP  string
	UserAgent string

	Outcome Outcome
	Code    string // errorCode; also "Failure" of a console sign-in
	Message string // errorMessage

	RequestID   string
	SharedID    string // sharedEventID
	Recipient   string // recipientAccountId, else the caller's account
	VPCEndpoint string
	Request     map[string]any // requestParameters; nil where null. Numbers are json.Number
	Response    map[string]any // responseElements; nil where null
	Additional  map[string]any // additionalEventData
	Service     map[string]any // serviceEventDetails
	Resources   []Resource
	Addendum    string // addendum.reason
	Original    string // addendum.originalEventID
	Omitted     bool   // requestParameters or responseElements left out as too large: what it did is unknown
	Hidden      bool   // requestParameters or responseElements hidden for security reasons as a whole
	Unread      string // why the strict reader refused the record: then Request, Response, Additional, Service and Resources are empty, and what it did is unknown
	Raw         []byte // the record's JSON as found (for shapes that wrap it, the inner record)
}

// ServiceName gives iam of iam.amazonaws.com, and of iam.amazonaws.com.cn.
func (e *Event) ServiceName() string { return serviceName(e.Source) }

func serviceName(source string) string {
	for i := range len(source) {
		if source[i] == '.' {
			return source[:i]
		}
	}
	return source
}

// Access is how a resource was reached.
type Access string

// The ways of reaching a resource, weakest first.
const (
	List       Access = "list"
	ReadConfig Access = "read-config"
	ReadData   Access = "read-data"
	Write      Access = "write"
	Delete     Access = "delete"
	Share      Access = "share"
	Execute    Access = "execute"
)

// Confidence is how sure an attribution is.
type Confidence string

// Certain: the log shows it. Probable: the log shows control, and use by the intruder is the plain reading of it.
// Possible: it may as well have been somebody else.
const (
	Certain  Confidence = "certain"
	Probable Confidence = "probable"
	Possible Confidence = "possible"
)

// Touch is a resource that an event reached, or tried to.
type Touch struct {
	ID      string // name or id as the service uses it: bucket, i-…, secret ARN
	Type    string // CloudFormation's name: AWS::S3::Bucket
	Account string
	Region  string
	Access  Access
}

// Issue is a credential that an event handed out. The response says so, or, where it is redacted, nothing but the
// session to come (Session and the fields for finding it) is known.
type Issue struct {
	AccessKey string    // may be empty
	Principal string    // principalId of the new session: AROA…:name, or of the user
	ARN       string    // of the session or user that the key acts as
	RoleARN   string    // of the role assumed
	Session   string    // role session name
	Expires   time.Time // zero: not before it is revoked
	Rule      string    // sts-assume-role
	TokenID   string    // webIdentityTokenId, by which the session that a web identity token opens is found
}

// Grant is control that an event gave the caller over an identity or a workload.
type Grant struct {
	Kind       string // iam-user, iam-role, iam-group, policy, instance-profile, identity-provider, permission-set, identity-center-user, eks-access, account; a workload: function, instance, task, task-definition, notebook, build-project, …
	ID         string // ARN where it can be had or made, else the name
	Account    string
	Region     string
	Rule       string // created-identity, credential-added, login-profile, mfa-changed, privilege, trust, pass-role, code-control, host-control
	Confidence Confidence
	Trustees   []string // new trustees of a trust policy: ARNs, accounts, providers
	Through    string   // workload through which a passed role acts: instance id, function ARN
	What       string   // policy, key or group that gives the control, where the request names it
}

// Exposure is a resource shared to somebody outside it.
type Exposure struct {
	Resource Touch
	Grantee  string // account id, ARN, "*" for everybody, 0.0.0.0/0
	Kind     string // bucket-policy, bucket-acl, snapshot-share, image-share, role-trust, resource-policy, key-policy, key-grant, lambda-permission, function-url, security-group, ram-share, export, replication, public-access, …
	Under    string // condition that narrows it, in words: "only where aws:PrincipalOrgID"; empty: none
}

// Undo takes back a grant or an exposure.
type Undo struct {
	ID   string // of what was granted or exposed, as Grant.ID and Exposure.Resource.ID spell it; an access key
	Rule string // Grant.Rule or Exposure.Kind; empty: all of them, for the thing itself is gone or works no more
	What string // Grant.What or Exposure.Grantee; empty: whatever it was
}

// Effects are what one event did or tried; for one that did not succeed, what it tried. See table.go.
type Effects struct {
	Touches    []Touch
	Issues     []Issue
	Grants     []Grant
	Exposures  []Exposure
	Secrets    []Touch  // secrets read; each is among Touches too
	Techniques []string // ATT&CK ids: T1098.001
	Weakens    string   // trail or detector weakened, in words: "stops trail x"
	Coming     string   // destruction that can still be called off, in words: "schedules the deletion of key x"
	Reverts    []string // ids of what is gone with this: deleted user, key, function. Each is among Undoes too
	Undoes     []Undo   // what this takes back
	Unnamed    string   // what it reached that the record does not name: "hosts", "secrets"
	Padded     bool     // request omitted as too large on a write: effect unknown, taken as the worst
}

func timeAt(sec uint32) time.Time { return time.Unix(int64(sec), 0).UTC() }
