package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// declared is every operation that a playbook may call on a side.
func declared(p playbook.Playbook, side Side, release bool) action.Ops {
	if !HasSide(p, side) {
		return nil
	}
	p = onSide(p, side)
	ops := reads(p, release)
	for _, a := range p.Actions {
		ops = ops.Plus(a.Writes)
		if release {
			ops = ops.Plus(a.UndoWrites)
		}
	}
	return ops
}

// TestPolicyIsExact: no operation that is declared is refused, and nothing is granted that none declares.
func TestPolicyIsExact(t *testing.T) {
	for _, p := range playbook.All {
		for _, o := range []PolicyOptions{{}, {Release: true}, {CaseBucket: "cases"}, {CaseBucket: "cases", Release: true}} {
			for _, side := range Sides {
				o.CaseLock, o.Side = true, side
				docs, err := Policy(p, o)
				if err != nil {
					t.Fatal(err)
				}
				calls := declared(p, side, o.Release)
				if o.CaseBucket != "" && side == Member {
					calls = calls.Plus(action.CaseStoreReads, action.CaseStoreWrites)
				}
				unused, missing, err := Compare(calls, docs)
				if err != nil {
					t.Fatal(err)
				}
				if len(unused)+len(missing) > 0 {
					t.Errorf("%s, %+v: unused %v, missing %v", p.Name, o, unused, missing)
				}
			}
		}
	}
}

// bookSide is one side of a playbook.
type bookSide struct {
	playbook.Playbook
	side Side
}

// sidesOfAll lists every side that a policy is made for.
func sidesOfAll() []bookSide {
	var all []bookSide
	for _, p := range playbook.All {
		for _, s := range sidesOf(p) {
			all = append(all, bookSide{p, s})
		}
	}
	return all
}

// policiesOnRole is how many managed policies a role takes by default
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const policiesOnRole = 10

func TestCompareFindsBoth(t *testing.T) {
	stop, start := action.Op{Service: "ec2", Name: "StopInstances"}, action.Op{Service: "ec2", Name: "StartInstances"}
	create := action.Op{Service: "ec2", Name: "CreateSnapshots"}
	put := action.Op{Service: "s3", Name: "PutObject"}
	tests := []struct {
		name            string
		calls           []action.Op
		granted         []string
		unused, missing []string
	}{
		{"exact", []action.Op{stop}, []string{"ec2:StopInstances"}, nil, nil},
		{"one too many", []action.Op{stop}, []string{"ec2:StopInstances", "ec2:StartInstances"}, []string{"ec2:StartInstances"}, nil},
		{"one too few", []action.Op{stop, start}, []string{"ec2:StopInstances"}, nil, []string{"ec2:StartInstances"}},
		{"tags on creation", []action.Op{create}, []string{"ec2:CreateSnapshots"}, nil, []string{"ec2:CreateTags"}},
		{"a grant where keys are used", []action.Op{start}, []string{"ec2:StartInstances", "kms:CreateGrant"}, nil, nil},
		{"a grant without its reason", []action.Op{stop}, []string{"ec2:StopInstances", "kms:CreateGrant"}, []string{"kms:CreateGrant"}, nil},
		{"retention where it is used", []action.Op{put}, []string{"s3:PutObject", "s3:PutObjectRetention"}, nil, nil},
	}
	for _, tt := range tests {
		docs := []Document{{Statement: []Statement{{Action: tt.granted}}}}
		unused, missing, err := Compare(tt.calls, docs)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(unused, tt.unused) || !slices.Equal(missing, tt.missing) {
			t.Errorf("%s: unused %v, missing %v; want %v, %v", tt.name, unused, missing, tt.unused, tt.missing)
		}
	}
	if _, _, err := Compare([]action.Op{{Service: "gamelift", Name: "ListFleets"}}, nil); err == nil {
		t.Error("an unknown service was given an action's name")
	}
}

