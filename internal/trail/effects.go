package trail

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxTouches bounds what one event is said to have reached: a request may name thousands of things.
const maxTouches = 64

// EffectsOf says what e did, or, where it did not succeed, tried. What the table has no row for is told from the
// record's resources and the verb of the event's name.
func EffectsOf(e *Event) Effects {
	m := table[e.ServiceName()+":"+e.Name]
	var fx Effects
	fx.touches(e, &m)
	fx.Techniques = strings.Fields(m.attack)
	if e.Name == "ConsoleLogin" && e.Outcome != Success {
		fx.Techniques = []string{"T1110"}
	}
	if e.fromStolenInstance() {
		fx.Techniques = append(fx.Techniques, "T1552.005")
	}
	fx.Weakens = m.weak
	fx.Padded = e.Omitted && !e.ReadOnly
	if m.secret {
		fx.Secrets = fx.Touches
	}
	if m.issue != nil && e.Outcome == Success {
		fx.Issues = m.issue.of(e)
	}
	if m.grant != nil {
		fx.Grants = m.grant.of(e)
	}
	if m.expose != nil {
		fx.Exposures = m.expose(e)
	}
	if m.revert != "" && (e.Name != "UpdateAccessKey" || e.str("request.status") == "Inactive") {
		fx.Reverts = e.all(m.revert)
	}
	return fx
}

// fromStolenInstance says that an instance's role credential, delivered by the metadata service, made a call from
// outside AWS's own addresses' names: a session named after an instance.
func (e *Event) fromStolenInstance() bool {
	return e.Identity.EC2RoleDelivery != "" || strings.HasPrefix(sessionName(&e.Identity), "i-")
}

func (fx *Effects) touches(e *Event, m *meaning) {
	access := m.access
	if access == "" {
		access = accessOf(e)
	}
	add := func(id, kind, account string) {
		if id == "" || len(fx.Touches) >= maxTouches || slices.ContainsFunc(fx.Touches, func(t Touch) bool { return t.ID == id }) {
			return
		}
		if account == "" {
			account = e.Recipient
		}
		fx.Touches = append(fx.Touches, Touch{ID: id, Type: kind, Account: account, Region: e.Region, Access: access})
	}
	for _, t := range m.touch {
		for _, id := range e.all(t.path) {
			add(id, t.kind, accountIn(id))
		}
	}
	for _, r := range e.Resources {
		kind := r.Type
		if kind == "" {
			kind = "AWS::" + strings.ToUpper(e.ServiceName()) + "::Resource"
		}
		add(r.ARN, kind, r.Account)
	}
	if len(fx.Touches) > 0 {
		return
	}
	for _, t := range usual {
		for _, id := range e.all(t.path) {
			add(id, t.kind, accountIn(id))
		}
	}
}

// usual are the request's members that name a resource in most services.
var usual = []touch{{"request.bucketName", "AWS::S3::Bucket"}, {"request.instanceId", "AWS::EC2::Instance"},
	{"request.functionName", "AWS::Lambda::Function"}, {"request.roleName", "AWS::IAM::Role"}, {"request.userName", "AWS::IAM::User"},
	{"request.groupName", "AWS::IAM::Group"}, {"request.keyId", "AWS::KMS::Key"}, {"request.secretId", "AWS::SecretsManager::Secret"},
	{"request.dBInstanceIdentifier", "AWS::RDS::DBInstance"}, {"request.dBClusterIdentifier", "AWS::RDS::DBCluster"},
	{"request.tableName", "AWS::DynamoDB::Table"}, {"request.topicArn", "AWS::SNS::Topic"}, {"request.queueUrl", "AWS::SQS::Queue"},
	{"request.clusterName|request.cluster", "AWS::ECS::Cluster"}, {"request.stackName", "AWS::CloudFormation::Stack"},
	{"request.logGroupName", "AWS::Logs::LogGroup"}, {"request.repositoryName", "AWS::ECR::Repository"},
	{"request.volumeId", "AWS::EC2::Volume"}, {"request.snapshotId", "AWS::EC2::Snapshot"}, {"request.policyArn", "AWS::IAM::ManagedPolicy"}}

