package drill

var optInRegion = Scenario{
	Name:    "ec2-opt-in-region",
	Summary: "the instance is in a region that the account had to opt in to",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-south-1")
		e.world.OptInRegion(e.region)
		id := e.launch(machine{name: "south-1", profile: e.role("south", "south-profile", nil), agent: true, public: true})
		return e.drill(id, e.report(id, e.mining(id)))
	},
}
