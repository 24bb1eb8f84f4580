package drill

import "cordon/internal/awssim"

var halfContained = Scenario{
	Name:    "ec2-half-contained",
	Summary: "a person has begun: the first interface is in a group without rules and termination is off, the rest is as it was",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		profile := e.role("shop", "shop-profile", nil)
		id := e.launch(machine{
			name: "shop-1", profile: profile, agent: true, groups: []string{e.groupWeb, e.groupSSH},
			more: []nic{{e.subnetA, []string{e.groupWeb}}}, public: true,
		})
		e.launch(machine{name: "shop-2", profile: profile, agent: true})
		finding := e.report(id, e.mining(id))
		byHand := e.world.AddSecurityGroup(e.region, awssim.GroupSpec{
			VPC: e.vpc, Name: "isolate-by-hand", Description: "do not touch, ask Kim", Egress: []awssim.Rule{},
		})
		e.edit(func(r *awssim.Region) {
			r.Instances[id].TerminationProtection = true
			for _, eni := range r.NetworkInterfaces {
				if eni.Attachment != nil && eni.Attachment.Instance == id && eni.Attachment.DeviceIndex == 0 {
					eni.Groups = []string{byHand}
				}
			}
		})
		return e.drill(id, finding)
	},
}
