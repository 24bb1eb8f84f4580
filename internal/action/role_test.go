package action

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/awssim"
)

func TestOnlyTheInstancesSessionIsDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: twoHosts}.stage(t, 0)
		keep := trialStep{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID, "ssm": "keep"}}
		full := trialStep{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID}}
		judge := func(when string, action string, want map[string]bool) {
			t.Helper()
			for who, denied := range want {
				if got := s.world.Denied("web-app", roleID+":"+who, action, time.Now()); got != denied {
					t.Errorf("%s: %s by %s denied: %t, want %t", when, action, who, got, denied)
				}
			}
		}
		s.bringAbout(keep, nil)
		judge("agent kept", "s3:GetObject", map[string]bool{suspect: true, neighbor: false, "ann": false})
		judge("agent kept", "ssm:GetParameter", map[string]bool{suspect: true, neighbor: false})
		judge("agent kept", "sts:AssumeRole", map[string]bool{suspect: true})
		judge("agent kept", "ssmmessages:OpenDataChannel", map[string]bool{suspect: false, neighbor: false})
		s.bringAbout(full, nil)
		judge("full", "ssmmessages:OpenDataChannel", map[string]bool{suspect: true, neighbor: false})
		judge("full", "ssm:UpdateInstanceInformation", map[string]bool{suspect: true, neighbor: false})
		// The weaker step has nothing left to do where the stronger one is done.
		now := s.see(DenyInstanceSession, Target{Target: webRole(), Case: "case-1", Params: keep.params})
		if st, _ := DenyInstanceSession.Status(Target{Target: webRole(), Params: keep.params}, now); st != Done {
			t.Errorf("state %s: status %v", now, st)
		}
	})
}

func TestSessionsFromBeforeTheCutoffAreDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: twoHosts}.stage(t, 0)
		began := time.Now()
		step := trialStep{RevokeRoleSessions, webRole(), map[string]string{"role_id": roleID}}
		p := s.bringAbout(step, nil)
		for issued, want := range map[time.Duration]bool{-12 * time.Hour: true, 0: true, 25 * time.Second: true, 2 * time.Minute: false} {
			for _, who := range []string{suspect, neighbor} {
				if got := s.world.Denied("web-app", roleID+":"+who, "s3:GetObject", began.Add(issued)); got != want {
					t.Errorf("issued %v after the step began: denied %t, want %t", issued, got, want)
				}
			}
		}
		// A run that is resumed later must not move the cut-off.
		time.Sleep(time.Hour)
		from := len(s.world.Calls())
		s.bringAbout(step, nil)
		for _, c := range s.world.Calls()[from:] {
			if c.Write {
				t.Errorf("resumed, it called %s", c.Operation)
			}
		}
		if hits, err := RevokeRoleSessions.Impact(may(RevokeRoleSessions), s.conn, p.target, p.after); err != nil ||
			!strings.Contains(strings.Join(hits, "\n"), `1 other instance in eu-west-1 with the role: `+neighbor+` "web <b>"`) {
			t.Errorf("impact %q, error %v", hits, err)
		}
	})
}

// The responder's clock may be wrong, and his zone is his own: AWS's clock decides, in UTC.
func TestCutoffGoesByAWSsClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := 17 * time.Minute
		w := awssim.New(awssim.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
		twoHosts(w)
		s := &stage{t, w, nil}
		s.conn = trial{setup: func(*awssim.World) {}}.stage(t, 0).conn
		cfg := s.conn.cfg.Copy()
		cfg.APIOptions = nil
		w.Attach(&cfg, "arn:aws:iam::111122223333:user/ann")
		s.conn = Connect(cfg)
		began := time.Now()
		s.bringAbout(trialStep{RevokeRoleSessions, webRole(), nil}, nil)
		if !w.Denied("web-app", roleID+":"+suspect, "s3:GetObject", began.Add(ahead)) {
			t.Error("a session issued just now by AWS's clock lives on")
		}
		if w.Denied("web-app", roleID+":"+suspect, "s3:GetObject", began.Add(ahead+2*time.Minute)) {
			t.Error("a session issued two minutes later is denied")
		}
	})
}

