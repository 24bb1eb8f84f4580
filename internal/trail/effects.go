package trail

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// maxTouches bounds what one event is said to have reached: a request may name thousands of things.
const maxTouches = 64

// EffectsOf says what e did, or, where it did not succeed, tried. What the table has no row for is told from the
// record's resources, the ARNs and usual members of the request, and the verb of the event's name. Where the request
// is hidden, was left out or could not be read, the row's worst is assumed.
func EffectsOf(e *Event) Effects {
	m := meaningOf(e)
	fx := Effects{Techniques: distinct(strings.Fields(m.attack)), Padded: e.Omitted && e.untold("request") && !e.ReadOnly}
	named := e.touches(m.touch, m.accessOf(e))
	fx.Touches = e.reached(named, m.accessOf(e))
	if e.dryRun() {
		return fx
	}
	if m.secret {
		fx.Secrets = slices.DeleteFunc(slices.Clone(fx.Touches), func(t Touch) bool { return t.Type == "AWS::KMS::Key" })
	}
	if m.weak != "" {
		fx.Weakens = inWords(m.weak, named)
	}
	if m.coming != "" {
		fx.Coming = inWords(m.coming, named)
	}
	if m.issue != nil && e.Outcome == Success {
		fx.Issues = e.issues(m.issue)
	}
	for i := range m.grant {
		fx.Grants = append(fx.Grants, e.grants(&m.grant[i])...)
	}
	for i := range m.expose {
		fx.Exposures = append(fx.Exposures, e.exposures(&m.expose[i], named)...)
	}
	fx.Unnamed = m.unnamed(&fx)
	for _, u := range m.undo {
		fx.Undoes = append(fx.Undoes, e.undoes(u, named)...)
	}
	for _, u := range fx.Undoes {
		if u.Rule == "" && u.What == "" {
			fx.Reverts = append(fx.Reverts, u.ID)
		}
	}
	return fx
}

// dryRun says that the call only asked whether it would be allowed.
func (e *Event) dryRun() bool { return strings.Contains(e.Code, "DryRunOperation") }

// unnamed says what a call reached that its record does not name: secrets chosen by a filter, hosts chosen by a tag.
func (m *meaning) unnamed(fx *Effects) string {
	switch {
	case m.secret && len(fx.Secrets) == 0:
		return "secrets"
	case len(fx.Grants) == 0 && slices.ContainsFunc(m.grant, func(g grant) bool { return g.rule == "host-control" }):
		return "hosts"
	}
	return ""
}

// meaningOf gives the row of e with what its when adds.
func meaningOf(e *Event) meaning {
	_, m := rowFor(e.ServiceName(), e.Name)
	more := m.when
	for i := range more {
		if e.holds(more[i].holds) {
			m = m.with(&more[i].meaning)
		}
	}
	return m
}

// with gives m and x together; of what there can be but one of, x's counts.
func (m meaning) with(x *meaning) meaning {
	m.touch = slices.Concat(m.touch, x.touch)
	m.attack += " " + x.attack
	m.secret = m.secret || x.secret
	m.grant = slices.Concat(m.grant, x.grant)
	m.expose = slices.Concat(m.expose, x.expose)
	m.undo = slices.Concat(m.undo, x.undo)
	if x.access != "" {
		m.access = x.access
	}
	if x.issue != nil {
		m.issue = x.issue
	}
	if x.weak != "" {
		m.weak = x.weak
	}
	if x.coming != "" {
		m.coming = x.coming
	}
	return m
}

// accessOf gives the row's access, else what the verb of the event's name tells.
func (m *meaning) accessOf(e *Event) Access {
	if m.access != "" {
		return m.access
	}
	for _, v := range verbs {
		if slices.ContainsFunc(v.starts, func(s string) bool { return strings.HasPrefix(e.Name, s) }) {
			switch {
			case v.access == ReadConfig && e.Category == Data:
				return ReadData
			case v.access == Delete && len(m.undo) > 0 && m.undo[0] != undo{}: // a policy, key or member of it, not the thing
				return Write
			}
			return v.access
		}
	}
	if e.ReadOnly {
		return ReadConfig
	}
	return Write
}

