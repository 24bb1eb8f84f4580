package playbook

import (
	"context"
	"strings"
	"testing"

	"cordon/internal/casefile"
)

func TestSessionsAndKeysBelongToTheFindingsRole(t *testing.T) {
	subject := func(kind casefile.Kind, id string) casefile.Subject {
		return casefile.Subject{Kind: kind, ID: id, Account: "111122223333", Playbook: casefile.PlaybookRole}
	}
	role, session, key := subject(casefile.IAMRole, "web"), subject(casefile.RoleSession, "ann"), subject(casefile.AccessKey, "ASIAEXAMPLEEXAMPLE12")
	elsewhere := role
	elsewhere.Account = "999988887777"
	other, othersKey := subject(casefile.IAMRole, "other"), subject(casefile.AccessKey, "ASIAOTHEROTHEROTHER1")
	for _, tt := range []struct {
		what string
		in   casefile.Subject
		all  []casefile.Subject
		want string
	}{
		{"a role", role, nil, "web"},
		{"its session", session, []casefile.Subject{role, session, key}, "web"},
		{"its key", key, []casefile.Subject{role, session, key}, "web"},
		{"two roles", othersKey, []casefile.Subject{role, key, other, othersKey}, "other"},
		{"a session without a role", session, []casefile.Subject{session}, ""},
		{"a key alone", key, nil, ""},
		{"a role of another account", key, []casefile.Subject{elsewhere, key}, ""},
		{"a user's key", subject(casefile.AccessKey, "AKIAEXAMPLEEXAMPLE12"), []casefile.Subject{role}, ""},
	} {
		got, err := Role.Resolve(context.Background(), nil, Incident{Subject: tt.in, Finding: casefile.Incident{Subjects: tt.all}})
		if tt.want == "" {
			if err == nil || !strings.Contains(err.Error(), "--lookup") || !strings.Contains(err.Error(), "--logs") {
				t.Errorf("%s: %+v, error %v", tt.what, got, err)
			}
			continue
		}
		if err != nil || got.Kind != casefile.IAMRole || got.ID != tt.want || got.Playbook != casefile.PlaybookRole {
			t.Errorf("%s: %+v, error %v", tt.what, got, err)
		}
	}
}
