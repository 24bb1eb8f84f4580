package playbook

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

// defaultTrustQuota is the characters of a trust policy where the account's own quota is not known
// (docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const defaultTrustQuota = 2048

// narrowTrust closes the doors that the responder names, and those outside the account that the log shows. A door
// inside the account is a user or role that others depend on, and an identity provider is everybody's: those are
// closed only when asked for, and the plan says how.
func (p *rolePlan) narrowTrust() error {
	if !p.trusted {
		return nil
	}
	if p.c.SessionOf(p.name()) != "" {
		if len(p.o.CloseTo) > 0 {
			p.warn(fmt.Sprintf("--close-to: cordon itself acts with role %s, whose trust policy is left as it is: use other credentials", p.name()))
		}
		return nil
	}
	if err := p.asked(); err != nil {
		return err
	}
	p.found()
	if len(p.closed) == 0 {
		return nil
	}
	var names []string
	for _, d := range p.closed {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	quota := defaultTrustQuota
	if n := p.quotas["AssumeRolePolicySizeQuota"]; n > 0 {
		quota = int(n)
	}
	p.add(Step{
		Key: keyNarrowTrust, Action: action.NarrowTrust, Target: p.self(),
		Params: map[string]string{
			"role_id": aws.ToString(p.role.RoleId), "close": action.List(slices.Compact(names)), "spare": action.List(p.o.Spare),
			"was": p.document, "quota": strconv.Itoa(quota),
		},
	})
	return nil
}

// asked takes the doors of --close-to.
func (p *rolePlan) asked() error {
	for _, text := range p.o.CloseTo {
		d, err := action.ParseDoor(text, p.c.Partition)
		if err != nil {
			return fmt.Errorf("close role %s: %w", p.name(), err)
		}
		p.close(d, fmt.Sprintf("--close-to %s", d.Name))
	}
	return nil
}

// found takes the doors that the log shows the intruder to have come in by. What is not closed is told with who may
// assume the role.
func (p *rolePlan) found() {
	if p.in.Reached == nil {
		return
	}
	for _, text := range p.in.Reached.Doors {
		d, err := action.ParseDoor(text, p.c.Partition)
		if err != nil {
			p.warn(fmt.Sprintf("role %s was assumed from %q, and cordon cannot close that door: %v", p.name(), text, err))
			continue
		}
		p.cameBy = append(p.cameBy, d)
		if d.Account != p.c.Account && (d.Kind == action.DoorAccount || d.Kind == action.DoorPrincipal) {
			p.close(d, "the log names "+d.Name)
		}
	}
}

// close adds a door to those that the step closes, unless that would shut out the responders.
func (p *rolePlan) close(d action.Door, why string) {
	switch {
	case p.isClosed(d):
	case d.Kind == action.DoorAccount && d.Account == p.c.Account:
		p.warn(fmt.Sprintf("%s: role %s is not closed to its own account as a whole, which would shut out the responders too: name the user or role", why, p.name()))
	case d.Kind == action.DoorPrincipal && action.SamePrincipal(d.Name, p.c.Caller):
		p.warn(fmt.Sprintf("%s: that is cordon's own caller, to whom role %s is not closed", why, p.name()))
	case slices.ContainsFunc(p.o.Spare, func(s string) bool { return d.Kind == action.DoorPrincipal && action.SamePrincipal(s, d.Name) }):
		p.warn(fmt.Sprintf("%s: it is spared, as asked, so role %s stays open to it", why, p.name()))
	case !p.trust.Admits(d):
		p.warn(fmt.Sprintf("%s: the trust policy of role %s lets nobody in by it, so there is nothing to close", why, p.name()))
	default:
		p.closed = append(p.closed, d)
	}
}

func (p *rolePlan) isClosed(d action.Door) bool {
	return slices.ContainsFunc(p.closed, func(c action.Door) bool {
		return c == d || c.Kind == action.DoorPrincipal && d.Kind == action.DoorPrincipal && action.SamePrincipal(c.Name, d.Name)
	})
}

// cutProviders lets nobody sign in by the providers that the responder names. One provider serves many roles, so it
// is planned with the role that trusts it.
func (p *rolePlan) cutProviders() error {
	for i, arn := range p.o.CutProviders {
		d, err := action.ParseDoor(arn, p.c.Partition)
		if err != nil || !d.IsProvider() {
			return fmt.Errorf("cut identity provider %q: that is not the ARN of a SAML or OpenID Connect provider: %w", arn, cmpErr(err))
		}
		if d.Account != p.c.Account {
			p.warn(fmt.Sprintf("provider %s is in account %s: it can be cut there alone", arn, d.Account))
			continue
		}
		if p.in.Reached != nil && !p.trust.Admits(d) {
			continue // planned with the role that it leads to
		}
		s := Step{Key: fmt.Sprintf("cut-provider-%d", i+1), Action: action.CutSAMLProvider, Target: casefile.Target{Kind: casefile.SAMLProvider, ID: arn, ARN: arn, Account: p.c.Account, Parent: p.name()}}
		if d.Kind == action.DoorOIDC {
			s.Action, s.Target.Kind = action.CutOIDCProvider, casefile.OIDCProvider
		}
		p.add(s)
		p.warn(fmt.Sprintf("nobody can sign in through %s once it is cut, you neither: make sure that you have another way in before you approve", short(arn)))
	}
	return nil
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("it is a provider of IAM's own, or none")
	}
	return err
}

// short keeps the telling end of an ARN.
func short(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 {
		return parts[5]
	}
	return arn
}
