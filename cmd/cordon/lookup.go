package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cordon/internal/action"
	"cordon/internal/trail"
)

// Bounds of a lookup, so that it ends: what lies beyond them is said to be missing. A question of 20,000 events takes
// four hundred pages, some minutes at two a second.
const (
	maxRounds    = 10
	maxQuestions = 400
	maxEvents    = 20_000 // of one question in one region
)

// history is CloudTrail's event history in every enabled region, as far as it was asked.
type history struct {
	a       *app
	conn    *action.AWS
	rec     *action.Recorder
	regions []*regionHistory
	asked   map[action.Lookup]bool
	since   time.Time
	until   time.Time
	missing []trail.File // what was not asked any more
}

// regionHistory is what one region answered.
type regionHistory struct {
	name    string
	records map[string]string // by event id
	failed  error             // the first thing that could not be had
}

// lookUp answers q from the event history. Each answer may name keys and identities that nobody has asked for yet:
// those are asked for in turn until there are none.
func (a *app) lookUp(ctx context.Context, q trail.Question) (scopeAnswer, error) {
	first, notes := lookupsOf(q.Seeds)
	if len(first) == 0 {
		return scopeAnswer{}, fmt.Errorf("%w: CloudTrail can be asked for keys, users, roles, sessions, instances and events, and not for an address or a whole account: "+
			"give one of those as --seed, or read the logs with --logs", errUsage)
	}
	h, off, err := a.newHistory(ctx, q)
	if err != nil {
		return scopeAnswer{}, err
	}
	answer := scopeAnswer{conn: h.conn}
	for round, next := 0, first; len(next) > 0; round++ {
		if round == maxRounds || len(h.asked)+len(next) > maxQuestions {
			h.miss(next)
			break
		}
		if err := h.ask(ctx, next); err != nil {
			return scopeAnswer{}, err
		}
		if answer.corpus, err = a.readLogs(ctx, h.files(), trail.Options{}); err != nil {
			return scopeAnswer{}, err
		}
		if answer.doc, err = trail.Find(ctx, answer.corpus, q); err != nil {
			return scopeAnswer{}, err
		}
		next = h.unasked(answer.doc)
	}
	if err := h.allFailed(); err != nil {
		return scopeAnswer{}, err
	}
	if len(h.missing) > 0 { // read again, so that what is missing is counted with the rest
		if answer.corpus, err = a.readLogs(ctx, h.files(), trail.Options{}); err != nil {
			return scopeAnswer{}, err
		}
	}
	answer.calls = h.rec.Calls()
	notes = append(notes, "looked up in CloudTrail's event history, which holds the management events of the last 90 days alone: no data events (reads of objects, calls of functions), "+
		"nothing older, and of those 90 days what the seeds and their credentials did, so that an hour without an event says nothing of logging")
	if len(off) > 0 {
		notes = append(notes, "not looked at, since the account has not opted in to them: "+strings.Join(off, ", "))
	}
	answer.doc.Summary.Notes = append(answer.doc.Summary.Notes, notes...)
	return answer, nil
}

// lookupsOf turns seeds into what LookupEvents can be asked. The user name of a role's session is the session's.
func lookupsOf(seeds []trail.Seed) (asks []action.Lookup, notes []string) {
	add := func(attribute, value string) { asks = append(asks, action.Lookup{Attribute: attribute, Value: value}) }
	for _, s := range seeds {
		switch s.Kind {
		case "access-key":
			add("AccessKeyId", s.Value)
			add("ResourceName", s.Value) // the event that issued it
		case "user", "session", "federated-user", "function", "instance":
			add("Username", lastOf(s.Value))
		case "root":
			add("Username", "root")
		case "role":
			add("ResourceName", s.Value) // who assumed it
			add("Username", lastOf(s.Value))
		case "event":
			add("EventId", s.Value)
		default:
			notes = append(notes, fmt.Sprintf("%s %s was not looked up: CloudTrail's event history cannot be asked for it, its archive can (--logs)", s.Kind, s.Value))
		}
	}
	return asks, notes
}

func lastOf(s string) string { return s[strings.LastIndexAny(s, "/:")+1:] }

// newHistory finds out which regions there are to ask, and which are off.
func (a *app) newHistory(ctx context.Context, q trail.Question) (*history, []string, error) {
	a.conn.anywhere = anyRegion // any can say which there are
	conn, err := a.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	rec := &action.Recorder{}
	names, off, err := action.Regions(ctx, conn, rec)
	if err != nil {
		return nil, nil, err
	}
	h := &history{a: a, conn: conn, rec: rec, asked: map[action.Lookup]bool{}, since: q.Since, until: q.Until}
	for _, name := range names {
		h.regions = append(h.regions, &regionHistory{name: name, records: map[string]string{}})
	}
	return h, off, nil
}

