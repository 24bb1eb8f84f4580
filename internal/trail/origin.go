package trail

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Origins says where the records of the document's events lie, and hashes them, by event id. It is no part of the
// Document, which is the same however the log was cut into files. It reads the records again. An error is of ctx.
func Origins(ctx context.Context, c *Corpus, d *Document) (map[string]Origin, error) {
	var rows []int
	for i := range d.Events {
		if row, ok := c.Numbered(d.Events[i].EventID); ok {
			rows = append(rows, row)
		}
	}
	origins := make(map[string]Origin, len(rows))
	err := c.Events(ctx, rows, func(row int, e *Event) error {
		o := Origin{}
		o.File, o.Offset = c.Where(row)
		if e.Raw != nil {
			sum := sha256.Sum256(e.Raw)
			o.SHA256 = hex.EncodeToString(sum[:])
		}
		origins[c.ID(row)] = o
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find where the events lie: %w", err)
	}
	return origins, nil
}
