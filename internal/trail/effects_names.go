package trail

import "strings"

// spelling is how a type of resource is named: by an ARN, made of the service and the word before a bare name, or by
// its id, cut out of an ARN.
type spelling struct{ service, before string }

// spellings has the types that records name in both ways, and must be one resource all the same. Types that are not
// here are named as the record does.
var spellings = map[string]spelling{
	"IAM::User": {"iam", "user/"}, "IAM::Role": {"iam", "role/"}, "IAM::Group": {"iam", "group/"}, "IAM::InstanceProfile": {"iam", "instance-profile/"},
	"IAM::ManagedPolicy": {"iam", "policy/"}, "IAM::SAMLProvider": {"iam", "saml-provider/"}, "Lambda::Function": {"lambda", "function:"},
	"KMS::Key": {"kms", "key/"}, "CloudTrail::Trail": {"cloudtrail", "trail/"}, "DynamoDB::Table": {"dynamodb", "table/"},
	"Logs::LogGroup": {"logs", "log-group:"}, "ECR::Repository": {"ecr", "repository/"}, "ECS::Cluster": {"ecs", "cluster/"},
	"EKS::Cluster": {"eks", "cluster/"}, "Events::Rule": {"events", "rule/"}, "SSM::Parameter": {"ssm", "parameter/"},
}

// kinds gives the type of an ARN by its service and the word before its name. What is not here is AWS::Service::Word.
var kinds = map[string]string{
	"s3:": "S3::Bucket", "sns:": "SNS::Topic", "sqs:": "SQS::Queue", "secretsmanager:secret": "SecretsManager::Secret",
	"iam:mfa": "IAM::VirtualMFADevice", "iam:policy": "IAM::ManagedPolicy", "iam:oidc-provider": "IAM::OIDCProvider",
	"iam:saml-provider": "IAM::SAMLProvider", "iam:instance-profile": "IAM::InstanceProfile", "sts:assumed-role": "STS::AssumedRole",
	"sts:federated-user": "STS::FederatedUser", "organizations:account": "Organizations::Account",
	"rds:db": "RDS::DBInstance", "rds:cluster": "RDS::DBCluster", "rds:snapshot": "RDS::DBSnapshot", "rds:cluster-snapshot": "RDS::DBClusterSnapshot",
	"dynamodb:table": "DynamoDB::Table", "logs:log-group": "Logs::LogGroup", "lambda:function": "Lambda::Function",
	"lambda:layer": "Lambda::LayerVersion", "cloudtrail:eventdatastore": "CloudTrail::EventDataStore", "kms:alias": "KMS::Alias",
	"states:stateMachine": "StepFunctions::StateMachine", "ecs:task-definition": "ECS::TaskDefinition", "ec2:volume": "EC2::Volume",
	"ec2:vpc": "EC2::VPC", "ec2:security-group": "EC2::SecurityGroup", "ec2:network-interface": "EC2::NetworkInterface",
	"bedrock:foundation-model": "Bedrock::Model", "elasticfilesystem:file-system": "EFS::FileSystem", "kinesis:stream": "Kinesis::Stream",
}

// touchOf names a resource in the one way of its type, with the account and region that its ARN gives, else the
// record's.
func (e *Event) touchOf(kind, id string, access Access) Touch {
	t := Touch{ID: id, Type: kind, Account: e.Recipient, Region: e.Region, Access: access}
	switch kind {
	case "SQS::Queue":
		t.ID = queueARN(id, partitionOf(e))
	case "S3::Source": // what is copied from: /bucket/key?versionId=…
		id, _, _ = strings.Cut(strings.TrimPrefix(id, "/"), "?")
		t.Type, t.Access = "S3::Object", ReadData
		t.ID = "arn:" + partitionOf(e) + ":s3:::" + strings.TrimPrefix(id, "arn:aws:s3:::")
	}
	arn := strings.SplitN(t.ID, ":", 6)
	if len(arn) == 6 && arn[0] == "arn" {
		t.fromARN(arn)
	} else if s, ok := spellings[kind]; ok && !strings.HasPrefix(id, "alias/") {
		region := e.Region
		if s.service == "iam" {
			region = ""
		}
		t.ID = "arn:" + partitionOf(e) + ":" + s.service + ":" + region + ":" + e.Recipient + ":" + s.before + strings.TrimPrefix(id, "/")
	}
	if kind == "S3::Object" && len(arn) != 6 {
		t.ID = "arn:" + partitionOf(e) + ":s3:::" + e.str(bucket.path) + "/" + id
	}
	if strings.HasPrefix(t.Type, "IAM::") {
		t.Region = ""
	}
	if t.Type == "" {
		t.Type = upper(e.ServiceName()) + "::Resource"
	}
	t.Type = "AWS::" + t.Type
	return t
}

