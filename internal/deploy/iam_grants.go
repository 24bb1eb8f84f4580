package deploy

import (
	"fmt"
	"strings"

	"cordon/internal/action"
)

// conditions is the Condition element: operator, key, values.
type conditions map[string]map[string][]string

// in fills the partition in.
func (c conditions) in(partition string) conditions {
	var filled conditions
	for operator, keys := range c {
		for key, values := range keys {
			for _, v := range values {
				if filled == nil {
					filled = conditions{}
				}
				if filled[operator] == nil {
					filled[operator] = map[string][]string{}
				}
				filled[operator][key] = append(filled[operator][key], strings.ReplaceAll(v, "{partition}", partition))
			}
		}
	}
	return filled
}

// grant lets one action touch some resources. Resources are what follows "arn:PARTITION:", with {account} for
// the account.
type grant struct {
	action    string
	resources []string
	only      conditions
}

// Resource types, as the service authorization reference writes their ARNs. A snapshot's has no account.
const (
	instances    = "ec2:*:{account}:instance/*"
	volumes      = "ec2:*:{account}:volume/*"
	snapshots    = "ec2:*::snapshot/*"
	groups       = "ec2:*:{account}:security-group/*"
	vpcs         = "ec2:*:{account}:vpc/*"
	interfaces   = "ec2:*:{account}:network-interface/*"
	elasticIPs   = "ec2:*:{account}:elastic-ip/*"
	networkACLs  = "ec2:*:{account}:network-acl/*"
	scaling      = "autoscaling:*:{account}:autoScalingGroup:*:autoScalingGroupName/*"
	targetGroups = "elasticloadbalancing:*:{account}:targetgroup/*"
	classicLBs   = "elasticloadbalancing:*:{account}:loadbalancer/*"
	roles        = "iam::{account}:role/*"
	users        = "iam::{account}:user/*"
	rootUser     = "iam::{account}:root"
	ownPolicies  = "iam::{account}:policy/cordon/*" // that cordon makes
	samls        = "iam::{account}:saml-provider/*"
	oidcs        = "iam::{account}:oidc-provider/*"
	ssoInstances = "sso:::instance/*"
	ssoSets      = "sso:::permissionSet/*/*"
	ssoAccounts  = "sso:::account/*"
	storeItself  = "identitystore::*:identitystore/*" // the account is that of Identity Center
	storeUsers   = "identitystore:::user/*"
	storeGroups  = "identitystore:::group/*"
	storeMembers = "identitystore:::membership/*"
	directories  = "ds:*:*:directory/*" // the account's own, or that of Identity Center
	keys         = "kms:*:{account}:key/*"
	sessions     = "ssm:*:{account}:session/*"
	trails       = "cloudtrail:*:{account}:trail/*"
	detectors    = "guardduty:*:{account}:detector/*"
	// What the organisation owns carries its management account's id, whoever acts; the account itself is narrowed by
	// its own.
	orgAccounts = "organizations::*:account/o-*/{account}"
	orgPolicies = "organizations::*:policy/o-*/service_control_policy/p-*"
	orgUnits    = "organizations::*:ou/o-*/ou-*"
	orgRoots    = "organizations::*:root/o-*/r-*"
)

// The case tag stands on all that cordon makes, from the moment it is made.
const caseTag = "cordon:case"

var (
	tagsCase = conditions{"StringLike": {"aws:RequestTag/" + caseTag: {"*"}}}
	hasCase  = conditions{"StringLike": {"aws:ResourceTag/" + caseTag: {"*"}}}
	ownAlone = conditions{"ArnLike": {"iam:PolicyARN": {"arn:{partition}:iam::*:policy/cordon/*"}}}
)

// userDenies: the one policy of AWS's that is attached, and cordon's own. The partition is filled in: iam:PolicyARN has
// it (docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html).
var userDenies = conditions{"ArnLike": {"iam:PolicyARN": {"arn:{partition}:iam::aws:policy/AWSDenyAll", "arn:{partition}:iam::*:policy/cordon/*"}}}

// taskOf holds a session of the root user to one task
// (docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html, sts:TaskPolicyArn).
func taskOf(name string) conditions {
	return conditions{"ArnEquals": {"sts:TaskPolicyArn": {"arn:{partition}:iam::aws:policy/root-task/" + name}}}
}

