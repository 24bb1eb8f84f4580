package playbook

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// rootUser plans what can be done about the root user from the organisation, which is the one place that can.
func (p *accountPlan) rootUser() {
	if !p.managesRoot() {
		if p.o.DeleteRoot {
			p.warn("the root user's credentials are deleted from the management account of an organisation that manages root users centrally, and this is not the case here: nothing is planned for them")
		}
		return
	}
	target := casefile.Target{Kind: casefile.AWSAccount, ID: p.id, Account: p.organisation}
	p.add(Step{Key: "record-root", Action: action.RecordRoot, Target: target})
	if p.o.DeleteRoot {
		p.add(Step{Key: "delete-root", Action: action.DeleteRootCredentials, Target: target, AfterAny: []string{"record-root"}})
	}
}

// managesRoot tells whether the organisation can act as the account's root user, and the responder in the organisation.
func (p *accountPlan) managesRoot() bool {
	return p.outside != nil && p.centralRoot && p.id != p.organisation
}

// outsiders lists who outside the account may become a role in it: what an intruder leaves behind to come back by.
func (p *accountPlan) outsiders() {
	var open []string
	for _, r := range p.roles {
		if strings.HasPrefix(aws.ToString(r.Path), "/aws-service-role/") || strings.HasPrefix(aws.ToString(r.Path), "/aws-reserved/") {
			continue
		}
		who, err := outsidersOf(aws.ToString(r.AssumeRolePolicyDocument), p.id)
		if err != nil {
			p.warn(fmt.Sprintf("who may assume role %s could not be read: %v", aws.ToString(r.RoleName), err))
		}
		for _, w := range who {
			open = append(open, fmt.Sprintf("role %s%s may be assumed by %s (cordon plan iam-role:%s)", aws.ToString(r.RoleName), madeOn(aws.ToTime(r.CreateDate)), w, aws.ToString(r.RoleName)))
		}
	}
	slices.Sort(open)
	p.warnOf(open)
}

// wayBack warns where users of the account may assume the role that cordon acts by: whoever comes that way is denied like
// the others, keys and all, and nobody resumes or releases then.
func (p *accountPlan) wayBack() {
	for _, r := range p.roles {
		own := aws.ToString(r.RoleName)
		if p.c.SessionOf(own) == "" {
			continue
		}
		who, err := allowed(aws.ToString(r.AssumeRolePolicyDocument), func(kind, name string) bool {
			inside := name == p.id || strings.HasPrefix(name, "arn:") && ofAccount(name, p.id) && !strings.Contains(name, ":role/")
			return kind == "AWS" && (name == "*" || inside && !p.spares(name))
		})
		if err == nil && len(who) > 0 { // what cannot be read is said by outsiders
			p.warn(fmt.Sprintf("cordon acts here by role %s, which may be assumed by %s: a user of this account who comes that way is denied like the others, and can then neither resume nor release: name that user with --spare", own, strings.Join(who, ", ")))
		}
	}
}

// outsidersOf reads a trust policy for principals that are neither of this account nor an AWS service: other accounts,
// providers, everybody.
func outsidersOf(document, account string) ([]string, error) {
	return allowed(document, func(kind, name string) bool { return kind != "Service" && !ofAccount(name, account) })
}

// allowed lists whom a trust policy lets in, of those that are asked for.
func allowed(document string, asked func(kind, name string) bool) ([]string, error) {
	text, err := url.PathUnescape(document)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Statement json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		return nil, err
	}
	type statement struct {
		Effect    string
		Principal json.RawMessage
	}
	var all []statement
	if json.Unmarshal(doc.Statement, &all) != nil {
		var one statement
		if err := json.Unmarshal(doc.Statement, &one); err != nil {
			return nil, err
		}
		all = []statement{one}
	}
	var who []string
	for _, s := range all {
		if s.Effect != "Allow" {
			continue
		}
		for kind, names := range principals(s.Principal) {
			for _, n := range names {
				if asked(kind, n) {
					who = append(who, n)
				}
			}
		}
	}
	slices.Sort(who)
	return slices.Compact(who), nil
}

// principals reads the Principal element: "*", or kinds with one name or several.
func principals(raw json.RawMessage) map[string][]string {
	var everybody string
	if json.Unmarshal(raw, &everybody) == nil {
		return map[string][]string{"AWS": {everybody}}
	}
	var kinds map[string]json.RawMessage
	if json.Unmarshal(raw, &kinds) != nil {
		return nil
	}
	all := map[string][]string{}
	for kind, value := range kinds {
		var one string
		var many []string
		if json.Unmarshal(value, &one) == nil {
			many = []string{one}
		} else if json.Unmarshal(value, &many) != nil {
			many = []string{string(value)}
		}
		all[kind] = many
	}
	return all
}

// ofAccount tells the account's own users, roles and root from everybody else. What stands for a principal that was
// deleted (AIDA…, AROA…) can be nobody any more.
func ofAccount(principal, account string) bool {
	if principal == account || strings.HasPrefix(principal, "AIDA") || strings.HasPrefix(principal, "AROA") {
		return true
	}
	parts := strings.SplitN(principal, ":", 6)
	return len(parts) == 6 && parts[4] == account && !strings.Contains(parts[5], "-provider/")
}
