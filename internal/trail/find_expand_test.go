package trail

import (
	"slices"
	"strings"
	"testing"
)

// A created user's keys and sessions are the intruder's; those of the deleted user of the same name, and of its namesake
// in another account, are not.
func TestCreatedUser(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	old := changed(aliceLike("eve", "AKIAOLDOLDOLDOLDOLD1"), obj{"principalId": "AIDAOLD"})
	gone := s.does(-50, old, "s3:ListBuckets", nil)
	made := s.does(0, a, "iam:CreateUser", obj{"requestParameters": obj{"userName": "eve"}, "responseElements": obj{"user": obj{"userName": "eve", "userId": "AIDAEVE", "arn": "arn:aws:iam::" + ours + ":user/eve"}}})
	s.does(1, a, "iam:CreateAccessKey", obj{"requestParameters": obj{"userName": "eve"}, "responseElements": obj{"accessKey": obj{"accessKeyId": "AKIAEVEEVEEVEEVEEVE1", "userName": "eve"}}})
	used := s.does(9, aliceLike("eve", "AKIAEVEEVEEVEEVEEVE1"), "s3:ListBuckets", nil)
	s.assumes(12, aliceLike("eve", "AKIAEVEEVEEVEEVEEVE1"), "admin", "x", "ASIAONEONEONEONEONE1", nil)
	deep := s.does(13, inRole("admin", "x", "ASIAONEONEONEONEONE1", 12), "iam:ListUsers", nil)
	console := s.does(20, atConsole("eve", "ASIACONSOLECONSOLE01", 15), "iam:ListUsers", obj{"sessionCredentialFromConsole": "true"})
	namesake := s.does(21, changed(aliceLike("eve", "AKIANAMESAKENAMESAK1"), obj{"principalId": "AIDANAMESAKE", "accountId": theirs, "arn": "arn:aws:iam::" + theirs + ":user/eve"}), "s3:ListBuckets", nil)
	oldAgain := s.does(22, old, "s3:ListBuckets", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, used, "created-identity certain created-identity")
	is(t, d, deep, "created-identity certain sts-assume-role")
	is(t, d, console, "created-identity certain created-identity")
	for _, id := range []string{gone, namesake, oldAgain} {
		is(t, d, id, "")
	}
	if n := listedAs(t, d, "iam-user:arn:aws:iam::"+ours+":user/eve"); n.Relation != CreatedIdentity || n.LiveUntil != untilRevoked || !slices.Equal(n.Evidence, []string{made}) {
		t.Errorf("%+v", n)
	}
}

// A password set by the intruder hands over the sessions begun since, not the one that was there, nor the user's key.
func TestLoginProfile(t *testing.T) {
	s := &story{t: t}
	from := obj{"sessionCredentialFromConsole": "true"}
	bobs := s.does(-10, atConsole("bob", "ASIACONSOLECONSOLE01", -20), "iam:ListUsers", from)
	s.does(0, aliceLike("alice", alicesKey), "iam:UpdateLoginProfile", obj{"requestParameters": obj{"userName": "bob"}})
	still := s.does(5, atConsole("bob", "ASIACONSOLECONSOLE02", -20), "iam:ListUsers", from)
	key := s.does(6, aliceLike("bob", bobsKey), "iam:ListUsers", nil)
	taken := s.does(30, atConsole("bob", "ASIACONSOLECONSOLE03", 20), "iam:ListUsers", from)
	d := s.seeds("access-key", alicesKey)
	is(t, d, taken, "derived certain login-profile")
	for _, id := range []string{bobs, still, key} { // the same user's, now that a session of that user is the intruder's
		is(t, d, id, "same-principal possible same-principal")
	}
}

