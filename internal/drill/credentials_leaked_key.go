package drill

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

var leakedKey = Scenario{
	Name:    "credentials-leaked-key",
	Summary: "a deployment key from a public repository is used from outside, and the intruder has made a second key",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		used := e.now.Add(-6 * time.Minute)
		u := e.world.AddUser(awssim.User{
			Name: "deploy", Path: "/ci/", Groups: []string{"deployers"},
			Inline: map[string]string{"artifacts": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`},
			Login:  &awssim.LoginProfile{Created: e.now.AddDate(0, 0, -200)},
			Keys: []awssim.UserKey{
				{Active: true, LastUsed: used, Service: "s3", Region: e.region},
				{Active: true, Created: e.now.Add(-40 * time.Minute), LastUsed: used, Service: "iam", Region: "us-east-1"},
			},
		})
		return e.about(u.Name, e.report("", e.misuse(u, "Discovery:IAMUser/AnomalousBehavior", "ListUsers", "iam.amazonaws.com")))
	},
}

// misuse is a finding about the use of a user's first key from outside.
func (e *estate) misuse(u *awssim.User, kind, api, service string) alarm {
	return alarm{
		kind: kind, severity: 8, title: "APIs were called in an unusual way by IAM user " + u.Name + ".",
		key: &types.AccessKeyDetails{
			AccessKeyId: aws.String(u.Keys[0].ID), PrincipalId: aws.String(u.ID), UserType: aws.String("IAMUser"), UserName: aws.String(u.Name),
		},
		action: &types.Action{
			ActionType: aws.String("AWS_API_CALL"),
			AwsApiCallAction: &types.AwsApiCallAction{
				Api: aws.String(api), ServiceName: aws.String(service), CallerType: aws.String("Remote IP"), RemoteIpDetails: remote(intruderAddress),
			},
		},
	}
}
