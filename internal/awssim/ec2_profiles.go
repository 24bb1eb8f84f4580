package awssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	ec2types "github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// describeIamInstanceProfileAssociations: docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeIamInstanceProfileAssociations.html.
func describeIamInstanceProfileAssociations(r *Request, in *ec2.DescribeIamInstanceProfileAssociationsInput) (*ec2.DescribeIamInstanceProfileAssociationsOutput, error) {
	if err := checkLimit(in.MaxResults, 5, 1000, in.AssociationIds, ""); err != nil {
		return nil, err
	}
	byID := map[string]*ProfileAssociation{}
	for _, p := range view(r, r.Region.ProfileAssociations) {
		byID[p.ID] = p
	}
	fields := func(p *ProfileAssociation, filter string) ([]string, bool) {
		switch filter {
		case "instance-id":
			return []string{p.Instance}, true
		case "state":
			return []string{p.State}, true
		}
		return nil, false
	}
	found, err := list(r, profileKind, byID, in.AssociationIds, in.Filters, fields, func(*ProfileAssociation) map[string]string { return nil })
	if err != nil {
		return nil, err
	}
	found, next, err := page(r, found, func(p *ProfileAssociation) string { return p.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeIamInstanceProfileAssociationsOutput{NextToken: next}
	for _, p := range found {
		out.IamInstanceProfileAssociations = append(out.IamInstanceProfileAssociations, *describeAssociation(p))
	}
	return out, nil
}

func describeAssociation(p *ProfileAssociation) *ec2types.IamInstanceProfileAssociation {
	return &ec2types.IamInstanceProfileAssociation{
		AssociationId: aws.String(p.ID), InstanceId: aws.String(p.Instance), State: ec2types.IamInstanceProfileAssociationState(p.State),
		Timestamp:          aws.Time(p.Since),
		IamInstanceProfile: &ec2types.IamInstanceProfile{Arn: aws.String(p.ProfileARN), Id: aws.String(p.ProfileID)},
	}
}

// associateIamInstanceProfile refuses an instance that has an association
// already, in whichever state, with IncorrectState; one instance has one
// profile (API_AssociateIamInstanceProfile).
func associateIamInstanceProfile(r *Request, in *ec2.AssociateIamInstanceProfileInput) (*ec2.AssociateIamInstanceProfileOutput, error) {
	i, err := find(r, instanceKind, r.Region.Instances, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State != "running" && i.State != "stopped" {
		return nil, fail("IncorrectInstanceState", "The instance '%s' is not in the 'running' or 'stopped' states.", i.ID)
	}
	if p := r.Region.ProfileAssociations[i.ID]; p != nil {
		return nil, fail("IncorrectState", "There is an existing association for instance %s", i.ID)
	}
	var asked string
	if spec := in.IamInstanceProfile; spec != nil {
		asked = orElse(aws.ToString(spec.Arn), aws.ToString(spec.Name))
	}
	arn, id, ok := r.Account.IAM.instanceProfile(asked)
	if !ok {
		return nil, fail("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile is invalid. Invalid IAM Instance Profile", asked)
	}
	p := &ProfileAssociation{ID: r.newID("iip-assoc"), Instance: i.ID, ProfileARN: arn, ProfileID: id, State: "associating", Since: r.Now.UTC()}
	touch(r, r.Region.ProfileAssociations, i.ID)
	r.Region.ProfileAssociations[i.ID] = p
	out := &ec2.AssociateIamInstanceProfileOutput{IamInstanceProfileAssociation: describeAssociation(p)}
	r.later("profile-association", 2*time.Second, func(time.Time) {
		if p.State == "associating" {
			p.State = "associated"
		}
	})
	return out, nil
}

// disassociateIamInstanceProfile takes the profile off: "disassociating", and
// then gone from every list.
func disassociateIamInstanceProfile(r *Request, in *ec2.DisassociateIamInstanceProfileInput) (*ec2.DisassociateIamInstanceProfileOutput, error) {
	id := aws.ToString(in.AssociationId)
	if err := profileKind.check(id); err != nil {
		return nil, err
	}
	for _, p := range r.Region.ProfileAssociations {
		if p.ID != id {
			continue
		}
		touch(r, r.Region.ProfileAssociations, p.Instance)
		p.State = "disassociating"
		out := &ec2.DisassociateIamInstanceProfileOutput{IamInstanceProfileAssociation: describeAssociation(p)}
		region := r.Region
		r.later("profile-disassociation", 2*time.Second, func(time.Time) {
			if region.ProfileAssociations[p.Instance] == p {
				delete(region.ProfileAssociations, p.Instance)
			}
		})
		return out, nil
	}
	r.missing(id)
	return nil, fail("InvalidAssociationID.NotFound", "An invalid association-id of '%s' was given", id)
}
