package finding

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"cordon/internal/casefile"
)

// Kinds that only findings name; playbooks do not act on them.
const (
	shardGroup casefile.Kind = "rds-shard-group"
	backup     casefile.Kind = "backup"
)

// facts is what one finding names, before anything is decided about it. The groups are what route.go's tables
// speak of.
type facts struct {
	in           casefile.Incident
	resourceType string // GuardDuty's word: Instance, AccessKey, S3Bucket…
	account      string // the finding's own, never the envelope's
	region       string
	groups       map[group][]casefile.Subject
	callers      []caller
	// remoteAccount made the call on a bucket. In findings about keys it is where a stolen key was used from,
	// which says nothing about whose key it is.
	remoteAccount string
	api           string // the service whose API was called
	escapes       []string
	unproved      bool // says a misconfiguration or a clean scan: no compromise
	sample        bool
}

func newFacts(env envelope) *facts {
	return &facts{
		in: casefile.Incident{
			Finding:  casefile.FindingRef{Shape: strings.Join(env.shape, "+")},
			Subjects: []casefile.Subject{}, Actor: casefile.Actor{Addresses: []string{}},
		},
		groups: map[group][]casefile.Subject{},
	}
}

func (f *facts) note(format string, args ...any) {
	if s := fmt.Sprintf(format, args...); !slices.Contains(f.in.Notes, s) {
		f.in.Notes = append(f.in.Notes, s)
	}
}

// add notes a thing that the finding names. What has no id is not there.
func (f *facts) add(g group, k casefile.Kind, id, arn string) {
	f.addIn(g, k, id, arn, f.account, f.region)
}

func (f *facts) addIn(g group, k casefile.Kind, id, arn, account, region string) {
	if id == "" {
		return
	}
	if a, ok := splitARN(arn); ok {
		if a.account != "" && a.account != account {
			if account != "" {
				f.note("%s %q stands in account %q by its ARN, not in the finding's account", k, id, a.account)
			}
			account = a.account
		}
		if a.region != "" {
			region = a.region
		}
	}
	s := casefile.Subject{Kind: k, ID: id, ARN: arn, Account: account, Region: region}
	f.groups[g] = merge(f.groups[g], s)
}

// merge appends s unless it is there already, and fills in the ARN it may lack.
func merge(list []casefile.Subject, s casefile.Subject) []casefile.Subject {
	for i := range list {
		o := &list[i]
		if o.Kind == s.Kind && o.ID == s.ID && o.Account == s.Account && o.Region == s.Region {
			if o.ARN == "" {
				o.ARN = s.ARN
			}
			if o.Playbook == "" {
				o.Playbook = s.Playbook
			}
			return list
		}
	}
	return append(list, s)
}

// caller is the principal whose call a finding is about.
type caller struct{ name, userType, principalID, key, account string }

func (c caller) session() string {
	_, s, ok := strings.Cut(c.principalID, ":")
	if !ok || !strings.HasPrefix(c.principalID, "AROA") {
		return ""
	}
	return s
}

// looked at for the principal's type, where the finding does not say it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes
func (c caller) kind() string {
	switch t := fold(c.userType); {
	case t != "":
		return t
	case strings.HasPrefix(c.principalID, "AROA"):
		return "assumedrole"
	}
	return ""
}

func (c caller) anonymous() bool {
	return strings.Contains(c.kind(), "anonymous") || strings.Contains(fold(c.name), "anonymous_principal") ||
		strings.Contains(fold(c.principalID), "anonymous_principal")
}

func (f *facts) addCaller(c caller) {
	if c == (caller{}) {
		return
	}
	f.callers = append(f.callers, c)
	a := &f.in.Actor
	if a.Principal == "" && a.AccessKey == "" {
		a.Principal, a.PrincipalType, a.PrincipalID = c.name, c.userType, c.principalID
		a.Session, a.AccessKey = c.session(), c.key
	}
}

