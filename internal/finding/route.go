package finding

import (
	"path"
	"slices"
	"strings"

	"cordon/internal/casefile"
)

// group is a set of things that a finding names.
type group string

const (
	instances  group = "instances"
	callers    group = "callers" // each opens by who it is: callerSubjects
	buckets    group = "buckets" // with their objects
	ecs        group = "ecs"     // clusters and tasks
	containers group = "containers"
	databases  group = "databases" // with their clusters, users and databases
	eks        group = "eks"
	functions  group = "functions"
	roles      group = "roles" // execution roles and roles named by themselves
	users      group = "users"
	keys       group = "keys"
	backups    group = "backups"
	volumes    group = "volumes"
	account    group = "account" // the finding's own
)

// opening says that the things of a group are subjects, and which playbook answers them. No playbook: shown,
// never acted on.
type opening struct {
	names    group
	playbook string
}

const none = ""

// byResource: what a finding of each resource type opens, the finding's own resource first. What is named and
// not opened is context. The types are those of
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_findings-summary.html
var byResource = map[string][]opening{
	"instance":  {{instances, casefile.PlaybookEC2}},
	"accesskey": {{callers, none}},
	"s3bucket":  {{buckets, casefile.PlaybookS3}, {callers, none}},
	"s3object":  {{buckets, casefile.PlaybookS3}, {callers, none}},

	// A named host opens too: what runs on it may have left its container.
	"ecscluster": {{ecs, casefile.PlaybookECS}, {instances, casefile.PlaybookEC2}},
	"container":  {{containers, casefile.PlaybookContainer}, {instances, casefile.PlaybookEC2}, {volumes, none}},

	"rdsdbinstance":  {{databases, casefile.PlaybookRDS}},
	"rdslimitlessdb": {{databases, casefile.PlaybookRDS}},

	// No playbook of their own: the identities and the host that they name are answered.
	"ekscluster":       {{eks, none}, {callers, none}, {instances, casefile.PlaybookEC2}},
	"lambda":           {{functions, none}, {roles, casefile.PlaybookRole}},
	"ebssnapshot":      {{backups, none}, {instances, casefile.PlaybookEC2}},
	"ec2image":         {{backups, none}, {instances, casefile.PlaybookEC2}},
	"ec2ami":           {{backups, none}, {instances, casefile.PlaybookEC2}},
	"ebsrecoverypoint": {{backups, none}, {instances, casefile.PlaybookEC2}},
	"ec2recoverypoint": {{backups, none}, {instances, casefile.PlaybookEC2}},
	"s3recoverypoint":  {{backups, none}},

	// Sequences, and Security Hub findings of unknown type, name many resources: each opens by itself.
	"attacksequence": {
		{instances, casefile.PlaybookEC2}, {buckets, casefile.PlaybookS3}, {ecs, casefile.PlaybookECS},
		{containers, casefile.PlaybookContainer}, {databases, casefile.PlaybookRDS}, {callers, none},
		{roles, casefile.PlaybookRole}, {users, casefile.PlaybookCredentials}, {keys, casefile.PlaybookCredentials},
		{eks, none}, {functions, none},
	},
}

// unknownResource: a resource type nobody has seen. The caller is still a caller; whatever else it names may
// be anything's neighbour.
var unknownResource = []opening{{callers, none}}

// byFamily: the resource type that a finding is read as where it does not say one. Runtime and sequences are
// found on many kinds of resource.
var byFamily = map[string]string{
	"ec2": "instance", "iamuser": "accesskey", "s3": "s3bucket", "rds": "rdsdbinstance", "lambda": "lambda",
	"kubernetes": "ekscluster", "ecs": "ecscluster", "container": "container",
	"runtime": "", "iam": "", "eks": "",
}

// alsoOpens: finding types that open more than their resource does.
var alsoOpens = []struct {
	pattern string // path.Match over the type
	api     string // and only for this service's API, where one is named
	opens   opening
}{
	{"*:IAMUser/InstanceCredentialExfiltration*", "", opening{instances, casefile.PlaybookEC2}},
	{"Stealth:IAMUser/CloudTrail*", "", opening{account, casefile.PlaybookAccount}},
	{"Stealth:IAMUser/PasswordPolicy*", "", opening{account, casefile.PlaybookAccount}},
	{"Policy:IAMUser/*Root*", "", opening{account, casefile.PlaybookAccount}},
	{"Policy:S3/AccountBlockPublicAccess*", "", opening{account, casefile.PlaybookAccount}},
	{"Impact:IAMUser/*", "organizations.amazonaws.com", opening{account, casefile.PlaybookAccount}},
	{"Persistence:IAMUser/*", "organizations.amazonaws.com", opening{account, casefile.PlaybookAccount}},
}

// escapeTypes are finding types that say that a container reached for its host.
var escapeTypes = []string{
	"PrivilegeEscalation:Runtime/DockerSocketAccessed",
	"PrivilegeEscalation:Runtime/ContainerMountsHostDirectory",
	"PrivilegeEscalation:Runtime/RuncContainerEscape",
	"PrivilegeEscalation:Runtime/CGroupsReleaseAgentModified",
}

