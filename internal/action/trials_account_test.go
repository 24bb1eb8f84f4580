package action

import (
	"strings"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const quarantineUnit = "ou-exam-quarantine"

func inOrganization(w *awssim.World) {
	root := w.AddOrganization(managing)
	w.Do(func(a *awssim.Account) {
		a.Org.Units[quarantineUnit] = &awssim.OrgUnit{ID: quarantineUnit, Name: "Quarantine", Parent: root, Policies: []string{"p-FullAWSAccess"}}
	})
}

func darkened(w *awssim.World) {
	w.AddTrail(awssim.Trail{Name: "audit", ARN: auditTrail, Home: simWorld, MultiRegion: true})
	w.AddDetector(simWorld, "d1e2f3").Disabled = true
}

const auditTrail = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/audit"

// rooted is an account whose root user has everything that one can have, in an organisation that manages root users.
func rooted(w *awssim.World) {
	inOrganization(w)
	w.Do(func(a *awssim.Account) {
		a.Org.CentralRoot = true
		a.IAM.Root = awssim.RootUser{
			Keys: []awssim.UserKey{{ID: "AKIAROOTEXAMPLE00001", Active: true}, {ID: "AKIAROOTEXAMPLE00002", Active: true}}, MFA: true, Password: true,
			Certificates: []awssim.Certificate{{ID: "CERTROOTEXAMPLE1", Active: true}},
		}
	})
}

var theAccount = casefile.Target{Kind: casefile.AWSAccount, ID: "111122223333", Account: managing}

var accountTrials = []trial{
	{
		name: "quarantine by policy", setup: inOrganization,
		steps: []trialStep{
			{QuarantineOrgPolicy, theAccount, map[string]string{"responders": "arn:aws:iam::111122223333:role/sec/responder"}},
			{QuarantineAccount, theAccount, nil},
		},
	},
	{name: "quarantine by unit", setup: inOrganization, steps: []trialStep{{MoveAccount, theAccount, map[string]string{"unit": quarantineUnit}}}},
	{
		name: "root", setup: rooted, differs: func(key string) bool { return strings.HasPrefix(key, "iam/global/root") }, // declared irreversible
		steps: []trialStep{{DeleteRootCredentials, theAccount, nil}},
	},
	{
		name: "trail", setup: darkened,
		steps: []trialStep{{StartLogging, casefile.Target{Kind: casefile.Trail, ID: auditTrail, Account: "111122223333", Region: simWorld}, nil}},
	},
	{
		name: "detector", setup: darkened,
		steps: []trialStep{{EnableDetector, casefile.Target{Kind: casefile.Detector, ID: "d1e2f3", Account: "111122223333", Region: simWorld}, nil}},
	},
}
