package action

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/casefile"
)

// RecordRole writes down the role as IAM knows it: who may assume it, what it may do, which instance profiles hold it,
// and the identity providers that it trusts, whose keys decide who comes in. Each read is an artifact of its own, and
// one that fails is a loss of its own.
var RecordRole = gather(Gather{
	Name:     "iam-record-role",
	Summary:  "Record the role as IAM knows it: trust policy and the identity providers in it, inline and attached policies with their texts, boundary, instance profiles, tags, last use.",
	Phase:    casefile.Preserve,
	Target:   casefile.IAMRole,
	Deadline: 5 * 60,
	Reads: Ops{
		op((*iam.Client).GetRole), op((*iam.Client).ListRolePolicies), op((*iam.Client).GetRolePolicy),
		op((*iam.Client).ListAttachedRolePolicies), op((*iam.Client).GetPolicy), op((*iam.Client).GetPolicyVersion),
		op((*iam.Client).GetSAMLProvider), op((*iam.Client).GetOpenIDConnectProvider), op((*iam.Client).ListInstanceProfilesForRole),
	},
	Collect: func(ctx context.Context, c *AWS, t Target, sink Sink) error {
		r := newCollector(c, t, sink)
		r.role(ctx, t.ID, roleLeads{role: r.behindRole, attached: r.managed})
		r.read(ctx, "instance profiles of role "+t.ID, "iam:ListInstanceProfilesForRole", r.profilesOfRole)
		return r.wait()
	},
	Change: func(Target) string { return "5 reads or more" },
})

// behindRole follows a role to what bounds it and to who signs people in to it.
func (r *collector) behindRole(ctx context.Context, role *iamtypes.Role) {
	if b := role.PermissionsBoundary; b != nil {
		r.managed(ctx, aws.ToString(b.PermissionsBoundaryArn))
	}
	trust, err := ParseTrust(decoded(role.AssumeRolePolicyDocument))
	if err != nil {
		r.note(r.sink.Loss("identity providers of role "+r.t.ID, "iam:GetRole", "which it trusts is not known: "+err.Error()))
		return
	}
	asked := map[string]bool{}
	for _, o := range trust.Openings() {
		if o.Kind != "Federated" || asked[o.Name] {
			continue
		}
		asked[o.Name] = true
		switch {
		case strings.Contains(o.Name, ":saml-provider/"):
			r.samlProvider(ctx, o.Name)
		case strings.Contains(o.Name, ":oidc-provider/"):
			r.oidcProvider(ctx, o.Name)
		} // a provider that IAM knows by itself has nothing in the account
	}
}

func (r *collector) samlProvider(ctx context.Context, arn string) {
	name := "SAML provider " + arn
	r.read(ctx, name, "iam:GetSAMLProvider", func(ctx context.Context) (any, error) {
		out, err := r.c.IAM.GetSAMLProvider(ctx, &iam.GetSAMLProviderInput{SAMLProviderArn: aws.String(arn)})
		if err == nil && out.SAMLMetadataDocument != nil {
			r.keep(name+", metadata", "iam:GetSAMLProvider", []byte(*out.SAMLMetadataDocument))
		}
		return out, err
	})
}

func (r *collector) oidcProvider(ctx context.Context, arn string) {
	r.read(ctx, "OpenID Connect provider "+arn, "iam:GetOpenIDConnectProvider", func(ctx context.Context) (any, error) {
		return r.c.IAM.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(arn)})
	})
}

func (r *collector) profilesOfRole(ctx context.Context) (any, error) {
	all, err := every(ctx, iam.NewListInstanceProfilesForRolePaginator(r.c.IAM, &iam.ListInstanceProfilesForRoleInput{RoleName: aws.String(r.t.ID)}))
	if err != nil {
		return nil, err
	}
	return all, nil
}
