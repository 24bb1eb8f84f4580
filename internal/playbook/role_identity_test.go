package playbook

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/directoryservice"
	dstypes "github.com/aws/aws-sdk-go-v2/service/directoryservice/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
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

const organisation = "999988887777" // its management account

// behind drafts for a role of Identity Center whose sessions the finding tells of. The organisation has one instance of
// it, in the region that the role's path names, and uses service control policies.
func behind(t *testing.T, actor casefile.Actor, change func(*fake, *action.AWS), directories ...string) Draft {
	t.Helper()
	const name = "AWSReservedSSO_Admin_0123456789abcdef"
	f := newFake()
	f.answers["GetRole"] = &iam.GetRoleOutput{Role: &iamtypes.Role{
		RoleName: aws.String(name), RoleId: aws.String("AROAEXAMPLEEXAMPLE123"), Path: aws.String("/aws-reserved/sso.amazonaws.com/eu-west-1/"),
		Arn: aws.String("arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/" + name),
	}}
	f.answers["ListInstances"] = instancesOf(centerOf(organisation, "eu-west-1"))
	f.answers["GetUserId"] = &identitystore.GetUserIdOutput{UserId: aws.String("94d8e418-0000-7000-8000-000000000001")}
	f.answers["DescribeOrganization"] = &organizations.DescribeOrganizationOutput{Organization: &orgtypes.Organization{MasterAccountId: aws.String(organisation)}}
	f.answers["ListRoots"] = rootUsing(orgtypes.PolicyTypeStatusEnabled)
	f.answers["ListPoliciesForTarget"] = policiesAt(1)
	f.answers["DescribeRegions"] = &ec2.DescribeRegionsOutput{Regions: []ec2types.Region{{RegionName: aws.String("eu-west-1")}, {RegionName: aws.String("us-east-1")}, {RegionName: aws.String("us-east-2")}}}
	f.answers["DescribeDirectories"] = denied("EntityDoesNotExistException")
	c := f.connect(t)
	c.Management = f.connect(t)
	c.Management.Account, c.Management.Caller = organisation, "arn:aws:sts::"+organisation+":assumed-role/org-response/responder"
	if change != nil {
		change(f, c)
	}
	in := Incident{Subject: casefile.Subject{Kind: casefile.IAMRole, ID: name, Account: c.Account}, Finding: casefile.Incident{Actor: actor}}
	d, err := Role.Draft(action.Allow(context.Background(), Role.Reads, nil, nil), c, in, Options{DirectoryUsers: directories})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func centerOf(owner, region string) ssotypes.InstanceMetadata {
	return ssotypes.InstanceMetadata{
		InstanceArn: aws.String("arn:aws:sso:::instance/ssoins-" + owner + region), IdentityStoreId: aws.String("d-" + owner),
		OwnerAccountId: aws.String(owner), PrimaryRegion: aws.String(region), Status: ssotypes.InstanceStatusActive,
	}
}

func instancesOf(all ...ssotypes.InstanceMetadata) *ssoadmin.ListInstancesOutput {
	return &ssoadmin.ListInstancesOutput{Instances: all}
}

func rootUsing(status orgtypes.PolicyTypeStatus) *organizations.ListRootsOutput {
	return &organizations.ListRootsOutput{Roots: []orgtypes.Root{{
		Id: aws.String("r-exam"), PolicyTypes: []orgtypes.PolicyTypeSummary{{Type: orgtypes.PolicyTypeTagPolicy, Status: orgtypes.PolicyTypeStatusEnabled}, {Type: orgtypes.PolicyTypeServiceControlPolicy, Status: status}},
	}}}
}

func policiesAt(n int) *organizations.ListPoliciesForTargetOutput {
	out := &organizations.ListPoliciesForTargetOutput{}
	for i := range n {
		out.Policies = append(out.Policies, orgtypes.PolicySummary{Id: aws.String(fmt.Sprintf("p-%d", i)), Name: aws.String("theirs")})
	}
	return out
}

// stepOf is the draft's step of an action, nil where there is none.
func stepOf(d Draft, a action.Action) *Step {
	for i, s := range d.Steps {
		if s.Action.Name == a.Name {
			return &d.Steps[i]
		}
	}
	return nil
}

func contained(d Draft) string {
	if s := stepOf(d, action.DisableSSOUser); s != nil {
		return s.Target.Region
	}
	return ""
}

var erin = casefile.Actor{Principal: "AWSReservedSSO_Admin_0123456789abcdef", Session: "erin@example.com"}

func TestTheUserBehindARoleIsContainedWhereIdentityCenterIsChanged(t *testing.T) {
	if got := contained(behind(t, erin, nil)); got != "eu-west-1" {
		t.Errorf("one region: %q", got)
	}
	d := behind(t, erin, func(f *fake, _ *action.AWS) {
		f.answers["ListInstances"] = instancesOf(centerOf(organisation, "us-east-2"))
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
		"no Identity Center":      {erin, func(f *fake, _ *action.AWS) { f.answers["ListInstances"] = instancesOf() }, "no instance"},
		"unreadable":              {erin, func(f *fake, _ *action.AWS) { f.answers["ListInstances"] = denied("AccessDeniedException") }, "AccessDeniedException"},
		"neither it nor the regions readable": {erin, func(f *fake, _ *action.AWS) {
			f.answers["ListInstances"], f.answers["DescribeRegions"] = denied("AccessDeniedException"), denied("UnauthorizedOperation")
		}, "UnauthorizedOperation"},
		"an account's own instance alone": {erin, func(f *fake, c *action.AWS) {
			c.Management.Account = "555566667777"
			f.answers["ListInstances"] = instancesOf(centerOf("555566667777", "eu-west-1"))
		}, "none of its instances is the organisation's"},
		"one that is being deleted": {erin, func(f *fake, _ *action.AWS) {
			i := centerOf(organisation, "eu-west-1")
			i.Status = ssotypes.InstanceStatusDeleteInProgress
			f.answers["ListInstances"] = instancesOf(i)
		}, "none of its instances is the organisation's"},
		"several of nobody knows whom": {erin, func(f *fake, _ *action.AWS) {
			f.answers["DescribeOrganization"] = denied("AccessDeniedException")
			f.answers["ListInstances"] = instancesOf(centerOf("555566667777", "us-east-1"), centerOf(organisation, "us-east-2"))
		}, "not known"},
	} {
		d := behind(t, tt.actor, tt.change)
		if contained(d) != "" {
			t.Errorf("%s: somebody is contained", what)
		}
		if !says(d.Warnings, tt.say) {
			t.Errorf("%s: warnings %q", what, d.Warnings)
		}
	}
}

func TestIdentityCenterIsFoundAmongSeveralAndWhereARegionCannotBeAsked(t *testing.T) {
	for what, tt := range map[string]struct {
		change func(*fake, *action.AWS)
		region string
	}{
		"an account's own beside it": {func(f *fake, _ *action.AWS) {
			f.answers["ListInstances"] = instancesOf(centerOf("555566667777", "eu-west-1"), centerOf(organisation, "us-east-2"))
		}, "us-east-2"},
		"several, one where the role says, and whose is not known": {func(f *fake, _ *action.AWS) {
			f.answers["DescribeOrganization"] = denied("AccessDeniedException")
			f.answers["ListInstances"] = instancesOf(centerOf("555566667777", "us-east-2"), centerOf(organisation, "eu-west-1"))
		}, "eu-west-1"},
		"the first region cannot be asked": {func(f *fake, _ *action.AWS) {
			asked := 0
			f.answers["ListInstances"] = func(any) any {
				if asked++; asked == 1 {
					return denied("UnrecognizedClientException")
				}
				return instancesOf(centerOf(organisation, "us-east-2"))
			}
		}, "us-east-2"},
		"regions tell of their own alone, and not where they stand": {func(f *fake, _ *action.AWS) {
			asked := 0
			f.answers["ListInstances"] = func(any) any {
				if asked++; asked < 3 {
					return instancesOf()
				}
				i := centerOf(organisation, "us-east-2")
				i.PrimaryRegion = nil
				return instancesOf(i)
			}
		}, "us-east-2"},
		"on a second page": {func(f *fake, _ *action.AWS) {
			f.answers["ListInstances"] = func(in any) any {
				if in.(*ssoadmin.ListInstancesInput).NextToken == nil {
					return &ssoadmin.ListInstancesOutput{Instances: []ssotypes.InstanceMetadata{centerOf("555566667777", "us-east-1")}, NextToken: aws.String("more")}
				}
				return instancesOf(centerOf(organisation, "us-east-2"))
			}
		}, "us-east-2"},
	} {
		d := behind(t, erin, tt.change)
		if got := contained(d); got != tt.region {
			t.Errorf("%s: in %q, not %s; %q", what, got, tt.region, d.Warnings)
		}
		if s := stepOf(d, action.DisableSSOUser); s != nil && !strings.HasPrefix(s.Target.ID, "d-"+organisation+"/") {
			t.Errorf("%s: the user of %s", what, s.Target.ID)
		}
	}
}

// Where no service control policy would hold, none is planned, and the plan says what to do instead.
func TestADenyThatWouldNotHoldIsNotPlanned(t *testing.T) {
	for what, tt := range map[string]struct {
		change func(*fake, *action.AWS)
		say    string
	}{
		"not enabled": {func(f *fake, _ *action.AWS) {
			f.answers["ListRoots"] = rootUsing(orgtypes.PolicyTypeStatusPendingDisable)
		}, "enable-policy-type --root-id r-exam"},
		"unreadable": {func(f *fake, _ *action.AWS) { f.answers["ListRoots"] = denied("AccessDeniedException") }, "root could not be read"},
		"no root":    {func(f *fake, _ *action.AWS) { f.answers["ListRoots"] = &organizations.ListRootsOutput{} }, "0 roots"},
		"no room for it": {func(f *fake, _ *action.AWS) {
			f.answers["ListPoliciesForTarget"] = policiesAt(action.PoliciesPerTarget)
		}, "10 service control policies"},
	} {
		d := behind(t, erin, tt.change)
		if stepOf(d, action.DenySSOPolicy) != nil || stepOf(d, action.DenySSOUser) != nil {
			t.Errorf("%s: a deny is planned", what)
		}
		if contained(d) == "" {
			t.Errorf("%s: nothing else is planned", what)
		}
		if !says(d.Warnings, tt.say) || !says(d.Warnings, `"identitystore:userId":"94d8e418-0000-7000-8000-000000000001"`) || !says(d.Survives, "has open") {
			t.Errorf("%s: warnings %q, survives %q", what, d.Warnings, d.Survives)
		}
	}
	d := behind(t, erin, func(f *fake, _ *action.AWS) { f.answers["ListPoliciesForTarget"] = denied("AccessDeniedException") })
	if stepOf(d, action.DenySSOUser) == nil || !says(d.Warnings, "could not be read (AWS takes 10)") {
		t.Errorf("how many there are is unreadable: warnings %q", d.Warnings)
	}
}

func TestThePlanSaysWhatAUsersDenyDoesNotReach(t *testing.T) {
	d := behind(t, erin, nil)
	s := stepOf(d, action.DenySSOUser)
	if s == nil {
		t.Fatalf("no deny: %q", d.Warnings)
	}
	for _, text := range []string{"management account", "other roles that"} {
		if !says(s.Impact, text) || !says(d.Survives, text) {
			t.Errorf("%q: impact %q, survives %q", text, s.Impact, d.Survives)
		}
	}
	if !says(d.Warnings, "Disable user access") || says(d.Warnings, "by delegation") || says(d.Warnings, "NOT ENDED") {
		t.Errorf("warnings %q", d.Warnings)
	}
}

// In the management account no service control policy holds: the deny is for the others, and the plan says so.
func TestARoleOfTheManagementAccountIsNotDenied(t *testing.T) {
	d := behind(t, erin, func(f *fake, c *action.AWS) {
		c.Management.Account = c.Account
		f.answers["DescribeOrganization"] = &organizations.DescribeOrganizationOutput{Organization: &orgtypes.Organization{MasterAccountId: aws.String(c.Account)}}
		f.answers["ListInstances"] = instancesOf(centerOf(c.Account, "eu-west-1"))
	})
	if stepOf(d, action.DenySSOUser) == nil || !says(d.Warnings, "HAS OPEN OF ROLE AWSReservedSSO_Admin_0123456789abcdef IS NOT ENDED") || !says(d.Warnings, `"identitystore:userId":"94d8e418-0000-7000-8000-000000000001"`) {
		t.Errorf("warnings %q", d.Warnings)
	}
}

func TestWhatADelegatedAdministratorCannotDoIsSaid(t *testing.T) {
	d := behind(t, erin, func(_ *fake, c *action.AWS) { c.Management.Account = "555566667777" })
	if contained(d) == "" || !says(d.Warnings, "account 555566667777 administers Identity Center by delegation") {
		t.Errorf("warnings %q", d.Warnings)
	}
	if s := stepOf(d, action.RemoveAssignments); s.Target.Account != "555566667777" {
		t.Errorf("changed from account %s", s.Target.Account)
	}
	for what, answer := range map[string]any{"unreadable": denied("AccessDeniedException"), "empty": &organizations.DescribeOrganizationOutput{}} {
		d := behind(t, erin, func(f *fake, _ *action.AWS) { f.answers["DescribeOrganization"] = answer })
		if contained(d) == "" || !says(d.Warnings, "could not be read") {
			t.Errorf("%s: warnings %q", what, d.Warnings)
		}
	}
}

// directoriesIn answers by region: that of Identity Center is us-east-2, and that of the account eu-west-1.
func directoriesIn(regions map[string]dstypes.DirectoryDescription) func(*fake, *action.AWS) {
	return func(f *fake, c *action.AWS) {
		f.answers["ListInstances"] = instancesOf(centerOf(organisation, "us-east-2"))
		f.byRegion = map[string]func(region string) any{"DescribeDirectories": func(region string) any {
			if d, ok := regions[region]; ok {
				d.DirectoryId = aws.String("d-9067a1b2c3")
				return &directoryservice.DescribeDirectoriesOutput{DirectoryDescriptions: []dstypes.DirectoryDescription{d}}
			}
			return denied("EntityDoesNotExistException")
		}}
	}
}

func TestADirectorysUserIsDisabledWhereTheDirectoryIs(t *testing.T) {
	microsoft := dstypes.DirectoryDescription{Type: dstypes.DirectoryTypeMicrosoftAd}
	for what, tt := range map[string]struct {
		change          func(*fake, *action.AWS)
		account, region string // "" where it is not planned
		say             string
	}{
		"Identity Center's":  {directoriesIn(map[string]dstypes.DirectoryDescription{"us-east-2": microsoft}), organisation, "us-east-2", ""},
		"the account's own":  {directoriesIn(map[string]dstypes.DirectoryDescription{"eu-west-1": microsoft}), "111122223333", "eu-west-1", ""},
		"nowhere":            {directoriesIn(nil), "", "", "not in account 999988887777 in us-east-2, nor in account 111122223333 in eu-west-1"},
		"AD Connector":       {directoriesIn(map[string]dstypes.DirectoryDescription{"us-east-2": {Type: dstypes.DirectoryTypeAdConnector}}), "", "", "of type ADConnector"},
		"shared by another":  {directoriesIn(map[string]dstypes.DirectoryDescription{"eu-west-1": {Type: dstypes.DirectoryTypeSharedMicrosoftAd, OwnerDirectoryDescription: &dstypes.OwnerDirectoryDescription{AccountId: aws.String("444455556666"), DirectoryId: aws.String("d-9067ffffff")}}}), "", "", "shared by account 444455556666"},
		"unreadable":         {func(f *fake, _ *action.AWS) { f.answers["DescribeDirectories"] = denied("AccessDeniedException") }, "", "", "could not be looked at for directory d-9067a1b2c3"},
		"no Identity Center": {func(f *fake, _ *action.AWS) { f.answers["ListInstances"] = instancesOf() }, "", "", "where Identity Center's directory would be is not known"},
		"no management account, and the account's own": {func(f *fake, c *action.AWS) {
			directoriesIn(map[string]dstypes.DirectoryDescription{"eu-west-1": microsoft})(f, c)
			c.Management = nil
		}, "111122223333", "eu-west-1", ""},
		"no management account": {func(_ *fake, c *action.AWS) { c.Management = nil }, "", "", "--management-profile"},
	} {
		d := behind(t, erin, tt.change, "d-9067a1b2c3/erin")
		s := stepOf(d, action.DisableDirectoryUser)
		switch {
		case s == nil && tt.account != "", s != nil && (s.Target.Account != tt.account || s.Target.Region != tt.region || s.Target.ID != "d-9067a1b2c3/erin"):
			t.Errorf("%s: %+v; %q", what, s, d.Warnings)
		case tt.say != "" && !says(d.Warnings, tt.say), s == nil && !says(d.Warnings, "directory user d-9067a1b2c3/erin is not disabled"):
			t.Errorf("%s: warnings %q", what, d.Warnings)
		}
	}
}

// Whatever else the plan does, a user whose sessions nothing ends is not contained.
func TestAUserWhoseSessionsLiveIsNotContained(t *testing.T) {
	for what, change := range map[string]func(*fake, *action.AWS){
		"": nil,
		"policies not enabled": func(f *fake, _ *action.AWS) {
			f.answers["ListRoots"] = rootUsing(orgtypes.PolicyTypeStatusPendingEnable)
		},
		"no room for a policy": func(f *fake, _ *action.AWS) {
			f.answers["ListPoliciesForTarget"] = policiesAt(action.PoliciesPerTarget)
		},
		"no management account":    func(_ *fake, c *action.AWS) { c.Management = nil },
		"a name that no user has":  func(f *fake, _ *action.AWS) { f.answers["GetUserId"] = denied("ResourceNotFoundException") },
		"the management account's": func(_ *fake, c *action.AWS) { c.Account = organisation },
	} {
		if d := behind(t, erin, change); d.Open != (what != "") {
			t.Errorf("%s: open is %t, warnings %q", what, d.Open, d.Warnings)
		}
	}
	if d := behind(t, erin, nil, "d-9067a1b2c3/grace"); !d.Open || !says(d.Warnings, "is not disabled") {
		t.Errorf("a directory that is nowhere: warnings %q", d.Warnings)
	}
}

// The name of another role's session is whoever assumed it's to choose: a colleague must not be disabled for it.
func TestUserIsNotNamedByAnotherRolesSession(t *testing.T) {
	const sso = "AWSReservedSSO_Admin_0123456789abcdef"
	subject := func(kind casefile.Kind, id string) casefile.Subject {
		return casefile.Subject{Kind: kind, ID: id, Account: "111122223333"}
	}
	for want, all := range map[string][]casefile.Subject{
		"":                 {subject(casefile.IAMRole, "deploy"), subject(casefile.RoleSession, "frank@example.com"), subject(casefile.IAMRole, sso)},
		"erin@example.com": {subject(casefile.IAMRole, "deploy"), subject(casefile.RoleSession, "frank@example.com"), subject(casefile.IAMRole, sso), subject(casefile.RoleSession, "erin@example.com")},
	} {
		p := &rolePlan{role: iamtypes.Role{RoleName: aws.String(sso), Path: aws.String("/aws-reserved/sso.amazonaws.com/")}, in: Incident{Finding: casefile.Incident{Subjects: all}}}
		if got := p.centerUser(); got != want || (want == "") != says(p.draft.Warnings, "--sso-user") {
			t.Errorf("%q, want %q; warnings %q", got, want, p.draft.Warnings)
		}
	}
}