// finish fills in what follows from all else: window of time, sample, notes.
func (f *facts) finish() {
	in := &f.in
	for _, list := range [][]casefile.Subject{in.Subjects, in.Context} {
		for _, s := range list {
			f.sample = f.sample || s.ID == "i-99999999" || strings.HasPrefix(s.ID, "GeneratedFinding")
		}
	}
	in.Finding.Sample = f.sample
	in.Indicators.Addresses = sorted(in.Indicators.Addresses)
	in.Indicators.Domains = sorted(in.Indicators.Domains)
	in.Indicators.Hashes = sorted(in.Indicators.Hashes)
	slices.Sort(in.Indicators.Ports)
	in.Indicators.Ports = slices.Compact(in.Indicators.Ports)
	in.Actor.Addresses = append(in.Actor.Addresses, in.Indicators.Addresses...)
	in.Actor.Countries = sorted(in.Actor.Countries)
	in.Actor.Organisations = sorted(in.Actor.Organisations)
	if f.sample {
		f.note("a sample finding: made to try GuardDuty out, its ids are placeholders")
	}
	if in.Finding.Archived {
		f.note("archived: somebody or a suppression rule put this finding aside")
	}
	if len(in.Subjects) == 0 {
		f.note("no subject found: the finding's fields name nothing that can be acted on")
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return slices.Compact(s)
}

// objects calls do for each object called name, at any depth.
func (n *node) objects(name string, do func(*node)) {
	if n == nil {
		return
	}
	for k, m := range n.members {
		if k == name && m.kind == '{' {
			do(m)
		}
		m.objects(name, do)
	}
	for _, m := range n.items {
		m.objects(name, do)
	}
}

// remotes notes who was at the other end, from anything of GuardDuty's that holds remoteIpDetails.
func (f *facts) remotes(n *node) {
	n.objects("remoteipdetails", func(d *node) {
		f.address(d.str("ipAddressV4"))
		f.address(d.str("ipAddressV6"))
		f.place(d.first("countryName"), d.at("organization").first("org", "asnOrg", "orgName"))
		f.place(d.str("country", "countryName"), "")
	})
	n.objects("kubernetesapicallaction", func(d *node) {
		for _, ip := range append(d.list("sourceIPs"), d.list("sourceIps")...) {
			f.address(ip.text)
		}
	})
	n.objects("dnsrequestaction", func(d *node) { f.domain(d.str("domain")) })
	n.objects("networkconnectionaction", func(d *node) {
		if strings.EqualFold(d.str("connectionDirection"), "INBOUND") {
			f.port(d.str("localPortDetails", "port"))
			return
		}
		f.port(d.str("remotePortDetails", "port"))
	})
	n.objects("portprobeaction", func(d *node) {
		for _, p := range d.list("portProbeDetails") {
			f.port(p.str("localPortDetails", "port"))
		}
	})
	n.walk(func(name, text string) {
		switch name {
		case "executablesha256", "sha256", "modulesha256", "threatfilesha256", "hash":
			f.hash(text)
		}
	})
}

func (f *facts) address(s string) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return
	}
	f.in.Indicators.Addresses = append(f.in.Indicators.Addresses, a.Unmap().String())
}

func (f *facts) place(country, organisation string) {
	if country != "" {
		f.in.Actor.Countries = append(f.in.Actor.Countries, country)
	}
	if organisation != "" {
		f.in.Actor.Organisations = append(f.in.Actor.Organisations, organisation)
	}
}

func (f *facts) domain(s string) {
	if s != "" {
		f.in.Indicators.Domains = append(f.in.Indicators.Domains, s)
	}
}

func (f *facts) hash(s string) {
	if len(s) != 32 && len(s) != 40 && len(s) != 64 {
		return
	}
	if strings.Trim(fold(s), "0123456789abcdef") == "" {
		f.in.Indicators.Hashes = append(f.in.Indicators.Hashes, s)
	}
}

func (f *facts) port(s string) {
	if p, err := strconv.Atoi(s); err == nil && p > 0 && p < 1<<16 {
		f.in.Indicators.Ports = append(f.in.Indicators.Ports, p)
	}
}

// number reads a severity, also one written as a string. What is no finite number is none.
func number(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

// timeText gives a time of any of the forms met as RFC 3339; empty where it is no time.
func timeText(s string) string {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Format(time.RFC3339Nano)
		}
	}
	sec := number(s)
	if sec > 1e11 { // milliseconds
		sec /= 1000
	}
	if sec < 1e8 || sec > 1e11 {
		return ""
	}
	whole, frac := math.Modf(sec)
	return time.Unix(int64(whole), int64(frac*1000)*1e6).UTC().Format(time.RFC3339Nano)
}
