package casefile

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// fold is what the journal says so far. It takes each entry once, as it comes into the case, so that a question
// costs what its answer is long and not what the journal is: a plan of thousands of steps asks for each of them
// several times. The entries decide; the fold is never kept, and says no more than they do.
type fold struct {
	logs     stepLogs
	approved Approval   // the last of either kind
	contains []Approval // of containment plans since the last release, each plan's last one, oldest first
	release  string     // the release plan approved last, after all of contains
	gathered gathered
	err      error // of the first entry that could not be read
}

// Approval is an approved plan.
type Approval struct {
	Plan string
	Kind string
	Run  int
	Time time.Time
}

func (f *fold) add(e Entry) {
	if f.err != nil {
		return
	}
	if f.logs == nil {
		f.logs, f.gathered = stepLogs{}, newGathered()
	}
	f.err = cmp.Or(f.logs.add(e), f.approve(e), f.gathered.add(e))
}

func (f *fold) approve(e Entry) error {
	if e.Kind != EntryApprove {
		return nil
	}
	var b ApproveBody
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return fmt.Errorf("read entry %d: %w", e.Seq, err)
	}
	f.approved = Approval{b.Plan, b.Kind, b.Run, e.Time}
	if b.Kind == PlanRelease {
		f.release = b.Plan
		return nil
	}
	if f.release != "" {
		f.contains, f.release = nil, ""
	}
	again := func(a Approval) bool { return a.Plan == b.Plan }
	f.contains = append(slices.DeleteFunc(slices.Clone(f.contains), again), f.approved)
	return nil
}

// stepLogs hold one log a step. A log that stands in it is never changed, only replaced: a copy of the map, or of
// one log, stays what it was.
type stepLogs map[StepKey]*StepLog

func (logs stepLogs) add(e Entry) error {
	if e.Step == 0 {
		return nil
	}
	key := StepKey{e.Plan, e.Step}
	l := StepLog{}
	if old, ok := logs[key]; ok {
		l = *old
	}
	if err := l.add(e); err != nil {
		return fmt.Errorf("read entry %d: %w", e.Seq, err)
	}
	logs[key] = &l
	return nil
}

// standing are the changes that stand, in the order they were done.
func (logs stepLogs) standing() []Change {
	var changes []Change
	for k, last := range logs {
		for _, l := range last.Runs() {
			if l.Intent == nil || !l.Stands {
				continue
			}
			ch := Change{Plan: k.Plan, Step: k.Step, Intent: *l.Intent, Undoing: l.Undoing != nil, order: l.order}
			if l.Done != nil {
				ch.After = l.Done.After
			}
			changes = append(changes, ch)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.order, b.order) })
	return changes
}

// gathered is the evidence and the loss ledger. A loss that a later attempt made good is no loss.
type gathered struct {
	evidence []Artifact // only ever appended to
	had      map[piece]int
	lost     map[piece]Loss
	lostAt   map[piece]int
	order    []piece
	whole    map[StepKey][]piece
}

type piece struct{ name, target string }

func newGathered() gathered {
	return gathered{had: map[piece]int{}, lost: map[piece]Loss{}, lostAt: map[piece]int{}, whole: map[StepKey][]piece{}}
}

func (g *gathered) add(e Entry) error {
	key := StepKey{e.Plan, e.Step}
	switch e.Kind {
	case EntryDone:
		for _, k := range g.whole[key] {
			g.had[k] = e.Seq
		}
	case EntryEvidence:
		var b EvidenceBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return fmt.Errorf("read entry %d: %w", e.Seq, err)
		}
		for _, a := range b.Items {
			g.evidence = append(g.evidence, a)
			g.had[piece{a.Name, a.Target.ID}] = e.Seq
		}
	case EntryLoss:
		var b LossBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return fmt.Errorf("read entry %d: %w", e.Seq, err)
		}
		for _, l := range b.Lost {
			k := piece{l.Name, l.Target.ID}
			if _, known := g.lost[k]; !known {
				g.order = append(g.order, k)
			}
			g.lost[k], g.lostAt[k] = l, e.Seq
			if l.Whole {
				g.whole[key] = append(g.whole[key], k)
			}
		}
	}
	return nil
}

func (g *gathered) ledger() []Loss {
	var lost []Loss
	for _, k := range g.order {
		if g.had[k] <= g.lostAt[k] {
			lost = append(lost, g.lost[k])
		}
	}
	return lost
}

// plans fills in what was approved.
func (f *fold) plans(p *Progress) {
	if n := len(f.contains); n > 0 {
		last := f.contains[n-1]
		p.Plan, p.Run, p.ApprovedAt = last.Plan, last.Run, last.Time
		for _, a := range f.contains[:n-1] {
			p.Earlier = append(p.Earlier, EarlierPlan{Approval: a})
		}
	}
	p.Release = f.release
}

// folded is what the journal alone says of where the case stands, with the logs of that moment.
func (c *Case) folded() (Progress, map[StepKey]*StepLog, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	f := &c.fold
	p := Progress{Case: c.Meta.ID, Simulated: c.Meta.Simulated, State: Open, Head: Head{Seq: c.chain.seq, Hash: c.chain.prev}}
	if f.err != nil {
		return p, nil, f.err
	}
	f.plans(&p)
	p.Evidence, p.Loss, p.Changes = slices.Clip(f.gathered.evidence), f.gathered.ledger(), f.logs.standing()
	return p, maps.Clone(f.logs), nil
}

// Step is what the journal, as known so far, holds about one step in its latest run; nothing where it holds
// nothing.
func (c *Case) Step(key StepKey) (StepLog, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if l, ok := c.fold.logs[key]; ok && c.fold.err == nil {
		return *l, nil
	}
	return StepLog{}, c.fold.err
}

// Approved is the plan approved last, of whichever kind, as known so far; nothing where none was.
func (c *Case) Approved() (Approval, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.fold.approved, c.fold.err
}
