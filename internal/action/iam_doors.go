package action

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Door is a way into a role that can be closed: a principal, a whole account, an identity provider, a service.
type Door struct {
	Kind    string // DoorAccount, …
	Name    string // account id, ARN, or domain
	Account string // that it belongs to, "" for a service or a built-in provider
}

// The kinds of door.
const (
	DoorAccount   = "account"
	DoorPrincipal = "principal" // a user or role, by its ARN, or a role by its session's
	DoorSAML      = "saml"
	DoorOIDC      = "oidc"
	DoorService   = "service"
)

// The syntax is stricter than IAM's, which lets a path hold nearly anything: what goes into a policy's condition must
// hold neither wildcard nor variable.
var (
	userOrRole   = regexp.MustCompile(`^arn:([a-z-]+):iam::([0-9]{12}):(user|role)/([A-Za-z0-9_+=,.@/-]*/)?[A-Za-z0-9_+=,.@-]{1,64}$`)
	roleSession  = regexp.MustCompile(`^arn:([a-z-]+):sts::([0-9]{12}):assumed-role/([A-Za-z0-9_+=,.@-]{1,64})/[A-Za-z0-9_+=,.@-]{2,64}$`)
	samlProvider = regexp.MustCompile(`^arn:([a-z-]+):iam::([0-9]{12}):saml-provider/[A-Za-z0-9._-]{1,128}$`)
	oidcProvider = regexp.MustCompile(`^arn:([a-z-]+):iam::([0-9]{12}):oidc-provider/[A-Za-z0-9._~/%:=+-]{1,255}$`) // no query (API_CreateOpenIDConnectProvider.html)
	service      = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
)

// The identity providers that IAM knows by itself
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-federated-web-identity).
var builtInProviders = []string{"cognito-identity.amazonaws.com", "www.amazon.com", "graph.facebook.com", "accounts.google.com"}

// ParseDoor reads who is not to assume a role any more, in a partition, or in any where it is "".
func ParseDoor(text, partition string) (Door, error) {
	if accountDigits.MatchString(text) {
		return Door{DoorAccount, text, text}, nil
	}
	if m := rootARN.FindStringSubmatch(text); m != nil {
		text = m[1]
		return Door{DoorAccount, text, text}, nil
	}
	if slices.Contains(builtInProviders, text) {
		return Door{Kind: DoorOIDC, Name: text}, nil
	}
	if service.MatchString(text) {
		return Door{Kind: DoorService, Name: text}, nil
	}
	for _, form := range []struct {
		kind   string
		syntax *regexp.Regexp
	}{{DoorPrincipal, userOrRole}, {DoorPrincipal, roleSession}, {DoorSAML, samlProvider}, {DoorOIDC, oidcProvider}} {
		m := form.syntax.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if partition != "" && m[1] != partition {
			return Door{}, fmt.Errorf("%q is in partition %s, and this account in %s", text, m[1], partition)
		}
		return Door{form.kind, text, m[2]}, nil
	}
	return Door{}, fmt.Errorf("%q is neither an account's 12 digits nor the ARN of a user, role, session or identity provider, nor a service", text)
}

// IsProvider tells an identity provider of an account from the other doors, those that IAM knows by itself included.
func (d Door) IsProvider() bool { return (d.Kind == DoorSAML || d.Kind == DoorOIDC) && d.Account != "" }

// arns is what aws:PrincipalArn of a principal may be. A session's ARN has its role's name and not the role's path;
// that name is one role's alone in its account.
func (d Door) arns() []string {
	m := roleSession.FindStringSubmatch(d.Name)
	if m == nil {
		return []string{d.Name}
	}
	role := "arn:" + m[1] + ":iam::" + m[2] + ":role/"
	return []string{role + m[3], role + "*/" + m[3]}
}

// Admits tells whether a trust policy may let somebody through a door.
func (t Trust) Admits(d Door) bool {
	return slices.ContainsFunc(t.Openings(), func(o Opening) bool { return o.Admits(d) })
}

// Admits tells whether a principal of a trust policy lets somebody through a door. Everybody includes everybody of AWS.
func (o Opening) Admits(d Door) bool {
	switch {
	case o.Kind == "Federated":
		return (d.Kind == DoorSAML || d.Kind == DoorOIDC) && o.Name == d.Name
	case o.Kind == "Service":
		return d.Kind == DoorService && o.Name == d.Name
	case d.Kind == DoorSAML, d.Kind == DoorOIDC, d.Kind == DoorService:
		return false
	}
	return o.All || o.Account() == d.Account && (d.Kind == DoorAccount || o.Name == d.Account || samePrincipal(o.Name, d))
}

