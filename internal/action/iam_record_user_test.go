package action

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// knownUser is a user of whom there is something to record at every turn.
func knownUser(w *awssim.World) {
	limits := w.AddPolicy(awssim.ManagedPolicy{Name: "limits", Path: "/own/", Document: `{"Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}}`})
	w.AddGroup(awssim.Group{
		Name: "deployers", Inline: map[string]string{"deploy": `{"Statement":{"Effect":"Allow","Action":"ecs:*","Resource":"*"}}`},
		Attached: map[string]string{limits.ARN: limits.Name, "arn:aws:iam::aws:policy/ReadOnlyAccess": "ReadOnlyAccess"},
	})
	aUser(w)
	w.Do(func(a *awssim.Account) {
		u := a.IAM.Users["alice"]
		u.Groups, u.Boundary, u.Tags, u.MFA = []string{"deployers"}, limits.ARN, map[string]string{"owner": "ci"}, []string{"arn:aws:iam::111122223333:mfa/alice"}
		u.Attached[limits.ARN] = limits.Name
		u.Login = &awssim.LoginProfile{Created: w.Now()}
		u.SSHKeys[0].Body = "ssh-rsa AAAA alice"
	})
}

func recordUser(t *testing.T, s *stage) *tray {
	t.Helper()
	sink := newTray()
	if err := RecordUser.Collect(Allow(t.Context(), RecordUser.Reads, nil, nil), s.conn, Target{Target: alice()}, sink); err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestRecordOfAUserIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: knownUser}.stage(t, 0)
		sink := recordUser(t, s)
		if len(sink.losses) > 0 {
			t.Errorf("lost %v", sink.losses)
		}
		const limits = "policy arn:aws:iam::111122223333:policy/own/limits"
		for name, part := range map[string]string{
			"user": `"PermissionsBoundaryArn": "arn:aws:iam::111122223333:policy/own/limits"`, "tags": `"owner"`, "access keys": "AKIAALICEEXAMPLE0003",
			"last use of access key AKIAALICEEXAMPLE0001": `"s3"`, "inline policies": `"own"`, "inline policy own, decoded": `{"Version"`,
			"attached policies": "limits", limits: `"AttachmentCount": 2`, limits + ", decoded": `"iam:*"`, "groups": "deployers",
			"inline policies of group deployers": "deploy", "inline policy deploy of group deployers, decoded": "ecs:*",
			"policies attached to group deployers": "ReadOnlyAccess", "policy arn:aws:iam::aws:policy/ReadOnlyAccess, decoded": "Allow",
			"console password": "CreateDate", "MFA devices": "mfa/alice", "service-specific credentials": "bedrock.amazonaws.com",
			"signing certificates": "CERTALICEEXAMPLE00000001", "SSH public keys": "APKAALICEEXAMPLE0001", "SSH public key APKAALICEEXAMPLE0001": "ssh-rsa AAAA alice",
		} {
			if !strings.Contains(string(sink.artifacts[name]), part) {
				t.Errorf("%s is %q, and lacks %q", name, sink.artifacts[name], part)
			}
		}
		called := map[string]int{}
		for _, c := range s.world.Calls() {
			called[c.Operation]++
		}
		for _, o := range RecordUser.Reads {
			if called[o.Name] == 0 {
				t.Errorf("%s is declared and not called", o)
			}
		}
		if called["GetPolicy"] != 2 {
			t.Errorf("the two policies were read %d times", called["GetPolicy"])
		}
	})
}

