package drill

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"cordon/internal/awssim"
)

const account = "111122223333"

// estate is an account under construction: one network with what most
// incidents happen in. Its parts have names here so that scenarios read as a
// description; their identifiers come from the seed.
type estate struct {
	world     *awssim.World
	region    string
	partition string
	now       time.Time

	vpc, acl, routes   string
	subnetA, subnetB   string // share one network ACL
	groupDefault       string // the VPC's own
	groupWeb, groupSSH string
	groupEndpoints     string
	image              string
	hosts              int // handed out
	records            int // in the event history
}

// newEstate lays out the network: a VPC with IPv4 and IPv6, two subnets in two
// zones behind one network ACL, and the usual groups.
func newEstate(o Options, region string, change ...func(*awssim.Options)) *estate {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	options := awssim.Options{Account: account, Partition: "aws", Now: now, Seed: o.Seed}
	if o.Latency > 0 {
		options.Latency = func(string, string) time.Duration { return o.Latency }
	}
	if o.Speed > 0 {
		options.Duration = func(_ string, usual time.Duration) time.Duration { return time.Duration(float64(usual) / o.Speed) }
	}
	for _, f := range change {
		f(&options)
	}
	e := &estate{world: awssim.New(options), region: region, partition: options.Partition, now: now().UTC().Truncate(time.Second)}
	w := e.world
	e.vpc = w.AddVPC(region, awssim.VPCSpec{CIDR: "10.20.0.0/16", IPv6CIDR: "2001:db8:20::/56", Tags: name("main")})
	gateway := w.ID("igw")
	e.edit(func(r *awssim.Region) {
		for id := range r.NetworkACLs {
			e.acl = id
		}
		for id := range r.SecurityGroups {
			e.groupDefault = id
		}
		for id, table := range r.RouteTables {
			e.routes = id
			table.Routes = append(table.Routes,
				awssim.Route{Destination: "0.0.0.0/0", Target: gateway, Origin: "CreateRoute"},
				awssim.Route{Destination: "::/0", Target: gateway, Origin: "CreateRoute"})
		}
	})
	e.subnetA = e.subnet("app-a", "a", 1, e.acl)
	e.subnetB = e.subnet("app-b", "b", 2, e.acl)
	e.groupWeb = e.group("web", "the web tier",
		awssim.Rule{Protocol: "tcp", From: 80, To: 80, CIDR: "0.0.0.0/0"},
		awssim.Rule{Protocol: "tcp", From: 80, To: 80, IPv6CIDR: "::/0"},
		awssim.Rule{Protocol: "tcp", From: 8443, To: 8443, CIDR: "0.0.0.0/0"})
	e.groupSSH = e.group("ssh", "administrators", awssim.Rule{Protocol: "tcp", From: 22, To: 22, CIDR: "192.0.2.0/24"})
	e.image = w.ID("ami")
	snapshot := w.ID("snap") // outside edit: the world's lock is held inside
	e.edit(func(r *awssim.Region) {
		r.Images[e.image] = &awssim.Image{
			ID: e.image, Name: "web-2026-10-01", Owner: account, State: "available", RootDevice: "/dev/xvda", Architecture: "x86_64",
			Created: e.now.AddDate(0, -2, 0), Devices: []awssim.ImageDevice{{Device: "/dev/xvda", Snapshot: snapshot, GiB: 8}},
		}
	})
	return e
}

// edit changes the region's state.
func (e *estate) edit(f func(*awssim.Region)) {
	e.world.Do(func(a *awssim.Account) { f(a.Region(e.region)) })
}

// secondACL adds a network ACL beside the default one, with the same entries.
func (e *estate) secondACL() string {
	id := e.world.ID("acl")
	e.edit(func(r *awssim.Region) {
		r.NetworkACLs[id] = &awssim.NetworkACL{
			ID: id, VPC: e.vpc, Entries: slices.Clone(r.NetworkACLs[e.acl].Entries), Subnets: map[string]string{}, Tags: name("second"),
		}
	})
	return id
}

