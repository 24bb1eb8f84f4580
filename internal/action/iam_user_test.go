package action

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/awssim"
)

// cuts is every action that cuts a user off, with the params of a plan.
var cuts = map[*Action]map[string]string{
	&DenyUser: {"user_id": aliceID, "form": DenyAll, "via": ViaInline}, &DenyUserByPolicy: {"user_id": aliceID},
	&DisableKeys: {"user_id": aliceID}, &DisableServiceCredentials: {"user_id": aliceID}, &DisableCertificates: {"user_id": aliceID}, &DisableSSHKeys: {"user_id": aliceID},
}

// Whatever the responder's clock and zone say, the same sessions are cut: AWS's clock counts.
func TestDenyOfSessionsGoesByAWSClock(t *testing.T) {
	zone := time.Local
	defer func() { time.Local = zone }()
	for _, a := range []Action{DenyUser, DenyUserByPolicy} {
		for hours := -12; hours <= 14; hours += 13 {
			for _, wrong := range []time.Duration{-15 * time.Minute, 0, 15 * time.Minute} {
				synctest.Test(t, func(t *testing.T) {
					time.Local = time.FixedZone("there", hours*3600)
					w := awssim.New(awssim.Options{Now: func() time.Time { return time.Now().Add(wrong) }})
					aUser(w)
					c := connected(w)
					target := Target{Target: alice(), Case: "case-1", OpID: "op-1", Params: map[string]string{"user_id": aliceID, "form": DenySessions, "via": ViaInline}}
					if err := a.Apply(may(a), c, target, json.RawMessage(`{"policy":"none"}`)); err != nil {
						t.Fatal(err)
					}
					at := w.Now().Truncate(time.Second)
					for after, denied := range map[time.Duration]bool{-36 * time.Hour: true, 0: true, 29 * time.Second: true, 31 * time.Second: false, time.Hour: false} {
						for _, name := range []string{"", "federated"} {
							if got := w.UserDenied("alice", awssim.Credential{Issued: at.Add(after), Federated: name}, "s3:GetObject"); got != denied {
								t.Errorf("%s, UTC%+d, clock off by %s: a session of %s after the cut, federated %t: denied %t", a.Name, hours, wrong, after, name != "", got)
							}
						}
					}
					if w.UserDenied("alice", awssim.Credential{}, "s3:GetObject") {
						t.Error("the deny of sessions hits what a key signs")
					}
				})
			}
		}
	}
}

