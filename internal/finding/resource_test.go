package finding

import (
	"errors"
	"strings"
	"testing"

	"cordon/internal/casefile"
)

func TestParseResource(t *testing.T) {
	for in, want := range map[string]casefile.Subject{
		"ec2-instance:i-0abc1234":            {Kind: casefile.EC2Instance, ID: "i-0abc1234"},
		"ec2:i-0abc1234":                     {Kind: casefile.EC2Instance, ID: "i-0abc1234"},
		"s3:data--euw1-az1--x-s3":            {Kind: casefile.S3Bucket, ID: "data--euw1-az1--x-s3"},
		"access-key:AKIAIOSFODNN7EXAMPLE":    {Kind: casefile.AccessKey, ID: "AKIAIOSFODNN7EXAMPLE"},
		"iam-user:bob@example.com":           {Kind: casefile.IAMUser, ID: "bob@example.com"},
		"container:i-0abc1234/e6cf2e24515c":  {Kind: casefile.Container, ID: "i-0abc1234/e6cf2e24515c"},
		"account:111122223333":               {Kind: casefile.AWSAccount, ID: "111122223333", Account: "111122223333"},
		"arn:aws-cn:iam::111122223333:root":  {Kind: casefile.AWSAccount, ID: "111122223333", Account: "111122223333"},
		"arn:aws:s3:::ledger-a":              {Kind: casefile.S3Bucket, ID: "ledger-a"},
		"arn:aws:iam::111122223333:role/a/b": {Kind: casefile.IAMRole, ID: "b", Account: "111122223333"},
		"arn:aws-us-gov:ec2:us-gov-west-1:111122223333:instance/i-0123456789abcdef0": {Kind: casefile.EC2Instance, ID: "i-0123456789abcdef0", Account: "111122223333", Region: "us-gov-west-1"},
	} {
		got, err := ParseResource(in)
		if err != nil || got.Playbook == "" || !IsResource(in) {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
		got.Playbook, got.ARN = "", ""
		if got != want {
			t.Errorf("%s: %+v, want %+v", in, got, want)
		}
	}
	for _, in := range []string{
		"", "ec2:", "ec2:i-0ABC1234", "ec2:i-0abc1234\n", "s3:UPPER", "s3:10.0.0.1", "s3:a..b", "account:1234567891234", "lambda:x", "arn:aws:s3:::b/key",
		"rds:arn:aws:s3:::ledger", "iam-role:../x", "access-key:AKIA", "arn:aws:ec2:nowhere:111122223333:instance/i-0abc1234", "arn:aws:iam:::role/x/",
	} {
		if got, err := ParseResource(in); err == nil {
			t.Errorf("%q was taken for %+v", in, got)
		}
	}
	if _, err := ParseResource("arn:aws:lambda:eu-west-1:111122223333:function:f"); !errors.Is(err, ErrUnanswered) {
		t.Errorf("a function's ARN, which is whole: %v", err)
	}
	for _, in := range []string{"finding.json", "-", `C:\finding.json`, "s3://bucket/prefix", "dir/ec2:x"} {
		if IsResource(in) {
			t.Errorf("%q was taken for a resource", in)
		}
	}
}

// TestCheckIDOnFindings: what triage shows and a plan refuses.
func TestCheckIDOnFindings(t *testing.T) {
	for _, s := range []casefile.Subject{
		{Kind: casefile.AWSAccount, ID: "1234567891234", Account: "1234567891234"},
		{Kind: casefile.S3Bucket, ID: "${bucket_1_name}"},
		{Kind: casefile.EC2Instance, ID: "i-unicode测试123"},
		{Kind: casefile.EC2Instance, ID: "i-0abc1234", Account: "12345"},
		{Kind: casefile.EC2Instance, ID: "i-0abc1234", Region: "region"},
		{Kind: casefile.S3Bucket, ID: "ledger-a", ARN: "arn:aws:s3:::other"},
		{Kind: casefile.IAMRole, ID: "web", Account: "111122223333", ARN: "arn:aws:iam::999988887777:role/web"},
		{Kind: casefile.IAMUser},
	} {
		if CheckID(s) == nil {
			t.Errorf("%+v passed", s)
		}
	}
}

func FuzzParseResource(f *testing.F) {
	f.Add("ec2:i-0abc1234")
	f.Add("arn:aws:ecs:eu-west-1:111122223333:task/pay/0f9de17a6465404e8b1b2356dc13c2f8")
	f.Fuzz(func(t *testing.T, s string) {
		sub, err := ParseResource(s)
		if err != nil {
			return
		}
		if !IsResource(s) || !strings.Contains(s, sub.ID) || CheckID(sub) != nil {
			t.Errorf("%q became %+v", s, sub)
		}
	})
}
