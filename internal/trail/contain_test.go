package trail

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func doing(d *Document, do, target string) *Containment {
	for i := range d.Contain {
		if c := &d.Contain[i]; c.Do == do && c.Target == target {
			return c
		}
	}
	return nil
}

// Each thing that lives has its command, the most urgent first.
func TestContainment(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "iam:CreateLoginProfile", obj{"requestParameters": obj{"userName": "bob"}})
	s.assumes(1, a, "admin", "x", "ASIAONEONEONEONEONE1", nil)
	s.does(2, a, "ssm:SendCommand", obj{"requestParameters": obj{"instanceIds": []any{host}}, "awsRegion": "eu-west-1"})
	s.does(3, a, "s3:PutBucketPolicy", obj{"requestParameters": obj{"bucketName": "data", "bucketPolicy": obj{"Statement": []any{obj{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}}}}})
	s.does(4, a, "cloudtrail:StopLogging", obj{"requestParameters": obj{"name": "main"}})
	s.does(5, a, "secretsmanager:GetSecretValue", obj{"requestParameters": obj{"secretId": "arn:aws:secretsmanager:us-east-1:" + ours + ":secret:db-AbCdEf"}, "readOnly": true})
	s.does(6, a, "iam:UpdateAssumeRolePolicy", obj{"requestParameters": obj{"roleName": "web", "policyDocument": `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"` + theirs + `"},"Action":"sts:AssumeRole"}]}`}})
	d := s.seeds("access-key", alicesKey)
	for _, c := range []struct{ do, target, command string }{
		{"disable-key", alicesKey, "cordon plan access-key:" + alicesKey},
		{"contain-user", "arn:aws:iam::" + ours + ":user/bob", "cordon plan iam-user:bob"},
		{"revoke-sessions", "admin", "cordon plan iam-role:admin"},
		{"contain-role", "arn:aws:iam::" + ours + ":role/web", "cordon plan iam-role:web"},
		{"contain-instance", host, "cordon plan ec2:" + host + " --region eu-west-1"},
		{"unshare", "data", "cordon plan s3:data"},
		{"restore-logging", "arn:aws:cloudtrail:us-east-1:" + ours + ":trail/main", ""},
		{"rotate-secret", "arn:aws:secretsmanager:us-east-1:" + ours + ":secret:db-AbCdEf", ""},
		{"review", theirs, ""},
	} {
		if got := doing(d, c.do, c.target); got == nil || got.Command != c.command {
			t.Errorf("%s %s: %+v", c.do, c.target, got)
		}
	}
	if !slices.IsSortedFunc(d.Contain, func(a, b Containment) int { return containOrder[a.Do] - containOrder[b.Do] }) {
		t.Error("the order is not that of urgency")
	}
}

// A restarted trail and a session that ended before the log did need nothing.
func TestNothingLeftToContain(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "cloudtrail:StopLogging", obj{"requestParameters": obj{"name": "main"}})
	s.assumes(1, a, "admin", "x", "ASIAONEONEONEONEONE1", nil)
	s.does(60, aliceLike("bob", bobsKey), "cloudtrail:StartLogging", obj{"requestParameters": obj{"name": "main"}})
	s.does(24*3600, aliceLike("bob", bobsKey), "iam:ListUsers", nil)
	d := s.seeds("access-key", alicesKey)
	if len(d.Contain) != 1 || d.Contain[0].Do != "disable-key" {
		t.Errorf("%+v", d.Contain)
	}
}

