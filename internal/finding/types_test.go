package finding

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	userKey  = `"accessKeyDetails":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","principalId":"AIDACKCEVSQ6C2EXAMPLE","userType":"IAMUser","userName":"alice"}`
	roleKey  = `"accessKeyDetails":{"accessKeyId":"ASIAQ3EGABCDEXAMPLE1","principalId":"AROAQ3EGABCDEXAMPLE2:i-0dead0000000beef1","userType":"AssumedRole","userName":"web"}`
	rootKey  = `"accessKeyDetails":{"accessKeyId":"ASIAQ3EGABCDEXAMPLE3","principalId":"111122223333","userType":"Root","userName":"Root"}`
	host     = `"instanceDetails":{"instanceId":"i-0dead0000000beef1","availabilityZone":"eu-west-1a"}`
	bucket   = `"s3BucketDetails":[{"arn":"arn:aws:s3:::ledger","name":"ledger"}]`
	cluster  = `"ecsClusterDetails":{"name":"pay","arn":"arn:aws:ecs:eu-west-1:111122223333:cluster/pay"}`
	jar      = `"containerDetails":{"id":"e6cf2e24515c"}`
	database = `"rdsDbInstanceDetails":{"dbInstanceIdentifier":"crm-1","dbClusterIdentifier":"crm"}`
	kube     = `"eksClusterDetails":{"name":"prod","arn":"arn:aws:eks:eu-west-1:111122223333:cluster/prod"}`
	lambda   = `"lambdaDetails":{"functionName":"fn","functionArn":"arn:aws:lambda:eu-west-1:111122223333:function:fn","role":"arn:aws:iam::111122223333:role/service-role/fn-role"}`
	snapshot = `"ebsSnapshotDetails":{"snapshotArn":"arn:aws:ec2:eu-west-1:111122223333:snapshot/snap-0123456789abcdef0"}`
)

func findingOf(typ, resourceType string, parts ...string) string {
	return fmt.Sprintf(`{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-west-1","id":"f","type":%q,"severity":5,"resource":{"resourceType":%q%s},"service":{}}`,
		typ, resourceType, strings.Join(append([]string{""}, parts...), ","))
}

func readOne(t *testing.T, doc string) Doc {
	t.Helper()
	docs, errs, err := ReadAll("test", strings.NewReader(doc))
	if err != nil || len(errs) > 0 || len(docs) != 1 {
		t.Fatalf("%d incidents, errors %v, %v of %s", len(docs), errs, err, doc)
	}
	return docs[0]
}

// TestEveryType: each active type, on each resource that GuardDuty documents for its family, opens what
// the list says answers it.
func TestEveryType(t *testing.T) {
	var types []struct{ Type, Family string }
	if err := json.Unmarshal(sharedFile(t, "field/guardduty-types.json"), &types); err != nil { // our own file, no foreign bytes
		t.Fatal(err)
	}
	if len(types) != 204 {
		t.Errorf("%d types, want 204", len(types))
	}
	for _, typ := range types {
		for _, c := range casesOf(t, typ.Type, typ.Family) {
			t.Run(typ.Type+" "+c.resource, func(t *testing.T) {
				d := readOne(t, findingOf(typ.Type, c.resource, c.parts...))
				if got := playbooksOf(d); !slices.Equal(got, sorted(strings.Fields(c.want))) {
					t.Errorf("playbooks %v, want %s", got, c.want)
				}
			})
		}
	}
}

type typeCase struct {
	resource string
	parts    []string
	want     string
}

