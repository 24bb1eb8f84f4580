package trail

import (
	"math/rand/v2"
	"time"
)

// An intruder writes what somebody did with a stolen key, and what others did who look like them, into a world, and
// notes which is which.
type intruder struct {
	w  *world
	r  *rand.Rand
	at int64
}

// Calls that the story is told with.
func lookAround(name string) *madeCall {
	service := map[string]string{"ListUsers": "iam", "ListRoles": "iam", "GetAccountAuthorizationDetails": "iam", "ListBuckets": "s3", "ListSecrets": "secretsmanager", "GetCallerIdentity": "sts", "DescribeSnapshots": "ec2", "DescribeTrails": "cloudtrail"}[name]
	c := &madeCall{source: service + ".amazonaws.com", name: name, flags: reads}
	if service == "iam" {
		c.flags |= global
	}
	return c
}

func iam(name, request, response string) *madeCall {
	return &madeCall{source: "iam.amazonaws.com", name: name, flags: global, request: request, response: response}
}

// do writes one event a little later than the one before. rel is what it is to the intruder's key: "" where it has
// nothing to do with it.
func (n *intruder) do(who *caller, rel Relation, region string, c *madeCall, code string) string {
	n.at += 20 + n.r.Int64N(160)
	return n.put(&madeEvent{at: n.at, who: who, account: who.account, region: region, call: c, code: code, message: "User: $W is not authorized to perform: $C"}, rel)
}

func (n *intruder) put(e *madeEvent, rel Relation) string {
	e.id = string(randomUUID(nil, n.r))
	e.message = string(n.w.expand(nil, n.r, e, e.message))
	file := n.w.fileOf(e.at, e.account, e.region)
	n.w.planted[file] = append(n.w.planted[file], n.w.record(nil, n.r, e))
	switch rel {
	case "":
	case SamePrincipal, ByService:
		n.w.apart[e.id] = true
	default:
		n.w.of[e.id] = rel
	}
	return e.id
}

// assume writes the AssumeRole of a session of role and gives the session. Where the role is another account's, both
// accounts have a record of the call.
func (n *intruder) assume(by, role *caller, session, region string, rel Relation) *caller {
	c := &caller{kind: "AssumedRole", account: role.account, name: role.name, session: session, principal: role.principal + ":" + session,
		key: randomKey(n.r, "ASIA"), ip: by.ip, agent: by.agent}
	c.from = n.at + 20 + n.r.Int64N(160)
	c.to = c.from + 43200
	n.at = c.from
	e := madeEvent{at: c.from, who: by, account: role.account, region: region, call: issueOf(&madeCall{source: "sts.amazonaws.com", name: "AssumeRole", flags: reads}, c)}
	if by.kind != "AWSService" && by.account != role.account {
		e.shared = string(randomUUID(nil, n.r))
		there := e
		there.who = &caller{kind: "AWSAccount", account: by.account, principal: by.principal, ip: by.ip, agent: by.agent, key: "-"}
		n.put(&there, rel)
		e.account = by.account
	}
	n.put(&e, rel)
	return c
}

// intrude plants the story in the middle of the log.
func (w *world) intrude(r *rand.Rand) {
	n := &intruder{w: w, r: r, at: begin + (w.end()-begin)*4/10}
	victim := &caller{kind: "IAMUser", account: w.accounts[0], principal: randomKey(r, "AIDA"), name: "deploy-bot", key: randomKey(r, "AKIA"), ip: randomAddress(r), agent: w.agents[1], from: begin, to: w.end()}
	admin := &caller{account: w.accounts[0], principal: randomKey(r, "AROA"), name: "platform-admin"}
	audit := &caller{account: w.accounts[1], principal: randomKey(r, "AROA"), name: "cross-account-audit"}
	n.bystanders(victim, admin, audit)
	for range 5 { // the owner's own use, before
		n.do(victim, SamePrincipal, "us-east-1", lookAround("ListBuckets"), "")
	}
	n.at += 600
	w.key, w.stolen = victim.key, time.Unix(n.at, 0).UTC()
	thief := *victim
	thief.ip, thief.agent = randomAddress(r), w.agents[2]
	for _, name := range []string{"GetCallerIdentity", "ListUsers", "ListRoles", "ListBuckets", "DescribeTrails"} {
		n.do(&thief, BySeed, "us-east-1", lookAround(name), "")
	}
	for _, name := range []string{"GetAccountAuthorizationDetails", "ListSecrets", "DescribeSnapshots"} {
		n.do(&thief, BySeed, "us-east-1", lookAround(name), "AccessDenied")
	}
	session := n.assume(&thief, admin, "deploy", "us-east-1", BySeed)
	n.asAdmin(session, audit)
	n.asCreated(session, admin)
	n.likeThem(&thief, admin, audit, session)
}

