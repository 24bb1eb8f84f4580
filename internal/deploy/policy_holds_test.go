package deploy_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"cordon/internal/awssim"
	"cordon/internal/deploy"
	"cordon/internal/drill"
	"cordon/internal/playbook"
)

// attached is the generated policies as they would be attached to a responder's role.
func attached(t *testing.T, p playbook.Playbook, o deploy.PolicyOptions) []any {
	t.Helper()
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

// holder gathers what a responder's policies admit, and what they do not.
type holder struct{ cases []judged }

func (h *holder) add(name string, policies []any, call, resource string, context map[string]string, allowed bool) {
	h.cases = append(h.cases, judged{
		Name: name, Principal: "arn:aws:sts::" + account + ":assumed-role/responder/alice", Account: account,
		Policies: policies, Action: call, Resource: resource, Context: context, Allowed: allowed,
	})
}

// TestPolicyHolds: what the generated policy's conditions admit and what they do not.
func TestPolicyHolds(t *testing.T) {
	contain, release := attached(t, playbook.EC2, deploy.PolicyOptions{}), attached(t, playbook.EC2, deploy.PolicyOptions{Release: true})
	const (
		ec2      = "arn:aws:ec2:eu-west-1:"
		group    = ec2 + account + ":security-group/sg-0123456789abcdef0"
		snapshot = ec2 + ":snapshot/snap-0123456789abcdef0"
		role     = "arn:aws:iam::" + account + ":role/web"
		startEnd = ec2 + account + ":instance/"
	)
	asked, has := map[string]string{"aws:RequestTag/cordon:case": "c-1"}, map[string]string{"aws:ResourceTag/cordon:case": "c-1"}
	h := &holder{}
	add := h.add
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
	peer(t, "judge-denies.mjs", h.cases)
}

// TestIdentityPoliciesHold: the same for what answers users and roles in the account.
func TestIdentityPoliciesHold(t *testing.T) {
	contain, release := attached(t, playbook.Credentials, deploy.PolicyOptions{}), attached(t, playbook.Credentials, deploy.PolicyOptions{Release: true})
	const user = "arn:aws:iam::" + account + ":user/ops/mallory"
	denyAll, admin := map[string]string{"iam:PolicyARN": "arn:aws:iam::aws:policy/AWSDenyAll"}, map[string]string{"iam:PolicyARN": "arn:aws:iam::aws:policy/AdministratorAccess"}
	h := &holder{}
	h.add("attaches AWS's deny", contain, "iam:AttachUserPolicy", user, denyAll, true)
	h.add("attaches an administrator's policy", release, "iam:AttachUserPolicy", user, admin, false)
	h.add("detaches AWS's deny without release", contain, "iam:DetachUserPolicy", user, denyAll, false)
	h.add("detaches AWS's deny", release, "iam:DetachUserPolicy", user, denyAll, true)
	h.add("detaches another", release, "iam:DetachUserPolicy", user, admin, false)
	h.add("switches a key", contain, "iam:UpdateAccessKey", user, nil, true)
	h.add("makes a key", release, "iam:CreateAccessKey", user, nil, false)
	h.add("deletes a key", release, "iam:DeleteAccessKey", user, nil, false)
	h.add("deletes a user", release, "iam:DeleteUser", user, nil, false)
	h.add("deletes a password", release, "iam:DeleteLoginProfile", user, nil, false)
	h.add("changes a user of another account", contain, "iam:PutUserPolicy", "arn:aws:iam::444455556666:user/x", nil, false)
	h.add("lifts a deny without release", contain, "iam:DeleteUserPolicy", user, nil, false)
	h.add("lifts a deny", release, "iam:DeleteUserPolicy", user, nil, true)
	for name, arn := range managedDenies(t, playbook.Credentials, "credentials-full-quota", playbook.Options{SessionsOnly: true}) {
		h.managed(name, contain, release, "User", user, arn)
	}
	contain, release = attached(t, playbook.Role, deploy.PolicyOptions{}), attached(t, playbook.Role, deploy.PolicyOptions{Release: true})
	for name, arn := range managedDenies(t, playbook.Role, "role-full-quota", playbook.Options{}) {
		h.managed(name, contain, release, "Role", "arn:aws:iam::"+account+":role/"+name, arn)
	}
	peer(t, "judge-denies.mjs", h.cases)
}

// managed asks for what it takes to make a managed policy, to put it on, and to take it off and away again.
func (h *holder) managed(name string, contain, release []any, kind, on, arn string) {
	it := map[string]string{"iam:PolicyARN": arn}
	h.add("makes the deny of "+name, contain, "iam:CreatePolicy", arn, nil, true)
	h.add("attaches the deny to "+name, contain, "iam:Attach"+kind+"Policy", on, it, true)
	h.add("detaches the deny from "+name, release, "iam:Detach"+kind+"Policy", on, it, true)
	h.add("deletes the deny of "+name, release, "iam:DeletePolicy", arn, nil, true)
	h.add("deletes the deny of "+name+" without release", contain, "iam:DeletePolicy", arn, nil, false)
}

// managedDenies are the policies that an answer makes and attaches, as they stand in the account: ARNs, by whom they are on.
func managedDenies(t *testing.T, book playbook.Playbook, scenario string, o playbook.Options) map[string]string {
	t.Helper()
	s, ok := drill.Find(scenario)
	if !ok {
		t.Fatalf("there is no drill %s", scenario)
	}
	made := map[string]string{}
	synctest.Test(t, func(t *testing.T) {
		r := drilled(t, s, book, 1, o)
		r.apply()
		r.World.Do(func(a *awssim.Account) {
			for name, u := range a.IAM.Users {
				for arn := range u.Attached {
					if strings.Contains(arn, "cordon") {
						made[name] = arn
					}
				}
			}
			for name, x := range a.IAM.Roles {
				for arn := range x.Attached {
					if strings.Contains(arn, "cordon") {
						made[name] = arn
					}
				}
			}
		})
	})
	if len(made) == 0 {
		t.Errorf("%s attaches no policy of cordon's own", scenario)
	}
	return made
}

// TestManagementPolicyHolds: what acts on the organisation can stop the one account by policies of cordon's own alone,
// and has no right inside any account.
func TestManagementPolicyHolds(t *testing.T) {
	contain := attached(t, playbook.Account, deploy.PolicyOptions{Side: deploy.Management})
	release := attached(t, playbook.Account, deploy.PolicyOptions{Side: deploy.Management, Release: true})
	role := attached(t, playbook.Role, deploy.PolicyOptions{Side: deploy.Management})
	const (
		org    = "arn:aws:organizations::999988887777:"
		policy = org + "policy/o-exampleorgid/service_control_policy/p-0123456789"
		whole  = org + "root/o-exampleorgid/r-exam"
		user   = "arn:aws:iam::" + account + ":user/ops/mallory"
		root   = "arn:aws:iam::" + account + ":root"
		tasks  = "arn:aws:iam::aws:policy/root-task/"
	)
	own, other := org+"account/o-exampleorgid/"+account, org+"account/o-exampleorgid/444455556666"
	asked, has := map[string]string{"aws:RequestTag/cordon:case": "c-1"}, map[string]string{"aws:ResourceTag/cordon:case": "c-1"}
	audit, remove := map[string]string{"sts:TaskPolicyArn": tasks + "IAMAuditRootUserCredentials"}, map[string]string{"sts:TaskPolicyArn": tasks + "IAMDeleteRootUserCredentials"}
	h := &holder{}
	h.add("makes its policy", contain, "organizations:CreatePolicy", policy, asked, true)
	h.add("makes an unmarked policy", contain, "organizations:CreatePolicy", policy, nil, false)
	h.add("attaches its policy", contain, "organizations:AttachPolicy", policy, has, true)
	h.add("attaches somebody's policy", contain, "organizations:AttachPolicy", policy, nil, false)
	h.add("attaches to the account", contain, "organizations:AttachPolicy", own, nil, true)
	h.add("attaches to another account", contain, "organizations:AttachPolicy", other, nil, false)
	h.add("attaches to the whole organisation", release, "organizations:AttachPolicy", whole, nil, false)
	h.add("attaches a user's deny to the whole organisation", role, "organizations:AttachPolicy", whole, nil, true)
	h.add("detaches somebody's policy", release, "organizations:DetachPolicy", policy, nil, false)
	h.add("detaches its policy without release", contain, "organizations:DetachPolicy", policy, has, false)
	h.add("detaches its policy", release, "organizations:DetachPolicy", policy, has, true)
	h.add("deletes its policy", release, "organizations:DeletePolicy", policy, has, true)
	h.add("deletes somebody's policy", release, "organizations:DeletePolicy", policy, nil, false)
	h.add("changes a policy", release, "organizations:UpdatePolicy", policy, has, false)
	h.add("moves the account", contain, "organizations:MoveAccount", own, nil, true)
	h.add("moves another account", contain, "organizations:MoveAccount", other, nil, false)
	h.add("closes the account", release, "organizations:CloseAccount", own, nil, false)
	h.add("looks at the root user", contain, "sts:AssumeRoot", root, audit, true)
	h.add("looks at another account's root user", contain, "sts:AssumeRoot", "arn:aws:iam::444455556666:root", audit, false)
	h.add("opens a bucket as root", release, "sts:AssumeRoot", root, map[string]string{"sts:TaskPolicyArn": tasks + "S3UnlockBucketPolicy"}, false)
	h.add("empties the root user, once agreed", contain, "sts:AssumeRoot", root, remove, true)
	h.add("deletes a user's key", release, "iam:DeleteAccessKey", user, nil, false)
	h.add("denies a user", release, "iam:PutUserPolicy", user, nil, false)
	h.add("writes a case", release, "s3:PutObject", "arn:aws:s3:::cases/ir/c-1/journal/000001", nil, false)
	peer(t, "judge-denies.mjs", h.cases)
}
