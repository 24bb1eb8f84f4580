package awssim

import (
	"slices"
	"time"
)

// InstanceSpec describes an instance to add. Subnet is needed; everything else
// has a default.
type InstanceSpec struct {
	ID, Subnet, Image, Type, Name, Key string
	State                              string          // "running"
	Groups                             []string        // of every interface that has none of its own; nil: the VPC's default group
	ENIs                               []InterfaceSpec // nil: one; their Subnet defaults to the instance's
	Volumes                            []VolumeSpec    // nil: one root volume of 8 GiB
	InstanceStore                      []string        // device names of ephemeral disks
	Profile                            string          // ARN of an instance profile
	Spot                               bool            // of a one-time request, unless SpotPersistent
	SpotPersistent, IPv6Only           bool
	PublicIP                           bool // one that AWS assigns
	EIP                                bool // an Elastic IP
	IPv6                               []string
	UserData, Console, Architecture    string
	TerminationProtection              bool
	ShutdownBehavior                   string // "stop"; "terminate" for a one-time spot instance
	MetadataTokens                     string // "required"
	Tags                               map[string]string
}

// AddInstance adds an instance with its interfaces, volumes, addresses and
// profile association.
func (w *World) AddInstance(region string, spec InstanceSpec) string {
	var id string
	w.build(region, func(r *Region, now time.Time) { id = w.addInstance(r, spec, now) })
	return id
}

func (w *World) addInstance(r *Region, spec InstanceSpec, now time.Time) string {
	subnet := mustHave(r.Subnets, spec.Subnet)
	i := &Instance{
		ID: spec.ID, Image: spec.Image, Type: orElse(spec.Type, "m5.large"), Key: spec.Key,
		Zone: subnet.Zone, VPC: subnet.VPC, Subnet: subnet.ID, Architecture: orElse(spec.Architecture, "x86_64"),
		State: orElse(spec.State, "running"), Spot: spec.Spot || spec.SpotPersistent, SpotPersistent: spec.SpotPersistent, Launched: now.Add(-24 * time.Hour).UTC().Truncate(time.Second),
		UserData: spec.UserData, Console: spec.Console, TerminationProtection: spec.TerminationProtection,
		ShutdownBehavior: orElse(spec.ShutdownBehavior, "stop"), RootDevice: "/dev/xvda",
		EphemeralDevices: slices.Clone(spec.InstanceStore), SourceDestCheck: true,
		MetadataTokens: orElse(spec.MetadataTokens, "required"), MetadataHopLimit: 2,
		ReservationID: w.newID("r"), Tags: tagsOf(spec.Tags),
	}
	if i.ID == "" {
		i.ID = w.newID("i")
	}
	if i.Image == "" {
		i.Image = w.newID("ami")
	}
	if i.Spot {
		i.SpotRequest = w.newID("sir")
	}
	if i.Spot && !i.SpotPersistent {
		i.ShutdownBehavior = orElse(spec.ShutdownBehavior, "terminate")
	}
	if spec.Name != "" {
		i.Tags["Name"] = spec.Name
	}
	r.Instances[i.ID] = i
	w.addInstanceInterfaces(r, i, spec, now)
	w.addInstanceVolumes(r, i, spec, now)
	if spec.Profile != "" {
		r.ProfileAssociations[i.ID] = &ProfileAssociation{
			ID: w.newID("iip-assoc"), Instance: i.ID, ProfileARN: spec.Profile, ProfileID: profileID(w.account, spec.Profile), State: "associated", Since: now,
		}
	}
	return i.ID
}

func profileID(a *Account, arn string) string {
	if _, id, ok := a.IAM.instanceProfile(arn); ok {
		return id
	}
	return "AIPASIMULATED"
}

func (w *World) addInstanceInterfaces(r *Region, i *Instance, spec InstanceSpec, now time.Time) {
	enis := slices.Clone(spec.ENIs)
	if enis == nil {
		enis = []InterfaceSpec{{}}
	}
	for n := range enis {
		eni := &enis[n]
		eni.Instance, eni.DeviceIndex = i.ID, int32(n)
		eni.Subnet = orElse(eni.Subnet, i.Subnet)
		if eni.Groups == nil {
			eni.Groups = spec.Groups
		}
		if n == 0 {
			eni.PublicIP = eni.PublicIP || spec.PublicIP
			eni.IPv6 = slices.Concat(eni.IPv6, spec.IPv6)
		}
		if spec.IPv6Only {
			eni.PrivateIPs = []string{}
			if len(eni.IPv6) == 0 {
				eni.IPv6 = []string{"2001:db8:1234:1a00::" + string(rune('a'+n))}
			}
		}
		id := w.addInterface(r, *eni, now)
		if n == 0 && spec.EIP {
			w.addAddress(r, id)
		}
	}
}

