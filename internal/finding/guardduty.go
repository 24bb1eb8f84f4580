package finding

import (
	"regexp"
	"strings"

	"cordon/internal/casefile"
)

// fromGuardDuty notes what a GuardDuty finding names.
func fromGuardDuty(n *node, env envelope) *facts {
	f := newFacts(env)
	ref := &f.in.Finding
	ref.ID, ref.Type, ref.Title = n.first("id", "finding_id"), n.str("type"), n.str("title")
	ref.Severity = number(n.str("severity"))
	ref.Archived = n.is("service", "archived")
	f.account = ownAccount(n)
	f.region = n.str("region")
	if f.region == "" {
		f.region = env.region // an event stays in its region
	}
	ref.Account, ref.Region = f.account, f.region
	if ref.Account == "" {
		ref.Account = env.account
	} else if env.account != "" && env.account != ref.Account {
		f.note("the event came through account %q; the finding is about account %q", env.account, ref.Account)
	}
	f.in.Start = timeText(n.at("service").first("eventFirstSeen"))
	f.in.End = timeText(n.at("service").first("eventLastSeen"))
	if f.in.Start == "" {
		f.in.Start = timeText(n.str("createdAt"))
	}
	if f.in.End == "" {
		f.in.End = timeText(n.str("updatedAt"))
	}
	f.service(n.at("service"))
	f.resource(n.at("resource"))
	if strings.HasPrefix(ref.Type, "AttackSequence:") {
		f.resourceType = "AttackSequence"
	}
	f.sequence(n.at("service", "detection", "sequence"))
	return f
}

// ownAccount is the finding's account. Written as a number it has lost its leading zeros: they are put back
// only where the finding's own ARN shows the same account with them.
func ownAccount(n *node) string {
	v := n.at("accountId")
	if v == nil {
		return ""
	}
	if a, ok := splitARN(n.str("arn")); ok && v.kind == '0' && len(a.account) == 12 && strings.TrimLeft(a.account, "0") == v.text {
		return a.account
	}
	return v.text
}

// service notes what happened: who, from where, and whether it is a sample.
func (f *facts) service(s *node) {
	f.remotes(s)
	f.api = s.str("action", "awsApiCallAction", "serviceName")
	f.remoteAccount = s.str("action", "awsApiCallAction", "remoteAccountDetails", "accountId")
	f.sample = s.is("additionalInfo", "sample")
	if inner, err := parse([]byte(s.str("additionalInfo", "value"))); err == nil && inner.is("sample") {
		f.sample = true
	}
	if c := s.at("runtimeDetails", "context"); strings.HasSuffix(c.str("socketPath"), "docker.sock") || c.str("releaseAgentPath") != "" {
		f.escapes = append(f.escapes, "it reached for the host's container runtime or cgroup")
	}
}

// resource notes the ids under a finding's resource.
func (f *facts) resource(r *node) {
	f.resourceType = r.str("resourceType")
	f.instance(r.at("instanceDetails"))
	for _, b := range r.list("s3BucketDetails") {
		arn := b.str("arn")
		name := b.str("name")
		if name == "" {
			name = lastPart(arn, ":")
		}
		f.add(buckets, casefile.S3Bucket, name, arn)
		for _, o := range b.list("s3ObjectDetails") {
			f.add(buckets, casefile.S3Object, o.str("key"), o.str("objectArn"))
			f.hash(o.str("hash"))
		}
	}
	if c := r.at("ecsClusterDetails"); c != nil {
		f.named2(ecs, casefile.ECSCluster, c.str("name"), c.str("arn"))
		f.add(ecs, casefile.ECSTask, c.str("taskDetails", "arn"), c.str("taskDetails", "arn"))
		f.containerSigns(c.at("taskDetails"))
	}
	if c := r.at("containerDetails"); c != nil {
		f.add(containers, casefile.Container, c.str("id"), "")
		f.containerSigns(c)
	}
	if k := r.at("kubernetesDetails", "kubernetesWorkloadDetails"); k != nil {
		f.containerSigns(k)
	}
	for _, v := range r.list("ebsVolumeDetails", "scannedVolumeDetails") {
		f.add(volumes, casefile.Volume, lastPart(v.str("volumeArn"), "/"), v.str("volumeArn"))
	}
	f.database(r)
	f.named2(eks, casefile.EKSCluster, r.str("eksClusterDetails", "name"), r.str("eksClusterDetails", "arn"))
	f.named2(functions, casefile.Lambda, r.str("lambdaDetails", "functionName"), r.str("lambdaDetails", "functionArn"))
	f.role(r.str("lambdaDetails", "role"))
	for _, arn := range []string{
		r.str("ebsSnapshotDetails", "snapshotArn"), r.str("ec2ImageDetails", "imageArn"), r.str("recoveryPointDetails", "recoveryPointArn"),
	} {
		f.add(backups, backup, arn, arn)
		if arn != "" {
			f.note("a tainted backup: do not restore from it")
		}
	}
	f.keyDetails(r.at("accessKeyDetails"))
}

// named2 adds a thing by its name, or by the end of its ARN where the name is missing.
func (f *facts) named2(g group, k casefile.Kind, name, arn string) {
	if name == "" {
		name = lastPart(lastPart(arn, ":"), "/")
	}
	f.add(g, k, name, arn)
}

// role adds a role by its ARN or its name.
func (f *facts) role(s string) {
	if a, ok := splitARN(s); ok && strings.HasPrefix(a.resource, "role/") {
		f.add(roles, casefile.IAMRole, lastPart(a.resource, "/"), s)
		return
	}
	f.add(roles, casefile.IAMRole, s, "")
}

