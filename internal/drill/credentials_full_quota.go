package drill

import (
	"strings"

	"cordon/internal/awssim"
)

var fullQuota = Scenario{
	Name:    "credentials-full-quota",
	Summary: "the user's inline policies leave no room for a deny: a managed policy is attached instead",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		u := e.world.AddUser(awssim.User{
			Name: "reports", Keys: []awssim.UserKey{{Active: true, LastUsed: e.now, Service: "s3", Region: e.region}},
			Inline: map[string]string{"wide": filled()},
		})
		return e.about(u.Name, e.report("", e.misuse(u, "Discovery:IAMUser/AnomalousBehavior", "ListBuckets", "s3.amazonaws.com")))
	},
}

// filled is a policy that takes nearly all that a user's inline policies may.
func filled() string {
	const frame = `{"Version":"2012-10-17","Statement":[{"Sid":"","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	return strings.Replace(frame, `"Sid":"`, `"Sid":"`+strings.Repeat("x", 2048-len(frame)-20), 1)
}
