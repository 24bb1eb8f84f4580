package trail

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Corpus is a log, read. It is not changed after Read and may be used by many goroutines.
type Corpus struct {
	events     []*Event
	rows       []Row
	identities interned[Identity]
	kinds      interned[Kind]
	places     interned[Place]
	clients    interned[Client]
	codes      interned[string]
	issued     []Issued
	ingest     Ingest
}

type interned[T comparable] struct {
	number map[T]uint32
	values []T
}

func (t *interned[T]) add(v T) uint32 {
	if n, ok := t.number[v]; ok {
		return n
	}
	if t.number == nil {
		t.number = map[T]uint32{}
	}
	n := uint32(len(t.values))
	t.number[v] = n
	t.values = append(t.values, v)
	return n
}

// Len is the number of events, each counted once.
func (c *Corpus) Len() int { return len(c.events) }

// Row is event i without reading it again.
func (c *Corpus) Row(i int) Row { return c.rows[i] }

// ID is the eventID of event i.
func (c *Corpus) ID(i int) string { return c.events[i].ID }

// SharedID is the sharedEventID of event i, empty without one.
func (c *Corpus) SharedID(i int) string { return c.events[i].SharedID }

// Identity n of the table that Row.Identity points into. It is not to be changed.
func (c *Corpus) Identity(n uint32) *Identity { return &c.identities.values[n] }

// Identities is how many there are.
func (c *Corpus) Identities() int { return len(c.identities.values) }

// Kind n of the table that Row.Kind points into.
func (c *Corpus) Kind(n uint32) Kind { return c.kinds.values[n] }

// Place n of the table that Row.Place points into.
func (c *Corpus) Place(n uint32) Place { return c.places.values[n] }

// Client n of the table that Row.Client points into.
func (c *Corpus) Client(n uint32) Client { return c.clients.values[n] }

// Code n of the table that Row.Code points into.
func (c *Corpus) Code(n uint16) string { return c.codes.values[n] }

// Issued is the credential table: every access key that a response handed out, by key, then event id.
func (c *Corpus) Issued() []Issued { return c.issued }

// Ingest says what was read.
func (c *Corpus) Ingest() *Ingest { return &c.ingest }

// Where event i was found.
func (c *Corpus) Where(i int) (file string, offset int64) { return "", 0 }

// Events reads these events whole and strictly and hands them over in the order of time, then event id.
func (c *Corpus) Events(ctx context.Context, rows []int, each func(row int, e *Event) error) error {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b int) int {
		if n := c.events[a].Time.Compare(c.events[b].Time); n != 0 {
			return n
		}
		return strings.Compare(c.events[a].ID, c.events[b].ID)
	})
	for _, r := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(r, c.events[r]); err != nil {
			return err
		}
	}
	return nil
}

func read(ctx context.Context, files []File, _ Options) (*Corpus, error) {
	c := &Corpus{}
	seen := map[string]bool{}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.ingest.Files++
		if err := c.readFile(f, seen); err != nil {
			c.ingest.Problems = append(c.ingest.Problems, Problem{File: f.Name, Kind: "unreadable", Detail: err.Error()})
		}
	}
	slices.SortFunc(c.issued, func(a, b Issued) int {
		if n := strings.Compare(a.AccessKey, b.AccessKey); n != 0 {
			return n
		}
		return strings.Compare(c.ID(a.Event), c.ID(b.Event))
	})
	return c, nil
}

func (c *Corpus) readFile(f File, seen map[string]bool) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	in, err := decompressed(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return err
	}
	s := &sink{
		record: func(offset int64, raw []byte) error {
			m, err := strictMap(raw)
			if err != nil {
				c.problem(f, offset, problemKind(err), err.Error())
				return nil
			}
			c.add(eventOf(m), seen)
			return nil
		},
		problem: func(offset int64, kind, detail string) { c.problem(f, offset, kind, detail) },
	}
	if err := readShapes(in, s); err != nil {
		return err
	}
	if c.ingest.Shapes == nil {
		c.ingest.Shapes = map[string]int{}
	}
	c.ingest.Shapes[s.shape]++
	return nil
}

// decompressed gives what in holds: gzip (several members after one another), zstd, or in as it is.
func decompressed(in *bufio.Reader) (io.Reader, error) {
	magic, _ := in.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		return gzip.NewReader(in)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	}
	return in, nil
}

func (c *Corpus) problem(f File, offset int64, kind, detail string) {
	if len(c.ingest.Problems) >= MaxProblems {
		c.ingest.More++
		return
	}
	c.ingest.Problems = append(c.ingest.Problems, Problem{f.Name, offset, kind, detail})
}

