package trail

import (
	"reflect"
	"testing"
	"time"
)

func emptyDocument() *Document {
	return &Document{Seed: []Seed{}, Events: []ScopeEvent{}, Identities: []ScopeIdentity{}, Resources: []ScopeResource{}, Exposures: []ScopeExposure{},
		Techniques: []Technique{}, Indicators: []Indicator{}, Contain: []Containment{},
		Summary:  Summary{Accounts: []string{}, Regions: []string{}, Notes: []string{}, Outcomes: map[string]int{"success": 0, "denied": 0, "error": 0}},
		Coverage: Coverage{Cells: []CoverageCell{}, Gaps: []CoverageGap{}, Never: []string{}, Claims: []string{}}}
}

// fullDocument has every member set: a key, the role it assumed, a user it made, and a session of somebody else.
func fullDocument() *Document {
	const at, later = "2024-05-01T10:00:00Z", "2024-05-01T10:05:00Z"
	event := ScopeEvent{EventID: "e1", Time: at, Name: "GetSecretValue", Source: "secretsmanager.amazonaws.com", Region: "eu-west-1", Account: "111122223333",
		Principal: "arn:aws:iam::111122223333:user/alice", AccessKey: "AKIAEXAMPLE", SourceIP: "203.0.113.9", UserAgent: "aws-cli/2", Outcome: "success",
		Code: "None", Identity: "key:AKIAEXAMPLE", Relation: BySeed, Confidence: Certain, Rule: "seed", PreCompromise: true, Techniques: []string{"T1555.006"}}
	denied, apart, other := event, event, event
	denied.EventID, denied.Time, denied.Outcome, denied.Code, denied.PreCompromise = "e2", later, "denied", "AccessDenied", false
	apart.EventID, apart.Time, apart.Relation, apart.Confidence, apart.Identity = "e3", later, SamePrincipal, Possible, "console:AIDA@x"
	other.EventID, other.Time, other.Name, other.Identity, other.Relation = "e4", later, "AssumeRole", "key:ASIAEXAMPLE", Derived
	identity := ScopeIdentity{ID: "key:AKIAEXAMPLE", Kind: "access-key", ARN: event.Principal, AccessKey: "AKIAEXAMPLE", Account: "111122223333",
		Relation: BySeed, Confidence: Certain, Rule: "seed", Events: 2, Denied: 1, FirstSeen: at, LastSeen: later, Issued: at, LiveUntil: "until revoked",
		RevokedAt: later, Addresses: []string{"203.0.113.9"}, UserAgents: []string{"aws-cli/2"}, Evidence: []string{"e1"}}
	child, unused, apartOne := identity, identity, identity
	child.ID, child.Kind, child.AccessKey, child.Parent, child.Relation, child.RevokedAt, child.LiveUntil = "key:ASIAEXAMPLE", "session", "ASIAEXAMPLE", identity.ID, Derived, "", "2024-05-01T11:05:00Z"
	unused.ID, unused.Parent, unused.Relation, unused.Events, unused.FirstSeen, unused.LastSeen, unused.RevokedAt = "key:ASIAUNUSED", child.ID, Derived, 0, "", "", ""
	apartOne.ID, apartOne.Kind, apartOne.Parent, apartOne.Relation, apartOne.Confidence, apartOne.LiveUntil = "console:AIDA@x", "console", identity.ID, SamePrincipal, Possible, ""
	child.EnteredFrom = []string{event.Principal}
	return &Document{
		Seed: []Seed{{Kind: "access-key", Value: "AKIAEXAMPLE", From: time.Unix(1714557600, 0).UTC(), Until: time.Unix(1714561200, 0).UTC()}},
		Summary: Summary{Events: 3, Possible: 1, Corpus: 100, FirstSeen: at, LastSeen: later, Accounts: []string{"111122223333"}, Regions: []string{"eu-west-1"},
			Outcomes: map[string]int{"success": 2, "denied": 1, "error": 0}, Own: 4, Unread: 1, Notes: []string{"probing: 5 different calls were denied"}},
		Events:     []ScopeEvent{event, denied, apart, other},
		Identities: []ScopeIdentity{identity, child, unused, apartOne},
		Resources: []ScopeResource{
			{ID: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db", Type: "AWS::SecretsManager::Secret", Account: "111122223333", Region: "eu-west-1",
				Access: []Access{ReadData}, Outcome: "accessed", Secret: true, Confidence: Certain, Events: 2, FirstSeen: at, LastSeen: later, Evidence: []string{"e1", "e2"}},
			{ID: "payroll", Type: "AWS::S3::Bucket", Account: "111122223333", Region: "eu-west-1", Access: []Access{List}, Outcome: "attempted", Confidence: Certain,
				Events: 1, FirstSeen: later, LastSeen: later, Evidence: []string{"e2"}},
		},
		Exposures: []ScopeExposure{{Resource: "snap-1", Type: "AWS::EC2::Snapshot", Account: "111122223333", Region: "eu-west-1", Grantee: "444455556666", Under: "only where aws:PrincipalOrgID",
			Kind: "snapshot-share", Confidence: Certain, Since: at, RevokedAt: later, Evidence: []string{"e4"}}},
		Techniques: []Technique{{AttackID: "T1555.006", Name: "Cloud Secrets Management Stores", Events: 2, Evidence: []string{"e1", "e2"}}},
		Indicators: []Indicator{{Kind: "address", Value: "203.0.113.9", Events: 3, FirstSeen: at, LastSeen: later}},
		Contain: []Containment{{Do: "disable-key", Target: "AKIAEXAMPLE", Account: "111122223333", Region: "us-east-1", Why: "it lives", Command: "cordon plan access-key:AKIAEXAMPLE",
			Evidence: []string{"e1"}}},
		Coverage: Coverage{
			Cells:  []CoverageCell{{Account: "111122223333", Region: "eu-west-1", Category: "Management", From: "2024-05-01T10:00:00Z", Until: "2024-05-01T11:00:00Z", State: "logged", Events: 100, Why: "100 events"}},
			Gaps:   []CoverageGap{{Account: "111122223333", Region: "eu-west-1", From: at, Until: later, What: "a trail was stopped", Evidence: []string{"e9"}}},
			Never:  []string{"DNS lookups"},
			Claims: []string{"S3 objects read or written: unknown"},
		},
	}
}

// A member that fullDocument leaves empty is tried by no test.
func TestFullDocumentIsFull(t *testing.T) {
	set := map[string]bool{}
	all := map[string]bool{}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		all[path] = true
		set[path] = set[path] || !v.IsZero()
		switch {
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				walk(path+"[]", v.Index(i))
			}
		case v.Kind() == reflect.Struct && v.Type() != reflect.TypeFor[time.Time]():
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
	walk("", reflect.ValueOf(*fullDocument()))
	for path := range all {
		if !set[path] {
			t.Errorf("%s is empty everywhere", path)
		}
	}
}
