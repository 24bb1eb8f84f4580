package deploy

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// TestSidesDoNotMix: what one side's credentials are given, the other's are not.
func TestSidesDoNotMix(t *testing.T) {
	p := playbook.Playbook{Name: "new", Actions: []action.Action{
		{Phase: casefile.Contain, Reads: action.Ops{
			action.Call((*iam.Client).GetUser), action.Call((*organizations.Client).DescribePolicy),
		}, Writes: action.Ops{action.Call((*iam.Client).PutUserPolicy)}},
	}}
	for side, want := range map[Side][]string{
		Member:     {"iam:GetUser", "iam:PutUserPolicy", "sts:GetCallerIdentity"},
		Management: {"organizations:DescribePolicy", "sts:GetCallerIdentity"},
	} {
		docs, err := Policy(p, PolicyOptions{Side: side, Release: true, CaseBucket: "cases"})
		if err != nil {
			t.Fatal(err)
		}
		got := granted(docs)
		if side == Member {
			want = append(want, "s3:GetObject", "s3:ListBucket", "s3:PutObject")
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", side, got, want)
		}
	}
}

// TestSideWithoutCalls has no policy at all, not one that grants knowing who one is.
func TestSideWithoutCalls(t *testing.T) {
	docs, err := Policy(playbook.EC2, PolicyOptions{Side: Management, Release: true, CaseBucket: "cases"})
	if err != nil || len(docs) != 0 {
		t.Errorf("%d documents, %v", len(docs), err)
	}
	if _, err := PolicyText(playbook.EC2, PolicyOptions{Side: Management}); err == nil || !strings.Contains(err.Error(), "management") {
		t.Errorf("the text of no policy: %v", err)
	}
	if _, err := ParseSide("both"); err == nil {
		t.Error("a side that there is not was taken")
	}
}

func TestSideOf(t *testing.T) {
	for o, want := range map[action.Op]Side{
		action.Call((*sts.Client).AssumeRoot):                  Management,
		action.Call((*sts.Client).GetCallerIdentity):           Member,
		action.Call((*organizations.Client).MoveAccount):       Management,
		action.Call((*iam.Client).UpdateAssumeRolePolicy):      Member,
		{Service: "ssoadmin", Name: "DeleteAccountAssignment"}: Management,
	} {
		if got := sideOf(o); got != want {
			t.Errorf("%s is the %s account's, not %s", o, got, want)
		}
	}
}

// TestADirectoryIsOnEitherSide: it is the account's own, or stands with Identity Center.
func TestADirectoryIsOnEitherSide(t *testing.T) {
	for _, side := range Sides {
		docs, err := Policy(playbook.Role, PolicyOptions{Side: side, Account: "111122223333", Release: true, CaseBucket: "cases"})
		if err != nil {
			t.Fatal(err)
		}
		got := granted(docs)
		for _, name := range []string{"ds:DescribeDirectories", "ds-data:DescribeUser", "ds-data:DisableUser", "ds:ResetUserPassword"} {
			if !slices.Contains(got, name) {
				t.Errorf("%s is not granted %s", side, name)
			}
		}
		for _, d := range docs {
			for _, s := range d.Statement {
				if slices.Contains(s.Action, "ds-data:DisableUser") && !slices.ContainsFunc(s.Resource, func(r string) bool { return strings.HasSuffix(r, ":ds:*:*:directory/*") }) {
					t.Errorf("%s disables users of %v alone", side, s.Resource)
				}
			}
		}
	}
}

func granted(docs []Document) []string {
	names := map[string]bool{}
	for _, d := range docs {
		for _, s := range d.Statement {
			for _, a := range s.Action {
				names[a] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}
