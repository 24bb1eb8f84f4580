package trail

import (
	"testing"
	"time"
)

const host = "i-0123456789abcdef0"

func hostRole(key string, begun int) obj {
	id := inRole("web", host, key, begun)
	id["sessionContext"].(obj)["ec2RoleDelivery"] = "2.0"
	return id
}

// An instance's credential used from elsewhere is stolen: the thief's calls are the intruder's, the instance's own with
// the same key are listed apart.
func TestTheftOfInstanceCredential(t *testing.T) {
	s := &story{t: t}
	home, away := obj{"sourceIPAddress": "198.51.100.10"}, obj{"sourceIPAddress": "192.0.2.66"}
	began := s.assumes(0, byService("ec2.amazonaws.com"), "web", host, "ASIAHOSTHOSTHOSTHOS1", nil)
	role := hostRole("ASIAHOSTHOSTHOSTHOS1", 0)
	agent := s.does(10, role, "ssm:UpdateInstanceInformation", obj{"sourceIPAddress": "198.51.100.10", "userAgent": "amazon-ssm-agent/3.2"})
	own := s.does(20, role, "s3:GetObject", home)
	inside := s.does(21, role, "s3:GetObject", obj{"sourceIPAddress": "10.0.3.4", "vpcEndpointId": "vpce-1"})
	thief := s.does(30, role, "iam:ListUsers", away)
	d := s.seeds("access-key", "ASIAHOSTHOSTHOSTHOS1")
	is(t, d, thief, "seed certain seed-access-key")
	for _, id := range []string{agent, own, inside} {
		is(t, d, id, "same-principal possible own-use")
	}
	is(t, d, began, "service certain seed-access-key")
	if !has(d, "T1552.005") {
		t.Errorf("%+v", d.Techniques)
	}
	noted(t, d, "the credential of instance "+host+" was used from elsewhere: 192.0.2.66")
	for _, i := range d.Indicators {
		if i.Value == "198.51.100.10" || i.Value == "10.0.3.4" {
			t.Errorf("the instance's own address is an indicator: %+v", i)
		}
	}
}

// Used by commands on the instance and then from the intruder's own address: certain, and theft.
func TestTheftFromAControlledInstance(t *testing.T) {
	s := &story{t: t}
	away := obj{"sourceIPAddress": "192.0.2.66"}
	s.does(0, aliceLike("alice", alicesKey), "ssm:SendCommand", obj{"requestParameters": obj{"instanceIds": []any{host}}, "sourceIPAddress": "192.0.2.66"})
	thief := s.does(30, hostRole("ASIAHOSTHOSTHOSTHOS1", 0), "iam:ListUsers", away)
	own := s.does(31, hostRole("ASIAHOSTHOSTHOSTHOS1", 0), "s3:GetObject", obj{"sourceIPAddress": "198.51.100.10"})
	d := s.seeds("access-key", alicesKey)
	is(t, d, thief, "derived certain credential-theft")
	is(t, d, own, "derived probable host-control")
	if !has(d, "T1552.005") {
		t.Errorf("%+v", d.Techniques)
	}
}

// Where nothing tells the instance's own address, that is what is said.
func TestTheftThatCannotBeTold(t *testing.T) {
	s := &story{t: t}
	for i, ip := range []string{"198.51.100.10", "192.0.2.66"} {
		s.does(i, hostRole("ASIAHOSTHOSTHOSTHOS1", 0), "s3:GetObject", obj{"sourceIPAddress": ip})
	}
	d := s.seeds("instance", host)
	noted(t, d, "was used from 2 addresses, and nothing tells which is its own: 192.0.2.66, 198.51.100.10")
	if has(d, "T1552.005") {
		t.Error("theft is claimed and not proved")
	}
}

// The instance and the thief may hold different keys of one role: the key is what is asked about.
func TestTheftOfOneKeyOfTwo(t *testing.T) {
	s := &story{t: t}
	own := s.does(20, hostRole("ASIAHOSTHOSTHOSTHOS1", 0), "s3:GetObject", obj{"sourceIPAddress": "198.51.100.10"})
	thief := s.does(30, hostRole("ASIAHOSTHOSTHOSTHOS2", 0), "iam:ListUsers", obj{"sourceIPAddress": "192.0.2.66"})
	d := s.seeds("access-key", "ASIAHOSTHOSTHOSTHOS2")
	is(t, d, thief, "seed certain seed-access-key")
	is(t, d, own, "same-principal possible same-principal")
}