// Names are chosen by whoever made the thing: none of them gets into a command that a responder pastes into a shell.
func TestCommandsAreSafe(t *testing.T) {
	plain := regexp.MustCompile(`^cordon plan [a-z0-9-]+:[A-Za-z0-9_+=,.@:/-]+( --region [a-z0-9-]+)?$`)
	for _, name := range []string{"$(id)", "a;id", "a b", "a\nb", "`id`", "a'b", `a"b`, "a|b", "-rf", "--region", "a>b", "..", "", "é", "a\x1b[2J", "a/../b", "*"} {
		for _, kind := range []string{"access-key", "iam-user", "iam-role", "ec2", "s3", "rds", "account", "ecs-task"} {
			for _, region := range []string{"", "us-east-1", "us-east-1; id"} {
				if got := plan(kind, name, region); got != "" && !plain.MatchString(got) {
					t.Errorf("%s %q %q: %q", kind, name, region, got)
				}
			}
		}
		s := &story{t: t}
		s.does(0, aliceLike("alice", alicesKey), "iam:CreateUser", obj{"requestParameters": obj{"userName": name}, "responseElements": obj{"user": obj{"userName": name, "userId": "AIDAEVE", "arn": "arn:aws:iam::" + ours + ":user/" + name}}})
		s.does(1, aliceLike("alice", alicesKey), "ssm:SendCommand", obj{"requestParameters": obj{"instanceIds": []any{name}}, "awsRegion": name})
		s.does(2, aliceLike("alice", alicesKey), "s3:PutBucketPolicy", obj{"requestParameters": obj{"bucketName": name, "bucketPolicy": obj{"Statement": []any{obj{"Effect": "Allow", "Principal": "*"}}}}})
		for _, c := range s.seeds("access-key", alicesKey).Contain {
			if c.Command != "" && !plain.MatchString(c.Command) {
				t.Errorf("%q: %q", name, c.Command)
			}
		}
	}
	if plan("iam-user", "ok.name@x", "") == "" || plan("ec2", host, "us-gov-west-1") == "" {
		t.Error("a good name has no command")
	}
}

// Indicators are the intruder's own, not AWS's and not a workload's.
func TestIndicators(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "iam:ListUsers", obj{"sourceIPAddress": "192.0.2.66", "userAgent": "aws-cli/2 kali"})
	s.does(1, a, "iam:ListUsers", obj{"sourceIPAddress": "192.0.2.66", "userAgent": "aws-cli/2 kali"})
	s.does(2, a, "ec2:CreateSecurityGroup", obj{"sourceIPAddress": "10.1.2.3", "userAgent": "console.amazonaws.com", "requestParameters": obj{"groupName": "x"}, "responseElements": obj{"groupId": "sg-0123"}})
	s.does(3, a, "ec2:ModifySnapshotAttribute", obj{"requestParameters": obj{"snapshotId": "snap-1", "createVolumePermission": obj{"add": obj{"items": []any{obj{"userId": theirs}}}}}, "sourceIPAddress": "192.0.2.66"})
	d := s.seeds("access-key", alicesKey)
	got := map[string]int{}
	for _, i := range d.Indicators {
		got[i.Kind+" "+i.Value] = i.Events
	}
	for what, events := range map[string]int{"address 192.0.2.66": 3, "user-agent aws-cli/2 kali": 2, "access-key " + alicesKey: 4, "arn arn:aws:iam::" + ours + ":user/alice": 4, "account " + theirs: 0} {
		if n, ok := got[what]; !ok || n != events {
			t.Errorf("%s: %d of %d; %v", what, n, events, got)
		}
	}
	for what := range got {
		if strings.Contains(what, "10.1.2.3") || strings.Contains(what, "console.amazonaws.com") || strings.Contains(what, ours) && strings.HasPrefix(what, "account") {
			t.Errorf("no indicator: %s", what)
		}
	}
}

// An instance is contained once, where the credentials that it holds were used.
func TestContainmentOfSeededInstance(t *testing.T) {
	s := &story{t: t}
	s.does(0, hostRole("ASIAHOSTHOSTHOSTHOS1", 0), "s3:ListBuckets", obj{"awsRegion": "eu-west-1", "sourceIPAddress": "185.220.101.9"})
	d := s.seeds("instance", host)
	var got []string
	for _, c := range d.Contain {
		if c.Do == "contain-instance" {
			got = append(got, c.Command)
		}
	}
	if !slices.Equal(got, []string{"cordon plan ec2:" + host + " --region eu-west-1"}) {
		t.Errorf("contained by %q", got)
	}
}

