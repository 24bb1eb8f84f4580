package finding

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"cordon/internal/casefile"
)

// lastPart is what follows the last sep in s.
func lastPart(s, sep string) string { return s[strings.LastIndex(s, sep)+1:] }

type arnParts struct{ partition, service, region, account, resource string }

// splitARN takes an ARN apart. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
func splitARN(s string) (arnParts, bool) {
	p := strings.SplitN(s, ":", 6)
	if len(p) != 6 || p[0] != "arn" || p[2] == "" || p[5] == "" {
		return arnParts{}, false
	}
	return arnParts{p[1], p[2], p[3], p[4], p[5]}, true
}

// resourceKinds are the words before the colon of a RESOURCE.
var resourceKinds = map[string]struct {
	kind     casefile.Kind
	playbook string
}{
	"ec2":         {casefile.EC2Instance, casefile.PlaybookEC2},
	"s3":          {casefile.S3Bucket, casefile.PlaybookS3},
	"access-key":  {casefile.AccessKey, casefile.PlaybookCredentials},
	"iam-user":    {casefile.IAMUser, casefile.PlaybookCredentials},
	"iam-role":    {casefile.IAMRole, casefile.PlaybookRole},
	"rds":         {casefile.RDSInstance, casefile.PlaybookRDS},
	"rds-cluster": {casefile.RDSCluster, casefile.PlaybookRDS},
	"ecs-task":    {casefile.ECSTask, casefile.PlaybookECS},
	"ecs-cluster": {casefile.ECSCluster, casefile.PlaybookECS},
	"container":   {casefile.Container, casefile.PlaybookContainer},
	"account":     {casefile.AWSAccount, casefile.PlaybookAccount},

	"federated-user": {casefile.FederatedUser, casefile.PlaybookCredentials},

	// The kinds as triage and plan show them, for whoever types what they read.
	"ec2-instance": {casefile.EC2Instance, casefile.PlaybookEC2},
	"s3-bucket":    {casefile.S3Bucket, casefile.PlaybookS3},
	"rds-instance": {casefile.RDSInstance, casefile.PlaybookRDS},
}

// ErrUnanswered is of an ARN that is whole and names what no playbook is for.
var ErrUnanswered = errors.New("no playbook is for what this ARN names")

// IsResource tells a RESOURCE from a file name.
func IsResource(s string) bool {
	word, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" || strings.HasPrefix(rest, "//") {
		return false
	}
	_, known := resourceKinds[word]
	return known || word == "arn"
}

// ParseResource reads RESOURCE of the command line: an ARN or kind:id. What fails its syntax is refused.
func ParseResource(s string) (casefile.Subject, error) {
	sub, err := parseResource(s)
	if err != nil {
		return casefile.Subject{}, fmt.Errorf("resource %q: %w", s, err)
	}
	if err := CheckID(sub); err != nil {
		return casefile.Subject{}, fmt.Errorf("resource %q: %w", s, err)
	}
	return sub, nil
}

func parseResource(s string) (casefile.Subject, error) {
	if strings.HasPrefix(s, "arn:") {
		return parseARN(s)
	}
	word, id, _ := strings.Cut(s, ":")
	k, ok := resourceKinds[word]
	if !ok {
		return casefile.Subject{}, fmt.Errorf("neither an ARN nor kind:id")
	}
	if strings.HasPrefix(id, "arn:") {
		sub, err := parseARN(id)
		if err == nil && sub.Kind != k.kind {
			err = fmt.Errorf("the ARN names a thing of kind %s", sub.Kind)
		}
		return sub, err
	}
	sub := casefile.Subject{Kind: k.kind, ID: id, Playbook: k.playbook}
	if k.kind == casefile.AWSAccount {
		sub.Account = id
	}
	return sub, nil
}

// arnKinds: which ARNs name something that a playbook answers, and how the id is cut out of the resource.
var arnKinds = []struct {
	service string
	pattern *regexp.Regexp // its one group is the id
	word    string         // of resourceKinds
}{
	{"ec2", regexp.MustCompile(`^instance/([^/]+)$`), "ec2"},
	{"s3", regexp.MustCompile(`^([^/:]+)$`), "s3"},
	{"s3express", regexp.MustCompile(`^bucket/([^/]+)$`), "s3"},
	{"iam", regexp.MustCompile(`^user/(?:.+/)?([^/]+)$`), "iam-user"},
	{"iam", regexp.MustCompile(`^role/(?:.+/)?([^/]+)$`), "iam-role"},
	{"sts", regexp.MustCompile(`^assumed-role/([^/]+)/[^/]+$`), "iam-role"},
	{"sts", regexp.MustCompile(`^federated-user/([^/]+)$`), "federated-user"},
	{"rds", regexp.MustCompile(`^db:([^:/]+)$`), "rds"},
	{"rds", regexp.MustCompile(`^cluster:([^:/]+)$`), "rds-cluster"},
	{"ecs", regexp.MustCompile(`^cluster/([^/]+)$`), "ecs-cluster"},
	{"ecs", regexp.MustCompile(`^(task/.+)$`), "ecs-task"},
}

func parseARN(s string) (casefile.Subject, error) {
	a, ok := splitARN(s)
	if !ok {
		return casefile.Subject{}, fmt.Errorf("not a whole ARN")
	}
	if a.service == "iam" && a.resource == "root" {
		return casefile.Subject{Kind: casefile.AWSAccount, ID: a.account, ARN: s, Account: a.account, Playbook: casefile.PlaybookAccount}, nil
	}
	for _, k := range arnKinds {
		m := k.pattern.FindStringSubmatch(a.resource)
		if k.service != a.service || m == nil {
			continue
		}
		r := resourceKinds[k.word]
		id := m[1]
		if r.kind == casefile.ECSTask {
			id = s // a task is named by its ARN everywhere
		}
		return casefile.Subject{Kind: r.kind, ID: id, ARN: s, Account: a.account, Region: a.region, Playbook: r.playbook}, nil
	}
	return casefile.Subject{}, ErrUnanswered
}
