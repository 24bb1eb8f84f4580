package trail

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// revoking are the calls that may end what the intruder has, and what it must have for them to matter. Anybody may have
// made them: the intruder cleaning up, or those who came before us.
var revoking = map[string]string{
	"iam:DeleteAccessKey": "key", "iam:UpdateAccessKey": "key",
	"iam:DeleteUser": "user", "iam:DeleteLoginProfile": "user", "iam:PutUserPolicy": "user", "iam:AttachUserPolicy": "user",
	"iam:DeleteRole": "role", "iam:PutRolePolicy": "role", "iam:AttachRolePolicy": "role",
	"iam:DeleteSAMLProvider": "provider", "iam:DeleteOpenIDConnectProvider": "provider",
	"ec2:TerminateInstances": "instance", "lambda:DeleteFunction": "function",
	"s3:DeleteBucketPolicy": "exposure", "s3:PutBucketPolicy": "exposure", "s3:PutBucketAcl": "exposure", "s3:DeleteBucket": "exposure",
	"ec2:ModifySnapshotAttribute": "exposure", "ec2:ResetSnapshotAttribute": "exposure", "ec2:DeleteSnapshot": "exposure",
	"ec2:ModifyImageAttribute": "exposure", "ec2:ResetImageAttribute": "exposure", "ec2:DeregisterImage": "exposure",
	"rds:ModifyDBSnapshotAttribute": "exposure", "rds:ModifyDBClusterSnapshotAttribute": "exposure", "rds:DeleteDBSnapshot": "exposure", "rds:DeleteDBClusterSnapshot": "exposure",
	"ec2:RevokeSecurityGroupIngress": "exposure", "ec2:DeleteSecurityGroup": "exposure",
	"lambda:RemovePermission": "exposure", "kms:PutKeyPolicy": "exposure", "kms:RevokeGrant": "exposure", "kms:RetireGrant": "exposure",
	"secretsmanager:PutResourcePolicy": "exposure", "secretsmanager:DeleteResourcePolicy": "exposure", "ecr:SetRepositoryPolicy": "exposure",
	"ecr:DeleteRepositoryPolicy": "exposure", "sns:RemovePermission": "exposure", "sqs:RemovePermission": "exposure",
	"ram:DeleteResourceShare": "exposure", "ram:DisassociateResourceShare": "exposure",
}

// maxRevoking bounds how many such calls are read.
const maxRevoking = 5_000

// takenBack closes what a later call, of anybody, took back.
func (s *search) takenBack(ctx context.Context) error {
	has, from, accounts := s.holdings()
	kinds := s.kinds(func(k Kind) bool { return has[revoking[serviceName(k.Source)+":"+k.Name]] })
	places := &memo{ask: func(n uint32) bool { return accounts[s.c.Place(n).Account] }}
	var rows []int
	for i := range s.c.Len() {
		if r := s.c.Row(i); r.Time >= from && kinds.is(r.Kind) && places.is(r.Place) && r.Outcome() == Success {
			rows = append(rows, i)
		}
	}
	if len(rows) > maxRevoking {
		s.note("%d calls may have taken back what the intruder has; only the first %d were read, so that what is listed as live may be over", len(rows), maxRevoking)
		slices.SortFunc(rows, func(a, b int) int { return cmp.Or(cmp.Compare(s.c.Row(a).Time, s.c.Row(b).Time), cmp.Compare(a, b)) })
		rows = rows[:maxRevoking]
	}
	return s.c.Events(ctx, rows, func(_ int, e *Event) error {
		s.takeBack(e)
		return nil
	})
}

// holdings says what the intruder has that can be taken back, since when, and in which accounts.
func (s *search) holdings() (has map[string]bool, from uint32, accounts map[string]bool) {
	has, from, accounts = map[string]bool{}, forever, map[string]bool{}
	for _, n := range s.nodes {
		if n.followed() == nil {
			continue
		}
		from = min(from, n.begins())
		accounts[n.Account] = true
		switch {
		case strings.HasPrefix(n.AccessKey, "AKIA"):
			has["key"], has["user"] = true, true
		case n.Kind == "iam-user" || n.Kind == "console" || n.Kind == "federated-user":
			has["user"], has["role"] = true, true
		case n.Kind == "identity-provider":
			has["provider"] = true
		case n.Kind == "instance" || n.Kind == "function":
			has[n.Kind] = true
		default:
			has["user"], has["role"] = true, true
		}
	}
	for _, x := range s.found.open {
		has["exposure"], accounts[x.Account] = true, true
	}
	return has, from, accounts
}

