package playbook

import (
	"fmt"
	"slices"
	"strings"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// tell says what the steps do not: what lives on, what nobody records, and what stands on the user already.
func (p *credentialsPlan) tell() {
	p.tellAlready()
	p.tellCaller()
	p.tellPassword()
	p.draft.Survives = append(p.draft.Survives, p.survives()...)
	p.draft.NotCaptured = append(p.draft.NotCaptured,
		"when service-specific credentials, certificates and SSH keys were last used: IAM does not keep it, CloudTrail does")
	if p.keys.any() {
		p.warn("a release makes the keys Active again that are Active now, the leaked one too: replace it first, and leave that step as it is (--leave N --reason WHY, when you release)")
	}
}

// tellAlready names what was done before cordon came. It is left, and counts for nothing: whoever put it there may
// take it off.
func (p *credentialsPlan) tellAlready() {
	ofAWS := "arn:" + p.c.Partition + ":iam::aws:policy/"
	for _, arn := range p.attached {
		name, ok := strings.CutPrefix(arn, ofAWS)
		switch {
		case !ok:
		case strings.HasPrefix(name, "AWSCompromisedKeyQuarantine"):
			p.warn(fmt.Sprintf("AWS has put its policy %s on the user, having found a key of it in public: it stays, and is no containment, since it denies some actions alone and leaves sts:AssumeRole among others", name))
		case arn == action.DenyAllARN(p.c.Partition):
			p.warn("AWSDenyAll is attached to the user already, not by this case: a release leaves it, and with it the user stays cut off")
		}
	}
	for _, name := range sortedNames(p.inline) {
		if action.DeniesEverything(p.inline[name]) {
			p.warn(fmt.Sprintf("the user's own inline policy %s denies everything already: a release leaves it, and with it the user stays cut off", name))
		}
	}
}

func sortedNames(m map[string]string) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// tellCaller: whose key made a federated user's session, AWS does not tell the federated user.
func (p *credentialsPlan) tellCaller() {
	if strings.Contains(p.c.Caller, ":federated-user/") {
		p.warn(fmt.Sprintf("you act as %s: if a key of user %s made that session, the deny cuts you off too. Use other credentials if you do not know", p.c.Caller, p.name()))
	}
}

// tellPassword: what a console session does is signed with a temporary key, or with none that a finding names; so where
// that names no key of the user's own, the password may be what the intruder has, and the form leaves it.
func (p *credentialsPlan) tellPassword() {
	if p.form() != action.DenySessions || !p.maySignIn() || p.in.Finding.Finding.ID == "" || namesKey(p.in.Finding) {
		return
	}
	p.draft.Open = true
	p.warn(fmt.Sprintf("THE PASSWORD OF USER %s STILL SIGNS IN: the finding names no long-term key, so that the password may be what the intruder has, and --sessions-only leaves it. "+
		"Change it in IAM, or plan again without --sessions-only", p.name()))
}

func namesKey(f casefile.Incident) bool {
	return strings.HasPrefix(f.Actor.AccessKey, "AKIA") || slices.ContainsFunc(f.Subjects, func(s casefile.Subject) bool {
		return s.Kind == casefile.AccessKey && strings.HasPrefix(s.ID, "AKIA")
	})
}

// maySignIn tells whether there is a console password, as far as is known.
func (p *credentialsPlan) maySignIn() bool { return !p.console || p.password != nil }

// survives is what documentation says of each:
// docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html (minutes),
// docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html (a role's sessions have the role's permissions),
// docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html (checked at the time of the request).
func (p *credentialsPlan) survives() []string {
	lines := []string{
		"calls for a few minutes, while the change spreads in AWS: what is proved is that IAM has it",
		"sessions of roles that were assumed with the user's credentials: they have the role's permissions, not the user's; each role is revoked on its own",
		"a transfer by a presigned URL that has begun: S3 checks the signature when the request begins; a URL signed with a key that is off starts no new one",
	}
	if p.form() == action.DenySessions {
		lines = append(lines, "whatever is issued from then on: sessions of a key that still works while its end spreads, by GetSessionToken, GetFederationToken or AssumeRole; look for these calls in CloudTrail")
		if p.maySignIn() {
			lines = append(lines, "a sign-in to the console with the user's password, which stays: change it if it may be known")
		}
	}
	return lines
}
