package trail

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A story is a small log, written by hand: a test tells who did what, and asks whose it is found to be.
type story struct {
	t       *testing.T
	records []map[string]any
}

const (
	ours   = "111111111111"
	theirs = "222222222222"
)

var storyBegins = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// clock gives the time so many seconds into the story.
func clock(sec int) string {
	return storyBegins.Add(time.Duration(sec) * time.Second).Format(time.RFC3339)
}

type obj = map[string]any

// aliceLike is the identity of an IAM user that calls with a key.
func aliceLike(name, key string) obj {
	return obj{"type": "IAMUser", "principalId": "AIDA" + strings.ToUpper(name), "arn": "arn:aws:iam::" + ours + ":user/" + name, "accountId": ours, "accessKeyId": key, "userName": name}
}

// inRole is a session of a role, begun so many seconds into the story.
func inRole(role, session, key string, begun int) obj {
	return obj{"type": "AssumedRole", "principalId": "AROA" + strings.ToUpper(role) + ":" + session, "arn": "arn:aws:sts::" + ours + ":assumed-role/" + role + "/" + session,
		"accountId": ours, "accessKeyId": key, "sessionContext": obj{
			"sessionIssuer": obj{"type": "Role", "principalId": "AROA" + strings.ToUpper(role), "arn": "arn:aws:iam::" + ours + ":role/" + role, "accountId": ours, "userName": role},
			"attributes":    obj{"creationDate": clock(begun), "mfaAuthenticated": "false"}}}
}

// changed gives an identity with other members.
func changed(id obj, with obj) obj {
	id = maps.Clone(id)
	maps.Copy(id, with)
	return id
}

// atConsole is a user's console session: every call has another key.
func atConsole(name, key string, begun int) obj {
	return changed(aliceLike(name, key), obj{"sessionContext": obj{"attributes": obj{"creationDate": clock(begun), "mfaAuthenticated": "false"}}})
}

func byService(service string) obj { return obj{"type": "AWSService", "invokedBy": service} }

// does adds an event, service:Name, and gives its id. more goes over the record's members.
func (s *story) does(sec int, who obj, call string, more obj) string {
	service, name, _ := strings.Cut(call, ":")
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.records)+1)
	r := obj{"eventVersion": "1.09", "userIdentity": who, "eventTime": clock(sec), "eventSource": service + ".amazonaws.com", "eventName": name,
		"awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.9", "userAgent": "aws-cli/2.15", "requestParameters": nil, "responseElements": nil,
		"requestID": "r-" + id, "eventID": id, "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "recipientAccountId": ours, "eventCategory": "Management"}
	maps.Copy(r, more)
	s.records = append(s.records, r)
	return id
}

// assumes adds an AssumeRole that hands out key.
func (s *story) assumes(sec int, who obj, role, session, key string, more obj) string {
	m := obj{"requestParameters": obj{"roleArn": "arn:aws:iam::" + ours + ":role/" + role, "roleSessionName": session},
		"responseElements": obj{"credentials": obj{"accessKeyId": key, "expiration": "May 1, 2024, 11:00:00 PM"},
			"assumedRoleUser": obj{"assumedRoleId": "AROA" + strings.ToUpper(role) + ":" + session, "arn": "arn:aws:sts::" + ours + ":assumed-role/" + role + "/" + session}}}
	maps.Copy(m, more)
	return s.does(sec, who, "sts:AssumeRole", m)
}

