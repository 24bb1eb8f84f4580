package drill

var terminated = Scenario{
	Name:    "ec2-terminated",
	Summary: "the instance is gone; a volume of it is left, and its role's sessions live on",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		profile := e.role("batch", "batch-profile", nil)
		id := e.launch(machine{name: "batch-1", profile: profile, volumes: []disk{{device: "/dev/sdf", gib: 20}}})
		e.launch(machine{name: "batch-2", profile: profile, agent: true})
		finding := e.report(id, e.mining(id))
		e.world.TerminateInstance(e.region, id)
		return e.drill(id, finding)
	},
}