func (c *Corpus) add(e *Event, seen map[string]bool) {
	c.ingest.Records++
	if e.ID == "" || seen[e.ID] {
		c.ingest.Duplicates++
		return
	}
	seen[e.ID] = true
	c.ingest.Events++
	r := Row{
		Time: uint32(e.Time.Unix()), Identity: c.identities.add(e.Identity),
		Kind:   c.kinds.add(Kind{e.Name, e.Source, e.Category, e.ReadOnly, e.Type}),
		Place:  c.places.add(Place{e.Region, e.Recipient}),
		Client: c.clients.add(Client{e.SourceIP, e.UserAgent}),
		Code:   uint16(c.codes.add(e.Code)),
	}
	switch e.Outcome {
	case Denied:
		r.Flags |= FlagDenied
	case Failed:
		r.Flags |= FlagFailed
	}
	if e.SharedID != "" {
		r.Flags |= FlagShared
	}
	if e.Identity.FromConsole {
		r.Flags |= FlagConsole
	}
	if e.Omitted {
		r.Flags |= FlagOmitted
	}
	n := len(c.events)
	c.events, c.rows = append(c.events, e), append(c.rows, r)
	if e.Outcome == Success {
		for _, path := range []string{"credentials", "accessKey"} {
			if m, ok := e.Response[path].(map[string]any); ok {
				if key, _ := m["accessKeyId"].(string); key != "" {
					c.issued = append(c.issued, Issued{key, n})
				}
			}
		}
	}
}

func eventOf(m map[string]any) *Event {
	str := func(m map[string]any, k string) string { s, _ := m[k].(string); return s }
	obj := func(m map[string]any, k string) map[string]any { o, _ := m[k].(map[string]any); return o }
	u := obj(m, "userIdentity")
	ctx := obj(u, "sessionContext")
	attributes, issuer := obj(ctx, "attributes"), obj(ctx, "sessionIssuer")
	e := &Event{
		ID: str(m, "eventID"), RawName: str(m, "eventName"), Name: plainName(str(m, "eventName")), Source: str(m, "eventSource"),
		Region: str(m, "awsRegion"), Version: str(m, "eventVersion"), Type: str(m, "eventType"),
		SourceIP: str(m, "sourceIPAddress"), UserAgent: str(m, "userAgent"), Code: str(m, "errorCode"), Message: str(m, "errorMessage"),
		RequestID: str(m, "requestID"), SharedID: str(m, "sharedEventID"), Recipient: str(m, "recipientAccountId"), VPCEndpoint: str(m, "vpcEndpointId"),
		Request: obj(m, "requestParameters"), Response: obj(m, "responseElements"), Additional: obj(m, "additionalEventData"), Service: obj(m, "serviceEventDetails"),
		Identity: Identity{
			Type: str(u, "type"), PrincipalID: str(u, "principalId"), ARN: str(u, "arn"), Account: str(u, "accountId"), AccessKey: str(u, "accessKeyId"),
			UserName: str(u, "userName"), Created: str(attributes, "creationDate"), MFA: str(attributes, "mfaAuthenticated") == "true",
			IssuerType: str(issuer, "type"), IssuerPrincipal: str(issuer, "principalId"), IssuerARN: str(issuer, "arn"),
			SourceIdentity: str(ctx, "sourceIdentity"), InvokedBy: str(u, "invokedBy"), FromConsole: str(m, "sessionCredentialFromConsole") == "true",
		},
	}
	e.Time, _ = time.Parse(time.RFC3339, str(m, "eventTime"))
	if e.Recipient == "" {
		e.Recipient = e.Identity.Account
	}
	e.ReadOnly, _ = m["readOnly"].(bool)
	if str(m, "eventCategory") == "Data" {
		e.Category = Data
	}
	if rs, ok := m["resources"].([]any); ok {
		for _, r := range rs {
			if r, ok := r.(map[string]any); ok {
				e.Resources = append(e.Resources, Resource{str(r, "ARN"), str(r, "accountId"), str(r, "type")})
			}
		}
	}
	switch {
	case e.Code == "":
	case strings.Contains(e.Code, "AccessDenied") || strings.Contains(e.Code, "Unauthorized"):
		e.Outcome = Denied
	default:
		e.Outcome = Failed
	}
	return e
}

// plainName takes the API's version off an event's name: CreateFunction20150331, UpdateFunctionCode20150331v2.
func plainName(name string) string {
	plain := name
	if i := strings.LastIndexByte(plain, 'v'); i > 8 && i < len(plain)-1 && strings.Trim(plain[i+1:], "0123456789") == "" {
		plain = plain[:i]
	}
	if n := len(plain) - 8; n > 0 && (strings.HasPrefix(plain[n:], "19") || strings.HasPrefix(plain[n:], "20")) && strings.Trim(plain[n:], "0123456789") == "" {
		return plain[:n]
	}
	return name
}
