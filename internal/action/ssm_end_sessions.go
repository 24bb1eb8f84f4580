package action

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"cordon/internal/casefile"
)

type shellSession struct {
	ID    string `json:"id"`
	Owner string `json:"owner"`
}

type shellSessions struct {
	Sessions []shellSession `json:"sessions"`
}

// EndSessions ends the Session Manager shells into the instance, which run over the agent's own connection
// outwards and so do not care for inbound rules. The caller's own session is left alone.
var EndSessions = define(Spec[shellSessions]{
	Name:      "ssm-end-sessions",
	Summary:   "End every Session Manager session into the instance, whoever holds it.",
	Phase:     casefile.Contain,
	Target:    casefile.EC2Instance,
	Reads:     Ops{op((*ssm.Client).DescribeSessions)},
	Writes:    Ops{op((*ssm.Client).TerminateSession)},
	Partial:   true,
	GivesBack: true,
	Volatile:  true,
	Partly:    "a session that was ended cannot be taken up again; whoever may can begin a new one",
	Observe: func(ctx context.Context, c *AWS, t Target) (shellSessions, error) {
		now, _, err := readSessions(ctx, c, t.ID)
		return now, err
	},
	Status: func(_ Target, now shellSessions) Status {
		if len(now.Sessions) == 0 {
			return Done
		}
		return Todo
	},
	Apply: func(ctx context.Context, c *AWS, t Target, now shellSessions) error {
		var errs []error
		for _, s := range now.Sessions {
			if _, err := c.SSM.TerminateSession(ctx, &ssm.TerminateSessionInput{SessionId: aws.String(s.ID)}); err != nil {
				errs = append(errs, fmt.Errorf("end session %s into %s: %w", s.ID, t.ID, err))
			}
		}
		return errors.Join(errs...)
	},
	Undo: func(context.Context, *AWS, Target, shellSessions, shellSessions) error { return nil },
	Change: func(_ Target, now shellSessions) string {
		return plural(len(now.Sessions), "live session") + " -> none"
	},
	Impact: func(ctx context.Context, c *AWS, t Target, now shellSessions) ([]string, error) {
		var lines []string
		for _, s := range now.Sessions {
			lines = append(lines, "ends the session of "+s.Owner[strings.LastIndex(s.Owner, ":")+1:])
		}
		_, own, err := readSessions(ctx, c, t.ID)
		if own > 0 {
			lines = append(lines, plural(own, "session")+" of the responder's own principal left alone")
		}
		return lines, err
	},
})

// readSessions lists the live sessions into an instance; own counts the caller's.
func readSessions(ctx context.Context, c *AWS, instance string) (now shellSessions, own int, err error) {
	now.Sessions = []shellSession{}
	pages := ssm.NewDescribeSessionsPaginator(c.SSM, &ssm.DescribeSessionsInput{
		State:   ssmtypes.SessionStateActive,
		Filters: []ssmtypes.SessionFilter{{Key: ssmtypes.SessionFilterKeyTargetId, Value: aws.String(instance)}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return now, own, fmt.Errorf("list the live sessions into %s: %w", instance, err)
		}
		for _, s := range page.Sessions {
			switch {
			case aws.ToString(s.Target) != instance || ended(s.Status):
			case aws.ToString(s.Owner) == c.Caller:
				own++
			default:
				now.Sessions = append(now.Sessions, shellSession{ID: aws.ToString(s.SessionId), Owner: aws.ToString(s.Owner)})
			}
		}
	}
	slices.SortFunc(now.Sessions, func(a, b shellSession) int { return cmp.Compare(a.ID, b.ID) })
	return now, own, nil
}

// ended leaves out what AWS has let go of. A disconnected session is not: it can be taken up again.
func ended(s ssmtypes.SessionStatus) bool {
	switch s {
	case ssmtypes.SessionStatusTerminated, ssmtypes.SessionStatusTerminating, ssmtypes.SessionStatusFailed:
		return true
	}
	return false
}
