package trail

import (
	"encoding/json"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// permitted is one of whom a policy allows something; under is the condition that narrows it, in words.
type permitted struct{ who, under string }

// exposures gives to whom, outside the resource's account, e gave what it names first.
func (e *Event) exposures(x *expose, named []Touch) []Exposure {
	var who []permitted
	for _, path := range x.to {
		for _, v := range e.all(path) {
			who = append(who, permitted{who: grantee(v)})
		}
	}
	if x.policy != "" {
		who = allowed(e.value(x.policy))
	}
	if len(who) == 0 && (slices.ContainsFunc(x.to, e.hides) || e.hides(x.policy)) {
		who = []permitted{{who: hidden}} // to somebody, and not to know whom is no reason to think it is one of us
	}
	if len(named) == 0 {
		named = e.anyOfIt()
	}
	owner := e.str("request.AccessControlPolicy.Owner.ID") // S3 writes the owner's own grant with the others
	var out []Exposure
	for _, p := range who {
		if p.who == "" || p.who == owner || x.public && !isPublic(p.who) || isOurs(p.who, named[0].Account) {
			continue
		}
		one := Exposure{Resource: named[0], Grantee: p.who, Kind: x.kind, Under: p.under}
		one.Resource.Access = Share
		if len(out) < maxTouches && !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// anyOfIt stands for a resource that the record does not name.
func (e *Event) anyOfIt() []Touch {
	if len(e.Resources) > 0 {
		return []Touch{e.touchOf(strings.TrimPrefix(e.Resources[0].Type, "AWS::"), e.Resources[0].ARN, Share)}
	}
	return []Touch{{ID: e.ServiceName(), Type: "AWS::Service", Account: e.Recipient, Region: e.Region, Access: Share}}
}

// isOurs says that a grantee is of the account itself, or AWS.
func isOurs(who, account string) bool {
	return account != "" && accountIn(who) == account || strings.HasSuffix(who, ".amazonaws.com") || strings.HasSuffix(who, ".amazonaws.com.cn")
}

// everybody are the ways in which the services write that all may.
var everybody = []string{"*", "all", "public-read", "public-read-write", "authenticated-read", "http://acs.amazonaws.com/groups/global/AllUsers",
	"http://acs.amazonaws.com/groups/global/AuthenticatedUsers", "arn:aws:iam::*:root", "public_read"}

// ownACLs are canned ACLs of S3 that give nothing to anybody outside.
var ownACLs = []string{"private", "bucket-owner-read", "bucket-owner-full-control", "aws-exec-read", "log-delivery-write", "http://acs.amazonaws.com/groups/s3/LogDelivery"}

// grantee gives who is meant: "*" for all, and of S3's grant headers (id="…", uri="…") the name inside.
func grantee(s string) string {
	if _, quoted, ok := strings.Cut(s, `="`); ok {
		s, _, _ = strings.Cut(quoted, `"`)
	}
	switch {
	case slices.ContainsFunc(everybody, func(x string) bool { return strings.EqualFold(x, s) }):
		return "*"
	case slices.Contains(ownACLs, s):
		return ""
	}
	return s
}

// isPublic says that a range of addresses, or what is none, reaches outside private networks.
func isPublic(s string) bool {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		return err != nil || !a.IsPrivate()
	}
	return p.Bits() == 0 || !p.Addr().IsPrivate() && !p.Addr().IsLoopback() && !p.Addr().IsLinkLocalUnicast() && !sharedSpace.Contains(p.Addr())
}

// sharedSpace are the addresses of carriers' own networks (RFC 6598), which VPCs use too.
var sharedSpace = netip.MustParsePrefix("100.64.0.0/10")

// document reads a policy: an object, JSON in a string, or that URL-encoded; nil where it is none of them.
func document(v any) map[string]any {
	if m, ok := v.(map[string]any); ok {
		return m
	}
	s, _ := v.(string)
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "%") {
		s, _ = url.QueryUnescape(s)
	}
	if len(s) > maxShapeRecord || checkStrict([]byte(s)) != nil {
		return nil
	}
	var m map[string]any
	if json.Unmarshal([]byte(s), &m) != nil {
		return nil
	}
	return m
}

// allowed gives whom the Allow statements of a policy name: ARNs, accounts, "*", providers, services, canonical users.
// NotPrincipal allows everybody but a few, and counts as everybody.
func allowed(policy any) []permitted {
	var out []permitted
	for _, st := range listed(memberOf(document(policy), "Statement")) {
		m, _ := st.(map[string]any)
		if m == nil || !strings.EqualFold(text(memberOf(m, "Effect")), "Allow") {
			continue
		}
		under := narrowing(memberOf(m, "Condition"))
		if memberOf(m, "NotPrincipal") != nil {
			out = addPermitted(out, permitted{"*", join2("all but a few named", under)})
		}
		for _, who := range principals(memberOf(m, "Principal")) {
			out = addPermitted(out, permitted{grantee(who), under})
		}
	}
	return out
}

func addPermitted(all []permitted, p permitted) []permitted {
	if len(all) >= maxTouches || slices.Contains(all, p) {
		return all
	}
	return append(all, p)
}

// principals gives the names in a statement's Principal: "*", or an object of kinds, each of one name or of a list.
func principals(v any) []string {
	m, ok := v.(map[string]any)
	if !ok {
		return texts(v)
	}
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(m)) {
		out = append(out, texts(m[kind])...)
	}
	return out
}

func texts(v any) []string {
	var out []string
	for _, x := range listed(v) {
		if s := text(x); s != "" && len(out) < maxTouches {
			out = append(out, s)
		}
	}
	return out
}

// narrowing says which keys a statement's Condition asks for: "only where aws:PrincipalOrgID, aws:SourceAccount".
// Whether they keep strangers out is not for a log to say, so the exposure stays, with them beside it.
func narrowing(condition any) string {
	m, _ := condition.(map[string]any)
	var keys []string
	for _, operator := range slices.Sorted(maps.Keys(m)) {
		inner, _ := m[operator].(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(inner)) {
			if len(keys) < 8 {
				keys = with(keys, key)
			}
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return "only where " + strings.Join(keys, ", ")
}

func join2(a, b string) string {
	if b == "" {
		return a
	}
	return a + ", " + b
}

func namesOf(all []permitted) []string {
	var out []string
	for _, p := range all {
		out = with(out, p.who)
	}
	return out
}
