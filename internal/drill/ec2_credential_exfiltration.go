package drill

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

var credentialExfiltration = Scenario{
	Name:    "ec2-credential-exfiltration",
	Summary: "the role credentials of a web server are used from outside AWS",
	Build: func(o Options) Drill {
		e, web7 := newWebTier(o)
		var role string
		e.world.Do(func(a *awssim.Account) { role = a.IAM.Roles["web-app"].ID })
		return e.drill(web7, e.report(web7, alarm{
			kind: "UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS", severity: 8,
			title: "Credentials for instance role web-app used from an external IP address.",
			key: &types.AccessKeyDetails{
				AccessKeyId: aws.String("ASIAQ3EGABCDEXAMPLE7"), PrincipalId: aws.String(role + ":" + web7),
				UserType: aws.String("AssumedRole"), UserName: aws.String("web-app"),
			},
			action: &types.Action{
				ActionType: aws.String("AWS_API_CALL"),
				AwsApiCallAction: &types.AwsApiCallAction{
					Api: aws.String("ListBuckets"), ServiceName: aws.String("s3.amazonaws.com"), CallerType: aws.String("Remote IP"),
					RemoteIpDetails: remote(intruderAddress),
				},
			},
		}))
	},
}
