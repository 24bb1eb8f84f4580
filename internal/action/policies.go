package action

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// agentActions is what the SSM agent itself needs to be reached and to answer: its registration and its message
// channels. The rest of AmazonSSMManagedInstanceCore, ssm:GetParameter above all, serves whoever is on the host
// (docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html,
// docs.aws.amazon.com/systems-manager/latest/userguide/systems-manager-setting-up-messageAPIs.html).
var agentActions = [...]string{
	"ec2messages:AcknowledgeMessage", "ec2messages:DeleteMessage", "ec2messages:FailMessage",
	"ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply",
	"ssm:UpdateInstanceInformation",
	"ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
	"ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
}

// What a release of a deny brings back. A session lives on after the deny that stopped it: a role's up to 12 hours
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_manage-assume.html), one of a user's key up to 36
// (docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html).
const (
	roleSessionsReturn = "sessions that it denies work again until they end, the intruder's too: up to 12 hours after they were issued. Wait for that, or leave this step"
	userSessionsReturn = "sessions that it denies work again until they end, the intruder's too: up to 36 hours after they were issued. Wait for that, or leave this step"
)

type policyDocument struct {
	Version   string
	Statement []policyStatement
}

type policyStatement struct {
	Sid       string
	Effect    string
	Action    any `json:",omitempty"`
	NotAction any `json:",omitempty"`
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

// DenySessionPolicy denies everything to the sessions that one instance has of a role, and nothing to anybody
// else: aws:userid is the role's unique id and the instance's id
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html, "principal key values"). With
// keepSSM it leaves what the SSM agent itself needs.
func DenySessionPolicy(roleID, instanceID string, keepSSM bool) string {
	s := policyStatement{
		Sid: "CordonDenyInstanceSession", Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string]string{"StringEquals": {"aws:userid": roleID + ":" + instanceID}},
	}
	if keepSSM {
		s.Action, s.NotAction = nil, agentActions
	}
	return policyText(s)
}

// DenyRoleSessionPolicy denies everything to the sessions of one name that a role has, and nothing to anybody else.
func DenyRoleSessionPolicy(roleID, session string) string {
	return policyText(policyStatement{
		Sid: "CordonDenySession", Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string]string{"StringEquals": {"aws:userid": roleID + ":" + literal(session)}},
	})
}

// DenySourceIdentityPolicy denies everything to the sessions with one source identity. It is set where the first role
// of a chain is assumed, and nobody can change it from there on
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-sourceidentity).
func DenySourceIdentityPolicy(source string) string {
	return policyText(policyStatement{
		Sid: "CordonDenySourceIdentity", Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string]string{"StringEquals": {"aws:SourceIdentity": literal(source)}},
	})
}

// literal takes a text by the letter: "${" would begin a policy variable, which may stand for whoever asks. Neither name
// can hold one, and the actions refuse those that do; a policy that stops everybody must not hang on that alone
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html, special characters).
func literal(text string) string { return strings.ReplaceAll(text, "$", "${$}") }

// RevokeSessionsPolicy denies everything to every session of a role that was issued before the cut-off, as the
// console's "Revoke active sessions" does
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html).
func RevokeSessionsPolicy(cutoff time.Time) string {
	return policyText(policyStatement{
		Sid: "CordonRevokeSessions", Effect: "Deny", Action: "*", Resource: "*",
		Condition: map[string]map[string]string{"DateLessThan": {"aws:TokenIssueTime": cutoff.UTC().Format(time.RFC3339)}},
	})
}

// DenyAllPolicy denies everything, whoever asks and however.
func DenyAllPolicy() string {
	return policyText(policyStatement{Sid: "CordonDenyAll", Effect: "Deny", Action: "*", Resource: "*"})
}

func policyText(s policyStatement) string {
	text, err := json.Marshal(policyDocument{Version: "2012-10-17", Statement: []policyStatement{s}})
	if err != nil {
		panic(err) // strings and maps of strings always marshal
	}
	return string(text)
}

// samePolicy compares documents whatever their spacing and order of keys. Documents with a key twice are
// never the same: parsers differ in which one counts.
func samePolicy(a, b string) bool {
	x, y := jsontext.Value(a), jsontext.Value(b)
	return x.Canonicalize() == nil && y.Canonicalize() == nil && string(x) == string(y)
}

// DeniesEverything tells whether a document denies everything to whoever has it, whatever else stands in it. A document
// that nobody is sure of does not.
func DeniesEverything(document string) bool {
	type statement struct {
		Effect                                 string
		Action, NotAction, Resource, Condition any
	}
	var many struct{ Statement []statement }
	if json.Unmarshal([]byte(document), &many) != nil {
		var one struct{ Statement statement }
		if json.Unmarshal([]byte(document), &one) != nil {
			return false
		}
		many.Statement = []statement{one.Statement}
	}
	all := func(v any) bool {
		if list, ok := v.([]any); ok && len(list) == 1 {
			v = list[0]
		}
		return v == "*"
	}
	for _, s := range many.Statement {
		if s.Effect == "Deny" && s.NotAction == nil && s.Condition == nil && all(s.Action) && all(s.Resource) {
			return true
		}
	}
	return false
}
