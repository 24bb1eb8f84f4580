package action

import (
	"time"

	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const (
	storeID   = "d-9067examp1"
	mallory   = "94d8e418-0000-7000-8000-000000000001"
	adminSet  = "arn:aws:sso:::permissionSet/ssoins-7223exampleid/ps-admin"
	readSet   = "arn:aws:sso:::permissionSet/ssoins-7223exampleid/ps-read"
	centerARN = "arn:aws:sso:::instance/ssoins-7223exampleid"
)

func withCenter(w *awssim.World) {
	w.AddOrganization(managing)
	w.AddIdentityCenter(managing, simWorld)
	w.AddSSOUser(awssim.SSOUser{ID: mallory, Name: "mallory@example.com"}, []string{"g-developers", "g-oncall", "g-x"},
		awssim.SSOAssignment{Account: "111122223333", PermissionSet: adminSet}, awssim.SSOAssignment{Account: "444455556666", PermissionSet: readSet},
		awssim.SSOAssignment{Account: "111122223333", PermissionSet: readSet, Kind: "GROUP", Principal: "g-developers"})
	w.AddSSOUser(awssim.SSOUser{ID: "94d8e418-0000-7000-8000-000000000002", Name: "bob@example.com"}, []string{"g-developers"})
}

// amongOthers is the same where assignments change slowly, and somebody else's are being taken away.
func amongOthers(w *awssim.World) {
	withCenter(w)
	w.Do(func(a *awssim.Account) {
		a.SSO.Takes = 10 * time.Second
		for id, kind := range map[string]string{"request-bob": "USER", "request-group": "GROUP", "request-x": "USER"} {
			a.SSO.Requests[id] = &awssim.SSORequest{
				ID: id, Deletion: true, Status: ssotypes.StatusValuesInProgress,
				About: awssim.SSOAssignment{Account: "111122223333", PermissionSet: adminSet, Kind: kind, Principal: "94d8e418-0000-7000-8000-000000000002"},
			}
		}
	})
}

func withDirectory(w *awssim.World) {
	w.AddDirectoryUser(simWorld, awssim.DirectoryUser{Directory: "d-9067a1b2c3", Name: "mallory"})
	w.AddDirectoryUser(simWorld, awssim.DirectoryUser{Owner: managing, Directory: "d-9067d4e5f6", Name: "mallory"})
}

var theUser = casefile.Target{Kind: casefile.IdentityCenterUser, ID: storeID + "/" + mallory, Account: managing, Region: simWorld}

var identityTrials = []trial{
	{
		name: "deny an Identity Center user", setup: withCenter,
		steps: []trialStep{{DenySSOPolicy, theUser, nil}, {DenySSOUser, theUser, map[string]string{"root": "r-exam"}}},
	},
	{name: "remove assignments", setup: withCenter, steps: []trialStep{{RemoveAssignments, theUser, map[string]string{"instance": centerARN}}}},
	{name: "remove assignments slowly", setup: amongOthers, steps: []trialStep{{RemoveAssignments, theUser, map[string]string{"instance": centerARN}}}},
	{name: "leave groups", setup: withCenter, steps: []trialStep{{LeaveGroups, theUser, nil}}},
	{name: "disable an Identity Center user", setup: withCenter, steps: []trialStep{{DisableSSOUser, theUser, nil}}},
	{
		name: "disable a directory's user", setup: withDirectory,
		steps: []trialStep{{DisableDirectoryUser, casefile.Target{Kind: casefile.DirectoryUser, ID: "d-9067a1b2c3/mallory", Account: "111122223333", Region: simWorld}, nil}},
	},
	{
		name: "disable a user of Identity Center's directory", setup: withDirectory,
		steps: []trialStep{{DisableDirectoryUser, casefile.Target{Kind: casefile.DirectoryUser, ID: "d-9067d4e5f6/mallory", Account: managing, Region: simWorld}, nil}},
	},
}
