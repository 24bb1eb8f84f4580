package action

import (
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// A root user whose password cannot be deleted keeps its MFA: without it, whoever knows the password would get in.
func TestRootKeepsItsMFAAsLongAsItsPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := trial{setup: rooted}.stage(t, 0)
		s.world.SetHook(func(c awssim.Call) awssim.Fault {
			if c.Operation == "DeleteLoginProfile" {
				return awssim.Fault{Before: awssim.AccessDenied(c.Operation)}
			}
			return awssim.Fault{}
		})
		ctx, at := Allow(t.Context(), DeleteRootCredentials.Reads, DeleteRootCredentials.Writes, nil), Target{Target: casefile.Target{Kind: casefile.AWSAccount, ID: "111122223333"}}
		now, err := DeleteRootCredentials.Observe(ctx, s.conn, at)
		if err != nil {
			t.Fatal(err)
		}
		if err := DeleteRootCredentials.Apply(ctx, s.conn, at, now); err == nil {
			t.Error("no error")
		}
		s.world.Do(func(a *awssim.Account) {
			if r := a.IAM.Root; !r.MFA || !r.Password || len(r.Keys) > 0 || len(r.Certificates) > 0 {
				t.Errorf("the root user has %+v", r)
			}
		})
	})
}
