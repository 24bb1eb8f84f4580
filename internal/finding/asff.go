package finding

import (
	"maps"
	"slices"
	"strings"

	"cordon/internal/casefile"
)

// fromASFF notes what a finding in Security Hub's format names.
// https://docs.aws.amazon.com/securityhub/latest/userguide/securityhub-findings-format.html
func fromASFF(n *node, env envelope) *facts {
	f := newFacts(env)
	ref := &f.in.Finding
	guardDuty := strings.HasSuffix(n.str("productArn"), "/aws/guardduty")
	ref.ID, ref.Title = n.str("id"), n.str("title")
	if guardDuty {
		ref.ID = lastPart(ref.ID, "/")
	}
	ref.Type = asffType(n)
	for _, name := range []string{"product", "original"} {
		if v := n.str("severity", name); v != "" && ref.Severity == 0 {
			ref.Severity = number(v)
		}
	}
	if ref.Severity == 0 {
		ref.Severity = number(n.str("severity", "normalized")) / 10
	}
	f.account, f.region = n.str("awsAccountId"), n.str("region")
	if f.region == "" {
		f.region = env.region
	}
	ref.Account, ref.Region = f.account, f.region
	f.in.Start, f.in.End = timeText(n.str("firstObservedAt")), timeText(n.str("lastObservedAt"))

	service := productFields(n).at("service")
	f.service(service)
	f.remotes(n.at("action"))
	f.sample = f.sample || n.is("sample")
	ref.Archived = service.is("archived") || strings.EqualFold(n.str("recordState"), "ARCHIVED")
	for _, r := range n.list("resources") {
		f.asffResource(r)
	}
	if f.groups[databases] != nil {
		for _, l := range service.list("action", "rdsLoginAttemptAction", "loginAttributes") {
			f.add(databases, casefile.DBUser, l.str("user"), "")
		}
	}
	f.resourceType = f.asffResourceType()
	if !guardDuty {
		f.otherProduct(n)
	}
	return f
}

// otherProduct: findings of other products open what they name, except those that state a weakness and no
// compromise.
func (f *facts) otherProduct(n *node) {
	f.note("not a GuardDuty finding (product %q): check that what it names is compromised", n.str("productName"))
	f.unproved = n.object("compliance")
	types := n.list("types")
	weak := len(types) > 0
	for _, t := range types {
		weak = weak && (strings.HasPrefix(t.text, "Software and Configuration Checks") || strings.HasPrefix(t.text, "Sensitive Data Identifications"))
	}
	if f.unproved = f.unproved || weak; f.unproved {
		f.note("it states a weakness, not a compromise: no playbook")
	}
}

// asffType gives GuardDuty's own name of a finding's type. Security Hub puts a classification before it
// ("TTPs/Discovery/") and a hyphen or a dot where GuardDuty has its slash.
func asffType(n *node) string {
	for _, t := range n.list("types") {
		purpose, rest, ok := strings.Cut(t.text, ":")
		if !ok {
			continue
		}
		purpose = lastPart(purpose, "/")
		if i := strings.IndexFunc(rest, func(c rune) bool { return c == '-' || c == '.' || c == '/' }); i > 0 {
			rest = rest[:i] + "/" + rest[i+1:]
		}
		return purpose + ":" + rest
	}
	if l := n.list("types"); len(l) > 0 {
		return l[0].text
	}
	return ""
}

// productFields turns the flat fields aws/guardduty/service/… back into the nested ones of the finding. What
// contradicts itself there is left out: no subject ever comes from it.
func productFields(n *node) *node {
	root := &node{kind: '{', members: map[string]*node{}}
	pf := n.at("productFields")
	if pf == nil {
		return root
	}
	for _, name := range slices.Sorted(maps.Keys(pf.members)) { // in order: which of two contradicting fields counts must not vary
		v := pf.members[name]
		rest, ok := strings.CutPrefix(name, "aws/guardduty/")
		if !ok {
			continue
		}
		var path []string
		for _, part := range strings.Split(rest, "/") {
			// An element of a list is written name.0_
			if head, index, ok := strings.Cut(part, "."); ok && strings.HasSuffix(index, "_") {
				path = append(path, head, strings.TrimSuffix(index, "_"))
				continue
			}
			path = append(path, part)
		}
		if len(path) <= maxNesting {
			_ = root.put(path, v) // see above
		}
	}
	return root
}

