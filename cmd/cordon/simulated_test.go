package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
	"cordon/internal/casefile"
)

// told is what a command line said, and how it ended.
type told struct {
	out, err string
	status   int
}

// cordonAs runs a whole command line as a caller in a simulated account, and as a second one in its organisation's
// management account, where there is one.
func cordonAs(t *testing.T, w *awssim.World, caller, management string, args ...string) told {
	t.Helper()
	connect := func(arn string) *action.AWS {
		cfg := aws.Config{Region: "eu-west-1"}
		w.Attach(&cfg, arn)
		c := action.Connect(cfg)
		if err := c.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var out, errs bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errs}
	a.conn.sim = connect(caller)
	if management != "" {
		a.conn.sim.Management = connect(management)
	}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&errs)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		errs.WriteString("cordon: " + lines(err) + "\n")
	}
	return told{out.String(), errs.String(), status(err)}
}

// responder is who answers in the tests.
const responder = "arn:aws:sts::111122223333:assumed-role/responder/alice"

func TestTryByHand(t *testing.T) {
	w := awssim.New(awssim.Options{})
	w.AddUser(awssim.User{Name: "alice", Keys: []awssim.UserKey{{ID: "AKIAALICEALICEALICE1", Active: true}}})
	w.AddRole(awssim.Role{Name: "web"})
	w.AddRole(awssim.Role{Name: "AWSServiceRoleForSupport", Path: "/aws-service-role/support.amazonaws.com/"})
	w.AddRole(awssim.Role{Name: "AWSReservedSSO_Admin_0123456789abcdef", Path: "/aws-reserved/sso.amazonaws.com/"})
	for _, arg := range []string{
		"access-key:AKIAALICEALICEALICE1", "access-key:AKIASTRANGERSTRANGE1", "access-key:ASIASESSIONSESSION01", "iam-user:alice", "iam-user:bob",
		"iam-role:web", "iam-role:nobody", "iam-role:AWSServiceRoleForSupport", "iam-role:AWSReservedSSO_Admin_0123456789abcdef",
		"arn:aws:iam::999988887777:role/web", "arn:aws:sts::111122223333:assumed-role/web/ann", "arn:aws:sts::111122223333:federated-user/ann", "account:111122223333", "account:999988887777",
		"arn:aws:iam::111122223333:root", "iam-user:a b", "s3:bucket", "iam-user:",
	} {
		r := cordonAs(t, w, responder, "", "plan", arg)
		t.Logf("\n$ cordon plan %s   -> %d\n%s%s", arg, r.status, r.out, r.err)
	}
	_ = casefile.IAMUser
}
