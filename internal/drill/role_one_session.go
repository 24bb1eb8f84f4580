package drill

import (
	"fmt"

	"cordon/internal/awssim"
)

var roleOneSession = Scenario{
	Name:    "role-one-session",
	Summary: "one of many sessions of a shared role is an intruder's: it alone is cut, and the vendor that it came from is shut out",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		d := e.about("support", e.shared())
		d.Choose = Choices{OnlySession: "eve", CloseTo: []string{outside}}
		return d
	},
}

var roleSourceIdentity = Scenario{
	Name:    "role-source-identity",
	Summary: "the same, by the source identity that the intruder signed in with and cannot change",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		d := e.about("support", e.shared())
		d.Choose = Choices{SourceIdentity: "eve@partner.example", CloseTo: []string{e.arnOf("iam", "", outside, "role/partners/desk")}}
		return d
	},
}

// shared is a role that people of the account and of a partner work with. One of them is no one that they know.
func (e *estate) shared() []byte {
	e.world.AddRole(awssim.Role{Name: "desk", Path: "/people/"})
	role := e.trusted("support", `{
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Desk", "Effect": "Allow", "Principal": {"AWS": ["`+e.arnOf("iam", "", account, "role/people/desk")+`", "`+e.arnOf("iam", "", outside, "root")+`"]}, "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"]}
    ]
}`, map[string]string{"tickets": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","dynamodb:Query"],"Resource":"*"}]}`})
	role.Used, role.UsedIn = e.now.Add(-6*60e9), e.region
	return e.report("", e.exfiltration(role, "eve", "ASIAQ3EGABCDEXAMPLE7"))
}

var roleServiceLinked = Scenario{
	Name:    "role-service-linked",
	Summary: "the role belongs to an AWS service: nothing of it can be revoked, and the plan says what can be done instead",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		role := e.world.AddRole(awssim.Role{
			Name: "AWSServiceRoleForAutoScaling", Path: "/aws-service-role/autoscaling.amazonaws.com/", Trust: trust("Service", "autoscaling.amazonaws.com"),
		})
		return e.about(role.Name, e.report("", e.exfiltration(role, "AutoScaling", "ASIAQ3EGABCDEXAMPLE7")))
	},
}

var roleManyUsers = Scenario{
	Name:    "role-many-users",
	Summary: "instances, tasks and functions in several regions have the role, one of them a region that the account opted in to",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		w := e.world
		profile := e.role("data-pipeline", "pipeline-hosts", map[string]string{
			"read": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
		})
		var role *awssim.Role
		w.Do(func(a *awssim.Account) { role = a.IAM.Roles["data-pipeline"] })
		e.fleet(14, "ingest", machine{profile: profile, agent: true})
		for _, region := range []string{"eu-west-1", "us-east-1"} {
			cluster := w.AddCluster(region, "main")
			own := w.AddTaskDefinition(region, awssim.ECSTaskDefinition{Family: "transform", TaskRole: role.ARN})
			other := w.AddTaskDefinition(region, awssim.ECSTaskDefinition{Family: "web"})
			for range 3 {
				w.AddTask(region, awssim.ECSTask{Cluster: cluster, Definition: own, Group: "service:transform"})
				w.AddTask(region, awssim.ECSTask{Cluster: cluster, Definition: other, Group: "service:web"})
			}
			w.AddTask(region, awssim.ECSTask{Cluster: cluster, Definition: other, Group: "family:web", TaskRole: role.ARN})
		}
		w.OptInRegion("eu-south-1")
		for i := range 4 {
			w.AddFunction("eu-south-1", awssim.Function{Name: fmt.Sprintf("resize-%d", i+1), Role: role.ARN})
		}
		w.AddFunction("eu-west-1", awssim.Function{Name: "bystander", Role: e.arnOf("iam", "", account, "role/other")})
		return e.about(role.Name, e.report("", e.exfiltration(role, "i-0123456789abcdef0", "ASIAQ3EGABCDEXAMPLE7")))
	},
}
