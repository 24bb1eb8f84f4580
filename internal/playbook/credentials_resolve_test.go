package playbook

import (
	"strings"
	"testing"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

func TestWhoseCredentialsTheyAre(t *testing.T) {
	user := casefile.Subject{Kind: casefile.IAMUser, ID: "deploy", Account: "111122223333", Playbook: casefile.PlaybookCredentials}
	other := casefile.Subject{Kind: casefile.IAMUser, ID: "elsewhere", Account: "444455556666"}
	second := casefile.Subject{Kind: casefile.IAMUser, ID: "second", Account: "111122223333"}
	federated := casefile.Subject{Kind: casefile.FederatedUser, ID: "bob", Account: "111122223333"}
	key := func(id string) casefile.Subject {
		return casefile.Subject{Kind: casefile.AccessKey, ID: id, Account: "111122223333", Playbook: casefile.PlaybookCredentials}
	}
	reached := &Reached{Via: "arn:aws:iam::111122223333:user/ci/deploy"}
	for name, c := range map[string]struct {
		subject casefile.Subject
		finding []casefile.Subject
		reached *Reached
		refuse  []string
		want    string // kind and id, or
		err     string
	}{
		"a user":                              {user, nil, nil, nil, "iam-user deploy", ""},
		"a key":                               {key("AKIADEPLOY"), nil, nil, nil, "iam-user deploy", ""},
		"a key, whatever the finding says":    {key("AKIADEPLOY"), []casefile.Subject{second}, nil, nil, "iam-user deploy", ""},
		"a key, its account not asked":        {key("AKIADEPLOY"), nil, nil, []string{"GetAccessKeyInfo"}, "iam-user deploy", ""},
		"a key that is gone, and its user":    {key("AKIAGONE"), []casefile.Subject{other, user}, nil, nil, "iam-user deploy", ""},
		"a key that is gone":                  {key("AKIAGONE"), nil, nil, nil, "", "name the user"},
		"a key that may not be asked about":   {key("AKIADEPLOY"), nil, nil, []string{"GetAccessKeyLastUsed"}, "", "AccessDenied"},
		"another account's key":               {key("AKIAOTHER"), []casefile.Subject{user}, nil, nil, "", "is of account 444455556666"},
		"root's key":                          {key("AKIAROOT"), nil, nil, nil, "", "cordon plan account:111122223333"},
		"a session's key, of a user":          {key("ASIASESSION"), []casefile.Subject{user}, nil, nil, "iam-user deploy", ""},
		"a session's key, of two users":       {key("ASIASESSION"), []casefile.Subject{user, second}, nil, nil, "", "--lookup"},
		"a session's key":                     {key("ASIASESSION"), nil, nil, nil, "", "--lookup"},
		"a session's key, elsewhere":          {key("ASIASESSION"), []casefile.Subject{other}, nil, nil, "", "--logs"},
		"a federated session's key":           {key("ASIASESSION"), []casefile.Subject{federated}, nil, nil, "federated-user bob", ""},
		"a federated session's key, reached":  {key("ASIASESSION"), []casefile.Subject{federated}, reached, nil, "iam-user deploy", ""},
		"a federated user":                    {federated, nil, nil, nil, "federated-user bob", ""},
		"a federated user and its issuer":     {federated, []casefile.Subject{user}, nil, nil, "iam-user deploy", ""},
		"a federated user, reached":           {federated, nil, reached, nil, "iam-user deploy", ""},
		"a federated user, reached by a role": {federated, nil, &Reached{Via: "arn:aws:sts::111122223333:assumed-role/a/b"}, nil, "federated-user bob", ""},
	} {
		s := compromised(t, "credentials-leaked-key")
		s.World.Do(func(a *awssim.Account) {
			a.IAM.Users["deploy"].Keys[0].ID = "AKIADEPLOY"
			a.IAM.Root.Keys = []awssim.UserKey{{ID: "AKIAROOT", Active: true}}
			a.IAM.KeysElsewhere["AKIAOTHER"] = "444455556666"
		})
		s.refuse(c.refuse...)
		got, err := Credentials.Resolve(s.may(), s.conn, Incident{Subject: c.subject, Finding: casefile.Incident{Subjects: c.finding}, Reached: c.reached})
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %+v, error %v", name, got, err)
			}
		case err != nil || string(got.Kind)+" "+got.ID != c.want:
			t.Errorf("%s: %+v, error %v", name, got, err)
		}
		for _, call := range s.World.Calls() {
			if call.Write {
				t.Errorf("%s: %s was sent", name, call.Operation)
			}
		}
	}
}

// A federated user has nothing to put a deny on: the plan says whom to look for, and how.
func TestFederatedUserIsSaidToNeedItsIssuer(t *testing.T) {
	s := compromised(t, "credentials-leaked-key")
	s.in = Incident{Subject: casefile.Subject{Kind: casefile.FederatedUser, ID: "bob", Account: s.Account}}
	if d := s.draft(Options{}); len(d.Steps) > 0 || !says(d.Warnings, "sessionIssuer") {
		t.Errorf("steps %v, warnings %q", keys(d), d.Warnings)
	}
}
