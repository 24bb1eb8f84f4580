package engine_test

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

const (
	vendor   = "999988887777"
	teamRole = "release"
)

// team makes a role that a vendor, a SAML and an OpenID Connect provider let people into, and a bystander that both
// providers serve too.
func (a *account) team(inline ...string) (saml, oidc string) {
	a.t.Helper()
	metadata := `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.example.com/?a=1&amp;b=2"><IDPSSODescriptor><KeyDescriptor use="signing"><KeyInfo><X509Data><X509Certificate>` +
		strings.Repeat("MIIDexample", 100) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor></IDPSSODescriptor></EntityDescriptor>`
	saml = aws.ToString(must(a.iam.CreateSAMLProvider(a.ctx, &iam.CreateSAMLProviderInput{Name: aws.String("corp"), SAMLMetadataDocument: aws.String(metadata)}))(a).SAMLProviderArn)
	oidc = aws.ToString(must(a.iam.CreateOpenIDConnectProvider(a.ctx, &iam.CreateOpenIDConnectProviderInput{
		Url: aws.String("https://token.example.com"), ClientIDList: []string{"sts.amazonaws.com", "release-bot"}, ThumbprintList: []string{strings.Repeat("0f", 20)},
	}))(a).OpenIDConnectProviderArn)
	trust := `{"Version": "2012-10-17", "Statement": [{"Sid": "Vendor", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::` + vendor + `:root"}, "Action": "sts:AssumeRole"},` +
		`{"Effect": "Allow", "Principal": {"Federated": "` + saml + `"}, "Action": "sts:AssumeRoleWithSAML"}, {"Effect": "Allow", "Principal": {"Federated": "` + oidc + `"}, "Action": "sts:AssumeRoleWithWebIdentity"}]}`
	made := must(a.iam.CreatePolicy(a.ctx, &iam.CreatePolicyInput{PolicyName: aws.String("deployments"), PolicyDocument: aws.String(ownPolicy)}))(a)
	for _, name := range []string{teamRole, "bystander"} {
		must(a.iam.CreateRole(a.ctx, &iam.CreateRoleInput{RoleName: aws.String(name), Path: aws.String("/ci/"), AssumeRolePolicyDocument: aws.String(trust)}))(a)
		must(a.iam.AttachRolePolicy(a.ctx, &iam.AttachRolePolicyInput{RoleName: aws.String(name), PolicyArn: made.Policy.Arn}))(a)
	}
	for i, document := range append([]string{ownPolicy}, inline...) {
		must(a.iam.PutRolePolicy(a.ctx, &iam.PutRolePolicyInput{RoleName: aws.String(teamRole), PolicyName: aws.String("own-" + string(rune('a'+i))), PolicyDocument: aws.String(document)}))(a)
	}
	return saml, oidc
}

func (a *account) respondToRole(o playbook.Options) *incident {
	a.t.Helper()
	subject := casefile.Subject{Kind: casefile.IAMRole, ID: teamRole, Playbook: casefile.PlaybookRole}
	return a.respondTo(playbook.Role, subject, casefile.Incident{Finding: casefile.FindingRef{ID: "f-1"}}, o)
}

// othersAsBefore: whatever becomes of the one role, the other keeps its trust and its policies.
func (a *account) othersAsBefore(before, after identities) {
	a.t.Helper()
	if b, n := before.Roles["bystander"], after.Roles["bystander"]; b.Trust != n.Trust || len(n.Inline) > 0 || len(n.Attached) != len(b.Attached) {
		a.t.Errorf("the bystander is now %+v", n)
	}
	for name, document := range before.Roles[teamRole].Inline {
		if after.Roles[teamRole].Inline[name] != document {
			a.t.Errorf("the role's own policy %s is now %q", name, after.Roles[teamRole].Inline[name])
		}
	}
}

// roleAndItsDoors: the sessions are revoked, as the document says; moto judges none. The vendor is shut out of this role
// alone, and both providers are cut for every role.
func roleAndItsDoors(a *account) {
	saml, oidc := a.team()
	before := a.lookAtIAM()
	r := a.respondToRole(playbook.Options{CloseTo: []string{vendor}, CutProviders: []string{saml, oidc}})
	a.sameIAM(before)
	r.apply()
	after := a.lookAtIAM()
	a.othersAsBefore(before, after)
	sessionsDenied(a, newIn(after.Roles[teamRole].Inline, before.Roles[teamRole].Inline))
	trust := after.Roles[teamRole].Trust
	if !strings.Contains(trust, `"Effect":"Deny","Principal":{"AWS":["*"]}`) || !strings.Contains(trust, `"aws:PrincipalAccount":["`+vendor+`"]`) || !strings.Contains(trust, `"Vendor"`) {
		a.t.Errorf("the trust policy is %s", trust)
	}
	if strings.Contains(after.Providers[saml], "MIIDexample") || !strings.Contains(after.Providers[saml], "https://idp.example.com/?a=1&amp;b=2") {
		a.t.Errorf("the SAML provider's metadata is %s", after.Providers[saml])
	}
	if strings.Contains(after.Providers[oidc], "release-bot") || strings.Contains(after.Providers[oidc], "sts.amazonaws.com") {
		a.t.Errorf("the OpenID Connect provider is %s", after.Providers[oidc])
	}
	r.release()
	a.sameIAM(before)
}

// roleOneSession: one session is denied by its name, and nothing else is changed.
func roleOneSession(a *account) {
	a.team()
	before := a.lookAtIAM()
	id := aws.ToString(must(a.iam.GetRole(a.ctx, &iam.GetRoleInput{RoleName: aws.String(teamRole)}))(a).Role.RoleId)
	r := a.respondToRole(playbook.Options{OnlySession: "eve"})
	r.apply()
	after := a.lookAtIAM()
	a.othersAsBefore(before, after)
	if added := newIn(after.Roles[teamRole].Inline, before.Roles[teamRole].Inline); len(added) != 1 || added[0] != action.DenyRoleSessionPolicy(id, "eve") {
		a.t.Errorf("the policies put on the role: %v", added)
	}
	r.release()
	a.sameIAM(before)
}

// roleWithoutRoom: the deny is a managed policy of cordon's own, which release takes off and away again.
func roleWithoutRoom(a *account) {
	const frame = `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	a.team(strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", 10_000), 1))
	before := a.lookAtIAM()
	r := a.respondToRole(playbook.Options{})
	r.apply()
	after := a.lookAtIAM()
	a.othersAsBefore(before, after)
	added := newIn(after.Policies, before.Policies)
	if len(added) != 1 || !strings.Contains(added[0], `"aws:TokenIssueTime"`) || len(after.Roles[teamRole].Attached) != 2 {
		a.t.Errorf("the policies made: %v; on the role are %v", added, after.Roles[teamRole].Attached)
	}
	r.release()
	a.sameIAM(before)
}
