package playbook

import (
	"context"
	"fmt"
	"slices"
	"time"

	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
)

// Each key's last use is a call of its own, of which AWS takes some tens a second. Up to askEach users they are all
// asked for, and are as of now; of more users the credential report tells in one answer, and says of when it is.
const askEach = 100

// reportTakes is for how long the plan waits for a report. The keys of more than askEach users take seconds as well.
const reportTakes = 15 * time.Second

// lookAtKeys lists everybody's keys, side by side: that is the one thing about users that no answer tells of all.
func (s *accountSurvey) lookAtKeys(ctx context.Context, c *action.AWS) {
	var report *action.KeyReport
	var reportErr error
	many := len(s.people) > askEach
	var work errgroup.Group
	if many {
		work.Go(func() error {
			ctx, done := context.WithTimeout(ctx, reportTakes)
			defer done()
			report, reportErr = action.ReadKeyReport(ctx, c)
			return nil
		})
	}
	var keys errgroup.Group
	keys.SetLimit(64)
	for i := range s.people {
		keys.Go(func() error {
			s.people[i].lookAtKeys(ctx, c, !many)
			return nil
		})
	}
	_, _ = keys.Wait(), work.Wait() // what failed stands with each user
	s.people = slices.DeleteFunc(s.people, func(p person) bool { return p.gone })
	s.sayUnlisted()
	if !many {
		return
	}
	if reportErr != nil {
		s.doubt("when keys were last used, and so what will fail without them,", reportErr)
		return
	}
	for i := range s.people {
		p := &s.people[i]
		p.uses = report.LastUses(p.name, p.madeActive())
	}
}

// lookAtKeys lists one user's keys and, if asked, what each was last used for.
func (p *person) lookAtKeys(ctx context.Context, c *action.AWS, uses bool) {
	p.keys, p.unlisted = action.AccessKeys(ctx, c, p.name)
	switch {
	case action.Code(p.unlisted) == "NoSuchEntity":
		p.gone = true
		return
	case p.unlisted != nil || !uses:
		return
	}
	var err error
	if p.uses, err = action.LastUses(ctx, c, p.name, p.active()); err != nil {
		p.uses = append(p.uses, "what else its keys are used for could not be read: "+brief(err))
	}
}

// madeActive are the times at which the keys that work were made.
func (p *person) madeActive() []time.Time {
	var made []time.Time
	for _, k := range p.keys {
		if k.Status == iamtypes.StatusTypeActive {
			made = append(made, k.Made)
		}
	}
	return made
}

// active are the ids of the keys that work.
func (p *person) active() []string {
	var ids []string
	for _, k := range p.keys {
		if k.Status == iamtypes.StatusTypeActive {
			ids = append(ids, k.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// sayUnlisted says whose keys could not be listed, in one line: where one user's cannot, a thousand's may not.
func (s *accountSurvey) sayUnlisted() {
	var first *person
	n := 0
	for i := range s.people {
		if p := &s.people[i]; p.unlisted != nil {
			n++
			if first == nil {
				first = p
			}
		}
	}
	switch {
	case n == 1:
		s.doubt("the access keys of user "+first.name, first.unlisted)
	case n > 1:
		s.doubt(fmt.Sprintf("the access keys of %d users, %s among them,", n, first.name), first.unlisted)
	}
}
