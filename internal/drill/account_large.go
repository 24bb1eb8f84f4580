package drill

import (
	"fmt"

	"cordon/internal/awssim"
)

// large is the size that the bar for account-wide containment is measured at:
// with --latency 100ms, IAM's own rate decides how long it takes.
var large = Scenario{
	Name:    "account-large",
	Summary: "an account of 1,000 users with 2,000 keys, where AWS takes 15 changes of IAM a second: it takes eight minutes",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1", func(s *awssim.Options) { s.Rates, s.PageSize = true, 100 })
		e.world.AddOrganization(managing)
		admin := e.takeover()
		users := make([]awssim.User, 0, 996) // and those of the takeover
		for i := range 996 {
			users = append(users, awssim.User{Name: fmt.Sprintf("user-%04d", i+1), Keys: []awssim.UserKey{{Active: true}, {Active: true}}})
		}
		e.world.AddUsers(users)
		d := e.about(account, e.report("", e.blinded(admin)))
		d.Management = e.arnOf("sts", "", managing, "assumed-role/org-response/responder")
		return d
	},
}
