package main

import (
	"fmt"
	"io"
	"time"

	"cordon/internal/trail"
)

// scopeText writes the document for a person at a terminal of so many columns; 0: as wide as it takes. now decides
// what still lives.
func scopeText(w io.Writer, d *trail.Document, width int, now time.Time) {
	fmt.Fprintf(w, "events %d\n", d.Summary.Events)
}
