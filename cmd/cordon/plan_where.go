package main

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/finding"
)

// place is the account that the credentials are of, and what can be answered from it.
type place struct {
	*action.AWS
	manages  bool // it is the management account of its organisation
	doubtful error
}

// whereAmI asks, where an incident is about another account as a whole, whether this one manages its organisation.
func whereAmI(ctx context.Context, conn *action.AWS, subjects []casefile.Subject) place {
	p := place{AWS: conn}
	another := func(s casefile.Subject) bool { return s.Kind == casefile.AWSAccount && s.Account != conn.Account }
	if slices.ContainsFunc(subjects, another) {
		p.manages, p.doubtful = conn.Manages(ctx)
		if action.Code(p.doubtful) == "AWSOrganizationsNotInUseException" {
			p.doubtful = nil // an account in no organisation manages none
		}
	}
	return p
}

// has tells whether a subject can be answered with these credentials: it is in their account, or is an account that
// theirs may manage.
func (p place) has(s casefile.Subject) bool {
	return !p.apart(s) && (s.Account == "" || s.Account == p.Account || s.Kind == casefile.AWSAccount && p.manages)
}

// whole is an incident with the account of what a person named without one: it is looked for in this account, in the log
// too.
func (p place) whole(i casefile.Incident) casefile.Incident {
	i.Subjects = slices.Clone(i.Subjects)
	for n, s := range i.Subjects {
		if s.Account == "" {
			i.Subjects[n].Account, i.Subjects[n].Region = p.Account, cmp.Or(s.Region, p.Region)
		}
	}
	return i
}

// apart tells whether a subject's ARN is of another partition than the credentials: of AWS GovCloud, say, where the same
// name is somebody else's.
func (p place) apart(s casefile.Subject) bool {
	parts := strings.SplitN(s.ARN, ":", 3)
	return len(parts) == 3 && parts[0] == "arn" && parts[1] != p.Partition
}

// wrong is the error of credentials that can answer nothing of an incident.
func (p place) wrong(s casefile.Subject) error {
	of := fmt.Sprintf("the incident is in account %s, the credentials are of account %s (%s)", s.Account, p.Account, p.Caller)
	switch {
	case p.apart(s):
		return fmt.Errorf("%s is not in partition %s, of which the credentials are (%s): log in where it is, with --profile or --role-arn, and name a region of there with --region", s.ARN, p.Partition, p.Caller)
	case s.Kind != casefile.AWSAccount:
		return fmt.Errorf("%s: log in to the right account, with --profile or --role-arn", of)
	case p.doubtful != nil:
		return fmt.Errorf("%s, and whether that manages its organisation could not be told: %w\nlog in to account %s (--profile, --role-arn), and name the management account's profile with --management-profile", of, p.doubtful, s.Account)
	}
	return fmt.Errorf("%s, which does not manage its organisation: log in to account %s (--profile, --role-arn), and name the management account's profile with --management-profile", of, s.Account)
}

// frame is the plan before its steps: the case, the account, the finding.
func frame(doc finding.Doc, subjects []casefile.Subject, where place, caseID string) (casefile.Plan, error) {
	here := func(s casefile.Subject) bool { return planned(s) && where.has(s) }
	if !slices.ContainsFunc(subjects, here) {
		return casefile.Plan{}, where.wrong(subjects[0])
	}
	p := casefile.Plan{
		Format: 1, Kind: casefile.PlanContain, Case: caseID, Account: where.Account, Region: where.Region, Partition: where.Partition,
		Survives: []string{}, NotCaptured: []string{},
	}
	if where.Management != nil {
		p.Management = where.Management.Caller
	}
	if doc.Raw != nil {
		i := doc.Incident
		p.Finding, p.FindingRaw = &i, string(doc.Raw)
	}
	if p.Case == "" {
		p.Case = caseName(where.Account, subjects[0], doc)
	}
	if !validCase(p.Case) {
		return p, fmt.Errorf("%w: %q is no case id", errUsage, p.Case)
	}
	return p, nil
}

// caseName is the same for the same finding, so that two responders meet in one case. Where a person named a user or
// role, its kind tells it from the other of that name.
func caseName(account string, s casefile.Subject, doc finding.Doc) string {
	id := strings.ToLower(s.ID)
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789-", r) {
			return r
		}
		return '-'
	}, id)
	changed := name != id
	name = account + "-" + name
	if s.Kind == casefile.AWSAccount {
		name = s.ID + "-account" // whoever answers it, from inside or outside
	}
	if doc.Incident.Finding.ID != "" {
		return cut(name, 80) + "-" + casefile.HashBytes([]byte(doc.Incident.Finding.ID))[:8]
	}
	switch s.Kind {
	case casefile.IAMUser, casefile.IAMRole:
		name += "-" + strings.TrimPrefix(string(s.Kind), "iam-")
	}
	if changed || len(name) > 80 {
		return cut(name, 80) + "-" + casefile.HashBytes([]byte(s.ID))[:8]
	}
	return name
}

func cut(s string, most int) string { return s[:min(len(s), most)] }

// regionFor is where AWS is reached for subjects: in the region that they are in, where they are in one. Users, roles
// and accounts are in none; the configuration's serves, and where there is none any of their partition does.
func (a *app) regionFor(subjects []casefile.Subject) {
	for _, s := range subjects {
		if a.conn.region == "" && regionSyntax.MatchString(s.Region) {
			a.conn.region = s.Region
		}
	}
	if !slices.ContainsFunc(subjects, casefile.Subject.Regional) && len(subjects) > 0 {
		a.conn.anywhere = homeRegion(subjects[0].ARN)
	}
}

var regionSyntax = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]{2,})+-[1-9][0-9]?$`)

func isIdentity(s casefile.Subject) bool {
	switch s.Kind {
	case casefile.IAMUser, casefile.IAMRole, casefile.AccessKey, casefile.RoleSession, casefile.FederatedUser:
		return true
	}
	return false
}

// homeRegion is where IAM of an ARN's partition is at home
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html, docs.aws.amazon.com/general/latest/gr/iam-service.html).
func homeRegion(arn string) string {
	parts := strings.SplitN(arn+":", ":", 3)
	home := map[string]string{"aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"}
	return cmp.Or(home[parts[1]], anyRegion)
}
