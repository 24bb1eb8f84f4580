package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/playbook"
)

// An intruder who administers Identity Center, or a synchronisation at night, changes what a user has between plan and
// approval. That holds nothing up, and what is there then is taken away.
func TestApplyIsNotHeldUpByWhatAUserIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := person(t)
		i.drill.World.Do(func(a *awssim.Account) {
			a.SSO.Groups["g-new"] = a.SSO.Groups["g-oncall"]
			a.SSO.Memberships["g-new/"+erinID] = &awssim.SSOMembership{ID: "m-new", Group: "g-new", User: erinID}
			for key, x := range a.SSO.Assignments {
				if moved := *x; x.Principal == erinID && x.Account == "444455556666" {
					moved.Account = "666677778888"
					a.SSO.Assignments[strings.Replace(key, x.Account, moved.Account, 1)] = &moved
				}
			}
		})
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); err != nil {
			t.Fatalf("apply: %v", err)
		}
		i.contained(i, "moved meanwhile")
	})
}

// A role that is deleted between plan and approval fails its own steps, and keeps no other from being cut.
func TestOneRoleThatIsGoneHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == "role-chain" })
		i := newIncident(t, scenarios[n])
		var p casefile.Plan
		if err := json.Unmarshal(i.plan, &p); err != nil {
			t.Fatal(err)
		}
		const gone = "release-admin"
		subject := casefile.Subject{Kind: casefile.IAMRole, ID: gone, Account: p.Account}
		p, err := Plan(action.Allow(context.Background(), nil, nil, nil), i.connect(), p, playbook.Role, playbook.Incident{Subject: subject}, playbook.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.Subjects = append(p.Subjects, subject)
		if i.plan, _, err = Encode(p); err != nil {
			t.Fatal(err)
		}
		i.drill.World.Do(func(a *awssim.Account) { delete(a.IAM.Roles, gone) })
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) || !strings.Contains(err.Error(), gone) {
			t.Errorf("apply: %v", err)
		}
		i.contained(i, "beside a role that is gone")
	})
}

// What a deny stopped lives on behind it: whoever releases too early lets the intruder in again, and is told so.
func TestReleaseSaysWhichSessionsWorkAgain(t *testing.T) {
	for name, want := range map[string]string{
		"credentials-leaked-key": "36 hours", "credentials-keeps-working": "36 hours", "credentials-full-quota": "36 hours",
		"role-chain": "12 hours", "role-one-session": "12 hours", "role-full-quota": "12 hours", "role-sso": "12 hours",
	} {
		synctest.Test(t, func(t *testing.T) {
			n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == name })
			i := newIncident(t, scenarios[n])
			e, _, ctx := i.process(0)
			if err := i.apply(ctx, e); err != nil {
				t.Fatal(err)
			}
			p, err := e.PlanRelease(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(p.Steps, func(s casefile.Step) bool {
				said := strings.Join(s.Impact, " ")
				return strings.Contains(said, "work again until they end") && strings.Contains(said, want)
			}) {
				t.Errorf("%s: no step of the release says that sessions work again for %s", name, want)
			}
		})
	}
}

// What makes sessions could not be switched off at first, and is an hour later: who came meanwhile is cut too before the
// case counts as contained.
func TestResumeCutsWhoCameMeanwhile(t *testing.T) {
	for name, refused := range map[string]string{"role-saml": "UpdateSAMLProvider", "role-oidc": "UpdateAssumeRolePolicy", "credentials-keeps-working": "UpdateAccessKey"} {
		synctest.Test(t, func(t *testing.T) {
			n := slices.IndexFunc(scenarios, func(s *scenario) bool { return s.drill == name })
			i := newIncident(t, scenarios[n])
			e, _, ctx := i.process(0)
			i.drill.World.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == refused {
					return awssim.Fault{Before: awssim.AccessDenied(refused)}
				}
				return awssim.Fault{}
			})
			if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) {
				t.Fatalf("%s: apply: %v", name, err)
			}
			time.Sleep(time.Hour)
			if err := i.resume(); err != nil {
				t.Fatalf("%s: resume: %v", name, err)
			}
			i.contained(i, name)
			w, who, issued := i.drill.World, i.drill.Subject, i.drill.World.Now().Add(-10*time.Minute)
			if strings.HasPrefix(name, "role") {
				id := ""
				w.Do(func(a *awssim.Account) { id = a.IAM.Roles[who].ID })
				if !w.Denied(who, id+":eve", "s3:GetObject", issued) {
					t.Errorf("%s: a session that was begun while the door was open lives on", name)
				}
			} else if !w.UserDenied(who, awssim.Credential{Issued: issued}, "s3:GetObject") {
				t.Errorf("%s: a session that was made while the key worked lives on", name)
			}
			if err := i.release(); err != nil {
				t.Fatalf("%s: release: %v", name, err)
			}
			i.restored(name)
		})
	}
}

