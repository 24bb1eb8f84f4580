package drill

import "cordon/internal/awssim"

var stopped = Scenario{
	Name:    "ec2-stopped",
	Summary: "somebody stopped the instance before anybody looked",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		id := e.launch(machine{name: "batch-1", profile: e.role("batch", "batch-profile", nil), agent: true})
		finding := e.report(id, e.mining(id))
		e.edit(func(r *awssim.Region) {
			r.Instances[id].State = "stopped"
			r.Instances[id].StateReason = "Client.UserInitiatedShutdown: User initiated shutdown"
		})
		return e.drill(id, finding)
	},
}
