package engine_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	gdtypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	orgtypes "github.com/aws/aws-sdk-go-v2/service/organizations/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// watched are the regions in which the member account has trails or detectors.
var watched = []string{motoRegion, "us-east-1"}

// organise makes the account a member of an organisation that another one manages, with a unit for quarantine. moto
// gives each account a state of its own, and an account's credentials to whoever assumes a role there.
func (a *account) organise() (member, unit string) {
	a.t.Helper()
	management := a.cfg.Copy()
	a.management = &management
	a.org = organizations.NewFromConfig(management)
	must(a.org.CreateOrganization(a.ctx, &organizations.CreateOrganizationInput{FeatureSet: orgtypes.OrganizationFeatureSetAll}))(a)
	root := must(a.org.ListRoots(a.ctx, &organizations.ListRootsInput{}))(a).Roots[0].Id
	if _, err := a.org.EnablePolicyType(a.ctx, &organizations.EnablePolicyTypeInput{RootId: root, PolicyType: orgtypes.PolicyTypeServiceControlPolicy}); err != nil {
		a.t.Logf("service control policies are enabled already: %v", err)
	}
	made := must(a.org.CreateAccount(a.ctx, &organizations.CreateAccountInput{AccountName: aws.String("prod"), Email: aws.String("prod@example.org")}))(a)
	ou := must(a.org.CreateOrganizationalUnit(a.ctx, &organizations.CreateOrganizationalUnitInput{ParentId: root, Name: aws.String("Quarantine")}))(a)
	member = aws.ToString(made.CreateAccountStatus.AccountId)
	a.enter(member, "OrganizationAccountAccessRole")
	must(a.iam.CreateRole(a.ctx, &iam.CreateRoleInput{
		RoleName: aws.String("incident-response"), Path: aws.String("/security/"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}`),
	}))(a)
	a.enter(member, "security/incident-response")
	return member, aws.ToString(ou.OrganizationalUnit.Id)
}

// enter assumes a role in an account; the test's own clients then act there.
func (a *account) enter(id, role string) {
	a.t.Helper()
	got := must(sts.NewFromConfig(*a.management).AssumeRole(a.ctx, &sts.AssumeRoleInput{
		RoleArn: aws.String("arn:aws:iam::" + id + ":role/" + role), RoleSessionName: aws.String("ann"),
	}))(a)
	k := got.Credentials
	a.cfg = a.management.Copy()
	a.cfg.Credentials = credentials.NewStaticCredentialsProvider(aws.ToString(k.AccessKeyId), aws.ToString(k.SecretAccessKey), aws.ToString(k.SessionToken))
	a.iam = iam.NewFromConfig(a.cfg)
}

func (a *account) in(region string) aws.Config {
	cfg := a.cfg.Copy()
	cfg.Region = region
	return cfg
}

// blind makes a trail and a detector in each region and stops them, as an intruder would.
func (a *account) blind() {
	a.t.Helper()
	must(s3.NewFromConfig(a.in("us-east-1")).CreateBucket(a.ctx, &s3.CreateBucketInput{Bucket: aws.String("trails-of-prod")}))(a)
	for _, region := range watched {
		trails := cloudtrail.NewFromConfig(a.in(region))
		must(trails.CreateTrail(a.ctx, &cloudtrail.CreateTrailInput{Name: aws.String("audit-" + region), S3BucketName: aws.String("trails-of-prod")}))(a)
		detector := must(guardduty.NewFromConfig(a.in(region)).CreateDetector(a.ctx, &guardduty.CreateDetectorInput{Enable: aws.Bool(true)}))(a)
		must(guardduty.NewFromConfig(a.in(region)).UpdateDetector(a.ctx, &guardduty.UpdateDetectorInput{DetectorId: detector.DetectorId, Enable: aws.Bool(false)}))(a)
	}
}

// prod is what a release has to give back of an account, as the test itself reads it.
type prod struct {
	IAM       identities
	Parent    string
	Policies  map[string]string // on the account, content by name
	All       []string          // names of the organisation's policies
	Trails    map[string]bool   // does it record
	Detectors map[string]string // status by region
}

func (p prod) String() string {
	text, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (a *account) lookAtProd(member string) prod {
	a.t.Helper()
	p := prod{IAM: a.lookAtIAM(), Policies: map[string]string{}, Trails: map[string]bool{}, Detectors: map[string]string{}}
	if a.org != nil {
		p.Parent = aws.ToString(must(a.org.ListParents(a.ctx, &organizations.ListParentsInput{ChildId: aws.String(member)}))(a).Parents[0].Id)
		for _, s := range must(a.org.ListPoliciesForTarget(a.ctx, &organizations.ListPoliciesForTargetInput{TargetId: aws.String(member), Filter: orgtypes.PolicyTypeServiceControlPolicy}))(a).Policies {
			p.Policies[aws.ToString(s.Name)] = aws.ToString(must(a.org.DescribePolicy(a.ctx, &organizations.DescribePolicyInput{PolicyId: s.Id}))(a).Policy.Content)
		}
		for _, s := range must(a.org.ListPolicies(a.ctx, &organizations.ListPoliciesInput{Filter: orgtypes.PolicyTypeServiceControlPolicy}))(a).Policies {
			p.All = append(p.All, aws.ToString(s.Name))
		}
		slices.Sort(p.All)
	}
	for _, region := range watched {
		trails := cloudtrail.NewFromConfig(a.in(region))
		for _, t := range must(trails.DescribeTrails(a.ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(false)}))(a).TrailList {
			status := must(trails.GetTrailStatus(a.ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN}))(a)
			p.Trails[aws.ToString(t.TrailARN)] = aws.ToBool(status.IsLogging)
		}
		detectors := guardduty.NewFromConfig(a.in(region))
		for _, id := range must(detectors.ListDetectors(a.ctx, &guardduty.ListDetectorsInput{}))(a).DetectorIds {
			p.Detectors[region] = string(must(detectors.GetDetector(a.ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(id)}))(a).Status)
		}
	}
	return p
}

func (a *account) sameProd(member string, before prod) {
	a.t.Helper()
	if now := a.lookAtProd(member); !reflect.DeepEqual(before, now) {
		a.t.Errorf("the account is not as before:\nbefore %s\nnow %s", before, now)
	}
}

func (a *account) respondToAccount(id string, o playbook.Options) *incident {
	a.t.Helper()
	subject := casefile.Subject{Kind: casefile.AWSAccount, ID: id, Playbook: casefile.PlaybookAccount}
	return a.respondTo(playbook.Account, subject, casefile.Incident{Finding: casefile.FindingRef{ID: "f-1"}}, o)
}

// accountByPolicy: the account is quarantined by a policy of cordon's own, its users are cut, and what watches works.
func accountByPolicy(a *account) {
	member, _ := a.organise()
	a.person()
	a.blind()
	before := a.lookAtProd(member)
	if len(before.Trails) != 2 || len(before.Detectors) != 2 || len(before.IAM.Users) != 2 {
		a.t.Fatalf("the account was not made as meant: %s", before)
	}
	r := a.respondToAccount(member, playbook.Options{})
	a.sameProd(member, before)
	r.apply()
	after := a.lookAtProd(member)
	r.watchedAgain(after)
	added := newIn(after.Policies, before.Policies)
	responder := "arn:aws:iam::" + member + ":role/security/incident-response"
	if len(added) != 1 || added[0] != action.QuarantinePolicy([]string{responder}) || !strings.Contains(added[0], responder) {
		a.t.Errorf("the policies put on the account: %v", added)
	}
	for name := range after.IAM.Users {
		r.denied(name, before.IAM, after.IAM)
	}
	r.release()
	a.sameProd(member, before)
}

// denied: the user is denied everything, and has no key that works.
func (r *incident) denied(user string, before, after identities) {
	r.t.Helper()
	u := after.Users[user]
	if slices.Contains(slices.Collect(maps.Values(u.Keys)), "Active") {
		r.t.Errorf("user %s has the keys %v", user, u.Keys)
	}
	if added := newIn(u.Inline, before.Users[user].Inline); len(added) != 1 || added[0] != action.DenyAllPolicy() {
		r.t.Errorf("the policies put on user %s: %v", user, added)
	}
}

func (r *incident) watchedAgain(after prod) {
	r.t.Helper()
	for arn, records := range after.Trails {
		if !records {
			r.t.Errorf("trail %s does not record", arn)
		}
	}
	for region, status := range after.Detectors {
		if status != string(gdtypes.DetectorStatusEnabled) {
			r.t.Errorf("the detector of %s is %s", region, status)
		}
	}
}

// restrict puts a policy that denies on a unit: into one that restricts nothing no move is planned.
func (a *account) restrict(unit string) {
	a.t.Helper()
	made := must(a.org.CreatePolicy(a.ctx, &organizations.CreatePolicyInput{
		Name: aws.String("quarantine"), Description: aws.String("what nobody may do here"), Type: orgtypes.PolicyTypeServiceControlPolicy,
		Content: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"ec2:RunInstances","Resource":"*"}]}`),
	}))(a)
	must(a.org.AttachPolicy(a.ctx, &organizations.AttachPolicyInput{PolicyId: made.Policy.PolicySummary.Id, TargetId: aws.String(unit)}))(a)
}