func (w *World) addInstanceVolumes(r *Region, i *Instance, spec InstanceSpec, now time.Time) {
	volumes := slices.Clone(spec.Volumes)
	if volumes == nil {
		volumes = []VolumeSpec{{}}
	}
	for n := range volumes {
		v := &volumes[n]
		v.Instance = i.ID
		if v.Device == "" {
			v.Device = i.RootDevice
			if n > 0 {
				v.Device = "/dev/sd" + string(rune('e'+n))
			}
		}
		w.addVolume(r, *v, n == 0, now)
	}
}

// VolumeSpec describes a volume to add.
type VolumeSpec struct {
	ID, Instance, Device, Zone, Type string
	GiB                              int32  // 8
	Key                              string // ARN of a KMS key; "" for a volume that is not encrypted
	Keep                             bool   // DeleteOnTermination off, as it is for all but the root volume
	Delete                           bool   // DeleteOnTermination on, for another than the root volume
	Tags                             map[string]string
}

// AddVolume adds a volume, attached to an instance or to nothing.
func (w *World) AddVolume(region string, spec VolumeSpec) string {
	var id string
	w.build(region, func(r *Region, now time.Time) { id = w.addVolume(r, spec, false, now) })
	return id
}

func (w *World) addVolume(r *Region, spec VolumeSpec, root bool, now time.Time) string {
	v := &Volume{
		ID: spec.ID, Zone: orElse(spec.Zone, r.Name+"a"), Type: orElse(spec.Type, "gp3"), State: "available", GiB: max(spec.GiB, 1),
		Encrypted: spec.Key != "", Key: spec.Key, Created: now.Add(-24 * time.Hour).UTC().Truncate(time.Second), Tags: tagsOf(spec.Tags),
	}
	if spec.GiB == 0 {
		v.GiB = 8
	}
	if v.ID == "" {
		v.ID = w.newID("vol")
	}
	if spec.Instance != "" {
		v.Zone, v.State = mustHave(r.Instances, spec.Instance).Zone, "in-use"
		v.Attached = &VolumeAttachment{Instance: spec.Instance, Device: orElse(spec.Device, "/dev/sdf"), DeleteOnTermination: (root || spec.Delete) && !spec.Keep, Since: v.Created}
	}
	r.Volumes[v.ID] = v
	return v.ID
}

// AddEIP allocates an Elastic IP and associates it with an interface's primary
// address, unless eni is "".
func (w *World) AddEIP(region, eni string) (allocationID string) {
	w.build(region, func(r *Region, _ time.Time) { allocationID = w.addAddress(r, eni) })
	return allocationID
}

func (w *World) addAddress(r *Region, eni string) string {
	a := &Address{AllocationID: w.newID("eipalloc"), PublicIP: w.publicIP(), Tags: map[string]string{}}
	if eni != "" {
		n := mustHave(r.NetworkInterfaces, eni)
		a.AssociationID, a.Interface = w.newID("eipassoc"), eni
		if len(n.PrivateIPs) > 0 {
			a.PrivateIP = n.PrivateIPs[0]
		}
	}
	r.Addresses[a.AllocationID] = a
	return a.AllocationID
}

// TerminateInstance ends an instance as its owner would: interfaces and volumes
// that go with it go, the others stay, detached.
func (w *World) TerminateInstance(region, id string) {
	w.build(region, func(r *Region, now time.Time) {
		i := mustHave(r.Instances, id)
		i.State, i.StateReason = "terminated", "Client.UserInitiatedShutdown"
		delete(r.ProfileAssociations, id)
		for _, n := range r.NetworkInterfaces {
			if n.instance() != id {
				continue
			}
			for _, a := range r.Addresses {
				if a.Interface == n.ID {
					a.AssociationID, a.Interface, a.PrivateIP = "", "", ""
				}
			}
			if n.Attachment.DeleteOnTermination {
				delete(r.NetworkInterfaces, n.ID)
			}
			n.Attachment, n.AutoPublicIP = nil, ""
		}
		for _, v := range r.Volumes {
			if v.Attached == nil || v.Attached.Instance != id {
				continue
			}
			if v.Attached.DeleteOnTermination {
				delete(r.Volumes, v.ID)
			}
			v.Attached, v.State = nil, "available"
		}
	})
}
