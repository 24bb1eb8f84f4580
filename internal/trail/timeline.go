package trail

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// TimelineRow is one line of a timeline: what an analyst filters by, and where the record is found again. The
// members after Origin are known of a Document's events only.
type TimelineRow struct {
	Time          string `json:"time"` // RFC 3339, UTC
	EventID       string `json:"event_id"`
	Name          string `json:"name"`
	Source        string `json:"source"`
	Region        string `json:"region"`
	Account       string `json:"account"`
	Category      string `json:"category,omitempty"`
	ReadOnly      *bool  `json:"read_only,omitempty"`
	PrincipalType string `json:"principal_type,omitempty"`
	Principal     string `json:"principal"` // ARN, else principalId, else type
	AccessKey     string `json:"access_key"`
	SourceIP      string `json:"source_ip"`
	UserAgent     string `json:"user_agent"`
	Outcome       string `json:"outcome"` // success, denied, error
	Code          string `json:"error_code,omitempty"`
	Origin
	Identity      string     `json:"identity,omitempty"`
	Relation      Relation   `json:"relation,omitempty"`
	Confidence    Confidence `json:"confidence,omitempty"`
	Rule          string     `json:"rule,omitempty"`
	PreCompromise bool       `json:"pre_compromise,omitempty"`
	Techniques    []string   `json:"techniques,omitempty"`
}

// Origin is where the record of an event lies. File is as the log names it: attacker-chosen.
type Origin struct {
	File   string `json:"file"`   // "" where it is not known
	Offset int64  `json:"offset"` // of the record in the decompressed file
	SHA256 string `json:"sha256"` // of the record's bytes as found; "" where it was not read again
}

// TimelineFilter says which events a timeline has: those that every member admits. A list admits what matches one of
// it, and an empty list admits everything. Case does not matter, and * stands for any text.
type TimelineFilter struct {
	Since, Until time.Time // inclusive; zero: open
	Names        []string  // eventName without its API version
	Sources      []string  // iam, or iam.amazonaws.com
	Principals   []string  // ARN of the principal or of its role, principal id, user name, service
	Keys         []string  // access key ids
	Addresses    []string  // address, network (203.0.113.0/24), or the name of a service
	Regions      []string
	Accounts     []string // of the recipient, or of the caller
	Outcomes     []string // success, denied, error
}

// Timeline hands over the events of c that f admits, by time, then event id. It reads no record again and needs eight
// bytes an event besides. An error is of f, of ctx or of each.
func Timeline(ctx context.Context, c *Corpus, f TimelineFilter, each func(TimelineRow) error) error {
	admits, err := f.compile(c)
	if err != nil {
		return err
	}
	var keys []uint64 // time above row: they sort fast and hold no pointer
	for i := range c.Len() {
		if r := c.Row(i); admits(r) {
			keys = append(keys, uint64(r.Time)<<32|uint64(i))
		}
	}
	slices.Sort(keys)
	for at := 0; at < len(keys); {
		if err := ctx.Err(); err != nil {
			return err
		}
		second := at + 1
		for second < len(keys) && keys[second]>>32 == keys[at]>>32 {
			second++
		}
		run := keys[at:second]
		slices.SortFunc(run, func(a, b uint64) int { return strings.Compare(c.ID(int(uint32(a))), c.ID(int(uint32(b)))) })
		for _, k := range run {
			if err := each(TimelineRowOf(c, int(uint32(k)))); err != nil {
				return err
			}
		}
		at = second
	}
	return nil
}

// TimelineRowOf gives the line of event i from the corpus's tables alone.
func TimelineRowOf(c *Corpus, i int) TimelineRow {
	r := c.Row(i)
	id, kind, place, client := c.Identity(r.Identity), c.Kind(r.Kind), c.Place(r.Place), c.Client(r.Client)
	row := TimelineRow{
		Time: stampOf(r.Time), EventID: c.ID(i), Name: kind.Name, Source: kind.Source, Region: place.Region, Account: place.Account,
		Category: kind.Category.String(), ReadOnly: &kind.ReadOnly, PrincipalType: id.Type, Principal: principalOf(id),
		AccessKey: id.AccessKey, SourceIP: client.IP, UserAgent: client.UserAgent, Outcome: r.Outcome().String(), Code: c.Code(r.Code),
	}
	row.File, row.Offset = c.Where(i)
	return row
}

