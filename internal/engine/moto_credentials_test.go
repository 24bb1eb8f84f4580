package engine_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// TestIdentitiesOverHTTP answers incidents of users, roles and accounts over the wire.
func TestIdentitiesOverHTTP(t *testing.T) {
	t.Parallel()
	moto := startMoto(t)
	for _, c := range []struct {
		name string
		test func(*account)
	}{
		{"a user by its key", userByKey},
		{"a user who keeps working", userKeepsWorking},
		{"a user whose intruder is faster", userMeddled},
		{"a user who keeps working and whose policies leave no room", userKeepsWorkingWithoutRoom},
		{"a role, its doors and its providers", roleAndItsDoors},
		{"one session of a role", roleOneSession},
		{"a role whose policies leave no room", roleWithoutRoom},
		{"a role of Identity Center and the user behind it", roleOfIdentityCenter},
		{"an account by a policy", accountByPolicy},
		{"an account by a unit", accountByUnit},
		{"an account from inside", accountFromInside},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(newAccount(t, moto)) })
	}
	t.Run("a user whose policies leave no room", func(t *testing.T) {
		// AWS's own policies are there where the server is asked for them, and take it seconds.
		userWithoutRoom(newAccount(t, startMoto(t, "MOTO_IAM_LOAD_MANAGED_POLICIES=true")))
	})
}

// anyKey is one of the user's access keys.
func anyKey(s identities, user string) string { return slices.Sorted(maps.Keys(s.Users[user].Keys))[0] }

func (a *account) respondToKey(key string, o playbook.Options) *incident {
	a.t.Helper()
	subject := casefile.Subject{Kind: casefile.AccessKey, ID: key, Playbook: casefile.PlaybookCredentials}
	return a.respondTo(playbook.Credentials, subject, casefile.Incident{Finding: casefile.FindingRef{ID: "f-1"}}, o)
}

// userByKey: the key leads to its user, who is denied everything and has no credential left that works.
func userByKey(a *account) {
	a.person()
	before := a.lookAtIAM()
	if u := before.Users[person]; len(u.Keys) != 2 || !u.Password || len(u.Certificates) != 1 || len(u.SSH) != 1 || len(u.Inline) != 1 {
		a.t.Fatalf("the user was not made as meant: %s", before)
	}
	r := a.respondToKey(anyKey(before, person), playbook.Options{})
	a.sameIAM(before)
	r.apply()
	after := a.lookAtIAM()
	r.userCut(before, after)
	if added := newIn(after.Users[person].Inline, before.Users[person].Inline); len(added) != 1 || added[0] != action.DenyAllPolicy() {
		a.t.Errorf("the policies put on the user: %v", added)
	}
	r.release()
	a.sameIAM(before)
}

// newIn is the documents under names that were not there before.
func newIn(after, before map[string]string) []string {
	var added []string
	for name, document := range after {
		if _, was := before[name]; !was {
			added = append(added, document)
		}
	}
	return added
}

// userCut: no credential of the user works, and the bystander is untouched.
func (r *incident) userCut(before, after identities) {
	r.t.Helper()
	u := after.Users[person]
	for what, statuses := range map[string]map[string]string{
		"access key": u.Keys, "service-specific credential": u.Services, "SSH key": u.SSH, "signing certificate": u.Certificates,
	} {
		for id, status := range statuses {
			if status != string(iamtypes.StatusTypeInactive) {
				r.t.Errorf("%s %s is %s", what, id, status)
			}
		}
	}
	if !u.Password {
		r.t.Error("the password is gone: it cannot be put back")
	}
	for name, document := range before.Users[person].Inline {
		if u.Inline[name] != document {
			r.t.Errorf("the user's own policy %s is now %q", name, u.Inline[name])
		}
	}
	if b := "bystander"; len(after.Users) != len(before.Users) || !maps.Equal(after.Users[b].Keys, before.Users[b].Keys) || len(after.Users[b].Inline) != 0 {
		r.t.Errorf("the bystander is now %+v", after.Users[b])
	}
}

// userKeepsWorking: the sessions alone are denied, as the document says; moto judges none.
func userKeepsWorking(a *account) {
	a.person()
	before := a.lookAtIAM()
	r := a.respondToKey(anyKey(before, person), playbook.Options{SessionsOnly: true})
	r.apply()
	sessionsDenied(a, newIn(a.lookAtIAM().Users[person].Inline, before.Users[person].Inline))
	r.release()
	a.sameIAM(before)
}

// sessionsDenied wants the two denies of what was issued until then: before what makes sessions was closed, and after.
func sessionsDenied(a *account, added []string) {
	a.t.Helper()
	if len(added) != 2 || !strings.Contains(added[0], `"aws:TokenIssueTime"`) || !strings.Contains(added[1], `"aws:TokenIssueTime"`) {
		a.t.Errorf("the policies that were put on: %v", added)
	}
}

// userMeddled: a key that the intruder made after the plan is off too; one that the owner deletes meanwhile does not
// come back, and all else does.
func userMeddled(a *account) {
	a.person()
	first := anyKey(a.lookAtIAM(), person)
	r := a.respondToKey(first, playbook.Options{})
	must(a.iam.DeleteAccessKey(a.ctx, &iam.DeleteAccessKeyInput{UserName: aws.String(person), AccessKeyId: aws.String(first)}))(a)
	a.keys(person, 1)
	before := a.lookAtIAM()
	r.apply()
	r.userCut(before, a.lookAtIAM())
	r.release()
	a.sameIAM(before)
}

// filling leaves no room for a deny in the user's inline policies.
func filling() string {
	const frame = `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	return strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", action.UserInlineQuota-len(ownPolicy)-len(frame)), 1)
}

// userWithoutRoom: the user's policies take all of their quota, so AWS's own deny is attached.
func userWithoutRoom(a *account) {
	a.person(filling())
	before := a.lookAtIAM()
	r := a.respondToKey(anyKey(before, person), playbook.Options{})
	r.apply()
	after := a.lookAtIAM()
	r.userCut(before, after)
	if on := after.Users[person]; !slices.Contains(on.Attached, action.DenyAllARN("aws")) || len(on.Inline) != len(before.Users[person].Inline) {
		a.t.Errorf("the user has %v and %v", on.Attached, on.Inline)
	}
	r.release()
	a.sameIAM(before)
}

// userKeepsWorkingWithoutRoom: policies are made for the case and attached; release deletes them.
func userKeepsWorkingWithoutRoom(a *account) {
	a.person(filling())
	before := a.lookAtIAM()
	r := a.respondToKey(anyKey(before, person), playbook.Options{SessionsOnly: true})
	r.apply()
	after := a.lookAtIAM()
	sessionsDenied(a, newIn(after.Policies, before.Policies))
	for arn, document := range after.Policies {
		if _, was := before.Policies[arn]; !was && (!strings.Contains(document, `"aws:TokenIssueTime"`) || !slices.Contains(after.Users[person].Attached, arn)) {
			a.t.Errorf("policy %s is %s, and the user has %v", arn, document, after.Users[person].Attached)
		}
	}
	r.release()
	a.sameIAM(before)
}
