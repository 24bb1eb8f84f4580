package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cordon/internal/casefile"
)

// errMoving is answered when the journal grew while the report was being made.
var errMoving = errors.New("the journal is being written: try again")

// Build reads a case into a report. It looks at nothing but the case; every time in it is the journal's.
func Build(ctx context.Context, c *casefile.Case) (Report, error) {
	entries := c.Entries()
	p, err := c.Progress(ctx)
	if err != nil {
		return Report{}, fmt.Errorf("derive where case %q stands: %w", c.Meta.ID, err)
	}
	// Entries are taken before and the head after, so equal numbers say that all of it is of one moment.
	if c.Head().Seq != len(entries) {
		return Report{}, fmt.Errorf("report on case %q: %w", c.Meta.ID, errMoving)
	}
	b := &builder{ctx: ctx, c: c, entries: entries, plans: map[string]casefile.Plan{}, last: map[casefile.StepKey]lastSeqs{}, lastOf: map[callKey]lastSeqs{}}
	r, err := b.build(p)
	if err != nil {
		return Report{}, fmt.Errorf("report on case %q: %w", c.Meta.ID, err)
	}
	return r, nil
}

type builder struct {
	ctx     context.Context
	c       *casefile.Case
	entries []casefile.Entry
	logs    map[casefile.StepKey]*casefile.StepLog
	plans   map[string]casefile.Plan
	last    map[casefile.StepKey]lastSeqs
	lastOf  map[callKey]lastSeqs // by run
	calls   map[callKey][]casefile.Operation
}

type callKey struct {
	casefile.StepKey
	run int
}

func (b *builder) build(p casefile.Progress) (Report, error) {
	r := Report{
		Format: 1, Case: b.c.Meta.ID, Simulated: b.c.Meta.Simulated, Created: stamp(b.c.Meta.Created),
		State: p.State, ContainedAfterMS: p.ContainedMS, IsolatedAfterMS: p.IsolatedMS, NotContained: p.NotContained,
		Account: p.Account, Subject: p.Subject, Plan: p.Plan, Run: p.Run, Head: p.Head,
		Survives: p.Survives, NotCaptured: p.NotCaptured, Verify: verifyCommand(b.c.Meta.ID, p.Head),
	}
	var err error
	if b.logs, err = casefile.Logs(b.entries); err != nil {
		return r, err
	}
	b.note()
	for _, read := range []func(*Report) error{b.actors, b.findings, b.gathered, b.scope, b.ownCalls, b.journal} {
		if err := read(&r); err != nil {
			return r, err
		}
	}
	if err := b.steps(&r, p); err != nil {
		return r, err
	}
	if err := b.released(&r, p); err != nil {
		return r, err
	}
	b.claims(&r)
	return r, nil
}

func (b *builder) plan(hash string) (casefile.Plan, error) {
	if p, ok := b.plans[hash]; ok {
		return p, nil
	}
	p, _, err := b.c.ReadPlan(b.ctx, hash)
	if err != nil {
		return p, err
	}
	b.plans[hash] = p
	return p, nil
}

// bodyOf reads an entry's body.
func bodyOf[T any](e casefile.Entry) (T, error) {
	var body T
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return body, fmt.Errorf("read the body of entry %d: %w", e.Seq, err)
	}
	return body, nil
}

func (b *builder) actors(r *Report) error {
	written, keys := map[string]int{}, map[string]string{}
	for _, e := range b.entries {
		written[e.By.Nonce]++
	}
	for _, e := range b.entries {
		switch e.Kind {
		case casefile.EntrySession:
			body, err := bodyOf[casefile.SessionBody](e)
			if err != nil {
				return err
			}
			r.Simulated = r.Simulated || body.Simulated
			keys[e.By.Nonce] = body.Key
			r.Sessions = append(r.Sessions, Session{e.Seq, stamp(e.Time), written[e.By.Nonce], e.By.ARN, e.By.Person, body})
		case casefile.EntryApprove:
			body, err := bodyOf[casefile.ApproveBody](e)
			if err != nil {
				return err
			}
			a := Approval{Seq: e.Seq, Time: stamp(e.Time), ARN: e.By.ARN, Person: e.By.Person, Key: keys[e.By.Nonce], ApproveBody: body}
			if err := b.second(&a); err != nil {
				return err
			}
			r.Approvals = append(r.Approvals, a)
		}
	}
	return nil
}

