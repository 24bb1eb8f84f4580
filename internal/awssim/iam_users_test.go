package awssim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func newUserScene(t *testing.T, change ...func(*Options)) (*scene, *iam.Client) {
	t.Helper()
	s := newScene(t, change...)
	s.AddPolicy(ManagedPolicy{Name: "limits", Document: denyAll})
	s.AddGroup(Group{Name: "deployers", Inline: map[string]string{"deploy": `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`}})
	s.AddUser(User{
		Name: "alice", Path: "/ci/", Groups: []string{"deployers", "readers", "everybody"}, Login: &LoginProfile{}, MFA: []string{"one", "two", "three"},
		Keys:         []UserKey{{ID: "AKIAALICE1", Active: true, LastUsed: s.now, Service: "s3", Region: "eu-west-1"}, {ID: "AKIAALICE2"}},
		Services:     []ServiceCredential{{ID: "ACCA1", Service: "bedrock.amazonaws.com", Active: true}, {ID: "ACCA2", Service: "codecommit.amazonaws.com", Active: true}, {ID: "ACCA3", Active: true, Expires: s.now}},
		Certificates: []Certificate{{ID: "CERT1", Body: "-----BEGIN", Active: true}}, SSHKeys: []SSHKey{{ID: "APKA1", Body: "ssh-rsa AAAA", Active: true}},
		Tags: map[string]string{"owner": "ci", "team": "blue", "stage": "prod"},
	})
	s.AddUser(User{Name: "bare"})
	return s, iam.NewFromConfig(s.cfg)
}

var alicesName = aws.String("alice")

func TestCredentialsAreSwitchedByStatus(t *testing.T) {
	s, c := newUserScene(t)
	before := s.Dump()
	set := func(status types.StatusType) {
		t.Helper()
		_, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: alicesName, AccessKeyId: aws.String("AKIAALICE1"), Status: status})
		ok(t, err)
		_, err = c.UpdateServiceSpecificCredential(ctx, &iam.UpdateServiceSpecificCredentialInput{UserName: alicesName, ServiceSpecificCredentialId: aws.String("ACCA1"), Status: status})
		ok(t, err)
		_, err = c.UpdateSigningCertificate(ctx, &iam.UpdateSigningCertificateInput{UserName: alicesName, CertificateId: aws.String("CERT1"), Status: status})
		ok(t, err)
		_, err = c.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: alicesName, SSHPublicKeyId: aws.String("APKA1"), Status: status})
		ok(t, err)
	}
	set(types.StatusTypeInactive)
	keys, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: alicesName})
	ok(t, err)
	services, err := c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: alicesName, MaxItems: aws.Int32(10)})
	ok(t, err)
	certificates, err := c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesInput{UserName: alicesName})
	ok(t, err)
	ssh, err := c.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysInput{UserName: alicesName})
	ok(t, err)
	for what, status := range map[string]types.StatusType{
		"key": keys.AccessKeyMetadata[0].Status, "service": services.ServiceSpecificCredentials[0].Status, "certificate": certificates.Certificates[0].Status, "ssh": ssh.SSHPublicKeys[0].Status,
	} {
		if status != types.StatusTypeInactive {
			t.Errorf("%s is %s", what, status)
		}
	}
	if !services.IsTruncated || len(services.ServiceSpecificCredentials) != 2 {
		t.Errorf("a page of services %+v", services)
	}
	services, err = c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsInput{UserName: alicesName, Marker: services.Marker})
	ok(t, err)
	if last := services.ServiceSpecificCredentials[0]; last.Status != types.StatusTypeExpired {
		t.Errorf("a key past its end is %s", last.Status)
	}
	set(types.StatusTypeActive)
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Error(d)
	}
	_, err = c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: alicesName, AccessKeyId: aws.String("AKIAALICE1"), Status: types.StatusTypeExpired})
	wantCode(t, err, "ValidationError")
	if v := s.Violations(); len(v) > 0 {
		t.Error(v)
	}
	_, err = c.UpdateSSHPublicKey(ctx, &iam.UpdateSSHPublicKeyInput{UserName: alicesName, SSHPublicKeyId: aws.String("APKANEVER"), Status: types.StatusTypeInactive})
	wantCode(t, err, "NoSuchEntity")
	if v := s.Violations(); len(v) != 1 {
		t.Errorf("a change of what never existed: %q", v)
	}
}

// A key that was disabled reads Active for a while.
func TestDisabledKeyReadsActiveForAWhile(t *testing.T) {
	_, c := newUserScene(t, func(o *Options) { o.Lag = 2 })
	_, err := c.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: alicesName, AccessKeyId: aws.String("AKIAALICE1"), Status: types.StatusTypeInactive})
	ok(t, err)
	for i, want := range []types.StatusType{types.StatusTypeActive, types.StatusTypeActive, types.StatusTypeInactive} {
		out, err := c.ListAccessKeys(ctx, &iam.ListAccessKeysInput{UserName: alicesName})
		ok(t, err)
		if got := out.AccessKeyMetadata[0].Status; got != want {
			t.Errorf("look %d: %s", i+1, got)
		}
	}
}

