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
	origins := make(map[string]Origin, len(d.Events))
	for i := range d.Events {
		origins[d.Events[i].EventID] = Origin{}
	}
	var rows []int
	for i := range c.Len() {
		if _, wanted := origins[c.ID(i)]; wanted {
			rows = append(rows, i)
		}
	}
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
