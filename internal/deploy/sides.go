package deploy

import (
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cordon/internal/action"
	"cordon/internal/playbook"
)

// Side says whose credentials a call is made with. Each side gets a policy of its own: the one in the account must not
// be able to change the organisation, nor the organisation's the account.
type Side string

// The sides. Member is the account that the incident is in, whether or not it is in an organisation; Management is the
// organisation's management account, or the one that it delegated the service to.
const (
	Member     Side = "member"
	Management Side = "management"
)

// Sides lists them, the default first.
var Sides = []Side{Member, Management}

// byManagement is the services that answer the management account or its delegated administrator alone, so that
// actions and playbooks call them through action.AWS.Management. Everything else is called in the account.
var byManagement = map[string]string{
	// docs.aws.amazon.com/organizations/latest/userguide/orgs_permissions_overview.html
	"organizations": "an organisation is changed from its management account",
	// docs.aws.amazon.com/singlesignon/latest/userguide/organization-instances-identity-center.html
	"ssoadmin":      "an organisation's instance of Identity Center is the management account's",
	"identitystore": "the users of Identity Center are kept with its instance",
}

// onBoth is the services that are called wherever the thing is.
var onBoth = map[string]string{
	// docs.aws.amazon.com/singlesignon/latest/userguide/connectawsad.html
	"directoryservice":     "a directory is the account's own, or that of Identity Center and then with it",
	"directoryservicedata": "a directory's users are changed where it is",
}

// alone is the operations of services called on both sides that one side alone makes.
var alone = map[action.Op]Side{
	// docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html
	action.Call((*sts.Client).AssumeRoot): Management,
	// docs.aws.amazon.com/IAM/latest/APIReference/API_ListOrganizationsFeatures.html
	action.Call((*iam.Client).ListOrganizationsFeatures): Management,
	// Any account of the organisation is told which that is
	// (docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html).
	action.Call((*organizations.Client).DescribeOrganization): Member,
}

// sideOf is where an operation is called that one side alone makes.
func sideOf(o action.Op) Side {
	if s, ok := alone[o]; ok {
		return s
	}
	if byManagement[o.Service] != "" {
		return Management
	}
	return Member
}

// makes tells whether calls of an operation are made on the side.
func (s Side) makes(o action.Op) bool { return onBoth[o.Service] != "" || sideOf(o) == s }

// of keeps a side's operations.
func (s Side) of(ops action.Ops) action.Ops {
	return slices.DeleteFunc(slices.Clone(ops), func(o action.Op) bool { return !s.makes(o) })
}

// onSide is the playbook as if a side's calls were all that it makes.
func onSide(p playbook.Playbook, s Side) playbook.Playbook {
	p.Reads = s.of(p.Reads)
	p.Actions = slices.Clone(p.Actions)
	for i, a := range p.Actions {
		if a.AsRoot {
			a.Reads, a.Writes = ownCalls(a.Reads), ownCalls(a.Writes)
		}
		a.Reads, a.Writes, a.UndoReads, a.UndoWrites = s.of(a.Reads), s.of(a.Writes), s.of(a.UndoReads), s.of(a.UndoWrites)
		p.Actions[i] = a
	}
	return p
}

// ownCalls leaves out what the root user's session calls: nobody's policy grants it, and granted to the responder it
// would be the right to delete users' keys.
func ownCalls(ops action.Ops) action.Ops {
	return slices.DeleteFunc(slices.Clone(ops), func(o action.Op) bool { return o.Service == "iam" })
}

// HasSide tells whether a playbook makes any call on that side.
func HasSide(p playbook.Playbook, s Side) bool {
	p = onSide(p, s)
	for _, a := range p.Actions {
		if len(a.Reads)+len(a.Writes)+len(a.UndoReads)+len(a.UndoWrites) > 0 {
			return true
		}
	}
	return len(p.Reads) > 0
}

// ParseSide reads a side as the command line gives it.
func ParseSide(text string) (Side, error) {
	if s := Side(text); slices.Contains(Sides, s) {
		return s, nil
	}
	return "", fmt.Errorf("there is no side %q; there is: %s, %s", text, Member, Management)
}

// ActsOn tells whether an action makes any call on that side.
func ActsOn(a action.Action, s Side) bool {
	for _, ops := range []action.Ops{a.Reads, a.Writes, a.UndoReads, a.UndoWrites} {
		if len(s.of(ops)) > 0 {
			return true
		}
	}
	return false
}
