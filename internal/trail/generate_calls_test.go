package trail

// What a call is, besides its name.
const (
	reads  = 1 << iota
	ofData // a data event
	global // logged in us-east-1 alone
	signIn
	handsOut // its response has a credential that nothing in the log uses
)

// A madeCall is what a generated record says of the operation: how often it is made in proportion to the others, and the
// templates of its members (see expand).
type madeCall struct {
	weight                                   int
	source, name                             string
	flags                                    int
	request, response, resources, additional string
	items                                    string // of *
	most                                     int
}

func (c *madeCall) has(flag int) bool { return c.flags&flag != 0 }

const (
	credentials = `"credentials":{"accessKeyId":"ASIA$2$2","sessionToken":"$T","expiration":"$D"}`
	anInstance  = `{"instanceId":"$i","imageId":"ami-0$h$h0","currentState":{"code":0,"name":"pending"},"privateDnsName":"ip-10-0-$n.ec2.internal","amiLaunchIndex":0,"productCodes":{},"instanceType":"m6i.large","launchTime":1741000000000,"placement":{"availabilityZone":"$ra","tenancy":"default"},"monitoring":{"state":"disabled"},"subnetId":"subnet-0$h$h0","vpcId":"vpc-0a1b2c3d4e5f60718","privateIpAddress":"10.0.12.34","stateReason":{"code":"pending","message":"pending"},"architecture":"x86_64","rootDeviceType":"ebs","rootDeviceName":"/dev/xvda","blockDeviceMapping":{},"virtualizationType":"hvm","hypervisor":"xen","tagSet":{"items":[{"key":"aws:autoscaling:groupName","value":"asg-$U"},{"key":"Name","value":"worker"}]},"clientToken":"$u","groupSet":{"items":[{"groupId":"$g","groupName":"workers"}]},"sourceDestCheck":true,"networkInterfaceSet":{"items":[{"networkInterfaceId":"eni-0$h$h0","subnetId":"subnet-0$h$h0","vpcId":"vpc-0a1b2c3d4e5f60718","ownerId":"$a","status":"in-use","macAddress":"0a:ff:$h","privateIpAddress":"10.0.12.34","sourceDestCheck":true,"interfaceType":"interface","groupSet":{"items":[{"groupId":"$g","groupName":"workers"}]},"attachment":{"attachmentId":"eni-attach-0$h$h0","deviceIndex":0,"networkCardIndex":0,"status":"attaching","deleteOnTermination":true}}]},"iamInstanceProfile":{"arn":"arn:aws:iam::$a:instance-profile/$R","id":"AIPA$h"},"enclaveOptions":{"enabled":false},"metadataOptions":{"state":"pending","httpTokens":"required","httpPutResponseHopLimit":2,"httpEndpoint":"enabled"}}`
	taskDetails = `{"name":"$U","image":"$a.dkr.ecr.$r.amazonaws.com/$U:$h$h","cpu":256,"memory":512,"essential":true,"portMappings":[{"containerPort":8080,"hostPort":8080,"protocol":"tcp"}],"environment":"HIDDEN_DUE_TO_SECURITY_REASONS","mountPoints":[],"volumesFrom":[],"logConfiguration":{"logDriver":"awslogs","options":{"awslogs-group":"$l","awslogs-region":"$r","awslogs-stream-prefix":"ecs"}},"secrets":[{"name":"DB_PASSWORD","valueFrom":"$s"}]}`
	aStatement  = `{\"Sid\":\"S$h\",\"Effect\":\"Allow\",\"Action\":[\"s3:GetObject\",\"s3:ListBucket\",\"kms:Decrypt\",\"logs:PutLogEvents\"],\"Resource\":[\"arn:aws:s3:::$b\",\"arn:aws:s3:::$b/*\"],\"Condition\":{\"StringEquals\":{\"aws:PrincipalOrgID\":\"o-abcdefghij\"}}}`
)