// The root user's access key is named: it outlives the sessions and the password.
func TestContainmentOfRootKey(t *testing.T) {
	s := &story{t: t}
	root := obj{"type": "Root", "principalId": ours, "arn": "arn:aws:iam::" + ours + ":root", "accountId": ours}
	there := obj{"sourceIPAddress": "185.220.101.9"}
	s.does(0, root, "signin:ConsoleLogin", there)
	s.does(9, changed(root, obj{"accessKeyId": "AKIAROOTROOTROOTROO1"}), "s3:ListBuckets", there)
	d := s.seeds("address", "185.220.101.9")
	for _, c := range []struct{ do, target string }{{"disable-key", "AKIAROOTROOTROOTROO1"}, {"contain-user", "arn:aws:iam::" + ours + ":root"}} {
		if got := doing(d, c.do, c.target); got == nil || got.Command != "cordon plan account:"+ours {
			t.Errorf("%s %s: %+v", c.do, c.target, got)
		}
	}
}

// All whom a thing was given to are named, and of a user whose session ends, that its password does not.
func TestContainmentSaysWhy(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	for i, account := range []string{theirs, "333333333333"} {
		s.does(i, a, "ec2:ModifySnapshotAttribute", obj{"requestParameters": obj{"snapshotId": "snap-1", "createVolumePermission": obj{"add": obj{"items": []any{obj{"userId": account}}}}}})
	}
	s.does(5, a, "iam:CreateLoginProfile", obj{"requestParameters": obj{"userName": "bob"}})
	s.does(9, atConsole("bob", "ASIABOBBOBBOBBOBBOB1", 8), "s3:ListBuckets", obj{"sessionCredentialFromConsole": "true"})
	d := s.seeds("access-key", alicesKey)
	if c := doing(d, "unshare", "snap-1"); c == nil || c.Why != "snapshot-share gives it to "+theirs+"; snapshot-share gives it to 333333333333" {
		t.Errorf("unshare: %+v", c)
	}
	if c := doing(d, "contain-user", "arn:aws:iam::"+ours+":user/bob"); c == nil || c.Why != "the intruder set its password; lives until revoked" {
		t.Errorf("contain-user: %+v", c)
	}
}

// A function that the intruder made runs on after the keys are gone.
func TestContainmentOfMadeFunction(t *testing.T) {
	const arn = "arn:aws:lambda:us-east-1:" + ours + ":function:backdoor"
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "lambda:CreateFunction", obj{"requestParameters": obj{"functionName": "backdoor", "role": "arn:aws:iam::" + ours + ":role/web"}, "responseElements": obj{"functionArn": arn}})
	d := s.seeds("access-key", alicesKey)
	if c := doing(d, "review", arn); c == nil || c.Why != "the intruder started it; lives until revoked" {
		t.Errorf("review: %+v of %+v", c, d.Contain)
	}
	s.does(60, aliceLike("bob", bobsKey), "lambda:DeleteFunction", obj{"requestParameters": obj{"functionName": arn}})
	if c := doing(s.seeds("access-key", alicesKey), "review", arn); c != nil {
		t.Errorf("deleted, and on the list: %+v", c)
	}
}

// A key whose deletion is scheduled and a bucket whose objects will expire can be saved, and no longer need it once they are.
func TestContainmentOfComingDestruction(t *testing.T) {
	const arn = "arn:aws:kms:us-east-1:" + ours + ":key/1234abcd-12ab-34cd-56ef-1234567890ab"
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "kms:ScheduleKeyDeletion", obj{"requestParameters": obj{"keyId": arn}})
	s.does(1, a, "s3:PutBucketLifecycle", obj{"requestParameters": obj{"bucketName": "data", "LifecycleConfiguration": obj{"Rule": obj{"Expiration": obj{"Days": 1}}}}})
	s.does(2, a, "kms:ScheduleKeyDeletion", obj{"errorCode": "AccessDenied", "requestParameters": obj{"keyId": "other"}})
	d := s.seeds("access-key", alicesKey)
	for _, target := range []string{arn, "data"} {
		if doing(d, "review", target) == nil {
			t.Errorf("%s is not on the list: %+v", target, d.Contain)
		}
	}
	if len(d.Contain) != 3 {
		t.Errorf("more is to do: %+v", d.Contain)
	}
	s.does(60, aliceLike("bob", bobsKey), "kms:CancelKeyDeletion", obj{"requestParameters": obj{"keyId": arn}})
	if d := s.seeds("access-key", alicesKey); doing(d, "review", arn) != nil || doing(d, "review", "data") == nil {
		t.Errorf("called off: %+v", d.Contain)
	}
}