// A policy put on a user is an exposure of that user: what the user does stays the user's own.
func TestPrivilege(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "iam:AttachUserPolicy", obj{"requestParameters": obj{"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}})
	bobs := s.does(5, aliceLike("bob", bobsKey), "iam:ListUsers", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, bobs, "")
	if n := listedAs(t, d, "iam-user:arn:aws:iam::"+ours+":user/bob"); n.Rule != "privilege" || n.Confidence != Certain {
		t.Errorf("%+v", n)
	}
}

// A new trustee of a role brings its sessions in. Who had the role before does not, nor another account, nor the service
// that the policy names as well.
func TestTrust(t *testing.T) {
	s := &story{t: t}
	outside := func(account string) obj {
		return obj{"type": "AWSAccount", "accountId": account, "principalId": "AIDA" + account}
	}
	s.assumes(-50, outside("333333333333"), "web", "p", "ASIAPARTNERPARTNER01", nil)
	s.does(0, aliceLike("alice", alicesKey), "iam:UpdateAssumeRolePolicy", obj{"requestParameters": obj{"roleName": "web",
		"policyDocument": `{"Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com","AWS":["arn:aws:iam::` + theirs + `:root","arn:aws:iam::333333333333:root"]},"Action":"sts:AssumeRole"}]}`}})
	entry := s.assumes(10, outside(theirs), "web", "x", "ASIAONEONEONEONEONE1", nil)
	inside := s.does(11, inRole("web", "x", "ASIAONEONEONEONEONE1", 10), "iam:ListUsers", nil)
	s.assumes(20, outside("333333333333"), "web", "p", "ASIAPARTNERPARTNER02", nil)
	partner := s.does(21, inRole("web", "p", "ASIAPARTNERPARTNER02", 20), "iam:ListUsers", nil)
	s.assumes(22, outside("444444444444"), "web", "q", "ASIAOTHEROTHEROTHER1", nil)
	other := s.does(23, inRole("web", "q", "ASIAOTHEROTHEROTHER1", 22), "iam:ListUsers", nil)
	s.assumes(24, byService("ec2.amazonaws.com"), "web", "i-0123456789abcdef0", "ASIAHOSTHOSTHOSTHOS1", nil)
	host := s.does(25, inRole("web", "i-0123456789abcdef0", "ASIAHOSTHOSTHOSTHOS1", 24), "s3:ListBuckets", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, entry, "derived certain trust")
	is(t, d, inside, "derived certain sts-assume-role")
	for _, id := range []string{partner, other, host} {
		is(t, d, id, "")
	}
	if n := listedAs(t, d, "account:"+theirs); n.Kind != "external-account" {
		t.Errorf("%+v", n)
	}
	if slices.ContainsFunc(d.Identities, func(n ScopeIdentity) bool { return strings.Contains(n.ID, "amazonaws") }) {
		t.Error("a service that the policy names is taken for a trustee")
	}
}

// A role passed to an instance acts in that instance from then on; in another instance it is not the intruder's.
func TestPassRole(t *testing.T) {
	const mine, other = "i-0123456789abcdef0", "i-0fedcba9876543210"
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "ec2:RunInstances", obj{"requestParameters": obj{"iamInstanceProfile": obj{"name": "batch"}},
		"responseElements": obj{"instancesSet": obj{"items": []any{obj{"instanceId": mine}}}}})
	s.assumes(5, byService("ec2.amazonaws.com"), "batch", mine, "ASIAHOSTHOSTHOSTHOS1", nil)
	used := s.does(6, inRole("batch", mine, "ASIAHOSTHOSTHOSTHOS1", 5), "s3:GetObject", obj{"sourceIPAddress": "198.51.100.10"})
	s.assumes(7, byService("ec2.amazonaws.com"), "batch", other, "ASIAHOSTHOSTHOSTHOS2", nil)
	elses := s.does(8, inRole("batch", other, "ASIAHOSTHOSTHOSTHOS2", 7), "s3:GetObject", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, used, "derived probable pass-role")
	is(t, d, elses, "")
	if has(d, "T1552.005") {
		t.Error("an instance's use of its own role is no theft")
	}
	if n := listedAs(t, d, "instance:"+mine); n.Rule != "created-workload" {
		t.Errorf("%+v", n)
	}
}

// Commands on an instance make its role's calls the intruder's from then on, probably; what its agent calls, what it did
// before, and another account's instance of the same name are not.
func TestHostControl(t *testing.T) {
	const host = "i-0123456789abcdef0"
	s := &story{t: t}
	role := inRole("web", host, "ASIAHOSTHOSTHOSTHOS1", -900)
	at := obj{"sourceIPAddress": "198.51.100.10"}
	before := s.does(-60, role, "s3:GetObject", at)
	s.does(0, aliceLike("alice", alicesKey), "ssm:SendCommand", obj{"requestParameters": obj{"instanceIds": []any{host}, "documentName": "AWS-RunShellScript"}, "sourceIPAddress": "198.51.100.66"})
	after := s.does(60, role, "s3:GetObject", at)
	six := s.does(62, role, "s3:GetObject", obj{"sourceIPAddress": "2001:db8::7"}) // the same host, where it has both kinds of address
	agent := s.does(61, role, "ssm:UpdateInstanceInformation", obj{"sourceIPAddress": "198.51.100.10", "userAgent": "aws-sdk-go/1.44 amazon-ssm-agent/3.2"})
	d := s.seeds("access-key", alicesKey)
	is(t, d, after, "derived probable host-control")
	is(t, d, six, "derived probable host-control")
	is(t, d, before, "same-principal possible before-compromise")
	is(t, d, agent, "same-principal possible own-use")
	if slices.ContainsFunc(d.Indicators, func(i Indicator) bool { return i.Value == "198.51.100.10" }) {
		t.Error("the instance's own address is an indicator")
	}
	if has(d, "T1552.005") {
		t.Error("an instance's use of its own role is no theft")
	}
}

// A function's code changed: its role's session acts for the intruder, that of another function with the role does not.
func TestCodeControl(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "lambda:UpdateFunctionCode20150331v2", obj{"requestParameters": obj{"functionName": "pay"}, "responseElements": obj{"functionArn": "arn:aws:lambda:us-east-1:" + ours + ":function:pay"}})
	sdk := obj{"userAgent": "Boto3/1.26 exec-env/AWS_Lambda_python3.9"}
	used := s.does(9, inRole("fn", "pay", "ASIAFUNCTIONFUNCTIO1", 8), "s3:GetObject", sdk)
	other := s.does(9, inRole("fn", "ship", "ASIAFUNCTIONFUNCTIO2", 8), "s3:GetObject", sdk)
	d := s.seeds("access-key", alicesKey)
	is(t, d, used, "derived probable code-control")
	is(t, d, other, "")
	if has(d, "T1552") {
		t.Error("a function's use of its own role is no theft")
	}
}