// fromARN fills in what the parts of an ARN say: arn, partition, service, region, account, resource.
func (t *Touch) fromARN(arn []string) {
	service, resource := arn[2], arn[5]
	i := strings.IndexAny(resource, ":/")
	word := resource[:max(i, 0)]
	if t.Type == "" {
		t.Type = kindOfARN(service, word, resource)
	}
	if arn[3] != "" {
		t.Region = arn[3]
	}
	if accountIn(arn[4]) != "" {
		t.Account = arn[4]
	}
	switch {
	case t.Type == "S3::Bucket":
		t.ID, _, _ = strings.Cut(resource, "/")
	case service == "ec2" || service == "rds" || service == "guardduty" && word == "detector":
		t.ID = resource[i+1:]
	case t.Type == "Lambda::Function": // without the version
		if p := strings.SplitN(resource, ":", 3); len(p) == 3 {
			t.ID = strings.TrimSuffix(t.ID, ":"+p[2])
		}
	case t.Type == "Logs::LogGroup":
		t.ID = strings.TrimSuffix(t.ID, ":*")
	}
}

func kindOfARN(service, word, resource string) string {
	if service == "s3" && strings.Contains(resource, "/") {
		return "S3::Object"
	}
	for _, w := range []string{word, ""} {
		if k, ok := kinds[service+":"+w]; ok {
			return k
		}
	}
	if word == "" || strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz-0123456789") != "" {
		word = "resource"
	}
	return upper(service) + "::" + camel(word)
}

// services are CloudFormation's names of services, where they are not the ARN's with a capital.
var services = map[string]string{
	"acm-pca": "ACMPCA", "acm": "CertificateManager", "apigateway": "ApiGateway", "apprunner": "AppRunner", "autoscaling": "AutoScaling",
	"cloudformation": "CloudFormation", "cloudfront": "CloudFront", "cloudtrail": "CloudTrail", "cloudwatch": "CloudWatch",
	"codeartifact": "CodeArtifact", "codebuild": "CodeBuild", "codecommit": "CodeCommit", "codepipeline": "CodePipeline",
	"cognito-identity": "Cognito", "cognito-idp": "Cognito", "datasync": "DataSync", "dynamodb": "DynamoDB", "elasticache": "ElastiCache",
	"elasticbeanstalk": "ElasticBeanstalk", "elasticfilesystem": "EFS", "elasticloadbalancing": "ElasticLoadBalancingV2",
	"elasticmapreduce": "EMR", "es": "OpenSearchService", "firehose": "KinesisFirehose", "guardduty": "GuardDuty", "kafka": "MSK",
	"network-firewall": "NetworkFirewall", "rolesanywhere": "RolesAnywhere", "route53": "Route53", "route53domains": "Route53Domains",
	"route53resolver": "Route53Resolver", "sagemaker": "SageMaker", "secretsmanager": "SecretsManager", "securityhub": "SecurityHub",
	"states": "StepFunctions", "wafv2": "WAFv2", "workspaces": "WorkSpaces",
}

func upper(service string) string {
	if name, ok := services[service]; ok {
		return name
	}
	if len(service) <= 3 {
		return strings.ToUpper(service)
	}
	return camel(service)
}

// camel makes TaskDefinition of task-definition.
func camel(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// queueARN makes an ARN of a queue's URL: https://sqs.eu-west-1.amazonaws.com/111122223333/name.
func queueARN(url, partition string) string {
	rest, ok := strings.CutPrefix(url, "https://sqs.")
	host, path, _ := strings.Cut(rest, "/")
	region, _, _ := strings.Cut(host, ".")
	account, name, two := strings.Cut(path, "/")
	if !ok || !two || accountIn(account) == "" {
		return url
	}
	return "arn:" + partition + ":sqs:" + region + ":" + account + ":" + name
}

// partitionOf gives the partition of the caller's ARN, else of the region: aws, aws-us-gov, aws-cn.
func partitionOf(e *Event) string {
	if parts := strings.SplitN(e.Identity.ARN, ":", 3); len(parts) == 3 && parts[0] == "arn" {
		return parts[1]
	}
	switch {
	case strings.HasPrefix(e.Region, "us-gov-"):
		return "aws-us-gov"
	case strings.HasPrefix(e.Region, "cn-"):
		return "aws-cn"
	}
	return "aws"
}
