package playbook

import "testing"

func TestOpenEndpointPoliciesAreSeen(t *testing.T) {
	for policy, open := range map[string]bool{
		"":                 true,
		"not JSON":         true,
		"{}":               true,
		`{"Statement":[]}`: false,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`:                                                                    true,
		`{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":["arn:aws:s3:::ours","arn:aws:s3:::*"]}}`:                                   true,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::*/*"}]}`:                                                                     true,
		`{"Statement":[{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::theirs"}]}`:                                                               true,
		`{"Statement":[{"Effect":"Allow","Action":"*"}]}`:                                                                                                   true,
		`{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::ours","arn:aws:s3:::ours/*"]}]}`:                                         false,
		`{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}`:                                                                                  false,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceAccount":"111122223333"}}}]}`:                false,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{}}]}`:                                                                     true,
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::ours"},{"Effect":"Allow","Action":"s3:Get*","Resource":"arn:aws:s3:::?*"}]}`: true,
	} {
		if got := opensAnyBucket(policy); got != open {
			t.Errorf("opensAnyBucket(%s) = %t", policy, got)
		}
	}
}

func FuzzEndpointPolicy(f *testing.F) {
	f.Add(`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`)
	f.Add(`{"Statement":{"Effect":"Allow","Resource":["a"]}}`)
	f.Fuzz(func(_ *testing.T, policy string) { opensAnyBucket(policy) })
}
