package playbook

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
)

// Whoever took the account can keep the responder in it from asking about the organisation; the management account is
// asked then.
func TestOrganisationIsSeenFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == "DescribeOrganization" && strings.Contains(c.Actor, ":111122223333:") {
					return awssim.Fault{Before: awssim.AccessDenied(c.Operation)}
				}
				return awssim.Fault{}
			})
		}, Options{})
		if actionsOf(d)["org-quarantine-account"] != 1 {
			t.Errorf("no quarantine: steps %v, warnings %q", actionsOf(d), d.Warnings)
		}
	})
}

// Management credentials of another organisation than the account's change nothing in it.
func TestStrangeOrganisationIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.Do(func(a *awssim.Account) { delete(a.Org.Accounts, "111122223333") })
		}, Options{DeleteRoot: true})
		for name := range actionsOf(d) {
			if strings.HasPrefix(name, "org-") || strings.HasPrefix(name, "root-") {
				t.Errorf("%s is planned", name)
			}
		}
		if !said(d.Warnings, "is not in the organisation") {
			t.Errorf("nobody is told: %q", d.Warnings)
		}
	})
}

// A policy that AWS would refuse for its size is not planned.
func TestQuarantineTooLongIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spare []string
		for i := range 60 {
			spare = append(spare, fmt.Sprintf("arn:aws:iam::111122223333:role/%s%02d", strings.Repeat("x", 60), i))
		}
		d := draftIn(t, "account-takeover", nil, Options{Spare: spare})
		if actionsOf(d)["org-quarantine-policy"] != 0 || !said(d.Warnings, "spare fewer principals") {
			t.Errorf("steps %v, warnings %q", actionsOf(d), d.Warnings)
		}
	})
}
