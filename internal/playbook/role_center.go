package playbook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/identitystore/document"
	storetypes "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"cordon/internal/action"
)

// center is the organisation's instance of Identity Center.
type center struct {
	c            *action.AWS // where it is changed
	instance     string
	store        string
	organisation string // the management account, "" where that could not be read
	doubt        error  // why it could not
}

// foundCenter is what a look for it came to.
type foundCenter struct {
	center
	err error
}

// center looks for the organisation's instance, once.
func (p *rolePlan) center(ctx context.Context) (center, error) {
	if p.centerSeen == nil {
		c, err := p.findCenter(ctx)
		p.centerSeen = &foundCenter{c, err}
	}
	return p.centerSeen.center, p.centerSeen.err
}

// findCenter looks in the region that the role's path names, then in all others, until an instance is seen: any region
// tells of all of them, but a region may be off, or not know of the question.
func (p *rolePlan) findCenter(ctx context.Context) (center, error) {
	s := center{}
	if s.organisation, s.doubt = p.managing(ctx); s.doubt == nil && s.organisation == "" {
		s.doubt = errors.New("AWS answered without an organisation")
	}
	first := p.centerRegion()
	seen, err := instancesFrom(ctx, p.c.Management.In(first))
	var failed []string
	if err != nil {
		failed = append(failed, unasked(first, err))
	}
	if !slices.ContainsFunc(seen, s.isOrganisations) {
		more, errs := p.instancesElsewhere(ctx, first, s)
		seen, failed = append(seen, more...), append(failed, errs...)
	}
	i, err := s.choose(seen, first)
	switch {
	case err == nil:
		s.c, s.instance, s.store = p.c.Management.In(i.region), aws.ToString(i.InstanceArn), aws.ToString(i.IdentityStoreId)
		return s, nil
	case len(failed) > 0:
		return s, fmt.Errorf("%w, as far as could be looked (%s)", err, strings.Join(failed[:min(len(failed), 3)], "; "))
	}
	return s, fmt.Errorf("%w, as account %s sees it", err, p.c.Management.Account)
}

// managing is the organisation's management account.
func (p *rolePlan) managing(ctx context.Context) (string, error) {
	out, err := p.c.Organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
	if err != nil || out.Organization == nil {
		return "", err
	}
	return aws.ToString(out.Organization.MasterAccountId), nil
}

// centerRegion is the region that the role's path names: that of an instance in us-east-1 names none.
func (p *rolePlan) centerRegion() string {
	rest, ok := strings.CutPrefix(aws.ToString(p.role.Path), "/aws-reserved/sso.amazonaws.com/")
	region := strings.Trim(rest, "/")
	switch {
	case ok && region != "":
		return region
	case p.c.Partition != "aws":
		return p.c.Region
	}
	return "us-east-1"
}

// ssoInstance is one of Identity Center, and the region that it is changed in.
type ssoInstance struct {
	ssotypes.InstanceMetadata
	region string
}

// instancesElsewhere asks the other regions, until one tells of the organisation's instance.
func (p *rolePlan) instancesElsewhere(ctx context.Context, first string, s center) (seen []ssoInstance, failed []string) {
	regions, err := p.c.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	if err != nil {
		return nil, []string{"the other regions are not known: " + brief(err)}
	}
	for _, r := range regions.Regions {
		name := aws.ToString(r.RegionName)
		if name == first {
			continue
		}
		more, err := instancesFrom(ctx, p.c.Management.In(name))
		if err != nil {
			failed = append(failed, unasked(name, err))
		}
		seen = append(seen, more...)
		if slices.ContainsFunc(more, s.isOrganisations) {
			break
		}
	}
	return seen, failed
}

// instancesFrom asks a region for the instances of all of them. An instance is seen in every region that it was extended
// to, and changed in its primary one alone
// (docs.aws.amazon.com/singlesignon/latest/userguide/use-cases-across-regions.html).
func instancesFrom(ctx context.Context, c *action.AWS) ([]ssoInstance, error) {
	var seen []ssoInstance
	pages := ssoadmin.NewListInstancesPaginator(c.SSOAdmin, &ssoadmin.ListInstancesInput{RegionScope: ssotypes.RegionScopeAllRegions})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return seen, err
		}
		for _, i := range page.Instances {
			seen = append(seen, ssoInstance{i, cmp.Or(aws.ToString(i.PrimaryRegion), c.Region)})
		}
	}
	return seen, nil
}

// unasked says why a region could not be asked, in the same words each time.
func unasked(region string, err error) string { return "from " + region + ": " + brief(err) }

// isOrganisations tells the organisation's own instance, which its management account owns, from those that accounts
// have for themselves: those know nothing of roles
// (docs.aws.amazon.com/singlesignon/latest/userguide/identity-center-instances.html). Where the management account is
// not known, or the owner is not told, it may be any.
func (s center) isOrganisations(i ssoInstance) bool {
	owner := aws.ToString(i.OwnerAccountId)
	return (i.Status == "" || i.Status == ssotypes.InstanceStatusActive) && (owner == "" || s.organisation == "" || owner == s.organisation)
}

// choose takes the one instance that can be the organisation's. A user of the same name in another would be somebody
// else, so that nothing is chosen among several.
func (s center) choose(seen []ssoInstance, named string) (ssoInstance, error) {
	var all []string
	var of []ssoInstance
	for _, i := range seen {
		arn := aws.ToString(i.InstanceArn)
		text := fmt.Sprintf("%s of account %s in %s", arn, cmp.Or(aws.ToString(i.OwnerAccountId), "unknown"), i.region)
		if slices.Contains(all, text) {
			continue // told by another region too
		}
		all = append(all, text)
		if s.isOrganisations(i) && !slices.ContainsFunc(of, func(o ssoInstance) bool { return aws.ToString(o.InstanceArn) == arn }) {
			of = append(of, i)
		}
	}
	if there := slices.DeleteFunc(slices.Clone(of), func(i ssoInstance) bool { return i.region != named }); len(of) > 1 && len(there) == 1 {
		return there[0], nil
	}
	switch {
	case len(of) == 1:
		return of[0], nil
	case len(all) == 0:
		return ssoInstance{}, errors.New("no instance of it is seen")
	case len(of) == 0:
		return ssoInstance{}, fmt.Errorf("none of its instances is the organisation's and active (%s)", strings.Join(all, "; "))
	}
	return ssoInstance{}, fmt.Errorf("which of its instances is the organisation's is not known (%s)", strings.Join(all, "; "))
}

// userID looks a name up. It is anybody's text: it goes nowhere but into this question.
func userID(ctx context.Context, s center, name string) (string, error) {
	out, err := s.c.IdentityStore.GetUserId(ctx, &identitystore.GetUserIdInput{
		IdentityStoreId: aws.String(s.store),
		AlternateIdentifier: &storetypes.AlternateIdentifierMemberUniqueAttribute{Value: storetypes.UniqueAttribute{
			AttributePath: aws.String("userName"), AttributeValue: document.NewLazyDocument(name),
		}},
	})
	if err != nil {
		return "", fmt.Errorf("look up the user in identity store %s: %w", s.store, err)
	}
	return aws.ToString(out.UserId), nil
}
