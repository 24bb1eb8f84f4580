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

// A trust policy is read strictly and written back as it was read: what is not understood is left alone rather than
// lost (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).

// Trust is a role's trust policy, read.
type Trust struct {
	version, id string
	statements  []jsontext.Value // as they stand
	read        []trustStatement
}

type trustStatement struct {
	Sid          string         `json:"Sid"`
	Effect       string         `json:"Effect"`
	Principal    jsontext.Value `json:"Principal"`
	NotPrincipal jsontext.Value `json:"NotPrincipal"`
	Action       jsontext.Value `json:"Action"`
	NotAction    jsontext.Value `json:"NotAction"`
	Condition    jsontext.Value `json:"Condition"`
}

// ParseTrust reads a trust policy.
func ParseTrust(document string) (Trust, error) {
	var top struct {
		Version   string         `json:"Version"`
		ID        string         `json:"Id"`
		Statement jsontext.Value `json:"Statement"`
	}
	if err := json.Unmarshal([]byte(document), &top, json.RejectUnknownMembers(true)); err != nil {
		return Trust{}, fmt.Errorf("read the trust policy: %w", err)
	}
	t := Trust{version: top.Version, id: top.ID}
	if top.Statement.Kind() == '{' {
		t.statements = []jsontext.Value{top.Statement}
	} else if err := json.Unmarshal(top.Statement, &t.statements); err != nil {
		return Trust{}, fmt.Errorf("read the trust policy's statements: %w", err)
	}
	for _, s := range t.statements {
		var r trustStatement
		if err := json.Unmarshal(s, &r, json.RejectUnknownMembers(true)); err != nil {
			return Trust{}, fmt.Errorf("read a statement of the trust policy: %w", err)
		}
		t.read = append(t.read, r)
	}
	return t, nil
}

// Opening is one principal that a statement of a trust policy lets in.
type Opening struct {
	Kind        string // as the policy spells it: AWS, Federated, Service
	Name        string // ARN, account id, domain, or "*"
	Conditional bool   // only under conditions
	All         bool   // everybody, or everybody but some
}

// Account is the id of the account that a principal belongs to, "" where it is none's.
func (o Opening) Account() string { return accountOfPrincipal(o.Name) }

func accountOfPrincipal(name string) string {
	if accountDigits.MatchString(name) {
		return name
	}
	if parts := strings.SplitN(name, ":", 6); len(parts) == 6 && accountDigits.MatchString(parts[4]) {
		return parts[4]
	}
	return ""
}

var (
	accountDigits = regexp.MustCompile(`^[0-9]{12}$`)
	rootARN       = regexp.MustCompile(`^arn:[a-z-]+:iam::([0-9]{12}):root$`)
	// What IAM shows in place of a user or role that is gone
	// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes).
	goneID = regexp.MustCompile(`^A(IDA|ROA)[A-Z0-9]{12,}$`)
)