// onResources says which resources each changing operation touches
// (docs.aws.amazon.com/service-authorization/latest/reference/, the tables of ec2, autoscaling,
// elasticloadbalancing, iam and ssm). A changing operation that is not here is an error: "*" would be a guess.
//
// ModifyInstanceAttribute and ModifyNetworkInterfaceAttribute could be narrowed by ec2:Attribute. They are not:
// the reference does not say how it spells the attributes, and a misspelt one would refuse the containment.
var onResources = map[string][]grant{
	"ec2:AssociateAddress":                 {{resources: []string{elasticIPs, instances, interfaces}}},
	"ec2:AssociateIamInstanceProfile":      {{resources: []string{instances}}},
	"ec2:AuthorizeSecurityGroupEgress":     {{resources: []string{groups}, only: hasCase}},
	"ec2:CreateNetworkAclEntry":            {{resources: []string{networkACLs}}},
	"ec2:CreateSecurityGroup":              {{resources: []string{vpcs}}, {resources: []string{groups}, only: tagsCase}},
	"ec2:CreateSnapshot":                   {{resources: []string{volumes}}, {resources: []string{snapshots}, only: tagsCase}},
	"ec2:CreateSnapshots":                  {{resources: []string{instances, volumes}}, {resources: []string{snapshots}, only: tagsCase}},
	"ec2:CreateTags":                       {{resources: []string{instances}}},
	"ec2:DeleteNetworkAclEntry":            {{resources: []string{networkACLs}}},
	"ec2:DeleteSecurityGroup":              {{resources: []string{groups}, only: hasCase}},
	"ec2:DeleteTags":                       {{resources: []string{instances}}},
	"ec2:DisassociateAddress":              {{resources: []string{elasticIPs, interfaces}}},
	"ec2:DisassociateIamInstanceProfile":   {{resources: []string{instances}}},
	"ec2:LockSnapshot":                     {{resources: []string{snapshots}, only: hasCase}},
	"ec2:ModifyInstanceAttribute":          {{resources: []string{instances, volumes}}},
	"ec2:ModifyNetworkInterfaceAttribute":  {{resources: []string{groups, instances, interfaces}}},
	"ec2:RevokeSecurityGroupEgress":        {{resources: []string{groups}, only: hasCase}},
	"ec2:StartInstances":                   {{resources: []string{instances}}},
	"ec2:StopInstances":                    {{resources: []string{instances}}},
	"autoscaling:AttachInstances":          {{resources: []string{scaling}}},
	"autoscaling:DetachInstances":          {{resources: []string{scaling}}},
	"autoscaling:EnterStandby":             {{resources: []string{scaling}}},
	"autoscaling:ExitStandby":              {{resources: []string{scaling}}},
	"autoscaling:ResumeProcesses":          {{resources: []string{scaling}}},
	"autoscaling:SuspendProcesses":         {{resources: []string{scaling}}},
	"elasticloadbalancing:RegisterTargets": {{resources: []string{targetGroups}}},

	"elasticloadbalancing:DeregisterTargets":                   {{resources: []string{targetGroups}}},
	"elasticloadbalancing:DeregisterInstancesFromLoadBalancer": {{resources: []string{classicLBs}}},
	"elasticloadbalancing:RegisterInstancesWithLoadBalancer":   {{resources: []string{classicLBs}}},

	"iam:AttachUserPolicy":                {{resources: []string{users}, only: userDenies}},
	"iam:CreatePolicy":                    {{resources: []string{ownPolicies}}},
	"iam:DeletePolicy":                    {{resources: []string{ownPolicies}}},
	"iam:DeleteUserPolicy":                {{resources: []string{users}}},
	"iam:DetachUserPolicy":                {{resources: []string{users}, only: userDenies}},
	"iam:PutUserPolicy":                   {{resources: []string{users}}},
	"iam:UpdateAccessKey":                 {{resources: []string{users}}},
	"iam:UpdateSSHPublicKey":              {{resources: []string{users}}},
	"iam:UpdateServiceSpecificCredential": {{resources: []string{users}}},
	"iam:UpdateSigningCertificate":        {{resources: []string{users}}},

	"iam:DeleteRolePolicy":       {{resources: []string{roles}}},
	"iam:PutRolePolicy":          {{resources: []string{roles}}},
	"cloudtrail:StartLogging":    {{resources: []string{trails}}},
	"cloudtrail:StopLogging":     {{resources: []string{trails}}},
	"guardduty:UpdateDetector":   {{resources: []string{detectors}}},
	"organizations:AttachPolicy": {{resources: []string{orgPolicies}, only: hasCase}, {resources: []string{orgAccounts}}},
	"organizations:CreatePolicy": {{resources: []string{orgPolicies}, only: tagsCase}},
	"organizations:DeletePolicy": {{resources: []string{orgPolicies}, only: hasCase}},
	"organizations:DetachPolicy": {{resources: []string{orgPolicies}, only: hasCase}, {resources: []string{orgAccounts}}},
	"organizations:MoveAccount":  {{resources: []string{orgAccounts, orgUnits, orgRoots}}},
	// docs.aws.amazon.com/service-authorization/latest/reference/list_awsiamidentitycenter.html and list_awsidentitystore.html.
	// An assignment in the management account itself needs rights in IAM besides, which no answer to a member account
	// has a use for (docs.aws.amazon.com/singlesignon/latest/userguide/iam-auth-access-using-id-policies.html).
	"sso:CreateAccountAssignment":         {{resources: []string{ssoInstances, ssoSets, ssoAccounts}}},
	"sso:DeleteAccountAssignment":         {{resources: []string{ssoInstances, ssoSets, ssoAccounts}}},
	"identitystore:CreateGroupMembership": {{resources: []string{storeItself, storeUsers, storeGroups}}},
	"identitystore:DeleteGroupMembership": {{resources: []string{storeItself, storeUsers, storeGroups, storeMembers}}},
	"identitystore:UpdateUser":            {{resources: []string{storeItself, storeUsers}}},
	// docs.aws.amazon.com/service-authorization/latest/reference/list_awsdirectoryservicedata.html and list_awsdirectoryservice.html
	"ds-data:DescribeUser": {{resources: []string{directories}}},
	"ds-data:DisableUser":  {{resources: []string{directories}}},
	"ds:ResetUserPassword": {{resources: []string{directories}}},
	// It looks with such a session, unless an action says more.
	"sts:AssumeRoot":       {{resources: []string{rootUser}, only: taskOf("IAMAuditRootUserCredentials")}},
	"ssm:TerminateSession": {{resources: []string{sessions}}},

	// role
	"iam:AddClientIDToOpenIDConnectProvider":      {{resources: []string{oidcs}}},
	"iam:AttachRolePolicy":                        {{resources: []string{roles}, only: ownAlone}},
	"iam:DetachRolePolicy":                        {{resources: []string{roles}, only: ownAlone}},
	"iam:RemoveClientIDFromOpenIDConnectProvider": {{resources: []string{oidcs}}},
	"iam:UpdateAssumeRolePolicy":                  {{resources: []string{roles}}},
	"iam:UpdateSAMLProvider":                      {{resources: []string{samls}}},
}

