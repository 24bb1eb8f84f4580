package drill

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cordon/internal/awssim"
)

// machine describes an instance.
type machine struct {
	name     string
	kind     string // instance type, t3.medium where not said
	subnet   string // subnet A where not said
	groups   []string
	profile  *awssim.InstanceProfile
	more     []nic    // beside the first interface
	volumes  []disk   // beside the root
	key      string   // of the root volume
	ephemera []string // instance-store devices
	ipv6     bool     // the first interface has an address of that kind too
	noIPv4   bool
	public   bool // an Elastic IP on the first interface
	spot     bool
	agent    bool // Systems Manager's agent has registered
	tags     map[string]string
}

type nic struct {
	subnet string
	groups []string
}

type disk struct {
	device string
	gib    int32
	key    string
}

// launch puts a running instance in place and gives its id.
func (e *estate) launch(m machine) string {
	spec := awssim.InstanceSpec{
		Name: m.name, Subnet: cmp.Or(m.subnet, e.subnetA), Image: e.image, Type: cmp.Or(m.kind, "t3.medium"), Tags: m.tags,
		Spot: m.spot, IPv6Only: m.noIPv4, EIP: m.public, InstanceStore: m.ephemera,
		UserData: "#!/bin/sh\nsystemctl enable --now app\n", Console: "[    0.000000] Linux version 6.1.0\n" + m.name + " login: ",
		MetadataTokens: "optional",
		Volumes:        []awssim.VolumeSpec{{Key: m.key}},
	}
	if m.spot {
		spec.ShutdownBehavior = "terminate"
	}
	if m.profile != nil {
		spec.Profile = m.profile.ARN
	}
	if m.groups == nil {
		m.groups = []string{e.groupWeb}
	}
	for i, n := range append([]nic{{spec.Subnet, m.groups}}, m.more...) {
		spec.ENIs = append(spec.ENIs, e.plug(n, m, i == 0))
	}
	for _, d := range m.volumes {
		spec.Volumes = append(spec.Volumes, awssim.VolumeSpec{Device: d.device, GiB: d.gib, Key: d.key})
	}
	id := e.world.AddInstance(e.region, spec)
	e.edit(func(r *awssim.Region) {
		r.Instances[id].EBSOptimized = true
		r.Instances[id].Screenshot = []byte("\xff\xd8\xff\xe0 a login prompt")
	})
	if m.agent {
		e.world.AddNode(e.region, awssim.Node{Instance: id, Computer: m.name, Address: e.interfaces(id)[0].privateIP()})
	}
	return id
}

// plug describes an interface with the next free addresses of its subnet.
func (e *estate) plug(n nic, m machine, first bool) awssim.InterfaceSpec {
	spec := awssim.InterfaceSpec{Subnet: n.subnet, Groups: n.groups, PrivateIPs: []string{}}
	host := e.host()
	e.edit(func(r *awssim.Region) {
		subnet := r.Subnets[n.subnet]
		if !m.noIPv4 {
			spec.PrivateIPs = append(spec.PrivateIPs, strings.TrimSuffix(subnet.CIDR, "0/24")+host)
		}
		if m.noIPv4 || m.ipv6 && first {
			spec.IPv6 = []string{strings.TrimSuffix(subnet.IPv6CIDR, "/64") + host}
		}
	})
	return spec
}

// fleet launches n instances that differ in their number only.
func (e *estate) fleet(n int, called string, m machine) []string {
	var ids []string
	for i := range n {
		m.name = fmt.Sprintf("%s-%d", called, i+1)
		ids = append(ids, e.launch(m))
	}
	return ids
}

// plugged is an interface of an instance, as findings describe it.
type plugged struct {
	*awssim.NetworkInterface
	publicIP string
	groups   map[string]string // name by id
}

func (p plugged) privateIP() string {
	if len(p.PrivateIPs) == 0 {
		return ""
	}
	return p.PrivateIPs[0]
}

// interfaces lists the interfaces of an instance by device index.
func (e *estate) interfaces(id string) []plugged {
	var found []plugged
	e.edit(func(r *awssim.Region) {
		for _, eni := range r.NetworkInterfaces {
			if eni.Attachment == nil || eni.Attachment.Instance != id {
				continue
			}
			p := plugged{NetworkInterface: eni, groups: map[string]string{}}
			for _, g := range eni.Groups {
				p.groups[g] = r.SecurityGroups[g].Name
			}
			for _, a := range r.Addresses {
				if a.Interface == eni.ID {
					p.publicIP = a.PublicIP
				}
			}
			found = append(found, p)
		}
	})
	slices.SortFunc(found, func(a, b plugged) int { return int(a.Attachment.DeviceIndex - b.Attachment.DeviceIndex) })
	return found
}