// A denied call is attempted, never accessed, and hands out nothing.
func TestDenied(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	for i, call := range []string{"iam:ListUsers", "iam:ListRoles", "s3:ListBuckets", "secretsmanager:ListSecrets", "ec2:DescribeInstances"} {
		s.does(i, a, call, obj{"errorCode": "AccessDenied"})
	}
	s.does(9, a, "secretsmanager:GetSecretValue", obj{"errorCode": "AccessDeniedException", "requestParameters": obj{"secretId": "prod/db"}})
	d := s.seeds("access-key", alicesKey)
	noted(t, d, "probing: 6 different calls were denied")
	for _, r := range d.Resources {
		if r.Outcome != "attempted" || r.Secret {
			t.Errorf("%+v", r)
		}
	}
	if slices.ContainsFunc(d.Contain, func(c Containment) bool { return c.Do == "rotate-secret" }) {
		t.Error("a secret that was not read needs no change")
	}
}

// A request padded until it is left out is taken as the worst.
func TestPadded(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "iam:PutUserPolicy", obj{"requestParameters": obj{"omitted": true, "originalSize": 110000, "reason": "requestParameters too large"}})
	noted(t, s.seeds("access-key", alicesKey), "left out as too large")
}

// What was taken back is over: by the intruder itself or by anybody, and not where it was given anew.
func TestTakenBack(t *testing.T) {
	s := &story{t: t}
	a, admin := aliceLike("alice", alicesKey), aliceLike("root-admin", bobsKey)
	user := obj{"requestParameters": obj{"userName": "eve"}}
	s.does(0, a, "iam:CreateUser", obj{"requestParameters": obj{"userName": "eve"}, "responseElements": obj{"user": obj{"userName": "eve", "userId": "AIDAEVE", "arn": "arn:aws:iam::" + ours + ":user/eve"}}})
	s.does(1, a, "iam:CreateAccessKey", obj{"requestParameters": obj{"userName": "bob"}, "responseElements": obj{"accessKey": obj{"accessKeyId": "AKIANEWNEWNEWNEWNEW1"}}})
	s.does(2, a, "iam:DeleteUser", user)
	s.does(3, a, "ec2:ModifySnapshotAttribute", obj{"requestParameters": obj{"snapshotId": "snap-1", "createVolumePermission": obj{"add": obj{"items": []any{obj{"userId": theirs}}}}}})
	s.does(4, a, "s3:PutBucketPolicy", obj{"requestParameters": obj{"bucketName": "data", "bucketPolicy": obj{"Statement": []any{obj{"Effect": "Allow", "Principal": "*", "Action": "s3:*"}}}}})
	s.assumes(5, a, "admin", "x", "ASIAONEONEONEONEONE1", nil)
	off := s.does(50, admin, "iam:UpdateAccessKey", obj{"requestParameters": obj{"accessKeyId": "AKIANEWNEWNEWNEWNEW1", "status": "Inactive"}})
	s.does(51, admin, "ec2:ModifySnapshotAttribute", obj{"requestParameters": obj{"snapshotId": "snap-1", "createVolumePermission": obj{"remove": obj{"items": []any{obj{"userId": theirs}}}}}})
	s.does(52, admin, "s3:PutBucketPolicy", obj{"requestParameters": obj{"bucketName": "data", "bucketPolicy": obj{"Statement": []any{obj{"Effect": "Allow", "Principal": obj{"AWS": "arn:aws:iam::" + ours + ":root"}, "Action": "s3:*"}}}}})
	s.does(53, admin, "iam:PutRolePolicy", obj{"requestParameters": obj{"roleName": "admin", "policyName": "AWSRevokeOlderSessions",
		"policyDocument": `{"Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"` + clock(53) + `"}}}]}`}})
	s.does(54, inRole("admin", "x", "ASIAONEONEONEONEONE1", 5), "iam:ListUsers", nil)
	d := s.seeds("access-key", alicesKey)
	for id, at := range map[string]int{"iam-user:arn:aws:iam::" + ours + ":user/eve": 2, "key:AKIANEWNEWNEWNEWNEW1": 50, "key:ASIAONEONEONEONEONE1": 53} {
		if n := listedAs(t, d, id); n.RevokedAt != clock(at) || n.LiveUntil != "" {
			t.Errorf("%s: revoked %q, live until %q", id, n.RevokedAt, n.LiveUntil)
		}
	}
	if n := listedAs(t, d, "key:AKIANEWNEWNEWNEWNEW1"); !slices.Contains(n.Evidence, off) {
		t.Errorf("the call that took it back is no evidence: %q", n.Evidence)
	}
	if n := listedAs(t, d, "key:"+alicesKey); n.RevokedAt != "" || n.LiveUntil != untilRevoked {
		t.Errorf("%+v", n)
	}
	for _, x := range d.Exposures {
		if x.RevokedAt == "" {
			t.Errorf("still open: %+v", x)
		}
	}
	if len(d.Exposures) != 2 {
		t.Errorf("%+v", d.Exposures)
	}
	for _, c := range d.Contain {
		if c.Do == "unshare" || c.Do == "contain-user" || c.Target == "AKIANEWNEWNEWNEWNEW1" {
			t.Errorf("there is nothing left to do: %+v", c)
		}
	}
	s.does(60, admin, "iam:UpdateAccessKey", obj{"requestParameters": obj{"accessKeyId": "AKIANEWNEWNEWNEWNEW1", "status": "Active"}})
	if n := listedAs(t, s.seeds("access-key", alicesKey), "key:AKIANEWNEWNEWNEWNEW1"); n.RevokedAt != "" {
		t.Errorf("active again, and over: %+v", n)
	}
}