// Closes tells whether a closed door shuts out all whom a principal of a trust policy lets in.
func (d Door) Closes(o Opening) bool {
	switch d.Kind {
	case DoorAccount:
		return o.Kind == "AWS" && o.Account() == d.Account
	case DoorPrincipal:
		return o.Kind == "AWS" && samePrincipal(o.Name, d)
	}
	return o.Name == d.Name
}

// samePrincipal compares a principal of a policy with a door: by ARN, or as a role and its session.
func samePrincipal(name string, d Door) bool {
	if name == d.Name {
		return true
	}
	of := func(arn string) string {
		if m := roleSession.FindStringSubmatch(arn); m != nil {
			return m[2] + "/" + m[3]
		}
		if m := userOrRole.FindStringSubmatch(arn); m != nil && m[3] == "role" {
			return m[2] + "/" + arn[strings.LastIndex(arn, "/")+1:]
		}
		return arn
	}
	return of(name) == of(d.Name)
}

// SamePrincipal tells whether two ARNs are one principal: the same, or a role and a session of it.
func SamePrincipal(a, b string) bool {
	return a != "" && samePrincipal(a, Door{Kind: DoorPrincipal, Name: b})
}

// trustDenial is a Deny statement of a trust policy. The order of its members is part of what cordon writes.
type trustDenial struct {
	Sid       string                         `json:"Sid"`
	Effect    string                         `json:"Effect"`
	Principal map[string][]string            `json:"Principal"`
	Action    string                         `json:"Action"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// closing makes the Deny statements that close doors, in as few as there are kinds. Principals and accounts are denied
// by condition keys: those are compared as they stand, where IAM turns the ARNs of a principal element into ids and
// refuses the ones that it cannot
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalarn).
// Nobody who is spared is denied with an account. sid begins the statements' names.
func closing(doors []Door, spare []string, sid string) ([]jsontext.Value, error) {
	named := map[string][]string{}
	for _, d := range doors {
		if d.Kind == DoorPrincipal {
			named[d.Kind] = append(named[d.Kind], d.arns()...)
			continue
		}
		named[d.Kind] = append(named[d.Kind], d.Name)
	}
	var all []jsontext.Value
	for i, kind := range slices.Sorted(maps.Keys(named)) {
		names := sortedSet(named[kind])
		s := trustDenial{Sid: fmt.Sprintf("%s%d", sid, i+1), Effect: "Deny", Action: "sts:AssumeRole", Principal: map[string][]string{"AWS": {"*"}}}
		switch kind {
		case DoorAccount:
			s.Condition = map[string]map[string][]string{"StringEquals": {"aws:PrincipalAccount": names}}
			if but := sparedIn(names, spare); len(but) > 0 {
				s.Condition["ArnNotLike"] = map[string][]string{"aws:PrincipalArn": but}
			}
		case DoorPrincipal:
			s.Condition = map[string]map[string][]string{"ArnLike": {"aws:PrincipalArn": names}}
		case DoorSAML:
			s.Principal, s.Action = map[string][]string{"Federated": names}, "sts:AssumeRoleWithSAML"
		case DoorOIDC:
			s.Principal, s.Action = map[string][]string{"Federated": names}, "sts:AssumeRoleWithWebIdentity"
		case DoorService:
			s.Principal = map[string][]string{"Service": names}
		}
		text, err := json.Marshal(s, json.Deterministic(true))
		if err != nil {
			return nil, fmt.Errorf("write the statement that closes %s: %w", strings.Join(names, ", "), err)
		}
		all = append(all, text)
	}
	return all, nil
}

// sparedIn lists the ARNs of those spared who are of one of the accounts.
func sparedIn(accounts, spare []string) []string {
	var but []string
	for _, s := range spare {
		if slices.Contains(accounts, accountOfPrincipal(s)) && (userOrRole.MatchString(s) || roleSession.MatchString(s)) {
			but = append(but, Door{Kind: DoorPrincipal, Name: s}.arns()...)
		}
	}
	return sortedSet(but)
}
