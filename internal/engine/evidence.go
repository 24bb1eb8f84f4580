package engine

import (
	"context"
	"fmt"

	"cordon/internal/casefile"
)

// Kept is a piece of evidence that no step of a plan gathered: its name in the case, where it came from, its bytes.
type Kept struct {
	Name   string
	Source string
	Data   []byte
}

// Keep adds evidence to the case outside any plan, with the calls that it took. The bytes are durable before the entry that names them is written,
// so that whoever dies in between leaves bytes that nobody names, and never a name without bytes. Of artifacts of one
// name the newest counts.
func (e *Engine) Keep(ctx context.Context, calls []casefile.Operation, items ...Kept) error {
	p, err := e.Case.Progress(ctx)
	if err != nil {
		return fmt.Errorf("read the case: %w", err)
	}
	s := p.Subject
	target := casefile.Target{Kind: s.Kind, ID: s.ID, ARN: s.ARN, Account: s.Account, Region: s.Region}
	body := casefile.EvidenceBody{Run: p.Run, Calls: calls}
	for _, k := range items {
		sha, err := e.Case.PutEvidence(ctx, k.Data)
		if err != nil {
			return fmt.Errorf("keep %s: %w", k.Name, err)
		}
		body.Items = append(body.Items, casefile.Artifact{Name: k.Name, Source: k.Source, Target: target, SHA256: sha, Size: int64(len(k.Data))})
	}
	_, err = e.append(ctx, casefile.Draft{Kind: casefile.EntryEvidence, Body: body}, nil)
	return err
}