// verbs are the beginnings of events' names, and how they reach what they name. A data event that reads reads data.
var verbs = []struct {
	access Access
	starts []string
}{
	{List, []string{"List"}},
	{ReadConfig, []string{"Get", "Describe", "Head", "BatchGet", "Query", "Scan", "Select", "Lookup", "Search", "Check", "Simulate", "Preview", "Validate", "Test", "View"}},
	{Delete, []string{"Delete", "BatchDelete", "Remove", "Terminate", "Purge", "Destroy", "Deregister"}},
	{Execute, []string{"Invoke", "Execute", "Run", "Start", "Send", "Submit", "Converse"}},
}

// touches gives the resources that the rows' paths name.
func (e *Event) touches(of []touch, access Access) []Touch {
	var out []Touch
	for _, t := range of {
		for _, id := range e.all(t.path) {
			out = addTouch(out, e.touchOf(t.kind, id, access))
		}
	}
	return out
}

// reached gives the resources of the record and those named; where there are neither, what the request, the response
// of a call that creates, or the message of a refusal names in the usual ways.
func (e *Event) reached(named []Touch, access Access) []Touch {
	var out []Touch
	for _, x := range e.Resources {
		t := e.touchOf(strings.TrimPrefix(x.Type, "AWS::"), x.ARN, access)
		if x.Account != "" {
			t.Account = x.Account
		}
		out = addTouch(out, t)
	}
	for _, t := range named {
		out = addTouch(out, t)
	}
	if len(out) == 0 {
		out = e.touches(usual, access)
	}
	if len(out) == 0 {
		for _, arn := range e.arns() {
			out = addTouch(out, e.touchOf("", arn, access))
		}
	}
	return out
}

func addTouch(all []Touch, t Touch) []Touch {
	if t.ID == "" || len(all) >= maxTouches || slices.ContainsFunc(all, func(x Touch) bool { return x.ID == t.ID && x.Type == t.Type }) {
		return all
	}
	return append(all, t)
}

// usual are the members that name a resource in most services' requests.
var usual = []touch{bucket, instances, function, aRole, aUser, aGroup, aKey, secretID, dbInstance, dbCluster, dynamo, topic, queue, stack,
	logGroup, repository, volume, snapshot, anImage, aPolicy, detector, zone, ecsCluster,
	{"EC2::SecurityGroup", "request.groupId"}, {"EC2::VPC", "request.vpcId"}, {"EC2::Subnet", "request.subnetId"},
	{"EC2::NetworkInterface", "request.networkInterfaceId"}, {"StepFunctions::StateMachine", "request.stateMachineArn"},
	{"CloudFront::Distribution", "request.distributionId"}, {"ApiGateway::RestApi", "request.restApiId"},
	{"Cognito::UserPool", "request.userPoolId"}, {"EFS::FileSystem", "request.fileSystemId"}, {"Kinesis::Stream", "request.streamName"},
	{"RDS::DBSnapshot", "request.dBSnapshotIdentifier"}, {"Redshift::Cluster", "request.clusterIdentifier"}}

// arnPattern finds ARNs, of any partition, in text: a request, or the message of a refusal.
var arnPattern = regexp.MustCompile(`arn:aws[a-z-]{0,16}:[a-z0-9-]{1,40}:[a-z0-9-]{0,30}:[0-9]{0,12}:[A-Za-z0-9_+=,.@:/$*-]{1,512}`)

