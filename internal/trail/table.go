package trail

import "maps"

// A meaning is what an event's name says of its effects: one row of the table. To teach cordon an event, add a row to
// the table_*.go file of its field and a case to testdata/effects.txt; nothing else changes.
//
// A path names a value of the record: request.roleName, response.user.arn, additional.SwitchFrom, service.snapshotId,
// event.arn. The case of letters does not matter; [] stands for each element of a list, in whichever way the service
// writes lists. Where several paths are given with |, the first that has a value counts.
type meaning struct {
	touch  []touch // what it reaches, besides resources[] of the record; the first is what it exposes or takes back
	access Access  // how; empty: told from the verb
	attack string  // ATT&CK ids, space between
	secret bool    // what it touches is a secret, and was read
	issue  *issue  // the credential that it hands out
	grant  []grant
	expose []expose
	weak   string // the logging or detecting that it weakens, in words; {} stands for what it touches
	coming string // destruction that is on its way and can still be called off, in words, likewise
	undo   []undo
	when   []when // more of it, where the record says so
}

// when adds a meaning to a row where what holds names is so: "request.userData" has a value, "request.status=Active"
// has one of the values after =, "request.bucketName~trail" holds one of the texts after ~, "request.roleArn@" names
// another account, "!" before any of them says that it is not so, " & " joins them. All rows of when that are so count.
// Where the record does not say (hidden, left out as too large, unreadable), all of them do: the worst is assumed.
type when struct {
	holds string
	meaning
}

// touch is a resource: its type, as CloudFormation spells it without AWS::, and the path of its name. Where the path is
// of an ARN, the type may be empty. S3::Source is the object at bucket/key that a copy reads.
type touch struct{ kind, path string }

// grant is control over an identity or workload; for the kinds and rules, see Grant.
type grant struct {
	kind, rule string
	of         touch
	what       string // path of the policy or credential that gives the control
	through    string // path of the workload that gets a passed role
	trust      string // path of a trust policy
	sure       Confidence
}

// issue is a credential handed out; its fields but the rule are paths.
type issue struct {
	rule                                            string
	key, principal, arn, role, session, expires, id string
}

// expose gives what the row touches first to the grantees at the paths, or to those that the policy at the path allows.
type expose struct {
	kind   string
	to     []string
	policy string
	public bool // leave out private addresses
}

// undo takes back a grant or exposure of what the row touches first, or of what is at the path of.
type undo struct{ of, rule, what string }

// table has one row an event, by the service's and the event's name. A name that ends in * is a row for all events that
// begin so and have none of their own; the longest counts, and the service * is for those of all services. Sources: the API references at
// docs.aws.amazon.com for what requests and responses hold, attack.mitre.org (Enterprise, IaaS) for what it means.
var table = join(tableParts)

// tableParts are the fields of work that the table is cut into, each in a table_*.go file.
var tableParts = []map[string]meaning{tableCredentials, tableIdentities, tablePassRole, tableControl, tableSharing, tableSecrets,
	tableData, tableLogging, tableDetectors, tableDiscovery}

func join(parts []map[string]meaning) map[string]meaning {
	all := map[string]meaning{}
	for _, p := range parts {
		maps.Copy(all, p)
	}
	return all
}

// rowFor gives the row of an event, or an empty one.
func rowFor(service, name string) (string, meaning) {
	for _, s := range []string{service, "*"} {
		if m, ok := table[s+":"+name]; ok {
			return s + ":" + name, m
		}
		for i := len(name); i > 0; i-- {
			if m, ok := table[s+":"+name[:i]+"*"]; ok {
				return s + ":" + name[:i] + "*", m
			}
		}
	}
	return "", meaning{}
}

