package playbook

import (
	"fmt"
	"slices"
	"strings"
)

// outsiders are beyond a service control policy, which holds for the principals of the accounts under it alone
// (docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html), and beyond what is denied to users.
const outsiders = "other accounts, and everybody where it is public, that policies of resources here let in: buckets, keys, queues, function URLs, shared snapshots and images. What stops the account's own users and roles does not stop them"

// unstopped goes on where the account is not stopped from its organisation. Nothing in the account limits its root user
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html).
var unstopped = []string{
	"the root user: nothing that can be done in the account stops it",
	"roles and whoever may assume them: each bad one needs a plan of its own (cordon plan iam-role:NAME)",
	"users and keys that are made after this plan: plan again once it is carried out",
}

// tell says what the responder must know before approving, and what outlives the plan.
func (p *accountPlan) tell() {
	p.draft.NotCaptured = append(p.draft.NotCaptured, "what runs in the account (instances, functions, data): each needs a plan of its own")
	p.draft.Survives = append(p.draft.Survives,
		"what runs without calling AWS: instances, containers, and what intruders left in them",
		"what AWS needs to spread a policy: seconds, at times minutes, in which calls still succeed",
		outsiders)
	if len(p.administers) > 0 {
		p.warn(fmt.Sprintf("the account administers for the whole organisation, by delegation: %s. Whoever has it could reach other accounts by that, and what was set up there goes on: look there too, and take it away (aws organizations deregister-delegated-administrator --account-id %s --service-principal NAME)", strings.Join(p.administers, ", "), p.id))
	}
	if !p.stopped {
		p.draft.Survives = append(p.draft.Survives, unstopped...)
	}
	if !p.inside {
		p.draft.Open = !p.stopped // then a part of it is stopped at most
		return
	}
	p.root()
	if len(p.contacts) > 0 {
		p.warn("AWS's own notices go to the account's contacts, which whoever took the account can change; make sure that these are yours: " + strings.Join(p.contacts, "; "))
	}
	if len(p.closed) > 0 {
		p.draft.NotCaptured = append(p.draft.NotCaptured, fmt.Sprintf("%d regions that are not enabled, and so can hold nothing that could be asked for: %s", len(p.closed), strings.Join(p.closed, ", ")))
	}
}

// root says what can and what cannot be done about the root user, whose permissions no policy in the account changes
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html).
func (p *accountPlan) root() {
	has := []string{}
	for key, what := range map[string]string{"AccountAccessKeysPresent": "access keys", "AccountSigningCertificatesPresent": "signing certificates"} {
		if p.summary[key] > 0 {
			has = append(has, what)
		}
	}
	slices.Sort(has)
	if len(has) > 0 {
		p.warn("the root user has " + strings.Join(has, " and ") + ", which nobody but the root user can switch off from inside" + p.rootFromOutside())
	}
	if p.summary != nil && p.summary["AccountMFAEnabled"] == 0 {
		p.warn("the root user has no MFA: whoever reads its mail can take the account")
	}
}

// rootFromOutside says where what cannot be done from inside can: centralised root access deletes the root user's
// credentials, which cannot be undone (docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user-privileged-task.html).
func (p *accountPlan) rootFromOutside() string {
	switch {
	case !p.managesRoot():
		return ""
	case p.o.DeleteRoot:
		return "; this plan deletes them from the organisation's management account"
	}
	return "; the organisation's management account can delete them, for good: plan again with --delete-root"
}