// Who comes through an identity provider that the intruder made is the intruder; who comes through another, or through
// one that was only changed, is not.
func TestIdentityProvider(t *testing.T) {
	const evil, good = "arn:aws:iam::" + ours + ":saml-provider/evil", "arn:aws:iam::" + ours + ":saml-provider/good"
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "iam:CreateSAMLProvider", obj{"requestParameters": obj{"name": "evil"}, "responseElements": obj{"sAMLProviderArn": evil}})
	s.does(1, a, "iam:UpdateSAMLProvider", obj{"requestParameters": obj{"sAMLProviderArn": good}, "responseElements": obj{"sAMLProviderArn": good}})
	through := func(sec int, provider, who, key string) (string, string) {
		call := s.assumes(sec, obj{"type": "SAMLUser", "principalId": "x:" + who, "userName": who, "identityProvider": "x"}, "web", who, key, obj{
			"eventName": "AssumeRoleWithSAML", "requestParameters": obj{"roleArn": "arn:aws:iam::" + ours + ":role/web", "principalArn": provider}})
		return call, s.does(sec+1, inRole("web", who, key, sec), "iam:ListUsers", nil)
	}
	call, used := through(10, evil, "ghost", "ASIAGHOSTGHOSTGHOST1")
	other, others := through(20, good, "carol", "ASIACAROLCAROLCAROL1")
	d := s.seeds("access-key", alicesKey)
	is(t, d, call, "derived certain trust")
	is(t, d, used, "derived certain sts-assume-role-saml")
	is(t, d, other, "")
	is(t, d, others, "")
	noted(t, d, "identity provider "+good+" was changed")
}

