package drill

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

var rootUsed = Scenario{
	Name:    "account-root",
	Summary: "the root user's own access key is used, in an organisation that manages its members' root users",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		e.world.AddOrganization(managing)
		e.takeover()
		const key = "AKIAQ3EGROOTEXAMPLE1"
		e.world.Do(func(a *awssim.Account) {
			a.Org.CentralRoot = true
			a.IAM.Root = awssim.RootUser{Keys: []awssim.UserKey{{ID: key, Active: true, Created: e.now}}, Password: true}
		})
		d := e.about(account, e.report("", alarm{
			kind: "Policy:IAMUser/RootCredentialUsage", severity: 8, title: "API ListUsers was invoked using root credentials.",
			key: &types.AccessKeyDetails{AccessKeyId: aws.String(key), PrincipalId: aws.String(account), UserType: aws.String("Root"), UserName: aws.String("Root")},
			action: &types.Action{ActionType: aws.String("AWS_API_CALL"), AwsApiCallAction: &types.AwsApiCallAction{
				Api: aws.String("ListUsers"), ServiceName: aws.String("iam.amazonaws.com"), CallerType: aws.String("Remote IP"), RemoteIpDetails: remote(intruderAddress),
			}},
		}))
		d.Management = e.arnOf("sts", "", managing, "assumed-role/org-response/responder")
		return d
	},
}
