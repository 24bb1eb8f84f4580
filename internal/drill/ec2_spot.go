package drill

var spot = Scenario{
	Name:    "ec2-spot",
	Summary: "a spot instance, which cannot be protected from termination",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		profile := e.role("batch", "batch-profile", nil)
		id := e.launch(machine{name: "batch-1", spot: true, profile: profile, agent: true})
		e.launch(machine{name: "batch-2", spot: true, profile: profile, agent: true})
		return e.drill(id, e.report(id, e.mining(id)))
	},
}