// A read that fails is a loss under its own name, and every other artifact is had all the same.
func TestOneReadOfAUserThatFailsCostsNoOther(t *testing.T) {
	var whole []string
	synctest.Test(t, func(t *testing.T) {
		whole = slices.Sorted(maps.Keys(recordUser(t, trial{setup: knownUser}.stage(t, 0)).artifacts))
	})
	for _, o := range RecordUser.Reads {
		synctest.Test(t, func(t *testing.T) {
			s := trial{setup: knownUser}.stage(t, 0)
			s.world.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == o.Name {
					return awssim.Fault{Before: awssim.AccessDenied("")}
				}
				return awssim.Fault{}
			})
			sink := recordUser(t, s)
			if len(sink.losses) == 0 {
				t.Errorf("%s refused: nothing is lost", o)
			}
			for name, why := range sink.losses {
				if !strings.Contains(why, "AccessDenied") || sink.artifacts[name] != nil {
					t.Errorf("%s refused: %s is lost because %q", o, name, why)
				}
			}
			for _, name := range whole {
				if sink.artifacts[name] == nil && sink.losses[name] == "" && !follows(name, o.Name) {
					t.Errorf("%s refused: %s is neither had nor lost", o, name)
				}
			}
		})
	}
}

// follows tells what nobody can know of where the read that leads to it failed.
func follows(name, op string) bool {
	for lead, parts := range map[string][]string{
		"ListAccessKeys": {"last use of "}, "ListUserPolicies": {"inline policy own"}, "GetUserPolicy": {"inline policy own"}, "ListSSHPublicKeys": {"SSH public key "},
		"ListGroupsForUser": {"group deployers", "ReadOnlyAccess"}, "ListGroupPolicies": {"policy deploy of"}, "GetGroupPolicy": {"policy deploy of"},
		"ListAttachedGroupPolicies": {"ReadOnlyAccess"}, "GetPolicy": {"policy arn:"}, "GetPolicyVersion": {", decoded"},
	} {
		for _, p := range parts {
			if lead == op && strings.Contains(name, p) {
				return true
			}
		}
	}
	return false
}

// That a user has no password is evidence, and no loss.
func TestUserWithoutAPasswordIsRecordedSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := recordUser(t, trial{setup: aUser}.stage(t, 0))
		if !strings.Contains(string(sink.artifacts["console password"]), `"none"`) || len(sink.losses) > 0 {
			t.Errorf("%s, lost %v", sink.artifacts["console password"], sink.losses)
		}
	})
}

func TestCredentialReportIsWaitedFor(t *testing.T) {
	collect := func(s *stage, sink Sink) error {
		return RecordCredentialReport.Collect(Allow(s.Context(), RecordCredentialReport.Reads, nil, nil), s.conn, Target{Target: casefile.Target{Kind: casefile.AWSAccount, ID: "111122223333"}}, sink)
	}
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: aUser}.stage(t, 0)
		sink := newTray()
		for range 2 {
			if err := collect(s, sink); !errors.Is(err, ErrWaiting) {
				t.Errorf("before it is made: %v", err)
			}
		}
		time.Sleep(6 * time.Second)
		if err := collect(s, sink); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(sink.artifacts["credential report"]), "\nalice,arn:aws:iam::111122223333:user/people/alice,") ||
			!strings.Contains(string(sink.artifacts["credential report, when it was made"]), "GeneratedTime") {
			t.Errorf("%q", sink.artifacts)
		}
	})
	for _, name := range []string{"GenerateCredentialReport", "GetCredentialReport"} {
		synctest.Test(t, func(t *testing.T) {
			s := trial{setup: aUser}.stage(t, 0)
			s.world.SetHook(func(c awssim.Call) awssim.Fault {
				if c.Operation == name {
					return awssim.Fault{Before: awssim.AccessDenied("")}
				}
				return awssim.Fault{}
			})
			sink := newTray()
			_ = collect(s, sink)
			time.Sleep(6 * time.Second)
			if err := collect(s, sink); err != nil || !strings.Contains(sink.losses["credential report"], "AccessDenied") {
				t.Errorf("%s refused: error %v, lost %v", name, err, sink.losses)
			}
		})
	}
}

func TestRecordEndsWithASinkThatIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: knownUser}.stage(t, 0)
		sink := newTray()
		sink.broken = context.DeadlineExceeded
		if err := RecordUser.Collect(may(RecordUser), s.conn, Target{Target: alice()}, sink); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}