// ask puts questions to all regions side by side; within one they follow each other at its rate. An error is one of
// ctx: what a region does not answer is kept as what could not be read.
func (h *history) ask(ctx context.Context, asks []action.Lookup) error {
	for _, q := range asks {
		h.asked[q] = true
	}
	h.a.tell("asking CloudTrail in %d regions for %s", len(h.regions), summary(asks))
	b := newBar(h.a.stderr, "asking", len(h.regions)*len(asks), "questions", 0)
	defer b.end()
	var done, events atomic.Int64
	var g errgroup.Group
	for _, r := range h.regions {
		g.Go(func() error {
			for _, q := range asks {
				q.Since, q.Until = h.since, h.until
				r.look(ctx, h.conn.In(r.name), q, h.rec, func() { b.at(int(done.Load()), 0, int(events.Add(1))) })
				done.Add(1)
			}
			return ctx.Err()
		})
	}
	return g.Wait()
}

func summary(asks []action.Lookup) string {
	if len(asks) == 1 {
		return asks[0].Attribute + " " + asks[0].Value
	}
	return fmt.Sprintf("%s %s and %d more", asks[0].Attribute, asks[0].Value, len(asks)-1)
}

var errTooMany = errors.New("it has more events than are looked up at once: narrow it with --since and --until, or read the archive with --logs")

// look asks one question, and tells of each event. Once a region has refused, it is not asked again.
func (r *regionHistory) look(ctx context.Context, c *action.AWS, q action.Lookup, rec *action.Recorder, came func()) {
	if r.failed != nil && !errors.Is(r.failed, errTooMany) {
		return
	}
	n := 0
	err := action.LookupEvents(ctx, c, q, rec, func(id, record string) error {
		if n++; n > maxEvents {
			return fmt.Errorf("%s %s: %w", q.Attribute, q.Value, errTooMany)
		}
		r.records[id] = record
		came()
		return nil
	})
	if err != nil && r.failed == nil {
		r.failed = err
	}
}

// allFailed is the error of a history that no region answered: nothing was looked at.
func (h *history) allFailed() error {
	for _, r := range h.regions {
		if r.failed == nil || len(r.records) > 0 {
			return nil
		}
	}
	err := h.regions[0].failed
	if action.Code(err) == "AccessDeniedException" {
		return fmt.Errorf("%w\n%s may not ask CloudTrail: it needs cloudtrail:LookupEvents; name another with --profile or --role-arn", err, h.conn.Caller)
	}
	return err
}

// files gives what was answered in the shape of LookupEvents, so that there is one reader for all; and what was not
// answered as files that do not open, so that it is counted among what could not be read.
func (h *history) files() []trail.File {
	files := slices.Clone(h.missing)
	for _, r := range h.regions {
		name := "CloudTrail's event history in " + r.name
		if r.failed != nil {
			files = append(files, unreadable(name, r.failed))
		}
		data := r.answer()
		files = append(files, trail.File{Name: name, Size: int64(len(data)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(data)), nil
		}})
	}
	return files
}

func (r *regionHistory) answer() []byte {
	type event struct{ CloudTrailEvent string }
	answer := struct{ Events []event }{[]event{}}
	for _, id := range slices.Sorted(maps.Keys(r.records)) {
		answer.Events = append(answer.Events, event{r.records[id]})
	}
	data, err := json.Marshal(answer)
	if err != nil {
		panic(err) // strings always marshal
	}
	return data
}

// unasked lists what the answer names and nobody has asked for: the keys that the intruder holds, and the names that
// he acts under. What may as well be somebody else is not followed.
func (h *history) unasked(d *trail.Document) []action.Lookup {
	var next []action.Lookup
	add := func(attribute, value string) {
		q := action.Lookup{Attribute: attribute, Value: value}
		if value != "" && !h.asked[q] && !slices.Contains(next, q) {
			next = append(next, q)
		}
	}
	for _, i := range d.Identities {
		if i.Relation == trail.SamePrincipal || i.Relation == trail.ByService || i.Confidence == trail.Possible {
			continue
		}
		add("AccessKeyId", i.AccessKey)
		seed, ok := parseSeed(i.ARN)
		switch {
		case i.Kind == "instance" || i.Kind == "function": // its sessions bear its name
			add("Username", lastOf(i.ID))
		case !ok:
		case seed.Kind == "root":
			add("Username", "root")
		case seed.Kind == "role":
			add("ResourceName", i.ARN)
		case seed.Kind != "account":
			add("Username", lastOf(i.ARN))
		}
	}
	return next
}

// miss keeps what was not asked any more.
func (h *history) miss(asks []action.Lookup) {
	h.missing = append(h.missing, unreadable("CloudTrail's event history", fmt.Errorf("stopped after %d questions: %s not asked for", len(h.asked), summary(asks))))
}
