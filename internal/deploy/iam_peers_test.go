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

// TestPolicyHolds: what the generated policy's conditions admit and what they do not.
func TestPolicyHolds(t *testing.T) {
	p, ok := playbook.For("ec2")
	if !ok {
		t.Fatal("there is no playbook ec2")
	}
	attached := func(o deploy.PolicyOptions) []any {
		o.Account, o.CaseBucket, o.CaseLock = account, "cases/ir", true
		docs, err := deploy.Policy(p, o)
		if err != nil {
			t.Fatal(err)
		}
		var all []any
		for _, d := range docs {
			all = append(all, d)
		}
		return all
	}
	contain, release := attached(deploy.PolicyOptions{}), attached(deploy.PolicyOptions{Release: true})
	const (
		ec2      = "arn:aws:ec2:eu-west-1:"
		group    = ec2 + account + ":security-group/sg-0123456789abcdef0"
		snapshot = ec2 + ":snapshot/snap-0123456789abcdef0"
		role     = "arn:aws:iam::" + account + ":role/web"
		startEnd = ec2 + account + ":instance/"
	)
	asked, has := map[string]string{"aws:RequestTag/cordon:case": "c-1"}, map[string]string{"aws:ResourceTag/cordon:case": "c-1"}
	var cases []judged
	add := func(name string, policies []any, call, resource string, context map[string]string, allowed bool) {
		cases = append(cases, judged{
			Name: name, Principal: "arn:aws:sts::" + account + ":assumed-role/responder/alice", Account: account,
			Policies: policies, Action: call, Resource: resource, Context: context, Allowed: allowed,
		})
	}
	add("looks", contain, "ec2:DescribeInstances", "*", nil, true)
	add("snapshots, tagged", contain, "ec2:CreateSnapshots", snapshot, asked, true)
	add("snapshots, untagged", contain, "ec2:CreateSnapshots", snapshot, nil, false)
	add("tags a snapshot as it makes it", contain, "ec2:CreateTags", snapshot, map[string]string{"ec2:CreateAction": "CreateSnapshots"}, true)
	add("tags one volume's snapshot as it makes it", contain, "ec2:CreateTags", snapshot, map[string]string{"ec2:CreateAction": "CreateSnapshot"}, true)
	add("tags somebody's snapshot", contain, "ec2:CreateTags", snapshot, nil, false)
	add("tags somebody's group", release, "ec2:CreateTags", group, nil, false)
	add("locks its own snapshot", contain, "ec2:LockSnapshot", snapshot, has, true)
	add("locks somebody's snapshot", contain, "ec2:LockSnapshot", snapshot, nil, false)
	add("deletes a snapshot", release, "ec2:DeleteSnapshot", snapshot, has, false)
	add("unlocks a snapshot", release, "ec2:UnlockSnapshot", snapshot, has, false)
	add("empties its own group", contain, "ec2:RevokeSecurityGroupEgress", group, has, true)
	add("empties somebody's group", contain, "ec2:RevokeSecurityGroupEgress", group, nil, false)
	add("terminates", release, "ec2:TerminateInstances", startEnd+suspect, nil, false)
	add("stops", contain, "ec2:StopInstances", startEnd+suspect, nil, true)
	add("starts without release", contain, "ec2:StartInstances", startEnd+suspect, nil, false)
	add("starts", release, "ec2:StartInstances", startEnd+suspect, nil, true)
	add("deletes its group without release", contain, "ec2:DeleteSecurityGroup", group, has, false)
	add("deletes its group", release, "ec2:DeleteSecurityGroup", group, has, true)
	add("deletes somebody's group", release, "ec2:DeleteSecurityGroup", group, nil, false)
	add("lifts a deny without release", contain, "iam:DeleteRolePolicy", role, nil, false)
	add("lifts a deny", release, "iam:DeleteRolePolicy", role, nil, true)
	add("passes a role to EC2", release, "iam:PassRole", role, map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}, true)
	add("passes a role to Lambda", release, "iam:PassRole", role, map[string]string{"iam:PassedToService": "lambda.amazonaws.com"}, false)
	add("acts in another account", contain, "ec2:StopInstances", "arn:aws:ec2:eu-west-1:444455556666:instance/"+suspect, nil, false)
	add("writes its case", contain, "s3:PutObject", "arn:aws:s3:::cases/ir/c-1/journal/000001", nil, true)
	add("locks its case", contain, "s3:PutObjectRetention", "arn:aws:s3:::cases/ir/c-1/journal/000001", nil, true)
	add("writes elsewhere", contain, "s3:PutObject", "arn:aws:s3:::cases/other/x", nil, false)
	add("deletes its case", release, "s3:DeleteObject", "arn:aws:s3:::cases/ir/c-1/journal/000001", nil, false)
	add("lists its case", contain, "s3:ListBucket", "arn:aws:s3:::cases", map[string]string{"s3:prefix": "ir/c-1/journal/"}, true)
	add("lists the bucket", contain, "s3:ListBucket", "arn:aws:s3:::cases", nil, false)
	peer(t, "judge-denies.mjs", cases)
}
