package action

import (
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
		name: "trail", setup: darkened,
		steps: []trialStep{{StartLogging, casefile.Target{Kind: casefile.Trail, ID: auditTrail, Account: "111122223333", Region: simWorld}, nil}},
	},
	{
		name: "detector", setup: darkened,
		steps: []trialStep{{EnableDetector, casefile.Target{Kind: casefile.Detector, ID: "d1e2f3", Account: "111122223333", Region: simWorld}, nil}},
	},
}
