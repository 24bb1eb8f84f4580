package report

import (
	"encoding/json"
	"fmt"
	"time"

	"cordon/internal/casefile"
	"cordon/internal/trail"
)

// The names of the artifacts by which a case holds an answer of `cordon scope`, and their source: the bytes of a
// trail.Document and of the trail.Ingest that it rests on. The last answer counts.
const (
	ScopeName   = "scope.json"
	IngestName  = "scope-ingest.json"
	ScopeSource = "cordon scope"
)

// Scope is what the case's last scope answered. The events are in the evidence alone.
type Scope struct {
	Seq        int                   `json:"seq"`
	Time       string                `json:"time"`
	ARN        string                `json:"arn"`
	Person     string                `json:"person"`
	SHA256     string                `json:"sha256"` // of the whole answer, which is evidence
	Size       int64                 `json:"size"`
	Earlier    int                   `json:"earlier"`              // answers before this one
	Unreadable string                `json:"unreadable,omitempty"` // why the answer could not be read: then nothing below is known
	Ingest     *trail.Ingest         `json:"ingest"`               // null where the case has none, or it could not be read
	NoIngest   string                `json:"ingest_unreadable,omitempty"`
	Seed       []trail.Seed          `json:"seed"`
	Summary    trail.Summary         `json:"summary"`
	Identities []trail.ScopeIdentity `json:"identities"`
	Resources  []trail.ScopeResource `json:"resources"` // gravest first
	Exposures  []trail.ScopeExposure `json:"exposures"`
	Techniques []trail.Technique     `json:"techniques"`
	Indicators []trail.Indicator     `json:"indicators"`
	Contain    []trail.Containment   `json:"contain"`
	Coverage   trail.Coverage        `json:"coverage"`

	at time.Time // of the entry: what is said to live lived then
}

// scope reads the last answer. An answer that cannot be read is said so: the case is not without one.
func (b *builder) scope(r *Report) error {
	for _, e := range b.entries {
		if e.Kind != casefile.EntryEvidence || e.Step != 0 {
			continue
		}
		body, err := bodyOf[casefile.EvidenceBody](e)
		if err != nil {
			return err
		}
		var answer, ingest *casefile.Artifact
		for i, a := range body.Items {
			switch {
			case a.Source != ScopeSource:
			case a.Name == ScopeName:
				answer = &body.Items[i]
			case a.Name == IngestName:
				ingest = &body.Items[i]
			}
		}
		if answer == nil {
			continue
		}
		s := &Scope{Seq: e.Seq, Time: stamp(e.Time), ARN: e.By.ARN, Person: e.By.Person, SHA256: answer.SHA256, Size: answer.Size, at: e.Time}
		if r.Scope != nil {
			s.Earlier = r.Scope.Earlier + 1
		}
		b.readScope(s, ingest)
		r.Scope = s
	}
	return nil
}

func (b *builder) readScope(s *Scope, ingest *casefile.Artifact) {
	var d trail.Document
	if err := b.readJSON(s.SHA256, &d); err != nil {
		s.Unreadable = err.Error()
		return
	}
	if ingest != nil {
		var in trail.Ingest
		if err := b.readJSON(ingest.SHA256, &in); err != nil {
			s.NoIngest = err.Error()
		} else {
			s.Ingest = &in
		}
	}
	s.Seed, s.Summary, s.Identities, s.Exposures = d.Seed, d.Summary, d.Identities, d.Exposures
	s.Techniques, s.Indicators, s.Contain, s.Coverage = d.Techniques, d.Indicators, d.Contain, d.Coverage
	for _, x := range d.ByGravity() {
		s.Resources = append(s.Resources, *x)
	}
}

func (b *builder) readJSON(sha string, v any) error {
	data, err := b.c.ReadEvidence(b.ctx, sha)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("read evidence %s: %w", sha, err)
	}
	return nil
}

func (s *Scope) withLists() {
	list(&s.Seed)
	list(&s.Summary.Accounts)
	list(&s.Summary.Regions)
	list(&s.Summary.Notes)
	list(&s.Identities)
	list(&s.Resources)
	list(&s.Exposures)
	list(&s.Techniques)
	list(&s.Indicators)
	list(&s.Contain)
	list(&s.Coverage.Cells)
	list(&s.Coverage.Gaps)
	list(&s.Coverage.Never)
	list(&s.Coverage.Claims)
}
