package drill

import "cordon/internal/awssim"

var foreignKey = Scenario{
	Name:    "ec2-foreign-key",
	Summary: "one volume is encrypted with a key of another account that the responder may not use",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		own := e.world.AddKey(e.region, awssim.Key{Aliases: []string{"alias/app"}}).ARN
		foreign := e.world.AddKey(e.region, awssim.Key{Account: "444455556666", Refused: true}).ARN
		id := e.launch(machine{
			name: "vault-1", profile: e.role("vault", "vault-profile", nil), agent: true, key: own,
			volumes: []disk{{device: "/dev/sdf", gib: 50, key: foreign}},
		})
		return e.drill(id, e.report(id, e.mining(id)))
	},
}