func (b *builder) findings(r *Report) error {
	for _, e := range b.entries {
		if e.Kind != casefile.EntryFinding {
			continue
		}
		body, err := bodyOf[casefile.FindingBody](e)
		if err != nil {
			return err
		}
		r.Findings = append(r.Findings, Finding{body.Incident, body.SHA256, body.Size, e.Seq})
	}
	if r.Plan == "" {
		return nil
	}
	plan, err := b.plan(r.Plan)
	if err != nil {
		return err
	}
	r.Simulated = r.Simulated || plan.Simulated
	r.Region, r.Management, r.Warnings, r.Unanswered = plan.Region, plan.Management, slices.Clone(plan.Warnings), plan.Unanswered
	r.Subjects = plan.Subjects
	if len(r.Subjects) == 0 {
		r.Subjects = []casefile.Subject{plan.Subject}
	}
	if len(r.Findings) == 0 && plan.Finding != nil {
		r.Findings = []Finding{{Incident: *plan.Finding}}
	}
	return nil
}

// gathered lists evidence and losses in the journal's order. A loss is made good only by what came after it:
// a snapshot that was begun and then failed is lost, although an entry names it. What a step was to keep as a whole is
// made good when the step is done.
func (b *builder) gathered(r *Report) error {
	for _, e := range b.entries {
		switch e.Kind {
		case casefile.EntryEvidence:
			body, err := bodyOf[casefile.EvidenceBody](e)
			if err != nil {
				return err
			}
			for _, a := range body.Items {
				r.Evidence = append(r.Evidence, Evidence{e.Seq, stamp(e.Time), e.Plan, e.Step, a})
				for i, l := range r.Loss {
					if l.MadeGood == 0 && l.Name == a.Name && l.Target.ID == a.Target.ID {
						r.Loss[i].MadeGood = e.Seq
					}
				}
			}
		case casefile.EntryDone:
			for i, l := range r.Loss {
				if l.Whole && l.MadeGood == 0 && l.Plan == e.Plan && l.Step == e.Step {
					r.Loss[i].MadeGood = e.Seq
				}
			}
		case casefile.EntryLoss:
			body, err := bodyOf[casefile.LossBody](e)
			if err != nil {
				return err
			}
			for _, l := range body.Lost {
				r.Loss = append(r.Loss, Loss{Seq: e.Seq, Time: stamp(e.Time), Plan: e.Plan, Step: e.Step, Loss: l})
			}
		}
	}
	return nil
}

// ownCalls lists the API calls that outcomes carry: with their request ids, cordon's own doing can be told from
// the intruder's in CloudTrail.
func (b *builder) ownCalls(r *Report) error {
	b.calls = map[callKey][]casefile.Operation{}
	for _, e := range b.entries {
		switch e.Kind {
		case casefile.EntryDone, casefile.EntryFailed, casefile.EntryUndone, casefile.EntryEvidence:
		default:
			continue
		}
		body, err := bodyOf[struct {
			Run   int                  `json:"run"`
			Calls []casefile.Operation `json:"calls"`
		}](e)
		if err != nil {
			return err
		}
		for _, op := range body.Calls {
			r.Calls = append(r.Calls, Call{e.Seq, e.Step, op})
		}
		if e.Kind != casefile.EntryUndone {
			k := callKey{casefile.StepKey{Plan: e.Plan, Step: e.Step}, body.Run}
			b.calls[k] = append(b.calls[k], body.Calls...)
		}
	}
	return nil
}

// verifyCommand is pasted into shells, so an id that is more than letters, digits, dot, hyphen and underscore
// is left for the reader to fill in.
func verifyCommand(id string, h casefile.Head) string {
	plain := id != "" && id[0] != '-' && strings.Trim(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
	if !plain {
		id = "CASE"
	}
	return fmt.Sprintf("cordon verify %s --head %s", id, h)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}
