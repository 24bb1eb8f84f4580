package awssim

import (
	"testing"
	"time"
)

func TestDenied(t *testing.T) {
	const (
		cut   = `"Condition":{"StringEquals":{"aws:userid":"AROAX:i-0abc"},"DateLessThan":{"aws:TokenIssueTime":"2026-11-23T02:30:00Z"}}`
		likes = `"Condition":{"StringLike":{"AWS:UserID":["AROAX:i-0ab?","AROAX:j*"]}}`
	)
	early, late := time.Date(2026, 11, 23, 2, 29, 59, 0, time.UTC), time.Date(2026, 11, 23, 2, 30, 0, 0, time.UTC)
	for _, c := range []struct {
		name, statement, userID, action string
		issued                          time.Time
		want                            bool
	}{
		{"its session, before the cut-off", `"Action":"*",` + cut, "AROAX:i-0abc", "s3:GetObject", early, true},
		{"its session, at the cut-off", `"Action":"*",` + cut, "AROAX:i-0abc", "s3:GetObject", late, false},
		{"another instance", `"Action":"*",` + cut, "AROAX:i-0abd", "s3:GetObject", early, false},
		{"what the agent needs", `"NotAction":["ssm:*","ssmmessages:*"],` + cut, "AROAX:i-0abc", "SSM:UpdateInstanceInformation", early, false},
		{"what it does not", `"NotAction":["ssm:*","ssmmessages:*"],` + cut, "AROAX:i-0abc", "s3:GetObject", early, true},
		{"a wildcard inside", `"Action":"s3:*Object",` + cut, "AROAX:i-0abc", "s3:PutObject", early, true},
		{"another action", `"Action":["s3:*Object","ec2:*"],` + cut, "AROAX:i-0abc", "sts:GetCallerIdentity", early, false},
		{"like, one character", `"Action":"*",` + likes, "AROAX:i-0abz", "s3:GetObject", late, true},
		{"like, the second value", `"Action":"*",` + likes, "AROAX:jump", "s3:GetObject", late, true},
		{"like, case counts", `"Action":"*",` + likes, "AROAX:I-0abz", "s3:GetObject", late, false},
		{"a key nobody can judge", `"Action":"*","Condition":{"StringEquals":{"aws:SourceVpc":"vpc-1"}}`, "AROAX:i-0abc", "s3:GetObject", early, false},
		{"no condition", `"Action":"*"`, "AROAX:anybody", "s3:GetObject", late, true},
	} {
		s, _ := newIAMScene(t)
		s.Do(func(a *Account) {
			a.IAM.Roles["web-app"].Inline["cut"] = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Resource":"*",` + c.statement + `}]}`
		})
		if got := s.Denied("web-app", c.userID, c.action, c.issued); got != c.want {
			t.Errorf("%s: denied = %v", c.name, got)
		}
	}
	s, _ := newIAMScene(t)
	s.Do(func(a *Account) {
		a.IAM.Roles["web-app"].Inline["allow"] = `{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
		a.IAM.Roles["web-app"].Inline["narrow"] = `{"Statement":{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::one"}}`
	})
	if s.Denied("web-app", "AROAX:i", "s3:GetObject", early) || s.Denied("nobody", "AROAX:i", "s3:GetObject", early) {
		t.Error("an allow, a deny on one resource, or no role at all counted as a deny")
	}
}
