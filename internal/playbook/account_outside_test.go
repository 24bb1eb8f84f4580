package playbook

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/action"
	"cordon/internal/awssim"
)

// Whoever took the account can keep the responder in it from asking about the organisation; the management account is
// asked then.
func TestOrganisationIsSeenFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == "DescribeOrganization" {
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
		for i := range 120 {
			spare = append(spare, fmt.Sprintf("arn:aws:iam::111122223333:role/%s%03d", strings.Repeat("x", 60), i))
		}
		d := draftIn(t, "account-takeover", nil, Options{Spare: spare})
		if actionsOf(d)["org-quarantine-policy"] != 0 || !said(d.Warnings, "spare fewer principals") {
			t.Errorf("steps %v, warnings %q", actionsOf(d), d.Warnings)
		}
	})
}

// A unit is moved into where something of its own, or of a unit that it is in, denies something; the root's policies
// hold anyway.
func TestMoveIsPlannedIntoWhatRestricts(t *testing.T) {
	deny := awssim.ControlPolicy{Name: "q", Content: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`}
	for _, c := range []struct {
		name string
		unit func(w *awssim.World) string
		move int
		says string
	}{
		{"its own policy", func(w *awssim.World) string { return w.AddOrgUnit("r-exam", "Quarantine", deny) }, 1, "whom the unit's policies leave in"},
		{"the policy of a unit above", func(w *awssim.World) string { return w.AddOrgUnit(w.AddOrgUnit("r-exam", "Quarantine", deny), "Now") }, 1, "whom the unit's policies leave in"},
		{"a policy that denies a region", func(w *awssim.World) string {
			return w.AddOrgUnit("r-exam", "Guarded", awssim.ControlPolicy{Name: "g", Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`})
		}, 1, "NOT STOPPED: the policies of unit"},
		{"an open unit", func(w *awssim.World) string { return w.AddOrgUnit("r-exam", "Sandbox") }, 0, "denies anything"},
		{"no such unit", func(*awssim.World) string { return "ou-exam-nowhere0" }, 0, "is not in the organisation"},
		{"an unreadable unit", func(w *awssim.World) string {
			w.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == "DescribePolicy" {
					return awssim.Fault{Before: awssim.AccessDenied(c.Operation)}
				}
				return awssim.Fault{}
			})
			return w.AddOrgUnit("r-exam", "Quarantine", deny)
		}, 1, "could not be read"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var o Options
			d := draftWith(t, "account-takeover", func(w *awssim.World, o *Options) { o.QuarantineOU = c.unit(w) }, o)
			if n := actionsOf(d); n["org-move-account"] != c.move || n["org-quarantine-account"] != 0 || !said(d.Warnings, c.says) {
				t.Errorf("%s: steps %v, warnings %q", c.name, n, d.Warnings)
			}
			if partly := strings.HasPrefix(c.says, "NOT STOPPED"); said(d.Warnings, "NOT STOPPED") != partly || said(d.Survives, "leave the account, which goes on") != partly {
				t.Errorf("%s: warnings %q, survives %q", c.name, d.Warnings, d.Survives)
			}
		})
	}
}

// What a unit's policies come to.
func TestHowMuchPoliciesDeny(t *testing.T) {
	for document, want := range map[string]restriction{
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`:                                                                             nothing,
		`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`:                                                                                everything,
		`{"Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"]}]}`:                                                                          everything,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalARN":"arn:x"}}}]}`:                      everything,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"x"}}}]}`:                  something,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:root"}}}]}`:        something, // the root user alone
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalOrgID":"o-x"}}}]}`:                 something, // no member
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"ArnNotLike":{"aws:PrincipalArn":["*"]}}}]}`:                        something, // nobody
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringNotEqualsIfExists":{"aws:PrincipalTag/team":"response"}}}]}`: everything,
		action.QuarantinePolicy([]string{"arn:aws:iam::111122223333:role/response"}):                                                                 everything,
		`{"Statement":[{"Effect":"Deny","Action":"organizations:LeaveOrganization","Resource":"*"}]}`:                                                something,
		`{"Statement":[{"Effect":"Deny","NotAction":"iam:*","Resource":"*"}]}`:                                                                       something,
		`{"Statement":[{"Effect":"Deny","Action":["ec2:*","*:Get*"],"Resource":"*"}]}`:                                                               something,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::bucket"}]}`:                                                            something,
		`{"Statement":[{"Effect":"Deny","Action":"organizations:*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":["*"]}]}`:                everything,
		`[]`: nothing,
	} {
		got := nothing
		for _, s := range statementsOf(document) {
			got = max(got, s.denies())
		}
		if got != want {
			t.Errorf("%s: %d, want %d", document, got, want)
		}
	}
}