// TestTablesHoldNothingIdle: an entry that no action uses would be granted by nobody's decision once one does.
func TestTablesHoldNothingIdle(t *testing.T) {
	var all action.Ops
	byAction := map[string]action.Ops{}
	for _, a := range action.All {
		byAction[a.Name] = a.Writes.Plus(a.UndoWrites)
		all = all.Plus(a.Reads, a.Writes, a.UndoWrites)
	}
	for _, p := range playbook.All {
		all = all.Plus(p.Reads)
	}
	for name := range onResources {
		if !slices.Contains(ownActions(t, all), name) {
			t.Errorf("no action calls %s", name)
		}
	}
	for name, others := range onOthers {
		for own := range others {
			if !slices.Contains(ownActions(t, byAction[name]), own) {
				t.Errorf("action %s changes nothing by %s", name, own)
			}
		}
	}
	for o := range besides {
		if !all.Has(o) {
			t.Errorf("%s is given more rights and no action calls it", o)
		}
	}
}

func ownActions(t *testing.T, ops action.Ops) []string {
	t.Helper()
	var names []string
	for _, o := range ops {
		own, err := ownAction(o)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, own)
	}
	return names
}

func TestNames(t *testing.T) {
	tests := []struct {
		op   action.Op
		want []string
	}{
		{action.Op{Service: "s3", Name: "ListObjectsV2"}, []string{"s3:ListBucket"}},
		{action.Op{Service: "s3", Name: "HeadObject"}, []string{"s3:GetObject"}},
		{action.Op{Service: "elasticloadbalancingv2", Name: "RegisterTargets"}, []string{"elasticloadbalancing:RegisterTargets"}},
		{action.Op{Service: "ec2", Name: "CreateSnapshots"}, []string{"ec2:CreateSnapshots", "ec2:CreateTags"}},
		{action.Op{Service: "ec2", Name: "AssociateIamInstanceProfile"}, []string{"ec2:AssociateIamInstanceProfile", "iam:PassRole"}},
		{action.Op{Service: "sts", Name: "GetCallerIdentity"}, []string{"sts:GetCallerIdentity"}},
	}
	for _, tt := range tests {
		got, err := IAMActions(tt.op)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v", tt.op, got, err, tt.want)
		}
	}
}

// TestUnknownChangeIsRefused: a change whose resources nobody has looked up must not become a grant on "*".
func TestUnknownChangeIsRefused(t *testing.T) {
	p := playbook.Playbook{Name: "new", Actions: []action.Action{{
		Phase: casefile.Contain, Writes: action.Ops{{Service: "ec2", Name: "TerminateInstances"}},
	}}}
	if _, err := Policy(p, PolicyOptions{}); err == nil || !strings.Contains(err.Error(), "ec2:TerminateInstances") {
		t.Errorf("got %v", err)
	}
}

// TestNothingIsGrantedOnEverything but looking, and no action by a pattern.
func TestNothingIsGrantedOnEverything(t *testing.T) {
	for _, p := range sidesOfAll() {
		docs, err := Policy(p.Playbook, PolicyOptions{Release: true, CaseBucket: "cases", Account: "111122223333", Partition: "aws-cn", Side: p.side})
		if err != nil {
			t.Fatal(err)
		}
		if len(docs) > policiesOnRole {
			t.Errorf("%s, %s: %d documents, and a role takes %d", p.Name, p.side, len(docs), policiesOnRole)
		}
		sids := map[string]bool{}
		for _, d := range docs {
			if n := size(d); n > managedPolicyLimit {
				t.Errorf("a document of %d characters", n)
			}
			for _, s := range d.Statement {
				if sids[s.Sid] {
					t.Errorf("%s stands twice", s.Sid)
				}
				sids[s.Sid] = true
				if strings.Contains(strings.Join(s.Action, ""), "*") {
					t.Errorf("%s: a pattern among the actions %v", s.Sid, s.Action)
				}
				for _, r := range s.Resource {
					if r == "*" && !strings.HasSuffix(s.Sid, "Read") {
						t.Errorf("%s: changes on every resource", s.Sid)
					}
					if r != "*" && !strings.HasPrefix(r, "arn:aws-cn:") {
						t.Errorf("%s: %s is in another partition", s.Sid, r)
					}
				}
			}
		}
	}
}

