package drill

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/awssim"
)

var ipv6Only = Scenario{
	Name:    "ec2-ipv6-only",
	Summary: "an instance in an IPv6-only subnet asks for the name of a command and control server",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		subnet := e.subnet("six", "a", 6, e.acl)
		e.edit(func(r *awssim.Region) { r.Subnets[subnet].CIDR = "" })
		profile := e.role("six-app", "six-app-profile", nil)
		id := e.launch(machine{name: "six-1", subnet: subnet, noIPv4: true, profile: profile, agent: true})
		e.launch(machine{name: "six-2", subnet: subnet, noIPv4: true, profile: profile, agent: true})
		// GuardDuty sees no IPv6 flows, so what gives this host away is DNS.
		// https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_finding-types-ec2.html
		return e.drill(id, e.report(id, alarm{
			kind: "Backdoor:EC2/C&CActivity.B!DNS", severity: 8,
			title: "The EC2 instance " + id + " is querying a domain name associated with a known Command & Control server.",
			action: &types.Action{
				ActionType: aws.String("DNS_REQUEST"),
				DnsRequestAction: &types.DnsRequestAction{
					Domain: aws.String("control.example.net"), Protocol: aws.String("UDP"), Blocked: aws.Bool(false),
				},
			},
		}))
	},
}
