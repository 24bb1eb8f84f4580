package playbook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
	"cordon/internal/finding"
)

var night = time.Date(2026, 11, 23, 2, 20, 0, 0, time.UTC)

// userScene is an account with a compromised user, and the incident as its finding names it.
type userScene struct {
	*testing.T
	drill.Drill
	conn *action.AWS
	in   Incident
}

func compromised(t *testing.T, scenario string) *userScene {
	t.Helper()
	s, ok := drill.Find(scenario)
	if !ok {
		t.Fatalf("there is no drill %s", scenario)
	}
	d := s.Build(drill.Options{Seed: 1, Now: func() time.Time { return night }})
	cfg := aws.Config{Region: d.Region, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	d.World.Attach(&cfg, d.Caller)
	c := action.Connect(cfg)
	if err := c.Identify(t.Context()); err != nil {
		t.Fatal(err)
	}
	docs, _, err := finding.ReadAll("finding.json", bytes.NewReader(d.Finding))
	if err != nil {
		t.Fatal(err)
	}
	return &userScene{t, d, c, Incident{Subject: docs[0].Incident.Subjects[0], Finding: docs[0].Incident}}
}

func (s *userScene) may() context.Context {
	return action.Allow(s.Context(), Credentials.Reads, nil, nil)
}

func (s *userScene) draft(o Options) Draft {
	s.Helper()
	in := s.in
	var err error
	if in.Subject, err = Credentials.Resolve(s.may(), s.conn, in); err != nil {
		s.Fatal(err)
	}
	d, err := Credentials.Draft(s.may(), s.conn, in, o)
	if err != nil {
		s.Fatal(err)
	}
	coherent(s.T, d)
	return d
}

// refuse makes the account answer one operation, or all of those in ops, with AccessDenied.
func (s *userScene) refuse(ops ...string) {
	s.World.SetHook(func(c awssim.Call) awssim.Fault {
		if slices.Contains(ops, c.Operation) {
			return awssim.Fault{Before: awssim.AccessDenied("")}
		}
		return awssim.Fault{}
	})
}

func TestDraftOfAUser(t *testing.T) {
	s := compromised(t, "credentials-leaked-key")
	d := s.draft(Options{})
	if got := keys(d); !slices.Equal(got, []string{"record", "report", "deny", "keys", "service-credentials", "certificates", "ssh-keys"}) {
		t.Fatalf("steps %v", got)
	}
	waits(t, d, "deny", nil, nil)
	for _, key := range []string{"keys", "service-credentials", "certificates", "ssh-keys"} {
		waits(t, d, key, nil, []string{"deny"})
		if st, _ := step(d, key); st.Params["user_id"] == "" || st.Target.ID != "deploy" || st.Target.Region != "" {
			t.Errorf("%s is of %+v, params %v", key, st.Target, st.Params)
		}
	}
	deny, _ := step(d, "deny")
	if deny.Params["form"] != action.DenyAll || deny.Params["via"] != action.ViaInline || deny.Target.ARN != "arn:aws:iam::111122223333:user/ci/deploy" {
		t.Errorf("the deny is %+v with %v", deny.Target, deny.Params)
	}
	for _, part := range []string{"form all", "password need not be touched", "MFA: arn:aws:iam::111122223333:mfa/deploy", "last used 2026-08-23", "groups deployers", "boundary stays: arn:aws:iam::111122223333:policy/delivery-boundary"} {
		if !says(deny.Impact, part) {
			t.Errorf("the deny does not say %q: %q", part, deny.Impact)
		}
	}
	if st, _ := step(d, "keys"); !says(st.Impact, "2026-11-23T01:40:00Z") {
		t.Errorf("the keys do not say when they were made: %q", st.Impact)
	}
	for _, part := range []string{"few minutes", "roles that were assumed", "presigned"} {
		if !says(d.Survives, part) {
			t.Errorf("what survives does not mention %q: %q", part, d.Survives)
		}
	}
	if !says(d.Warnings, "Active again") || !says(d.NotCaptured, "CloudTrail does") {
		t.Errorf("warnings %q, not captured %q", d.Warnings, d.NotCaptured)
	}
}

func TestDraftForAUserWhoMustKeepWorking(t *testing.T) {
	d := compromised(t, "credentials-leaked-key").draft(Options{SessionsOnly: true})
	deny, _ := step(d, "deny")
	if deny.Params["form"] != action.DenySessions || deny.Action.Name != action.DenyUser.Name || !says(deny.Impact, "--sessions-only") || !strings.Contains(deny.Summary, "issued until now") {
		t.Errorf("the deny is %q with %v: %q", deny.Summary, deny.Params, deny.Impact)
	}
	if st, _ := step(d, "keys"); !says(st.Impact, "new key") {
		t.Errorf("the keys say %q", st.Impact)
	}
	if !says(d.Survives, "sign-in to the console") || !says(d.Survives, "GetSessionToken") {
		t.Errorf("survives %q", d.Survives)
	}
	waits(t, d, "deny-again", []string{"keys"}, nil)
	// What is made before the plan is carried out is stopped by nothing else.
	s := compromised(t, "credentials-leaked-key")
	s.World.AddUser(awssim.User{Name: "bare"})
	s.in = Incident{Subject: casefile.Subject{Kind: casefile.IAMUser, ID: "bare", Account: s.Account}}
	if got := keys(s.draft(Options{SessionsOnly: true})); !slices.Equal(got, []string{"record", "report", "deny", "keys", "service-credentials", "certificates", "ssh-keys"}) {
		t.Errorf("steps %v", got)
	}
	s.refuse("ListAccessKeys")
	if got := keys(s.draft(Options{SessionsOnly: true})); !slices.Contains(got, "deny-again") {
		t.Errorf("keys that cannot be listed: steps %v", got)
	}
}

// The second deny of sessions goes where the first one leaves room; where there is none, the first one stands alone.
func TestSecondDenyGoesWhereThereIsRoom(t *testing.T) {
	const inline, managed = "iam-deny-user", "iam-deny-user-by-policy"
	frame := `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	for name, c := range map[string]struct {
		room, slots int
		want        []string
	}{
		"two inline": {2, 0, []string{inline, inline}}, "one of each": {1, 1, []string{inline, managed}}, "two attached": {0, 2, []string{managed, managed}},
		"one inline": {1, 0, []string{inline}}, "one attached": {0, 1, []string{managed}}, "none": {0, 0, nil},
	} {
		s := compromised(t, "credentials-keeps-working")
		s.World.Do(func(a *awssim.Account) {
			u := a.IAM.Users[s.in.Subject.ID]
			fill := 2048 - c.room*action.UserDenySize(action.DenySessions) - len(frame)
			u.Inline = map[string]string{"big": strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", fill), 1)}
			u.Attached = map[string]string{}
			for i := range 10 - c.slots {
				u.Attached[fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i)] = "P"
			}
		})
		d := s.draft(Options{SessionsOnly: true})
		var got []string
		for _, key := range []string{"deny", "deny-again"} {
			if st, ok := step(d, key); ok {
				got = append(got, st.Action.Name)
			}
		}
		if !slices.Equal(got, c.want) || says(d.Warnings, "denied once") != (len(c.want) == 1) || d.Open != (c.want == nil) {
			t.Errorf("%s: denied by %v, warnings %q", name, got, d.Warnings)
		}
	}
}

// Whoever came by the password comes again by it.
func TestDraftOfSessionsAloneLeavesThePassword(t *testing.T) {
	for scenario, open := range map[string]bool{"credentials-console": true, "credentials-leaked-key": false, "credentials-keeps-working": false} {
		s := compromised(t, scenario)
		if d := s.draft(Options{SessionsOnly: true}); d.Open != open || says(d.Warnings, "STILL SIGNS IN") != open {
			t.Errorf("%s: open is %t, warnings %q", scenario, d.Open, d.Warnings)
		}
		if d := s.draft(Options{}); d.Open {
			t.Errorf("%s: everything is denied, and it counts as open: %q", scenario, d.Warnings)
		}
	}
	s := compromised(t, "credentials-keeps-working")
	s.in.Finding.Actor.AccessKey, s.in.Finding.Subjects = "ASIAEXAMPLEEXAMPLE12", nil // a console session's, and it has no password
	if d := s.draft(Options{SessionsOnly: true}); d.Open {
		t.Errorf("no password: warnings %q", d.Warnings)
	}
	s.refuse("GetLoginProfile")
	if d := s.draft(Options{SessionsOnly: true}); !d.Open {
		t.Errorf("not known whether it has a password: warnings %q", d.Warnings)
	}
}

func TestDraftOfABareUser(t *testing.T) {
	s := compromised(t, "credentials-leaked-key")
	s.World.AddUser(awssim.User{Name: "bare"})
	s.in = Incident{Subject: casefile.Subject{Kind: casefile.IAMUser, ID: "bare", Account: s.Account}}
	d := s.draft(Options{})
	if got := keys(d); !slices.Equal(got, []string{"record", "report", "deny", "keys"}) {
		t.Errorf("steps %v", got)
	}
	deny, _ := step(d, "deny")
	if !says(deny.Impact, "no console password") || says(deny.Impact, "groups") || len(d.Warnings) > 0 {
		t.Errorf("impact %q, warnings %q", deny.Impact, d.Warnings)
	}
}

// What stands on the user already is named, left, and counts for nothing.
func TestDraftCountsNothingThatWasDoneBefore(t *testing.T) {
	for scenario, part := range map[string]string{
		"credentials-half-contained": "AWSDenyAll is attached to the user already", "credentials-quarantined": "AWSCompromisedKeyQuarantineV3 on the user",
	} {
		d := compromised(t, scenario).draft(Options{})
		if deny, ok := step(d, "deny"); !ok || deny.Params["via"] != action.ViaInline || !says(d.Warnings, part) {
			t.Errorf("%s: steps %v, warnings %q", scenario, keys(d), d.Warnings)
		}
	}
	s := compromised(t, "credentials-quarantined")
	s.World.Do(func(a *awssim.Account) { a.IAM.Users["mailer"].Inline["stop"] = action.DenyAllPolicy() })
	if d := s.draft(Options{}); !says(d.Warnings, "inline policy stop denies everything already") {
		t.Errorf("warnings %q", d.Warnings)
	}
}

func TestDraftInAnotherPartition(t *testing.T) {
	s := compromised(t, "credentials-gov")
	for _, o := range []Options{{}, {SessionsOnly: true}} {
		d := s.draft(o)
		deny, _ := step(d, "deny")
		if deny.Params["via"] != action.ViaManaged || deny.Target.ARN != "arn:aws-us-gov:iam::111122223333:user/ci/gov-deploy" || !says(d.Warnings, "leave no room for a deny") {
			t.Errorf("%+v: the deny is %+v with %v, warnings %q", o, deny.Target, deny.Params, d.Warnings)
		}
		if want := map[bool]string{false: action.DenyUser.Name, true: action.DenyUserByPolicy.Name}[o.SessionsOnly]; deny.Action.Name != want {
			t.Errorf("%+v: %s, not %s", o, deny.Action.Name, want)
		}
	}
}

// Each read that is refused is said, leaves everything else planned, and is an absence of nothing.
func TestUnreadableUserIsSaidAndStopsNothing(t *testing.T) {
	whole := keys(compromised(t, "credentials-leaked-key").draft(Options{}))
	for _, o := range Credentials.Reads {
		if slices.Contains([]string{"GetUser", "GetAccessKeyInfo", "GetAccessKeyLastUsed", "GetAccountSummary"}, o.Name) {
			continue
		}
		s := compromised(t, "credentials-leaked-key")
		s.refuse(o.Name)
		d := s.draft(Options{})
		if !says(d.Warnings, "could not look at the user's") || !says(d.Warnings, "AccessDenied") {
			t.Errorf("%s refused: warnings %q", o, d.Warnings)
		}
		if got := keys(d); !slices.Equal(got, whole) {
			t.Errorf("%s refused: steps %v", o, got)
		}
		if deny, _ := step(d, "deny"); says(deny.Impact, "no console password") || o.Name == "ListMFADevices" && says(deny.Impact, "no MFA") {
			t.Errorf("%s refused: %q", o, deny.Impact)
		}
	}
	s := compromised(t, "credentials-leaked-key")
	s.refuse("GetUser")
	if _, err := Credentials.Draft(s.may(), s.conn, s.in, Options{}); err == nil || errors.Is(err, action.ErrGone) {
		t.Errorf("GetUser refused: %v", err)
	}
	s.World.SetHook(nil)
	s.in.Subject.ID = "nobody"
	if _, err := Credentials.Draft(s.may(), s.conn, s.in, Options{}); !errors.Is(err, action.ErrGone) {
		t.Errorf("a user who is not there: %v", err)
	}
	s = compromised(t, "credentials-full-quota")
	s.refuse("GetAccountSummary")
	if d := s.draft(Options{}); !says(d.Warnings, "account's quotas") {
		t.Errorf("warnings %q", d.Warnings)
	}
}

// The guard admits what is declared; a read that is declared and never made is a right nobody needs.
func TestCredentialsMakeEveryDeclaredRead(t *testing.T) {
	called := map[string]bool{}
	for _, scenario := range []string{"credentials-quarantined", "credentials-full-quota"} {
		s := compromised(t, scenario)
		s.draft(Options{})
		for _, c := range s.World.Calls() {
			called[c.Operation] = true
		}
	}
	for _, o := range Credentials.Reads {
		if !called[o.Name] {
			t.Errorf("%s is declared and not called", o)
		}
	}
}

func TestDraftOfAUserIsTheSameForTheSameAccount(t *testing.T) {
	text := func() string {
		s := compromised(t, "credentials-leaked-key")
		s.refuse("ListGroupsForUser", "ListMFADevices", "ListSSHPublicKeys", "GetLoginProfile")
		d := s.draft(Options{})
		var b strings.Builder
		for _, st := range d.Steps {
			params, _ := json.Marshal(st.Params)
			fmt.Fprintln(&b, st.Key, st.Action.Name, st.Target, string(params), st.After, st.AfterAny, st.Summary, st.Impact)
		}
		fmt.Fprintf(&b, "%q %q %q", d.Survives, d.NotCaptured, d.Warnings)
		return b.String()
	}
	first := text()
	for range 20 {
		if again := text(); again != first {
			t.Fatalf("drafts differ:\n%s\n%s", first, again)
		}
	}
}

// The caller's own user and those that the responder spares are recorded, and not cut.
func TestSparedUsersAreNotCut(t *testing.T) {
	for why, change := range map[string]func(s *userScene, o *Options){
		"cut itself off": func(s *userScene, _ *Options) { s.conn.Caller = "arn:aws:iam::111122223333:user/ci/deploy" },
		"as you asked":   func(_ *userScene, o *Options) { o.Spare = []string{"arn:aws:iam::111122223333:user/ci/deploy"} },
	} {
		s, o := compromised(t, "credentials-leaked-key"), Options{}
		change(s, &o)
		d := s.draft(o)
		if got := keys(d); !slices.Equal(got, []string{"record", "report"}) || !says(d.Warnings, why) {
			t.Errorf("%s: steps %v, warnings %q", why, got, d.Warnings)
		}
	}
	// A user of the same name at another path is another: names stand once in an account, so it is a stale ARN.
	s := compromised(t, "credentials-leaked-key")
	if d := s.draft(Options{Spare: []string{"arn:aws:iam::111122223333:user/deploy"}}); len(d.Steps) != 7 {
		t.Errorf("another ARN spares it: %v", keys(d))
	}
	s.conn.Caller = "arn:aws:sts::111122223333:federated-user/ann"
	if d := s.draft(Options{}); !says(d.Warnings, "cuts you off too") {
		t.Errorf("warnings %q", d.Warnings)
	}
	s.in.Subject.Account = "444455556666"
	if d, err := Credentials.Draft(s.may(), s.conn, s.in, Options{}); err != nil || len(d.Steps) > 0 || !says(d.Warnings, "in account 444455556666") {
		t.Errorf("a user of another account: %v, %v, %q", err, keys(d), d.Warnings)
	}
}

func TestWayOfTheDeny(t *testing.T) {
	const denyAll = "arn:aws:iam::aws:policy/AWSDenyAll"
	ten := strings.Split(strings.Repeat("p,", 9)+"p", ",")
	for name, c := range map[string]struct {
		form string
		r    userRoom
		want string
	}{
		"empty":                        {action.DenyAll, userRoom{sized: true, listed: true}, action.ViaInline},
		"just fits":                    {action.DenyAll, userRoom{inline: 2048 - action.UserDenySize(action.DenyAll), sized: true, listed: true}, action.ViaInline},
		"one too many":                 {action.DenyAll, userRoom{inline: 2049 - action.UserDenySize(action.DenyAll), sized: true, listed: true}, action.ViaManaged},
		"sessions need more":           {action.DenySessions, userRoom{inline: 2048 - action.UserDenySize(action.DenyAll), sized: true, listed: true}, action.ViaManaged},
		"not read":                     {action.DenyAll, userRoom{inline: 2048}, action.ViaInline},
		"both full":                    {action.DenyAll, userRoom{inline: 2048, attached: ten, sized: true, listed: true}, ""},
		"both full, denied already":    {action.DenyAll, userRoom{inline: 2048, attached: append(slices.Clone(ten[1:]), denyAll), sized: true, listed: true}, action.ViaManaged},
		"both full, sessions":          {action.DenySessions, userRoom{inline: 2048, attached: append(slices.Clone(ten[1:]), denyAll), sized: true, listed: true}, ""},
		"attached not read":            {action.DenyAll, userRoom{inline: 2048, attached: ten, sized: true}, action.ViaManaged},
		"the account has more of both": {action.DenyAll, userRoom{inline: 2048, inlineQuota: 4096, attached: ten, sized: true, listed: true}, action.ViaInline},
	} {
		c.r.denyAll, c.r.attachedQuota, c.r.inlineQuota = denyAll, attachedQuota, max(c.r.inlineQuota, action.UserInlineQuota)
		if via, why := denyVia(c.form, c.r); via != c.want || (why == "") != (via == action.ViaInline) {
			t.Errorf("%s: %q because %q", name, via, why)
		}
	}
	s := compromised(t, "credentials-full-quota")
	s.World.Do(func(a *awssim.Account) {
		for i := range 10 {
			a.IAM.Users["reports"].Attached[fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i)] = "P"
		}
	})
	d := s.draft(Options{})
	if got := keys(d); !slices.Equal(got, []string{"record", "report", "keys"}) || !says(d.Warnings, "NOT DENIED") || !d.Open {
		t.Errorf("where nothing fits: steps %v, warnings %q", got, d.Warnings)
	}
	waits(t, d, "keys", nil, nil)
}
