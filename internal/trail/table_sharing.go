package trail

var (
	accessPoint  = touch{"S3::AccessPoint", "request.name|request.accessPointName"}
	eventBus     = touch{"Events::EventBus", "request.eventBusName"}
	searchDomain = touch{"OpenSearchService::Domain", "request.domainName"}
	shareOfRAM   = touch{"RAM::ResourceShare", "response.resourceShare.resourceShareArn|request.resourceShareArn|request.name"}
	fileSystem   = touch{"EFS::FileSystem", "request.fileSystemId"}
	functionURL  = []when{{"request.authType=NONE", meaning{expose: toEverybody("function-url")}}}

	ports = []expose{{kind: "security-group", only: "public", to: []string{"request.ipPermissions[].ipRanges[].cidrIp", "request.ipPermissions[].ipv6Ranges[].cidrIpv6",
		"request.cidrIp", "request.ipPermissions[].groups[].userId", "request.ipPermissions[].prefixListIds[].prefixListId", "request.securityGroupRule[].securityGroupRule.cidrIpv4",
		"request.securityGroupRule[].securityGroupRule.cidrIpv6", "request.ipPermissions[].cidrIp"}}}
	grantsOfACL = []string{"request.x-amz-acl", "request.AccessControlPolicy.AccessControlList.Grant[].Grantee.URI", "request.AccessControlPolicy.AccessControlList.Grant[].Grantee.ID",
		"request.AccessControlPolicy.AccessControlList.Grant[].Grantee.EmailAddress", "request.x-amz-grant-read", "request.x-amz-grant-write", "request.x-amz-grant-full-control",
		"request.x-amz-grant-read-acp", "request.x-amz-grant-write-acp"}
)

// items are the accounts, organisations and groups of EC2's list at the path.
func items(path string) []string {
	return []string{path + "[].userId", path + "[].group", path + "[].organizationArn", path + "[].organizationalUnitArn"}
}

// notShared takes back what a list of EC2's names.
func notShared(kind, path string) []undo {
	var out []undo
	for _, p := range items(path) {
		out = append(out, undo{rule: kind, what: p})
	}
	return out
}

