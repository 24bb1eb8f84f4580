package playbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
)

// attachedQuota is the managed policies of a user where the account was not given more
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const attachedQuota = 10

func (p *credentialsPlan) form() string {
	if p.o.SessionsOnly {
		return action.DenySessions
	}
	return action.DenyAll
}

// via is how the deny is put on: inline where the quota has room for it, which could not be seen where it could not be
// read; else as a managed policy; "" where neither fits, which is said.
func (p *credentialsPlan) via() string {
	via, why := denyVia(p.form(), p.room())
	if via == "" {
		p.draft.Open = true
		p.warn("NOT DENIED: " + why + ". Sessions made from the user's keys live on, up to 36 hours, and a console password still signs in: take off one of its policies, and plan again")
	} else if why != "" {
		p.warn(why)
	}
	return via
}

// userRoom is what a user has place for.
type userRoom struct {
	inline        int // characters of the inline policies
	inlineQuota   int
	attached      []string // ARNs
	attachedQuota int
	denyAll       string // ARN of AWS's own policy
	sized, listed bool   // both were read
}

func (p *credentialsPlan) room() userRoom {
	return userRoom{
		inline: p.size, inlineQuota: quotaOf(p.quotas, "UserPolicySizeQuota", action.UserInlineQuota), sized: p.sized,
		attached: p.attached, attachedQuota: quotaOf(p.quotas, "AttachedPoliciesPerUserQuota", attachedQuota), listed: p.listed,
		denyAll: action.DenyAllARN(p.c.Partition),
	}
}

// quotaOf is a quota as GetAccountSummary gave it, else what AWS gives every account.
func quotaOf(summary map[string]int32, name string, usual int) int {
	if n := int(summary[name]); n > 0 {
		return n
	}
	return usual
}

// after is the room that a deny leaves, put on this way.
func (r userRoom) after(form, via string) userRoom {
	if via == action.ViaInline {
		r.inline += action.UserDenySize(form)
	} else {
		r.attachedQuota--
	}
	return r
}

// denyVia chooses, and says why where it is not the usual way. What could not be read is tried inline.
func denyVia(form string, r userRoom) (via, why string) {
	if !r.sized || r.inline+action.UserDenySize(form) <= r.inlineQuota {
		return action.ViaInline, ""
	}
	full := fmt.Sprintf("the user's inline policies take %d of %d characters and leave no room for a deny", r.inline, r.inlineQuota)
	what := "a policy of cordon's own"
	if form == action.DenyAll {
		what = "AWS's policy AWSDenyAll"
	}
	switch {
	case !r.listed, len(r.attached) < r.attachedQuota, form == action.DenyAll && slices.Contains(r.attached, r.denyAll):
		return action.ViaManaged, full + ": " + what + " is attached instead"
	}
	return "", fmt.Sprintf("%s, and %d of %d managed policies are attached to it", full, len(r.attached), r.attachedQuota)
}

func (p *credentialsPlan) denySummary() string {
	if p.form() == action.DenySessions {
		return "Deny everything to the sessions of the user that were issued until now, console and federated ones included."
	}
	return action.DenyUser.Summary
}

// denyImpact says which form and why, and who it is that stops working.
func (p *credentialsPlan) denyImpact() []string {
	lines := []string{
		"form all: it cuts keys, the console, and every session and federated user made from them. The password need not be touched, and no policy of a bucket, key or queue that names the user outweighs it",
	}
	if p.form() == action.DenySessions {
		lines = []string{
			"form sessions, as --sessions-only asks for a user who must keep working: it cuts what was issued until 30 s after it is put on, by AWS's clock. What is issued later works",
		}
	}
	lines = append(lines, p.consoleImpact()...)
	if len(p.groups) > 0 {
		lines = append(lines, "what groups "+strings.Join(p.groups, ", ")+" allow it is denied too; it stays in them")
	}
	if b := p.user.PermissionsBoundary; b != nil {
		lines = append(lines, "its permissions boundary stays: "+aws.ToString(b.PermissionsBoundaryArn))
	}
	return lines
}

func (p *credentialsPlan) consoleImpact() []string {
	switch {
	case !p.console:
		return nil
	case p.password == nil:
		return []string{"it has no console password"}
	}
	line := "it has a console password"
	if t := p.password.CreateDate; t != nil {
		line += ", made " + t.UTC().Format(time.RFC3339)
	}
	if t := p.user.PasswordLastUsed; t != nil {
		line += ", last used " + t.UTC().Format(time.RFC3339)
	}
	switch {
	case len(p.mfa) > 0:
		line += ", with MFA: " + strings.Join(p.mfa, ", ")
	case p.guarded:
		line += ", and no MFA"
	}
	return []string{line}
}

// keysImpact says when the keys were made: one that is younger than the incident is the intruder's.
func (p *credentialsPlan) keysImpact() []string {
	var lines []string
	if p.form() == action.DenySessions && p.keys.any() {
		lines = append(lines, "what works with them stops until it has a new key: make that once this step is done, for it switches off whatever key it finds")
	}
	if len(p.keys.made) > 0 {
		lines = append(lines, "made: "+strings.Join(p.keys.made, ", "))
	}
	return lines
}