func (s *search) takeBack(e *Event) {
	switch e.ServiceName() + ":" + e.Name {
	case "iam:DeleteAccessKey":
		s.end(e, func(n *node) bool { return n.AccessKey == e.str("request.accessKeyId") })
	case "iam:UpdateAccessKey":
		if e.str("request.status") == "Active" {
			s.revive(e)
			return
		}
		s.end(e, func(n *node) bool { return n.AccessKey == e.str("request.accessKeyId") })
	case "iam:DeleteUser":
		s.end(e, func(n *node) bool { return s.isUser(n, e) })
	case "iam:DeleteLoginProfile":
		s.end(e, func(n *node) bool { return n.Kind == "iam-user" && n.best().rule == "login-profile" && s.isUser(n, e) })
	case "iam:DeleteRole":
		s.end(e, func(n *node) bool { return s.isRole(n, e) })
	case "iam:PutUserPolicy", "iam:AttachUserPolicy":
		s.denied(e, func(n *node) bool { return s.isUser(n, e) })
	case "iam:PutRolePolicy", "iam:AttachRolePolicy":
		s.denied(e, func(n *node) bool { return n.Kind != "iam-role" && s.isRole(n, e) })
	case "iam:DeleteSAMLProvider", "iam:DeleteOpenIDConnectProvider":
		arn := e.str("request.sAMLProviderArn|request.openIDConnectProviderArn")
		s.end(e, func(n *node) bool { return arn != "" && n.Kind == "identity-provider" && n.ARN == arn })
	case "ec2:TerminateInstances":
		gone := e.all("request.instancesSet.items[].instanceId")
		s.end(e, func(n *node) bool { return n.Kind == "instance" && slices.Contains(gone, lastPart(n.ID)) })
	case "lambda:DeleteFunction":
		name := functionName(e.str("request.functionName"))
		s.end(e, func(n *node) bool { return n.Kind == "function" && functionName(n.ID) == name })
	default:
		s.unshared(e)
	}
}

// end closes the nodes that the call took back.
func (s *search) end(e *Event, is func(*node) bool) {
	at := seconds(e.Time, 0)
	for _, n := range s.nodes {
		if n.followed() != nil && at >= n.begins() && (n.Account == "" || n.Account == e.Recipient) && is(n) {
			n.ended, n.endedBy = at, e.ID
		}
	}
}

// revive opens a key that was made active again.
func (s *search) revive(e *Event) {
	for _, n := range s.nodes {
		if n.AccessKey != "" && n.AccessKey == e.str("request.accessKeyId") {
			n.ended, n.endedBy = 0, ""
		}
	}
}

func (s *search) isUser(n *node, e *Event) bool {
	name := e.str("request.userName")
	_, user, ok := strings.Cut(n.ARN, ":user/")
	return ok && name != "" && lastPart(user) == name && !strings.Contains(n.ARN, ":sts:")
}

func (s *search) isRole(n *node, e *Event) bool {
	name := e.str("request.roleName")
	id := Identity{Type: "Role", ARN: n.ARN}
	return name != "" && roleNameOf(&id) == name
}

// denied closes the sessions that a policy denies everything: all, or those issued before a moment
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html).
func (s *search) denied(e *Event, is func(*node) bool) {
	before, ok := deniesAll(e)
	if !ok {
		return
	}
	s.end(e, func(n *node) bool {
		if !is(n) || n.Kind == "iam-user" || n.Kind == "iam-role" {
			return false
		}
		begun := n.begins()
		if n.group >= 0 {
			if t, ok := s.g.created(n.group); ok {
				begun = t
			}
		}
		return before == forever || n.Kind != "access-key" && begun < before
	})
}

