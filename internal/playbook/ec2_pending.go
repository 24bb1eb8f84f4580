package playbook

import (
	"slices"

	"cordon/internal/action"
)

// later is the actions found by name while they are being written: a step without one is left out of the draft.
var later = struct {
	SuspendProcesses, DetachInstance, StandbyInstance, ResumeProcesses, DeregisterTarget, DeregisterClassic,
	DenyAddresses, DenyInstanceSession, RevokeRoleSessions action.Action
}{
	named("asg-suspend-processes"), named("asg-detach-instance"), named("asg-standby-instance"), named("asg-resume-processes"),
	named("elbv2-deregister-target"), named("elb-deregister-instance"), named("ec2-deny-addresses"),
	named("iam-deny-instance-session"), named("iam-revoke-role-sessions"),
}

func named(name string) action.Action {
	for _, a := range action.All {
		if a.Name == name {
			return a
		}
	}
	return action.Action{}
}

func present(list []action.Action) []action.Action {
	return slices.DeleteFunc(list, func(a action.Action) bool { return a.Name == "" })
}

// withoutMissing takes out the steps that have no action yet, and the waiting for them.
func withoutMissing(d Draft) Draft {
	have := map[string]bool{}
	d.Steps = slices.DeleteFunc(d.Steps, func(s Step) bool { return s.Action.Name == "" })
	for _, s := range d.Steps {
		have[s.Key] = true
	}
	for i := range d.Steps {
		missing := func(k string) bool { return !have[k] }
		d.Steps[i].After = slices.DeleteFunc(slices.Clone(d.Steps[i].After), missing)
		d.Steps[i].AfterAny = slices.DeleteFunc(slices.Clone(d.Steps[i].AfterAny), missing)
	}
	return d
}
