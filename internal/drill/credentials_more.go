package drill

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/awssim"
)

var quarantined = Scenario{
	Name:    "credentials-quarantined",
	Summary: "AWS has found the key in public and put its own quarantine on the user, which is no containment; the finding names the key alone",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		quarantine := e.arnOf("iam", "", "aws", "policy/AWSCompromisedKeyQuarantineV3")
		u := e.world.AddUser(awssim.User{
			Name: "mailer", Attached: map[string]string{quarantine: "AWSCompromisedKeyQuarantineV3"},
			Inline: map[string]string{"mail": allow(`"ses:*"`)}, Keys: []awssim.UserKey{{Active: true, LastUsed: e.now, Service: "ses", Region: e.region}},
		})
		a := e.misuse(u, "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom", "GetSendQuota", "ses.amazonaws.com")
		a.key.UserName, a.key.PrincipalId = nil, nil
		return e.about(aws.ToString(a.key.AccessKeyId), e.report("", a))
	},
}

var credentialsGov = Scenario{
	Name:    "credentials-gov",
	Summary: "the same in AWS GovCloud, where every ARN is of another partition, AWS's own policies too",
	Build: func(o Options) Drill {
		e := newEstate(o, "us-gov-west-1", func(a *awssim.Options) { a.Partition = "aws-us-gov" })
		u := e.world.AddUser(awssim.User{
			Name: "gov-deploy", Path: "/ci/", Groups: []string{"deployers"}, Inline: map[string]string{"wide": filled()},
			Keys: []awssim.UserKey{{Active: true, LastUsed: e.now, Service: "s3", Region: e.region}},
		})
		return e.about(u.Name, e.report("", e.misuse(u, "Exfiltration:IAMUser/AnomalousBehavior", "GetObject", "s3.amazonaws.com")))
	},
}

var credentialsHalf = Scenario{
	Name:    "credentials-half-contained",
	Summary: "somebody has switched one key off and attached AWSDenyAll before cordon came",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		u := e.world.AddUser(awssim.User{
			Name: "analyst", Login: &awssim.LoginProfile{Created: e.now.AddDate(0, -7, 0)}, PasswordUsed: e.now.Add(-time.Hour),
			Attached: map[string]string{e.arnOf("iam", "", "aws", "policy/AWSDenyAll"): "AWSDenyAll"}, Inline: map[string]string{"athena": allow(`"athena:*"`)},
			Keys: []awssim.UserKey{{LastUsed: e.now.Add(-2 * time.Hour), Service: "athena", Region: e.region}, {Active: true, LastUsed: e.now, Service: "s3", Region: e.region}},
			Services: []awssim.ServiceCredential{
				{Service: "codecommit.amazonaws.com", User: "analyst-at-" + account}, {Service: "bedrock.amazonaws.com", Alias: "analyst+1-at-" + account, Active: true, Expires: e.now.Add(-time.Hour)},
			},
		})
		return e.about(u.Name, e.report("", e.misuse(u, "CredentialAccess:IAMUser/AnomalousBehavior", "GetSecretValue", "secretsmanager.amazonaws.com")))
	},
}

var keepsWorking = Scenario{
	Name:    "credentials-keeps-working",
	Summary: "a user that production depends on: the sessions issued until now are cut, and a new key goes on at once (--sessions-only)",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		u := e.world.AddUser(awssim.User{
			Name: "billing-export", Inline: map[string]string{"export": allow(`"s3:*"`)},
			Keys: []awssim.UserKey{{Active: true, LastUsed: e.now, Service: "s3", Region: e.region}},
		})
		d := e.about(u.Name, e.report("", e.misuse(u, "Exfiltration:IAMUser/AnomalousBehavior", "GetObject", "s3.amazonaws.com")))
		d.SessionsOnly = true
		return d
	},
}

var consoleAlone = Scenario{
	Name:    "credentials-console",
	Summary: "a person's password is used from outside: there is no key, and the deny cuts the console off",
	Build: func(o Options) Drill {
		e := newEstate(o, "eu-west-1")
		u := e.world.AddUser(awssim.User{
			Name: "m.keller", Path: "/people/", Groups: []string{"analysts", "everybody"}, Login: &awssim.LoginProfile{Created: e.now.AddDate(-2, 0, 0)},
			PasswordUsed: e.now.Add(-12 * time.Minute),
		})
		a := e.misuse(u, "UnauthorizedAccess:IAMUser/ConsoleLoginSuccess.B", "ConsoleLogin", "signin.amazonaws.com")
		a.title = "Multiple worldwide successful console logins were observed for IAM user " + u.Name + "."
		return e.about(u.Name, e.report("", a))
	},
}
