package drill

var manyInterfaces = Scenario{
	Name:    "ec2-many-interfaces",
	Summary: "six interfaces in three subnets behind two network ACLs",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		acl := e.secondACL()
		// An instance's interfaces are all in its own zone.
		// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html
		back := e.subnet("back", "a", 4, acl)
		side := e.subnet("side", "a", 5, e.acl)
		id := e.launch(machine{
			name: "router-1", kind: "m5.4xlarge", profile: e.role("router", "router-profile", nil), agent: true,
			groups: []string{e.groupWeb, e.groupSSH}, public: true,
			more: []nic{
				{e.subnetA, []string{e.groupWeb}}, {back, []string{e.groupDefault}}, {back, []string{e.groupSSH}},
				{side, []string{e.groupDefault, e.groupWeb}}, {side, []string{e.groupWeb}},
			},
		})
		e.fleet(2, "behind", machine{subnet: back, groups: []string{e.groupDefault}})
		return e.drill(id, e.report(id, e.mining(id)))
	},
}
