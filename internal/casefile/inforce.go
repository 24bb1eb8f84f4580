package casefile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// InForce are the containment plans that the case goes by, oldest first: approved, not released since, and superseded
// by none. Work on them goes on, and where the case stands is told of all of them.
func (c *Case) InForce(ctx context.Context) ([]Approval, error) {
	p, err := c.approvals()
	if err != nil || p.Plan == "" || p.Release != "" {
		return nil, err
	}
	if len(p.Earlier) > 0 {
		plan, err := c.Plan(ctx, p.Plan)
		if err != nil {
			return nil, fmt.Errorf("read the approved plan: %w", err)
		}
		if err := c.weighEarlier(ctx, &p, plan); err != nil {
			return nil, err
		}
	}
	var all []Approval
	for _, x := range p.inForce(Plan{}) {
		all = append(all, x.Approval)
	}
	return all, nil
}

// approvals is what the journal says of plans alone. It is asked before every change, so it costs what there are plans,
// not what there are steps.
func (c *Case) approvals() (Progress, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var p Progress
	c.fold.plans(&p)
	return p, c.fold.err
}

// weighEarlier reads the earlier plans and says which of them are superseded.
func (c *Case) weighEarlier(ctx context.Context, p *Progress, last Plan) error {
	for i := range p.Earlier {
		x, err := c.Plan(ctx, p.Earlier[i].Plan)
		if err != nil {
			return fmt.Errorf("read the plan approved earlier: %w", err)
		}
		p.Earlier[i].plan = x
	}
	for i := range p.Earlier {
		p.Earlier[i].Superseded = covers(last, p.Earlier[i].plan)
		for _, later := range p.Earlier[i+1:] {
			p.Earlier[i].Superseded = p.Earlier[i].Superseded || covers(later.plan, p.Earlier[i].plan)
		}
	}
	return nil
}

// covers tells whether a later plan is about all that an earlier one is about: whoever plans for the same thing again
// has looked at it again, and means the later one. A plan for something else of the case stands beside the earlier
// one, as the plan for whom the intruder reached does.
func covers(later, earlier Plan) bool {
	about := later.about()
	return !slices.ContainsFunc(earlier.about(), func(s Subject) bool {
		return !slices.ContainsFunc(about, func(x Subject) bool { return sameSubject(s, x) })
	})
}

func (p Plan) about() []Subject {
	if len(p.Subjects) == 0 {
		return []Subject{p.Subject}
	}
	return p.Subjects
}

// sameSubject leaves out the region of what is in none: it is that of whoever looked.
func sameSubject(a, b Subject) bool {
	if !a.Regional() {
		b.Region = a.Region
	}
	return a.Kind == b.Kind && a.ID == b.ID && a.Account == b.Account && a.Region == b.Region
}

// inForce are the plans that nothing supersedes, the one approved last at the end.
func (p *Progress) inForce(last Plan) []EarlierPlan {
	all := slices.DeleteFunc(slices.Clone(p.Earlier), func(x EarlierPlan) bool { return x.Superseded })
	return append(all, EarlierPlan{Approval: Approval{Plan: p.Plan, Run: p.Run, Time: p.ApprovedAt}, Subjects: p.Subjects, Steps: p.Steps, plan: last})
}

// All are the steps of every plan in force, oldest first. Where there are several, each step names its plan.
func (p *Progress) All() []StepStatus {
	plans := p.inForce(Plan{})
	if len(plans) == 1 {
		return p.Steps
	}
	var all []StepStatus
	for _, x := range plans {
		for _, s := range x.Steps {
			s.Plan = x.Plan
			all = append(all, s)
		}
	}
	return all
}

// Plans are all plans in force, the one approved last at the end.
func (p *Progress) Plans() []EarlierPlan { return p.inForce(Plan{}) }

// GoesBy tells whether a plan is in force, or was until the release approved last.
func (p *Progress) GoesBy(plan string) bool {
	return slices.ContainsFunc(p.inForce(Plan{}), func(x EarlierPlan) bool { return x.Plan == plan })
}

// StepsOf are the steps of one plan of the case, in force or not; none where it was approved before the last release.
func (p *Progress) StepsOf(plan string) []StepStatus {
	for _, x := range p.Earlier {
		if x.Plan == plan {
			return x.Steps
		}
	}
	if plan == p.Plan {
		return p.Steps
	}
	return nil
}

// drop lists what nobody goes on with and nobody did in another way: planning again with other choices must not make
// the first choice's failure look like containment.
func (p *Progress) drop(last Plan) {
	for i := range p.Earlier {
		x := &p.Earlier[i]
		if !x.Superseded {
			continue
		}
		later := slices.Clone(last.Steps)
		for _, y := range p.Earlier[i+1:] {
			later = append(later, y.plan.Steps...)
		}
		for n, s := range x.plan.Steps {
			instead := func(y Step) bool {
				return y.Action == s.Action && y.Target == s.Target && maps.Equal(y.Params, s.Params)
			}
			if st := x.Steps[n]; st.State != Done && st.State != Undone && !slices.ContainsFunc(later, instead) {
				x.Dropped = append(x.Dropped, st)
			}
		}
	}
}

// gather tells of all plans that the case goes by what is told of the case as a whole.
func (p *Progress) gather(last Plan) {
	at := p.inForce(last)
	for _, x := range at {
		p.Survives, p.NotCaptured = added(p.Survives, x.plan.Survives), added(p.NotCaptured, x.plan.NotCaptured)
	}
	var lacks []string
	for _, x := range at {
		why := x.plan.NotContained()
		if len(at) > 1 && !x.plan.Contains() {
			why = x.plan.notContained(x.plan.about()) // the other plans may have contained what they are about
		}
		if why != "" {
			lacks = added(lacks, []string{why})
		}
	}
	if p.NotContained = strings.Join(lacks, "; "); p.NotContained == "" {
		p.ContainedMS = slowest(at, func(s Step) bool { return s.Phase == Contain })
	}
	p.IsolatedMS = slowest(at, func(s Step) bool { return s.Isolates })
}

func added(lines, more []string) []string {
	for _, l := range more {
		if !slices.Contains(lines, l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// slowest is the longest time that any plan took from its own approval to the last read-back, where every plan that
// has such steps has all of them there.
func slowest(plans []EarlierPlan, counts func(Step) bool) *int64 {
	var most *int64
	for _, x := range plans {
		if !slices.ContainsFunc(x.plan.Steps, counts) {
			continue
		}
		ms := x.since(counts)
		if ms == nil {
			return nil
		}
		if most == nil || *ms > *most {
			most = ms
		}
	}
	return most
}

func (x EarlierPlan) since(counts func(Step) bool) *int64 {
	var last time.Time
	for i, s := range x.plan.Steps {
		if !counts(s) {
			continue
		}
		if st := x.Steps[i].State; st != Done && st != Undone {
			return nil
		}
		if at := x.Steps[i].doneAt; at.After(last) {
			last = at
		}
	}
	if last.IsZero() {
		return nil
	}
	ms := last.Sub(x.Time).Milliseconds()
	return &ms
}
