package trail

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"

	"cordon/internal/escape"
)

// TimelineFormats are what NewTimelineWriter knows.
var TimelineFormats = [...]string{"csv", "jsonl", "timesketch"}

// A TimelineWriter writes the lines of a timeline as they come.
type TimelineWriter struct {
	// Rows is how many lines were written. A spreadsheet shows the first MaxSheetRows-1 of them.
	Rows  int
	write func(TimelineRow) error
	end   func() error
}

// NewTimelineWriter writes to w in one of the TimelineFormats: a sheet, JSON lines, or the JSON lines that Timesketch
// imports. The error names a format that there is not.
func NewTimelineWriter(format string, w io.Writer) (*TimelineWriter, error) {
	switch format {
	case "csv":
		return timelineSheet(w), nil
	case "jsonl":
		return jsonLines(w, func(r TimelineRow) any { return r }), nil
	case "timesketch":
		return jsonLines(w, func(r TimelineRow) any { return sketchOf(r) }), nil
	}
	return nil, fmt.Errorf("format %q is none of %s", format, strings.Join(TimelineFormats[:], ", "))
}

// Write adds a line.
func (t *TimelineWriter) Write(r TimelineRow) error {
	t.Rows++
	if err := t.write(r); err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

// Close writes out what is held back. It leaves the file open.
func (t *TimelineWriter) Close() error {
	if err := t.end(); err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

func jsonLines(w io.Writer, of func(TimelineRow) any) *TimelineWriter {
	out := bufio.NewWriterSize(w, 64<<10)
	return &TimelineWriter{end: out.Flush, write: func(r TimelineRow) error {
		line, err := json.Marshal(of(r))
		if err != nil {
			return err
		}
		_, err = out.Write(append(escape.JSON(line), '\n'))
		return err
	}}
}

// sketchRow is a line with what Timesketch asks for: a message, an ISO 8601 datetime and what the time is of
// (timesketch.org/guides/user/import-from-json-csv).
type sketchRow struct {
	Message   string `json:"message"`
	Datetime  string `json:"datetime"`
	Timestamp string `json:"timestamp_desc"`
	TimelineRow
}

func sketchOf(r TimelineRow) sketchRow {
	says := fmt.Sprintf("%s (%s) by %s from %s: %s", r.Name, serviceName(r.Source), r.Principal, r.SourceIP, r.Outcome)
	if r.Code != "" {
		says += " " + r.Code
	}
	return sketchRow{says, strings.TrimSuffix(r.Time, "Z") + "+00:00", "CloudTrail eventTime", r}
}

// timelineColumns are the sheet's, what is filtered by most in front.
var timelineColumns = [...]struct {
	head string
	of   func(r *TimelineRow) string
}{
	{"time", func(r *TimelineRow) string { return r.Time }},
	{"name", func(r *TimelineRow) string { return r.Name }},
	{"source", func(r *TimelineRow) string { return r.Source }},
	{"outcome", func(r *TimelineRow) string { return r.Outcome }},
	{"error_code", func(r *TimelineRow) string { return r.Code }},
	{"principal", func(r *TimelineRow) string { return r.Principal }},
	{"principal_type", func(r *TimelineRow) string { return r.PrincipalType }},
	{"access_key", func(r *TimelineRow) string { return r.AccessKey }},
	{"source_ip", func(r *TimelineRow) string { return r.SourceIP }},
	{"user_agent", func(r *TimelineRow) string { return r.UserAgent }},
	{"region", func(r *TimelineRow) string { return r.Region }},
	{"account", func(r *TimelineRow) string { return r.Account }},
	{"category", func(r *TimelineRow) string { return r.Category }},
	{"read_only", func(r *TimelineRow) string {
		if r.ReadOnly == nil {
			return ""
		}
		return strconv.FormatBool(*r.ReadOnly)
	}},
	{"relation", func(r *TimelineRow) string { return string(r.Relation) }},
	{"confidence", func(r *TimelineRow) string { return string(r.Confidence) }},
	{"rule", func(r *TimelineRow) string { return r.Rule }},
	{"identity", func(r *TimelineRow) string { return r.Identity }},
	{"pre_compromise", func(r *TimelineRow) string {
		if !r.PreCompromise {
			return ""
		}
		return "true"
	}},
	{"techniques", func(r *TimelineRow) string { return strings.Join(r.Techniques, " ") }},
	{"event_id", func(r *TimelineRow) string { return r.EventID }},
	{"file", func(r *TimelineRow) string { return r.File }},
	{"offset", func(r *TimelineRow) string {
		if r.File == "" {
			return ""
		}
		return strconv.FormatInt(r.Offset, 10)
	}},
	{"sha256", func(r *TimelineRow) string { return r.SHA256 }},
}

func timelineSheet(w io.Writer) *TimelineWriter {
	cells := make([]string, len(timelineColumns))
	for i, c := range timelineColumns {
		cells[i] = c.head
	}
	s := newSheet(w, cells...)
	return &TimelineWriter{end: s.end, write: func(r TimelineRow) error {
		for i, c := range timelineColumns {
			cells[i] = c.of(&r)
		}
		s.row(cells...)
		return s.w.Error()
	}}
}

// Timeline gives the lines of the document's events. Origins say where the records lie, by event id; it may be nil.
func (d *Document) Timeline(origins map[string]Origin) iter.Seq[TimelineRow] {
	return func(yield func(TimelineRow) bool) {
		for i := range d.Events {
			e := &d.Events[i]
			row := TimelineRow{
				Time: e.Time, EventID: e.EventID, Name: e.Name, Source: e.Source, Region: e.Region, Account: e.Account,
				Principal: e.Principal, AccessKey: e.AccessKey, SourceIP: e.SourceIP, UserAgent: e.UserAgent, Outcome: e.Outcome, Code: e.Code,
				Identity: e.Identity, Relation: e.Relation, Confidence: e.Confidence, Rule: e.Rule, PreCompromise: e.PreCompromise, Techniques: e.Techniques,
				Origin: origins[e.EventID],
			}
			if !yield(row) {
				return
			}
		}
	}
}