// keyDetails notes the caller. Only a call on a bucket may come from another account's principal: an
// AccessKey finding is about the account's own, wherever its key was used from.
func (f *facts) keyDetails(k *node) {
	if k == nil {
		return
	}
	f.addCaller(caller{name: k.str("userName"), userType: k.str("userType"), principalID: k.str("principalId"), key: k.str("accessKeyId")})
}

// zone is an availability zone's name; the region is its first part. Local zones have a place in between.
var zone = regexp.MustCompile(`^([a-z]{2,4}(?:-[a-z]+){1,2}-\d{1,2})(?:[a-z]|-[a-z]+-\d+[a-z])$`)

// instance adds an instance where it stands: stolen credentials may be used, and found out, in another region.
func (f *facts) instance(i *node) {
	region := f.region
	if m := zone.FindStringSubmatch(i.str("availabilityZone")); m != nil {
		region = m[1]
	}
	f.addIn(instances, casefile.EC2Instance, i.str("instanceId"), "", f.account, region)
}

func (f *facts) database(r *node) {
	d := r.at("rdsDbInstanceDetails")
	f.add(databases, casefile.RDSInstance, d.str("dbInstanceIdentifier"), d.str("dbInstanceArn"))
	f.add(databases, casefile.RDSCluster, d.str("dbClusterIdentifier"), "")
	l := r.at("rdsLimitlessDbDetails")
	f.add(databases, casefile.RDSCluster, l.str("dbClusterIdentifier"), "")
	f.add(databases, shardGroup, l.str("dbShardGroupIdentifier"), l.str("dbShardGroupArn"))
	u := r.at("rdsDbUserDetails")
	f.add(databases, casefile.DBUser, u.str("user"), "")
	f.add(databases, casefile.Database, u.str("database"), "")
}

// containerSigns notes what lets a container's process reach its host.
func (f *facts) containerSigns(c *node) {
	privileged := func(s *node) {
		if s.is("privileged") {
			f.escapes = append(f.escapes, "it runs privileged")
		}
	}
	c.objects("securitycontext", privileged)
	for _, name := range []string{"hostPID", "hostIPC", "hostNetwork"} {
		if c.is(name) {
			f.escapes = append(f.escapes, "it shares the host's namespaces")
		}
	}
	c.objects("hostpath", func(h *node) {
		if h.str("path") != "" {
			f.escapes = append(f.escapes, "it mounts a directory of the host")
		}
	})
	c.walk(func(name, text string) {
		if name == "mountpath" && (strings.HasSuffix(text, "docker.sock") || strings.HasSuffix(text, "containerd.sock")) {
			f.escapes = append(f.escapes, "it mounts the socket of the container runtime")
		}
	})
}

// sequence notes the actors, resources and endpoints of an attack sequence.
func (f *facts) sequence(s *node) {
	for _, r := range s.list("resources") {
		f.sequenceResource(r)
	}
	for _, a := range s.list("actors") {
		f.hash(a.str("process", "sha256"))
		u := a.at("user")
		c := caller{name: u.str("name"), userType: u.str("type"), principalID: u.str("uid"), key: u.str("credentialUid"), account: u.str("account", "uid")}
		if c.name == "" {
			c.name = lastPart(a.str("session", "issuer"), "/")
		}
		if u != nil {
			f.addCaller(c)
		}
	}
	for _, e := range s.list("endpoints") {
		f.address(e.str("ip"))
		f.domain(e.str("domain"))
		f.port(e.str("port"))
		f.place(e.str("location", "country"), e.str("autonomousSystem", "name"))
	}
}

func (f *facts) sequenceResource(r *node) {
	uid, name := r.str("uid"), r.str("name")
	acct, region := r.str("accountId"), r.str("region")
	if acct == "" {
		acct = f.account
	}
	if region == "" {
		region = f.region
	}
	short := lastPart(lastPart(uid, ":"), "/")
	switch fold(r.str("resourceType")) {
	case "ec2_instance":
		f.addIn(instances, casefile.EC2Instance, short, uid, acct, region)
	case "s3_bucket":
		f.addIn(buckets, casefile.S3Bucket, short, uid, acct, region)
	case "s3_object":
		f.addIn(buckets, casefile.S3Object, name, uid, acct, region)
	case "ecs_cluster":
		f.addIn(ecs, casefile.ECSCluster, short, uid, acct, region)
	case "ecs_task":
		f.addIn(ecs, casefile.ECSTask, uid, uid, acct, region)
	case "container":
		f.addIn(containers, casefile.Container, uid, "", acct, region)
	case "eks_cluster":
		f.addIn(eks, casefile.EKSCluster, short, uid, acct, region)
	case "access_key":
		k := r.at("data", "accessKey")
		f.addCaller(caller{name: k.str("userName"), userType: k.str("userType"), principalID: k.str("principalId"), key: short, account: acct})
	}
}

// fromScan notes what a malware scan of an object says: an event of its own, not a finding.
// https://docs.aws.amazon.com/guardduty/latest/ug/monitor-with-eventbridge-s3-malware-protection.html
func fromScan(n *node, env envelope) *facts {
	f := newFacts(env)
	f.account, f.region = env.account, env.region
	f.in.Finding.Account, f.in.Finding.Region = env.account, env.region
	f.resourceType = "S3Object"
	f.add(buckets, casefile.S3Bucket, n.str("s3ObjectDetails", "bucketName"), "")
	f.add(buckets, casefile.S3Object, n.str("s3ObjectDetails", "objectKey"), "")
	f.note("not a finding: the result of a malware scan of one object")
	if status := n.str("scanResultDetails", "scanResultStatus"); status != "THREATS_FOUND" {
		f.unproved = true
		f.note("the scan found no threat (%q): no playbook", status)
	}
	return f
}
