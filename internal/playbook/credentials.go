package playbook

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// Credentials answers an IAM user whose keys or password are in other hands.
var Credentials = Playbook{
	Name:    casefile.PlaybookCredentials,
	Summary: "Record a user, deny it everything, sessions made from its keys included, and make its keys and other credentials inactive.",
	Kinds:   []casefile.Kind{casefile.IAMUser, casefile.AccessKey, casefile.FederatedUser},
	Reads: action.Ops{
		action.Call((*sts.Client).GetAccessKeyInfo), action.Call((*iam.Client).GetAccessKeyLastUsed),
		action.Call((*iam.Client).GetUser), action.Call((*iam.Client).ListAccessKeys),
		action.Call((*iam.Client).ListUserPolicies), action.Call((*iam.Client).GetUserPolicy), action.Call((*iam.Client).ListAttachedUserPolicies),
		action.Call((*iam.Client).ListGroupsForUser), action.Call((*iam.Client).GetLoginProfile), action.Call((*iam.Client).ListMFADevices),
		action.Call((*iam.Client).ListServiceSpecificCredentials), action.Call((*iam.Client).ListSigningCertificates), action.Call((*iam.Client).ListSSHPublicKeys),
		action.Call((*iam.Client).GetAccountSummary),
	},
	Actions: []action.Action{
		action.RecordUser, action.RecordCredentialReport,
		action.DenyUser, action.DenyUserByPolicy, action.DisableKeys, action.DisableServiceCredentials, action.DisableCertificates, action.DisableSSHKeys,
	},
	Resolve: resolveCredentials,
	Draft:   draftCredentials,
}

// The keys by which the steps name each other.
const (
	keyUserDeny     = "deny"
	keyDenyAgain    = "deny-again"
	keyUserKeys     = "keys"
	keyServices     = "service-credentials"
	keyCertificates = "certificates"
	keySSH          = "ssh-keys"
)

// credentialsPlan is the draft as it grows.
type credentialsPlan struct {
	*userSurvey
	c     *action.AWS
	in    Incident
	o     Options
	draft Draft
}

func draftCredentials(ctx context.Context, c *action.AWS, in Incident, o Options) (Draft, error) {
	p := &credentialsPlan{c: c, in: in, o: o}
	switch {
	case in.Subject.Account != "" && in.Subject.Account != c.Account:
		// A user of that name in this account is another user.
		p.warn(fmt.Sprintf("user %s is in account %s, and these are credentials of account %s: nothing is planned for it. Log in there, or tell its owner", in.Subject.ID, in.Subject.Account, c.Account))
		return p.draft, nil
	case in.Subject.Kind == casefile.FederatedUser:
		p.warn(issuerUnknown(in.Subject.ID))
		return p.draft, nil
	}
	var err error
	if p.userSurvey, err = surveyUser(ctx, c, in.Subject.ID); err != nil {
		return Draft{}, err
	}
	p.warn(p.doubts...)
	p.add(Step{Key: "record", Action: action.RecordUser, Target: p.target()})
	p.add(Step{Key: "report", Action: action.RecordCredentialReport, Target: casefile.Target{Kind: casefile.AWSAccount, ID: c.Account, Account: c.Account, Parent: p.name()}})
	if why := p.spared(); why != "" {
		p.warn(why)
		return p.draft, nil
	}
	p.contain()
	p.tell()
	return p.draft, nil
}

func (p *credentialsPlan) name() string { return aws.ToString(p.user.UserName) }

func (p *credentialsPlan) add(s Step) { p.draft.Steps = append(p.draft.Steps, s) }

func (p *credentialsPlan) warn(lines ...string) {
	p.draft.Warnings = append(p.draft.Warnings, lines...)
}

func (p *credentialsPlan) target() casefile.Target {
	return casefile.Target{Kind: casefile.IAMUser, ID: p.name(), ARN: aws.ToString(p.user.Arn), Account: p.c.Account}
}

// spared says why the user is not cut off, "" where it is.
func (p *credentialsPlan) spared() string {
	switch {
	case p.c.ActsAs(p.name()):
		return fmt.Sprintf("cordon itself acts as user %s, and would cut itself off: nothing but the record is planned. Log in as somebody else, and plan again", p.name())
	case slices.Contains(p.o.Spare, aws.ToString(p.user.Arn)):
		p.draft.Spared = true
		return fmt.Sprintf("user %s is spared, as you asked: nothing but the record is planned", p.name())
	}
	return ""
}

// contain denies before it switches off: whoever can still act with the user makes a second key. The kinds of
// credentials do not wait for each other.
func (p *credentialsPlan) contain() {
	var denied []string
	if via := p.via(); via != "" {
		deny := p.deny(via)
		deny.Key, deny.Summary, deny.Impact = keyUserDeny, p.denySummary(), p.denyImpact()
		p.add(deny)
		denied = []string{keyUserDeny}
	}
	off := func(key string, a action.Action, impact ...string) {
		p.add(Step{Key: key, Action: a, Target: p.target(), AfterAny: denied, Impact: impact, Params: map[string]string{"user_id": aws.ToString(p.user.UserId)}})
	}
	off(keyUserKeys, action.DisableKeys, p.keysImpact()...)
	if p.mayHave(p.services) {
		off(keyServices, action.DisableServiceCredentials)
	}
	if p.mayHave(p.certificates) {
		off(keyCertificates, action.DisableCertificates)
	}
	if p.mayHave(p.sshKeys) {
		off(keySSH, action.DisableSSHKeys)
	}
	p.denyAgain()
}

func (p *credentialsPlan) deny(via string) Step {
	deny := action.DenyUser
	if via == action.ViaManaged && p.form() == action.DenySessions {
		deny = action.DenyUserByPolicy
	}
	return Step{Action: deny, Target: p.target(), Params: map[string]string{"form": p.form(), "via": via, "user_id": aws.ToString(p.user.UserId)}}
}

// mayHave tells whether there is a kind of credentials to switch off, as far as is known. Where the deny does not stop
// them, one that is made before the plan is carried out must not be left.
func (p *credentialsPlan) mayHave(s seen) bool {
	return !s.seen || s.n > 0 || p.form() == action.DenySessions
}

// denyAgain: a deny of sessions stops no key, so that between the deny and the end of the last key more of them may have
// been made. Seconds later its cut-off covers them; after a step that failed at first, or a run that was interrupted, it
// does not, and they live up to 36 hours.
func (p *credentialsPlan) denyAgain() {
	i := slices.IndexFunc(p.draft.Steps, func(s Step) bool { return s.Key == keyUserDeny })
	if i < 0 || p.form() != action.DenySessions || p.keys.seen && p.keys.n == 0 {
		return
	}
	via, why := denyVia(p.form(), p.room().after(p.form(), p.draft.Steps[i].Params["via"]))
	if via == "" {
		p.warn("the sessions are denied once, before the keys are off, and not a second time: " + why + ". Should half a minute pass in between, " +
			"sessions that the keys make meanwhile live on, up to 36 hours: the times of both steps tell, and then plan again")
		return
	}
	again := p.deny(via)
	again.Key, again.After = keyDenyAgain, []string{keyUserKeys}
	again.Impact = []string{"a second time, once the keys are off: it cuts what they made in between"}
	again.Summary = "Deny everything to the sessions of the user once more, now that no key makes more of them: to those that were made meanwhile."
	p.add(again)
}