// A function calls from changing addresses: its SDK says where it runs, and the thief's does not.
func TestTheftOfFunctionCredential(t *testing.T) {
	s := &story{t: t}
	role := inRole("fn", "pay", "ASIAFUNCTIONFUNCTIO1", 0)
	own := s.does(5, role, "s3:GetObject", obj{"sourceIPAddress": "198.51.100.10", "userAgent": "Boto3/1.26 exec-env/AWS_Lambda_python3.9"})
	also := s.does(6, role, "s3:GetObject", obj{"sourceIPAddress": "198.51.100.77", "userAgent": "Boto3/1.26 exec-env/AWS_Lambda_python3.9"})
	thief := s.does(9, role, "iam:ListUsers", obj{"sourceIPAddress": "192.0.2.66"})
	d := s.seeds("access-key", "ASIAFUNCTIONFUNCTIO1")
	is(t, d, thief, "seed certain seed-access-key")
	is(t, d, own, "same-principal possible own-use")
	is(t, d, also, "same-principal possible own-use")
	noted(t, d, "the credential of function pay was used from elsewhere: 192.0.2.66")
}

// Each kind of seed finds what it names and nothing else.
func TestSeeds(t *testing.T) {
	s := &story{t: t}
	a, b := aliceLike("alice", alicesKey), aliceLike("bob", bobsKey)
	at := func(ip string) obj { return obj{"sourceIPAddress": ip} }
	alices := s.does(0, a, "iam:ListUsers", at("198.51.100.7"))
	bobs := s.does(1, b, "iam:ListUsers", at("198.51.100.7"))
	away := s.does(2, b, "iam:ListUsers", at("192.0.2.1"))
	role := s.does(3, inRole("web", "carol", "ASIAONEONEONEONEONE1", 0), "iam:ListUsers", at("192.0.2.9"))
	instance := s.does(4, hostRole("ASIAHOSTHOSTHOSTHOS1", 0), "s3:GetObject", at("10.0.0.1"))
	root := s.does(5, obj{"type": "Root", "principalId": ours, "arn": "arn:aws:iam::" + ours + ":root", "accountId": ours}, "iam:ListUsers", at("2001:db8::5"))
	function := s.does(6, inRole("fn", "pay", "ASIAFUNCTIONFUNCTIO1", 0), "s3:GetObject", at("192.0.2.9"))
	service := s.does(7, byService("ec2.amazonaws.com"), "sts:AssumeRole", at("ec2.amazonaws.com"))
	arn := "arn:aws:iam::" + ours
	for _, c := range []struct {
		kind, value string
		seeds       []string
	}{
		{"access-key", alicesKey, []string{alices}},
		{"user", arn + ":user/alice", []string{alices}},
		{"user", "AIDAALICE", []string{alices}},
		{"role", arn + ":role/some/path/web", []string{role, instance}},
		{"session", "arn:aws:sts::" + ours + ":assumed-role/web/carol", []string{role}},
		{"root", arn + ":root", []string{root}},
		{"address", "198.51.100.7", []string{alices, bobs}},
		{"address", "192.0.2.0/29", []string{away}},
		{"address", "2001:db8::/32", []string{root}},
		{"instance", host, []string{instance}},
		{"function", "arn:aws:lambda:us-east-1:" + ours + ":function:pay:live", []string{function}},
		{"event", role, []string{role}},
		{"event", service, []string{service}},
	} {
		d := s.seeds(c.kind, c.value)
		want := map[string]bool{}
		for _, id := range c.seeds {
			want[id] = true
		}
		for _, e := range d.Events {
			if (e.Relation == BySeed) != want[e.EventID] {
				t.Errorf("%s %s: %s by %s is %s", c.kind, c.value, e.Name, e.Principal, e.Relation)
			}
			delete(want, e.EventID)
		}
		if len(want) > 0 {
			t.Errorf("%s %s: missed %v", c.kind, c.value, want)
		}
	}
	for _, x := range [][2]string{{"access-key", "AKIANOBODYNOBODYNOB1"}, {"address", "203.0.113.255"}, {"address", "nonsense"}, {"user", arn + ":user/nobody"},
		{"event", "none"}, {"instance", "i-0aaaaaaaaaaaaaaaa"}, {"account", theirs}} {
		d := s.seeds(x[0], x[1])
		noted(t, d, "nothing in the log was done by "+x[0]+" "+x[1])
		if len(d.Events) > 0 {
			t.Errorf("%s %s finds %d events", x[0], x[1], len(d.Events))
		}
	}
}

// From an address two people come: each is a node of its own, and what each does elsewhere is listed apart.
func TestSharedAddress(t *testing.T) {
	s := &story{t: t}
	at := func(ip string) obj { return obj{"sourceIPAddress": ip} }
	s.does(0, aliceLike("alice", alicesKey), "iam:ListUsers", at("198.51.100.7"))
	s.does(1, aliceLike("bob", bobsKey), "iam:ListUsers", at("198.51.100.7"))
	away := s.does(2, aliceLike("bob", bobsKey), "iam:ListUsers", at("192.0.2.1"))
	d := s.seeds("address", "198.51.100.7")
	is(t, d, away, "same-principal possible same-credential")
	for _, key := range []string{alicesKey, bobsKey} {
		if n := listedAs(t, d, "key:"+key); n.Rule != "seed-address" || n.Events != 1 {
			t.Errorf("%+v", n)
		}
	}
}

