package playbook

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"cordon/internal/action"
)

// lookAtContacts reads to whom AWS's notices go.
func (s *accountSurvey) lookAtContacts(ctx context.Context, c *action.AWS) {
	out, err := c.Accounts.GetContactInformation(ctx, &account.GetContactInformationInput{})
	switch {
	case err != nil:
		s.doubt("the account's contact", err)
	case out.ContactInformation != nil:
		i := out.ContactInformation
		s.contacts = append(s.contacts, "primary "+someContact(i.FullName, i.PhoneNumber))
	}
	for _, kind := range accounttypes.AlternateContactType("").Values() {
		name := strings.ToLower(string(kind))
		out, err := c.Accounts.GetAlternateContact(ctx, &account.GetAlternateContactInput{AlternateContactType: kind})
		switch {
		case action.Code(err) == "ResourceNotFoundException":
			s.contacts = append(s.contacts, "no "+name+" contact")
		case err != nil:
			s.doubt("the account's "+name+" contact", err)
		case out.AlternateContact != nil:
			i := out.AlternateContact
			s.contacts = append(s.contacts, name+" "+someContact(i.Name, i.EmailAddress, i.PhoneNumber))
		}
	}
}

func someContact(parts ...*string) string {
	var have []string
	for _, p := range parts {
		if s := aws.ToString(p); s != "" {
			have = append(have, s)
		}
	}
	return strings.Join(have, " ")
}

// provider signs people or workloads in to the roles that trust it.
type provider struct{ what, arn, made string }

// lookAtProviders lists the identity providers: one that an intruder made signs in whomever the intruder likes.
func (s *accountSurvey) lookAtProviders(ctx context.Context, c *action.AWS) {
	saml, err := c.IAM.ListSAMLProviders(ctx, &iam.ListSAMLProvidersInput{})
	if err != nil {
		s.doubt("the account's SAML providers", err)
	} else {
		for _, p := range saml.SAMLProviderList {
			s.providers = append(s.providers, provider{"SAML provider", aws.ToString(p.Arn), madeOn(aws.ToTime(p.CreateDate))})
		}
	}
	oidc, err := c.IAM.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	if err != nil {
		s.doubt("the account's OpenID Connect providers", err)
	} else {
		for _, p := range oidc.OpenIDConnectProviderList {
			s.providers = append(s.providers, provider{"OpenID Connect provider", aws.ToString(p.Arn), ""})
		}
	}
	slices.SortFunc(s.providers, func(a, b provider) int { return cmp.Or(cmp.Compare(a.what, b.what), cmp.Compare(a.arn, b.arn)) })
}

func madeOn(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " (made " + t.UTC().Format(time.RFC3339) + ")"
}

// most is how many things of a kind a warning names: the record has all of them.
const most = 20

func (p *accountPlan) warnOf(lines []string) {
	if more := len(lines) - most; more > 0 {
		lines = append(slices.Clip(lines[:most]), fmt.Sprintf("and %d more: they are in the record", more))
	}
	p.warn(lines...)
}

// leftBehind names by what an intruder may come back: providers, and users, keys and roles that are new.
func (p *accountPlan) leftBehind() {
	var lines []string
	opened := p.openedTo()
	for _, x := range p.providers {
		lines = append(lines, x.what+" "+x.arn+x.made+signsInTo(opened[x.arn], x.arn))
	}
	p.warnOf(lines)
	p.warnOf(p.newcomers(p.comers()))
	p.warnOf(p.newcomers(p.newKeys())) // apart: where keys are rotated there are new ones every day
}

// openedTo are the names of the roles that each outsider may assume, sorted.
func (p *accountPlan) openedTo() map[string][]string {
	roles := map[string][]string{}
	for _, r := range p.roles {
		who, err := outsidersOf(aws.ToString(r.AssumeRolePolicyDocument), p.id)
		if err != nil {
			continue // said by outsiders
		}
		for _, w := range who {
			roles[w] = append(roles[w], aws.ToString(r.RoleName))
		}
	}
	for _, names := range roles {
		slices.Sort(names)
	}
	return roles
}

// signsInTo says which roles a provider opens, and how it is cut.
func signsInTo(roles []string, arn string) string {
	switch len(roles) {
	case 0:
		return " is trusted by no role that could be read: make sure that it is yours"
	case 1:
		return fmt.Sprintf(" signs people or workloads in to role %s: make sure that it is yours (cordon plan iam-role:%s --cut-provider %s)", roles[0], roles[0], arn)
	}
	return fmt.Sprintf(" signs people or workloads in to %d roles, %s among them: make sure that it is yours (cordon plan iam-role:%s --cut-provider %s)", len(roles), roles[0], roles[0], arn)
}

// before is how much older than the finding something may be and still be the intruder's work: findings come late.
const before = 7 * 24 * time.Hour

type newcomer struct {
	what string
	made time.Time
}

// newKeys are all keys but those that came within a day with their user: that these are as new goes without saying.
func (p *accountPlan) newKeys() []newcomer {
	var all []newcomer
	for _, u := range p.people {
		for _, k := range u.keys {
			if k.Made.Sub(u.made) > 24*time.Hour {
				all = append(all, newcomer{"access key " + k.ID + " of user " + u.name, k.Made})
			}
		}
	}
	return all
}

// comers are all users, and all roles but AWS's own.
func (p *accountPlan) comers() []newcomer {
	var all []newcomer
	for _, u := range p.people {
		all = append(all, newcomer{"user " + u.name, u.made})
	}
	for _, r := range p.roles {
		if path := aws.ToString(r.Path); !strings.HasPrefix(path, "/aws-service-role/") && !strings.HasPrefix(path, "/aws-reserved/") {
			all = append(all, newcomer{"role " + aws.ToString(r.RoleName), aws.ToTime(r.CreateDate)})
		}
	}
	return all
}

// newcomers are those of them that were made since shortly before the finding, or, where no finding says when, the five
// newest. Newest first.
func (p *accountPlan) newcomers(all []newcomer) []string {
	all = slices.DeleteFunc(all, func(n newcomer) bool { return n.made.IsZero() })
	slices.SortStableFunc(all, func(a, b newcomer) int { return cmp.Or(b.made.Compare(a.made), strings.Compare(a.what, b.what)) })
	what := "is new"
	start, err := time.Parse(time.RFC3339, p.in.Finding.Start)
	if err == nil {
		all = slices.DeleteFunc(all, func(n newcomer) bool { return n.made.Before(start.Add(-before)) })
	} else {
		all, what = all[:min(len(all), 5)], "is among the newest here"
	}
	var lines []string
	for _, n := range all {
		lines = append(lines, fmt.Sprintf("%s%s %s: make sure that it is yours", n.what, madeOn(n.made), what))
	}
	return lines
}
