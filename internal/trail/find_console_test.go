package trail

import "testing"

// An IAM user's CloudShell acts for the console session that opened it; a session token of the same second does not.
func TestCloudShellOfUser(t *testing.T) {
	s := &story{t: t}
	there := obj{"sourceIPAddress": "198.51.100.7", "userAgent": "Mozilla/5.0", "sessionCredentialFromConsole": "true"}
	clicked := s.does(5, atConsole("alice", "ASIACONSOLECONSOLE01", 0), "cloudshell:PutCredentials", there)
	typed := s.does(9, atConsole("alice", "ASIASHELLSHELLSHELL1", 0), "iam:ListUsers", obj{"sourceIPAddress": "192.0.2.50", "userAgent": "aws-cli/2.13.5 exec-env/CloudShell"})
	s.does(0, aliceLike("alice", alicesKey), "sts:GetSessionToken", obj{"userAgent": "aws-cli exec-env/CloudShell", "responseElements": obj{"credentials": obj{"accessKeyId": "ASIATOKENTOKENTOKEN1"}}})
	token := s.does(9, atConsole("alice", "ASIATOKENTOKENTOKEN1", 0), "s3:ListBuckets", obj{"userAgent": "aws-cli exec-env/CloudShell"})
	plain := s.does(9, atConsole("alice", "ASIAPLAINPLAINPLAIN1", 0), "s3:ListBuckets", nil)
	d := s.seeds("address", "198.51.100.7")
	is(t, d, clicked, "seed certain seed-address")
	is(t, d, typed, "derived probable same-session")
	is(t, d, token, "same-principal possible same-principal")
	is(t, d, plain, "same-principal possible same-principal")
	d = s.seeds("access-key", "ASIASHELLSHELLSHELL1")
	is(t, d, clicked, "derived probable same-session")
}

// Records of GetSigninToken do not all show a key: who signs in as the same principal right after is the intruder all the same.
func TestFederationWithoutKey(t *testing.T) {
	s := &story{t: t}
	steve := func(key string) obj {
		return obj{"type": "FederatedUser", "principalId": ours + ":steve", "arn": "arn:aws:sts::" + ours + ":federated-user/steve", "accountId": ours, "accessKeyId": key}
	}
	s.does(0, aliceLike("alice", alicesKey), "sts:GetFederationToken", obj{"responseElements": obj{"credentials": obj{"accessKeyId": "ASIASTEVESTEVESTEVE1"},
		"federatedUser": obj{"federatedUserId": ours + ":steve", "arn": "arn:aws:sts::" + ours + ":federated-user/steve"}}})
	token := s.does(5, steve("ASIASTEVESTEVESTEVE1"), "signin:GetSigninToken", obj{"responseElements": obj{"GetSigninToken": "Success"}})
	login := s.does(9, steve(""), "signin:ConsoleLogin", obj{"responseElements": obj{"ConsoleLogin": "Success"}})
	later := s.does(5000, steve(""), "signin:ConsoleLogin", obj{"responseElements": obj{"ConsoleLogin": "Success"}})
	d := s.seeds("access-key", alicesKey)
	is(t, d, token, "derived certain sts-federation-token")
	is(t, d, login, "derived probable console-federation")
	is(t, d, later, "same-principal possible same-credential")
}
