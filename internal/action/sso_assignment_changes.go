package action

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
)

// assignmentChange is one of the two changes of an assignment. AWS answers at once that it has begun, and only the
// request's id leads to how it ended and why it failed
// (docs.aws.amazon.com/singlesignon/latest/APIReference/API_AccountAssignmentOperationStatus.html).
type assignmentChange struct {
	name string
	send func(context.Context, *AWS, assignment) (*ssotypes.AccountAssignmentOperationStatus, error)
	look func(ctx context.Context, c *AWS, instance, id string) (*ssotypes.AccountAssignmentOperationStatus, error)
	// absent is what it means that what the change is about does not exist.
	absent error
}

var removal = assignmentChange{name: "take from", send: removeAssignment, look: removalStatus}

var giving = assignmentChange{
	name: "give back to", send: giveAssignment, look: givingStatus,
	absent: fmt.Errorf("the user, the permission set or the account %w", ErrGone),
}

// assignmentWork is what this process asked for, so that a failure is told with AWS's reason. Another process that goes
// on from here asks again, which at worst is a conflict.
type assignmentWork struct {
	mu    sync.Mutex
	asked map[string]asked      // by change and assignment
	about map[string]assignment // what a removal is about, by its request's id; that never changes
}

type asked struct {
	id     string // of the request, "" once it has ended
	failed string // why an earlier one failed
}

func newAssignmentWork() *assignmentWork {
	return &assignmentWork{asked: map[string]asked{}, about: map[string]assignment{}}
}

func (w *assignmentWork) of(key string) asked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[key]
}

func (w *assignmentWork) note(key string, a asked) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[key] = a
}

// bringAbout asks for the change, once the request before has ended.
func (v assignmentChange) bringAbout(ctx context.Context, c *AWS, a assignment) error {
	key := fmt.Sprint(v.name, a)
	was := c.work.of(key)
	if was.id == "" {
		return v.ask(ctx, c, a, key, was)
	}
	now, err := v.look(ctx, c, a.instance, was.id)
	switch {
	case hasCode(err, "ResourceNotFoundException"), err == nil && now == nil:
		return v.ask(ctx, c, a, key, was)
	case err != nil:
		return fmt.Errorf("look how request %s goes: %w", was.id, err)
	case now.Status == ssotypes.StatusValuesInProgress && was.failed != "":
		return fmt.Errorf("it failed before (%s), was asked for again and is under way", was.failed)
	case now.Status == ssotypes.StatusValuesInProgress:
		return nil
	case now.Status == ssotypes.StatusValuesFailed:
		return v.failed(c, key, now)
	}
	return v.ask(ctx, c, a, key, asked{}) // it succeeded, and has been undone since
}

func (v assignmentChange) ask(ctx context.Context, c *AWS, a assignment, key string, was asked) error {
	now, err := v.send(ctx, c, a)
	switch {
	case hasCode(err, "ConflictException"):
		return nil // under way already is neither done nor failed: what is read back tells
	case hasCode(err, "ResourceNotFoundException"):
		return v.absent
	case err != nil:
		return err
	case now == nil:
		return nil
	case now.Status == ssotypes.StatusValuesFailed:
		return v.failed(c, key, now)
	}
	c.work.note(key, asked{aws.ToString(now.RequestId), was.failed})
	return nil
}

// failed tells AWS's reason. The next go asks anew.
func (v assignmentChange) failed(c *AWS, key string, now *ssotypes.AccountAssignmentOperationStatus) error {
	reason := cmp.Or(aws.ToString(now.FailureReason), "AWS gives no reason")
	c.work.note(key, asked{failed: reason})
	return errors.New(reason)
}

func removeAssignment(ctx context.Context, c *AWS, a assignment) (*ssotypes.AccountAssignmentOperationStatus, error) {
	out, err := c.SSOAdmin.DeleteAccountAssignment(ctx, &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: aws.String(a.instance), PermissionSetArn: aws.String(a.set), TargetId: aws.String(a.account),
		PrincipalId: aws.String(a.user), PrincipalType: ssotypes.PrincipalTypeUser, TargetType: ssotypes.TargetTypeAwsAccount,
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

func giveAssignment(ctx context.Context, c *AWS, a assignment) (*ssotypes.AccountAssignmentOperationStatus, error) {
	out, err := c.SSOAdmin.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: aws.String(a.instance), PermissionSetArn: aws.String(a.set), TargetId: aws.String(a.account),
		PrincipalId: aws.String(a.user), PrincipalType: ssotypes.PrincipalTypeUser, TargetType: ssotypes.TargetTypeAwsAccount,
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentCreationStatus, nil
}

func removalStatus(ctx context.Context, c *AWS, instance, id string) (*ssotypes.AccountAssignmentOperationStatus, error) {
	out, err := c.SSOAdmin.DescribeAccountAssignmentDeletionStatus(ctx, &ssoadmin.DescribeAccountAssignmentDeletionStatusInput{
		InstanceArn: aws.String(instance), AccountAssignmentDeletionRequestId: aws.String(id),
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentDeletionStatus, nil
}

func givingStatus(ctx context.Context, c *AWS, instance, id string) (*ssotypes.AccountAssignmentOperationStatus, error) {
	out, err := c.SSOAdmin.DescribeAccountAssignmentCreationStatus(ctx, &ssoadmin.DescribeAccountAssignmentCreationStatusInput{
		InstanceArn: aws.String(instance), AccountAssignmentCreationRequestId: aws.String(id),
	})
	if err != nil {
		return nil, err
	}
	return out.AccountAssignmentCreationStatus, nil
}

// removalsOf lists what of a user's own is being taken away, whoever asked for it. The list names requests alone; what
// each is about is asked once.
func removalsOf(ctx context.Context, c *AWS, t Target) ([]string, error) {
	_, user, err := ssoUser(t)
	if err != nil {
		return nil, err
	}
	var leaving []string
	pages := ssoadmin.NewListAccountAssignmentDeletionStatusPaginator(c.SSOAdmin, &ssoadmin.ListAccountAssignmentDeletionStatusInput{
		InstanceArn: aws.String(t.Param("instance")), Filter: &ssotypes.OperationStatusFilter{Status: ssotypes.StatusValuesInProgress},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list the removals of assignments that are under way: %w", err)
		}
		for _, m := range page.AccountAssignmentsDeletionStatus {
			about, err := c.removalAbout(ctx, t.Param("instance"), aws.ToString(m.RequestId))
			if err != nil {
				return nil, err
			}
			if about.user == aws.ToString(user) {
				leaving = append(leaving, about.what())
			}
		}
	}
	return leaving, nil
}

// removalAbout tells which user's assignment a removal is of; none where it is a group's, or ended meanwhile.
func (c *AWS) removalAbout(ctx context.Context, instance, id string) (assignment, error) {
	c.work.mu.Lock()
	about, ok := c.work.about[id]
	c.work.mu.Unlock()
	if ok {
		return about, nil
	}
	now, err := removalStatus(ctx, c, instance, id)
	if hasCode(err, "ResourceNotFoundException") || err == nil && now == nil {
		return assignment{}, nil
	}
	if err != nil {
		return assignment{}, fmt.Errorf("look what removal %s is of: %w", id, err)
	}
	if now.PrincipalType == ssotypes.PrincipalTypeUser {
		about = assignment{instance, aws.ToString(now.PrincipalId), aws.ToString(now.TargetId), aws.ToString(now.PermissionSetArn)}
	}
	c.work.mu.Lock()
	defer c.work.mu.Unlock()
	c.work.about[id] = about
	return about, nil
}
