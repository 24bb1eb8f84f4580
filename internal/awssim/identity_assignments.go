package awssim

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// SSORequest is a change of an assignment that was begun, and how it went.
type SSORequest struct {
	ID       string
	Deletion bool
	About    SSOAssignment
	Status   types.StatusValues
	Reason   string // of a failure
}

func (q *SSORequest) told() *types.AccountAssignmentOperationStatus {
	return &types.AccountAssignmentOperationStatus{
		RequestId: aws.String(q.ID), Status: q.Status, FailureReason: aws.String(q.Reason), TargetId: aws.String(q.About.Account), TargetType: types.TargetTypeAwsAccount,
		PermissionSetArn: aws.String(q.About.PermissionSet), PrincipalId: aws.String(q.About.Principal), PrincipalType: types.PrincipalType(q.About.Kind),
	}
}

// begin takes a request on and ends it seconds later: by done, or as a failure where nothing can be changed.
func (r *Request) begin(s *IdentityCenterState, deletion bool, about SSOAssignment, done, failed func()) *types.AccountAssignmentOperationStatus {
	q := &SSORequest{ID: r.newID("request"), Deletion: deletion, About: about, Status: types.StatusValuesInProgress}
	s.Requests[q.ID] = q
	answer := q.told()
	takes := s.Takes
	if takes == 0 {
		takes = 4 * time.Second
	}
	r.later("assignment", takes, func(time.Time) {
		if reason := s.Closed[about.Account]; reason != "" {
			q.Status, q.Reason = types.StatusValuesFailed, reason
			failed()
			return
		}
		q.Status = types.StatusValuesSucceeded
		done()
	})
	return answer
}

func conflicting() error {
	return modelled(400, &types.ConflictException{Message: aws.String("There is a conflicting operation in process for the resource.")})
}

// A deletion is begun and ends seconds later; begun again meanwhile it is a conflict.
// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_DeleteAccountAssignment.html
func ssoDeleteAccountAssignment(r *Request, in *ssoadmin.DeleteAccountAssignmentInput) (*ssoadmin.DeleteAccountAssignmentOutput, error) {
	s, err := r.identityCenter()
	if err != nil {
		return nil, err
	}
	about := SSOAssignment{Account: aws.ToString(in.TargetId), PermissionSet: aws.ToString(in.PermissionSetArn), Kind: string(in.PrincipalType), Principal: aws.ToString(in.PrincipalId)}
	a, ok := s.Assignments[about.key()]
	if !ok {
		return nil, modelled(400, &types.ResourceNotFoundException{Message: aws.String("The assignment was not found.")})
	}
	if a.Leaving {
		return nil, conflicting()
	}
	a.Leaving = true
	status := r.begin(s, true, about, func() { delete(s.Assignments, about.key()) }, func() { a.Leaving = false })
	return &ssoadmin.DeleteAccountAssignmentOutput{AccountAssignmentDeletionStatus: status}, nil
}

// Nothing is assigned to who does not exist.
// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_CreateAccountAssignment.html
func ssoCreateAccountAssignment(r *Request, in *ssoadmin.CreateAccountAssignmentInput) (*ssoadmin.CreateAccountAssignmentOutput, error) {
	s, err := r.identityCenter()
	if err != nil {
		return nil, err
	}
	a := &SSOAssignment{Account: aws.ToString(in.TargetId), PermissionSet: aws.ToString(in.PermissionSetArn), Kind: string(in.PrincipalType), Principal: aws.ToString(in.PrincipalId)}
	if a.Kind == string(types.PrincipalTypeUser) && s.Users[a.Principal] == nil {
		return nil, modelled(400, &types.ResourceNotFoundException{Message: aws.String("The principal was not found.")})
	}
	if s.Assignments[a.key()] != nil && s.Assignments[a.key()].Leaving {
		return nil, conflicting()
	}
	status := r.begin(s, false, *a, func() { s.Assignments[a.key()] = a }, func() {})
	return &ssoadmin.CreateAccountAssignmentOutput{AccountAssignmentCreationStatus: status}, nil
}

// The list tells of requests, and not of what they are about.
// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_ListAccountAssignmentDeletionStatus.html
func ssoListDeletions(r *Request, in *ssoadmin.ListAccountAssignmentDeletionStatusInput) (*ssoadmin.ListAccountAssignmentDeletionStatusOutput, error) {
	s, err := r.identityCenter()
	if err != nil {
		return nil, err
	}
	var of []*SSORequest
	for _, q := range s.Requests {
		if q.Deletion && (in.Filter == nil || in.Filter.Status == "" || in.Filter.Status == q.Status) {
			of = append(of, q)
		}
	}
	of, next, err := page(r, of, func(q *SSORequest) string { return q.ID }, in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &ssoadmin.ListAccountAssignmentDeletionStatusOutput{NextToken: next}
	for _, q := range of {
		out.AccountAssignmentsDeletionStatus = append(out.AccountAssignmentsDeletionStatus, types.AccountAssignmentOperationStatusMetadata{RequestId: aws.String(q.ID), Status: q.Status})
	}
	return out, nil
}

// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_DescribeAccountAssignmentDeletionStatus.html
func ssoDescribeDeletion(r *Request, in *ssoadmin.DescribeAccountAssignmentDeletionStatusInput) (*ssoadmin.DescribeAccountAssignmentDeletionStatusOutput, error) {
	q, err := r.ssoRequest(in.AccountAssignmentDeletionRequestId, true)
	if err != nil {
		return nil, err
	}
	return &ssoadmin.DescribeAccountAssignmentDeletionStatusOutput{AccountAssignmentDeletionStatus: q.told()}, nil
}

// https://docs.aws.amazon.com/singlesignon/latest/APIReference/API_DescribeAccountAssignmentCreationStatus.html
func ssoDescribeCreation(r *Request, in *ssoadmin.DescribeAccountAssignmentCreationStatusInput) (*ssoadmin.DescribeAccountAssignmentCreationStatusOutput, error) {
	q, err := r.ssoRequest(in.AccountAssignmentCreationRequestId, false)
	if err != nil {
		return nil, err
	}
	return &ssoadmin.DescribeAccountAssignmentCreationStatusOutput{AccountAssignmentCreationStatus: q.told()}, nil
}

func (r *Request) ssoRequest(id *string, deletion bool) (*SSORequest, error) {
	s, err := r.identityCenter()
	if err != nil {
		return nil, err
	}
	q := s.Requests[aws.ToString(id)]
	if q == nil || q.Deletion != deletion {
		return nil, modelled(400, &types.ResourceNotFoundException{Message: aws.String("The request was not found.")})
	}
	return q, nil
}
