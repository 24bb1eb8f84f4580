package action

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/awssim"
)

// IAM counts all changes together. Whatever they are, and from whichever region's client they come, cordon keeps within
// that count, so that none is refused, and loses little of it.
func TestChangesOfIAMShareOneRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Options{Rates: true})
		aUser(w)
		cfg := aws.Config{Region: simWorld}
		w.Attach(&cfg, "arn:aws:sts::111122223333:assumed-role/responder/ann")
		c := Connect(cfg)
		ctx := Allow(t.Context(), nil, Ops{op((*iam.Client).UpdateAccessKey), op((*iam.Client).PutUserPolicy)}, nil)
		began := time.Now()
		const each = 75
		for range each {
			_, err := c.IAM.UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: aws.String("alice"), AccessKeyId: aws.String("AKIAALICEEXAMPLE0001"), Status: iamtypes.StatusTypeInactive})
			if err != nil {
				t.Fatal(err)
			}
			if err := putUserPolicy(ctx, c.In("us-east-1"), "alice", "deny", DenyAllPolicy()); err != nil {
				t.Fatal(err)
			}
		}
		took := time.Since(began)
		if n := len(w.Calls()); n != 2*each {
			t.Errorf("%d changes took %d calls", 2*each, n)
		}
		if bound := time.Duration(2*each-30) * time.Second / 15; took < bound || took > bound*115/100 {
			t.Errorf("%d changes took %s, by the rate alone %s", 2*each, took, bound)
		}
	})
}

// A unit's policies are read one by one, of which AWS takes two a second: none is refused.
func TestOrganizationsIsAskedWithinItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := awssim.New(awssim.Options{Rates: true})
		inOrganization(w)
		cfg := aws.Config{Region: simWorld}
		w.Attach(&cfg, "arn:aws:sts::"+managing+":assumed-role/responder/ann")
		c := Connect(cfg)
		ctx := Allow(t.Context(), Ops{op((*organizations.Client).DescribePolicy), op((*organizations.Client).ListRoots)}, nil, nil)
		const n = 20
		for range n {
			if _, err := c.Organizations.DescribePolicy(ctx, &organizations.DescribePolicyInput{PolicyId: aws.String("p-FullAWSAccess")}); err != nil {
				t.Fatal(err)
			}
			if _, err := Roots(ctx, c); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(w.Calls()); got != 3*n {
			t.Errorf("%d questions took %d calls", 3*n, got)
		}
	})
}
