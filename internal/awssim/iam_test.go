package awssim

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

const denyAll = `{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}`

func newIAMScene(t *testing.T, change ...func(*Options)) (*scene, *iam.Client) {
	t.Helper()
	s := newScene(t, change...)
	s.AddRole(Role{Name: "web-app", Attached: map[string]string{
		"arn:aws:iam::aws:policy/A": "A", "arn:aws:iam::aws:policy/B": "B", "arn:aws:iam::aws:policy/C": "C",
	}})
	s.AddInstanceProfile(InstanceProfile{Name: "web-app-profile", Role: "web-app"})
	return s, iam.NewFromConfig(s.cfg)
}

func putPolicy(c *iam.Client, role, name, document string) error {
	_, err := c.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: aws.String(role), PolicyName: aws.String(name), PolicyDocument: aws.String(document)})
	return err
}

func TestInlinePolicyComesBackEncodedAndGoes(t *testing.T) {
	s, c := newIAMScene(t)
	before := s.Dump()
	ok(t, putPolicy(c, "web-app", "cordon+1", denyAll))
	got, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("web-app"), PolicyName: aws.String("cordon+1")})
	ok(t, err)
	if strings.ContainsAny(*got.PolicyDocument, `{" +`) {
		t.Errorf("not percent-encoded: %s", *got.PolicyDocument)
	}
	if plain, err := url.PathUnescape(*got.PolicyDocument); err != nil || plain != denyAll {
		t.Errorf("decoded: %q, %v", plain, err)
	}
	s.AllowDeletes(true)
	_, err = c.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String("web-app"), PolicyName: aws.String("cordon+1")})
	ok(t, err)
	_, err = c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("web-app"), PolicyName: aws.String("cordon+1")})
	wantCode(t, err, "NoSuchEntity")
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Errorf("put and deleted again: %q", d)
	}
	wantNoViolation(t, s)
}

func TestRefusalsOfIAM(t *testing.T) {
	s, c := newIAMScene(t)
	s.AddRole(Role{Name: "AWSServiceRoleForAutoScaling", Path: "/aws-service-role/autoscaling.amazonaws.com/"})
	s.AddRole(Role{Name: "AWSReservedSSO_Admin_0123456789abcdef", Path: "/aws-reserved/sso.amazonaws.com/eu-west-1/"})
	for _, x := range []struct{ role, policy, document, code string }{
		{"nobody", "p", denyAll, "NoSuchEntity"},
		{"AWSServiceRoleForAutoScaling", "p", denyAll, "UnmodifiableEntity"},
		{"AWSReservedSSO_Admin_0123456789abcdef", "p", denyAll, "UnmodifiableEntity"},
		{"web-app", "p q", denyAll, "ValidationError"},
		{"web-app", "p", `{"Version":"2012-10-17"`, "MalformedPolicyDocument"},
		{"web-app", "p", `{"Version":"2012-10-17","Statement":[]}`, "MalformedPolicyDocument"},
		{"web-app", "p", `{"Version":"2012-10-17","Statement":{"Effect":"Maybe","Action":"*","Resource":"*"}}`, "MalformedPolicyDocument"},
		{"web-app", "p", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Resource":"*"}}`, "MalformedPolicyDocument"},
		{"web-app", "p", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*"}}`, "MalformedPolicyDocument"},
		{"web-app", "p", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Conditions":{}}}`, "MalformedPolicyDocument"},
	} {
		wantCode(t, putPolicy(c, x.role, x.policy, x.document), x.code)
	}
	_, err := c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("web-app")})
	wantCode(t, err, "NoSuchEntity") // that is the role's name, not the profile's
	_, err = c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String("nobody")})
	wantCode(t, err, "NoSuchEntity")
}

// sized is a policy of n characters that count, and of much white space that
// does not.
func sized(n int) string {
	head, tail := `{"Version":"2012-10-17","Statement":{"Sid":"`, `","Effect":"Deny","Action":"*","Resource":"*"}}`
	return strings.Repeat(" ", 5000) + head + strings.Repeat("x", n-len(head)-len(tail)) + tail
}

