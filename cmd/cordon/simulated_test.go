package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/awssim"
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
