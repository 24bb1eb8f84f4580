package drill

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

var leakedKey = Scenario{
	Name:    "credentials-leaked-key",
	Summary: "a deployment key from a public repository is used from outside; the intruder has a second key, an API key for Bedrock and a session by now",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		u := e.world.AddUser(e.deployer())
		e.intruderMade(u)
		return e.about(u.Name, e.report("", e.misuse(u, "Discovery:IAMUser/AnomalousBehavior", "ListUsers", "iam.amazonaws.com")))
	},
}

// deployer is a user with credentials of every kind: its own, and what an intruder has made beside them.
func (e *estate) deployer() awssim.User {
	boundary := e.world.AddPolicy(awssim.ManagedPolicy{Name: "delivery-boundary", Document: allow(`["s3:*","ecs:*","iam:*","sts:*","bedrock:*","codecommit:*"]`)})
	e.world.AddGroup(awssim.Group{
		Name: "deployers", Inline: map[string]string{"deploy": allow(`"ecs:*"`)},
		Attached: map[string]string{e.arnOf("iam", "", "aws", "policy/AmazonS3ReadOnlyAccess"): "AmazonS3ReadOnlyAccess"},
	})
	longAgo, used, lately := e.now.AddDate(-1, -2, 0), e.now.Add(-6*time.Minute), e.now.Add(-40*time.Minute)
	return awssim.User{
		Name: "deploy", Path: "/ci/", Groups: []string{"deployers"}, Boundary: boundary.ARN, Created: longAgo, Tags: map[string]string{"owner": "delivery"},
		Inline: map[string]string{"artifacts": allow(`["s3:*","iam:*"]`)},
		Login:  &awssim.LoginProfile{Created: longAgo}, PasswordUsed: e.now.AddDate(0, -3, 0), MFA: []string{e.arnOf("iam", "", account, "mfa/deploy")},
		Keys: []awssim.UserKey{
			{Active: true, Created: longAgo, LastUsed: used, Service: "s3", Region: e.region},
			{Active: true, Created: lately, LastUsed: used, Service: "iam", Region: "us-east-1"},
		},
		Services: []awssim.ServiceCredential{
			{Service: "codecommit.amazonaws.com", User: "deploy-at-" + account, Active: true, Created: longAgo},
			{Service: "bedrock.amazonaws.com", Alias: "deploy+1-at-" + account, Active: true, Created: lately, Expires: e.now.AddDate(0, 0, 30)},
		},
		Certificates: []awssim.Certificate{{Body: "-----BEGIN CERTIFICATE-----", Active: true, Uploaded: longAgo}},
		SSHKeys:      []awssim.SSHKey{{Body: "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ deploy", Active: true, Uploaded: longAgo}},
	}
}

// allow is a policy that allows actions on everything.
func allow(actions string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + actions + `,"Resource":"*"}]}`
}

// intruderMade puts into the event history how the second key and the session came about.
func (e *estate) intruderMade(u *awssim.User) {
	e.world.AddEvents("us-east-1",
		e.record(u, 0, "CreateAccessKey", "iam.amazonaws.com", 40*time.Minute, `{"accessKey":{"userName":"`+u.Name+`","accessKeyId":"`+u.Keys[1].ID+`","status":"Active"}}`),
		e.record(u, 1, "GetSessionToken", "sts.amazonaws.com", 30*time.Minute, `{"credentials":{"accessKeyId":"ASIAQ3EGSESSIONEXAMP","expiration":"`+e.now.Add(35*time.Hour).Format(time.RFC3339)+`"}}`),
	)
}

// record is what CloudTrail keeps of a call with one of a user's keys.
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
func (e *estate) record(u *awssim.User, key int, call, service string, ago time.Duration, answer string) string {
	return `{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"` + u.ID + `","arn":"` + u.ARN + `","accountId":"` + account +
		`","accessKeyId":"` + u.Keys[key].ID + `","userName":"` + u.Name + `"},"eventTime":"` + e.now.Add(-ago).Format(time.RFC3339) +
		`","eventSource":"` + service + `","eventName":"` + call + `","awsRegion":"us-east-1","sourceIPAddress":"` + intruderAddress +
		`","userAgent":"aws-cli/2","requestParameters":{"userName":"` + u.Name + `"},"responseElements":` + answer +
		`,"requestID":"` + e.world.ID("request") + `","eventID":"` + e.world.ID("event") +
		`","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"` + account + `","eventCategory":"Management"}`
}

// misuse is a finding about the use of a user's first key from outside; of a user without keys it names none.
func (e *estate) misuse(u *awssim.User, kind, api, service string) alarm {
	details := &types.AccessKeyDetails{PrincipalId: aws.String(u.ID), UserType: aws.String("IAMUser"), UserName: aws.String(u.Name)}
	if len(u.Keys) > 0 {
		details.AccessKeyId = aws.String(u.Keys[0].ID)
	}
	return alarm{
		kind: kind, severity: 8, title: "APIs were called in an unusual way by IAM user " + u.Name + ".", key: details,
		action: &types.Action{
			ActionType: aws.String("AWS_API_CALL"),
			AwsApiCallAction: &types.AwsApiCallAction{
				Api: aws.String(api), ServiceName: aws.String(service), CallerType: aws.String("Remote IP"), RemoteIpDetails: remote(intruderAddress),
			},
		},
	}
}
