package awssim

import (
	"cmp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/guardduty"
	"github.com/aws/aws-sdk-go-v2/service/guardduty/types"
)

// GuardDutyState is a region's detectors, by id.
type GuardDutyState struct {
	Detectors map[string]*Detector `dump:"guardduty/detector"`
}

func newGuardDutyState() GuardDutyState { return GuardDutyState{Detectors: map[string]*Detector{}} }

// Detector is GuardDuty in one region, with its findings by id.
type Detector struct {
	ID       string
	Disabled bool
	Admin    string // the administrator account that manages it, or ""
	Findings map[string]*types.Finding

	Relationship string // with Admin, "" for Enabled, or Disabled where the detector is
}

func guarddutyHandlers() []handler {
	return []handler{
		read(guarddutyListDetectors),
		read(guarddutyListFindings),
		read(guarddutyGetFindings),
		read(guarddutyGetDetector),
		read(guarddutyGetAdministratorAccount),
		write(guarddutyUpdateDetector),
	}
}

// AddDetector turns GuardDuty on in a region. A region has one detector.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateDetector.html
func (w *World) AddDetector(region, id string, findings ...types.Finding) *Detector {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &Detector{ID: id, Findings: map[string]*types.Finding{}}
	for _, f := range findings {
		d.Findings[aws.ToString(f.Id)] = &f
	}
	w.account.Region(region).GuardDuty.Detectors[id] = d
	w.noteKnown()
	return d
}

func guarddutyListDetectors(r *Request, in *guardduty.ListDetectorsInput) (*guardduty.ListDetectorsOutput, error) {
	ids, next, err := page(r, sortedKeys(view(r, r.Region.GuardDuty.Detectors)), func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &guardduty.ListDetectorsOutput{DetectorIds: ids, NextToken: next}, nil
}

// ListFindings knows the criteria on type, id and service.archived; another
// one is refused rather than ignored, since an ignored criterion looks like
// more findings.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_ListFindings.html
func guarddutyListFindings(r *Request, in *guardduty.ListFindingsInput) (*guardduty.ListFindingsOutput, error) {
	d, err := findDetector(r, in.DetectorId)
	if err != nil {
		return nil, err
	}
	var ids []string
	for id, f := range d.Findings {
		ok, err := meets(f, in.FindingCriteria)
		if err != nil {
			return nil, err
		}
		if ok {
			ids = append(ids, id)
		}
	}
	ids, next, err := page(r, ids, func(s string) string { return s }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &guardduty.ListFindingsOutput{FindingIds: ids, NextToken: next}, nil
}

// GetFindings takes 50 ids at most and leaves out those it does not know.
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetFindings.html
func guarddutyGetFindings(r *Request, in *guardduty.GetFindingsInput) (*guardduty.GetFindingsOutput, error) {
	d, err := findDetector(r, in.DetectorId)
	if err != nil {
		return nil, err
	}
	if len(in.FindingIds) > 50 {
		return nil, badRequest("The request is rejected because the parameter findingIds has more than 50 members.")
	}
	out := &guardduty.GetFindingsOutput{Findings: []types.Finding{}}
	for _, id := range in.FindingIds {
		if f, ok := d.Findings[id]; ok {
			out.Findings = append(out.Findings, *clone(f))
		}
	}
	return out, nil
}

// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetDetector.html
func guarddutyGetDetector(r *Request, in *guardduty.GetDetectorInput) (*guardduty.GetDetectorOutput, error) {
	d, err := findDetector(r, in.DetectorId)
	if err != nil {
		return nil, err
	}
	status := types.DetectorStatusEnabled
	if d.Disabled {
		status = types.DetectorStatusDisabled
	}
	return &guardduty.GetDetectorOutput{Status: status, ServiceRole: aws.String(r.Account.globalARN("iam", "role/aws-service-role/guardduty.amazonaws.com/AWSServiceRoleForAmazonGuardDuty"))}, nil
}

// An administrator, and an account that has none, get an answer without one. A
// member that is not monitored is Disabled.
// https://docs.aws.amazon.com/guardduty/latest/ug/administrator_member_relationships.html
// https://docs.aws.amazon.com/guardduty/latest/APIReference/API_GetAdministratorAccount.html
func guarddutyGetAdministratorAccount(r *Request, in *guardduty.GetAdministratorAccountInput) (*guardduty.GetAdministratorAccountOutput, error) {
	d, err := findDetector(r, in.DetectorId)
	if err != nil {
		return nil, err
	}
	out := &guardduty.GetAdministratorAccountOutput{}
	if d.Admin != "" {
		status := "Enabled"
		if d.Disabled {
			status = "Disabled"
		}
		out.Administrator = &types.Administrator{AccountId: aws.String(d.Admin), RelationshipStatus: aws.String(cmp.Or(d.Relationship, status))}
	}
	return out, nil
}

// A member of an administrator account, through Organizations, does not turn its own detector off or on.
// https://docs.aws.amazon.com/guardduty/latest/ug/administrator_member_relationships.html
func guarddutyUpdateDetector(r *Request, in *guardduty.UpdateDetectorInput) (*guardduty.UpdateDetectorOutput, error) {
	id := aws.ToString(in.DetectorId)
	d, ok := r.Region.GuardDuty.Detectors[id]
	if !ok {
		r.missing(id)
		return nil, badRequest("The request is rejected because the input detectorId is not owned by the current account.")
	}
	if d.Admin != "" && d.Relationship == "" && r.callerAccount() != d.Admin {
		return nil, badRequest("The request is rejected because a member cannot manage its own detector.")
	}
	if in.Enable != nil {
		touch(r, r.Region.GuardDuty.Detectors, id)
		d.Disabled = !*in.Enable
	}
	return &guardduty.UpdateDetectorOutput{}, nil
}

func findDetector(r *Request, id *string) (*Detector, error) {
	d, ok := look(r, r.Region.GuardDuty.Detectors, aws.ToString(id))
	if !ok {
		return nil, badRequest("The request is rejected because the input detectorId is not owned by the current account.")
	}
	return d, nil
}

func meets(f *types.Finding, criteria *types.FindingCriteria) (bool, error) {
	if criteria == nil {
		return true, nil
	}
	for field, c := range criteria.Criterion {
		var value string
		switch field {
		case "type":
			value = aws.ToString(f.Type)
		case "id":
			value = aws.ToString(f.Id)
		case "service.archived":
			value = "false"
			if f.Service != nil && aws.ToBool(f.Service.Archived) {
				value = "true"
			}
		default:
			return false, badRequest("The request is rejected because the criterion " + field + " is not known.")
		}
		if !slices.Contains(c.Equals, value) {
			return false, nil
		}
	}
	return true, nil
}

func badRequest(why string) error {
	return modelled(400, &types.BadRequestException{Message: aws.String(why), Type: aws.String("InvalidInputException")})
}