func (f *facts) asffResource(r *node) {
	id := r.str("id")
	region := r.str("region")
	if region == "" {
		region = f.region
	}
	arn := ""
	if _, ok := splitARN(id); ok {
		arn = id
	}
	short := lastPart(lastPart(id, ":"), "/")
	d := r.at("details")
	add := func(g group, k casefile.Kind, id string) { f.addIn(g, k, id, arn, f.account, region) }
	switch t := fold(r.str("type")); t {
	case "awsec2instance":
		add(instances, casefile.EC2Instance, short)
	case "awss3bucket":
		add(buckets, casefile.S3Bucket, short)
	case "awss3object":
		if a, ok := splitARN(arn); ok {
			_, key, _ := strings.Cut(a.resource, "/")
			add(buckets, casefile.S3Object, key)
		}
	case "awsecscluster":
		add(ecs, casefile.ECSCluster, short)
	case "awsecstask":
		add(ecs, casefile.ECSTask, id)
	case "container":
		add(containers, casefile.Container, id)
		if d.is("container", "privileged") {
			f.escapes = append(f.escapes, "it runs privileged")
		}
	case "awsrdsdbinstance":
		add(databases, casefile.RDSInstance, lastPart(id, ":"))
		arn = ""
		add(databases, casefile.RDSCluster, d.str("awsRdsDbInstance", "dbClusterIdentifier"))
	case "awsrdsdbcluster":
		add(databases, casefile.RDSCluster, lastPart(id, ":"))
	case "awsekscluster":
		add(eks, casefile.EKSCluster, short)
	case "awslambdafunction":
		add(functions, casefile.Lambda, short)
		f.role(d.str("awsLambdaFunction", "role"))
	case "awsiamaccesskey":
		k := d.at("awsIamAccessKey")
		c := caller{name: k.first("principalName", "userName"), userType: k.str("principalType"), principalID: k.str("principalId"), key: lastPart(id, ":")}
		if c.name == "" {
			c.name = k.str("sessionContext", "sessionIssuer", "userName")
		}
		f.addCaller(c)
	case "awsiamrole", "awsiamuser":
		f.asffPrincipal(t, short, arn, region)
	}
}

// asffPrincipal: the ARN knows better than the resource's type whether it is a user.
func (f *facts) asffPrincipal(t, short, arn, region string) {
	a, ok := splitARN(arn)
	switch {
	case !ok:
	case strings.HasPrefix(a.resource, "user/"), t == "awsiamuser" && !strings.HasPrefix(a.resource, "role/"):
		f.addIn(users, casefile.IAMUser, short, arn, f.account, region)
	default:
		f.addIn(roles, casefile.IAMRole, short, arn, f.account, region)
	}
}

// asffResourceType is the resource type that GuardDuty gives its finding, which Security Hub leaves out: by
// the type's family, and where that says nothing by the most telling of the resources.
func (f *facts) asffResourceType() string {
	if strings.HasPrefix(f.in.Finding.Type, "AttackSequence:") {
		return "AttackSequence"
	}
	family := f.family()
	if kind := byFamily[family]; kind != "" {
		return kind
	}
	if family != "runtime" {
		return "AttackSequence"
	}
	switch {
	case len(f.groups[eks]) > 0:
		return "EKSCluster"
	case len(f.groups[ecs]) > 0:
		return "ECSCluster"
	case len(f.groups[containers]) > 0:
		return "Container"
	}
	return "Instance"
}
