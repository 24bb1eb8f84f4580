package trail

// A meaning is what an event's name says of its effects: one row of table. To teach cordon an event, add a row and a
// case to TestEffects; nothing else changes.
//
// A path names a value of the record: request.roleName, response.user.arn; [] stands for each element of a list.
// Where several paths are given with |, the first that has a value counts.
type meaning struct {
	access Access  // how what it touches is reached; empty: told from the verb
	touch  []touch // besides resources[] of the record
	attack string  // ATT&CK ids, space between
	secret bool    // what it touches is a secret, and was read
	grant  *grant
	issue  *issue
	expose func(*Event) []Exposure
	weak   string // what logging or detecting it weakens
	revert string // path of what it takes back
}

type touch struct{ path, kind string }

type grant struct {
	kind, rule string
	id         string // path
	arn        string // how an ARN is made of a bare name: user/, role/, group/
	through    string // path of the workload
	sure       Confidence
	trust      string // path of a trust policy
}

type issue struct {
	rule                   string
	key, principal, arn    string // paths
	role, session, expires string
}

var (
	secretID  = []touch{{"response.aRN|response.arn|request.secretId", "AWS::SecretsManager::Secret"}}
	userName  = []touch{{"request.userName", "AWS::IAM::User"}}
	roleName  = []touch{{"request.roleName", "AWS::IAM::Role"}}
	iamGroup  = []touch{{"request.groupName", "AWS::IAM::Group"}}
	bucket    = []touch{{"request.bucketName", "AWS::S3::Bucket"}}
	instances = []touch{{"request.instancesSet.items[].instanceId|response.instancesSet.items[].instanceId|request.instanceId", "AWS::EC2::Instance"}}
	function  = []touch{{"response.functionArn|request.functionName", "AWS::Lambda::Function"}}
	trailName = []touch{{"request.name|request.trailName", "AWS::CloudTrail::Trail"}}
	snapshot  = []touch{{"request.snapshotId", "AWS::EC2::Snapshot"}}
	user      = "request.userName"
	role      = "request.roleName"
	stsKey    = "response.credentials.accessKeyId"
	stsEnd    = "response.credentials.expiration"
	stsUser   = "response.assumedRoleUser.arn"
)

func assumed(rule string) *issue {
	return &issue{rule: rule, key: stsKey, expires: stsEnd, arn: stsUser, role: "request.roleArn", session: "request.roleSessionName"}
}

func ofUser(rule string) *grant { return &grant{kind: "iam-user", rule: rule, id: user, arn: "user/"} }
func ofRole(rule string) *grant { return &grant{kind: "iam-role", rule: rule, id: role, arn: "role/"} }
func ofGroup(rule string) *grant {
	return &grant{kind: "iam-group", rule: rule, id: "request.groupName", arn: "group/"}
}

