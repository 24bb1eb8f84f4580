package playbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// roleScene is an account with a compromised role, and the incident as its finding names it.
type roleScene struct{ *userScene }

func assumed(t *testing.T, scenario string) roleScene {
	t.Helper()
	s := roleScene{compromised(t, scenario)}
	if s.Management != "" {
		cfg := aws.Config{Region: s.Region, Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
		s.World.Attach(&cfg, s.Management)
		s.conn.Management = action.Connect(cfg)
		if err := s.conn.Management.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s roleScene) may() context.Context { return action.Allow(s.Context(), Role.Reads, nil, nil) }

func (s roleScene) draft(o Options) Draft {
	s.Helper()
	in := s.in
	var err error
	if in.Subject, err = Role.Resolve(s.may(), s.conn, in); err != nil {
		s.Fatal(err)
	}
	d, err := Role.Draft(s.may(), s.conn, in, o)
	if err != nil {
		s.Fatal(err)
	}
	coherent(s.T, d)
	return d
}

// about turns the incident to a role that no finding tells of.
func (s roleScene) about(r awssim.Role) roleScene {
	s.World.AddRole(r)
	s.in = Incident{Subject: casefile.Subject{Kind: casefile.IAMRole, ID: r.Name, Account: s.Account}}
	return s
}

// A name is whoever makes the role's to choose. Only AWS can give Identity Center's path.
func TestRoleIsNotIdentityCentersByItsName(t *testing.T) {
	s := assumed(t, "role-chain").about(awssim.Role{Name: "AWSReservedSSO_Admin_fedcba9876543210"})
	if d := s.draft(Options{}); !slices.Contains(keys(d), "cut-sessions") {
		t.Errorf("steps %v, warnings %q", keys(d), d.Warnings)
	}
}

func TestDraftOfARole(t *testing.T) {
	s := assumed(t, "role-many-users")
	d := s.draft(Options{})
	if got := keys(d); !slices.Equal(got, []string{"record", "cut-sessions"}) {
		t.Fatalf("steps %v", got)
	}
	waits(t, d, "cut-sessions", nil, nil)
	cut, _ := step(d, "cut-sessions")
	if cut.Action.Name != action.RevokeRoleSessions.Name || cut.Target.ARN != "arn:aws:iam::111122223333:role/data-pipeline" || cut.Target.Region != "" || cut.Params["role_id"] == "" {
		t.Errorf("the cut is %s of %+v, params %v", cut.Action.Name, cut.Target, cut.Params)
	}
	for _, part := range []string{"14 instances with the role", "8 tasks with the role", "4 functions with the role: eu-south-1 resize-1", "these fail until they have new credentials", "whoever else has assumed the role"} {
		if !says(cut.Impact, part) {
			t.Errorf("the cut does not say %q: %q", part, cut.Impact)
		}
	}
	for _, part := range []string{"new sessions of role data-pipeline, of up to 1 h", "ec2.amazonaws.com, into data-pipeline", "--close-to ec2.amazonaws.com", "what the intruder made or took"} {
		if !says(d.Survives, part) {
			t.Errorf("what survives does not mention %q: %q", part, d.Survives)
		}
	}
	if !says(d.Warnings, "30 minutes") || says(d.Warnings, "could not") || !says(d.NotCaptured, "only the log shows") {
		t.Errorf("warnings %q, not captured %q", d.Warnings, d.NotCaptured)
	}
}

func TestDraftOfABareRole(t *testing.T) {
	s := assumed(t, "role-chain").about(awssim.Role{Name: "bare", Trust: `{"Version":"2012-10-17","Statement":[]}`})
	d := s.draft(Options{})
	if got := keys(d); !slices.Equal(got, []string{"record", "cut-sessions"}) {
		t.Errorf("steps %v", got)
	}
	cut, _ := step(d, "cut-sessions")
	if !says(cut.Impact, "no instance, task or function with the role in 17 regions") || says(cut.Impact, "these fail") || !says(d.Survives, "nobody, by its trust policy") || says(d.Warnings, "could not") {
		t.Errorf("impact %q, survives %q, warnings %q", cut.Impact, d.Survives, d.Warnings)
	}
}

// What only a service or Identity Center may change is recorded, and the plan says who can.
func TestDraftOfARoleThatIsNobodysToChange(t *testing.T) {
	if d := assumed(t, "role-service-linked").draft(Options{}); !slices.Equal(keys(d), []string{"record"}) || !says(d.Warnings, "linked to autoscaling.amazonaws.com") || !says(d.Warnings, "cannot be revoked") {
		t.Errorf("a service's role: steps %v, warnings %q", keys(d), d.Warnings)
	}
	s := assumed(t, "role-sso")
	if d := s.draft(Options{}); actionsOf(d)["iam-revoke-role-sessions"] != 0 || !says(d.Warnings, "belongs to IAM Identity Center") {
		t.Errorf("a role of Identity Center: steps %v, warnings %q", keys(d), d.Warnings)
	}
	s = assumed(t, "role-chain")
	s.in.Subject.Account = "444455556666"
	if d := s.draft(Options{}); len(d.Steps) > 0 || !says(d.Warnings, "in account 444455556666") {
		t.Errorf("a role of another account: steps %v, warnings %q", keys(d), d.Warnings)
	}
	s.in.Subject.Account, s.in.Subject.ID = s.Account, "nobody"
	if _, err := Role.Draft(s.may(), s.conn, s.in, Options{}); !errors.Is(err, action.ErrGone) {
		t.Errorf("a role that is not there: %v", err)
	}
	s.refuse("GetRole")
	if _, err := Role.Draft(s.may(), s.conn, s.in, Options{}); err == nil || errors.Is(err, action.ErrGone) {
		t.Errorf("a role that cannot be looked at: %v", err)
	}
}

// Where everything is full nothing is promised, and each look that was refused is said and is an absence of nothing.
func TestUnreadableRoleIsSaidAndStopsNothing(t *testing.T) {
	whole := keys(assumed(t, "role-many-users").draft(Options{}))
	for op, part := range map[string]string{
		"ListRolePolicies": "could not look at how much room", "GetRolePolicy": "could not look at how much room", "ListAttachedRolePolicies": "could not look at the managed policies",
		"GetAccountSummary": "could not look at this account's IAM quotas", "ListInstanceProfilesForRole": "could not look at who else uses", "DescribeRegions": "could not look at who else uses role data-pipeline: UnauthorizedOperation",
		"DescribeInstances": "instances in ap-northeast-1 (UnauthorizedOperation)", "ListClusters": "tasks in ap-northeast-1 (AccessDeniedException)", "ListTasks": "tasks in eu-west-1 (AccessDeniedException)",
		"DescribeTasks": "tasks in eu-west-1 (AccessDeniedException)", "DescribeTaskDefinition": "tasks in us-east-1 (AccessDeniedException)", "ListFunctions": "functions in ap-northeast-1 (AccessDeniedException)",
	} {
		s := assumed(t, "role-many-users")
		s.refuse(op)
		d := s.draft(Options{})
		cut, _ := step(d, "cut-sessions")
		if got := keys(d); !slices.Equal(got, whole) {
			t.Errorf("%s refused: steps %v", op, got)
		}
		if lines := slices.Concat(d.Warnings, cut.Impact); !says(lines, part) {
			t.Errorf("%s refused: warnings %q, impact %q", op, d.Warnings, cut.Impact)
		}
		if says(cut.Impact, "no instance") {
			t.Errorf("%s refused: %q", op, cut.Impact)
		}
	}
	s := assumed(t, "role-chain").about(awssim.Role{Name: "bare"})
	s.refuse("ListFunctions")
	if cut, _ := step(s.draft(Options{}), "cut-sessions"); !says(cut.Impact, "no instance, task or function with the role where it could be read") {
		t.Errorf("functions that cannot be listed: %q", cut.Impact)
	}
	const unread = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":"sts:AssumeRole","Newer":"thing"}]}`
	s = assumed(t, "role-chain").about(awssim.Role{Name: "newer", Trust: unread})
	d := s.draft(Options{CloseTo: []string{"999988887777"}})
	if got := keys(d); !slices.Equal(got, []string{"record", "cut-sessions"}) || !says(d.Warnings, "could not look at the trust policy of role newer") || !says(d.Survives, "which is not known") || says(d.Survives, "nobody") {
		t.Errorf("a trust policy that cannot be read: steps %v, warnings %q, survives %q", got, d.Warnings, d.Survives)
	}
}

// The deny goes where there is room, as far as that is known; where there is none the plan says so, and cuts nothing by halves.
func TestWayOfTheRolesDeny(t *testing.T) {
	full := func(attached int) roleScene {
		s := assumed(t, "role-full-quota")
		s.World.Do(func(a *awssim.Account) {
			a.IAM.Roles["legacy-batch"].Attached = map[string]string{}
			for i := range attached {
				a.IAM.Roles["legacy-batch"].Attached[fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i)] = "P"
			}
		})
		return s
	}
	for name, c := range map[string]struct {
		attached int
		refuse   string
		cut      bool
	}{
		"inline full": {0, "", true}, "both full": {20, "", false}, "not known how many": {20, "ListAttachedRolePolicies", true}, "not known how many may be": {20, "GetAccountSummary", true},
	} {
		s := full(c.attached)
		s.refuse(c.refuse)
		for _, o := range []Options{{}, {OnlySession: "batch"}, {SourceIdentity: "batch"}} {
			d := s.draft(o)
			cut, ok := step(d, "cut-sessions")
			if ok != c.cut || ok && (cut.Action.Name != action.AttachRoleDeny.Name || !says(cut.Impact, "of 10,240 characters")) || says(d.Warnings, "ARE NOT CUT") == c.cut || d.Open == c.cut {
				t.Errorf("%s, %+v: planned is %t, by %s: impact %q, warnings %q", name, o, ok, cut.Action.Name, cut.Impact, d.Warnings)
			}
			if ok && (cut.Params["session"] != o.OnlySession || cut.Params["source_identity"] != o.SourceIdentity) {
				t.Errorf("%s, %+v: params %v", name, o, cut.Params)
			}
		}
	}
}

// What was begun while a door was still open is cut once it is closed. A deny of one session stands for itself.
func TestSessionsAreCutAgainOnceTheDoorIsClosed(t *testing.T) {
	const vendor = "999988887777"
	for _, c := range []struct {
		scenario string
		o        Options
		after    []string
	}{
		{"role-chain", Options{}, nil},
		{"role-chain", Options{CloseTo: []string{vendor}}, []string{"narrow-trust"}},
		{"role-chain", Options{CloseTo: []string{vendor}, OnlySession: "vendor-ci"}, nil},
		{"role-saml", Options{CutProviders: []string{"arn:aws:iam::111122223333:saml-provider/corp"}}, []string{"cut-provider-1"}},
	} {
		d := assumed(t, c.scenario).draft(c.o)
		if again, ok := step(d, "cut-sessions-again"); ok != (c.after != nil) || ok && (!slices.Equal(again.After, c.after) || again.Action.Name != action.RevokeRoleSessions.Name) {
			t.Errorf("%s, %+v: %t, after %v", c.scenario, c.o, ok, again.After)
		}
	}
}

// The second cut goes where the first one leaves room; where there is none, the first one stands alone.
func TestSecondCutGoesWhereThereIsRoom(t *testing.T) {
	const inline, managed = "iam-revoke-role-sessions", "iam-attach-role-deny"
	frame := `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	for name, c := range map[string]struct {
		left, slots int
		want        []string
	}{
		"two inline": {1000, 0, []string{inline, inline}}, "one of each": {300, 1, []string{inline, managed}}, "two attached": {0, 2, []string{managed, managed}},
		"one inline": {300, 0, []string{inline}}, "one attached": {0, 1, []string{managed}}, "none": {0, 0, nil},
	} {
		s := assumed(t, "role-chain")
		s.World.Do(func(a *awssim.Account) {
			r := a.IAM.Roles["vendor-deploy"]
			r.Inline = map[string]string{"big": strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", 10240-c.left-len(frame)), 1)}
			r.Attached = map[string]string{}
			for i := range 20 - c.slots {
				r.Attached[fmt.Sprintf("arn:aws:iam::aws:policy/P%d", i)] = "P"
			}
		})
		d := s.draft(Options{CloseTo: []string{"999988887777"}})
		var got []string
		for _, key := range []string{"cut-sessions", "cut-sessions-again"} {
			if st, ok := step(d, key); ok {
				got = append(got, st.Action.Name)
			}
		}
		if !slices.Equal(got, c.want) || says(d.Warnings, "cut once") != (len(c.want) == 1) || d.Open != (c.want == nil) {
			t.Errorf("%s: cut by %v, warnings %q", name, got, d.Warnings)
		}
	}
}

func TestSparedRolesAreNotCut(t *testing.T) {
	s := assumed(t, "role-one-session")
	d := s.draft(Options{Spare: []string{"arn:aws:iam::111122223333:role/support"}, CloseTo: []string{"999988887777"}})
	if !slices.Equal(keys(d), []string{"record"}) || !says(d.Warnings, "is spared, as asked") {
		t.Errorf("spared: steps %v, warnings %q", keys(d), d.Warnings)
	}
	s.conn.Caller = "arn:aws:sts::111122223333:assumed-role/support/ann"
	for session, want := range map[string][]string{"": {"record"}, "ann": {"record"}, "eve": {"record", "cut-sessions"}} {
		d := s.draft(Options{OnlySession: session, CloseTo: []string{"999988887777"}})
		if got := keys(d); !slices.Equal(got, want) || !says(d.Warnings, "cordon itself acts with") || d.Open != (session != "eve") {
			t.Errorf("cordon's own role, session %q: steps %v, warnings %q", session, got, d.Warnings)
		}
	}
}

// The guard admits what is declared; a read that is declared and never made is a right nobody needs.
func TestRoleMakesEveryDeclaredRead(t *testing.T) {
	called := map[string]bool{}
	for _, scenario := range []string{"role-many-users", "role-full-quota", "role-sso", "role-directory"} {
		s := assumed(t, scenario)
		s.draft(Options{DirectoryUsers: s.DirectoryUsers})
		for _, c := range s.World.Calls() {
			called[c.Operation] = true
		}
	}
	for _, o := range Role.Reads {
		if !called[o.Name] {
			t.Errorf("%s is declared and not called", o)
		}
	}
}

func TestDraftOfARoleIsTheSameForTheSameAccount(t *testing.T) {
	text := func() string {
		s := assumed(t, "role-many-users")
		s.refuse("GetRolePolicy", "ListAttachedRolePolicies", "GetAccountSummary", "ListFunctions", "DescribeTaskDefinition")
		d := s.draft(Options{CloseTo: []string{"ec2.amazonaws.com"}})
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
