package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"cordon/internal/action"
	"cordon/internal/casefile"
	"cordon/internal/engine"
	"cordon/internal/report"
	"cordon/internal/trail"
)

// scopeCase answers for a case: its own finding is the seed, what cordon did itself is left out, and the answer
// becomes part of the case.
func (a *app) scopeCase(ctx context.Context, id string, o scopeFlags) error {
	if err := o.from.check(); err != nil {
		return err
	}
	answer, err := a.scopeInto(ctx, id, o)
	if err != nil {
		return err
	}
	return errors.Join(a.giveScope(ctx, answer, o), answer.corpus.Close())
}

// scopeInto answers for a case and keeps the answer in it. The answer's corpus is to be closed.
func (a *app) scopeInto(ctx context.Context, id string, o scopeFlags) (scopeAnswer, error) {
	kase, err := a.open(ctx, id)
	if err != nil {
		return scopeAnswer{}, err
	}
	if kase.Meta.Simulated && o.from.lookup {
		return scopeAnswer{}, fmt.Errorf("case %s is a drill: its account lived in that process and is gone; it can be scoped with --logs", kase.Meta.ID)
	}
	p, err := kase.Progress(ctx)
	if err != nil {
		return scopeAnswer{}, err
	}
	if a.conn.region == "" {
		a.conn.region = p.Region
	}
	seeds, notes, err := a.caseSeeds(kase, p, o.seeds)
	if err != nil {
		return scopeAnswer{}, err
	}
	own, err := ownRequests(kase.Entries())
	if err != nil {
		return scopeAnswer{}, err
	}
	answer, err := a.answerScope(ctx, o, trail.Question{Seeds: seeds, Own: own}, notes)
	if err != nil {
		return scopeAnswer{}, err
	}
	answer.caseID = kase.Meta.ID
	if err := a.keepScope(ctx, kase, p, answer); err != nil {
		return scopeAnswer{}, errors.Join(err, answer.corpus.Close())
	}
	return answer, nil
}

// caseSeeds are the seeds of the findings that the plan was made from, else of the plan's subject, and those that were
// asked for beside them.
func (a *app) caseSeeds(kase *casefile.Case, p casefile.Progress, more []string) (seeds []trail.Seed, notes []string, err error) {
	incidents, err := incidentsOf(kase, p)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range incidents {
		s, n := seedsOf(i)
		seeds, notes = append(seeds, s...), append(notes, n...)
	}
	given, said, err := a.seeds(more)
	if err != nil {
		return nil, nil, err
	}
	seeds, notes = compactSeeds(append(seeds, given...)), append(notes, said...)
	if len(seeds) == 0 {
		return nil, nil, fmt.Errorf("%w: the finding of case %s names nothing that CloudTrail could know a caller by: name it with --seed", errUsage, kase.Meta.ID)
	}
	return seeds, notes, nil
}

// incidentsOf reads what a case is about from its journal; a case that a person opened by naming a resource has no
// finding, and the subjects of its plans serve.
func incidentsOf(kase *casefile.Case, p casefile.Progress) ([]casefile.Incident, error) {
	var found []casefile.Incident
	for _, e := range kase.Entries() {
		if e.Kind != casefile.EntryFinding {
			continue
		}
		var b casefile.FindingBody
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return nil, fmt.Errorf("read the finding in entry %d: %w", e.Seq, err)
		}
		found = append(found, b.Incident)
	}
	if len(found) > 0 || p.Plan == "" {
		return found, nil
	}
	var subjects []casefile.Subject
	for _, x := range p.Plans() {
		subjects = append(subjects, x.Subjects...)
	}
	return []casefile.Incident{{Subjects: subjects}}, nil
}

// ownRequests are the request ids of the calls that cordon made in this case.
func ownRequests(entries []casefile.Entry) (map[string]bool, error) {
	own := map[string]bool{}
	for _, e := range entries {
		switch e.Kind {
		case casefile.EntryDone, casefile.EntryFailed, casefile.EntryUndone, casefile.EntryEvidence:
		default:
			continue
		}
		var b struct {
			Calls []casefile.Operation `json:"calls"`
		}
		if err := json.Unmarshal(e.Body, &b); err != nil {
			return nil, fmt.Errorf("read entry %d: %w", e.Seq, err)
		}
		for _, c := range b.Calls {
			if c.RequestID != "" {
				own[c.RequestID] = true
			}
		}
	}
	return own, nil
}

// keepScope makes the answer part of the case. Without --lookup nobody asked AWS who the caller is, and the entry says
// so by having no ARN.
func (a *app) keepScope(ctx context.Context, kase *casefile.Case, p casefile.Progress, s scopeAnswer) error {
	if s.conn == nil && s.corpus.Ingest().Events == 0 {
		a.tell("NOT kept in case %s: there was no event to answer from, and of several answers the newest counts", kase.Meta.ID)
		return nil
	}
	conn := &action.AWS{Account: p.Account}
	if s.conn != nil {
		conn = s.conn
	}
	e, err := a.engine(kase, conn, "scope")
	if err != nil {
		return err
	}
	var answer, ingest bytes.Buffer
	if err := errors.Join(trail.WriteDocument(&answer, s.doc), writeDocument(&ingest, s.evidence())); err != nil {
		return err
	}
	items := []engine.Kept{
		{Name: report.ScopeName, Source: report.ScopeSource, Data: answer.Bytes()},
		{Name: report.IngestName, Source: report.ScopeSource, Data: ingest.Bytes()},
	}
	var path string
	err = during(a.stderr, "keeping the answer in the case", func() error {
		if err := e.Keep(ctx, s.calls, items...); err != nil {
			return err
		}
		path, err = a.saveReport(ctx, kase, "")
		return err
	})
	if err != nil {
		return err
	}
	a.tell("kept in case %s; report %s", kase.Meta.ID, path)
	return nil
}
