package playbook

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// behind drafts for a role of Identity Center whose sessions the finding tells of.
func behind(t *testing.T, actor casefile.Actor, change func(*fake, *action.AWS)) Draft {
	t.Helper()
	const name = "AWSReservedSSO_Admin_0123456789abcdef"
	f := newFake()
	f.answers["GetRole"] = &iam.GetRoleOutput{Role: &iamtypes.Role{
		RoleName: aws.String(name), RoleId: aws.String("AROAEXAMPLEEXAMPLE123"), Path: aws.String("/aws-reserved/sso.amazonaws.com/eu-west-1/"),
		Arn: aws.String("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/" + name),
	}}
	f.answers["ListInstances"] = &ssoadmin.ListInstancesOutput{Instances: []ssotypes.InstanceMetadata{{
		InstanceArn: aws.String("arn:aws:sso:::instance/ssoins-7223exampleid"), IdentityStoreId: aws.String("d-9067examp1"),
	}}}
	f.answers["GetUserId"] = &identitystore.GetUserIdOutput{UserId: aws.String("94d8e418-0000-7000-8000-000000000001")}
	f.answers["ListRoots"] = &organizations.ListRootsOutput{Roots: []orgtypes.Root{{Id: aws.String("r-exam")}}}
	c := f.connect(t)
	c.Management = f.connect(t)
	c.Management.Account, c.Management.Caller = "999988887777", "arn:aws:sts::999988887777:assumed-role/org-response/responder"
	if change != nil {
		change(f, c)
	}
	in := Incident{Subject: casefile.Subject{Kind: casefile.IAMRole, ID: name, Account: c.Account}, Finding: casefile.Incident{Actor: actor}}
	d, err := Role.Draft(action.Allow(context.Background(), Role.Reads, nil, nil), c, in, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func contained(d Draft) string {
	for _, s := range d.Steps {
		if s.Action.Name == action.DisableSSOUser.Name {
			return s.Target.Region
		}
	}
	return ""
}

var erin = casefile.Actor{Principal: "AWSReservedSSO_Admin_0123456789abcdef", Session: "erin@example.com"}

func TestTheUserBehindARoleIsContainedWhereIdentityCenterIsChanged(t *testing.T) {
	if got := contained(behind(t, erin, nil)); got != "eu-west-1" {
		t.Errorf("one region: %q", got)
	}
	d := behind(t, erin, func(f *fake, _ *action.AWS) {
		f.answers["ListInstances"].(*ssoadmin.ListInstancesOutput).Instances[0].PrimaryRegion = aws.String("us-east-2")
	})
	if got := contained(d); got != "us-east-2" {
		t.Errorf("extended from us-east-2: %q", got)
	}
}

func TestNobodyElseIsContainedForARolesSession(t *testing.T) {
	for what, tt := range map[string]struct {
		actor  casefile.Actor
		change func(*fake, *action.AWS)
		say    string
	}{
		"another role's session": {casefile.Actor{Principal: "deploy", Session: "frank@example.com"}, nil, "--sso-user"},
		"the responder": {erin, func(_ *fake, c *action.AWS) {
			c.Caller = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Responder_0123456789abcdef/Erin@example.com"
		}, "who you act as"},
		"the responder in the management account": {erin, func(_ *fake, c *action.AWS) {
			c.Management.Caller = "arn:aws:sts::999988887777:assumed-role/AWSReservedSSO_Org_0123456789abcdef/erin@example.com"
		}, "who you act as"},
		"a name that no user has": {erin, func(f *fake, _ *action.AWS) { f.answers["GetUserId"] = denied("ResourceNotFoundException") }, "--sso-user"},
		"no management account":   {erin, func(_ *fake, c *action.AWS) { c.Management = nil }, "--management-profile"},
	} {
		d := behind(t, tt.actor, tt.change)
		if contained(d) != "" {
			t.Errorf("%s: somebody is contained", what)
		}
		if !slices.ContainsFunc(d.Warnings, func(w string) bool { return strings.Contains(w, tt.say) }) {
			t.Errorf("%s: warnings %q", what, d.Warnings)
		}
	}
}