// table has one row an event, by the service's and the event's name. Sources: the API references at
// docs.aws.amazon.com for what requests and responses hold, attack.mitre.org (Enterprise, IaaS) for what it means.
var table = map[string]meaning{
	// Credentials handed out
	"sts:AssumeRole":                             {touch: []touch{{"request.roleArn", "AWS::IAM::Role"}}, access: Execute, issue: assumed("sts-assume-role"), attack: "T1548.005"},
	"sts:AssumeRoleWithSAML":                     {touch: []touch{{"request.roleArn", "AWS::IAM::Role"}}, access: Execute, issue: assumed("sts-assume-role-saml"), attack: "T1606.002"},
	"sts:AssumeRoleWithWebIdentity":              {touch: []touch{{"request.roleArn", "AWS::IAM::Role"}}, access: Execute, issue: assumed("sts-assume-role-web"), attack: "T1550.001"},
	"sts:AssumeRoot":                             {touch: []touch{{"request.targetPrincipal", "AWS::Organizations::Account"}}, access: Execute, issue: &issue{rule: "sts-assume-root", key: stsKey, expires: stsEnd}, attack: "T1548.005"},
	"sts:GetSessionToken":                        {issue: &issue{rule: "sts-session-token", key: stsKey, expires: stsEnd}, attack: "T1550.001"},
	"sts:GetFederationToken":                     {issue: &issue{rule: "sts-federation-token", key: stsKey, expires: stsEnd, arn: "response.federatedUser.arn"}, attack: "T1550.001 T1078.004"},
	"signin:GetSigninToken":                      {issue: &issue{rule: "signin-token", key: stsKey}, attack: "T1550.001"},
	"rolesanywhere:CreateSession":                {touch: []touch{{"request.roleArn", "AWS::IAM::Role"}}, access: Execute, issue: &issue{rule: "rolesanywhere-session", key: "response.credentialSet[].credentials.accessKeyId", role: "request.roleArn"}, attack: "T1550.001"},
	"cognito-identity:GetCredentialsForIdentity": {issue: &issue{rule: "cognito-credentials", key: stsKey, expires: stsEnd}, attack: "T1550.001"},
	"sso:GetRoleCredentials":                     {issue: &issue{rule: "sso-role-credentials", role: "request.roleName"}, attack: "T1550.001"},
	"sts:GetCallerIdentity":                      {attack: "T1087.004"},
	"signin:ConsoleLogin":                        {attack: "T1078.004"},

	// Identities made, and made stronger
	"iam:CreateUser":                            {touch: userName, grant: &grant{kind: "iam-user", rule: "created-identity", id: "response.user.arn|request.userName", arn: "user/"}, attack: "T1136.003"},
	"iam:CreateRole":                            {touch: roleName, grant: &grant{kind: "iam-role", rule: "created-identity", id: "response.role.arn|request.roleName", arn: "role/", trust: "request.assumeRolePolicyDocument"}, attack: "T1136.003 T1098.003"},
	"iam:CreateAccessKey":                       {touch: userName, issue: &issue{rule: "created-access-key", key: "response.accessKey.accessKeyId"}, grant: ofUser("credential-added"), attack: "T1098.001"},
	"iam:UpdateAccessKey":                       {touch: userName, attack: "T1098.001", revert: "request.accessKeyId"},
	"iam:DeleteAccessKey":                       {touch: userName, revert: "request.accessKeyId"},
	"iam:CreateLoginProfile":                    {touch: userName, grant: ofUser("login-profile"), attack: "T1098.001"},
	"iam:UpdateLoginProfile":                    {touch: userName, grant: ofUser("login-profile"), attack: "T1098.001 T1098"},
	"iam:CreateServiceSpecificCredential":       {touch: userName, grant: ofUser("credential-added"), attack: "T1098.001"},
	"iam:ResetServiceSpecificCredential":        {touch: userName, grant: ofUser("credential-added"), attack: "T1098.001"},
	"iam:UploadSigningCertificate":              {touch: userName, grant: ofUser("credential-added"), attack: "T1098.001"},
	"iam:UploadSSHPublicKey":                    {touch: userName, grant: ofUser("credential-added"), attack: "T1098.004"},
	"iam:CreateVirtualMFADevice":                {grant: ofUser("mfa-changed"), attack: "T1556.006"},
	"iam:EnableMFADevice":                       {touch: userName, grant: ofUser("mfa-changed"), attack: "T1556.006"},
	"iam:DeactivateMFADevice":                   {touch: userName, grant: ofUser("mfa-changed"), attack: "T1556.006"},
	"iam:AttachUserPolicy":                      {touch: userName, grant: ofUser("privilege"), attack: "T1098.003"},
	"iam:PutUserPolicy":                         {touch: userName, grant: ofUser("privilege"), attack: "T1098.003"},
	"iam:AttachRolePolicy":                      {touch: roleName, grant: ofRole("privilege"), attack: "T1098.003"},
	"iam:PutRolePolicy":                         {touch: roleName, grant: ofRole("privilege"), attack: "T1098.003"},
	"iam:AttachGroupPolicy":                     {touch: iamGroup, grant: ofGroup("privilege"), attack: "T1098.003"},
	"iam:PutGroupPolicy":                        {touch: iamGroup, grant: ofGroup("privilege"), attack: "T1098.003"},
	"iam:AddUserToGroup":                        {touch: userName, grant: ofUser("privilege"), attack: "T1098.003"},
	"iam:CreatePolicyVersion":                   {touch: []touch{{"request.policyArn", "AWS::IAM::ManagedPolicy"}}, grant: &grant{kind: "policy", rule: "privilege", id: "request.policyArn"}, attack: "T1098.003"},
	"iam:SetDefaultPolicyVersion":               {touch: []touch{{"request.policyArn", "AWS::IAM::ManagedPolicy"}}, grant: &grant{kind: "policy", rule: "privilege", id: "request.policyArn"}, attack: "T1098.003"},
	"iam:DeleteUserPermissionsBoundary":         {touch: userName, grant: ofUser("privilege"), attack: "T1098.003"},
	"iam:DeleteRolePermissionsBoundary":         {touch: roleName, grant: ofRole("privilege"), attack: "T1098.003"},
	"iam:UpdateAssumeRolePolicy":                {touch: roleName, grant: &grant{kind: "iam-role", rule: "trust", id: role, arn: "role/", trust: "request.policyDocument"}, attack: "T1098.003 T1098"},
	"iam:CreateSAMLProvider":                    {touch: []touch{{"response.sAMLProviderArn", "AWS::IAM::SAMLProvider"}}, grant: &grant{kind: "identity-provider", rule: "trust", id: "response.sAMLProviderArn|request.name"}, attack: "T1484.002"},
	"iam:UpdateSAMLProvider":                    {touch: []touch{{"request.sAMLProviderArn", "AWS::IAM::SAMLProvider"}}, grant: &grant{kind: "identity-provider", rule: "trust", id: "request.sAMLProviderArn"}, attack: "T1484.002"},
	"iam:CreateOpenIDConnectProvider":           {grant: &grant{kind: "identity-provider", rule: "trust", id: "response.openIDConnectProviderArn|request.url"}, attack: "T1484.002"},
	"rolesanywhere:CreateTrustAnchor":           {grant: &grant{kind: "identity-provider", rule: "trust", id: "response.trustAnchor.trustAnchorArn|request.name"}, attack: "T1098 T1556"},
	"rolesanywhere:CreateProfile":               {grant: &grant{kind: "identity-provider", rule: "trust", id: "response.profile.profileArn|request.name"}, attack: "T1098 T1556"},
	"sso:CreateAccountAssignment":               {grant: &grant{kind: "permission-set", rule: "privilege", id: "request.permissionSetArn"}, attack: "T1098.003"},
	"sso:PutInlinePolicyToPermissionSet":        {grant: &grant{kind: "permission-set", rule: "privilege", id: "request.permissionSetArn"}, attack: "T1098.003"},
	"iam:DeleteUser":                            {touch: userName, attack: "T1531"},
	"iam:DeleteLoginProfile":                    {touch: userName, attack: "T1531"},
	"organizations:InviteAccountToOrganization": {grant: &grant{kind: "account", rule: "privilege", id: "request.target.id"}, attack: "T1098"},
	"organizations:CreateAccount":               {grant: &grant{kind: "account", rule: "created-identity", id: "response.createAccountStatus.accountId|request.accountName"}, attack: "T1136.003"},
	"organizations:LeaveOrganization":           {attack: "T1562.001 T1562.008", weak: "leaves the organisation, and its guard rails and trails with it"},

	// Roles passed to workloads
	"ec2:RunInstances":                   {touch: instances, access: Execute, grant: &grant{kind: "instance-profile", rule: "pass-role", id: "request.iamInstanceProfile.arn|request.iamInstanceProfile.name", through: "response.instancesSet.items[].instanceId", sure: Probable}, attack: "T1578.002 T1496.001"},
	"ec2:AssociateIamInstanceProfile":    {grant: &grant{kind: "instance-profile", rule: "pass-role", id: "request.AssociateIamInstanceProfileRequest.IamInstanceProfile.Arn|request.AssociateIamInstanceProfileRequest.IamInstanceProfile.Name", through: "request.AssociateIamInstanceProfileRequest.InstanceId", sure: Probable}, attack: "T1098.003"},
	"lambda:CreateFunction":              {touch: function, grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.role", through: "request.functionName", sure: Probable}, attack: "T1648"},
	"lambda:UpdateFunctionConfiguration": {touch: function, grant: &grant{kind: "function", rule: "code-control", id: "response.functionArn|request.functionName", sure: Probable}, attack: "T1546 T1648"},
	"ecs:RegisterTaskDefinition":         {grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.taskRoleArn|request.executionRoleArn", through: "response.taskDefinition.taskDefinitionArn", sure: Probable}, attack: "T1610"},
	"ecs:RunTask":                        {touch: []touch{{"request.cluster", "AWS::ECS::Cluster"}}, access: Execute, attack: "T1610"},
	"glue:CreateDevEndpoint":             {grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.roleArn", sure: Probable}, attack: "T1548.005"},
	"glue:CreateJob":                     {grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.role", sure: Probable}, attack: "T1548.005"},
	"cloudformation:CreateStack":         {touch: []touch{{"response.stackId|request.stackName", "AWS::CloudFormation::Stack"}}, grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.roleARN", sure: Probable}, attack: "T1648"},
	"codebuild:CreateProject":            {grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.serviceRole", sure: Probable}, attack: "T1648"},
	"sagemaker:CreateNotebookInstance":   {grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.roleArn", sure: Probable}, attack: "T1548.005"},
	"states:CreateStateMachine":          {grant: &grant{kind: "iam-role", rule: "pass-role", id: "request.roleArn", sure: Probable}, attack: "T1648"},

	// Code and hosts taken over
	"lambda:UpdateFunctionCode":                          {touch: function, grant: &grant{kind: "function", rule: "code-control", id: "response.functionArn|request.functionName", sure: Probable}, attack: "T1525 T1546 T1648"},
	"lambda:AddPermission":                               {touch: function, expose: principalExposure("lambda-permission", "request.functionName", "AWS::Lambda::Function"), attack: "T1098 T1546"},
	"lambda:CreateFunctionUrlConfig":                     {touch: function, attack: "T1546"},
	"lambda:PublishLayerVersion":                         {attack: "T1525"},
	"ssm:SendCommand":                                    {touch: []touch{{"request.instanceIds[]", "AWS::EC2::Instance"}}, access: Execute, grant: &grant{kind: "instance", rule: "host-control", id: "request.instanceIds[]", sure: Probable}, attack: "T1651"},
	"ssm:StartSession":                                   {touch: []touch{{"request.target", "AWS::EC2::Instance"}}, access: Execute, grant: &grant{kind: "instance", rule: "host-control", id: "request.target", sure: Probable}, attack: "T1651 T1021.007"},
	"ec2-instance-connect:SendSSHPublicKey":              {touch: instances, access: Execute, grant: &grant{kind: "instance", rule: "host-control", id: "request.instanceId", sure: Probable}, attack: "T1021.004 T1098.004"},
	"ec2-instance-connect:SendSerialConsoleSSHPublicKey": {touch: instances, access: Execute, grant: &grant{kind: "instance", rule: "host-control", id: "request.instanceId", sure: Probable}, attack: "T1021.004 T1098.004 T1021.008"},
	"ec2:EnableSerialConsoleAccess":                      {attack: "T1021.008"},
	"ec2:ModifyInstanceAttribute":                        {touch: instances, grant: &grant{kind: "instance", rule: "host-control", id: "request.instanceId", sure: Probable}, attack: "T1059.009 T1578"},
	"ec2:StopInstances":                                  {touch: instances, access: Write, attack: "T1578"},
	"ec2:TerminateInstances":                             {touch: instances, access: Delete, attack: "T1578.003 T1485"},
	"ec2:CreateKeyPair":                                  {attack: "T1098.004"},
	"ec2:ImportKeyPair":                                  {attack: "T1098.004"},

	// Sharing
	"ec2:ModifySnapshotAttribute":          {touch: snapshot, access: Share, expose: sharedItems("snapshot-share", "request.createVolumePermission.add.items[]", "request.snapshotId", "AWS::EC2::Snapshot"), attack: "T1537"},
	"ec2:ModifyImageAttribute":             {touch: []touch{{"request.imageId", "AWS::EC2::Image"}}, access: Share, expose: sharedItems("image-share", "request.launchPermission.add.items[]", "request.imageId", "AWS::EC2::Image"), attack: "T1537"},
	"rds:ModifyDBSnapshotAttribute":        {touch: []touch{{"request.dBSnapshotIdentifier", "AWS::RDS::DBSnapshot"}}, access: Share, expose: listed("snapshot-share", "request.valuesToAdd[]", "request.dBSnapshotIdentifier", "AWS::RDS::DBSnapshot"), attack: "T1537"},
	"rds:ModifyDBClusterSnapshotAttribute": {touch: []touch{{"request.dBClusterSnapshotIdentifier", "AWS::RDS::DBClusterSnapshot"}}, access: Share, expose: listed("snapshot-share", "request.valuesToAdd[]", "request.dBClusterSnapshotIdentifier", "AWS::RDS::DBClusterSnapshot"), attack: "T1537"},
	"s3:PutBucketPolicy":                   {touch: bucket, access: Share, expose: policyExposure("bucket-policy", "request.bucketPolicy|request.policy", "request.bucketName", "AWS::S3::Bucket"), attack: "T1098 T1537"},
	"s3:PutBucketAcl":                      {touch: bucket, access: Share, expose: bucketACL, attack: "T1098 T1537"},
	"s3:DeleteBucketPublicAccessBlock":     {touch: bucket, access: Share, attack: "T1562.007"},
	"s3:PutBucketReplication":              {touch: bucket, access: Share, attack: "T1537"},
	"kms:PutKeyPolicy":                     {touch: []touch{{"request.keyId", "AWS::KMS::Key"}}, access: Share, expose: policyExposure("key-policy", "request.policy", "request.keyId", "AWS::KMS::Key"), attack: "T1098"},
	"kms:CreateGrant":                      {touch: []touch{{"request.keyId", "AWS::KMS::Key"}}, access: Share, expose: listed("key-grant", "request.granteePrincipal", "request.keyId", "AWS::KMS::Key")},
	"secretsmanager:PutResourcePolicy":     {touch: secretID, access: Share, expose: policyExposure("resource-policy", "request.resourcePolicy", "request.secretId", "AWS::SecretsManager::Secret"), attack: "T1098"},
	"ecr:SetRepositoryPolicy":              {touch: []touch{{"request.repositoryName", "AWS::ECR::Repository"}}, access: Share, expose: policyExposure("resource-policy", "request.policyText", "request.repositoryName", "AWS::ECR::Repository"), attack: "T1098"},
	"sns:AddPermission":                    {touch: []touch{{"request.topicArn", "AWS::SNS::Topic"}}, access: Share, expose: listed("resource-policy", "request.aWSAccountId[]", "request.topicArn", "AWS::SNS::Topic"), attack: "T1098"},
	"sqs:AddPermission":                    {touch: []touch{{"request.queueUrl", "AWS::SQS::Queue"}}, access: Share, expose: listed("resource-policy", "request.aWSAccountIds[]", "request.queueUrl", "AWS::SQS::Queue"), attack: "T1098"},
	"ram:CreateResourceShare":              {access: Share, expose: listed("ram-share", "request.principals[]", "response.resourceShare.resourceShareArn|request.name", "AWS::RAM::ResourceShare"), attack: "T1537"},
	"ram:AssociateResourceShare":           {access: Share, expose: listed("ram-share", "request.principals[]", "request.resourceShareArn", "AWS::RAM::ResourceShare"), attack: "T1537"},
	"ec2:AuthorizeSecurityGroupIngress":    {touch: []touch{{"request.groupId", "AWS::EC2::SecurityGroup"}}, access: Share, expose: openPorts, attack: "T1562.007"},
	"ec2:CreateInstanceExportTask":         {touch: instances, access: Share, attack: "T1537"},
	"rds:StartExportTask":                  {touch: []touch{{"request.sourceArn", "AWS::RDS::DBSnapshot"}}, access: Share, attack: "T1537"},
	"ec2:CreateSnapshot":                   {touch: []touch{{"request.volumeId", "AWS::EC2::Volume"}}, access: ReadData, attack: "T1578.001"},
	"ec2:SharedSnapshotVolumeCreated":      {touch: snapshot, access: ReadData, attack: "T1537"},
	"ebs:GetSnapshotBlock":                 {touch: snapshot, access: ReadData, attack: "T1530"},

	// Secrets
	"secretsmanager:GetSecretValue":      {touch: secretID, access: ReadData, secret: true, attack: "T1555.006"},
	"secretsmanager:BatchGetSecretValue": {touch: []touch{{"request.secretIdList[]|request.filters[].values[]", "AWS::SecretsManager::Secret"}}, access: ReadData, secret: true, attack: "T1555.006"},
	"secretsmanager:ListSecrets":         {access: List, attack: "T1555.006"},
	"ssm:GetParameter":                   {touch: []touch{{"request.name", "AWS::SSM::Parameter"}}, access: ReadData, secret: true, attack: "T1555.006 T1552"},
	"ssm:GetParameters":                  {touch: []touch{{"request.names[]", "AWS::SSM::Parameter"}}, access: ReadData, secret: true, attack: "T1555.006 T1552"},
	"ssm:GetParametersByPath":            {touch: []touch{{"request.path", "AWS::SSM::Parameter"}}, access: ReadData, secret: true, attack: "T1555.006 T1552"},
	"kms:Decrypt":                        {touch: []touch{{"request.keyId", "AWS::KMS::Key"}}, access: ReadData},
	"ec2:GetPasswordData":                {touch: instances, access: ReadData, secret: true, grant: &grant{kind: "instance", rule: "host-control", id: "request.instanceId", sure: Probable}, attack: "T1552 T1555"},
	"ec2:DescribeInstanceAttribute":      {touch: instances, access: ReadConfig, attack: "T1552.005 T1580"},
	"ec2:DescribeLaunchTemplateVersions": {access: ReadConfig, attack: "T1552.005"},
	"ecr:GetAuthorizationToken":          {access: ReadData, secret: true, attack: "T1528"},

	// Data
	"s3:GetObject":                          {touch: bucket, access: ReadData, attack: "T1530"},
	"s3:CopyObject":                         {touch: bucket, access: ReadData, attack: "T1530"},
	"s3:PutObject":                          {touch: bucket, access: Write},
	"s3:DeleteObject":                       {touch: bucket, access: Delete, attack: "T1485"},
	"s3:DeleteObjects":                      {touch: bucket, access: Delete, attack: "T1485"},
	"s3:DeleteBucket":                       {touch: bucket, access: Delete, attack: "T1485"},
	"s3:PutBucketLifecycle":                 {touch: bucket, access: Write, attack: "T1485.001"},
	"s3:PutBucketVersioning":                {touch: bucket, access: Write, attack: "T1490"},
	"s3:PutBucketEncryption":                {touch: bucket, access: Write, attack: "T1486"},
	"kms:ScheduleKeyDeletion":               {touch: []touch{{"request.keyId", "AWS::KMS::Key"}}, access: Delete, attack: "T1485"},
	"kms:DisableKey":                        {touch: []touch{{"request.keyId", "AWS::KMS::Key"}}, access: Write, attack: "T1485"},
	"rds:DeleteDBInstance":                  {touch: []touch{{"request.dBInstanceIdentifier", "AWS::RDS::DBInstance"}}, access: Delete, attack: "T1485"},
	"rds:DeleteDBCluster":                   {touch: []touch{{"request.dBClusterIdentifier", "AWS::RDS::DBCluster"}}, access: Delete, attack: "T1485"},
	"rds:ModifyDBInstance":                  {touch: []touch{{"request.dBInstanceIdentifier", "AWS::RDS::DBInstance"}}, access: Write, attack: "T1098"},
	"rds:CreateDBSnapshot":                  {touch: []touch{{"request.dBInstanceIdentifier", "AWS::RDS::DBInstance"}}, access: ReadData, attack: "T1578.001"},
	"rds:RestoreDBInstanceFromDBSnapshot":   {touch: []touch{{"request.dBSnapshotIdentifier", "AWS::RDS::DBSnapshot"}}, access: ReadData, attack: "T1578.002"},
	"bedrock:InvokeModel":                   {touch: []touch{{"request.modelId", "AWS::Bedrock::FoundationModel"}}, access: Execute, attack: "T1496.004"},
	"bedrock:InvokeModelWithResponseStream": {touch: []touch{{"request.modelId", "AWS::Bedrock::FoundationModel"}}, access: Execute, attack: "T1496.004"},
	"bedrock:Converse":                      {touch: []touch{{"request.modelId", "AWS::Bedrock::FoundationModel"}}, access: Execute, attack: "T1496.004"},
	"ses:SendEmail":                         {access: Execute, attack: "T1496.004"},

	// Trails and detectors
	"cloudtrail:StopLogging":                             {touch: trailName, access: Write, weak: "stops a trail", attack: "T1562.008"},
	"cloudtrail:DeleteTrail":                             {touch: trailName, access: Delete, weak: "deletes a trail", attack: "T1562.008"},
	"cloudtrail:UpdateTrail":                             {touch: trailName, access: Write, weak: "changes a trail", attack: "T1562.008"},
	"cloudtrail:PutEventSelectors":                       {touch: trailName, access: Write, weak: "changes what a trail logs", attack: "T1562.008"},
	"cloudtrail:PutInsightSelectors":                     {touch: trailName, access: Write, weak: "changes a trail's Insights", attack: "T1562.008"},
	"cloudtrail:DeleteEventDataStore":                    {access: Delete, weak: "deletes an event data store", attack: "T1562.008"},
	"guardduty:DeleteDetector":                           {touch: []touch{{"request.detectorId", "AWS::GuardDuty::Detector"}}, access: Delete, weak: "deletes a GuardDuty detector", attack: "T1562.001"},
	"guardduty:UpdateDetector":                           {touch: []touch{{"request.detectorId", "AWS::GuardDuty::Detector"}}, access: Write, weak: "changes a GuardDuty detector", attack: "T1562.001"},
	"guardduty:CreateFilter":                             {access: Write, weak: "adds a GuardDuty filter", attack: "T1562.001"},
	"guardduty:CreateIPSet":                              {access: Write, weak: "adds a GuardDuty trusted list", attack: "T1562.001"},
	"guardduty:DisassociateFromAdministratorAccount":     {access: Write, weak: "leaves the GuardDuty administrator", attack: "T1562.001"},
	"config:StopConfigurationRecorder":                   {access: Write, weak: "stops the configuration recorder", attack: "T1562.008"},
	"config:DeleteConfigurationRecorder":                 {access: Delete, weak: "deletes the configuration recorder", attack: "T1562.008"},
	"config:DeleteDeliveryChannel":                       {access: Delete, weak: "deletes the configuration delivery channel", attack: "T1562.008"},
	"securityhub:DisableSecurityHub":                     {access: Write, weak: "disables Security Hub", attack: "T1562.001"},
	"macie2:DisableMacie":                                {access: Write, weak: "disables Macie", attack: "T1562.001"},
	"ec2:DeleteFlowLogs":                                 {touch: []touch{{"request.DeleteFlowLogsRequest.FlowLogId.content|request.flowLogId", "AWS::EC2::FlowLog"}}, access: Delete, weak: "deletes VPC flow logs", attack: "T1562.008"},
	"route53resolver:DeleteResolverQueryLogConfig":       {access: Delete, weak: "deletes DNS query logging", attack: "T1562.008"},
	"route53resolver:DisassociateResolverQueryLogConfig": {access: Write, weak: "detaches DNS query logging", attack: "T1562.008"},
	"logs:DeleteLogGroup":                                {touch: []touch{{"request.logGroupName", "AWS::Logs::LogGroup"}}, access: Delete, weak: "deletes a log group", attack: "T1562.008"},
	"logs:DeleteLogStream":                               {touch: []touch{{"request.logGroupName", "AWS::Logs::LogGroup"}}, access: Delete, weak: "deletes a log stream", attack: "T1562.008"},
	"s3:PutBucketLogging":                                {touch: bucket, access: Write, weak: "changes a bucket's access logging", attack: "T1562.008"},
	"cloudwatch:DeleteAlarms":                            {access: Delete, weak: "deletes alarms", attack: "T1562.001"},
	"events:DeleteRule":                                  {touch: []touch{{"request.name", "AWS::Events::Rule"}}, access: Delete, weak: "deletes an event rule", attack: "T1562.001"},
	"events:DisableRule":                                 {touch: []touch{{"request.name", "AWS::Events::Rule"}}, access: Write, weak: "disables an event rule", attack: "T1562.001"},
	"wafv2:DeleteWebACL":                                 {access: Delete, weak: "deletes a web ACL", attack: "T1562.007"},

	// Looking around
	"iam:ListUsers":                      {access: List, attack: "T1087.004"},
	"iam:ListRoles":                      {access: List, attack: "T1087.004"},
	"iam:GetAccountAuthorizationDetails": {access: ReadConfig, attack: "T1087.004 T1069.003"},
	"iam:ListAttachedUserPolicies":       {touch: userName, access: ReadConfig, attack: "T1069.003"},
	"iam:SimulatePrincipalPolicy":        {access: ReadConfig, attack: "T1069.003"},
	"s3:ListBuckets":                     {access: List, attack: "T1619"},
	"s3:ListObjects":                     {touch: bucket, access: List, attack: "T1619"},
	"ec2:DescribeInstances":              {access: List, attack: "T1580"},
	"ec2:DescribeSnapshots":              {access: List, attack: "T1580"},
	"organizations:ListAccounts":         {access: List, attack: "T1087.004"},
	"organizations:DescribeOrganization": {access: ReadConfig, attack: "T1580"},
	"ses:GetSendQuota":                   {access: ReadConfig, attack: "T1526"},
	"bedrock:ListFoundationModels":       {access: List, attack: "T1526"},
	"servicequotas:ListServiceQuotas":    {access: List, attack: "T1526"},
	"cloudtrail:DescribeTrails":          {access: ReadConfig, attack: "T1654"},
	"guardduty:ListDetectors":            {access: List, attack: "T1518.001"},
}

// techniqueNames are ATT&CK's names (attack.mitre.org, Enterprise) of every id in table.
var techniqueNames = map[string]string{
	"T1021.004": "Remote Services: SSH", "T1021.007": "Remote Services: Cloud Services", "T1021.008": "Remote Services: Direct Cloud VM Connections",
	"T1059.009": "Command and Scripting Interpreter: Cloud API", "T1069.003": "Permission Groups Discovery: Cloud Groups",
	"T1078.004": "Valid Accounts: Cloud Accounts", "T1087.004": "Account Discovery: Cloud Account", "T1098": "Account Manipulation",
	"T1098.001": "Account Manipulation: Additional Cloud Credentials", "T1098.003": "Account Manipulation: Additional Cloud Roles",
	"T1098.004": "Account Manipulation: SSH Authorized Keys", "T1110": "Brute Force", "T1136.003": "Create Account: Cloud Account",
	"T1484.002": "Domain or Tenant Policy Modification: Trust Modification", "T1485": "Data Destruction",
	"T1485.001": "Data Destruction: Lifecycle-Triggered Deletion", "T1486": "Data Encrypted for Impact", "T1490": "Inhibit System Recovery",
	"T1496.001": "Resource Hijacking: Compute Hijacking", "T1496.004": "Resource Hijacking: Cloud Service Hijacking",
	"T1518.001": "Software Discovery: Security Software Discovery", "T1525": "Implant Internal Image", "T1526": "Cloud Service Discovery",
	"T1528": "Steal Application Access Token", "T1530": "Data from Cloud Storage", "T1531": "Account Access Removal",
	"T1537": "Transfer Data to Cloud Account", "T1546": "Event Triggered Execution",
	"T1548.005": "Abuse Elevation Control Mechanism: Temporary Elevated Cloud Access", "T1550.001": "Use Alternate Authentication Material: Application Access Token",
	"T1552": "Unsecured Credentials", "T1552.005": "Unsecured Credentials: Cloud Instance Metadata API",
	"T1555": "Credentials from Password Stores", "T1555.006": "Credentials from Password Stores: Cloud Secrets Management Stores",
	"T1556": "Modify Authentication Process", "T1556.006": "Modify Authentication Process: Multi-Factor Authentication",
	"T1562.001": "Impair Defenses: Disable or Modify Tools", "T1562.007": "Impair Defenses: Disable or Modify Cloud Firewall",
	"T1562.008": "Impair Defenses: Disable or Modify Cloud Logs", "T1578": "Modify Cloud Compute Infrastructure",
	"T1578.001": "Modify Cloud Compute Infrastructure: Create Snapshot", "T1578.002": "Modify Cloud Compute Infrastructure: Create Cloud Instance",
	"T1578.003": "Modify Cloud Compute Infrastructure: Delete Cloud Instance", "T1580": "Cloud Infrastructure Discovery",
	"T1606.002": "Forge Web Credentials: SAML Tokens", "T1610": "Deploy Container", "T1619": "Cloud Storage Object Discovery",
	"T1648": "Serverless Execution", "T1651": "Cloud Administration Command", "T1654": "Log Enumeration",
}

func techniqueName(id string) string { return techniqueNames[id] }