// A user whose deny has no room is not contained by its keys being off.
func TestUserWithoutRoomForADenyIsNotContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newIncident(t, &scenario{drill: "credentials-full-quota", playbook: casefile.PlaybookCredentials, prepare: func(d *drill.Drill) {
			d.World.Do(func(a *awssim.Account) {
				for n := range 10 {
					a.IAM.Users[d.Subject].Attached[fmt.Sprintf("arn:aws:iam::aws:policy/P%d", n)] = "P"
				}
			})
		}})
		e, _, ctx := i.process(0)
		if err := i.apply(ctx, e); !errors.Is(err, ErrPartly) || !strings.Contains(err.Error(), "not contained: iam-user") {
			t.Errorf("apply: %v", err)
		}
		if p, err := e.Case.Progress(ctx); err != nil || p.State == casefile.Contained {
			t.Errorf("the case is %s, %v", p.State, err)
		}
	})
}

// What its owner was taking away when cordon came is the owner's doing: a release gives back the rest.
func TestReleaseGivesNothingBackThatItsOwnerTookAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := person(t)
		i.drill.World.Do(func(a *awssim.Account) { a.SSO.Takes = 10 * time.Second })
		var theirs string
		i.drill.World.Do(func(a *awssim.Account) {
			for _, x := range a.SSO.Assignments {
				if x.Principal == erinID && x.Account == "444455556666" {
					theirs = x.PermissionSet
				}
			}
		})
		var plan casefile.Plan
		if err := json.Unmarshal(i.plan, &plan); err != nil {
			t.Fatal(err)
		}
		n := slices.IndexFunc(plan.Steps, func(s casefile.Step) bool { return s.Action == action.RemoveAssignments.Name })
		owner := i.connect().Management.In(plan.Steps[n].Target.Region)
		e, _, ctx := i.process(0)
		_, err := owner.SSOAdmin.DeleteAccountAssignment(action.Allow(ctx, nil, action.RemoveAssignments.Writes, nil), &ssoadmin.DeleteAccountAssignmentInput{
			InstanceArn: aws.String(plan.Steps[n].Params["instance"]), PermissionSetArn: aws.String(theirs), TargetId: aws.String("444455556666"),
			PrincipalId: aws.String(erinID), PrincipalType: ssotypes.PrincipalTypeUser, TargetType: ssotypes.TargetTypeAwsAccount,
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := i.apply(ctx, e); err != nil {
			t.Fatalf("apply: %v", err)
		}
		i.contained(i, "beside its owner")
		if err := i.release(); err != nil {
			t.Fatalf("release: %v", err)
		}
		var has []string
		i.drill.World.Do(func(a *awssim.Account) {
			for _, x := range a.SSO.Assignments {
				if x.Principal == erinID {
					has = append(has, x.Account)
				}
			}
		})
		if slices.Sort(has); !slices.Equal(has, []string{"111122223333", "555566667777"}) {
			t.Errorf("after the release the user is assigned %v", has)
		}
		e, _, ctx = i.process(0)
		p, err := e.Case.Progress(ctx)
		said := slices.ContainsFunc(p.Steps, func(s casefile.StepStatus) bool {
			return s.State == casefile.Undone && strings.Contains(s.Partly, "444455556666")
		})
		if err != nil || p.State != casefile.Released || !said {
			t.Errorf("the case is %s, %v: %+v", p.State, err, p.Steps)
		}
	})
}

// Somebody puts the user into a group and gives it an assignment while it is contained: that stays, and the rest is given
// back beside it.
func TestReleaseBesideWhatAUserWasGivenSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := answered(t)
		const given = "666677778888"
		var key string
		i.drill.World.Do(func(a *awssim.Account) {
			for k, x := range a.SSO.Assignments {
				if x.Kind == "GROUP" {
					own := awssim.SSOAssignment{Account: given, PermissionSet: x.PermissionSet, Kind: "USER", Principal: erinID}
					key = strings.Replace(k, x.Account+"/"+x.PermissionSet+"/GROUP/"+x.Principal, given+"/"+x.PermissionSet+"/USER/"+erinID, 1)
					a.SSO.Assignments[key] = &own
				}
			}
			a.SSO.Groups["g-new"] = a.SSO.Groups["g-oncall"]
			for _, g := range []string{"g-new", "g-oncall"} { // by a synchronisation
				a.SSO.Memberships[g+"/"+erinID] = &awssim.SSOMembership{ID: "m-" + g, Group: g, User: erinID}
			}
		})
		if err := i.release(); err != nil {
			t.Fatalf("release: %v", err)
		}
		i.drill.World.Do(func(a *awssim.Account) {
			for _, g := range []string{"g-new", "g-oncall", "g-platform"} {
				if a.SSO.Memberships[g+"/"+erinID] == nil {
					t.Errorf("the user is not in %s", g)
				}
			}
			n := 0
			for _, x := range a.SSO.Assignments {
				if x.Principal == erinID {
					n++
				}
			}
			if n != 4 || a.SSO.Assignments[key] == nil {
				t.Errorf("the user has %d assignments", n)
			}
		})
	})
}
