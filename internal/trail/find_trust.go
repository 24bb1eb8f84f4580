package trail

import (
	"context"
	"slices"
	"strings"
)

// trustees claims whom a trust policy lets in from now on, and the sessions that they began. A service or the account
// itself says nothing of who comes in; somebody who had the role before is not new.
func (s *search) trustees(e *Event, g Grant, why claim) {
	known := map[string]bool{}
	sessions := s.g.byRole(g.Account, lastPart(g.ID))
	for _, k := range sessions {
		for _, row := range s.issuers(s.g.one(k).AccessKey) {
			if by := s.g.group(row); by >= 0 && s.hadRoles(by, g.Account, why.from) {
				known[callerOf(s.g.one(by))] = true
			}
		}
	}
	for _, t := range g.Trustees {
		if strings.HasSuffix(t, ".amazonaws.com") || strings.HasSuffix(t, ":root") && accountIn(t) == g.Account {
			continue
		}
		w := why
		w.rule, w.issued, w.live = "trust", stamped(e.Time), untilRevoked
		trustee := s.thing(trusteeOf(t, g.Account), w)
		w.parent, w.issued, w.live = trustee.ID, "", ""
		for _, k := range sessions {
			s.letIn(k, t, g, known, w)
		}
	}
}

// hadRoles says that a caller had roles of the account before: which they were is in records that are not read for it,
// so that one who had any counts as known.
func (s *search) hadRoles(k int32, account string, before uint32) bool {
	return slices.ContainsFunc(s.g.rows(k), func(row uint32) bool {
		r := s.c.Row(int(row))
		return r.Time < before && r.Outcome() == Success && strings.HasPrefix(s.c.Kind(r.Kind).Name, "AssumeRole") && s.c.Place(r.Place).Account == account
	})
}

// trusteeOf describes whom a policy lets in.
func trusteeOf(t, own string) ScopeIdentity {
	account := accountIn(t)
	switch {
	case account != "" && account != own && (strings.HasSuffix(t, ":root") || t == account):
		return ScopeIdentity{ID: "account:" + account, Kind: "external-account", Account: account}
	case account != "" && account != own:
		return ScopeIdentity{ID: "trustee:" + t, Kind: "external-account", ARN: t, Account: account}
	case strings.Contains(t, ":user/"):
		return ScopeIdentity{ID: "trustee:" + t, Kind: "iam-user", ARN: t, Account: account}
	case strings.Contains(t, ":role/"):
		return ScopeIdentity{ID: "trustee:" + t, Kind: "iam-role", ARN: t, Account: account}
	}
	return ScopeIdentity{ID: "trustee:" + t, Kind: "identity-provider", Account: account}
}

// callerOf is what a trust policy can name of a caller. A workflow of GitHub's is its organisation's: each branch of each
// repository is a subject of its own (docs.github.com/actions/reference/security/oidc).
func callerOf(id *Identity) string {
	switch owner, rest, ok := strings.Cut(id.UserName, "/"); {
	case id.IssuerARN != "":
		return id.IssuerARN
	case ok && rest != "" && strings.HasPrefix(owner, "repo:"):
		return id.Provider + ":" + owner
	}
	return id.Account + ":" + id.PrincipalID
}

// letIn claims a session of the role that the trustee began after it was let in, and the call that began it.
func (s *search) letIn(k int32, trustee string, g Grant, known map[string]bool, why claim) {
	for id := range s.g.identities(k) {
		for _, row := range s.issuers(id.AccessKey) {
			r := s.c.Row(row)
			caller := s.c.Identity(r.Identity)
			if r.Time < why.from || known[callerOf(caller)] || !names(trustee, caller, g.Account) {
				continue
			}
			w := why
			if caller.Account == g.Account || caller.Provider != "" { // an old rule of the policy may have let it in
				w.confidence = weaker(w.confidence, Probable)
			}
			w.evidence = append(slices.Clone(why.evidence), s.c.ID(row))
			w.from = r.Time
			s.pick(uint32(row), w)
		}
	}
}

// names says that a trust policy's principal stands for a caller.
func names(trustee string, id *Identity, own string) bool {
	account := accountIn(trustee)
	switch {
	case trustee == "*":
		return id.Account != own && id.Type != "AWSService"
	case trustee == id.ARN || trustee == id.IssuerARN || trustee == id.PrincipalID || trustee == id.Provider:
		return trustee != ""
	case id.Provider != "" && strings.HasSuffix(trustee, "/"+strings.TrimPrefix(id.Provider, "https://")):
		return true
	}
	return account != "" && account != own && account == id.Account
}

// A provider is an identity provider or a web identity token that the intruder made: who comes by it is the intruder.
type provider struct {
	arn, account string
	token        string // its id, which is in the record that made it and in those of its use
	why          claim
}

// maxProvided bounds the calls that are read to find by which provider they came.
const maxProvided = 2_000

// provides notes a provider that the event made. One that was there and was changed lets its own people in as well, so
// that of those who come through it nothing is known.
func (s *search) provides(e *Event, g Grant, why claim) {
	if strings.HasPrefix(e.Name, "Create") {
		s.providers = append(s.providers, provider{arn: g.ID, account: g.Account, why: why})
		return
	}
	s.note("identity provider %s was changed at %s: who signed in through it since may be the intruder", printable(g.ID), stamped(e.Time))
}

// provide claims the calls that took a role through a provider of the intruder's.
func (s *search) provide(ctx context.Context) error {
	providers := s.providers
	s.providers = nil
	if len(providers) == 0 {
		return nil
	}
	from := forever
	for _, p := range providers {
		from = min(from, p.why.from)
	}
	var rows []int
	for _, row := range s.provided {
		if s.c.Row(int(row)).Time >= from && s.rank[row] == 0 && len(rows) < maxProvided {
			rows = append(rows, int(row))
		}
	}
	return s.c.Events(ctx, rows, func(row int, e *Event) error {
		for _, p := range providers {
			if seconds(e.Time, 0) >= p.why.from && p.used(e) {
				w := p.why
				w.evidence = append(slices.Clone(w.evidence), e.ID)
				s.pick(uint32(row), w)
			}
		}
		return nil
	})
}

// used says that a role was taken by what the provider said, or with the token
// (docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html).
func (p *provider) used(e *Event) bool {
	if p.token != "" {
		return e.Identity.WebIdentityToken == p.token || e.str("additional.webIdentityTokenId|request.webIdentityTokenId") == p.token
	}
	return e.Recipient == p.account && through(e, p.arn)
}

func through(e *Event, arn string) bool {
	return slices.Contains(e.all("request.principalArn|request.trustAnchorArn"), arn) || slices.Contains(e.all("request.profileArn"), arn) || e.Identity.Provider == arn ||
		e.Identity.Provider != "" && strings.HasSuffix(arn, ":oidc-provider/"+strings.TrimPrefix(e.Identity.Provider, "https://"))
}

// taken claims what another account did after something was shared with it: only of one that the log did not know
// before, since a partner goes on as ever.
func (s *search) taken(x Exposure, why claim) {
	account := accountIn(x.Grantee)
	if account == "" || account == x.Resource.Account {
		return
	}
	var groups []int32
	for _, k := range s.ofAccount(account) {
		if s.g.kind(k) != byAccount {
			continue
		}
		if slices.ContainsFunc(s.g.rows(k), func(row uint32) bool { return s.c.Row(int(row)).Time < why.from }) {
			return
		}
		groups = append(groups, k)
	}
	why.rule, why.confidence, why.issued = "shared-with", weaker(why.confidence, Probable), ""
	for _, k := range groups {
		s.group(k, why)
	}
}