// arns gives the ARNs that a record names outside its resources: in the request, in the response of a call that makes
// something, and, where it was refused without a request, behind "on resource:" of the message.
func (e *Event) arns() []string {
	var out []string
	find := func(s string) {
		if len(s) >= 2048 || strings.HasPrefix(strings.TrimSpace(s), "{") {
			return // a policy names much that is not touched
		}
		for _, arn := range arnPattern.FindAllString(s, maxTouches) {
			if len(out) < maxTouches && (!strings.Contains(arn, ":iam::") || e.ServiceName() == "iam" || e.ServiceName() == "sts") { // a role that is passed is not touched
				out = append(out, arn)
			}
		}
	}
	strs(e.Request, find)
	if len(out) == 0 && !e.ReadOnly {
		strs(e.Response, find)
	}
	if _, on, ok := strings.Cut(e.Message, "on resource: "); ok && len(out) == 0 {
		find(arnPattern.FindString(on[:min(len(on), 1024)]))
	}
	return out
}

// inWords fills the names of what is touched into a sentence.
func inWords(s string, named []Touch) string {
	if !strings.Contains(s, "{}") {
		return s
	}
	var ids []string
	for _, t := range named {
		if t.Type != named[0].Type || len(ids) == 3 {
			break
		}
		ids = append(ids, t.ID[strings.LastIndexAny(t.ID, "/:")+1:])
	}
	if len(ids) == 0 {
		ids = []string{"(not named)"}
	}
	return strings.ReplaceAll(s, "{}", strings.Join(ids, ", "))
}

func (e *Event) issues(i *issue) []Issue {
	one := Issue{Rule: i.rule, ARN: e.str(i.arn), Principal: e.str(i.principal), RoleARN: e.str(i.role),
		Session: e.str(i.session), Expires: moments(e.str(i.expires)), TokenID: e.str(i.id)}
	keys := e.all(i.key)
	if len(keys) == 0 {
		unseen := i.key != "" && len(e.Response) == 0 && slices.Contains([]string{"sts", "iam"}, e.ServiceName()) // they answer with the key, if the log has the answer
		if one.ARN == "" && one.RoleARN == "" && one.TokenID == "" && !unseen {
			return nil
		}
		return []Issue{one}
	}
	var out []Issue
	for _, k := range keys {
		one.AccessKey = k
		out = append(out, one)
	}
	return out
}

// moments reads a time of a response: RFC 3339, or as older records write it.
func moments(s string) time.Time {
	s = strings.ReplaceAll(s, "\u202f", " ")
	for _, layout := range []string{time.RFC3339, "Jan 2, 2006, 3:04:05 PM", "Jan 2, 2006 3:04:05 PM"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

func (e *Event) grants(g *grant) []Grant {
	over := e.touches([]touch{g.of}, "")
	if len(over) == 0 && g.of == aUser && e.Identity.Type == "IAMUser" && !e.untold("request") && e.Outcome == Success {
		over = []Touch{e.touchOf(aUser.kind, e.Identity.ARN, "")} // IAM takes the caller's own user where none is named
	}
	one := Grant{Kind: g.kind, Rule: g.rule, Confidence: g.sure, What: e.str(g.what)}
	if one.Confidence == "" {
		one.Confidence = Certain
	}
	if g.trust != "" {
		one.Trustees = namesOf(allowed(e.value(g.trust)))
	}
	through := e.all(g.through)
	if len(through) == 0 {
		through = []string{""}
	}
	var out []Grant
	for _, t := range over {
		one.ID, one.Account, one.Region = t.ID, t.Account, t.Region
		for _, w := range through {
			one.Through = w
			if len(out) < maxTouches {
				out = append(out, one)
			}
		}
	}
	return out
}

func (e *Event) undoes(u undo, named []Touch) []Undo {
	ids := e.all(u.of)
	switch {
	case u.of == "" && len(named) > 0:
		ids = []string{named[0].ID}
	case u.of == "" && u.rule != "" && !e.untold("request"):
		ids = []string{e.anyOfIt()[0].ID}
	}
	whats := []string{""}
	if u.what != "" {
		whats = e.all(u.what)
	}
	var out []Undo
	for _, id := range ids {
		for _, w := range whats {
			if len(out) < maxTouches {
				out = append(out, Undo{ID: id, Rule: u.rule, What: grantee(w)})
			}
		}
	}
	return out
}

func distinct(list []string) []string {
	var out []string
	for _, s := range list {
		out = with(out, s)
	}
	return out
}