// everyday is what goes on in an account while nothing is wrong. Sizes and members are those of the operations' real
// records; secrets of responses are absent, as CloudTrail leaves them out.
var everyday = []madeCall{
	{weight: 90, source: "ec2.amazonaws.com", name: "DescribeInstances", flags: reads, request: `{"maxResults":1000,"instancesSet":{},"filterSet":{"items":[{"name":"instance-state-name","valueSet":{"items":[{"value":"running"},{"value":"pending"}]}},{"name":"tag:Name","valueSet":{"items":[$*]}}]}}`, items: `{"value":"$U-$n"}`, most: 100},
	{weight: 50, source: "ec2.amazonaws.com", name: "DescribeNetworkInterfaces", flags: reads, request: `{"maxResults":1000,"networkInterfaceIdSet":{},"filterSet":{"items":[{"name":"group-id","valueSet":{"items":[$*]}}]}}`, items: `{"value":"$g"}`, most: 60},
	{weight: 25, source: "ec2.amazonaws.com", name: "DescribeInstanceStatus", flags: reads, request: `{"instancesSet":{"items":[$*]},"filterSet":{},"includeAllInstances":true}`, items: `{"instanceId":"$i"}`, most: 200},
	{weight: 20, source: "ec2.amazonaws.com", name: "DescribeVolumes", flags: reads, request: `{"volumeSet":{"items":[{"volumeId":"$v"}]},"filterSet":{}}`},
	{weight: 40, source: "s3.amazonaws.com", name: "GetBucketAcl", flags: reads, request: `{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","acl":""}`, additional: `{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$h$h$h$h$h$h$h$h$h","bytesTransferredOut":550}`, resources: `[{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$b"}]`},
	{weight: 30, source: "s3.amazonaws.com", name: "ListBuckets", flags: reads, request: `{"Host":"s3.$r.amazonaws.com"}`, additional: `{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$h$h$h$h","bytesTransferredOut":8031}`},
	{weight: 80, source: "s3.amazonaws.com", name: "GetObject", flags: reads | ofData, request: `{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","key":"$k"}`, additional: `{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":0,"SSEApplied":"SSE_KMS","AuthenticationMethod":"AuthHeader","x-amz-id-2":"$h$h$h$h$h$h$h$h","bytesTransferredOut":$n}`, resources: `[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::$b/$k"},{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$b"}]`},
	{weight: 40, source: "s3.amazonaws.com", name: "PutObject", flags: ofData, request: `{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","key":"$k","x-amz-server-side-encryption":"aws:kms"}`, response: `{"x-amz-server-side-encryption":"aws:kms","x-amz-server-side-encryption-aws-kms-key-id":"$K"}`, additional: `{"SignatureVersion":"SigV4","CipherSuite":"TLS_AES_128_GCM_SHA256","bytesTransferredIn":$n,"AuthenticationMethod":"AuthHeader","x-amz-id-2":"$h$h$h$h$h$h$h$h","bytesTransferredOut":0}`, resources: `[{"type":"AWS::S3::Object","ARN":"arn:aws:s3:::$b/$k"},{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$b"}]`},
	{weight: 110, source: "kms.amazonaws.com", name: "Decrypt", flags: reads, request: `{"encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$b/$k"},"encryptionAlgorithm":"SYMMETRIC_DEFAULT"}`, resources: `[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"$K"}]`},
	{weight: 60, source: "kms.amazonaws.com", name: "GenerateDataKey", flags: reads, request: `{"keyId":"$K","encryptionContext":{"aws:s3:arn":"arn:aws:s3:::$b/$k"},"keySpec":"AES_256"}`, resources: `[{"accountId":"$a","type":"AWS::KMS::Key","ARN":"$K"}]`},
	{weight: 45, source: "sts.amazonaws.com", name: "AssumeRole", flags: reads | handsOut, request: `{"roleArn":"arn:aws:iam::$a:role/$R","roleSessionName":"$U-$x","durationSeconds":3600}`, response: `{` + credentials + `,"assumedRoleUser":{"assumedRoleId":"AROA$2$2:$U-$x","arn":"arn:aws:sts::$a:assumed-role/$R/$U-$x"}}`, resources: `[{"accountId":"$a","type":"AWS::IAM::Role","ARN":"arn:aws:iam::$a:role/$R"}]`},
	{weight: 30, source: "sts.amazonaws.com", name: "GetCallerIdentity", flags: reads},
	{weight: 30, source: "logs.amazonaws.com", name: "CreateLogStream", request: `{"logGroupName":"$l","logStreamName":"2025/03/03/[$n]$u"}`},
	{weight: 25, source: "logs.amazonaws.com", name: "DescribeLogGroups", flags: reads, request: `{"logGroupNamePrefix":"$l","limit":50}`},
	{weight: 30, source: "monitoring.amazonaws.com", name: "DescribeAlarms", flags: reads, request: `{"alarmNames":[$*],"maxRecords":100}`, items: `"asg-$U-cpu-$n"`, most: 100},
	{weight: 15, source: "monitoring.amazonaws.com", name: "GetMetricData", flags: reads | ofData, request: `{"startTime":"$d","endTime":"$d","metricDataQueries":[$*]}`, items: `{"id":"m$h","metricStat":{"metric":{"namespace":"AWS/EC2","metricName":"CPUUtilization","dimensions":[{"name":"InstanceId","value":"$i"}]},"period":300,"stat":"Average"},"returnData":true}`, most: 120},
	{weight: 30, source: "lambda.amazonaws.com", name: "Invoke", flags: ofData, request: `{"functionName":"arn:aws:lambda:$r:$a:function:$f","invocationType":"Event"}`, additional: `{"functionVersion":"arn:aws:lambda:$r:$a:function:$f:$LATEST"}`, resources: `[{"accountId":"$a","type":"AWS::Lambda::Function","ARN":"arn:aws:lambda:$r:$a:function:$f"}]`},
	{weight: 15, source: "lambda.amazonaws.com", name: "GetFunction20150331v2", flags: reads, request: `{"functionName":"arn:aws:lambda:$r:$a:function:$f"}`},
	{weight: 5, source: "lambda.amazonaws.com", name: "UpdateFunctionConfiguration20150331v2", request: `{"functionName":"$f","timeout":30,"environment":{}}`, response: `{"functionName":"$f","functionArn":"arn:aws:lambda:$r:$a:function:$f","runtime":"python3.12","role":"arn:aws:iam::$a:role/$R","handler":"app.handler","codeSize":$n,"description":"","timeout":30,"memorySize":512,"lastModified":"$d","codeSha256":"$h$h$h$h=","version":"$LATEST","environment":{},"tracingConfig":{"mode":"Active"},"revisionId":"$u","layers":[],"state":"Active","lastUpdateStatus":"InProgress","packageType":"Zip","architectures":["arm64"],"ephemeralStorage":{"size":512}}`},
	{weight: 25, source: "secretsmanager.amazonaws.com", name: "GetSecretValue", flags: reads, request: `{"secretId":"$s","versionStage":"AWSCURRENT"}`},
	{weight: 30, source: "ssm.amazonaws.com", name: "UpdateInstanceInformation", request: `{"instanceId":"$i","agentVersion":"3.3.987.0","agentStatus":"Active","platformType":"Linux","platformName":"Amazon Linux","platformVersion":"2023","iPAddress":"10.0.12.34","computerName":"ip-10-0-12-34.ec2.internal","agentName":"amazon-ssm-agent","availabilityZone":"$ra","availabilityZoneId":"use1-az1","sSMConnectionChannel":"ssmmessages"}`},
	{weight: 15, source: "ssm.amazonaws.com", name: "GetParameters", flags: reads, request: `{"names":[$*],"withDecryption":true}`, items: `"/app/$U/$n"`, most: 10, resources: `[{"accountId":"$a","ARN":"arn:aws:ssm:$r:$a:parameter/app/$U"}]`},
	{weight: 20, source: "dynamodb.amazonaws.com", name: "GetItem", flags: reads | ofData, request: `{"tableName":"orders-$U","key":{"pk":"$n"},"consistentRead":false}`, resources: `[{"accountId":"$a","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:$r:$a:table/orders-$U"}]`},
	{weight: 15, source: "dynamodb.amazonaws.com", name: "DescribeTable", flags: reads, request: `{"tableName":"orders-$U"}`, resources: `[{"accountId":"$a","type":"AWS::DynamoDB::Table","ARN":"arn:aws:dynamodb:$r:$a:table/orders-$U"}]`},
	{weight: 20, source: "ecr.amazonaws.com", name: "BatchGetImage", flags: reads, request: `{"registryId":"$a","repositoryName":"$U","imageIds":[{"imageDigest":"sha256:$h$h$h$h$h$h$h$h"}],"acceptedMediaTypes":["application/vnd.docker.distribution.manifest.v2+json","application/vnd.oci.image.manifest.v1+json"]}`, resources: `[{"accountId":"$a","ARN":"arn:aws:ecr:$r:$a:repository/$U"}]`},
	{weight: 6, source: "ec2.amazonaws.com", name: "RunInstances", request: `{"instancesSet":{"items":[{"minCount":1,"maxCount":4}]},"blockDeviceMapping":{},"launchTemplate":{"launchTemplateId":"lt-0$h$h0","version":"$n"},"clientToken":"fleet-$u"}`, response: `{"requestId":"$u","reservationId":"r-0$h$h0","ownerId":"$a","groupSet":{},"instancesSet":{"items":[$*]},"requesterId":"722737459838"}`, items: anInstance, most: 12},
	{weight: 6, source: "ec2.amazonaws.com", name: "TerminateInstances", request: `{"instancesSet":{"items":[{"instanceId":"$i"}]}}`, response: `{"requestId":"$u","instancesSet":{"items":[{"instanceId":"$i","currentState":{"code":32,"name":"shutting-down"},"previousState":{"code":16,"name":"running"}}]}}`},
	{weight: 8, source: "ec2.amazonaws.com", name: "CreateTags", request: `{"resourcesSet":{"items":[{"resourceId":"$i"},{"resourceId":"$v"}]},"tagSet":{"items":[$*]}}`, response: `{"requestId":"$u","_return":true}`, items: `{"key":"team-$U","value":"cost-$n"}`, most: 30},
	{weight: 5, source: "ecs.amazonaws.com", name: "RegisterTaskDefinition", request: `{"family":"$U","taskRoleArn":"arn:aws:iam::$a:role/$R","executionRoleArn":"arn:aws:iam::$a:role/$R","networkMode":"awsvpc","containerDefinitions":[$*],"requiresCompatibilities":["FARGATE"],"cpu":"512","memory":"1024"}`, response: `{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:$r:$a:task-definition/$U:$n","family":"$U","revision":7,"status":"ACTIVE","containerDefinitions":[$*]}}`, items: taskDetails, most: 8},
	{weight: 4, source: "iam.amazonaws.com", name: "PutRolePolicy", flags: global, request: `{"roleName":"$R","policyName":"inline-$h","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[$*]}"}`, items: aStatement, most: 24},
	{weight: 20, source: "iam.amazonaws.com", name: "ListAttachedRolePolicies", flags: reads | global, request: `{"roleName":"$R","maxItems":100}`},
	{weight: 20, source: "iam.amazonaws.com", name: "GetRole", flags: reads | global, request: `{"roleName":"$R"}`},
	{weight: 2, source: "iam.amazonaws.com", name: "CreateAccessKey", flags: global | handsOut, request: `{"userName":"$U"}`, response: `{"accessKey":{"accessKeyId":"AKIA$2$2","status":"Active","userName":"$U","createDate":"$D"}}`},
	{weight: 1, source: "iam.amazonaws.com", name: "CreateUser", flags: global, request: `{"userName":"$U-$x"}`, response: `{"user":{"path":"/","userName":"$U-$x","userId":"AIDA$2$2","arn":"arn:aws:iam::$a:user/$U-$x","createDate":"$D"}}`},
	{weight: 2, source: "s3.amazonaws.com", name: "PutBucketPolicy", request: `{"bucketName":"$b","Host":"$b.s3.$r.amazonaws.com","policy":"","bucketPolicy":{"Version":"2012-10-17","Statement":[{"Sid":"DenyInsecure","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":["arn:aws:s3:::$b","arn:aws:s3:::$b/*"],"Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}}`, resources: `[{"accountId":"$a","type":"AWS::S3::Bucket","ARN":"arn:aws:s3:::$b"}]`},
	{weight: 2, source: "cloudtrail.amazonaws.com", name: "LookupEvents", flags: reads, request: `{"maxResults":50,"startTime":"$D","endTime":"$D"}`},
	{weight: 12, source: "elasticloadbalancing.amazonaws.com", name: "DescribeTargetHealth", flags: reads, request: `{"targetGroupArn":"arn:aws:elasticloadbalancing:$r:$a:targetgroup/tg-$U/$h$h"}`},
	{weight: 10, source: "rds.amazonaws.com", name: "DescribeDBInstances", flags: reads, request: `{"maxRecords":100,"filters":[]}`},
	{weight: 8, source: "organizations.amazonaws.com", name: "DescribeAccount", flags: reads | global, request: `{"accountId":"$a"}`},
	{weight: 8, source: "config.amazonaws.com", name: "PutEvaluations", request: `{"evaluations":[$*],"resultToken":"$T"}`, items: `{"complianceResourceType":"AWS::EC2::Instance","complianceResourceId":"$i","complianceType":"COMPLIANT","orderingTimestamp":"$D"}`, most: 100},
}

// refused are the ends of calls that did not succeed, as often as each is listed.
var refused = []struct{ code, message string }{
	{"AccessDenied", `User: $W is not authorized to perform: $C on resource: arn:aws:iam::$a:role/$R because no identity-based policy allows the action`},
	{"Client.UnauthorizedOperation", `You are not authorized to perform this operation. User: $W is not authorized to perform: $C on resource: arn:aws:ec2:$r:$a:instance/* because no identity-based policy allows the action. Encoded authorization failure message: $T`},
	{"ThrottlingException", "Rate exceeded"}, {"NoSuchEntityException", "The role with name $R cannot be found."},
	{"ResourceNotFoundException", "Requested resource not found"}, {"Client.InvalidInstanceID.NotFound", "The instance ID '$i' does not exist"},
	{"NoSuchBucketPolicy", "The bucket policy does not exist"}, {"Client.DryRunOperation", "Request would have succeeded, but DryRun flag is set."},
}
