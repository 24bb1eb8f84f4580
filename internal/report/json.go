package report

import (
	"encoding/json"
	"fmt"

	"cordon/internal/escape"
)

// JSON gives the report for programs, with every text exactly as the journal has it. Runes that nobody sees or
// that a terminal obeys are spelt as \uXXXX, which no reader of JSON can tell from the rune itself.
func (r Report) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(r.withLists(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the report of case %q as JSON: %w", r.Case, err)
	}
	return append(escape.JSON(data), '\n'), nil
}

// withLists writes lists that are empty as [] and not as null.
func (r Report) withLists() Report {
	list(&r.Subjects)
	list(&r.Unanswered)
	list(&r.Findings)
	list(&r.Sessions)
	list(&r.Approvals)
	list(&r.Steps)
	list(&r.Earlier)
	list(&r.Proved)
	list(&r.NotProved)
	list(&r.Survives)
	list(&r.Loss)
	list(&r.NotCaptured)
	list(&r.Evidence)
	list(&r.Release)
	list(&r.Warnings)
	list(&r.Calls)
	list(&r.Journal)
	if r.Scope != nil {
		x := *r.Scope
		x.withLists()
		r.Scope = &x
	}
	return r
}

func list[T any](s *[]T) {
	if *s == nil {
		*s = []T{}
	}
}