// accountByUnit: the account is moved into the quarantine unit, and back to where it was.
func accountByUnit(a *account) {
	member, unit := a.organise()
	a.restrict(unit)
	before := a.lookAtProd(member)
	r := a.respondToAccount(member, playbook.Options{QuarantineOU: unit})
	r.apply()
	after := a.lookAtProd(member)
	if after.Parent != unit || !maps.Equal(after.Policies, before.Policies) {
		a.t.Errorf("the account is in %s with %v", after.Parent, slices.Collect(maps.Keys(after.Policies)))
	}
	r.release()
	a.sameProd(member, before)
}

// accountFromInside: there is no organisation, so all that can be done is done with the account's own credentials.
func accountFromInside(a *account) {
	a.person()
	a.blind()
	before := a.lookAtProd("")
	r := a.respondToAccount("123456789012", playbook.Options{Spare: []string{"arn:aws:iam::123456789012:user/bystander"}})
	r.apply()
	after := a.lookAtProd("")
	r.watchedAgain(after)
	r.denied(person, before.IAM, after.IAM)
	if b := "bystander"; !reflect.DeepEqual(before.IAM.Users[b], after.IAM.Users[b]) {
		a.t.Errorf("user %s was to be spared, and is %+v", b, after.IAM.Users[b])
	}
	r.release()
	a.sameProd("", before)
}
