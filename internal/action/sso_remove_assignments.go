package action

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	"github.com/aws/aws-sdk-go-v2/service/ssoadmin"
	"golang.org/x/sync/errgroup"

	"cordon/internal/casefile"
)

// ssoAssignments is what a user has been assigned itself: ACCOUNT PERMISSION-SET, sorted.
type ssoAssignments struct {
	Assigned []string `json:"assigned"`
	Leaving  []string `json:"leaving,omitempty"` // those of them whose removal is under way
}

// stood is what nobody was taking away.
func (a ssoAssignments) stood() []string { return without(a.Assigned, a.Leaving) }

// RemoveAssignments takes a user's own assignments away. Sessions that live are not ended by it
// (docs.aws.amazon.com/singlesignon/latest/userguide/revoke-user-permissions.html): the deny by user id does that.
// Params: instance.
var RemoveAssignments = define(Spec[ssoAssignments]{
	Name:    "sso-remove-assignments",
	Summary: "Take away every account and permission set that the user has been assigned itself. It gets no new session of them.",
	Phase:   casefile.Contain,
	Target:  casefile.IdentityCenterUser,
	Reads: Ops{
		op((*ssoadmin.Client).ListAccountAssignmentsForPrincipal), op((*ssoadmin.Client).ListAccountAssignmentDeletionStatus),
		op((*ssoadmin.Client).DescribeAccountAssignmentDeletionStatus), op((*identitystore.Client).DescribeUser),
	},
	Writes:     Ops{op((*ssoadmin.Client).DeleteAccountAssignment)},
	UndoReads:  Ops{op((*ssoadmin.Client).DescribeAccountAssignmentCreationStatus)},
	UndoWrites: Ops{op((*ssoadmin.Client).CreateAccountAssignment)},
	Observe:    observeAssignments,
	Status: func(_ Target, now ssoAssignments) Status {
		switch {
		case len(now.Assigned) == 0:
			return Done
		case len(now.Leaving) == len(now.Assigned):
			return Waiting
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now ssoAssignments) error {
		return eachAssignment(ctx, c, t, without(now.Assigned, now.Leaving), removal)
	},
	Undo: func(ctx context.Context, c *AWS, t Target, before, now ssoAssignments) error {
		return eachAssignment(ctx, c, t, without(before.stood(), now.Assigned), giving)
	},
	// What somebody else was taking away when cordon came is not given back, and what somebody has assigned since must not
	// keep the rest from the user.
	Apart: func(before, after, now ssoAssignments) (want ssoAssignments, theirs string) {
		var lines []string
		if len(before.Leaving) > 0 {
			lines = append(lines, "somebody was taking away "+strings.Join(before.Leaving, ", ")+" already: that does not come back")
		}
		if since := without(now.Assigned, after.Assigned); len(since) > 0 {
			lines = append(lines, "it has "+strings.Join(since, ", ")+" already, and keeps it")
		}
		want.Assigned = sortedSet(slices.Concat(before.stood(), now.Assigned))
		return want, strings.Join(lines, "; ")
	},
	Change: func(_ Target, now ssoAssignments) string {
		return plural(len(now.Assigned), "assignment") + " -> none"
	},
	Returns: "every assignment that was there when it was cut off comes back, also what the intruder gave the user: leave this step where that may be",
	// An intruder who assigns on must not hold up the cut: what is there then is taken away.
	Partial: true, Volatile: true,
})

// observeAssignments lists what the user has and what of it is being taken away: a removal that AWS has begun ends by
// itself, also when whoever asked for it is gone.
func observeAssignments(ctx context.Context, c *AWS, t Target) (ssoAssignments, error) {
	center, err := c.center()
	if err != nil {
		return ssoAssignments{}, err
	}
	all, err := assignmentsOf(ctx, center, t, false)
	if len(all) == 0 && (err == nil || hasCode(err, "ResourceNotFoundException")) {
		// Of somebody who does not exist nothing is listed either.
		if _, gone := describeSSOUser(ctx, center, t); gone != nil {
			return ssoAssignments{}, gone
		}
	}
	if err != nil || len(all) == 0 {
		return ssoAssignments{Assigned: []string{}}, err
	}
	begun, err := removalsOf(ctx, center, t)
	if err != nil {
		return ssoAssignments{}, err
	}
	leaving := slices.DeleteFunc(slices.Clone(all), func(a string) bool { return !slices.Contains(begun, a) })
	return ssoAssignments{Assigned: all, Leaving: leaving}, nil
}

type assignment struct{ instance, user, account, set string }

// what names the assignment as the state does.
func (a assignment) what() string { return a.account + " " + a.set }

// assignmentsAtOnce keeps below the twenty calls a second that AWS takes
// (docs.aws.amazon.com/singlesignon/latest/userguide/limits.html). It also bounds how many changes may be under way: what it
// refuses of them is asked for again with the next go.
const assignmentsAtOnce = 5

// eachAssignment goes on past one that fails. They are changed side by side: a user may have dozens.
func eachAssignment(ctx context.Context, c *AWS, t Target, all []string, change assignmentChange) error {
	center, err := c.center()
	if err != nil {
		return err
	}
	_, user, err := ssoUser(t)
	if err != nil {
		return err
	}
	failed := make([]error, len(all))
	var work errgroup.Group
	work.SetLimit(assignmentsAtOnce)
	for i, what := range all {
		account, set, _ := strings.Cut(what, " ")
		work.Go(func() error {
			if err := change.bringAbout(ctx, center, assignment{t.Param("instance"), aws.ToString(user), account, set}); err != nil {
				failed[i] = fmt.Errorf("%s user %s permission set %s in account %s: %w", change.name, t.ID, set, account, err)
			}
			return nil
		})
	}
	_ = work.Wait() // each keeps its own error
	return errors.Join(failed...)
}
