package drill

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

// outside is the account of a vendor, whose own key was stolen.
const outside = "999988887777"

var roleChain = Scenario{
	Name:    "role-chain",
	Summary: "a vendor's account comes in through a role's trust, and from there goes on into two more roles",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		entry := e.trusted("vendor-deploy", trust("AWS", e.arnOf("iam", "", outside, "root")), map[string]string{
			"assume": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`,
		})
		runner := e.world.AddInstanceProfile(awssim.InstanceProfile{Name: "deploy-runner", Role: entry.Name})
		e.launch(machine{name: "runner-1", profile: runner, agent: true})
		e.trusted("release-admin", trust("AWS", entry.ARN), nil)
		e.trusted("customer-export", trust("AWS", entry.ARN), nil)
		return e.about(entry.Name, e.report("", e.exfiltration(entry, "vendor-ci", "ASIAQ3EGABCDEXAMPLE7")))
	},
}

// trusted makes a role that may be assumed as the trust policy says.
func (e *estate) trusted(called, policy string, inline map[string]string) *awssim.Role {
	return e.world.AddRole(awssim.Role{Name: called, Trust: policy, Inline: inline})
}

// trust is a policy by which one principal may assume a role.
func trust(kind, principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Sid":"Assume","Effect":"Allow","Principal":{"` + kind + `":"` + principal + `"},"Action":"sts:AssumeRole"}]}`
}

// exfiltration is a session of a role that reads what it never has read.
// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-iam.html
func (e *estate) exfiltration(role *awssim.Role, session, key string) alarm {
	return alarm{
		kind: "Exfiltration:IAMUser/AnomalousBehavior", severity: 8,
		title: "User AssumedRole : " + role.Name + " is anomalously invoking APIs commonly used in Exfiltration tactics.",
		key: &types.AccessKeyDetails{
			AccessKeyId: aws.String(key), PrincipalId: aws.String(role.ID + ":" + session), UserType: aws.String("AssumedRole"), UserName: aws.String(role.Name),
		},
		action: &types.Action{
			ActionType: aws.String("AWS_API_CALL"),
			AwsApiCallAction: &types.AwsApiCallAction{
				Api: aws.String("GetObject"), ServiceName: aws.String("s3.amazonaws.com"), CallerType: aws.String("Remote IP"), RemoteIpDetails: remote(intruderAddress),
			},
		},
	}
}
