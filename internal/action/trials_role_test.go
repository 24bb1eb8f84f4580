package action

import (
	"fmt"
	"strings"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

const (
	vendorAccount = "999988887777"
	vendorCI      = "arn:aws:iam::999988887777:role/ci/deployer"
)

const deployTrust = `{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Vendor", "Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::999988887777:root", "arn:aws:iam::111122223333:role/ann"]}, "Action": ["sts:AssumeRole"]},
    {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
  ]
}`

// aRole is a role that a vendor, a person and EC2 may assume, with a policy of its own.
func aRole(w *awssim.World) {
	w.AddRole(awssim.Role{Name: "ann", ID: "AROAANNEXAMPLEEXAMPL1"})
	w.AddRole(awssim.Role{
		Name: "deploy", ID: roleID, Path: "/ci/", Inline: map[string]string{"own": `{"Version":"2012-10-17","Statement":[]}`},
		Trust: deployTrust,
	})
}

func deployRole() casefile.Target {
	return casefile.Target{Kind: casefile.IAMRole, ID: "deploy", ARN: "arn:aws:iam::111122223333:role/ci/deploy", Account: "111122223333"}
}

var roleTrials = []trial{
	{name: "close a role to an account", setup: aRole, steps: []trialStep{{NarrowTrust, deployRole(), map[string]string{"role_id": roleID, "close": vendorAccount, "was": deployTrust}}}},
	{name: "close a role to a principal and a service", setup: aRole, steps: []trialStep{{NarrowTrust, deployRole(), map[string]string{
		"role_id": roleID, "close": List([]string{vendorCI, "ec2.amazonaws.com"}), "quota": "2048", "was": deployTrust,
	}}}},
	{name: "deny a session of a role", setup: aRole, steps: []trialStep{{DenyRoleSession, deployRole(), map[string]string{"role_id": roleID, "session": "vendor-ci"}}}},
	{name: "deny a source identity", setup: aRole, steps: []trialStep{{DenyRoleSession, deployRole(), map[string]string{"role_id": roleID, "source_identity": "eve@example.com"}}}},
	{name: "revoke by a managed policy", setup: fullRole, moment: true, steps: []trialStep{{AttachRoleDeny, deployRole(), map[string]string{"role_id": roleID}}}},
	{name: "cut a SAML provider", setup: federated, steps: []trialStep{{CutSAMLProvider, provider(casefile.SAMLProvider, "saml-provider/corp"), nil}}},
	{name: "cut an OpenID Connect provider", setup: federated, steps: []trialStep{{CutOIDCProvider, provider(casefile.OIDCProvider, "oidc-provider/token.example.com"), nil}}},
	{name: "deny a session by a managed policy", setup: fullRole, steps: []trialStep{{AttachRoleDeny, deployRole(), map[string]string{"role_id": roleID, "session": "vendor-ci"}}}},
}

// fullRole is aRole with no room left for an inline policy.
func fullRole(w *awssim.World) {
	aRole(w)
	w.Do(func(a *awssim.Account) {
		a.IAM.Roles["deploy"].Inline["big"] = `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", 10050) + `","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	})
}

// federated is an account that two identity providers let people into.
func federated(w *awssim.World) {
	saml := w.AddSAMLProvider("corp", strings.Replace(nobodysMetadata("https://idp.example.com/?a=1&b=2"), nobodysCertificate, "MIIB"+strings.Repeat("x", 1000), 1))
	oidc := w.AddOIDCProvider("token.example.com", "sts.amazonaws.com", "deploy", "build")
	for i, arn := range []string{saml, oidc, saml} {
		action := "sts:AssumeRoleWithSAML"
		if arn == oidc {
			action = "sts:AssumeRoleWithWebIdentity"
		}
		w.AddRole(awssim.Role{Name: fmt.Sprintf("federated-%d", i), Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + arn + `"},"Action":"` + action + `"}]}`})
	}
}

func provider(kind casefile.Kind, resource string) casefile.Target {
	arn := "arn:aws:iam::111122223333:" + resource
	return casefile.Target{Kind: kind, ID: arn, ARN: arn, Account: "111122223333"}
}
