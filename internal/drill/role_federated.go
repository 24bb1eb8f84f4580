package drill

import (
	"strings"

	"cordon/internal/awssim"
)

var roleSAML = Scenario{
	Name:    "role-saml",
	Summary: "the company's identity provider signs an intruder in: it is cut for every role that trusts it",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		arn := e.world.AddSAMLProvider("corp", samlMetadata)
		role := e.federated("admins", arn, "sts:AssumeRoleWithSAML", `{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}`)
		e.federated("developers", arn, "sts:AssumeRoleWithSAML", `{"StringEquals":{"SAML:aud":"https://signin.aws.amazon.com/saml"}}`)
		d := e.about(role.Name, e.report("", e.exfiltration(role, "eve@corp.example", "ASIAQ3EGABCDEXAMPLE7")))
		d.Choose.CutProviders = []string{arn}
		return d
	},
}

var roleOIDC = Scenario{
	Name:    "role-oidc",
	Summary: "a token of the company's build service is misused: this role is closed to the service, and the provider is cut",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		arn := e.world.AddOIDCProvider("token.actions.example.com", "sts.amazonaws.com", "release-bot")
		role := e.federated("releaser", arn, "sts:AssumeRoleWithWebIdentity", `{"StringLike":{"token.actions.example.com:sub":"repo:shop/*"}}`)
		d := e.about(role.Name, e.report("", e.exfiltration(role, "GitHubActions", "ASIAQ3EGABCDEXAMPLE7")))
		d.Choose = Choices{CloseTo: []string{arn}, CutProviders: []string{arn}}
		return d
	},
}

// federated is a role that a provider signs people in to, under a condition.
func (e *estate) federated(called, provider, action, condition string) *awssim.Role {
	return e.trusted(called, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"`+provider+`"},"Action":"`+action+`","Condition":`+condition+`}]}`, nil)
}

// samlMetadata is what an identity provider gives out about itself.
var samlMetadata = `<?xml version="1.0"?>
<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://idp.corp.example/saml?tenant=1&amp;v=2">
 <IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">
  <KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>
` + strings.Repeat("MIIDexampleexampleexampleexampleexampleexampleexampleexampleexam\n", 16) + `  </X509Certificate></X509Data></KeyInfo></KeyDescriptor>
  <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.corp.example/sso"/>
 </IDPSSODescriptor>
</EntityDescriptor>
`
