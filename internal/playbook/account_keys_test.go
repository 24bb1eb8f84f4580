package playbook

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// crowd adds more users than each key's last use is asked for.
func crowd(w *awssim.World) {
	var users []awssim.User
	for i := range askEach {
		k := awssim.UserKey{Active: true, LastUsed: time.Now().Add(-time.Hour), Service: "s3", Region: "eu-west-1"}
		users = append(users, awssim.User{Name: fmt.Sprintf("one-of-many-%03d", i), Keys: []awssim.UserKey{k, {Active: true}}})
	}
	w.AddUsers(users)
}

func keysOf(d Draft, user string) (Step, bool) {
	for _, s := range d.Steps {
		if s.Action.Name == action.DisableKeys.Name && s.Target.ID == user {
			return s, true
		}
	}
	return Step{}, false
}

// Of many users one answer tells what their keys were last used for, and one call each is left: the keys themselves,
// which the report may be four hours late with. What the draft has seen is not looked at again.
func TestKeysOfManyUsersAreNotAskedForOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var world *awssim.World
		d := draftIn(t, "account-takeover", func(w *awssim.World) { world = w; crowd(w) }, Options{})
		calls := map[string]int{}
		for _, c := range world.Calls() {
			calls[c.Operation]++
		}
		if users := len(askedUsers(d)); calls["ListAccessKeys"] != users || calls["GetAccessKeyLastUsed"] != 0 || calls["GetUser"] != 0 {
			t.Errorf("for %d users: %v", users, calls)
		}
		for _, s := range d.Steps {
			if s.Target.Kind == casefile.IAMUser && s.Now == nil {
				t.Errorf("%s %s is looked at again", s.Action.Name, s.Target.ID)
			}
		}
		s, _ := keysOf(d, "one-of-many-007")
		if !said(s.Impact, ", for s3 in eu-west-1 (credential report of 2") || !said(s.Impact, "a key was never used, as far as AWS knows (credential report of 2") {
			t.Errorf("keys of one of many: %q", s.Impact)
		}
	})
}

func askedUsers(d Draft) map[string]bool {
	users := map[string]bool{}
	for _, s := range d.Steps {
		if s.Action.Name == action.DisableKeys.Name {
			users[s.Target.ID] = true
		}
	}
	return users
}

// A report that cannot be had costs the last uses, which is said, and no step.
func TestReportOfKeysThatCannotBeHad(t *testing.T) {
	for operation, want := range map[string]string{
		"GenerateCredentialReport": "when keys were last used, and so what will fail without them, could not be read: ",
		"GetCredentialReport":      "when keys were last used, and so what will fail without them, could not be read: ",
		"":                         "could not be read: AWS is still making the credential report",
	} {
		synctest.Test(t, func(t *testing.T) {
			d := draftIn(t, "account-takeover", func(w *awssim.World) {
				crowd(w)
				w.SetHook(func(c awssim.Call) awssim.Fault {
					switch {
					case operation != "" && c.Operation == operation:
						return awssim.Fault{Before: awssim.AccessDenied(operation)}
					case operation == "" && c.Operation == "GenerateCredentialReport":
						w.Do(func(a *awssim.Account) { a.IAM.Report = nil })
					}
					return awssim.Fault{}
				})
			}, Options{})
			if !said(d.Warnings, want) {
				t.Errorf("%s: %q", operation, d.Warnings)
			}
			if s, ok := keysOf(d, "one-of-many-007"); !ok || len(s.Impact) > 0 || s.Now == nil {
				t.Errorf("%s: %+v", operation, s)
			}
		})
	}
}

// One user whose keys cannot be listed is said, and is looked at again; one that is deleted meanwhile is left out, and
// neither keeps the others from being planned.
func TestOneUserWhoseKeysCannotBeListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := draftIn(t, "account-takeover", func(w *awssim.World) {
			w.SetHook(func(c awssim.Call) awssim.Fault {
				in, ok := c.Input.(*iam.ListAccessKeysInput)
				switch {
				case !ok:
				case aws.ToString(in.UserName) == "developer-1":
					return awssim.Fault{Before: awssim.AccessDenied("ListAccessKeys")}
				case aws.ToString(in.UserName) == "developer-2":
					w.Do(func(a *awssim.Account) { delete(a.IAM.Users, "developer-2") })
				}
				return awssim.Fault{}
			})
		}, Options{})
		if !said(d.Warnings, "the access keys of user developer-1 could not be read: ") {
			t.Errorf("not said: %q", d.Warnings)
		}
		if s, ok := keysOf(d, "developer-1"); !ok || s.Now != nil {
			t.Errorf("developer-1: %+v", s)
		}
		if _, ok := keysOf(d, "developer-2"); ok {
			t.Error("a user that is gone is planned for")
		}
		if s, ok := keysOf(d, "developer-3"); !ok || s.Now == nil {
			t.Errorf("developer-3: %+v", s)
		}
	})
}
