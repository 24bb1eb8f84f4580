package trail

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// changesTrail says that a call changes what is logged.
func changesTrail(k Kind) bool {
	switch k.Name {
	case "StopLogging", "StartLogging", "CreateTrail", "DeleteTrail", "UpdateTrail", "PutEventSelectors",
		"DeleteEventDataStore", "StopEventDataStoreIngestion", "StartEventDataStoreIngestion", "CreateEventDataStore", "RestoreEventDataStore":
		return serviceName(k.Source) == "cloudtrail"
	}
	return false
}

// A span is what is known of the logging of some places and categories for a time, in hours.
type span struct {
	account, region string // region "": all
	class           string // Management, or Data:s3 and the like; "": all
	from, until     uint32
	state, why      string
}

func (s *span) about(c *covered) bool {
	return s.account == c.account && (s.region == "" || s.region == c.region) && (s.class == "" || s.class == c.category)
}

// A recording is a trail or event data store, as far as the log tells of it.
type recording struct {
	account, name, region string
	everywhere            *bool // multi-region; nil: unknown
	off                   *CoverageGap
	offAt                 uint32
	selects               []string // categories that it is known to log whole
	selectsAt             uint32
}

// trailHistory reads the calls that changed what is logged, and gives what follows from them for the hours up to last:
// where logging stood still, where it is known to have gone on, and each narrowing with its event.
func trailHistory(ctx context.Context, c *Corpus, rows []int, last uint32) ([]span, []CoverageGap, error) {
	h := history{recorders: map[string]*recording{}, last: last}
	err := c.Events(ctx, rows, func(_ int, e *Event) error {
		h.take(e)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	h.close()
	slices.SortStableFunc(h.gaps, func(a, b CoverageGap) int {
		return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.Evidence[0], b.Evidence[0]))
	})
	return h.spans, h.gaps, nil
}

type history struct {
	recorders map[string]*recording
	order     []*recording
	spans     []span
	gaps      []CoverageGap
	last      uint32
}

// take follows one event, in the order of time.
func (h *history) take(e *Event) {
	name := e.str("request.name|request.trailName|request.eventDataStore|response.trailARN|response.eventDataStoreArn")
	r := h.recorder(e, lastPart(name))
	if v, ok := e.value("request.isMultiRegionTrail|response.isMultiRegionTrail").(bool); ok {
		h.widen(r, e, v)
	}
	switch e.Name {
	case "StopLogging", "StopEventDataStoreIngestion":
		h.stop(r, e, "was stopped")
	case "DeleteTrail", "DeleteEventDataStore":
		h.stop(r, e, "was deleted")
	case "StartLogging", "StartEventDataStoreIngestion", "CreateTrail", "CreateEventDataStore", "RestoreEventDataStore":
		h.start(r, e)
	case "PutEventSelectors":
		h.selected(r, e)
	}
}

func (h *history) recorder(e *Event, name string) *recording {
	key := e.Recipient + "\x00" + name
	r := h.recorders[key]
	if r == nil {
		r = &recording{account: e.Recipient, name: name, region: e.Region}
		h.recorders[key] = r
		h.order = append(h.order, r)
	}
	return r
}

// widen notes whether a trail covers every region; no longer doing so narrows the log.
func (h *history) widen(r *recording, e *Event, everywhere bool) {
	if e.Name == "UpdateTrail" && !everywhere && (r.everywhere == nil || *r.everywhere) {
		h.gaps = append(h.gaps, CoverageGap{Account: r.account, Region: e.Region, From: stamped(e.Time),
			What: "trail " + printable(r.name) + " was made to log its own region only", Evidence: []string{e.ID}})
	}
	r.everywhere = &everywhere
}

func (h *history) stop(r *recording, e *Event, what string) {
	h.deselect(r, e.Time)
	if r.off != nil {
		r.off.Evidence = append(r.off.Evidence, e.ID)
		return
	}
	r.off = &CoverageGap{Account: r.account, Region: e.Region, From: stamped(e.Time), What: "trail " + printable(r.name) + " " + what, Evidence: []string{e.ID}}
	r.offAt = seconds(e.Time, 0)
}

func (h *history) start(r *recording, e *Event) {
	if r.off == nil {
		return
	}
	r.off.Until = stamped(e.Time)
	r.off.Evidence = append(r.off.Evidence, e.ID)
	h.gap(r, seconds(e.Time, 0)/3600)
}

