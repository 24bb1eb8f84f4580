package awssim

import (
	"maps"
	"slices"
	"strings"
)

// Account is the readable state. Maps are by id; they are never nil and never
// to be replaced.
type Account struct {
	ID        string
	Partition string
	Regions   map[string]*Region // those that were touched

	IAM IAMState
	Org OrganizationState
	SSO IdentityCenterState
	S3  S3State

	Contacts map[string]*Contact `dump:"account/contact"` // by kind: BILLING, OPERATIONS, SECURITY
}

// Region is one region of the account. Fields marked json:"-" hold what AWS
// makes up anew each time (association and rule ids), which no comparison of
// two accounts should see.
type Region struct {
	Name  string
	OptIn string // as DescribeRegions shows it

	VPCs                map[string]*VPC                `dump:"ec2/vpc"`
	Subnets             map[string]*Subnet             `dump:"ec2/subnet"`
	SecurityGroups      map[string]*SecurityGroup      `dump:"ec2/security-group"`
	NetworkACLs         map[string]*NetworkACL         `dump:"ec2/network-acl"`
	RouteTables         map[string]*RouteTable         `dump:"ec2/route-table"`
	NetworkInterfaces   map[string]*NetworkInterface   `dump:"ec2/network-interface"`
	Instances           map[string]*Instance           `dump:"ec2/instance"`
	Volumes             map[string]*Volume             `dump:"ec2/volume"`
	Snapshots           map[string]*Snapshot           `dump:"ec2/snapshot"`
	Images              map[string]*Image              `dump:"ec2/image"`
	Addresses           map[string]*Address            `dump:"ec2/address"`             // by allocation id
	ProfileAssociations map[string]*ProfileAssociation `dump:"ec2/profile-association"` // by instance id
	Endpoints           map[string]*Endpoint           `dump:"ec2/vpc-endpoint"`
	ConnectEndpoints    map[string]*ConnectEndpoint    `dump:"ec2/instance-connect-endpoint"`
	PrefixLists         map[string]*PrefixList         `dump:"ec2/prefix-list"`
	SerialConsole       bool                           `dump:"ec2/serial-console-access"`

	// ACLEntryQuota is the rules a network ACL holds in each direction.
	ACLEntryQuota int
	// SnapshotQuota is the snapshots of the region; 0 means AWS's own.
	SnapshotQuota int

	AutoScaling AutoScalingState
	CloudTrail  CloudTrailState
	ELB         ELBState
	ELBv2       ELBv2State
	KMS         KMSState
	SSM         SSMState
	GuardDuty   GuardDutyState
	ECS         ECSState
	Lambda      LambdaState

	Directory map[string]*DirectoryUser `dump:"ds/user"` // by directory and name
}

func newAccount(id, partition string) *Account {
	return &Account{
		ID: id, Partition: partition, Regions: map[string]*Region{},
		IAM: newIAMState(), Org: newOrganization(), SSO: newIdentityCenter(), S3: newS3State(), Contacts: map[string]*Contact{},
	}
}

func newRegion(name, optIn string) *Region {
	return &Region{
		Name: name, OptIn: optIn,
		VPCs:                map[string]*VPC{},
		Subnets:             map[string]*Subnet{},
		SecurityGroups:      map[string]*SecurityGroup{},
		NetworkACLs:         map[string]*NetworkACL{},
		RouteTables:         map[string]*RouteTable{},
		NetworkInterfaces:   map[string]*NetworkInterface{},
		Instances:           map[string]*Instance{},
		Volumes:             map[string]*Volume{},
		Snapshots:           map[string]*Snapshot{},
		Images:              map[string]*Image{},
		Addresses:           map[string]*Address{},
		ProfileAssociations: map[string]*ProfileAssociation{},
		Endpoints:           map[string]*Endpoint{},
		ConnectEndpoints:    map[string]*ConnectEndpoint{},
		PrefixLists:         map[string]*PrefixList{},
		// "Rules per network ACL: 20", each way, IPv4 and IPv6 counted apart
		// from the default denies
		// (docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html).
		ACLEntryQuota: 20,
		AutoScaling:   newAutoScalingState(),
		CloudTrail:    newCloudTrailState(),
		ELB:           newELBState(),
		ELBv2:         newELBv2State(),
		KMS:           newKMSState(),
		SSM:           newSSMState(),
		GuardDuty:     newGuardDutyState(),
		ECS:           newECSState(),
		Lambda:        newLambdaState(),
		Directory:     map[string]*DirectoryUser{},
	}
}

const (
	optInNotRequired = "opt-in-not-required"
	optedIn          = "opted-in"
	notOptedIn       = "not-opted-in"
)

// Region gives a region of the account, touched or not. It panics for a name
// that is no region, which only a test can pass.
func (a *Account) Region(name string) *Region {
	r, ok := a.region(name)
	if !ok {
		panic("awssim: no region " + name)
	}
	return r
}

func (a *Account) region(name string) (*Region, bool) {
	if r, ok := a.Regions[name]; ok {
		return r, true
	}
	optIn, ok := regionsOf(a.Partition)[name]
	if !ok {
		return nil, false
	}
	r := newRegion(name, optIn)
	a.Regions[name] = r
	return r, true
}

// OptInRegion enables a region that has to be opted in to.
func (w *World) OptInRegion(name string) {
	w.Do(func(a *Account) { a.Region(name).OptIn = optedIn })
}

// regionsOf is the catalogue of a partition. The regions of the others belong
// to accounts of their own and need no opting in
// (docs.aws.amazon.com/govcloud-us/latest/UserGuide/using-govcloud-endpoints.html).
func regionsOf(partition string) map[string]string {
	switch partition {
	case "aws-us-gov":
		return map[string]string{"us-gov-west-1": optInNotRequired, "us-gov-east-1": optInNotRequired}
	case "aws-cn":
		return map[string]string{"cn-north-1": optInNotRequired, "cn-northwest-1": optInNotRequired}
	default:
		return catalogue
	}
}

// catalogue is the regions that exist and whether they are enabled from the
// start (docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html).
var catalogue = map[string]string{
	"us-east-1": optInNotRequired, "us-east-2": optInNotRequired, "us-west-1": optInNotRequired, "us-west-2": optInNotRequired,
	"ap-south-1": optInNotRequired, "ap-northeast-1": optInNotRequired, "ap-northeast-2": optInNotRequired, "ap-northeast-3": optInNotRequired,
	"ap-southeast-1": optInNotRequired, "ap-southeast-2": optInNotRequired, "ca-central-1": optInNotRequired, "sa-east-1": optInNotRequired,
	"eu-central-1": optInNotRequired, "eu-west-1": optInNotRequired, "eu-west-2": optInNotRequired, "eu-west-3": optInNotRequired, "eu-north-1": optInNotRequired,

	"af-south-1": notOptedIn, "ap-east-1": notOptedIn, "ap-east-2": notOptedIn, "ap-south-2": notOptedIn,
	"ap-southeast-3": notOptedIn, "ap-southeast-4": notOptedIn, "ap-southeast-5": notOptedIn, "ap-southeast-6": notOptedIn, "ap-southeast-7": notOptedIn,
	"ca-west-1": notOptedIn, "eu-central-2": notOptedIn, "eu-south-1": notOptedIn, "eu-south-2": notOptedIn,
	"il-central-1": notOptedIn, "me-central-1": notOptedIn, "me-south-1": notOptedIn, "mx-central-1": notOptedIn,
}

// sortedKeys gives the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), strings.Compare)
}