// asAdmin is what the intruder does in the session of the assumed role, and from there in another account.
func (n *intruder) asAdmin(session, audit *caller) {
	n.do(session, Derived, "eu-west-1", lookAround("ListSecrets"), "")
	for range 3 + n.r.IntN(20) {
		n.do(session, Derived, "eu-west-1", &madeCall{source: "secretsmanager.amazonaws.com", name: "GetSecretValue", flags: reads, request: `{"secretId":"$s"}`}, "")
	}
	n.do(session, Derived, "us-east-1", &madeCall{source: "cloudformation.amazonaws.com", name: "CreateStack", request: `{"stackName":"backup-$x","capabilities":["CAPABILITY_IAM"]}`, response: `{"stackId":"arn:aws:cloudformation:$r:$a:stack/backup-$x/$u"}`}, "")
	forward := *session
	forward.key, forward.invokedBy = randomKey(n.r, "ASIA"), "cloudformation.amazonaws.com"
	for range 2 {
		n.do(&forward, ForwardAccess, "us-east-1", &madeCall{source: "sns.amazonaws.com", name: "CreateTopic", request: `{"name":"backup-$x"}`, response: `{"topicArn":"arn:aws:sns:$r:$a:backup-$x"}`}, "")
	}
	there := n.assume(session, audit, "deploy", "us-east-1", Derived)
	for range 4 {
		n.do(there, Derived, "eu-west-1", lookAround("ListBuckets"), "")
		n.do(there, Derived, "us-east-1", lookAround("ListUsers"), "AccessDenied")
	}
	n.onHost(session)
}

// onHost starts an instance with a role and uses the role's credentials from it.
func (n *intruder) onHost(session *caller) {
	const id = "i-0feedfacefeedface"
	role := &caller{account: session.account, principal: randomKey(n.r, "AROA"), name: "batch-worker"}
	n.do(session, Derived, "us-west-2", &madeCall{source: "ec2.amazonaws.com", name: "RunInstances",
		request:  `{"instancesSet":{"items":[{"imageId":"ami-0$h$h0","minCount":1,"maxCount":1}]},"instanceType":"p4d.24xlarge","blockDeviceMapping":{},"monitoring":{"enabled":false},"iamInstanceProfile":{"name":"batch-worker"}}`,
		response: `{"requestId":"$u","reservationId":"r-0$h$h0","ownerId":"$a","groupSet":{},"instancesSet":{"items":[{"instanceId":"` + id + `","imageId":"ami-0$h$h0","currentState":{"code":0,"name":"pending"},"instanceType":"p4d.24xlarge"}]}}`}, "")
	host := n.assume(n.w.services[0], role, id, "us-west-2", ByService)
	host.delivery, host.ip, host.agent = "2.0", randomAddress(n.r), n.w.agents[0]
	for range 3 {
		n.do(host, Derived, "us-west-2", &madeCall{source: "s3.amazonaws.com", name: "GetObject", flags: reads | ofData, request: `{"bucketName":"$b","key":"$k"}`, resources: `[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::$b/$k"}]`}, "")
	}
}

// asCreated makes a user with a key and a password, and uses both.
func (n *intruder) asCreated(session, admin *caller) {
	user := &caller{kind: "IAMUser", account: session.account, principal: randomKey(n.r, "AIDA"), name: "svc-backup", key: randomKey(n.r, "AKIA"), ip: session.ip, agent: session.agent}
	earlier := *user // of the same name, and long gone
	earlier.principal, earlier.key, earlier.ip = randomKey(n.r, "AIDA"), randomKey(n.r, "AKIA"), randomAddress(n.r)
	n.do(&earlier, "", "us-east-1", lookAround("ListBuckets"), "")
	n.do(session, Derived, "us-east-1", iam("CreateUser", `{"userName":"svc-backup"}`, `{"user":{"path":"/","userName":"svc-backup","userId":"`+user.principal+`","arn":"`+user.arn()+`","createDate":"$D"}}`), "")
	n.do(session, Derived, "us-east-1", iam("AttachUserPolicy", `{"userName":"svc-backup","policyArn":"arn:aws:iam::aws:policy/AdministratorAccess"}`, ""), "")
	n.do(session, Derived, "us-east-1", iam("CreateAccessKey", `{"userName":"svc-backup"}`, `{"accessKey":{"accessKeyId":"`+user.key+`","status":"Active","userName":"svc-backup","createDate":"$D"}}`), "")
	n.do(session, Derived, "us-east-1", iam("CreateLoginProfile", `{"userName":"svc-backup","passwordResetRequired":false}`, `{"loginProfile":{"userName":"svc-backup","createDate":"$D","passwordResetRequired":false}}`), "")
	for _, region := range []string{"us-east-1", "eu-west-1", "ap-southeast-2"} {
		n.do(user, CreatedIdentity, region, lookAround("GetCallerIdentity"), "")
		n.do(user, CreatedIdentity, region, lookAround("DescribeSnapshots"), "")
	}
	n.do(user, CreatedIdentity, "eu-west-1", &madeCall{source: "ec2.amazonaws.com", name: "ModifySnapshotAttribute",
		request: `{"snapshotId":"snap-0$h$h0","attributeType":"CREATE_VOLUME_PERMISSION","createVolumePermission":{"add":{"items":[{"userId":"999988887777"}]}}}`, response: `{"requestId":"$u","_return":true}`}, "")
	second := n.assume(user, admin, "svc-backup", "us-east-1", CreatedIdentity)
	n.do(second, CreatedIdentity, "us-east-1", lookAround("ListUsers"), "")
	n.signIn(user)
	n.do(user, CreatedIdentity, "us-east-1", &madeCall{source: "cloudtrail.amazonaws.com", name: "StopLogging", request: `{"name":"arn:aws:cloudtrail:$r:$a:trail/management"}`}, "")
	n.do(user, CreatedIdentity, "us-east-1", &madeCall{source: "cloudtrail.amazonaws.com", name: "DeleteTrail", request: `{"name":"arn:aws:cloudtrail:$r:$a:trail/management"}`}, "AccessDeniedException")
}

