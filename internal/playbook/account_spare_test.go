package playbook

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/action"
	"cordon/internal/awssim"
)

// Whom nobody is called by is left in by no policy, and a path that was left out is the usual slip.
func TestSparedWhoIsNobodyIsSaid(t *testing.T) {
	const meant = "arn:aws:iam::111122223333:role/incident-response"
	for arn, want := range map[string]string{
		meant:                                   "has the ARN " + meant + "; did you mean arn:aws:iam::111122223333:role/security/incident-response?",
		"arn:aws:iam::111122223333:user/nobody": "nobody in account 111122223333 has the ARN arn:aws:iam::111122223333:user/nobody",
		"arn:aws:iam::444455556666:role/security/incident-response": "nobody in account 111122223333 has the ARN",
		"arn:aws:iam::111122223333:user/developer-3":                "",
		"arn:aws:iam::111122223333:role/security/incident-response": "",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", nil, Options{Spare: []string{arn}})
			if said(d.Warnings, "NOT SPARED") != (want != "") || want != "" && !said(d.Warnings, want) {
				t.Errorf("%s: %q", arn, d.Warnings)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == "GetAccountAuthorizationDetails" {
					return awssim.Fault{Before: awssim.AccessDenied(c.Operation)}
				}
				return awssim.Fault{}
			})
		}, Options{Spare: []string{meant}})
		if said(d.Warnings, "NOT SPARED") || !said(d.Warnings, "whether whom --spare names exists could not be looked up") {
			t.Errorf("unread: %q", d.Warnings)
		}
	})
}

// What an account administers for others outlives what stops the account.
func TestDelegationIsSaid(t *testing.T) {
	const want = "the account administers for the whole organisation, by delegation: guardduty.amazonaws.com (since 2000-01-01T00:00:00Z), sso.amazonaws.com (since 1999-12-31T00:00:00Z)"
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.Do(func(a *awssim.Account) {
				a.Org.Accounts[a.ID].Delegated = map[string]time.Time{"sso.amazonaws.com": time.Now().AddDate(0, 0, -1), "guardduty.amazonaws.com": time.Now()}
			})
		}, Options{})
		if !said(d.Warnings, want) {
			t.Errorf("not said: %q", d.Warnings)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		if d := draftIn(t, "account-takeover", nil, Options{}); said(d.Warnings, "by delegation") || said(d.Warnings, "administers for the organisation could not be read") {
			t.Errorf("an account that administers nothing: %q", d.Warnings)
		}
	})
}

// Whoever acts as the root user, or by a federated session, is left in by no ARN of a user or role, whomever else was
// spared.
func TestResponderWhoCannotBeLeftInIsTold(t *testing.T) {
	const role = "arn:aws:iam::111122223333:role/security/incident-response"
	for caller, told := range map[string]bool{
		"arn:aws:iam::111122223333:root":                  true,
		"arn:aws:sts::111122223333:federated-user/mallet": true,
		"arn:aws:iam::111122223333:user/ann":              false,
	} {
		p := &accountPlan{accountSurvey: &accountSurvey{inside: true}, c: &action.AWS{Caller: caller}, o: Options{Spare: []string{role}}}
		all, err := p.responders(t.Context())
		if err != nil || !slices.Contains(all, role) || slices.Contains(all, "") || said(p.draft.Warnings, "NOT LEFT IN: cordon acts here as "+caller) != told {
			t.Errorf("%s: %q, %v, %q", caller, all, err, p.draft.Warnings)
		}
	}
}

// A responder's role that the account's own users may assume is of no use to them once they are denied.
func TestUsersBehindTheRespondersRoleAreWarnedOf(t *testing.T) {
	const ann = "arn:aws:iam::111122223333:user/ann"
	trusts := func(principal string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}]}`
	}
	for _, c := range []struct {
		trust string
		spare []string
		named string
	}{
		{trusts(`{"AWS":"arn:aws:iam::111122223333:root"}`), nil, "which may be assumed by arn:aws:iam::111122223333:root: "},
		{trusts(`{"AWS":["111122223333","` + ann + `"]}`), nil, "which may be assumed by 111122223333, " + ann + ": "},
		{trusts(`"*"`), nil, "which may be assumed by *: "},
		{trusts(`{"AWS":"` + ann + `"}`), []string{ann}, ""},
		{trusts(`{"AWS":["arn:aws:iam::999988887777:root","arn:aws:iam::111122223333:role/other","AIDAEXAMPLE"]}`), nil, ""},
		{trusts(`{"Federated":"arn:aws:iam::111122223333:saml-provider/corp"}`), nil, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-standalone", func(w *awssim.World) {
				w.Do(func(a *awssim.Account) { a.IAM.Roles["incident-response"].Trust = c.trust })
			}, Options{Spare: c.spare})
			if said(d.Warnings, "can then neither resume nor release") != (c.named != "") || c.named != "" && !said(d.Warnings, c.named) {
				t.Errorf("%s: %q", c.trust, d.Warnings)
			}
		})
	}
}
