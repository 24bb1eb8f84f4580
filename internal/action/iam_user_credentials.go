package action

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"

	"cordon/internal/casefile"
)

// userCredentials is a user's credentials of one kind, by id, and the status of each.
type userCredentials struct {
	Status map[string]string `json:"status"`
}

// credentialKind is a kind of a user's credentials that can be switched off and on again.
type credentialKind struct {
	name, summary string
	one           string // what one is called
	list          func(ctx context.Context, c *AWS, user string) (map[string]string, error)
	set           func(ctx context.Context, c *AWS, user, id string, status iamtypes.StatusType) error
	reads, writes Ops
	impact        func(ctx context.Context, c *AWS, user string, active []string) ([]string, error)
}

// disable makes every credential of the kind Inactive: those that the plan saw, and whatever an intruder made beside
// them, until the moment of the step. That they change under the plan is expected, and no drift. Params: user_id, by
// which a user who was made anew under the same name is left alone.
func disable(k credentialKind) Action {
	return define(Spec[userCredentials]{
		Name: k.name, Summary: k.summary, Phase: casefile.Contain, Target: casefile.IAMUser,
		Reads: k.reads, Writes: k.writes, UndoWrites: k.writes,
		Observe: func(ctx context.Context, c *AWS, t Target) (userCredentials, error) {
			status, err := k.list(ctx, c, t.ID)
			if hasCode(err, "NoSuchEntity") {
				return userCredentials{}, fmt.Errorf("user %s: %w", t.ID, ErrGone)
			}
			if err != nil {
				return userCredentials{}, fmt.Errorf("list the %ss of user %s: %w", k.one, t.ID, err)
			}
			return userCredentials{status}, nil
		},
		Status: func(_ Target, now userCredentials) Status {
			if len(now.of(iamtypes.StatusTypeActive)) == 0 {
				return Done
			}
			return Todo
		},
		Apply: func(ctx context.Context, c *AWS, t Target, now userCredentials) error {
			if err := notItself(c, t); err != nil {
				return err
			}
			if t.Param("user_id") != "" {
				if _, err := plannedUser(ctx, c, t); err != nil {
					return err
				}
			}
			return k.setAll(ctx, c, t.ID, now.of(iamtypes.StatusTypeActive), iamtypes.StatusTypeInactive)
		},
		Undo: func(ctx context.Context, c *AWS, t Target, before, now userCredentials) error {
			var back []string
			for _, id := range before.of(iamtypes.StatusTypeActive) {
				if now.Status[id] == string(iamtypes.StatusTypeInactive) {
					back = append(back, id)
				}
			}
			return k.setAll(ctx, c, t.ID, back, iamtypes.StatusTypeActive)
		},
		Apart: k.apart,
		Impact: func(ctx context.Context, c *AWS, t Target, now userCredentials) ([]string, error) {
			return k.impact(ctx, c, t.ID, now.of(iamtypes.StatusTypeActive))
		},
		Change:  func(_ Target, now userCredentials) string { return k.change(now) },
		Partial: true, Volatile: true,
		Returns: "every " + k.one + " works again that was Active when cordon came, a leaked one too: delete that first, or leave this step",
	})
}

// of lists the credentials that have the status, in order.
func (u userCredentials) of(status iamtypes.StatusType) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(u.Status)) {
		if u.Status[id] == string(status) {
			ids = append(ids, id)
		}
	}
	return ids
}

// apart: an owner who deletes the leaked key and makes a new one, as one should, must not keep the others off. What is
// gone does not come back, and what came since is not cordon's.
func (k credentialKind) apart(before, after, now userCredentials) (want userCredentials, theirs string) {
	want.Status = maps.Clone(now.Status)
	var lines []string
	say := func(id, what string) { lines = append(lines, k.one+" "+id+" "+what) }
	ids := slices.Concat(slices.Collect(maps.Keys(before.Status)), slices.Collect(maps.Keys(after.Status)), slices.Collect(maps.Keys(now.Status)))
	for _, id := range sortedSet(ids) {
		was, left, is := before.Status[id], after.Status[id], now.Status[id]
		switch {
		case is == "":
			say(id, "is gone, and does not come back")
		case left == "":
			say(id, "was made since, and stays "+is)
		case was == "":
			say(id, "was made during containment, and stays "+is)
		case is == string(iamtypes.StatusTypeInactive):
			want.Status[id] = was
		case is != was:
			say(id, "was made "+is+" since, and stays so")
		}
	}
	return want, strings.Join(lines, "; ")
}

func (k credentialKind) change(now userCredentials) string {
	active := now.of(iamtypes.StatusTypeActive)
	switch {
	case len(now.Status) == 0:
		return "none yet; any that appears -> Inactive"
	case len(active) == 0:
		return fmt.Sprintf("none of %d is Active; any that appears -> Inactive", len(now.Status))
	}
	return fmt.Sprintf("%d of %d Active -> Inactive", len(active), len(now.Status))
}

// setAll changes them side by side and goes on past one that fails: it must not keep the others as they are.
func (k credentialKind) setAll(ctx context.Context, c *AWS, user string, ids []string, status iamtypes.StatusType) error {
	failed := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			if err := k.set(ctx, c, user, id, status); err != nil {
				failed[i] = fmt.Errorf("make %s %s of user %s %s: %w", k.one, id, user, strings.ToLower(string(status)), err)
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// theyStop is the impact of credentials of which IAM does not know when they were used.
func theyStop(what string) func(context.Context, *AWS, string, []string) ([]string, error) {
	return func(_ context.Context, _ *AWS, _ string, active []string) ([]string, error) {
		var lines []string
		for _, id := range active {
			lines = append(lines, id+": "+what)
		}
		return lines, nil
	}
}
