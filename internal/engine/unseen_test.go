package engine

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

func planOf(t *testing.T, e *estate) (casefile.Plan, error) {
	base := casefile.Plan{Format: 1, Kind: casefile.PlanContain, Case: "case-1", Simulated: true, Account: "111122223333", Region: "eu-west-1", Partition: "aws"}
	return Plan(t.Context(), e.connect(), base, playbook.Playbook{Name: "all users", Draft: e.draft}, playbook.Incident{}, playbook.Options{})
}

// A step whose target nobody may look at is planned with that said, keeps no other from being planned, and is no drift
// once it can be looked at.
func TestStepThatCannotBeLookedAtIsPlanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, 3, casefile.NewMem())
		e.world.SetHook(func(c awssim.Call) awssim.Fault {
			if in, ok := c.Input.(*iam.ListAccessKeysInput); ok && aws.ToString(in.UserName) == "user-0001" {
				return awssim.Fault{Before: awssim.AccessDenied("ListAccessKeys")}
			}
			return awssim.Fault{}
		})
		plan, err := planOf(t, e)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range plan.Steps {
			unseen := s.Action == "iam-disable-access-keys" && s.Target.ID == "user-0001"
			if unseen != (s.Before == nil) || unseen != strings.Contains(strings.Join(s.Impact, ""), "could not be read: ") || unseen != (s.Change == "could not be looked at") {
				t.Errorf("step %d: before %s, change %q, impact %q", s.N, s.Before, s.Change, s.Impact)
			}
		}
		e.world.SetHook(nil)
		if e.plan, _, err = Encode(plan); err != nil {
			t.Fatal(err)
		}
		if err := e.engine(1).Apply(t.Context(), e.plan, "flag"); err != nil {
			t.Fatal(err)
		}
		e.contained()
	})
}

// Where nothing at all can be looked at, there is nothing to plan from.
func TestPlanOfNothingSeenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEstate(t, 3, casefile.NewMem())
		e.world.SetHook(func(c awssim.Call) awssim.Fault { return awssim.Fault{Before: awssim.AccessDenied(c.Operation)} })
		if plan, err := planOf(t, e); err == nil || !strings.Contains(err.Error(), "plan step 1, iam-deny-user") {
			t.Errorf("planned %d steps, %v", len(plan.Steps), err)
		}
	})
}

// What the plan could not see has not drifted from it: the step goes by its own look.
func TestUnseenIsNoDrift(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.w.values["a"] = "owner"
		plan := fakePlan()
		for i := range plan.Steps {
			if plan.Steps[i].Target.ID == "a" {
				plan.Steps[i].Before = nil
			}
		}
		data, _, err := Encode(plan)
		if err != nil {
			t.Fatal(err)
		}
		e, _, ctx := r.process(r.first, 0)
		if err := e.Apply(ctx, data, "flag"); err != nil {
			t.Fatal(err)
		}
		if r.w.values["a"] == "owner" {
			t.Error("it was not carried out")
		}
	})
}