// gap enters the whole hours in which a trail stood still. Of the regions that it may not have covered, nothing follows.
func (h *history) gap(r *recording, until uint32) {
	h.gaps = append(h.gaps, *r.off)
	s := span{account: r.account, region: r.off.Region, from: r.offAt/3600 + 1, until: until, state: "gap", why: r.off.What}
	if r.everywhere != nil && *r.everywhere {
		s.region = ""
	}
	if s.from < s.until {
		h.spans = append(h.spans, s)
	}
	r.off = nil
}

// selected follows a change of what a trail logs: categories that it selects whole are known to be logged from then on,
// and management events that it no longer selects are not.
func (h *history) selected(r *recording, e *Event) {
	h.deselect(r, e.Time)
	management, whole := selection(e)
	r.selects, r.selectsAt = whole, seconds(e.Time, 0)/3600+1
	what := "was told what to log anew"
	if !management {
		what = "was told to leave out management events, or some of them"
	}
	h.gaps = append(h.gaps, CoverageGap{Account: r.account, Region: e.Region, From: stamped(e.Time), What: "trail " + printable(r.name) + " " + what, Evidence: []string{e.ID}})
}

// deselect ends what a trail is known to log.
func (h *history) deselect(r *recording, at time.Time) {
	until := seconds(at, forever) / 3600
	for _, class := range r.selects {
		s := span{account: r.account, region: r.region, class: class, from: r.selectsAt, until: until, state: "logged", why: "selected by trail " + printable(r.name) + ": quiet"}
		if r.everywhere != nil && *r.everywhere {
			s.region = ""
		}
		if s.from < s.until {
			h.spans = append(h.spans, s)
		}
	}
	r.selects = nil
}

// close ends what still lasts at the log's end.
func (h *history) close() {
	for _, r := range h.order {
		h.deselect(r, time.Unix(int64(h.last+1)*3600, 0))
		if r.off != nil {
			h.gap(r, h.last+1)
		}
	}
}

// selection reads event selectors, simple or advanced: whether all management events are logged, and of which services
// all data events are (docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html).
func selection(e *Event) (management bool, whole []string) {
	for _, st := range objects(e.value("request.eventSelectors")) {
		all := st["readWriteType"] == nil || st["readWriteType"] == "All"
		if all && st["includeManagementEvents"] != false {
			management = true
		}
		for _, d := range objects(st["dataResources"]) {
			values := texts(d["values"])
			everything := slices.ContainsFunc(values, func(v string) bool {
				return v == "arn:aws:s3" || v == "arn:aws:s3:::" || v == "arn:aws:lambda" || v == "arn:aws:dynamodb"
			})
			if all && everything {
				whole = with(whole, dataClass(text(d["type"])))
			}
		}
	}
	for _, st := range objects(e.value("request.advancedEventSelectors")) {
		m, class := advanced(st)
		management = management || m
		whole = with(whole, class)
	}
	slices.Sort(whole)
	return management, whole
}

// advanced reads one advanced selector. One with any condition besides its category and type selects a part only.
func advanced(st map[string]any) (management bool, class string) {
	fields := objects(st["fieldSelectors"])
	category, kind := "", ""
	for _, f := range fields {
		equals := texts(f["equals"])
		switch {
		case f["field"] == "eventCategory" && len(equals) == 1:
			category = equals[0]
		case f["field"] == "resources.type" && len(equals) == 1:
			kind = equals[0]
		default:
			return false, ""
		}
	}
	if category == "Data" {
		return false, dataClass(kind)
	}
	return category == "Management", ""
}

func objects(v any) []map[string]any {
	var out []map[string]any
	collect(v, nil, func(v any) {
		if m, ok := v.(map[string]any); ok {
			out = append(out, m)
		}
	})
	return out
}

// dataClass gives the category of the data events of a type of resource: Data:s3 of AWS::S3::Object.
func dataClass(kind string) string {
	parts := strings.Split(kind, "::")
	if len(parts) < 3 || kind == "" {
		return ""
	}
	return "Data:" + strings.ToLower(parts[1])
}

// hoursOf is how many hours a cell is long.
func hoursOf(c *CoverageCell) int {
	from, err := time.Parse(time.RFC3339, c.From)
	until, err2 := time.Parse(time.RFC3339, c.Until)
	if err != nil || err2 != nil {
		return 0
	}
	return int(until.Sub(from) / time.Hour)
}
