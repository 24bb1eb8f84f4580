package drill

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

// managing is the management account of the drills' organisation.
const managing = "999988887777"

var takeover = Scenario{
	Name:    "account-takeover",
	Summary: "an administrator's key is used to switch off trails and GuardDuty and to make users, in an account of an organisation",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		e.world.AddOrganization(managing)
		admin := e.takeover()
		d := e.about(account, e.report("", e.blinded(admin)))
		d.Management = e.arnOf("sts", "", managing, "assumed-role/org-response/responder")
		return d
	},
}

var takeoverGov = Scenario{
	Name:    "account-gov",
	Summary: "the same takeover in AWS GovCloud, where every ARN is of another partition",
	Build: func(o Options) Drill {
		e := newEstate(o, "us-gov-west-1", func(a *awssim.Options) { a.Partition = "aws-us-gov" })
		e.world.AddOrganization(managing)
		admin := e.takeover()
		d := e.about(account, e.report("", e.blinded(admin)))
		d.Management = e.arnOf("sts", "", managing, "assumed-role/org-response/responder")
		return d
	},
}

var standalone = Scenario{
	Name:    "account-standalone",
	Summary: "the same in an account that is in no organisation: there is no outside to act from",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		admin := e.takeover()
		return e.about(account, e.report("", e.blinded(admin)))
	},
}

var fullSlots = Scenario{
	Name:    "account-full-slots",
	Summary: "the account holds as many service control policies as AWS takes: it is moved to a prepared unit instead",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		root := e.world.AddOrganization(managing)
		e.world.Do(func(a *awssim.Account) {
			for i := range 9 {
				id := fmt.Sprintf("p-guard%03d", i+1)
				a.Org.Policies[id] = &awssim.ControlPolicy{ID: id, Name: fmt.Sprintf("guardrail-%d", i+1), Content: `{"Version":"2012-10-17","Statement":[]}`}
				a.Org.Accounts[account].Policies = append(a.Org.Accounts[account].Policies, id)
			}
		})
		unit := e.world.AddOrgUnit(root, "Quarantine", awssim.ControlPolicy{
			Name: "quarantine", Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`,
		})
		admin := e.takeover()
		d := e.about(account, e.report("", e.blinded(admin)))
		d.Management, d.QuarantineOU = e.arnOf("sts", "", managing, "assumed-role/org-response/responder"), unit
		return d
	},
}

// takeover is what an intruder with an administrator's key does first.
func (e *estate) takeover() *awssim.User {
	w := e.world
	w.AddRole(awssim.Role{Name: "incident-response", Path: "/security/"})
	admin := w.AddUser(awssim.User{
		Name: "ops-admin", Keys: []awssim.UserKey{{Active: true, LastUsed: e.now, Service: "cloudtrail", Region: e.region}},
		Attached: map[string]string{e.arnOf("iam", "", "aws", "policy/AdministratorAccess"): "AdministratorAccess"},
	})
	for i := range 6 {
		w.AddUser(awssim.User{Name: fmt.Sprintf("developer-%d", i+1), Keys: []awssim.UserKey{{Active: true}}, Login: &awssim.LoginProfile{Created: e.now.AddDate(-1, 0, 0)}})
	}
	w.AddUser(awssim.User{Name: "support-svc", Created: e.now, Keys: []awssim.UserKey{{Active: true, Created: e.now}, {Active: true, Created: e.now}}})
	const frame = `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	w.AddUser(awssim.User{Name: "reports", Inline: map[string]string{"wide": strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", 2048-len(frame)-20), 1)}})
	w.AddRole(awssim.Role{Name: "support-access", Created: e.now, Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` +
		e.arnOf("iam", "", "666677778888", "root") + `"},"Action":"sts:AssumeRole"}]}`})
	w.AddSAMLProvider("support-login", samlMetadata)
	w.AddOIDCProvider("token.actions.githubusercontent.com", "sts.amazonaws.com")
	w.AddTrail(awssim.Trail{Name: "audit", Home: e.region, MultiRegion: true})
	if e.partition == "aws-us-gov" {
		w.AddTrail(awssim.Trail{Name: "data-events", Home: "us-gov-east-1"})
		w.AddDetector("us-gov-east-1", "d0000000000000000000000000gove01").Disabled = true
		return admin
	}
	w.AddTrail(awssim.Trail{Name: "data-events", Home: "us-east-1"})
	w.AddTrail(awssim.Trail{Name: "untouched", Home: "eu-central-1", Logging: true})
	w.AddDetector("us-east-1", "d000000000000000000000000000us01").Disabled = true
	w.AddDetector("eu-central-1", "d000000000000000000000000000eu01")
	return admin
}

func (e *estate) blinded(admin *awssim.User) alarm {
	a := e.misuse(admin, "Stealth:IAMUser/CloudTrailLoggingDisabled", "StopLogging", "cloudtrail.amazonaws.com")
	a.title = "AWS CloudTrail trail audit was disabled by ops-admin."
	a.action = &types.Action{ActionType: aws.String("AWS_API_CALL"), AwsApiCallAction: a.action.AwsApiCallAction}
	return a
}
