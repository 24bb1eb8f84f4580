package action

import "cordon/internal/casefile"

// quarantineSCP stops an account as a whole. It stops the account's root user too; service control policies reach neither
// service-linked roles nor the management account
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html). Params: responders.
var quarantineSCP = controlPolicy{
	make: "org-quarantine-policy", attach: "org-quarantine-account",
	target: casefile.AWSAccount,
	what:   "everything in the account but the responders and AWS's services",
	stops:  "Attach the quarantine policy to the account. Everything in it stops, its root user included, but for the responders, AWS's services and what runs without calling AWS.",
	change: "everything but responders and AWS's services -> denied",
	name:   "cordon-quarantine-",

	content:     func(t Target) string { return QuarantinePolicy(t.List("responders")) },
	on:          func(t Target) string { return t.ID },
	accountWide: "it stops the account as a whole, production included",
}

// QuarantineOrgPolicy makes the policy, and QuarantineAccount attaches it.
var (
	QuarantineOrgPolicy = quarantineSCP.maker()
	QuarantineAccount   = quarantineSCP.attacher()
)
