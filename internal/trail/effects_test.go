package trail

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// effectCase is one case of testdata/effects.txt: a call, and what EffectsOf says of it, a line each.
type effectCase struct {
	line  int
	name  string // iam:CreateUser
	event map[string]any
	want  []string
}

// effectCases reads testdata/effects.txt. A case is a line service:Event, then lines of two blanks and a word: request,
// response, additional, service, resources and identity with JSON; outcome denied or error; version, or hidden, padded
// and unread; then what is expected, each behind "=".
func effectCases(t *testing.T) []effectCase {
	t.Helper()
	f, err := os.Open("testdata/effects.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []effectCase
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		text := lines.Text()
		word, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
		switch {
		case text == "" || text[0] == '#':
		case text[0] != ' ':
			all = append(all, effectCase{line: n, name: text, event: map[string]any{}})
		case word == "=":
			c := &all[len(all)-1]
			c.want = append(c.want, rest)
		case rest == "" || word == "outcome":
			all[len(all)-1].event[word] = rest
		default:
			var v any
			d := json.NewDecoder(strings.NewReader(rest))
			d.UseNumber()
			if err := d.Decode(&v); err != nil {
				t.Fatalf("testdata/effects.txt:%d: %v", n, err)
			}
			all[len(all)-1].event[word] = v
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// eventOfCase makes the event of a case: by mallory, in account 111122223333 and eu-west-1, where the case does not say.
func eventOfCase(c effectCase) *Event {
	source, name, _ := strings.Cut(c.name, ":")
	object := func(word string) map[string]any { m, _ := c.event[word].(map[string]any); return m }
	e := &Event{ID: "e", Name: name, Source: source + ".amazonaws.com", Region: "eu-west-1", Recipient: "111122223333", Type: "AwsApiCall",
		Identity: Identity{Type: "IAMUser", ARN: "arn:aws:iam::111122223333:user/mallory", UserName: "mallory", Account: "111122223333"},
		Request:  object("request"), Response: object("response"), Additional: object("additional"), Service: object("service")}
	if id := object("identity"); id != nil {
		e.Identity = Identity{Type: text(id["type"]), ARN: text(id["arn"]), Account: text(id["accountId"])}
	}
	list, _ := c.event["resources"].([]any)
	for _, x := range list {
		m, _ := x.(map[string]any)
		e.Resources = append(e.Resources, Resource{ARN: text(m["ARN"]), Account: text(m["accountId"]), Type: text(m["type"])})
	}
	for _, verb := range []string{"Get", "List", "Describe", "Head", "Lookup", "Search"} {
		e.ReadOnly = e.ReadOnly || strings.HasPrefix(name, verb)
	}
	switch how, _ := c.event["outcome"].(string); {
	case how == "denied":
		e.Outcome, e.Code = Denied, "AccessDenied"
	case how == "error":
		e.Outcome, e.Code = Failed, "Failure"
	case how != "":
		e.Outcome, e.Code, e.Message = Denied, "AccessDenied", how
	}
	_, e.Hidden = c.event["hidden"]
	_, e.Omitted = c.event["padded"]
	if _, ok := c.event["unread"]; ok {
		e.Unread = "bad-record"
	}
	return e
}

// say writes effects down, a line each.
func say(fx *Effects) []string {
	var out []string
	place := func(account, region string) string {
		if (account == "111122223333" || account == "") && (region == "eu-west-1" || region == "") {
			return ""
		}
		return fmt.Sprintf(" (%s %s)", account, region)
	}
	for _, t := range fx.Touches {
		secret := ""
		if slices.Contains(fx.Secrets, t) {
			secret = " secret"
		}
		out = append(out, fmt.Sprintf("%s%s %s %s%s", t.Access, secret, t.Type, t.ID, place(t.Account, t.Region)))
	}
	if len(fx.Techniques) > 0 {
		out = append(out, "means "+strings.Join(fx.Techniques, " "))
	}
	some := func(name, v string) string {
		if v == "" {
			return ""
		}
		return " " + name + "=" + v
	}
	for _, i := range fx.Issues {
		until := ""
		if !i.Expires.IsZero() {
			until = i.Expires.UTC().Format(time.RFC3339)
		}
		out = append(out, "issues "+i.Rule+some("key", i.AccessKey)+some("principal", i.Principal)+some("arn", i.ARN)+some("role", i.RoleARN)+some("session", i.Session)+some("until", until)+some("token", i.TokenID))
	}
	for _, g := range fx.Grants {
		out = append(out, fmt.Sprintf("grants %s over %s %s%s, %s%s%s%s", g.Rule, g.Kind, g.ID, place(g.Account, g.Region), g.Confidence, some("by", g.What), some("through", g.Through), some("trusts", strings.Join(g.Trustees, ","))))
	}
	for _, x := range fx.Exposures {
		out = append(out, fmt.Sprintf("gives %s %s%s to %s%s", x.Kind, x.Resource.ID, place(x.Resource.Account, x.Resource.Region), x.Grantee, some("under", x.Under)))
	}
	if fx.Weakens != "" {
		out = append(out, "weakens: "+fx.Weakens)
	}
	if fx.Coming != "" {
		out = append(out, "coming: "+fx.Coming)
	}
	for _, u := range fx.Undoes {
		out = append(out, "takes back"+some("rule", u.Rule)+some("what", u.What)+" of "+u.ID)
	}
	if fx.Padded {
		out = append(out, "padded")
	}
	return out
}

func TestEffects(t *testing.T) {
	has := map[string]bool{}
	for _, c := range effectCases(t) {
		service, name, _ := strings.Cut(c.name, ":")
		row, _ := rowFor(service, name)
		has[row] = true
		fx := EffectsOf(eventOfCase(c))
		if got := say(&fx); !slices.Equal(got, c.want) {
			t.Errorf("testdata/effects.txt:%d: %s\n got:\n  = %s\n want:\n  = %s", c.line, c.name, strings.Join(got, "\n  = "), strings.Join(c.want, "\n  = "))
		}
	}
	for name := range table {
		if !has[name] {
			t.Errorf("%s has a row of the table, but no case in testdata/effects.txt", name)
		}
	}
}

// attacksOf gives all ATT&CK ids of a row.
func attacksOf(m *meaning) []string {
	ids := strings.Fields(m.attack)
	for i := range m.when {
		ids = append(ids, attacksOf(&m.when[i].meaning)...)
	}
	return ids
}

func TestTechniquesHaveNames(t *testing.T) {
	used := map[string]bool{}
	for name, m := range table {
		for _, id := range attacksOf(&m) {
			used[id] = true
			if techniqueName(id) == "" {
				t.Errorf("%s: %s has no name", name, id)
			}
		}
	}
	for id := range techniqueNames {
		if !used[id] {
			t.Errorf("%s is in no row", id)
		}
	}
}

// Calls that list and describe are everyday ones: they are called discovery and nothing worse, but for those whose
// answer is the secret itself or its name.
func TestReadsAreDiscovery(t *testing.T) {
	discovery := strings.Fields("T1069.003 T1087.004 T1201 T1518.001 T1526 T1580 T1613 T1619 T1654")
	tells := strings.Fields("secretsmanager:ListSecrets secretsmanager:DescribeSecret ec2:DescribeInstanceAttribute ec2:DescribeLaunchTemplateVersions")
	for name, m := range table {
		_, event, _ := strings.Cut(name, ":")
		if !strings.HasPrefix(event, "List") && !strings.HasPrefix(event, "Describe") || slices.Contains(tells, name) {
			continue
		}
		for _, id := range attacksOf(&m) {
			if !slices.Contains(discovery, id) {
				t.Errorf("%s means %s", name, id)
			}
		}
	}
}

// A row that two fields of work have would be whichever is joined last.
func TestTableHasEachEventOnce(t *testing.T) {
	rows := 0
	for _, part := range tableParts {
		rows += len(part)
	}
	if rows != len(table) {
		t.Errorf("%d rows of %d events", rows, len(table))
	}
}

// loggedOtherwise are events that are no operation of the API: what a service logs of itself, calls of agents, and what
// the console alone can do (docs.aws.amazon.com/accounts/latest/reference/manage-acct-closing.html).
var loggedOtherwise = []string{"account:CloseAccount", "ec2:SharedSnapshotVolumeCreated", "ec2:SharedSnapshotCopyInitiated", "ssm:RequestManagedInstanceRoleToken"}

// Rows of the services whose SDK is on this machine are of operations that there are. S3 logs its calls under names of
// its own, and so do the sign-in services.
func TestTableNamesRealOperations(t *testing.T) {
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		home, _ := os.UserHomeDir()
		cache = filepath.Join(home, "go/pkg/mod")
	}
	checked := 0
	for name := range table {
		service, event, _ := strings.Cut(name, ":")
		modules, _ := filepath.Glob(filepath.Join(cache, "github.com/aws/aws-sdk-go-v2/service", service+"@*"))
		if len(modules) == 0 || strings.HasSuffix(event, "*") || slices.Contains([]string{"s3", "sso", "signin", "elasticloadbalancing"}, service) || slices.Contains(loggedOtherwise, name) {
			continue
		}
		checked++
		if _, err := os.Stat(filepath.Join(modules[len(modules)-1], "api_op_"+event+".go")); err != nil {
			t.Errorf("%s is no operation of the API", name)
		}
	}
	if checked == 0 {
		t.Skip("skipped: no module of the AWS SDK is on this machine")
	}
}

// saysSomething is whether effects tell more than which resource was touched.
func saysSomething(fx *Effects) bool {
	return len(fx.Techniques)+len(fx.Issues)+len(fx.Grants)+len(fx.Exposures)+len(fx.Undoes)+len(fx.Secrets) > 0 || fx.Weakens != "" || fx.Padded
}

// Of events that a detection rule of other people's finds worth an alarm, few mean nothing to the table.
func TestLabelledEventsMeanSomething(t *testing.T) {
	f, err := os.Open(filepath.Join(data, "labelled/panther_rule_tests.jsonl"))
	if err != nil {
		t.Skip("skipped: the labelled events are not on this machine")
	}
	defer f.Close()
	alarming, missed := 0, []string{}
	for d := json.NewDecoder(f); d.More(); {
		var one struct {
			Expected bool           `json:"_expected"`
			Test     string         `json:"_test"`
			Event    map[string]any `json:"event"`
		}
		d.UseNumber()
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		e := eventOf(one.Event)
		if !one.Expected || e.Name == "" {
			continue
		}
		alarming++
		if fx := EffectsOf(e); !saysSomething(&fx) {
			missed = append(missed, e.Source+" "+e.Name+": "+one.Test)
		}
	}
	// What is missed: a new trail, a log stream in a region that the rule's owner does not use, and a region enabled
	// by a service that does not enable regions.
	if alarming < 200 || len(missed) > 3 {
		t.Errorf("%d of %d alarming events mean nothing:\n%s", len(missed), alarming, strings.Join(missed, "\n"))
	}
}

// Whatever a record holds, its effects are told without a panic and are bounded.
func FuzzEffects(f *testing.F) {
	f.Add("iam:UpdateAssumeRolePolicy", `{"requestParameters":{"roleName":"r","policyDocument":"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[1,null,{\"a\":[]}]}}}"}}`)
	f.Add("ec2:AuthorizeSecurityGroupIngress", `{"requestParameters":{"ipPermissions":{"items":[{"ipRanges":{"items":{"items":[{"cidrIp":"::/0"}]}}}]}}}`)
	f.Add("sqs:SetQueueAttributes", `{"requestParameters":{"queueUrl":"https://sqs.","attributes":{"Policy":"%7B%22Statement%22%3A%5B%5D%7D"}}}`)
	f.Add("x:Y", `{"requestParameters":{"a":"arn:aws:s3:::b/c","b":["arn:aws:::::"]},"errorMessage":"on resource: arn:aws:iam::1:role/x"}`)
	f.Fuzz(func(t *testing.T, name, raw string) {
		var m map[string]any
		if json.Unmarshal([]byte(raw), &m) != nil {
			return
		}
		e := eventOf(m)
		source, event, _ := strings.Cut(name, ":")
		e.Source, e.Name = source+".amazonaws.com", event
		fx := EffectsOf(e)
		if len(fx.Touches) > maxTouches || len(fx.Exposures) > 16*maxTouches || len(fx.Grants) > 16*maxTouches || len(fx.Undoes) > 16*maxTouches {
			t.Errorf("%d resources, %d grants, %d exposures, %d taken back", len(fx.Touches), len(fx.Grants), len(fx.Exposures), len(fx.Undoes))
		}
	})
}