func TestInlineQuotaIsOfTheRoleAsAWhole(t *testing.T) {
	_, c := newIAMScene(t)
	ok(t, putPolicy(c, "web-app", "a", sized(10000)))
	wantCode(t, putPolicy(c, "web-app", "b", sized(241)), "LimitExceeded")
	ok(t, putPolicy(c, "web-app", "b", sized(240)))
	ok(t, putPolicy(c, "web-app", "a", sized(10000))) // in the place of the old one
	wantCode(t, putPolicy(c, "web-app", "a", sized(10001)), "LimitExceeded")
}

func TestRoleAndProfileAreReadInPages(t *testing.T) {
	s, c := newIAMScene(t)
	for i := range 5 {
		ok(t, putPolicy(c, "web-app", fmt.Sprint("p", i), denyAll))
		s.AddInstanceProfile(InstanceProfile{Name: fmt.Sprint("more", i), Role: "web-app"})
	}
	s.AddInstanceProfile(InstanceProfile{Name: "empty"})
	var inline, attached, profiles []string
	p1 := iam.NewListRolePoliciesPaginator(c, &iam.ListRolePoliciesInput{RoleName: aws.String("web-app")})
	for p1.HasMorePages() {
		out, err := p1.NextPage(ctx)
		ok(t, err)
		inline = append(inline, out.PolicyNames...)
	}
	p2 := iam.NewListAttachedRolePoliciesPaginator(c, &iam.ListAttachedRolePoliciesInput{RoleName: aws.String("web-app")})
	for p2.HasMorePages() {
		out, err := p2.NextPage(ctx)
		ok(t, err)
		for _, p := range out.AttachedPolicies {
			attached = append(attached, *p.PolicyName)
		}
	}
	p3 := iam.NewListInstanceProfilesForRolePaginator(c, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String("web-app")})
	for p3.HasMorePages() {
		out, err := p3.NextPage(ctx)
		ok(t, err)
		if len(out.InstanceProfiles) > 2 {
			t.Errorf("a page of %d", len(out.InstanceProfiles))
		}
		for _, p := range out.InstanceProfiles {
			profiles = append(profiles, *p.InstanceProfileName)
		}
	}
	same(t, "inline", inline, []string{"p0", "p1", "p2", "p3", "p4"})
	same(t, "attached", attached, []string{"A", "B", "C"})
	same(t, "profiles", profiles, []string{"web-app-profile", "more0", "more1", "more2", "more3", "more4"})

	profile, err := c.GetInstanceProfile(ctx, &iam.GetInstanceProfileInput{InstanceProfileName: aws.String("web-app-profile")})
	ok(t, err)
	role := profile.InstanceProfile.Roles[0]
	if *role.RoleName != "web-app" || !strings.HasPrefix(*role.RoleId, "AROA") || len(*role.RoleId) != 21 {
		t.Errorf("role of the profile: %s %s", *role.RoleName, *role.RoleId)
	}
	if *profile.InstanceProfile.Arn != "arn:aws:iam::111122223333:instance-profile/web-app-profile" {
		t.Errorf("ARN: %s", *profile.InstanceProfile.Arn)
	}
}

func TestIAMLagsInEveryRegion(t *testing.T) {
	s, c := newIAMScene(t, func(o *Options) { o.Lag = 2 })
	ok(t, putPolicy(c, "web-app", "late", denyAll))
	elsewhere := s.cfg.Copy()
	elsewhere.Region = "us-east-1"
	c = iam.NewFromConfig(elsewhere)
	read := func() error {
		_, err := c.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: aws.String("web-app"), PolicyName: aws.String("late")})
		return err
	}
	wantCode(t, read(), "NoSuchEntity")
	wantCode(t, read(), "NoSuchEntity")
	ok(t, read())
}