// A unit whose policies do not allow everything denies the rest without a deny, and how much that is a person has to read.
func TestUnitThatAllowsSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o Options
		d := draftWith(t, "account-takeover", func(w *awssim.World, o *Options) {
			o.QuarantineOU = w.AddOrgUnit("r-exam", "Quarantine", awssim.ControlPolicy{Name: "q", Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`})
			w.Do(func(a *awssim.Account) { u := a.Org.Units[o.QuarantineOU]; u.Policies = u.Policies[1:] })
		}, o)
		if actionsOf(d)["org-move-account"] != 1 || !said(d.Warnings, "NOT STOPPED") {
			t.Errorf("steps %v, warnings %q", actionsOf(d), d.Warnings)
		}
	})
}

// Where the organisation uses no service control policies, neither a policy nor a unit's policies stop anybody.
func TestPoliciesThatAreOffStopNobody(t *testing.T) {
	for _, unit := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := draftWith(t, "account-takeover", func(w *awssim.World, o *Options) {
				if unit {
					o.QuarantineOU = w.AddOrgUnit("r-exam", "Quarantine", awssim.ControlPolicy{Name: "q", Content: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`})
				}
				w.Do(func(a *awssim.Account) { a.Org.NoPolicies = true })
			}, Options{})
			n := actionsOf(d)
			if n["org-move-account"]+n["org-quarantine-policy"] != 0 || !said(d.Warnings, "none holds") || !said(d.Survives, "the root user: nothing") {
				t.Errorf("into a unit: %t: steps %v, warnings %q, survives %q", unit, n, d.Warnings, d.Survives)
			}
		})
	}
}

// In another partition nothing that is planned names this one.
func TestAccountOfAnotherPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-gov", nil, Options{})
		if n := actionsOf(d); n["org-quarantine-account"] != 1 || n["cloudtrail-start-logging"] != 2 || n["guardduty-enable-detector"] != 1 || n["iam-deny-user"] != 9 {
			t.Errorf("steps %v, warnings %q", n, d.Warnings)
		}
		lines := slices.Concat(d.Warnings, d.Survives, d.NotCaptured)
		for _, s := range d.Steps {
			lines = append(lines, fmt.Sprint(s.Target, s.Params, s.Impact))
		}
		if said(lines, "arn:aws:") {
			t.Errorf("an ARN of another partition: %q", lines)
		}
	})
}

// What goes on beside the cut is said by what the cut is: an account that nobody stops from outside has a root user and
// roles that go on, and none is shut off from whom its resources let in.
func TestWhatGoesOnIsSaid(t *testing.T) {
	const root, others = "the root user: nothing", "policies of resources here let in"
	partly := awssim.ControlPolicy{Name: "g", Content: `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:*","Resource":"*"}]}`}
	for _, c := range []struct {
		drill  string
		change func(*awssim.World, *Options)
		goesOn bool
	}{
		{"account-takeover", func(*awssim.World, *Options) {}, false},
		{"account-standalone", func(*awssim.World, *Options) {}, true},
		{"account-full-slots", func(*awssim.World, *Options) {}, true}, // no unit is named
		{"account-takeover", func(w *awssim.World, o *Options) { o.QuarantineOU = w.AddOrgUnit("r-exam", "Guarded", partly) }, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftWith(t, c.drill, c.change, Options{})
			if said(d.Survives, root) != c.goesOn || said(d.Survives, "made after this plan") != c.goesOn || !said(d.Survives, others) {
				t.Errorf("%s: %q", c.drill, d.Survives)
			}
		})
	}
}
