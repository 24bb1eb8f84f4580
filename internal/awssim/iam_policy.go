package awssim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Denied says whether the session userID (AROA…:session-name) of a role, whose credentials were issued at
// tokenIssued, is refused action by an inline Deny on the role. It is no policy engine: it knows Deny
// statements on every resource, under StringEquals or StringLike on aws:userid and DateLessThan on
// aws:TokenIssueTime. A statement with anything else counts as stopping nobody, so that a deny which the
// simulator cannot judge never passes for one that works.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html
func (w *World) Denied(roleName, userID string, action string, tokenIssued time.Time) bool {
	denied := false
	w.Do(func(a *Account) {
		role := a.IAM.Roles[roleName]
		if role == nil {
			return
		}
		for _, document := range role.Inline {
			if policyDenies(document, userID, action, tokenIssued) {
				denied = true
			}
		}
	})
	return denied
}

// Credential is what a user signs a request with: an access key of its own, or
// a session.
type Credential struct {
	// Issued is when the session was made: by GetSessionToken, by
	// GetFederationToken, or by the console, which uses sessions too. Zero for
	// an access key, in whose requests aws:TokenIssueTime is absent.
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-tokenissuetime
	Issued time.Time
	// Federated is the name that GetFederationToken was given. The session's
	// aws:userid is ACCOUNT:name, not the user's own, and the user's policies
	// hold for it.
	Federated string
}

// UserDenied says whether a user is refused action, with that credential, by an
// explicit Deny: in an inline or attached policy of the user or of one of its
// groups. What Denied says of judging holds here too. Whether the key itself is
// Active is another question.
func (w *World) UserDenied(name string, with Credential, action string) bool {
	denied := false
	w.Do(func(a *Account) {
		u := a.IAM.Users[name]
		if u == nil {
			return
		}
		userID := u.ID
		if with.Federated != "" {
			userID = a.ID + ":" + with.Federated
		}
		for _, document := range a.policiesOf(u) {
			if policyDenies(document, userID, action, with.Issued) {
				denied = true
			}
		}
	})
	return denied
}

// policiesOf gives the documents that hold for a user.
func (a *Account) policiesOf(u *User) []string {
	var all []string
	add := func(inline, attached map[string]string) {
		for _, document := range inline {
			all = append(all, document)
		}
		for arn := range attached {
			if p, ok := a.IAM.Policies[arn]; ok {
				all = append(all, p.Document)
			} else if p, ok := a.awsPolicy(arn); ok {
				all = append(all, p.Document)
			}
		}
	}
	add(u.Inline, u.Attached)
	for _, n := range u.Groups {
		if g := a.IAM.Groups[n]; g != nil {
			add(g.Inline, g.Attached)
		}
	}
	return all
}

type policyDocument struct {
	ID        string `json:"Id"`
	Version   string
	Statement oneOrMany[policyStatement]
}

type policyStatement struct {
	Sid         string
	Effect      string
	Action      oneOrMany[string]
	NotAction   oneOrMany[string]
	Resource    oneOrMany[string]
	NotResource oneOrMany[string]
	Condition   map[string]map[string]oneOrMany[string]
}

// oneOrMany reads what the policy language lets people write as one value or as a list of them.
type oneOrMany[T any] []T

func (o *oneOrMany[T]) UnmarshalJSON(data []byte) error {
	var many []T
	if strictly(data, &many) == nil {
		*o = many
		return nil
	}
	var one T
	if err := strictly(data, &one); err != nil {
		return err
	}
	*o = oneOrMany[T]{one}
	return nil
}

// strictly refuses elements that the policy language does not have.
func strictly(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func policyDenies(document, userID, action string, issued time.Time) bool {
	var doc policyDocument
	if json.Unmarshal([]byte(document), &doc) != nil {
		return false
	}
	for _, s := range doc.Statement {
		if s.Effect == "Deny" && slices.Contains(s.Resource, "*") && s.covers(action) && s.applies(userID, issued) {
			return true
		}
	}
	return false
}

// Action names are not case-sensitive.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func (s policyStatement) covers(action string) bool {
	matches := func(pattern string) bool {
		return policyMatch(strings.ToLower(pattern), strings.ToLower(action))
	}
	if len(s.NotAction) > 0 {
		return !slices.ContainsFunc(s.NotAction, matches)
	}
	return slices.ContainsFunc(s.Action, matches)
}

// Operators and keys are all needed; of the values of one key, one is enough. Key names are not
// case-sensitive. A key that is absent from the request meets no operator here.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
func (s policyStatement) applies(userID string, issued time.Time) bool {
	for operator, keys := range s.Condition {
		for key, values := range keys {
			var holds func(value string) bool
			switch operator + " " + strings.ToLower(key) {
			case "StringEquals aws:userid":
				holds = func(v string) bool { return v == userID }
			case "StringLike aws:userid":
				holds = func(v string) bool { return policyMatch(v, userID) }
			case "DateLessThan aws:tokenissuetime":
				holds = func(v string) bool {
					limit, err := time.Parse(time.RFC3339, v)
					return err == nil && !issued.IsZero() && issued.Before(limit)
				}
			default:
				return false
			}
			if !slices.ContainsFunc(values, holds) {
				return false
			}
		}
	}
	return true
}

// policyMatch matches * (any run of characters) and ? (any one character).
func policyMatch(pattern, s string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			for i := range len(s) + 1 {
				if policyMatch(pattern[1:], s[i:]) {
					return true
				}
			}
			return false
		case s == "" || pattern[0] != '?' && pattern[0] != s[0]:
			return false
		}
		pattern, s = pattern[1:], s[1:]
	}
	return s == ""
}
