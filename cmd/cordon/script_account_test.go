package main

import (
	"bytes"
	"context"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"cordon/internal/awssim"
	"cordon/internal/casefile"
	"cordon/internal/drill"
)

// scriptAccount is the simulated account of one script. Its command lines run in this process, so that each finds the
// account as the one before left it; they take no path but a whole one.
type scriptAccount struct {
	drill  drill.Drill
	before map[string]any
}

// accountOf is the account of a script, which Setup made.
func accountOf(ts *testscript.TestScript) *scriptAccount { return ts.Value("account").(*scriptAccount) }

// buildAccount builds the account of a scenario, beside it a key of another account, and writes the scenario's finding:
// "account SCENARIO [alone]". Alone, nobody has credentials of the organisation's management account.
func buildAccount(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "alone" {
		ts.Fatalf("usage: account SCENARIO [alone]")
	}
	s, ok := drill.Find(args[0])
	if !ok {
		ts.Fatalf("there is no scenario %s", args[0])
	}
	a := accountOf(ts)
	a.drill = s.Build(drill.Options{Seed: 1, Speed: 20})
	if len(args) == 2 {
		a.drill.Management = ""
	}
	w := a.drill.World
	w.Do(func(x *awssim.Account) { x.IAM.KeysElsewhere["AKIAELSEWHERE0000001"] = "444455556666" })
	w.AllowDeletes(true)
	a.before = w.Dump()
	ts.Check(os.WriteFile(ts.MkAbs("finding.json"), a.drill.Finding, 0o600))
}

// simulate runs a command line in the script's account, which must end with the status given: "simulated 0 plan …".
func simulate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: simulated STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	own := []string{args[1], "--cases", ts.MkAbs("cases"), "--key-file", ts.MkAbs("key")}
	got, err := accountOf(ts).run(ts, append(own, args[2:]...))
	ts.Check(err)
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
	if v := accountOf(ts).drill.World.Violations(); len(v) > 0 {
		ts.Fatalf("the simulated account objects: %s", strings.Join(v, "; "))
	}
}

func (x *scriptAccount) run(ts *testscript.TestScript, args []string) (int, error) {
	a := &app{stdin: strings.NewReader(""), stdout: ts.Stdout(), stderr: ts.Stderr()}
	if err := a.reach(context.Background(), x.drill); err != nil {
		return 0, err
	}
	return a.run(context.Background(), args), nil
}

// hashOf puts a plan's hash into a variable: "hash NAME FILE".
func hashOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: hash NAME FILE")
	}
	ts.Setenv(args[0], casefile.HashBytes([]byte(ts.ReadFile(args[1]))))
}

// untouched holds that the account is as it was built; ! that it is not.
func untouched(ts *testscript.TestScript, neg bool, args []string) {
	x := accountOf(ts)
	after := x.drill.World.Dump()
	if same := reflect.DeepEqual(x.before, after); same == neg {
		var b bytes.Buffer
		(&rehearsal{app: &app{stdout: &b}}).compare(x.before, after)
		ts.Fatalf("untouched is %v:\n%s", same, b.String())
	}
}
