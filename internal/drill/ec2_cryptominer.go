package drill

import (
	"time"

	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"cordon/internal/awssim"
)

var cryptominer = Scenario{
	Name:    Default,
	Summary: "a web server of an Auto Scaling group mines cryptocurrency; somebody has a shell on it, and its role is shared",
	Build: func(o Options) Drill {
		e, web7 := newWebTier(o)
		return e.drill(web7, e.report(web7, e.mining(web7)))
	},
}

// newWebTier is the estate that most incidents of a web shop happen in: four
// web servers in one group behind three load balancers, and neighbours that
// share the role of web-7, or its network ACL, or nothing at all.
func newWebTier(o Options) (e *estate, web7 string) {
	e = newEstate(o, "eu-west-1")
	w := e.world
	e.endpoints()
	key := w.AddKey(e.region, awssim.Key{Aliases: []string{"alias/app"}}).ARN
	w.AddKey(e.region, awssim.Key{Spec: kmstypes.KeySpecEccNistP256, Aliases: []string{"alias/cordon-journal"}, Description: "endorses the keys of incident journals"})
	profile := e.role("web-app", "web-app-profile", map[string]string{
		"assets": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":"*"}]}`,
	})
	server := machine{
		kind: "m5d.large", profile: profile, agent: true, ephemera: []string{"/dev/sdb"},
		tags: map[string]string{"aws:autoscaling:groupName": "web", "team": "shop"},
	}
	var servers []string
	for _, called := range []string{"web-5", "web-6", "web-8"} {
		server.name, server.subnet = called, e.subnetB
		servers = append(servers, e.launch(server))
	}
	server.name, server.subnet, server.groups = "web-7", e.subnetA, []string{e.groupWeb, e.groupSSH}
	server.more = []nic{{e.subnetA, []string{e.groupSSH, e.groupWeb}}}
	server.volumes = []disk{{device: "/dev/sdf", gib: 100, key: key}}
	server.ipv6, server.public = true, true
	web7 = e.launch(server)
	servers = append(servers, web7)

	e.loadBalance(servers)
	e.neighbours(profile)
	w.AddSession(e.region, awssim.Session{Target: web7, Owner: e.arnOf("iam", "", account, "user/build"), Start: e.now.Add(-20 * time.Minute)})
	w.AddBucket(awssim.Bucket{
		Name: "incident-evidence-" + account, Region: e.region, ObjectLock: true, LockMode: s3types.ObjectLockModeGovernance, LockDays: 30,
	})
	return e, web7
}

// loadBalance puts the servers behind two target groups of one application
// load balancer and a classic one, and under one Auto Scaling group.
func (e *estate) loadBalance(servers []string) {
	w := e.world
	lb := w.AddLoadBalancer(e.region, awssim.LoadBalancer{Name: "web", VPC: e.vpc, Groups: []string{e.groupWeb}, Subnets: []string{e.subnetA, e.subnetB}})
	var groups []string
	for _, tg := range []awssim.TargetGroup{
		{Name: "web", Port: 80, Protocol: elbtypes.ProtocolEnumHttp},
		{Name: "web-tls", Port: 8443, Protocol: elbtypes.ProtocolEnumHttps},
	} {
		tg.VPC, tg.LoadBalancers = e.vpc, []string{lb.ARN}
		for _, id := range servers {
			tg.Targets = append(tg.Targets, awssim.Target{ID: id})
		}
		groups = append(groups, w.AddTargetGroup(e.region, tg).ARN)
	}
	w.AddClassicLoadBalancer(e.region, awssim.ClassicLoadBalancer{
		Name: "web-classic", VPC: e.vpc, Subnets: []string{e.subnetA, e.subnetB}, Groups: []string{e.groupWeb}, Instances: servers, Drain: 300 * time.Second,
	})
	w.AddASG(e.region, awssim.ASG{
		Name: "web", Min: 2, Max: 8, HealthCheck: "ELB", Subnets: []string{e.subnetA, e.subnetB}, Zones: []string{e.region + "a", e.region + "b"},
		TargetGroups: groups, ClassicLBs: []string{"web-classic"}, Tags: map[string]string{"team": "shop"},
		Template: awssim.LaunchTemplate{
			Name: "web", Version: "7", Image: e.image, Type: "m5d.large", Groups: []string{e.groupWeb}, Profile: "web-app-profile",
			Tags: map[string]string{"Name": "web", "team": "shop"},
		},
	}, servers...)
}

// neighbours are the instances that must come through unchanged: three with
// the role of the web servers, five more in their subnets, one behind another
// network ACL.
func (e *estate) neighbours(profile *awssim.InstanceProfile) {
	e.fleet(3, "worker", machine{subnet: e.subnetB, groups: []string{e.groupSSH}, profile: profile, agent: true})
	e.fleet(5, "cache", machine{subnet: e.subnetA, groups: []string{e.groupDefault}})
	management := e.subnet("management", "a", 3, e.secondACL())
	bastion := e.launch(machine{name: "bastion", subnet: management, groups: []string{e.groupSSH}, agent: true})
	e.world.AddSession(e.region, awssim.Session{Target: bastion, Owner: e.arnOf("iam", "", account, "user/operator"), Start: e.now.Add(-time.Hour)})
}