func connected(w *awssim.World) *AWS {
	cfg := aws.Config{Region: simWorld, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	w.Attach(&cfg, "arn:aws:sts::111122223333:assumed-role/responder/ann")
	c := Connect(cfg)
	c.Account, c.Partition, c.Caller = "111122223333", "aws", "arn:aws:sts::111122223333:assumed-role/responder/ann"
	return c
}

// The deny of everything stops keys, the console and both kinds of session, however it is put on; a release ends it.
func TestDenyOfEverythingStopsEveryCredential(t *testing.T) {
	for _, via := range []string{ViaInline, ViaManaged} {
		synctest.Test(t, func(t *testing.T) {
			s := trial{setup: aUser}.stage(t, 1)
			everything := []awssim.Credential{{}, {Issued: time.Now()}, {Issued: time.Now().Add(time.Hour)}, {Issued: time.Now(), Federated: "x"}}
			all := s.bringAll(denying(DenyAll, via))
			for _, with := range everything {
				if !s.world.UserDenied("alice", with, "sts:AssumeRole") {
					t.Errorf("%s: %+v is not denied", via, with)
				}
			}
			if s.world.UserDenied("bob", awssim.Credential{}, "s3:GetObject") {
				t.Error("somebody else is denied")
			}
			s.putBack(all)
			for _, with := range everything {
				if s.world.UserDenied("alice", with, "sts:AssumeRole") {
					t.Errorf("%s: %+v is still denied", via, with)
				}
			}
		})
	}
}

// No time in AWS's answer: no cut-off is guessed.
func TestNoCutoffWithoutAWSClock(t *testing.T) {
	s := &script{answers: map[string]any{"GetUser": &iam.GetUserOutput{User: &iamtypes.User{UserId: aws.String(aliceID)}}, "PutUserPolicy": &iam.PutUserPolicyOutput{}}}
	target := Target{Target: alice(), OpID: "op-1", Params: map[string]string{"user_id": aliceID, "form": DenySessions, "via": ViaInline}}
	if err := DenyUser.Apply(may(DenyUser), s.connect(t), target, json.RawMessage(`{"policy":"none"}`)); err == nil || len(sentOf[iam.PutUserPolicyInput](s)) > 0 {
		t.Errorf("error %v, sent %v", err, s.sent)
	}
}

func TestOthersPoliciesOfAUserAreNotOverwritten(t *testing.T) {
	for name, document := range map[string]string{
		"allows":       `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		"key twice":    strings.Replace(DenyAllPolicy(), `"Effect":"Deny"`, `"Effect":"Deny","Effect":"Allow"`, 1),
		"a condition":  strings.Replace(DenyAllPolicy(), `"Resource"`, `"Condition":{"Bool":{"aws:SecureTransport":"false"}},"Resource"`, 1),
		"one more":     strings.Replace(RevokeSessionsPolicy(time.Unix(0, 0)), `"DateLessThan":{`, `"DateLessThan":{"aws:CurrentTime":"1970-01-01T00:00:00Z",`, 1),
		"no cut-off":   strings.Replace(RevokeSessionsPolicy(time.Unix(0, 0)), `"1970-01-01T00:00:00Z"`, `""`, 1),
		"no JSON":      "{",
		"no statement": `{"Version":"2012-10-17","Statement":[]}`,
	} {
		for _, params := range []map[string]string{{"form": DenyAll, "via": ViaInline}, {"form": DenySessions, "via": ViaInline}, nil} {
			a, none, want := DenyUser, `{"policy":"none"}`, `{"policy":"other"}`
			if params == nil {
				a, none, want = DenyUserByPolicy, `{"made":0,"policy":"none"}`, `{"made":1,"policy":"other"}`
			}
			target := Target{Target: alice(), Case: "case-1", OpID: "op-1", Params: params}
			s := &script{answers: map[string]any{
				"GetUserPolicy":            &iam.GetUserPolicyOutput{PolicyDocument: &document},
				"ListPolicies":             &iam.ListPoliciesOutput{Policies: []iamtypes.Policy{{Arn: aws.String("arn:aws:iam::111122223333:policy" + denyPath(target) + "x"), DefaultVersionId: aws.String("v2")}}},
				"GetPolicyVersion":         &iam.GetPolicyVersionOutput{PolicyVersion: &iamtypes.PolicyVersion{Document: &document}},
				"ListAttachedUserPolicies": &iam.ListAttachedUserPoliciesOutput{},
			}}
			c := s.connect(t)
			now, err := a.Observe(may(a), c, target)
			if err != nil || string(now) != want {
				t.Errorf("%s, %v: state %s, error %v", name, params, now, err)
				continue
			}
			if err := a.Apply(may(a), c, target, now); err == nil || !strings.Contains(err.Error(), "left alone") {
				t.Errorf("%s, %v: put over the policy: %v", name, params, err)
			}
			if err := a.Undo(may(a), c, target, json.RawMessage(none), now); err == nil {
				t.Errorf("%s, %v: the policy was taken off", name, params)
			}
			if n := len(sentOf[iam.PutUserPolicyInput](s)) + len(sentOf[iam.DeleteUserPolicyInput](s)) + len(sentOf[iam.DeletePolicyInput](s)); n > 0 {
				t.Errorf("%s, %v: %d changes were sent", name, params, n)
			}
		}
	}
}

// A user made anew under the same name, and the responder's own, are refused before anything is sent.
func TestUsersThatAreNotCut(t *testing.T) {
	for want, change := range map[string]func(s *stage){
		"is not the one of the plan": func(s *stage) {
			s.world.Do(func(a *awssim.Account) { a.IAM.Users["alice"].ID = "AIDANEWLYMADE12345678" })
		},
		"cut itself off": func(s *stage) { s.conn.Caller = "arn:aws:iam::111122223333:user/people/alice" },
		"would cut itself off": func(s *stage) { // in the management account itself
			s.conn.Management = &AWS{Account: s.conn.Account, Caller: "arn:aws:iam::111122223333:user/people/alice"}
		},
	} {
		for a, params := range cuts {
			synctest.Test(t, func(t *testing.T) {
				s := trial{setup: aUser}.stage(t, 0)
				target := Target{Target: alice(), Case: "case-1", OpID: "op-1", Params: params}
				now := s.see(*a, target)
				change(s)
				if err := a.Apply(may(*a), s.conn, target, now); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: %v, want an error that says %q", a.Name, err, want)
				}
				for _, c := range s.world.Calls() {
					if c.Write {
						t.Errorf("%s sent %s", a.Name, c.Operation)
					}
				}
			})
		}
	}
}

func TestCallerUserIsReadFromTheARN(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::111122223333:user/alice":                    "alice",
		"arn:aws-us-gov:iam::111122223333:user/people/ops/alice":  "alice",
		"arn:aws:sts::111122223333:assumed-role/user/alice":       "",
		"arn:aws:sts::111122223333:federated-user/alice":          "",
		"arn:aws:iam::111122223333:root":                          "",
		"arn:aws:sts::111122223333:assumed-role/x/y:user/alice":   "",
		"arn:aws:iam::111122223333:group/people:user/alice/z":     "",
		"arn:aws:iam::111122223333:user/path:user/with-colon/bob": "bob",
	} {
		if got := CallerUser(arn); got != want {
			t.Errorf("%s: %q, not %q", arn, got, want)
		}
	}
}

// A key that an intruder makes between the look and the change is found by the look after it.
func TestKeysMadeMeanwhileAreDisabledToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: aUser}.stage(t, 0)
		s.world.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation != "UpdateAccessKey" {
				return awssim.Fault{}
			}
			return awssim.Fault{Then: func() {
				s.world.Do(func(a *awssim.Account) {
					u := a.IAM.Users["alice"]
					if !slices.ContainsFunc(u.Keys, func(k awssim.UserKey) bool { return k.ID == "AKIAINTRUDEREXAMPLE1" }) {
						u.Keys = append(u.Keys, awssim.UserKey{ID: "AKIAINTRUDEREXAMPLE1", Active: true})
					}
				})
				s.world.SetHook(nil)
			}}
		})
		all := s.bringAll(switching(DisableKeys))
		s.world.Do(func(a *awssim.Account) {
			for _, k := range a.IAM.Users["alice"].Keys {
				if k.Active {
					t.Errorf("%s is still active", k.ID)
				}
			}
		})
		// Undone, only what the first look saw Active comes back: not the intruder's.
		if err := DisableKeys.Undo(may(DisableKeys), s.conn, all[0].target, all[0].before, s.see(DisableKeys, all[0].target)); err != nil {
			t.Fatal(err)
		}
		if now := s.see(DisableKeys, all[0].target); string(now) != `{"status":{"AKIAALICEEXAMPLE0001":"Active","AKIAALICEEXAMPLE0002":"Active","AKIAALICEEXAMPLE0003":"Inactive","AKIAINTRUDEREXAMPLE1":"Inactive"}}` {
			t.Errorf("after the undo: %s", now)
		}
	})
}

// One credential that cannot be changed does not keep the others as they are.
func TestOneKeyThatFailsKeepsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: aUser}.stage(t, 0)
		s.world.SetHook(func(c awssim.Call) awssim.Fault {
			if in, ok := c.Input.(*iam.UpdateAccessKeyInput); ok && *in.AccessKeyId == "AKIAALICEEXAMPLE0001" {
				return awssim.Fault{Before: awssim.AccessDenied("")}
			}
			return awssim.Fault{}
		})
		target := Target{Target: alice(), OpID: "op-1", Params: map[string]string{"user_id": aliceID}}
		err := DisableKeys.Apply(may(DisableKeys), s.conn, target, s.see(DisableKeys, target))
		if err == nil || !strings.Contains(err.Error(), "make access key AKIAALICEEXAMPLE0001 of user alice inactive") {
			t.Error(err)
		}
		if now := s.see(DisableKeys, target); !strings.Contains(string(now), `"AKIAALICEEXAMPLE0002":"Inactive"`) {
			t.Errorf("%s", now)
		}
	})
}

func TestDenyThatDoesNotFitSaysWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: fullInline}.stage(t, 0)
		s.world.Do(func(a *awssim.Account) {
			for i := range 10 {
				a.IAM.Users["alice"].Attached[fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i)] = "P"
			}
		})
		for _, via := range []string{ViaInline, ViaManaged} {
			step := denying(DenyAll, via)[0]
			target := Target{Target: alice(), Case: "case-1", OpID: "op-1", Params: step.params}
			if err := DenyUser.Apply(may(DenyUser), s.conn, target, s.see(DenyUser, target)); err == nil || !strings.Contains(err.Error(), "plan again") {
				t.Errorf("%s: %v", via, err)
			}
		}
	})
}

func TestImpactSaysWhatBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: aUser}.stage(t, 0)
		for a, want := range map[*Action][]string{
			&DisableKeys: {
				"AKIAALICEEXAMPLE0001 was last used " + time.Now().Add(-time.Second).UTC().Format(time.RFC3339) + ", for s3 in eu-west-1",
				"AKIAALICEEXAMPLE0002 was never used, as far as AWS knows",
			},
			&DisableServiceCredentials: {
				"ACCAALICEEXAMPLE0001 is for bedrock.amazonaws.com, as alice-at-111122223333, made 0001-01-01T00:00:00Z",
				"ACCAALICEEXAMPLE0003 is for codecommit.amazonaws.com, as alice+1-at-111122223333, made 0001-01-01T00:00:00Z",
			},
			&DisableCertificates: {"CERTALICEEXAMPLE00000001: requests that are signed with it fail; IAM does not know when it was last used"},
			&DisableSSHKeys: {
				"APKAALICEEXAMPLE0001: Git over SSH in CodeCommit fails; IAM does not know when it was last used",
				"APKAALICEEXAMPLE0003: Git over SSH in CodeCommit fails; IAM does not know when it was last used",
			},
		} {
			target := Target{Target: alice()}
			got, err := a.Impact(may(*a), s.conn, target, s.see(*a, target))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %q, error %v", a.Name, got, err)
			}
		}
	})
}

func TestUsersThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: func(*awssim.World) {}}.stage(t, 0)
		for a, params := range cuts {
			for _, id := range []string{"", "op-1"} {
				if now, err := s.observe(*a, Target{Target: alice(), OpID: id, Params: params}); !errors.Is(err, ErrGone) {
					t.Errorf("%s: state %s, error %v", a.Name, now, err)
				}
			}
		}
	})
}

// A page marker that leads back to itself holds nothing up for ever, and a list that is not whole is none.
func TestServiceCredentialsEnd(t *testing.T) {
	s := &script{answers: map[string]any{"ListServiceSpecificCredentials": &iam.ListServiceSpecificCredentialsOutput{IsTruncated: true, Marker: aws.String("again")}}}
	if _, err := ServiceCredentials(may(DisableServiceCredentials), s.connect(t), "alice"); err == nil || len(s.sent) != 2 {
		t.Errorf("%d calls, error %v", len(s.sent), err)
	}
}

func FuzzPoliciesOfAUser(f *testing.F) {
	f.Add(RevokeSessionsPolicy(time.Unix(1, 0)))
	f.Add(DenyAllPolicy())
	f.Add(`{"Statement":[{"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-01-01T00:00:00+02:00"}}}]}`)
	f.Fuzz(func(t *testing.T, document string) {
		got := whichUserDeny(document, true)
		if got != DenyAll && got != DenySessions {
			return
		}
		var p policyDocument
		if json.Unmarshal([]byte(document), &p) != nil || p.Statement[0].Effect != "Deny" || p.Statement[0].Action != "*" || p.Statement[0].Resource != "*" ||
			(len(p.Statement[0].Condition) == 0) != (got == DenyAll) {
			t.Errorf("%q passes for %s", document, got)
		}
	})
}

// Undone, what somebody has deleted or switched on again meanwhile is not asked for: the rest comes back all the same.
func TestUndoTouchesOnlyWhatIsStillOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: aUser}.stage(t, 0)
		target := Target{Target: alice(), OpID: "op-1"}
		before := json.RawMessage(`{"status":{"AKIAALICEEXAMPLE0001":"Active","AKIAALICEEXAMPLE0003":"Active","AKIADELETEDEXAMPLE01":"Active"}}`)
		if err := DisableKeys.Undo(may(DisableKeys), s.conn, target, before, s.see(DisableKeys, target)); err != nil {
			t.Error(err)
		}
		var sent []string
		for _, c := range s.world.Calls() {
			if in, ok := c.Input.(*iam.UpdateAccessKeyInput); ok {
				sent = append(sent, *in.AccessKeyId)
			}
		}
		if !slices.Equal(sent, []string{"AKIAALICEEXAMPLE0003"}) {
			t.Errorf("changed %v", sent)
		}
	})
}

func TestDeniesEverything(t *testing.T) {
	for document, want := range map[string]bool{
		DenyAllPolicy():                       true,
		RevokeSessionsPolicy(time.Unix(0, 0)): false,
		`{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`:                                                               true,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":["*"],"Resource":["*"]}]}`:          true,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`:                                                            false,
		`{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`:                                                          false,
		`{"Statement":[{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}]}`:                                                       false,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::one"}]}`:                                              false,
		`{"Statement":[{"Effect":"Deny","Action":"*","NotResource":"arn:aws:s3:::one"}]}`:                                           false,
		`{"Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"}}}]}`: false,
		`{`: false,
	} {
		if got := DeniesEverything(document); got != want {
			t.Errorf("%s: %t", document, got)
		}
	}
}
