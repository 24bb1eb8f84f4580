package awssim

import (
	"fmt"
	"slices"
	"strings"
)

// suspect is what was on a suspect instance's interfaces when it was named.
type suspect struct {
	groups map[string]bool
}

// Suspect names a compromised instance. From then on, opening one of its
// groups to the world, or giving it an open group that it did not have before,
// is a violation.
func (w *World) Suspect(instanceID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := suspect{groups: map[string]bool{}}
	for _, region := range w.account.Regions {
		for _, eni := range region.NetworkInterfaces {
			if eni.instance() != instanceID {
				continue
			}
			for _, g := range eni.Groups {
				s.groups[g] = true
			}
		}
	}
	w.suspects[instanceID] = s
}

func (w *World) isSuspect(instanceID string) bool {
	_, ok := w.suspects[instanceID]
	return ok
}

// AllowDeletes says whether Delete and Terminate calls are to be expected from
// now on, as in a release. Deleting a snapshot never is.
func (w *World) AllowDeletes(allow bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deletions = allow
}

// Violations lists what the caller ought not to have done, in order.
func (w *World) Violations() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.violations)
}

// violate notes a violation from outside the lock.
func (w *World) violate(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note(format, args...)
}

// note notes a violation from under the lock.
func (w *World) note(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// violation notes what the caller of this request ought not to have done.
func (r *Request) violation(format string, args ...any) {
	r.World.note("%s: %s.%s: %s", r.Actor, r.Service, r.Operation, fmt.Sprintf(format, args...))
}

// policeCall judges a call by its name alone.
func (w *World) policeCall(call Call) {
	if !strings.HasPrefix(call.Operation, "Delete") && !strings.HasPrefix(call.Operation, "Terminate") {
		return
	}
	switch {
	case strings.Contains(call.Operation, "Snapshot"):
		w.note("%s called %s.%s: snapshots are evidence", call.Actor, call.Service, call.Operation)
	case call.Service == "ssm" && call.Operation == "TerminateSession":
		// Ending the intruder's session takes nothing away that could come back.
	case call.Operation == "DeleteAccountAssignment", call.Operation == "DeleteGroupMembership":
		// What somebody is given and taken is no thing: release gives it again, the same.
	case isRoot(call.Actor):
		// The root user's credentials cannot be made inactive by anybody else, only deleted: a step that says so, and
		// that is approved by number.
	case !w.deletions:
		w.note("%s called %s.%s where nothing is to be deleted", call.Actor, call.Service, call.Operation)
	}
}

// missing notes a change of something that never existed, which a caller that
// looked first cannot ask for. Something that was there and has gone is AWS's
// ordinary life, and reading is how a caller finds out.
func (r *Request) missing(id string) {
	if r.write && !r.World.everKnown[id] {
		r.violation("%q never existed", id)
	}
}

// policeTags notes a creation that carries no tag: after a crash nobody could
// tell whose it is.
func (r *Request) policeTags(what string, tags map[string]string) {
	if len(tags) == 0 {
		r.violation("%s was created without a tag", what)
	}
}

// policeGroups notes a suspect that is given a group open to the world which
// it did not have when it was named.
func (r *Request) policeGroups(n *NetworkInterface, groups []string) {
	s, ok := r.World.suspects[n.instance()]
	if !ok {
		return
	}
	for _, id := range groups {
		sg := r.Region.SecurityGroups[id]
		if sg == nil || s.groups[id] {
			continue
		}
		if slices.ContainsFunc(slices.Concat(sg.Ingress, sg.Egress), worldOpen) {
			r.violation("%s, open to the world, put on %s of suspect %s", id, n.ID, n.instance())
		}
	}
}

// policeRules notes rules open to the world on a group that a suspect has.
func (r *Request) policeRules(sg *SecurityGroup, rules []Rule) {
	if !slices.ContainsFunc(rules, worldOpen) {
		return
	}
	for _, n := range r.Region.NetworkInterfaces {
		if _, ok := r.World.suspects[n.instance()]; ok && slices.Contains(n.Groups, sg.ID) {
			r.violation("%s of suspect %s opened to the world", sg.ID, n.instance())
			return
		}
	}
}

func worldOpen(rule Rule) bool { return rule.CIDR == "0.0.0.0/0" || rule.IPv6CIDR == "::/0" }
