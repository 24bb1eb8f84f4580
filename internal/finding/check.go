package finding

import (
	"fmt"
	"regexp"
	"strings"

	"cordon/internal/casefile"
)

var (
	accountID = regexp.MustCompile(`^[0-9]{12}$`)
	regionID  = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,})+-[1-9][0-9]?$`)
	// The partitions that regions belong to. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
	partitionID = regexp.MustCompile(`^aws(-[a-z]+)*$`)
	ipv4Like    = regexp.MustCompile(`^[0-9]+(\.[0-9]+){3}$`)
)

const iamName = `^[A-Za-z0-9_+=,.@-]{1,64}$`

// idSyntax is what the ids of each kind look like. Each is stricter than what AWS once allowed rather than
// looser: an id goes into API calls, policies and names.
var idSyntax = map[casefile.Kind]*regexp.Regexp{
	// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
	casefile.EC2Instance: regexp.MustCompile(`^i-([0-9a-f]{8}|[0-9a-f]{17})$`),
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	casefile.S3Bucket: regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`),
	// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html
	casefile.ECSCluster: regexp.MustCompile(`^[A-Za-z0-9_-]{1,255}$`),
	casefile.ECSTask:    regexp.MustCompile(`^arn:[a-z-]+:ecs:[a-z0-9-]+:[0-9]{12}:task/([A-Za-z0-9_-]{1,255}/)?[0-9a-f-]{32,36}$`),
	casefile.Container:  regexp.MustCompile(`^(i-([0-9a-f]{8}|[0-9a-f]{17})/)?[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$`),
	// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html
	casefile.RDSInstance: regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9]){0,62}$`),
	casefile.RDSCluster:  regexp.MustCompile(`^[A-Za-z](-?[A-Za-z0-9]){0,62}$`),
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
	casefile.IAMUser:       regexp.MustCompile(iamName),
	casefile.IAMRole:       regexp.MustCompile(iamName),
	casefile.RoleSession:   regexp.MustCompile(iamName),
	casefile.FederatedUser: regexp.MustCompile(iamName),
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html allows 16 to 128 characters
	casefile.AccessKey:  regexp.MustCompile(`^(AKIA|ASIA)[A-Z0-9]{12,124}$`),
	casefile.AWSAccount: accountID,
}

// CheckID says why an id may not be acted on: it, its account, its region or its ARN fails its syntax. Triage
// shows such a subject; a plan refuses it.
func CheckID(s casefile.Subject) error {
	if s.ID == "" {
		return fmt.Errorf("%s: no id", s.Kind)
	}
	if syntax, ok := idSyntax[s.Kind]; ok && !syntax.MatchString(s.ID) {
		return fmt.Errorf("%s %q: not the syntax of such an id", s.Kind, s.ID)
	}
	for _, c := range s.ID {
		if c < ' ' || c == 0x7f {
			return fmt.Errorf("%s %q: control characters in an id", s.Kind, s.ID)
		}
	}
	if s.Kind == casefile.S3Bucket && (strings.Contains(s.ID, "..") || ipv4Like.MatchString(s.ID) ||
		strings.HasPrefix(s.ID, "xn--") || strings.HasSuffix(s.ID, "-s3alias") || strings.HasSuffix(s.ID, "--ol-s3")) {
		return fmt.Errorf("%s %q: not a bucket's name", s.Kind, s.ID)
	}
	if s.Account != "" && !accountID.MatchString(s.Account) {
		return fmt.Errorf("%s %q: account %q has not 12 digits", s.Kind, s.ID, s.Account)
	}
	if s.Kind == casefile.AWSAccount && s.Account != "" && s.Account != s.ID {
		return fmt.Errorf("account %q: said to stand in account %q", s.ID, s.Account)
	}
	if s.Region != "" && !regionID.MatchString(s.Region) {
		return fmt.Errorf("%s %q: %q is not a region", s.Kind, s.ID, s.Region)
	}
	return checkARN(s)
}

// checkARN refuses a subject whose ARN is about another thing than its id.
func checkARN(s casefile.Subject) error {
	if s.ARN == "" {
		return nil
	}
	a, ok := splitARN(s.ARN)
	switch {
	case !ok || !partitionID.MatchString(a.partition):
		return fmt.Errorf("%s %q: %q is no ARN", s.Kind, s.ID, s.ARN)
	case a.account != "" && (!accountID.MatchString(a.account) || s.Account != "" && a.account != s.Account):
		return fmt.Errorf("%s %q: account %q, but its ARN is %q", s.Kind, s.ID, s.Account, s.ARN)
	case s.Kind != casefile.AWSAccount && s.ID != s.ARN && !strings.Contains(s.ARN, s.ID):
		return fmt.Errorf("%s %q: its ARN %q names something else", s.Kind, s.ID, s.ARN)
	}
	return nil
}