// compile turns f into a test of a row. What a list says of a table's entry is found out once an entry.
func (f TimelineFilter) compile(c *Corpus) (func(Row) bool, error) {
	for _, o := range f.Outcomes {
		if o != Success.String() && o != Denied.String() && o != Failed.String() {
			return nil, fmt.Errorf("outcome %q is none of success, denied, error", o)
		}
	}
	addresses, err := addressMatcher(f.Addresses)
	if err != nil {
		return nil, err
	}
	names, sources, principals := matcher(f.Names), matcher(f.Sources), matcher(f.Principals)
	keys, regions, accounts := matcher(f.Keys), matcher(f.Regions), matcher(f.Accounts)
	since, until := seconds(f.Since, 0), seconds(f.Until, 1<<32-1)
	identities, kinds := make(verdicts, c.Identities()), make(verdicts, c.Kinds())
	places, clients := make(verdicts, c.Places()), make(verdicts, c.Clients())
	return func(r Row) bool {
		return since <= r.Time && r.Time <= until &&
			(len(f.Outcomes) == 0 || slices.Contains(f.Outcomes, r.Outcome().String())) &&
			kinds.of(r.Kind, func() bool {
				k := c.Kind(r.Kind)
				return names(k.Name) && sources(k.Source, serviceName(k.Source))
			}) &&
			identities.of(r.Identity, func() bool {
				id := c.Identity(r.Identity)
				return keys(id.AccessKey) && principals(id.ARN, id.PrincipalID, id.UserName, id.IssuerARN, principalOf(id))
			}) &&
			places.of(r.Place, func() bool { return regions(c.Place(r.Place).Region) }) &&
			clients.of(r.Client, func() bool { return addresses(c.Client(r.Client).IP) }) &&
			(len(f.Accounts) == 0 || accounts(c.Place(r.Place).Account, c.Identity(r.Identity).Account))
	}, nil
}

// verdicts remembers what was found of a table's entries: 0 not asked, 1 no, 2 yes.
type verdicts []uint8

func (v verdicts) of(n uint32, ask func() bool) bool {
	if v[n] == 0 {
		v[n] = 1
		if ask() {
			v[n] = 2
		}
	}
	return v[n] == 2
}

// matcher tells whether one of the texts matches one of the patterns, or there is no pattern.
func matcher(patterns []string) func(texts ...string) bool {
	var folded []string
	for _, p := range patterns {
		folded = append(folded, strings.ToLower(p))
	}
	return func(texts ...string) bool {
		return len(folded) == 0 || slices.ContainsFunc(texts, func(t string) bool {
			t = strings.ToLower(t)
			return slices.ContainsFunc(folded, func(p string) bool { return glob(p, t) })
		})
	}
}

// glob matches text with a pattern in which * stands for any text, slashes included: ARNs are full of them.
func glob(pattern, text string) bool {
	first, rest, starred := strings.Cut(pattern, "*")
	text, found := strings.CutPrefix(text, first)
	if !starred || !found {
		return found && text == ""
	}
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], after
	}
}

// addressMatcher is matcher with networks among the patterns.
func addressMatcher(patterns []string) (func(ip string) bool, error) {
	var networks []netip.Prefix
	var texts []string
	for _, p := range patterns {
		if !strings.Contains(p, "/") {
			texts = append(texts, p)
			continue
		}
		network, err := netip.ParsePrefix(p)
		if err != nil {
			return nil, fmt.Errorf("read the network %q: %w", p, err)
		}
		networks = append(networks, network.Masked())
	}
	textual := matcher(texts)
	return func(ip string) bool {
		if (len(texts) > 0 || len(networks) == 0) && textual(ip) {
			return true
		}
		a, err := netip.ParseAddr(ip)
		return err == nil && slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a.Unmap()) })
	}, nil
}