// signIn is a console session, which has another key for every request.
func (n *intruder) signIn(user *caller) {
	n.at += 60
	console := *user
	console.key, console.from, console.agent = "", n.at, n.w.agents[4]
	e := madeEvent{at: n.at, who: &caller{kind: "IAMUser", account: user.account, principal: user.principal, name: user.name, ip: user.ip, agent: console.agent, key: "-"},
		account: user.account, region: "us-east-1", call: &madeCall{source: "signin.amazonaws.com", name: "ConsoleLogin", flags: signIn | global,
			response: `{"ConsoleLogin":"Success"}`, additional: `{"LoginTo":"https://console.aws.amazon.com/console/home","MobileVersion":"No","MFAUsed":"No"}`}}
	n.put(&e, CreatedIdentity)
	for range 4 {
		n.do(&console, CreatedIdentity, "eu-west-1", lookAround("DescribeSnapshots"), "")
	}
}

// bystanders are others who use the same roles, and the victim's other sessions, before anything happened.
func (n *intruder) bystanders(victim, admin, audit *caller) {
	at := n.at
	n.at = begin + (n.w.end()-begin)*35/100
	n.others(admin, audit, "alice")
	console := *victim
	console.key, console.from, console.agent = "", n.at, n.w.agents[4]
	n.do(&console, SamePrincipal, "us-east-1", lookAround("ListUsers"), "")
	n.do(&console, SamePrincipal, "eu-west-1", lookAround("DescribeSnapshots"), "")
	n.at = at
}

// others lets a user of the account take the same roles for an honest purpose.
func (n *intruder) others(admin, audit *caller, name string) {
	user := &caller{kind: "IAMUser", account: admin.account, principal: randomKey(n.r, "AIDA"), name: name, key: randomKey(n.r, "AKIA"), ip: randomAddress(n.r), agent: n.w.agents[3]}
	session := n.assume(user, admin, "deploy", "us-east-1", "")
	n.do(session, "", "eu-west-1", lookAround("ListSecrets"), "")
	forward := *session
	forward.key, forward.invokedBy = randomKey(n.r, "ASIA"), "cloudformation.amazonaws.com"
	n.do(&forward, "", "us-east-1", &madeCall{source: "sns.amazonaws.com", name: "CreateTopic", request: `{"name":"app-$x"}`}, "")
	there := n.assume(session, audit, "deploy", "us-east-1", "")
	n.do(there, "", "eu-west-1", lookAround("ListBuckets"), "")
}

// likeThem are bystanders at the time of the intrusion: same roles, same session name, same address and user agent,
// the created user's name in another account; and a session of the role that nothing in the log began.
func (n *intruder) likeThem(thief, admin, audit, session *caller) {
	n.at = session.from + 300
	n.others(admin, audit, "bob")
	colleague := &caller{kind: "IAMUser", account: admin.account, principal: randomKey(n.r, "AIDA"), name: "carol", key: randomKey(n.r, "AKIA"), ip: thief.ip, agent: thief.agent}
	n.do(colleague, "", "us-east-1", lookAround("ListUsers"), "")
	namesake := &caller{kind: "IAMUser", account: n.w.accounts[2], principal: randomKey(n.r, "AIDA"), name: "svc-backup", key: randomKey(n.r, "AKIA"), ip: randomAddress(n.r), agent: thief.agent}
	n.at = session.to - 3600
	n.do(namesake, "", "us-east-1", lookAround("GetCallerIdentity"), "")
	unseen := *session
	unseen.key, unseen.session, unseen.from = randomKey(n.r, "ASIA"), "nightly", n.at-7200
	unseen.principal = admin.principal + ":nightly"
	n.do(&unseen, SamePrincipal, "us-east-1", lookAround("ListRoles"), "")
}
