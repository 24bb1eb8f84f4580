package playbook

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// captureDeadline is how long the SSM agent keeps its calls where the responder does not say.
const captureDeadline = time.Hour

// cutCredentials ends what was issued before it stops the issue: taken off first, the profile would leave the
// credentials already out to live for hours.
func (p *ec2Plan) cutCredentials() {
	denied := p.denyRole()
	if p.profile == "" {
		return
	}
	if p.callerSession() == p.id {
		p.warn("cordon is running on the suspect instance, with its credentials: its profile is left on. Run cordon from elsewhere")
		return
	}
	p.add(Step{Key: "remove-profile", Action: action.RemoveProfile, Target: p.self(), After: denied, AfterAny: p.quietly()})
}

// denyRole plans the denies and names the last of them.
func (p *ec2Plan) denyRole() []string {
	if p.profile == "" {
		return nil
	}
	if p.role == nil {
		p.warn("the role behind the instance profile is not known: the credentials that it has issued are not cut, and live for up to 12 hours")
		return nil
	}
	name := aws.ToString(p.role.RoleName)
	if p.callerRole() == name {
		p.warn(fmt.Sprintf("cordon itself acts with role %s, the suspect's: nothing is denied to it, since that would stop this response. Use other credentials", name))
		return nil
	}
	target := p.part(casefile.IAMRole, name)
	target.ARN, target.Region = aws.ToString(p.role.Arn), ""
	roleID := aws.ToString(p.role.RoleId)
	last := keyDeny
	first := Step{
		Key: keyDeny, Action: action.DenyInstanceSession, Target: target, AfterAny: p.quietly(),
		Params: p.params("role_id", roleID),
	}
	if p.capturing() {
		first.Params["ssm"] = "keep"
		p.add(first)
		wait := p.o.CaptureDeadline
		if wait <= 0 {
			wait = captureDeadline
		}
		p.add(Step{
			Key: keyDenySSM, Action: action.DenyInstanceSession, Target: target, After: []string{keyDeny},
			Params:  p.params("role_id", roleID, "not_before", strconv.Itoa(int(wait/time.Second))),
			Summary: "Deny the instance's session what the SSM agent was left with, once the captures have had their time.",
		})
		last = keyDenySSM
	} else {
		p.add(first)
	}
	if p.o.RevokeRole {
		p.add(Step{Key: "revoke-role", Action: action.RevokeRoleSessions, Target: target, AfterAny: p.quietly(), Params: p.params("role_id", roleID)})
	}
	return []string{last}
}

// capturing: the agent can be used only where it answers and can be reached through the isolation.
func (p *ec2Plan) capturing() bool {
	return p.o.ForensicsEgress && p.agent != nil && p.agent.PingStatus == ssmtypes.PingStatusOnline
}

// callerRole is the name of the role that cordon's own caller has assumed, "" for any other principal. The ARN
// is arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION, without the role's path
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
func (p *ec2Plan) callerRole() string {
	role, _ := p.caller()
	return role
}

func (p *ec2Plan) callerSession() string {
	_, session := p.caller()
	return session
}

func (p *ec2Plan) caller() (role, session string) {
	parts := strings.SplitN(p.c.Caller, ":", 6)
	if len(parts) < 6 || parts[2] != "sts" || parts[4] != p.c.Account {
		return "", ""
	}
	name := strings.Split(parts[5], "/")
	if len(name) != 3 || name[0] != "assumed-role" {
		return "", ""
	}
	return name[1], name[2]
}
