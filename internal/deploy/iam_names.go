// Package deploy turns what playbooks and actions declare into what an account needs to run them: IAM policies
// and the pages that describe them. Nothing is listed twice by hand, so that a policy can neither lag behind the
// code nor grant more than it uses.
package deploy

import (
	"fmt"
	"slices"

	"cordon/internal/action"
)

// prefixes gives the IAM prefix of each SDK package that is used. Most are the package's own name; both
// generations of load balancers share one
// (docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html). A package
// that is not here is an error rather than a guess.
var prefixes = map[string]string{
	"account":                "account",
	"autoscaling":            "autoscaling",
	"cloudtrail":             "cloudtrail",
	"directoryservice":       "ds",
	"directoryservicedata":   "ds-data",
	"ec2":                    "ec2",
	"ecs":                    "ecs",
	"elasticloadbalancing":   "elasticloadbalancing",
	"elasticloadbalancingv2": "elasticloadbalancing",
	"guardduty":              "guardduty",
	"iam":                    "iam",
	"identitystore":          "identitystore",
	"kms":                    "kms",
	"lambda":                 "lambda",
	"organizations":          "organizations",
	"s3":                     "s3",
	"ssm":                    "ssm",
	"ssoadmin":               "sso",
	"sts":                    "sts",
}

// renamed holds the operations that IAM knows by another name
// (docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html).
var renamed = map[action.Op]string{
	{Service: "s3", Name: "ListObjectsV2"}: "s3:ListBucket",
	{Service: "s3", Name: "ListObjects"}:   "s3:ListBucket",
	{Service: "s3", Name: "HeadBucket"}:    "s3:ListBucket",
	{Service: "s3", Name: "HeadObject"}:    "s3:GetObject",
}

// besides holds what an operation needs beyond the action of its own name.
var besides = map[action.Op][]string{
	// Tags given on creation are authorised as ec2:CreateTags in the same request
	// (docs.aws.amazon.com/AWSEC2/latest/UserGuide/supported-iam-actions-tagging.html). CreateSnapshots needs no
	// ec2:CreateSnapshot: the reference lists it as an action of its own, with no dependent one.
	{Service: "ec2", Name: "CreateSnapshot"}:      {tagOnCreate},
	{Service: "ec2", Name: "CreateSnapshots"}:     {tagOnCreate},
	{Service: "ec2", Name: "CreateSecurityGroup"}: {tagOnCreate},
	// docs.aws.amazon.com/AWSEC2/latest/UserGuide/permission-to-pass-iam-roles.html
	{Service: "ec2", Name: "AssociateIamInstanceProfile"}: {passRole},
	// Starting an instance with encrypted volumes has EC2 make a grant on the key in the caller's name
	// (docs.aws.amazon.com/kms/latest/developerguide/services-ebs.html).
	{Service: "ec2", Name: "StartInstances"}: {grantKey},
	// docs.aws.amazon.com/organizations/latest/APIReference/API_CreatePolicy.html
	{Service: "organizations", Name: "CreatePolicy"}: {tagOrgPolicy},
	// Each operation of Directory Service Data is authorised by this one too
	// (docs.aws.amazon.com/service-authorization/latest/reference/list_ds-data.html, the table of operations).
	{Service: "directoryservicedata", Name: "DescribeUser"}: {directoryData},
	{Service: "directoryservicedata", Name: "DisableUser"}:  {directoryData},
}

// The actions that come with others.
const (
	tagOnCreate = "ec2:CreateTags"
	passRole    = "iam:PassRole"
	grantKey    = "kms:CreateGrant"

	tagOrgPolicy  = "organizations:TagResource"
	directoryData = "ds:AccessDSData"
	// retain is needed by a PutObject that sets a retention, and by no other
	// (docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html).
	retain = "s3:PutObjectRetention"
)

// IAMActions names what IAM authorises an operation by, its own action first. sts:GetCallerIdentity is among
// them although AWS answers it without any permission
// (docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html): a policy that shows every call is
// easier to check against CloudTrail.
func IAMActions(o action.Op) ([]string, error) {
	own, err := ownAction(o)
	if err != nil {
		return nil, err
	}
	return append([]string{own}, besides[o]...), nil
}

func ownAction(o action.Op) (string, error) {
	if name, ok := renamed[o]; ok {
		return name, nil
	}
	prefix, ok := prefixes[o.Service]
	if !ok {
		return "", fmt.Errorf("name the IAM action of %s: the prefix of package %q is not known", o, o.Service)
	}
	return prefix + ":" + o.Name, nil
}

// iamActions is IAMActions of many operations: sorted, each once.
func iamActions(ops action.Ops) ([]string, error) {
	var all []string
	for _, o := range ops {
		names, err := IAMActions(o)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
