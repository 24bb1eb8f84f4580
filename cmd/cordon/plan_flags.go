package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cordon/internal/casefile"
	"cordon/internal/playbook"
)

// planFlags are the responder's choices.
type planFlags struct {
	out, caseID string
	tags        []string
	responder   []string
	opts        playbook.Options
	from        source // where to look for what was reached; nowhere where none is given
	cuts        bool   // the plan is carried out at once: what can be looked for after the cut is
}

// looks tells whether what was reached is looked for before planning: a resource is cut first, and an identity with
// the sessions and roles that were reached from it.
func (p *planFlags) looks(subjects []casefile.Subject) bool {
	return p.from.given() && (!p.cuts || !p.opts.CutFirst && slices.ContainsFunc(subjects, identityFirst))
}

func (p *planFlags) add(c *cobra.Command) {
	f, o := c.Flags(), &p.opts
	f.StringVar(&p.out, "out", "", "write the plan to this `FILE`")
	f.StringVar(&p.caseID, "case", "", "the case's `ID` (default: from the finding)")
	f.BoolVar(&o.CutFirst, "cut-first", false, "contain ahead of the evidence, and of looking whom the intruder reached: data is leaving now")
	f.StringArrayVar(&p.tags, "tag", nil, "`KEY=VALUE` added to whatever cordon tags, such as a ticket; may be repeated")
	f.StringArrayVar(&p.responder, "responder-address", nil, "your own `ADDRESS` or network: never denied; may be repeated")

	f.StringVar(&o.Cut, "cut", "", "`stop` the instance after the evidence (memory is lost)")
	f.BoolVar(&o.Standby, "standby", false, "keep it in its Auto Scaling group, in standby, instead of detaching")
	f.BoolVar(&o.RevokeRole, "revoke-role", false, "cut every session of the role, not this instance's alone")
	f.BoolVar(&o.ForensicsEgress, "forensics-egress", false, "leave 443 to the VPC's own SSM and S3 endpoints")
	f.DurationVar(&o.CaptureDeadline, "capture-deadline", time.Hour, "with --forensics-egress: when the SSM agent's own calls are cut too")
	f.StringVar(&o.Lock, "lock", "governance", "lock the snapshots: `governance`, compliance or none")
	f.IntVar(&o.LockDays, "lock-days", 30, "for how many days")

	f.BoolVar(&o.SessionsOnly, "sessions-only", false, "deny only the sessions issued until now: the user keeps working, with keys that you make anew")

	f.StringVar(&o.OnlySession, "only-session", "", "cut the one session of this `NAME`, not all of them")
	f.StringVar(&o.SourceIdentity, "source-identity", "", "cut only the sessions with this source identity (`NAME`)")
	f.StringArrayVar(&o.CloseTo, "close-to", nil, "the `ARN`, account id or service (ec2.amazonaws.com) of who may not assume it any more; may be repeated")
	f.StringArrayVar(&o.CutProviders, "cut-provider", nil, "the `ARN` of a SAML or OIDC provider that may sign nobody in any more; may be repeated")
	f.StringVar(&o.SSOUser, "sso-user", "", "the Identity Center `USER` behind it (default: the finding's session name)")
	f.StringArrayVar(&o.DirectoryUsers, "directory-user", nil, "a user of AWS Managed Microsoft AD to disable, as `DIRECTORY/NAME`: the directory is looked for with Identity Center (--management-profile), then in the account; may be repeated")

	f.StringArrayVar(&o.Spare, "spare", nil, "the `ARN` of a user or role that is never cut: the responders' own; may be repeated")
	f.StringVar(&o.QuarantineOU, "quarantine-ou", "", "move it to this organisational `UNIT` instead of attaching a policy")
	f.BoolVar(&o.DeleteRoot, "delete-root", false, "plan the deletion of the root user's credentials too, which is approved on its own")
	groupFlags(c)
}