func TestWhatAUserHasIsListedInPages(t *testing.T) {
	_, c := newUserScene(t)
	var groups, mfa, tags []string
	for p := iam.NewListGroupsForUserPaginator(c, &iam.ListGroupsForUserInput{UserName: alicesName}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		ok(t, err)
		for _, g := range page.Groups {
			groups = append(groups, *g.GroupName)
		}
	}
	for p := iam.NewListMFADevicesPaginator(c, &iam.ListMFADevicesInput{UserName: alicesName}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		ok(t, err)
		for _, m := range page.MFADevices {
			mfa = append(mfa, *m.SerialNumber)
		}
	}
	for p := iam.NewListUserTagsPaginator(c, &iam.ListUserTagsInput{UserName: alicesName}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		ok(t, err)
		for _, tag := range page.Tags {
			tags = append(tags, *tag.Key)
		}
	}
	for what, got := range map[string][]string{"deployers everybody readers": groups, "one three two": mfa, "owner stage team": tags} {
		if strings.Join(got, " ") != what {
			t.Errorf("%q, not %q", got, what)
		}
	}
	document, err := c.GetGroupPolicy(ctx, &iam.GetGroupPolicyInput{GroupName: aws.String("deployers"), PolicyName: aws.String("deploy")})
	ok(t, err)
	if !strings.Contains(*document.PolicyDocument, "%22Allow%22") {
		t.Errorf("the group's policy is %s", *document.PolicyDocument)
	}
	_, err = c.GetLoginProfile(ctx, &iam.GetLoginProfileInput{UserName: aws.String("bare")})
	wantCode(t, err, "NoSuchEntity")
	key, err := c.GetSSHPublicKey(ctx, &iam.GetSSHPublicKeyInput{UserName: alicesName, SSHPublicKeyId: aws.String("APKA1"), Encoding: types.EncodingTypeSsh})
	ok(t, err)
	if *key.SSHPublicKey.SSHPublicKeyBody != "ssh-rsa AAAA" || strings.Count(*key.SSHPublicKey.Fingerprint, ":") != 15 {
		t.Errorf("the SSH key is %+v", key.SSHPublicKey)
	}
}

func TestManagedPolicyIsMadeAttachedAndDeleted(t *testing.T) {
	s, c := newUserScene(t)
	before := s.Dump()
	make := func() (*iam.CreatePolicyOutput, error) {
		return c.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("cordon-deny"), PolicyDocument: aws.String(denyAll)})
	}
	made, err := make()
	ok(t, err)
	_, err = make()
	wantCode(t, err, "EntityAlreadyExists")
	arn := made.Policy.Arn
	_, err = c.AttachUserPolicy(ctx, &iam.AttachUserPolicyInput{UserName: alicesName, PolicyArn: arn})
	ok(t, err)
	got, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	ok(t, err)
	version, err := c.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: got.Policy.DefaultVersionId})
	ok(t, err)
	if *version.PolicyVersion.Document != percentEncode(denyAll) || *got.Policy.AttachmentCount != 1 {
		t.Errorf("the policy is %+v %+v", got.Policy, version.PolicyVersion)
	}
	s.AllowDeletes(true)
	_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	wantCode(t, err, "DeleteConflict")
	_, err = c.DetachUserPolicy(ctx, &iam.DetachUserPolicyInput{UserName: alicesName, PolicyArn: arn})
	ok(t, err)
	_, err = c.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn})
	ok(t, err)
	if d := Diff(before, s.Dump()); len(d) > 0 {
		t.Error(d)
	}
	aws1, err := c.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: aws.String("arn:aws:iam::aws:policy/AWSDenyAll")})
	ok(t, err)
	if *aws1.Policy.PolicyName != "AWSDenyAll" {
		t.Errorf("AWS's own policy is %+v", aws1.Policy)
	}
}