// subnet adds the VPC's nth subnet.
func (e *estate) subnet(called, zone string, n int, acl string) string {
	return e.world.AddSubnet(e.region, awssim.SubnetSpec{
		VPC: e.vpc, Zone: e.region + zone, ACL: acl, Tags: name(called),
		CIDR: fmt.Sprintf("10.20.%d.0/24", n), IPv6CIDR: fmt.Sprintf("2001:db8:20:%d::/64", n),
	})
}

// group makes a security group that lets everything out.
func (e *estate) group(called, description string, ingress ...awssim.Rule) string {
	return e.world.AddSecurityGroup(e.region, awssim.GroupSpec{VPC: e.vpc, Name: called, Description: description, Ingress: ingress})
}

// role makes a role that EC2 may assume, and its instance profile, which is
// called otherwise.
func (e *estate) role(called, profile string, inline map[string]string) *awssim.InstanceProfile {
	e.world.AddRole(awssim.Role{Name: called, Inline: inline, Attached: map[string]string{
		e.arnOf("iam", "", "aws", "policy/AmazonSSMManagedInstanceCore"): "AmazonSSMManagedInstanceCore",
	}})
	return e.world.AddInstanceProfile(awssim.InstanceProfile{Name: profile, Role: called})
}

func (e *estate) arnOf(service, region, owner, resource string) string {
	return strings.Join([]string{"arn", e.partition, service, region, owner, resource}, ":")
}

// endpoints makes the ways from the VPC to Systems Manager and S3.
func (e *estate) endpoints() {
	w := e.world
	e.groupEndpoints = e.group("endpoints", "interface endpoints", awssim.Rule{Protocol: "tcp", From: 443, To: 443, CIDR: "10.20.0.0/16"})
	const policy = `{"Statement":[{"Action":"*","Effect":"Allow","Principal":"*","Resource":"*"}]}`
	for _, service := range []string{"ssm", "ssmmessages", "ec2messages"} {
		id := w.ID("vpce")
		eni := w.AddNetworkInterface(e.region, awssim.InterfaceSpec{
			Subnet: e.subnetA, Description: "VPC Endpoint Interface " + id, Type: "vpc_endpoint", Requester: "vpce",
			PrivateIPs: []string{"10.20.1." + e.host()}, Groups: []string{e.groupEndpoints},
		})
		e.edit(func(r *awssim.Region) {
			r.Endpoints[id] = &awssim.Endpoint{
				ID: id, VPC: e.vpc, Service: "com.amazonaws." + e.region + "." + service, Type: "Interface", State: "available",
				Policy: policy, PrivateDNS: true, Subnets: []string{e.subnetA}, Interfaces: []string{eni}, Groups: []string{e.groupEndpoints},
			}
		})
	}
	id, list := w.ID("vpce"), w.ID("pl")
	e.edit(func(r *awssim.Region) {
		r.PrefixLists[list] = &awssim.PrefixList{
			ID: list, Name: "com.amazonaws." + e.region + ".s3", Owner: "AWS", Family: "IPv4", CIDRs: []string{"192.0.2.128/25"},
		}
		r.Endpoints[id] = &awssim.Endpoint{
			ID: id, VPC: e.vpc, Service: "com.amazonaws." + e.region + ".s3", Type: "Gateway", State: "available",
			Policy: policy, RouteTables: []string{e.routes},
		}
		r.RouteTables[e.routes].Routes = append(r.RouteTables[e.routes].Routes, awssim.Route{Destination: list, Target: id, Origin: "CreateRoute"})
	})
}

// host hands out the last part of an address, the same in every subnet.
func (e *estate) host() string {
	e.hosts++
	return strconv.Itoa(10 + e.hosts)
}

func name(n string) map[string]string { return map[string]string{"Name": n} }

// drill ends the construction.
func (e *estate) drill(instance string, finding []byte) Drill {
	return Drill{
		World: e.world, Finding: finding, Account: account, Region: e.region, Instance: instance,
		Caller: e.arnOf("sts", "", account, "assumed-role/incident-response/responder"),
	}
}

// about ends the construction of an incident that is about no instance.
func (e *estate) about(subject string, finding []byte) Drill {
	d := e.drill("", finding)
	d.Subject = subject
	return d
}