// An account that nobody knew comes for what was shared with it; a partner goes on as ever.
func TestSharedWith(t *testing.T) {
	s := &story{t: t}
	from := func(sec int, account string) string {
		return s.does(sec, obj{"type": "AWSAccount", "accountId": account, "principalId": "AIDA" + account}, "s3:GetObject", obj{"eventCategory": "Data", "requestParameters": obj{"bucketName": "data"}, "readOnly": true})
	}
	from(-10, "333333333333")
	s.does(0, aliceLike("alice", alicesKey), "s3:PutBucketPolicy", obj{"requestParameters": obj{"bucketName": "data", "bucketPolicy": obj{"Statement": []any{obj{"Effect": "Allow",
		"Principal": obj{"AWS": []any{"arn:aws:iam::" + theirs + ":root", "arn:aws:iam::333333333333:root"}}, "Action": "s3:*"}}}}})
	stranger, partner := from(20, theirs), from(21, "333333333333")
	d := s.seeds("access-key", alicesKey)
	is(t, d, stranger, "derived probable shared-with")
	is(t, d, partner, "")
}

// A web identity token made by the intruder is found where it is used, by its id.
func TestWebIdentityToken(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "sts:GetWebIdentityToken", obj{"additionalEventData": obj{"webIdentityTokenId": "token-1"}})
	use := func(sec int, token, key string) string {
		return s.assumes(sec, obj{"type": "WebIdentityUser", "principalId": "p:aud:sub", "userName": "sub", "identityProvider": "p"}, "far", "x", key,
			obj{"eventName": "AssumeRoleWithWebIdentity", "additionalEventData": obj{"webIdentityTokenId": token}})
	}
	mine, elses := use(5, "token-1", "ASIAONEONEONEONEONE1"), use(6, "token-2", "ASIATWOTWOTWOTWOTWO2")
	used := s.does(7, inRole("far", "x", "ASIAONEONEONEONEONE1", 5), "iam:ListUsers", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, mine, "derived certain sts-web-identity-token")
	is(t, d, used, "derived certain sts-assume-role-web")
	is(t, d, elses, "same-principal possible same-credential") // the same person at the same provider
}

// Identity Center's call is redacted: the session is known by the permission set, the user's name and the moment.
func TestIdentityCenter(t *testing.T) {
	s := &story{t: t}
	portal := obj{"type": "IdentityCenterUser", "accountId": ours, "userName": "alice@corp", "onBehalfOf": obj{"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::" + ours + ":identitystore/d-1"}}
	s.does(0, portal, "sso:GetRoleCredentials", obj{"serviceEventDetails": obj{"role_name": "Admin", "account_id": ours}, "eventType": "AwsServiceEvent"})
	mine := s.does(9, inRole("AWSReservedSSO_Admin_0123456789abcdef", "alice@corp", "ASIAONEONEONEONEONE1", 1), "iam:ListUsers", nil)
	elses := s.does(9, inRole("AWSReservedSSO_Admin_0123456789abcdef", "bob@corp", "ASIATWOTWOTWOTWOTWO2", 1), "iam:ListUsers", nil)
	event := s.records[0]["eventID"].(string)
	d := s.seeds("event", event)
	is(t, d, event, "seed certain seed-event")
	is(t, d, mine, "derived probable sso-role-credentials")
	is(t, d, elses, "")
}

// A user that the intruder makes in Identity Center is the intruder, and so are the sessions of it.
func TestCreatedPortalUser(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "identitystore:CreateUser", obj{"requestParameters": obj{"userName": hidden}, "responseElements": obj{"userId": "u-9"}})
	portal := func(user, name string) obj {
		return obj{"type": "IdentityCenterUser", "accountId": ours, "userName": name, "onBehalfOf": obj{"userId": user}}
	}
	there := s.does(9, portal("u-9", "ghost"), "sso:Federate", obj{"serviceEventDetails": obj{"role_name": "Admin", "account_id": ours}, "eventType": "AwsServiceEvent"})
	used := s.does(12, inRole("AWSReservedSSO_Admin_0123456789abcdef", "ghost", "ASIAGHOSTGHOSTGHOST1", 10), "iam:ListUsers", nil)
	other := s.does(9, portal("u-1", "carol"), "sso:Federate", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, there, "created-identity certain created-identity")
	is(t, d, used, "created-identity probable sso-federation")
	is(t, d, other, "")
}

