package trail

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A generated says what log to generate. Equal ones give equal bytes.
type generated struct {
	Seed   uint64
	Files  int     // a multiple of len(sites)
	Events int     // about: those of a busy minute may not fit its small file
	Copies float64 // part of each file's records that the next file of its site has as well; real deliveries reached 0.21
	Plain  bool    // not compressed
}

// begin is when every generated log begins: 2025-03-03.
const begin = 1740960000

// A site is what one delivery file is about, with its share of the events in percent.
type site struct {
	account int
	region  string
	percent int
}

var sites = []site{{0, "us-east-1", 30}, {0, "eu-west-1", 20}, {1, "us-east-1", 15}, {2, "us-east-1", 10}, {1, "eu-west-1", 8}, {0, "us-west-2", 8}, {2, "us-west-2", 5}, {0, "ap-southeast-2", 4}}

// A world is everybody and everything that a generated log is about: built whole, so that each file can be written by
// itself and side by side.
type world struct {
	generated
	accounts []string
	pools    map[byte][]string
	agents   []string
	roles    [][]*caller // by account: their names and AROA… alone
	users    [][]*caller // by account, with a long-term key each
	services []*caller
	sessions [][]*caller // by account, in order of from
	outside  []*caller   // other accounts
	begun    [][]*caller // by file: sessions whose issue it has
	planted  [][][]byte  // by file: records
	of       map[string]Relation
	apart    map[string]bool // events that may be listed, as another use of the same user or role
	key      string          // the stolen access key
	stolen   time.Time
	busy     *caller // a long-term key used in every file of the first account
	weights  []*madeCall
	most     int64 // seconds that a file spans
}

func newWorld(g generated) *world {
	if g.Files%len(sites) != 0 {
		panic("the number of files is no multiple of the number of sites")
	}
	r := rand.New(rand.NewPCG(g.Seed, 0))
	w := &world{generated: g, pools: map[byte][]string{}, of: map[string]Relation{}, apart: map[string]bool{}, most: max(300, 2*86400/int64(g.windows()))}
	for range 3 {
		w.accounts = append(w.accounts, fmt.Sprint(100_000_000_000+r.Int64N(900_000_000_000)))
	}
	w.begun, w.planted = make([][]*caller, g.Files), make([][][]byte, g.Files)
	w.name(r)
	w.people(r)
	for range max(8, g.Events/60) {
		w.session(r)
	}
	for i := range everyday {
		for range everyday[i].weight {
			w.weights = append(w.weights, &everyday[i])
		}
	}
	w.intrude(rand.New(rand.NewPCG(g.Seed, 1)))
	return w
}

// windows is in how many spans of time the log is cut.
func (g generated) windows() int { return g.Files / len(sites) }

func (w *world) end() int64 { return begin + w.most*int64(w.windows()) }

// fileOf gives the file that has what happened then and there.
func (w *world) fileOf(at int64, account, region string) int {
	window := int((at - begin) / w.most)
	for i, p := range sites {
		if w.accounts[p.account] == account && p.region == region && window < w.windows() {
			return window*len(sites) + i
		}
	}
	panic("no file has " + account + " " + region + " " + stampOf(uint32(at)))
}