// The records that the seeds name are kept at hand while reading, and others are not.
func TestKeepFor(t *testing.T) {
	keep := KeepFor(Question{Seeds: []Seed{{Kind: "access-key", Value: alicesKey}, {Kind: "address", Value: "198.51.100.0/24"}, {Kind: "role", Value: "arn:aws:iam::" + ours + ":role/web"}}})
	for _, c := range []struct {
		id   Identity
		ip   string
		name string
		want bool
	}{
		{Identity{AccessKey: alicesKey}, "", "ListUsers", true},
		{Identity{AccessKey: bobsKey}, "198.51.100.200", "ListUsers", true},
		{Identity{Type: "AssumedRole", Account: ours, IssuerARN: "arn:aws:iam::" + ours + ":role/p/web"}, "", "ListUsers", true},
		{Identity{Type: "AssumedRole", Account: theirs, IssuerARN: "arn:aws:iam::" + theirs + ":role/web"}, "", "ListUsers", false},
		{Identity{AccessKey: bobsKey}, "192.0.2.1", "ListUsers", false},
		{Identity{AccessKey: bobsKey}, "192.0.2.1", "StopLogging", true},
	} {
		if got := keep(&c.id, c.ip, c.name); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// An answer says nothing of when it was asked, so that a life is a moment and not a length.
func TestLifeIsAMoment(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "sts:GetSessionToken", obj{"requestParameters": obj{"durationSeconds": 900}, "responseElements": obj{"credentials": obj{"accessKeyId": "ASIAONEONEONEONEONE1"}}})
	chained := inRole("web", "x", "ASIATWOTWOTWOTWOTWO2", 0)
	s.does(5, chained, "sts:AssumeRole", obj{"requestParameters": obj{"roleArn": "arn:aws:iam::" + ours + ":role/db", "roleSessionName": "y", "durationSeconds": 43200}, "responseElements": obj{"credentials": obj{"accessKeyId": "ASIATHREETHREETHREE3"}}})
	d := s.seeds("access-key", alicesKey, "access-key", "ASIATWOTWOTWOTWOTWO2")
	if n := listedAs(t, d, "key:ASIAONEONEONEONEONE1"); n.LiveUntil != clock(900) {
		t.Errorf("asked for 15 minutes: %s", n.LiveUntil)
	}
	if n := listedAs(t, d, "key:ASIATHREETHREETHREE3"); n.LiveUntil != storyBegins.Add(5*time.Second+time.Hour).Format(time.RFC3339) {
		t.Errorf("a chained session lasts an hour at most: %s", n.LiveUntil)
	}
}

// What a service did for a workload that the intruder took over is the service's, and no session of the intruder's.
func TestForwardAccessOfWorkload(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "lambda:UpdateFunctionCode", obj{"requestParameters": obj{"functionName": "resize"}})
	role := inRole("resizer", "resize", "ASIARESIZERESIZERES1", 5)
	s.does(6, role, "secretsmanager:GetSecretValue", obj{"userAgent": "Boto3/1.26 exec-env/AWS_Lambda_python3.9"})
	opened := s.does(6, changed(role, obj{"accessKeyId": "ASIAFORWARDFORWARDF1", "invokedBy": "secretsmanager.amazonaws.com"}), "kms:Decrypt", obj{"sourceIPAddress": "secretsmanager.amazonaws.com"})
	d := s.seeds("access-key", alicesKey)
	is(t, d, opened, "forward-access probable code-control")
}

// A task's own calls say that an SDK made them within ECS: the same key from elsewhere is stolen, whichever the seed is.
func TestTheftOfTaskCredential(t *testing.T) {
	const task = "0123456789abcdef0123456789abcdef"
	s := &story{t: t}
	role := inRole("orders", task, "ASIATASKTASKTASKTAS1", 0)
	own := s.does(5, role, "dynamodb:GetItem", obj{"sourceIPAddress": "198.51.100.10", "userAgent": "aws-sdk-java/2.20 exec-env/AWS_ECS_FARGATE"})
	thief := s.does(60, role, "dynamodb:Scan", obj{"sourceIPAddress": "185.220.101.9", "userAgent": "aws-cli/2.15"})
	for _, seed := range [][]string{{"access-key", "ASIATASKTASKTASKTAS1"}, {"address", "185.220.101.9"}} {
		d := s.seeds(seed...)
		is(t, d, own, "same-principal possible own-use")
		is(t, d, thief, "seed certain seed-"+seed[0])
		if !has(d, "T1552.005") {
			t.Errorf("%s: the theft has no technique", seed)
		}
		if doing(d, "review", "task "+task) == nil {
			t.Errorf("%s: the task is not on the list: %+v", seed, d.Contain)
		}
	}
}
