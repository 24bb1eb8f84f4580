package deploy_test

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"
)

// judged is a request and what the evaluator must say of it.
type judged struct {
	Name      string            `json:"name"`
	Principal string            `json:"principal"`
	Policies  []any             `json:"policies"`           // of the identity
	Session   any               `json:"session,omitempty"`  // the policy that the session was opened with
	Controls  []any             `json:"controls,omitempty"` // service control policies, FullAWSAccess apart
	Trust     any               `json:"trust,omitempty"`    // the resource's own policy
	Action    string            `json:"action"`
	Resource  string            `json:"resource"`
	Account   string            `json:"account"`
	Context   map[string]string `json:"context"`
	Allowed   bool              `json:"allowed"`
}

const account = "111122223333"

var everythingAllowed = json.RawMessage(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)

// partitions are those that the documents are judged in.
var partitions = []string{"aws", "aws-us-gov", "aws-cn"}

// place spells the ARNs of a partition.
type place string

func (p place) arn(service, region, account, resource string) string {
	return strings.Join([]string{"arn", string(p), service, region, account, resource}, ":")
}

func (p place) iam(resource string) string { return p.arn("iam", "", account, resource) }

// who makes a request, with what AWS says of them in its context
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html, "principal key values", and
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html).
type who struct {
	name      string
	arn       string
	context   map[string]string
	federated bool // such a session has the permissions of the policy alone that it was opened with
}

// user signs with a long-term key: there is no time of issue.
func (p place) user(path, id string) who {
	arn := p.iam("user/" + path)
	return who{name: "the key of " + path, arn: arn, context: map[string]string{"aws:userid": id, "aws:PrincipalArn": arn, "aws:PrincipalAccount": account}}
}

// token is a session that the user got from GetSessionToken, or has in the console: it acts as the user.
func (p place) token(path, id string, issued time.Time) who {
	w := p.user(path, id).since(issued)
	w.name = "a session of " + path
	return w
}

// federation is a session that the user got from GetFederationToken, under a name of its own choice.
func (p place) federation(called string, issued time.Time) who {
	arn := p.arn("sts", "", account, "federated-user/"+called)
	return who{name: "the federated session " + called, arn: arn, federated: true, context: map[string]string{
		"aws:userid": account + ":" + called, "aws:PrincipalArn": arn, "aws:PrincipalAccount": account,
	}}.since(issued)
}

// session is one of a role. aws:PrincipalArn is the role's, path and all; the session's own ARN has none.
func (p place) session(rolePath, roleID, called string, issued time.Time) who {
	role := rolePath[strings.LastIndex(rolePath, "/")+1:]
	return who{name: "session " + called + " of " + rolePath, arn: p.arn("sts", "", account, "assumed-role/"+role+"/"+called), context: map[string]string{
		"aws:userid": roleID + ":" + called, "aws:PrincipalArn": p.iam("role/" + rolePath), "aws:PrincipalAccount": account,
	}}.since(issued)
}

func (p place) root() who {
	arn := p.iam("root")
	return who{name: "the root user", arn: arn, context: map[string]string{"aws:userid": account, "aws:PrincipalArn": arn, "aws:PrincipalAccount": account}}
}

func (w who) since(issued time.Time) who {
	return w.with("aws:TokenIssueTime", issued.UTC().Format(time.RFC3339))
}

func (w who) with(key, value string) who {
	w.context = maps.Clone(w.context)
	w.context[key] = value
	return w
}

// request is something that whoever may do everything may do.
type request struct{ action, resource string }

func (p place) requests() []request {
	return []request{
		{"s3:GetObject", p.arn("s3", "", "", "data/secret")},
		{"ec2:StartInstances", p.arn("ec2", "eu-west-1", account, "instance/"+another)},
		{"ec2:DescribeInstances", "*"},
		{"iam:CreateAccessKey", p.iam("user/ops/alice")},
		{"secretsmanager:GetSecretValue", p.arn("secretsmanager", "eu-west-1", account, "secret:db-a1b2c3")},
		{"sts:AssumeRole", p.iam("role/admin")},
	}
}

// bench gathers requests, to have them judged at once.
type bench struct {
	place
	cases []judged
}

// policies are those that hold for whoever asks, beside one that admits everything.
type policies struct{ identity, controls []string }

// all has every request of somebody judged alike.
func (b *bench) all(why string, w who, p policies, allowed bool) {
	for _, r := range b.requests() {
		b.one(why, w, p, r, allowed)
	}
}

func (b *bench) one(why string, w who, p policies, r request, allowed bool) {
	c := judged{
		Name: string(b.place) + ": " + why + ": " + w.name, Principal: w.arn, Account: account, Context: w.context,
		Policies: append([]any{everythingAllowed}, raw(p.identity)...), Controls: raw(p.controls),
		Action: r.action, Resource: r.resource, Allowed: allowed,
	}
	if w.federated {
		c.Session = everythingAllowed
	}
	b.cases = append(b.cases, c)
}

func raw(documents []string) []any {
	var all []any
	for _, d := range documents {
		all = append(all, json.RawMessage(d))
	}
	return all
}

// judgeIn has the requests of every partition judged by the evaluator.
func judgeIn(t *testing.T, fill func(b *bench)) {
	t.Helper()
	var all []judged
	for _, p := range partitions {
		b := &bench{place: place(p)}
		fill(b)
		all = append(all, b.cases...)
	}
	peer(t, "judge-denies.mjs", all)
}

// TestJudgeObjects: the judge that all of this rests on does not nod everything through.
func TestJudgeObjects(t *testing.T) {
	requirePeers(t)
	b := &bench{place: "aws"}
	b.one("misjudged", b.user(alice, aliceID), policies{identity: []string{awsDenyAll}}, request{"s3:GetObject", b.arn("s3", "", "", "data/secret")}, true)
	b.one("no policy", b.user(alice, aliceID), policies{identity: []string{`{"Statement":[{"Effect":"Forbid","Action":"*","Resource":"*"}]}`}}, request{"s3:GetObject", b.arn("s3", "", "", "data/secret")}, false)
	b.one("no action", b.user(alice, aliceID), policies{}, request{"s3:GetNothing", "*"}, false)
	b.one("context of another service", b.user(alice, aliceID).with("iam:PolicyARN", "x"), policies{}, request{"s3:GetObject", b.arn("s3", "", "", "data/secret")}, true)
	for _, c := range b.cases {
		if out, err := runPeer(t, "judge-denies.mjs", []judged{c}); err == nil {
			t.Errorf("%s: was judged as expected\n%s", c.Name, out)
		}
	}
	if out, err := runPeer(t, "judge-denies.mjs", []judged{}); err == nil {
		t.Errorf("nothing to judge passes\n%s", out)
	}
}
