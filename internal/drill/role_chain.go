package drill

import (
	"time"

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
		d := e.about("vendor-deploy", e.chain(e.arnOf("iam", "", outside, "root")))
		d.History = true
		return d
	},
}

// chain is a role that a vendor may assume, by whom the trust says, and two more that may be assumed from there. The
// finding is about the first.
func (e *estate) chain(vendor string) []byte {
	entry := e.trusted("vendor-deploy", trust("AWS", vendor), map[string]string{
		"assume": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}]}`,
	})
	runner := e.world.AddInstanceProfile(awssim.InstanceProfile{Name: "deploy-runner", Role: entry.Name})
	e.launch(machine{name: "runner-1", profile: runner, agent: true})
	admin := e.trusted("release-admin", trust("AWS", entry.ARN), nil)
	export := e.trusted("customer-export", trust("AWS", entry.ARN), nil)
	const first, second, third = "ASIAQ3EGABCDEXAMPLE7", "ASIAQ3EGABCDEXAMPLE8", "ASIAQ3EGABCDEXAMPLE9"
	in := e.holder(entry, "vendor-ci", first)
	e.happened(
		e.assumes(stranger(outside, "AIDAVENDORCIEXAMPLE01"), entry, "vendor-ci", first, 55*time.Minute),
		act{who: in, name: "ListRoles", source: "iam.amazonaws.com", ago: 50 * time.Minute, address: intruderAddress},
		e.assumes(in, admin, "release-42", second, 48*time.Minute),
		e.assumes(in, export, "nightly", third, 40*time.Minute),
		act{who: e.holder(export, "nightly", third), name: "ListBuckets", source: "s3.amazonaws.com", ago: 30 * time.Minute, address: intruderAddress},
	)
	return e.report("", e.exfiltration(entry, "vendor-ci", first))
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
