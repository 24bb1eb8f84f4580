package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
)

// tellServiceLinked says what can be done about a role that only its service may change
// (docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html).
func (p *rolePlan) tellServiceLinked(service string) {
	p.warn(fmt.Sprintf("role %s is linked to %s, which alone may use and change it: its sessions cannot be revoked and its trust policy cannot be edited, so nothing is planned but the record", p.name(), service),
		fmt.Sprintf("nobody but %s gets credentials of this role. Whoever acts through it has told the service to: find in CloudTrail who called %s, and answer that user or role (cordon scope --lookup --seed %s)",
			service, service, aws.ToString(p.role.Arn)),
		fmt.Sprintf("to stop the service itself, delete or stop in it what uses the role; once nothing does, the role can be deleted (aws iam delete-service-linked-role --role-name %s), which cordon does not do", p.name()))
}

// tell says who can come back, and when to look again.
func (p *rolePlan) tell() {
	p.tellReturn()
	p.survives("what the intruder made or took with these sessions: keys, users, other roles' sessions, data. The log shows it: cordon scope")
	p.draft.NotCaptured = append(p.draft.NotCaptured, "who has sessions of a role now: AWS lists them nowhere, only the log shows who assumed it")
	p.warn("look again 30 minutes after the cut (cordon scope, then cordon plan): a change in IAM takes its time to spread, and whoever may assume a role can begin anew")
}

// openingsTold bounds the list: a role that dozens may assume is told with the first and a number.
const openingsTold = 12

// tellReturn lists who may assume the role: revoked sessions are begun anew by whoever may.
func (p *rolePlan) tellReturn() {
	if !p.trusted {
		p.survives(fmt.Sprintf("new sessions of role %s, by whoever may assume it, which is not known", p.name()))
		return
	}
	line := fmt.Sprintf("new sessions of role %s, of up to %s, by whoever may assume it", p.name(), hours(aws.ToInt32(p.role.MaxSessionDuration)))
	if used := p.role.RoleLastUsed; used != nil && used.LastUsedDate != nil {
		line += fmt.Sprintf("; it was last used on %s in %s", used.LastUsedDate.UTC().Format("2006-01-02 15:04 UTC"), aws.ToString(used.Region))
	}
	var foreign, own []string
	for _, o := range p.trust.Openings() {
		text, strange := p.opening(o)
		if strange {
			foreign = append(foreign, text)
		} else {
			own = append(own, text)
		}
	}
	all := slices.Concat(foreign, own)
	if len(all) == 0 {
		p.survives(line + ": nobody, by its trust policy")
		return
	}
	p.survives(line + ":")
	p.survives(all[:min(len(all), openingsTold)]...)
	if more := len(all) - openingsTold; more > 0 {
		p.survives(fmt.Sprintf("- and %d more that its trust policy lets in", more))
	}
}

// opening is one line about who may assume the role. strange: somebody outside the account.
func (p *rolePlan) opening(o action.Opening) (text string, strange bool) {
	text, strange = p.whoseOpening(o)
	text += ", into " + p.name()
	if o.Conditional {
		text += ", under conditions"
	}
	if slices.ContainsFunc(p.cameBy, o.Admits) {
		text += ": THE INTRUDER CAME THIS WAY"
	}
	if o.Kind == "Federated" && slices.Contains(p.o.CutProviders, o.Name) {
		return "- " + text + "; the provider is cut by this plan", strange
	}
	var but []string
	for _, c := range p.closed {
		if c.Closes(o) {
			return "- " + text + "; closed by this plan", strange
		}
		if o.Admits(c) {
			but = append(but, c.Name)
		}
	}
	if len(but) > 0 {
		text += "; closed by this plan to " + strings.Join(but, ", ") + " alone"
	}
	return "- " + text + p.howToClose(o), strange
}

func (p *rolePlan) whoseOpening(o action.Opening) (text string, strange bool) {
	theirs := o.Account() != p.c.Account
	switch {
	case o.All:
		return "EVERYBODY, in every account (Principal *)", true
	case o.Kind == "Service":
		return o.Name, false
	case o.Kind == "Federated":
		return "whoever signs in through " + short(o.Name), false
	case o.Name == o.Account() && theirs:
		return "everybody in account " + o.Name + ", which is NOT this account", true
	case o.Name == o.Account():
		return "whoever in this account IAM lets assume it", false
	case theirs:
		return o.Name + ", which is NOT of this account", true
	}
	return short(o.Name) + " of this account", false
}

// howToClose names the option that closes an opening, where one does.
func (p *rolePlan) howToClose(o action.Opening) string {
	d, err := action.ParseDoor(o.Name, p.c.Partition)
	switch {
	case err != nil, !o.Admits(d), d.Kind == action.DoorAccount && d.Account == p.c.Account:
		return ""
	case d.IsProvider() && d.Account == p.c.Account:
		return fmt.Sprintf(" (--close-to %s, or for every role --cut-provider %s)", d.Name, d.Name)
	}
	return fmt.Sprintf(" (--close-to %s)", d.Name)
}

func hours(seconds int32) string {
	d := time.Duration(seconds) * time.Second
	if d <= 0 {
		d = time.Hour // the default (docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html)
	}
	if d%time.Hour == 0 {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}
