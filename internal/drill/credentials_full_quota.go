package drill

import (
	"strings"

	"cordon/internal/awssim"
)

var fullQuota = Scenario{
	Name:    "credentials-full-quota",
	Summary: "the user's inline policies leave no room for a deny",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		const frame = `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
		u := e.world.AddUser(awssim.User{
			Name: "reports", Keys: []awssim.UserKey{{Active: true, LastUsed: e.now, Service: "s3", Region: e.region}},
			Inline: map[string]string{"wide": strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", 2048-len(frame)-20), 1)},
		})
		return e.about(u.Name, e.report("", e.misuse(u, "Discovery:IAMUser/AnomalousBehavior", "ListBuckets", "s3.amazonaws.com")))
	},
}
