package drill

import (
	"strings"

	"cordon/internal/awssim"
)

var roleFullQuota = Scenario{
	Name:    "role-full-quota",
	Summary: "the role's inline policies have no room left: the deny goes into a managed policy",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		role := e.trusted("legacy-batch", trust("AWS", e.arnOf("iam", "", account, "root")), map[string]string{
			"everything": `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", 10000) + `","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
		})
		return e.about(role.Name, e.report("", e.exfiltration(role, "batch", "ASIAQ3EGABCDEXAMPLE7")))
	},
}

var roleRevokedBefore = Scenario{
	Name:    "role-revoked-before",
	Summary: "somebody has revoked the role's sessions in the console yesterday: that policy of theirs is not touched",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		role := e.trusted("reports", trust("AWS", e.arnOf("iam", "", account, "root")), map[string]string{
			"AWSRevokeOlderSessions": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"` +
				e.now.AddDate(0, 0, -1).Format("2006-01-02T15:04:05.000Z") + `"}}}]}`,
		})
		return e.about(role.Name, e.report("", e.exfiltration(role, "nightly", "ASIAQ3EGABCDEXAMPLE7")))
	},
}

var roleGov = Scenario{
	Name:    "role-gov",
	Summary: "a chain in AWS GovCloud, where every ARN is of another partition",
	Build: func(o Options) Drill {
		e := newEstate(o, "us-gov-west-1", func(a *awssim.Options) { a.Partition = "aws-us-gov" })
		d := e.about("vendor-deploy", e.chain(e.arnOf("iam", "", outside, "root")))
		d.Choose.CloseTo = []string{e.arnOf("iam", "", outside, "user/ci")}
		return d
	},
}
