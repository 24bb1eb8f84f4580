package action

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/casefile"
)

// oidcState is the provider's client ids, sorted.
type oidcState struct {
	Clients []string `json:"clients"`
}

// CutOIDCProvider removes the client ids of an OpenID Connect provider: STS takes a token only where its audience is
// one of them (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html). What it signed in before
// stays in until it is revoked.
//
// A provider may be changed at an intruder's will, so a difference from the plan is no drift before the cut; whatever
// client ids are there then are removed.
var CutOIDCProvider = define(Spec[oidcState]{
	Name:       "iam-cut-oidc-provider",
	Summary:    "Let nobody sign in through the OpenID Connect provider: its client ids are removed. Every role that trusts it is closed to it.",
	Phase:      casefile.Contain,
	Target:     casefile.OIDCProvider,
	Reads:      Ops{op((*iam.Client).GetOpenIDConnectProvider), op((*iam.Client).ListRoles)},
	Writes:     Ops{op((*iam.Client).RemoveClientIDFromOpenIDConnectProvider)},
	UndoWrites: Ops{op((*iam.Client).AddClientIDToOpenIDConnectProvider)},
	Observe: func(ctx context.Context, c *AWS, t Target) (oidcState, error) {
		out, err := c.IAM.GetOpenIDConnectProvider(ctx, &iam.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: aws.String(t.ID)})
		if hasCode(err, "NoSuchEntity") {
			return oidcState{}, fmt.Errorf("OpenID Connect provider %s: %w", t.ID, ErrGone)
		}
		if err != nil {
			return oidcState{}, fmt.Errorf("look at OpenID Connect provider %s: %w", t.ID, err)
		}
		return oidcState{append([]string{}, sortedSet(out.ClientIDList)...)}, nil // none is one state, however AWS spells it
	},
	Status: func(_ Target, now oidcState) Status {
		if len(now.Clients) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now oidcState) error {
		for _, id := range now.Clients {
			_, err := c.IAM.RemoveClientIDFromOpenIDConnectProvider(ctx, &iam.RemoveClientIDFromOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: aws.String(t.ID), ClientID: aws.String(id),
			})
			if err != nil {
				return fmt.Errorf("remove client id %q from OpenID Connect provider %s: %w", id, t.ID, err)
			}
		}
		return nil
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now oidcState) error {
		for _, id := range before.Clients {
			if slices.Contains(now.Clients, id) {
				continue
			}
			_, err := c.IAM.AddClientIDToOpenIDConnectProvider(ctx, &iam.AddClientIDToOpenIDConnectProviderInput{
				OpenIDConnectProviderArn: aws.String(t.ID), ClientID: aws.String(id),
			})
			if err != nil {
				return fmt.Errorf("give client id %q back to OpenID Connect provider %s: %w", id, t.ID, err)
			}
		}
		return nil
	},
	Impact: func(ctx context.Context, c *AWS, t Target, now oidcState) ([]string, error) {
		lines, err := providerImpact(ctx, c, t.ID)
		if len(now.Clients) == 0 {
			lines = append(lines, "it has no client id, so that nothing is changed: where the log shows sign-ins through it all the same, close each role to it (--close-to "+t.ID+")")
		}
		return lines, err
	},
	Change: func(_ Target, now oidcState) string {
		if len(now.Clients) == 0 {
			return "no client id already"
		}
		return plural(len(now.Clients), "client id") + " -> none"
	},
	Partial:  true,
	Volatile: true,
})

// providerImpact names every role that an identity provider lets people into: all of them are closed to it.
func providerImpact(ctx context.Context, c *AWS, arn string) ([]string, error) {
	var roles, unread []string
	pages := iam.NewListRolesPaginator(c.IAM, &iam.ListRolesInput{MaxItems: aws.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the roles that trust %s: %w", arn, err)
		}
		for _, r := range page.Roles {
			name := aws.ToString(r.RoleName)
			trust, err := ParseTrust(decoded(r.AssumeRolePolicyDocument))
			if err != nil {
				unread = append(unread, name)
				continue
			}
			if slices.ContainsFunc(trust.Openings(), func(o Opening) bool { return o.Kind == "Federated" && o.Name == arn }) {
				roles = append(roles, name)
			}
		}
	}
	lines := []string{named(plural(len(roles), "role")+" that people or workloads sign in to through it, and can no longer", roles)}
	if len(unread) > 0 {
		lines = append(lines, named(plural(len(unread), "role")+" whose trust policy cordon cannot read, and which may trust it as well", unread))
	}
	return lines, nil
}

// named adds names to a line, as many as help.
func named(line string, names []string) string {
	if len(names) == 0 {
		return line
	}
	slices.Sort(names)
	line += ": " + strings.Join(names[:min(len(names), namedInImpact)], ", ")
	if more := len(names) - namedInImpact; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return line
}