// incident decides: which of the things named are subjects, and what answers each.
func (f *facts) incident() casefile.Incident {
	kind := f.kind()
	openings, known := byResource[kind]
	if !known {
		openings = unknownResource
	}
	for _, a := range alsoOpens {
		if ok, _ := path.Match(a.pattern, f.in.Finding.Type); ok && (a.api == "" || a.api == f.api) {
			openings = append(slices.Clip(openings), a.opens)
		}
	}
	if _, family := byFamily[f.family()]; !known && !family && f.resourceType+f.in.Finding.Type != "" {
		openings = append(slices.Clip(openings), opening{account, none})
		f.note("neither the finding's type nor its resource type is known: no playbook for it")
	}
	if kind == "s3bucket" && f.remoteAccount != "" {
		for i := range f.callers {
			f.callers[i].account = f.remoteAccount
		}
	}
	opened := map[group]bool{}
	for _, o := range openings {
		if skip(kind, o.names, f) {
			continue
		}
		opened[o.names] = true
		for _, s := range f.named(o.names) {
			if o.names != callers {
				s.Playbook = o.playbook
			}
			if f.unproved {
				s.Playbook = none
			}
			f.in.Subjects = merge(f.in.Subjects, s)
		}
	}
	for _, g := range []group{instances, buckets, ecs, containers, databases, eks, functions, roles, users, keys, backups, volumes} {
		if !opened[g] {
			f.in.Context = append(f.in.Context, f.groups[g]...)
		}
	}
	f.escapeNotes(kind)
	f.finish()
	return f.in
}

// kind is the row of byResource that a finding is read by.
func (f *facts) kind() string {
	kind := fold(f.resourceType)
	switch {
	case kind == "attacksequence":
		return kind
	case len(f.groups[buckets]) > 0 && kind != "s3object":
		return "s3bucket"
	case f.family() == "s3" && kind != "accesskey" && !strings.HasSuffix(kind, "recoverypoint"):
		return "s3bucket"
	case kind == "":
		return byFamily[f.family()]
	}
	return kind
}

// family is the word of a finding type between the colon and the slash.
func (f *facts) family() string {
	_, rest, _ := strings.Cut(f.in.Finding.Type, ":")
	family, _, ok := strings.Cut(rest, "/")
	if !ok {
		return ""
	}
	return fold(family)
}

// skip: the two openings that depend on what else is named. A container of ECS or EKS is answered as a part
// of those; a volume leads to the host only where the host is not named.
func skip(kind string, g group, f *facts) bool {
	if kind == "attacksequence" && g == containers {
		return len(f.groups[ecs])+len(f.groups[eks]) > 0
	}
	return g == volumes && len(f.groups[instances]) > 0
}

func (f *facts) named(g group) []casefile.Subject {
	switch g {
	case account:
		if f.account == "" {
			return nil
		}
		return []casefile.Subject{{Kind: casefile.AWSAccount, ID: f.account, Account: f.account, Region: f.region}}
	case callers:
		var all []casefile.Subject
		for _, c := range f.callers {
			all = append(all, f.callerSubjects(c)...)
		}
		return all
	}
	return f.groups[g]
}

// callerSubjects: root opens the account, a role's session the role, everybody else their credentials. The
// ids of one principal share its playbook.
func (f *facts) callerSubjects(c caller) []casefile.Subject {
	owner := f.account
	if c.account != "" && c.account != f.account {
		owner = c.account
		f.note("the caller is in account %q, not the finding's: it cannot be contained from here", c.account)
	}
	var all []casefile.Subject
	add := func(k casefile.Kind, id, playbook string) {
		if id != "" {
			all = append(all, casefile.Subject{Kind: k, ID: id, Account: owner, Region: f.region, Playbook: playbook})
		}
	}
	playbook := casefile.PlaybookCredentials
	switch kind := c.kind(); {
	case c.anonymous():
		f.note("the call was anonymous: no principal to contain")
		return nil
	case kind == "awsservice":
		f.note("the call came from an AWS service: no principal to contain")
		return nil
	case kind == "root":
		playbook = casefile.PlaybookAccount
		add(casefile.AWSAccount, owner, playbook)
	case kind == "assumedrole", kind == "role":
		playbook = casefile.PlaybookRole
		add(casefile.IAMRole, c.name, playbook)
		add(casefile.RoleSession, c.session(), playbook)
	case kind == "federateduser", kind == "samluser", kind == "webidentityuser":
		add(casefile.FederatedUser, c.name, playbook)
		f.note("a federated user: the finding does not name the IAM user whose key made its session")
	default:
		add(casefile.IAMUser, c.name, playbook)
	}
	add(casefile.AccessKey, c.key, playbook)
	return all
}

func (f *facts) escapeNotes(kind string) {
	if slices.Contains(escapeTypes, f.in.Finding.Type) {
		f.escapes = append(f.escapes, "the finding's type says so")
	}
	if len(f.escapes) == 0 || kind != "container" && kind != "ecscluster" && kind != "ekscluster" {
		return
	}
	slices.Sort(f.escapes)
	why := strings.Join(slices.Compact(f.escapes), "; ")
	if len(f.groups[instances]) > 0 {
		f.note("signs that the container may have been left (%s): the host is opened too", why)
		return
	}
	f.note("signs that the container may have been left (%s), and the finding does not name its host: find it first", why)
}
