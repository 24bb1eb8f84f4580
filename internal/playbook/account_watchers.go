package playbook

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	gdtypes "github.com/aws/aws-sdk-go-v2/service/guardduty/types"

	"cordon/internal/action"
	"cordon/internal/casefile"
)

type stoppedTrail struct{ arn, region string }

// darkDetector does not look. administrator is the account that administers it, "" where there is none or nobody could
// say.
type darkDetector struct{ id, region, administrator string }

// watchers are what records and looks: whoever takes an account switches it off first.
func (p *accountPlan) watchers() {
	for _, t := range p.trails {
		p.add(Step{Key: "trail-" + t.arn, Action: action.StartLogging, Target: p.part(casefile.Trail, t.arn, t.region), Now: action.TrailStopped})
	}
	for _, d := range p.detectors {
		if d.administrator != "" {
			p.warn(p.notOurs(d))
			continue
		}
		p.add(Step{Key: "detector-" + d.region, Action: action.EnableDetector, Target: p.part(casefile.Detector, d.id, d.region), Now: action.DetectorOff})
	}
	if len(p.blind) > 0 {
		p.warn("GuardDuty is not there, so that nothing was looked at, in " + strings.Join(p.blind, ", "))
	}
	if dark := p.unrecorded(); len(dark) > 0 {
		p.warn("no trail records management events of " + strings.Join(dark, ", ") + ": what is done there is in the event history alone, which goes back 90 days")
	}
}

// notOurs says who can make a detector look again that another account administers. Through Organizations a member can
// neither enable nor suspend its own; one that was invited can enable it, and cannot take that back: nothing that release
// could undo (docs.aws.amazon.com/guardduty/latest/ug/administrator_member_relationships.html).
func (p *accountPlan) notOurs(d darkDetector) string {
	return fmt.Sprintf("NOT ENABLED: GuardDuty does not look in %s, and no step of this plan makes it: account %s administers detector %s and can, with its own detector's id: "+
		"aws guardduty start-monitoring-members --region %s --detector-id ID --account-ids %s; only if this account was invited, and not added through the organisation, it can itself, and cannot take it back: "+
		"aws guardduty update-detector --region %s --detector-id %s --enable", d.region, d.administrator, d.id, d.region, p.id, d.region, d.id)
}

// unrecorded are the enabled regions that no trail covers, as far as all trails could be looked at.
func (p *accountPlan) unrecorded() []string {
	if p.unseen {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.open), func(region string) bool { return p.recorded[region] || p.recorded["*"] })
}

func (s *accountSurvey) lookAtRegions(ctx context.Context, c *action.AWS) {
	out, err := c.EC2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: aws.Bool(true)})
	if err != nil {
		s.doubt("which regions there are: trails and detectors", err)
		return
	}
	var all sync.WaitGroup
	for _, r := range out.Regions {
		name := aws.ToString(r.RegionName)
		if aws.ToString(r.OptInStatus) == "not-opted-in" {
			s.closed = append(s.closed, name)
			continue
		}
		s.open = append(s.open, name)
		all.Go(func() { s.lookAtTrails(ctx, c.In(name)) })
		all.Go(func() { s.lookAtDetectors(ctx, c.In(name)) })
	}
	all.Wait()
	for arn, home := range s.shadows {
		if !slices.Contains(s.open, home) {
			s.unsure("whether trail "+arn+" records, and what,", fmt.Errorf("its home region %s is not enabled here", home))
		}
	}
	slices.Sort(s.open)
	slices.Sort(s.closed)
	slices.Sort(s.blind)
	slices.SortFunc(s.trails, func(a, b stoppedTrail) int { return strings.Compare(a.arn, b.arn) })
	slices.SortFunc(s.detectors, func(a, b darkDetector) int { return strings.Compare(a.region, b.region) })
}

// lookAtTrails looks at the trails whose home the region is. The shadows are asked for too, since an organisation's trail
// is one in its members (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html).
func (s *accountSurvey) lookAtTrails(ctx context.Context, c *action.AWS) {
	out, err := c.CloudTrail.DescribeTrails(ctx, &cloudtrail.DescribeTrailsInput{IncludeShadowTrails: aws.Bool(true)})
	if err != nil {
		s.unsure("the trails of "+c.Region, err)
		return
	}
	for _, t := range out.TrailList {
		if aws.ToString(t.HomeRegion) == c.Region {
			s.lookAtTrail(ctx, c, t)
			continue
		}
		s.mu.Lock()
		s.shadows[aws.ToString(t.TrailARN)] = aws.ToString(t.HomeRegion)
		s.mu.Unlock()
	}
}

func (s *accountSurvey) lookAtTrail(ctx context.Context, c *action.AWS, t cttypes.Trail) {
	arn := aws.ToString(t.TrailARN)
	st, err := c.CloudTrail.GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: t.TrailARN})
	if err != nil {
		s.unsure("whether trail "+arn+" records", err)
		return
	}
	s.lookAtDelivery(t, st)
	if !aws.ToBool(st.IsLogging) {
		// An organisation's trail is not this account's to start.
		if aws.ToBool(t.IsOrganizationTrail) && !strings.Contains(arn, ":"+s.id+":trail/") {
			s.say("trail " + arn + " does not record, and is the organisation's: it is started from the account that has it")
			return
		}
		s.mu.Lock()
		s.trails = append(s.trails, stoppedTrail{arn, c.Region})
		s.mu.Unlock()
	}
	s.lookAtSelectors(ctx, c, t)
}

