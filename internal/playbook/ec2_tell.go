package playbook

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// tell says what outlives the cut and what nobody captures.
func (p *ec2Plan) tell() {
	p.tellEgress()
	p.tellSurvivors()
	p.tellDoors()
	p.tellNotCaptured()
}

// tellSurvivors: docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html says for how
// long a tracked flow outlives its rules, which flows are always tracked, and that groups do not filter the
// resolver.
func (p *ec2Plan) tellSurvivors() {
	flows := "established connections to other addresses: a change of security groups does not cut tracked flows, which live until idle for 5 days by default (350 s on Nitro v6 instances)"
	if p.o.Cut == "stop" {
		flows += "; the stop ends them"
	}
	p.draft.Survives = append(p.draft.Survives, flows,
		"DNS to the VPC's resolver, which security groups and network ACLs never filter: data can leave in queries",
		"whatever else the intruder holds: keys and sessions that this instance's role did not issue, other instances, data already taken",
	)
}

// tellDoors says which ways in do not go through the network interfaces' groups.
func (p *ec2Plan) tellDoors() {
	switch {
	case p.serial == nil:
		p.warn("whether the EC2 serial console is open in this account and region is not known")
	case *p.serial:
		p.draft.Survives = append(p.draft.Survives, "the EC2 serial console, which is open in this account and region and needs no network")
	default:
		p.draft.Survives = append(p.draft.Survives, "not the EC2 serial console: access to it is off in this account and region")
	}
	var endpoints []string
	for _, e := range p.connect {
		if slices.Contains(p.vpcIDs(), aws.ToString(e.VpcId)) {
			endpoints = append(endpoints, aws.ToString(e.InstanceConnectEndpointId))
		}
	}
	if len(endpoints) > 0 {
		p.draft.Survives = append(p.draft.Survives, "Instance Connect endpoint "+strings.Join(endpoints, ", ")+
			" is open in the VPC: new connections through it are cut by the isolation, those that are tracked are not")
	}
}

func (p *ec2Plan) tellNotCaptured() {
	n := 0
	for _, d := range p.disks {
		for range aws.ToInt32(d.Count) {
			p.draft.NotCaptured = append(p.draft.NotCaptured,
				fmt.Sprintf("instance-store volume ephemeral%d (%d GB %s): no snapshot can be made of it", n, aws.ToInt64(d.SizeInGB), d.Type))
			n++
		}
	}
	if p.instance.RootDeviceType == ec2types.DeviceTypeInstanceStore {
		p.draft.NotCaptured = append(p.draft.NotCaptured, "the root volume, which is on instance store")
	}
	if len(p.volumes) == 0 {
		p.draft.NotCaptured = append(p.draft.NotCaptured, "disks: no EBS volume is attached")
	}
	p.draft.NotCaptured = append(p.draft.NotCaptured,
		"memory (not asked for)",
		"network traffic (not asked for)",
		"volumes that were detached before this plan, and file systems mounted over the network",
	)
}