func casesOf(t *testing.T, typ, family string) []typeCase {
	also := ""
	switch {
	case strings.Contains(typ, "CloudTrail"), strings.Contains(typ, "PasswordPolicy"), strings.Contains(typ, "AccountBlock"), strings.Contains(typ, "RootCredential"):
		also = " account"
	case strings.Contains(typ, "InstanceCredentialExfiltration"):
		also = " ec2"
	}
	ec2 := typeCase{"Instance", []string{host}, "ec2"}
	onEKS := typeCase{"EKSCluster", []string{kube, host}, "ec2"}
	onECS := typeCase{"ECSCluster", []string{cluster}, "ecs"}
	onJar := typeCase{"Container", []string{jar, host}, "container ec2"}
	switch family {
	case "IAM (CloudTrail mgmt / S3 data)", "AI Protection":
		return []typeCase{
			{"AccessKey", []string{userKey, host}, "credentials" + also},
			{"AccessKey", []string{roleKey, host}, "role" + also},
			{"AccessKey", []string{rootKey, host}, strings.Join(sorted(strings.Fields("account"+also)), " ")},
		}
	case "S3":
		return []typeCase{
			{"S3Bucket", []string{bucket, userKey, host}, "s3 credentials" + also},
			{"AccessKey", []string{bucket, roleKey}, "s3 role" + also},
			{"AccessKey", []string{userKey}, "credentials" + also},
		}
	case "S3 malware":
		return []typeCase{{"S3Object", []string{bucket}, "s3"}}
	case "EC2 DNS", "EC2 flow":
		return []typeCase{ec2}
	case "EBS malware":
		return []typeCase{map[string]typeCase{"EC2": ec2, "ECS": onECS, "Container": onJar, "Kubernetes": onEKS}[between(typ)]}
	case "Backup malware":
		if between(typ) == "S3" {
			return []typeCase{{"S3RecoveryPoint", []string{bucket}, "s3"}, {"S3RecoveryPoint", nil, ""}}
		}
		return []typeCase{{"EBSSnapshot", []string{snapshot}, ""}, {"EBSSnapshot", []string{snapshot, host}, "ec2"}}
	case "RDS":
		return []typeCase{{"RDSDBInstance", []string{database}, "rds"}, {"RDSLimitlessDB", []string{`"rdsLimitlessDbDetails":{"dbShardGroupIdentifier":"shards","dbClusterIdentifier":"crm"}`}, "rds"}}
	case "Lambda":
		return []typeCase{{"Lambda", []string{lambda}, "role"}}
	case "Runtime":
		return []typeCase{ec2, onECS, onJar, onEKS}
	case "EKS audit":
		return []typeCase{{"EKSCluster", []string{kube, roleKey, host}, "role ec2"}, {"EKSCluster", []string{kube, userKey}, "credentials"}, {"EKSCluster", []string{kube}, ""}}
	case "Attack sequence":
		return []typeCase{{"AttackSequence", nil, ""}} // their subjects are in the index's documents
	}
	t.Errorf("no case for family %q", family)
	return nil
}

func between(typ string) string {
	_, rest, _ := strings.Cut(typ, ":")
	family, _, _ := strings.Cut(rest, "/")
	return family
}

// TestUnseenTypes: what nobody has seen routes by its resource type and its caller, or not at all.
func TestUnseenTypes(t *testing.T) {
	for _, c := range []struct{ typ, resource, part, want string }{
		{"Impact:Quantum/New", "Instance", host, "ec2"},
		{"Impact:Quantum/New", "AccessKey", roleKey, "role"},
		{"Impact:Quantum/New", "BedrockGuardrail", userKey, "credentials"},
		{"Impact:Quantum/New", "BedrockGuardrail", host, ""},
		{"Impact:Quantum/New", "S3Bucket", bucket, "s3"},
		{"Impact:EC2/New", "Quantum", host, ""},
		{"", "Instance", host, "ec2"},
	} {
		d := readOne(t, findingOf(c.typ, c.resource, c.part))
		if got := strings.Join(playbooksOf(d), " "); got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.typ, c.resource, got, c.want)
		}
	}
}

// TestStolenKeyKeepsItsAccount: the account a stolen key was used from is not the key's.
func TestStolenKeyKeepsItsAccount(t *testing.T) {
	doc := strings.Replace(findingOf("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.InsideAWS", "AccessKey", roleKey, host),
		`"service":{}`, `"service":{"action":{"awsApiCallAction":{"remoteAccountDetails":{"accountId":"999988887777"}}}}`, 1)
	for _, s := range readOne(t, doc).Incident.Subjects {
		if s.Account != "111122223333" {
			t.Errorf("%+v moved to the account its key was used from", s)
		}
	}
}

func TestLambdaNamesItsRole(t *testing.T) {
	d := readOne(t, findingOf("Trojan:Lambda/DropPoint", "Lambda", lambda))
	if !names(d, "fn-role") || !names(d, "arn:aws:iam::111122223333:role/service-role/fn-role") {
		t.Errorf("subjects %+v", d.Incident.Subjects)
	}
}

// TestInstanceStandsWhereItsZoneIs: stolen credentials may be found out in another region than the host's.
func TestInstanceStandsWhereItsZoneIs(t *testing.T) {
	for zone, want := range map[string]string{"us-east-1b": "us-east-1", "us-west-2-lax-1a": "us-west-2", "us-gov-west-1a": "us-gov-west-1", "GeneratedZone": "eu-west-1", "": "eu-west-1"} {
		d := readOne(t, findingOf("Trojan:EC2/DropPoint", "Instance", strings.Replace(host, "eu-west-1a", zone, 1)))
		if got := d.Incident.Subjects[0].Region; got != want {
			t.Errorf("zone %q: region %q, want %q", zone, got, want)
		}
	}
}
