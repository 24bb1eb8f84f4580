package drill

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

var ssoRole = Scenario{
	Name:    "role-sso",
	Summary: "a phished employee's Identity Center session: assignments in three accounts, two groups, a role that IAM cannot edit",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		e.world.AddOrganization(managing)
		e.world.AddIdentityCenter(managing, "eu-west-1")
		const admin = "arn:aws:sso:::permissionSet/ssoins-7223exampleid/ps-admin"
		const user, id = "erin@example.com", "94d8e418-0000-7000-8000-00000000000a"
		e.world.AddSSOUser(awssim.SSOUser{ID: id, Name: user}, []string{"g-platform", "g-oncall"},
			awssim.SSOAssignment{Account: account, PermissionSet: admin}, awssim.SSOAssignment{Account: "444455556666", PermissionSet: admin},
			awssim.SSOAssignment{Account: "555566667777", PermissionSet: admin},
			awssim.SSOAssignment{Account: account, PermissionSet: admin, Kind: "GROUP", Principal: "g-platform"})
		e.world.AddSSOUser(awssim.SSOUser{ID: "94d8e418-0000-7000-8000-00000000000b", Name: "frank@example.com"}, []string{"g-platform"})
		role := e.world.AddRole(awssim.Role{Name: "AWSReservedSSO_Admin_0123456789abcdef", Path: "/aws-reserved/sso.amazonaws.com/eu-west-1/"})
		d := e.about(role.Name, e.report("", e.signedIn(role, user)))
		d.Management = e.arnOf("sts", "", managing, "assumed-role/org-response/responder")
		return d
	},
}

var directoryRole = Scenario{
	Name:    "role-directory",
	Summary: "a session of an Identity Center that takes its users from an AWS Managed Microsoft AD, and stands in another region than the account's; a directory of the account has another user of the same person",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		e.world.AddOrganization(managing)
		e.world.AddIdentityCenter(managing, "eu-central-1")
		e.world.AddSSOUser(awssim.SSOUser{ID: "94d8e418-0000-7000-8000-00000000000c", Name: "grace@corp.example.com"}, []string{"g-platform"},
			awssim.SSOAssignment{Account: account, PermissionSet: "arn:aws:sso:::permissionSet/ssoins-7223exampleid/ps-power"})
		e.world.Do(func(a *awssim.Account) { a.SSO.Takes = 20 * time.Second }) // a busy organisation
		e.world.AddDirectoryUser("eu-central-1", awssim.DirectoryUser{Owner: managing, Directory: "d-9067a1b2c3", Name: "grace"})
		e.world.AddDirectoryUser("eu-west-1", awssim.DirectoryUser{Directory: "d-9067d4e5f6", Name: "grace-admin"})
		role := e.world.AddRole(awssim.Role{Name: "AWSReservedSSO_Power_0123456789abcdef", Path: "/aws-reserved/sso.amazonaws.com/eu-central-1/"})
		d := e.about(role.Name, e.report("", e.signedIn(role, "grace@corp.example.com")))
		d.Management, d.DirectoryUsers = e.arnOf("sts", "", managing, "assumed-role/org-response/responder"), []string{"d-9067a1b2c3/grace", "d-9067d4e5f6/grace-admin"}
		return d
	},
}

// signedIn is a finding about a session that a user of Identity Center has of a role.
func (e *estate) signedIn(role *awssim.Role, user string) alarm {
	return alarm{
		kind: "Discovery:IAMUser/AnomalousBehavior", severity: 8, title: "APIs were called in an unusual way by " + user + ".",
		key: &types.AccessKeyDetails{
			AccessKeyId: aws.String("ASIAQ3EGSSOEXAMPLE01"), PrincipalId: aws.String(role.ID + ":" + user), UserType: aws.String("AssumedRole"), UserName: aws.String(role.Name),
		},
		action: &types.Action{ActionType: aws.String("AWS_API_CALL"), AwsApiCallAction: &types.AwsApiCallAction{
			Api: aws.String("ListUsers"), ServiceName: aws.String("iam.amazonaws.com"), CallerType: aws.String("Remote IP"), RemoteIpDetails: remote(intruderAddress),
		}},
	}
}