// deniesAll says that a policy put on a user or role denies everything, to sessions issued before a moment or to all.
func deniesAll(e *Event) (before uint32, ok bool) {
	if arn := e.str("request.policyArn"); arn != "" {
		return forever, strings.HasSuffix(arn, ":aws:policy/AWSDenyAll")
	}
	for _, st := range statementsOf(document(e.value("request.policyDocument"))) {
		if st["Effect"] != "Deny" || !slices.Contains(texts(st["Action"]), "*") || !slices.Contains(texts(st["Resource"]), "*") {
			continue
		}
		when, conditional := st["Condition"].(map[string]any)
		if !conditional || len(when) == 0 {
			return forever, true
		}
		less, _ := when["DateLessThan"].(map[string]any)
		for name, v := range less {
			if t := texts(v); len(when) == 1 && len(less) == 1 && strings.EqualFold(name, "aws:TokenIssueTime") && len(t) == 1 {
				if at, err := time.Parse(time.RFC3339, t[0]); err == nil {
					return seconds(at, 0), true
				}
			}
		}
	}
	return 0, false
}

// statementsOf gives the statements of a policy.
func statementsOf(policy map[string]any) []map[string]any {
	list, _ := policy["Statement"].([]any)
	if one, ok := policy["Statement"].(map[string]any); ok {
		list = []any{one}
	}
	var out []map[string]any
	for _, st := range list {
		if m, ok := st.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// texts gives a text, or a list of them.
func texts(v any) []string {
	var out []string
	collect(v, nil, func(v any) { out = append(out, text(v)) })
	return out
}

// unshared closes the exposures that the call took back: it deleted the resource or its policy, put another policy in
// its place, or took the grantee off the list.
func (s *search) unshared(e *Event) {
	fx := EffectsOf(e)
	for _, key := range slices.Sorted(maps.Keys(s.found.open)) {
		x := s.found.open[key]
		if x.Since >= stamped(e.Time) && slices.Contains(x.Evidence, e.ID) || stamped(e.Time) < x.Since || x.Account != e.Recipient || !touches(e, &fx, x.Resource) {
			continue
		}
		still := slices.ContainsFunc(fx.Exposures, func(o Exposure) bool { return o.Grantee == x.Grantee && o.Kind == x.Kind })
		switch {
		case still:
			x.RevokedAt = ""
		case strings.HasPrefix(e.Name, "Modify"):
			if takesOff(e, x.Grantee) {
				x.RevokedAt = stamped(e.Time)
			}
		case e.Name == "PutBucketPolicy" && x.Kind != "bucket-policy", e.Name == "DeleteBucketPolicy" && x.Kind != "bucket-policy", e.Name == "PutBucketAcl" && x.Kind != "bucket-acl":
		case e.Name == "RevokeSecurityGroupIngress":
			if slices.Contains(e.all("request.ipPermissions.items[].ipRanges.items[].cidrIp"), x.Grantee) || slices.Contains(e.all("request.ipPermissions.items[].ipv6Ranges.items[].cidrIpv6"), x.Grantee) || e.str("request.cidrIp") == x.Grantee {
				x.RevokedAt = stamped(e.Time)
			}
		case strings.HasSuffix(e.Name, "RemovePermission"), strings.HasSuffix(e.Name, "Grant"), e.Name == "DisassociateResourceShare":
			// They name a statement or a grant by an id of its own: which exposure that was, the log does not say.
		default:
			x.RevokedAt = stamped(e.Time)
		}
	}
}

// touches says that the call is about the resource.
func touches(e *Event, fx *Effects, resource string) bool {
	if slices.ContainsFunc(fx.Touches, func(t Touch) bool { return t.ID == resource || lastPart(t.ID) == lastPart(resource) }) {
		return true
	}
	for _, path := range []string{"request.bucketName", "request.snapshotId", "request.imageId", "request.keyId", "request.secretId", "request.groupId",
		"request.repositoryName", "request.dBSnapshotIdentifier", "request.dBClusterSnapshotIdentifier", "request.resourceShareArn"} {
		if e.str(path) == resource {
			return true
		}
	}
	return false
}

// takesOff says that a call took a grantee off a list of who may use an image or a snapshot.
func takesOff(e *Event, grantee string) bool {
	for _, items := range []string{"request.createVolumePermission.remove.items[]", "request.launchPermission.remove.items[]"} {
		if slices.Contains(e.all(items+".userId"), grantee) || grantee == "*" && slices.Contains(e.all(items+".group"), "all") {
			return true
		}
	}
	off := e.all("request.valuesToRemove[]")
	return slices.Contains(off, grantee) || grantee == "*" && slices.Contains(off, "all")
}