func (s *story) lines() []string {
	var out []string
	for _, r := range s.records {
		b, err := json.Marshal(r)
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

// ask asks of the story, and of the story told backwards, doubled and split, which must change nothing.
func (s *story) ask(q Question) *Document {
	s.t.Helper()
	lines := s.lines()
	find := func(files ...File) *Document {
		d, err := Find(context.Background(), corpusOf(s.t, files...), q)
		if err != nil {
			s.t.Fatal(err)
		}
		return d
	}
	d := find(fileOf("log", strings.Join(lines, "\n")))
	slices.Reverse(lines)
	half := len(lines) / 2
	other := find(fileOf("b", strings.Join(lines[half:], "\n")), fileOf("a", strings.Join(lines, "\n")), fileOf("c", strings.Join(lines[:half], "\n")))
	one, two := marshalled(s.t, d), marshalled(s.t, other)
	if one != two {
		s.t.Errorf("told backwards, the story has another answer:\n%s\n%s", one, two)
	}
	return d
}

func marshalled(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (s *story) seeds(kindValue ...string) *Document {
	s.t.Helper()
	var q Question
	for i := 0; i < len(kindValue); i += 2 {
		q.Seeds = append(q.Seeds, Seed{Kind: kindValue[i], Value: kindValue[i+1]})
	}
	return s.ask(q)
}

// is checks what an event is found to be: "derived certain sts-assume-role", "" for not listed.
func is(t *testing.T, d *Document, id, want string) {
	t.Helper()
	got, name := "", ""
	for i := range d.Events {
		if e := &d.Events[i]; e.EventID == id {
			got, name = string(e.Relation)+" "+string(e.Confidence)+" "+e.Rule, e.Name+" by "+e.Principal
		}
	}
	if got != want {
		t.Errorf("event %s %s is %q, not %q", id, name, got, want)
	}
}

func listedAs(t *testing.T, d *Document, id string) *ScopeIdentity {
	t.Helper()
	for i := range d.Identities {
		if d.Identities[i].ID == id {
			return &d.Identities[i]
		}
	}
	var have []string
	for i := range d.Identities {
		have = append(have, d.Identities[i].ID)
	}
	t.Fatalf("no identity %s among %q", id, have)
	return nil
}

func noted(t *testing.T, d *Document, part string) {
	t.Helper()
	if !slices.ContainsFunc(d.Summary.Notes, func(n string) bool { return strings.Contains(n, part) }) {
		t.Errorf("no note says %q: %q", part, d.Summary.Notes)
	}
}

func has(d *Document, technique string) bool {
	return slices.ContainsFunc(d.Techniques, func(x Technique) bool { return x.AttackID == technique })
}

const (
	alicesKey = "AKIAALICEALICEALICE1"
	mallory   = "AKIAMALLORYMALLORY01"
	bobsKey   = "AKIABOBBOBBOBBOBBOB1"
)

// The key of the seed, what it was handed, and what that was handed are the intruder's; the same role begun by another
// user is not.
func TestFollowsIssuedKeys(t *testing.T) {
	s := &story{t: t}
	a, b := aliceLike("alice", alicesKey), aliceLike("bob", bobsKey)
	first := s.does(0, a, "s3:ListBuckets", nil)
	issue := s.assumes(10, a, "admin", "x", "ASIAONEONEONEONEONE1", nil)
	one := inRole("admin", "x", "ASIAONEONEONEONEONE1", 10)
	used := s.does(10, one, "iam:ListUsers", nil) // issue and first use within a second
	s.assumes(20, one, "db", "y", "ASIATWOTWOTWOTWOTWO2", nil)
	deep := s.does(25, inRole("db", "y", "ASIATWOTWOTWOTWOTWO2", 20), "rds:DescribeDBInstances", nil)
	s.assumes(12, b, "admin", "x", "ASIABOBSBOBSBOBSBOB1", nil)
	bobs := s.does(13, inRole("admin", "x", "ASIABOBSBOBSBOBSBOB1", 12), "iam:ListRoles", nil)
	unused := s.assumes(30, a, "admin", "x", "ASIAUNUSEDUNUSEDUNU1", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, first, "seed certain seed-access-key")
	is(t, d, issue, "seed certain seed-access-key")
	is(t, d, used, "derived certain sts-assume-role")
	is(t, d, deep, "derived certain sts-assume-role")
	is(t, d, bobs, "")
	n := listedAs(t, d, "key:ASIAUNUSEDUNUSEDUNU1")
	if n.Events != 0 || n.LiveUntil != "2024-05-01T23:00:00Z" || n.Parent != "key:"+alicesKey || !slices.Equal(n.Evidence, []string{unused}) {
		t.Errorf("a key handed out and never used: %+v", n)
	}
}

// What the key did before it was the intruder's is listed apart and leads nowhere.
func TestBeforeCompromise(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.assumes(0, a, "admin", "x", "ASIAEARLYEARLYEARLY1", nil)
	earlier := s.does(5, inRole("admin", "x", "ASIAEARLYEARLYEARLY1", 0), "iam:ListUsers", nil)
	before := s.does(10, a, "s3:ListBuckets", nil)
	after := s.does(100, a, "s3:ListBuckets", nil)
	d := s.ask(Question{Seeds: []Seed{{Kind: "access-key", Value: alicesKey, From: storyBegins.Add(50 * time.Second)}}})
	is(t, d, before, "same-principal possible before-compromise")
	is(t, d, after, "seed certain seed-access-key")
	is(t, d, earlier, "")
	if d.Summary.Events != 1 || d.Events[0].PreCompromise != true {
		t.Errorf("%+v", d.Summary)
	}
}

// A console session mints keys as it goes; its sign-in has none. The user's other session is listed apart, and the
// sign-in of another user at the same second is not.
func TestConsoleSession(t *testing.T) {
	s := &story{t: t}
	signIn := func(sec int, name, ip string) string {
		return s.does(sec, changed(aliceLike(name, ""), obj{"accessKeyId": ""}), "signin:ConsoleLogin", obj{"eventType": "AwsConsoleSignIn", "sourceIPAddress": ip,
			"responseElements": obj{"ConsoleLogin": "Success"}, "additionalEventData": obj{"MFAUsed": "No"}})
	}
	from := func(ip string) obj { return obj{"sourceIPAddress": ip, "sessionCredentialFromConsole": "true"} }
	mine, elses := signIn(1, "alice", "198.51.100.7"), signIn(0, "bob", "198.51.100.7")
	one := s.does(60, atConsole("alice", "ASIACONSOLECONSOLE01", 0), "iam:ListUsers", from("198.51.100.7"))
	two := s.does(70, atConsole("alice", "ASIACONSOLECONSOLE02", 0), "iam:ListRoles", from("198.51.100.7"))
	check := s.does(-20, changed(aliceLike("alice", ""), obj{"accessKeyId": ""}), "signin:CheckMfa", obj{"sourceIPAddress": "198.51.100.7", "responseElements": obj{"CheckMfa": "Success"}})
	other := s.does(65, atConsole("alice", "ASIACONSOLECONSOLE03", 50), "iam:ListGroups", from("192.0.2.1"))
	late := signIn(50, "alice", "192.0.2.1")
	d := s.seeds("access-key", "ASIACONSOLECONSOLE01")
	for _, id := range []string{mine, one, two, check} {
		is(t, d, id, "seed certain seed-access-key")
	}
	is(t, d, other, "same-principal possible same-principal")
	is(t, d, late, "same-principal possible same-principal")
	is(t, d, elses, "")
}

// Two sign-ins of one user within the clock's second are told apart by their addresses.
func TestSignInsAtOnce(t *testing.T) {
	s := &story{t: t}
	signIn := func(ip string) string {
		return s.does(0, changed(aliceLike("alice", ""), obj{"accessKeyId": ""}), "signin:ConsoleLogin", obj{"sourceIPAddress": ip, "responseElements": obj{"ConsoleLogin": "Success"}})
	}
	mine, elses := signIn("198.51.100.7"), signIn("192.0.2.1")
	s.does(60, atConsole("alice", "ASIACONSOLECONSOLE01", 0), "iam:ListUsers", obj{"sourceIPAddress": "198.51.100.7", "sessionCredentialFromConsole": "true"})
	d := s.seeds("access-key", "ASIACONSOLECONSOLE01")
	is(t, d, mine, "seed certain seed-access-key")
	is(t, d, elses, "same-principal possible same-principal")
}

// A service's call for a session is the session's; its address is nobody's. The same service's call for another
// session of the same principal is another's.
func TestForwardAccess(t *testing.T) {
	s := &story{t: t}
	mine, elses := inRole("admin", "x", "ASIAONEONEONEONEONE1", 0), inRole("admin", "x", "ASIATWOTWOTWOTWOTWO2", 500)
	s.does(5, mine, "cloudformation:CreateStack", nil)
	s.does(505, elses, "cloudformation:CreateStack", nil)
	by := obj{"sourceIPAddress": "cloudformation.amazonaws.com", "userAgent": "cloudformation.amazonaws.com"}
	forward := s.does(6, changed(mine, obj{"accessKeyId": "ASIAFORWARDFORWARD01", "invokedBy": "cloudformation.amazonaws.com"}), "sns:CreateTopic", by)
	foreign := s.does(506, changed(elses, obj{"accessKeyId": "ASIAFORWARDFORWARD02", "invokedBy": "cloudformation.amazonaws.com"}), "sns:CreateTopic", by)
	d := s.seeds("access-key", "ASIAONEONEONEONEONE1")
	is(t, d, forward, "forward-access certain forward-access")
	is(t, d, foreign, "")
	for _, i := range d.Indicators {
		if strings.Contains(i.Value, "cloudformation") || i.Value == "ASIAFORWARDFORWARD01" {
			t.Errorf("an indicator of AWS's own: %+v", i)
		}
	}
}

// For a long-term key the forwarded call's session is the call's own moment: right after one of ours it is probably ours,
// right after one of the same user's other key it is not.
func TestForwardAccessOfLongTermKey(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "athena:StartQueryExecution", nil)
	s.does(200, aliceLike("alice", "AKIAALICEALICEALICE2"), "athena:StartQueryExecution", nil)
	forwarded := func(sec int) string {
		return s.does(sec, changed(atConsole("alice", fmt.Sprintf("ASIAFORWARDFORWAR%03d", sec), sec), obj{"invokedBy": "athena.amazonaws.com"}), "glue:GetTable", obj{"sourceIPAddress": "athena.amazonaws.com"})
	}
	s.does(400, a, "athena:StartQueryExecution", nil)
	s.does(420, aliceLike("alice", "AKIAALICEALICEALICE2"), "athena:StartQueryExecution", nil)
	mine, elses, alone := forwarded(3), forwarded(203), forwarded(900)
	nearer := forwarded(425)
	d := s.seeds("access-key", alicesKey)
	is(t, d, mine, "forward-access probable forward-access")
	is(t, d, elses, "")
	is(t, d, alone, "")
	is(t, d, nearer, "")
}

// Both accounts have a record of a cross-account call. The intruder's has its pair; a partner's does not.
func TestAcrossAccounts(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	there := func(shared string) obj {
		return obj{"sharedEventID": shared, "recipientAccountId": theirs}
	}
	caller := s.assumes(0, a, "audit", "x", "ASIAONEONEONEONEONE1", obj{"sharedEventID": "s-1"})
	pair := s.assumes(0, obj{"type": "AWSAccount", "accountId": ours, "principalId": "AIDAALICE"}, "audit", "x", "ASIAONEONEONEONEONE1", there("s-1"))
	partner := s.assumes(5, obj{"type": "AWSAccount", "accountId": "333333333333", "principalId": "AIDAPARTNER"}, "audit", "y", "ASIATWOTWOTWOTWOTWO2", there("s-2"))
	used := s.does(9, inRole("audit", "x", "ASIAONEONEONEONEONE1", 0), "iam:ListUsers", obj{"recipientAccountId": theirs})
	d := s.seeds("access-key", alicesKey)
	is(t, d, caller, "seed certain seed-access-key")
	is(t, d, pair, "derived certain shared-event")
	is(t, d, used, "derived certain sts-assume-role")
	is(t, d, partner, "")
	if n := listedAs(t, d, "key:ASIAONEONEONEONEONE1"); n.Parent != "key:"+alicesKey {
		t.Errorf("the session's parent is %s", n.Parent)
	}
}

// Where only the target's log is at hand, the way in is the other account, by name.
func TestOnlyTheTargetsLog(t *testing.T) {
	s := &story{t: t}
	s.assumes(0, obj{"type": "AWSAccount", "accountId": theirs, "principalId": "AIDAMALLORY"}, "audit", "x", "ASIAONEONEONEONEONE1", nil)
	s.does(9, inRole("audit", "x", "ASIAONEONEONEONEONE1", 0), "iam:ListUsers", nil)
	noted(t, s.seeds("access-key", "ASIAONEONEONEONEONE1"), "was begun from account "+theirs)
}

// The console goes to another role with keys of its own.
func TestSwitchRole(t *testing.T) {
	s := &story{t: t}
	console := atConsole("alice", "ASIACONSOLECONSOLE01", 0)
	at := obj{"sessionCredentialFromConsole": "true"}
	s.does(10, console, "iam:ListUsers", at)
	s.assumes(20, atConsole("alice", "ASIACONSOLECONSOLE02", 0), "admin", "alice", "ASIAISSUEDISSUEDISS1", at)
	inside := s.does(30, inRole("admin", "alice", "ASIACONSOLECONSOLE03", 20), "iam:ListRoles", at)
	elses := s.does(30, inRole("admin", "bob", "ASIACONSOLECONSOLE04", 20), "iam:ListRoles", obj{"sessionCredentialFromConsole": "true", "sourceIPAddress": "192.0.2.1"})
	d := s.seeds("access-key", "ASIACONSOLECONSOLE01")
	is(t, d, inside, "derived certain console-session")
	is(t, d, elses, "same-principal possible same-principal")
}

// Where the call that began the new session is in another account's log, the sign-in service's record of the switch says
// from whom it came.
func TestSwitchRoleWithoutItsCall(t *testing.T) {
	s := &story{t: t}
	at := obj{"sessionCredentialFromConsole": "true"}
	s.does(10, atConsole("alice", "ASIACONSOLECONSOLE01", 0), "iam:ListUsers", at)
	bare := inRole("admin", "alice", "", 20)
	delete(bare, "sessionContext")
	switched := s.does(21, bare, "signin:SwitchRole", obj{"responseElements": obj{"SwitchRole": "Success"}, "additionalEventData": obj{"SwitchFrom": "arn:aws:iam::" + ours + ":user/alice"}})
	inside := s.does(30, inRole("admin", "alice", "ASIACONSOLECONSOLE03", 20), "iam:ListRoles", at)
	d := s.seeds("access-key", "ASIACONSOLECONSOLE01")
	is(t, d, switched, "derived certain switch-role")
	is(t, d, inside, "derived certain switch-role")
	s.records[0]["sourceIPAddress"] = "192.0.2.1" // another address: another of alice's sessions may have switched
	is(t, s.seeds("access-key", "ASIACONSOLECONSOLE01"), inside, "")
}

// A federation token's session and the console that it opens.
func TestFederation(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "sts:GetFederationToken", obj{"responseElements": obj{"credentials": obj{"accessKeyId": "ASIAFEDERATEDFEDER01"},
		"federatedUser": obj{"arn": "arn:aws:sts::" + ours + ":federated-user/x", "federatedUserId": ours + ":x"}}})
	fed := obj{"type": "FederatedUser", "principalId": ours + ":x", "arn": "arn:aws:sts::" + ours + ":federated-user/x", "accountId": ours, "accessKeyId": "ASIAFEDERATEDFEDER01",
		"sessionContext": obj{"sessionIssuer": obj{"type": "IAMUser", "arn": "arn:aws:iam::" + ours + ":user/alice"}, "attributes": obj{"creationDate": clock(0)}}}
	used := s.does(1, fed, "s3:ListBuckets", nil)
	console := s.does(60, changed(fed, obj{"accessKeyId": "ASIACONSOLECONSOLE01"}), "iam:ListUsers", obj{"sessionCredentialFromConsole": "true"})
	d := s.seeds("access-key", alicesKey)
	is(t, d, used, "derived certain sts-federation-token")
	is(t, d, console, "derived certain console-session")
	if n := listedAs(t, d, "key:ASIAFEDERATEDFEDER01"); n.LiveUntil != clock(12*3600) {
		t.Errorf("a federation token's default life is twelve hours: %s", n.LiveUntil)
	}
}

// A source identity that the intruder set finds a session whose beginning is not in the log; one that was in use before
// finds nothing.
func TestSourceIdentity(t *testing.T) {
	for _, before := range []bool{false, true} {
		s := &story{t: t}
		with := func(id obj) obj {
			id["sessionContext"].(obj)["sourceIdentity"] = "ghost"
			return id
		}
		s.assumes(10, aliceLike("alice", alicesKey), "admin", "x", "ASIAONEONEONEONEONE1", obj{"requestParameters": obj{"roleArn": "arn:aws:iam::" + ours + ":role/admin", "roleSessionName": "x", "sourceIdentity": "ghost"}})
		s.does(11, with(inRole("admin", "x", "ASIAONEONEONEONEONE1", 10)), "iam:ListUsers", nil)
		far := s.does(40, with(inRole("far", "z", "ASIATWOTWOTWOTWOTWO2", 30)), "iam:ListRoles", nil)
		want := "derived certain source-identity"
		if before {
			s.does(-90, with(inRole("far", "z", "ASIATHREETHREETHREE3", -100)), "iam:ListRoles", nil)
			want = ""
		}
		is(t, s.seeds("access-key", alicesKey), far, want)
	}
}

// cordon's own calls are left out wherever they would be listed.
func TestOwnCalls(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	own := s.does(0, a, "iam:ListUsers", obj{"requestID": "ours"})
	apart := s.does(5, aliceLike("alice", "AKIAALICEALICEALICE2"), "iam:ListUsers", obj{"requestID": "ours too"})
	not := s.does(10, a, "iam:ListRoles", nil)
	d := s.ask(Question{Seeds: []Seed{{Kind: "access-key", Value: alicesKey}}, Own: map[string]bool{"ours": true, "ours too": true}})
	is(t, d, own, "")
	is(t, d, apart, "")
	is(t, d, not, "seed certain seed-access-key")
	if d.Summary.Own != 2 || d.Summary.Possible != 0 {
		t.Errorf("%+v", d.Summary)
	}
}