// onOthers is the same for the actions whose operations touch other things than those of the rest.
var onOthers = map[string]map[string][]grant{
	"sso-deny-user": {
		"organizations:AttachPolicy": {{resources: []string{orgPolicies}, only: hasCase}, {resources: []string{orgRoots}}},
		"organizations:DetachPolicy": {{resources: []string{orgPolicies}, only: hasCase}, {resources: []string{orgRoots}}},
	},
	"root-delete-credentials": {"sts:AssumeRoot": {{resources: []string{rootUser}, only: taskOf("IAMDeleteRootUserCredentials")}}},
}

// grants is what an action's changing operation needs.
func grants(c change, partition string) ([]grant, error) {
	o := c.op
	own, err := ownAction(o)
	if err != nil {
		return nil, err
	}
	direct, ok := onOthers[c.action][own]
	if !ok {
		direct, ok = onResources[own]
	}
	if !ok {
		return nil, fmt.Errorf("grant %s: which resources it touches is not known", own)
	}
	var all []grant
	for _, g := range direct {
		g.action = own
		all = append(all, g)
	}
	for _, name := range besides[o] {
		all = append(all, sideGrant(name, o, partition))
	}
	return all, nil
}

// sideGrant is what comes with an operation, held to that purpose.
func sideGrant(name string, o action.Op, partition string) grant {
	switch name {
	case tagOnCreate:
		// ec2:CreateAction is present only while the named operation creates, so that nothing that exists
		// already can be given the case's tag, which the other conditions trust.
		resource := snapshots
		if o.Name == "CreateSecurityGroup" {
			resource = groups
		}
		return grant{action: name, resources: []string{resource}, only: conditions{"StringEquals": {"ec2:CreateAction": {o.Name}}}}
	case tagOrgPolicy:
		// Nothing in the reference tells a tag given on creation from one given later. So whoever has this policy could
		// mark somebody's service control policy as a case's; it cannot change one.
		return grant{action: name, resources: []string{orgPolicies}, only: tagsCase}
	case directoryData:
		return grant{action: name, resources: []string{directories}}
	case passRole:
		return grant{action: name, resources: []string{roles}, only: conditions{"StringEquals": {"iam:PassedToService": ec2Principals(partition)}}}
	}
	// docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html: the grant must be for an AWS service's own use.
	return grant{action: name, resources: []string{keys}, only: conditions{"Bool": {"kms:GrantIsForAWSResource": {"true"}}}}
}

// ec2Principals: which form of its name EC2 goes by in the China partition, when it is passed a role, is not
// documented; both are admitted there.
func ec2Principals(partition string) []string {
	if partition == "aws-cn" {
		return []string{"ec2.amazonaws.com", "ec2.amazonaws.com.cn"}
	}
	return []string{"ec2.amazonaws.com"}
}