func TestForeignPoliciesAreNotOverwritten(t *testing.T) {
	target := Target{Target: webRole(), Case: "case-1", OpID: "op-1", Params: map[string]string{"role_id": roleID}}
	planted := map[string]string{
		"allows":        `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`,
		"another's":     DenySessionPolicy(roleID, neighbor, false),
		"key twice":     strings.Replace(DenySessionPolicy(roleID, suspect, false), `"Effect":"Deny"`, `"Effect":"Deny","Effect":"Allow"`, 1),
		"one more":      strings.Replace(DenySessionPolicy(roleID, suspect, false), `"aws:userid":`, `"aws:SourceIp":"203.0.113.1","aws:userid":`, 1),
		"no JSON":       "{",
		"old cutoff +":  strings.Replace(RevokeSessionsPolicy(time.Unix(0, 0)), `"DateLessThan":{`, `"DateLessThan":{"aws:CurrentTime":"1970-01-01T00:00:00Z",`, 1),
		"cutoff absent": strings.Replace(RevokeSessionsPolicy(time.Unix(0, 0)), `"1970-01-01T00:00:00Z"`, `""`, 1),
	}
	for name, document := range planted {
		for a, policy := range map[*Action]string{&DenyInstanceSession: sessionPolicyName(target), &RevokeRoleSessions: revocationName(target)} {
			s := &script{answers: map[string]any{"GetRolePolicy": func(any) any {
				return &iam.GetRolePolicyOutput{PolicyName: &policy, PolicyDocument: &document}
			}}}
			c := s.connect(t)
			now, err := a.Observe(may(*a), c, target)
			if err != nil || string(now) != `{"policy":"other"}` {
				t.Errorf("%s, %s: state %s, error %v", a.Name, name, now, err)
				continue
			}
			if err := a.Apply(may(*a), c, target, now); err == nil {
				t.Errorf("%s overwrote the policy that %s", a.Name, name)
			}
			if err := a.Undo(may(*a), c, target, json.RawMessage(`{"policy":"none"}`), now); err == nil {
				t.Errorf("%s deleted the policy that %s", a.Name, name)
			}
			if n := len(sentOf[iam.PutRolePolicyInput](s)) + len(sentOf[iam.DeleteRolePolicyInput](s)); n > 0 {
				t.Errorf("%s, %s: %d changes were sent", a.Name, name, n)
			}
		}
	}
}

func TestRolesThatAreRefused(t *testing.T) {
	str := func(s string) *string { return &s }
	role := func(name, path, id string) *iam.GetRoleOutput {
		return &iam.GetRoleOutput{Role: &iamtypes.Role{RoleName: str(name), Path: str(path), RoleId: str(id)}}
	}
	for want, r := range map[string]*iam.GetRoleOutput{
		"linked to an AWS service":   role("AWSServiceRoleForX", "/aws-service-role/x.amazonaws.com/", roleID),
		"Identity Center":            role("AWSReservedSSO_Admin_0123", "/aws-reserved/sso.amazonaws.com/eu-west-1/", roleID),
		"is not the one of the plan": role("AWSReservedSSO_Admin_4567", "/", "AROANEWROLE"), // the name is the intruder's choice
	} {
		target := Target{Target: webRole(), Case: "case-1", OpID: "op-1", Params: map[string]string{"role_id": roleID}}
		target.ID = *r.Role.RoleName
		s := &script{answers: map[string]any{"GetRole": r, "ListRolePolicies": &iam.ListRolePoliciesOutput{}, "PutRolePolicy": &iam.PutRolePolicyOutput{}}}
		for _, a := range []Action{DenyInstanceSession, RevokeRoleSessions} {
			err := a.Apply(may(a), s.connect(t), target, json.RawMessage(`{"policy":"none"}`))
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v, want one that says %q", a.Name, err, want)
			}
		}
		if n := len(sentOf[iam.PutRolePolicyInput](s)); n > 0 {
			t.Errorf("%d policies were put on a role that is %s", n, want)
		}
	}
}

func TestCordonDoesNotCutItselfOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: twoHosts}.stage(t, 0)
		own := "arn:aws:sts::111122223333:assumed-role/web-app/" + suspect
		for _, act := range []func(){
			func() { s.conn.Management = &AWS{Account: s.conn.Account, Caller: own} }, // in the management account itself
			func() { s.conn.Caller = own },
		} {
			act()
			for _, a := range []Action{DenyInstanceSession, RevokeRoleSessions} {
				target := Target{Target: webRole(), Case: "case-1", OpID: "op-1", Params: map[string]string{"role_id": roleID}}
				if err := a.Apply(may(a), s.conn, target, json.RawMessage(`{"policy":"none"}`)); err == nil || !strings.Contains(err.Error(), "cut itself off") {
					t.Errorf("%s: %v", a.Name, err)
				}
			}
		}
	})
}

func TestPolicyThatDoesNotFitIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: twoHosts}.stage(t, 0)
		filler := `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", 10100) + `","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
		s.world.Do(func(a *awssim.Account) { a.IAM.Roles["web-app"].Inline["big"] = filler + strings.Repeat(" ", 5000) })
		for _, a := range []Action{DenyInstanceSession, RevokeRoleSessions} {
			target := Target{Target: webRole(), Case: "case-1", OpID: "op-1", Params: map[string]string{"role_id": roleID}}
			err := a.Apply(may(a), s.conn, target, json.RawMessage(`{"policy":"none"}`))
			if err == nil || !strings.Contains(err.Error(), "of 10240 characters") {
				t.Errorf("%s: %v", a.Name, err)
			}
		}
		for _, c := range s.world.Calls() {
			if c.Write {
				t.Errorf("%s was sent", c.Operation)
			}
		}
	})
}

// Tightening the deny replaces cordon's own policy, whose size is no longer needed then.
func TestOwnPolicyIsNotCountedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: twoHosts}.stage(t, 0)
		own := visible(DenySessionPolicy(roleID, suspect, true))
		frame := `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
		filler := strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", roleQuota-visible(frame)-own-100), 1)
		s.world.Do(func(a *awssim.Account) { a.IAM.Roles["web-app"].Inline = map[string]string{"big": filler} })
		s.bringAll([]trialStep{
			{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID, "ssm": "keep"}},
			{DenyInstanceSession, webRole(), map[string]string{"role_id": roleID}},
		})
	})
}

// White space does not count: a policy that is mostly white space leaves room.
func TestWhiteSpaceIsNoSize(t *testing.T) {
	if n := visible("{ \"a\" :\n\t[ ] }"); n != 8 {
		t.Errorf("%d", n)
	}
}

func TestPolicyNamesFitIAM(t *testing.T) {
	target := Target{Target: webRole(), Case: strings.Repeat("a long case / with spaces ", 20), OpID: "x y"}
	for _, name := range []string{sessionPolicyName(target), revocationName(target)} {
		if len(name) > 128 || strings.ContainsAny(name, " /:") {
			t.Errorf("policy name %q", name)
		}
	}
	other := target
	other.Parent = neighbor
	if sessionPolicyName(target) == sessionPolicyName(other) {
		t.Error("two instances share a policy name")
	}
}

// What stands in an account's policies is anybody's bytes.
func FuzzPoliciesOfOthers(f *testing.F) {
	f.Add(RevokeSessionsPolicy(time.Unix(1, 0)))
	f.Add(DenySessionPolicy(roleID, suspect, true))
	f.Add(`{"Statement":[{"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-01-01T00:00:00+02:00"}}}]}`)
	f.Add(`{"Statement":[{"Condition":{"DateLessThan":{"aws:TokenIssueTime":["x"]}}}],"Statement":{}}`)
	target := Target{Target: webRole(), OpID: "op", Params: map[string]string{"role_id": roleID}}
	f.Fuzz(func(t *testing.T, document string) {
		if got := whichRevocation(target, document, true); got == policyRevoked {
			var p policyDocument
			if json.Unmarshal([]byte(document), &p) != nil || p.Statement[0].Effect != "Deny" || p.Statement[0].Action != "*" || len(p.Statement[0].Condition) != 1 {
				t.Errorf("%q passes for a revocation", document)
			}
		}
		if got := whichDeny(target, document, true); got == policyFull || got == policyKeepSSM {
			if !strings.Contains(document, roleID) && !strings.Contains(document, `\u`) {
				t.Errorf("%q passes for the session's deny", document)
			}
		}
	})
}
