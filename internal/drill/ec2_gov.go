package drill

import "cordon/internal/awssim"

var gov = Scenario{
	Name:    "ec2-gov",
	Summary: "the same in AWS GovCloud, where every ARN is of another partition",
	Build: func(o Options) Drill {
		e := newEstate(o, "us-gov-west-1", func(a *awssim.Options) { a.Partition = "aws-us-gov" })
		id := e.launch(machine{name: "gov-1", profile: e.role("gov", "gov-profile", nil), agent: true, public: true})
		return e.drill(id, e.report(id, e.mining(id)))
	},
}
