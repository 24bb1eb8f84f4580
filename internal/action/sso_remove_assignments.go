package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	ssotypes "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"

	"cordon/internal/casefile"
)

// ssoAssignments is what a user has been assigned itself: ACCOUNT PERMISSION-SET, sorted.
type ssoAssignments struct {
	Assigned []string `json:"assigned"`
}

// RemoveAssignments takes a user's own assignments away. Sessions that live are not ended by it
// (docs.aws.amazon.com/singlesignon/latest/userguide/revoke-user-permissions.html): the deny by user id does that.
// Params: instance.
var RemoveAssignments = define(Spec[ssoAssignments]{
	Name:       "sso-remove-assignments",
	Summary:    "Take away every account and permission set that the user has been assigned itself. It gets no new session of them.",
	Phase:      casefile.Contain,
	Target:     casefile.IdentityCenterUser,
	Reads:      Ops{op((*ssoadmin.Client).ListAccountAssignmentsForPrincipal)},
	Writes:     Ops{op((*ssoadmin.Client).DeleteAccountAssignment)},
	UndoWrites: Ops{op((*ssoadmin.Client).CreateAccountAssignment)},
	Observe: func(ctx context.Context, c *AWS, t Target) (ssoAssignments, error) {
		center, err := c.center()
		if err != nil {
			return ssoAssignments{}, err
		}
		all, err := assignmentsOf(ctx, center, t, false)
		return ssoAssignments{all}, err
	},
	Status: func(_ Target, now ssoAssignments) Status {
		if len(now.Assigned) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now ssoAssignments) error {
		return eachAssignment(ctx, c, t, now.Assigned, removeAssignment)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now ssoAssignments) error {
		back := slices.DeleteFunc(slices.Clone(before.Assigned), func(a string) bool { return slices.Contains(now.Assigned, a) })
		return eachAssignment(ctx, c, t, back, giveAssignment)
	},
	Change: func(_ Target, now ssoAssignments) string {
		return plural(len(now.Assigned), "assignment") + " -> none"
	},
	Partial: true,
})

type assignment struct{ instance, user, account, set *string }

// eachAssignment goes on past one that fails.
func eachAssignment(ctx context.Context, c *AWS, t Target, all []string, do func(context.Context, *AWS, assignment) error) error {
	center, err := c.center()
	if err != nil {
		return err
	}
	_, user, err := ssoUser(t)
	if err != nil {
		return err
	}
	var failed []error
	for _, a := range all {
		account, set, _ := strings.Cut(a, " ")
		err := do(ctx, center, assignment{aws.String(t.Param("instance")), user, aws.String(account), aws.String(set)})
		// Under way already is neither done nor failed: what is read back tells.
		if err != nil && !hasCode(err, "ConflictException") {
			failed = append(failed, fmt.Errorf("change what user %s has been assigned in account %s: %w", t.ID, account, err))
		}
	}
	return errors.Join(failed...)
}

func removeAssignment(ctx context.Context, c *AWS, a assignment) error {
	out, err := c.SSOAdmin.DeleteAccountAssignment(ctx, &ssoadmin.DeleteAccountAssignmentInput{
		InstanceArn: a.instance, PermissionSetArn: a.set, PrincipalId: a.user, PrincipalType: ssotypes.PrincipalTypeUser,
		TargetId: a.account, TargetType: ssotypes.TargetTypeAwsAccount,
	})
	if err == nil && out.AccountAssignmentDeletionStatus != nil && out.AccountAssignmentDeletionStatus.Status == ssotypes.StatusValuesFailed {
		return errors.New(aws.ToString(out.AccountAssignmentDeletionStatus.FailureReason))
	}
	return err
}

func giveAssignment(ctx context.Context, c *AWS, a assignment) error {
	out, err := c.SSOAdmin.CreateAccountAssignment(ctx, &ssoadmin.CreateAccountAssignmentInput{
		InstanceArn: a.instance, PermissionSetArn: a.set, PrincipalId: a.user, PrincipalType: ssotypes.PrincipalTypeUser,
		TargetId: a.account, TargetType: ssotypes.TargetTypeAwsAccount,
	})
	if err == nil && out.AccountAssignmentCreationStatus != nil && out.AccountAssignmentCreationStatus.Status == ssotypes.StatusValuesFailed {
		return errors.New(aws.ToString(out.AccountAssignmentCreationStatus.FailureReason))
	}
	return err
}
