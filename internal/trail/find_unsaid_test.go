package trail

import (
	"slices"
	"testing"
)

// What a record does not say is not nothing: hosts chosen by a tag, secrets by a filter, a subscriber that is hidden,
// a key in an answer that the log does not have.
func TestUnsaid(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "ssm:SendCommand", obj{"requestParameters": obj{"targets": []any{obj{"key": "tag:env", "values": []any{"prod"}}}, "parameters": hidden}, "responseElements": obj{"command": obj{"instanceIds": []any{}}}})
	s.does(1, a, "secretsmanager:BatchGetSecretValue", obj{"readOnly": true, "requestParameters": obj{"filters": []any{obj{"key": "tag-key", "values": []any{"!x"}}}}})
	s.does(2, a, "sns:Subscribe", obj{"requestParameters": obj{"topicArn": "arn:aws:sns:us-east-1:" + ours + ":alerts", "protocol": "email", "endpoint": hidden}})
	token := s.does(3, a, "sts:GetSessionToken", nil)
	d := s.seeds("access-key", alicesKey)
	noted(t, d, "SendCommand at "+clock(0)+" reached hosts that its record does not name")
	noted(t, d, "BatchGetSecretValue at "+clock(1)+" reached secrets that its record does not name")
	if !slices.ContainsFunc(d.Exposures, func(x ScopeExposure) bool { return x.Kind == "subscription" && x.Grantee == hidden }) {
		t.Errorf("nobody was subscribed: %+v", d.Exposures)
	}
	if n := listedAs(t, d, "unseen:"+token); n.LiveUntil != clock(3+12*3600) {
		t.Errorf("the token lives until %q", n.LiveUntil)
	}
}

// Where the record says what was reached, nothing is said to be missing.
func TestNothingUnsaid(t *testing.T) {
	s := &story{t: t}
	a := aliceLike("alice", alicesKey)
	s.does(0, a, "ssm:SendCommand", obj{"requestParameters": obj{"instanceIds": []any{host}}})
	s.does(1, a, "secretsmanager:BatchGetSecretValue", obj{"readOnly": true, "requestParameters": obj{"secretIdList": []any{"db"}}})
	s.does(2, a, "sts:GetSessionToken", obj{"errorCode": "AccessDenied"})
	if d := s.seeds("access-key", alicesKey); len(d.Summary.Notes) > 0 || len(d.Identities) != 2 {
		t.Errorf("noted %q of %+v", d.Summary.Notes, d.Identities)
	}
}