// accessOf tells from the verb how a call that no row describes reaches what it names.
func accessOf(e *Event) Access {
	starts := func(verbs ...string) bool {
		return slices.ContainsFunc(verbs, func(v string) bool { return strings.HasPrefix(e.Name, v) })
	}
	switch {
	case starts("List"):
		return List
	case e.Category == Data && starts("Get", "BatchGet", "Query", "Scan", "Select"):
		return ReadData
	case starts("Delete", "Remove", "Terminate", "Purge"):
		return Delete
	case starts("Invoke", "Execute", "Run", "Start"):
		return Execute
	case e.ReadOnly || starts("Get", "Describe", "Head", "BatchGet", "Lookup", "Search", "Check"):
		return ReadConfig
	}
	return Write
}

// all gives the values at a path of the table, as text; HIDDEN_DUE_TO_SECURITY_REASONS is none.
func (e *Event) all(paths string) []string {
	for path := range strings.SplitSeq(paths, "|") {
		root, rest, _ := strings.Cut(path, ".")
		var from map[string]any
		switch root {
		case "request":
			from = e.Request
		case "response":
			from = e.Response
		case "additional":
			from = e.Additional
		}
		var out []string
		collect(from, strings.Split(rest, "."), func(v any) {
			if s := text(v); s != "" && s != "HIDDEN_DUE_TO_SECURITY_REASONS" && len(out) < maxTouches {
				out = append(out, s)
			}
		})
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

func (e *Event) str(path string) string {
	if all := e.all(path); len(all) > 0 {
		return all[0]
	}
	return ""
}

func collect(v any, path []string, each func(any)) {
	if len(path) == 0 {
		if l, ok := v.([]any); ok {
			for _, x := range l {
				each(x)
			}
			return
		}
		each(v)
		return
	}
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	name, list := strings.CutSuffix(path[0], "[]")
	next := m[name]
	if !list {
		collect(next, path[1:], each)
		return
	}
	if l, ok := next.([]any); ok {
		for _, x := range l {
			collect(x, path[1:], each)
		}
	}
}

func (i *issue) of(e *Event) []Issue {
	one := Issue{Rule: i.rule, ARN: e.str(i.arn), Principal: e.str(i.principal), RoleARN: e.str(i.role), Session: e.str(i.session)}
	one.Expires = moments(e.str(i.expires))
	keys := e.all(i.key)
	if len(keys) == 0 {
		if one.ARN == "" && one.RoleARN == "" {
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

func (g *grant) of(e *Event) []Grant {
	ids := e.all(g.id)
	if len(ids) == 0 && g.id == user && e.Identity.Type == "IAMUser" {
		ids = []string{e.Identity.ARN} // IAM takes the caller's own user where none is named
	}
	sure := g.sure
	if sure == "" {
		sure = Certain
	}
	var out []Grant
	for _, id := range ids {
		if g.arn != "" && !strings.HasPrefix(id, "arn:") {
			id = "arn:" + partitionOf(e) + ":iam::" + e.Recipient + ":" + g.arn + id
		}
		one := Grant{Kind: g.kind, ID: id, Account: e.Recipient, Region: e.Region, Rule: g.rule, Confidence: sure}
		if g.trust != "" {
			one.Trustees = principalsOf(e.value(g.trust))
		}
		through := e.all(g.through)
		if len(through) == 0 {
			through = []string{""}
		}
		for _, w := range through {
			one.Through = w
			out = append(out, one)
		}
	}
	return out
}

// partitionOf gives the partition of the caller's ARN: aws, aws-us-gov, aws-cn.
func partitionOf(e *Event) string {
	if parts := strings.SplitN(e.Identity.ARN, ":", 3); len(parts) == 3 && parts[0] == "arn" {
		return parts[1]
	}
	return "aws"
}

// value gives what is at a path, of whatever type.
func (e *Event) value(paths string) any {
	for path := range strings.SplitSeq(paths, "|") {
		root, rest, _ := strings.Cut(path, ".")
		from := e.Request
		if root == "response" {
			from = e.Response
		}
		if v := at(from, rest); v != nil {
			return v
		}
	}
	return nil
}

// document reads a policy: an object, JSON in a string, or that URL-encoded.
func document(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	s, _ := v.(string)
	if strings.HasPrefix(s, "%7B") {
		s, _ = url.QueryUnescape(s)
	}
	if len(s) > maxShapeRecord || checkStrict([]byte(s)) != nil {
		return nil
	}
	var m map[string]any
	if json.Unmarshal([]byte(s), &m) != nil {
		return nil
	}
	return m
}

// principalsOf gives whom the Allow statements of a policy name: ARNs, accounts, "*", providers, services.
func principalsOf(v any) []string {
	var out []string
	statements := document(v)["Statement"]
	if one, ok := statements.(map[string]any); ok {
		statements = []any{one}
	}
	list, _ := statements.([]any)
	for _, st := range list {
		m, _ := st.(map[string]any)
		if m["Effect"] != "Allow" {
			continue
		}
		if s, ok := m["Principal"].(string); ok {
			out = with(out, s)
		}
		who, _ := m["Principal"].(map[string]any)
		for _, kind := range []string{"AWS", "Federated", "Service"} {
			collect(who, []string{kind}, func(v any) {
				if len(out) < maxTouches {
					out = with(out, text(v))
				}
			})
		}
	}
	return out
}

func exposed(e *Event, kind, id, of string, to []string) []Exposure {
	var out []Exposure
	for _, g := range to {
		if accountIn(g) == e.Recipient && e.Recipient != "" || strings.HasSuffix(g, ".amazonaws.com") {
			continue // within the account, or to AWS itself
		}
		out = append(out, Exposure{Resource: Touch{ID: e.str(id), Type: of, Account: e.Recipient, Region: e.Region, Access: Share}, Grantee: g, Kind: kind})
	}
	return out
}

func listed(kind, grantee, id, of string) func(*Event) []Exposure {
	return func(e *Event) []Exposure { return exposed(e, kind, id, of, e.all(grantee)) }
}

func principalExposure(kind, id, of string) func(*Event) []Exposure {
	return listed(kind, "request.principal", id, of)
}

func policyExposure(kind, policy, id, of string) func(*Event) []Exposure {
	return func(e *Event) []Exposure { return exposed(e, kind, id, of, principalsOf(e.value(policy))) }
}

// sharedItems reads EC2's lists of who may use an image or a snapshot: an account, an organisation, or all.
func sharedItems(kind, items, id, of string) func(*Event) []Exposure {
	return func(e *Event) []Exposure {
		var to []string
		for _, who := range []string{".userId", ".organizationArn", ".organizationalUnitArn"} {
			to = append(to, e.all(items+who)...)
		}
		if slices.Contains(e.all(items+".group"), "all") {
			to = append(to, "*")
		}
		return exposed(e, kind, id, of, to)
	}
}

func bucketACL(e *Event) []Exposure {
	var to []string
	for _, acl := range append(e.all("request.x-amz-acl"), e.all("request.AccessControlPolicy.AccessControlList.Grant[].Grantee.URI")...) {
		if strings.HasPrefix(acl, "public-") || strings.HasSuffix(acl, "/AllUsers") || strings.HasSuffix(acl, "/AuthenticatedUsers") {
			to = with(to, "*")
		}
	}
	to = append(to, e.all("request.AccessControlPolicy.AccessControlList.Grant[].Grantee.ID")...)
	return exposed(e, "bucket-acl", "request.bucketName", "AWS::S3::Bucket", to)
}

func openPorts(e *Event) []Exposure {
	var to []string
	for _, path := range []string{"request.ipPermissions.items[].ipRanges.items[].cidrIp", "request.ipPermissions.items[].ipv6Ranges.items[].cidrIpv6", "request.cidrIp"} {
		for _, cidr := range e.all(path) {
			if cidr == "0.0.0.0/0" || cidr == "::/0" {
				to = with(to, cidr)
			}
		}
	}
	return exposed(e, "security-group", "request.groupId", "AWS::EC2::SecurityGroup", to)
}
