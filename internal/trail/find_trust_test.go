package trail

import "testing"

// A changed trust policy lets strangers in through a provider that the role had before: those of an organisation that
// was never seen there may be the intruder, those whose workflows ran before go on as ever.
func TestTrustOfWorkflows(t *testing.T) {
	const github = "arn:aws:iam::" + ours + ":oidc-provider/token.actions.githubusercontent.com"
	s := &story{t: t}
	run := func(sec int, subject, key string) (string, string) {
		who := obj{"type": "WebIdentityUser", "principalId": github + ":sts.amazonaws.com:" + subject, "userName": subject, "identityProvider": github}
		call := s.assumes(sec, who, "deploy", "GitHubActions", key, obj{"eventName": "AssumeRoleWithWebIdentity"})
		return call, s.does(sec+1, inRole("deploy", "GitHubActions", key, sec), "ecr:PutImage", nil)
	}
	run(-900, "repo:corp/app:ref:refs/heads/main", "ASIAOLDOLDOLDOLDOLD1")
	s.does(0, aliceLike("alice", alicesKey), "iam:UpdateAssumeRolePolicy", obj{"requestParameters": obj{"roleName": "deploy",
		"policyDocument": `{"Statement":[{"Effect":"Allow","Principal":{"Federated":"` + github + `"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`}})
	taken, used := run(60, "repo:evil/x:ref:refs/heads/main", "ASIAEVILEVILEVILEVI1")
	usual, pushed := run(90, "repo:corp/site:environment:prod", "ASIACORPCORPCORPCOR1")
	d := s.seeds("access-key", alicesKey)
	is(t, d, taken, "derived probable trust")
	is(t, d, used, "derived probable sts-assume-role-web")
	is(t, d, usual, "")
	is(t, d, pushed, "")
}

// A certificate of the intruder's own authority opens sessions of roles that were there before.
func TestRolesAnywhere(t *testing.T) {
	const evil, good = "arn:aws:rolesanywhere:us-east-1:" + ours + ":trust-anchor/evil", "arn:aws:rolesanywhere:us-east-1:" + ours + ":trust-anchor/good"
	s := &story{t: t}
	s.does(0, aliceLike("alice", alicesKey), "rolesanywhere:CreateTrustAnchor", obj{"requestParameters": obj{"name": "x"}, "responseElements": obj{"trustAnchor": obj{"trustAnchorArn": evil}}})
	open := func(sec int, anchor, serial, key string) (string, string) {
		call := s.does(sec, obj{"type": "Unknown", "accountId": ours}, "rolesanywhere:CreateSession", obj{
			"requestParameters": obj{"trustAnchorArn": anchor, "roleArn": "arn:aws:iam::" + ours + ":role/servers"},
			"responseElements": obj{"credentialSet": []any{obj{"assumedRoleUser": obj{"arn": "arn:aws:sts::" + ours + ":assumed-role/servers/" + serial, "assumedRoleId": "AROASERVERS:" + serial},
				"credentials": obj{"accessKeyId": key, "expiration": "2024-05-01T13:00:00Z"}}}}})
		return call, s.does(sec+1, inRole("servers", serial, key, sec), "s3:ListBuckets", nil)
	}
	theirs, used := open(60, evil, "00aa", "ASIAEVILEVILEVILEVI1")
	usual, others := open(70, good, "00bb", "ASIAGOODGOODGOODGOO1")
	d := s.seeds("access-key", alicesKey)
	is(t, d, theirs, "derived certain trust")
	is(t, d, used, "derived certain rolesanywhere-session")
	is(t, d, usual, "")
	is(t, d, others, "")
}