// lookAtDelivery names a trail that records and whose files do not arrive: an intruder need not stop it, where a bucket
// can be deleted or its policy changed.
func (s *accountSurvey) lookAtDelivery(t cttypes.Trail, st *cloudtrail.GetTrailStatusOutput) {
	for _, d := range []struct {
		what  string
		error *string
	}{
		{"its files to bucket " + aws.ToString(t.S3BucketName), st.LatestDeliveryError},
		{"its digests to bucket " + aws.ToString(t.S3BucketName), st.LatestDigestDeliveryError},
		{"its events to CloudWatch Logs", st.LatestCloudWatchLogsDeliveryError},
	} {
		if why := aws.ToString(d.error); why != "" {
			s.say(fmt.Sprintf("trail %s could not deliver %s when it last tried (%s): put that right, or give it another, or what it records is lost", aws.ToString(t.TrailARN), d.what, why))
		}
	}
	if why := aws.ToString(st.LatestNotificationError); why != "" {
		s.say(fmt.Sprintf("trail %s could not tell its SNS topic of new files when it last tried (%s): whatever waits for these notices hears nothing", aws.ToString(t.TrailARN), why))
	}
}

// lookAtSelectors names a trail that leaves out management events, and counts what the others cover.
func (s *accountSurvey) lookAtSelectors(ctx context.Context, c *action.AWS, t cttypes.Trail) {
	arn := aws.ToString(t.TrailARN)
	out, err := c.CloudTrail.GetEventSelectors(ctx, &cloudtrail.GetEventSelectorsInput{TrailName: t.TrailARN})
	if err != nil {
		s.unsure("which events trail "+arn+" records", err)
		return
	}
	if lacks := leftOut(out); lacks != "" {
		s.say("trail " + arn + " records " + lacks + ": look whether that is how its owner set it")
		return
	}
	where := c.Region
	if aws.ToBool(t.IsMultiRegionTrail) {
		where = "*"
	}
	s.mu.Lock()
	s.recorded[where] = true
	s.mu.Unlock()
}

// leftOut says which management events selectors leave out, "" where they take all. A trail has selectors of one kind:
// basic ones, or advanced ones, whose fields all have to be met
// (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_AdvancedEventSelector.html).
func leftOut(out *cloudtrail.GetEventSelectorsOutput) string {
	some := ""
	for _, sel := range out.EventSelectors {
		switch {
		case !aws.ToBool(sel.IncludeManagementEvents):
		case sel.ReadWriteType == cttypes.ReadWriteTypeAll || sel.ReadWriteType == "":
			return ""
		default:
			some = "of the management events those of type " + string(sel.ReadWriteType) + " alone"
		}
	}
	for _, sel := range out.AdvancedEventSelectors {
		management := slices.ContainsFunc(sel.FieldSelectors, func(f cttypes.AdvancedFieldSelector) bool {
			return aws.ToString(f.Field) == "eventCategory" && slices.Contains(f.Equals, "Management")
		})
		switch {
		case management && len(sel.FieldSelectors) == 1:
			return ""
		case management:
			some = "a selection of the management events"
		}
	}
	if some == "" {
		return "no management events"
	}
	return some
}

// unsure is a doubt that leaves open what is recorded.
func (s *accountSurvey) unsure(what string, err error) {
	s.doubt(what, err)
	s.mu.Lock()
	s.unseen = true
	s.mu.Unlock()
}

func (s *accountSurvey) lookAtDetectors(ctx context.Context, c *action.AWS) {
	var ids []string
	pages := guardduty.NewListDetectorsPaginator(c.GuardDuty, &guardduty.ListDetectorsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			s.doubt("GuardDuty in "+c.Region, err)
			return
		}
		ids = append(ids, page.DetectorIds...)
	}
	if len(ids) == 0 {
		s.mu.Lock()
		s.blind = append(s.blind, c.Region)
		s.mu.Unlock()
	}
	for _, id := range ids {
		d, err := c.GuardDuty.GetDetector(ctx, &guardduty.GetDetectorInput{DetectorId: aws.String(id)})
		if err != nil {
			s.doubt("detector "+id+" in "+c.Region, err)
			continue
		}
		if d.Status == gdtypes.DetectorStatusEnabled {
			continue
		}
		dark := darkDetector{id, c.Region, s.administratorOf(ctx, c, id)}
		s.mu.Lock()
		s.detectors = append(s.detectors, dark)
		s.mu.Unlock()
	}
}

// administratorOf is the account that administers a detector, "" where there is none or nobody could say. A relationship
// of another status than these two is none, or not yet one
// (docs.aws.amazon.com/guardduty/latest/ug/administrator_member_relationships.html).
func (s *accountSurvey) administratorOf(ctx context.Context, c *action.AWS, id string) string {
	out, err := c.GuardDuty.GetAdministratorAccount(ctx, &guardduty.GetAdministratorAccountInput{DetectorId: aws.String(id)})
	if err != nil {
		s.doubt("which account administers detector "+id+" in "+c.Region+", so that the step that enables it may be refused,", err)
		return ""
	}
	if out.Administrator == nil || !slices.Contains([]string{"Enabled", "Disabled", ""}, aws.ToString(out.Administrator.RelationshipStatus)) {
		return ""
	}
	return aws.ToString(out.Administrator.AccountId)
}