// TestOnlyReleaseIsApart: without the last documents a responder can contain and not put back.
func TestOnlyReleaseIsApart(t *testing.T) {
	p, _ := playbook.For(casefile.PlaybookEC2)
	without, err := Policy(p, PolicyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	with, err := Policy(p, PolicyOptions{Release: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(with) <= len(without) || text(with[:len(without)]) != text(without) {
		t.Error("the documents for containment change with the right to release")
	}
	for _, d := range with[len(without):] {
		for _, s := range d.Statement {
			if !strings.HasPrefix(s.Sid, "CordonRelease") {
				t.Errorf("%s is among the release's documents", s.Sid)
			}
		}
	}
}

// TestRecoveryIsApart: what cannot be undone stands in documents by itself, and the right to contain is in none of them.
func TestRecoveryIsApart(t *testing.T) {
	docs, err := Policy(playbook.Account, PolicyOptions{Side: Management, Release: true})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, d := range docs {
		recovers := slices.ContainsFunc(d.Statement, func(s Statement) bool { return strings.HasPrefix(s.Sid, "CordonRecover") })
		found = found || recovers
		for _, s := range d.Statement {
			if recovers != strings.HasPrefix(s.Sid, "CordonRecover") {
				t.Errorf("%s stands beside what recovers", s.Sid)
			}
			if strings.Contains(text(s.Condition), "IAMDeleteRootUserCredentials") != recovers {
				t.Errorf("%s opens root sessions that may delete", s.Sid)
			}
		}
	}
	if !found {
		t.Error("nothing recovers")
	}
}

func TestSplit(t *testing.T) {
	var big Statement
	big.Sid, big.Resource = "Big", []string{"*"}
	for i := range 600 {
		big.Action = append(big.Action, fmt.Sprintf("ec2:DescribeSomething%03d", i))
	}
	small := Statement{Sid: "Small", Action: []string{"ec2:StopInstances"}, Resource: []string{"*"}}
	docs := split([]Statement{small, big, small})
	var seen []string
	for _, d := range docs {
		if n := size(d); n > managedPolicyLimit {
			t.Errorf("a document of %d characters", n)
		}
		if len(d.Statement) == 0 {
			t.Error("an empty document")
		}
		for _, s := range d.Statement {
			seen = append(seen, s.Action...)
		}
	}
	if want := append(append(slices.Clone(small.Action), big.Action...), small.Action...); !slices.Equal(seen, want) {
		t.Errorf("%d actions came out of %d", len(seen), len(want))
	}
	if len(split(nil)) != 0 {
		t.Error("nothing became a document")
	}
}

// TestSizeIgnoresSpace as IAM does, and counts characters, not bytes.
func TestSizeIgnoresSpace(t *testing.T) {
	a := size(Document{Statement: []Statement{{Sid: "a b"}}})
	if b := size(Document{Statement: []Statement{{Sid: "äb"}}}); a != b {
		t.Errorf("%d and %d", a, b)
	}
}

func TestSameBytesEveryTime(t *testing.T) {
	p, _ := playbook.For(casefile.PlaybookEC2)
	first, err := PolicyText(p, PolicyOptions{Release: true, CaseBucket: "cases"})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := PolicyText(p, PolicyOptions{Release: true, CaseBucket: "cases"})
		if err != nil || again != first {
			t.Fatalf("the policy changed between two runs: %v", err)
		}
	}
}

func TestPlaybookTextNamesEveryAction(t *testing.T) {
	for _, p := range playbook.All {
		shown := PlaybookText(p)
		for _, a := range p.Actions {
			if !strings.Contains(shown, a.Name) || !strings.Contains(shown, a.Summary) {
				t.Errorf("%s: %s is not shown", p.Name, a.Name)
			}
		}
	}
}