func TestUserDenied(t *testing.T) {
	cutoff := time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	key := Credential{}
	early, late := Credential{Issued: cutoff.Add(-time.Second)}, Credential{Issued: cutoff}
	federated := Credential{Issued: cutoff.Add(-time.Hour), Federated: "bob"}
	const sessions = `{"Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-23T02:30:00Z"}}}}`
	for name, c := range map[string]struct {
		put    func(a *Account)
		denied []Credential
		not    []Credential
	}{
		"nothing":            {func(*Account) {}, nil, []Credential{key, early, late, federated}},
		"everything, inline": {func(a *Account) { a.IAM.Users["alice"].Inline["d"] = denyAll }, []Credential{key, early, late, federated}, nil},
		"sessions":           {func(a *Account) { a.IAM.Users["alice"].Inline["d"] = sessions }, []Credential{early, federated}, []Credential{key, late}},
		"AWS's own":          {func(a *Account) { a.IAM.Users["alice"].Attached["arn:aws:iam::aws:policy/AWSDenyAll"] = "AWSDenyAll" }, []Credential{key, early, late, federated}, nil},
		"the account's own":  {func(a *Account) { a.IAM.Users["alice"].Attached["arn:aws:iam::111122223333:policy/limits"] = "limits" }, []Credential{key, federated}, nil},
		"the group's":        {func(a *Account) { a.IAM.Groups["deployers"].Inline["d"] = denyAll }, []Credential{key, federated}, nil},
		"the quarantine": {func(a *Account) {
			a.IAM.Users["alice"].Attached["arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"] = "q"
		}, nil, []Credential{key, early}},
		"the user's own id": {func(a *Account) {
			a.IAM.Users["alice"].Inline["d"] = strings.Replace(denyAll, `"Resource"`, `"Condition":{"StringEquals":{"aws:userid":"`+a.IAM.Users["alice"].ID+`"}},"Resource"`, 1)
		}, []Credential{key, early}, []Credential{federated}},
	} {
		s, _ := newUserScene(t)
		s.Do(c.put)
		for _, with := range c.denied {
			if !s.UserDenied("alice", with, "sts:AssumeRole") {
				t.Errorf("%s: not denied with %+v", name, with)
			}
		}
		for _, with := range c.not {
			if s.UserDenied("alice", with, "sts:AssumeRole") {
				t.Errorf("%s: denied with %+v", name, with)
			}
		}
	}
}

func TestWhoseKeyItIs(t *testing.T) {
	s, c := newUserScene(t)
	s.Do(func(a *Account) {
		a.IAM.Root.Keys = []UserKey{{ID: "AKIAROOT", Active: true}}
		a.IAM.KeysElsewhere["AKIAOTHER"] = "444455556666"
	})
	used, err := c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAALICE1")})
	ok(t, err)
	if *used.UserName != "alice" || *used.AccessKeyLastUsed.ServiceName != "s3" {
		t.Errorf("%+v", used)
	}
	root, err := c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAROOT")})
	ok(t, err)
	if root.UserName != nil || root.AccessKeyLastUsed.LastUsedDate != nil {
		t.Errorf("root's key: %+v", root)
	}
	_, err = c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedInput{AccessKeyId: aws.String("AKIAOTHER")})
	wantCode(t, err, "AccessDenied")
	for id, want := range map[string]string{"AKIAOTHER": "444455556666", "AKIAALICE1": "111122223333", "ASIASOMEBODY": "111122223333"} {
		out, err := sts.NewFromConfig(s.cfg).GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: aws.String(id)})
		ok(t, err)
		if *out.Account != want {
			t.Errorf("%s is of %s", id, *out.Account)
		}
	}
}

func TestCredentialReportTakesItsTime(t *testing.T) {
	s, c := newUserScene(t)
	_, err := c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	wantCode(t, err, "ReportNotPresent")
	for _, want := range []types.ReportStateType{types.ReportStateTypeStarted, types.ReportStateTypeInprogress} {
		out, err := c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
		ok(t, err)
		if out.State != want {
			t.Errorf("state %s, not %s", out.State, want)
		}
	}
	_, err = c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	wantCode(t, err, "ReportInProgress")
	s.now = s.now.Add(6 * time.Second)
	out, err := c.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{})
	ok(t, err)
	report, err := c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	ok(t, err)
	lines := strings.Split(strings.TrimSpace(string(report.Content)), "\n")
	if out.State != types.ReportStateTypeComplete || len(lines) != 4 || !strings.HasPrefix(lines[2], "alice,") {
		t.Errorf("state %s, report %q", out.State, lines)
	}
	for _, l := range lines {
		if n := strings.Count(l, ",") + 1; n != len(reportColumns) {
			t.Errorf("%d columns in %s", n, l)
		}
	}
	s.now = s.now.Add(5 * time.Hour)
	_, err = c.GetCredentialReport(ctx, &iam.GetCredentialReportInput{})
	wantCode(t, err, "ReportExpired")
}

func TestAuthorizationDetailsHoldGroupsAndDocuments(t *testing.T) {
	_, c := newUserScene(t)
	var kinds []string
	for p := iam.NewGetAccountAuthorizationDetailsPaginator(c, &iam.GetAccountAuthorizationDetailsInput{}); p.HasMorePages(); {
		page, err := p.NextPage(ctx)
		ok(t, err)
		for _, g := range page.GroupDetailList {
			kinds = append(kinds, *g.GroupName)
		}
		for _, u := range page.UserDetailList {
			kinds = append(kinds, *u.UserName)
		}
		for _, p := range page.Policies {
			kinds = append(kinds, *p.PolicyName+*p.PolicyVersionList[0].Document)
		}
	}
	slices.Sort(kinds)
	if want := []string{"alice", "bare", "deployers", "everybody", "limits" + percentEncode(denyAll), "readers"}; !slices.Equal(kinds, want) {
		t.Errorf("%q", kinds)
	}
}
