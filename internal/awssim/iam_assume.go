package awssim

import (
	"slices"
	"strings"
)

// Assumer is who asks for a role: a principal of an account by the ARN of its
// user or role, or a federated user by its provider, or a service.
type Assumer struct {
	ARN       string // arn:aws:iam::111122223333:role/ROLE, whatever its session is called
	Federated string // ARN of a provider, or the domain of a built-in one
	Service   string // ec2.amazonaws.com
}

// MayAssume says whether a role's trust policy lets somebody assume it. An Allow
// counts whatever its conditions, and a Deny only where all of it can be judged:
// the question is whom a deny stops.
func (w *World) MayAssume(roleName string, who Assumer) bool {
	allowed, denied := false, false
	w.Do(func(a *Account) {
		role := a.IAM.Roles[roleName]
		if role == nil {
			return
		}
		var doc trustDocument
		if strictly([]byte(a.IAM.shownTrust(role)), &doc) != nil {
			return
		}
		for _, s := range doc.Statement {
			if !covers(s.Action, s.NotAction, who.action()) || len(s.NotPrincipal) > 0 || !who.among(principals(s.Principal), a) {
				continue
			}
			switch s.Effect {
			case "Allow":
				allowed = true
			case "Deny":
				denied = denied || applies(s.Condition, who.facts())
			}
		}
	})
	return allowed && !denied
}

func (p Assumer) action() string {
	switch {
	case strings.Contains(p.Federated, ":saml-provider/"):
		return "sts:AssumeRoleWithSAML"
	case p.Federated != "":
		return "sts:AssumeRoleWithWebIdentity"
	}
	return "sts:AssumeRole"
}

func (p Assumer) account() string {
	if parts := strings.SplitN(p.ARN, ":", 6); len(parts) == 6 {
		return parts[4]
	}
	return ""
}

func (p Assumer) facts() map[string]string {
	if p.ARN == "" {
		return map[string]string{}
	}
	return map[string]string{"aws:principalarn": p.ARN, "aws:principalaccount": p.account()}
}

// among tells whether a principal element names somebody: by ARN, by the account
// or as one of all.
func (p Assumer) among(named []string, a *Account) bool {
	if p.Federated != "" {
		return slices.Contains(named, "Federated "+p.Federated)
	}
	if p.Service != "" {
		return slices.Contains(named, "Service "+p.Service)
	}
	return slices.ContainsFunc(named, func(n string) bool {
		name, ok := strings.CutPrefix(n, "AWS ")
		return ok && (name == "*" || name == p.ARN || name == p.account() || name == "arn:"+a.Partition+":iam::"+p.account()+":root")
	})
}
