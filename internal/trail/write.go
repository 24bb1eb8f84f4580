package trail

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"

	"cordon/internal/escape"
)

// A file of --out: what it is for stands in docs/scope.md as well.
type outputFile struct {
	name, says string
	write      func(w io.Writer, d *Document, origins map[string]Origin) error
}

// outputFiles are all files that WriteAll writes. A timeline that a spreadsheet cannot hold goes on in timeline-2.csv
// and so on.
var outputFiles = [...]outputFile{
	{"scope.json", "the whole answer, as `-o json` prints it", func(w io.Writer, d *Document, _ map[string]Origin) error { return WriteDocument(w, d) }},
	{"timeline.csv", "the events of the answer for a spreadsheet; what does not fit into one goes on in `timeline-2.csv` and so on", nil},
	{"timeline.jsonl", "the same events, one JSON object a line, every text exact", timelineAs("jsonl")},
	{"timesketch.jsonl", "the same events for Timesketch", timelineAs("timesketch")},
	{"principals.csv", "events by principal: how many, first, last, how they ended", pivotsBy("principal", func(e *ScopeEvent) string { return e.Principal })},
	{"keys.csv", "events by access key", pivotsBy("access_key", func(e *ScopeEvent) string { return e.AccessKey })},
	{"addresses.csv", "events by source address", pivotsBy("source_ip", func(e *ScopeEvent) string { return e.SourceIP })},
	{"user-agents.csv", "events by user agent", pivotsBy("user_agent", func(e *ScopeEvent) string { return e.UserAgent })},
	{"graph.json", "identities, what they reached and who outside was given it, as nodes and edges with their evidence", plainly(writeGraph)},
	{"indicators.csv", "what to look for elsewhere", plainly(writeIndicators)},
	{"contain.csv", "what to do, with the command that does it", plainly(writeContainment)},
	{"navigator.json", "a layer for the ATT&CK Navigator: the score is the number of events", plainly(writeNavigator)},
}

// WriteAll writes the files of a document. create makes the file of a name, which is one of ours and never text of a
// log; it is closed after it was written, and an error of closing counts. Origins say where the records lie, by event
// id; it may be nil.
func WriteAll(d *Document, origins map[string]Origin, create func(name string) (io.WriteCloser, error)) error {
	for _, f := range outputFiles {
		var err error
		if f.write == nil {
			err = writeSheets(d.Timeline(origins), MaxSheetRows-1, create)
		} else {
			err = writeFile(f.name, create, func(w io.Writer) error { return f.write(w, d, origins) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// WriteDocument writes the document as `-o json` prints it. What steers a terminal is spelt \u001b, which a reader of
// JSON cannot tell from the character.
func WriteDocument(w io.Writer, d *Document) error { return writeJSON(w, d) }

func writeJSON(w io.Writer, v any) error {
	data, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(escape.JSON(data), '\n'))
	return err
}

func writeFile(name string, create func(string) (io.WriteCloser, error), write func(io.Writer) error) error {
	f, err := create(name)
	if err != nil {
		return fmt.Errorf("make %s: %w", name, err)
	}
	err = write(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// writeSheets writes timeline.csv, timeline-2.csv and so on, each of at most size rows and its heads.
func writeSheets(rows iter.Seq[TimelineRow], size int, create func(string) (io.WriteCloser, error)) error {
	next, stop := iter.Pull(rows)
	defer stop()
	row, more := next()
	for part := 1; part == 1 || more; part++ {
		name := "timeline.csv"
		if part > 1 {
			name = fmt.Sprintf("timeline-%d.csv", part)
		}
		err := writeFile(name, create, func(w io.Writer) error {
			t := timelineSheet(w)
			for ; more && t.Rows < size; row, more = next() {
				if err := t.Write(row); err != nil {
					return err
				}
			}
			return t.Close()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func timelineAs(format string) func(io.Writer, *Document, map[string]Origin) error {
	return func(w io.Writer, d *Document, origins map[string]Origin) error {
		t, err := NewTimelineWriter(format, w)
		if err != nil {
			return err
		}
		for row := range d.Timeline(origins) {
			if err := t.Write(row); err != nil {
				return err
			}
		}
		return t.Close()
	}
}

func pivotsBy(head string, of func(*ScopeEvent) string) func(io.Writer, *Document, map[string]Origin) error {
	return func(w io.Writer, d *Document, _ map[string]Origin) error { return writePivots(w, d, head, of) }
}

func plainly(write func(io.Writer, *Document) error) func(io.Writer, *Document, map[string]Origin) error {
	return func(w io.Writer, d *Document, _ map[string]Origin) error { return write(w, d) }
}
