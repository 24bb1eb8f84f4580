package deploy_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cordon/internal/deploy"
	"cordon/internal/playbook"
)

const peersFolder = "../../.ci/iam"

// peer runs a script of .ci/iam over v, written as a file.
func peer(t *testing.T, script string, v any) {
	t.Helper()
	requirePeers(t)
	out, err := runPeer(t, script, v)
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	t.Logf("%s: %s", script, out)
}

func runPeer(t *testing.T, script string, v any) ([]byte, error) {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "input.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script, file)
	cmd.Dir = peersFolder
	return cmd.CombinedOutput()
}

func requirePeers(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(peersFolder, "node_modules", "@cloud-copilot", "iam-simulate"))
	}
	switch {
	case err == nil:
	case os.Getenv("CORDON_REQUIRE_PEERS") == "1":
		t.Fatalf("CORDON_REQUIRE_PEERS=1, and the IAM evaluators cannot run: %v", err)
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		t.Skip("skipped: the suite of IAM evaluators needs node and `npm ci` in .ci/iam")
	default:
		t.Fatal(err)
	}
}

// TestActionsExist holds every generated action and resource against an independent copy of AWS's reference.
func TestActionsExist(t *testing.T) {
	for _, p := range playbook.All {
		names, err := deploy.Actions(p)
		if err != nil {
			t.Fatal(err)
		}
		peer(t, "check-actions.mjs", names)
		for _, side := range deploy.Sides {
			if !deploy.HasSide(p, side) {
				continue
			}
			docs, err := deploy.Policy(p, deploy.PolicyOptions{Release: true, CaseBucket: "cases/prefix", CaseLock: true, Side: side})
			if err != nil {
				t.Fatal(err)
			}
			peer(t, "check-actions.mjs", docs)
		}
	}
}

// TestActionCheckObjects: the check of actions and resources does not nod everything through.
func TestActionCheckObjects(t *testing.T) {
	requirePeers(t)
	statement := func(action, resource string) any {
		return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Sid": "X", "Effect": "Allow", "Action": action, "Resource": resource}}}
	}
	const own = "arn:aws:iam::111122223333:"
	for _, good := range []any{statement("iam:CreatePolicy", own+"policy/cordon-*"), statement("iam:CreatePolicy", own+"policy/cordon/*")} {
		if out, err := runPeer(t, "check-actions.mjs", good); err != nil {
			t.Errorf("refused: %v\n%s", err, out)
		}
	}
	for _, bad := range []any{
		statement("iam:CreatePolicies", own+"policy/*"), statement("iam:CreatePolicy", own+"policies/*"), statement("iam:CreatePolicy", own+"pol*"),
		statement("iam:CreatePolicy", own+"role/policy/*"), statement("iam:CreatePolicy", "arn:aws:ec2::111122223333:policy/*"), []string{"iam:GetNothing"}, []string{},
	} {
		if out, err := runPeer(t, "check-actions.mjs", bad); err == nil {
			t.Errorf("%v passes\n%s", bad, out)
		}
	}
}
