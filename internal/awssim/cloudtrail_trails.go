package awssim

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// Trail is a trail, in its home region. A multi-region trail shows in every
// region as a shadow. An organisation's trail shows in its members, who cannot
// change it.
type Trail struct {
	Name         string
	ARN          string
	Home         string
	Bucket       string
	MultiRegion  bool
	Organization bool
	Owner        string // account
	Logging      bool
	Undelivered  string // the S3 error of the last delivery, or ""
	Unannounced  string // the SNS error of the last notice, or ""
	NoManagement bool   // its selectors leave management events out
}

// AddTrail puts a trail into its home region.
func (w *World) AddTrail(t Trail) *Trail {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.Owner == "" {
		t.Owner = w.account.ID
	}
	if t.ARN == "" {
		t.ARN = "arn:" + w.account.Partition + ":cloudtrail:" + t.Home + ":" + t.Owner + ":trail/" + t.Name
	}
	if t.Bucket == "" {
		t.Bucket = "log-archive-example"
	}
	w.account.Region(t.Home).CloudTrail.Trails[t.ARN] = &t
	w.noteKnown()
	return &t
}

func trailHandlers() []handler {
	return []handler{
		read(describeTrails),
		read(getTrailStatus),
		read(getEventSelectors),
		write(startLogging),
		write(stopLogging),
	}
}

// shown is the trails of the called region by ARN: its own and, with shadows,
// those of other regions that record it too.
func shown(r *Request, shadows bool) map[string]*Trail {
	all := maps.Clone(view(r, r.Region.CloudTrail.Trails))
	if !shadows {
		return all
	}
	for name, region := range r.Account.Regions {
		if name == r.Region.Name {
			continue
		}
		for arn, t := range view(r, region.CloudTrail.Trails) {
			if t.MultiRegion {
				all[arn] = t
			}
		}
	}
	return all
}

// DescribeTrails shows shadow trails unless told not to.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_DescribeTrails.html
func describeTrails(r *Request, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	trails := shown(r, in.IncludeShadowTrails == nil || *in.IncludeShadowTrails)
	out := &cloudtrail.DescribeTrailsOutput{}
	for _, arn := range sortedKeys(trails) {
		t := trails[arn]
		if len(in.TrailNameList) > 0 && !slices.Contains(in.TrailNameList, t.Name) && !slices.Contains(in.TrailNameList, arn) {
			continue
		}
		out.TrailList = append(out.TrailList, types.Trail{
			Name: aws.String(t.Name), TrailARN: aws.String(arn), HomeRegion: aws.String(t.Home), S3BucketName: aws.String(t.Bucket),
			IsMultiRegionTrail: aws.Bool(t.MultiRegion), IsOrganizationTrail: aws.Bool(t.Organization),
			IncludeGlobalServiceEvents: aws.Bool(true), LogFileValidationEnabled: aws.Bool(true),
		})
	}
	return out, nil
}

// trail finds by name or ARN. A trail that is asked for in another region has
// to be named by ARN.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
func trail(r *Request, name *string) (*Trail, error) {
	for arn, t := range shown(r, true) {
		if arn == aws.ToString(name) || t.Name == aws.ToString(name) && t.Home == r.Region.Name {
			return t, nil
		}
	}
	return nil, modelled(404, &types.TrailNotFoundException{Message: aws.String("Unknown trail: " + aws.ToString(name))})
}

// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetTrailStatus.html
func getTrailStatus(r *Request, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	t, err := trail(r, in.Name)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetTrailStatusOutput{IsLogging: aws.Bool(t.Logging)}
	if t.Undelivered != "" {
		out.LatestDeliveryError = aws.String(t.Undelivered)
	}
	if t.Unannounced != "" {
		out.LatestNotificationError = aws.String(t.Unannounced)
	}
	return out, nil
}

// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html
func getEventSelectors(r *Request, in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	t, err := trail(r, in.TrailName)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetEventSelectorsOutput{
		TrailARN:       aws.String(t.ARN),
		EventSelectors: []types.EventSelector{{IncludeManagementEvents: aws.Bool(!t.NoManagement), ReadWriteType: types.ReadWriteTypeAll}},
	}, nil
}

// Only the home region starts and stops a trail, and only the management
// account or a delegated administrator an organisation's.
// https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_StartLogging.html
func setLogging(r *Request, name *string, on bool) error {
	t, err := trail(r, name)
	switch {
	case err != nil:
		return err
	case t.Home != r.Region.Name:
		return modelled(400, &types.InvalidHomeRegionException{Message: aws.String("Trail " + t.ARN + " must be updated from its home region.")})
	case t.Organization && r.callerAccount() != t.Owner:
		return modelled(400, &types.NotOrganizationMasterAccountException{Message: aws.String("The trail is an organization trail: only the management account can change it.")})
	}
	touch(r, r.Region.CloudTrail.Trails, t.ARN)
	r.Region.CloudTrail.Trails[t.ARN].Logging = on
	return nil
}

func startLogging(r *Request, in *cloudtrail.StartLoggingInput) (*cloudtrail.StartLoggingOutput, error) {
	if err := setLogging(r, in.Name, true); err != nil {
		return nil, err
	}
	return &cloudtrail.StartLoggingOutput{}, nil
}

func stopLogging(r *Request, in *cloudtrail.StopLoggingInput) (*cloudtrail.StopLoggingOutput, error) {
	if err := setLogging(r, in.Name, false); err != nil {
		return nil, err
	}
	return &cloudtrail.StopLoggingOutput{}, nil
}