// Resources given to somebody outside, or opened to everybody; and that taken back.
var tableSharing = map[string]meaning{
	"ec2:ModifySnapshotAttribute":          {touch: on(snapshot), expose: to("snapshot-share", items("request.createVolumePermission.add")...), undo: notShared("snapshot-share", "request.createVolumePermission.remove"), when: []when{{"!request.createVolumePermission.remove[]", givenAway}, {"request.createVolumePermission.add[]", givenAway}}},
	"ec2:ResetSnapshotAttribute":           {touch: on(snapshot), undo: back("snapshot-share", "")},
	"ec2:DeleteSnapshot":                   {touch: on(snapshot), undo: gone, attack: "T1485 T1490"},
	"ec2:ModifyImageAttribute":             {touch: on(anImage), expose: to("image-share", items("request.launchPermission.add")...), undo: notShared("image-share", "request.launchPermission.remove"), when: []when{{"!request.launchPermission.remove[]", givenAway}, {"request.launchPermission.add[]", givenAway}}},
	"ec2:ResetImageAttribute":              {touch: on(anImage), undo: back("image-share", "")},
	"ec2:DeregisterImage":                  {touch: on(anImage), undo: gone, attack: "T1485"},
	"ec2:DisableImageBlockPublicAccess":    {attack: "T1562", access: Share},
	"ec2:DisableSnapshotBlockPublicAccess": {attack: "T1562", access: Share},
	"ec2:CopySnapshot":                     {touch: on(touch{"EC2::Snapshot", "request.sourceSnapshotId"}), access: ReadData, attack: "T1578.001"},
	"ec2:CopyImage":                        {touch: on(touch{"EC2::Image", "request.sourceImageId"}), access: ReadData, attack: "T1578.001"},
	"ec2:CreateImage":                      {touch: on(theInstance), access: ReadData, attack: "T1578.001"},
	"ec2:CreateSnapshot":                   {touch: on(touch{"EC2::Volume", "request.volumeId"}), access: ReadData, attack: "T1578.001"},
	"ec2:CreateSnapshots":                  {touch: on(touch{"EC2::Instance", "request.instanceSpecification.instanceId"}), access: ReadData, attack: "T1578.001"},
	"ec2:SharedSnapshotVolumeCreated":      {touch: on(touch{"EC2::Snapshot", "request.snapshotId|service.snapshotId"}), access: ReadData, attack: "T1537"},
	"ec2:SharedSnapshotCopyInitiated":      {touch: on(touch{"EC2::Snapshot", "request.snapshotId|service.snapshotId"}), access: ReadData, attack: "T1537"},
	"ec2:CreateInstanceExportTask":         {touch: on(theInstance), access: Share, expose: to("export", "request.exportToS3.s3Bucket"), attack: "T1537"},
	"ec2:ExportImage":                      {touch: on(anImage), access: Share, expose: to("export", "request.s3ExportLocation.s3Bucket"), attack: "T1537"},
	"ec2:CreateStoreImageTask":             {touch: on(anImage), access: Share, expose: to("export", "request.bucket"), attack: "T1537"},
	"ec2:BundleInstance":                   {touch: on(theInstance), access: Share, attack: "T1537"},
	"ebs:ListSnapshotBlocks":               {touch: on(snapshot), access: List, attack: "T1580"},
	"ebs:ListChangedBlocks":                {touch: on(touch{"EC2::Snapshot", "request.firstSnapshotId|request.secondSnapshotId"}), access: List, attack: "T1580"},
	"ebs:GetSnapshotBlock":                 {touch: on(snapshot), access: ReadData, attack: "T1530"},

	"rds:ModifyDBSnapshotAttribute":                  {touch: on(dbSnapshot), expose: to("snapshot-share", "request.valuesToAdd[]"), undo: back("snapshot-share", "request.valuesToRemove[]"), when: []when{{"!request.valuesToRemove[]", givenAway}, {"request.valuesToAdd[]", givenAway}}},
	"rds:ModifyDBClusterSnapshotAttribute":           {touch: on(dbClusterS), expose: to("snapshot-share", "request.valuesToAdd[]"), undo: back("snapshot-share", "request.valuesToRemove[]"), when: []when{{"!request.valuesToRemove[]", givenAway}, {"request.valuesToAdd[]", givenAway}}},
	"rds:CreateDBSnapshot":                           {touch: on(dbInstance), access: ReadData, attack: "T1578.001"},
	"rds:CreateDBClusterSnapshot":                    {touch: on(dbCluster), access: ReadData, attack: "T1578.001"},
	"rds:CopyDBSnapshot":                             {touch: on(touch{"RDS::DBSnapshot", "request.sourceDBSnapshotIdentifier"}), access: ReadData, attack: "T1578.001 T1537"},
	"rds:CopyDBClusterSnapshot":                      {touch: on(touch{"RDS::DBClusterSnapshot", "request.sourceDBClusterSnapshotIdentifier"}), access: ReadData, attack: "T1578.001 T1537"},
	"rds:StartExportTask":                            {touch: on(touch{"RDS::DBSnapshot", "request.sourceArn"}), access: Share, expose: to("export", "request.s3BucketName"), attack: "T1537"},
	"rds:AuthorizeDBSecurityGroupIngress":            {touch: on(touch{"RDS::DBSecurityGroup", "request.dBSecurityGroupName"}), access: Share, expose: []expose{{kind: "security-group", only: "public", to: []string{"request.cIDRIP", "request.eC2SecurityGroupOwnerId"}}}, attack: "T1562.007"},
	"rds:RevokeDBSecurityGroupIngress":               {touch: on(touch{"RDS::DBSecurityGroup", "request.dBSecurityGroupName"}), undo: back("security-group", "request.cIDRIP")},
	"redshift:AuthorizeSnapshotAccess":               {touch: on(touch{"Redshift::ClusterSnapshot", "request.snapshotIdentifier"}), access: Share, expose: to("snapshot-share", "request.accountWithRestoreAccess"), attack: "T1537"},
	"redshift:RevokeSnapshotAccess":                  {touch: on(touch{"Redshift::ClusterSnapshot", "request.snapshotIdentifier"}), undo: back("snapshot-share", "request.accountWithRestoreAccess")},
	"redshift:AuthorizeClusterSecurityGroupIngress":  {touch: on(touch{"Redshift::ClusterSecurityGroup", "request.clusterSecurityGroupName"}), access: Share, expose: toPublic("security-group", "request.cIDRIP"), attack: "T1562.007"},
	"redshift:AuthorizeDataShare":                    {touch: on(touch{"Redshift::DataShare", "request.dataShareArn"}), access: Share, expose: to("data-share", "request.consumerIdentifier"), attack: "T1537"},
	"redshift:ModifyCluster":                         {touch: on(touch{"Redshift::Cluster", "request.clusterIdentifier"}), when: []when{{"request.publiclyAccessible=true", meaning{expose: toEverybody("public-access"), attack: "T1562.007"}}, {"request.masterUserPassword", meaning{attack: "T1098"}}}},
	"redshift:PutResourcePolicy":                     {touch: on(touch{"", "request.resourceArn"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1537"},
	"elasticache:AuthorizeCacheSecurityGroupIngress": {touch: on(touch{"ElastiCache::SecurityGroup", "request.cacheSecurityGroupName"}), access: Share, expose: to("security-group", "request.eC2SecurityGroupOwnerId"), attack: "T1562.007"},
	"elasticache:CopySnapshot":                       {touch: on(touch{"ElastiCache::Snapshot", "request.sourceSnapshotName"}), access: ReadData, expose: to("export", "request.targetBucket"), attack: "T1537"},
	"dynamodb:ExportTableToPointInTime":              {touch: on(touch{"DynamoDB::Table", "request.tableArn"}), access: ReadData, expose: to("export", "request.s3BucketOwner"), attack: "T1537"},
	"dynamodb:PutResourcePolicy":                     {touch: on(touch{"DynamoDB::Table", "request.resourceArn"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1537"},
	"dynamodb:DeleteResourcePolicy":                  {touch: on(touch{"DynamoDB::Table", "request.resourceArn"}), undo: back("resource-policy", "")},

	"s3:PutBucketPolicy":                 {touch: on(bucket), access: Share, expose: byPolicy("bucket-policy", "request.bucketPolicy|request.policy"), attack: "T1098 T1537"},
	"s3:DeleteBucketPolicy":              {touch: on(bucket), undo: back("bucket-policy", ""), attack: "T1098"},
	"s3:PutBucketAcl":                    {touch: on(bucket), expose: to("bucket-acl", grantsOfACL...), when: []when{{"!request.x-amz-acl=private", meaning{access: Share, attack: "T1098 T1537"}}, {"request.x-amz-acl=private", meaning{undo: back("bucket-acl", "")}}}},
	"s3:PutObjectAcl":                    {touch: on(bucket, object), access: Share, expose: to("object-acl", grantsOfACL...), attack: "T1098 T1537"},
	"s3:CreateBucket":                    {touch: on(bucket), expose: to("bucket-acl", grantsOfACL...)},
	"s3:PutBucketOwnershipControls":      {touch: on(bucket), attack: "T1098"},
	"s3:PutBucketPublicAccessBlock":      {touch: on(bucket), when: []when{{openedUp, meaning{access: Share, attack: "T1562"}}, {"!" + openedUp, meaning{undo: []undo{{rule: "bucket-policy", what: "*"}, {rule: "bucket-acl", what: "*"}}}}}},
	"s3:PutAccountPublicAccessBlock":     {when: []when{{openedUp, meaning{access: Share, attack: "T1562"}}}},
	"s3:DeleteBucketPublicAccessBlock":   {touch: on(bucket), access: Share, attack: "T1562"},
	"s3:DeleteAccountPublicAccessBlock":  {access: Share, attack: "T1562"},
	"s3:PutBucketReplication":            {touch: on(bucket), access: Share, expose: to("replication", "request.ReplicationConfiguration.Rule[].Destination.Account|request.ReplicationConfiguration.Rule[].Destination.Bucket"), attack: "T1537"},
	"s3:DeleteBucketReplication":         {touch: on(bucket), undo: back("replication", ""), attack: "T1490"},
	"s3:PutBucketWebsite":                {touch: on(bucket), access: Share, attack: "T1537"},
	"s3:DeleteBucketWebsite":             {touch: on(bucket), access: Write},
	"s3:PutBucketCors":                   {touch: on(bucket), attack: "T1098"},
	"s3:PutBucketNotification":           {touch: on(bucket), attack: "T1546"},
	"s3:PutBucketInventoryConfiguration": {touch: on(bucket), expose: to("inventory", "request.InventoryConfiguration.Destination.S3BucketDestination.AccountId|request.InventoryConfiguration.Destination.S3BucketDestination.Bucket"), attack: "T1619"},
	"s3:CreateAccessPoint":               {touch: on(accessPoint, bucket), attack: "T1098"},
	"s3:PutAccessPointPolicy":            {touch: on(accessPoint), access: Share, expose: byPolicy("access-point-policy", "request.policy|request.PutAccessPointPolicyRequest.Policy"), attack: "T1098 T1537"},
	"s3:DeleteAccessPointPolicy":         {touch: on(accessPoint), undo: back("access-point-policy", "")},
	"s3:DeleteAccessPoint":               {touch: on(accessPoint), undo: gone},
	"s3:CreateAccessGrant":               {access: Share, attack: "T1098"},
	"s3:CreateJob":                       {access: Execute, grant: passes("request.CreateJobRequest.RoleArn|request.roleArn", ""), attack: "T1648"},

	"lambda:AddPermission":             {touch: on(function), access: Share, expose: to("lambda-permission", "request.principal", "request.sourceAccount"), attack: "T1098 T1546"},
	"lambda:RemovePermission":          {touch: on(function), undo: back("lambda-permission", "")},
	"lambda:AddLayerVersionPermission": {touch: on(layer), access: Share, expose: to("layer-permission", "request.principal"), attack: "T1098"},
	"lambda:CreateFunctionUrlConfig":   {touch: on(function), access: Share, attack: "T1098 T1546", when: functionURL},
	"lambda:UpdateFunctionUrlConfig":   {touch: on(function), access: Share, attack: "T1098 T1546", when: functionURL},
	"lambda:DeleteFunctionUrlConfig":   {touch: on(function), undo: back("function-url", "")},

	"kms:PutKeyPolicy":                          {touch: on(aKey), access: Share, expose: byPolicy("key-policy", "request.policy"), attack: "T1098"},
	"kms:CreateKey":                             {touch: on(touch{"KMS::Key", "response.keyMetadata.arn|response.keyMetadata.keyId"}), expose: byPolicy("key-policy", "request.policy")},
	"kms:CreateGrant":                           {touch: on(aKey), access: Share, expose: to("key-grant", "request.granteePrincipal"), when: []when{{"request.granteePrincipal@", meaning{attack: "T1098"}}}},
	"kms:RevokeGrant":                           {touch: on(aKey), undo: back("key-grant", "")},
	"kms:RetireGrant":                           {touch: on(aKey), undo: back("key-grant", "")},
	"secretsmanager:PutResourcePolicy":          {touch: on(secretID), access: Share, expose: byPolicy("resource-policy", "request.resourcePolicy"), attack: "T1098"},
	"secretsmanager:DeleteResourcePolicy":       {touch: on(secretID), undo: back("resource-policy", "")},
	"secretsmanager:ReplicateSecretToRegions":   {touch: on(secretID), access: Share, attack: "T1537"},
	"ssm:ModifyDocumentPermission":              {touch: on(touch{"SSM::Document", "request.name"}), access: Share, expose: to("document-share", "request.accountIdsToAdd[]"), undo: back("document-share", "request.accountIdsToRemove[]"), attack: "T1537"},
	"ssm:PutResourcePolicy":                     {touch: on(touch{"", "request.resourceArn"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"ecr:SetRepositoryPolicy":                   {touch: on(repository), access: Share, expose: byPolicy("resource-policy", "request.policyText"), attack: "T1098 T1537"},
	"ecr:DeleteRepositoryPolicy":                {touch: on(repository), undo: back("resource-policy", "")},
	"ecr:PutRegistryPolicy":                     {access: Share, expose: byPolicy("resource-policy", "request.policyText"), attack: "T1098 T1537"},
	"ecr:PutReplicationConfiguration":           {access: Share, expose: to("replication", "request.replicationConfiguration.rules[].destinations[].registryId"), attack: "T1537"},
	"ecr-public:SetRepositoryPolicy":            {touch: on(repository), access: Share, expose: byPolicy("resource-policy", "request.policyText"), attack: "T1098"},
	"sns:AddPermission":                         {touch: on(topic), access: Share, expose: to("resource-policy", "request.aWSAccountId[]|request.aWSAccountIds[]"), attack: "T1098"},
	"sns:RemovePermission":                      {touch: on(topic), undo: back("resource-policy", "")},
	"sns:SetTopicAttributes":                    {touch: on(topic), when: []when{{"request.attributeName=Policy", meaning{access: Share, expose: byPolicy("resource-policy", "request.attributeValue"), attack: "T1098"}}}},
	"sns:CreateTopic":                           {touch: on(topic), expose: byPolicy("resource-policy", "request.attributes.Policy")},
	"sns:Subscribe":                             {touch: on(topic), access: Share, expose: to("subscription", "request.endpoint"), attack: "T1537"},
	"sqs:AddPermission":                         {touch: on(queue), access: Share, expose: to("resource-policy", "request.aWSAccountIds[]|request.aWSAccountId[]"), attack: "T1098"},
	"sqs:RemovePermission":                      {touch: on(queue), undo: back("resource-policy", "")},
	"sqs:SetQueueAttributes":                    {touch: on(queue), when: []when{{"request.attributes.Policy", meaning{access: Share, expose: byPolicy("resource-policy", "request.attributes.Policy"), attack: "T1098 T1537"}}}},
	"sqs:CreateQueue":                           {touch: on(queue), expose: byPolicy("resource-policy", "request.attributes.Policy")},
	"ram:CreateResourceShare":                   {touch: on(shareOfRAM), access: Share, expose: to("ram-share", "request.principals[]"), attack: "T1537"},
	"ram:AssociateResourceShare":                {touch: on(shareOfRAM), access: Share, expose: to("ram-share", "request.principals[]"), attack: "T1537"},
	"ram:UpdateResourceShare":                   {touch: on(shareOfRAM), when: []when{{"request.allowExternalPrincipals=true", meaning{access: Share, attack: "T1537"}}}},
	"ram:DisassociateResourceShare":             {touch: on(shareOfRAM), undo: back("ram-share", "request.principals[]")},
	"ram:DeleteResourceShare":                   {touch: on(shareOfRAM), undo: gone},
	"ram:EnableSharingWithAwsOrganization":      {access: Share, attack: "T1537"},
	"elasticfilesystem:PutFileSystemPolicy":     {touch: on(fileSystem), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"elasticfilesystem:DeleteFileSystemPolicy":  {touch: on(fileSystem), undo: back("resource-policy", "")},
	"elasticfilesystem:CreateMountTarget":       {touch: on(fileSystem), attack: "T1578"},
	"es:CreateElasticsearchDomain":              {touch: on(searchDomain), expose: byPolicy("resource-policy", "request.accessPolicies"), when: []when{{"request.accessPolicies", meaning{attack: "T1537"}}}},
	"es:UpdateElasticsearchDomainConfig":        {touch: on(searchDomain), expose: byPolicy("resource-policy", "request.accessPolicies"), when: []when{{"request.accessPolicies", meaning{attack: "T1098 T1537"}}}},
	"es:CreateDomain":                           {touch: on(searchDomain), expose: byPolicy("resource-policy", "request.accessPolicies"), when: []when{{"request.accessPolicies", meaning{attack: "T1537"}}}},
	"es:UpdateDomainConfig":                     {touch: on(searchDomain), expose: byPolicy("resource-policy", "request.accessPolicies"), when: []when{{"request.accessPolicies", meaning{attack: "T1098 T1537"}}}},
	"es:AuthorizeVpcEndpointAccess":             {touch: on(searchDomain), access: Share, expose: to("vpc-endpoint", "request.account"), attack: "T1098"},
	"glue:PutResourcePolicy":                    {access: Share, expose: byPolicy("resource-policy", "request.policyInJson"), attack: "T1098"},
	"glue:DeleteResourcePolicy":                 {undo: back("resource-policy", "")},
	"backup:PutBackupVaultAccessPolicy":         {touch: on(vault), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"backup:DeleteBackupVaultAccessPolicy":      {touch: on(vault), undo: back("resource-policy", "")},
	"backup:StartCopyJob":                       {touch: on(touch{"Backup::RecoveryPoint", "request.recoveryPointArn"}), access: ReadData, expose: to("backup-copy", "request.destinationBackupVaultArn"), attack: "T1537"},
	"events:PutPermission":                      {touch: on(eventBus), access: Share, expose: append(to("resource-policy", "request.principal"), byPolicy("resource-policy", "request.policy")...), attack: "T1098"},
	"events:RemovePermission":                   {touch: on(eventBus), undo: back("resource-policy", "")},
	"glacier:SetVaultAccessPolicy":              {touch: on(touch{"Glacier::Vault", "request.vaultName"}), access: Share, expose: byPolicy("resource-policy", "request.policy.policy|request.policy"), attack: "T1098"},
	"glacier:DeleteVaultAccessPolicy":           {touch: on(touch{"Glacier::Vault", "request.vaultName"}), undo: back("resource-policy", "")},
	"logs:PutDestinationPolicy":                 {touch: on(touch{"Logs::Destination", "request.destinationName"}), access: Share, expose: byPolicy("resource-policy", "request.accessPolicy"), attack: "T1098"},
	"logs:PutResourcePolicy":                    {touch: on(touch{"Logs::ResourcePolicy", "request.policyName"}), access: Share, expose: byPolicy("resource-policy", "request.policyDocument"), attack: "T1098"},
	"logs:DeleteResourcePolicy":                 {touch: on(touch{"Logs::ResourcePolicy", "request.policyName"}), undo: gone},
	"logs:PutSubscriptionFilter":                {touch: on(logGroup), access: Share, expose: to("subscription", "request.destinationArn"), attack: "T1537"},
	"logs:CreateExportTask":                     {touch: on(logGroup), access: ReadData, expose: to("export", "request.destination"), attack: "T1537"},
	"apigateway:CreateRestApi":                  {touch: on(touch{"ApiGateway::RestApi", "response.id|request.createRestApiInput.name"}), expose: byPolicy("resource-policy", "request.createRestApiInput.policy|request.policy"), attack: "T1133"},
	"apigateway:UpdateRestApi":                  {touch: on(touch{"ApiGateway::RestApi", "request.restApiId"}), expose: byPolicy("resource-policy", "response.policy"), attack: "T1098"},
	"apigateway:CreateApiKey":                   {attack: "T1098.001"},
	"apigateway:PutIntegration":                 {touch: on(touch{"ApiGateway::RestApi", "request.restApiId"}), attack: "T1546"},
	"codeartifact:PutDomainPermissionsPolicy":   {touch: on(touch{"CodeArtifact::Domain", "request.domain"}), access: Share, expose: byPolicy("resource-policy", "request.policyDocument"), attack: "T1098"},
	"codebuild:PutResourcePolicy":               {touch: on(touch{"", "request.resourceArn"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"acm-pca:PutPolicy":                         {touch: on(touch{"", "request.resourceArn"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"ses:PutIdentityPolicy":                     {touch: on(touch{"SES::EmailIdentity", "request.identity"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"ses:CreateEmailIdentityPolicy":             {touch: on(touch{"SES::EmailIdentity", "request.emailIdentity"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"kinesis:PutResourcePolicy":                 {touch: on(touch{"Kinesis::Stream", "request.resourceARN"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"kafka:PutClusterPolicy":                    {touch: on(touch{"MSK::Cluster", "request.clusterArn"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"lakeformation:GrantPermissions":            {access: Share, expose: to("data-lake-grant", "request.principal.dataLakePrincipalIdentifier"), attack: "T1098"},
	"mediastore:PutContainerPolicy":             {touch: on(touch{"MediaStore::Container", "request.containerName"}), access: Share, expose: byPolicy("resource-policy", "request.policy"), attack: "T1098"},
	"workspaces:UpdateWorkspaceImagePermission": {touch: on(touch{"WorkSpaces::Image", "request.imageId"}), access: Share, expose: to("image-share", "request.sharedAccountId"), attack: "T1537"},
	"appstream:UpdateImagePermissions":          {touch: on(touch{"AppStream::Image", "request.name"}), access: Share, expose: to("image-share", "request.sharedAccountId"), attack: "T1537"},
	"config:PutAggregationAuthorization":        {access: Share, expose: to("config-aggregator", "request.authorizedAccountId"), attack: "T1537"},
	"datasync:CreateTask":                       {touch: on(touch{"DataSync::Location", "request.sourceLocationArn"}), access: ReadData, attack: "T1119 T1537"},
	"datasync:StartTaskExecution":               {touch: on(touch{"DataSync::Task", "request.taskArn"}), access: Execute, attack: "T1119 T1537"},
	"datasync:CreateLocationS3":                 {touch: on(touch{"S3::Bucket", "request.s3BucketArn"}), grant: passes("request.s3Config.bucketAccessRoleArn", "response.locationArn"), attack: "T1119 T1537"},
	"transfer:CreateServer":                     {touch: on(touch{"Transfer::Server", "response.serverId"}), attack: "T1133 T1537", when: []when{{"request.endpointType=PUBLIC", meaning{expose: toEverybody("public-access")}}}},

	"ec2:AuthorizeSecurityGroupIngress":         {touch: on(secGroup), access: Share, expose: ports, attack: "T1562.007"},
	"ec2:AuthorizeSecurityGroupEgress":          {touch: on(secGroup), attack: "T1562.007"},
	"ec2:ModifySecurityGroupRules":              {touch: on(secGroup), access: Share, expose: ports, attack: "T1562.007"},
	"ec2:RevokeSecurityGroupIngress":            {touch: on(secGroup), undo: []undo{{rule: "security-group", what: "request.ipPermissions[].ipRanges[].cidrIp|request.cidrIp"}, {rule: "security-group", what: "request.ipPermissions[].ipv6Ranges[].cidrIpv6"}, {rule: "security-group", what: "request.ipPermissions[].groups[].userId"}, {rule: "security-group", what: "response.revokedSecurityGroupRuleSet[].cidrIpv4"}}},
	"ec2:DeleteSecurityGroup":                   {touch: on(secGroup), undo: gone},
	"ec2:CreateSecurityGroup":                   {touch: on(touch{"EC2::SecurityGroup", "response.groupId"}), attack: "T1562.007"},
	"ec2:CreateNetworkAclEntry":                 {touch: on(networkACL), when: opensACL, attack: "T1562.007"},
	"ec2:ReplaceNetworkAclEntry":                {touch: on(networkACL), when: opensACL, attack: "T1562.007"},
	"ec2:DeleteNetworkAclEntry":                 {touch: on(networkACL), access: Write, attack: "T1562.007"},
	"ec2:DeleteNetworkAcl":                      {touch: on(networkACL), attack: "T1562.007"},
	"ec2:CreateNetworkAcl":                      {touch: on(touch{"EC2::NetworkAcl", "response.networkAcl.networkAclId"}), attack: "T1562.007"},
	"ec2:AttachInternetGateway":                 {touch: on(touch{"EC2::VPC", "request.vpcId"}), attack: "T1562.007"},
	"ec2:CreateInternetGateway":                 {touch: on(touch{"EC2::InternetGateway", "response.internetGateway.internetGatewayId"}), attack: "T1562.007"},
	"ec2:CreateRoute":                           {touch: on(touch{"EC2::RouteTable", "request.routeTableId"}), when: []when{{"request.destinationCidrBlock=0.0.0.0/0", meaning{attack: "T1562.007"}}, {"request.destinationIpv6CidrBlock=::/0", meaning{attack: "T1562.007"}}}},
	"ec2:ReplaceRoute":                          {touch: on(touch{"EC2::RouteTable", "request.routeTableId"}), attack: "T1562.007"},
	"ec2:ModifySubnetAttribute":                 {touch: on(touch{"EC2::Subnet", "request.subnetId"}), attack: "T1578"},
	"ec2:AssociateAddress":                      {touch: on(theInstance), attack: "T1578"},
	"ec2:CreateVpcPeeringConnection":            {touch: on(touch{"EC2::VPC", "request.vpcId"}), access: Share, expose: to("vpc-peering", "request.peerOwnerId"), attack: "T1578"},
	"ec2:AcceptVpcPeeringConnection":            {touch: on(touch{"EC2::VPC", "response.vpcPeeringConnection.accepterVpcInfo.vpcId"}), access: Share, expose: to("vpc-peering", "response.vpcPeeringConnection.requesterVpcInfo.ownerId"), attack: "T1578"},
	"ec2:ModifyVpcEndpointServicePermissions":   {touch: on(touch{"EC2::VPCEndpointService", "request.serviceId"}), access: Share, expose: to("vpc-endpoint-service", "request.addAllowedPrincipals[]"), undo: back("vpc-endpoint-service", "request.removeAllowedPrincipals[]"), attack: "T1098"},
	"ec2:CreateVpcEndpointServiceConfiguration": {touch: on(touch{"EC2::VPCEndpointService", "response.serviceConfiguration.serviceId"}), attack: "T1133"},
	"ec2:CreateClientVpnEndpoint":               {touch: on(touch{"EC2::ClientVpnEndpoint", "response.clientVpnEndpointId"}), attack: "T1133"},
	"ec2:CreateVpnConnection":                   {touch: on(touch{"EC2::VPNConnection", "response.vpnConnection.vpnConnectionId"}), attack: "T1133"},
	"ec2:AuthorizeClientVpnIngress":             {touch: on(touch{"EC2::ClientVpnEndpoint", "request.clientVpnEndpointId"}), attack: "T1133 T1562.007"},
	"ec2:CreateTrafficMirrorSession":            {touch: on(touch{"EC2::NetworkInterface", "request.networkInterfaceId"}), access: ReadData, attack: "T1040 T1020.001"},
	"ec2:ModifyTrafficMirrorSession":            {touch: on(touch{"EC2::TrafficMirrorSession", "request.trafficMirrorSessionId"}), access: ReadData, attack: "T1040 T1020.001"},
	"ec2:CreateTrafficMirrorTarget":             {touch: on(touch{"EC2::NetworkInterface", "request.networkInterfaceId"}), attack: "T1040 T1020.001"},
	"ec2:CreateTrafficMirrorFilter":             {touch: on(touch{"EC2::TrafficMirrorFilter", "response.trafficMirrorFilter.trafficMirrorFilterId"}), attack: "T1040 T1020.001"},
	"ec2:CreateTrafficMirrorFilterRule":         {touch: on(touch{"EC2::TrafficMirrorFilter", "request.trafficMirrorFilterId"}), attack: "T1040 T1020.001"},
	"ec2:ModifyTrafficMirrorFilterRule":         {touch: on(touch{"EC2::TrafficMirrorFilterRule", "request.trafficMirrorFilterRuleId"}), attack: "T1040 T1020.001"},
	"ec2:DeleteTrafficMirrorSession":            {touch: on(touch{"EC2::TrafficMirrorSession", "request.trafficMirrorSessionId"}), undo: gone},
	"ec2:DeleteTrafficMirrorTarget":             {touch: on(touch{"EC2::TrafficMirrorTarget", "request.trafficMirrorTargetId"}), attack: "T1562.001", weak: "deletes traffic mirror target {}"},
	"eks:UpdateClusterConfig":                   {touch: on(eksCluster), when: []when{{"request.resourcesVpcConfig.endpointPublicAccess=true", meaning{access: Share, expose: toPublic("eks-endpoint", "request.resourcesVpcConfig.publicAccessCidrs[]|*"), attack: "T1562.007"}}, {"request.resourcesVpcConfig.endpointPublicAccess=false", meaning{undo: back("eks-endpoint", "")}}, {"request.logging.clusterLogging[].enabled=false", meaning{weak: "turns control-plane logs of cluster {} off", attack: "T1562.008"}}}},
	"elasticloadbalancing:CreateListener":       {touch: on(touch{"ElasticLoadBalancingV2::LoadBalancer", "request.loadBalancerArn"}), attack: "T1578"},
	"elasticloadbalancing:CreateLoadBalancer":   {touch: on(touch{"ElasticLoadBalancingV2::LoadBalancer", "response.loadBalancers[].loadBalancerArn|request.name"}), attack: "T1578"},
	"lightsail:OpenInstancePublicPorts":         {touch: on(touch{"Lightsail::Instance", "request.instanceName"}), access: Share, expose: toPublic("security-group", "request.portInfo.cidrs[]|*"), attack: "T1562.007"},
	"lightsail:PutInstancePublicPorts":          {touch: on(touch{"Lightsail::Instance", "request.instanceName"}), access: Share, expose: toPublic("security-group", "request.portInfos[].cidrs[]|*"), attack: "T1562.007"},
}

// givenAway: a list of who may use something got longer.
var givenAway = meaning{access: Share, attack: "T1537"}

// openedUp: a block of public access that blocks less than all of it.
const openedUp = "request.PublicAccessBlockConfiguration.*=false"

var (
	networkACL = touch{"EC2::NetworkAcl", "request.networkAclId"}
	opensACL   = []when{{"request.ruleAction=allow & !request.egress=true", meaning{expose: append(toPublic("network-acl", "request.cidrBlock"), toPublic("network-acl", "request.ipv6CidrBlock")...)}}}
)
