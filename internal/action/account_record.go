package action

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/account"
	accounttypes "github.com/aws/aws-sdk-go-v2/service/account/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"cordon/internal/casefile"
)

// RecordAccount writes down an account as it is: everybody and everything that IAM knows in it, its contacts, and in
// each region its trails and detectors. It waits for nothing that AWS has to make: what is recorded after the cut shows the
// cut. Params: regions, those that are enabled.
var RecordAccount = gather(Gather{
	Name:     "account-record",
	Summary:  "Record the account: users, roles and policies whole, identity providers, root user, contacts, and the trails and detectors of each region.",
	Phase:    casefile.Preserve,
	Target:   casefile.AWSAccount,
	Deadline: 15 * 60,
	Reads: Ops{
		op((*iam.Client).GetAccountAuthorizationDetails), op((*iam.Client).GetAccountSummary),
		op((*iam.Client).ListSAMLProviders), op((*iam.Client).GetSAMLProvider),
		op((*iam.Client).ListOpenIDConnectProviders), op((*iam.Client).GetOpenIDConnectProvider),
		op((*account.Client).GetContactInformation), op((*account.Client).GetAlternateContact),
		op((*organizations.Client).DescribeOrganization), op((*ec2.Client).DescribeRegions),
		op((*cloudtrail.Client).DescribeTrails), op((*cloudtrail.Client).GetTrailStatus), op((*cloudtrail.Client).GetEventSelectors),
		op((*guardduty.Client).ListDetectors), op((*guardduty.Client).GetDetector),
	},
	Collect: collectAccount,
	Change:  func(t Target) string { return fmt.Sprintf("IAM whole, and %d regions", len(t.List("regions"))) },
})

func collectAccount(ctx context.Context, c *AWS, t Target, sink Sink) error {
	r := newCollector(c, t, sink)
	r.read(ctx, "users, groups, roles and policies", "iam:GetAccountAuthorizationDetails", r.authorizationDetails)
	r.read(ctx, "account summary", "iam:GetAccountSummary", func(ctx context.Context) (any, error) {
		return c.IAM.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	})
	r.read(ctx, "SAML providers", "iam:ListSAMLProviders", r.samlProviders)
	r.read(ctx, "OpenID Connect providers", "iam:ListOpenIDConnectProviders", r.oidcProviders)
	r.read(ctx, "contact information", "account:GetContactInformation", func(ctx context.Context) (any, error) {
		return c.Accounts.GetContactInformation(ctx, &account.GetContactInformationInput{})
	})
	for _, kind := range accounttypes.AlternateContactType("").Values() {
		r.read(ctx, "alternate contact "+string(kind), "account:GetAlternateContact", alternateContact(c, kind))
	}
	r.read(ctx, "regions", "ec2:DescribeRegions", func(ctx context.Context) (any, error) {
		return c.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	})
	r.read(ctx, "organisation", "organizations:DescribeOrganization", organisation(c))
	if len(t.List("regions")) == 0 {
		r.note(sink.Loss("trails and detectors of every region", "ec2:DescribeRegions", "the plan could not tell which regions there are: plan again"))
	}
	for _, region := range t.List("regions") {
		there := c.In(region)
		r.read(ctx, "trails of "+region, "cloudtrail:DescribeTrails", r.trailsOf(there))
		r.read(ctx, "detectors of "+region, "guardduty:ListDetectors", r.detectorsOf(there))
	}
	return r.wait()
}

// authorizationDetails keeps each page as it comes: a large account has many megabytes of them, and a page that fails
// must not cost those before it.
func (r *collector) authorizationDetails(ctx context.Context) (any, error) {
	const source = "iam:GetAccountAuthorizationDetails"
	pages := iam.NewGetAccountAuthorizationDetailsPaginator(r.c.IAM, &iam.GetAccountAuthorizationDetailsInput{MaxItems: aws.Int32(1000)})
	for n := 1; ; n++ {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("page %d: %w", n, err)
		}
		data, err := answerJSON(page)
		if err != nil {
			return nil, err
		}
		r.keep(fmt.Sprintf("users, groups, roles and policies, page %d", n), source, data)
		if !pages.HasMorePages() {
			return map[string]int{"pages": n}, nil
		}
	}
}

// samlProviders are all of them, each with its metadata, whose certificate tells whose signature lets people in.
func (r *collector) samlProviders(ctx context.Context) (any, error) {
	list, err := r.c.IAM.ListSAMLProviders(ctx, &iam.ListSAMLProvidersInput{})
	if err != nil {
		return nil, err
	}
	for _, p := range list.SAMLProviderList {
		r.samlProvider(ctx, aws.ToString(p.Arn))
	}
	return list, nil
}

func (r *collector) oidcProviders(ctx context.Context) (any, error) {
	list, err := r.c.IAM.ListOpenIDConnectProviders(ctx, &iam.ListOpenIDConnectProvidersInput{})
	if err != nil {
		return nil, err
	}
	for _, p := range list.OpenIDConnectProviderList {
		r.oidcProvider(ctx, aws.ToString(p.Arn))
	}
	return list, nil
}

// alternateContact: that there is none is an answer, and kept as one.
func alternateContact(c *AWS, kind accounttypes.AlternateContactType) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		out, err := c.Accounts.GetAlternateContact(ctx, &account.GetAlternateContactInput{AlternateContactType: kind})
		if hasCode(err, "ResourceNotFoundException") {
			return map[string]any{"AlternateContact": nil}, nil
		}
		return out, err
	}
}

// organisation: that there is none is an answer, too.
func organisation(c *AWS) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		out, err := c.Organizations.DescribeOrganization(ctx, &organizations.DescribeOrganizationInput{})
		if hasCode(err, "AWSOrganizationsNotInUseException") {
			return map[string]any{"Organization": nil}, nil
		}
		return out, err
	}
}

// trailsOf lists a region's trails, and reads each that is at home there under a name of its own: one that fails is lost
// alone.
func (r *collector) trailsOf(c *AWS) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		out, err := c.CloudTrail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{})
		if err != nil {
			return nil, err
		}
		for _, t := range out.TrailList {
			if aws.ToString(t.HomeRegion) != c.Region {
				continue // a shadow: it is read at home
			}
			name := "trail " + aws.ToString(t.TrailARN)
			r.read(ctx, name+", status", "cloudtrail:GetTrailStatus", func(ctx context.Context) (any, error) {
				return c.CloudTrail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
			})
			r.read(ctx, name+", event selectors", "cloudtrail:GetEventSelectors", func(ctx context.Context) (any, error) {
				return c.CloudTrail.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.TrailARN})
			})
		}
		return out, nil
	}
}

func (r *collector) detectorsOf(c *AWS) func(context.Context) (any, error) {
	return func(ctx context.Context) (any, error) {
		all, err := every(ctx, guardduty.NewListDetectorsPaginator(c.GuardDuty, &guardduty.ListDetectorsInput{}))
		for _, page := range all {
			for _, id := range page.DetectorIds {
				r.read(ctx, "detector "+id+" in "+c.Region, "guardduty:GetDetector", func(ctx context.Context) (any, error) {
					return c.GuardDuty.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(id)})
				})
			}
		}
		return all, err
	}
}