// name fills the pools of resources.
func (w *world) name(r *rand.Rand) {
	teams := strings.Fields("billing orders search ingest fraud mobile data-lake ml-platform edge identity reports catalog checkout payments shipping audit")
	draw := func(letter byte, n int, make func(i int, team string) string) {
		for i := range n {
			w.pools[letter] = append(w.pools[letter], make(i, teams[r.IntN(len(teams))]))
		}
	}
	digits := func(n int) string { return string(randomHex(nil, r, n)) }
	draw('i', 400, func(int, string) string { return "i-0" + digits(16) })
	draw('v', 600, func(int, string) string { return "vol-0" + digits(16) })
	draw('g', 80, func(int, string) string { return "sg-0" + digits(16) })
	draw('b', 120, func(i int, team string) string { return fmt.Sprintf("%s-%s-%d", team, digits(6), i) })
	draw('f', 90, func(i int, team string) string { return fmt.Sprintf("%s-handler-%d", team, i) })
	draw('l', 90, func(i int, team string) string { return fmt.Sprintf("/aws/lambda/%s-handler-%d", team, i) })
	draw('U', 60, func(i int, team string) string { return fmt.Sprintf("%s-%d", team, i) })
	draw('R', 120, func(i int, team string) string { return fmt.Sprintf("%s-service-role-%d", team, i) })
	draw('s', 70, func(i int, team string) string {
		return fmt.Sprintf("arn:aws:secretsmanager:us-east-1:%s:secret:%s/db-%d-%s", w.accounts[0], team, i, digits(6))
	})
	draw('K', 40, func(int, string) string {
		return "arn:aws:kms:us-east-1:" + w.accounts[0] + ":key/" + string(randomUUID(nil, r))
	})
	for i := range 300 {
		w.agents = append(w.agents, randomAgent(r, i))
	}
}

// agent makes a user agent as the SDKs, tools and browsers send them.
func randomAgent(r *rand.Rand, i int) string {
	switch i % 6 {
	case 0:
		return fmt.Sprintf("Boto3/1.%d.%d md/Botocore#1.%d.%d ua/2.0 os/linux#6.1.%d-amzn md/arch#x86_64 lang/python#3.%d.4 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy Botocore/1.%d.0", 30+r.IntN(8), r.IntN(150), 30+r.IntN(8), r.IntN(150), r.IntN(130), 8+r.IntN(5), 30+r.IntN(8))
	case 1:
		return fmt.Sprintf("aws-sdk-go-v2/1.%d.%d ua/2.1 os/linux lang/go#1.%d.%d md/GOOS#linux md/GOARCH#arm64 api/s3#1.%d.0", 20+r.IntN(20), r.IntN(9), 20+r.IntN(5), r.IntN(9), 40+r.IntN(40))
	case 2:
		return fmt.Sprintf("aws-cli/2.%d.%d md/awscrt#0.2%d.1 ua/2.0 os/macos#23.%d.0 md/arch#arm64 lang/python#3.11.8 md/pyimpl#CPython cfg/retry-mode#standard md/prompt#off md/command#s3.ls", 10+r.IntN(15), r.IntN(40), r.IntN(5), r.IntN(6))
	case 3:
		return fmt.Sprintf("APN/1.0 HashiCorp/1.0 Terraform/1.%d.%d (+https://www.terraform.io) terraform-provider-aws/5.%d.0 aws-sdk-go-v2/1.30.%d", r.IntN(9), r.IntN(9), r.IntN(90), r.IntN(9))
	case 4:
		return fmt.Sprintf("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36", 100+r.IntN(35))
	}
	return fmt.Sprintf("aws-sdk-java/2.%d.%d Linux/5.10.%d OpenJDK_64-Bit_Server_VM/17.0.%d Java/17.0.%d vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/legacy", 20+r.IntN(9), r.IntN(150), r.IntN(200), r.IntN(12), r.IntN(12))
}

func randomAddress(r *rand.Rand) string {
	return fmt.Sprintf("%d.%d.%d.%d", 3+r.IntN(200), r.IntN(256), r.IntN(256), 1+r.IntN(254))
}

// people makes the users, roles, services and neighbours.
func (w *world) people(r *rand.Rand) {
	for _, account := range w.accounts {
		var users, roles []*caller
		for _, name := range w.pools['U'][:40] {
			users = append(users, &caller{kind: "IAMUser", account: account, principal: randomKey(r, "AIDA"), name: name, key: randomKey(r, "AKIA"),
				ip: randomAddress(r), agent: w.agents[r.IntN(len(w.agents))], from: begin, to: w.end()})
		}
		for _, name := range w.pools['R'] {
			roles = append(roles, &caller{account: account, principal: randomKey(r, "AROA"), name: name})
		}
		w.users, w.roles = append(w.users, users), append(w.roles, roles)
	}
	w.busy = w.users[0][0]
	for _, s := range strings.Fields("ec2 lambda ecs-tasks config cloudtrail autoscaling ssm elasticloadbalancing rds backup guardduty glue") {
		s += ".amazonaws.com"
		w.services = append(w.services, &caller{kind: "AWSService", name: s, ip: s, agent: s, key: "-"})
	}
	for range 30 {
		w.outside = append(w.outside, &caller{kind: "AWSAccount", account: fmt.Sprint(100_000_000_000 + r.Int64N(900_000_000_000)), principal: randomKey(r, "AIDA"), key: "-",
			ip: randomAddress(r), agent: w.agents[r.IntN(len(w.agents))]})
	}
	w.sessions = make([][]*caller, len(w.accounts))
}