// flagGroups are the choices of a plan, by what they are about.
var flagGroups = []struct {
	title string
	flags []string
}{
	{"The plan", []string{"out", "case", "cut-first", "tag", "responder-address"}},
	{"Approval", []string{"approve", "irreversible", "second", "approvers"}},
	{"An instance (playbook ec2)", []string{"cut", "standby", "revoke-role", "forensics-egress", "capture-deadline", "lock", "lock-days"}},
	{"A user and its keys (playbook credentials)", []string{"sessions-only"}},
	{"A role and its sessions (playbook role)", []string{"only-session", "source-identity", "close-to", "cut-provider", "sso-user", "directory-user"}},
	{"A whole account (playbook account)", []string{"spare", "quarantine-ou", "delete-root"}},
	{"Whom the intruder reached (one of the first three)", []string{"lookup", "logs", "index", "public-keys"}},
	{"How AWS is reached", []string{"profile", "region", "role-arn", "external-id", "management-profile", "endpoint-url"}},
	{"The drill", []string{"list", "latency", "seed", "keep", "release"}},
}

// groupFlags has the command's help show its flags in groups.
func groupFlags(c *cobra.Command) {
	c.Flags().SortFlags = false
	c.SetUsageFunc(func(c *cobra.Command) error {
		w := c.OutOrStderr()
		fmt.Fprintf(w, "Usage:\n  %s\n", c.UseLine())
		for _, g := range flagGroups {
			some := (&cobra.Command{}).Flags()
			some.SortFlags = false
			for _, name := range g.flags {
				if f := c.LocalFlags().Lookup(name); f != nil {
					some.AddFlag(f)
				}
			}
			if some.HasFlags() {
				fmt.Fprintf(w, "\n%s:\n%s", g.title, some.FlagUsages())
			}
		}
		_, err := fmt.Fprintf(w, "\nEverywhere:\n%s", c.InheritedFlags().FlagUsages())
		return err
	})
}

// idle names the choices that a plan has no use for: whoever typed one believes that it does something.
func (p *planFlags) idle(plan casefile.Plan) []string {
	o := p.opts
	given := map[string]bool{
		"cut": o.Cut != "", "standby": o.Standby, "revoke-role": o.RevokeRole, "forensics-egress": o.ForensicsEgress,
		"sessions-only": o.SessionsOnly, "only-session": o.OnlySession != "", "source-identity": o.SourceIdentity != "", "close-to": o.CloseTo != nil,
		"cut-provider": o.CutProviders != nil, "sso-user": o.SSOUser != "", "directory-user": o.DirectoryUsers != nil,
		"quarantine-ou": o.QuarantineOU != "", "delete-root": o.DeleteRoot,
	}
	var idle []string
	for _, b := range playbook.All {
		if slices.ContainsFunc(plan.Subjects, func(s casefile.Subject) bool { return s.Playbook == b.Name }) {
			continue
		}
		for _, g := range flagGroups {
			for _, name := range g.flags {
				if strings.HasSuffix(g.title, "(playbook "+b.Name+")") && given[name] {
					idle = append(idle, fmt.Sprintf("--%s does nothing here: no subject of this plan is answered by playbook %s", name, b.Name))
				}
			}
		}
	}
	return idle
}

func (p *planFlags) options() (playbook.Options, error) {
	o := p.opts
	o.Tags = map[string]string{}
	for _, t := range p.tags {
		k, v, ok := strings.Cut(t, "=")
		if !ok || k == "" || strings.HasPrefix(k, "cordon:") || strings.HasPrefix(k, "aws:") || strings.Contains(t, "\n") {
			return o, fmt.Errorf("%w: --tag %q is not key=value", errUsage, t)
		}
		o.Tags[k] = v
	}
	for _, r := range p.responder {
		prefix, err := netip.ParsePrefix(r)
		if addr, addrErr := netip.ParseAddr(r); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			return o, fmt.Errorf("%w: --responder-address %q is neither an address nor a network", errUsage, r)
		}
		o.Responder = append(o.Responder, prefix)
	}
	switch {
	case o.Cut != "" && o.Cut != "stop":
		return o, fmt.Errorf("%w: --cut takes stop, not %q", errUsage, o.Cut)
	case o.Lock != "governance" && o.Lock != "compliance" && o.Lock != "none":
		return o, fmt.Errorf("%w: --lock takes governance, compliance or none, not %q", errUsage, o.Lock)
	case o.LockDays < 1 || o.LockDays > 36500:
		return o, fmt.Errorf("%w: --lock-days takes 1 to 36500", errUsage)
	}
	return o, identityOptions(o)
}