// Openings lists whom the Allow statements let in, sorted, each once. Principals that are gone let nobody in.
func (t Trust) Openings() []Opening {
	var all []Opening
	for _, s := range t.read {
		if s.Effect != "Allow" {
			continue
		}
		conditional := len(s.Condition) > 0 && string(s.Condition) != "{}"
		if len(s.NotPrincipal) > 0 {
			all = append(all, Opening{Kind: "AWS", Name: "*", Conditional: conditional, All: true})
		}
		for kind, names := range principalNames(s.Principal) {
			for _, n := range names {
				if m := rootARN.FindStringSubmatch(n); m != nil {
					n = m[1]
				}
				if !goneID.MatchString(n) {
					all = append(all, Opening{kind, n, conditional, n == "*"})
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b Opening) int { return strings.Compare(a.line(), b.line()) })
	return slices.Compact(all)
}

func (o Opening) line() string { return fmt.Sprint(o.Kind, " ", o.Name, " ", o.Conditional) }

// principalNames reads a principal element: "*", or names by kind.
func principalNames(element jsontext.Value) map[string][]string {
	switch element.Kind() {
	case '"':
		return map[string][]string{"AWS": stringsOf(element)}
	case '{':
		var kinds map[string]jsontext.Value
		if json.Unmarshal(element, &kinds) != nil {
			return nil
		}
		names := map[string][]string{}
		for k, v := range kinds {
			names[k] = stringsOf(v)
		}
		return names
	}
	return nil
}

// stringsOf reads what may be written as one value or as a list of them.
func stringsOf(v jsontext.Value) []string {
	var one string
	if json.Unmarshal(v, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(v, &many) != nil {
		return nil
	}
	return many
}

// text writes the policy: the given statements first, then its own, without principals that are gone. IAM refuses to
// take back the unique ids that it shows for those, and they stand for nobody
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-roles).
func (t Trust) text(first []jsontext.Value, without func(trustStatement) bool) (string, error) {
	all := slices.Clone(first)
	for i, s := range t.statements {
		if without != nil && without(t.read[i]) {
			continue
		}
		kept, any, err := withoutGone(s, t.read[i])
		if err != nil {
			return "", err
		}
		if any {
			all = append(all, kept)
		}
	}
	top := struct {
		Version   string           `json:"Version,omitzero"`
		ID        string           `json:"Id,omitzero"`
		Statement []jsontext.Value `json:"Statement"`
	}{t.version, t.id, all}
	text, err := json.Marshal(top)
	if err != nil {
		return "", fmt.Errorf("write the trust policy: %w", err)
	}
	v := jsontext.Value(text)
	if err := v.Compact(); err != nil { // white space does not count against IAM's limit, but might against ours
		return "", fmt.Errorf("write the trust policy: %w", err)
	}
	return string(v), nil
}

// withoutGone takes the principals that are gone out of a statement; any tells whether somebody is left. Most
// statements are not touched.
func withoutGone(s jsontext.Value, read trustStatement) (kept jsontext.Value, any bool, err error) {
	names := principalNames(read.Principal)
	if !slices.ContainsFunc(names["AWS"], goneID.MatchString) {
		return s, true, nil
	}
	names["AWS"] = slices.DeleteFunc(slices.Clone(names["AWS"]), goneID.MatchString)
	maps.DeleteFunc(names, func(_ string, list []string) bool { return len(list) == 0 })
	if len(names) == 0 {
		return nil, false, nil
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(s, &members); err != nil {
		return nil, false, fmt.Errorf("read a statement of the trust policy: %w", err)
	}
	if members["Principal"], err = json.Marshal(names, json.Deterministic(true)); err != nil {
		return nil, false, fmt.Errorf("write the principals of a statement: %w", err)
	}
	kept, err = json.Marshal(members, json.Deterministic(true))
	return kept, true, err
}

// canonicalTrust is one spelling for policies that mean the same: IAM gives lists in an order of its own, and writes
// one value as a list or by itself. What cannot be read is its own spelling.
func canonicalTrust(document string) string {
	t, err := ParseTrust(document)
	if err != nil {
		return document
	}
	text, err := t.text(nil, nil)
	if err != nil {
		return document
	}
	var policy any
	if err := json.Unmarshal([]byte(text), &policy); err != nil {
		return document
	}
	top, ok := policy.(map[string]any)
	if !ok {
		return document
	}
	if list, ok := top["Statement"].([]any); ok { // the order of statements means nothing, and is IAM's to keep
		for i := range list {
			list[i] = setsOf(list[i])
		}
	}
	out, err := json.Marshal(policy, json.Deterministic(true))
	if err != nil {
		return document
	}
	return string(out)
}

// setsOf sorts the lists in a statement, which are all sets, and writes one value by itself. An account is spelt by
// its digits.
func setsOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = setsOf(e)
		}
	case []any:
		var texts []string
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return v
			}
			texts = append(texts, spelt(s))
		}
		slices.Sort(texts)
		texts = slices.Compact(texts)
		if len(texts) == 1 {
			return texts[0]
		}
		sorted := make([]any, len(texts))
		for i, s := range texts {
			sorted[i] = s
		}
		return sorted
	case string:
		return spelt(v)
	}
	return v
}

func spelt(s string) string {
	if m := rootARN.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	return s
}