// What was taken back and given again is open.
func TestGivenAgain(t *testing.T) {
	s := &story{t: t}
	share := func(sec int, who obj, do string) {
		s.does(sec, who, "ec2:ModifySnapshotAttribute", obj{"requestParameters": obj{"snapshotId": "snap-1", "createVolumePermission": obj{do: obj{"items": []any{obj{"userId": theirs}}}}}})
	}
	share(0, aliceLike("alice", alicesKey), "add")
	share(10, aliceLike("bob", bobsKey), "remove")
	share(20, aliceLike("alice", alicesKey), "add")
	if d := s.seeds("access-key", alicesKey); len(d.Exposures) != 1 || d.Exposures[0].RevokedAt != "" || d.Exposures[0].Since != clock(0) {
		t.Errorf("%+v", d.Exposures)
	}
	share(30, aliceLike("bob", bobsKey), "remove")
	if d := s.seeds("access-key", alicesKey); d.Exposures[0].RevokedAt != clock(30) {
		t.Errorf("%+v", d.Exposures)
	}
}

// A record that nobody can read is counted, its copies once, and a foreign line is none.
func TestUnreadRecords(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "iam:ListUsers", nil)
	good, bad := s.lines()[0], `{"eventVersion":"1.09","eventID":"x","eventTime":"2024-05-01T12:00:00Z","eventName":tru}`
	c := corpusOf(t, fileOf("a", good+"\n"+bad+"\n"), fileOf("b", good+"\n"+bad+"\n"), fileOf("c", "file,events,seed\na,b,c\n"))
	d, err := Find(t.Context(), c, Question{})
	if err != nil || d.Summary.Unread != 1 {
		t.Errorf("%d unread, %v", d.Summary.Unread, err)
	}
	noted(t, d, "records that could not be read: 1")
}

// A dry run asks what is allowed: it reaches nothing, ends nothing and opens nothing.
func TestDryRun(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	const host = "i-0123456789abcdef0"
	s.does(0, a, "ec2:RunInstances", obj{"responseElements": obj{"instancesSet": obj{"items": []any{obj{"instanceId": host}}}}})
	allowed := obj{"errorCode": "Client.DryRunOperation", "errorMessage": "Request would have succeeded, but DryRun flag is set."}
	s.does(5, a, "ec2:TerminateInstances", changed(allowed, obj{"requestParameters": obj{"instancesSet": obj{"items": []any{obj{"instanceId": host}, obj{"instanceId": "i-0aaaaaaaaaaaaaaa1"}}}}}))
	s.does(6, a, "ec2:AuthorizeSecurityGroupIngress", changed(allowed, obj{"requestParameters": obj{"groupId": "sg-1", "cidrIp": "0.0.0.0/0"}}))
	d := s.seeds("access-key", alicesKey)
	if n := listedAs(t, d, "instance:"+host); n.RevokedAt != "" {
		t.Errorf("a dry run ended it: %+v", n)
	}
	if len(d.Exposures) > 0 {
		t.Errorf("a dry run opened %+v", d.Exposures)
	}
	for _, r := range d.Resources {
		if r.ID != host && r.Outcome != "attempted" {
			t.Errorf("a dry run reached %+v", r)
		}
	}
}

// Anybody may name a session as a function is named: who began it, and the function's role, tell them apart.
func TestNamedAsAFunction(t *testing.T) {
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "lambda:UpdateFunctionCode", obj{"requestParameters": obj{"functionName": "api"},
		"responseElements": obj{"functionArn": "arn:aws:lambda:us-east-1:" + ours + ":function:api", "role": "arn:aws:iam::" + ours + ":role/service-role/runs-api"}})
	own := s.does(9, inRole("runs-api", "api", "ASIAFUNCFUNCFUNCFUN1", 5), "s3:ListBuckets", nil)
	other := s.does(9, inRole("developer", "api", "ASIADEVELDEVELDEVEL1", 5), "s3:ListBuckets", nil)
	s.assumes(5, aliceLike("bob", bobsKey), "runs-api", "api", "ASIABOBSBOBSBOBSBOB1", nil)
	bobs := s.does(9, inRole("runs-api", "api", "ASIABOBSBOBSBOBSBOB1", 5), "s3:ListBuckets", nil)
	d := s.seeds("access-key", alicesKey)
	is(t, d, own, "derived probable code-control")
	is(t, d, other, "")
	is(t, d, bobs, "")
	d = s.seeds("function", "arn:aws:lambda:us-east-1:"+ours+":function:api")
	is(t, d, own, "seed certain seed-function")
	is(t, d, bobs, "")
}
