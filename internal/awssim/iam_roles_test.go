package awssim

import (
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

func trustOf(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func allow(principal string) string {
	return `{"Effect":"Allow","Principal":` + principal + `,"Action":"sts:AssumeRole"}`
}

func putTrust(c *iam.Client, role, document string) error {
	_, err := c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String(role), PolicyDocument: aws.String(document)})
	return err
}

func shownTrust(t *testing.T, c *iam.Client, role string) string {
	t.Helper()
	out, err := c.GetRole(ctx, &iam.GetRoleInput{RoleName: aws.String(role)})
	ok(t, err)
	text, err := url.PathUnescape(*out.Role.AssumeRolePolicyDocument)
	ok(t, err)
	return text
}

// Whoever a trust policy names and is gone, is shown by the unique id, also where another has the name now; and a
// document that names him is not taken again.
func TestTrustKeepsWhomItMeant(t *testing.T) {
	s, c := newIAMScene(t)
	deployer := s.AddRole(Role{Name: "deployer"})
	document := trustOf(allow(`{"AWS":["`+deployer.ARN+`","arn:aws:iam::999988887777:root"]}`),
		`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole","Condition":{"ArnEquals":{"aws:PrincipalArn":"`+deployer.ARN+`"}}}`)
	ok(t, putTrust(c, "web-app", document))
	if got := shownTrust(t, c, "web-app"); got != document {
		t.Errorf("shown %s", got)
	}
	s.Do(func(a *Account) { delete(a.IAM.Roles, "deployer") })
	anew := s.AddRole(Role{Name: "deployer"})
	got := shownTrust(t, c, "web-app")
	if !strings.Contains(got, `["`+deployer.ID+`",`) || !strings.Contains(got, `"aws:PrincipalArn":"`+deployer.ARN+`"`) || anew.ID == deployer.ID {
		t.Errorf("after it was made anew: %s", got)
	}
	wantCode(t, putTrust(c, "web-app", got), "MalformedPolicyDocument")
	ok(t, putTrust(c, "web-app", document))
	if got := shownTrust(t, c, "web-app"); got != document {
		t.Errorf("written again, shown %s", got)
	}
}

func TestTrustsThatIAMRefuses(t *testing.T) {
	s, c := newIAMScene(t)
	s.AddRole(Role{Name: "AWSServiceRoleForX", Path: "/aws-service-role/x.amazonaws.com/"})
	for name, document := range map[string]string{
		"no JSON":          `{`,
		"a resource":       strings.Replace(trustOf(allow(`"*"`)), `"Action"`, `"Resource":"*","Action"`, 1),
		"no principal":     trustOf(`{"Effect":"Allow","Action":"sts:AssumeRole"}`),
		"another action":   strings.Replace(trustOf(allow(`"*"`)), "sts:AssumeRole", "s3:GetObject", 1),
		"nobody's user":    trustOf(allow(`{"AWS":"arn:aws:iam::111122223333:user/nobody"}`)),
		"nobody's id":      trustOf(allow(`{"AWS":"AROAEXAMPLEEXAMPLE999"}`)),
		"a Sid twice":      trustOf(strings.Replace(allow(`"*"`), `{`, `{"Sid":"A",`, 1), strings.Replace(allow(`"*"`), `{`, `{"Sid":"A",`, 1)),
		"a wildcard in it": trustOf(allow(`{"AWS":"arn:aws:iam::111122223333:role/*"}`)),
	} {
		if err := putTrust(c, "web-app", document); err == nil {
			t.Errorf("%s is taken", name)
		} else {
			wantCode(t, err, "MalformedPolicyDocument")
		}
	}
	long := trustOf(strings.Replace(allow(`"*"`), `{`, `{"Sid":"`+strings.Repeat("x", 2000)+`",`, 1))
	wantCode(t, putTrust(c, "web-app", long), "LimitExceeded")
	wantCode(t, putTrust(c, "AWSServiceRoleForX", trustOf(allow(`"*"`))), "UnmodifiableEntity")
	s.Do(func(a *Account) { a.IAM.TrustQuota = 4096 })
	ok(t, putTrust(c, "web-app", long))
}

func TestWhoMayAssume(t *testing.T) {
	const (
		vendor = "arn:aws:iam::999988887777:role/ci"
		own    = "arn:aws:iam::111122223333:role/deployer"
		saml   = "arn:aws:iam::111122223333:saml-provider/corp"
		oidc   = "arn:aws:iam::111122223333:oidc-provider/token.example.com"
	)
	s, _ := newIAMScene(t)
	s.AddRole(Role{Name: "deployer"})
	closed := func(condition string) string {
		return `{"Effect":"Deny","Principal":{"AWS":"*"},"Action":"sts:AssumeRole","Condition":` + condition + `}`
	}
	open := []string{
		allow(`{"AWS":["arn:aws:iam::999988887777:root","111122223333"]}`), allow(`{"Service":"ec2.amazonaws.com"}`),
		`{"Effect":"Allow","Principal":{"Federated":"` + saml + `"},"Action":"sts:AssumeRoleWithSAML"}`,
		`{"Effect":"Allow","Principal":{"Federated":"` + oidc + `"},"Action":"sts:AssumeRoleWithWebIdentity"}`,
	}
	all := map[string]Assumer{"vendor": {ARN: vendor}, "own": {ARN: own}, "ec2": {Service: "ec2.amazonaws.com"}, "saml": {Federated: saml}, "oidc": {Federated: oidc}}
	for name, c := range map[string]struct {
		deny string
		want string
	}{
		"nothing closed":   {"", "ec2 oidc own saml vendor"},
		"an account":       {closed(`{"StringEquals":{"aws:PrincipalAccount":["999988887777"]}}`), "ec2 oidc own saml"},
		"a principal":      {closed(`{"ArnLike":{"aws:PrincipalArn":["` + own + `"]}}`), "ec2 oidc saml vendor"},
		"by its last part": {closed(`{"ArnLike":{"aws:PrincipalArn":["arn:aws:iam::*:role/ci"]}}`), "ec2 oidc own saml"},
		"all but one":      {closed(`{"StringEquals":{"aws:PrincipalAccount":"999988887777"},"ArnNotEquals":{"aws:PrincipalArn":"` + vendor + `"}}`), "ec2 oidc own saml vendor"},
		"a provider":       {`{"Effect":"Deny","Principal":{"Federated":["` + saml + `"]},"Action":"sts:AssumeRoleWithSAML"}`, "ec2 oidc own vendor"},
		"not to be judged": {closed(`{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), "ec2 oidc own saml vendor"},
		"everybody":        {`{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}`, "ec2 oidc saml"},
	} {
		statements := open
		if c.deny != "" {
			statements = append([]string{c.deny}, open...)
		}
		s.Do(func(a *Account) { a.IAM.Roles["web-app"].Trust = trustOf(statements...) })
		var may []string
		for _, who := range sortedKeys(all) {
			if s.MayAssume("web-app", all[who]) {
				may = append(may, who)
			}
		}
		if got := strings.Join(may, " "); got != c.want {
			t.Errorf("%s: may %q, want %q", name, got, c.want)
		}
	}
}