// What rows touch.
var (
	anIdentity  = touch{"IAM::User", "response.user.arn|request.userName"}
	aUser       = touch{"IAM::User", "request.userName"}
	aRole       = touch{"IAM::Role", "response.role.arn|request.roleName"}
	roleByARN   = touch{"IAM::Role", "request.roleArn"}
	aGroup      = touch{"IAM::Group", "request.groupName"}
	aPolicy     = touch{"IAM::ManagedPolicy", "request.policyArn|response.policy.arn"}
	aProfile    = touch{"IAM::InstanceProfile", "request.instanceProfileName"}
	samlIDP     = touch{"IAM::SAMLProvider", "response.sAMLProviderArn|request.sAMLProviderArn|request.name"}
	oidcIDP     = touch{"IAM::OIDCProvider", "response.openIDConnectProviderArn|request.openIDConnectProviderArn|request.url"}
	permissions = touch{"SSO::PermissionSet", "request.permissionSetArn|response.permissionSet.permissionSetArn"}
	anAccount   = touch{"Organizations::Account", "request.accountId|request.target.id|response.createAccountStatus.accountId"}
	orgPolicy   = touch{"Organizations::Policy", "request.policyId|response.policy.policySummary.id"}
	bucket      = touch{"S3::Bucket", "request.bucketName"}
	object      = touch{"S3::Object", "request.key"}
	instances   = touch{"EC2::Instance", "request.instancesSet[].instanceId|response.instancesSet[].instanceId|request.instanceId|request.instanceIds[]"}
	theInstance = touch{"EC2::Instance", "request.instanceId"}
	anImage     = touch{"EC2::Image", "request.imageId|response.imageId"}
	snapshot    = touch{"EC2::Snapshot", "request.snapshotId|response.snapshotId"}
	volume      = touch{"EC2::Volume", "request.volumeId|response.volumeId"}
	secGroup    = touch{"EC2::SecurityGroup", "request.groupId|request.groupName|response.groupId"}
	function    = touch{"Lambda::Function", "response.functionArn|request.functionName"}
	layer       = touch{"Lambda::LayerVersion", "response.layerVersionArn|request.layerName"}
	trailName   = touch{"CloudTrail::Trail", "request.name|request.trailName|response.trailARN"}
	dataStore   = touch{"CloudTrail::EventDataStore", "request.eventDataStore|response.eventDataStoreArn"}
	secretID    = touch{"SecretsManager::Secret", "response.aRN|request.secretId"}
	parameter   = touch{"SSM::Parameter", "request.name|request.names[]|request.path"}
	aKey        = touch{"KMS::Key", "request.keyId|response.keyId"}
	dbInstance  = touch{"RDS::DBInstance", "request.dBInstanceIdentifier"}
	dbCluster   = touch{"RDS::DBCluster", "request.dBClusterIdentifier"}
	dbSnapshot  = touch{"RDS::DBSnapshot", "request.dBSnapshotIdentifier|response.dBSnapshotIdentifier"}
	dbClusterS  = touch{"RDS::DBClusterSnapshot", "request.dBClusterSnapshotIdentifier|response.dBClusterSnapshotIdentifier"}
	repository  = touch{"ECR::Repository", "request.repositoryName"}
	topic       = touch{"SNS::Topic", "request.topicArn|response.topicArn"}
	queue       = touch{"SQS::Queue", "request.queueUrl|response.queueUrl"}
	dynamo      = touch{"DynamoDB::Table", "request.tableName|request.tableArn|request.requestItems"}
	logGroup    = touch{"Logs::LogGroup", "request.logGroupName|request.logGroupIdentifier|request.logGroupNames[]"}
	detector    = touch{"GuardDuty::Detector", "request.detectorId"}
	rule        = touch{"Events::Rule", "request.name|request.rule"}
	stack       = touch{"CloudFormation::Stack", "response.stackId|request.stackName"}
	project     = touch{"CodeBuild::Project", "response.project.arn|request.projectName|request.name"}
	ecsCluster  = touch{"ECS::Cluster", "request.cluster|request.clusterName"}
	eksCluster  = touch{"EKS::Cluster", "request.name|request.clusterName"}
	model       = touch{"Bedrock::Model", "request.modelId"}
	zone        = touch{"Route53::HostedZone", "request.hostedZoneId|response.hostedZone.id"}
	webACL      = touch{"WAFv2::WebACL", "request.webACLArn|request.name|request.resourceArn"}
	vault       = touch{"Backup::BackupVault", "request.backupVaultName"}
)

func on(t ...touch) []touch { return t }

// gone: what the row touches is no more, and neither is what it gave.
var gone = []undo{{}}

// back takes back the grant of a rule or the exposure of a kind, only for what is at the path; "": for everybody.
func back(rule, what string) []undo { return []undo{{rule: rule, what: what}} }

// gains makes a grant of what is named.
func gains(kind, rule string, of touch, what string) []grant {
	return []grant{{kind: kind, rule: rule, of: of, what: what}}
}

func ofUser(rule, what string) []grant  { return gains("iam-user", rule, aUser, what) }
func ofRole(rule, what string) []grant  { return gains("iam-role", rule, aRole, what) }
func ofGroup(rule, what string) []grant { return gains("iam-group", rule, aGroup, what) }

// controls: the caller decides what the workload runs.
func controls(kind, rule string, of touch) []grant {
	return []grant{{kind: kind, rule: rule, of: of, sure: Probable}}
}

// passes: the role at the path acts in the workload at the other one.
func passes(role, through string) []grant {
	return []grant{{kind: "iam-role", rule: "pass-role", of: touch{"IAM::Role", role}, through: through, sure: Probable}}
}

func to(kind string, paths ...string) []expose { return []expose{{kind: kind, to: paths}} }
func byPolicy(kind, path string) []expose      { return []expose{{kind: kind, policy: path}} }
func toPublic(kind string, path string) []expose {
	return []expose{{kind: kind, to: []string{path}, public: true}}
}
func toEverybody(kind string) []expose { return []expose{{kind: kind, to: []string{"*"}}} }