// session makes one role session, of the sorts that an account has: instances and functions for the most part, then
// people through single sign-on, in the console or not, builds, and users who switch role.
func (w *world) session(r *rand.Rand) {
	p := sites[r.IntN(len(sites))]
	role := w.roles[p.account][r.IntN(len(w.roles[p.account]))]
	c := &caller{kind: "AssumedRole", account: role.account, name: role.name, key: randomKey(r, "ASIA"), ip: randomAddress(r), agent: w.agents[r.IntN(len(w.agents))]}
	c.from = begin + r.Int64N(w.end()-begin)
	c.to = min(w.end(), c.from+3600*(1+r.Int64N(12)))
	begins := &madeCall{source: "sts.amazonaws.com", name: "AssumeRole", flags: reads}
	switch n := r.IntN(100); {
	case n < 35:
		c.session, c.delivery, c.by = w.pools['i'][r.IntN(400)], "2.0", w.services[0]
	case n < 65:
		c.session, c.by = w.pools['f'][r.IntN(90)], w.services[1]
	case n < 75:
		c.session, c.by = string(randomHex(nil, r, 32)), w.services[2]
	case n < 85:
		c.session, begins.name = "user"+fmt.Sprint(r.IntN(200))+"@example.com", "AssumeRoleWithSAML"
		c.by = &caller{kind: "SAMLUser", principal: c.session + ":saml", session: c.session, name: "AWSSSO_d_DO_NOT_DELETE", key: "-", ip: c.ip, agent: c.agent}
		if n < 80 {
			c.key = ""
		}
	case n < 92:
		c.session, begins.name = "GitHubActions", "AssumeRoleWithWebIdentity"
		c.by = &caller{kind: "WebIdentityUser", principal: "arn:aws:iam::" + c.account + ":oidc-provider/token.actions.githubusercontent.com:sts.amazonaws.com:repo:example/" + role.name,
			session: "repo:example/" + role.name, name: "arn:aws:iam::" + c.account + ":oidc-provider/token.actions.githubusercontent.com", key: "-", ip: c.ip, agent: c.agent}
	default:
		c.by = w.users[p.account][r.IntN(40)]
		c.session, c.source = c.by.name+"-"+string(randomHex(nil, r, 4)), c.by.name
	}
	c.principal = role.principal + ":" + c.session
	c.began = issueOf(begins, c)
	w.sessions[p.account] = append(w.sessions[p.account], c)
	file := w.fileOf(c.from, c.account, p.region)
	w.begun[file] = append(w.begun[file], c)
}

// issueOf fills in what the record of the call that began c asks and answers.
func issueOf(as *madeCall, c *caller) *madeCall {
	key := c.key
	if key == "" { // the console's own
		key = "ASIA$2$2"
	}
	as.request = `{"roleArn":"` + c.roleARN() + `","roleSessionName":"` + c.session + `","durationSeconds":43200}`
	as.response = `{"credentials":{"accessKeyId":"` + key + `","sessionToken":"$T","expiration":"` + time.Unix(c.to, 0).UTC().Format("Jan 2, 2006, 3:04:05 PM") +
		`"},"assumedRoleUser":{"assumedRoleId":"` + c.principal + `","arn":"` + c.arn() + `"}}`
	as.resources = `[{"accountId":"` + c.account + `","type":"AWS::IAM::Role","ARN":"` + c.roleARN() + `"}]`
	return as
}
