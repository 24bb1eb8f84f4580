package awssim

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Requester is who makes a request, as policies see it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
type Requester struct {
	UserID         string // AROA…:session-name
	SourceIdentity string // "" where none was set: the key is then not there
	Issued         time.Time
}

// Denied says whether the session userID (AROA…:session-name) of a role, whose credentials were issued at
// tokenIssued, is refused action by a Deny on the role.
func (w *World) Denied(roleName, userID string, action string, tokenIssued time.Time) bool {
	return w.DeniedTo(roleName, Requester{UserID: userID, Issued: tokenIssued}, action)
}

// DeniedTo is Denied for a requester with all that there is to say of it. It is no policy engine: it knows Deny
// statements on every resource, in inline and attached policies, under StringEquals or
// StringLike on aws:userid and aws:SourceIdentity and DateLessThan on aws:TokenIssueTime. A statement with anything
// else counts as stopping nobody, so that a deny which the simulator cannot judge never passes for one that works.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html
func (w *World) DeniedTo(roleName string, s Requester, action string) bool {
	denied := false
	w.Do(func(a *Account) {
		role := a.IAM.Roles[roleName]
		if role == nil {
			return
		}
		for _, document := range a.documents(role.Inline, role.Attached) {
			denied = denied || policyDenies(document, s, action)
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
			if policyDenies(document, Requester{UserID: userID, Issued: with.Issued}, action) {
				denied = true
			}
		}
	})
	return denied
}

// policiesOf gives the documents that hold for a user.
func (a *Account) policiesOf(u *User) []string {
	all := a.documents(u.Inline, u.Attached)
	for _, n := range u.Groups {
		if g := a.IAM.Groups[n]; g != nil {
			all = append(all, a.documents(g.Inline, g.Attached)...)
		}
	}
	return all
}

// documents gives those of inline and attached policies.
func (a *Account) documents(inline, attached map[string]string) []string {
	var all []string
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

func policyDenies(document string, session Requester, action string) bool {
	var doc policyDocument
	if json.Unmarshal([]byte(document), &doc) != nil {
		return false
	}
	for _, s := range doc.Statement {
		if s.Effect == "Deny" && slices.Contains(s.Resource, "*") && covers(s.Action, s.NotAction, action) && applies(s.Condition, session.facts()) {
			return true
		}
	}
	return false
}

// Action names are not case-sensitive.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
func covers(these, notThese []string, action string) bool {
	matches := func(pattern string) bool {
		return policyMatch(strings.ToLower(pattern), strings.ToLower(action))
	}
	if len(notThese) > 0 {
		return !slices.ContainsFunc(notThese, matches)
	}
	return slices.ContainsFunc(these, matches)
}

// facts is the request's context, by the key in small letters.
func (s Requester) facts() map[string]string {
	facts := map[string]string{"aws:userid": s.UserID}
	if !s.Issued.IsZero() { // an access key of a user's own has none
		facts["aws:tokenissuetime"] = s.Issued.UTC().Format(time.RFC3339Nano)
	}
	if s.SourceIdentity != "" {
		facts["aws:sourceidentity"] = s.SourceIdentity
	}
	return facts
}

// applies tells whether a Deny's conditions hold. Operators and keys are all needed; of the values of one key, one is
// enough; under a negated operator none may match, and a key that is not there satisfies it. Key names are not
// case-sensitive.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
func applies(conditions map[string]map[string]oneOrMany[string], facts map[string]string) bool {
	for operator, keys := range conditions {
		for key, values := range keys {
			fact, there := facts[strings.ToLower(key)]
			if !judgedKeys[strings.ToLower(key)] {
				return false
			}
			var matches func(v string) bool
			switch operator {
			case "StringEquals":
				matches = func(v string) bool { return v == fact }
			case "StringLike", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike":
				matches = func(v string) bool { return policyMatch(v, fact) }
			case "DateLessThan":
				matches = func(v string) bool { return earlier(fact, v) }
			default:
				return false
			}
			some := there && slices.ContainsFunc(values, matches)
			if some == strings.Contains(operator, "Not") {
				return false
			}
		}
	}
	return true
}

// judgedKeys are the keys that a deny can be judged by.
var judgedKeys = map[string]bool{
	"aws:userid": true, "aws:sourceidentity": true, "aws:tokenissuetime": true, "aws:principalarn": true, "aws:principalaccount": true,
}

func earlier(fact, limit string) bool {
	f, err := time.Parse(time.RFC3339, fact)
	l, lerr := time.Parse(time.RFC3339, limit)
	return err == nil && lerr == nil && f.Before(l)
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
