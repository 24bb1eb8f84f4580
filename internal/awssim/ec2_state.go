package awssim

import "time"

// VPC is a network.
type VPC struct {
	ID, CIDR, IPv6CIDR string
	Default            bool
	Tags               map[string]string
}

// Subnet is a part of a VPC in one zone.
type Subnet struct {
	ID, VPC, Zone, CIDR, IPv6CIDR string
	MapPublicIP                   bool
	Tags                          map[string]string
}

// SecurityGroup holds the rules of its interfaces' traffic.
type SecurityGroup struct {
	ID, Name, Description, VPC string
	Ingress, Egress            []Rule
	Tags                       map[string]string
}

// Rule is one grant of a security group: a protocol, its ports, and exactly
// one other side.
type Rule struct {
	ID          string `json:"-"`
	Protocol    string // "tcp", "udp", "icmp", "icmpv6", a number, or "-1" for all
	From, To    int32  // -1 where the protocol has no ports
	CIDR        string
	IPv6CIDR    string
	PrefixList  string
	Group       string // id of another group
	GroupOwner  string // its account; "" for this one
	Description string
	Tags        map[string]string
}

// NetworkACL filters the traffic of its subnets, without state.
type NetworkACL struct {
	ID, VPC string
	Default bool
	Entries []ACLEntry
	Subnets map[string]string `json:"-"` // association id by subnet
	Members []string          // the subnets again, for comparisons
	Tags    map[string]string
}

// ACLEntry is a numbered rule; the lowest number that matches decides.
type ACLEntry struct {
	Egress         bool
	Number         int32
	Protocol       string // a number, "-1" for all
	Action         string // "allow", "deny"
	CIDR, IPv6CIDR string
	Ports          *Span
	ICMP           *ICMP
}

// Span is a range of ports.
type Span struct{ From, To int32 }

// ICMP is a type and code; -1 stands for all.
type ICMP struct{ Type, Code int32 }

// RouteTable routes the traffic of its subnets.
type RouteTable struct {
	ID, VPC string
	Main    bool
	Subnets []string // explicitly associated
	Routes  []Route
	Tags    map[string]string
}

// Route is one destination and where it goes.
type Route struct {
	Destination string // IPv4 or IPv6 block, or prefix list
	Target      string // "local", or the id of a gateway, interface, endpoint
	Origin      string // "CreateRouteTable", "CreateRoute"
}

// NetworkInterface is attached to an instance, or to a service's machinery.
type NetworkInterface struct {
	ID, Subnet, VPC, Description string
	Type                         string // "interface", "vpc_endpoint", "nat_gateway", "network_load_balancer", …
	Requester                    string // the service that manages it, "" if nobody does
	MAC                          string
	PrivateIPs                   []string // the first is the primary one
	IPv6                         []string
	AssignPublicIP               bool   // a start assigns a public address
	AutoPublicIP                 string // lost when the instance stops
	Groups                       []string
	SourceDestCheck              bool
	Attachment                   *Attachment
	Tags                         map[string]string
}

func (n *NetworkInterface) instance() string {
	if n.Attachment == nil {
		return ""
	}
	return n.Attachment.Instance
}

// Attachment ties an interface to an instance.
type Attachment struct {
	ID                  string
	Instance            string
	DeviceIndex         int32
	NetworkCard         int32
	DeleteOnTermination bool
	Since               time.Time
}

// Instance is a virtual machine. Its interfaces and volumes know it, not the
// other way round.
type Instance struct {
	ID, Image, Type, Key                  string
	Zone, VPC, Subnet                     string
	Architecture, Platform                string
	State                                 string // "pending", "running", "stopping", "stopped", "shutting-down", "terminated"
	StateReason                           string
	Spot                                  bool
	SpotPersistent                        bool // its request outlives it, and so it can be stopped
	SpotRequest                           string
	Launched                              time.Time `json:"-"` // changes with every start
	UserData                              string    // as bytes, not base64
	TerminationProtection, StopProtection bool
	ShutdownBehavior                      string // "stop", "terminate"
	RootDevice                            string
	EphemeralDevices                      []string // instance-store volumes of the block device mapping
	InstanceStoreLost                     bool     // by a stop
	EBSOptimized, SourceDestCheck         bool
	MetadataTokens                        string // "required", "optional"
	MetadataHopLimit                      int32
	ReservationID                         string
	Console                               string // what GetConsoleOutput has
	Screenshot                            []byte // a JPEG
	Tags                                  map[string]string
}

// Volume is a disk.
type Volume struct {
	ID, Zone, Type, State, FromSnapshot string
	GiB                                 int32
	Encrypted                           bool
	Key                                 string // ARN of its KMS key
	Attached                            *VolumeAttachment
	Created                             time.Time
	Tags                                map[string]string
}

// VolumeAttachment ties a volume to an instance.
type VolumeAttachment struct {
	Instance, Device    string
	DeleteOnTermination bool
	Since               time.Time
}

// Snapshot is a copy of a volume at one instant.
type Snapshot struct {
	ID, Volume, Owner, Description string
	State                          string // "pending", "completed", "error"
	StateMessage                   string
	Progress                       int
	GiB                            int32
	Encrypted                      bool
	Key                            string
	Started                        time.Time
	Completed                      time.Time
	SharedWith                     []string // accounts
	Public                         bool
	Lock                           *SnapshotLock
	Tags                           map[string]string
}

// SnapshotLock keeps a snapshot from deletion.
type SnapshotLock struct {
	Mode         string // "governance", "compliance"
	CoolOffHours int32
	CoolOffUntil time.Time
	Days         int32
	Created      time.Time
	DurationFrom time.Time // the later of lock and snapshot completion
	Expires      time.Time
}

// Image is an AMI.
type Image struct {
	ID, Name, Owner, State, RootDevice string
	SourceInstance                     string // "" unless it was made of an instance
	Architecture, Platform             string
	Created                            time.Time
	Devices                            []ImageDevice
	Public                             bool
	SharedWith                         []string // accounts
	SharedWithOrganizations            []string // ARNs
	Tags                               map[string]string
}

// ImageDevice is one disk of an image.
type ImageDevice struct {
	Device, Snapshot string
	GiB              int32
}

// Address is an Elastic IP.
type Address struct {
	AllocationID  string
	AssociationID string `json:"-"`
	PublicIP      string
	Interface     string // associated, "" if not
	PrivateIP     string
	Tags          map[string]string
}

// ProfileAssociation gives an instance its role.
type ProfileAssociation struct {
	ID         string `json:"-"`
	Instance   string
	ProfileARN string
	ProfileID  string
	State      string    // "associating", "associated", "disassociating", "disassociated"
	Since      time.Time `json:"-"`
}

// Endpoint is a way from a VPC to a service.
type Endpoint struct {
	ID, VPC, Service, Type, State string // Type "Gateway", "Interface"
	Policy                        string
	PrivateDNS                    bool
	RouteTables                   []string
	Subnets                       []string
	Interfaces                    []string
	Groups                        []string
	Tags                          map[string]string
}

// ConnectEndpoint is an EC2 Instance Connect Endpoint.
type ConnectEndpoint struct {
	ID, VPC, Subnet, State string
	PreserveClientIP       bool
	Groups                 []string
	Interfaces             []string
	Tags                   map[string]string
}

// PrefixList is a named set of blocks; AWS keeps those of its services.
type PrefixList struct {
	ID, Name, Owner, Family string // Family "IPv4", "IPv6"
	CIDRs                   []string
}
