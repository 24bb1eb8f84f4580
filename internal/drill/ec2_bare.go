package drill

var bare = Scenario{
	Name:    "ec2-bare",
	Summary: "an instance with nothing around it: no profile, no agent, no group but the VPC's default, no load balancer",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		id := e.launch(machine{name: "forgotten", groups: []string{e.groupDefault}})
		e.fleet(2, "cache", machine{groups: []string{e.groupDefault}})
		return e.drill(id, e.report(id, e.mining(id)))
	},
}
